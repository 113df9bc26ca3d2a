/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* argv[1] is "push". Returns the exit status; errors go to the socket. */
int transfer_push_main(int argc, char **argv);

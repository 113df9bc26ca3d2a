/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* argv[1] is "pull", "tags" or "fetch". Returns the exit status; errors go to the socket. */
int transfer_pull_main(int argc, char **argv);

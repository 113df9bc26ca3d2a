/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pulling helper reads what the network sends and needs none of root's rights for it. It keeps:
 * reading the machine's resolver and certificates, connecting to the network, and writing to fds
 * that it was given. It gives up all capabilities, gaining any, running programs, and (with
 * Landlock, Linux 5.13) opening, making or removing any file for writing.
 */
#pragma once

struct error;

int confine_to_network(struct error **err);

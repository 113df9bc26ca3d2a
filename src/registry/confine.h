/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vessel-transfer reads what the network sends and needs none of root's rights for it. It keeps:
 * reading the machine's resolver and certificates, connecting to the network, and writing to fds
 * that it was given. It gives up all capabilities, gaining any, running programs; with Landlock
 * (Linux 5.13) opening, making or removing any file for writing, and reading any file but those;
 * and all system calls but some hundred (seccomp): another one kills it.
 */
#pragma once

struct error;

int confine_to_network(struct error **err);
/* The part of it that filters system calls. */
int confine_calls(struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/* A process's terminal: a pty of the container's own devpts. */
#pragma once

#include <sys/types.h>

struct error;
struct spec_process;

/*
 * Opens master and slave, sized as the process asks. Neither is opened by a name that the container
 * could have replaced: ptmx is verified, and the slave comes from the master (CVE-2025-52565).
 */
int terminal_open(int root_fd, const struct spec_process *process, int *ret_master, int *ret_slave,
	struct error **err);
/* Makes the slave stdin, stdout, stderr and the controlling terminal of this session. */
int terminal_take(int slave_fd, struct error **err);

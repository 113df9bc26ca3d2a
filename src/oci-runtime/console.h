/* SPDX-License-Identifier: Apache-2.0 */
/* A terminal's master on its way to who uses it. */
#pragma once

struct error;

/* Connects to the unix stream socket that --console-socket names. */
int console_connect(const char *path, struct error **err);
/* Sends the master, with the pty's name as data, as runc does. */
int console_send(int socket_fd, int master_fd, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/* The helper's side of registry/push_protocol.h. Needs libcurl: only vessel-transfer links it. */
#pragma once

struct error;

/* Serves until the engine closes the socket. A failure is for the caller to send. */
int push_helper_run(const char *reference, int socket_fd, struct error **err);

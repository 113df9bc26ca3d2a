/* SPDX-License-Identifier: Apache-2.0 */
/* The helper's side of registry/pull_protocol.h. Needs libcurl: only vessel-transfer links it. */
#pragma once

struct error;

/* Serves until the engine closes the socket. A failure is for the caller to send. */
int pull_helper_run(const char *reference, int socket_fd, struct error **err);
/* One URL into the file that the engine sends. */
int fetch_helper_run(const char *url, int socket_fd, struct error **err);
/* The names of a repository's tags, one on each line, into the file that the engine sends. */
int tags_helper_run(const char *repository_name, int socket_fd, struct error **err);

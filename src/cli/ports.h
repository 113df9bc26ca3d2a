/* SPDX-License-Identifier: Apache-2.0 */
/* Published ports of a container: the lines of its row, and how ps and port print them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PORTS_MAX 4096 /* of one container, shown */

struct published_port {
	char protocol[8], ip[48]; /* ip "" when it is only exposed */
	uint16_t host, container;
};

/* From "proto hostip hostport containerport" lines, sorted as docker sorts them. The caller frees.
 */
size_t ports_parse(const char *lines, struct published_port **ret);
/* "0.0.0.0:8080->80/tcp, 0.0.0.0:90-91->90-91/tcp"; the caller frees. */
char *ports_text(const struct published_port *ports, size_t count);

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/strv.h"

static int by_port(const void *a, const void *b)
{
	const struct published_port *left = a, *right = b;
	int ip = strcmp(left->ip, right->ip);

	if (left->container != right->container)
		return left->container < right->container ? -1 : 1;
	if (ip)
		return ip;
	if (left->host != right->host)
		return left->host < right->host ? -1 : 1;
	return strcmp(left->protocol, right->protocol);
}

static uint16_t number(const char *text)
{
	return (uint16_t)strtoul(text, NULL, 10);
}

size_t ports_parse(const char *lines, struct published_port **ret)
{
	cleanup_strv strv split = strv_split(lines ? lines : "", '\n');
	struct published_port *ports =
		xcalloc(strv_length(split) + 1, sizeof(struct published_port));
	size_t count = 0;

	for (size_t i = 0; split[i] && count < PORTS_MAX; i++) {
		cleanup_strv strv words = strv_split(split[i], ' ');

		if (strv_length(words) != 4)
			continue;
		(void)snprintf(
			ports[count].protocol, sizeof(ports[count].protocol), "%s", words[0]);
		(void)snprintf(ports[count].ip, sizeof(ports[count].ip), "%s", words[1]);
		ports[count].host = number(words[2]);
		ports[count++].container = number(words[3]);
	}
	qsort(ports, count, sizeof(*ports), by_port);
	*ret = ports;
	return count;
}

struct group { /* of consecutive ports, published under their own numbers */
	const struct published_port *first;
	uint16_t last;
};

static void put_host(struct buf *out, const char *ip, const char *port)
{
	buf_printf(out, strchr(ip, ':') ? "[%s]:%s->" : "%s:%s->", ip, port);
}

static void put_group(struct buf *out, const struct group *group)
{
	const struct published_port *first = group->first;
	char range[16];

	if (group->last > first->container)
		(void)snprintf(range, sizeof(range), "%u-%u", first->container, group->last);
	else
		(void)snprintf(range, sizeof(range), "%u", first->container);
	buf_puts(out, out->length ? ", " : "");
	if (*first->ip)
		put_host(out, first->ip, range);
	buf_printf(out, "%s/%s", range, first->protocol);
}

static struct group *find_group(
	struct group *groups, size_t count, const struct published_port *port)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(groups[i].first->ip, port->ip) == 0 &&
			strcmp(groups[i].first->protocol, port->protocol) == 0)
			return &groups[i];
	return NULL;
}

char *ports_text(const struct published_port *ports, size_t count)
{
	cleanup_free struct group *groups = xcalloc(count, sizeof(struct group));
	cleanup_buf struct buf out = BUF_INIT(BUF_LARGE), mapped = BUF_INIT(BUF_LARGE);
	size_t group_count = 0;

	for (size_t i = 0; i < count; i++) {
		const struct published_port *port = &ports[i];
		struct group *group = find_group(groups, group_count, port);

		if (*port->ip && port->host != port->container) {
			char host[8];

			(void)snprintf(host, sizeof(host), "%u", port->host);
			buf_puts(&mapped, ", ");
			put_host(&mapped, port->ip, host);
			buf_printf(&mapped, "%u/%s", port->container, port->protocol);
			continue;
		}
		if (group && port->container == group->last + 1) {
			group->last = port->container;
			continue;
		}
		if (group)
			put_group(&out, group);
		else
			group = &groups[group_count++];
		*group = (struct group){ port, port->container };
	}
	for (size_t i = 0; i < group_count; i++)
		put_group(&out, &groups[i]);
	if (mapped.length)
		buf_puts(&out, buf_text(&mapped) + (out.length ? 0 : 2));
	return buf_take(&out);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/ports.h"
#include "engine/container.h"

static const struct cli_flag no_flags[] = { {} };

static void print_host(const struct published_port *port)
{
	printf(strchr(port->ip, ':') ? "[%s]:%u\n" : "%s:%u\n", port->ip, port->host);
}

/* "80" or "80/tcp" */
static int print_one(
	const struct published_port *ports, size_t count, const char *wanted, struct error **err)
{
	cleanup_free char *key =
		strchr(wanted, '/') ? xstrdup(wanted) : xasprintf("%s/tcp", wanted);
	bool found = false;

	for (size_t i = 0; i < count; i++) {
		cleanup_free char *own = xasprintf("%u/%s", ports[i].container, ports[i].protocol);

		if (strcmp(own, key) != 0)
			continue;
		print_host(&ports[i]);
		found = true;
	}
	if (found)
		return 0;
	return error_new(err, ERROR_NOT_FOUND, "no public port '%s' published", key);
}

static int port_run(struct cli *cli, const void *opts, char **args, struct error **err)
{
	cleanup_engine struct engine engine = ENGINE_CLOSED;
	cleanup_container_row struct container_row row = { 0 };
	cleanup_free struct published_port *ports = NULL;
	struct register_db *db;
	char id[ID_MAX];
	size_t count;

	(void)opts;
	if (engine_open(&cli->paths, &engine, err) < 0 ||
		container_resolve(&engine, args[0], id, err) < 0 ||
		engine_register(&engine, &db, err) < 0 || register_find(db, id, &row, err) < 0)
		return -1;
	count = ports_parse(row.ports, &ports);
	if (args[1])
		return print_one(ports, count, args[1], err) < 0
			       ? error_wrap(err, "container %s", args[0])
			       : 0;
	for (size_t i = 0; i < count; i++) {
		printf("%u/%s -> ", ports[i].container, ports[i].protocol);
		print_host(&ports[i]);
	}
	return 0;
}

const struct cli_command cmd_port = {
	.name = "port",
	.args = "CONTAINER [PRIVATE_PORT[/PROTO]]",
	.summary = "List port mappings or a specific mapping for the container",
	.flags = no_flags,
	.min_args = 1,
	.max_args = 2,
	.complete = COMPLETE_CONTAINERS,
	.run = port_run,
};

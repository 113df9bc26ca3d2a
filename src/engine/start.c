/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "engine/bundle.h"
#include "engine/container.h"
#include "engine/launch.h"
#include "engine/paths.h"
#include "monitor/client.h"
#include "monitor/protocol.h"

#define LOG_SIZE_DEFAULT (10LL << 20)
#define LOG_FILES_DEFAULT 3

static const char *log_option(const struct record *record, const char *name)
{
	return env_get(record->log_opts, name);
}

static void describe_log(
	struct engine *engine, const struct record *record, struct monitor_config *config)
{
	cleanup_error struct error *checked_before = NULL;
	cleanup_free char *file = xasprintf("%s-json.log", record->id);
	const char *files = log_option(record, "max-file"), *size = log_option(record, "max-size");

	if (strcmp(record->log_driver, "none") == 0)
		return;
	config->log_path = container_path(engine, record->id, file);
	config->log_max_size = LOG_SIZE_DEFAULT;
	config->log_max_files = files ? (int)strtol(files, NULL, 10) : LOG_FILES_DEFAULT;
	if (size)
		(void)size_parse(size, &config->log_max_size, &checked_before);
}

static void describe_monitor(
	struct engine *engine, const struct record *record, struct monitor_config *config)
{
	*config = (struct monitor_config){ .id = xstrdup(record->id),
		/* What --rm takes away needs no record on disk, only one for who is waiting. */
		.container_dir = record->auto_remove ? run_path(engine, record->id, NULL)
						     : container_path(engine, record->id, NULL),
		.open_stdin = record->open_stdin,
		.stdin_once = record->stdin_once,
		.systemd_cgroup = cgroup_has_systemd(),
		.reap = true,
		.durable = !record->auto_remove,
		.root = xstrdup(engine->root),
		.run_dir = xstrdup(engine->run_dir) };
	describe_log(engine, record, config);
}

/* Until the monitor has written a better one: what is found if the host or the monitor goes down
 * meanwhile. */
static int write_pessimistic_record(
	struct engine *engine, const struct record *record, struct error **err)
{
	const struct monitor_record exit = { .code = 255,
		.started_ns = clock_now_ns(),
		.finished_ns = clock_now_ns(),
		.error = "it ended without a record: the host or its monitor went down" };
	cleanup_close int dir_fd = -1;

	if (record->auto_remove)
		return 0;
	dir_fd = container_dir_open(engine, record->id, err);
	return dir_fd < 0 ? -1 : monitor_record_write(dir_fd, &exit, false, err);
}

static void write_failure(
	struct engine *engine, const struct record *record, const struct error *failure)
{
	cleanup_error struct error *ignored = NULL;
	struct monitor_record exit = { .code = 128 };
	cleanup_close int dir_fd = container_dir_open(engine, record->id, &ignored);

	if (error_kind(failure) == ERROR_NO_PROGRAM)
		exit.code = 127;
	else if (error_kind(failure) == ERROR_NOT_EXECUTABLE)
		exit.code = 126;
	strncpy(exit.error, error_message(failure), sizeof(exit.error) - 1);
	if (dir_fd >= 0)
		(void)monitor_record_write(dir_fd, &exit, false, &ignored);
}

static int prepare_and_launch(struct engine *engine, const struct record *record,
	const struct container_attach *attach, struct error **err)
{
	bool wired = strcmp(record->network, "bridge") == 0;
	cleanup_wiring struct wiring wiring = WIRING_INIT;
	cleanup_monitor_config struct monitor_config config = { 0 };
	cleanup_free char *hosts = run_path(engine, record->id, "hosts");
	cleanup_free char *hostname = run_path(engine, record->id, "hostname");
	cleanup_free char *resolv = run_path(engine, record->id, "resolv.conf");
	const struct bundle_places places = {
		.hosts = hosts, .hostname = hostname, .resolv_conf = resolv
	};
	char address[INET_ADDRSTRLEN] = "";
	cleanup_spec struct spec spec;

	spec_init(&spec);
	if (bundle_spec(engine, record, &places, &spec, err) < 0)
		return -1;
	if (wired && wiring_prepare(engine, record->id, record->ports, record->port_count, &wiring,
			     err) < 0)
		return -1;
	if (wired)
		inet_ntop(AF_INET, &wiring.endpoint.address, address, sizeof(address));
	if (launch_write_etc(engine, record, wired ? address : NULL, err) < 0 ||
		write_pessimistic_record(engine, record, err) < 0)
		return -1;
	spec.process.console_height = attach->rows;
	spec.process.console_width = attach->columns;
	describe_monitor(engine, record, &config);
	return launch_start(engine,
		&(const struct launch){ .id = record->id,
			.spec = &spec,
			.monitor = &config,
			.wiring = wired ? &wiring : NULL,
			.attach = attach },
		err);
}

/* Begun, and nothing of an earlier run in the way. Returns the connection, -2 without one, -1. */
static int start_locked(struct engine *engine, const char *id,
	const struct container_attach *attach, struct error **err)
{
	cleanup_close int run_dir_fd = -1;
	cleanup_record struct record record;
	int connection;

	record_init(&record);
	if (record_load(engine, id, &record, err) < 0)
		return -1;
	if (container_is_running(engine, id))
		return -2;
	launch_ahead(engine, id);
	if (launch_clear(engine, id, err) < 0)
		return error_wrap(err, "clear away the last run");
	run_dir_fd = launch_make_directory(engine, id, err);
	if (run_dir_fd < 0)
		return -1;
	connection = prepare_and_launch(engine, &record, attach, err);
	if (connection == -1) {
		cleanup_error struct error *ignored = NULL;

		(void)launch_clear(engine, id, &ignored);
		write_failure(engine, &record, *err);
	}
	return connection;
}

void container_ahead(struct engine *engine)
{
	char id[ID_MAX];

	id_make(id);
	launch_ahead(engine, id);
}

int container_start(struct engine *engine, const char *id, const struct container_attach *attach,
	int *ret_connection, struct error **err)
{
	static const struct container_attach detached = { 0 };
	int operation = operation_begin(engine, id, true, err), connection;

	if (operation < 0)
		return -1;
	connection = start_locked(engine, id, attach ? attach : &detached, err);
	operation_end(engine, id, &operation);
	if (connection == -1)
		return -1;
	if (ret_connection)
		*ret_connection = connection == -2 ? -1 : connection;
	return 0;
}

int container_attach(struct engine *engine, const char *name, const struct container_attach *attach,
	int *ret_connection, struct error **err)
{
	const struct monitor_attach message = { .stdin = attach->stdin,
		.stdout = attach->stdout,
		.stderr = attach->stderr,
		.owner = attach->owner };
	cleanup_close int dir_fd = -1, connection = -1;
	char id[ID_MAX];

	if (container_resolve(engine, name, id, err) < 0)
		return -1;
	if (!container_is_running(engine, id)) {
		error_new(err, ERROR_CONFLICT,
			"You cannot attach to a stopped container, start it first");
		return error_hint(err, "vessel start -a %s", name);
	}
	dir_fd = run_dir_open(engine, id, err);
	connection = dir_fd < 0 ? -1 : monitor_connect(dir_fd, err);
	if (connection < 0 ||
		msg_send(connection, MONITOR_ATTACH, &message, sizeof(message), err) < 0)
		return error_wrap(err, "attach to %s", name);
	*ret_connection = take_fd(&connection);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "monitor/protocol.h"

#define CONFIG_MAX 65536
#define STATE_MAX 256

/* One table for both directions, so that writing and reading cannot drift apart. */
enum field_type { FIELD_TEXT, FIELD_BOOL, FIELD_INT64, FIELD_INT };

static const struct field {
	const char *name;
	enum field_type type;
	size_t offset;
} fields[] = {
	{ "id", FIELD_TEXT, offsetof(struct monitor_config, id) },
	{ "containerDir", FIELD_TEXT, offsetof(struct monitor_config, container_dir) },
	{ "logPath", FIELD_TEXT, offsetof(struct monitor_config, log_path) },
	{ "logMaxSize", FIELD_INT64, offsetof(struct monitor_config, log_max_size) },
	{ "logMaxFiles", FIELD_INT, offsetof(struct monitor_config, log_max_files) },
	{ "openStdin", FIELD_BOOL, offsetof(struct monitor_config, open_stdin) },
	{ "stdinOnce", FIELD_BOOL, offsetof(struct monitor_config, stdin_once) },
	{ "systemdCgroup", FIELD_BOOL, offsetof(struct monitor_config, systemd_cgroup) },
	{ "reap", FIELD_BOOL, offsetof(struct monitor_config, reap) },
	{ "durable", FIELD_BOOL, offsetof(struct monitor_config, durable) },
	{ "root", FIELD_TEXT, offsetof(struct monitor_config, root) },
	{ "runDir", FIELD_TEXT, offsetof(struct monitor_config, run_dir) },
};
#define FIELD_COUNT (sizeof(fields) / sizeof(*fields))

static void *field_of(const struct monitor_config *config, const struct field *field)
{
	return (char *)config + field->offset;
}

static void put_field(
	struct json_object *obj, const struct field *field, const struct monitor_config *config)
{
	const void *value = field_of(config, field);

	switch (field->type) {
	case FIELD_TEXT:
		json_put_text(obj, field->name, *(char *const *)value);
		break;
	case FIELD_BOOL:
		json_put_bool(obj, field->name, *(const bool *)value);
		break;
	case FIELD_INT64:
		json_put_int(obj, field->name, *(const int64_t *)value);
		break;
	case FIELD_INT:
		json_put_int(obj, field->name, *(const int *)value);
		break;
	}
}

static int get_field(struct json_object *obj, const struct field *field,
	const struct monitor_config *config, struct error **err)
{
	void *value = field_of(config, field);
	const char *text = NULL;
	int64_t number = 0;
	int found = 0;

	switch (field->type) {
	case FIELD_TEXT:
		found = json_get_text(obj, field->name, &text, err);
		if (found > 0)
			replace_string(value, xstrdup(text));
		break;
	case FIELD_BOOL:
		found = json_get_bool(obj, field->name, value, err);
		break;
	case FIELD_INT64:
		found = json_get_int(obj, field->name, value, err);
		break;
	case FIELD_INT:
		found = json_get_int(obj, field->name, &number, err);
		if (number < 0 || number > 1000000)
			return error_new(err, ERROR_INVALID, "'%s' is out of range", field->name);
		if (found > 0)
			*(int *)value = (int)number;
		break;
	}
	return found < 0 ? -1 : 0;
}

int monitor_config_write(int run_dir_fd, const struct monitor_config *config, struct error **err)
{
	cleanup_json struct json_object *obj = json_object_new_object();
	cleanup_free char *text = NULL;

	for (size_t i = 0; i < FIELD_COUNT; i++)
		put_field(obj, &fields[i], config);
	text = json_compact(obj);
	/* Not durable: the run directory is a tmpfs, gone at reboot as the container is. */
	return file_replace_at(run_dir_fd, MONITOR_CONFIG, text, strlen(text), 0600, false, err);
}

int monitor_config_read(int run_dir_fd, struct monitor_config *ret, struct error **err)
{
	cleanup_monitor_config struct monitor_config config = { 0 };
	cleanup_json struct json_object *obj = NULL;
	cleanup_free char *text = NULL;
	ssize_t length = file_read_at(run_dir_fd, MONITOR_CONFIG, CONFIG_MAX, &text, err);

	if (length < 0)
		return -1;
	if (json_parse(text, (size_t)length, MONITOR_CONFIG, &obj, err) < 0)
		return -1;
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (get_field(obj, &fields[i], &config, err) < 0)
			return error_wrap(err, MONITOR_CONFIG);
	if (!config.id || !config.container_dir)
		return error_new(err, ERROR_INVALID, "%s lacks id or containerDir", MONITOR_CONFIG);
	*ret = config;
	config = (struct monitor_config){ 0 };
	return 0;
}

void monitor_config_done(struct monitor_config *config)
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (fields[i].type == FIELD_TEXT)
			replace_string(field_of(config, &fields[i]), NULL);
}

/* Reads a small file that may be missing: 1 read, 0 missing. */
static int read_if_there(int dir_fd, const char *name, size_t max, char **ret, struct error **err)
{
	cleanup_error struct error *failure = NULL;

	if (file_read_at(dir_fd, name, max, ret, &failure) >= 0)
		return 1;
	if (error_errno(failure) == ENOENT)
		return 0;
	*err = take_ptr(failure);
	return -1;
}

int monitor_state_read(int run_dir_fd, struct monitor_state *ret, struct error **err)
{
	cleanup_free char *text = NULL;
	unsigned long long start_time;
	long long started_ns;
	long pid, monitor_pid;
	int found = read_if_there(run_dir_fd, MONITOR_STATE, STATE_MAX, &text, err);

	if (found <= 0)
		return found;
	// NOLINTNEXTLINE(cert-err34-c): written by the monitor alone, and renamed into place
	if (sscanf(text, "%ld %llu %lld %ld", &pid, &start_time, &started_ns, &monitor_pid) != 4)
		return error_new(err, ERROR_INVALID, "the file '%s' is damaged", MONITOR_STATE);
	*ret = (struct monitor_state){ .pid = (pid_t)pid,
		.start_time = start_time,
		.started_ns = started_ns,
		.monitor_pid = (pid_t)monitor_pid };
	return 1;
}

int monitor_state_write(int run_dir_fd, const struct monitor_state *state, struct error **err)
{
	char text[STATE_MAX];
	int length = snprintf(text, sizeof(text), "%d %llu %lld %d\n", (int)state->pid,
		(unsigned long long)state->start_time, (long long)state->started_ns,
		(int)state->monitor_pid);

	return file_replace_at(run_dir_fd, MONITOR_STATE, text, (size_t)length, 0600, false, err);
}

int monitor_record_read(int container_dir_fd, struct monitor_record *ret, struct error **err)
{
	cleanup_json struct json_object *obj = NULL;
	cleanup_free char *text = NULL;
	struct monitor_record record = { 0 };
	const char *why = "";
	int64_t code = 0;
	int found = read_if_there(container_dir_fd, MONITOR_EXIT, CONFIG_MAX, &text, err);

	if (found <= 0)
		return found;
	if (json_parse(text, strlen(text), MONITOR_EXIT, &obj, err) < 0)
		return -1;
	if (json_get_int(obj, "exitCode", &code, err) < 0 ||
		json_get_bool(obj, "oomKilled", &record.oom_killed, err) < 0 ||
		json_get_int(obj, "startedNs", &record.started_ns, err) < 0 ||
		json_get_int(obj, "finishedNs", &record.finished_ns, err) < 0 ||
		json_get_text(obj, "error", &why, err) < 0)
		return error_wrap(err, MONITOR_EXIT);
	record.code = (int)(code & 0xffff);
	snprintf(record.error, sizeof(record.error), "%s", why);
	*ret = record;
	return 1;
}

int monitor_record_write(
	int container_dir_fd, const struct monitor_record *record, bool durable, struct error **err)
{
	cleanup_json struct json_object *obj = json_object_new_object();
	cleanup_free char *text = NULL;

	json_put_int(obj, "exitCode", record->code);
	json_put_bool(obj, "oomKilled", record->oom_killed);
	json_put_int(obj, "startedNs", record->started_ns);
	json_put_int(obj, "finishedNs", record->finished_ns);
	json_put_text(obj, "error", record->error);
	text = json_compact(obj);
	return file_replace_at(
		container_dir_fd, MONITOR_EXIT, text, strlen(text), 0600, durable, err);
}

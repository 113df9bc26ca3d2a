/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The systemd driver: the cgroup is a scope, "slice:prefix:name" is prefix-name.scope in slice.
 *
 * systemd makes a scope only around a process, so creating records what is wanted and attaching
 * the first process starts the scope. Delegate=yes: what is in the scope's directory is ours, and
 * limits are written there as by the other driver. Those systemd knows are told to it as well,
 * because it writes its own idea of them again at each daemon-reload.
 *
 * On v1 systemd makes the directories of some hierarchies only; the others are made here, by the
 * same path, so that a container is in one place in each.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"
#include "cgroup/dbus.h"
#include "cgroup/internal.h"

#define START_WAIT_MS 10000
#define PROPERTIES "a(sv)"
#define UNIT_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@"

static const struct dbus_call manager = {
	.destination = "org.freedesktop.systemd1",
	.path = "/org/freedesktop/systemd1",
	.interface = "org.freedesktop.systemd1.Manager",
};

static int connect_manager(struct error **err)
{
	cleanup_free char *path = NULL;
	const char *run = getenv("XDG_RUNTIME_DIR"); // NOLINT(concurrency-mt-unsafe)

	path = geteuid() == 0 || !run ? xstrdup("/run/systemd/private")
				      : xasprintf("%s/systemd/private", run);
	return dbus_connect(path, err);
}

bool cgroup_has_systemd(void)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_close int fd = -1;
	struct stat st;

	/* As sd_booted(3): this directory is there only while systemd is PID 1. */
	if (lstat("/run/systemd/system", &st) < 0 || !S_ISDIR(st.st_mode))
		return false;
	fd = connect_manager(&ignored);
	return fd >= 0;
}

/* "a-b.slice" lies in "a.slice": the names are the path. */
static int slice_to_dir(const char *slice, struct buf *ret, struct error **err)
{
	size_t length = strlen(slice);

	if (strcmp(slice, "-.slice") == 0)
		return 0;
	if (length <= 6 || strcmp(slice + length - 6, ".slice") != 0 ||
		slice[strspn(slice, UNIT_CHARACTERS)] || slice[0] == '-' || strstr(slice, "--") ||
		slice[length - 7] == '-')
		return error_new(err, ERROR_INVALID, "'%s' is not the name of a slice", slice);
	for (size_t i = 0; i < length - 6; i++)
		if (slice[i] == '-')
			buf_printf(ret, "%.*s.slice/", (int)i, slice);
	buf_printf(ret, "%s/", slice);
	return 0;
}

int cgroup_systemd_parse(const char *path, struct cgroup *cgroup, struct error **err)
{
	cleanup_strv strv parts = strv_split(path, ':');
	cleanup_buf struct buf dir = BUF_INIT(CGROUP_PATH_MAX);
	cleanup_free char *unit = NULL;
	unsigned int uid = (unsigned int)geteuid();
	const char *slice;

	if (strv_length(parts) != 3 || !*parts[2]) {
		error_new(err, ERROR_INVALID, "cgroup path '%s' is not slice:prefix:name", path);
		return error_hint(err, "the systemd driver takes this form, as runc does");
	}
	slice = *parts[0] ? parts[0] : uid == 0 ? "system.slice" : "user.slice";
	unit = xasprintf("%s%s%s.scope", parts[1], *parts[1] ? "-" : "", parts[2]);
	if (unit[strspn(unit, UNIT_CHARACTERS)] || unit[0] == '.' || strlen(unit) > 255)
		return error_new(err, ERROR_INVALID, "'%s' is not the name of a scope", unit);
	if (uid != 0) /* the user's manager has its own subtree */
		buf_printf(&dir, "user.slice/user-%u.slice/user@%u.service/", uid, uid);
	if (slice_to_dir(slice, &dir, err) < 0)
		return -1;
	buf_puts(&dir, unit);
	if (buf_check(&dir, "the cgroup path", err) < 0)
		return -1;
	cgroup->dir = buf_take(&dir);
	cgroup->slice = xstrdup(slice);
	cgroup->unit = take_ptr(unit);
	return 0;
}

/* Properties: (name, variant). */
static void property(struct buf *body, const char *name, const char *signature)
{
	dbus_struct_begin(body);
	dbus_put_string(body, name);
	dbus_put_signature(body, signature);
}

static void property_string(struct buf *body, const char *name, const char *value)
{
	property(body, name, "s");
	dbus_put_string(body, value);
}

static void property_bool(struct buf *body, const char *name, bool value)
{
	property(body, name, "b");
	dbus_put_bool(body, value);
}

static void property_u64(struct buf *body, const char *name, uint64_t value)
{
	property(body, name, "t");
	dbus_put_u64(body, value);
}

static bool is_set(int64_t value)
{
	return value != SPEC_UNSET && value != 0;
}

static void property_limit(struct buf *body, const char *name, int64_t value)
{
	if (is_set(value))
		property_u64(body, name, value < 0 ? UINT64_MAX : (uint64_t)value);
}

static void put_cpu_quota(struct buf *body, const struct spec_resources *limits)
{
	uint64_t period = is_set(limits->cpu_period) ? (uint64_t)limits->cpu_period : 100000;
	uint64_t per_second = UINT64_MAX;

	if (!is_set(limits->cpu_quota))
		return;
	if (limits->cpu_quota > 0) /* systemd wants whole hundredths */
		per_second =
			((uint64_t)limits->cpu_quota * 1000000 / period + 9999) / 10000 * 10000;
	property_u64(body, "CPUQuotaPerSecUSec", per_second);
	if (is_set(limits->cpu_period))
		property_u64(body, "CPUQuotaPeriodUSec", period);
}

/*
 * v1: systemd would allow all devices at its next reload; on v2 our program stays whatever it
 * does. Its list has no denials but the one of everything else.
 */
static void put_devices(struct buf *body, const struct spec_resources *limits)
{
	size_t array;

	property_string(body, "DevicePolicy", "strict");
	property(body, "DeviceAllow", "a(ss)");
	array = dbus_array_begin(body, 8);
	for (size_t i = 0; i < limits->device_count; i++) {
		const struct spec_device_rule *rule = &limits->devices[i];
		const char *type = rule->type == 'b' ? "block" : "char";
		char text[64];

		if (!rule->allow)
			continue;
		if (rule->major < 0)
			(void)snprintf(text, sizeof(text), "%s-*", type);
		else if (rule->minor < 0)
			(void)snprintf(
				text, sizeof(text), "%s-%u", type, (unsigned int)rule->major);
		else
			(void)snprintf(text, sizeof(text), "/dev/%s/%u:%u", type,
				(unsigned int)rule->major, (unsigned int)rule->minor);
		dbus_struct_begin(body);
		dbus_put_string(body, text);
		dbus_put_string(body, rule->access);
	}
	dbus_array_end(body, array, 8);
}

static void put_limits(
	struct buf *body, const struct cgroup *cgroup, const struct spec_resources *limits)
{
	bool v2 = cgroup->host->mode == CGROUP_V2;
	int64_t swap = limits->memory_swap;

	property_limit(body, v2 ? "MemoryMax" : "MemoryLimit", limits->memory_limit);
	if (v2 && is_set(swap) && (swap < 0 || limits->memory_limit > 0))
		property_u64(body, "MemorySwapMax",
			swap < 0 ? UINT64_MAX : (uint64_t)(swap - limits->memory_limit));
	if (v2)
		property_limit(body, "MemoryLow", limits->memory_reservation);
	if (v2 && is_set(limits->cpu_shares))
		property_u64(
			body, "CPUWeight", cgroup_weight_of_shares((uint64_t)limits->cpu_shares));
	else
		property_limit(body, "CPUShares", limits->cpu_shares);
	put_cpu_quota(body, limits);
	property_limit(body, "TasksMax", limits->pids_limit);
	if (!v2 && limits->device_count > 0 && !limits->devices[0].allow)
		put_devices(body, limits);
}

void cgroup_systemd_record(struct cgroup *cgroup, const struct spec_resources *limits)
{
	cgroup->pending = xcalloc(1, sizeof(*cgroup->pending));
	spec_resources_copy(limits, cgroup->pending);
}

void cgroup_systemd_forget(struct cgroup *cgroup)
{
	struct spec_resources *pending = take_ptr(cgroup->pending);

	if (!pending)
		return;
	spec_resources_done(pending);
	free(pending);
}

static int call_start(int fd, const struct cgroup *cgroup, pid_t pid, struct error **err)
{
	cleanup_buf struct buf body = BUF_INIT(DBUS_MESSAGE_MAX / 2);
	struct dbus_call call = manager;
	size_t properties, pids;

	call.member = "StartTransientUnit";
	call.signature = "ss" PROPERTIES "a(sa(sv))";
	dbus_put_string(&body, cgroup->unit);
	dbus_put_string(&body, "fail");
	properties = dbus_array_begin(&body, 8);
	property_string(&body, "Description", "vessel container");
	property_string(&body, "Slice", cgroup->slice);
	property(&body, "PIDs", "au");
	pids = dbus_array_begin(&body, 4);
	dbus_put_u32(&body, (uint32_t)pid);
	dbus_array_end(&body, pids, 4);
	property_bool(&body, "Delegate", true);
	property_bool(&body, "DefaultDependencies", false);
	/* A scope whose last process was killed for memory is "failed": it shall go as well. */
	property_string(&body, "CollectMode", "inactive-or-failed");
	/* systemd's own default is a share of the host's; none was asked for. */
	if (!is_set(cgroup->pending->pids_limit))
		property_u64(&body, "TasksMax", UINT64_MAX);
	put_limits(&body, cgroup, cgroup->pending);
	dbus_array_end(&body, properties, 8);
	dbus_array_end(&body, dbus_array_begin(&body, 8), 8);
	return dbus_call(fd, &call, &body, err);
}

/* 1 when /proc/PID/cgroup shows it in the scope. */
static int is_inside(const struct cgroup *cgroup, pid_t pid, struct error **err)
{
	cleanup_free char *path = xasprintf("/proc/%d/cgroup", (int)pid);
	cleanup_free char *ending = xasprintf("/%s\n", cgroup->unit);
	cleanup_free char *text = NULL;

	if (file_read_at(AT_FDCWD, path, 65536, &text, err) < 0)
		return -1;
	return strstr(text, ending) != NULL;
}

/* The call returns when the job is queued. */
static int wait_started(const struct cgroup *cgroup, pid_t pid, struct error **err)
{
	int64_t deadline = clock_monotonic_ns() + START_WAIT_MS * 1000000LL;
	struct timespec pause = { .tv_nsec = 500L * 1000 };
	int inside;

	while ((inside = is_inside(cgroup, pid, err)) == 0) {
		if (clock_monotonic_ns() > deadline)
			return error_new(err, ERROR_UNAVAILABLE,
				"systemd did not start %s in %d seconds", cgroup->unit,
				START_WAIT_MS / 1000);
		(void)nanosleep(&pause, NULL);
		if (pause.tv_nsec < 20L * 1000 * 1000)
			pause.tv_nsec *= 2;
	}
	return inside < 0 ? -1 : 0;
}

int cgroup_systemd_start(struct cgroup *cgroup, pid_t pid, struct error **err)
{
	cleanup_close int fd = connect_manager(err);

	if (fd < 0 || call_start(fd, cgroup, pid, err) < 0 || wait_started(cgroup, pid, err) < 0)
		return error_wrap(err, "start %s", cgroup->unit);
	return 0;
}

int cgroup_systemd_update(
	struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	cleanup_buf struct buf body = BUF_INIT(DBUS_MESSAGE_MAX / 2);
	cleanup_close int fd = connect_manager(err);
	struct dbus_call call = manager;
	size_t properties;

	if (fd < 0)
		return -1;
	call.member = "SetUnitProperties";
	call.signature = "sb" PROPERTIES;
	dbus_put_string(&body, cgroup->unit);
	dbus_put_bool(&body, true); /* for this run of it: a scope has no other */
	properties = dbus_array_begin(&body, 8);
	put_limits(&body, cgroup, limits);
	dbus_array_end(&body, properties, 8);
	return dbus_call(fd, &call, &body, err);
}

void cgroup_systemd_stop(struct cgroup *cgroup)
{
	cleanup_buf struct buf body = BUF_INIT(DBUS_MESSAGE_MAX / 2);
	cleanup_error struct error *ignored = NULL; /* it goes by itself when it is empty */
	cleanup_close int fd = connect_manager(&ignored);
	struct dbus_call call = manager;

	if (fd < 0)
		return;
	call.member = "StopUnit";
	call.signature = "ss";
	dbus_put_string(&body, cgroup->unit);
	dbus_put_string(&body, "replace");
	(void)dbus_call(fd, &call, &body, &ignored);
}

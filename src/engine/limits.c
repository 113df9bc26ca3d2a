/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/limits.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"

#define MEMORY_MIN (6LL * 1024 * 1024) /* Docker's; below it hardly a program starts */
#define NANO INT64_C(1000000000)
#define PERIOD_DEFAULT 100000

static int check_memory(const struct spec_resources *l, struct error **err)
{
	if (l->memory_limit == SPEC_UNSET) {
		if (l->memory_swap == SPEC_UNSET || l->memory_swap < 0)
			return 0;
		error_new(err, ERROR_INVALID, "--memory-swap was given without --memory");
		return error_hint(err, "give -m too; --memory-swap is memory and swap together");
	}
	if (l->memory_limit < MEMORY_MIN) {
		error_new(err, ERROR_INVALID, "Minimum memory limit allowed is 6MB");
		return error_hint(err, "give -m a size such as 64m");
	}
	if (l->memory_swap > 0 && l->memory_swap < l->memory_limit)
		return error_new(err, ERROR_INVALID,
			"Minimum memoryswap limit should be larger than memory limit, see usage");
	if (l->memory_reservation > l->memory_limit)
		return error_new(err, ERROR_INVALID,
			"Minimum memory limit can not be less than memory reservation limit, see "
			"usage");
	return 0;
}

#define LIST_MAX 8192

/* "0-2,7" as the kernel reads it; every number it names is set. */
static int list_parse(const char *text, uint8_t set[static LIST_MAX])
{
	char *end = (char *)text;
	unsigned long first, last;

	for (; *text; text = end) {
		if (!isdigit((unsigned char)*text))
			return -1;
		first = last = strtoul(text, &end, 10);
		if (*end == '-') {
			if (!isdigit((unsigned char)end[1]))
				return -1;
			last = strtoul(end + 1, &end, 10);
		}
		if (first > last || last >= LIST_MAX || (*end && *end != ','))
			return -1;
		memset(set + first, 1, last - first + 1);
		if (*end == ',' && !*++end)
			return -1;
	}
	return 0;
}

/* The kernel's own answer would come late, and names a file instead of what there is. */
static int check_list(const char *list, const char *what, const char *path, struct error **err)
{
	uint8_t wanted[LIST_MAX] = { 0 }, there[LIST_MAX] = { 0 };
	cleanup_error struct error *unknown = NULL;
	cleanup_free char *available = NULL;

	if (!list || !*list)
		return 0;
	if (list_parse(list, wanted) < 0) {
		error_new(err, ERROR_INVALID, "Invalid value %s for cpuset %s", list, what);
		return error_hint(err, "write numbers and ranges, such as 0-2,4");
	}
	if (file_read_at(AT_FDCWD, path, LIST_MAX, &available, &unknown) < 0)
		return 0;
	available[strcspn(available, "\n")] = '\0';
	if (list_parse(available, there) < 0)
		return 0;
	for (size_t i = 0; i < LIST_MAX; i++)
		if (wanted[i] && !there[i])
			return error_new(err, ERROR_INVALID,
				"Requested %s are not available - requested %s, available: %s",
				*what == 'c' ? "CPUs" : "memory nodes", list, available);
	return 0;
}

static int check_cpus(const struct spec_resources *l, int64_t nano_cpus, struct error **err)
{
	long online = nano_cpus ? sysconf(_SC_NPROCESSORS_ONLN) : 0; /* which reads /sys */

	if (nano_cpus == 0)
		return 0;
	if (nano_cpus < NANO / 100 || nano_cpus > online * NANO) {
		error_new(err, ERROR_INVALID,
			"Range of CPUs is from 0.01 to %ld.00, as there are only %ld CPUs "
			"available",
			online, online);
		return error_hint(err, "give --cpus a number such as 0.5");
	}
	if (l->cpu_quota != SPEC_UNSET || l->cpu_period != SPEC_UNSET)
		return error_new(err, ERROR_INVALID,
			"Conflicting options: --cpus cannot be used with --cpu-period or "
			"--cpu-quota");
	return 0;
}

static int check_cpu(const struct spec_resources *l, int64_t nano_cpus, struct error **err)
{
	if (check_cpus(l, nano_cpus, err) < 0)
		return -1;
	if (l->cpu_period != SPEC_UNSET && (l->cpu_period < 1000 || l->cpu_period > 1000000))
		return error_new(err, ERROR_INVALID,
			"CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s "
			"(i.e. 1000000)");
	if (l->cpu_quota != SPEC_UNSET && l->cpu_quota >= 0 && l->cpu_quota < 1000)
		return error_new(
			err, ERROR_INVALID, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
	if (l->cpu_shares != SPEC_UNSET && (l->cpu_shares < 2 || l->cpu_shares > 262144))
		return error_new(err, ERROR_INVALID, "--cpu-shares must be from 2 to 262144");
	return 0;
}

int limits_check(const struct spec_resources *limits, int64_t nano_cpus, struct error **err)
{
	if (check_memory(limits, err) < 0 || check_cpu(limits, nano_cpus, err) < 0 ||
		check_list(limits->cpuset_cpus, "cpus", "/sys/devices/system/cpu/online", err) <
			0 ||
		check_list(limits->cpuset_mems, "mems", "/sys/devices/system/node/online", err) < 0)
		return -1;
	if (limits->blkio_weight != SPEC_UNSET && limits->blkio_weight != 0 &&
		(limits->blkio_weight < 10 || limits->blkio_weight > 1000))
		return error_new(err, ERROR_INVALID, "Range of blkio weight is from 10 to 1000");
	if (limits->pids_limit != SPEC_UNSET && limits->pids_limit < -1)
		return error_new(
			err, ERROR_INVALID, "--pids-limit must be -1 (no limit) or a count");
	return 0;
}

static int add_throttles(struct spec_throttles *list, strv texts, struct error **err)
{
	struct stat st;

	for (size_t i = 0; texts && texts[i]; i++) {
		const char *colon = strrchr(texts[i], ':');
		cleanup_free char *path = xstrndup(texts[i], (size_t)(colon - texts[i]));

		if (stat(path, &st) < 0)
			return error_sys(err, "device %s", path);
		if (!S_ISBLK(st.st_mode))
			return error_new(err, ERROR_INVALID, "%s is not a block device", path);
		spec_add_throttle(
			list, major(st.st_rdev), minor(st.st_rdev), strtoull(colon + 1, NULL, 10));
	}
	return 0;
}

/* Where swap is not counted, a limit of it would be an error that nobody asked for. */
static bool swap_is_counted(void)
{
	return access("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", F_OK) == 0 ||
	       (access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 &&
		       access("/proc/swaps", F_OK) == 0);
}

int limits_resolve(const struct record *record, struct spec_resources *ret, struct error **err)
{
	struct spec_throttles *lists[] = { &ret->read_bps, &ret->write_bps, &ret->read_iops,
		&ret->write_iops };

	limits_merge(ret, &record->limits);
	if (record->nano_cpus > 0) {
		ret->cpu_period = PERIOD_DEFAULT;
		ret->cpu_quota = record->nano_cpus * PERIOD_DEFAULT / NANO;
	}
	/* Docker's default. Without it a container swaps as much as it likes. */
	if (ret->memory_limit > 0 && ret->memory_limit <= INT64_MAX / 2 &&
		ret->memory_swap == SPEC_UNSET && swap_is_counted())
		ret->memory_swap = 2 * ret->memory_limit;
	if (ret->pids_limit == 0)
		ret->pids_limit = SPEC_UNSET;
	if (ret->blkio_weight == 0)
		ret->blkio_weight = SPEC_UNSET;
	for (int i = 0; i < 4; i++)
		if (add_throttles(lists[i], record->throttles[i], err) < 0)
			return -1;
	return 0;
}

void limits_merge(struct spec_resources *limits, const struct spec_resources *newer)
{
	const struct {
		int64_t *to;
		int64_t from;
	} numbers[] = {
		{ &limits->memory_limit, newer->memory_limit },
		{ &limits->memory_reservation, newer->memory_reservation },
		{ &limits->memory_swap, newer->memory_swap },
		{ &limits->cpu_shares, newer->cpu_shares },
		{ &limits->cpu_quota, newer->cpu_quota },
		{ &limits->cpu_period, newer->cpu_period },
		{ &limits->pids_limit, newer->pids_limit },
		{ &limits->blkio_weight, newer->blkio_weight },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (numbers[i].from != SPEC_UNSET)
			*numbers[i].to = numbers[i].from;
	if (newer->cpuset_cpus && *newer->cpuset_cpus)
		replace_string(&limits->cpuset_cpus, xstrdup(newer->cpuset_cpus));
	if (newer->cpuset_mems && *newer->cpuset_mems)
		replace_string(&limits->cpuset_mems, xstrdup(newer->cpuset_mems));
}

static int parse_limit(const char *text, int64_t *ret)
{
	char *end;

	if (strcmp(text, "unlimited") == 0) {
		*ret = -1;
		return 0;
	}
	errno = 0;
	*ret = strtoll(text, &end, 10);
	return errno || end == text || *end || *ret < -1 ? -1 : 0;
}

int ulimit_parse(const char *text, strv *ret, struct error **err)
{
	const char *equals = strchr(text, '=');
	cleanup_free char *name = equals ? xstrndup(text, (size_t)(equals - text)) : NULL;
	cleanup_strv strv values = equals ? strv_split(equals + 1, ':') : NULL;
	int64_t soft, hard;

	if (!equals || rlimit_number(name) < 0) {
		error_new(err, ERROR_INVALID, "invalid ulimit argument: %s", text);
		return error_hint(err, "write --ulimit nofile=1024 or nofile=1024:2048");
	}
	if (strv_length(values) > 2 || parse_limit(values[0], &soft) < 0 ||
		parse_limit(values[1] ? values[1] : values[0], &hard) < 0)
		return error_new(err, ERROR_INVALID, "invalid ulimit value in '%s'", text);
	if (hard >= 0 && (soft < 0 || soft > hard))
		return error_new(err, ERROR_INVALID,
			"ulimit soft limit must be less than or equal to hard limit: %s", text);
	strv_appendf(ret, "%s=%lld:%lld", name, (long long)soft, (long long)hard);
	return 0;
}

static bool is_access(const char *text)
{
	return *text && strspn(text, "rwm") == strlen(text) && strlen(text) <= 3;
}

int device_parse(const char *text, strv *ret, struct error **err)
{
	cleanup_strv strv parts = strv_split(text, ':');
	const char *inside = parts[0], *access = "rwm";
	size_t count = strv_length(parts);

	if (count == 2 && is_access(parts[1]))
		access = parts[1];
	else if (count >= 2)
		inside = parts[1];
	if (count == 3)
		access = parts[2];
	if (count > 3 || parts[0][0] != '/' || inside[0] != '/' || !is_access(access)) {
		error_new(err, ERROR_INVALID, "bad format for path: %s", text);
		return error_hint(err, "write --device /dev/fuse or /dev/x:/dev/y:rwm");
	}
	strv_appendf(ret, "%s:%s:%s", parts[0], inside, access);
	return 0;
}

int throttle_parse(const char *flag, const char *text, bool is_bytes, strv *ret, struct error **err)
{
	const char *colon = strrchr(text, ':');
	int64_t rate = 0;
	char *end;

	if (!colon || strncmp(text, "/dev/", 5) != 0)
		goto bad;
	if (is_bytes) {
		if (size_parse(colon + 1, &rate, err) < 0)
			return error_wrap(err, "--%s %s", flag, text);
	} else {
		rate = strtoll(colon + 1, &end, 10);
		if (end == colon + 1 || *end || rate < 0)
			goto bad;
	}
	strv_appendf(ret, "%.*s:%lld", (int)(colon - text), text, (long long)rate);
	return 0;
bad:
	error_new(err, ERROR_INVALID, "bad format for path: --%s %s", flag, text);
	return error_hint(err, "write /dev/sda:%s", is_bytes ? "10mb" : "1000");
}

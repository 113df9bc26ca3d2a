/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"
#include "cgroup/internal.h"

static void weights(void **state)
{
	static const struct {
		uint64_t shares, weight;
		const char *why;
	} rows[] = {
		{ 0, 1, "below the smallest" },
		{ 2, 1, "the smallest" },
		{ 1024, 100, "both defaults" },
		{ 262144, 10000, "the largest" },
		{ 1048576, 10000, "above the largest" },
		{ 512, 59, "half the default" },
		{ 2048, 174, "twice the default" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (cgroup_weight_of_shares(rows[i].shares) != rows[i].weight)
			fail_msg("%s: %lu", rows[i].why,
				(unsigned long)cgroup_weight_of_shares(rows[i].shares));
	for (uint64_t shares = 3; shares < 262144; shares += 97)
		assert_true(cgroup_weight_of_shares(shares) >= cgroup_weight_of_shares(shares - 1));
	assert_int_equal(cgroup_io_weight(10), 1);
	assert_int_equal(cgroup_io_weight(500), 4950);
	assert_int_equal(cgroup_io_weight(1000), 10000);
}

static void hosts(void **state)
{
	static const struct {
		const char *why, *text;
		size_t count;
		enum { NONE, V1, V2 } memory;
	} rows[] = {
		{ "no cgroup", "1 0 8:1 / / rw - ext4 /dev/sda rw\n", 0, NONE },
		{ "v2 alone", "1 0 0:2 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n", 1,
			V2 },
		{ "optional fields, a combined mount, a named one",
			"1 0 0:2 / /c/cpu,cpuacct rw shared:3 master:4 - cgroup cgroup "
			"rw,cpu,cpuacct\n"
			"2 0 0:3 / /c/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
			"3 0 0:4 / /c/mem\\040ory rw - cgroup cgroup rw,memory\n",
			3, V1 },
		{ "one hierarchy mounted twice counts once",
			"1 0 0:2 /docker/x /part rw - cgroup cgroup rw,memory\n"
			"2 0 0:2 / /whole rw - cgroup cgroup rw,memory\n",
			1, V1 },
		{ "torn lines",
			"1 0 0:2 / /c rw - cgroup2\n1 0 0:2\n- - -\n1 0 x:y / /c rw - cgroup2 c "
			"rw\n",
			0, NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_free char *text = xstrdup(rows[i].text);
		cleanup_error struct error *err = NULL;
		struct cgroup_host host;
		int result = cgroup_host_parse(text, &host, &err);
		unsigned int controllers = 0;

		assert_int_equal(result, rows[i].count ? 0 : -1);
		assert_int_equal(host.count, rows[i].count);
		for (size_t k = 0; k < host.count; k++)
			if (!host.hierarchies[k].v2)
				controllers |= host.hierarchies[k].controllers;
		assert_int_equal(!!(controllers & 1U << CONTROLLER_MEMORY), rows[i].memory == V1);
		if (rows[i].memory == V2)
			assert_true(host.hierarchies[0].v2);
		if (strstr(rows[i].text, "/whole"))
			assert_string_equal(host.hierarchies[0].mount_point, "/whole");
		if (strstr(rows[i].text, "mem\\040ory"))
			assert_string_equal(host.hierarchies[2].mount_point, "/c/mem ory");
		cgroup_host_done(&host);
	}
}

static void oom_records(void **state)
{
#define SCOPE "task_memcg=/system.slice/vessel-a.scope"
	static const struct {
		const char *why, *record;
		bool ours;
	} rows[] = {
		{ "ours", "6,873,51,-;oom-kill:constraint=C," SCOPE ",task=dd,pid=1\n", true },
		{ "in a cgroup below", "6,8,5,-;oom-kill:c," SCOPE "/b,task=dd", true },
		{ "another's", "6,8,5,-;oom-kill:c,task_memcg=/system.slice/vessel-b.scope,task=x",
			false },
		{ "a longer name", "6,8,5,-;oom-kill:c," SCOPE "x,task=dd", false },
		{ "the name of the program is no proof",
			"6,8,5,-;oom-kill:c,task_memcg=/x,task=/vessel-a.scope", false },
		{ "written by a process", "12,8,5,-;oom-kill:c," SCOPE ",task=dd", false },
		{ "of something else", "6,8,5,-;usb: " SCOPE ",task", false },
		{ "torn", "6,8,5,-", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (cgroup_oom_is_record(rows[i].record, "vessel-a.scope") != rows[i].ours)
			fail_msg("%s", rows[i].why);
}

static void scopes(void **state)
{
	static const struct {
		const char *why, *path, *dir, *unit; /* dir NULL: refused */
	} rows[] = {
		{ "the usual", "system.slice:vessel:abc", "system.slice/vessel-abc.scope",
			"vessel-abc.scope" },
		{ "default slice", ":vessel:abc", "system.slice/vessel-abc.scope",
			"vessel-abc.scope" },
		{ "no prefix", "system.slice::abc", "system.slice/abc.scope", "abc.scope" },
		{ "nested slices", "a-b-c.slice:v:x", "a.slice/a-b.slice/a-b-c.slice/v-x.scope",
			"v-x.scope" },
		{ "the root slice", "-.slice:v:x", "v-x.scope", "v-x.scope" },
		{ "a cgroupfs path", "/vessel/abc", NULL, NULL },
		{ "too few parts", "system.slice:abc", NULL, NULL },
		{ "too many parts", "a.slice:b:c:d", NULL, NULL },
		{ "no name", "a.slice:b:", NULL, NULL },
		{ "not a slice", "a.service:b:c", NULL, NULL },
		{ "climbing by the slice", "../x.slice:b:c", NULL, NULL },
		{ "climbing by the name", "a.slice:b:../../c", NULL, NULL },
		{ "empty part of a slice", "a--b.slice:b:c", NULL, NULL },
		{ "ends in a dash", "a-.slice:b:c", NULL, NULL },
		{ "a newline forges a line of /proc/PID/cgroup", "a.slice:b:c\nd", NULL, NULL },
	};

	(void)state;
	if (geteuid() != 0) {
		print_message("another user's scopes lie below the user's manager\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_error struct error *err = NULL;
		struct cgroup cgroup = { 0 };
		int result = cgroup_systemd_parse(rows[i].path, &cgroup, &err);

		if ((result == 0) != (rows[i].dir != NULL))
			fail_msg("%s: %d", rows[i].why, result);
		if (result == 0) {
			assert_string_equal(cgroup.dir, rows[i].dir);
			assert_string_equal(cgroup.unit, rows[i].unit);
		} else {
			assert_int_equal(error_kind(err), ERROR_INVALID);
		}
		free(cgroup.dir);
		free(cgroup.slice);
		free(cgroup.unit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights),
		cmocka_unit_test(hosts),
		cmocka_unit_test(oom_records),
		cmocka_unit_test(scopes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

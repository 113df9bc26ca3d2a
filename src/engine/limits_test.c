/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "engine/limits.h"
#include "engine/names.h"
#include "engine/volume.h"

#define MIB (1024LL * 1024)

static void limits_that_make_no_sense_are_refused(void **state)
{
	static const struct {
		const char *why;
		struct spec_resources limits;
		int64_t nano_cpus;
	} rows[] = {
		{ "below what a program needs", { .memory_limit = 4096 }, 0 },
		{ "swap below memory", { .memory_limit = 100 * MIB, .memory_swap = 50 * MIB }, 0 },
		{ "swap without memory", { .memory_limit = SPEC_UNSET, .memory_swap = 50 * MIB },
			0 },
		{ "reservation above the limit",
			{ .memory_limit = 100 * MIB,
				.memory_swap = SPEC_UNSET,
				.memory_reservation = 200 * MIB },
			0 },
		{ "more CPUs than there are", { .memory_limit = SPEC_UNSET }, 100000000000000 },
		{ "negative CPUs", { .memory_limit = SPEC_UNSET }, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_error struct error *err = NULL;
		struct spec_resources limits = rows[i].limits;

		limits.cpu_quota = limits.cpu_period = limits.cpu_shares = SPEC_UNSET;
		limits.blkio_weight = limits.pids_limit = SPEC_UNSET;
		assert_int_equal(limits_check(&limits, rows[i].nano_cpus, &err), -1);
		assert_int_equal(error_kind(err), ERROR_INVALID);
	}
}

static void cpus_become_a_quota(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_record struct record record;
	struct spec_resources resolved;

	(void)state;
	record_init(&record);
	spec_resources_init(&resolved);
	record.nano_cpus = 500000000;
	assert_int_equal(limits_resolve(&record, &resolved, &err), 0);
	assert_int_equal(resolved.cpu_quota, 50000);
	assert_int_equal(resolved.cpu_period, 100000);
	assert_int_equal(resolved.memory_limit, SPEC_UNSET);
	spec_resources_done(&resolved);
}

static void ulimits_and_devices_have_one_form(void **state)
{
	static const struct {
		const char *text, *normal; /* NULL: refused */
	} ulimits[] = { { "nofile=1024", "nofile=1024:1024" },
		{ "nofile=1024:2048", "nofile=1024:2048" }, { "core=-1", "core=-1:-1" },
		{ "nofile", NULL }, { "nofile=", NULL }, { "nofile=2:1", NULL },
		{ "nonsense=1", NULL }, { "nofile=1:2:3", NULL }, { "nofile=-2", NULL } },
	  devices[] = { { "/dev/fuse", "/dev/fuse:/dev/fuse:rwm" },
		  { "/dev/a:/dev/b", "/dev/a:/dev/b:rwm" }, { "/dev/a:r", "/dev/a:/dev/a:r" },
		  { "/dev/a:/dev/b:rw", "/dev/a:/dev/b:rw" }, { "fuse", NULL },
		  { "/dev/a:/dev/b:x", NULL }, { "/dev/a:b:c:d", NULL } };

	(void)state;
	for (size_t i = 0; i < sizeof(ulimits) / sizeof(*ulimits); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_strv strv list = NULL;

		assert_int_equal(
			ulimit_parse(ulimits[i].text, &list, &err), ulimits[i].normal ? 0 : -1);
		if (ulimits[i].normal)
			assert_string_equal(list[0], ulimits[i].normal);
	}
	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_strv strv list = NULL;

		assert_int_equal(
			device_parse(devices[i].text, &list, &err), devices[i].normal ? 0 : -1);
		if (devices[i].normal)
			assert_string_equal(list[0], devices[i].normal);
	}
}

static void volumes_are_binds_or_names(void **state)
{
	static const struct {
		const char *text, *type, *source, *destination; /* type NULL: refused */
		bool writable;
	} rows[] = {
		{ "/srv:/data", "bind", "/srv", "/data", true },
		{ "/srv/../etc:/data/:ro", "bind", "/etc", "/data", false },
		{ "name:/data", "volume", "/root/volumes/name/_data", "/data", true },
		{ "/only", "volume", NULL, "/only", true },
		{ "/srv:data", NULL, NULL, NULL, false },
		{ "/srv:/", NULL, NULL, NULL, false },
		{ "/srv:/data:fast", NULL, NULL, NULL, false },
		{ "na/me:/data", NULL, NULL, NULL, false },
		{ ":/data", NULL, NULL, NULL, false },
		{ "a:b:c:d", NULL, NULL, NULL, false },
		{ "relative", NULL, NULL, NULL, false },
	};
	struct engine engine = { .root = (char *)"/root" };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_record struct record record;

		record_init(&record);
		assert_int_equal(
			volume_parse(&engine, rows[i].text, &record, &err), rows[i].type ? 0 : -1);
		if (!rows[i].type)
			continue;
		assert_string_equal(record.mounts[0].type, rows[i].type);
		assert_string_equal(record.mounts[0].destination, rows[i].destination);
		assert_int_equal(record.mounts[0].writable, rows[i].writable);
		if (rows[i].source)
			assert_string_equal(record.mounts[0].source, rows[i].source);
	}
}

static void the_same_place_twice_is_refused(void **state)
{
	struct engine engine = { .root = (char *)"/root" };
	cleanup_error struct error *err = NULL;
	cleanup_record struct record record;

	(void)state;
	record_init(&record);
	assert_int_equal(volume_parse(&engine, "/a:/data", &record, &err), 0);
	assert_int_equal(volume_parse(&engine, "/b:/data/.", &record, &err), -1);
}

static void names_are_made_and_checked(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		cleanup_free char *name = name_make(i % 2);

		assert_true(name_is_valid(name));
		assert_non_null(strchr(name, '_'));
	}
	assert_false(name_is_valid("a"));
	assert_false(name_is_valid("_a"));
	assert_false(name_is_valid("a/b"));
	assert_true(name_is_valid("a.b-c_9"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_that_make_no_sense_are_refused),
		cmocka_unit_test(cpus_become_a_quota),
		cmocka_unit_test(ulimits_and_devices_have_one_form),
		cmocka_unit_test(volumes_are_binds_or_names),
		cmocka_unit_test(the_same_place_twice_is_refused),
		cmocka_unit_test(names_are_made_and_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

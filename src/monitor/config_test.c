/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "monitor/client.h"
#include "monitor/protocol.h"

struct place {
	char path[32];
	int fd;
};

static void place_setup(struct place *place)
{
	strcpy(place->path, "/tmp/config_test.XXXXXX");
	assert_non_null(mkdtemp(place->path));
	place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(place->fd >= 0);
}

static void place_done(struct place *place)
{
	cleanup_error struct error *err = NULL;

	close(place->fd);
	assert_int_equal(tree_remove_at(AT_FDCWD, place->path, &err), 0);
}

static void put(const struct place *place, const char *name, const char *text)
{
	cleanup_error struct error *err = NULL;

	assert_int_equal(
		file_replace_at(place->fd, name, text, strlen(text), 0600, false, &err), 0);
}

static void test_config_round_trip(void **state)
{
	const struct monitor_config config = { .id = (char *)"abc",
		.container_dir = (char *)"/var/\"quoted\"\n",
		.log_path = (char *)"/var/log",
		.log_max_size = INT64_C(1) << 40,
		.log_max_files = 7,
		.open_stdin = true,
		.stdin_once = true,
		.systemd_cgroup = true,
		.reap = true,
		.durable = true,
		.root = (char *)"/r",
		.run_dir = (char *)"/d" };
	const struct monitor_config least = { .id = (char *)"i", .container_dir = (char *)"/c" };
	cleanup_monitor_config struct monitor_config got = { 0 }, bare = { 0 };
	cleanup_error struct error *err = NULL;
	struct place place;

	(void)state;
	place_setup(&place);
	assert_int_equal(monitor_config_write(place.fd, &config, &err), 0);
	assert_int_equal(monitor_config_read(place.fd, &got, &err), 0);
	assert_string_equal(got.id, config.id);
	assert_string_equal(got.container_dir, config.container_dir);
	assert_string_equal(got.log_path, config.log_path);
	assert_int_equal(got.log_max_size, config.log_max_size);
	assert_int_equal(got.log_max_files, 7);
	assert_true(
		got.open_stdin && got.stdin_once && got.systemd_cgroup && got.reap && got.durable);
	assert_string_equal(got.root, "/r");
	assert_string_equal(got.run_dir, "/d");
	assert_int_equal(monitor_config_write(place.fd, &least, &err), 0);
	assert_int_equal(monitor_config_read(place.fd, &bare, &err), 0);
	assert_null(bare.log_path);
	assert_null(bare.root);
	assert_false(bare.open_stdin || bare.stdin_once || bare.systemd_cgroup || bare.reap ||
		     bare.durable);
	place_done(&place);
}

static const struct {
	const char *why, *text;
} bad_configs[] = {
	{ "not JSON", "{" },
	{ "no id", "{\"containerDir\":\"/c\"}" },
	{ "no directory for the record", "{\"id\":\"i\"}" },
	{ "a wrong type", "{\"id\":1,\"containerDir\":\"/c\"}" },
	{ "a number beyond int",
		"{\"id\":\"i\",\"containerDir\":\"/c\",\"logMaxFiles\":5000000000}" },
	{ "a negative number of files",
		"{\"id\":\"i\",\"containerDir\":\"/c\",\"logMaxFiles\":-1}" },
};

static void test_bad_config(void **state)
{
	struct place place;

	(void)state;
	place_setup(&place);
	for (size_t i = 0; i < sizeof(bad_configs) / sizeof(*bad_configs); i++) {
		struct monitor_config got = { .id = (char *)"untouched" };
		cleanup_error struct error *err = NULL;

		put(&place, MONITOR_CONFIG, bad_configs[i].text);
		if (monitor_config_read(place.fd, &got, &err) == 0)
			fail_msg("%s", bad_configs[i].why);
		assert_int_equal(error_kind(err), ERROR_INVALID);
		assert_string_equal(got.id, "untouched");
	}
	place_done(&place);
}

static void test_state(void **state)
{
	const struct monitor_state written = {
		.pid = 12, .start_time = UINT64_MAX, .started_ns = INT64_MAX, .monitor_pid = 34
	};
	cleanup_error struct error *err = NULL;
	struct monitor_state got = { 0 };
	struct place place;

	(void)state;
	place_setup(&place);
	assert_int_equal(monitor_state_read(place.fd, &got, &err), 0);
	assert_int_equal(monitor_state_write(place.fd, &written, &err), 0);
	assert_int_equal(monitor_state_read(place.fd, &got, &err), 1);
	assert_int_equal(got.pid, written.pid);
	assert_int_equal(got.start_time, written.start_time);
	assert_int_equal(got.started_ns, written.started_ns);
	assert_int_equal(got.monitor_pid, written.monitor_pid);
	put(&place, MONITOR_STATE, "12 34");
	assert_int_equal(monitor_state_read(place.fd, &got, &err), -1);
	place_done(&place);
}

static void test_record(void **state)
{
	struct monitor_record written = {
		.code = 137, .oom_killed = true, .started_ns = 5, .finished_ns = INT64_MAX
	};
	struct monitor_record got = { 0 };
	cleanup_error struct error *err = NULL;
	struct place place;

	(void)state;
	place_setup(&place);
	assert_int_equal(monitor_record_read(place.fd, &got, &err), 0);
	for (int durable = 0; durable < 2; durable++) {
		strcpy(written.error, "why \"so\"");
		assert_int_equal(monitor_record_write(place.fd, &written, durable, &err), 0);
		assert_int_equal(monitor_record_read(place.fd, &got, &err), 1);
		assert_int_equal(got.code, 137);
		assert_true(got.oom_killed);
		assert_int_equal(got.started_ns, 5);
		assert_int_equal(got.finished_ns, INT64_MAX);
		assert_string_equal(got.error, "why \"so\"");
	}
	put(&place, MONITOR_EXIT, "");
	assert_int_equal(monitor_record_read(place.fd, &got, &err), -1);
	place_done(&place);
}

static void test_alive_is_asked_of_the_kernel(void **state)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	cleanup_error struct error *err = NULL;
	struct place place;
	int fd;

	(void)state;
	place_setup(&place);
	assert_int_equal(monitor_is_alive(place.fd, &err), 0);
	put(&place, MONITOR_LOCK, "what it says means nothing");
	assert_int_equal(monitor_is_alive(place.fd, &err), 0);
	fd = openat(place.fd, MONITOR_LOCK, O_RDWR | O_CLOEXEC);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	assert_int_equal(monitor_is_alive(place.fd, &err), 1);
	close(fd);
	assert_int_equal(monitor_is_alive(place.fd, &err), 0);
	place_done(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_round_trip),
		cmocka_unit_test(test_bad_config),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_alive_is_asked_of_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

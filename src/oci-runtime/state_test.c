/* SPDX-License-Identifier: Apache-2.0 */
/* State files that are cut, changed or of a process that is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "oci-runtime/command.h"
#include "oci-runtime/state.h"
#include "oci-runtime/state_file.h"
#include "sys/process.h"

static int make_root(void **state)
{
	struct runtime *runtime = xcalloc(1, sizeof(*runtime));

	runtime->root = xstrdup("/tmp/state_test.XXXXXX");
	runtime->log.fd = -1;
	*state = runtime;
	return mkdtemp(runtime->root) ? 0 : -1;
}

static int remove_root(void **state)
{
	cleanup_free struct runtime *runtime = *state;
	cleanup_error struct error *err = NULL;
	int result = tree_remove_at(AT_FDCWD, runtime->root, &err);

	free(runtime->root);
	return result;
}

static void damage_is_an_error(void **state)
{
	static const struct {
		const char *text, *wanted; /* NULL: it is taken */
	} rows[] = {
		{ "{}", NULL }, /* all members have a meaning when absent */
		{ "{\"pid\":2147483647,\"pidStart\":1,\"owner\":4294967295}", NULL },
		{ "{\"unknown\":[1]}", NULL }, /* a newer version's */
		{ "", "state.json is not valid JSON: continue at byte 0" }, /* a full disk */
		{ "{\"pid\":1", "state.json is not valid JSON: continue at byte 8" },
		{ "{\"pid\":\"x\"}", "'pid' is not a number" },
		/* As pid_t this would be another process. */
		{ "{\"pid\":4294967297}", "'pid' is out of range" },
		{ "{\"pid\":-1}", "'pid' is out of range" }, /* kill(-1): everybody */
		{ "{\"pidStart\":-1}", "'pidStart' is out of range" },
		{ "{\"owner\":4294967296}", "'owner' is out of range" },
		{ "{\"created\":-1}", "'created' is out of range" },
		{ "{\"annotations\":[\"novalue\"]}", "annotation 'novalue' has no value" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_state struct state read = STATE_INIT;
		cleanup_error struct error *err = NULL;
		int result = state_parse(rows[i].text, strlen(rows[i].text), &read, &err);

		assert_int_equal(result, rows[i].wanted ? -1 : 0);
		if (rows[i].wanted)
			assert_string_equal(error_message(err), rows[i].wanted);
	}
}

static void what_is_saved_is_read(void **state)
{
	cleanup_state struct state made = STATE_INIT, read = STATE_INIT;
	cleanup_error struct error *err = NULL;

	assert_int_equal(state_create(*state, "app", &made, &err), 0);
	made.version = xstrdup("1.1.0");
	made.bundle = xstrdup("/a \"bundle\"\n");
	made.cgroup = xstrdup("slice:a:b");
	made.driver = CGROUP_SYSTEMD;
	made.pid = 77;
	made.pid_start = 1ULL << 40;
	made.shares_cgroup = true;
	strv_append(&made.annotations, "key=a=b");
	assert_int_equal(state_save(&made, &err), 0);
	state_unlock(&made);
	assert_int_equal(state_open(*state, "app", STATE_CHANGE, &read, &err), 0);
	assert_string_equal(read.version, "1.1.0");
	assert_string_equal(read.bundle, made.bundle);
	assert_null(read.rootfs);
	assert_string_equal(read.cgroup, "slice:a:b");
	assert_int_equal(read.driver, CGROUP_SYSTEMD);
	assert_int_equal(read.pid, 77);
	assert_int_equal(read.pid_start, 1ULL << 40);
	assert_int_equal(read.owner, geteuid());
	assert_true(read.shares_cgroup);
	assert_string_equal(read.annotations[0], "key=a=b");
	assert_int_equal(state_remove(&read, &err), 0);
}

/* Its pid is another process's by now: never running, and never to be signalled. */
static void a_pid_that_was_given_away_is_nobody(void **state)
{
	cleanup_state struct state made = STATE_INIT;
	cleanup_error struct error *err = NULL;
	cleanup_close int pidfd = -1;

	assert_int_equal(state_create(*state, "app", &made, &err), 0);
	made.pid = getpid();
	made.pid_start = process_start_time(getpid());
	assert_int_equal(state_status(&made), STATUS_RUNNING);
	pidfd = state_pidfd(&made, &err);
	assert_true(pidfd >= 0);
	made.pid_start++;
	assert_int_equal(state_status(&made), STATUS_STOPPED);
	assert_int_equal(state_pidfd(&made, &err), -1);
	assert_int_equal(error_kind(err), ERROR_NOT_FOUND);
	assert_int_equal(state_remove(&made, &err), 0);
}

/* Without a pid it is being made as long as somebody holds the lock, and half made after that. */
static void who_holds_the_lock_is_making_it(void **state)
{
	cleanup_state struct state made = STATE_INIT, again = STATE_INIT;
	cleanup_error struct error *taken = NULL, *err = NULL;

	assert_int_equal(state_create(*state, "app", &made, &err), 0);
	assert_int_equal(state_create(*state, "app", &again, &taken), -1);
	assert_int_equal(error_kind(taken), ERROR_CONFLICT);
	assert_int_equal(state_open(*state, "app", STATE_LOOK, &again, &err), 0);
	assert_int_equal(state_status(&again), STATUS_CREATING);
	state_unlock(&made);
	assert_int_equal(state_status(&again), STATUS_STOPPED);
	assert_int_equal(state_remove(&made, &err), 0);
	/* Who has it open still finds out. */
	assert_int_equal(state_lock(&again, &err), -1);
	assert_int_equal(error_kind(err), ERROR_NOT_FOUND);
}

static void ids_lead_nowhere(void **state)
{
	static const char *const ids[] = { "", ".", "..", ".seccomp", "a/b", "/", "a b", "a\n" };

	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		cleanup_state struct state made = STATE_INIT;
		cleanup_error struct error *create_err = NULL, *open_err = NULL;

		assert_int_equal(state_create(*state, ids[i], &made, &create_err), -1);
		assert_int_equal(error_kind(create_err), ERROR_INVALID);
		assert_int_equal(state_open(*state, ids[i], STATE_LOOK, &made, &open_err), -1);
		assert_int_equal(error_kind(open_err), ERROR_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damage_is_an_error),
		cmocka_unit_test(what_is_saved_is_read),
		cmocka_unit_test(a_pid_that_was_given_away_is_nobody),
		cmocka_unit_test(who_holds_the_lock_is_making_it),
		cmocka_unit_test(ids_lead_nowhere),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}

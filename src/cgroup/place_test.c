/* SPDX-License-Identifier: Apache-2.0 */
/* Which cgroup a process gets into, and who else is there. */
#include "cgroup/fixture_test.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"

/* "cpu,cpuacct" */
static bool has_word(const char *list, const char *word)
{
	cleanup_strv strv words = strv_split(list, ',');

	return strv_contains(words, word);
}

/* The path of the calling process in one hierarchy, "" when it has none. */
static char *where(const struct cgroup_hierarchy *hierarchy)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *text = NULL;
	char *save = NULL;
	const char *name = NULL;

	for (unsigned int i = 0; i < CONTROLLER_MAX_ && !hierarchy->v2 && !name; i++)
		if (hierarchy->controllers & 1U << i)
			name = cgroup_controller_name(i, false);
	if (file_read_at(AT_FDCWD, "/proc/self/cgroup", 65536, &text, &err) < 0)
		return xstrdup("");
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *list = strchr(line, ':') + 1, *path = strchr(list, ':');

		*path++ = '\0';
		if (hierarchy->v2 ? !*list : name && has_word(list, name))
			return xstrdup(path);
	}
	return xstrdup("");
}

/* As the parts of the runtime do it: into the v2 tree at birth, into the others by itself. */
static pid_t clone_into(struct cgroup *cgroup)
{
	struct clone_args {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls,
			set_tid, set_tid_size, cgroup;
	} args = { .exit_signal = SIGCHLD };
	int fd = cgroup_clone_fd(cgroup);

	if (fd >= 0) {
		args.flags = UINT64_C(0x200000000); /* CLONE_INTO_CGROUP */
		args.cgroup = (uint64_t)fd;
	}
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* Returns 0, or 1 and more for the hierarchy where it is wrong. */
static int enter_and_compare(struct cgroup *cgroup)
{
	cleanup_error struct error *err = NULL;

	if (cgroup_enter(cgroup, &err) < 0)
		return 90;
	for (size_t i = 0; i < cgroup->host->count; i++) {
		const struct cgroup_hierarchy *hierarchy = &cgroup->host->hierarchies[i];
		cleanup_free char *path = where(hierarchy);

		if (!hierarchy->v2 && !hierarchy->controllers)
			continue; /* a named one */
		if (strcmp(path + (*path == '/'), cgroup_dir(cgroup, hierarchy)) != 0)
			return 1 + (int)i;
	}
	return 0;
}

static void check_entry(struct cgroup *cgroup)
{
	pid_t pid = clone_into(cgroup);
	int status;

	if (pid == 0)
		_exit(enter_and_compare(cgroup));
	assert_true(pid > 0);
	status = status_of(pid);
	assert_int_equal(status, 0);
}

static void enters_by_itself(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup;

	(void)state;
	NEED_ROOT();
	cgroup = make("self", &limits);
	assert_false(cgroup_wants_pid(cgroup));
	check_entry(cgroup);
	ok(cgroup_bury(cgroup, &err), &err);
	assert_int_equal(cgroup->present, 0);
	cgroup_free(cgroup);
}

/* With processes inside it is not enough to remove. */
static void bury_kills(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup;
	pid_t pid;

	(void)state;
	NEED_ROOT();
	cgroup = make("bury", &limits);
	pid = start_in(cgroup, wait_forever);
	ok(cgroup_bury(cgroup, &err), &err);
	assert_int_equal(WTERMSIG(status_of(pid)), SIGKILL);
	assert_int_equal(cgroup->present, 0);
	cgroup_free(cgroup);
}

/* The other's processes must outlive the one that was put beside them. */
static void shared(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_free char *path = test_path("shared");
	cleanup_error struct error *err = NULL;
	struct cgroup *first, *second = NULL;
	pid_t pid;

	(void)state;
	NEED_ROOT();
	ok(cgroup_create_shared(path, CGROUP_FS, &limits, &first, &err), &err);
	assert_false(cgroup_is_shared(first));
	pid = start_in(first, wait_forever);
	ok(cgroup_create_shared(path, CGROUP_FS, &limits, &second, &err), &err);
	assert_true(cgroup_is_shared(second));
	ok(cgroup_bury(second, &err), &err);
	cgroup_free(second);
	assert_int_equal(kill(pid, 0), 0);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	ok(cgroup_kill(first, &err), &err);
	(void)status_of(pid);
	unmake(first);
}

static void frozen_before(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_free char *path = test_path("cold");
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup, *none = NULL;

	(void)state;
	NEED_ROOT();
	cgroup = make("cold", &limits);
	assert_false(cgroup_frozen(cgroup));
	ok(cgroup_freeze(cgroup, true, &err), &err);
	assert_true(cgroup_frozen(cgroup));
	assert_int_equal(cgroup_create_shared(path, CGROUP_FS, &limits, &none, &err), -1);
	assert_int_equal(error_kind(err), ERROR_CONFLICT);
	assert_non_null(strstr(error_message(err), "unexpectedly frozen"));
	error_free(take_ptr(err));
	ok(cgroup_freeze(cgroup, false, &err), &err);
	unmake(cgroup);
}

/* A container with a writable cgroup can freeze what it has made; killing reaches that, too. */
static void frozen_inside(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup, *inner;
	pid_t pid;

	(void)state;
	NEED_ROOT();
	cgroup = make("ice", &limits);
	inner = make("ice/cube", &limits);
	pid = start_in(inner, wait_forever);
	ok(cgroup_freeze(inner, true, &err), &err);
	cgroup_free(inner);
	ok(cgroup_kill(cgroup, &err), &err);
	assert_int_equal(WTERMSIG(status_of(pid)), SIGKILL);
	unmake(cgroup);
}

static void below(void **state)
{
	struct spec_resources limits = no_limits();
	char *const both[] = { (char *)"a/b", NULL }, *const here[] = { (char *)"/", NULL };
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup, *inner, *sub = NULL;

	(void)state;
	NEED_ROOT();
	cgroup = make("outer", &limits);
	/* Now: on v2 nobody can be beside directories that have controllers. */
	ok(cgroup_open_below(cgroup, here, &sub, &err), &err);
	check_entry(sub);
	cgroup_free(sub);
	inner = make("outer/a/b", &limits);
	ok(cgroup_open_below(cgroup, both, &sub, &err), &err);
	for (size_t i = 0; i < cgroup->host->count; i++)
		assert_string_equal(cgroup_dir(sub, &cgroup->host->hierarchies[i]), inner->dir);
	check_entry(sub);
	cgroup_free(sub);
	cgroup_free(inner);
	unmake(cgroup);
}

static void below_one_controller(void **state)
{
	struct spec_resources limits = no_limits();
	char *const memory[] = { (char *)"memory:m", (char *)"cpu,pids:.//c", NULL };
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup, *inner, *sub = NULL;
	const struct cgroup_host *host;

	(void)state;
	NEED_ROOT();
	host = the_host();
	NEED(host->mode != CGROUP_V2 && host->of[CONTROLLER_MEMORY] && host->of[CONTROLLER_CPU],
		"v2 has one path for all controllers");
	cgroup = make("split", &limits);
	cgroup_free(make("split/m", &limits));
	inner = make("split/c", &limits);
	ok(cgroup_open_below(cgroup, memory, &sub, &err), &err);
	assert_non_null(strstr(cgroup_dir(sub, host->of[CONTROLLER_MEMORY]), "/m"));
	assert_non_null(strstr(cgroup_dir(sub, host->of[CONTROLLER_CPU]), "/c"));
	assert_string_equal(cgroup_dir(sub, host->of[CONTROLLER_FREEZER]), cgroup->dir);
	cgroup_free(sub);
	cgroup_free(inner);
	unmake(cgroup);
}

static void not_below(void **state)
{
	static const struct {
		const char *path, *error;
		bool v1_only;
	} rows[] = {
		{ "..", " .. is not a sub cgroup path", false },
		{ "a/../../x", "`..` components are not allowed", false },
		{ "memory:..", " .. is not a sub cgroup path", true },
		{ "nosuch", "/nosuch/cgroup.procs: no such file ", false },
		{ "cpu:nosuch", "/nosuch/cgroup.procs: no such file ", true },
		{ "whaaat:/", "unknown controller whaaat", true },
	};
	struct spec_resources limits = no_limits();
	struct cgroup *cgroup;

	(void)state;
	NEED_ROOT();
	cgroup = make("fence", &limits);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char *const paths[] = { (char *)rows[i].path, NULL };
		cleanup_error struct error *err = NULL;
		struct cgroup *none = NULL;

		if (rows[i].v1_only && the_host()->mode == CGROUP_V2)
			continue;
		assert_int_equal(cgroup_open_below(cgroup, paths, &none, &err), -1);
		if (!strstr(error_message(err), rows[i].error))
			fail_msg("%s: %s", rows[i].path, error_message(err));
	}
	unmake(cgroup);
}

static void around(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup, *inner, *found = NULL;
	pid_t pid;

	(void)state;
	NEED_ROOT();
	NEED(the_host()->unified, "no v2 tree");
	cgroup = make("far", &limits);
	inner = make("far/off", &limits);
	pid = start_in(inner, wait_forever);
	ok(cgroup_open_around(cgroup, pid, &found, &err), &err);
	assert_string_equal(cgroup_dir(found, cgroup->host->unified), inner->dir);
	assert_true(cgroup_clone_fd(found) >= 0);
	cgroup_free(found);
	/* Who is outside must not lead us out. */
	assert_int_equal(cgroup_open_around(cgroup, getpid(), &found, &err), -1);
	error_free(take_ptr(err));
	cgroup_free(inner);
	ok(cgroup_kill(cgroup, &err), &err);
	(void)status_of(pid);
	unmake(cgroup);
}

static uid_t owner_of(const struct cgroup *cgroup, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(cgroup->v2_fd, name, &st, AT_EMPTY_PATH), 0);
	return st.st_uid;
}

static void delegated(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup;

	(void)state;
	NEED_ROOT();
	cgroup = make("given", &limits);
	ok(cgroup_delegate(cgroup, 100000, 100001, &err), &err);
	if (the_host()->mode == CGROUP_V2) {
		assert_int_equal(owner_of(cgroup, ""), 100000);
		assert_int_equal(owner_of(cgroup, "cgroup.procs"), 100000);
		assert_int_equal(owner_of(cgroup, "cgroup.subtree_control"), 100000);
		assert_int_equal(owner_of(cgroup, "memory.max"), 0); /* the limit stays ours */
	}
	unmake(cgroup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enters_by_itself),
		cmocka_unit_test(bury_kills),
		cmocka_unit_test(shared),
		cmocka_unit_test(frozen_before),
		cmocka_unit_test(frozen_inside),
		cmocka_unit_test(below),
		cmocka_unit_test(below_one_controller),
		cmocka_unit_test(not_below),
		cmocka_unit_test(around),
		cmocka_unit_test(delegated),
	};

	return cmocka_run_group_tests(tests, NULL, remove_parent);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/id.h"
#include "cgroup/cgroup.h"
#include "monitor/client.h"
#include "runtime/seccomp.h"
#include "sys/process.h"

#define BUSYBOX "/bin/busybox"
#define SKIPPED 77 /* meson's exit code for it */

const struct monitor_attach attach_output = { .stdout = 1, .stderr = 1 };
const struct monitor_attach attach_input = { .stdin = 1, .stdout = 1, .stderr = 1 };
const struct monitor_attach attach_nothing = { 0 };

static struct msg received;

/* ---- making ---- */

static void copy_file(const char *from, const char *to)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *bytes = NULL;
	ssize_t length = file_read_at(AT_FDCWD, from, 64 << 20, &bytes, &err);

	if (length < 0 ||
		file_replace_at(AT_FDCWD, to, bytes, (size_t)length, 0755, false, &err) < 0)
		fail_msg("%s", error_message(err));
}

static void make_rootfs(const char *dir)
{
	static const char *const dirs[] = { "bin", "dev", "proc", "sys", "tmp", "etc" };
	static const char *const applets[] = { "sh", "cat", "sleep", "yes", "head", "stty", "tty",
		"wc", "id", "true", "dd", "tail", "kill", "ls" };
	cleanup_free char *busybox = xasprintf("%s/rootfs/bin/busybox", dir);
	cleanup_free char *root = xasprintf("%s/rootfs", dir);

	assert_int_equal(mkdir(root, 0755), 0);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		cleanup_free char *path = xasprintf("%s/%s", root, dirs[i]);

		assert_int_equal(mkdir(path, 0755), 0);
	}
	copy_file(BUSYBOX, busybox);
	for (size_t i = 0; i < sizeof(applets) / sizeof(*applets); i++) {
		cleanup_free char *path = xasprintf("%s/bin/%s", root, applets[i]);

		assert_int_equal(symlink("busybox", path), 0);
	}
}

static void make_spec(struct box *box, const char *shell)
{
	static const int namespaces[] = { CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWIPC, CLONE_NEWUTS,
		CLONE_NEWNET, CLONE_NEWCGROUP };
	struct spec *spec = &box->spec;
	struct spec_capabilities *capabilities = &spec->process.capabilities;

	spec_init(spec);
	spec->root_path = xasprintf("%s/rootfs", box->dir);
	spec->hostname = xstrdup("box");
	spec->cgroups_path = xasprintf("/vessel-monitor-test-%d/%.12s", (int)getpid(), box->id);
	strv_append(&spec->process.args, "sh");
	strv_append(&spec->process.args, "-c");
	strv_append(&spec->process.args, shell);
	strv_append(&spec->process.env, "PATH=/bin");
	spec->process.cwd = xstrdup("/");
	capabilities->bounding = capabilities->permitted = CAPABILITIES_DEFAULT;
	capabilities->effective = CAPABILITIES_DEFAULT;
	spec_add_mount(spec, "/proc", "proc", "proc", "nosuid,noexec,nodev");
	spec_add_mount(spec, "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k");
	spec_add_mount(spec, "/dev/pts", "devpts", "devpts",
		"nosuid,noexec,newinstance,ptmxmode=0666,mode=0620");
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(*namespaces); i++)
		spec_add_namespace(spec, namespaces[i], NULL);
}

/* Where this program is: all boxes are made there, and go with it. */
static const char *home(void)
{
	static char path[64];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	assert_true(length > 0);
	path[length] = '\0';
	*strrchr(path, '/') = '\0';
	return path;
}

void box_init(struct box *box, const char *shell)
{
	*box = (struct box){ .run_fd = -1, .connection = -1 };
	(void)snprintf(box->dir, sizeof(box->dir), "%s/box.XXXXXX", home());
	assert_non_null(mkdtemp(box->dir));
	id_make(box->id);
	(void)snprintf(box->run_dir, sizeof(box->run_dir), "%s/run", box->dir);
	assert_int_equal(mkdir(box->run_dir, 0700), 0);
	box->run_fd = open(box->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(box->run_fd >= 0);
	make_rootfs(box->dir);
	make_spec(box, shell);
	box->config = (struct monitor_config){ .id = xstrdup(box->id),
		.container_dir = xstrdup(box->dir),
		.log_path = xasprintf("%s/json.log", box->dir),
		.root = xstrdup("/nowhere"),
		.run_dir = xstrdup(box->dir) };
}

void box_spawn(struct box *box)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *bundle = spec_text(&box->spec);
	struct monitor_created created;

	if (file_replace_at(
		    box->run_fd, MONITOR_BUNDLE, bundle, strlen(bundle), 0600, false, &err) < 0 ||
		monitor_config_write(box->run_fd, &box->config, &err) < 0)
		fail_msg("%s", error_message(err));
	box->connection = monitor_spawn(box->run_dir, &err);
	if (box->connection < 0 || monitor_begin(box->connection, &err) < 0)
		fail_msg("%s", error_message(err));
	memcpy(&created, box_expect(box->connection, MONITOR_CREATED)->data, sizeof(created));
	box->init = created.pid;
	assert_int_equal(process_start_time(box->init), created.start_time);
}

void box_start(struct box *box, const struct monitor_attach *attach)
{
	cleanup_error struct error *err = NULL;
	struct monitor_state state;

	if (attach)
		assert_int_equal(
			msg_send(box->connection, MONITOR_ATTACH, attach, sizeof(*attach), &err),
			0);
	assert_int_equal(msg_send(box->connection, MONITOR_START, NULL, 0, &err), 0);
	(void)box_expect(box->connection, MONITOR_STARTED);
	/* A short container may have ended, and taken its state with it. */
	if (monitor_state_read(box->run_fd, &state, &err) == 1) {
		assert_int_equal(state.pid, box->init);
		box->monitor = state.monitor_pid;
	}
}

void box_run(struct box *box, const struct monitor_attach *attach)
{
	box_spawn(box);
	box_start(box, attach);
}

int box_connect(struct box *box, const struct monitor_attach *attach)
{
	cleanup_error struct error *err = NULL;
	int fd = monitor_connect(box->run_fd, &err);

	if (fd < 0 || (attach && msg_send(fd, MONITOR_ATTACH, attach, sizeof(*attach), &err) < 0))
		fail_msg("%s", error_message(err));
	return fd;
}

/* ---- looking ---- */

struct msg *box_expect(int connection, enum monitor_message type)
{
	cleanup_error struct error *err = NULL, *sent = NULL;
	int got = msg_receive(connection, &received, &err);

	if (got <= 0)
		fail_msg("wanted message %d, got %s", (int)type,
			got ? error_message(err) : "the end");
	if (received.type == MONITOR_ERROR && type != MONITOR_ERROR) {
		(void)error_unpack(&sent, received.data, received.length);
		fail_msg("wanted message %d, got the error: %s", (int)type, error_message(sent));
	}
	assert_int_equal(received.type, type);
	return &received;
}

void box_collect(int connection, struct outcome *ret)
{
	cleanup_error struct error *err = NULL;
	struct monitor_exit ended;

	*ret = (struct outcome){
		.out = BUF_INIT(256UL << 20), .err = BUF_INIT(BUF_LARGE), .code = -1
	};
	while (msg_receive(connection, &received, &err) == 1) {
		if (received.type == MONITOR_STDOUT)
			buf_append(&ret->out, received.data, received.length);
		else if (received.type == MONITOR_STDERR)
			buf_append(&ret->err, received.data, received.length);
		if (received.type != MONITOR_EXITED)
			continue;
		assert_int_equal(received.length, sizeof(ended));
		memcpy(&ended, received.data, sizeof(ended));
		ret->code = ended.code;
		ret->oom_killed = ended.oom_killed;
	}
}

void outcome_done(struct outcome *outcome)
{
	buf_done(&outcome->out);
	buf_done(&outcome->err);
}

void box_await_end(struct box *box)
{
	cleanup_error struct error *err = NULL;

	EVENTUALLY(monitor_is_alive(box->run_fd, &err) == 0);
}

int count_fds(pid_t pid)
{
	char path[64];
	int count = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count - 2;
}

long process_pss(pid_t pid)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *text = NULL;
	const char *pss;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	if (file_read_at(AT_FDCWD, path, 65536, &text, &err) < 0)
		fail_msg("%s", error_message(err));
	pss = strstr(text, "\nPss:");
	assert_non_null(pss);
	return strtol(pss + 5, NULL, 10);
}

/* ---- the end ---- */

static bool has_cgroup(const struct box *box)
{
	cleanup_error struct error *err = NULL;
	cleanup_cgroup struct cgroup *cgroup = NULL;

	return cgroup_open(box->spec.cgroups_path, CGROUP_FS, &cgroup, &err) == 0;
}

static void forget(struct box *box)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *parent = xasprintf("/vessel-monitor-test-%d", (int)getpid());
	cleanup_cgroup struct cgroup *cgroup = NULL;

	if (cgroup_open(parent, CGROUP_FS, &cgroup, &err) == 0)
		(void)cgroup_remove(cgroup, &err);
	close_fd(box->connection);
	close_fd(box->run_fd);
	spec_done(&box->spec);
	monitor_config_done(&box->config);
	error_free(take_ptr(err));
	if (tree_remove_at(AT_FDCWD, box->dir, &err) < 0)
		fail_msg("%s", error_message(err));
}

void box_check_gone(struct box *box)
{
	box_await_end(box);
	EVENTUALLY(box->init == 0 || process_start_time(box->init) == 0);
	EVENTUALLY(!has_cgroup(box));
	assert_int_equal(faccessat(box->run_fd, MONITOR_STATE, F_OK, 0), -1);
	assert_int_equal(faccessat(box->run_fd, MONITOR_SOCKET, F_OK, 0), -1);
	forget(box);
}

void box_done(struct box *box)
{
	if (box->init > 0)
		(void)kill(box->init, SIGKILL);
	box_check_gone(box);
}

/* ---- the program ---- */

/* As `vessel`: writes how it was called into --run-dir. */
static void __attribute__((noreturn)) be_vessel(int argc, char **argv)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *path = NULL, *words = strv_join(argv + 1, " ");

	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "--run-dir") == 0)
			path = xasprintf("%s/reaped", argv[i + 1]);
	_exit(path && file_replace_at(AT_FDCWD, path, words, strlen(words), 0600, false, &err) < 0);
}

/* What a failed test has left: its containers, and with them their monitors, and all files. */
static void clean_up(pid_t test, const char *dir)
{
	cleanup_free char *path = xasprintf("/vessel-monitor-test-%d", (int)test);
	cleanup_error struct error *missing = NULL, *err = NULL;
	cleanup_cgroup struct cgroup *cgroup = NULL;

	if (cgroup_open(path, CGROUP_FS, &cgroup, &missing) == 0) {
		(void)cgroup_kill(cgroup, &err);
		usleep(500000); /* the monitors write their records */
		(void)cgroup_remove(cgroup, &missing);
	}
	error_free(take_ptr(err));
	if (tree_remove_at(AT_FDCWD, dir, &err) < 0)
		(void)fprintf(stderr, "%s\n", error_message(err));
}

static void run_beside(char **argv, const char *monitor)
{
	static char dir[] = "/tmp/monitor_test.XXXXXX";
	const char *const names[] = { "vessel-monitor", "vessel", "test" };
	int status = 1;
	pid_t pid;

	if (!mkdtemp(dir))
		_exit(1);
	for (size_t i = 0; i < 3; i++) {
		cleanup_free char *path = xasprintf("%s/%s", dir, names[i]);

		copy_file(i == 0 ? monitor : "/proc/self/exe", path);
	}
	pid = fork();
	if (pid == 0) {
		cleanup_free char *path = xasprintf("%s/test", dir);
		char *const args[] = { argv[0], NULL };

		(void)execv(path, args);
		_exit(1);
	}
	(void)waitpid(pid, &status, 0);
	clean_up(pid, dir);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

void box_main(int argc, char **argv)
{
	if (strcmp(argv[0], "vessel") == 0)
		be_vessel(argc, argv);
	if (geteuid() != 0) {
		(void)printf("skipped: containers need root\n");
		exit(SKIPPED);
	}
	if (access(BUSYBOX, X_OK) < 0) {
		(void)printf("skipped: no %s (package busybox-static)\n", BUSYBOX);
		exit(SKIPPED);
	}
	if (argc > 1)
		run_beside(argv, argv[1]);
	if (getenv("MONITOR_TEST"))
		cmocka_set_test_filter(getenv("MONITOR_TEST"));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: what the kernel itself charges for a container. It asks for the same things as
 * "vessel run" and "vessel exec" (namespaces, cgroups in every hierarchy with the device rules, an
 * overlay root, the usual mounts, masked and read-only paths, veth with address and route, execve)
 * by bare system calls, and does nothing else: no image, no record, no monitor, no log.
 *
 *	floor run none|bridge N LOWER SCRATCH	LOWER: a root with a static /bin/true
 *	floor exec N LOWER SCRATCH		in one container, a further process N times
 *	floor time N PROGRAM [ARG...]		the same clock, for another program
 *
 * prints one duration per line, in microseconds: from nothing there to nothing left. Needs root.
 * With "bridge" it uses a network namespace and a bridge of its own.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "floor_net.h"

#define HIERARCHIES_MAX 24
#define NAMESPACES (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET)
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct {
	const char *source, *target, *type, *options;
	unsigned long flags;
} mounts[] = {
	{ "proc", "proc", "proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "tmpfs", "dev", "tmpfs", "mode=755,size=65536k", MS_NOSUID | MS_STRICTATIME },
	{ "devpts", "dev/pts", "devpts", "newinstance,ptmxmode=0666,mode=0620,gid=5",
		MS_NOSUID | MS_NOEXEC },
	{ "shm", "dev/shm", "tmpfs", "mode=1777,size=65536k", MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "mqueue", "dev/mqueue", "mqueue", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "sysfs", "sys", "sysfs", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY },
};

static const struct {
	const char *path;
	unsigned int major, minor;
} nodes[] = {
	{ "dev/null", 1, 3 },
	{ "dev/zero", 1, 5 },
	{ "dev/full", 1, 7 },
	{ "dev/random", 1, 8 },
	{ "dev/urandom", 1, 9 },
	{ "dev/tty", 5, 0 },
};

static const char *const links[][2] = { { "/proc/self/fd", "dev/fd" },
	{ "/proc/self/fd/0", "dev/stdin" }, { "/proc/self/fd/1", "dev/stdout" },
	{ "/proc/self/fd/2", "dev/stderr" }, { "pts/ptmx", "dev/ptmx" } };

static const char *const masked[] = { "/proc/asound", "/proc/acpi", "/proc/interrupts",
	"/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
	"/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap" };
static const char *const read_only[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
	"/proc/sysrq-trigger" };

/* v1: first everything is denied, then this is allowed. */
static const char *const device_rules[] = { "c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm",
	"c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm",
	"c 10:200 rwm" };

struct hierarchy {
	int parent_fd; /* of our directory there */
	bool v2, has_devices;
};

struct floor {
	struct hierarchy hierarchies[HIERARCHIES_MAX];
	size_t hierarchy_count;
	int roots[HIERARCHIES_MAX];
	char name[32]; /* of that directory */
	char *lower, *scratch; /* absolute */
	int scratch_fd;
	bool bridge;
	struct floor_net net;
};

static int64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void print_us(int64_t start)
{
	printf("%.1f\n", (double)(now_ns() - start) / 1000);
}

static void must(long result, const char *what)
{
	if (result < 0)
		err(1, "%s", what);
}

static void write_at(int dir_fd, const char *path, const char *text)
{
	int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(1, "write '%s' to %s", text, path);
	(void)close(fd);
}

static bool copy_at(int from_fd, int to_fd, const char *name)
{
	char text[4096];
	int fd = openat(from_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		(void)close(fd);
	if (length < 0)
		return false;
	text[length] = '\0';
	write_at(to_fd, name, text);
	return true;
}

/* Once, before the clock: the parent that an engine's containers share. */
static void add_hierarchy(struct floor *f, const char *mount_point, const char *options, bool v2)
{
	struct hierarchy *h = &f->hierarchies[f->hierarchy_count];
	int root_fd = open(mount_point, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root_fd < 0 || f->hierarchy_count == HIERARCHIES_MAX)
		return;
	if (mkdirat(root_fd, f->name, 0755) < 0) {
		(void)close(root_fd);
		return;
	}
	h->parent_fd = openat(root_fd, f->name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	must(h->parent_fd, "open cgroup");
	h->v2 = v2;
	h->has_devices = !v2 && strstr(options, "devices");
	if (!v2 && copy_at(root_fd, h->parent_fd, "cpuset.cpus")) {
		(void)copy_at(root_fd, h->parent_fd, "cpuset.mems");
		write_at(h->parent_fd, "cgroup.clone_children", "1");
	}
	f->roots[f->hierarchy_count++] = root_fd;
}

static void find_hierarchies(struct floor *f)
{
	char line[1024], mount_point[256], options[256], type[16];
	FILE *file = fopen("/proc/self/mounts", "re");

	if (!file)
		err(1, "/proc/self/mounts");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %255s %15s %255s", mount_point, type, options) == 3 &&
			strncmp(type, "cgroup", 6) == 0)
			add_hierarchy(f, mount_point, options, strcmp(type, "cgroup2") == 0);
	(void)fclose(file);
}

static void leave_hierarchies(struct floor *f)
{
	for (size_t i = 0; i < f->hierarchy_count; i++)
		(void)unlinkat(f->roots[i], f->name, AT_REMOVEDIR);
}

static void allow_devices(int parent_fd)
{
	int fd;

	write_at(parent_fd, "c/devices.deny", "a");
	fd = openat(parent_fd, "c/devices.allow", O_WRONLY | O_CLOEXEC);
	must(fd, "devices.allow");
	for (size_t i = 0; i < COUNT(device_rules); i++)
		must(write(fd, device_rules[i], strlen(device_rules[i])), device_rules[i]);
	(void)close(fd);
}

static void make_cgroups(struct floor *f)
{
	for (size_t i = 0; i < f->hierarchy_count; i++) {
		must(mkdirat(f->hierarchies[i].parent_fd, "c", 0755), "make cgroup");
		if (f->hierarchies[i].has_devices)
			allow_devices(f->hierarchies[i].parent_fd);
	}
}

static void enter_cgroups(struct floor *f, pid_t pid)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	for (size_t i = 0; i < f->hierarchy_count; i++)
		write_at(f->hierarchies[i].parent_fd, "c/cgroup.procs", text);
}

static void remove_cgroups(struct floor *f)
{
	for (size_t i = 0; i < f->hierarchy_count; i++)
		while (unlinkat(f->hierarchies[i].parent_fd, "c", AT_REMOVEDIR) < 0)
			if (errno != EBUSY)
				err(1, "remove cgroup");
}

static void make_dirs(struct floor *f)
{
	must(mkdirat(f->scratch_fd, "c", 0700), "mkdir");
	must(mkdirat(f->scratch_fd, "c/upper", 0755), "mkdir");
	must(mkdirat(f->scratch_fd, "c/work", 0700), "mkdir");
	must(mkdirat(f->scratch_fd, "c/root", 0700), "mkdir");
}

static void remove_dirs(struct floor *f)
{
	static const char *const dirs[] = { "c/root", "c/work/work", "c/work", "c/upper", "c" };

	for (size_t i = 0; i < COUNT(dirs); i++)
		must(unlinkat(f->scratch_fd, dirs[i], AT_REMOVEDIR), dirs[i]);
}

static void mask_paths(void)
{
	bool has_empty = false;
	struct stat st;

	for (size_t i = 0; i < COUNT(masked); i++) {
		if (stat(masked[i], &st) < 0)
			continue;
		if (!S_ISDIR(st.st_mode)) {
			must(mount("/dev/null", masked[i], NULL, MS_BIND, NULL), masked[i]);
		} else if (has_empty) {
			must(mount("/sys/firmware", masked[i], NULL, MS_BIND, NULL), masked[i]);
		} else {
			must(mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, "size=0"), masked[i]);
			has_empty = strcmp(masked[i], "/sys/firmware") == 0;
		}
	}
	for (size_t i = 0; i < COUNT(read_only); i++)
		if (mount(read_only[i], read_only[i], NULL, MS_BIND | MS_REC, NULL) == 0)
			must(mount(NULL, read_only[i], NULL,
				     MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV |
					     MS_NOEXEC,
				     NULL),
				read_only[i]);
}

static void make_dev(void)
{
	for (size_t i = 0; i < COUNT(nodes); i++)
		must(mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)),
			nodes[i].path);
	for (size_t i = 0; i < COUNT(links); i++)
		must(symlink(links[i][0], links[i][1]), links[i][1]);
}

static void enter_root(struct floor *f)
{
	char options[4096];

	/* By name: the fd belongs to the mount namespace that we came from. */
	must(chdir(f->scratch), "scratch");
	(void)snprintf(
		options, sizeof(options), "lowerdir=%s,upperdir=c/upper,workdir=c/work", f->lower);
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
	must(mount("overlay", "c/root", "overlay", 0, options), "overlay");
	must(chdir("c/root"), "root");
	for (size_t i = 0; i < COUNT(mounts); i++) {
		if (strncmp(mounts[i].target, "dev/", 4) == 0)
			must(mkdir(mounts[i].target, 0755), mounts[i].target);
		must(mount(mounts[i].source, mounts[i].target, mounts[i].type, mounts[i].flags,
			     mounts[i].options),
			mounts[i].target);
	}
	make_dev();
	must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(umount2(".", MNT_DETACH), "umount");
	must(chdir("/"), "/");
	mask_paths();
}

static _Noreturn void child(struct floor *f, int go_fd, char *const *args)
{
	char *const env[] = { (char *)"PATH=/bin", NULL };
	char go;

	enter_root(f);
	must(sethostname("floor", 5), "hostname");
	if (read(go_fd, &go, 1) != 1)
		_exit(1);
	must(unshare(CLONE_NEWCGROUP), "cgroup namespace");
	floor_net_configure(f->bridge);
	execve(args[0], args, env);
	err(1, "%s", args[0]);
}

static pid_t start(struct floor *f, char *const *args)
{
	struct clone_args clone = { .flags = NAMESPACES, .exit_signal = SIGCHLD };
	int go[2];
	pid_t pid;

	make_dirs(f);
	make_cgroups(f);
	must(pipe2(go, O_CLOEXEC), "pipe");
	pid = (pid_t)syscall(SYS_clone3, &clone, sizeof(clone));
	must(pid, "clone3");
	if (pid == 0)
		child(f, go[0], args);
	enter_cgroups(f, pid);
	if (f->bridge)
		floor_net_plug(&f->net, pid);
	must(write(go[1], "", 1), "go");
	(void)close(go[0]);
	(void)close(go[1]);
	return pid;
}

static void wait_for(pid_t pid, bool killed)
{
	int status = 0;

	must(waitpid(pid, &status, 0), "wait");
	if (!killed && status != 0)
		errx(1, "the program ended with status %#x", (unsigned int)status);
}

static void run(struct floor *f, int count)
{
	char *const args[] = { (char *)"/bin/true", NULL };

	for (int i = 0; i < count; i++) {
		int64_t begin = now_ns();

		wait_for(start(f, args), false);
		remove_cgroups(f);
		remove_dirs(f);
		print_us(begin);
	}
}

/* The one in between enters; its child is in the new pid namespace. */
static void exec_once(struct floor *f, int pidfd)
{
	pid_t between = fork();
	int status = 0;

	must(between, "fork");
	if (between == 0) {
		pid_t pid;

		enter_cgroups(f, getpid());
		must(setns(pidfd, NAMESPACES | CLONE_NEWCGROUP), "setns");
		pid = fork();
		must(pid, "fork");
		if (pid == 0) {
			execl("/bin/true", "/bin/true", (char *)NULL);
			_exit(127);
		}
		must(waitpid(pid, &status, 0), "wait");
		_exit(WEXITSTATUS(status));
	}
	wait_for(between, false);
}

static void exec_in(struct floor *f, int count)
{
	char *const args[] = { (char *)"/bin/sleep", (char *)"3600", NULL };
	pid_t pid = start(f, args);
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	must(pidfd, "pidfd_open");
	(void)usleep(50 * 1000); /* it is inside by then */
	for (int i = 0; i < count; i++) {
		int64_t begin = now_ns();

		exec_once(f, pidfd);
		print_us(begin);
	}
	(void)kill(pid, SIGKILL);
	wait_for(pid, true);
	remove_cgroups(f);
	remove_dirs(f);
}

static int time_program(int count, char **args)
{
	for (int i = 0; i < count; i++) {
		int64_t begin = now_ns();
		int status = 0;
		pid_t pid;

		if (posix_spawnp(&pid, args[0], NULL, NULL, args, environ) != 0)
			errx(1, "%s: cannot be started", args[0]);
		must(waitpid(pid, &status, 0), "wait");
		if (status != 0)
			errx(1, "%s ended with status %#x", args[0], (unsigned int)status);
		print_us(begin);
	}
	return 0;
}

static int usage(void)
{
	(void)fputs("usage: floor run none|bridge N LOWER SCRATCH\n"
		    "       floor exec N LOWER SCRATCH\n"
		    "       floor time N PROGRAM [ARG...]\n",
		stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct floor f = { 0 };
	bool is_run = argc == 6 && strcmp(argv[1], "run") == 0;
	bool is_exec = argc == 5 && strcmp(argv[1], "exec") == 0;
	int count;

	(void)setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (argc >= 4 && strcmp(argv[1], "time") == 0)
		return time_program((int)strtol(argv[2], NULL, 10), argv + 3);
	if (!is_run && !is_exec)
		return usage();
	count = (int)strtol(argv[argc - 3], NULL, 10);
	f.lower = realpath(argv[argc - 2], NULL);
	f.scratch = realpath(argv[argc - 1], NULL);
	if (!f.lower || !f.scratch)
		err(1, "%s", f.lower ? argv[argc - 1] : argv[argc - 2]);
	f.bridge = is_run && strcmp(argv[2], "bridge") == 0;
	f.scratch_fd = open(f.scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(f.scratch_fd, f.scratch);
	(void)snprintf(f.name, sizeof(f.name), "floor-%d", (int)getpid());
	if (f.bridge)
		floor_net_init(&f.net);
	find_hierarchies(&f);
	if (is_run)
		run(&f, count);
	else
		exec_in(&f, count);
	leave_hierarchies(&f);
	free(f.lower);
	free(f.scratch);
	return 0;
}

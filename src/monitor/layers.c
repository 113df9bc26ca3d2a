/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts of layers that are not unpacked (sys/lower.h). What the kernel has read of a file it keeps
 * with the mount it was read through, so a hundred containers of one image, each with mounts of its
 * own, would have a hundred copies of it in memory. So monitors hold the mounts while their
 * container runs, and lend them: who starts a container takes the fds of one that runs already
 * (pidfd_getfd(2)). No mount table shows these mounts, and they go with the last process that holds
 * them, however it ends. Dropping one takes a millisecond, too: now that is at a container's end.
 *
 *   RUN/layers/<device>-<inode>-<change time of the index>/<pid>-<inode of its pidfd>-<fd>
 *
 * An entry is a hint: whom it names may be gone, and what it lends is looked at. Inodes of pidfds
 * are of one process since Linux 6.9; mounts of this kind need a later one.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "monitor/internal.h"
#include "sys/lower.h"
#include "sys/process.h"

#define LAYERS "layers"
#define EROFS_SUPER_MAGIC 0xe0f5e1e2
#define PUBLISH_TRIES 8
#define TIDY_MAX 64 /* entries looked at by one who ends */

/* The directory in RUN of a layer's lenders; NULL when there is none to be. */
static char *lenders_path(const struct monitor *m, const char *index)
{
	struct stat st;

	if (!m->config.run_dir || stat(index, &st) < 0)
		return NULL;
	return xasprintf("%s/" LAYERS "/%llx-%llx-%llx.%lx", m->config.run_dir,
		(unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
		(unsigned long long)st.st_ctim.tv_sec, (unsigned long)st.st_ctim.tv_nsec);
}

/* Its process, and the number of the fd there; -1 when that has ended. */
static int open_lender(const char *entry, int *ret_number)
{
	cleanup_error struct error *gone = NULL;
	cleanup_close int pidfd = -1;
	unsigned long long inode;
	struct stat st;
	int pid;

	// NOLINTNEXTLINE(cert-err34-c): a number out of range names no process
	if (sscanf(entry, "%d-%llx-%d", &pid, &inode, ret_number) != 3 || pid <= 0)
		return -1;
	pidfd = pidfd_open_pid(pid, &gone);
	if (pidfd < 0 || fstat(pidfd, &st) < 0 || st.st_ino != inode)
		return -1;
	/* One that nobody has waited for is there, but has no fds any more. */
	return pidfd_wait(pidfd, 0, &gone) != 0 ? -1 : take_fd(&pidfd);
}

/* The lender's mount, or -1. */
static int borrow(const char *entry)
{
	cleanup_error struct error *gone = NULL;
	cleanup_close int pidfd = -1, fd = -1;
	struct statfs fs;
	int number;

	pidfd = open_lender(entry, &number);
	fd = pidfd < 0 ? -1 : pidfd_get_fd(pidfd, number, &gone);
	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != EROFS_SUPER_MAGIC)
		return -1;
	return take_fd(&fd);
}

static const char *next_entry(DIR *dir)
{
	const struct dirent *entry;

	do
		entry = readdir(dir); // NOLINT(concurrency-mt-unsafe): a stream of our own
	while (entry && entry->d_name[0] == '.');
	return entry ? entry->d_name : NULL;
}

static int borrow_any(const char *path)
{
	DIR *dir = opendir(path);
	const char *entry;
	int fd = -1;

	while (dir && fd < 0 && (entry = next_entry(dir)))
		fd = borrow(entry);
	if (dir)
		(void)closedir(dir);
	return fd;
}

/* Removes what those who were killed have left, and the directory when nothing stays. */
static void tidy(const char *path)
{
	DIR *dir = opendir(path);
	const char *entry;

	for (int i = 0; dir && i < TIDY_MAX && (entry = next_entry(dir)); i++) {
		int number, pidfd = open_lender(entry, &number);

		if (pidfd < 0)
			(void)unlinkat(dirfd(dir), entry, 0);
		close_fd(pidfd);
	}
	if (dir)
		(void)closedir(dir);
	(void)rmdir(path);
}

/* The path of our entry, or NULL: then nobody borrows. */
static char *publish(const char *path, int mount_fd)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_close int self = pidfd_open_pid(getpid(), &ignored);
	cleanup_free char *entry = NULL;
	struct stat st;

	if (self < 0 || fstat(self, &st) < 0)
		return NULL;
	entry = xasprintf(
		"%s/%d-%llx-%d", path, (int)getpid(), (unsigned long long)st.st_ino, mount_fd);
	/* Who ends removes an empty directory, perhaps just now. */
	for (int i = 0; i < PUBLISH_TRIES; i++) {
		cleanup_close int dir_fd = dir_make_at(AT_FDCWD, path, 0700, &ignored), fd = -1;

		if (dir_fd < 0)
			return NULL;
		fd = open(entry, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0)
			return take_ptr(entry);
	}
	return NULL;
}

static int hold(struct monitor *m, struct held_layer *layer, char **lower, struct error **err)
{
	cleanup_free char *path = lenders_path(m, *lower);

	layer->fd = path ? borrow_any(path) : -1;
	if (layer->fd < 0)
		layer->fd = lower_mount(*lower, err);
	if (layer->fd < 0)
		return -1;
	layer->entry = path ? publish(path, layer->fd) : NULL;
	/* Init, which has none of our fds, mounts the overlay while it sees the host's /proc. */
	replace_string(lower, xasprintf("/proc/%d/fd/%d", (int)getpid(), layer->fd));
	return 0;
}

int layers_hold(struct monitor *m, struct error **err)
{
	strv lowers = m->spec.overlay.lower;

	m->layers = xcalloc(strv_length(lowers) + 1, sizeof(*m->layers));
	for (; lowers && *lowers; lowers++) {
		if (!lower_is_index(*lowers))
			continue;
		if (hold(m, &m->layers[m->layer_count], lowers, err) < 0)
			return -1;
		m->layer_count++;
	}
	return 0;
}

void layers_release(struct monitor *m)
{
	for (size_t i = 0; i < m->layer_count; i++) {
		char *entry = m->layers[i].entry, *slash;

		if (entry) {
			(void)unlink(entry);
			slash = strrchr(entry, '/');
			*slash = '\0';
			if (rmdir(entry) < 0)
				tidy(entry);
		}
		free(entry);
		close_fd(m->layers[i].fd);
	}
	free(m->layers);
	m->layers = NULL;
	m->layer_count = 0;
}

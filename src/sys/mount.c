/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls are made by number: glibc 2.36 has wrappers for most of them in <sys/mount.h>, which
 * cannot be included together with <linux/mount.h>.
 */
#include "sys/mount.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/strv.h"
#include "sys/lower.h"

#define FSCONFIG_TEXT_MAX 256 /* what the kernel takes as one value, with its NUL */
#define MOUNT_DATA_MAX 4096 /* what mount(2) takes: one page */
#define PROPAGATION_ALL ((uint64_t)(MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE))
#define UMOUNT_DETACH 2 /* MNT_DETACH of <sys/mount.h> */

/*
 * The kernel's explanation ("e overlay: ...") can be read from the context's fd, and says much more
 * than errno does.
 */
static int context_failed(int context_fd, struct error **err, const char *type, const char *what)
{
	int saved = errno;
	char log[512];
	ssize_t length = read(context_fd, log, sizeof(log) - 1);

	errno = saved;
	if (length <= 2)
		return error_sys(err, "%s '%s'", what, type);
	log[length] = '\0';
	if (log[length - 1] == '\n')
		log[length - 1] = '\0';
	return error_sys(err, "%s '%s': %s", what, type, log + 2);
}

static int context_set(int context_fd, const char *key, const char *value)
{
	if (!value)
		return (int)syscall(SYS_fsconfig, context_fd, FSCONFIG_SET_FLAG, key, NULL, 0);
	return (int)syscall(SYS_fsconfig, context_fd, FSCONFIG_SET_STRING, key, value, 0);
}

static int context_mount(int context_fd, const char *type, uint64_t attrs, struct error **err)
{
	int fd;

	if (syscall(SYS_fsconfig, context_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return context_failed(context_fd, err, type, "make file system");
	fd = (int)syscall(SYS_fsmount, context_fd, FSMOUNT_CLOEXEC, (unsigned int)attrs);
	return fd < 0 ? context_failed(context_fd, err, type, "mount") : fd;
}

static int context_open(const char *type, struct error **err)
{
	int fd = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);

	if (fd >= 0)
		return fd;
	error_sys(err, "open file system '%s'", type);
	if (error_errno(*err) != ENODEV)
		return -1;
	error_hint(err, "this kernel has no '%s'", type);
	return error_as(err, ERROR_INVALID, "unknown file system");
}

int mount_new(const char *type, const char *source, const struct mount_option *options,
	uint64_t attrs, struct error **err)
{
	cleanup_close int context_fd = context_open(type, err);

	if (context_fd < 0)
		return -1;
	if (source && context_set(context_fd, "source", source) < 0)
		return context_failed(context_fd, err, type, "set the source of");
	for (; options && options->key; options++) {
		if (context_set(context_fd, options->key, options->value) == 0)
			continue;
		context_failed(context_fd, err, type, "mount");
		return error_as(err, ERROR_INVALID, "option '%s%s%s'", options->key,
			options->value ? "=" : "", options->value ? options->value : "");
	}
	return context_mount(context_fd, type, attrs, err);
}

/*
 * Paths longer than the kernel takes go by the number of an open fd; shorter ones are given as they
 * are, because that is what mountinfo shows.
 */
struct short_path {
	int fd;
	char text[FSCONFIG_TEXT_MAX];
};

static void short_path_done_p_(struct short_path *path)
{
	close_fd(path->fd);
}

static int shorten(const char *path, struct short_path *ret, struct error **err)
{
	size_t length = strlen(path);

	if (length < sizeof(ret->text)) {
		memcpy(ret->text, path, length + 1);
		return 0;
	}
	ret->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (ret->fd < 0)
		return error_sys(err, "open %s", path);
	(void)snprintf(ret->text, sizeof(ret->text), "/proc/self/fd/%d", ret->fd);
	return 0;
}

static int set_directory(int context_fd, const char *key, const char *path, struct error **err)
{
	struct short_path given CLEANUP(short_path_done) = { .fd = -1 };

	if (shorten(path, &given, err) < 0)
		return -1;
	if (context_set(context_fd, key, given.text) < 0) {
		context_failed(context_fd, err, "overlay", "mount");
		return error_wrap(err, "%s '%s'", key, path);
	}
	return 0;
}

/* ':' separates, and ',' does in mount(2)'s data: both are escaped. */
static void escape_path(struct buf *buf, const char *path)
{
	for (; *path; path++) {
		if (*path == ':' || *path == ',' || *path == '\\')
			buf_putc(buf, '\\');
		buf_putc(buf, *path);
	}
}

/*
 * mount(2) is the only way to hand over more than 255 bytes of lowers before Linux 6.5. It needs a
 * place to mount on: the topmost lower, for a moment, as nothing else looks there in the caller's
 * namespace.
 */
static int overlay_by_mount(char *const *lowers, const char *upper, const char *work,
	const char *joined, struct error **err)
{
	cleanup_buf struct buf data = BUF_INIT(MOUNT_DATA_MAX);
	const char *place = lowers[0];
	int fd;

	buf_printf(&data, "lowerdir=%s", joined);
	if (upper) {
		buf_puts(&data, ",upperdir=");
		escape_path(&data, upper);
		buf_puts(&data, ",workdir=");
		escape_path(&data, work);
	}
	if (buf_check(&data, "the list of layers", err) < 0)
		return error_hint(err, "Linux 6.5 mounts this many layers");
	if (syscall(SYS_mount, "overlay", place, "overlay", 0UL, buf_text(&data)) < 0)
		return error_sys(err, "mount overlay");
	fd = mount_clone(AT_FDCWD, place, false, err);
	(void)syscall(SYS_umount2, place, UMOUNT_DETACH);
	return fd;
}

static bool is_plain(const char *path)
{
	return !path || (strlen(path) < FSCONFIG_TEXT_MAX && !strpbrk(path, ":,\\"));
}

/*
 * Redirects and metadata-only copies would make an upper directory that is only half of a layer; a
 * kernel may have them on by default. One that does not know the options does not do it either.
 */
static int set_upper(int context_fd, const char *upper, const char *work, struct error **err)
{
	(void)context_set(context_fd, "redirect_dir", "off");
	(void)context_set(context_fd, "metacopy", "off");
	return set_directory(context_fd, "upperdir", upper, err) < 0 ||
			       set_directory(context_fd, "workdir", work, err) < 0
		       ? -1
		       : 0;
}

static int overlay_old(char *const *lowers, const char *upper, const char *work, struct error **err)
{
	cleanup_buf struct buf joined = BUF_INIT(MOUNT_DATA_MAX);
	cleanup_close int context_fd = -1;
	bool plain = is_plain(upper) && is_plain(work);

	for (char *const *lower = lowers; *lower; lower++) {
		if (lower != lowers)
			buf_putc(&joined, ':');
		escape_path(&joined, *lower);
		plain &= is_plain(*lower);
	}
	if (buf_check(&joined, "the list of layers", err) < 0)
		return error_hint(err, "Linux 6.5 mounts this many layers");
	if (!plain || joined.length >= FSCONFIG_TEXT_MAX)
		return overlay_by_mount(lowers, upper, work, buf_text(&joined), err);
	context_fd = context_open("overlay", err);
	if (context_fd < 0)
		return -1;
	if (context_set(context_fd, "lowerdir", buf_text(&joined)) < 0)
		return context_failed(context_fd, err, "overlay", "set the layers of");
	if (upper && set_upper(context_fd, upper, work, err) < 0)
		return -1;
	return context_mount(context_fd, "overlay", 0, err);
}

/* Mounts that overlay clones when it is made: until then they must stay. */
struct held {
	int *fds;
	size_t count;
};

static void held_done_p_(struct held *held)
{
	int saved = errno;

	while (held->count > 0)
		close_fd(held->fds[--held->count]);
	free(held->fds);
	errno = saved;
}

static int set_lower(int context_fd, const char *path, struct held *held, struct error **err)
{
	int fd;

	if (!lower_is_index(path))
		return set_directory(context_fd, "lowerdir+", path, err);
	fd = lower_mount(path, err);
	if (fd < 0)
		return -1;
	held->fds[held->count++] = fd;
	/* By fd since Linux 6.13; a detached mount since 6.15. */
	if (syscall(SYS_fsconfig, context_fd, FSCONFIG_SET_FD, "lowerdir+", NULL, fd) == 0)
		return 0;
	context_failed(context_fd, err, "overlay", "mount");
	return error_wrap(err, "lowerdir+ '%s'", path);
}

static int overlay_new(char *const *lowers, const char *upper, const char *work, uint64_t attrs,
	struct error **err)
{
	struct held held CLEANUP(held_done) = { xcalloc(strv_length(lowers) + 1, sizeof(int)), 0 };
	cleanup_close int context_fd = context_open("overlay", err);

	if (context_fd < 0)
		return -1;
	for (; *lowers; lowers++)
		if (set_lower(context_fd, *lowers, &held, err) < 0)
			return -1;
	if (upper && set_upper(context_fd, upper, work, err) < 0)
		return -1;
	return context_mount(context_fd, "overlay", attrs, err);
}

static bool has_index(char *const *lowers)
{
	while (*lowers && !lower_is_index(*lowers))
		lowers++;
	return *lowers != NULL;
}

/*
 * Before Linux 6.5 nobody looks at "lowerdir+" until the file system is made, and then it is one
 * EINVAL among others: so the old way is tried after each, and its error is as good.
 */
int mount_overlay(char *const *lowers, const char *upper, const char *work, uint64_t attrs,
	struct error **err)
{
	cleanup_close int fd = overlay_new(lowers, upper, work, attrs, err);

	if (fd < 0 && error_errno(*err) == EINVAL && !has_index(lowers)) {
		error_free(*err);
		*err = NULL;
		fd = overlay_old(lowers, upper, work, err);
		if (fd >= 0 && attrs && mount_set(fd, attrs, 0, 0, false, err) < 0)
			return -1;
	}
	return take_fd(&fd);
}

int mount_clone(int dir_fd, const char *path, bool recursive, struct error **err)
{
	unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
			     (recursive ? AT_RECURSIVE : 0U);
	int fd = (int)syscall(SYS_open_tree, dir_fd, path, flags);

	return fd < 0 ? error_sys(err, "clone the mount at '%s'", path) : fd;
}

int mount_set(int mount_fd, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive,
	struct error **err)
{
	struct mount_attr attr = {
		.attr_set = set, .attr_clr = clear, .propagation = propagation & PROPAGATION_ALL
	};
	unsigned int flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U);

	if (syscall(SYS_mount_setattr, mount_fd, "", flags, &attr, sizeof(attr)) < 0)
		return error_sys(err, "set attributes of a mount");
	return 0;
}

int mount_idmap(int mount_fd, int user_ns_fd, bool recursive, struct error **err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = (uint64_t)(unsigned int)user_ns_fd };
	unsigned int flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U);

	if (syscall(SYS_mount_setattr, mount_fd, "", flags, &attr, sizeof(attr)) == 0)
		return 0;
	error_sys(err, "map the ids of a mount");
	if (error_errno(*err) == EINVAL)
		error_hint(err, "its file system cannot do that, or its ids are mapped already");
	return -1;
}

int mount_attach(int mount_fd, int target_fd, struct error **err)
{
	if (syscall(SYS_move_mount, mount_fd, "", target_fd, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return error_sys(err, "attach a mount");
	return 0;
}

int mount_propagate_root(uint64_t propagation, struct error **err)
{
	unsigned long flags = (unsigned long)(propagation & PROPAGATION_ALL) | MS_REC;

	if (syscall(SYS_mount, NULL, "/", NULL, flags, NULL) < 0)
		return error_sys(err, "set the propagation of all mounts");
	return 0;
}

int mount_pivot(int root_fd, struct error **err)
{
	cleanup_close int old_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (old_fd < 0)
		return error_sys(err, "open /");
	if (fchdir(root_fd) < 0)
		return error_sys(err, "enter the new root");
	if (syscall(SYS_pivot_root, ".", ".") < 0) {
		error_sys(err, "pivot_root");
		if (error_errno(*err) == EINVAL)
			error_hint(err, "a root on the kernel's first file system (initramfs) "
					"cannot be left; use switch_root first");
		return -1;
	}
	/* Where mounts are still shared with the host, detaching them here would unmount them
	 * there. */
	if (fchdir(old_fd) < 0 ||
		syscall(SYS_mount, NULL, ".", NULL, (unsigned long)(MS_SLAVE | MS_REC), NULL) < 0)
		return error_sys(err, "separate the old root");
	if (syscall(SYS_umount2, ".", UMOUNT_DETACH) < 0)
		return error_sys(err, "detach the old root");
	return chdir("/") < 0 ? error_sys(err, "enter the new root") : 0;
}

static bool is_octal(const char *at, char highest)
{
	return at[0] >= '0' && at[0] <= highest && at[1] >= '0' && at[1] <= '7' && at[2] >= '0' &&
	       at[2] <= '7';
}

void mountinfo_unescape(char *text)
{
	char *to = text;

	for (const char *at = text; *at; at++) {
		if (*at != '\\' || !is_octal(at + 1, '3')) {
			*to++ = *at;
			continue;
		}
		*to++ = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
		at += 3;
	}
	*to = '\0';
}

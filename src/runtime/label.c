/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/label.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "oci/spec.h"

#define APPARMOR_ENABLED "/sys/module/apparmor/parameters/enabled"
#define SELINUX_MOUNT "/sys/fs/selinux"
#define UNCONFINED "unconfined"

static bool is_set(const char *label)
{
	return label && *label;
}

static bool has_apparmor(void)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *text = NULL;

	return file_read_at(AT_FDCWD, APPARMOR_ENABLED, 16, &text, &err) > 0 && *text == 'Y';
}

static bool has_selinux(void)
{
	struct statfs fs;

	return statfs(SELINUX_MOUNT, &fs) == 0 && fs.f_type == SELINUX_MAGIC;
}

/* "unconfined" is what a process without AppArmor is. */
static bool wants_apparmor(const struct spec_process *process)
{
	return is_set(process->apparmor_profile) &&
	       strcmp(process->apparmor_profile, UNCONFINED) != 0;
}

bool label_is_asked(const struct spec_process *process)
{
	return wants_apparmor(process) || is_set(process->selinux_label);
}

int label_check(const struct spec_process *process, struct error **err)
{
	if (wants_apparmor(process) && !has_apparmor())
		return error_new(err, ERROR_UNSUPPORTED,
			"process.apparmorProfile: \"%s\" is asked for, and AppArmor is not enabled "
			"on this host",
			process->apparmor_profile);
	if (is_set(process->selinux_label) && !has_selinux())
		return error_new(err, ERROR_UNSUPPORTED,
			"process.selinuxLabel: \"%s\" is asked for, and SELinux is not enabled on "
			"this host",
			process->selinux_label);
	return 0;
}

const char *label_of_mounts(const struct spec *spec)
{
	return is_set(spec->mount_label) && has_selinux() ? spec->mount_label : NULL;
}

/*
 * A module's own file where the kernel has it (5.8); the shared one belongs to the module that
 * comes first. What was opened must be a procfs: anything else would take the write and do nothing.
 */
static int open_attribute(int proc_fd, const char *module, struct error **err)
{
	cleanup_free char *own = xasprintf("thread-self/attr/%s/exec", module);
	cleanup_close int fd = openat(proc_fd, own, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0 && errno == ENOENT)
		fd = openat(proc_fd, "thread-self/attr/exec", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, "open the attribute of the next program");
	if (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return error_new(
			err, ERROR_DENIED, "the attribute of the next program is not procfs");
	return take_fd(&fd);
}

static int write_attribute(int proc_fd, const char *module, const char *text, struct error **err)
{
	cleanup_close int fd = open_attribute(proc_fd, module, err);

	if (fd < 0)
		return -1;
	if (TEMP_FAILURE_RETRY(write(fd, text, strlen(text))) < 0)
		return error_sys(err, "write '%s'", text);
	return 0;
}

static int apply_apparmor(const struct spec_process *process, int proc_fd, struct error **err)
{
	cleanup_free char *text = xasprintf("exec %s", process->apparmor_profile);

	if (write_attribute(proc_fd, "apparmor", text, err) == 0)
		return 0;
	if (error_errno(*err) == ENOENT)
		error_hint(err, "is the profile loaded? aa-status(8) lists those that are");
	return error_as(err, ERROR_INVALID, "process.apparmorProfile");
}

int label_apply(const struct spec_process *process, int proc_fd, struct error **err)
{
	if (wants_apparmor(process) && apply_apparmor(process, proc_fd, err) < 0)
		return -1;
	if (!is_set(process->selinux_label))
		return 0;
	/* SELinux's files are the shared ones. */
	if (write_attribute(proc_fd, "selinux", process->selinux_label, err) < 0)
		return error_as(err, ERROR_INVALID, "process.selinuxLabel");
	return 0;
}

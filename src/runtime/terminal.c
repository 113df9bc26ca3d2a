/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/terminal.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "oci/spec.h"
#include "sys/path.h"

#define PTMX "/dev/pts/ptmx"

static int verify_ptmx(int fd, struct error **err)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return error_sys(err, "look at " PTMX);
	if (fs.f_type != DEVPTS_SUPER_MAGIC || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
		return error_new(err, ERROR_DENIED, PTMX " of the container is no pty multiplexer");
	return 0;
}

/* A device node that is not what it should be must not even be opened for use. */
static int open_ptmx(int root_fd, struct error **err)
{
	cleanup_close int path_fd = path_open_in_root(root_fd, PTMX, O_PATH, 0, err), fd = -1;

	if (path_fd < 0) {
		if (error_errno(*err) == ENOENT)
			error_hint(err, "a terminal needs a devpts mount at /dev/pts");
		return -1;
	}
	if (verify_ptmx(path_fd, err) < 0)
		return -1;
	fd = path_open_in_root(root_fd, PTMX, O_RDWR | O_NOCTTY, 0, err);
	if (fd < 0 || verify_ptmx(fd, err) < 0)
		return -1;
	return take_fd(&fd);
}

int terminal_open(int root_fd, const struct spec_process *process, int *ret_master, int *ret_slave,
	struct error **err)
{
	cleanup_close int master_fd = open_ptmx(root_fd, err), slave_fd = -1;
	struct winsize size = { .ws_row = process->console_height,
		.ws_col = process->console_width };
	int unlocked = 0;

	if (master_fd < 0)
		return error_wrap(err, "make a terminal");
	if (ioctl(master_fd, TIOCSPTLCK, &unlocked) < 0)
		return error_sys(err, "unlock a terminal");
	slave_fd = ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave_fd < 0)
		return error_sys(err, "open a terminal");
	if ((size.ws_row || size.ws_col) && ioctl(master_fd, TIOCSWINSZ, &size) < 0)
		return error_sys(err, "set the size of a terminal");
	*ret_master = take_fd(&master_fd);
	*ret_slave = take_fd(&slave_fd);
	return 0;
}

int terminal_take(int slave_fd, struct error **err)
{
	for (int i = 0; i < 3; i++)
		if (dup2(slave_fd, i) < 0)
			return error_sys(err, "use a terminal");
	if (ioctl(0, TIOCSCTTY, 0) < 0)
		return error_sys(err, "make a terminal the controlling one");
	return 0;
}

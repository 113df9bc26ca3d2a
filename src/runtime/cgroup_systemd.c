/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/error.h"
#include "runtime/cgroup_internal.h"

static const char private_socket[] = "/run/systemd/private";

static int connect_to(const char *path, struct error **err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return error_sys(err, "socket");
	if (strlen(path) >= sizeof(address.sun_path))
		return error_new(err, ERROR_INVALID, "socket path '%s' is too long", path);
	memcpy(address.sun_path, path, strlen(path));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return error_sys(err, "connect to %s", path);
	return take_fd(&fd);
}

bool cgroup_has_systemd(void)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_close int fd = -1;
	struct stat st;

	/* As sd_booted(3): this directory is there only while systemd is PID 1. */
	if (lstat("/run/systemd/system", &st) < 0 || !S_ISDIR(st.st_mode))
		return false;
	fd = connect_to(private_socket, &ignored);
	return fd >= 0;
}

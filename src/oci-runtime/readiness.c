/* SPDX-License-Identifier: Apache-2.0 */
#include "oci-runtime/readiness.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "oci-runtime/state.h"
#include "runtime/notify.h"

#define PATH_BYTES 4096

static const char *host_socket(void)
{
	const char *name = getenv("NOTIFY_SOCKET");

	return name && *name ? name : NULL;
}

int readiness_prepare(const struct state *state, struct spec *spec, struct error **err)
{
	char link[32], path[PATH_BYTES];
	int fd;
	ssize_t length;

	if (!host_socket())
		return 0;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", state->dir_fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return error_sys(err, "find the container's state directory");
	path[length] = '\0';
	fd = notify_listen(state->dir_fd, err);
	if (fd < 0)
		return error_wrap(err, "the container's notify socket");
	close_fd(fd); /* until somebody relays */
	notify_add(spec, path, host_socket());
	return 0;
}

int readiness_listen(const struct state *state, int *ret, struct error **err)
{
	int fd;

	*ret = -1;
	/* One that was made without would never say a word. */
	if (!host_socket() || faccessat(state->dir_fd, NOTIFY_DIR, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	fd = notify_listen(state->dir_fd, err);
	if (fd < 0)
		return error_wrap(err, "the container's notify socket");
	*ret = fd;
	return 0;
}

int readiness_relay(const struct state *state, int notify_fd, int pidfd, struct error **err)
{
	const char *name = host_socket();

	if (notify_fd < 0 || !name)
		return 0;
	return notify_relay(notify_fd, name, state->pid, pidfd, -1, err) < 0 ? -1 : 0;
}

int readiness_relay_beside(const struct state *state, int notify_fd, int pidfd, struct error **err)
{
	cleanup_error struct error *ignored = NULL;
	pid_t pid;

	if (notify_fd < 0)
		return 0;
	pid = fork();
	if (pid < 0)
		return error_sys(err, "start a process that relays");
	if (pid == 0)
		_exit(readiness_relay(state, notify_fd, pidfd, &ignored) < 0);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/client.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/spawn.h"
#include "monitor/protocol.h"

int monitor_spawn(const char *run_dir, struct error **err)
{
	char *const args[] = { (char *)"vessel-monitor", (char *)run_dir, NULL };
	cleanup_close int ours = -1, its = -1, null_fd = -1, vessel_fd = -1;
	cleanup_error struct error *unneeded = NULL;
	struct spawn spawn = SPAWN_INIT;
	int pair[2];

	if (msg_pair(pair, err) < 0)
		return -1;
	ours = pair[0];
	its = pair[1];
	/* Not our output: `id=$(vessel run -d …)` would wait for the container's end. */
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0)
		return error_sys(err, "open /dev/null");
	/*
	 * For its last act. It cannot look for it: run through a detached clone of its mount, it
	 * has no path of its own. Without one (a test) nothing is reaped by the monitor.
	 */
	vessel_fd = helper_open("vessel", &unneeded);
	spawn.program = args[0];
	spawn.args = args;
	spawn.stdin_fd = spawn.stdout_fd = spawn.stderr_fd = null_fd;
	spawn.socket_fd = its;
	spawn.extra_fd = vessel_fd;
	spawn.new_session = true;
	spawn.read_only_exe = true;
	spawn.beside = true;
	if (spawn_helper(&spawn, err) < 0)
		return -1;
	return take_fd(&ours);
}

int monitor_begin(int connection, struct error **err)
{
	return msg_send(connection, MONITOR_BEGIN, NULL, 0, err);
}

/*
 * The lock is only looked at: taking it, even for a moment, could make a monitor that starts just
 * then believe that another one lives.
 */
int monitor_is_alive(int run_dir_fd, struct error **err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	cleanup_close int fd = openat(run_dir_fd, MONITOR_LOCK, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? 0 : error_sys(err, "open %s", MONITOR_LOCK);
	if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return error_sys(err, "look at %s", MONITOR_LOCK);
	return lock.l_type != F_UNLCK;
}

int monitor_connect(int run_dir_fd, struct error **err)
{
	return msg_connect_at(run_dir_fd, MONITOR_SOCKET, err);
}

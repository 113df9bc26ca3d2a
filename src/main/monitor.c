/* SPDX-License-Identifier: Apache-2.0 */
/* vessel-monitor RUN_DIR: started by monitor_spawn(), with the engine's connection at fd 3. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/spawn.h"
#include "monitor/monitor.h"

static int is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

#ifdef __SANITIZE_ADDRESS__
/* Looking for leaks traces the process, which is not dumpable and may be jailed: it would only
 * fail. */
const char *__asan_default_options(void); // NOLINT(bugprone-reserved-identifier,cert-dcl37-c)
__attribute__((visibility("default"))) const char *__asan_default_options(void) // NOLINT
{
	return "detect_leaks=0";
}
#endif

int main(int argc, char **argv)
{
	cleanup_error struct error *err = NULL;
	int vessel_fd = SPAWN_EXTRA_FD;

	if (argc != 2 || argv[1][0] != '/' || !is_socket(SPAWN_SOCKET_FD)) {
		(void)fprintf(
			stderr, "vessel-monitor is started by vessel, one for each container\n");
		return 2;
	}
	(void)fcntl(SPAWN_SOCKET_FD, F_SETFD, FD_CLOEXEC);
	if (fcntl(SPAWN_EXTRA_FD, F_SETFD, FD_CLOEXEC) < 0)
		vessel_fd = -1;
	(void)fcntl(SPAWN_EXE_FD, F_SETFD, FD_CLOEXEC);
	/* No directory of the user's is kept busy for the life of a container. */
	if (chdir("/") < 0)
		return 2;
	return monitor_run(argv[1], SPAWN_SOCKET_FD, vessel_fd, &err) < 0;
}

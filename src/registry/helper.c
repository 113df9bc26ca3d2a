/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/helper.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/spawn.h"
#include "oci/reference.h"
#include "registry/access.h"
#include "sys/msg.h"

#define HELPER "vessel-transfer"

static int start(const char *verb, const char *what, pid_t *ret_pid, struct error **err)
{
	char *args[] = { (char *)HELPER, (char *)verb, (char *)what, NULL };
	struct spawn spawn = SPAWN_INIT;
	int pair[2];
	pid_t pid;

	if (msg_pair(pair, err) < 0)
		return -1;
	spawn.program = HELPER;
	spawn.args = args;
	spawn.socket_fd = pair[1];
	pid = spawn_helper(&spawn, err);
	close_fd(pair[1]);
	if (pid < 0) {
		close_fd(pair[0]);
		return -1;
	}
	*ret_pid = pid;
	return pair[0];
}

/* A fetch goes anywhere, as nobody. */
static int find_access(const char *verb, const char *what, struct access *ret, struct error **err)
{
	cleanup_reference struct reference ref = { 0 };

	if (strcmp(verb, "fetch") == 0)
		return 0;
	if (reference_parse(what, &ref, err) < 0)
		return -1;
	return access_find(&ref, strcmp(verb, "push") == 0, ret, err);
}

int registry_helper_start(const char *verb, const char *what, pid_t *ret_pid, struct error **err)
{
	cleanup_access struct access access = { .count = 0 };
	pid_t pid = 0;
	/* Before the configuration is read: its libraries take their time to load. */
	int socket_fd = start(verb, what, &pid, err);

	if (socket_fd < 0)
		return -1;
	if (find_access(verb, what, &access, err) < 0 || access_send(socket_fd, &access, err) < 0) {
		registry_helper_stop(socket_fd, pid);
		return -1;
	}
	*ret_pid = pid;
	return socket_fd;
}

int registry_helper_start_as(const char *verb, const char *what, const struct access *access,
	pid_t *ret_pid, struct error **err)
{
	pid_t pid = 0;
	int socket_fd = start(verb, what, &pid, err);

	if (socket_fd < 0)
		return -1;
	if (access_send(socket_fd, access, err) < 0) {
		registry_helper_stop(socket_fd, pid);
		return -1;
	}
	*ret_pid = pid;
	return socket_fd;
}

void registry_helper_stop(int socket_fd, pid_t pid)
{
	cleanup_error struct error *unsaid = NULL;
	int status;

	close_fd(socket_fd);
	/* It ends with its socket, but may be inside a long attempt to connect. */
	(void)kill(pid, SIGKILL);
	(void)child_wait(pid, &status, &unsaid);
}

int registry_helper_gone(int socket_fd, pid_t pid, struct error **err)
{
	int status = 0;

	close_fd(socket_fd);
	if (child_wait(pid, &status, err) < 0)
		return -1;
	if (WIFSIGNALED(status))
		return error_new(
			err, ERROR_INTERNAL, HELPER " was killed by signal %d", WTERMSIG(status));
	return error_new(err, ERROR_INTERNAL, HELPER " ended too early, with exit status %d",
		WEXITSTATUS(status));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/listener.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "oci/spec.h"
#include "oci/spec_seccomp.h"
#include "runtime/filter.h"
#include "runtime/launch.h"
#include "runtime/seccomp.h"
#include "runtime/sync.h"

#define STACK_BYTES (64UL * 1024)
#define LOOK_EVERY_NS 100000
#define AGENT_SECONDS 10 /* an agent that does not take its message is none */
/* Of the message, as the specification shows it and crun sends it: agents compare. */
#define VERSION "0.2.0"

struct handover {
	int sync_fd, listener_fd;
	atomic_int state;
};

enum { WAITING, SENT, FAILED };

/* poll(2) tells of an fd that is not open without failing: errno belongs to the other thread. */
static bool appears(int fd)
{
	struct pollfd look = { .fd = fd, .events = POLLIN };
	const struct timespec nap = { .tv_nsec = LOOK_EVERY_NS };

	if (poll(&look, 1, 0) >= 0 && !(look.revents & POLLNVAL))
		return true;
	(void)nanosleep(&nap, NULL);
	return false;
}

LAUNCH_STACK static int hand_over(void *arg)
{
	struct handover *handover = arg;
	struct error *err = NULL;
	int result;

	while (!appears(handover->listener_fd))
		;
	result = sync_send_fd(handover->sync_fd, SYNC_LISTENER, handover->listener_fd, &err);
	(void)close(handover->listener_fd);
	atomic_store(&handover->state, result < 0 ? FAILED : SENT);
	return 0; /* of clone(2): ends this thread alone */
}

static int start_thread(struct handover *handover, struct error **err)
{
	char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	if (stack == MAP_FAILED) // NOLINT(performance-no-int-to-ptr)
		return error_sys(err, "make a stack");
	if (clone(hand_over, stack + STACK_BYTES,
		    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			    CLONE_SYSVSEM,
		    handover) < 0)
		return error_sys(err, "make a thread for the seccomp listener");
	return 0;
}

/* The kernel gives the lowest free number to each new fd. */
static int next_fd(int any_fd, struct error **err)
{
	int fd = fcntl(any_fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return error_sys(err, "find the listener's fd");
	close_fd(fd);
	return fd;
}

LAUNCH_STACK int listener_load(const struct filter *filter, int sync_fd, struct error **err)
{
	/* Not on our stack: a process that fails returns while the thread still looks. */
	static struct handover handover;
	int fd;

	handover = (struct handover){ .sync_fd = sync_fd, .listener_fd = next_fd(sync_fd, err) };
	if (handover.listener_fd < 0 || start_thread(&handover, err) < 0)
		return -1;
	fd = seccomp_filter_attach(filter, err);
	if (fd < 0)
		return -1;
	/* No call from here on but those that the program would make anyway. */
	while (atomic_load(&handover.state) == WAITING)
		;
	if (fd != handover.listener_fd || atomic_load(&handover.state) == FAILED)
		return error_new(err, ERROR_INTERNAL, "the seccomp listener could not be passed");
	return 0;
}

void listener_describe(const struct spec *spec, struct listener_state *state)
{
	state->container.annotations = spec->annotations;
	if (!spec->seccomp_profile)
		return;
	state->path = spec->seccomp_profile->listener_path;
	state->metadata = spec->seccomp_profile->listener_metadata;
}

static char *message_text(const struct listener_state *state)
{
	cleanup_json struct json_object *object = json_object_new_object();
	cleanup_free char *container = hook_state_text(&state->container);
	struct json_object *fds = json_object_new_array();

	json_object_array_add(fds, json_object_new_string("seccompFd"));
	json_put_text(object, "ociVersion", VERSION);
	json_put(object, "fds", fds);
	json_put_int(object, "pid", state->pid);
	json_put_text(object, "metadata", state->metadata);
	json_put(object, "state", json_tokener_parse(container));
	return json_compact(object);
}

static int connect_agent(const char *path, struct error **err)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct timeval limit = { .tv_sec = AGENT_SECONDS };
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return error_new(err, ERROR_INVALID, "path '%s' is longer than %zu bytes", path,
			sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
		connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return error_sys(err, "'%s'", path);
	return take_fd(&fd);
}

/* The fd rides on the first byte; the rest of the text follows it in the stream. */
static int send_message(int agent_fd, const char *text, int listener_fd, struct error **err)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	size_t length = strlen(text), sent = 0;

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &listener_fd, sizeof(int));
	while (sent < length) {
		struct iovec data = { .iov_base = (char *)text + sent, .iov_len = length - sent };
		struct msghdr msg = { .msg_iov = &data, .msg_iovlen = 1 };
		ssize_t n;

		if (sent == 0) {
			msg.msg_control = control.room;
			msg.msg_controllen = sizeof(control.room);
		}
		n = TEMP_FAILURE_RETRY(sendmsg(agent_fd, &msg, MSG_NOSIGNAL));
		if (n < 0)
			return error_sys(err, "send the listener");
		sent += (size_t)n;
	}
	return 0;
}

int listener_send(const struct listener_state *state, int listener_fd, struct error **err)
{
	cleanup_free char *text = message_text(state);
	cleanup_close int fd = connect_agent(state->path, err);

	if (fd < 0 || send_message(fd, text, listener_fd, err) < 0) {
		error_wrap(err, "failed to connect with seccomp agent");
		return error_hint(err, "linux.seccomp.listenerPath names the agent's socket");
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/loop.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "base/alloc.h"
#include "base/error.h"

#define BATCH 16

struct watch {
	loop_callback call; /* NULL: a free place */
	void *arg;
	int fd;
	uint32_t events; /* 0: silent, not in the epoll set */
	uint32_t generation; /* grows when the place is given away: old reports are told apart */
};

struct loop {
	int epoll_fd;
	bool stopped;
	size_t used; /* places below this were used once */
	struct watch watches[LOOP_FDS_MAX];
};

struct loop *loop_new(struct error **err)
{
	cleanup_close int fd = epoll_create1(EPOLL_CLOEXEC);
	struct loop *loop;

	if (fd < 0) {
		error_sys(err, "make an epoll set");
		return NULL;
	}
	loop = xcalloc(1, sizeof(*loop));
	loop->epoll_fd = take_fd(&fd);
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	close_fd(loop->epoll_fd);
	free(loop);
}

static struct watch *find(struct loop *loop, int fd)
{
	for (size_t i = 0; i < loop->used; i++)
		if (loop->watches[i].call && loop->watches[i].fd == fd)
			return &loop->watches[i];
	return NULL;
}

static int control(struct loop *loop, int op, const struct watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events,
		.data.u64 = (uint64_t)watch->generation << 32 | (uint32_t)(watch - loop->watches) };

	return epoll_ctl(loop->epoll_fd, op, watch->fd, &event);
}

int loop_add(struct loop *loop, int fd, uint32_t events, loop_callback call, void *arg,
	struct error **err)
{
	struct watch *watch = loop->watches;

	while (watch < loop->watches + LOOP_FDS_MAX && watch->call)
		watch++;
	if (watch == loop->watches + LOOP_FDS_MAX)
		return error_new(
			err, ERROR_UNAVAILABLE, "more than %d fds are watched", LOOP_FDS_MAX);
	watch->fd = fd;
	if (events && control(loop, EPOLL_CTL_ADD, watch, events) < 0)
		return error_sys(err, "watch an fd");
	watch->events = events;
	watch->call = call;
	watch->arg = arg;
	if ((size_t)(watch - loop->watches) >= loop->used)
		loop->used = (size_t)(watch - loop->watches) + 1;
	return 0;
}

int loop_change(struct loop *loop, int fd, uint32_t events, struct error **err)
{
	struct watch *watch = find(loop, fd);
	int op;

	if (!watch)
		return error_new(err, ERROR_INTERNAL, "fd %d is not watched", fd);
	if (watch->events == events)
		return 0;
	op = !events ? EPOLL_CTL_DEL : watch->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	/* What was already reported for the old events is not wanted when it is silent now. */
	if (control(loop, op, watch, events) < 0)
		return error_sys(err, "change how an fd is watched");
	watch->events = events;
	return 0;
}

void loop_remove(struct loop *loop, int fd)
{
	struct watch *watch = find(loop, fd);

	if (!watch)
		return;
	if (watch->events)
		(void)control(loop, EPOLL_CTL_DEL, watch, 0);
	watch->call = NULL;
	watch->generation++;
}

static int dispatch(struct loop *loop, const struct epoll_event *event, struct error **err)
{
	const struct watch *watch = &loop->watches[(uint32_t)event->data.u64];

	if (!watch->call || watch->generation != event->data.u64 >> 32 || !watch->events)
		return 0;
	return watch->call(watch->fd, event->events, watch->arg, err);
}

int loop_run(struct loop *loop, struct error **err)
{
	loop->stopped = false;
	while (!loop->stopped) {
		struct epoll_event events[BATCH];
		int n = epoll_wait(loop->epoll_fd, events, BATCH, -1);

		if (n < 0 && errno != EINTR)
			return error_sys(err, "wait for events");
		for (int i = 0; i < n && !loop->stopped; i++)
			if (dispatch(loop, &events[i], err) < 0)
				return -1;
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

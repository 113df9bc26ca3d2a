/* SPDX-License-Identifier: Apache-2.0 */
/* A small event loop over epoll(7): fds with callbacks, no allocation after loop_add(). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;
struct loop;

/* events: EPOLLIN, EPOLLOUT…; returning -1 ends loop_run() with that error. */
typedef int (*loop_callback)(int fd, uint32_t events, void *arg, struct error **err);

#define LOOP_FDS_MAX 1024

struct loop *loop_new(struct error **err);
void loop_free(struct loop *loop);
int loop_add(struct loop *loop, int fd, uint32_t events, loop_callback call, void *arg,
	struct error **err);
/* events 0: silent, also about EPOLLHUP and EPOLLERR, which epoll reports unasked otherwise. */
int loop_change(struct loop *loop, int fd, uint32_t events, struct error **err);
/* Safe inside callbacks: a removed fd gets no more calls, even ones already reported. */
void loop_remove(struct loop *loop, int fd);
int loop_run(struct loop *loop, struct error **err); /* until loop_stop() or an error */
void loop_stop(struct loop *loop);

/* SPDX-License-Identifier: Apache-2.0 */
/* A container in the foreground: what run, start -a and attach have in common. */
#pragma once

#include "cli/attach.h"
#include "cli/command.h"

struct session {
	struct engine *engine;
	const char *id;
	bool stdin, tty, proxy; /* proxy: pass signals on */
	bool owner; /* we clear away after its end (--rm) */
	bool redraw;
	const char *detach_keys;
};

/* What the monitor is to be told: the streams, and the terminal's size. */
struct container_attach session_streams(const struct session *session, bool stdout, bool stderr);
/* Until its end, or until the user detaches (0). connection is taken over. Returns the exit code
 * or -1. */
int session_run(const struct session *session, int connection, struct error **err);
/* -1 before anything is started when the detach keys are wrong. */
int session_check(const struct session *session, struct error **err);
/* Whether a container has a terminal, an open stdin: of its configuration. */
int session_describe(
	struct engine *engine, const char *id, bool *ret_tty, bool *ret_stdin, struct error **err);

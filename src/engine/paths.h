/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a container keeps things, and the lock of who changes it.
 *
 *   ROOT/containers/<id>/   config.json, fs and work (its snapshot), <id>-json.log, exit.json
 *   RUN/containers/<id>/    config.json (the bundle), monitor.json, lock, attach.sock, state, hosts
 * … : while it runs RUN/operations/<id>     a file, flock()ed by who creates, starts or removes the
 * container right now
 *
 * An operation's file that nobody has locked was left by a process that was killed: whoever opens
 * the register next finishes or undoes what it began (operations_recover()).
 */
#pragma once

#include <stdbool.h>

#include "engine/engine.h"
#include "engine/record.h"

struct error;

char *container_path(const struct engine *engine, const char *id,
	const char *file); /* file NULL: the directory */
char *run_path(const struct engine *engine, const char *id, const char *file);
/* O_PATH fds; -1 with ERROR_NOT_FOUND kind when missing. */
int container_dir_open(const struct engine *engine, const char *id, struct error **err);
int run_dir_open(const struct engine *engine, const char *id, struct error **err);

/* Keeps an operation in the engine: the next one on that container takes it over, or the end of the
 * engine. */
void operation_hold(struct engine *engine, const char *id, int *fd);
/* Begins an operation: waits for another one to end (wait), or returns -2 when one is under way.
 * Else the lock's fd. */
int operation_begin(struct engine *engine, const char *id, bool wait, struct error **err);
void operation_end(const struct engine *engine, const char *id, int *fd);
int operations_recover(struct engine *engine, struct error **err);

int record_load(
	const struct engine *engine, const char *id, struct record *ret, struct error **err);
int record_save(const struct engine *engine, const struct record *record, struct error **err);
/* The row of the register for a record. */
void record_row(const struct record *record, struct container_row *ret);

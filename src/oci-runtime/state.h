/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept of a container between commands: a directory under --root, named by its id.
 *
 *   state.json   written before anything is made (pid 0), so that whatever a killed command leaves
 *                can be found and removed, and again with the pid and its start time
 *   config.json  the bundle's, as it was at create
 *   gate         the socket at which init waits for start; there until then
 *
 * The directory is made by one mkdir(2) and is itself what commands lock (flock on its fd: gone
 * with the process that holds it). A status is never stored, it is asked of the kernel:
 *
 *   creating  no pid yet, and somebody holds the lock
 *   created   init lives and the gate is there
 *   running   init lives
 *   paused    init lives and its cgroup is frozen
 *   stopped   anything else, also what a killed create has left
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strv.h"
#include "cgroup/cgroup.h"
#include "oci/spec.h"

struct error;
struct json_object;
struct runtime;

#define STATE_GATE "gate"
#define STATE_FILTERS ".seccomp" /* beside the containers: no id begins with a dot */

enum status { STATUS_CREATING, STATUS_CREATED, STATUS_RUNNING, STATUS_PAUSED, STATUS_STOPPED };

struct state {
	char *id;
	int root_fd, dir_fd;
	char *version, *bundle, *rootfs;
	char *cgroup; /* as cgroup_open() takes it; NULL: none */
	enum cgroup_driver driver;
	pid_t pid; /* 0: none yet */
	uint64_t pid_start; /* field 22 of /proc/PID/stat: a reused pid has another */
	int64_t created_ns;
	uid_t owner;
	bool shares_cgroup; /* others were in it before: they are not ours to kill */
	strv annotations;
};

#define STATE_INIT \
	{ \
		.root_fd = -1, .dir_fd = -1 \
	}

/* A new, locked one; ERROR_CONFLICT when the id is taken. Only id and fds are set. */
int state_create(
	const struct runtime *runtime, const char *id, struct state *ret, struct error **err);
/* While others may work on it: a process in the foreground stays longer than any lock should. */
void state_unlock(const struct state *state);
/* ERROR_NOT_FOUND when it was removed meanwhile. */
int state_lock(const struct state *state, struct error **err);
int state_save(const struct state *state, struct error **err);

enum state_lock {
	STATE_LOOK, /* not locked; waits a moment for a create that is under way */
	STATE_CHANGE, /* locked against other commands that change it */
};
/* ERROR_NOT_FOUND: "container does not exist". */
int state_open(const struct runtime *runtime, const char *id, enum state_lock lock,
	struct state *ret, struct error **err);
/* The directory and all in it; the caller has removed the cgroup. */
int state_remove(struct state *state, struct error **err);
void state_close(struct state *state);

enum status state_status(const struct state *state);
const char *status_name(enum status status);
/* A pidfd of init, and of nobody who has its pid by now; ERROR_NOT_FOUND when it has ended. */
int state_pidfd(const struct state *state, struct error **err);
/* The cgroup, or NULL in *ret when it has none or it is gone. */
int state_cgroup(const struct state *state, struct cgroup **ret, struct error **err);
/* The config.json that it was made from. */
int state_spec(const struct state *state, struct spec *ret, struct error **err);
/* As `state` prints it; also what hooks get. */
struct json_object *state_json(const struct state *state, enum status status);
/* All ids under --root, sorted; an empty list when there is none. */
int state_list(const struct runtime *runtime, strv *ret, struct error **err);

static inline void state_close_p_(struct state *state)
{
	state_close(state);
}
#define cleanup_state CLEANUP(state_close)

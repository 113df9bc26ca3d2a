/* SPDX-License-Identifier: Apache-2.0 */
/* What a monitor is told besides the bundle (monitor.json), and what it leaves behind (state,
 * exit.json). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

struct monitor_config {
	char *id;
	char *container_dir; /* absolute: where exit.json goes */
	char *log_path; /* absolute; NULL: no log */
	int64_t log_max_size; /* bytes per file; 0: unlimited */
	int log_max_files;
	bool open_stdin; /* keep a pipe for stdin; else /dev/null */
	bool stdin_once; /* close it when the first attached client's ends */
	bool systemd_cgroup;
	bool reap;
	bool durable; /* sync the exit record */
	char *root, *run_dir; /* absolute: --root and --run-dir for `vessel reap` */
};

int monitor_config_write(int run_dir_fd, const struct monitor_config *config, struct error **err);
int monitor_config_read(int run_dir_fd, struct monitor_config *ret, struct error **err);
void monitor_config_done(struct monitor_config *config);

/* The running container, from the state file; 1 when it is there, 0 when not. */
struct monitor_state {
	pid_t pid;
	uint64_t start_time;
	int64_t started_ns;
	pid_t monitor_pid;
};
int monitor_state_read(int run_dir_fd, struct monitor_state *ret, struct error **err);
/* By the monitor alone. */
int monitor_state_write(int run_dir_fd, const struct monitor_state *state, struct error **err);

/* How the last run ended, from exit.json; 1 or 0 as above. */
struct monitor_record {
	int code;
	bool oom_killed;
	int64_t started_ns, finished_ns;
	char error[256]; /* why it could not start, or "" */
};
int monitor_record_read(int container_dir_fd, struct monitor_record *ret, struct error **err);
int monitor_record_write(int container_dir_fd, const struct monitor_record *record, bool durable,
	struct error **err);

static inline void monitor_config_done_p_(struct monitor_config *config)
{
	monitor_config_done(config);
}
#define cleanup_monitor_config CLEANUP(monitor_config_done)

/* SPDX-License-Identifier: Apache-2.0 */
/* What run and create share: flags, and what the engine is to make of them. */
#pragma once

#include "cli/command.h"
#include "cli/limit_flags.h"
#include "engine/options.h"

struct create_opts {
	/* run alone */
	bool detach, sig_proxy;
	const char *detach_keys;
	/* both */
	const char *name, *hostname, *domainname, *user, *workdir, *entrypoint, *network;
	const char *pid, *ipc, *uts, *userns, *cgroupns, *cgroup_parent, *stop_signal, *restart;
	const char *log_driver, *cidfile, *pull, *platform;
	strv env, env_file, labels, label_file, volumes, tmpfs, publish, expose, add_host, dns;
	strv dns_search, dns_option, cap_add, cap_drop, security_opt, ulimits, devices, group_add;
	strv sysctls, log_opts, attach, read_bps, write_bps, read_iops, write_iops;
	bool interactive, tty, rm, init, privileged, read_only, publish_all, quiet;
	int64_t stop_timeout, shm_size, oom_score_adj;
	struct limit_opts limits;
};

extern const struct create_opts create_defaults;
extern const struct cli_flag run_flags[], create_flags[];

/* What create_prepare() had to make; the rest of *ret is borrowed from opts and args. */
struct create_lists {
	strv env, labels;
};

/* Checks what can be checked without the engine, reads --env-file and --label-file. */
int create_prepare(const struct create_opts *opts, char *const *args, struct container_options *ret,
	struct create_lists *lists, struct error **err);
void create_lists_done(struct create_lists *lists);

/*
 * Pulls the image where --pull asks for it, makes the container, writes --cidfile, prints warnings.
 */
int create_container(struct engine *engine, const struct create_opts *opts,
	const struct container_options *options, char ret_id[static ID_MAX], struct error **err);
/* Lines "K=V" or "K" of a file, '#' begins a comment; with inherit, a lone K is looked up in our
 * environment and left out when it is not set. */
int env_file_read(const char *path, bool inherit, strv *ret, struct error **err);
/* -e values of exec: a lone K as in env_file_read(). */
void env_inherit(char *const *texts, strv *ret);
/* --platform: only this machine's. */
int platform_check(const char *platform, struct error **err);

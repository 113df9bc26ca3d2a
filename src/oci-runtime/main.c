/* SPDX-License-Identifier: Apache-2.0 */
/* From argv to a command's code and its exit code. */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/own_exe.h"
#include "oci-runtime/command.h"
#include "oci-runtime/features.h"

#define ROOT_DEFAULT "/run/vessel-runtime"

struct global_opts {
	const char *root, *log, *log_format, *log_level, *cgroup_manager, *rootless, *criu;
	bool debug, systemd_cgroup, version;
};

static const struct flag global_flags[] = {
	{ 0, "root", "DIR", "where containers' states are (default " ROOT_DEFAULT ")", FLAG_TEXT,
		FLAG_AT(global_opts, root, const char *) },
	{ 0, "log", "FILE", "write what happens to this file", FLAG_TEXT,
		FLAG_AT(global_opts, log, const char *) },
	{ 0, "log-format", "FORMAT", "text or json (default text)", FLAG_TEXT,
		FLAG_AT(global_opts, log_format, const char *) },
	{ 0, "log-level", "LEVEL", "debug, warning or error", FLAG_TEXT,
		FLAG_AT(global_opts, log_level, const char *) },
	{ 0, "debug", NULL, "log more", FLAG_BOOL, FLAG_AT(global_opts, debug, bool) },
	{ 0, "systemd-cgroup", NULL, "as --cgroup-manager systemd", FLAG_BOOL,
		FLAG_AT(global_opts, systemd_cgroup, bool) },
	{ 0, "cgroup-manager", "MANAGER", "cgroupfs, systemd or disabled (default cgroupfs)",
		FLAG_TEXT, FLAG_AT(global_opts, cgroup_manager, const char *) },
	{ 0, "rootless", "VALUE", "accepted: it is found out", FLAG_TEXT,
		FLAG_AT(global_opts, rootless, const char *) },
	{ 0, "criu", "PATH", NULL, FLAG_TEXT, FLAG_AT(global_opts, criu, const char *) },
	{ 'v', "version", NULL, "print the version", FLAG_BOOL,
		FLAG_AT(global_opts, version, bool) },
	{ 'V', "version", NULL, NULL, FLAG_BOOL, FLAG_AT(global_opts, version, bool) },
	{},
};

const struct command oci_global = {
	.name = "",
	.args = "COMMAND",
	.summary = "Open Container Initiative runtime",
	.flags = global_flags,
	.opts_size = sizeof(struct global_opts),
	.max_args = -1,
	.options_first = true,
};

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "vessel-runtime";
}

static char *default_root(void)
{
	const char *user_dir = getenv("XDG_RUNTIME_DIR");

	if (geteuid() != 0 && user_dir && *user_dir == '/')
		return xasprintf("%s/vessel-runtime", user_dir);
	return xstrdup(ROOT_DEFAULT);
}

static int set_manager(struct runtime *runtime, const struct global_opts *opts, struct error **err)
{
	const char *manager = opts->systemd_cgroup ? "systemd" : opts->cgroup_manager;

	if (!manager || strcmp(manager, "cgroupfs") == 0)
		runtime->driver = CGROUP_FS;
	else if (strcmp(manager, "systemd") == 0)
		runtime->driver = CGROUP_SYSTEMD;
	else if (strcmp(manager, "disabled") == 0)
		runtime->no_cgroups = true;
	else
		return error_new(err, ERROR_INVALID,
			"unknown cgroup manager '%s': it is cgroupfs, systemd or disabled",
			manager);
	return 0;
}

static int run_command(struct runtime *runtime, const struct command *command, char **words,
	char **argv, struct error **err)
{
	struct parsed parsed = { 0 };
	int code = 0;

	if (command_parse(command, words, &parsed, err) < 0)
		return -1;
	if (parsed.help) {
		command_help(runtime->program, command);
	} else if (command->protects && own_exe_protect(argv, err) < 0) {
		code = -1;
	} else {
		/* Execution by fd has named us after the fd's number. */
		(void)prctl(PR_SET_NAME, "vessel-runtime");
		log_debug(&runtime->log, "command %s, root %s", command->name, runtime->root);
		code = command->run(runtime, parsed.opts, parsed.args, err);
	}
	command_parsed_done(command, &parsed);
	return code;
}

static int show_help(const struct runtime *runtime, const char *topic)
{
	const struct command *command = topic ? command_find(topic) : NULL;

	if (topic && !command) {
		(void)fprintf(stderr, "%s: No help topic for '%s'\n", runtime->program, topic);
		return 1;
	}
	if (command)
		command_help(runtime->program, command);
	else
		command_list_help(runtime->program, &oci_global);
	return 0;
}

static int dispatch(struct runtime *runtime, char **words, char **argv)
{
	cleanup_error struct error *err = NULL;
	const struct command *command;
	int code;

	if (!*words || strcmp(*words, "help") == 0)
		return show_help(runtime, *words ? words[1] : NULL);
	command = command_find(*words);
	if (!command) {
		error_new(&err, ERROR_INVALID, "No help topic for '%s': there is no such command",
			*words);
		log_error(&runtime->log, runtime->program, err);
		return 1;
	}
	code = run_command(runtime, command, words + 1, argv, &err);
	if (code < 0) {
		(void)fflush(stdout);
		log_error(&runtime->log, runtime->program, err);
		code = command->failure_code ? command->failure_code : 1;
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("standard output");
		return code ? code : 1;
	}
	return code;
}

static int prepare(struct runtime *runtime, const struct global_opts *opts, struct error **err)
{
	bool debug = opts->debug || (opts->log_level && strcmp(opts->log_level, "debug") == 0);

	if (log_open(opts->log, opts->log_format, debug, &runtime->log, err) < 0)
		return -1;
	runtime->root = opts->root ? xstrdup(opts->root) : default_root();
	return set_manager(runtime, opts, err);
}

int oci_runtime_main(int argc, char **argv)
{
	cleanup_error struct error *err = NULL;
	struct runtime runtime = { .program = base_name(argv[0]), .log.fd = -1 };
	const struct global_opts *opts;
	struct parsed parsed = { 0 };
	int code = 1;

	if (argc < 1)
		return 1;
	if (command_parse(&oci_global, argv + 1, &parsed, &err) < 0) {
		log_error(&runtime.log, runtime.program, err);
		return 1;
	}
	opts = parsed.opts;
	if (parsed.help)
		code = show_help(&runtime, NULL);
	else if (opts->version)
		code = features_version(runtime.program);
	else if (prepare(&runtime, opts, &err) < 0)
		log_error(&runtime.log, runtime.program, err);
	else
		code = dispatch(&runtime, parsed.args, argv);
	command_parsed_done(&oci_global, &parsed);
	free(runtime.root);
	close_fd(runtime.log.fd);
	return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* From argv to a command's code and its exit code. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/parse.h"
#include "cli/terminal.h"

struct global_opts {
	const char *root, *run_dir, *config, *log_level;
	strv hosts;
	bool debug, version;
};

static const struct cli_flag global_flags[] = {
	{ 0, "root", "dir", "Where images and containers are kept (default \"/var/lib/vessel\")",
		CLI_STRING, CLI_AT(global_opts, root, const char *), false },
	{ 0, "run-dir", "dir", "Where sockets and locks are kept (default \"/run/vessel\")",
		CLI_STRING, CLI_AT(global_opts, run_dir, const char *), false },
	{ 0, "config", "string", "Location of client config files", CLI_STRING,
		CLI_AT(global_opts, config, const char *), false },
	{ 'D', "debug", NULL, "Enable debug mode", CLI_BOOL, CLI_AT(global_opts, debug, bool),
		false },
	{ 'H', "host", "list", "Daemon socket; accepted for scripts, there is no daemon", CLI_LIST,
		CLI_AT(global_opts, hosts, strv), false },
	{ 'l', "log-level", "string",
		"Set the logging level (\"debug\", \"info\", \"warn\", \"error\", \"fatal\")",
		CLI_STRING, CLI_AT(global_opts, log_level, const char *), false },
	{ 'v', "version", NULL, "Print version information and quit", CLI_BOOL,
		CLI_AT(global_opts, version, bool), false },
	{},
};

const struct cli_command cli_global = {
	.name = "vessel",
	.summary = "A container engine without a daemon",
	.flags = global_flags,
	.opts_size = sizeof(struct global_opts),
	.max_args = -1,
	.options_first = true,
	.children = cli_commands,
};

static bool is_docker(const struct cli *cli)
{
	return strcmp(cli->program, "docker") == 0;
}

void cli_report(const struct cli *cli, const struct error *err)
{
	const char *hint = error_hint_text(err);
	bool runs = cli->command && cli->command->failure_code == CLI_USAGE_CODE;

	fflush(stdout); /* what was done before comes first when both go to one file */
	/* Scripts look for docker's words in the answers of what they believe is its daemon. */
	if (is_docker(cli))
		fprintf(stderr, "%sError response from daemon: %s\n", runs ? "docker: " : "",
			error_message(err));
	else
		fprintf(stderr, "%s: %s\n", cli->program, error_message(err));
	if (hint)
		fprintf(stderr, "hint: %s\n", hint);
}

int cli_exit_code(const struct error *err, int fallback)
{
	return error_kind(err) == ERROR_NO_PROGRAM       ? 127
	       : error_kind(err) == ERROR_NOT_EXECUTABLE ? 126
							 : fallback;
}

const struct cli_command *cli_find(const struct cli_command *const *list, const char *name)
{
	bool in_group = list != cli_commands; /* `vessel container remove`, not `vessel remove` */

	for (; list && *list; list++) {
		cleanup_strv strv aliases =
			in_group && (*list)->aliases ? strv_split((*list)->aliases, ' ') : NULL;

		if (strcmp((*list)->name, name) == 0 || strv_contains(aliases, name))
			return *list;
	}
	return NULL;
}

/* Output that could not be written (a full disk, a closed pipe) is a failure of the command. */
static int finish(int code)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("standard output");
		return code ? code : 1;
	}
	return code;
}

static int usage_error(const char *path, const struct error *err)
{
	fprintf(stderr, "%s\nSee '%s --help'.\n", error_message(err), path);
	return CLI_USAGE_CODE;
}

static int args_error(const struct cli *cli, const struct error *err)
{
	fprintf(stderr, "%s\nSee '%s --help'.\n\nUsage:  ", error_message(err), cli->path);
	help_usage(stderr, cli->path, cli->command);
	fprintf(stderr, "\n\n%s\n", cli->command->summary);
	return 1;
}

static int run_command(struct cli *cli, char *const *words)
{
	cleanup_error struct error *err = NULL;
	const struct cli_command *command = cli->command;
	struct cli_parsed parsed = { 0 };
	int code;

	if (cli_parse(command, words, &parsed, &err) < 0)
		return usage_error(cli->path, err);
	if (parsed.help) {
		help_print(stdout, cli->program, cli->path, command);
		code = 0;
	} else if (cli_check_args(command, cli->path, parsed.arg_count, &err) < 0) {
		code = args_error(cli, err);
	} else {
		code = command->run(cli, parsed.opts, parsed.args, &err);
		if (code < 0) {
			cli_report(cli, err);
			code = cli_exit_code(
				err, command->failure_code ? command->failure_code : 1);
		}
	}
	cli_parsed_done(command, &parsed);
	return code;
}

static int no_command(const struct cli *cli, const char *path, const char *word)
{
	if (word[0] == '-') {
		fprintf(stderr, "unknown flag: %s\nSee '%s --help'.\n", word, path);
		return CLI_USAGE_CODE;
	}
	fprintf(stderr, "%s: '%s' is not a %s command.\nSee '%s --help'\n", cli->program, word,
		path, path);
	return 1;
}

static bool asks_for_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Down the tree: a group's word leads to its children. `help` shows what it would reach. */
static int find_and_run(struct cli *cli, char *const *words)
{
	cleanup_free char *path = xstrdup(cli->program);
	const struct cli_command *command = &cli_global;
	bool help = strcmp(*words, "help") == 0;

	words += help;
	while (command->children && *words && !asks_for_help(*words)) {
		command = cli_find(command->children, *words);
		if (!command)
			return no_command(cli, path, *words);
		replace_string(&path, xasprintf("%s %s", path, command->name));
		words++;
	}
	/* A group alone prints its help, as docker does, and that is no error. */
	if (help || !command->run) {
		help_print(stdout, cli->program, path, command);
		return 0;
	}
	cli->command = command;
	cli->path = path;
	return run_command(cli, words);
}

static int check_globals(const struct cli *cli, const struct global_opts *opts, struct error **err)
{
	static const char *const levels[] = { "debug", "info", "warn", "error", "fatal", NULL };
	const char *host = getenv("DOCKER_HOST");

	if (opts->log_level && !strv_contains((char *const *)levels, opts->log_level))
		return error_new(
			err, ERROR_INVALID, "Unable to parse logging level: %s", opts->log_level);
	/* Who names another machine must not get this one. */
	for (size_t i = 0; opts->hosts && opts->hosts[i]; i++)
		host = opts->hosts[i];
	if ((opts->hosts || is_docker(cli)) && host && *host && strncmp(host, "unix://", 7) != 0) {
		error_new(err, ERROR_UNSUPPORTED, "cannot use the engine of another host, '%s'",
			host);
		return error_hint(err, "unset DOCKER_HOST and leave out -H to use this machine's");
	}
	return 0;
}

static int run_global(struct cli *cli, const struct cli_parsed *parsed, struct error **err)
{
	const struct global_opts *opts = parsed->opts;

	if (check_globals(cli, opts, err) < 0)
		return -1;
	cli->paths = (struct engine_paths){ .root = opts->root, .run_dir = opts->run_dir };
	if (opts->version) {
		printf("%s version %s, build vessel\n", is_docker(cli) ? "Docker" : "vessel",
			VESSEL_VERSION);
		return 0;
	}
	if (parsed->help || parsed->arg_count == 0) {
		help_print(stdout, cli->program, cli->program, &cli_global);
		return 0;
	}
	return find_and_run(cli, parsed->args);
}

int cli_main(int argc, char **argv)
{
	cleanup_error struct error *err = NULL;
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : argc > 0 ? argv[0] : "";
	struct cli cli = { .program = strcmp(name, "docker") == 0 ? "docker" : "vessel" };
	struct cli_parsed parsed = { 0 };
	int code;

	if (cli_parse(&cli_global, argc > 0 ? argv + 1 : argv, &parsed, &err) < 0)
		return usage_error(cli.program, err);
	code = run_global(&cli, &parsed, &err);
	if (code < 0) {
		cli_report(&cli, err);
		code = 1;
	}
	cli_parsed_done(&cli_global, &parsed);
	terminal_restore();
	return finish(code);
}

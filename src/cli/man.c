/* SPDX-License-Identifier: Apache-2.0 */
/* The manual page vessel(1), in man(7)'s macros, out of the tables: `vessel __man`, or of some
 * commands alone: `vessel __man run`. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "shell/man.h"

static const struct cli_flag no_flags[] = { {} };

static void put_flags(const struct cli_command *command)
{
	size_t count = 0;
	cleanup_free const struct cli_flag **flags = help_flags(command, &count);

	for (size_t i = 0; i < count; i++)
		man_put_flag(flags[i]->short_name, flags[i]->name, help_flag_arg(flags[i]),
			flags[i]->help);
}

static void put_command(const char *path, const struct cli_command *command)
{
	cleanup_strv strv aliases = help_aliases("vessel", command);
	bool has_flags = command->flags && command->flags->name;

	printf(".SS \"%s\"\n\\fB", path + strlen("vessel "));
	man_put(path);
	printf("\\fR%s ", has_flags ? " [\\fIOPTIONS\\fR]" : "");
	man_put(command->args ? command->args : "");
	fputs("\n.PP\n", stdout);
	man_put(command->summary);
	fputs(".\n", stdout);
	if (strv_length(aliases) > 1) {
		cleanup_free char *joined = strv_join(aliases, ", ");

		fputs(".PP\nThe same: ", stdout);
		man_put(joined);
		fputs(".\n", stdout);
	}
	put_flags(command);
}

static const struct cli_command *const *no_children(void)
{
	static const struct cli_command *const none[] = { NULL };

	return none;
}

/* A group's commands that are also there without it are shown once, without it. */
static void put_group(const struct cli_command *group)
{
	const struct cli_command *const *child = group->children ? group->children : no_children();

	for (; *child; child++) {
		cleanup_free char *path = xasprintf("vessel %s %s", group->name, (*child)->name);
		bool elsewhere = false;

		for (size_t i = 0; cli_commands[i]; i++)
			elsewhere |= cli_commands[i]->run == (*child)->run &&
				     cli_commands[i]->run != NULL;
		if (!elsewhere && !(*child)->hidden)
			put_command(path, *child);
	}
}

static int put_named(char *const *names, struct error **err)
{
	for (; *names; names++) {
		const struct cli_command *command = cli_find(cli_commands, *names);
		cleanup_free char *path = xasprintf("vessel %s", *names);

		if (!command)
			return error_new(err, ERROR_NOT_FOUND, "no command '%s'", *names);
		if (command->children)
			put_group(command);
		else
			put_command(path, command);
	}
	return 0;
}

static void put_all(void)
{
	for (size_t i = 0; cli_commands[i]; i++) {
		cleanup_free char *path = xasprintf("vessel %s", cli_commands[i]->name);

		if (!cli_commands[i]->hidden && !cli_commands[i]->children)
			put_command(path, cli_commands[i]);
	}
	for (size_t i = 0; cli_commands[i]; i++)
		if (!cli_commands[i]->hidden && cli_commands[i]->children)
			put_group(cli_commands[i]);
}

static int man_run(struct cli *cli, const void *opts, char **names, struct error **err)
{
	(void)cli;
	(void)opts;
	fputs(".TH VESSEL 1 \"\" \"vessel " VESSEL_VERSION "\" \"User Commands\"\n"
	      ".SH NAME\nvessel \\- a container engine without a daemon\n"
	      ".SH SYNOPSIS\n\\fBvessel\\fR [\\fIOPTIONS\\fR] \\fICOMMAND\\fR\n"
	      ".SH DESCRIPTION\n"
	      "vessel builds images, and runs them as containers with namespaces, control groups\n"
	      "and a network of their own. Nothing has to run for that. Its commands are\n"
	      "docker's; called as \\fBdocker\\fR it also speaks in docker's words.\n"
	      ".SH OPTIONS\n",
		stdout);
	put_flags(&cli_global);
	fputs(".SH COMMANDS\n", stdout);
	if (*names && put_named(names, err) < 0)
		return -1;
	if (!*names)
		put_all();
	fputs(".SH EXIT STATUS\n"
	      "0 on success, 1 when a command failed. \\fBrun\\fR, \\fBcreate\\fR and\n"
	      "\\fBexec\\fR: the exit code of the program; 125 when the engine failed, 126 when\n"
	      "the program could not be executed, 127 when it was not found, 128 plus the\n"
	      "number of the signal that ended it. 125 also for options that are not known.\n"
	      ".SH ENVIRONMENT\n"
	      ".TP\n\\fBVESSEL_ROOT\\fR, \\fBVESSEL_RUN\\fR\n"
	      "What \\fB\\-\\-root\\fR and \\fB\\-\\-run\\-dir\\fR are when not given.\n"
	      ".TP\n\\fBVESSEL_LAYERS\\fR\n"
	      "How layers of images are kept: \\fBerofs\\fR, as their tar and an index that the "
	      "kernel mounts, or \\fBdirectory\\fR, unpacked. When not given, the first where the "
	      "kernel can (Linux 6.15), as \\fBvessel info\\fR tells.\n"
	      ".TP\n\\fBDOCKER_CONFIG\\fR, \\fBREGISTRY_AUTH_FILE\\fR\n"
	      "The folder of config.json (~/.docker when not given), where \\fBlogin\\fR keeps\n"
	      "credentials; a file of the containers tools' to look into when that has none.\n"
	      ".TP\n\\fBHTTPS_PROXY\\fR, \\fBHTTP_PROXY\\fR, \\fBNO_PROXY\\fR\n"
	      "Proxies on the way to registries, also in lower case; never to this host itself.\n"
	      ".TP\n\\fBSSL_CERT_FILE\\fR\n"
	      "Authorities to trust instead of the system's.\n"
	      ".TP\n\\fBVESSEL_CERTS_DIR\\fR\n"
	      "What is looked into instead of /etc/docker/certs.d, /etc/containers/certs.d and\n"
	      "~/.config/containers/certs.d for HOST[:PORT]/*.crt (authorities) and *.cert with\n"
	      "*.key (who we are).\n"
	      ".TP\n\\fBVESSEL_REGISTRIES_CONF\\fR, \\fBVESSEL_DAEMON_JSON\\fR\n"
	      "What is read instead of /etc/containers/registries.conf (with the folder *.conf.d)\n"
	      "and /etc/docker/daemon.json for mirrors, insecure and blocked registries. Short\n"
	      "names are always docker.io's: unqualified\\-search\\-registries has no effect.\n"
	      ".TP\n\\fBVESSEL_TOKEN_HOSTS\\fR\n"
	      "Hosts, with commas between, that may be sent a password as the token service of a\n"
	      "registry of another domain.\n"
	      ".SH FILES\n"
	      ".TP\n\\fI/var/lib/vessel\\fR\nImages and containers.\n"
	      ".TP\n\\fI/run/vessel\\fR\nSockets and locks; gone after a reboot.\n",
		stdout);
	return 0;
}

const struct cli_command cmd_man = {
	.name = "__man",
	.args = "[COMMAND...]",
	.summary = "Print the manual page",
	.flags = no_flags,
	.max_args = -1,
	.hidden = true,
	.run = man_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* The manual page vessel-runtime(8), in man(7)'s macros, out of the tables: `__man`. */
#include <stdio.h>

#include "base/error.h"
#include "oci-runtime/command.h"
#include "shell/man.h"

static void put_flags(const struct flag *flag)
{
	for (; flag && flag->name; flag++)
		if (flag->help)
			man_put_flag(flag->letter, flag->name, flag->arg, flag->help);
}

static void put_command(const struct command *command)
{
	printf(".SS \"%s\"\n\\fBvessel\\-runtime %s\\fR%s ", command->name, command->name,
		command->flags ? " [\\fIOPTIONS\\fR]" : "");
	man_put(command->args);
	fputs("\n.PP\n", stdout);
	man_put(command->summary);
	fputs(".\n", stdout);
	put_flags(command->flags);
}

static int man_run(struct runtime *runtime, const void *opts, char **args, struct error **err)
{
	(void)runtime, (void)opts, (void)args, (void)err;
	fputs(".TH VESSEL\\-RUNTIME 8 \"\" \"vessel " VESSEL_VERSION
	      "\" \"System Administration\"\n"
	      ".SH NAME\nvessel\\-runtime \\- an OCI runtime\n"
	      ".SH SYNOPSIS\n\\fBvessel\\-runtime\\fR [\\fIOPTIONS\\fR] \\fICOMMAND\\fR\n"
	      ".SH DESCRIPTION\n"
	      "vessel\\-runtime runs containers from bundles, as the Open Container Initiative's\n"
	      "runtime specification has it. Engines such as containerd, docker and "
	      "podman\n"
	      "call it in place of runc or crun, whose commands and options it takes.\n"
	      ".SH OPTIONS\n",
		stdout);
	put_flags(oci_global.flags);
	fputs(".SH COMMANDS\n", stdout);
	for (const struct command *const *at = oci_commands; *at; at++)
		put_command(*at);
	fputs(".SH EXIT STATUS\n"
	      "0 on success, 1 when a command failed, 255 when \\fBexec\\fR failed. \\fBrun\\fR "
	      "and\n"
	      "\\fBexec\\fR: the exit code of the program, or 128 plus the number of the signal\n"
	      "that ended it.\n"
	      ".SH ENVIRONMENT\n"
	      ".TP\n\\fBXDG_RUNTIME_DIR\\fR\n"
	      "Without root, states are in the folder vessel\\-runtime of it.\n"
	      ".TP\n\\fBLISTEN_FDS\\fR, \\fBLISTEN_FDNAMES\\fR\n"
	      "File descriptors for socket activation, which the program gets.\n"
	      ".TP\n\\fBNOTIFY_SOCKET\\fR\n"
	      "Where it is told that the program is ready.\n"
	      ".SH FILES\n"
	      ".TP\n\\fI/run/vessel\\-runtime\\fR\nA folder for each container.\n"
	      ".SH SEE ALSO\n\\fBvessel\\fR(1)\n",
		stdout);
	return 0;
}

const struct command oci_man = {
	.name = "__man",
	.args = "",
	.summary = "Print the manual page",
	.max_args = 0,
	.run = man_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Client and server are one program; both sections are there because scripts ask for the server's.
 */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/host.h"
#include "oci/image.h"

struct version_opts {
	const char *format;
};

static const struct cli_flag version_flags[] = {
	{ 'f', "format", "string", "Format output: 'json', or a Go template 'TEMPLATE'", CLI_STRING,
		CLI_AT(version_opts, format, const char *), false },
	{},
};

/* Docker's JSON says ApiVersion where its templates say APIVersion. */
static struct json_object *part(bool is_json, const char *kernel)
{
	struct json_object *object = json_object_new_object();

	json_put_text(object, "Version", VESSEL_VERSION);
	json_put_text(object, is_json ? "ApiVersion" : "APIVersion", API_VERSION);
	if (kernel)
		json_put_text(object, "MinAPIVersion", API_VERSION_MIN);
	else
		json_put_text(object, "DefaultAPIVersion", API_VERSION);
	json_put_text(object, "Os", "linux");
	json_put_text(object, "Arch", platform_architecture());
	if (kernel)
		json_put_text(object, "KernelVersion", kernel);
	return object;
}

static struct json_object *version_object(bool is_json)
{
	struct json_object *object = json_object_new_object(), *platform = json_object_new_object();
	struct json_object *server;
	struct utsname host = { 0 };

	(void)uname(&host);
	server = part(is_json, host.release);
	json_put_text(platform, "Name", "vessel");
	json_put(server, "Platform", platform);
	json_put(object, "Client", part(is_json, NULL));
	json_put(object, "Server", server);
	return object;
}

static void print_text(void)
{
	const char *arch = platform_architecture();
	struct utsname host = { 0 };

	(void)uname(&host);
	printf("Client:\n"
	       " Version:           " VESSEL_VERSION "\n"
	       " API version:       " API_VERSION "\n"
	       " OS/Arch:           linux/%s\n"
	       "\n"
	       "Server: vessel\n"
	       " Engine:\n"
	       "  Version:          " VESSEL_VERSION "\n"
	       "  API version:      " API_VERSION " (minimum version " API_VERSION_MIN ")\n"
	       "  OS/Arch:          linux/%s\n"
	       "  Kernel version:   %s\n",
		arch, arch, host.release);
}

static int version_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct version_opts *opts = opts_;
	cleanup_json struct json_object *object = NULL;

	(void)args;
	(void)cli;
	if (!opts->format || !*opts->format) {
		print_text();
		return 0;
	}
	object = version_object(strcmp(opts->format, "json") == 0);
	return format_object(stdout, opts->format, object, err);
}

const struct cli_command cmd_version = {
	.name = "version",
	.args = "",
	.summary = "Show the version information",
	.flags = version_flags,
	.opts_size = sizeof(struct version_opts),
	.common = true,
	.complete = COMPLETE_NOTHING,
	.run = version_run,
};

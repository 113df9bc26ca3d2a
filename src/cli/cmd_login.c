/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/prompt.h"
#include "registry/credential.h"
#include "registry/login.h"

#define SECRET_MAX 65536UL
#define HUB "docker.io"

struct login_opts {
	const char *user, *password;
	bool password_stdin;
};

static const struct cli_flag login_flags[] = {
	{ 'p', "password", "string", "Password or Personal Access Token (PAT)", CLI_STRING,
		CLI_AT(login_opts, password, const char *), false },
	{ 0, "password-stdin", NULL, "Take the Password or Personal Access Token (PAT) from stdin",
		CLI_BOOL, CLI_AT(login_opts, password_stdin, bool), false },
	{ 'u', "username", "string", "Username", CLI_STRING, CLI_AT(login_opts, user, const char *),
		false },
	{},
};

static int check(const struct login_opts *opts, struct error **err)
{
	if (opts->user && !*opts->user)
		return error_new(err, ERROR_INVALID, "username is empty");
	if (opts->password && !*opts->password)
		return error_new(err, ERROR_INVALID, "password is empty");
	if (opts->password && opts->password_stdin)
		return error_new(err, ERROR_INVALID,
			"conflicting options: cannot specify both --password and --password-stdin");
	if (opts->password_stdin && !opts->user)
		return error_new(err, ERROR_INVALID,
			"the --password-stdin option requires --username to be set");
	if (opts->user && strchr(opts->user, ':')) /* it would be read as another user's */
		return error_new(err, ERROR_INVALID, "a username has no ':'");
	return 0;
}

/* All of stdin, without the end of its last line. */
static int read_stdin(char **ret, struct error **err)
{
	ssize_t length = file_read_fd(STDIN_FILENO, "the password", SECRET_MAX, ret, err);

	if (length < 0 || !*ret)
		return -1;
	if (length > 0 && (*ret)[length - 1] == '\n')
		(*ret)[--length] = '\0';
	if (length > 0 && (*ret)[length - 1] == '\r')
		(*ret)[--length] = '\0';
	if (length == 0)
		return error_new(err, ERROR_INVALID, "password is empty");
	return 0;
}

static int ask_user(const char *known, char **ret, struct error **err)
{
	cleanup_free char *text =
		known ? xasprintf("Username (%s): ", known) : xstrdup("Username: ");

	*ret = prompt_line(text, false, err);
	if (!*ret)
		return -1;
	if (!**ret && known)
		replace_string(ret, xstrdup(known));
	return **ret ? 0 : error_new(err, ERROR_INVALID, "Error: Non-null Username Required");
}

/* What the flags do not say is asked of a person, if one is there. known: who was here before. */
static int complete(const struct login_opts *opts, const char *known, struct credential *credential,
	struct error **err)
{
	if (opts->password_stdin && read_stdin(&credential->secret, err) < 0)
		return -1;
	if (opts->password)
		credential->secret = xstrdup(opts->password);
	if ((!opts->user || !credential->secret) && !isatty(STDIN_FILENO)) {
		error_new(err, ERROR_INVALID,
			"Error: Cannot perform an interactive login from a non TTY device");
		return -1;
	}
	if (opts->user)
		credential->user = xstrdup(opts->user);
	else if (ask_user(known, &credential->user, err) < 0)
		return -1;
	if (!credential->secret)
		credential->secret = prompt_line("Password: ", true, err);
	if (!credential->secret)
		return -1;
	if (*credential->secret)
		return 0;
	error_new(err, ERROR_INVALID, "Error: Password Required");
	return -1;
}

/* An identity token is kept instead of the password, which then is nowhere. */
static int keep(
	const char *registry, struct credential *credential, char *token, struct error **err)
{
	cleanup_free char *warning = NULL;

	if (token) {
		explicit_bzero(credential->secret, strlen(credential->secret));
		replace_string(&credential->secret, token);
		credential->is_identity_token = true;
	}
	if (credential_store(registry, credential, &warning, err) < 0)
		return -1;
	if (warning && *warning)
		fprintf(stderr, "\nWARNING! %s\n\n", warning);
	puts("Login Succeeded");
	return 0;
}

/* 1 when who was here before still may come in, 0 when somebody has to say who they are. */
static int try_stored(const char *registry, const struct credential *stored, struct error **err)
{
	cleanup_error struct error *refused = NULL;
	cleanup_free char *token = NULL;

	fprintf(stderr, "Authenticating with existing credentials...");
	if (!stored->is_identity_token)
		fprintf(stderr, " [Username: %s]", stored->user);
	fputc('\n', stderr);
	if (registry_login(registry, stored, &token, &refused) == 0)
		return 1;
	if (error_kind(refused) != ERROR_DENIED) {
		*err = take_ptr(refused);
		return -1;
	}
	fputs("Stored credentials invalid or expired\n", stderr);
	return 0;
}

static int login_run(struct cli *cli, const void *opts_, char **args, struct error **err)
{
	const struct login_opts *opts = opts_;
	cleanup_free char *registry = credential_registry(args[0] ? args[0] : HUB);
	cleanup_credential struct credential stored = { 0 }, credential = { 0 };
	char *token = NULL;
	int found = 0;

	(void)cli;
	if (opts->password)
		fputs("WARNING! Using --password via the CLI is insecure. Use "
		      "--password-stdin.\n",
			stderr);
	if (check(opts, err) < 0)
		return -1;
	if (!opts->user && !opts->password)
		found = credential_find(registry, &stored, err);
	if (found > 0)
		found = try_stored(registry, &stored, err);
	if (found < 0)
		return -1;
	if (found > 0) {
		puts("Login Succeeded");
		return 0;
	}
	if (complete(opts, stored.is_identity_token ? NULL : stored.user, &credential, err) < 0 ||
		registry_login(registry, &credential, &token, err) < 0)
		return -1;
	return keep(registry, &credential, token, err);
}

const struct cli_command cmd_login = {
	.name = "login",
	.args = "[SERVER]",
	.summary = "Authenticate to a registry",
	.flags = login_flags,
	.opts_size = sizeof(struct login_opts),
	.max_args = 1,
	.common = true,
	.complete = COMPLETE_NOTHING,
	.run = login_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/credential_program.h"

#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/spawn.h"
#include "registry/credential.h"

#define PREFIX "docker-credential-"
#define NAME_MAX_ 64
#define ANSWER_MAX (1024UL * 1024)
#define NOT_FOUND "credentials not found in native keychain"
#define TOKEN_USER "<token>"

/* It becomes part of a program's name: no slash, no "..", nothing that PATH could not find. */
static bool name_is_valid(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789-_.");

	return length > 0 && length <= NAME_MAX_ && !name[length] && name[0] != '.' &&
	       name[0] != '-';
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Of PATH's folders those that are absolute: what runs must not depend on where the user stands. */
static char *find_program(const char *name, struct error **err)
{
	const char *path = getenv("PATH");
	cleanup_strv strv dirs = strv_split(path ? path : "/usr/local/bin:/usr/bin:/bin", ':');

	for (char **dir = dirs; *dir; dir++) {
		cleanup_free char *file = xasprintf("%s/" PREFIX "%s", *dir, name);

		if (**dir == '/' && is_program(file))
			return take_ptr(file);
	}
	error_new(err, ERROR_NOT_FOUND, PREFIX "%s is not in $PATH", name);
	error_hint(err, "install it, or take its name out of the configuration file's "
			"credsStore and credHelpers");
	return NULL;
}

/* A file in memory and not a pipe: a program that does not read its input is no broken pipe. */
static int make_input(const char *text, struct error **err)
{
	cleanup_close int fd = memfd_create("input", MFD_CLOEXEC);

	if (fd < 0)
		return error_sys(err, "make a file in memory");
	if (file_write_all(fd, text, strlen(text), "a file in memory", err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(err, "seek in a file in memory");
	return take_fd(&fd);
}

static pid_t start(const char *file, const char *verb, const char *input, int *ret_output_fd,
	struct error **err)
{
	char *args[] = { (char *)file, (char *)verb, NULL };
	cleanup_close int input_fd = make_input(input, err);
	posix_spawn_file_actions_t actions;
	int ends[2], code;
	pid_t pid;

	if (input_fd < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input_fd, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	code = posix_spawn(&pid, file, &actions, NULL, args, environ);
	posix_spawn_file_actions_destroy(&actions);
	close_fd(ends[1]);
	if (code != 0) {
		close_fd(ends[0]);
		errno = code;
		return error_sys(err, "run %s", file);
	}
	*ret_output_fd = ends[0];
	return pid;
}

/* What it said is for people: one line, no control characters. */
static void make_printable(char *text)
{
	text[strcspn(text, "\r\n")] = '\0';
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

/* 0 with its output (the caller's), 1 when it has no such credential. */
static int run(
	const char *name, const char *verb, const char *input, char **ret, struct error **err)
{
	cleanup_free char *file = NULL, *output = NULL;
	cleanup_close int output_fd = -1;
	int status = 0;
	pid_t pid;

	if (!name_is_valid(name)) {
		error_new(err, ERROR_INVALID,
			"'%.64s' is no name of a credential helper: letters, digits, '-', '_' and "
			"'.'",
			name);
		return -1;
	}
	file = find_program(name, err);
	pid = file ? start(file, verb, input, &output_fd, err) : -1;
	if (pid < 0)
		return -1;
	if (file_read_fd(output_fd, PREFIX, ANSWER_MAX, &output, err) < 0) {
		close_fd(take_fd(&output_fd)); /* it may still be writing */
		(void)waitpid(pid, &status, 0);
		return error_wrap(err, "the answer of " PREFIX "%s", name);
	}
	if (child_wait(pid, &status, err) < 0)
		return -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		*ret = take_ptr(output);
		return 0;
	}
	if (!output) /* file_read_fd() has filled it */
		output = xstrdup("");
	if (strncmp(output, NOT_FOUND, strlen(NOT_FOUND)) == 0)
		return 1;
	make_printable(output);
	return error_new(err, ERROR_UNAVAILABLE, PREFIX "%s %s failed: %.200s", name, verb,
		*output ? output : "it did not say why");
}

static int read_answer(const char *text, struct credential *ret, struct error **err)
{
	cleanup_json struct json_object *answer = NULL;
	const char *user = NULL, *secret = NULL;

	if (json_parse(text, strlen(text), "it", &answer, err) < 0 ||
		json_get_text(answer, "Username", &user, err) < 0 ||
		json_get_text(answer, "Secret", &secret, err) < 0)
		return -1;
	if (!secret || !*secret)
		return 0;
	*ret = (struct credential){ xstrdup(user ? user : ""), xstrdup(secret),
		user && strcmp(user, TOKEN_USER) == 0 };
	return 1;
}

int credential_program_get(
	const char *name, const char *server, struct credential *ret, struct error **err)
{
	cleanup_free char *output = NULL;
	int result = run(name, "get", server, &output, err);

	if (result != 0 || !output)
		return result < 0 ? -1 : 0;
	result = read_answer(output, ret, err);
	explicit_bzero(output, strlen(output));
	return result < 0 ? error_wrap(err, "the answer of " PREFIX "%s", name) : result;
}

int credential_program_store(const char *name, const char *server,
	const struct credential *credential, struct error **err)
{
	cleanup_json struct json_object *order = json_object_new_object();
	cleanup_free char *text = NULL, *output = NULL;
	int result;

	json_put_text(order, "ServerURL", server);
	json_put_text(
		order, "Username", credential->is_identity_token ? TOKEN_USER : credential->user);
	json_put_text(order, "Secret", credential->secret);
	text = json_compact(order);
	result = run(name, "store", text, &output, err);
	explicit_bzero(text, strlen(text));
	if (result > 0)
		return error_new(err, ERROR_UNAVAILABLE, PREFIX "%s store failed", name);
	return result;
}

int credential_program_erase(const char *name, const char *server, struct error **err)
{
	cleanup_free char *output = NULL;
	int result = run(name, "erase", server, &output, err);

	return result < 0 ? -1 : result == 0;
}

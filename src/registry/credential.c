/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/credential.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "registry/auth_file.h"
#include "registry/credential_program.h"

static void wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

void credential_done(struct credential *credential)
{
	wipe(credential->user);
	wipe(credential->secret);
	*credential = (struct credential){ 0 };
}

/* ---- where they are kept ---- */

static const char *env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* NULL when the user has no home: then there is no configuration. */
static char *config_path(void)
{
	if (env("DOCKER_CONFIG"))
		return xasprintf("%s/config.json", env("DOCKER_CONFIG"));
	return env("HOME") ? xasprintf("%s/.docker/config.json", env("HOME")) : NULL;
}

/* Where the containers tools keep theirs; in their order. */
static strv other_paths(void)
{
	strv paths = NULL;

	if (env("REGISTRY_AUTH_FILE")) {
		strv_append(&paths, env("REGISTRY_AUTH_FILE")); /* instead of all others */
		return paths;
	}
	if (env("XDG_RUNTIME_DIR"))
		strv_appendf(&paths, "%s/containers/auth.json", env("XDG_RUNTIME_DIR"));
	else
		strv_appendf(&paths, "/run/containers/%u/auth.json", (unsigned int)geteuid());
	if (env("XDG_CONFIG_HOME"))
		strv_appendf(&paths, "%s/containers/auth.json", env("XDG_CONFIG_HOME"));
	else if (env("HOME"))
		strv_appendf(&paths, "%s/.config/containers/auth.json", env("HOME"));
	return paths;
}

char *credential_registry(const char *server)
{
	return auth_registry(server);
}

/* ---- finding ---- */

static int find_in(
	const char *path, const char *registry, struct credential *ret, struct error **err)
{
	cleanup_auth_file struct auth_file file = { 0 };
	const char *program = NULL;
	int found = auth_file_read(path, &file, err);

	if (found <= 0)
		return found;
	found = auth_file_program(&file, registry, &program, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return auth_file_find(&file, registry, ret, err);
	found = credential_program_get(program, auth_key(registry), ret, err);
	return found < 0 ? error_wrap(err, "%s", path) : found;
}

int credential_find(const char *registry, struct credential *ret, struct error **err)
{
	cleanup_free char *path = config_path();
	int found = path ? find_in(path, registry, ret, err) : 0;
	cleanup_strv strv others = other_paths();

	for (char **other = others; found == 0 && other && *other; other++)
		found = find_in(*other, registry, ret, err);
	return found < 0 ? error_wrap(err, "find the credential for %s", registry) : found;
}

/* ---- changing ---- */

/* The file, and its folder locked: two logins at once must not lose one of them. */
static int open_config(struct auth_file *ret, struct error **err)
{
	cleanup_free char *path = config_path(), *folder = NULL;
	cleanup_close int made_fd = -1, dir_fd = -1;

	if (!path) {
		error_new(err, ERROR_INVALID, "there is no place for credentials");
		return error_hint(err, "set HOME or DOCKER_CONFIG");
	}
	folder = xstrndup(path, strlen(path) - strlen("/config.json"));
	made_fd = dir_make_at(AT_FDCWD, *folder ? folder : "/", 0700, err);
	dir_fd = made_fd < 0 ? -1 : dir_open_at(AT_FDCWD, *folder ? folder : "/", err);
	if (dir_fd < 0)
		return -1;
	if (TEMP_FAILURE_RETRY(flock(dir_fd, LOCK_EX)) < 0)
		return error_sys(err, "lock %s", folder);
	if (auth_file_read(path, ret, err) < 0)
		return -1;
	return take_fd(&dir_fd);
}

int credential_store(const char *registry, const struct credential *credential, char **ret_where,
	struct error **err)
{
	cleanup_auth_file struct auth_file file = { 0 };
	cleanup_close int lock_fd = open_config(&file, err);
	const char *program = NULL;
	int found = lock_fd < 0 ? -1 : auth_file_program(&file, registry, &program, err);

	if (found < 0 || (found > 0 && credential_program_store(
					       program, auth_key(registry), credential, err) < 0))
		return error_wrap(err, "keep the credential for %s", registry);
	auth_file_put(&file, registry, found > 0 ? NULL : credential);
	if (auth_file_write(&file, err) < 0)
		return -1;
	if (ret_where && found > 0)
		*ret_where = xstrdup("");
	else if (ret_where)
		*ret_where = xasprintf("Your credentials are stored unencrypted in '%s'.\n"
				       "Configure a credential helper to remove this warning.",
			file.path);
	return 0;
}

int credential_erase(const char *registry, struct error **err)
{
	cleanup_auth_file struct auth_file file = { 0 };
	cleanup_close int lock_fd = open_config(&file, err);
	const char *program = NULL;
	int found = lock_fd < 0 ? -1 : auth_file_program(&file, registry, &program, err);
	int erased = 0;

	if (found > 0)
		erased = credential_program_erase(program, auth_key(registry), err);
	if (found < 0 || erased < 0)
		return error_wrap(err, "erase the credential for %s", registry);
	if (auth_file_erase(&file, registry) > 0) {
		if (auth_file_write(&file, err) < 0)
			return -1;
		erased = 1;
	}
	return erased;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/auth_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "registry/base64.h"
#include "registry/credential.h"

#define FILE_MAX (4UL * 1024 * 1024)
#define HUB "docker.io"
#define HUB_KEY "https://index.docker.io/v1/"

/* ---- reading ---- */

void auth_file_done(struct auth_file *file)
{
	free(file->path);
	json_object_put(file->root);
	*file = (struct auth_file){ 0 };
}

/* An empty file is what a full disk leaves of it; there is nothing to lose. */
static int parse(const char *path, const char *text, size_t length, struct json_object **ret,
	struct error **err)
{
	if (length == 0)
		return 0;
	if (json_parse(text, length, path, ret, err) < 0)
		return error_hint(err, "repair it, or move it away; it is not changed");
	if (!json_object_is_type(*ret, json_type_object))
		return error_new(err, ERROR_INVALID, "%s is not a JSON object", path);
	return 0;
}

int auth_file_read(const char *path, struct auth_file *ret, struct error **err)
{
	cleanup_json struct json_object *root = NULL;
	cleanup_free char *text = NULL;
	ssize_t length = file_read_at(AT_FDCWD, path, FILE_MAX, &text, err);
	bool is_there = length >= 0;
	int result = 0;

	if (!is_there && error_errno(*err) != ENOENT && error_errno(*err) != ENOTDIR)
		return -1;
	if (is_there) {
		result = parse(path, text, (size_t)length, &root, err);
		if (text && length > 0)
			explicit_bzero(text, (size_t)length);
	} else {
		error_free(take_ptr(*err));
	}
	if (result < 0)
		return -1;
	*ret = (struct auth_file){ xstrdup(path), take_ptr(root) };
	return is_there;
}

/* ---- names of registries ---- */

static bool is_hub(const char *host)
{
	return strcasecmp(host, HUB) == 0 || strcasecmp(host, "index." HUB) == 0 ||
	       strcasecmp(host, "registry-1." HUB) == 0;
}

static const char *skip_scheme(const char *text)
{
	if (strncasecmp(text, "https://", 8) == 0)
		return text + 8;
	return strncasecmp(text, "http://", 7) == 0 ? text + 7 : text;
}

char *auth_registry(const char *server)
{
	const char *host = skip_scheme(server);
	cleanup_free char *name = xstrndup(host, strcspn(host, "/"));

	return is_hub(name) ? xstrdup(HUB) : take_ptr(name);
}

const char *auth_key(const char *registry)
{
	return strcmp(registry, HUB) == 0 ? HUB_KEY : registry;
}

/*
 * Other versions of docker wrote URLs. A path without one is of the containers tools and means a
 * part of the registry, which the rest of it must not get the password of.
 */
static bool key_matches(const char *key, const char *registry)
{
	const char *host = skip_scheme(key), *path = host + strcspn(host, "/");
	cleanup_free char *known = auth_registry(key);

	if (host == key && *path && strcmp(path, "/") != 0 && strcmp(path, "/v1/") != 0 &&
		strcmp(path, "/v2/") != 0)
		return false;
	return strcasecmp(known, registry) == 0;
}

/* ---- looking up ---- */

/* 1 with the member of an object that is this registry's. */
static int find_member(struct json_object *object, const char *registry, const char **ret_key,
	struct json_object **ret)
{
	struct json_object_iterator at, end;
	bool found = json_object_object_get_ex(object, auth_key(registry), ret);

	*ret_key = auth_key(registry);
	if (found)
		return 1;
	end = json_object_iter_end(object);
	for (at = json_object_iter_begin(object); !json_object_iter_equal(&at, &end);
		json_object_iter_next(&at)) {
		*ret_key = json_object_iter_peek_name(&at);
		*ret = json_object_iter_peek_value(&at);
		if (key_matches(*ret_key, registry))
			return 1;
	}
	return 0;
}

static int get_object(const struct auth_file *file, const char *name, struct json_object **ret,
	struct error **err)
{
	int found = file->root ? json_get(file->root, name, json_type_object, ret, err) : 0;

	return found < 0 ? error_wrap(err, "%s", file->path) : found;
}

int auth_file_program(
	const struct auth_file *file, const char *registry, const char **ret, struct error **err)
{
	struct json_object *programs = NULL, *name = NULL;
	const char *key = NULL;
	int found = get_object(file, "credHelpers", &programs, err);

	if (found < 0)
		return -1;
	if (found > 0 && find_member(programs, registry, &key, &name) > 0)
		found = json_get_text(programs, key, ret, err);
	else
		found = file->root ? json_get_text(file->root, "credsStore", ret, err) : 0;
	if (found < 0)
		return error_wrap(err, "%s", file->path);
	return found > 0 && **ret; /* "" takes it back for one registry */
}

/* "user:password"; 1, or -1. */
static int read_auth(const char *auth, struct credential *ret, struct error **err)
{
	char *text = NULL;
	ssize_t length = base64_decode(auth, &text);
	const char *colon = length > 0 ? strchr(text, ':') : NULL;
	int result = 1;

	if (!colon || colon == text)
		result = error_new(err, ERROR_INVALID, "its 'auth' is not base64 of user:password");
	else
		*ret = (struct credential){ xstrndup(text, (size_t)(colon - text)),
			xstrdup(colon + 1), false };
	if (length > 0)
		explicit_bzero(text, (size_t)length);
	if (length >= 0)
		free(text);
	return result;
}

static int read_entry(struct json_object *entry, struct credential *ret, struct error **err)
{
	const char *token = NULL, *auth = NULL, *user = NULL, *password = NULL;

	if (json_get_text(entry, "identitytoken", &token, err) < 0 ||
		json_get_text(entry, "auth", &auth, err) < 0 ||
		json_get_text(entry, "username", &user, err) < 0 ||
		json_get_text(entry, "password", &password, err) < 0)
		return -1;
	if (token && *token) {
		*ret = (struct credential){ xstrdup("<token>"), xstrdup(token), true };
		return 1;
	}
	if (auth && *auth)
		return read_auth(auth, ret, err);
	if (!user || !*user || !password)
		return 0;
	*ret = (struct credential){ xstrdup(user), xstrdup(password), false };
	return 1;
}

int auth_file_find(const struct auth_file *file, const char *registry, struct credential *ret,
	struct error **err)
{
	struct json_object *auths = NULL, *entry = NULL;
	const char *key = NULL;
	int found = get_object(file, "auths", &auths, err);

	if (found <= 0 || find_member(auths, registry, &key, &entry) == 0)
		return found < 0 ? -1 : 0;
	if (!entry)
		return 0;
	found = read_entry(entry, ret, err);
	return found < 0 ? error_wrap(err, "%s: 'auths': '%.200s'", file->path, key) : found;
}

/* ---- changing ---- */

int auth_file_erase(struct auth_file *file, const char *registry)
{
	struct json_object *auths = NULL, *entry = NULL;
	const char *key = NULL;
	int erased = 0;

	if (!file->root || !json_object_object_get_ex(file->root, "auths", &auths) ||
		!json_object_is_type(auths, json_type_object))
		return 0;
	for (; find_member(auths, registry, &key, &entry) > 0; erased = 1) {
		cleanup_free char *copy = xstrdup(key); /* key dies with its member */

		json_object_object_del(auths, copy);
	}
	return erased;
}

void auth_file_put(
	struct auth_file *file, const char *registry, const struct credential *credential)
{
	struct json_object *auths = NULL, *entry = json_object_new_object();
	cleanup_free char *text = NULL, *auth = NULL;

	if (!file->root)
		file->root = json_object_new_object();
	(void)auth_file_erase(file, registry);
	if (!json_object_object_get_ex(file->root, "auths", &auths) ||
		!json_object_is_type(auths, json_type_object)) {
		auths = json_object_new_object();
		json_put(file->root, "auths", auths);
	}
	if (credential) {
		text = xasprintf("%s:%s", credential->user,
			credential->is_identity_token ? "" : credential->secret);
		auth = base64_encode(text, strlen(text));
		explicit_bzero(text, strlen(text));
		json_put_text(entry, "auth", auth);
		explicit_bzero(auth, strlen(auth));
	}
	if (credential && credential->is_identity_token)
		json_put_text(entry, "identitytoken", credential->secret);
	json_put(auths, auth_key(registry), entry);
}

/* ---- writing ---- */

/* The file that path means in the end; the caller frees. */
static char *real_path(const char *path, struct error **err)
{
	struct stat st;
	char *real;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return xstrdup(path);
		error_sys(err, "look at %s", path);
		return NULL;
	}
	if (!S_ISLNK(st.st_mode))
		return xstrdup(path);
	/* Who may make a link there could lead the password to where they can read it. */
	if (st.st_uid != geteuid() && st.st_uid != 0) {
		error_new(err, ERROR_DENIED,
			"%s is a symbolic link of user %u: it is not followed for writing", path,
			(unsigned int)st.st_uid);
		return NULL;
	}
	real = realpath(path, NULL);
	if (!real)
		error_sys(err, "follow %s", path);
	return real;
}

/* The folder of a file, made where it is missing. */
static int open_folder(const char *path, struct error **err)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *folder =
		slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : xstrdup(".");
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT) {
		close_fd(dir_make_at(AT_FDCWD, folder, 0700, err));
		fd = *err ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0 && !*err)
		error_sys(err, "open %s", folder);
	return fd;
}

/* With mode 0600 from its birth, whatever the umask. */
static int write_new(
	int dir_fd, const char *name, const struct stat *old, const char *text, struct error **err)
{
	cleanup_close int fd =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_sys(err, "make %s", name);
	/* Written by root for a user, it stays the user's. */
	if (old && geteuid() == 0 && fchown(fd, old->st_uid, old->st_gid) < 0)
		return error_sys(err, "keep the owner");
	if (fchmod(fd, 0600) < 0)
		return error_sys(err, "set the mode of %s", name);
	if (file_write_all(fd, text, strlen(text), name, err) < 0)
		return -1;
	return fd_sync(fd, name, err);
}

static int replace(const char *path, const char *text, struct error **err)
{
	size_t folder = strlen(path) - strlen(basename(path));
	const char *name = path + folder;
	cleanup_free char *new_name = xasprintf(".%s.%d.new", name, (int)getpid());
	cleanup_close int dir_fd = open_folder(path, err);
	struct stat old;
	bool had;

	if (dir_fd < 0)
		return -1;
	had = fstatat(dir_fd, name, &old, AT_SYMLINK_NOFOLLOW) == 0;
	(void)unlinkat(dir_fd, new_name, 0); /* of a process of our number that was killed */
	if (write_new(dir_fd, new_name, had ? &old : NULL, text, err) == 0) {
		if (renameat(dir_fd, new_name, dir_fd, name) == 0)
			return fd_sync(dir_fd, path, err);
		error_sys(err, "replace it");
	}
	(void)unlinkat(dir_fd, new_name, 0);
	return -1;
}

int auth_file_write(const struct auth_file *file, struct error **err)
{
	cleanup_free char *path = real_path(file->path, err);
	cleanup_free char *text = NULL;
	const char *json;
	int result;

	if (!path)
		return -1;
	json = json_object_to_json_string_ext(
		file->root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_PRETTY_TAB |
				    JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!json) /* out of memory: what is there stays */
		abort();
	text = xasprintf("%s\n", json);
	result = replace(path, text, err);
	explicit_bzero(text, strlen(text));
	return result < 0 ? error_wrap(err, "write %s", path) : 0;
}

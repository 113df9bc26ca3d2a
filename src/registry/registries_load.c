/* SPDX-License-Identifier: Apache-2.0 */
/* Which files there are. The user's registries.conf takes the place of the machine's; the folders
 * of additions are both read, the user's last. */
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"
#include "registry/registries.h"

#define FILE_MAX (1024UL * 1024)
#define SYSTEM_CONF "/etc/containers/registries.conf"
#define DAEMON_JSON "/etc/docker/daemon.json"

typedef int parse_function(struct registries *, const char *, const char *, struct error **);

/* 1 read, 0 there is none. */
static int read_one(
	struct registries *registries, const char *path, parse_function *parse, struct error **err)
{
	cleanup_free char *text = NULL;
	ssize_t length = file_read_at(AT_FDCWD, path, FILE_MAX, &text, err);

	if (length < 0 && (error_errno(*err) == ENOENT || error_errno(*err) == ENOTDIR)) {
		error_free(take_ptr(*err));
		return 0;
	}
	if (length < 0)
		return -1;
	if (strlen(text) != (size_t)length)
		return error_new(err, ERROR_INVALID, "%s: it contains a NUL byte", path);
	return parse(registries, path, text, err) < 0 ? -1 : 1;
}

static bool is_conf(const char *name)
{
	size_t length = strlen(name);

	return length > 5 && name[0] != '.' && strcmp(name + length - 5, ".conf") == 0;
}

static int read_folder(struct registries *registries, const char *path, struct error **err)
{
	cleanup_close int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_strv strv names = NULL;

	if (dir_fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES
			       ? 0
			       : error_sys(err, "open %s", path);
	if (dir_names(dir_fd, &names, err) < 0)
		return -1;
	for (char **name = names; name && *name; name++) {
		cleanup_free char *file = xasprintf("%s/%s", path, *name);

		if (is_conf(*name) && read_one(registries, file, registries_parse, err) < 0)
			return -1;
	}
	return 0;
}

static int read_with_folder(struct registries *registries, const char *path, struct error **err)
{
	cleanup_free char *folder = xasprintf("%s.d", path);

	if (read_one(registries, path, registries_parse, err) < 0)
		return -1;
	return read_folder(registries, folder, err);
}

static int read_conf(struct registries *registries, struct error **err)
{
	const char *named = getenv("VESSEL_REGISTRIES_CONF"), *home = getenv("HOME"),
		   *config = getenv("XDG_CONFIG_HOME");
	cleanup_free char *own = NULL, *own_folder = NULL;
	int found = 0;

	if (named && *named)
		return read_with_folder(registries, named, err);
	if (config && *config)
		own = xasprintf("%s/containers/registries.conf", config);
	else if (home && *home)
		own = xasprintf("%s/.config/containers/registries.conf", home);
	if (own)
		found = read_one(registries, own, registries_parse, err);
	if (found == 0)
		found = read_one(registries, SYSTEM_CONF, registries_parse, err);
	if (found < 0 || read_folder(registries, SYSTEM_CONF ".d", err) < 0)
		return -1;
	own_folder = own ? xasprintf("%s.d", own) : NULL;
	return own ? read_folder(registries, own_folder, err) : 0;
}

int registries_load(struct registries *ret, struct error **err)
{
	cleanup_registries struct registries registries = { 0 };
	const char *daemon = getenv("VESSEL_DAEMON_JSON");

	if (read_conf(&registries, err) < 0 ||
		read_one(&registries, daemon && *daemon ? daemon : DAEMON_JSON,
			registries_parse_daemon, err) < 0)
		return error_hint(err, "correct the file, or ask who looks after this machine");
	*ret = registries;
	registries = (struct registries){ 0 };
	return 0;
}

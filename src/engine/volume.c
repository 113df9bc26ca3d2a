/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/volume.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "engine/names.h"
#include "engine/snapshot.h"
#include "runtime/copy_up.h"
#include "sys/path.h"

/* -v options: what the runtime gets for each; NULL: accepted for compatibility, nothing to do. */
static const struct {
	const char *name, *mount_option;
} options[] = {
	{ "ro", "ro" },
	{ "rw", "rw" },
	{ "z", NULL }, /* SELinux labels: no such policy is applied by vessel */
	{ "Z", NULL },
	{ "nocopy", NULL },
	{ "consistent", NULL }, /* Docker Desktop's cache hints */
	{ "cached", NULL },
	{ "delegated", NULL },
	{ "private", "private" },
	{ "rprivate", "rprivate" },
	{ "shared", "shared" },
	{ "rshared", "rshared" },
	{ "slave", "slave" },
	{ "rslave", "rslave" },
};

static int apply_option(
	struct record_mount *mount, const char *name, strv *runtime, struct error **err)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		if (strcmp(options[i].name, name) != 0)
			continue;
		if (strcmp(name, "ro") == 0)
			mount->writable = false;
		if (options[i].mount_option)
			strv_append(runtime, options[i].mount_option);
		return 0;
	}
	error_new(err, ERROR_INVALID, "invalid mode: %s", name);
	return error_hint(err, "modes of a volume are ro, rw, z, Z, nocopy and propagation, as in "
			       "-v data:/data:ro");
}

static int apply_options(struct record_mount *mount, const char *text, struct error **err)
{
	cleanup_strv strv names = strv_split(text, ','), runtime = NULL;

	strv_append(&runtime, "rbind");
	mount->no_copy = strv_contains(names, "nocopy");
	for (size_t i = 0; names[i]; i++)
		if (apply_option(mount, names[i], &runtime, err) < 0)
			return -1;
	mount->options = strv_join(runtime, ",");
	return 0;
}

static bool is_mounted(const struct record *record, const char *destination)
{
	for (size_t i = 0; i < record->mount_count; i++)
		if (strcmp(record->mounts[i].destination, destination) == 0)
			return true;
	return false;
}

static char *volume_source(const struct engine *engine, const char *name)
{
	return xasprintf("%s/volumes/%s/_data", engine->root, name);
}

/* A relative source that starts with a dot is a path, as docker's client has it. */
static char *absolute_source(const char *source)
{
	char cwd[4096];
	cleanup_free char *joined = NULL;

	if (source[0] == '/')
		return path_clean(source);
	if (source[0] != '.' || !getcwd(cwd, sizeof(cwd)))
		return NULL;
	joined = xasprintf("%s/%s", cwd, source);
	return path_clean(joined);
}

static int add_mount(struct engine *engine, struct record *record, const char *source,
	const char *destination, struct error **err)
{
	cleanup_free char *clean = path_clean(destination), *path = absolute_source(source);
	struct record_mount *mount;

	if (destination[0] != '/' || strcmp(clean, "/") == 0)
		return error_new(err, ERROR_INVALID,
			"invalid volume: the path inside the container, '%s', must be absolute and "
			"not '/'",
			destination);
	if (is_mounted(record, clean))
		return error_new(err, ERROR_INVALID, "duplicate mount point: %s", clean);
	if (path) {
		record_add_mount(record, "bind", path, clean);
		return 0;
	}
	if (!name_is_valid(source)) {
		error_new(err, ERROR_INVALID, "'%s' is no name for a volume", source);
		return error_hint(err, "names have letters, digits, '_', '.' and '-'; a directory "
				       "is written with a leading / or ./");
	}
	path = volume_source(engine, source);
	mount = record_add_mount(record, "volume", path, clean);
	mount->name = xstrdup(source);
	return 0;
}

int volume_parse(struct engine *engine, const char *text, struct record *record, struct error **err)
{
	cleanup_strv strv parts = strv_split(text, ':');
	size_t count = strv_length(parts), before = record->mount_count;

	if (count > 3 || !parts[0][0] || (count > 1 && !parts[1][0]))
		goto bad;
	if (count == 1) {
		cleanup_free char *clean = path_clean(parts[0]);

		if (parts[0][0] != '/')
			goto bad;
		volume_add_anonymous(engine, record, clean);
		return 0;
	}
	if (add_mount(engine, record, parts[0], parts[1], err) < 0)
		return error_wrap(err, "-v %s", text);
	if (apply_options(&record->mounts[before], count == 3 ? parts[2] : "rw", err) < 0)
		return error_wrap(err, "-v %s", text);
	return 0;
bad:
	error_new(err, ERROR_INVALID, "-v %s: invalid volume specification", text);
	return error_hint(err, "write -v SOURCE:/PATH[:ro], where SOURCE is a directory of the "
			       "host or a volume's name");
}

int tmpfs_parse(const char *text, struct record *record, struct error **err)
{
	const char *colon = strchr(text, ':');
	cleanup_free char *path = colon ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
	cleanup_free char *clean = path_clean(path);
	struct record_mount *mount;

	if (path[0] != '/' || strcmp(clean, "/") == 0)
		return error_new(err, ERROR_INVALID, "--tmpfs %s: the path must be absolute", text);
	if (is_mounted(record, clean))
		return error_new(err, ERROR_INVALID, "duplicate mount point: %s", clean);
	mount = record_add_mount(record, "tmpfs", NULL, clean);
	mount->options =
		xasprintf("nosuid,nodev,noexec%s%s", colon ? "," : "", colon ? colon + 1 : "");
	return 0;
}

void volume_add_anonymous(struct engine *engine, struct record *record, const char *destination)
{
	struct record_mount *mount;
	char name[ID_MAX];
	cleanup_free char *clean = path_clean(destination), *source = NULL;

	if (is_mounted(record, clean))
		return;
	id_make(name);
	source = volume_source(engine, name);
	mount = record_add_mount(record, "volume", source, clean);
	mount->name = xstrdup(name);
	mount->options = xstrdup("rbind,rw");
}

/* Docker makes a missing bind source; people rely on it and are surprised by it: it is a directory
 * of root's. */
static int make_bind_source(const char *path, struct error **err)
{
	struct stat st;
	int fd;

	if (stat(path, &st) == 0)
		return 0;
	fd = dir_make_at(AT_FDCWD, path, 0755, err);
	close_fd(fd);
	return fd < 0 ? error_as(err, ERROR_INVALID, "bind source '%s'", path) : 0;
}

static bool is_empty(int dir_fd)
{
	cleanup_error struct error *unreadable = NULL;
	cleanup_strv strv names = NULL;

	return dir_names(dir_fd, &names, &unreadable) == 0 && !names;
}

/*
 * An empty volume over a directory of the image gets what is there, with its owner and mode: images
 * rely on it for their data directories.
 */
static int fill_volume(struct engine *engine, const struct record *record,
	const struct record_mount *mount, int volume_fd, struct error **err)
{
	cleanup_strv strv lowers = NULL;
	cleanup_close int root_fd = -1, from_fd = -1;
	struct stat st;
	int found;

	if (mount->no_copy || record->layer_count == 0 || !is_empty(volume_fd))
		return 0;
	if (layer_lowers(&engine->store, record->layers, record->layer_count, &lowers, err) < 0)
		return -1;
	root_fd = snapshot_mount(lowers, NULL, err);
	if (root_fd < 0)
		return -1;
	found = path_stat_in_root(root_fd, mount->destination, &st, err);
	if (found <= 0 || !S_ISDIR(st.st_mode))
		return found < 0 ? -1 : 0;
	from_fd = path_open_in_root(root_fd, mount->destination, O_RDONLY | O_DIRECTORY, 0, err);
	if (from_fd < 0 || copy_up_tree(from_fd, volume_fd, err) < 0)
		return -1;
	if (fchown(volume_fd, st.st_uid, st.st_gid) < 0 ||
		fchmod(volume_fd, st.st_mode & 07777) < 0)
		return error_sys(err, "give volume '%s' its owner", mount->name);
	return 0;
}

static int make_volume(struct engine *engine, const struct record *record,
	const struct record_mount *mount, struct error **err)
{
	cleanup_free char *path = xasprintf("%s/_data", mount->name);
	bool anonymous = id_is_valid(mount->name);
	cleanup_close int made_fd = -1, fd = -1;
	struct catalog *catalog;

	made_fd = dir_make_at(engine->volumes_fd, path, 0755, err);
	fd = made_fd < 0 ? -1 : dir_open_at(engine->volumes_fd, path, err);
	if (fd < 0 || fill_volume(engine, record, mount, fd, err) < 0 ||
		store_catalog(&engine->store, &catalog, err) < 0 ||
		catalog_put_volume(catalog, mount->name, anonymous, err) < 0)
		return error_wrap(err, "make volume '%s'", mount->name);
	return 0;
}

int volumes_make(struct engine *engine, struct record *record, struct error **err)
{
	for (size_t i = 0; i < record->mount_count; i++) {
		const struct record_mount *mount = &record->mounts[i];

		if (strcmp(mount->type, "bind") == 0 && make_bind_source(mount->source, err) < 0)
			return -1;
		if (strcmp(mount->type, "volume") == 0 &&
			make_volume(engine, record, mount, err) < 0)
			return -1;
	}
	return 0;
}

int volumes_remove_anonymous(struct engine *engine, const struct record *record, struct error **err)
{
	struct catalog *catalog;

	store_make_room(&engine->store);
	for (size_t i = 0; i < record->mount_count; i++) {
		const struct record_mount *mount = &record->mounts[i];

		if (strcmp(mount->type, "volume") != 0 || !id_is_valid(mount->name))
			continue;
		if (store_catalog(&engine->store, &catalog, err) < 0 ||
			catalog_delete_volume(catalog, mount->name, err) < 0 ||
			tree_remove_at(engine->volumes_fd, mount->name, err) < 0)
			return error_wrap(err, "remove volume '%s'", mount->name);
	}
	return 0;
}

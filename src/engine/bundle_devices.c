/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bundle_devices.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/alloc.h"
#include "base/error.h"

/* Deny all, then: making nodes is allowed (using them is not), and those that every container has.
 */
static const struct spec_device_rule default_rules[] = {
	{ false, 'a', -1, -1, "rwm" }, { true, 'c', -1, -1, "m" }, { true, 'b', -1, -1, "m" },
	{ true, 'c', 1, 3, "rwm" }, /* null */
	{ true, 'c', 1, 5, "rwm" }, /* zero */
	{ true, 'c', 1, 7, "rwm" }, /* full */
	{ true, 'c', 1, 8, "rwm" }, /* random */
	{ true, 'c', 1, 9, "rwm" }, /* urandom */
	{ true, 'c', 5, 0, "rwm" }, /* tty */
	{ true, 'c', 5, 1, "rwm" }, /* console */
	{ true, 'c', 5, 2, "rwm" }, /* ptmx */
	{ true, 'c', 136, -1, "rwm" }, /* pts */
};

static void add_node(struct spec *spec, const char *path, const struct stat *st)
{
	struct spec_device *device;

	spec->devices = xrealloc(spec->devices, spec->device_count + 1, sizeof(*spec->devices));
	device = &spec->devices[spec->device_count++];
	*device = (struct spec_device){ .path = xstrdup(path),
		.type = S_ISBLK(st->st_mode) ? 'b' : 'c',
		.major = major(st->st_rdev),
		.minor = minor(st->st_rdev),
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid };
}

static int look_at_device(const char *path, struct stat *ret, struct error **err)
{
	if (stat(path, ret) < 0)
		return error_sys(err, "--device %s", path);
	if (!S_ISCHR(ret->st_mode) && !S_ISBLK(ret->st_mode))
		return error_new(err, ERROR_INVALID, "--device %s: not a device node", path);
	return 0;
}

int bundle_check_devices(const struct record *record, struct error **err)
{
	struct stat st;

	for (size_t i = 0; record->devices && record->devices[i]; i++) {
		cleanup_strv strv parts = strv_split(record->devices[i], ':');

		if (look_at_device(parts[0], &st, err) < 0)
			return -1;
	}
	return 0;
}

static int add_device(struct spec *spec, const char *text, struct error **err)
{
	cleanup_strv strv parts = strv_split(text, ':');
	struct spec_device_rule rule = { .allow = true };
	struct stat st;

	if (look_at_device(parts[0], &st, err) < 0)
		return -1;
	add_node(spec, parts[1], &st);
	rule.type = S_ISBLK(st.st_mode) ? 'b' : 'c';
	rule.major = major(st.st_rdev);
	rule.minor = minor(st.st_rdev);
	memcpy(rule.access, parts[2], strlen(parts[2]) + 1);
	spec_add_device_rule(&spec->resources, &rule);
	return 0;
}

/* --privileged: every node of the host's /dev. */
static int add_host_devices(struct spec *spec, struct error **err)
{
	DIR *dir = opendir("/dev");
	const struct dirent *entry;
	struct stat st;

	if (!dir)
		return error_sys(err, "read /dev");
	while ((entry = readdir(dir)) != NULL) {
		cleanup_free char *path = xasprintf("/dev/%s", entry->d_name);

		/* The terminals and the six that every container has are made anyway. */
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			(S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) && major(st.st_rdev) != 5 &&
			!(S_ISCHR(st.st_mode) && major(st.st_rdev) == 1))
			add_node(spec, path, &st);
	}
	closedir(dir);
	return 0;
}

int bundle_add_devices(const struct record *record, struct spec *spec, struct error **err)
{
	const struct spec_device_rule all = { true, 'a', -1, -1, "rwm" };

	if (record->privileged) {
		spec_add_device_rule(&spec->resources, &all);
		return add_host_devices(spec, err);
	}
	for (size_t i = 0; i < sizeof(default_rules) / sizeof(*default_rules); i++)
		spec_add_device_rule(&spec->resources, &default_rules[i]);
	for (size_t i = 0; record->devices && record->devices[i]; i++)
		if (add_device(spec, record->devices[i], err) < 0)
			return -1;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/mount_option.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

enum kind {
	KIND_SET,
	KIND_CLEAR,
	KIND_ATIME,
	KIND_PROPAGATION,
	KIND_BIND,
	KIND_IDMAP, /* also with "=ids" */
	KIND_FLAG, /* value: where in struct mount_options */
	KIND_SUPER, /* of the file system: a bind has its own already */
	KIND_NOTHING
};

/*
 * An 'r' before a name means "and all below"; that is a column of its own, because "ro", "rw" and
 * "relatime" begin with one, too.
 */
static const struct {
	const char *name;
	enum kind kind;
	bool all;
	uint64_t value;
} table[] = {
	{ "ro", KIND_SET, false, MOUNT_ATTR_RDONLY },
	{ "rw", KIND_CLEAR, false, MOUNT_ATTR_RDONLY },
	{ "nosuid", KIND_SET, false, MOUNT_ATTR_NOSUID },
	{ "suid", KIND_CLEAR, false, MOUNT_ATTR_NOSUID },
	{ "nodev", KIND_SET, false, MOUNT_ATTR_NODEV },
	{ "dev", KIND_CLEAR, false, MOUNT_ATTR_NODEV },
	{ "noexec", KIND_SET, false, MOUNT_ATTR_NOEXEC },
	{ "exec", KIND_CLEAR, false, MOUNT_ATTR_NOEXEC },
	{ "nosymfollow", KIND_SET, false, MOUNT_ATTR_NOSYMFOLLOW },
	{ "symfollow", KIND_CLEAR, false, MOUNT_ATTR_NOSYMFOLLOW },
	{ "nodiratime", KIND_SET, false, MOUNT_ATTR_NODIRATIME },
	{ "diratime", KIND_CLEAR, false, MOUNT_ATTR_NODIRATIME },
	{ "relatime", KIND_ATIME, false, MOUNT_ATTR_RELATIME },
	{ "atime", KIND_ATIME, false, MOUNT_ATTR_RELATIME },
	{ "norelatime", KIND_ATIME, false, MOUNT_ATTR_RELATIME },
	{ "noatime", KIND_ATIME, false, MOUNT_ATTR_NOATIME },
	{ "strictatime", KIND_ATIME, false, MOUNT_ATTR_STRICTATIME },
	{ "nostrictatime", KIND_ATIME, false, MOUNT_ATTR_RELATIME },
	{ "rro", KIND_SET, true, MOUNT_ATTR_RDONLY },
	{ "rrw", KIND_CLEAR, true, MOUNT_ATTR_RDONLY },
	{ "rnosuid", KIND_SET, true, MOUNT_ATTR_NOSUID },
	{ "rsuid", KIND_CLEAR, true, MOUNT_ATTR_NOSUID },
	{ "rnodev", KIND_SET, true, MOUNT_ATTR_NODEV },
	{ "rdev", KIND_CLEAR, true, MOUNT_ATTR_NODEV },
	{ "rnoexec", KIND_SET, true, MOUNT_ATTR_NOEXEC },
	{ "rexec", KIND_CLEAR, true, MOUNT_ATTR_NOEXEC },
	{ "rnosymfollow", KIND_SET, true, MOUNT_ATTR_NOSYMFOLLOW },
	{ "rsymfollow", KIND_CLEAR, true, MOUNT_ATTR_NOSYMFOLLOW },
	{ "rnodiratime", KIND_SET, true, MOUNT_ATTR_NODIRATIME },
	{ "rdiratime", KIND_CLEAR, true, MOUNT_ATTR_NODIRATIME },
	{ "rrelatime", KIND_ATIME, true, MOUNT_ATTR_RELATIME },
	{ "ratime", KIND_ATIME, true, MOUNT_ATTR_RELATIME },
	{ "rnorelatime", KIND_ATIME, true, MOUNT_ATTR_RELATIME },
	{ "rnoatime", KIND_ATIME, true, MOUNT_ATTR_NOATIME },
	{ "rstrictatime", KIND_ATIME, true, MOUNT_ATTR_STRICTATIME },
	{ "rnostrictatime", KIND_ATIME, true, MOUNT_ATTR_RELATIME },
	{ "private", KIND_PROPAGATION, false, MS_PRIVATE },
	{ "rprivate", KIND_PROPAGATION, true, MS_PRIVATE },
	{ "slave", KIND_PROPAGATION, false, MS_SLAVE },
	{ "rslave", KIND_PROPAGATION, true, MS_SLAVE },
	{ "shared", KIND_PROPAGATION, false, MS_SHARED },
	{ "rshared", KIND_PROPAGATION, true, MS_SHARED },
	{ "unbindable", KIND_PROPAGATION, false, MS_UNBINDABLE },
	{ "runbindable", KIND_PROPAGATION, true, MS_UNBINDABLE },
	{ "bind", KIND_BIND, false, 0 },
	{ "rbind", KIND_BIND, true, 0 },
	{ "idmap", KIND_IDMAP, false, 0 },
	{ "ridmap", KIND_IDMAP, true, 0 },
	{ "tmpcopyup", KIND_FLAG, false, offsetof(struct mount_options, copy_up) },
	{ "copy-symlink", KIND_FLAG, false, offsetof(struct mount_options, copy_link) },
	{ "src-nofollow", KIND_FLAG, false, offsetof(struct mount_options, source_nofollow) },
	{ "dest-nofollow", KIND_FLAG, false, offsetof(struct mount_options, target_nofollow) },
	{ "sync", KIND_SUPER, false, 0 },
	{ "async", KIND_SUPER, false, 0 },
	{ "dirsync", KIND_SUPER, false, 0 },
	{ "lazytime", KIND_SUPER, false, 0 },
	{ "nolazytime", KIND_SUPER, false, 0 },
	{ "mand", KIND_SUPER, false, 0 },
	{ "nomand", KIND_SUPER, false, 0 },
	/* Flags of mount(2) that say nothing to the kernel's newer calls, or nothing at all. */
	{ "silent", KIND_NOTHING, false, 0 },
	{ "loud", KIND_NOTHING, false, 0 },
	{ "acl", KIND_NOTHING, false, 0 },
	{ "noacl", KIND_NOTHING, false, 0 },
	{ "iversion", KIND_NOTHING, false, 0 },
	{ "noiversion", KIND_NOTHING, false, 0 },
	{ "defaults", KIND_NOTHING, false, 0 },
};

#define ROWS (sizeof(table) / sizeof(*table))

/* The later of two that contradict each other wins, as with mount(8). */
static void change(struct mount_options *options, bool all, uint64_t set, uint64_t clear)
{
	uint64_t *set_bits = all ? &options->all_set : &options->set;
	uint64_t *clear_bits = all ? &options->all_clear : &options->clear;

	*set_bits = (*set_bits & ~clear) | set;
	*clear_bits = (*clear_bits & ~set) | clear;
}

static void apply(struct mount_options *options, size_t row)
{
	bool all = table[row].all;
	uint64_t value = table[row].value;

	switch (table[row].kind) {
	case KIND_SET:
		change(options, all, value, 0);
		break;
	case KIND_CLEAR:
		change(options, all, 0, value);
		break;
	case KIND_ATIME:
		/* Three values of one field: the kernel wants it cleared in the same call. */
		change(options, all, 0, MOUNT_ATTR__ATIME);
		*(all ? &options->all_set : &options->set) |= value;
		break;
	case KIND_PROPAGATION:
		options->propagation = value;
		options->propagate_all = all;
		break;
	case KIND_BIND:
		options->bind = true;
		options->bind_all |= all; /* some callers write both */
		break;
	case KIND_IDMAP:
		options->idmap = true;
		options->idmap_all |= all;
		break;
	case KIND_FLAG:
		*(bool *)((char *)options + value) = true;
		break;
	case KIND_SUPER: /* a parameter */
	case KIND_NOTHING:
		break;
	}
}

static int add_parameter(
	struct mount_options *options, size_t *count, const char *text, struct error **err)
{
	char *copy, *equals;

	if (*count == MOUNT_PARAMETERS_MAX)
		return error_new(
			err, ERROR_INVALID, "more than %d mount options", MOUNT_PARAMETERS_MAX);
	copy = strv_append(&options->texts, text);
	equals = strchr(copy, '=');
	if (equals)
		*equals++ = '\0';
	options->parameters[(*count)++] = (struct mount_option){ .key = copy, .value = equals };
	return 0;
}

static size_t find_row(const char *text)
{
	size_t row = 0;

	while (row < ROWS && strcmp(table[row].name, text) != 0)
		row++;
	return row;
}

/* "idmap=..." and "ridmap=...". */
static bool apply_idmap(struct mount_options *options, const char *text)
{
	bool all = *text == 'r';

	if (strncmp(text + all, "idmap=", 6) != 0)
		return false;
	options->idmap = true;
	options->idmap_all |= all;
	options->idmap_ids = strv_append(&options->texts, text + all + 6);
	return true;
}

static int add_option(
	struct mount_options *options, size_t *count, const char *text, struct error **err)
{
	size_t row = find_row(text);

	if (row < ROWS)
		apply(options, row);
	if ((row < ROWS && table[row].kind != KIND_SUPER) || apply_idmap(options, text))
		return 0;
	if (add_parameter(options, count, text, err) < 0)
		return -1;
	/* Parameters for a file system, which a bind has none of, are listed for binds as well. */
	if (row == ROWS && !options->unknown && !strchr(text, '='))
		options->unknown = options->parameters[*count - 1].key;
	return 0;
}

int mount_options_parse(char *const *texts, struct mount_options *ret, struct error **err)
{
	struct mount_options options = { 0 };
	size_t count = 0;

	for (; texts && *texts; texts++)
		if (**texts && add_option(&options, &count, *texts, err) < 0) {
			mount_options_done(&options);
			return -1;
		}
	*ret = options;
	return 0;
}

void mount_options_done(struct mount_options *options)
{
	strv_free(options->texts);
	*options = (struct mount_options){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "oci-runtime/default_map.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "oci/spec.h"

#define MAP_MAX 65536
#define LINES_MAX 340 /* the kernel's */

/* The ids that our own namespace has, mapped to themselves. */
static int identity(
	const char *path, struct spec_id_map **ret, size_t *ret_count, struct error **err)
{
	cleanup_free struct spec_id_map *map = NULL;
	cleanup_free char *text = NULL;
	size_t count = 0;

	if (file_read_at(-1, path, MAP_MAX, &text, err) < 0)
		return -1;
	map = xcalloc(LINES_MAX, sizeof(*map));
	for (char *line = text; *line && count < LINES_MAX; count++) {
		char *end = NULL;
		unsigned long first = strtoul(line, &end, 10), size;

		(void)strtoul(end, &end, 10);
		size = strtoul(end, &end, 10);
		if (size == 0)
			return error_new(err, ERROR_INTERNAL, "'%s' is not understood", path);
		map[count] =
			(struct spec_id_map){ (uint32_t)first, (uint32_t)first, (uint32_t)size };
		line = *end == '\n' ? end + 1 : end;
	}
	*ret = take_ptr(map);
	*ret_count = count;
	return 0;
}

static void own_alone(uint32_t id, struct spec_id_map **ret, size_t *ret_count)
{
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)[0] = (struct spec_id_map){ 0, id, 1 };
	*ret_count = 1;
}

static bool is_wanted(const struct spec *spec)
{
	for (size_t i = 0; i < spec->namespace_count; i++)
		if (spec->namespaces[i].type == CLONE_NEWUSER && !spec->namespaces[i].path)
			return spec->uid_map_count == 0 && spec->gid_map_count == 0;
	return false;
}

int default_map_add(struct spec *spec, struct error **err)
{
	if (!is_wanted(spec))
		return 0;
	if (geteuid() != 0) {
		own_alone(geteuid(), &spec->uid_map, &spec->uid_map_count);
		own_alone(getegid(), &spec->gid_map, &spec->gid_map_count);
		return 0;
	}
	if (identity("/proc/self/uid_map", &spec->uid_map, &spec->uid_map_count, err) < 0 ||
		identity("/proc/self/gid_map", &spec->gid_map, &spec->gid_map_count, err) < 0)
		return error_wrap(err, "ids for the new user namespace");
	return 0;
}

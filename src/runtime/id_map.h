/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings of ids for a mount (mount_setattr(2), MOUNT_ATTR_IDMAP). The kernel takes them as a user
 * namespace: one is made by a process that does nothing in it and ends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct spec;
struct spec_id_map;

struct id_maps {
	struct spec_id_map *uid, *gid;
	size_t uid_count, gid_count;
};

/*
 * "uids=0-1-10#10-11-10;gids=0-100-10": id on disk, id that is shown, how many. With '@' before
 * the first number the second is one of the container's, not the host's.
 */
int id_maps_parse(
	const char *text, const struct spec *spec, struct id_maps *ret, struct error **err);
void id_maps_done(struct id_maps *maps);
/* The host's id of one of the container's; false when it has none. Without a map all are equal. */
bool id_map_to_host(const struct spec_id_map *map, size_t count, uint32_t *id);
/* A user namespace of that mapping; the caller must not be in one without the right to map. */
int id_maps_open(const struct id_maps *maps, struct error **err);

static inline void id_maps_done_p_(struct id_maps *maps)
{
	id_maps_done(maps);
}
#define cleanup_id_maps __attribute__((cleanup(id_maps_done_p_)))

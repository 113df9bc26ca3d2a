/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes and binds: -v [src:]dst[:opts], --tmpfs dst[:opts], VOLUME of images. A named volume is
 * ROOT/volumes/<name>/_data. */
#pragma once

#include "engine/engine.h"
#include "engine/record.h"

struct error;

/* Checks one -v and adds the mount it means; volumes are made when the container is created. */
int volume_parse(
	struct engine *engine, const char *text, struct record *record, struct error **err);
int tmpfs_parse(const char *text, struct record *record, struct error **err);
/* An anonymous volume at destination, unless something is mounted there already. */
void volume_add_anonymous(struct engine *engine, struct record *record, const char *destination);
/* Makes the volumes and missing bind sources of a record. */
int volumes_make(struct engine *engine, struct record *record, struct error **err);
/* Removes the anonymous volumes of a record. */
int volumes_remove_anonymous(
	struct engine *engine, const struct record *record, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two tables of contents of an archive of images, which may stand beside each other: Docker's
 * manifest.json, and an OCI layout's index.json, whose entries are named by annotations. Both come
 * from outside; what they name are members of the same archive, and never paths.
 */
#pragma once

#include "base/strv.h"
#include "oci/image.h"

struct error;

#define ARCHIVE_IMAGES_MAX 1024
#define ARCHIVE_TAGS_MAX 1024 /* of one image */

struct docker_image {
	char *config; /* the member that is the configuration */
	strv layers; /* bottom first */
	strv tags; /* as written: "debian:12"; NULL: none */
};

struct docker_table {
	struct docker_image *images;
	size_t count;
};

int docker_table_parse(
	const char *text, size_t length, struct docker_table *ret, struct error **err);
char *docker_table_text(const struct docker_table *table); /* the caller frees */
void docker_table_done(struct docker_table *table);

struct layout_index {
	struct manifest manifest; /* an index */
	/*
	 * For each of its entries the image's whole name, or NULL: containerd's annotation, or
	 * OCI's where that has more than a tag in it ("latest" alone names nothing).
	 */
	char **names;
};

int layout_index_parse(
	const char *text, size_t length, struct layout_index *ret, struct error **err);
/* Of entries with names (reference_text(), or NULL): both annotations, OCI's with the tag alone. */
char *layout_index_text(const struct layout_index *index);
void layout_index_done(struct layout_index *index);

static inline void docker_table_done_p_(struct docker_table *table)
{
	docker_table_done(table);
}
static inline void layout_index_done_p_(struct layout_index *index)
{
	layout_index_done(index);
}
#define cleanup_docker_table CLEANUP(docker_table_done)
#define cleanup_layout_index CLEANUP(layout_index_done)

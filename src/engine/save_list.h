/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into an archive: images, the names they get there, and their blobs. */
#pragma once

#include "engine/save.h"
#include "oci/image.h"

struct save_blob {
	struct digest digest;
	int64_t size;
	char *text; /* one that was made for the archive; NULL: it is in the store */
};

struct save_image {
	struct image_row row;
	strv tags; /* normal form; NULL: the image was named by its id */
	struct manifest manifest;
	struct digest manifest_digest;
	int64_t manifest_size;
};

struct save_list {
	struct save_image *images; /* as they were named, each once */
	size_t image_count;
	struct save_blob *blobs; /* by digest, each once */
	size_t blob_count;
};

/* Looks all of it up; a blob that is missing, or has not its length, is an error. */
int save_list_make(struct store *store, const struct image_save *options, struct save_list *ret,
	struct error **err);
void save_list_done(struct save_list *list);

static inline void save_list_done_p_(struct save_list *list)
{
	save_list_done(list);
}
#define cleanup_save_list CLEANUP(save_list_done)

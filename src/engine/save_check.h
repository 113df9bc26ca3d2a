/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether blobs are what their names say. One that is as it was when it was hashed needs no second
 * hash (blob_is_unchanged()); others are hashed beside the copying, in a thread, because a hash
 * takes longer than a copy within the kernel. Who saves starts no process, which is why there may
 * be a thread. What only a failing disk has changed is found by `system check`, and by who loads
 * the archive.
 */
#pragma once

#include "engine/save_list.h"

struct error;
struct save_check;

/* list and store are borrowed until save_check_end(). */
struct save_check *save_check_begin(struct store *store, const struct save_list *list);
/* Waits for it; says which blob is damaged. */
int save_check_end(struct save_check *check, struct error **err);

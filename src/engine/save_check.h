/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes blobs beside their copying, in a thread: a copy within the kernel takes about as long as a
 * hash, and one after the other would take twice the time. Who saves starts no process, which is
 * why there may be a thread.
 */
#pragma once

#include "engine/save_list.h"

struct error;
struct save_check;

/* list and store are borrowed until save_check_end(). */
struct save_check *save_check_begin(struct store *store, const struct save_list *list);
/* Waits for it; says which blob is damaged. */
int save_check_end(struct save_check *check, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A string vector that knows its length: appending n strings costs n steps, where strv_append()
 * counts from the start each time. For lists as long as a Dockerfile's author or a directory
 * makes them.
 */
#pragma once

#include "base/alloc.h"
#include "base/strv.h"

struct list {
	strv items; /* take_ptr() hands it over */
	size_t count, room;
};

static inline void list_take(struct list *list, char *text)
{
	if (list->count + 1 >= list->room) {
		list->room = list->room ? 2 * list->room : 16;
		list->items = xrealloc(list->items, list->room, sizeof(char *));
	}
	list->items[list->count++] = text;
	list->items[list->count] = NULL;
}

static inline void list_done_p_(struct list *list)
{
	strv_free(list->items);
}
#define cleanup_list CLEANUP(list_done)

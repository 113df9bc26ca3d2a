/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/blob.h"

void digest_set_add(struct digest_set *set, const struct digest *digest)
{
	if ((set->count & (set->count - 1)) == 0) /* room doubles at each power of two */
		set->items =
			xrealloc(set->items, set->count ? 2 * set->count : 1, sizeof(*set->items));
	set->items[set->count++] = *digest;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest));
}

void digest_set_sort(struct digest_set *set)
{
	if (set->count > 1)
		qsort(set->items, set->count, sizeof(*set->items), compare);
}

bool digest_set_has(const struct digest_set *set, const struct digest *digest)
{
	return set->count > 0 &&
	       bsearch(digest, set->items, set->count, sizeof(*set->items), compare) != NULL;
}

void digest_set_done(struct digest_set *set)
{
	free(set->items);
	*set = (struct digest_set){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "build/suggest.h"

#include <stddef.h>
#include <string.h>

#define WORD_MAX 32

static int lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static int least(int a, int b, int c)
{
	int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein's distance: insertions, deletions, replacements. Both are at most WORD_MAX long. */
static int distance(const char *a, const char *b)
{
	int row[WORD_MAX + 1], n = (int)strlen(b);

	for (int j = 0; j <= n; j++)
		row[j] = j;
	for (int i = 0; a[i]; i++) {
		int diagonal = row[0];

		row[0] = i + 1;
		for (int j = 0; j < n; j++) {
			int above = row[j + 1];

			row[j + 1] = least(
				above + 1, row[j] + 1, diagonal + (lower(a[i]) != lower(b[j])));
			diagonal = above;
		}
	}
	return row[n];
}

const char *suggest(const char *word, const char *const *names)
{
	const char *nearest = NULL;
	int best = strlen(word) < 4 ? 2 : 3;

	if (strlen(word) > WORD_MAX)
		return NULL;
	for (size_t i = 0; names[i]; i++) {
		int d = distance(word, names[i]);

		if (d < best) {
			best = d;
			nearest = names[i];
		}
	}
	return nearest;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns as docker prints them, by the rules of Go's tabwriter with its settings (padding 3): a
 * cell ends with a tab, and what follows the last tab of a line is not padded.
 */
#pragma once

#include <stdio.h>

#define TABLE_WIDTH 10 /* the least of a column in lists; top has 20 */

/* text is lines of cells with tabs between them. */
void table_print(FILE *out, const char *text, size_t min_width);

/* SPDX-License-Identifier: Apache-2.0 */
/* --filter key=value, given several times: values of one key are alternatives (labels must all be
 * there), different keys must all hold. */
#pragma once

#include <stdbool.h>

#include "base/strv.h"

struct error;

/* Checks the form, and that each key is one of known (NULL-terminated). */
int filter_check(char *const *filters, const char *const *known, struct error **err);
/* match() says whether one key=value holds for the thing in question. */
bool filter_match(char *const *filters,
	bool (*match)(const char *key, const char *value, void *arg), void *arg);
/* The n-th value of a key, or NULL. */
const char *filter_value(char *const *filters, const char *key, size_t n);
/* "k" or "k=v" of a filter against "k=v" labels. */
bool filter_label(char *const *labels, const char *wanted);
/* Regular expression, or when it is none, a part of the text. */
bool filter_pattern(const char *text, const char *pattern);

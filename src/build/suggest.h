/* SPDX-License-Identifier: Apache-2.0 */
/* What a mistyped name was probably meant to be. */
#pragma once

/* The nearest of names (NULL-terminated), case aside, or NULL when none is near. */
const char *suggest(const char *word, const char *const *names);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two kinds of file name patterns. Both know '?' and '*', which never match '/', classes "[a-z]"
 * and "[^a-z]", and '\' before a character that means itself.
 *
 * glob_match() is Go's filepath.Match: sources of COPY. glob_match_deep() has "**" too, any number
 * of directories: .dockerignore. Neither takes more than pattern times name steps, for as in a
 * shell only the latest star is ever tried again.
 */
#pragma once

#include <stdbool.h>

bool glob_match(const char *pattern, const char *name);
bool glob_match_deep(const char *pattern, const char *path);
/* Classes are closed and not empty, no '\' stands at the end. */
bool glob_is_valid(const char *pattern);
/* Has it a wildcard that is not escaped? */
bool glob_has_wildcard(const char *pattern);

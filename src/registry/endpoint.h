/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the places where a repository is to be had is asked now, and going on to the next. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct error;
struct repository;

/* Asks access.endpoints[index] from now on; tokens of another place are forgotten. */
int endpoint_use(struct repository *repository, size_t index, bool https, struct error **err);
/*
 * After *err: 1 when there is another place, which is asked from now on (*err is kept for a later
 * error, and NULL); 0 when that was the last one, and *err tells of all of them.
 */
int endpoint_next(struct repository *repository, struct error **err);
bool endpoint_has_next(const struct repository *repository);

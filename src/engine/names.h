/* SPDX-License-Identifier: Apache-2.0 */
/* Names for containers whose user gave none: an adjective and the surname of someone who sailed,
 * mapped or built. */
#pragma once

struct error;

/* "patient_cook"; attempt > 0 adds a digit, for when the name is taken. The caller frees. */
char *name_make(int attempt);
/* 1 when it is [a-zA-Z0-9][a-zA-Z0-9_.-]+ */
int name_is_valid(const char *name);
/* The same, as an error when it is not. */
int name_check(const char *name, struct error **err);

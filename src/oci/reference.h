/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image references: [domain[:port]/]path[:tag][@digest], by the grammar of the distribution
 * project. Normalised form has a domain ("docker.io" and "library/" are added); the familiar form,
 * which people see, has them taken away again.
 */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"

struct error;

struct reference {
	char *domain; /* "docker.io", "localhost:5000" */
	char *path; /* "library/debian" */
	char *tag; /* NULL when only a digest was given */
	char *digest; /* "sha256:…" or NULL */
};

/* A missing tag becomes "latest" unless there is a digest. Errors say which part is wrong. */
int reference_parse(const char *text, struct reference *ret, struct error **err);
void reference_done(struct reference *ref);
/* "docker.io/library/debian:12" and "debian:12", "docker.io/library/debian" and "debian"; the
 * caller frees. */
char *reference_text(const struct reference *ref);
char *reference_familiar(const struct reference *ref);
char *reference_repository(const struct reference *ref);
char *reference_familiar_repository(const struct reference *ref);

static inline void reference_done_p_(struct reference *ref)
{
	reference_done(ref);
}
#define cleanup_reference CLEANUP(reference_done)

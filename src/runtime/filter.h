/* SPDX-License-Identifier: Apache-2.0 */
/* A spec's seccomp filter, made before the process that it is for is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct error;
struct spec;

#define FILTER_BYTES_MAX (4096UL * 8) /* BPF_MAXINSNS of struct sock_filter */

struct filter {
	const void *bytes; /* NULL: none */
	size_t length;
	unsigned int flags; /* SECCOMP_FILTER_FLAG_* */
	char *owned;
};

/* That of vessel's own bundles; a spec with linux.seccomp is refused, it is for filter_compile().
 */
int filter_open(const struct spec *spec, struct filter *ret, struct error **err);
void filter_done(struct filter *filter);

/*
 * The same, or linux.seccomp when the spec has it. Compiling takes some milliseconds, so what was
 * compiled is kept in the directory `cache` (made when missing; NULL: nothing is kept), under a
 * digest of all that feeds it. Apart from filter_open(), because of what it links: only
 * vessel-runtime uses it.
 */
int filter_compile(
	const struct spec *spec, const char *cache, struct filter *ret, struct error **err);

static inline void filter_done_p_(struct filter *filter)
{
	filter_done(filter);
}
#define cleanup_filter __attribute__((cleanup(filter_done_p_)))

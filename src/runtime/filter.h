/* SPDX-License-Identifier: Apache-2.0 */
/* A spec's seccomp filter, read before the process that it is for is made. */
#pragma once

#include <stddef.h>

struct error;

#define FILTER_BYTES_MAX (4096UL * 8) /* BPF_MAXINSNS of struct sock_filter */

struct filter {
	const void *bytes; /* NULL: none */
	size_t length;
	char *owned;
};

/* text: of struct spec; NULL: none. */
int filter_open(const char *text, struct filter *ret, struct error **err);
void filter_done(struct filter *filter);

static inline void filter_done_p_(struct filter *filter)
{
	filter_done(filter);
}
#define cleanup_filter __attribute__((cleanup(filter_done_p_)))

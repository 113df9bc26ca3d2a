/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/filter.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "oci/spec.h"
#include "runtime/seccomp.h"

int filter_open(const struct spec *spec, struct filter *ret, struct error **err)
{
	const char *text = spec->seccomp;
	ssize_t length;

	*ret = (struct filter){ 0 };
	if (spec->seccomp_profile)
		return error_new(err, ERROR_UNSUPPORTED, "linux.seccomp: is not compiled");
	if (!text || strcmp(text, "unconfined") == 0)
		return 0;
	if (strcmp(text, SECCOMP_DEFAULT) == 0) {
		*ret = (struct filter){ .bytes = seccomp_default_filter,
			.length = seccomp_default_filter_bytes,
			.flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW };
		return 0;
	}
	length = file_read_at(AT_FDCWD, text, FILTER_BYTES_MAX, &ret->owned, err);
	if (length < 0)
		return error_wrap(err, "seccomp filter");
	ret->bytes = ret->owned;
	ret->length = (size_t)length;
	ret->flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	return 0;
}

void filter_done(struct filter *filter)
{
	free(filter->owned);
	*filter = (struct filter){ 0 };
}

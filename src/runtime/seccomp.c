/* SPDX-License-Identifier: Apache-2.0 */
/* Loading only: the compiler, which needs libseccomp, is in seccomp_compile.c. */
#include "runtime/seccomp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "runtime/filter.h"

static int load(unsigned int flags, const struct sock_fprog *program)
{
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
}

int seccomp_filter_attach(const struct filter *filter, struct error **err)
{
	struct sock_fprog program = {
		.len = (unsigned short)(filter->length / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)filter->bytes, /* the kernel only reads it */
	};
	int result;

	if (filter->length == 0 || filter->length % sizeof(struct sock_filter) ||
		filter->length / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return error_new(
			err, ERROR_INVALID, "a seccomp filter of %zu bytes", filter->length);
	result = load(filter->flags, &program);
	return result < 0 ? error_sys(err, "load the seccomp filter") : result;
}

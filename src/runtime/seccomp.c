/* SPDX-License-Identifier: Apache-2.0 */
/* Loading only: the compiler, which needs libseccomp, is in seccomp_compile.c. */
#include "runtime/seccomp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

static int load(unsigned int flags, const struct sock_fprog *program)
{
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
}

int seccomp_filter_load(const void *filter, size_t bytes, struct error **err)
{
	struct sock_fprog program = {
		.len = (unsigned short)(bytes / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)filter, /* the kernel only reads it */
	};

	if (bytes == 0 || bytes % sizeof(struct sock_filter) ||
		bytes / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return error_new(err, ERROR_INVALID, "a seccomp filter of %zu bytes", bytes);
	/*
	 * Without SPEC_ALLOW, a filter also forces the speculative-store mitigation on its
	 * processes: a cost that kernels stopped to ask for by default in 5.16.
	 */
	if (load(SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) == 0)
		return 0;
	if (errno == EINVAL && load(0, &program) == 0)
		return 0;
	return error_sys(err, "load the seccomp filter");
}

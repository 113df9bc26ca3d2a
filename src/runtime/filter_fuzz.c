/* SPDX-License-Identifier: Apache-2.0 */
/* linux.seccomp: what is parsed can be written and parsed again, and compiled or refused. */
#include <linux/filter.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "oci/spec_seccomp.h"
#include "runtime/filter.h"
#include "runtime/filter_rules.h"

#define COMPILED_MAX 2048 /* libseccomp takes long for more */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *text_of(const struct spec_seccomp *seccomp)
{
	cleanup_json struct json_object *object = spec_seccomp_json(seccomp);

	return json_compact(object);
}

static void compile(const struct spec_seccomp *seccomp)
{
	cleanup_error struct error *err = NULL;
	cleanup_close int fd = memfd_create("filter", MFD_CLOEXEC);
	struct sock_filter last;
	off_t length;

	if (filter_emit(seccomp, false, fd, &err) < 0)
		return;
	length = lseek(fd, 0, SEEK_END);
	if (length <= 0 || (size_t)length > FILTER_BYTES_MAX || length % (off_t)sizeof(last) ||
		pread(fd, &last, sizeof(last), length - (off_t)sizeof(last)) !=
			(ssize_t)sizeof(last) ||
		BPF_CLASS(last.code) != BPF_RET)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_error struct error *err = NULL;
	cleanup_json struct json_object *object = NULL, *written = NULL;
	cleanup_spec_seccomp struct spec_seccomp seccomp = { 0 }, again = { 0 };
	cleanup_free char *first = NULL, *second = NULL;

	if (json_parse((const char *)data, size, "a profile", &object, &err) < 0 ||
		spec_seccomp_parse(object, &seccomp, &err) < 0)
		return 0;
	first = text_of(&seccomp);
	if (json_parse(first, strlen(first), "a profile", &written, &err) < 0 ||
		spec_seccomp_parse(written, &again, &err) < 0)
		abort();
	second = text_of(&again);
	if (strcmp(first, second) != 0)
		abort();
	if (size <= COMPILED_MAX)
		compile(&seccomp);
	return 0;
}

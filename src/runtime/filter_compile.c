/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.seccomp to bytes, by way of a cache.
 *
 * Compiling is left to a child: it takes megabytes for a moment, and this process is soon copied to
 * become a container's init. What comes out is kept as ROOT/.seccomp/DIGEST; the digest is of the
 * profile and of all else that has a say: libseccomp, the kernel, which of its answers are known,
 * and vessel itself. Who could write there could as well replace the container's root, so what is
 * found is believed if it is a regular file of ours that nobody else can write and has the form of
 * a filter; otherwise it is made again.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "oci/spec.h"
#include "oci/spec_seccomp.h"
#include "runtime/filter.h"
#include "runtime/filter_rules.h"

#define NAME_LENGTH 64
/* Another engine's word for it, which its users write. */
#define STRICT_ANNOTATION "run.oci.seccomp_fail_unknown_syscall="

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV /* Linux 5.19 */
#	define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static bool is_strict(const struct spec *spec)
{
	char *const *annotation = spec->annotations;

	for (; annotation && *annotation; annotation++)
		if (strncmp(*annotation, STRICT_ANNOTATION, strlen(STRICT_ANNOTATION)) == 0)
			return strcmp(strchr(*annotation, '=') + 1, "0") != 0;
	return false;
}

/* Every text with its NUL and every list with its count: no two profiles feed the same bytes. */
static void hash_list(struct sha256 *sha, char *const *list)
{
	uint64_t count = list ? strv_length(list) : 0;

	sha256_update(sha, &count, sizeof(count));
	for (uint64_t i = 0; i < count; i++)
		sha256_update(sha, list[i], strlen(list[i]) + 1);
}

static void hash_profile(struct sha256 *sha, const struct spec_seccomp *seccomp)
{
	const uint64_t head[] = { (uint64_t)seccomp->default_action, seccomp->default_errno,
		seccomp->has_default_errno, seccomp->rule_count };

	sha256_update(sha, head, sizeof(head));
	hash_list(sha, seccomp->architectures);
	for (size_t i = 0; i < seccomp->rule_count; i++) {
		const struct spec_seccomp_rule *rule = &seccomp->rules[i];
		const uint64_t numbers[] = { (uint64_t)rule->action, rule->errno_ret,
			rule->arg_count };

		sha256_update(sha, numbers, sizeof(numbers));
		hash_list(sha, rule->names);
		for (size_t k = 0; k < rule->arg_count; k++) {
			const struct spec_seccomp_arg *arg = &rule->args[k];
			const uint64_t fields[] = { arg->index, (uint64_t)arg->op, arg->value,
				arg->value_two };

			sha256_update(sha, fields, sizeof(fields));
		}
	}
}

static void name_of(const struct spec *spec, char ret[static NAME_LENGTH + 1])
{
	struct utsname kernel = { 0 };
	struct sha256 sha;
	uint8_t digest[32], strict = is_strict(spec);
	char library[32];

	(void)uname(&kernel);
	sha256_init(&sha);
	sha256_update(&sha, VESSEL_VERSION, sizeof(VESSEL_VERSION));
	(void)filter_library(library);
	sha256_update(&sha, library, strlen(library) + 1);
	sha256_update(&sha, kernel.release, strlen(kernel.release) + 1);
	sha256_update(&sha, kernel.version, strlen(kernel.version) + 1);
	sha256_update(&sha, kernel.machine, strlen(kernel.machine) + 1);
	sha256_update(&sha, &strict, sizeof(strict));
	hash_profile(&sha, spec->seccomp_profile);
	sha256_final(&sha, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

static bool has_form(const char *bytes, size_t length)
{
	struct sock_filter last;

	if (length == 0 || length % sizeof(last) || length > FILTER_BYTES_MAX)
		return false;
	memcpy(&last, bytes + length - sizeof(last), sizeof(last));
	return BPF_CLASS(last.code) == BPF_RET;
}

static bool is_ours(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/* Any doubt is a miss. */
static bool find(const char *path, struct filter *ret)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *bytes = NULL;
	cleanup_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t length;

	if (fd < 0 || !is_ours(fd))
		return false;
	length = file_read_fd(fd, path, FILTER_BYTES_MAX, &bytes, &err);
	if (length < 0 || !has_form(bytes, (size_t)length))
		return false;
	ret->length = (size_t)length;
	ret->bytes = ret->owned = take_ptr(bytes);
	return true;
}

/* The container starts without a cache as well. */
static void keep(const char *cache, const char *name, const struct filter *filter)
{
	cleanup_error struct error *err = NULL;
	cleanup_close int fd = -1;

	if (mkdir(cache, 0700) < 0 && errno != EEXIST)
		return;
	fd = open(cache, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)file_replace_at(fd, name, filter->bytes, filter->length, 0600, true, &err);
}

/* The child's error comes through the same file, which is empty then. */
static void __attribute__((noreturn)) compile_and_exit(const struct spec *spec, int fd)
{
	struct error *err = NULL;
	char packed[ERROR_WIRE_MAX];

	if (filter_emit(spec->seccomp_profile, is_strict(spec), fd, &err) == 0)
		_exit(0);
	if (ftruncate(fd, 0) < 0 || pwrite(fd, packed, error_pack(err, packed), 0) < 0)
		_exit(2);
	_exit(1);
}

static int compile(const struct spec *spec, struct filter *ret, struct error **err)
{
	cleanup_close int fd = memfd_create("seccomp", MFD_CLOEXEC);
	cleanup_free char *bytes = NULL;
	ssize_t length;
	int status = 0;
	pid_t pid;

	if (fd < 0)
		return error_sys(err, "make a file for the seccomp filter");
	pid = fork();
	if (pid == 0)
		compile_and_exit(spec, fd);
	if (pid < 0 || TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)) < 0)
		return error_sys(err, "start a process that compiles the seccomp profile");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(err, "read the seccomp filter");
	length = file_read_fd(fd, "the seccomp filter", FILTER_BYTES_MAX, &bytes, err);
	if (length < 0)
		return -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
		return error_unpack(err, bytes, (size_t)length);
	if (status != 0 || !has_form(bytes, (size_t)length))
		return error_new(err, ERROR_INTERNAL, "the seccomp profile's compiler died");
	ret->length = (size_t)length;
	ret->bytes = ret->owned = take_ptr(bytes);
	return 0;
}

/* TSYNC says nothing here: init is alone in its process. */
static unsigned int load_flags(const struct spec_seccomp *seccomp)
{
	unsigned int wanted = seccomp->flags, result = 0;

	if (!seccomp->has_flags || wanted & 1U << SECCOMP_FLAG_SPEC_ALLOW)
		result |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	if (wanted & 1U << SECCOMP_FLAG_LOG)
		result |= SECCOMP_FILTER_FLAG_LOG;
	if (!seccomp->listener_path)
		return result;
	if (wanted & 1U << SECCOMP_FLAG_WAIT_KILLABLE)
		result |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	return result | SECCOMP_FILTER_FLAG_NEW_LISTENER;
}

int filter_compile(
	const struct spec *spec, const char *cache, struct filter *ret, struct error **err)
{
	struct filter made cleanup_filter = { 0 };
	char name[NAME_LENGTH + 1];
	cleanup_free char *path = NULL;

	*ret = (struct filter){ 0 };
	if (!spec->seccomp_profile)
		return filter_open(spec, ret, err);
	if (cache) {
		name_of(spec, name);
		path = xasprintf("%s/%s", cache, name);
	}
	if (!path || !find(path, &made)) {
		if (compile(spec, &made, err) < 0)
			return -1;
		if (path)
			keep(cache, name, &made);
	}
	made.flags = load_flags(spec->seccomp_profile);
	*ret = made;
	made = (struct filter){ 0 };
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles of config.json, compiled and then asked by an interpreter and of the kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "oci/spec.h"
#include "runtime/filter.h"
#include "runtime/listener.h"
#include "runtime/seccomp.h"
#include "runtime/sync.h"

#define SPEC(seccomp) "{\"ociVersion\":\"1.2.0\",\"linux\":{\"seccomp\":" seccomp "}}"

static uint32_t taken(const struct sock_filter *i, uint32_t a)
{
	switch (BPF_OP(i->code)) {
	case BPF_JA:
		return i->k;
	case BPF_JEQ:
		return a == i->k ? i->jt : i->jf;
	case BPF_JGT:
		return a > i->k ? i->jt : i->jf;
	case BPF_JGE:
		return a >= i->k ? i->jt : i->jf;
	case BPF_JSET:
		return a & i->k ? i->jt : i->jf;
	default:
		fail_msg("jump %u", i->code);
		return 0;
	}
}

/* libseccomp also keeps words and masks them. */
static uint32_t answer(const struct filter *filter, const struct seccomp_data *data)
{
	const struct sock_filter *code = filter->bytes;
	uint32_t a = 0, scratch[BPF_MEMWORDS] = { 0 };

	for (size_t at = 0; at < filter->length / sizeof(*code); at++) {
		const struct sock_filter *i = &code[at];

		if (i->code == (BPF_RET | BPF_K))
			return i->k;
		if (i->code == (BPF_LD | BPF_W | BPF_ABS))
			memcpy(&a, (const char *)data + i->k, sizeof(a));
		else if (i->code == (BPF_LD | BPF_MEM))
			a = scratch[i->k];
		else if (i->code == BPF_ST)
			scratch[i->k] = a;
		else if (i->code == (BPF_ALU | BPF_AND | BPF_K))
			a &= i->k;
		else if (BPF_CLASS(i->code) == BPF_JMP)
			at += taken(i, a);
		else
			fail_msg("instruction %u", i->code);
	}
	fail_msg("the program has no end");
	return 0;
}

static void parse(const char *text, struct spec *ret)
{
	struct error *err = NULL;

	spec_init(ret);
	if (spec_parse(text, strlen(text), ret, &err) < 0)
		fail_msg("%s: %s", text, error_message(err));
}

#define NATIVE AUDIT_ARCH_X86_64
#define I386 AUDIT_ARCH_I386
#define X32 0x40000000
#define ERRNO(n) (SECCOMP_RET_ERRNO | (n))
#define DENY(rules) "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" rules "]}"
#define ALLOW(rules) "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" rules "]}"
#define ALL_86 \
	"\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"," \
	"\"SCMP_ARCH_AARCH64\",\"SCMP_ARCH_S390X\"]"
#define RULE(name, action) "{\"names\":[\"" name "\"],\"action\":\"SCMP_ACT_" action "\"}"
#define ARG(name, action, args) \
	"{\"names\":[\"" name "\"],\"action\":\"SCMP_ACT_" action "\",\"args\":[" args "]}"
#define CMP(index, value, op) \
	"{\"index\":" #index ",\"value\":" #value ",\"op\":\"SCMP_CMP_" op "\"}"

#if defined(__x86_64__)

static const struct {
	const char *why, *profile;
	uint32_t arch;
	int nr;
	uint64_t args[3];
	uint32_t answer;
} rows[] = {
	{ "allowed", DENY(RULE("read", "ALLOW")), NATIVE, SYS_read, { 0 }, SECCOMP_RET_ALLOW },
	{ "the default errno", DENY(RULE("fsopen", "ALLOW")), NATIVE, SYS_mkdir, { 0 },
		ERRNO(EPERM) },
	{ "newer than the profile", DENY(RULE("fsopen", "ALLOW")), NATIVE, SYS_clone3, { 0 },
		ERRNO(ENOSYS) },
	{ "no such call", DENY(RULE("fsopen", "ALLOW")), NATIVE, 1000, { 0 }, ERRNO(ENOSYS) },
	{ "what a tracer skips", DENY(RULE("fsopen", "ALLOW")), NATIVE, -1, { 0 }, ERRNO(EPERM) },
	{ "a default that was meant",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":6,"
		"\"syscalls\":[" RULE("fsopen", "ALLOW") "]}",
		NATIVE, 1000, { 0 }, ERRNO(ENXIO) },
	{ "allowed by default", ALLOW(RULE("mkdir", "ERRNO")), NATIVE, 1000, { 0 },
		SECCOMP_RET_ALLOW },
	{ "errno by default", ALLOW(RULE("mkdir", "ERRNO")), NATIVE, SYS_mkdir, { 0 },
		ERRNO(EPERM) },
	{ "an errno",
		ALLOW("{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":100}"),
		NATIVE, SYS_mkdir, { 0 }, ERRNO(100) },
	{ "trace", ALLOW("{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_TRACE\",\"errnoRet\":7}"),
		NATIVE, SYS_mkdir, { 0 }, SECCOMP_RET_TRACE | 7 },
	{ "kill", ALLOW(RULE("mkdir", "KILL")), NATIVE, SYS_mkdir, { 0 }, SECCOMP_RET_KILL_THREAD },
	{ "kill the thread", ALLOW(RULE("mkdir", "KILL_THREAD")), NATIVE, SYS_mkdir, { 0 },
		SECCOMP_RET_KILL_THREAD },
	{ "kill the process", ALLOW(RULE("mkdir", "KILL_PROCESS")), NATIVE, SYS_mkdir, { 0 },
		SECCOMP_RET_KILL_PROCESS },
	{ "trap", ALLOW(RULE("mkdir", "TRAP")), NATIVE, SYS_mkdir, { 0 }, SECCOMP_RET_TRAP },
	{ "log", ALLOW(RULE("mkdir", "LOG")), NATIVE, SYS_mkdir, { 0 }, SECCOMP_RET_LOG },
	{ "notify",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/x\","
		"\"syscalls\":[" RULE("mkdir", "NOTIFY") "]}",
		NATIVE, SYS_mkdir, { 0 }, SECCOMP_RET_USER_NOTIF },
	{ "the same as the default", ALLOW(RULE("mkdir", "ALLOW")), NATIVE, SYS_mkdir, { 0 },
		SECCOMP_RET_ALLOW },
	{ "a name of no kernel", ALLOW(RULE("no_such_call", "ERRNO")), NATIVE, SYS_mkdir, { 0 },
		SECCOMP_RET_ALLOW },
	{ "newer than libseccomp", DENY(RULE("mseal", "ALLOW")), NATIVE, 462, { 0 },
		SECCOMP_RET_ALLOW },
	{ "its neighbour", DENY(RULE("mseal", "ALLOW")), NATIVE, 461, { 0 }, ERRNO(EPERM) },
	{ "the one after it", DENY(RULE("mseal", "ALLOW")), NATIVE, 463, { 0 }, ERRNO(ENOSYS) },
	{ "32 bits, not asked for", ALLOW(RULE("mkdir", "ERRNO")), I386, 3, { 0 },
		SECCOMP_RET_KILL },
	{ "x32, not asked for", ALLOW(RULE("mkdir", "ERRNO")), NATIVE, X32 | SYS_read, { 0 },
		SECCOMP_RET_KILL },
	{ "x32, not asked for, and newer", DENY(RULE("read", "ALLOW")), NATIVE, X32 | 900, { 0 },
		SECCOMP_RET_KILL },
	{ "another machine", ALLOW(RULE("mkdir", "ERRNO")), AUDIT_ARCH_AARCH64, 63, { 0 },
		SECCOMP_RET_KILL },
	{ "32 bits have their own numbers",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\"," ALL_86
		",\"syscalls\":[" RULE("mkdir", "ERRNO") "]}",
		I386, 39, { 0 }, ERRNO(EPERM) },
	{ "x32 has the same",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\"," ALL_86
		",\"syscalls\":[" RULE("mkdir", "ERRNO") "]}",
		NATIVE, X32 | SYS_mkdir, { 0 }, ERRNO(EPERM) },
	{ "the machine's own beside them",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\"," ALL_86
		",\"syscalls\":[" RULE("mkdir", "ERRNO") "]}",
		NATIVE, SYS_mkdir, { 0 }, ERRNO(EPERM) },
	{ "newer, x32",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\"," ALL_86
		",\"syscalls\":[" RULE("mkdir", "ALLOW") "]}",
		NATIVE, X32 | 900, { 0 }, ERRNO(ENOSYS) },
	{ "newer, 32 bits",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\"," ALL_86
		",\"syscalls\":[" RULE("mkdir", "ALLOW") "]}",
		I386, 900, { 0 }, ERRNO(ENOSYS) },
	{ "newer than libseccomp, x32",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\"," ALL_86
		",\"syscalls\":[" RULE("mseal", "ALLOW") "]}",
		NATIVE, X32 | 462, { 0 }, SECCOMP_RET_ALLOW },
	{ "equal", ALLOW(ARG("kill", "ERRNO", CMP(1, 9, "EQ"))), NATIVE, SYS_kill, { 0, 9 },
		ERRNO(EPERM) },
	{ "not equal", ALLOW(ARG("kill", "ERRNO", CMP(1, 9, "EQ"))), NATIVE, SYS_kill, { 0, 8 },
		SECCOMP_RET_ALLOW },
	{ "all 64 bits are compared", ALLOW(ARG("kill", "ERRNO", CMP(1, 4294967305, "EQ"))), NATIVE,
		SYS_kill, { 0, 9 }, SECCOMP_RET_ALLOW },
	{ "NE", ALLOW(ARG("kill", "ERRNO", CMP(1, 9, "NE"))), NATIVE, SYS_kill, { 0, 9 },
		SECCOMP_RET_ALLOW },
	{ "NE, another", ALLOW(ARG("kill", "ERRNO", CMP(1, 9, "NE"))), NATIVE, SYS_kill, { 0, 10 },
		ERRNO(EPERM) },
	{ "LT", ALLOW(ARG("kill", "ERRNO", CMP(1, 9, "LT"))), NATIVE, SYS_kill, { 0, 8 },
		ERRNO(EPERM) },
	{ "LT, equal", ALLOW(ARG("kill", "ERRNO", CMP(1, 9, "LT"))), NATIVE, SYS_kill, { 0, 9 },
		SECCOMP_RET_ALLOW },
	{ "LE", ALLOW(ARG("kill", "ERRNO", CMP(1, 9, "LE"))), NATIVE, SYS_kill, { 0, 9 },
		ERRNO(EPERM) },
	{ "LE, above", ALLOW(ARG("kill", "ERRNO", CMP(1, 9, "LE"))), NATIVE, SYS_kill, { 0, 10 },
		SECCOMP_RET_ALLOW },
	{ "GE", ALLOW(ARG("kill", "ERRNO", CMP(1, 9, "GE"))), NATIVE, SYS_kill, { 0, 9 },
		ERRNO(EPERM) },
	{ "GE, below", ALLOW(ARG("kill", "ERRNO", CMP(1, 9, "GE"))), NATIVE, SYS_kill, { 0, 8 },
		SECCOMP_RET_ALLOW },
	{ "GT", ALLOW(ARG("kill", "ERRNO", CMP(1, 9, "GT"))), NATIVE, SYS_kill, { 0, 10 },
		ERRNO(EPERM) },
	{ "GT, equal", ALLOW(ARG("kill", "ERRNO", CMP(1, 9, "GT"))), NATIVE, SYS_kill, { 0, 9 },
		SECCOMP_RET_ALLOW },
	{ "masked",
		ALLOW(ARG("clone", "ERRNO",
			"{\"index\":0,\"value\":61440,\"valueTwo\":4096,\"op\":\"SCMP_CMP_MASKED_"
			"EQ\"}")),
		NATIVE, SYS_clone, { 0x1fff }, ERRNO(EPERM) },
	{ "masked, other",
		ALLOW(ARG("clone", "ERRNO",
			"{\"index\":0,\"value\":61440,\"valueTwo\":4096,\"op\":\"SCMP_CMP_MASKED_"
			"EQ\"}")),
		NATIVE, SYS_clone, { 0x2fff }, SECCOMP_RET_ALLOW },
	{ "two arguments: both", ALLOW(ARG("kill", "ERRNO", CMP(0, 1, "EQ") "," CMP(1, 9, "EQ"))),
		NATIVE, SYS_kill, { 1, 9 }, ERRNO(EPERM) },
	{ "two arguments: one is not enough",
		ALLOW(ARG("kill", "ERRNO", CMP(0, 1, "EQ") "," CMP(1, 9, "EQ"))), NATIVE, SYS_kill,
		{ 1, 8 }, SECCOMP_RET_ALLOW },
	{ "one argument twice: either",
		ALLOW(ARG("kill", "ERRNO", CMP(1, 1, "EQ") "," CMP(1, 9, "EQ"))), NATIVE, SYS_kill,
		{ 0, 9 }, ERRNO(EPERM) },
};

static void the_program_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *text = xasprintf(
			"{\"ociVersion\":\"1.2.0\",\"linux\":{\"seccomp\":%s}}", rows[i].profile);
		struct seccomp_data data = { .nr = rows[i].nr, .arch = rows[i].arch };
		struct filter filter cleanup_filter = { 0 };
		cleanup_spec struct spec spec;
		uint32_t got;

		parse(text, &spec);
		memcpy(data.args, rows[i].args, sizeof(rows[i].args));
		if (filter_compile(&spec, NULL, &filter, &err) < 0)
			fail_msg("%s: %s", rows[i].why, error_message(err));
		got = answer(&filter, &data);
		if (got != rows[i].answer)
			fail_msg("%s: %#x, not %#x", rows[i].why, got, rows[i].answer);
	}
}

#endif

static void flags_are_the_kernels(void **state)
{
	static const struct {
		const char *why, *flags;
		unsigned int value;
	} cases[] = {
		{ "not given: what runtimes do then", "", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
		{ "none", ",\"flags\":[]", 0 },
		{ "one thread needs no TSYNC", ",\"flags\":[\"SECCOMP_FILTER_FLAG_TSYNC\"]", 0 },
		{ "log", ",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"]", SECCOMP_FILTER_FLAG_LOG },
		{ "both",
			",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\",\"SECCOMP_FILTER_FLAG_SPEC_"
			"ALLOW\"]",
			SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW },
		{ "nobody listens", ",\"flags\":[\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]", 0 },
		{ "somebody does",
			",\"listenerPath\":\"/x\","
			"\"flags\":[\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]",
			SECCOMP_FILTER_FLAG_NEW_LISTENER | 1U << 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *text =
			xasprintf("{\"ociVersion\":\"1.2.0\",\"linux\":{\"seccomp\":"
				  "{\"defaultAction\":\"SCMP_ACT_ALLOW\"%s}}}",
				cases[i].flags);
		struct filter filter cleanup_filter = { 0 };
		cleanup_spec struct spec spec;

		parse(text, &spec);
		assert_int_equal(filter_compile(&spec, NULL, &filter, &err), 0);
		if (filter.flags != cases[i].value)
			fail_msg("%s: %#x", cases[i].why, filter.flags);
	}
}

/* How many files there are, and the last one's path. */
static int files_of(const char *dir, char **ret_last)
{
	DIR *stream = opendir(dir);
	const struct dirent *entry;
	int count = 0;

	assert_non_null(stream);
	while ((entry = readdir(stream)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		replace_string(ret_last, xasprintf("%s/%s", dir, entry->d_name));
	}
	closedir(stream);
	return count;
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static void compile_text(const char *text, const char *cache, struct filter *ret)
{
	struct error *err = NULL;
	cleanup_spec struct spec spec;

	parse(text, &spec);
	if (filter_compile(&spec, cache, ret, &err) < 0)
		fail_msg("%s", error_message(err));
}

#define PROFILE \
	SPEC("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" RULE("mkdir", "ERRNO") "]}")

static void put(const char *path, const void *bytes, size_t length, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), (ssize_t)length);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* What is in the cache is loaded; what cannot be a filter of ours is replaced. */
static void the_cache_is_used_and_mended(void **state)
{
	static const struct sock_filter allow_all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	static const char zeros[16];
	const struct {
		const char *why;
		const void *bytes;
		size_t length;
		mode_t mode;
		bool good;
	} cases[] = {
		{ "a filter", &allow_all, sizeof(allow_all), 0600, true },
		{ "one that others can write", &allow_all, sizeof(allow_all), 0622, false },
		{ "cut", &allow_all, 7, 0600, false },
		{ "empty", "", 0, 0600, false },
		{ "zeros, as after a power cut", zeros, sizeof(zeros), 0600, false },
	};
	char dir[] = "/tmp/vessel-test.XXXXXX";
	struct filter first cleanup_filter = { 0 };
	cleanup_free char *cache = NULL, *path = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	cache = xasprintf("%s/.seccomp", dir);
	compile_text(PROFILE, cache, &first);
	assert_int_equal(files_of(cache, &path), 1);
	if (!path)
		return;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct filter again cleanup_filter = { 0 };
		ino_t before;

		put(path, cases[i].bytes, cases[i].length, cases[i].mode);
		before = inode_of(path);
		compile_text(PROFILE, cache, &again);
		if ((again.length == cases[i].length) != cases[i].good)
			fail_msg("%s", cases[i].why);
		if (cases[i].good)
			continue;
		assert_int_equal(again.length, first.length);
		assert_memory_equal(again.bytes, first.bytes, first.length);
		assert_int_not_equal(inode_of(path), before);
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(cache), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void other_profiles_have_other_names(void **state)
{
	static const char *const profiles[] = { PROFILE,
		SPEC("{\"defaultAction\":\"SCMP_ACT_LOG\",\"syscalls\":[" RULE(
			"mkdir", "ERRNO") "]}"),
		SPEC(ALLOW(RULE("mkdir", "KILL"))), SPEC(ALLOW(RULE("rmdir", "ERRNO"))),
		SPEC(ALLOW(ARG("mkdir", "ERRNO", CMP(1, 9, "EQ")))),
		SPEC(ALLOW(ARG("mkdir", "ERRNO", CMP(1, 8, "EQ")))),
		SPEC(ALLOW(ARG("mkdir", "ERRNO", CMP(1, 8, "NE")))),
		SPEC(ALLOW("{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":2}")),
		SPEC(ALLOW("{\"names\":[\"mkdir\",\"rmdir\"],\"action\":\"SCMP_ACT_ERRNO\"}")),
		SPEC(ALLOW(RULE("mkdir", "ERRNO") "," RULE("rmdir", "ERRNO"))),
		SPEC("{\"defaultAction\":\"SCMP_ACT_ALLOW\"," ALL_86
		     ",\"syscalls\":[" RULE("mkdir", "ERRNO") "]}") };
	char dir[] = "/tmp/vessel-test.XXXXXX";
	cleanup_free char *last = NULL;
	struct error *err = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < sizeof(profiles) / sizeof(*profiles); i++) {
		struct filter filter cleanup_filter = { 0 };

		compile_text(profiles[i], dir, &filter);
	}
	assert_int_equal(files_of(dir, &last), (int)(sizeof(profiles) / sizeof(*profiles)));
	assert_int_equal(tree_remove_at(AT_FDCWD, dir, &err), 0);
}

static void what_cannot_be_compiled_is_said(void **state)
{
	cleanup_error struct error *err = NULL;
	struct filter filter cleanup_filter = { 0 };
	cleanup_spec struct spec spec;

	(void)state;
	parse("{\"ociVersion\":\"1.2.0\",\"annotations\":{\"run.oci.seccomp_fail_unknown_syscall\":"
	      "\"1\"},\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":"
	      "[" RULE("no_such_call", "ERRNO") "]}}}",
		&spec);
	assert_int_equal(filter_compile(&spec, NULL, &filter, &err), -1);
	assert_int_equal(error_kind(err), ERROR_INVALID);
	assert_non_null(strstr(error_message(err), "no_such_call"));
}

/* In the child: every call that could carry the listener out is asked about. */
static void __attribute__((noreturn)) load_and_ask(const struct filter *filter, int sync_fd)
{
	struct error *err = NULL;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || listener_load(filter, sync_fd, &err) < 0)
		_exit(1);
	_exit((int)syscall(SYS_getppid) == 4711 ? 0 : 2);
}

static void answer_getppid(int listener_fd)
{
	struct seccomp_notif question = { 0 };
	struct seccomp_notif_resp reply = { .val = 4711 };

	assert_int_equal(ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_RECV, &question), 0);
	assert_int_equal(question.data.nr, SYS_getppid);
	reply.id = question.id;
	assert_int_equal(ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_SEND, &reply), 0);
}

static void the_listener_comes_out(void **state)
{
	struct filter filter cleanup_filter = { 0 };
	struct error *err = NULL;
	int pair[2], listener_fd = -1, status = -1;
	pid_t pid;

	(void)state;
	compile_text(SPEC("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/x\","
			  "\"syscalls\":[{\"names\":[\"sendmsg\",\"sendto\",\"close\","
			  "\"getppid\",\"futex\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}"),
		NULL, &filter);
	assert_int_equal(sync_pair(pair, &err), 0);
	pid = fork();
	if (pid == 0)
		load_and_ask(&filter, pair[1]);
	close(pair[1]);
	assert_int_equal(sync_receive(pair[0], &listener_fd, &err), SYNC_LISTENER);
	assert_true(listener_fd >= 0);
	answer_getppid(listener_fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(listener_fd);
	close(pair[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#if defined(__x86_64__)
		cmocka_unit_test(the_program_answers),
#endif
		cmocka_unit_test(flags_are_the_kernels),
		cmocka_unit_test(the_cache_is_used_and_mended),
		cmocka_unit_test(other_profiles_have_other_names),
		cmocka_unit_test(what_cannot_be_compiled_is_said),
		cmocka_unit_test(the_listener_comes_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

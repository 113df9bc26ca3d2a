/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other programs as oracles: what GNU tar and bsdtar wrote unpacks here as they unpack it
 * themselves, and what is written here unpacks there as it was. The compressors' own programs make
 * what archive_unpack() must tell apart.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "store/store.h"

/* One of everything that archives have trouble with. */
static const char tree_script[] =
	"set -e; mkdir tree; cd tree; umask 022\n"
	"echo text >plain; : >empty; echo x >'with space'; echo x >\"$(printf 'new\\nline')\"\n"
	"echo x >\"$(printf 'latin\\344')\"; echo x >\"$(printf 'utf\\303\\244')\"\n"
	"mkdir -p dir/sub sticky setgid; chmod 1777 sticky; chmod 2775 setgid; chmod 700 dir\n"
	"echo x >setuid; chmod 4755 setuid; chown 1000:1001 dir/sub; chown 4000000000 with*\n"
	"ln plain dir/hard; ln -s plain link; ln -s /absolute/nowhere dangling; ln link hardlink\n"
	"mkfifo fifo; mknod null c 1 3; mknod disk b 8 1\n"
	"long=$(printf '%099d' 0); echo x >$long; echo x >${long}1; mkdir -p ${long}d/${long}e\n"
	"echo x >${long}d/${long}e/${long}f; ln -s ${long}d/${long}e/${long}f longlink\n"
	"ln ${long}d/${long}e/${long}f h\n"
	"truncate -s 10M holes; printf start | dd of=holes conv=notrunc status=none\n"
	"printf middle | dd of=holes bs=1 seek=5000000 conv=notrunc status=none\n"
	"truncate -s 3M allhole; dd if=/dev/urandom of=random bs=1000 count=1234 status=none\n"
	"touch -d 1960-01-01 old; touch -d 2100-01-01 future; touch -d @1.987654321 fraction\n"
	"chown -h 7:8 link; touch -h -d @12345 link; touch -d @777777 dir dir/sub sticky\n";

/* The same for two trees that are the same: names, kinds, owners, times in seconds, content. */
static const char describe_script[] =
	"cd \"$1\" && { find . -mindepth 1 \\( -type d -printf '%P|%y|%m|%U|%G|%Ts\\n' \\) -o "
	"-printf '%P|%y|%m|%U|%G|%s|%Ts|%n|%l\\n'; "
	"find . \\( -type b -o -type c \\) -exec stat -c '%n %t:%T' {} +; "
	"find . -type f -exec sha256sum {} +; } | LC_ALL=C sort";

struct place {
	char *path;
	int dir_fd;
};

/* Runs a shell script in the place; its exit code. */
static int run(const struct place *place, const char *script, const char *arg)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (chdir(place->path) < 0)
			_exit(126);
		(void)dup2(2, 1);
		execl("/bin/sh", "sh", "-c", script, "sh", arg, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static char *describe(const struct place *place, const char *tree)
{
	cleanup_buf struct buf text = BUF_INIT(BUF_LARGE);
	cleanup_free char *script =
		xasprintf("set -- '%s/%s'; %s", place->path, tree, describe_script);
	FILE *pipe = popen(script, "re"); // NOLINT(cert-env33-c): a test's own words
	char line[8192];

	assert_non_null(pipe);
	while (fgets(line, sizeof(line), pipe))
		buf_puts(&text, line);
	assert_int_equal(pclose(pipe), 0);
	return buf_take(&text);
}

static void check_same(const struct place *place, const char *what, const char *a, const char *b)
{
	cleanup_free char *first = describe(place, a), *second = describe(place, b);
	size_t at = 0, line = 0;

	while (first[at] && first[at] == second[at]) {
		if (first[at++] == '\n')
			line = at;
	}
	if (first[at] != second[at])
		fail_msg("%s: %s and %s differ:\n%.300s\n%.300s", what, a, b, first + line,
			second + line);
	assert_true(strlen(first) > 100);
}

static int setup(void **state)
{
	struct place *place = xcalloc(1, sizeof(*place));
	const char *tmp = getenv("TMPDIR");

	place->path = xasprintf("%s/vessel-oracle-test.XXXXXX", tmp ? tmp : "/var/tmp");
	assert_non_null(mkdtemp(place->path));
	place->dir_fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (geteuid() == 0)
		assert_int_equal(run(place, tree_script, ""), 0);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL;

	assert_int_equal(tree_remove_at(AT_FDCWD, place->path, &err), 0);
	close_fd(place->dir_fd);
	free(place->path);
	free(place);
	return 0;
}

static bool have(const char *program)
{
	cleanup_free char *command = xasprintf("command -v %s >/dev/null", program);

	if (system(command) == 0) // NOLINT(cert-env33-c): a test's own words
		return true;
	print_message("skipped: %s is not installed\n", program);
	return false;
}

static int unpack(
	const struct place *place, const char *archive, const char *tree, struct error **err)
{
	cleanup_close int fd = openat(place->dir_fd, archive, O_RDONLY | O_CLOEXEC), dest_fd = -1;

	assert_true(fd >= 0);
	assert_int_equal(mkdirat(place->dir_fd, tree, 0755), 0);
	dest_fd = openat(place->dir_fd, tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return archive_unpack(fd, dest_fd, err);
}

/* Some formats cannot say everything: then the writer says so and leaves it out. */
static const struct {
	const char *program, *write, *read;
} writers[] = {
	{ "tar", "tar -C tree --format=v7 -cf a .", "tar -C theirs --same-owner -xpf a" },
	{ "tar", "tar -C tree --format=ustar -cf a .", "tar -C theirs --same-owner -xpf a" },
	{ "tar", "tar -C tree --format=oldgnu -cf a .", "tar -C theirs --same-owner -xpf a" },
	{ "tar", "tar -C tree --format=gnu -cf a .", "tar -C theirs --same-owner -xpf a" },
	{ "tar", "tar -C tree --format=gnu -S -cf a .", "tar -C theirs --same-owner -xpf a" },
	{ "tar", "tar -C tree --format=posix -cf a .", "tar -C theirs --same-owner -xpf a" },
	{ "tar", "tar -C tree --format=posix -S --sparse-version=0.0 -cf a .",
		"tar -C theirs --same-owner -xpf a" },
	{ "tar", "tar -C tree --format=posix -S --sparse-version=0.1 -cf a .",
		"tar -C theirs --same-owner -xpf a" },
	{ "tar", "tar -C tree --format=posix -S --sparse-version=1.0 -cf a .",
		"tar -C theirs --same-owner -xpf a" },
	{ "bsdtar", "bsdtar -C tree --format=ustar -cf a .", "bsdtar -C theirs -xpf a" },
	{ "bsdtar", "bsdtar -C tree --format=gnutar -cf a .", "bsdtar -C theirs -xpf a" },
	{ "bsdtar", "bsdtar -C tree --format=pax -cf a .", "bsdtar -C theirs -xpf a" },
	{ "python3",
		"python3 -c 'import tarfile; t = tarfile.open(\"a\", \"w\"); t.add(\"tree\", "
		"\".\")'",
		"tar -C theirs --same-owner -xpf a" },
};

static void what_others_write_is_read(void **state)
{
	const struct place *place = *state;

	if (geteuid() != 0) {
		print_message("skipped: only root can make the jail\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
		cleanup_error struct error *err = NULL;

		if (!have(writers[i].program))
			continue;
		print_message("%s\n", writers[i].write);
		assert_int_equal(run(place, "rm -rf ours theirs a; mkdir theirs", ""), 0);
		(void)run(place, writers[i].write, "");
		(void)run(place, writers[i].read, "");
		if (unpack(place, "a", "ours", &err) != 1)
			fail_msg("%s: %s", writers[i].write, error_message(err));
		check_same(place, writers[i].write, "ours", "theirs");
	}
}

static const struct {
	const char *program, *read;
} readers[] = {
	{ "tar", "tar -C theirs --same-owner -xpf a" },
	{ "bsdtar", "bsdtar -C theirs -xpf a" },
};

static void what_is_written_others_read(void **state)
{
	const struct place *place = *state;
	cleanup_close int tree_fd = -1, fd = -1, again_fd = -1;
	cleanup_error struct error *err = NULL;

	if (geteuid() != 0)
		skip();
	tree_fd = openat(place->dir_fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = openat(place->dir_fd, "a", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	again_fd = openat(place->dir_fd, "b", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(archive_write(tree_fd, fd, &err), 0);
	assert_int_equal(archive_write(tree_fd, again_fd, &err), 0);
	assert_int_equal(run(place, "cmp a b", ""), 0);
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		if (!have(readers[i].program))
			continue;
		print_message("%s\n", readers[i].read);
		assert_int_equal(run(place, "rm -rf theirs; mkdir theirs", ""), 0);
		assert_int_equal(run(place, readers[i].read, ""), 0);
		check_same(place, readers[i].read, "theirs", "tree");
	}
	assert_int_equal(unpack(place, "a", "ours", &err), 1);
	check_same(place, "own reader", "ours", "tree");
}

static const struct {
	const char *program, *make;
	int found;
} files[] = {
	{ "tar", "tar -C tree -cf file .", 1 },
	{ "gzip", "tar -C tree -czf file .", 1 },
	{ "bzip2", "tar -C tree -cjf file .", 1 },
	{ "xz", "tar -C tree -cJf file .", 1 },
	{ "zstd", "tar -C tree --zstd -cf file .", 1 },
	{ "bzip2", "tar -C tree -cf - . | split -b 1M --filter=bzip2 >file", 1 },
	{ "xz", "tar -C tree -cf - . | split -b 1M --filter=xz >file", 1 },
	{ "gzip", "echo text | gzip >file", 0 },
	{ "xz", "echo text | xz >file", 0 },
	{ "bzip2", "echo text | bzip2 >file", 0 },
	{ "zstd", "echo text | zstd >file", 0 },
	{ "printf", "printf '\\037\\213\\010junk' >file", 0 },
	{ "printf", "printf 'BZhjunk' >file", 0 },
	{ "printf", "echo text >file", 0 },
	{ "printf", ": >file", 0 },
	{ "dd", "dd if=/dev/zero of=file bs=1024 count=10 status=none", 0 },
};

static void archives_are_told_by_content(void **state)
{
	const struct place *place = *state;

	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		cleanup_error struct error *err = NULL;
		int found;

		if (!have(files[i].program))
			continue;
		print_message("%s\n", files[i].make);
		assert_int_equal(run(place, "rm -rf ours file", ""), 0);
		assert_int_equal(run(place, files[i].make, ""), 0);
		found = unpack(place, "file", "ours", &err);
		if (found < 0)
			fail_msg("%s", error_message(err));
		assert_int_equal(found, files[i].found);
		if (found)
			check_same(place, files[i].make, "ours", "tree");
		else
			assert_int_equal(run(place, "rmdir ours", ""), 0); /* untouched */
	}
}

static const struct {
	const char *program, *make, *says;
} cut[] = {
	{ "bzip2", "tar -C tree -cjf - . | head -c -100 >file", "bzip2 data" },
	{ "xz", "tar -C tree -cJf - . | head -c -100 >file", "xz data" },
	{ "xz", "tar -C tree -cf - . | xz -9 --lzma2=dict=512MiB >file", "to unpack" },
};

static void broken_compression_is_refused(void **state)
{
	const struct place *place = *state;

	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		cleanup_error struct error *err = NULL;
		int found;

		if (!have(cut[i].program))
			continue;
		assert_int_equal(run(place, "rm -rf ours file", ""), 0);
		assert_int_equal(run(place, cut[i].make, ""), 0);
		found = unpack(place, "file", "ours", &err);
		print_message("%s: %d %s\n", cut[i].make, found, err ? error_message(err) : "");
		assert_int_equal(found, -1);
		assert_non_null(strstr(error_message(err), cut[i].says));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_others_write_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_written_others_read, setup, teardown),
		cmocka_unit_test_setup_teardown(archives_are_told_by_content, setup, teardown),
		cmocka_unit_test_setup_teardown(broken_compression_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

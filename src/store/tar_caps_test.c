/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tar_test.h"

#include "store/tar_reader.h"

/* So many parts of so many bytes. */
static void put_path_of(struct buf *tar, size_t length, size_t count)
{
	cleanup_free char *path = xcalloc(count, length + 1);

	for (size_t i = 0; i < count; i++) {
		memset(path + i * (length + 1), 'd', length);
		if (i + 1 < count)
			path[(i + 1) * (length + 1) - 1] = '/';
	}
	raw_pax(tar, "path", path);
	raw_add(tar, &(struct raw){ .path = "x" });
	raw_end(tar);
}

static const struct {
	const char *why;
	size_t length, count;
	const char *error; /* NULL: taken */
} paths[] = {
	{ "the deepest", 1, TAR_DEPTH_MAX, NULL },
	{ "deeper", 1, TAR_DEPTH_MAX + 1, "more than 512 directories" },
	{ "the longest names", TAR_NAME_MAX, 16, NULL },
	{ "a name that no file can have", TAR_NAME_MAX + 1, 2, "longer than 255" },
};

static void paths_have_caps(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		cleanup_buf struct buf tar = BUF_INIT(RAW_MAX);
		cleanup_error struct error *err = NULL;
		cleanup_stream struct stream *stream = NULL;
		cleanup_tar_reader struct tar_reader *reader = NULL;
		cleanup_close int fd = -1;
		struct tar_entry *entry = NULL;

		print_message("%s\n", paths[i].why);
		put_path_of(&tar, paths[i].length, paths[i].count);
		fd = raw_fd(&tar);
		stream = raw_stream(fd);
		reader = tar_reader_new(stream);
		assert_int_equal(tar_next(reader, &entry, &err), paths[i].error ? -1 : 1);
		if (paths[i].error)
			assert_non_null(strstr(error_message(err), paths[i].error));
		else
			assert_int_equal(
				strlen(entry->path), (paths[i].length + 1) * paths[i].count - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(paths_have_caps) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/blob.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/id.h"
#include "base/sha256.h"

#define FLUSH_BYTES (8L << 20)

struct blob_writer {
	struct store *store;
	int fd;
	char *name; /* in tmp/, where the file system has no O_TMPFILE; else NULL */
	struct sha256 sha;
	int64_t size, flushed; /* written; the kernel was asked to begin writing it to the disk */
};

const char *digest_hex(const struct digest *digest, char buf[static HEX_MAX])
{
	hex_encode(digest->sha256, sizeof(digest->sha256), buf);
	return buf;
}

bool digest_from_hex(const char *name, struct digest *ret)
{
	cleanup_error struct error *err = NULL;
	char text[DIGEST_TEXT_MAX];

	if (strlen(name) != HEX_MAX - 1)
		return false;
	(void)snprintf(text, sizeof(text), "sha256:%s", name);
	return digest_parse(text, ret, &err) == 0;
}

#define MARK "user.vessel.hashed"
#define MARK_MAX 64

/* "LENGTH SECONDS.NANOSECONDS" of the file as it is; its length, or -1. */
static int mark_text(int fd, char buf[static MARK_MAX])
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	return snprintf(buf, MARK_MAX, "%lld %lld.%09ld", (long long)st.st_size,
		(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

void blob_mark(int fd)
{
	char text[MARK_MAX];
	int length = mark_text(fd, text);

	if (length > 0)
		(void)fsetxattr(fd, MARK, text, (size_t)length, 0);
}

bool blob_is_unchanged(int fd)
{
	char text[MARK_MAX], found[MARK_MAX];
	int length = mark_text(fd, text);
	ssize_t got = fgetxattr(fd, MARK, found, sizeof(found));

	return length > 0 && got == length && memcmp(text, found, (size_t)length) == 0;
}

static int open_named(struct blob_writer *writer, struct error **err)
{
	char name[ID_MAX];

	id_make(name);
	writer->name = xasprintf("blob.%s", name);
	writer->fd = openat(writer->store->tmp_fd, writer->name,
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (writer->fd < 0)
		return error_sys(err, "make a file in %s/tmp", writer->store->path);
	/* So that a sweep leaves it alone. */
	return flock(writer->fd, LOCK_EX | LOCK_NB) < 0 ? error_sys(err, "lock a new file") : 0;
}

int blob_begin(struct store *store, struct blob_writer **ret, struct error **err)
{
	struct blob_writer *writer = xcalloc(1, sizeof(*writer));

	writer->store = store;
	sha256_init(&writer->sha);
	writer->fd = openat(store->tmp_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
	if (writer->fd < 0 && open_named(writer, err) < 0) {
		blob_abort(writer);
		return -1;
	}
	*ret = writer;
	return 0;
}

int blob_write(struct blob_writer *writer, const void *data, size_t length, struct error **err)
{
	if (file_write_all(writer->fd, data, length, "blob", err) < 0)
		return -1;
	sha256_update(&writer->sha, data, length);
	writer->size += (int64_t)length;
	/* Early, so that the sync at the end has little to do; a hint, so its failure is not one.
	 */
	if (writer->size - writer->flushed >= FLUSH_BYTES) {
		(void)sync_file_range(writer->fd, writer->flushed, writer->size - writer->flushed,
			SYNC_FILE_RANGE_WRITE);
		writer->flushed = writer->size;
	}
	return 0;
}

#define READ_BYTES (1UL << 20)

int blob_hash_fd(int fd, uint8_t ret[static DIGEST_SIZE])
{
	cleanup_free char *buf = xcalloc(1, READ_BYTES);
	struct sha256 sha;
	ssize_t n;

	sha256_init(&sha);
	while ((n = TEMP_FAILURE_RETRY(read(fd, buf, READ_BYTES))) > 0)
		sha256_update(&sha, buf, (size_t)n);
	sha256_final(&sha, ret);
	return n < 0 ? -1 : 0;
}

int64_t blob_written(const struct blob_writer *writer)
{
	return writer->size;
}

int blob_reopen(const struct blob_writer *writer, struct error **err)
{
	char link[64];
	int fd;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", writer->fd);
	fd = open(link, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_sys(err, "read the blob again") : fd;
}

void blob_abort(struct blob_writer *writer)
{
	if (!writer)
		return;
	if (writer->name && writer->fd >= 0)
		(void)unlinkat(writer->store->tmp_fd, writer->name, 0);
	close_fd(writer->fd);
	free(writer->name);
	free(writer);
}

/* Without CAP_DAC_READ_SEARCH the fd itself cannot be named; its link in /proc can. EEXIST is fine:
 * the same bytes. */
static int link_fd(int fd, int dir_fd, const char *name)
{
	char link[64];

	if (linkat(fd, "", dir_fd, name, AT_EMPTY_PATH) == 0 || errno == EEXIST)
		return 0;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, link, dir_fd, name, AT_SYMLINK_FOLLOW) == 0 || errno == EEXIST ? 0
											       : -1;
}

static int put_in_place(struct blob_writer *writer, const char *hex, struct error **err)
{
	struct store *store = writer->store;

	blob_mark(writer->fd);
	if (fd_sync(writer->fd, "blob", err) < 0)
		return -1;
	if (writer->name) {
		if (renameat(store->tmp_fd, writer->name, store->blobs_fd, hex) < 0)
			return error_sys(err, "rename blob %s", hex);
		replace_string(&writer->name, NULL);
	} else if (link_fd(writer->fd, store->blobs_fd, hex) < 0) {
		return error_sys(err, "link blob %s", hex);
	}
	return 0;
}

/*
 * Makes a blob young again, so that no sweep takes it: by its change time alone, as its time of
 * modification tells when a layer was made. -1: it is not there.
 */
static int freshen(struct store *store, const char *hex)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_OMIT } };

	return utimensat(store->blobs_fd, hex, times, AT_SYMLINK_NOFOLLOW);
}

void blob_freshen(struct store *store, const struct digest *digest)
{
	char hex[HEX_MAX];

	(void)freshen(store, digest_hex(digest, hex));
}

int blob_commit(struct blob_writer **owner, const struct digest *expected, struct digest *ret,
	int64_t *ret_size, struct error **err)
{
	struct blob_writer *writer = take_ptr(*owner);
	struct store *store = writer->store;
	struct digest digest;
	char hex[HEX_MAX], text[2][DIGEST_TEXT_MAX];
	int result = 0;

	sha256_final(&writer->sha, digest.sha256);
	digest_hex(&digest, hex);
	if (expected && memcmp(expected, &digest, sizeof(digest)) != 0)
		result = error_new(err, ERROR_INVALID, "the content is %s, and not %s",
			digest_text(&digest, text[0]), digest_text(expected, text[1]));
	if (result == 0)
		result = store_use(store, err);
	/* One that is there was whole when it got its name. */
	if (result == 0 && freshen(store, hex) < 0)
		result = put_in_place(writer, hex, err);
	if (result == 0)
		result = fd_sync(store->blobs_fd, "blobs/sha256", err);
	if (result == 0) {
		*ret = digest;
		if (ret_size)
			*ret_size = writer->size;
	}
	blob_abort(writer);
	return result;
}

int blob_keep(struct store *store, const struct digest *digest, int64_t size, struct error **err)
{
	char hex[HEX_MAX];

	if (store_use(store, err) < 0)
		return -1;
	return blob_size(store, digest) == size && freshen(store, digest_hex(digest, hex)) == 0;
}

static int move_file(
	struct store *store, int dir_fd, const char *name, const char *hex, struct error **err)
{
	cleanup_close int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, "open a file that was written");
	blob_mark(fd);
	if (fd_sync(fd, "blob", err) < 0)
		return -1;
	if (renameat(dir_fd, name, store->blobs_fd, hex) < 0)
		return error_sys(err, "rename blob %s", hex);
	return 0;
}

int blob_take(struct store *store, int dir_fd, const char *name, const struct digest *digest,
	struct error **err)
{
	char hex[HEX_MAX];

	digest_hex(digest, hex);
	if (store_use(store, err) < 0 ||
		(freshen(store, hex) < 0 && move_file(store, dir_fd, name, hex, err) < 0))
		return -1;
	return fd_sync(store->blobs_fd, "blobs/sha256", err);
}

int blob_put(struct store *store, const void *data, size_t length, struct digest *ret,
	struct error **err)
{
	struct blob_writer *writer;

	if (blob_begin(store, &writer, err) < 0)
		return -1;
	if (blob_write(writer, data, length, err) < 0) {
		blob_abort(writer);
		return -1;
	}
	return blob_commit(&writer, NULL, ret, NULL, err);
}

int blob_open(struct store *store, const struct digest *digest, struct error **err)
{
	char hex[HEX_MAX];
	int fd =
		openat(store->blobs_fd, digest_hex(digest, hex), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	error_sys(err, "open blob sha256:%s", hex);
	return errno == ENOENT ? error_as(err, ERROR_NOT_FOUND, "the store has not all it should")
			       : -1;
}

int blob_read(struct store *store, const struct digest *digest, size_t max, char **ret,
	size_t *ret_length, struct error **err)
{
	cleanup_close int fd = blob_open(store, digest, err);
	cleanup_free char *text = NULL;
	struct digest found;
	char name[DIGEST_TEXT_MAX];
	ssize_t length;

	if (fd < 0)
		return -1;
	length = file_read_fd(fd, digest_text(digest, name), max, &text, err);
	if (length < 0)
		return -1;
	sha256_bytes(text, (size_t)length, found.sha256);
	if (memcmp(&found, digest, sizeof(found)) != 0)
		return error_new(err, ERROR_INVALID, "blob %s is damaged", name);
	*ret = take_ptr(text);
	if (ret_length)
		*ret_length = (size_t)length;
	return 0;
}

bool blob_exists(struct store *store, const struct digest *digest)
{
	return blob_size(store, digest) >= 0;
}

int64_t blob_size(struct store *store, const struct digest *digest)
{
	char hex[HEX_MAX];
	struct stat st;

	if (fstatat(store->blobs_fd, digest_hex(digest, hex), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	return st.st_size;
}

int blob_remove(struct store *store, const struct digest *digest, struct error **err)
{
	char hex[HEX_MAX];

	if (unlinkat(store->blobs_fd, digest_hex(digest, hex), 0) < 0 && errno != ENOENT)
		return error_sys(err, "remove blob %s", hex);
	return 0;
}

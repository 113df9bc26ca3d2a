/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An index says what its digest is: in its device slot's tag, which the kernel looks at only where
 * no device is named. The digest is over all of the index, with zeros for itself.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "store/blob.h"
#include "store/erofs_format.h"
#include "store/index.h"
#include "store/index_tree.h"
#include "sys/lower.h"

#define TAG_AT (EROFS_SUPER_AT + sizeof(struct erofs_super) + offsetof(struct erofs_device, tag))

static void digest_image(const uint8_t *image, size_t length, uint8_t ret[static 32])
{
	static const uint8_t zeros[32];
	struct sha256 sha;

	sha256_init(&sha);
	sha256_update(&sha, image, TAG_AT);
	sha256_update(&sha, zeros, sizeof(zeros));
	sha256_update(&sha, image + TAG_AT + sizeof(zeros), length - TAG_AT - sizeof(zeros));
	sha256_final(&sha, ret);
}

void index_seal(uint8_t *image, size_t length)
{
	digest_image(image, length, image + TAG_AT);
}

static bool index_is_whole(int dir_fd)
{
	cleanup_error struct error *unreadable = NULL;
	cleanup_free char *image = NULL;
	ssize_t length = file_read_at(dir_fd, LOWER_INDEX, INDEX_MAX, &image, &unreadable);
	uint8_t digest[32];

	if (length < (ssize_t)(TAG_AT + sizeof(digest)))
		return false;
	digest_image((const uint8_t *)image, (size_t)length, digest);
	return memcmp(image + TAG_AT, digest, sizeof(digest)) == 0;
}

/* The blob by another name; or, where a backup was played back, a copy of it. */
static bool data_is_whole(struct store *store, int dir_fd, const struct digest *diff_id)
{
	cleanup_close int fd = openat(dir_fd, LOWER_DATA, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat blob, data;
	struct digest digest;
	char hex[HEX_MAX];

	if (fd < 0 || fstat(fd, &data) < 0)
		return false;
	if (fstatat(store->blobs_fd, digest_hex(diff_id, hex), &blob, AT_SYMLINK_NOFOLLOW) == 0 &&
		blob.st_dev == data.st_dev && blob.st_ino == data.st_ino)
		return true;
	return blob_hash_fd(fd, digest.sha256) == 0 &&
	       memcmp(&digest, diff_id, sizeof(digest)) == 0;
}

bool layer_is_whole(struct store *store, const struct digest *diff_id)
{
	cleanup_close int dir_fd = -1;
	char hex[HEX_MAX];

	if (!layer_exists(store, diff_id))
		return false;
	dir_fd = openat(store->layers_fd, digest_hex(diff_id, hex),
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0 || faccessat(dir_fd, LOWER_INDEX, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return dir_fd >= 0; /* a tree: nothing tells what it should be */
	return index_is_whole(dir_fd) && data_is_whole(store, dir_fd, diff_id);
}

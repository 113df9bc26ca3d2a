/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A full disk must not keep us from freeing it: to forget an image the catalogue writes a journal,
 * and a layer is renamed away before it is unlinked. ROOT/reserve is room for that, given up when
 * there is no other and taken again before something is added.
 */
#include <fcntl.h>
#include <sys/statvfs.h>

#include "base/error.h"
#include "store/blob.h"

#define RESERVE "reserve"
#define RESERVE_BYTES (1L << 20)
#define INODES_MIN 16

void store_make_room(struct store *store)
{
	struct statvfs st;

	if (fstatvfs(store->root_fd, &st) < 0)
		return;
	if (st.f_bavail * st.f_frsize < RESERVE_BYTES ||
		(st.f_files > 0 && st.f_favail < INODES_MIN))
		(void)unlinkat(store->root_fd, RESERVE, 0);
}

void store_keep_room(struct store *store)
{
	cleanup_close int fd = openat(store->root_fd, RESERVE,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	/* Half of it is better than none, but does not count as one. */
	if (fd >= 0 && posix_fallocate(fd, 0, RESERVE_BYTES) != 0)
		(void)unlinkat(store->root_fd, RESERVE, 0);
}

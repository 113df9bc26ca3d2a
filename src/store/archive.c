/* SPDX-License-Identifier: Apache-2.0 */
/* Archives that are no layers: what ADD unpacks, what export writes. */
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "store/form.h"
#include "store/pack.h"
#include "store/store.h"
#include "store/transfer.h"

int archive_detect(int fd, struct error **err)
{
	struct transfer_unpack detect = { .archive_fd = fd, .dest_fd = -1, .detect = true };
	struct transfer_result result;
	char head[FORM_PEEK];
	ssize_t length = TEMP_FAILURE_RETRY(pread(fd, head, sizeof(head), 0));
	enum archive_form form;

	if (length < 0)
		return error_sys(err, "look at the archive");
	form = form_detect(head, (size_t)length);
	if (form == FORM_NONE || form == FORM_TAR)
		return form == FORM_TAR;
	/* Is it a tar inside? Only decompressing tells, which is not done here. */
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(err, "rewind the archive");
	if (transfer_unpack(&detect, &result, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(err, "rewind the archive");
	return result.entries > 0;
}

int archive_unpack(int archive_fd, int dest_fd, struct error **err)
{
	struct transfer_unpack unpack = { .archive_fd = archive_fd, .dest_fd = dest_fd };
	struct transfer_result result;
	int found = archive_detect(archive_fd, err);

	if (found <= 0)
		return found;
	if (lseek(archive_fd, 0, SEEK_SET) < 0)
		return error_sys(err, "rewind the archive");
	return transfer_unpack(&unpack, &result, err) < 0 ? -1 : 1;
}

static int write_to_fd(void *arg, const void *data, size_t length, struct error **err)
{
	return file_write_all(*(const int *)arg, data, length, "archive", err);
}

int archive_write(int dir_fd, int out_fd, struct error **err)
{
	cleanup_free struct pack_buffer *buffer = xcalloc(1, sizeof(*buffer));
	struct pack_options options = { .live = true, .sink = pack_buffer_add, .arg = buffer };
	int64_t size;

	buffer->sink = write_to_fd;
	buffer->arg = &out_fd;
	if (pack_directory(dir_fd, &options, &size, err) < 0)
		return -1;
	return pack_buffer_flush(buffer, err);
}

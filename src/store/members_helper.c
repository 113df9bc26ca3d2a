/* SPDX-License-Identifier: Apache-2.0 */
/* In vessel-unpack: see members.h. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "store/members.h"
#include "store/stream.h"
#include "store/tar.h"
#include "store/transfer.h"
#include "sys/msg.h"

struct sender {
	struct tar_reader *reader;
	int answer_fd, data_fd;
};

/* Takes the last name away; false when there is none. */
static bool climb(char *out, size_t *used)
{
	char *slash = strrchr(out, '/');

	if (*used == 0)
		return false;
	*used = slash ? (size_t)(slash - out) : 0;
	out[*used] = '\0';
	return true;
}

static bool is_up(const char *name, size_t length)
{
	return length == 2 && name[0] == '.' && name[1] == '.';
}

/* Appends the names of path to the clean ones in out, which has room for both; ".." climbs as long
 * as there is something to climb out of. */
static int append_clean(char *out, const char *path, struct error **err)
{
	size_t used = strlen(out);

	while (*path) {
		const char *name = path + strspn(path, "/");
		size_t length = strcspn(name, "/");

		path = name + length;
		if (length == 0 || (length == 1 && *name == '.'))
			continue;
		if (is_up(name, length)) {
			if (!climb(out, &used))
				return error_new(err, ERROR_INVALID, "it leads out of the archive");
			continue;
		}
		if (used > 0)
			out[used++] = '/';
		memcpy(out + used, name, length);
		used += length;
		out[used] = '\0';
	}
	return 0;
}

static bool climbs(const char *path)
{
	while (*path) {
		size_t length = strcspn(path, "/");

		if (is_up(path, length))
			return true;
		path += length + (path[length] == '/');
	}
	return false;
}

static int clean_member(const struct tar_entry *entry, char **ret, struct error **err)
{
	cleanup_free char *name = xcalloc(strlen(entry->path) + 1, 1);

	if (climbs(entry->path))
		return error_new(err, ERROR_INVALID, "its name has '..' in it");
	if (append_clean(name, entry->path, err) < 0)
		return -1;
	if (!*name || strlen(name) > MEMBER_NAME_MAX)
		return error_new(err, ERROR_INVALID, "its name is empty or longer than %d bytes",
			MEMBER_NAME_MAX);
	*ret = take_ptr(name);
	return 0;
}

/* A symlink leads on from its folder, a hard link from the archive's top. */
static int clean_target(
	const struct tar_entry *entry, const char *name, char **ret, struct error **err)
{
	cleanup_free char *target = xcalloc(strlen(name) + strlen(entry->link) + 2, 1);
	const char *slash = strrchr(name, '/');

	if (entry->type == TAR_SYMLINK && entry->link[0] == '/')
		return error_new(
			err, ERROR_INVALID, "it links to '%s', out of the archive", entry->link);
	if (entry->type == TAR_SYMLINK && slash)
		memcpy(target, name, (size_t)(slash - name));
	if (append_clean(target, entry->link, err) < 0)
		return error_wrap(err, "link to '%s'", entry->link);
	if (!*target || strlen(target) > MEMBER_NAME_MAX)
		return error_new(err, ERROR_INVALID, "it links to '%s', which is no file's name",
			entry->link);
	*ret = take_ptr(target);
	return 0;
}

static int send_head(const struct sender *sender, const struct member_head *head, const char *name,
	const char *target, struct error **err)
{
	char message[sizeof(*head) + 2 * (MEMBER_NAME_MAX + 1UL)];
	char *end = message;

	end = mempcpy(end, head, sizeof(*head));
	end = mempcpy(end, name, strlen(name) + 1);
	end = mempcpy(end, target, strlen(target) + 1);
	return msg_send(sender->answer_fd, TRANSFER_MEMBER, message, (size_t)(end - message), err);
}

static int send_content(
	const struct sender *sender, const struct tar_entry *entry, struct error **err)
{
	int64_t at = 0, offset;
	const char *data;
	size_t length;
	int more;

	while ((more = tar_data(sender->reader, &data, &length, &offset, err)) > 0) {
		if (offset != at)
			break;
		if (file_write_all(sender->data_fd, data, length, "a member", err) < 0)
			return -1;
		at += (int64_t)length;
	}
	if (more < 0)
		return -1;
	return at == entry->size ? 0 : error_new(err, ERROR_UNSUPPORTED, "it is a sparse file");
}

static int send_entry(
	const struct sender *sender, const struct tar_entry *entry, struct error **err)
{
	cleanup_free char *name = NULL, *target = NULL;
	struct member_head head = { .offset = -1 };

	if (entry->type == TAR_DIRECTORY)
		return 0;
	if (entry->type != TAR_FILE && entry->type != TAR_SYMLINK && entry->type != TAR_HARD_LINK)
		return error_new(err, ERROR_INVALID, "an image's archive has files alone");
	if (clean_member(entry, &name, err) < 0 || !name)
		return -1;
	if (entry->type != TAR_FILE) {
		head.is_link = 1;
		if (clean_target(entry, name, &target, err) < 0 || !target)
			return -1;
		return send_head(sender, &head, name, target, err);
	}
	head.size = entry->size;
	head.offset = tar_data_offset(sender->reader);
	if (send_head(sender, &head, name, "", err) < 0)
		return -1;
	return head.offset >= 0 ? 0 : send_content(sender, entry, err);
}

int members_send(struct stream *stream, int answer_fd, int data_fd, struct error **err)
{
	cleanup_tar_reader struct tar_reader *reader = tar_reader_new(stream);
	const struct sender sender = { reader, answer_fd, data_fd };
	struct tar_entry *entry;
	size_t count = 0;
	int more;

	while ((more = tar_next(reader, &entry, err)) > 0) {
		if (++count > MEMBERS_MAX)
			return error_new(err, ERROR_INVALID, "the archive has more than %d entries",
				MEMBERS_MAX);
		if (send_entry(&sender, entry, err) < 0)
			return error_wrap(err, "entry '%s'", entry->path);
	}
	if (more < 0)
		return -1;
	/* Who writes into a pipe must not be stopped by it; a file has nothing to check there. */
	return stream_tell(stream) >= 0 ? 0 : stream_drain(stream, err);
}

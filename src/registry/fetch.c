/* SPDX-License-Identifier: Apache-2.0 */
/* A file from anywhere, and a list of tags, by the same confined helper. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "registry/helper.h"
#include "registry/pull.h"
#include "registry/pull_protocol.h"
#include "store/transfer.h"
#include "sys/msg.h"

#define TAGS_BYTES_MAX (16UL * 1024 * 1024)
#define FALLBACK_DIR "/var/tmp" /* on a disk: /tmp may be memory */

static int make_file(struct error **err)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	dir = dir && *dir ? dir : FALLBACK_DIR;
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return fd < 0 ? error_sys(err, "make a file for a download in %s", dir) : fd;
}

static int wait_for_it(int socket_fd, pid_t pid, struct error **err)
{
	struct msg msg;
	int result = msg_receive(socket_fd, &msg, err);

	if (result == 0)
		return registry_helper_gone(socket_fd, pid, err);
	if (result > 0) {
		msg_close_fds(&msg);
		if (msg.type == TRANSFER_ERROR)
			error_unpack(err, msg.data, msg.length);
		else if (msg.type != PULL_GOT)
			error_new(
				err, ERROR_INTERNAL, "an unexpected message of type %u", msg.type);
	}
	registry_helper_stop(socket_fd, pid);
	return *err ? -1 : 0;
}

/* Has the helper fill the file, which is then at its beginning. */
static int have_filled(
	const char *verb, const char *what, uint32_t type, int fd, struct error **err)
{
	pid_t pid = 0;
	int socket_fd = registry_helper_start(verb, what, &pid, err);

	if (socket_fd < 0)
		return -1;
	if (msg_send_fds(socket_fd, type, "", 0, &fd, 1, err) < 0) {
		registry_helper_stop(socket_fd, pid);
		return -1;
	}
	if (wait_for_it(socket_fd, pid, err) < 0)
		return -1;
	return lseek(fd, 0, SEEK_SET) < 0 ? error_sys(err, "read a download") : 0;
}

int registry_fetch(const char *url, struct error **err)
{
	cleanup_close int fd = make_file(err);

	if (fd < 0 || have_filled("fetch", url, PULL_BLOB, fd, err) < 0)
		return -1;
	return take_fd(&fd);
}

/* A name that is no tag would be another reference: such a registry is not to be followed. */
static int check_tags(const struct reference *ref, char *const *tags, struct error **err)
{
	for (size_t i = 0; tags && tags[i]; i++) {
		cleanup_reference struct reference parsed = { 0 };
		cleanup_free char *repository = reference_repository(ref);
		cleanup_free char *text = xasprintf("%s:%s", repository, tags[i]);

		if (reference_parse(text, &parsed, err) < 0)
			return error_wrap(err, "the registry's list of tags");
		if (parsed.digest || !parsed.tag || strcmp(parsed.tag, tags[i]) != 0)
			return error_new(err, ERROR_INVALID,
				"the registry's list of tags has one that is none");
	}
	return 0;
}

int registry_tags(const struct reference *ref, strv *ret, struct error **err)
{
	cleanup_close int fd = make_file(err);
	cleanup_free char *repository = reference_repository(ref), *text = NULL;
	cleanup_strv strv tags = NULL;
	size_t count;

	if (fd < 0 || have_filled("tags", repository, PULL_TAGS, fd, err) < 0 ||
		file_read_fd(fd, "the list of tags", TAGS_BYTES_MAX, &text, err) < 0)
		return -1;
	tags = strv_split(text, '\n');
	count = strv_length(tags); /* the last is what follows the last line's end */
	free(tags[count - 1]);
	tags[count - 1] = NULL;
	if (check_tags(ref, tags, err) < 0)
		return -1;
	*ret = take_ptr(tags);
	return 0;
}

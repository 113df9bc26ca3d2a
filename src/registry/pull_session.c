/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/pull_session.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "base/spawn.h"
#include "store/transfer.h"
#include "sys/msg.h"

#define HELPER "vessel-transfer"
#define MANIFEST_BYTES_MAX (4UL * 1024 * 1024)

/* A file that ends with its last fd, on the store's own disk. */
static int make_file(struct store *store, struct error **err)
{
	int fd = openat(store->tmp_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char name[ID_MAX];

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd < 0 ? error_sys(err, "make a file for a download") : fd;
	id_make(name);
	fd = openat(store->tmp_fd, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_sys(err, "make a file for a download");
	(void)unlinkat(store->tmp_fd, name, 0);
	return fd;
}

int pull_session_open(struct store *store, const struct reference *ref,
	const struct registry_progress *progress, struct pull_session *ret, struct error **err)
{
	struct pull_session session = { .store = store, .progress = progress };
	cleanup_free char *text = reference_text(ref);

	session.socket_fd = registry_helper_start("pull", text, &session.pid, err);
	if (session.socket_fd < 0)
		return -1;
	for (size_t i = 0; i < PULL_DOWNLOADS_MAX; i++)
		session.orders[i].fd = -1;
	*ret = session;
	return 0;
}

static void close_orders(struct pull_session *session)
{
	for (size_t i = 0; i < PULL_DOWNLOADS_MAX; i++)
		close_fd(take_fd(&session->orders[i].fd));
}

void pull_session_close(struct pull_session *session)
{
	if (session->pid <= 0)
		return;
	close_orders(session);
	registry_helper_stop(session->socket_fd, session->pid);
	session->pid = 0;
}

static int helper_gone(struct pull_session *session, struct error **err)
{
	pid_t pid = session->pid;

	session->pid = 0;
	close_orders(session);
	return registry_helper_gone(session->socket_fd, pid, err);
}

static struct pull_order *find_order(struct pull_session *session, const char *digest_text_)
{
	struct error *err = NULL;
	struct digest digest;

	if (!digest_text_ || digest_parse(digest_text_, &digest, &err) < 0) {
		error_free(err);
		return NULL;
	}
	for (size_t i = 0; i < PULL_DOWNLOADS_MAX; i++)
		if (session->orders[i].fd >= 0 &&
			memcmp(&session->orders[i].digest, &digest, sizeof(digest)) == 0)
			return &session->orders[i];
	return NULL;
}

static void show_progress(
	const struct pull_session *session, const struct pull_order *order, int64_t current)
{
	char text[DIGEST_TEXT_MAX], id[ID_SHORT + 1];

	if (!session->progress->bytes)
		return;
	digest_text(&order->digest, text);
	memcpy(id, text + strlen("sha256:"), ID_SHORT);
	id[ID_SHORT] = '\0';
	session->progress->bytes(id, current, order->size, session->progress->arg);
}

/* The order that a PULL_GOT or PULL_PROGRESS is about. */
static int read_report(struct pull_session *session, const struct msg *msg, struct pull_order **ret,
	struct error **err)
{
	cleanup_json struct json_object *report = NULL;
	const char *digest = NULL;
	int64_t current = 0;

	if (json_parse(msg->data, msg->length, "the helper's report", &report, err) < 0 ||
		json_get_text(report, "digest", &digest, err) < 0 ||
		json_get_int(report, "current", &current, err) < 0)
		return -1;
	*ret = find_order(session, digest);
	if (!*ret)
		return error_new(err, ERROR_INTERNAL, HELPER " reports what it was not asked for");
	show_progress(session, *ret, current);
	return 0;
}

/* What a message means while one of this type is waited for: 1 it is that, 0 wait on. */
static int judge(struct pull_session *session, const struct msg *msg, uint32_t type,
	struct pull_order **order, struct error **err)
{
	if (msg->type == TRANSFER_ERROR)
		return error_unpack(err, msg->data, msg->length);
	if (msg->type == type && type == PULL_RESOLVED)
		return 1;
	if (msg->type != PULL_PROGRESS && (msg->type != type || type != PULL_GOT))
		return error_new(err, ERROR_INTERNAL,
			HELPER " sent an unexpected message of type %u", msg->type);
	if (read_report(session, msg, order, err) < 0)
		return -1;
	return msg->type == type;
}

/* The next message of this type; *order is what it is about, unless it is PULL_RESOLVED. */
static int wait_for(
	struct pull_session *session, uint32_t type, struct pull_order **order, struct error **err)
{
	struct msg msg;
	int result = 0;

	while (result == 0) {
		result = msg_receive(session->socket_fd, &msg, err);
		if (result == 0)
			return helper_gone(session, err);
		if (result < 0)
			return -1;
		msg_close_fds(&msg);
		result = judge(session, &msg, type, order, err);
	}
	return result < 0 ? -1 : 0;
}

static int read_text(int fd, struct pull_text *ret, struct error **err)
{
	ssize_t length;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(err, "read the manifest");
	length = file_read_fd(fd, "the manifest", MANIFEST_BYTES_MAX, &ret->text, err);
	if (length < 0)
		return -1;
	ret->length = (size_t)length;
	return 0;
}

int pull_session_resolve(
	struct pull_session *session, struct pull_text ret[static 2], struct error **err)
{
	cleanup_close int top_fd = make_file(session->store, err);
	cleanup_close int own_fd = top_fd < 0 ? -1 : make_file(session->store, err);
	struct pull_text texts[2] = { 0 };
	struct pull_order *none = NULL;

	if (top_fd < 0 || own_fd < 0)
		return -1;
	if (msg_send_fds(session->socket_fd, PULL_RESOLVE, "", 0, (int[]){ top_fd, own_fd }, 2,
		    err) < 0 ||
		wait_for(session, PULL_RESOLVED, &none, err) < 0)
		return -1;
	if (read_text(top_fd, &texts[0], err) < 0 || read_text(own_fd, &texts[1], err) < 0) {
		free(texts[0].text);
		return -1;
	}
	ret[0] = texts[0];
	ret[1] = texts[1];
	return 0;
}

bool pull_session_has_room(const struct pull_session *session)
{
	for (size_t i = 0; i < PULL_DOWNLOADS_MAX; i++)
		if (session->orders[i].fd < 0)
			return true;
	return false;
}

int pull_session_order(
	struct pull_session *session, const struct digest *digest, int64_t size, struct error **err)
{
	cleanup_json struct json_object *order = json_object_new_object();
	cleanup_free char *text = NULL;
	cleanup_close int fd = -1;
	char digest_buf[DIGEST_TEXT_MAX];

	fd = make_file(session->store, err);
	if (fd < 0)
		return -1;
	json_put_text(order, "digest", digest_text(digest, digest_buf));
	json_put_int(order, "size", size);
	text = json_compact(order);
	if (msg_send_fds(session->socket_fd, PULL_BLOB, text, strlen(text), &fd, 1, err) < 0)
		return -1;
	for (size_t i = 0; i < PULL_DOWNLOADS_MAX; i++) {
		if (session->orders[i].fd >= 0)
			continue;
		session->orders[i] = (struct pull_order){ *digest, size, take_fd(&fd) };
		return 0;
	}
	return error_new(err, ERROR_INTERNAL, "more blobs are asked for than can be");
}

int pull_session_next(
	struct pull_session *session, struct digest *ret_digest, int *ret_fd, struct error **err)
{
	struct pull_order *order = NULL;

	if (wait_for(session, PULL_GOT, &order, err) < 0)
		return -1;
	assert(order); /* read_report() has found it */
	if (lseek(order->fd, 0, SEEK_SET) < 0)
		return error_sys(err, "read a download");
	*ret_digest = order->digest;
	*ret_fd = take_fd(&order->fd);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/pull_session.h"

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
#include "base/sha256.h"
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
	*ret = session;
	return 0;
}

void pull_session_close(struct pull_session *session)
{
	if (session->pid <= 0)
		return;
	registry_helper_stop(session->socket_fd, session->pid);
	session->pid = 0;
}

static int helper_gone(struct pull_session *session, struct error **err)
{
	pid_t pid = session->pid;

	session->pid = 0;
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
		if (session->orders[i].used &&
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

static int refuse(const struct msg *msg, struct error **err)
{
	if (msg->type == TRANSFER_ERROR)
		return error_unpack(err, msg->data, msg->length);
	return error_new(
		err, ERROR_INTERNAL, HELPER " sent an unexpected message of type %u", msg->type);
}

static int receive(struct pull_session *session, struct msg *msg, struct error **err)
{
	int result = msg_receive(session->socket_fd, msg, err);

	if (result <= 0)
		return result < 0 ? -1 : helper_gone(session, err);
	msg_close_fds(msg);
	return 0;
}

int pull_session_read(struct pull_session *session, struct digest *ret, struct error **err)
{
	struct pull_order *order = NULL;
	struct msg msg;

	if (receive(session, &msg, err) < 0)
		return -1;
	if (msg.type != PULL_PROGRESS && msg.type != PULL_GOT)
		return refuse(&msg, err);
	if (read_report(session, &msg, &order, err) < 0)
		return -1;
	if (msg.type == PULL_PROGRESS)
		return 0;
	*ret = order->digest;
	order->used = false;
	return 1;
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

static int send_resolve(struct pull_session *session, const char *platform, char *const *known,
	const int fds[static 2], struct error **err)
{
	cleanup_json struct json_object *what = json_object_new_object();
	cleanup_free char *text = NULL;

	json_put_text(what, "platform", platform);
	json_put(what, "known", json_from_strv(known));
	text = json_compact(what);
	return msg_send_fds(session->socket_fd, PULL_RESOLVE, text, strlen(text), fds, 2, err);
}

int pull_session_resolve(struct pull_session *session, const char *platform, char *const *known,
	struct pull_text ret[static 2], struct error **err)
{
	cleanup_close int top_fd = make_file(session->store, err);
	cleanup_close int own_fd = top_fd < 0 ? -1 : make_file(session->store, err);
	struct pull_text texts[2] = { 0 };
	struct msg msg;

	if (own_fd < 0 ||
		send_resolve(session, platform, known, (int[]){ top_fd, own_fd }, err) < 0 ||
		receive(session, &msg, err) < 0)
		return -1;
	if (msg.type != PULL_RESOLVED)
		return refuse(&msg, err);
	if (read_text(top_fd, &texts[0], err) < 0 || read_text(own_fd, &texts[1], err) < 0) {
		free(texts[0].text);
		return -1;
	}
	ret[0] = texts[0];
	ret[1] = texts[1];
	return 0;
}

static struct pull_order *free_order(struct pull_session *session)
{
	for (size_t i = 0; i < PULL_DOWNLOADS_MAX; i++)
		if (!session->orders[i].used)
			return &session->orders[i];
	return NULL;
}

bool pull_session_is_full(struct pull_session *session)
{
	return !free_order(session);
}

int pull_session_order(struct pull_session *session, const struct descriptor *blob, int64_t offset,
	bool again, int pipe_fd, struct error **err)
{
	cleanup_json struct json_object *order = json_object_new_object();
	cleanup_free char *text = NULL;
	struct pull_order *slot = free_order(session);
	char digest[DIGEST_TEXT_MAX];

	if (!slot)
		return error_new(err, ERROR_INTERNAL, "more blobs are asked for than can be");
	json_put_text(order, "digest", digest_text(&blob->digest, digest));
	json_put_int(order, "size", blob->size);
	json_put_int(order, "offset", offset);
	json_put_bool(order, "again", again);
	text = json_compact(order);
	if (msg_send_fds(session->socket_fd, PULL_BLOB, text, strlen(text), &pipe_fd, 1, err) < 0)
		return -1;
	*slot = (struct pull_order){ blob->digest, blob->size, true };
	return 0;
}

/* Until the pipe's end. The helper closes it when it has written all, or fails. */
static int read_pipe(
	int fd, const struct descriptor *blob, struct pull_text *ret, struct error **err)
{
	ssize_t length = file_read_fd(fd, "a blob", (size_t)blob->size, &ret->text, err);

	if (length < 0)
		return -1;
	ret->length = (size_t)length;
	return 0;
}

static int wait_for_blob(struct pull_session *session, struct error **err)
{
	struct digest digest;
	int result = 0;

	while (result == 0)
		result = pull_session_read(session, &digest, err);
	return result < 0 ? -1 : 0;
}

static int check_text(
	const struct descriptor *blob, const struct pull_text *text, struct error **err)
{
	char got_text[DIGEST_TEXT_MAX], expected_text[DIGEST_TEXT_MAX];
	struct digest got = { 0 };

	sha256_bytes(text->text, text->length, got.sha256);
	if (memcmp(&got, &blob->digest, sizeof(got)) == 0)
		return 0;
	return error_new(err, ERROR_INVALID, "its digest is %s, and %s was asked for",
		digest_text(&got, got_text), digest_text(&blob->digest, expected_text));
}

static int get_text(struct pull_session *session, const struct descriptor *blob, int read_fd,
	struct pull_text *ret, struct error **err)
{
	struct pull_text text = { 0 };

	if (read_pipe(read_fd, blob, &text, err) < 0)
		return -1;
	if (wait_for_blob(session, err) < 0 || check_text(blob, &text, err) < 0) {
		free(text.text);
		return -1;
	}
	*ret = text;
	return 0;
}

int pull_session_get(struct pull_session *session, const struct descriptor *blob,
	struct pull_text *ret, struct error **err)
{
	cleanup_close int read_fd = -1, write_fd = -1;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	read_fd = fds[0];
	write_fd = fds[1];
	if (pull_session_order(session, blob, 0, false, write_fd, err) < 0)
		return -1;
	close_fd(take_fd(&write_fd)); /* or the end would never come */
	return get_text(session, blob, read_fd, ret, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/push_session.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "oci/reference.h"
#include "store/transfer.h"
#include "sys/msg.h"

#define HELPER "vessel-transfer"

int push_session_open(struct push_session *session, const struct reference *ref, const char *from,
	struct error **err)
{
	cleanup_json struct json_object *object = json_object_new_object();
	cleanup_free char *name = reference_text(ref);
	cleanup_free char *text = NULL;

	session->socket_fd = registry_helper_start("push", name, &session->pid, err);
	if (session->socket_fd < 0)
		return -1;
	json_put_text(object, "from", from);
	text = json_compact(object);
	return msg_send(session->socket_fd, PUSH_BEGIN, text, strlen(text), err);
}

void push_session_close(struct push_session *session)
{
	if (session->pid <= 0)
		return;
	registry_helper_stop(session->socket_fd, session->pid);
	session->pid = 0;
}

bool push_session_has_room(const struct push_session *session)
{
	for (size_t i = 0; i < PUSH_UPLOADS_MAX; i++)
		if (!session->orders[i].used)
			return true;
	return false;
}

static int helper_gone(struct push_session *session, struct error **err)
{
	pid_t pid = session->pid;

	session->pid = 0;
	return registry_helper_gone(session->socket_fd, pid, err);
}

/* What it said before it went says more than that it is gone: a broken pipe is no reason. */
static int send_order(struct push_session *session, uint32_t type,
	const struct descriptor *descriptor, int fd, const char *from, struct error **err)
{
	cleanup_json struct json_object *order = json_object_new_object();
	cleanup_error struct error *broken = NULL;
	cleanup_free char *text = NULL;
	char digest[DIGEST_TEXT_MAX];

	json_put_text(order, "digest", digest_text(&descriptor->digest, digest));
	json_put_int(order, "size", descriptor->size);
	json_put_text(order, "type", descriptor->media_type);
	json_put_text(order, "from", from);
	text = json_compact(order);
	if (msg_send_fds(session->socket_fd, type, text, strlen(text), &fd, 1, &broken) == 0 ||
		error_errno(broken) == EPIPE || error_errno(broken) == ECONNRESET)
		return 0;
	*err = take_ptr(broken);
	return -1;
}

int push_session_send(struct push_session *session, const struct descriptor *blob, int fd,
	const char *from, struct error **err)
{
	for (size_t i = 0; i < PUSH_UPLOADS_MAX; i++) {
		if (session->orders[i].used)
			continue;
		session->orders[i] = (struct push_order){ blob->digest, true };
		return send_order(session, PUSH_BLOB, blob, fd, from, err);
	}
	return error_new(err, ERROR_INTERNAL, "more blobs are sent than can be");
}

static struct push_order *find_order(struct push_session *session, const struct digest *digest)
{
	for (size_t i = 0; i < PUSH_UPLOADS_MAX; i++)
		if (session->orders[i].used &&
			memcmp(&session->orders[i].digest, digest, sizeof(*digest)) == 0)
			return &session->orders[i];
	return NULL;
}

static int read_end(const char *text, enum push_end *ret)
{
	static const char *const ends[PUSH_END_MAX_] = { [PUSH_END_EXISTS] = "exists",
		[PUSH_END_MOUNTED] = "mounted",
		[PUSH_END_PUSHED] = "pushed" };

	for (unsigned int i = 0; text && i < PUSH_END_MAX_; i++) {
		if (strcmp(text, ends[i]) != 0)
			continue;
		*ret = (enum push_end)i;
		return 0;
	}
	return -1;
}

/* What a report is about, and whether that is done: then *ret_end is set. NULL: failed. */
static struct push_order *read_report(struct push_session *session, const struct msg *msg,
	enum push_end *ret_end, struct error **err)
{
	cleanup_json struct json_object *report = NULL;
	const char *text = NULL, *end = NULL;
	struct push_order *order;
	struct digest digest;
	int64_t current = 0;

	if (json_parse(msg->data, msg->length, "the helper's report", &report, err) < 0 ||
		json_get_text(report, "digest", &text, err) < 0 ||
		json_get_text(report, "end", &end, err) < 0 ||
		json_get_int(report, "current", &current, err) < 0 ||
		digest_parse(text ? text : "", &digest, err) < 0) {
		error_wrap(err, HELPER);
		return NULL;
	}
	order = find_order(session, &digest);
	if (!order || (msg->type == PUSH_DONE && read_end(end, ret_end) < 0)) {
		error_new(err, ERROR_INTERNAL, HELPER " reports what it was not asked for");
		return NULL;
	}
	if (session->progress)
		session->progress(&digest, current, session->arg);
	return order;
}

static int judge(const struct msg *msg, struct error **err)
{
	if (msg->type == TRANSFER_ERROR)
		return error_unpack(err, msg->data, msg->length);
	if (msg->type != PUSH_PROGRESS && msg->type != PUSH_DONE)
		return error_new(err, ERROR_INTERNAL,
			HELPER " sent an unexpected message of type %u", msg->type);
	return 0;
}

int push_session_next(struct push_session *session, struct digest *ret_digest,
	enum push_end *ret_end, struct error **err)
{
	struct msg msg;
	int result;

	while ((result = msg_receive(session->socket_fd, &msg, err)) > 0) {
		struct push_order *order;

		msg_close_fds(&msg);
		if (judge(&msg, err) < 0)
			return -1;
		order = read_report(session, &msg, ret_end, err);
		if (!order)
			return -1;
		if (msg.type != PUSH_DONE)
			continue;
		order->used = false;
		*ret_digest = order->digest;
		return 0;
	}
	return result < 0 ? -1 : helper_gone(session, err);
}

int push_session_manifest(
	struct push_session *session, const struct descriptor *manifest, int fd, struct error **err)
{
	struct digest done;
	enum push_end end;

	session->orders[0] = (struct push_order){ manifest->digest, true };
	if (send_order(session, PUSH_MANIFEST, manifest, fd, NULL, err) < 0)
		return -1;
	return push_session_next(session, &done, &end, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/push_helper.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "registry/push_protocol.h"
#include "registry/repository.h"
#include "registry/upload.h"
#include "sys/msg.h"

#define PROGRESS_NS INT64_C(100000000)
#define IDLE_MS 1000
#define ANSWER_BYTES_MAX 65536
#define MS INT64_C(1000000)

struct slot {
	struct upload upload;
	int fd; /* owned */
	bool active; /* in the multi handle */
	bool used;
};

struct push_helper {
	struct repository *repository;
	CURLM *multi;
	int socket_fd;
	char *from; /* the repository that tokens let us read; NULL: none */
	struct slot slots[PUSH_UPLOADS_MAX];
	int64_t progress_ns; /* when it was told last */
};

static void slot_release(struct slot *slot)
{
	if (!slot->used)
		return;
	upload_done(&slot->upload);
	close_fd(slot->fd);
	*slot = (struct slot){ .fd = -1 };
}

/* ---- what the engine asks for ---- */

struct order {
	struct digest digest;
	int64_t size;
	char *from, *type;
};

static void order_done_p_(struct order *order)
{
	free(order->from);
	free(order->type);
}

static int parse_order(const struct msg *msg, struct order *ret, struct error **err)
{
	cleanup_json struct json_object *object = NULL;
	const char *digest = NULL, *from = NULL, *type = NULL;
	int64_t size = -1;

	if (json_parse(msg->data, msg->length, "the order", &object, err) < 0 ||
		json_get_text(object, "digest", &digest, err) < 0 ||
		json_get_text(object, "from", &from, err) < 0 ||
		json_get_text(object, "type", &type, err) < 0 ||
		json_get_int(object, "size", &size, err) < 0)
		return -1;
	if (!digest || size < 0 || msg->fd_count != 1)
		return error_new(err, ERROR_INVALID, "an order to send a blob is incomplete");
	if (digest_parse(digest, &ret->digest, err) < 0)
		return -1;
	ret->size = size;
	ret->from = xstrdup_null(from);
	ret->type = xstrdup_null(type);
	return 0;
}

static int tell(
	struct push_helper *helper, const struct slot *slot, uint32_t type, struct error **err)
{
	static const char *const ends[UPLOAD_END_MAX_] = {
		[UPLOAD_EXISTS] = "exists", [UPLOAD_MOUNTED] = "mounted", [UPLOAD_PUSHED] = "pushed"
	};
	cleanup_json struct json_object *object = json_object_new_object();
	cleanup_free char *text = NULL;
	char digest[DIGEST_TEXT_MAX];

	json_put_text(object, "digest", digest_text(&slot->upload.digest, digest));
	json_put_int(object, "current", upload_current(&slot->upload));
	if (type == PUSH_DONE)
		json_put_text(object, "end", ends[slot->upload.end]);
	text = json_compact(object);
	return msg_send(helper->socket_fd, type, text, strlen(text), err);
}

static int take_blob(struct push_helper *helper, struct msg *msg, struct error **err)
{
	CLEANUP(order_done) struct order order = { .size = -1 };
	struct slot *slot = NULL;

	for (size_t i = 0; i < PUSH_UPLOADS_MAX; i++)
		if (!helper->slots[i].used)
			slot = &helper->slots[i];
	if (!slot)
		return error_new(err, ERROR_INVALID, "more blobs are sent than can be");
	if (parse_order(msg, &order, err) < 0)
		return -1;
	slot->used = true;
	slot->fd = take_fd(&msg->fds[0]);
	upload_init(&slot->upload, helper->repository, &order.digest, order.size, slot->fd);
	slot->upload.from = take_ptr(order.from);
	return 0;
}

static int check_stored(
	const struct exchange *exchange, const struct digest *digest, struct error **err)
{
	char text[DIGEST_TEXT_MAX];

	digest_text(digest, text);
	if (!exchange->headers.digest || strcmp(exchange->headers.digest, text) == 0)
		return 0;
	return error_new(err, ERROR_INVALID, "%s: the registry has stored %.100s, and was sent %s",
		exchange->url, exchange->headers.digest, text);
}

static int put_manifest(struct push_helper *helper, struct msg *msg, struct error **err)
{
	CLEANUP(order_done) struct order order = { .size = -1 };
	cleanup_exchange struct exchange exchange = { .fd = -1 };
	const struct repository *repository = helper->repository;
	struct slot done = { .fd = -1 };

	if (parse_order(msg, &order, err) < 0)
		return -1;
	if (!order.type)
		return error_new(err, ERROR_INVALID, "a manifest is sent without its type");
	exchange_init(&exchange, helper->repository,
		xasprintf("%s/manifests/%s", repository->base, repository->ref->tag),
		ANSWER_BYTES_MAX);
	exchange.sending = (struct sending){
		.method = "PUT", .type = order.type, .fd = msg->fds[0], .length = order.size
	};
	if (repository_perform(&exchange, err) < 0 ||
		check_stored(&exchange, &order.digest, err) < 0)
		return -1;
	done.upload.digest = order.digest;
	done.upload.end = UPLOAD_PUSHED;
	return tell(helper, &done, PUSH_DONE, err);
}

static int take_order(struct push_helper *helper, struct msg *msg, struct error **err)
{
	switch (msg->type) {
	case PUSH_BLOB:
		return take_blob(helper, msg, err);
	case PUSH_MANIFEST:
		return put_manifest(helper, msg, err);
	default:
		return error_new(err, ERROR_INVALID, "an unexpected message of type %u", msg->type);
	}
}

/* ---- the loop ---- */

static int begin_due(struct push_helper *helper, struct error **err)
{
	int64_t now = clock_monotonic_ns();

	for (size_t i = 0; i < PUSH_UPLOADS_MAX; i++) {
		struct slot *slot = &helper->slots[i];
		struct exchange *exchange = &slot->upload.exchange;

		if (!slot->used || slot->active || exchange->not_before_ns > now)
			continue;
		if (exchange_begin(exchange, err) < 0)
			return -1;
		if (curl_multi_add_handle(helper->multi, exchange->easy) != CURLM_OK)
			return error_new(err, ERROR_INTERNAL, "libcurl takes no more transfers");
		slot->active = true;
	}
	return 0;
}

static int step_on(struct push_helper *helper, struct slot *slot, enum exchange_outcome outcome,
	struct error **err)
{
	int result = upload_next(&slot->upload, outcome, err);

	if (result != 0)
		return result < 0 ? -1 : 0;
	result = tell(helper, slot, PUSH_DONE, err);
	slot_release(slot);
	return result;
}

static int finish(struct push_helper *helper, CURL *easy, CURLcode code, struct error **err)
{
	struct slot *slot = NULL;
	struct exchange *exchange;
	enum exchange_outcome outcome;

	for (size_t i = 0; i < PUSH_UPLOADS_MAX; i++)
		if (helper->slots[i].active && helper->slots[i].upload.exchange.easy == easy)
			slot = &helper->slots[i];
	if (!slot)
		return error_new(err, ERROR_INTERNAL, "libcurl ended an unknown transfer");
	exchange = &slot->upload.exchange;
	curl_multi_remove_handle(helper->multi, easy);
	slot->active = false;
	outcome = exchange_end(exchange, code, err);
	if (outcome == EXCHANGE_AGAIN)
		return 0;
	if (outcome == EXCHANGE_WANTS_TOKEN)
		return repository_authorize(helper->repository, exchange->headers.challenge, err);
	return step_on(helper, slot, outcome, err);
}

static int collect(struct push_helper *helper, struct error **err)
{
	const CURLMsg *done;
	int left;

	while ((done = curl_multi_info_read(helper->multi, &left)) != NULL)
		if (done->msg == CURLMSG_DONE &&
			finish(helper, done->easy_handle, done->data.result, err) < 0)
			return -1;
	return 0;
}

/* Only while the engine reads: what it shows must never stop an upload. Of one that waits it is
 * told now and then, too, so that what is shown is not older than a second. */
static int tell_progress(struct push_helper *helper, struct error **err)
{
	struct pollfd room = { .fd = helper->socket_fd, .events = POLLOUT };
	int64_t now = clock_monotonic_ns();

	if (now - helper->progress_ns < PROGRESS_NS)
		return 0;
	helper->progress_ns = now;
	for (size_t i = 0; i < PUSH_UPLOADS_MAX; i++) {
		const struct slot *slot = &helper->slots[i];

		if (!slot->used)
			continue;
		if (poll(&room, 1, 0) != 1 || !(room.revents & POLLOUT))
			return 0;
		if (tell(helper, slot, PUSH_PROGRESS, err) < 0)
			return -1;
	}
	return 0;
}

static int pause_ms(const struct push_helper *helper)
{
	int64_t now = clock_monotonic_ns(), pause = IDLE_MS;

	for (size_t i = 0; i < PUSH_UPLOADS_MAX; i++) {
		const struct slot *slot = &helper->slots[i];
		int64_t left = (slot->upload.exchange.not_before_ns - now) / MS + 1;

		if (slot->used && !slot->active && left < pause)
			pause = left < 0 ? 0 : left;
	}
	return (int)pause;
}

/* 1 to go on, 0 when the engine has closed. */
static int wait_and_read(struct push_helper *helper, struct error **err)
{
	struct curl_waitfd engine = { .fd = helper->socket_fd, .events = CURL_WAIT_POLLIN };
	struct msg msg;
	int result;

	if (curl_multi_poll(helper->multi, &engine, 1, pause_ms(helper), NULL) != CURLM_OK)
		return error_new(err, ERROR_INTERNAL, "libcurl cannot wait");
	if (!engine.revents)
		return 1;
	result = msg_receive(helper->socket_fd, &msg, err);
	if (result <= 0)
		return result;
	result = take_order(helper, &msg, err);
	msg_close_fds(&msg);
	return result < 0 ? -1 : 1;
}

static int serve(struct push_helper *helper, struct error **err)
{
	int result = 1, running;

	while (result > 0) {
		if (begin_due(helper, err) < 0)
			return -1;
		if (curl_multi_perform(helper->multi, &running) != CURLM_OK)
			return error_new(err, ERROR_INTERNAL, "libcurl cannot transfer");
		if (collect(helper, err) < 0 || tell_progress(helper, err) < 0)
			return -1;
		result = wait_and_read(helper, err);
	}
	return result;
}

static int serve_uploads(struct push_helper *helper, struct error **err)
{
	int result;

	helper->multi = curl_multi_init();
	if (!helper->multi)
		return error_new(err, ERROR_INTERNAL, "libcurl cannot be used");
	for (size_t i = 0; i < PUSH_UPLOADS_MAX; i++)
		helper->slots[i].fd = -1;
	result = serve(helper, err);
	for (size_t i = 0; i < PUSH_UPLOADS_MAX; i++) {
		if (helper->slots[i].active)
			curl_multi_remove_handle(
				helper->multi, helper->slots[i].upload.exchange.easy);
		slot_release(&helper->slots[i]);
	}
	curl_multi_cleanup(helper->multi);
	return result;
}

/* ---- the beginning ---- */

/*
 * The first request, alone: it finds out how the registry is to be talked to, and gets a token.
 * What the tag is there, and that it may not be looked at, is not of interest.
 */
static int reach(struct repository *repository, struct error **err)
{
	cleanup_manifest_document struct manifest_document there = { 0 };
	cleanup_error struct error *why = NULL;

	if (repository_get_manifest(repository, repository->ref->tag, NULL, &there, &why) == 0 ||
		repository->reached)
		return 0;
	*err = take_ptr(why);
	return -1;
}

/* 1, or 0 when the engine has closed. */
static int read_begin(struct push_helper *helper, struct error **err)
{
	cleanup_json struct json_object *object = NULL;
	const char *from = NULL;
	struct msg msg;
	int result = msg_receive(helper->socket_fd, &msg, err);

	if (result <= 0)
		return result;
	msg_close_fds(&msg);
	if (msg.type != PUSH_BEGIN)
		return error_new(err, ERROR_INVALID, "an unexpected message of type %u", msg.type);
	if (json_parse(msg.data, msg.length, "the beginning", &object, err) < 0 ||
		json_get_text(object, "from", &from, err) < 0)
		return -1;
	helper->from = xstrdup_null(from);
	return 1;
}

static int run(struct push_helper *helper, struct error **err)
{
	int result = read_begin(helper, err);

	if (result <= 0)
		return result;
	helper->repository->wants_push = true;
	helper->repository->mount_from = helper->from;
	return reach(helper->repository, err) < 0 ? -1 : serve_uploads(helper, err);
}

int push_helper_run(const char *reference, int socket_fd, struct error **err)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_repository struct repository repository = { 0 };
	struct push_helper helper = { .repository = &repository, .socket_fd = socket_fd };
	cleanup_free char *familiar = NULL;
	int result;

	if (reference_parse(reference, &ref, err) < 0 ||
		repository_open(&ref, &repository, err) < 0)
		return -1;
	if (!ref.tag || ref.digest)
		return error_new(err, ERROR_INVALID, "cannot push a digest reference");
	result = run(&helper, err);
	free(helper.from);
	repository.mount_from = NULL;
	if (result == 0 || error_kind(*err) != ERROR_DENIED)
		return result;
	familiar = reference_familiar_repository(&ref);
	error_hint(err, "check the name, or use 'vessel login %s'", ref.domain);
	return error_wrap(err,
		"push access denied for %s, repository does not exist or may require a login",
		familiar);
}

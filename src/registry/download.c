/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/download.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "registry/endpoint.h"
#include "registry/pull_protocol.h"
#include "registry/repository.h"
#include "sys/msg.h"

#define PROGRESS_NS INT64_C(100000000)
#define IDLE_MS 1000
#define ERROR_BYTES_MAX 65536
#define MS INT64_C(1000000)

struct download {
	struct exchange exchange;
	struct digest digest;
	int fd; /* owned: a pipe, to whoever unpacks it */
	bool active; /* in the multi handle */
	bool used;
};

struct downloads {
	struct repository *repository;
	CURLM *multi;
	int socket_fd;
	struct download slots[PULL_DOWNLOADS_MAX];
	int64_t progress_ns; /* when it was told last */
};

static void download_release(struct download *download)
{
	if (!download->used)
		return;
	exchange_done(&download->exchange);
	close_fd(download->fd);
	*download = (struct download){ .fd = -1 };
}

struct order {
	struct digest digest;
	int64_t size, offset;
	bool again; /* what came had another digest */
};

static int parse_order(const struct msg *msg, struct order *ret, struct error **err)
{
	cleanup_json struct json_object *order = NULL;
	const char *digest = NULL;

	*ret = (struct order){ .size = -1, .offset = -1 };
	if (json_parse(msg->data, msg->length, "the order", &order, err) < 0 ||
		json_get_text(order, "digest", &digest, err) < 0 ||
		json_get_int(order, "size", &ret->size, err) < 0 ||
		json_get_int(order, "offset", &ret->offset, err) < 0 ||
		json_get_bool(order, "again", &ret->again, err) < 0)
		return -1;
	if (!digest || ret->offset < 0 || ret->size < ret->offset || msg->fd_count != 1)
		return error_new(err, ERROR_INVALID, "an order for a blob is incomplete");
	return digest_parse(digest, &ret->digest, err);
}

/* What a mirror made up, another place may have right. */
static void ask_elsewhere(struct repository *repository)
{
	cleanup_error struct error *reason = NULL;

	if (!endpoint_has_next(repository))
		return;
	error_new(&reason, ERROR_INVALID, "%s: a blob had another digest", repository->base);
	(void)endpoint_next(repository, &reason);
}

static int take_order(struct downloads *downloads, struct msg *msg, struct error **err)
{
	struct download *free_slot = NULL;
	struct order order;

	for (size_t i = 0; i < PULL_DOWNLOADS_MAX; i++)
		if (!downloads->slots[i].used)
			free_slot = &downloads->slots[i];
	if (msg->type != PULL_BLOB || !free_slot)
		return error_new(err, ERROR_INVALID, "an unexpected message of type %u", msg->type);
	if (parse_order(msg, &order, err) < 0)
		return -1;
	if (order.again)
		ask_elsewhere(downloads->repository);
	free_slot->used = true;
	free_slot->digest = order.digest;
	free_slot->fd = take_fd(&msg->fds[0]);
	exchange_init(&free_slot->exchange, downloads->repository,
		repository_blob_url(downloads->repository, &order.digest), ERROR_BYTES_MAX);
	exchange_to_pipe(&free_slot->exchange, free_slot->fd, order.offset, order.size);
	return 0;
}

static int tell(
	struct downloads *downloads, struct download *download, uint32_t type, struct error **err)
{
	cleanup_json struct json_object *object = json_object_new_object();
	cleanup_free char *text = NULL;
	char digest[DIGEST_TEXT_MAX];

	json_put_text(object, "digest", digest_text(&download->digest, digest));
	json_put_int(object, "current", download->exchange.offset);
	text = json_compact(object);
	return msg_send(downloads->socket_fd, type, text, strlen(text), err);
}

static int begin_due(struct downloads *downloads, struct error **err)
{
	int64_t now = clock_monotonic_ns();

	for (size_t i = 0; i < PULL_DOWNLOADS_MAX; i++) {
		struct download *download = &downloads->slots[i];

		if (!download->used || download->active || download->exchange.not_before_ns > now)
			continue;
		if (exchange_begin(&download->exchange, err) < 0)
			return -1;
		if (curl_multi_add_handle(downloads->multi, download->exchange.easy) != CURLM_OK)
			return error_new(err, ERROR_INTERNAL, "libcurl takes no more transfers");
		download->active = true;
	}
	return 0;
}

static int finish(struct downloads *downloads, CURL *easy, CURLcode code, struct error **err)
{
	struct download *download = NULL;
	struct exchange *exchange;

	for (size_t i = 0; i < PULL_DOWNLOADS_MAX; i++)
		if (downloads->slots[i].active && downloads->slots[i].exchange.easy == easy)
			download = &downloads->slots[i];
	if (!download)
		return error_new(err, ERROR_INTERNAL, "libcurl ended an unknown transfer");
	exchange = &download->exchange;
	curl_multi_remove_handle(downloads->multi, easy);
	download->active = false;
	switch (exchange_end(exchange, code, err)) {
	case EXCHANGE_AGAIN:
		return 0;
	case EXCHANGE_WANTS_TOKEN:
		return repository_authorize(
			downloads->repository, exchange->headers.challenge, err);
	case EXCHANGE_DONE:
		if (tell(downloads, download, PULL_GOT, err) < 0)
			return -1;
		download_release(download);
		return 0;
	case EXCHANGE_FAILED:
		break;
	}
	return -1;
}

static int collect(struct downloads *downloads, struct error **err)
{
	const CURLMsg *done;
	int left;

	while ((done = curl_multi_info_read(downloads->multi, &left)) != NULL)
		if (done->msg == CURLMSG_DONE &&
			finish(downloads, done->easy_handle, done->data.result, err) < 0)
			return -1;
	return 0;
}

/*
 * The engine may be unpacking and not be reading: progress is told only while there is room, so
 * that it never stops a download.
 */
static int tell_progress(struct downloads *downloads, struct error **err)
{
	struct pollfd room = { .fd = downloads->socket_fd, .events = POLLOUT };
	int64_t now = clock_monotonic_ns();

	if (now - downloads->progress_ns < PROGRESS_NS)
		return 0;
	downloads->progress_ns = now;
	for (size_t i = 0; i < PULL_DOWNLOADS_MAX; i++) {
		if (!downloads->slots[i].active)
			continue;
		if (poll(&room, 1, 0) != 1 || !(room.revents & POLLOUT))
			return 0;
		if (tell(downloads, &downloads->slots[i], PULL_PROGRESS, err) < 0)
			return -1;
	}
	return 0;
}

static int pause_ms(const struct downloads *downloads)
{
	int64_t now = clock_monotonic_ns(), pause = IDLE_MS;

	for (size_t i = 0; i < PULL_DOWNLOADS_MAX; i++) {
		const struct download *download = &downloads->slots[i];
		int64_t left = (download->exchange.not_before_ns - now) / MS + 1;

		if (download->used && !download->active && left < pause)
			pause = left < 0 ? 0 : left;
	}
	return (int)pause;
}

/* 1 to go on, 0 when the engine has closed. */
static int wait_and_read(struct downloads *downloads, struct error **err)
{
	struct curl_waitfd engine = { .fd = downloads->socket_fd, .events = CURL_WAIT_POLLIN };
	struct msg msg;
	int result;

	if (curl_multi_poll(downloads->multi, &engine, 1, pause_ms(downloads), NULL) != CURLM_OK)
		return error_new(err, ERROR_INTERNAL, "libcurl cannot wait");
	if (!engine.revents)
		return 1;
	result = msg_receive(downloads->socket_fd, &msg, err);
	if (result <= 0)
		return result;
	result = take_order(downloads, &msg, err);
	msg_close_fds(&msg);
	return result < 0 ? -1 : 1;
}

static int serve(struct downloads *downloads, struct error **err)
{
	int result = 1, running;

	while (result > 0) {
		if (begin_due(downloads, err) < 0)
			return -1;
		if (curl_multi_perform(downloads->multi, &running) != CURLM_OK)
			return error_new(err, ERROR_INTERNAL, "libcurl cannot transfer");
		if (collect(downloads, err) < 0 || tell_progress(downloads, err) < 0)
			return -1;
		result = wait_and_read(downloads, err);
	}
	return result;
}

int download_serve(struct repository *repository, int socket_fd, struct error **err)
{
	struct downloads downloads = { .repository = repository, .socket_fd = socket_fd };
	int result;

	downloads.multi = curl_multi_init();
	if (!downloads.multi)
		return error_new(err, ERROR_INTERNAL, "libcurl cannot be used");
	for (size_t i = 0; i < PULL_DOWNLOADS_MAX; i++)
		downloads.slots[i].fd = -1;
	result = serve(&downloads, err);
	for (size_t i = 0; i < PULL_DOWNLOADS_MAX; i++) {
		if (downloads.slots[i].active)
			curl_multi_remove_handle(downloads.multi, downloads.slots[i].exchange.easy);
		download_release(&downloads.slots[i]);
	}
	curl_multi_cleanup(downloads.multi);
	return result;
}

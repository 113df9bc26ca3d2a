/* SPDX-License-Identifier: Apache-2.0 */
/* An upload's steps, without a network: each answer is made here, and what is asked next is looked
 * at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "registry/upload.h"

#define MIB (INT64_C(1) << 20)
#define SMALL 1000
#define LARGE (100 * MIB)
#define HEX "0000000000000000000000000000000000000000000000000000000000000000"
#define BASE "https://registry.example/v2/x"
#define BLOB BASE "/blobs/sha256:" HEX
#define SESSIONS BASE "/blobs/uploads/"
#define STEPS_MAX 12

struct step {
	/* What is asked ... */
	const char *method, *url;
	const char *range; /* Content-Range; NULL: none is sent */
	/* ... and answered. status 0: the line broke. */
	long status;
	const char *location, *uploaded;
};

static const struct {
	const char *why;
	int64_t size;
	const char *from;
	struct step steps[STEPS_MAX];
	int result; /* of the last answer */
	enum upload_end end;
} rows[] = {
	{ "it is there", SMALL, NULL, { { "HEAD", BLOB, NULL, 200, NULL, NULL } }, 0,
		UPLOAD_EXISTS },
	{ "a small one goes whole; a path is of the same host", SMALL, NULL,
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS, NULL, 202, "/up/1?state=a", "0-0" },
			{ "PUT", "https://registry.example/up/1?state=a&digest=sha256:" HEX, NULL,
				201, NULL, NULL } },
		0, UPLOAD_PUSHED },
	{ "no query yet, and relative to where it was asked", SMALL, NULL,
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS, NULL, 202, "abc", NULL },
			{ "PUT", SESSIONS "abc?digest=sha256:" HEX, NULL, 201, NULL, NULL } },
		0, UPLOAD_PUSHED },
	{ "a session at another host", SMALL, NULL,
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS, NULL, 202, "https://other.example/u", NULL },
			{ "PUT", "https://other.example/u?digest=sha256:" HEX, NULL, 201, NULL,
				NULL } },
		0, UPLOAD_PUSHED },
	{ "taken from another repository", SMALL, "other/one",
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS "?mount=sha256:" HEX "&from=other/one", NULL, 201, "/b",
				NULL } },
		0, UPLOAD_MOUNTED },
	{ "not taken: the answer is a session", SMALL, "other",
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS "?mount=sha256:" HEX "&from=other", NULL, 202, "/u",
				NULL },
			{ "PUT", "https://registry.example/u?digest=sha256:" HEX, NULL, 201, NULL,
				NULL } },
		0, UPLOAD_PUSHED },
	{ "a registry that knows no mounting", SMALL, "other",
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS "?mount=sha256:" HEX "&from=other", NULL, 405, NULL,
				NULL },
			{ "POST", SESSIONS, NULL, 202, "/u", NULL },
			{ "PUT", "https://registry.example/u?digest=sha256:" HEX, NULL, 201, NULL,
				NULL } },
		0, UPLOAD_PUSHED },
	{ "a large one goes in parts; the session moves on", LARGE, NULL,
		{ { "HEAD", BLOB, NULL, 403, NULL, NULL },
			{ "POST", SESSIONS, NULL, 202, "/1", NULL },
			{ "PATCH", "https://registry.example/1", "0-67108863", 202, "/2",
				"0-67108863" },
			{ "PATCH", "https://registry.example/2", "67108864-104857599", 202, "/3",
				NULL },
			{ "PUT", "https://registry.example/3?digest=sha256:" HEX, NULL, 201, NULL,
				NULL } },
		0, UPLOAD_PUSHED },
	{ "a registry that took less than was sent", LARGE, NULL,
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS, NULL, 202, "/1", NULL },
			{ "PATCH", "https://registry.example/1", "0-67108863", 202, NULL, "0-99" },
			{ "PATCH", "https://registry.example/1", "100-67108963", 202, NULL,
				NULL } },
		1, UPLOAD_END_MAX_ },
	{ "a broken line: it goes on at what is there", SMALL, NULL,
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS, NULL, 202, "/1", NULL },
			{ "PUT", "https://registry.example/1?digest=sha256:" HEX, NULL, 0, NULL,
				NULL },
			{ "GET", "https://registry.example/1", NULL, 204, "/2", "0-99" },
			{ "PATCH", "https://registry.example/2", "100-999", 202, "/3", "0-999" },
			{ "PUT", "https://registry.example/3?digest=sha256:" HEX, NULL, 201, NULL,
				NULL } },
		0, UPLOAD_PUSHED },
	{ "all had arrived when it broke", SMALL, NULL,
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS, NULL, 202, "/1", NULL },
			{ "PUT", "https://registry.example/1?digest=sha256:" HEX, NULL, 0, NULL,
				NULL },
			{ "GET", "https://registry.example/1", NULL, 204, NULL, "bytes=0-999" },
			{ "PUT", "https://registry.example/1?digest=sha256:" HEX, NULL, 201, NULL,
				NULL } },
		0, UPLOAD_PUSHED },
	{ "the session ended well, only its answer was lost", SMALL, NULL,
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS, NULL, 202, "/1", NULL },
			{ "PUT", "https://registry.example/1?digest=sha256:" HEX, NULL, 0, NULL,
				NULL },
			{ "GET", "https://registry.example/1", NULL, 404, NULL, NULL },
			{ "HEAD", BLOB, NULL, 200, NULL, NULL } },
		0, UPLOAD_EXISTS },
	{ "a forgotten session: again from the beginning, without mounting", SMALL, "other",
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS "?mount=sha256:" HEX "&from=other", NULL, 202, "/1",
				NULL },
			{ "PUT", "https://registry.example/1?digest=sha256:" HEX, NULL, 404, NULL,
				NULL },
			{ "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS, NULL, 202, "/2", NULL },
			{ "PUT", "https://registry.example/2?digest=sha256:" HEX, NULL, 201, NULL,
				NULL } },
		0, UPLOAD_PUSHED },
	{ "more than there is cannot be there: the session is not believed", SMALL, NULL,
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS, NULL, 202, "/1", NULL },
			{ "PUT", "https://registry.example/1?digest=sha256:" HEX, NULL, 0, NULL,
				NULL },
			{ "GET", "https://registry.example/1", NULL, 204, NULL, "0-1000" },
			{ "HEAD", BLOB, NULL, 404, NULL, NULL } },
		1, UPLOAD_END_MAX_ },
	{ "a Range that is none", SMALL, NULL,
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS, NULL, 202, "/1", NULL },
			{ "PUT", "https://registry.example/1?digest=sha256:" HEX, NULL, 0, NULL,
				NULL },
			{ "GET", "https://registry.example/1", NULL, 204, NULL, "0--5" },
			{ "HEAD", BLOB, NULL, 404, NULL, NULL } },
		1, UPLOAD_END_MAX_ },
	{ "no Location", SMALL, NULL,
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS, NULL, 202, NULL, NULL } },
		-1, UPLOAD_END_MAX_ },
	{ "a Location that leaves https", SMALL, NULL,
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS, NULL, 202, "http://registry.example/u", NULL } },
		-1, UPLOAD_END_MAX_ },
	{ "a Location on this machine", SMALL, NULL,
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS, NULL, 202, "https://127.0.0.1/u", NULL } },
		-1, UPLOAD_END_MAX_ },
	{ "a Location that is a file", SMALL, NULL,
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS, NULL, 202, "file:///etc/passwd", NULL } },
		-1, UPLOAD_END_MAX_ },
	{ "a Location with a user", SMALL, NULL,
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS, NULL, 202, "https://a:b@registry.example/u", NULL } },
		-1, UPLOAD_END_MAX_ },
	{ "a session that leaves https on its way", SMALL, NULL,
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS, NULL, 202, "/1", NULL },
			{ "PUT", "https://registry.example/1?digest=sha256:" HEX, NULL, 0, NULL,
				NULL },
			{ "GET", "https://registry.example/1", NULL, 204,
				"http://registry.example/2", "0-9" } },
		-1, UPLOAD_END_MAX_ },
	{ "not allowed", SMALL, NULL,
		{ { "HEAD", BLOB, NULL, 401, NULL, NULL },
			{ "POST", SESSIONS, NULL, 403, NULL, NULL } },
		-1, UPLOAD_END_MAX_ },
	{ "too large", SMALL, NULL,
		{ { "HEAD", BLOB, NULL, 404, NULL, NULL },
			{ "POST", SESSIONS, NULL, 202, "/1", NULL },
			{ "PUT", "https://registry.example/1?digest=sha256:" HEX, NULL, 413, NULL,
				NULL } },
		-1, UPLOAD_END_MAX_ },
};

static void check_request(const struct upload *upload, const struct step *step, const char *why)
{
	const struct sending *sending = &upload->exchange.sending;
	cleanup_free char *range = sending->has_range ? sending_range(sending) : NULL;

	if (strcmp(sending->method, step->method) != 0 ||
		strcmp(upload->exchange.url, step->url) != 0)
		fail_msg("%s: %s %s is asked, wanted %s %s", why, sending->method,
			upload->exchange.url, step->method, step->url);
	if (!range != !step->range || (range && strcmp(range, step->range) != 0))
		fail_msg("%s: %s: range %s", why, step->url, range ? range : "none");
}

/* As exchange_end() leaves it. */
static int answer(struct upload *upload, const struct step *step, struct error **err)
{
	struct exchange *exchange = &upload->exchange;
	bool done = step->status / 100 == 2;

	exchange->status = step->status;
	exchange->headers.location = xstrdup_null(step->location);
	exchange->headers.uploaded = xstrdup_null(step->uploaded);
	exchange->may_pass = step->status == 0;
	exchange->retries += step->status == 0;
	if (!done)
		error_new(err, ERROR_UNAVAILABLE, "status %ld", step->status);
	return upload_next(upload, done ? EXCHANGE_DONE : EXCHANGE_FAILED, err);
}

static void each_answer_leads_to_the_next_step(void **state)
{
	struct repository repository = { .base = (char *)BASE };
	const struct digest digest = { .sha256 = { 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_error struct error *err = NULL;
		struct upload upload;
		int result = 1;

		upload_init(&upload, &repository, &digest, rows[i].size, -1);
		upload.from = xstrdup_null(rows[i].from);
		for (const struct step *step = rows[i].steps; step->method; step++) {
			if (result != 1)
				fail_msg("%s: it ended before %s", rows[i].why, step->url);
			check_request(&upload, step, rows[i].why);
			result = answer(&upload, step, &err);
		}
		if (result != rows[i].result || (result == 0 && upload.end != rows[i].end))
			fail_msg("%s: %d, end %d: %s", rows[i].why, result, (int)upload.end,
				err ? error_message(err) : "");
		if ((result < 0) != (err != NULL))
			fail_msg("%s: an error, and not an error", rows[i].why);
		upload_done(&upload);
	}
}

/* A line that always breaks at the same place makes no progress, however much arrives each time. */
static void it_ends_when_nothing_helps(void **state)
{
	static const struct step no = { .status = 404 },
				 session = { .status = 202, .location = "/1" },
				 part = { .status = 202 }, broken = { .status = 0 };
	struct repository repository = { .base = (char *)BASE };
	const struct digest digest = { .sha256 = { 0 } };
	cleanup_error struct error *err = NULL;
	struct upload upload;
	int result = 1, requests = 0;

	(void)state;
	upload_init(&upload, &repository, &digest, LARGE, -1);
	for (; result == 1 && requests < 1000; requests++) {
		const struct step *step = &no; /* to HEAD and GET */

		if (upload.step == UPLOAD_BEGIN)
			step = &session;
		else if (upload.step == UPLOAD_SEND)
			step = upload.offset == 0 ? &part : &broken;
		result = answer(&upload, step, &err);
	}
	assert_int_equal(result, -1);
	assert_true(requests < 100);
	upload_done(&upload);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer_leads_to_the_next_step),
		cmocka_unit_test(it_ends_when_nothing_helps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

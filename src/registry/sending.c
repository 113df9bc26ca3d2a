/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/sending.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

#define BUFFER_BYTES 524288L
/* A registry may look through a large blob before it answers; nothing moves meanwhile. */
#define QUIET_S 600L

static size_t read_body(char *out, size_t size, size_t count, void *arg)
{
	struct sending *sending = arg;
	int64_t left = sending->length - sending->sent;
	size_t length = size * count;
	ssize_t n;

	if ((int64_t)length > left)
		length = (size_t)left;
	if (length == 0)
		return 0;
	n = TEMP_FAILURE_RETRY(pread(sending->fd, out, length, sending->offset + sending->sent));
	if (n <= 0) { /* the file is shorter than was said */
		sending->read_errno = n < 0 ? errno : EIO;
		return CURL_READFUNC_ABORT;
	}
	sending->sent += n;
	return (size_t)n;
}

/*
 * libcurl goes back when a kept connection is closed without an answer, to send it all again. Who
 * is to be asked first how much there is (once) must not be sent the beginning twice.
 */
static int seek_body(void *arg, curl_off_t offset, int origin)
{
	struct sending *sending = arg;

	if (origin != SEEK_SET || offset < 0 || offset > sending->length ||
		(sending->once && sending->sent > 0))
		return CURL_SEEKFUNC_FAIL;
	sending->sent = offset;
	return CURL_SEEKFUNC_OK;
}

static bool is_question(const struct sending *sending)
{
	return !sending->method || strcmp(sending->method, "GET") == 0 ||
	       strcmp(sending->method, "HEAD") == 0;
}

void sending_set_options(struct sending *sending, CURL *easy)
{
	sending->sent = 0;
	sending->read_errno = 0;
	if (sending->method && strcmp(sending->method, "HEAD") == 0)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	if (is_question(sending))
		return;
	curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, sending->method);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_body);
	curl_easy_setopt(easy, CURLOPT_READDATA, sending);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek_body);
	curl_easy_setopt(easy, CURLOPT_SEEKDATA, sending);
	curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)sending->length);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER_BYTES);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, QUIET_S);
}

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
	cleanup_free char *line = xasprintf("%s:%s%s", name, *value ? " " : "", value);
	struct curl_slist *longer = curl_slist_append(list, line);

	if (!longer)
		abort();
	return longer;
}

struct curl_slist *sending_headers(const struct sending *sending, struct curl_slist *list)
{
	cleanup_free char *range = sending_range(sending);

	if (sending->type)
		list = add_header(list, "Content-Type", sending->type);
	if (sending->has_range && sending->length > 0)
		list = add_header(list, "Content-Range", range);
	/* Not "100-continue": the session that a body belongs to was granted already, and a server
	 * that does not know it would cost a second each time. */
	return sending->method ? add_header(list, "Expect", "") : list;
}

char *sending_range(const struct sending *sending)
{
	return xasprintf("%lld-%lld", (long long)sending->offset,
		(long long)(sending->offset + sending->length - 1));
}

bool sending_follows(const struct sending *sending, long status)
{
	return is_question(sending) || status == 307 || status == 308;
}

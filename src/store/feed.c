/* SPDX-License-Identifier: Apache-2.0 */
#include "store/feed.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"

#define FLUSH_BYTES (8L << 20)

int feed_init(struct feed *feed, const struct layer_source *source, struct error **err)
{
	struct stat st;

	if (fstat(source->fd, &st) < 0)
		return error_sys(err, "read a layer");
	*feed = (struct feed){ .source = source,
		.out_fd = -1,
		.came = source->grow_fd < 0,
		.length = st.st_size,
		.flushed = st.st_size,
		.window = xcalloc(1, FEED_BUFFER),
		.incoming = xcalloc(1, FEED_BUFFER) };
	sha256_init(&feed->sha);
	return 0;
}

void feed_done(struct feed *feed)
{
	close_fd(take_fd(&feed->out_fd));
	free(feed->window);
	free(feed->incoming);
	feed->window = feed->incoming = NULL;
}

bool feed_wants_input(const struct feed *feed)
{
	return !feed->came;
}

bool feed_wants_output(const struct feed *feed)
{
	return feed->out_fd >= 0 && (feed->start < feed->end || feed->taken < feed->length);
}

/* All is sent: the unpacker must see the end. */
static void close_when_done(struct feed *feed)
{
	if (feed->came && feed->start == feed->end && feed->taken == feed->length)
		close_fd(take_fd(&feed->out_fd));
}

static void take(struct feed *feed, size_t length)
{
	sha256_update(&feed->sha, feed->window, length);
	feed->taken += (int64_t)length;
	feed->start = 0;
	feed->end = length;
}

static int append(struct feed *feed, size_t length, struct error **err)
{
	size_t written = 0;

	while (written < length) {
		ssize_t n = TEMP_FAILURE_RETRY(pwrite(feed->source->fd, feed->incoming + written,
			length - written, feed->length + (int64_t)written));

		if (n < 0)
			return error_sys(err, "write a layer");
		written += (size_t)n;
	}
	feed->length += (int64_t)length;
	/* Early, so that the last sync has little to do; a hint, so its failure is not one. */
	if (feed->length - feed->flushed >= FLUSH_BYTES) {
		(void)sync_file_range(feed->source->fd, feed->flushed, feed->length - feed->flushed,
			SYNC_FILE_RANGE_WRITE);
		feed->flushed = feed->length;
	}
	return 0;
}

int feed_receive(struct feed *feed, struct error **err)
{
	ssize_t n = TEMP_FAILURE_RETRY(read(feed->source->grow_fd, feed->incoming, FEED_BUFFER));
	bool kept_up = feed->taken == feed->length && feed->start == feed->end;

	if (n < 0)
		return error_sys(err, "receive a layer");
	feed->came = n == 0;
	if (feed->source->size >= 0 && n > feed->source->size - feed->length)
		return error_new(err, ERROR_INVALID, "it is longer than %lld bytes",
			(long long)feed->source->size);
	if (append(feed, (size_t)n, err) < 0)
		return -1;
	if (kept_up && n > 0) { /* need not be read back */
		char *window = feed->window;

		feed->window = feed->incoming;
		feed->incoming = window;
		take(feed, (size_t)n);
	}
	close_when_done(feed);
	return 0;
}

/* The next bytes of the file. */
static int read_back(struct feed *feed, struct error **err)
{
	int64_t left = feed->length - feed->taken;
	size_t wanted = left < (int64_t)FEED_BUFFER ? (size_t)left : FEED_BUFFER;
	ssize_t n = TEMP_FAILURE_RETRY(pread(feed->source->fd, feed->window, wanted, feed->taken));

	if (n < 0)
		return error_sys(err, "read a layer");
	if (n == 0 && wanted > 0)
		return error_new(err, ERROR_INTERNAL, "a layer's file has become shorter");
	take(feed, (size_t)n);
	return 0;
}

int feed_send(struct feed *feed, struct error **err)
{
	ssize_t n;

	if (feed->start == feed->end && read_back(feed, err) < 0)
		return -1;
	n = TEMP_FAILURE_RETRY(
		write(feed->out_fd, feed->window + feed->start, feed->end - feed->start));
	if (n < 0 && errno == EPIPE) /* it has seen enough, and will say why */
		close_fd(take_fd(&feed->out_fd));
	else if (n < 0 && errno != EAGAIN)
		return error_sys(err, "write to vessel-unpack");
	else if (n > 0)
		feed->start += (size_t)n;
	close_when_done(feed);
	return 0;
}

int feed_drain(struct feed *feed, struct error **err)
{
	close_fd(take_fd(&feed->out_fd));
	while (!feed->came || feed->taken < feed->length) {
		feed->start = feed->end = 0;
		if ((feed->taken < feed->length ? read_back : feed_receive)(feed, err) < 0)
			return -1;
	}
	return 0;
}

enum feed_verdict feed_judge(const struct feed *feed, struct error **err)
{
	const struct layer_source *source = feed->source;
	char got_text[DIGEST_TEXT_MAX], expected_text[DIGEST_TEXT_MAX];
	struct sha256 sha = feed->sha;
	struct digest got = { 0 };

	if (source->size >= 0 && feed->length < source->size) {
		error_new(err, ERROR_UNAVAILABLE, "it ended after %lld of %lld bytes",
			(long long)feed->length, (long long)source->size);
		return FEED_SHORT;
	}
	sha256_final(&sha, got.sha256);
	if (!source->expected || memcmp(&got, source->expected, sizeof(got)) == 0)
		return FEED_RIGHT;
	error_new(err, ERROR_INVALID, "its digest is %s, and %s was asked for",
		digest_text(&got, got_text), digest_text(source->expected, expected_text));
	return FEED_WRONG;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/stream.h"

#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "store/codec.h"

#define INPUT_SIZE (256UL * 1024)

struct stream {
	struct stream_options options;
	enum archive_form form;
	const struct codec *codec; /* NULL: plain */
	void *state;
	bool input_ended, ended;
	uint64_t total; /* put out so far */
	size_t input_start, input_end; /* read and not yet decompressed */
	size_t start, end; /* put out and not yet taken */
	char input[INPUT_SIZE];
	char window[STREAM_WINDOW];
};

static int read_input(struct stream *stream, struct error **err)
{
	ssize_t n;

	if (stream->input_start > 0) {
		memmove(stream->input, stream->input + stream->input_start,
			stream->input_end - stream->input_start);
		stream->input_end -= stream->input_start;
		stream->input_start = 0;
	}
	n = TEMP_FAILURE_RETRY(read(stream->options.fd, stream->input + stream->input_end,
		INPUT_SIZE - stream->input_end));
	if (n < 0)
		return error_sys(err, "read the archive");
	stream->input_ended = n == 0;
	stream->input_end += (size_t)n;
	return 0;
}

/* Both return how many bytes went to the window's end, 0 at the end of the stream. */
static ssize_t fill_plain(struct stream *stream, struct error **err)
{
	size_t room = STREAM_WINDOW - stream->end,
	       buffered = stream->input_end - stream->input_start;
	ssize_t n;

	if (buffered > 0) { /* what was read to look at; no more than the window holds */
		memcpy(stream->window + stream->end, stream->input + stream->input_start, buffered);
		stream->input_start = stream->input_end;
		return (ssize_t)buffered;
	}
	n = TEMP_FAILURE_RETRY(read(stream->options.fd, stream->window + stream->end, room));
	return n < 0 ? error_sys(err, "read the archive") : n;
}

static ssize_t fill_decompressed(struct stream *stream, struct error **err)
{
	struct codec_io io = { .out = (uint8_t *)stream->window + stream->end,
		.out_length = STREAM_WINDOW - stream->end };
	size_t room = io.out_length;

	/* Until something came out: members and frames may be empty, in any number. */
	while (io.out_length == room) {
		int more;

		if (stream->input_start == stream->input_end && !stream->input_ended &&
			read_input(stream, err) < 0)
			return -1;
		io.in = (uint8_t *)stream->input + stream->input_start;
		io.in_length = stream->input_end - stream->input_start;
		io.in_end = stream->input_ended;
		more = stream->codec->step(stream->state, &io, err);
		if (more < 0)
			return -1;
		stream->input_start = stream->input_end - io.in_length;
		if (more == 0)
			break;
	}
	return (ssize_t)(room - io.out_length);
}

static int fill(struct stream *stream, struct error **err)
{
	ssize_t n = stream->codec ? fill_decompressed(stream, err) : fill_plain(stream, err);

	if (n < 0)
		return -1;
	stream->total += (uint64_t)n;
	if (stream->total > stream->options.limit)
		return error_new(err, ERROR_INVALID, "the archive unpacks to more than %llu bytes",
			(unsigned long long)stream->options.limit);
	if (stream->options.copy_fd >= 0 &&
		file_write_all(stream->options.copy_fd, stream->window + stream->end, (size_t)n,
			"the archive's copy", err) < 0)
		return -1;
	stream->end += (size_t)n;
	stream->ended = n == 0;
	return 0;
}

ssize_t stream_peek(struct stream *stream, size_t wanted, const char **ret, struct error **err)
{
	if (stream->end - stream->start < wanted && stream->start > 0) {
		memmove(stream->window, stream->window + stream->start,
			stream->end - stream->start);
		stream->end -= stream->start;
		stream->start = 0;
	}
	while (stream->end - stream->start < wanted && !stream->ended)
		if (fill(stream, err) < 0)
			return -1;
	*ret = stream->window + stream->start;
	return (ssize_t)(stream->end - stream->start);
}

void stream_skip(struct stream *stream, size_t length)
{
	stream->start += length;
}

int64_t stream_tell(const struct stream *stream)
{
	struct stat st;
	off_t at;

	if (stream->codec || stream->options.copy_fd >= 0 || fstat(stream->options.fd, &st) < 0 ||
		!S_ISREG(st.st_mode))
		return -1;
	at = lseek(stream->options.fd, 0, SEEK_CUR);
	if (at < 0)
		return -1;
	return at - (int64_t)(stream->input_end - stream->input_start) -
	       (int64_t)(stream->end - stream->start);
}

int stream_seek(struct stream *stream, int64_t length, struct error **err)
{
	int64_t here = stream_tell(stream);
	struct stat st;

	if (length <= (int64_t)(stream->end - stream->start)) {
		stream->start += (size_t)length;
		return 0;
	}
	if (here < 0 || fstat(stream->options.fd, &st) < 0)
		return error_new(err, ERROR_INTERNAL, "the archive cannot be sought");
	/* A tar's number alone: the file's own size is the limit. */
	if (length > st.st_size - here)
		return error_new(err, ERROR_INVALID, "the archive ends in the middle");
	if (lseek(stream->options.fd, here + length, SEEK_SET) < 0)
		return error_sys(err, "seek in the archive");
	stream->total += (uint64_t)(length - (int64_t)(stream->end - stream->start));
	stream->input_start = stream->input_end = stream->start = stream->end = 0;
	return 0;
}

uint64_t stream_offset(const struct stream *stream)
{
	return stream->total - (stream->end - stream->start);
}

int stream_drain(struct stream *stream, struct error **err)
{
	const char *data;
	ssize_t n;

	while ((n = stream_peek(stream, 1, &data, err)) > 0)
		stream_skip(stream, (size_t)n);
	return n < 0 ? -1 : 0;
}

static int choose_codec(struct stream *stream, struct error **err)
{
	while (stream->input_end < FORM_PEEK && !stream->input_ended)
		if (read_input(stream, err) < 0)
			return -1;
	stream->form = form_detect(stream->input, stream->input_end);
	/* What is not compressed is left to the reader of tars, who says better what is wrong. */
	if (stream->form == FORM_TAR || stream->form == FORM_NONE)
		return 0;
	for (size_t i = 0; stream->options.codecs[i]; i++)
		if (stream->options.codecs[i]->form == stream->form)
			stream->codec = stream->options.codecs[i];
	if (!stream->codec)
		return error_new(err, ERROR_UNSUPPORTED, "%s archives are not supported here",
			form_name(stream->form));
	stream->state = stream->codec->begin(err);
	return stream->state ? 0 : -1;
}

int stream_open(const struct stream_options *options, struct stream **ret, struct error **err)
{
	cleanup_stream struct stream *stream = xcalloc(1, sizeof(*stream));

	stream->options = *options;
	if (choose_codec(stream, err) < 0)
		return -1;
	*ret = take_ptr(stream);
	return 0;
}

void stream_free(struct stream *stream)
{
	if (stream && stream->state)
		stream->codec->end(stream->state);
	free(stream);
}

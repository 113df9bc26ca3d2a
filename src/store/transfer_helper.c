/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "store/jail.h"
#include "store/listing.h"
#include "store/members.h"
#include "store/stream.h"
#include "store/tar_header.h"
#include "store/transfer.h"
#include "store/unpack.h"
#include "sys/msg.h"

#define ARCHIVE_FD 0
#define COPY_FD 1
#define ANSWER_FD 3
#define DEST_FD 4

static int tell_opaque(void *arg, const char *path, struct error **err)
{
	(void)arg;
	return msg_send(ANSWER_FD, TRANSFER_OPAQUE, path, strlen(path), err);
}

static int tell_entries(void *arg, const void *data, size_t length, struct error **err)
{
	(void)arg;
	return msg_send(ANSWER_FD, TRANSFER_ENTRIES, data, length, err);
}

struct words {
	bool detect, list, layer, copy, files;
};

static int parse_words(char *const *words, struct words *ret, struct error **err)
{
	for (; *words; words++) {
		if (strcmp(*words, "--layer") == 0)
			ret->layer = true;
		else if (strcmp(*words, "--copy") == 0)
			ret->copy = true;
		else if (strcmp(*words, "--list") == 0)
			ret->list = true;
		else if (strcmp(*words, "--detect") == 0)
			ret->detect = true;
		else if (strcmp(*words, "--files") == 0)
			ret->files = true;
		else
			return error_new(err, ERROR_INVALID, "unknown option '%s'", *words);
	}
	return 0;
}

static int answer(const struct unpack_result *result, struct error **err)
{
	cleanup_json struct json_object *done = json_object_new_object();
	cleanup_free char *text = NULL;

	json_put_int(done, "size", result->size);
	json_put_int(done, "entries", (int64_t)result->entries);
	text = json_compact(done);
	return msg_send(ANSWER_FD, TRANSFER_DONE, text, strlen(text), err);
}

/*
 * What does not decompress, or to something else than a tar, is a file like others. What would, if
 * we could, is an error: silently taking it for a file would surprise.
 */
static int detect(const struct stream_options *options, struct error **err)
{
	cleanup_error struct error *no_archive = NULL;
	cleanup_stream struct stream *stream = NULL;
	struct unpack_result result = { 0 };
	const char *block = NULL;

	if (stream_open(options, &stream, &no_archive) == 0 &&
		stream_peek(stream, TAR_BLOCK, &block, &no_archive) >= TAR_BLOCK)
		result.entries = tar_checksum_matches(block);
	if (no_archive && error_kind(no_archive) == ERROR_UNSUPPORTED) {
		*err = take_ptr(no_archive);
		return -1;
	}
	return answer(&result, err);
}

static int list(const struct stream_options *options, struct error **err)
{
	const struct unpack_result nothing_made = { 0 };
	cleanup_stream struct stream *stream = NULL;

	if (stream_open(options, &stream, err) < 0 ||
		members_send(stream, ANSWER_FD, COPY_FD, err) < 0)
		return -1;
	return answer(&nothing_made, err);
}

static int run(char *const *argv, const struct codec *const *codecs, struct error **err)
{
	struct words words = { 0 };
	struct stream_options options = {
		.fd = ARCHIVE_FD, .copy_fd = -1, .codecs = codecs, .limit = STREAM_LIMIT
	};
	struct unpack_options unpack = {
		.dest_fd = DEST_FD, .limit = STREAM_LIMIT, .opaque = tell_opaque
	};
	const struct listing_options listing = { .limit = STREAM_LIMIT, .sink = tell_entries };
	struct unpack_result result;
	cleanup_stream struct stream *stream = NULL;
	int done;

	if (parse_words(argv, &words, err) < 0 ||
		jail_enter(words.detect || words.files || words.list ? -1 : DEST_FD, err) < 0)
		return -1;
	if (words.detect)
		return detect(&options, err);
	if (words.files)
		return list(&options, err);
	options.copy_fd = words.copy ? COPY_FD : -1;
	unpack.layer = words.layer;
	if (stream_open(&options, &stream, err) < 0)
		return -1;
	done = words.list ? listing_stream(stream, &listing, &result, err)
			  : unpack_stream(stream, &unpack, &result, err);
	return done < 0 ? -1 : answer(&result, err);
}

bool transfer_was_started(void)
{
	struct stat st;

	return fstat(ANSWER_FD, &st) == 0 && S_ISSOCK(st.st_mode);
}

int transfer_unpack_main(char *const *words, const struct codec *const *codecs)
{
	cleanup_error struct error *err = NULL, *unsaid = NULL;

	/* A parent that has gone, or a full disk, is an error like others. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)syscall(SYS_close_range, DEST_FD + 1, ~0U, 0);
	if (run(words, codecs, &err) == 0)
		return 0;
	(void)msg_send_error(ANSWER_FD, TRANSFER_ERROR, err, &unsaid);
	return 1;
}

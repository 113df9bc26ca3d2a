/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vessel-unpack, the helper that parses archives with the fewest rights it can (store/jail.h). The
 * engine gives it fds and reads its answers, messages (sys/msg.h), from the socket.
 *
 *   vessel-unpack   stdin: the archive; fd 3: answer socket; fd 4: directory to fill.
 *                   --layer: whiteouts become overlay's, and opaque directories are told;
 *                   --copy: the uncompressed archive goes to stdout as well;
 *                   --list: nothing is unpacked, the entries are told; there is no fd 4
 *                   --detect: only tells whether it is an archive; there is no fd 4
 *                   --files: lists the files in it (store/members.h), content to stdout; no fd 4
 *
 * Whatever it answers is checked again: a digest by hashing, a path by openat2. So the engine
 * hashes what comes out of the pipe itself, which also runs beside the helper's own work.
 * vessel-transfer (registry/pull_protocol.h) uses the same type for its errors.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct blob_writer;
struct codec;
struct error;
struct feed;
struct layer_index;

enum transfer_message {
	TRANSFER_PROGRESS = 1, /* JSON: { "id": "…", "status": "…", "current": n, "total": n } */
	TRANSFER_DONE, /* JSON: the answer; of unpack { "size": n, "entries": n } */
	TRANSFER_ERROR, /* error_pack() bytes */
	TRANSFER_OPAQUE, /* the path of a directory that hides those in lower layers */
	TRANSFER_MEMBER, /* of --files: store/members.h */
	TRANSFER_ENTRIES, /* bytes of a listing (store/listing.h) */
};

struct transfer_unpack {
	int archive_fd, dest_fd; /* borrowed; dest_fd is -1 with detect and index */
	struct feed *feed; /* borrowed; the archive instead of archive_fd; NULL: none */
	bool detect; /* only tell whether it is an archive, by entries of 1 or 0 */
	bool layer;
	struct blob_writer *copy; /* NULL: none */
	struct layer_index *index; /* gets the entries, instead of dest_fd; NULL: none */
};

struct transfer_result {
	int64_t size, entries; /* bytes in the files made; how many entries there were */
};

/* The engine's side: runs the helper. */
int transfer_unpack(
	const struct transfer_unpack *unpack, struct transfer_result *ret, struct error **err);

/* Whether fd 3 is a socket, as the engine gives it; a person's shell does not. */
bool transfer_was_started(void);
/* The helper's side: parses its words, jails itself, works, answers. Returns its exit code. */
int transfer_unpack_main(char *const *words, const struct codec *const *codecs);

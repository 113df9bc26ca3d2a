/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between registry_pull() and its helper, `vessel-transfer pull REFERENCE`, over the socket at the
 * helper's fd 3 (sys/msg.h). The helper talks to the registry and to nothing else: it opens no file
 * for writing, and gets none of the store. Documents go to files without a name, blobs into pipes:
 * who is at the other end writes them to the disk and hashes them, so a helper that was taken over
 * cannot change what was hashed already.
 *
 *   engine                               helper
 *   PULL_RESOLVE {platform, known}  ->
 *                                   <-   PULL_RESOLVED
 *   PULL_BLOB {digest, size,        ->   (several at once)
 *      offset}
 *                                   <-   PULL_PROGRESS {digest, current}, now and then
 *                                   <-   PULL_GOT {digest}
 *   closes the socket               ->   the helper ends
 *
 * PULL_RESOLVE comes with two fds. The first gets what the reference names; the second gets the
 * platform's manifest when that is an index, unless its digest is one of the known ones.
 * PULL_BLOB comes with a pipe, which gets the bytes from offset on: all, once PULL_GOT is said.
 *
 * Of `vessel-transfer fetch URL`: PULL_BLOB {}, 1 fd; PULL_GOT {}: the file is whole.
 * Of `vessel-transfer tags REPOSITORY`: PULL_TAGS, 1 fd; PULL_GOT {}: the file has a tag on each
 * line.
 *
 * TRANSFER_ERROR (store/transfer.h) ends it at any time. The engine believes nothing of it: it
 * hashes every byte that comes, and parses the manifests itself.
 */
#pragma once

#define PULL_SOCKET_FD 3
#define PULL_DOWNLOADS_MAX 4 /* asked for at once */

enum pull_message {
	PULL_RESOLVE = 64, /* above those of store/transfer.h */
	PULL_RESOLVED,
	PULL_BLOB,
	PULL_PROGRESS,
	PULL_GOT,
	PULL_TAGS,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between registry_pull() and its helper, `vessel-transfer pull REFERENCE`, over the socket at the
 * helper's fd 3 (sys/msg.h). The helper talks to the registry and to nothing else: it opens no file
 * for writing, for every place to write to is an fd that it is given, of a file without a name. So
 * there is nothing to clean up after either process is killed, and no name that a registry chose.
 *
 *   engine                                   helper
 *   PULL_RESOLVE, 2 fds                 ->
 *                                       <-   PULL_RESOLVED: fd 0 holds what the reference names, fd
 *                                            1 this platform's manifest when that is an index
 *   PULL_BLOB {digest, size}, 1 fd      ->   (several at once)
 *                                       <-   PULL_PROGRESS {digest, current}, now and then
 *                                       <-   PULL_GOT {digest}: the file is whole
 *   closes the socket                   ->   the helper ends
 *
 * And of `vessel-transfer fetch URL`: PULL_BLOB {}, 1 fd; PULL_GOT {}.
 *
 * TRANSFER_ERROR (store/transfer.h) ends it at any time. The engine believes nothing of it: it
 * hashes every file that comes back, and parses the manifests itself.
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
};

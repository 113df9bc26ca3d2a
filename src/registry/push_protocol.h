/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between registry_push() and its helper, `vessel-transfer push REFERENCE`, over the socket at the
 * helper's fd 3 (sys/msg.h). What is sent are files that the engine has opened for reading; the
 * helper opens none.
 *
 *   engine                                    helper
 *   PUSH_BEGIN {from}                    ->   another repository of this registry, which tokens
 *                                             shall let us read; or none
 *   PUSH_BLOB {digest, size, from}, 1 fd ->   (several at once)
 *                                        <-   PUSH_PROGRESS {digest, current}, now and then
 *                                        <-   PUSH_DONE {digest, current, end}: the registry has it
 *   PUSH_MANIFEST {digest, size, type}, 1 fd -> when it has all of them
 *                                        <-   PUSH_DONE {digest}
 *   closes the socket                    ->   the helper ends
 *
 * TRANSFER_ERROR (store/transfer.h) ends it at any time. What the helper answers decides which
 * lines a person sees and nothing else.
 */
#pragma once

#define PUSH_SOCKET_FD 3
#define PUSH_UPLOADS_MAX 4 /* asked for at once */

enum push_message {
	PUSH_BEGIN = 96, /* above those of store/transfer.h and registry/pull_protocol.h */
	PUSH_BLOB,
	PUSH_PROGRESS,
	PUSH_DONE,
	PUSH_MANIFEST,
};

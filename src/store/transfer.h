/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vessel-transfer, the helper that parses archives and talks to registries with the fewest rights
 * it can. The engine gives it fds and reads its answer, one JSON object, from the socket.
 *
 *   vessel-transfer unpack   stdin: the archive; fd 3: answer socket; fd 4: directory to fill.
 *                            --layer: whiteouts become overlay's, and opaque directories are
 * answered as a list;
 *                            --blob FD5: also write the uncompressed tar there
 *   vessel-transfer pull REF fd 3: answer socket; fd 4: directory for blobs; progress lines as
 * messages
 *
 * Whatever it answers is checked again: a digest by hashing, a path by openat2.
 */
#pragma once

#include <json-c/json.h>
#include <stdint.h>

struct error;

enum transfer_message {
	TRANSFER_PROGRESS = 1, /* JSON: { "id": "…", "status": "…", "current": n, "total": n } */
	TRANSFER_DONE, /* JSON: the answer */
	TRANSFER_ERROR, /* error_pack() bytes */
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registry's repository, read without a login (OCI distribution-spec 1.1): which manifest a
 * reference names, what it says, and tokens on the way. Blobs: registry/download.h.
 * Needs libcurl: only vessel-transfer links it.
 */
#pragma once

#include <stddef.h>

#include "oci/image.h"
#include "registry/exchange.h"

struct error;

/* ref is borrowed as long as the client lives. https, and for this host's own registries plain
 * http when that fails. */
int client_open(const struct reference *ref, struct registry_client *ret, struct error **err);
void registry_client_close(struct registry_client *client);
/* Gets a token as a WWW-Authenticate header asks for; the old one is forgotten. */
int client_authorize(struct registry_client *client, const char *challenge, struct error **err);
/* Performs an exchange to its end, with its pauses and tokens. */
int client_perform(struct exchange *exchange, struct error **err);

struct manifest_document {
	char *text; /* as received */
	size_t length;
	struct digest digest; /* of text, checked */
	struct manifest manifest;
};
/*
 * What name, a tag or a digest, leads to: an index or a manifest. With expected it must be exactly
 * that (type, size, digest).
 */
int client_get_manifest(struct registry_client *client, const char *name,
	const struct descriptor *expected, struct manifest_document *ret, struct error **err);
void manifest_document_done(struct manifest_document *document);
/* Any URL, of at most max bytes, to a file: no token is known or got. */
int client_get_url(const char *url, int fd, int64_t max, struct error **err);
char *client_blob_url(const struct registry_client *client, const struct digest *digest);

static inline void registry_client_close_p_(struct registry_client *client)
{
	registry_client_close(client);
}
static inline void manifest_document_done_p_(struct manifest_document *document)
{
	manifest_document_done(document);
}
#define cleanup_client CLEANUP(registry_client_close)
#define cleanup_manifest_document CLEANUP(manifest_document_done)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registry's repository, read (OCI distribution-spec 1.1): which manifest a reference names and
 * what it says, by mirrors and the registry itself. Blobs: registry/download.h.
 * Needs libcurl: only vessel-transfer links it.
 */
#pragma once

#include <stddef.h>

#include "oci/image.h"
#include "registry/exchange.h"

struct error;

/* ref is borrowed as long as the repository lives, which must not be moved in memory. Places and
 * credentials are those that the engine has sent (registry/access.h). */
int repository_open(const struct reference *ref, struct repository *ret, struct error **err);
void repository_close(struct repository *repository);
/* Gets a token as a WWW-Authenticate header asks for; the old one is forgotten. */
int repository_authorize(struct repository *repository, const char *challenge, struct error **err);
/* Performs an exchange to its end, with its pauses and tokens. */
int repository_perform(struct exchange *exchange, struct error **err);

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
int repository_get_manifest(struct repository *repository, const char *name,
	const struct descriptor *expected, struct manifest_document *ret, struct error **err);
void manifest_document_done(struct manifest_document *document);
/* Any URL, of at most max bytes, to a file: no token is known or got. */
int repository_get_url(const char *url, int fd, int64_t max, struct error **err);
char *repository_blob_url(const struct repository *repository, const struct digest *digest);

static inline void repository_close_p_(struct repository *repository)
{
	repository_close(repository);
}
static inline void manifest_document_done_p_(struct manifest_document *document)
{
	manifest_document_done(document);
}
#define cleanup_repository CLEANUP(repository_close)
#define cleanup_manifest_document CLEANUP(manifest_document_done)

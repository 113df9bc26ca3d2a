/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates of one registry, as docker and the containers tools keep them, in
 * certs.d/HOST[:PORT]/: *.crt are authorities to trust beside the system's, NAME.cert and NAME.key
 * who we are to that registry. VESSEL_CERTS_DIR names another certs.d than theirs.
 */
#pragma once

#include "base/buf.h"
#include "base/strv.h"

struct error;
struct origin;

struct certs {
	struct buf authorities; /* PEM; empty: only the system's */
	struct buf certificate, key; /* PEM; empty: none */
};

#define CERTS_INIT \
	{ \
		.authorities = BUF_INIT(BUF_LARGE), .certificate = BUF_INIT(BUF_LARGE), \
		.key = BUF_INIT(BUF_LARGE) \
	}

/* Adds what there is for an origin; without pair only authorities. */
int certs_add(struct certs *certs, const struct origin *origin, bool pair, struct error **err);
void certs_done(struct certs *certs); /* wiped */
/* The folders that are looked into; the caller frees. */
strv certs_folders(void);

static inline void certs_done_p_(struct certs *certs)
{
	certs_done(certs);
}
#define cleanup_certs CLEANUP(certs_done)

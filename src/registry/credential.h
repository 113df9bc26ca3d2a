/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are to a registry, as docker's client keeps it: $DOCKER_CONFIG/config.json (else
 * ~/.docker/config.json), in "auths", or in a helper program that "credHelpers" or "credsStore"
 * names (docker-credential-NAME, by PATH: the user's own programs, with the user's own rights). A
 * credential belongs to one registry and is given to no other host.
 */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"

struct error;

struct credential {
	char *user, *secret;
	bool is_identity_token; /* secret is a refresh token (OAuth2), user is "<token>" */
};

/* registry: a reference's domain ("docker.io", "localhost:5000"). 1 found, 0 none. */
int credential_find(const char *registry, struct credential *ret, struct error **err);
/* The file is replaced whole, with mode 0600. *ret_where (may be NULL): "" or a warning's text that
 * the password is kept unencrypted in that file; the caller frees. */
int credential_store(const char *registry, const struct credential *credential, char **ret_where,
	struct error **err);
/* 1 erased, 0 there was none. */
int credential_erase(const char *registry, struct error **err);
void credential_done(struct credential *credential); /* wiped, then freed */
/* What a person calls a registry ("https://host/v1/", "index.docker.io") as a reference's domain;
 * the caller frees. */
char *credential_registry(const char *server);

static inline void credential_done_p_(struct credential *credential)
{
	credential_done(credential);
}
#define cleanup_credential CLEANUP(credential_done)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens (the distribution project's "token authentication"): a registry answers 401 and says in
 * WWW-Authenticate who gives tokens, its realm. We ask there, as whom the registry knows us, for
 * the rights that we need, whatever the registry would have us ask for.
 *
 * The password goes to the realm only when that is the registry's own: on the same host, or by
 * https on a host of the same domain, or one that VESSEL_TOKEN_HOSTS names. Else who can make a
 * registry answer could have passwords sent to themselves.
 */
#pragma once

struct error;
struct repository;

/* As header, a WWW-Authenticate, asks for: fills repository->token. */
int token_get(struct repository *repository, const char *header, struct error **err);

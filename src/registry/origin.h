/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs that a registry and its answers give us, and where they may lead. An origin is (scheme,
 * host, port): a credential belongs to one of them and never goes to another. What this parser does
 * not take is not asked for at all, so no other parser's reading of a strange URL matters.
 */
#pragma once

#include <stdbool.h>

#include "oci/reference.h"

struct error;

#define ORIGIN_HOST_MAX 256
#define URL_MAX 8192

struct origin {
	bool https;
	char host[ORIGIN_HOST_MAX]; /* lower case; IPv6 without brackets */
	int port;
};

/* http or https, no user, printable ASCII only. *ret_path (may be NULL) points to what follows. */
int origin_parse(const char *url, struct origin *ret, const char **ret_path, struct error **err);
bool origin_equal(const struct origin *a, const struct origin *b);
/* localhost and its subdomains, 127.0.0.0/8, ::1: the host itself. */
bool origin_is_loopback(const struct origin *origin);
/* A number, which no public service has for a name. */
bool origin_is_address(const struct origin *origin);
/* The API of the reference's registry, without a slash at the end; the caller frees. docker.io has
 * its API elsewhere. */
char *registry_url(const struct reference *ref, bool https);
/* The same for "host[:port][/path]". */
char *api_url(const char *location, bool https);

/* A redirect may not leave https. */
int redirect_check(const struct origin *from, const char *url, struct error **err);
/*
 * Where a registry sends us for a token (its "realm"). A realm of plain http, or one at an address
 * or on this host, would let any registry make us send requests into the local network: only a
 * registry that is itself there may name one.
 */
int realm_check(const struct origin *registry, const char *url, struct error **err);

/* Appends "name=value" to a URL's query, with the value percent-encoded; the caller frees. */
char *url_with_query(const char *url, const char *name, const char *value);

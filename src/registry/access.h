/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a repository is to be had, and as whom. Found out by the process that the user started,
 * which may read the user's files and run the user's programs; handed to vessel-transfer by its
 * socket as the first message, never by arguments or the environment, which others can see. So
 * the helper, which talks to strangers, reads no file with a password in it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "registry/credential.h"

struct error;
struct reference;

#define ACCESS_MAX 16

struct endpoint {
	char *location; /* "host[:port]/path", as a reference names it */
	bool insecure; /* plain http and unknown certificates will do */
	bool is_mirror;
	struct credential credential; /* of this host alone; secret NULL: none */
};

struct access {
	struct endpoint endpoints[ACCESS_MAX]; /* in the order to try them */
	size_t count;
};

/* for_push: without mirrors. An error where the configuration forbids the registry. */
int access_find(const struct reference *ref, bool for_push, struct access *ret, struct error **err);
/* A registry with a credential that is given and not looked up (login); NULL: none. */
int access_make(const char *registry, const struct credential *credential, struct access *ret,
	struct error **err);
int access_send(int socket_fd, const struct access *access, struct error **err);
/* In the helper: keeps the first message for access_take(). */
int access_receive(int socket_fd, struct error **err);
/* What was received, once; empty when nothing was. */
void access_take(struct access *ret);
void access_done(struct access *access); /* wiped */

static inline void access_done_p_(struct access *access)
{
	access_done(access);
}
#define cleanup_access CLEANUP(access_done)

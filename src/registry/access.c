/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/access.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "oci/reference.h"
#include "registry/registries.h"
#include "sys/msg.h"

#define ACCESS_MESSAGE 60U /* beside those of store/transfer.h and registry/pull_protocol.h */
#define HUB "docker.io"

/*
 * What this process was started with, as its arguments and environment are: set before any work,
 * taken once. The functions that need it are far from main(), behind those that only some need.
 */
static struct access received;

void access_done(struct access *access)
{
	for (size_t i = 0; i < access->count; i++) {
		free(access->endpoints[i].location);
		credential_done(&access->endpoints[i].credential);
	}
	*access = (struct access){ .count = 0 };
}

/* ---- finding out ---- */

static int add_endpoint(struct access *access, char *location_taken, bool insecure, bool is_mirror,
	struct error **err)
{
	struct endpoint *endpoint = &access->endpoints[access->count];
	cleanup_free char *host = xstrndup(location_taken, strcspn(location_taken, "/"));

	*endpoint = (struct endpoint){ location_taken, insecure, is_mirror, { 0 } };
	access->count++;
	return credential_find(host, &endpoint->credential, err) < 0 ? -1 : 0;
}

static bool mirror_serves(const struct registry_entry *entry, const struct mirror *mirror,
	const struct reference *ref)
{
	if (entry && entry->mirror_by_digest_only)
		return ref->digest != NULL;
	return mirror->use == MIRROR_ALL || (mirror->use == MIRROR_DIGEST_ONLY) == !!ref->digest;
}

static int add_mirrors(struct access *access, const struct registries *registries,
	const struct registry_entry *entry, const struct reference *ref, struct error **err)
{
	cleanup_free char *repository = xasprintf("%s/%s", ref->domain, ref->path);
	bool is_hub = strcmp(ref->domain, HUB) == 0;

	for (size_t i = 0; entry && i < entry->mirror_count; i++) {
		const struct mirror *mirror = &entry->mirrors[i];

		if (mirror_serves(entry, mirror, ref) &&
			add_endpoint(access,
				registries_rewrite(entry, mirror->location, repository),
				mirror->insecure, true, err) < 0)
			return -1;
	}
	/* docker's own list is for its own registry, and comes after what is said of it by name. */
	for (size_t i = 0;
		is_hub && (!entry || entry->mirror_count == 0) && i < registries->hub_mirror_count;
		i++) {
		const struct mirror *mirror = &registries->hub_mirrors[i];

		if (add_endpoint(access, xasprintf("%s/%s", mirror->location, ref->path),
			    mirror->insecure, true, err) < 0)
			return -1;
	}
	return 0;
}

static int add_registry(struct access *access, const struct registries *registries,
	const struct registry_entry *entry, const struct reference *ref, struct error **err)
{
	cleanup_free char *repository = xasprintf("%s/%s", ref->domain, ref->path);
	cleanup_free char *location =
		entry && entry->location ? registries_rewrite(entry, entry->location, repository)
					 : xstrdup(repository);
	cleanup_free char *host = xstrndup(location, strcspn(location, "/"));
	bool insecure = (entry && entry->insecure) || registries_is_insecure(registries, host);

	return add_endpoint(access, take_ptr(location), insecure, false, err);
}

int access_find(const struct reference *ref, bool for_push, struct access *ret, struct error **err)
{
	cleanup_access struct access access = { .count = 0 };
	cleanup_registries struct registries registries = { 0 };
	cleanup_free char *repository = xasprintf("%s/%s", ref->domain, ref->path);
	const struct registry_entry *entry;

	if (registries_load(&registries, err) < 0)
		return -1;
	entry = registries_match(&registries, repository);
	if (entry && entry->blocked) {
		error_new(err, ERROR_DENIED, "registry %s is blocked by registries.conf",
			entry->prefix);
		return error_hint(err, "it says 'blocked = true' for '%s'", entry->prefix);
	}
	if (!for_push && add_mirrors(&access, &registries, entry, ref, err) < 0)
		return -1;
	if (add_registry(&access, &registries, entry, ref, err) < 0)
		return -1;
	*ret = access;
	access = (struct access){ .count = 0 };
	return 0;
}

int access_make(const char *registry, const struct credential *credential, struct access *ret,
	struct error **err)
{
	cleanup_registries struct registries registries = { 0 };
	const struct registry_entry *entry;

	if (registries_load(&registries, err) < 0)
		return -1;
	entry = registries_match(&registries, registry);
	*ret = (struct access){ .count = 1 };
	ret->endpoints[0] = (struct endpoint){ .location = xstrdup(registry),
		.insecure = (entry && entry->insecure) ||
			    registries_is_insecure(&registries, registry) };
	if (credential)
		ret->endpoints[0].credential = (struct credential){ xstrdup(credential->user),
			xstrdup(credential->secret), credential->is_identity_token };
	return 0;
}

/* ---- from process to process ---- */

static const char *flags_of(const struct endpoint *endpoint)
{
	static const char *const flags[] = { "", "i", "m", "im", "t", "it", "mt", "imt" };

	return flags[endpoint->insecure | endpoint->is_mirror << 1 |
		     endpoint->credential.is_identity_token << 2];
}

static void put_text(struct buf *out, const char *text)
{
	if (text)
		buf_puts(out, text);
	buf_putc(out, '\0');
}

/* Four texts for each endpoint, each with its NUL: flags, location, user, secret. */
int access_send(int socket_fd, const struct access *access, struct error **err)
{
	cleanup_buf struct buf out = BUF_INIT(MSG_MAX + 1);
	int result;

	if (!buf_reserve(&out, MSG_MAX)) /* so that no copy is left behind by growing */
		abort();
	for (size_t i = 0; i < access->count; i++) {
		const struct endpoint *endpoint = &access->endpoints[i];

		put_text(&out, flags_of(endpoint));
		put_text(&out, endpoint->location);
		put_text(&out, endpoint->credential.user);
		put_text(&out, endpoint->credential.secret);
	}
	if (buf_check(&out, "what the configuration says of the registry", err) < 0)
		return -1;
	result = msg_send(socket_fd, ACCESS_MESSAGE, out.data, out.length, err);
	explicit_bzero(out.data, out.capacity);
	return result;
}

/* The text at *at, which is moved behind it; NULL when there is none. */
static const char *next_text(const char **at, const char *end)
{
	const char *text = *at, *nul = memchr(text, '\0', (size_t)(end - text));

	*at = nul ? nul + 1 : end;
	return nul ? text : NULL;
}

static int parse(const struct msg *msg, struct access *access, struct error **err)
{
	const char *at = msg->data, *end = msg->data + msg->length;

	while (at < end && access->count < ACCESS_MAX) {
		const char *flags = next_text(&at, end), *location = next_text(&at, end);
		const char *user = next_text(&at, end), *secret = next_text(&at, end);
		struct endpoint *endpoint = &access->endpoints[access->count];

		if (!secret)
			break;
		*endpoint = (struct endpoint){ .location = xstrdup(location),
			.insecure = strchr(flags, 'i') != NULL,
			.is_mirror = strchr(flags, 'm') != NULL };
		if (*secret)
			endpoint->credential = (struct credential){ xstrdup(user), xstrdup(secret),
				strchr(flags, 't') != NULL };
		access->count++;
	}
	if (at < end)
		return error_new(err, ERROR_INTERNAL, "the first message cannot be read");
	return 0;
}

int access_receive(int socket_fd, struct error **err)
{
	struct msg msg;
	int result = msg_receive(socket_fd, &msg, err);

	if (result <= 0)
		return result < 0 ? -1 : error_new(err, ERROR_INTERNAL, "nobody asks");
	msg_close_fds(&msg);
	if (msg.type != ACCESS_MESSAGE)
		return error_new(
			err, ERROR_INTERNAL, "an unexpected first message of type %u", msg.type);
	result = parse(&msg, &received, err);
	explicit_bzero(msg.data, sizeof(msg.data));
	return result;
}

void access_take(struct access *ret)
{
	*ret = received;
	explicit_bzero(&received, sizeof(received));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar, of the distribution project:
 *
 *   reference := name [ ":" tag ] [ "@" digest ]
 *   name      := [ domain "/" ] component { "/" component }
 *   domain    := ( host-part { "." host-part } | "[" IPv6 "]" ) [ ":" port ]
 *   component := alnum+ { separator alnum+ }, lower case; separator := "." | "_" | "__" | "-"+
 *   tag       := [A-Za-z0-9_] [A-Za-z0-9_.-]{0,127}
 *
 * The first part of a name is a domain only when it has a dot or a colon or is "localhost". Parts
 * become file names, URLs and log lines, so nothing outside this grammar gets into a struct.
 */
#include "oci/reference.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/id.h"
#include "oci/digest.h"

#define DEFAULT_DOMAIN "docker.io"
#define LEGACY_DOMAIN "index.docker.io"
#define OFFICIAL "library/"
#define PATH_MAX_LENGTH 255
#define DOMAIN_MAX_LENGTH 255 /* what DNS allows; the grammar itself has no limit */
#define TAG_MAX_LENGTH 128
#define TEXT_MAX_LENGTH 1024 /* all parts at their longest fit */

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define HEX_ANY DIGITS "abcdefABCDEF"

static int invalid(const char *text, const char *why, struct error **err)
{
	return error_new(err, ERROR_INVALID, "invalid reference format: '%.*s' %s", 300, text, why);
}

/* Length of one path component at text, 0 when there is none. */
static size_t component_length(const char *text)
{
	size_t length = strspn(text, LOWER DIGITS), separator, more;

	while (length > 0) {
		const char *rest = text + length;

		separator = *rest == '.'   ? 1
			    : *rest == '_' ? (rest[1] == '_' ? 2U : 1U)
					   : strspn(rest, "-");
		more = strspn(rest + separator, LOWER DIGITS);
		if (separator == 0 || more == 0)
			break;
		length += separator + more;
	}
	return length;
}

static bool path_is_valid(const char *path)
{
	for (;;) {
		size_t length = component_length(path);

		if (length == 0)
			return false;
		if (path[length] == '\0')
			return true;
		if (path[length] != '/')
			return false;
		path += length + 1;
	}
}

/* A host name's length, letters and digits with inner hyphens between dots; 0: it is none. */
static size_t host_length(const char *text)
{
	size_t length = 0, part;

	for (;;) {
		part = strspn(text + length, LOWER UPPER DIGITS "-");
		if (part == 0 || text[length] == '-' || text[length + part - 1] == '-')
			return 0;
		length += part;
		if (text[length] != '.')
			return length;
		length++;
	}
}

static bool domain_is_valid(const char *domain)
{
	size_t length;

	if (*domain == '[') {
		length = 1 + strspn(domain + 1, HEX_ANY ":");
		if (length < 3 || domain[length] != ']')
			return false;
		length++;
	} else {
		length = host_length(domain);
	}
	if (length == 0)
		return false;
	if (domain[length] == ':') {
		size_t digits = strspn(domain + length + 1, DIGITS);

		if (digits < 1 || digits > 5 || strtol(domain + length + 1, NULL, 10) > 65535)
			return false;
		length += 1 + digits;
	}
	return domain[length] == '\0';
}

static bool tag_is_valid(const char *tag)
{
	size_t length = strspn(tag, LOWER UPPER DIGITS "_.-");

	return length >= 1 && length <= TAG_MAX_LENGTH && tag[length] == '\0' && tag[0] != '.' &&
	       tag[0] != '-';
}

/* Whether the part of a name before its first slash is a domain. */
static bool is_domain(const char *text, size_t length)
{
	return memchr(text, '.', length) || memchr(text, ':', length) ||
	       (length == strlen("localhost") && memcmp(text, "localhost", length) == 0);
}

static int set_digest(struct reference *ref, const char *text, struct error **err)
{
	char canonical[DIGEST_TEXT_MAX];
	struct digest digest;

	if (digest_parse(text, &digest, err) < 0)
		return error_as(err, ERROR_INVALID, "invalid reference format");
	ref->digest = xstrdup(digest_text(&digest, canonical));
	return 0;
}

/* name has neither tag nor digest any more. */
static int set_name(struct reference *ref, const char *name, const char *text, struct error **err)
{
	const char *slash = strchr(name, '/');
	bool has_domain = slash && is_domain(name, (size_t)(slash - name));
	const char *path = has_domain ? slash + 1 : name;

	ref->domain = has_domain ? xstrndup(name, (size_t)(slash - name)) : xstrdup(DEFAULT_DOMAIN);
	if (strcmp(ref->domain, LEGACY_DOMAIN) == 0)
		replace_string(&ref->domain, xstrdup(DEFAULT_DOMAIN));
	if (!domain_is_valid(ref->domain) || strlen(ref->domain) > DOMAIN_MAX_LENGTH)
		return invalid(text, "does not begin with a host name and a repository", err);
	if (path[strcspn(path, UPPER)] != '\0')
		return error_new(err, ERROR_INVALID,
			"invalid reference format: repository name must be lowercase");
	ref->path = strcmp(ref->domain, DEFAULT_DOMAIN) == 0 && !strchr(path, '/')
			    ? xasprintf(OFFICIAL "%s", path)
			    : xstrdup(path);
	if (strlen(ref->path) > PATH_MAX_LENGTH)
		return error_new(err, ERROR_INVALID,
			"invalid reference format: repository name must not be more than %d "
			"characters",
			PATH_MAX_LENGTH);
	if (!path_is_valid(ref->path))
		return invalid(text, "has no valid repository name", err);
	return 0;
}

static int parse_parts(struct reference *ref, const char *text, struct error **err)
{
	cleanup_free char *name = xstrdup(text);
	char *at = strchr(name, '@'), *colon, *slash;

	if (at) {
		*at = '\0';
		if (set_digest(ref, at + 1, err) < 0)
			return -1;
	}
	colon = strrchr(name, ':');
	slash = strrchr(name, '/');
	if (colon && (!slash || colon > slash)) { /* else it is a port */
		*colon = '\0';
		if (!tag_is_valid(colon + 1))
			return invalid(text, "has no valid tag", err);
		ref->tag = xstrdup(colon + 1);
	}
	if (set_name(ref, name, text, err) < 0)
		return -1;
	if (!ref->tag && !ref->digest)
		ref->tag = xstrdup("latest");
	return 0;
}

int reference_parse(const char *text, struct reference *ret, struct error **err)
{
	cleanup_reference struct reference parsed = { 0 };

	if (*text == '\0')
		return error_new(err, ERROR_INVALID, "invalid reference format: it is empty");
	if (strnlen(text, TEXT_MAX_LENGTH + 1) > TEXT_MAX_LENGTH)
		return error_new(err, ERROR_INVALID,
			"invalid reference format: it has more than %d characters",
			TEXT_MAX_LENGTH);
	/* It would be ambiguous: an image's id is looked up before a name. */
	if (id_is_valid(text))
		return invalid(text, "is an image's id, and cannot be a repository name", err);
	if (parse_parts(&parsed, text, err) < 0) {
		if (strstr(text, "://"))
			error_hint(err,
				"write the name without the scheme: registry.example/image:tag");
		return -1;
	}
	*ret = parsed;
	parsed = (struct reference){ 0 };
	return 0;
}

void reference_done(struct reference *ref)
{
	free(ref->domain);
	free(ref->path);
	free(ref->tag);
	free(ref->digest);
	*ref = (struct reference){ 0 };
}

char *reference_repository(const struct reference *ref)
{
	return xasprintf("%s/%s", ref->domain, ref->path);
}

char *reference_familiar_repository(const struct reference *ref)
{
	const char *path = ref->path, *slash = strchr(path, '/');

	if (strcmp(ref->domain, DEFAULT_DOMAIN) != 0)
		return reference_repository(ref);
	if (slash && strncmp(path, OFFICIAL, strlen(OFFICIAL)) == 0 && !strchr(slash + 1, '/'))
		return xstrdup(slash + 1);
	/* "docker.io/a.b/c" shown as "a.b/c" would mean another registry when read again. */
	if (slash && is_domain(path, (size_t)(slash - path)))
		return reference_repository(ref);
	return xstrdup(path);
}

static char *with_suffix(const struct reference *ref, char *repository)
{
	cleanup_free char *name = repository;

	return xasprintf("%s%s%s%s%s", name, ref->tag ? ":" : "", ref->tag ? ref->tag : "",
		ref->digest ? "@" : "", ref->digest ? ref->digest : "");
}

char *reference_text(const struct reference *ref)
{
	return with_suffix(ref, reference_repository(ref));
}

char *reference_familiar(const struct reference *ref)
{
	return with_suffix(ref, reference_familiar_repository(ref));
}

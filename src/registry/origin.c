/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/origin.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

#define DEFAULT_DOMAIN "docker.io"
#define DEFAULT_HOST "registry-1.docker.io"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* In errors neither a password nor a signature is shown. */
static int refuse(const char *url, const char *why, struct error **err)
{
	const char *rest = strstr(url, "://");
	size_t scheme = rest ? (size_t)(rest - url) + 3 : 0;
	size_t authority = strcspn(url + scheme, "/?#"), end = strcspn(url, "?#");
	const char *at = memrchr(url + scheme, '@', authority);

	if (at)
		return error_new(err, ERROR_DENIED, "URL '%.*s...%.200s' is refused: %s",
			(int)(scheme < 16 ? scheme : 16), url, at, why);
	return error_new(err, ERROR_DENIED, "URL '%.*s' is refused: %s",
		(int)(end < 200 ? end : 200), url, why);
}

static bool is_printable(const char *url)
{
	size_t length = 0;

	for (; url[length]; length++)
		if (url[length] <= ' ' || url[length] > '~' || strchr("\\\"<>^`{|}", url[length]))
			return false;
	return length <= URL_MAX;
}

/* Length of the host's name at text, which *ret_host leaves the brackets of; 0: there is none. */
static size_t host_span(const char *text, const char **ret_host, size_t *ret_host_length)
{
	if (*text != '[') {
		*ret_host = text;
		*ret_host_length = strspn(text, LETTERS DIGITS ".-_");
		return *ret_host_length;
	}
	*ret_host = text + 1;
	*ret_host_length = strspn(text + 1, DIGITS "abcdefABCDEF:.");
	if (*ret_host_length == 0 || text[1 + *ret_host_length] != ']')
		return 0;
	return *ret_host_length + 2;
}

/* ":80" of exactly length bytes: its number, or -1. */
static int parse_port(const char *text, size_t length)
{
	size_t digits = *text == ':' ? strspn(text + 1, DIGITS) : 0;
	long port;

	if (digits < 1 || digits > 5 || 1 + digits != length)
		return -1;
	port = strtol(text + 1, NULL, 10);
	return port >= 1 && port <= 65535 ? (int)port : -1;
}

static char lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)((unsigned char)c | 0x20U);
	return c;
}

/* "host", "host:80", "[::1]:80": fills host and port, which is left alone when not given. */
static int parse_authority(const char *text, size_t length, struct origin *ret)
{
	const char *host = NULL;
	size_t host_length = 0, span = host_span(text, &host, &host_length);

	if (span == 0 || span > length || host_length >= ORIGIN_HOST_MAX)
		return -1;
	for (size_t i = 0; i < host_length; i++)
		ret->host[i] = lower(host[i]);
	ret->host[host_length] = '\0';
	if (span < length)
		ret->port = parse_port(text + span, length - span);
	return ret->port < 0 ? -1 : 0;
}

int origin_parse(const char *url, struct origin *ret, const char **ret_path, struct error **err)
{
	struct origin origin = { .port = 80 };
	const char *authority;
	size_t length;

	if (!is_printable(url))
		return refuse(url, "it is too long, or has characters that no URL has", err);
	if (strncasecmp(url, "https://", 8) == 0)
		origin = (struct origin){ .https = true, .port = 443 };
	else if (strncasecmp(url, "http://", 7) != 0)
		return refuse(url, "it is neither http nor https", err);
	authority = url + (origin.https ? 8 : 7);
	length = strcspn(authority, "/?#");
	if (memchr(authority, '@', length))
		return refuse(url, "it carries a user name", err);
	if (parse_authority(authority, length, &origin) < 0)
		return refuse(url, "it has no valid host", err);
	*ret = origin;
	if (ret_path)
		*ret_path = authority + length;
	return 0;
}

bool origin_equal(const struct origin *a, const struct origin *b)
{
	return a->https == b->https && a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* 169.254.0.0/16 and fe80::/10, however written: where clouds give credentials to whoever asks. */
static bool is_link_local(const struct origin *origin)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET6, origin->host, &v6) == 1)
		return IN6_IS_ADDR_LINKLOCAL(&v6);
	return inet_aton(origin->host, &v4) != 0 && ntohl(v4.s_addr) >> 16 == 0xa9fe;
}

static bool is_localhost(const char *host)
{
	static const char name[] = "localhost";
	size_t length = strlen(host);

	if (length < strlen(name) || strcmp(host + length - strlen(name), name) != 0)
		return false;
	return length == strlen(name) || host[length - strlen(name) - 1] == '.';
}

bool origin_is_loopback(const struct origin *origin)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, origin->host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, origin->host, &v6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&v6);
	return is_localhost(origin->host);
}

/* Also 2130706433, 0x7f.1 and 127.1, which inet_aton() reads as addresses, as resolvers do. */
bool origin_is_address(const struct origin *origin)
{
	struct in_addr v4;

	return strchr(origin->host, ':') || inet_aton(origin->host, &v4) != 0;
}

char *api_url(const char *location, bool https)
{
	size_t length = strcspn(location, "/");
	bool is_default =
		length == strlen(DEFAULT_DOMAIN) && strncmp(location, DEFAULT_DOMAIN, length) == 0;

	return xasprintf("%s://%.*s/v2%s", https ? "https" : "http",
		is_default ? (int)strlen(DEFAULT_HOST) : (int)length,
		is_default ? DEFAULT_HOST : location, location + length);
}

char *registry_url(const struct reference *ref, bool https)
{
	cleanup_free char *location = xasprintf("%s/%s", ref->domain, ref->path);

	return api_url(location, https);
}

int redirect_check(const struct origin *from, const char *url, struct error **err)
{
	struct origin to = { .port = 0 };

	if (origin_parse(url, &to, NULL, err) < 0)
		return -1;
	if (from->https && !to.https)
		return refuse(url, "a redirect leads from https to http", err);
	/* Only who is on this host already may be sent to another of its services. */
	if (origin_is_loopback(&to) && !origin_is_loopback(from))
		return refuse(url, "a redirect leads to this host", err);
	if (is_link_local(&to) && strcmp(from->host, to.host) != 0)
		return refuse(url, "a redirect leads to a link-local address", err);
	return 0;
}

int realm_check(const struct origin *registry, const char *url, struct error **err)
{
	struct origin realm = { .port = 0 };

	if (origin_parse(url, &realm, NULL, err) < 0)
		return error_wrap(err, "the registry's token service");
	if (registry->https && !realm.https)
		return refuse(url, "the registry's token service has no https", err);
	if (strcmp(registry->host, realm.host) == 0)
		return 0;
	if (origin_is_loopback(registry) && origin_is_loopback(&realm))
		return 0;
	if (!realm.https)
		return refuse(url, "the registry's token service has no https", err);
	if (origin_is_address(&realm) || origin_is_loopback(&realm))
		return refuse(url, "the registry's token service is at a bare address", err);
	return 0;
}

char *url_with_query(const char *url, const char *name, const char *value)
{
	cleanup_buf struct buf out = BUF_INIT(BUF_SMALL);

	buf_printf(&out, "%s%s%s=", url, strchr(url, '?') ? "&" : "?", name);
	for (; *value; value++) {
		if (isalnum((unsigned char)*value) || strchr("-._~/:,", *value))
			buf_putc(&out, *value);
		else
			buf_printf(&out, "%%%02X", (unsigned char)*value);
	}
	return buf_take(&out);
}

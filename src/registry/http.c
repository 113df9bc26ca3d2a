/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/http.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

#define RETRY_AFTER_MAX 120
#define BACKOFF_FIRST_MS 500
#define BACKOFF_MAX_MS 8000
#define SAID_MAX 1024
#define PARAMETERS_MAX 32

void challenge_done(struct challenge *challenge)
{
	free(challenge->realm);
	free(challenge->service);
	*challenge = (struct challenge){ 0 };
}

static size_t token_length(const char *text)
{
	size_t length = 0;

	while (isalnum((unsigned char)text[length]) ||
		(text[length] && strchr("!#$%&'*+-.^_`|~", text[length])))
		length++;
	return length;
}

/* A token or a quoted string; returns what follows it, or NULL. */
static const char *read_value(const char *text, char **ret)
{
	cleanup_buf struct buf value = BUF_INIT(BUF_SMALL);
	size_t length = token_length(text);

	if (*text != '"') {
		*ret = xstrndup(text, length);
		return text + length;
	}
	for (text++; *text && *text != '"'; text++) {
		if (*text == '\\' && text[1])
			text++;
		buf_putc(&value, *text);
	}
	if (*text != '"' || value.failed)
		return NULL;
	*ret = buf_take(&value);
	return text + 1;
}

/* One name=value of the challenge at *text, which is moved on; 1, 0 at the end, -1. */
static int read_parameter(const char **text, struct challenge *challenge)
{
	const char *name = *text + strspn(*text, " \t,");
	size_t length = token_length(name);
	cleanup_free char *value = NULL;
	const char *rest = name + length;

	if (*name == '\0')
		return 0;
	rest += strspn(rest, " \t");
	if (length == 0 || *rest != '=')
		return -1;
	rest++;
	rest = read_value(rest + strspn(rest, " \t"), &value);
	if (!rest)
		return -1;
	if (length == strlen("realm") && strncasecmp(name, "realm", length) == 0)
		replace_string(&challenge->realm, take_ptr(value));
	else if (length == strlen("service") && strncasecmp(name, "service", length) == 0)
		replace_string(&challenge->service, take_ptr(value));
	*text = rest;
	return 1;
}

int challenge_parse(const char *header, struct challenge *ret, struct error **err)
{
	cleanup_challenge struct challenge challenge = { 0 };
	const char *rest;
	int more = 1;

	header += strspn(header, " \t");
	if (strncasecmp(header, "Bearer", 6) != 0 || (header[6] != ' ' && header[6] != '\t'))
		return 0;
	rest = header + 6;
	for (int count = 0; more > 0; count++)
		more = count < PARAMETERS_MAX ? read_parameter(&rest, &challenge) : -1;
	if (!challenge.realm) /* what follows it may be another challenge */
		return error_new(err, ERROR_INVALID,
			"the registry's WWW-Authenticate header cannot be read: '%.200s'", header);
	*ret = challenge;
	challenge = (struct challenge){ 0 };
	return 1;
}

int content_range_check(const char *header, int64_t offset, int64_t size)
{
	int64_t numbers[3];
	static const char after[] = "-/";
	char *end;

	if (!header || strncasecmp(header, "bytes ", 6) != 0)
		return -1;
	header += 6;
	for (int i = 0; i < 3; i++) {
		if (!isdigit((unsigned char)*header))
			return -1;
		errno = 0;
		numbers[i] = strtoll(header, &end, 10);
		if (errno || *end != (i < 2 ? after[i] : '\0'))
			return -1;
		header = end + 1;
	}
	return numbers[0] == offset && numbers[1] == size - 1 && numbers[2] == size ? 0 : -1;
}

int64_t retry_after_s(const char *header, int64_t now_s, int64_t fallback)
{
	int64_t seconds = fallback;
	struct tm tm = { 0 };
	const char *rest;

	if (header && isdigit((unsigned char)*header)) {
		seconds = strtoll(header, NULL, 10); /* too large is LLONG_MAX */
	} else if (header) {
		rest = strptime(header, "%a, %d %b %Y %H:%M:%S GMT", &tm);
		if (rest && *rest == '\0')
			seconds = (int64_t)timegm(&tm) - now_s;
	}
	return seconds < 1 ? 1 : seconds > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : seconds;
}

int64_t backoff_ms(int retry, uint32_t random)
{
	int64_t base = retry < 4 ? (int64_t)BACKOFF_FIRST_MS << retry : BACKOFF_MAX_MS;

	return base * 3 / 4 + (int64_t)(random % (uint32_t)(base / 2 + 1));
}

char *media_type_of(const char *content_type)
{
	size_t length = content_type ? strcspn(content_type, "; \t") : 0;
	char *type = xstrndup(content_type ? content_type : "", length);

	for (char *c = type; *c; c++)
		if (*c >= 'A' && *c <= 'Z') /* whatever the locale */
			*c = (char)(*c + ('a' - 'A'));
	return type;
}

static void append_error(struct buf *out, struct json_object *entry)
{
	cleanup_error struct error *err = NULL;
	const char *code = NULL, *message = NULL;

	if (json_get_text(entry, "code", &code, &err) < 0 ||
		json_get_text(entry, "message", &message, &err) < 0 || (!code && !message))
		return;
	buf_printf(out, "%s%s%s%s", out->length ? "; " : "", code ? code : "",
		code && message ? ": " : "", message ? message : "");
}

/* {"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}; or a token service's
 * {"details":"..."}. */
static void read_errors(const char *body, size_t length, struct buf *out)
{
	cleanup_error struct error *err = NULL;
	cleanup_json struct json_object *document = NULL;
	struct json_object *list = NULL;
	const char *details = NULL;

	if (json_parse(body, length, "the answer", &document, &err) < 0)
		return;
	if (json_get(document, "errors", json_type_array, &list, &err) > 0)
		for (size_t i = 0; i < json_object_array_length(list); i++)
			append_error(out, json_object_array_get_idx(list, i));
	else if (!err && json_get_text(document, "details", &details, &err) > 0)
		buf_puts(out, details);
}

char *registry_error_text(const char *body, size_t length)
{
	cleanup_buf struct buf said = BUF_INIT(BUF_LARGE);
	char *text;

	read_errors(body, length, &said);
	if (said.length == 0 && length > 0 && body[0] != '<' && body[0] != '{') /* no page */
		buf_append(&said, body, length < SAID_MAX ? length : SAID_MAX);
	text = xstrndup(buf_text(&said), SAID_MAX);
	/* It goes to a terminal: no control characters, no escape sequences. */
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
			*c = '?';
	for (size_t end = strlen(text); end > 0 && strchr("? ", text[end - 1]); end--)
		text[end - 1] = '\0';
	return text;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/tags.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "registry/http.h"
#include "registry/repository.h"

#define PAGE_BYTES_MAX (4UL * 1024 * 1024)
#define PAGES_MAX 10000 /* a registry that links in a circle must not hold us forever */

/*
 * The URL of "<...>; rel="next"", taken as a path on the registry's own origin: one that leads
 * anywhere else would take our token, or us, there. NULL: this was the last page.
 */
static int next_page(
	const struct repository *repository, const char *link, char **ret, struct error **err)
{
	const char *end = link ? strchr(link, '>') : NULL, *path;
	cleanup_free char *url = NULL;
	struct origin origin;

	*ret = NULL;
	if (!end || *link != '<' || !strstr(end, "rel=\"next\""))
		return 0;
	url = xstrndup(link + 1, (size_t)(end - link - 1));
	if (*url == '/' && url[1] != '/') {
		const char *base = repository->base, *host = strstr(base, "://") + strlen("://");
		int length = (int)(host - base + (int)strcspn(host, "/"));

		replace_string(&url, xasprintf("%.*s%s", length, base, url));
	}
	if (origin_parse(url, &origin, &path, err) < 0)
		return error_wrap(err, "the registry's link to more tags");
	if (!origin_equal(&origin, &repository->origin))
		return error_new(err, ERROR_DENIED,
			"the registry's link to more tags leads to another host: refused");
	*ret = take_ptr(url);
	return 0;
}

static int write_tags(const struct buf *body, int fd, struct error **err)
{
	cleanup_json struct json_object *page = NULL;
	cleanup_strv strv tags = NULL;

	if (json_parse(buf_text(body), body->length, "the list of tags", &page, err) < 0 ||
		json_get_strv(page, "tags", &tags, err) < 0)
		return -1;
	for (size_t i = 0; tags && tags[i]; i++) {
		/* Whether it is a tag is for the engine to say; two lines it must not become. */
		if (strchr(tags[i], '\n') ||
			file_write_all(fd, tags[i], strlen(tags[i]), "tags", err) < 0 ||
			file_write_all(fd, "\n", 1, "tags", err) < 0)
			return *err ? -1 : error_new(err, ERROR_INVALID, "a tag has two lines");
	}
	return 0;
}

/* The URL is taken. *ret_next: that of the next page, or NULL. */
static int get_page(
	struct repository *repository, char *url, char **ret_next, int fd, struct error **err)
{
	cleanup_exchange struct exchange exchange = { .fd = -1 };

	exchange_init(&exchange, repository, url, PAGE_BYTES_MAX);
	if (repository_perform(&exchange, err) < 0 || write_tags(&exchange.body, fd, err) < 0)
		return -1;
	return next_page(repository, exchange.headers.link, ret_next, err);
}

int tags_list(struct repository *repository, int fd, struct error **err)
{
	cleanup_free char *url = xasprintf("%s/tags/list", repository->base);
	int result = 0;

	for (int i = 0; i < PAGES_MAX && result == 0 && url; i++)
		result = get_page(repository, take_ptr(url), &url, fd, err);
	if (result < 0)
		return -1;
	return url ? error_new(err, ERROR_INVALID, "the list of tags has no end") : 0;
}

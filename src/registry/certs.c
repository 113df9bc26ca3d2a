/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/certs.h"

#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "registry/origin.h"

#define FILE_MAX (4UL * 1024 * 1024)

strv certs_folders(void)
{
	const char *named = getenv("VESSEL_CERTS_DIR"), *config = getenv("XDG_CONFIG_HOME"),
		   *home = getenv("HOME");
	strv folders = NULL;

	if (named && *named) {
		strv_append(&folders, named);
		return folders;
	}
	if (config && *config)
		strv_appendf(&folders, "%s/containers/certs.d", config);
	else if (home && *home)
		strv_appendf(&folders, "%s/.config/containers/certs.d", home);
	strv_append(&folders, "/etc/containers/certs.d");
	strv_append(&folders, "/etc/docker/certs.d");
	return folders;
}

void certs_done(struct certs *certs)
{
	if (certs->key.data)
		explicit_bzero(certs->key.data, certs->key.capacity);
	buf_done(&certs->authorities);
	buf_done(&certs->certificate);
	buf_done(&certs->key);
}

static bool ends_with(const char *name, const char *end)
{
	size_t length = strlen(name), end_length = strlen(end);

	return length > end_length && strcmp(name + length - end_length, end) == 0;
}

static int add_file(int dir_fd, const char *name, struct buf *to, struct error **err)
{
	cleanup_free char *text = NULL;
	ssize_t length = file_read_at(dir_fd, name, FILE_MAX, &text, err);

	if (length < 0)
		return -1;
	buf_append(to, text, (size_t)length);
	buf_putc(to, '\n'); /* the last line's own may be missing */
	explicit_bzero(text, (size_t)length);
	return buf_check(to, name, err);
}

/* "client.cert" for "client.key" and back; the caller frees. */
static char *partner_of(const char *name)
{
	bool is_key = ends_with(name, ".key");
	cleanup_free char *stem = xstrndup(name, strlen(name) - strlen(is_key ? ".key" : ".cert"));

	return xasprintf("%s%s", stem, is_key ? ".cert" : ".key");
}

/* The first pair by name is ours; a half of one is a mistake that is told. */
static int add_pair(
	struct certs *certs, int dir_fd, strv names, const char *name, struct error **err)
{
	cleanup_free char *partner = partner_of(name);

	if (!strv_contains(names, partner)) {
		error_new(err, ERROR_INVALID, "%s is there without %s", name, partner);
		return error_hint(err, "authorities' certificates are named *.crt there");
	}
	if (ends_with(name, ".key") || certs->certificate.length > 0)
		return 0;
	if (add_file(dir_fd, name, &certs->certificate, err) < 0)
		return -1;
	return add_file(dir_fd, partner, &certs->key, err);
}

static int add_folder(struct certs *certs, const char *path, bool pair, struct error **err)
{
	cleanup_close int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_strv strv names = NULL;
	int result = 0;

	if (dir_fd < 0) /* a folder that we may not look into has nothing for us */
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES
			       ? 0
			       : error_sys(err, "open %s", path);
	if (dir_names(dir_fd, &names, err) < 0)
		return -1;
	for (char **name = names; name && *name && result == 0; name++) {
		if (ends_with(*name, ".crt"))
			result = add_file(dir_fd, *name, &certs->authorities, err);
		else if (pair && (ends_with(*name, ".cert") || ends_with(*name, ".key")))
			result = add_pair(certs, dir_fd, names, *name, err);
	}
	return result < 0 ? error_wrap(err, "%s", path) : 0;
}

int certs_add(struct certs *certs, const struct origin *origin, bool pair, struct error **err)
{
	cleanup_strv strv folders = certs_folders();
	bool is_default = origin->port == (origin->https ? 443 : 80);
	const char *open = strchr(origin->host, ':') ? "[" : "", *close = *open ? "]" : "";

	for (char **folder = folders; *folder; folder++) {
		cleanup_free char *full =
			xasprintf("%s/%s%s%s:%d", *folder, open, origin->host, close, origin->port);
		cleanup_free char *bare =
			xasprintf("%s/%s%s%s", *folder, open, origin->host, close);

		if (add_folder(certs, full, pair, err) < 0 ||
			(is_default && add_folder(certs, bare, pair, err) < 0))
			return -1;
	}
	return 0;
}

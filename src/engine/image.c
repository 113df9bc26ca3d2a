/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/image.h"

#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "engine/container.h"
#include "oci/reference.h"

static bool is_url(const char *source)
{
	return strncmp(source, "http://", 7) == 0 || strncmp(source, "https://", 8) == 0;
}

static int open_source(const char *source, struct error **err)
{
	int fd;

	if (strcmp(source, "-") == 0)
		return 0;
	if (is_url(source))
		return registry_fetch(source, err);
	fd = open(source, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0)
		return fd;
	error_sys(err, "open %s", source);
	return error_hint(err, "give a tar file, - for standard input, or an http URL");
}

/* One layer, and a configuration that says where it came from. */
static int describe_import(const struct image_import *import, const struct layer_row *layer,
	struct image_config *config)
{
	/* A path of this machine is nobody's business elsewhere; docker's client sends the file. */
	const char *origin = is_url(import->source) ? import->source : "-";
	struct image_history entry = { .created = NULL };
	char now[CLOCK_TEXT_MAX];

	if (import->config)
		image_config_copy(import->config, config);
	clock_text(clock_now_ns(), now);
	replace_string(&config->created, xstrdup(now));
	replace_string(&config->os, xstrdup("linux"));
	replace_string(&config->architecture,
		xstrdup(import->architecture ? import->architecture : platform_architecture()));
	replace_string(&config->variant, xstrdup_null(import->variant));
	replace_string(&config->comment,
		import->message ? xstrdup(import->message) : xasprintf("Imported from %s", origin));
	entry.created = now;
	entry.comment = config->comment;
	image_config_add_layer(config, &layer->diff_id);
	image_config_add_history(config, &entry);
	return 0;
}

int image_import(struct engine *engine, const struct image_import *import, struct image_row *ret,
	struct error **err)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_image_config struct image_config config = { 0 };
	cleanup_free char *name = NULL;
	struct layer_row layer;
	int fd, result;

	if (import->reference) {
		if (reference_parse(import->reference, &ref, err) < 0)
			return -1;
		name = reference_text(&ref);
	}
	fd = engine_tidy(engine, err) < 0 || store_use(&engine->store, err) < 0
		     ? -1
		     : open_source(import->source, err);
	if (fd < 0)
		return -1;
	result = layer_import(&engine->store, fd, &layer, err);
	if (fd > 0)
		close_fd(fd);
	if (result < 0)
		return error_wrap(err, "import %s", import->source);
	describe_import(import, &layer, &config);
	return store_put_image(&engine->store, &config, name, ret, err);
}

int image_tag(struct engine *engine, const char *source, const char *target, struct error **err)
{
	cleanup_image_row struct image_row row = { 0 };
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *text = NULL;
	struct catalog *catalog;

	if (reference_parse(target, &ref, err) < 0)
		return error_wrap(err,
			"Error parsing reference: \"%s\" is not a valid repository/tag", target);
	if (ref.digest)
		return error_new(
			err, ERROR_INVALID, "refusing to create a tag with a digest reference");
	text = reference_text(&ref);
	if (store_find_image(&engine->store, source, &row, err) < 0 ||
		store_catalog(&engine->store, &catalog, err) < 0)
		return -1;
	if (catalog_put_reference(catalog, text, &row.id, err) < 0)
		return -1;
	return store_write_index(&engine->store, err);
}

/* What `name` is of this image: one of its references (in normal form, the caller's), or NULL: its
 * id. */
static char *reference_of(const char *name, strv references)
{
	cleanup_error struct error *no_reference = NULL;
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *text = NULL;

	if (reference_parse(name, &ref, &no_reference) < 0)
		return NULL;
	text = reference_text(&ref);
	return strv_contains(references, text) ? take_ptr(text) : NULL;
}

static void report_untagged(strv *report, const char *reference)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *familiar = NULL;

	if (reference_parse(reference, &ref, &ignored) < 0)
		return;
	familiar = reference_familiar(&ref);
	strv_appendf(report, "Untagged: %s", familiar);
}

struct image_removal {
	struct image_row row;
	strv references; /* all of the image's */
	char *named; /* the one that was named; NULL: the id was */
	char user[ID_MAX]; /* a container made from it, or "" */
};

static int look_up_removal(
	struct engine *engine, const char *name, struct image_removal *r, struct error **err)
{
	char id[DIGEST_TEXT_MAX];
	struct catalog *catalog;
	struct register_db *db;
	int users;

	if (store_find_image(&engine->store, name, &r->row, err) < 0 ||
		store_catalog(&engine->store, &catalog, err) < 0 ||
		catalog_references_of(catalog, &r->row.id, &r->references, err) < 0 ||
		engine_register(engine, &db, err) < 0)
		return -1;
	r->named = reference_of(name, r->references);
	users = register_image_users(db, digest_text(&r->row.id, id), r->user, err);
	if (users == 0)
		r->user[0] = '\0';
	return users < 0 ? -1 : 0;
}

static int check_removal(struct engine *engine, const char *name, const struct image_removal *r,
	bool force, struct error **err)
{
	size_t count = strv_length(r->references);
	char id[DIGEST_TEXT_MAX];
	const char *hex = digest_text(&r->row.id, id) + strlen("sha256:");

	if (r->named && count > 1)
		return 0; /* only a name goes */
	if (!r->named && count > 1 && !force) {
		error_new(err, ERROR_CONFLICT,
			"conflict: unable to delete %.12s (must be forced) - image is referenced "
			"in multiple repositories",
			hex);
		return error_hint(err, "vessel rmi -f %.12s, or name each of its references", hex);
	}
	if (!r->user[0])
		return 0;
	if (!r->named && container_is_running(engine, r->user))
		return error_new(err, ERROR_CONFLICT,
			"conflict: unable to delete %.12s (cannot be forced) - image is being used "
			"by running container %.12s",
			hex, r->user);
	if (force)
		return 0;
	error_new(err, ERROR_CONFLICT,
		"conflict: unable to remove repository reference \"%s\" (must force) - container "
		"%.12s is using its referenced image %.12s",
		name, r->user, hex);
	return error_hint(err, "vessel rm %.12s first", r->user);
}

static int remove_references(
	struct engine *engine, const struct image_removal *r, strv *report, struct error **err)
{
	struct catalog *catalog;

	if (store_catalog(&engine->store, &catalog, err) < 0)
		return -1;
	for (size_t i = 0; r->references && r->references[i]; i++) {
		if (r->named && strcmp(r->named, r->references[i]) != 0)
			continue;
		if (catalog_delete_reference(catalog, r->references[i], err) < 0)
			return -1;
		report_untagged(report, r->references[i]);
	}
	return store_write_index(&engine->store, err);
}

int image_remove(struct engine *engine, const char *name, bool force, strv *ret, struct error **err)
{
	struct image_removal r = { 0 };
	char id[DIGEST_TEXT_MAX];
	int result = -1;

	store_make_room(&engine->store);
	if (look_up_removal(engine, name, &r, err) < 0 ||
		check_removal(engine, name, &r, force, err) < 0)
		goto out;
	result = remove_references(engine, &r, ret, err);
	/* A container's layers stay as long as it does, whatever the image's names. */
	if (result < 0 || r.user[0] || (r.named && strv_length(r.references) > 1))
		goto out;
	result = store_remove_image(&engine->store, &r.row.id, err);
	if (result == 0)
		strv_appendf(ret, "Deleted: %s", digest_text(&r.row.id, id));
out:
	image_row_done(&r.row);
	strv_free(r.references);
	free(r.named);
	return result;
}

int image_pull_with(struct engine *engine, const struct reference *ref,
	const struct pull_options *options, struct image_row *ret, struct error **err)
{
	if (engine_tidy(engine, err) < 0)
		return -1;
	return registry_pull(&engine->store, ref, options, ret, err);
}

int image_pull(struct engine *engine, const char *name, const struct registry_progress *progress,
	struct image_row *ret, struct error **err)
{
	const struct pull_options options = { .progress = progress };
	cleanup_reference struct reference ref = { 0 };

	if (reference_parse(name, &ref, err) < 0)
		return -1;
	return image_pull_with(engine, &ref, &options, ret, err);
}

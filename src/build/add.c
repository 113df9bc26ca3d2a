/* SPDX-License-Identifier: Apache-2.0 */
#include "build/add.h"

#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "build/addition.h"

/* ---- archives ---- */

/* Its files with another owner than in the archive: unpacked apart, and copied. */
static int unpack_owned(
	struct builder *builder, struct copy *copy, int archive_fd, struct error **err)
{
	cleanup_workspace struct workspace apart = WORKSPACE_INIT;
	struct state nothing = { .escape = '\\' };
	struct source source = { .root_owned = true, .name = "the archive" };
	struct copy owned = { .root_fd = copy->root_fd, .dest = copy->dest, .owner = copy->owner };
	cleanup_tree struct tree tree = { .fd = -1 };

	if (workspace_open(builder->engine, &nothing, WORKSPACE_WRITE, &apart, err) < 0)
		return -1;
	source.root_fd = apart.root_fd;
	if (archive_unpack(archive_fd, apart.root_fd, err) < 0 ||
		tree_list(&source, "/", NULL, &tree, err) < 0)
		return -1;
	return copy_tree(&owned, &tree, err);
}

static int unpack(struct builder *builder, struct copy *copy, int archive_fd, struct error **err)
{
	struct place_options options = { .mode = 0755 };
	cleanup_close int dir_fd = -1;

	if (copy->owner)
		return unpack_owned(builder, copy, archive_fd, err);
	dir_fd = place_directory(copy->root_fd, copy->dest, &options, err);
	return dir_fd < 0 ? -1 : archive_unpack(archive_fd, dir_fd, err);
}

/* 1 it was an archive, and is unpacked; 0 it is a file like others. */
static int try_unpack(
	struct builder *builder, struct copy *copy, const struct tree *tree, struct error **err)
{
	cleanup_close int fd = -1;
	int is_archive;

	if (!S_ISREG(tree->entries[0].st.st_mode))
		return 0;
	fd = tree_open(tree, &tree->entries[0], err);
	if (fd < 0)
		return -1;
	is_archive = archive_detect(fd, err);
	if (is_archive <= 0)
		return is_archive;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(err, "rewind '%s'", tree->path);
	return unpack(builder, copy, fd, err) < 0 ? error_wrap(err, "unpack '%s'", tree->path + 1)
						  : 1;
}

/* ---- copying ---- */

/* Several files cannot all have the one name that dest is. */
static int check_dest(const struct addition *addition, const struct copy *copy, struct error **err)
{
	size_t count = addition->tree_count + strv_length(addition->texts) / 2;
	bool any_file = addition->texts != NULL;
	int is_directory;

	for (size_t i = 0; i < addition->tree_count; i++)
		any_file |= !S_ISDIR(addition->trees[i].entries[0].st.st_mode);
	if (count < 2 || !any_file)
		return 0;
	is_directory = place_is_directory(copy->root_fd, copy->dest, err);
	if (is_directory)
		return is_directory < 0 ? -1 : 0;
	error_new(err, ERROR_INVALID,
		"several sources need a directory as destination, and '%s' is none", copy->dest);
	return error_hint(err, "end it with a slash: %s/", copy->dest);
}

static int copy_all(struct builder *builder, const struct addition *addition, struct copy *copy,
	struct error **err)
{
	if (check_dest(addition, copy, err) < 0)
		return -1;
	for (size_t i = 0; i < addition->tree_count; i++) {
		const struct tree *tree = &addition->trees[i];
		int unpacked = addition->unpack ? try_unpack(builder, copy, tree, err) : 0;

		if (unpacked < 0 || (!unpacked && copy_tree(copy, tree, err) < 0))
			return -1;
	}
	for (size_t i = 0; addition->texts && addition->texts[i]; i += 2)
		if (copy_text(copy, addition->texts[i], addition->texts[i + 1], err) < 0)
			return -1;
	return 0;
}

/* --chown's names are those of the image, also when the layer is made apart from it. */
static int find_owner(struct builder *builder, const struct state *state,
	const struct addition *addition, int root_fd, struct owner *ret, struct error **err)
{
	cleanup_workspace struct workspace below = WORKSPACE_INIT;

	if (addition->link) {
		if (workspace_open(builder->engine, state, WORKSPACE_READ, &below, err) < 0)
			return -1;
		root_fd = below.root_fd;
	}
	return owner_parse(addition->chown, root_fd, ret, err) < 0 ? error_wrap(err, "--chown") : 0;
}

/* *ret_changed: the files were no longer those of the key. */
static int make_layer(struct builder *builder, const struct state *state,
	const struct addition *addition, struct layer_row *ret, bool *ret_changed,
	struct error **err)
{
	cleanup_workspace struct workspace workspace = WORKSPACE_INIT;
	struct state nothing = { .escape = '\\' };
	struct copy copy = { .dest = addition->dest, .mode = addition->chmod };
	struct owner owner;

	if (workspace_open(builder->engine, addition->link ? &nothing : state, WORKSPACE_WRITE,
		    &workspace, err) < 0)
		return -1;
	copy.root_fd = workspace.root_fd;
	if (addition->chown) {
		if (find_owner(builder, state, addition, copy.root_fd, &owner, err) < 0)
			return -1;
		copy.owner = &owner;
	}
	if (copy_all(builder, addition, &copy, err) < 0)
		return -1;
	*ret_changed = copy.changed;
	return workspace_commit(&workspace, ret, err);
}

/* ---- the step ---- */

/*
 * Two keys: files of another stage are first asked for by that stage's layers, which costs nothing;
 * only when these are new are its files read and compared by content.
 */
struct keys {
	char question[ID_MAX]; /* empty for the context */
	char content[ID_MAX];
};

static int find_cached(struct builder *builder, const struct state *state,
	struct addition *addition, struct keys *keys, struct digest *ret, struct error **err)
{
	struct cache_row row;
	int found = 0;

	if (addition->from) {
		addition_key_from(addition, state, keys->question);
		found = layer_find(builder, keys->question, &row, err);
	}
	if (found == 0) {
		if (addition_open(builder, addition, err) < 0 ||
			addition_key(addition, state, keys->content, err) < 0)
			return -1;
		found = layer_find(builder, keys->content, &row, err);
		if (found > 0 && addition->from &&
			catalog_put_cache(builder->catalog, keys->question, &row, err) < 0)
			return -1;
	}
	if (found > 0)
		*ret = row.layer;
	return found;
}

static int remember(struct builder *builder, const struct keys *keys, const struct layer_row *made,
	struct error **err)
{
	if (*keys->question && layer_remember(builder, keys->question, made, err) < 0)
		return -1;
	return layer_remember(builder, keys->content, made, err);
}

int add_step(struct builder *builder, struct state *state, const struct instruction *instruction,
	struct error **err)
{
	cleanup_addition struct addition addition = { .root = WORKSPACE_INIT };
	cleanup_free char *history = xasprintf("%s # buildkit", instruction->text);
	struct keys keys = { "", "" };
	struct progress_step step;
	struct layer_row made;
	struct digest layer;
	bool changed = false;
	int found;

	if (addition_read(builder, state, instruction, &addition, err) < 0)
		return -1;
	step = builder_begin(builder, instruction->text);
	found = find_cached(builder, state, &addition, &keys, &layer, err);
	if (found < 0)
		return -1;
	if (found) {
		progress_cached(&step);
		return layer_append(builder, state, &layer, history, err);
	}
	if (make_layer(builder, state, &addition, &made, &changed, err) < 0)
		return -1;
	if (!changed && remember(builder, &keys, &made, err) < 0)
		return -1;
	progress_done(&step);
	return layer_append(builder, state, &made.diff_id, history, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "store/blob.h"
#include "store/form.h"
#include "store/index.h"
#include "store/pack.h"
#include "store/transfer.h"
#include "sys/lower.h"

#define LOWER_MAX (HEX_MAX + sizeof("/" LOWER_INDEX))

/* What overlay gets of a layer: hex/fs or hex/index.erofs; NULL when neither is there. */
static const char *find_lower(struct store *store, const char *hex, char ret[static LOWER_MAX])
{
	static const char *const names[] = { "fs", LOWER_INDEX };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(ret, LOWER_MAX, "%s/%s", hex, names[i]);
		if (faccessat(store->layers_fd, ret, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return ret;
	}
	return NULL;
}

/* 1 when both the row and the directory are there. */
static int find_layer(struct store *store, const struct digest *diff_id, struct layer_row *ret,
	struct error **err)
{
	struct catalog *catalog;
	char path[LOWER_MAX], hex[HEX_MAX];
	int found;

	if (store_catalog(store, &catalog, err) < 0)
		return -1;
	found = catalog_find_layer(catalog, diff_id, ret, err);
	if (found == 1 && !find_lower(store, digest_hex(diff_id, hex), path))
		return 0;
	return found;
}

bool layer_exists(struct store *store, const struct digest *diff_id)
{
	cleanup_error struct error *err = NULL;
	struct layer_row row;

	return find_layer(store, diff_id, &row, &err) == 1;
}

/*
 * Locks the layer that already stands where ours was to go. It is whole: names are given last. The
 * lock keeps a sweep from taking it before its row is there. -2: it went while we looked.
 */
static int lock_other(struct store *store, const char *hex, struct error **err)
{
	cleanup_close int fd =
		openat(store->layers_fd, hex, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st, now;

	if (fd < 0)
		return errno == ENOENT ? -2 : error_sys(err, "open layer %s", hex);
	/* Shared, as layer_hold() does: two who hold one each must not wait for the other's. */
	if (TEMP_FAILURE_RETRY(flock(fd, LOCK_SH)) < 0 || fstat(fd, &st) < 0)
		return error_sys(err, "lock layer %s", hex);
	if (fstatat(store->layers_fd, hex, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
		now.st_ino != st.st_ino)
		return -2;
	return take_fd(&fd);
}

int layer_hold(struct store *store, const struct digest *diff_id, struct error **err)
{
	char hex[HEX_MAX];
	int fd = lock_other(store, digest_hex(diff_id, hex), err);

	if (fd == -2)
		return error_new(err, ERROR_NOT_FOUND, "layer sha256:%s is not in the store", hex);
	if (fd >= 0)
		blob_freshen(store, diff_id);
	return fd;
}

/* Gives the finished directory its name. Returns an fd that holds the lock on it, or -1. */
static int place_layer(
	struct store *store, const struct temp *temp, const char *hex, struct error **err)
{
	cleanup_close int fd = -2;

	while (fd == -2) {
		if (renameat2(store->tmp_fd, temp->name, store->layers_fd, hex, RENAME_NOREPLACE) ==
			0)
			fd = fcntl(temp->fd, F_DUPFD_CLOEXEC, 3); /* the same lock */
		else if (errno == EEXIST)
			fd = lock_other(store, hex, err);
		else
			return error_sys(err, "name layer %s", hex);
	}
	if (fd < 0 || fd_sync(store->layers_fd, "layers", err) < 0)
		return -1;
	return take_fd(&fd);
}

/* An index gets its tar beside it: the blob by a second name, with which it cannot go away. */
static int link_data(
	struct store *store, const struct temp *temp, const char *hex, struct error **err)
{
	if (linkat(store->blobs_fd, hex, temp->fd, LOWER_DATA, 0) < 0)
		return error_sys(err, "link blob %s", hex);
	return fd_sync(temp->fd, "a layer's directory", err);
}

/*
 * Data before names: all of a tree is written by one syncfs(2), as one fsync(2) for each of ten
 * thousand files takes minutes; an index was synced by who wrote it.
 */
static int sync_tree(const struct temp *temp, enum layer_form form, struct error **err)
{
	if (form == LAYER_DIRECTORY && syncfs(temp->fd) < 0)
		return error_sys(err, "sync the layer");
	return 0;
}

int layer_settle(struct store *store, const struct temp *temp, const struct layer_row *row,
	struct error **err)
{
	cleanup_close int lock_fd = -1;
	struct catalog *catalog;
	struct layer_row found;
	char hex[HEX_MAX];
	int known = find_layer(store, &row->diff_id, &found, err);

	if (known < 0 || store_catalog(store, &catalog, err) < 0)
		return -1;
	if (known == 1)
		return 0;
	lock_fd = place_layer(store, temp, digest_hex(&row->diff_id, hex), err);
	if (lock_fd < 0)
		return -1;
	return catalog_put_layer(catalog, row, err);
}

/* tmp/<random>/fs, open for reading. */
static int make_tree(const struct temp *temp, struct error **err)
{
	cleanup_close int fd = -1;

	if (mkdirat(temp->fd, "fs", 0755) < 0)
		return error_sys(err, "make a layer's directory");
	fd = openat(temp->fd, "fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, 0755) < 0) /* whatever the umask: it can become a container's / */
		return error_sys(err, "open a layer's directory");
	return take_fd(&fd);
}

static int unpack_into(const struct temp *temp, struct transfer_unpack *unpack,
	struct transfer_result *ret, struct error **err)
{
	cleanup_close int fs_fd = make_tree(temp, err);

	unpack->dest_fd = fs_fd;
	return fs_fd < 0 ? -1 : transfer_unpack(unpack, ret, err);
}

/*
 * An index of the tar is made, while the tar goes into the blob. 1, or 0 when the index cannot say
 * all that is in the tar.
 */
static int index_into(const struct temp *temp, struct transfer_unpack *unpack, int64_t tar_size,
	struct transfer_result *ret, struct error **err)
{
	cleanup_layer_index struct layer_index *index = layer_index_new();
	const char *why;
	int result;

	unpack->dest_fd = -1;
	unpack->index = index;
	result = transfer_unpack(unpack, ret, err);
	unpack->index = NULL;
	if (result < 0)
		return -1;
	return layer_index_write(
		index, temp->fd, unpack->copy ? blob_written(unpack->copy) : tar_size, &why, err);
}

/* What the index could not say, or what is wrong with the archive, unpacking knows. */
static int unpack_blob(const struct temp *temp, const struct transfer_unpack *from,
	struct transfer_result *ret, struct error **err)
{
	cleanup_close int tar_fd = from->copy ? blob_reopen(from->copy, err) : -1;
	struct transfer_unpack unpack = { .archive_fd = tar_fd, .layer = true };

	if (!from->copy) {
		unpack.archive_fd = from->archive_fd;
		if (lseek(unpack.archive_fd, 0, SEEK_SET) < 0)
			return error_sys(err, "read a blob again");
	}
	return unpack.archive_fd < 0 ? -1 : unpack_into(temp, &unpack, ret, err);
}

static int import_as(const struct temp *temp, struct transfer_unpack *unpack, int64_t tar_size,
	enum layer_form *form, struct transfer_result *ret, struct error **err)
{
	int indexed;

	if (*form == LAYER_DIRECTORY)
		return unpack_into(temp, unpack, ret, err);
	indexed = index_into(temp, unpack, tar_size, ret, err);
	if (indexed != 0)
		return indexed < 0 ? -1 : 0;
	*form = LAYER_DIRECTORY;
	return unpack_blob(temp, unpack, ret, err);
}

/* Without unpack->copy the archive is the blob that row tells. */
static int fill_layer(struct store *store, const struct temp *temp, struct transfer_unpack *unpack,
	const struct digest *expected, struct layer_row *row, struct error **err)
{
	struct transfer_result result;
	enum layer_form form;
	char hex[HEX_MAX];

	unpack->dest_fd = -1;
	unpack->layer = true;
	if (layer_form(store, &form, err) < 0 ||
		import_as(temp, unpack, row->tar_size, &form, &result, err) < 0)
		return -1;
	row->size = result.size;
	if (sync_tree(temp, form, err) < 0 ||
		(unpack->copy && blob_commit(&unpack->copy, expected, &row->diff_id, &row->tar_size,
					 err) < 0))
		return -1;
	return form == LAYER_EROFS ? link_data(store, temp, digest_hex(&row->diff_id, hex), err)
				   : 0;
}

int layer_unpack(struct store *store, const struct temp *temp, struct transfer_unpack *unpack,
	const struct digest *expected, struct layer_row *ret, struct error **err)
{
	struct layer_row row = { 0 };
	int outcome;

	if (blob_begin(store, &unpack->copy, err) < 0)
		return -1;
	outcome = fill_layer(store, temp, unpack, expected, &row, err);
	blob_abort(unpack->copy);
	if (outcome == 0)
		*ret = row;
	return outcome;
}

static int import_into(struct store *store, const struct temp *temp, int tar_fd,
	struct layer_row *ret, struct error **err)
{
	struct transfer_unpack unpack = { .archive_fd = tar_fd };
	struct layer_row row;

	if (layer_unpack(store, temp, &unpack, NULL, &row, err) < 0 ||
		layer_settle(store, temp, &row, err) < 0)
		return -1;
	*ret = row;
	return 0;
}

int layer_end(struct store *store, struct temp *temp, bool was_in_use, int outcome)
{
	cleanup_error struct error *unsaid = NULL; /* a sweep tries again */

	(void)temp_remove(store, temp, &unsaid);
	if (!was_in_use)
		store_unuse(store);
	return outcome;
}

int layer_import(struct store *store, int tar_fd, struct layer_row *ret, struct error **err)
{
	bool was_in_use = store->in_use;
	struct temp *temp = temp_make(store, err);

	if (!temp)
		return -1;
	return layer_end(store, temp, was_in_use, import_into(store, temp, tar_fd, ret, err));
}

/* 1 when it is no compressed file: then what is hashed is what would be unpacked. */
static int is_plain(int fd, struct error **err)
{
	char head[FORM_PEEK];
	ssize_t length = TEMP_FAILURE_RETRY(pread(fd, head, sizeof(head), 0));
	enum archive_form form;

	if (length < 0)
		return error_sys(err, "read a blob");
	form = form_detect(head, (size_t)length);
	return form == FORM_TAR || form == FORM_NONE;
}

static int import_blob_into(struct store *store, const struct temp *temp, int tar_fd,
	const struct digest *blob, struct layer_row *ret, struct error **err)
{
	struct transfer_unpack unpack = { .archive_fd = tar_fd };
	struct layer_row row = { .diff_id = *blob, .tar_size = blob_size(store, blob) };

	if (fill_layer(store, temp, &unpack, NULL, &row, err) < 0 ||
		layer_settle(store, temp, &row, err) < 0)
		return -1;
	*ret = row;
	return 0;
}

int layer_import_blob(
	struct store *store, const struct digest *blob, struct layer_row *ret, struct error **err)
{
	bool was_in_use = store->in_use;
	cleanup_close int fd = blob_open(store, blob, err);
	int plain = fd < 0 ? -1 : is_plain(fd, err);
	struct temp *temp;

	if (plain <= 0)
		return plain < 0 ? -1 : layer_import(store, fd, ret, err);
	temp = temp_make(store, err);
	if (!temp)
		return -1;
	return layer_end(
		store, temp, was_in_use, import_blob_into(store, temp, fd, blob, ret, err));
}

static int write_to_blob(void *arg, const void *data, size_t length, struct error **err)
{
	return blob_write(arg, data, length, err);
}

static int pack_upper(
	int upper_fd, struct blob_writer *writer, int64_t *ret_size, struct error **err)
{
	cleanup_free struct pack_buffer *buffer = xcalloc(1, sizeof(*buffer));
	struct pack_options options = { .layer = true, .sink = pack_buffer_add, .arg = buffer };

	buffer->sink = write_to_blob;
	buffer->arg = writer;
	if (pack_directory(upper_fd, &options, ret_size, err) < 0)
		return -1;
	return pack_buffer_flush(buffer, err);
}

static int commit_into(struct store *store, const struct temp *temp, const char *upper,
	struct layer_row *ret, struct error **err)
{
	cleanup_close int upper_fd = open(upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct blob_writer *writer = NULL;
	struct layer_row row = { 0 };
	int outcome;

	if (upper_fd < 0)
		return error_sys(err, "open %s", upper);
	if (blob_begin(store, &writer, err) < 0)
		return -1;
	outcome = pack_upper(upper_fd, writer, &row.size, err);
	if (outcome == 0 && renameat(AT_FDCWD, upper, temp->fd, "fs") < 0)
		outcome = error_sys(err, "move %s to %s/layers", upper, store->path);
	if (outcome == 0)
		outcome = sync_tree(temp, LAYER_DIRECTORY, err);
	if (outcome == 0)
		outcome = blob_commit(&writer, NULL, &row.diff_id, &row.tar_size, err);
	if (outcome == 0)
		outcome = layer_settle(store, temp, &row, err);
	blob_abort(writer);
	if (outcome == 0)
		*ret = row;
	return outcome;
}

int layer_commit(struct store *store, const char *upper, struct layer_row *ret, struct error **err)
{
	bool was_in_use = store->in_use;
	struct temp *temp = temp_make(store, err);
	int outcome;

	if (!temp)
		return -1;
	outcome = commit_into(store, temp, upper, ret, err);
	return layer_end(store, temp, was_in_use, outcome);
}

int layer_remove(struct store *store, const struct digest *diff_id, struct error **err)
{
	struct temp *temp;
	char hex[HEX_MAX];

	digest_hex(diff_id, hex);
	if (faccessat(store->layers_fd, hex, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	/* Whole or gone: half of a layer must never stand in layers/. */
	temp = temp_make(store, err);
	if (!temp)
		return -1;
	if (renameat(store->layers_fd, hex, temp->fd, "layer") < 0 && errno != ENOENT) {
		error_sys(err, "remove layer %s", hex);
		temp_release(store, temp);
		return -1;
	}
	return temp_remove(store, temp, err);
}

int layer_lowers(struct store *store, const struct digest *diff_ids, size_t count, strv *ret,
	struct error **err)
{
	cleanup_strv strv lowers = NULL;

	for (size_t i = count; i-- > 0;) {
		char hex[HEX_MAX], lower[LOWER_MAX];
		char *path;

		if (!find_lower(store, digest_hex(&diff_ids[i], hex), lower)) {
			error_new(err, ERROR_NOT_FOUND, "layer sha256:%s is not in the store", hex);
			return error_hint(err, "remove the image and pull or build it again");
		}
		path = xasprintf("%s/layers/%s", store->path, lower);
		/* Overlay refuses a directory twice; the same layer further down shows nothing
		 * anyway. */
		if (strv_contains(lowers, path))
			free(path);
		else
			strv_take(&lowers, path);
	}
	*ret = take_ptr(lowers);
	return 0;
}

int64_t store_layer_size(struct store *store, const struct layer_row *layer)
{
	cleanup_compressed_rows struct compressed_rows forms = { 0 };
	cleanup_error struct error *unsaid = NULL;
	struct catalog *catalog;
	char path[HEX_MAX + sizeof("/fs")], hex[HEX_MAX];
	int64_t size = blob_exists(store, &layer->diff_id) ? layer->tar_size : 0;

	(void)snprintf(path, sizeof(path), "%s/fs", digest_hex(&layer->diff_id, hex));
	if (faccessat(store->layers_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		size += layer->size;
	if (store_catalog(store, &catalog, &unsaid) < 0 ||
		catalog_compressed_of(catalog, &layer->diff_id, &forms, &unsaid) < 0)
		return size;
	for (size_t i = 0; i < forms.count; i++)
		size += blob_exists(store, &forms.items[i].digest) ? forms.items[i].size : 0;
	return size;
}

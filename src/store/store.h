/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: blobs by digest (an OCI image layout under ROOT/blobs), layers, and the snapshots that
 * containers and build steps write on.
 *
 *   ROOT/oci-layout, ROOT/index.json    what makes it a layout that other tools can read
 *   ROOT/blobs/sha256/<hex>             configs, manifests, layers' uncompressed tars
 *   ROOT/layers/<hex of diff id>/       a layer as overlay wants it (enum layer_form):
 *                                 fs      its tree, unpacked; or
 *                                 index.erofs, data   an index over its tar, and the tar: a hard
 *                                                     link to the blob
 *   ROOT/partial/<hex>                  blobs whose download is not finished (store/partial.h)
 *   ROOT/tmp/                           what is being made
 *   ROOT/lock
 *   ROOT/reserve                        room for removing things when the disk is full
 *
 * Order of every addition: data, fsync or syncfs, rename, directory fsync, then the catalogue's
 * transaction. What no transaction names is garbage, which store_sweep() removes; what is still
 * being made is told from garbage by locks, which the kernel drops with their process:
 *   - a directory in tmp/ is locked (flock(2)) by its maker, who keeps the lock when the directory
 *     is renamed into layers/, until its row is committed;
 *   - who puts blobs shares ROOT/lock until store_put_image() or store_close(); blobs that no row
 *     names are garbage only for who gets it alone, or when they are a day old.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strv.h"
#include "oci/digest.h"
#include "oci/image.h"
#include "state/catalog.h"

struct error;

struct store {
	char *path; /* absolute ROOT */
	int root_fd, blobs_fd, layers_fd, tmp_fd;
	int lock_fd; /* ROOT/lock: shared by who has blobs that no transaction names yet */
	bool in_use; /* lock_fd is locked */
	struct temp *temps; /* directories in tmp/ that this process is making */
	struct catalog *catalog; /* owned; opened at first use by store_catalog() */
	int form; /* enum layer_form of new layers; 0 until layer_form() has asked the kernel */
};

int store_open(const char *root, struct store *ret, struct error **err);
void store_close(struct store *store);
int store_catalog(struct store *store, struct catalog **ret, struct error **err);
/*
 * A directory of one's own in tmp/, kept from store_sweep() until it is removed, the store is
 * closed or the process ends. *ret is its absolute path.
 */
int store_make_temp(struct store *store, char **ret, struct error **err);
int store_remove_temp(struct store *store, const char *path, struct error **err);
/* Writes index.json anew from the catalogue; done by all that changes images here. */
int store_write_index(struct store *store, struct error **err);
/* Removes what no transaction names; takes nothing that another process is still making. Returns
 * how many. */
int store_sweep(struct store *store, struct error **err);

/* Before things are removed: on a full disk, gives the reserve up. */
void store_make_room(struct store *store);
/* Before things are added: takes the reserve (again), if it can. */
void store_keep_room(struct store *store);

/* ---- blobs ---- */
struct blob_writer; /* a file in tmp/ with a running digest */
int blob_begin(struct store *store, struct blob_writer **ret, struct error **err);
int blob_write(struct blob_writer *writer, const void *data, size_t length, struct error **err);
/* Puts it in place, durably; idempotent. expected may be NULL; another digest is ERROR_INVALID and
 * nothing stays. */
int blob_commit(struct blob_writer **writer, const struct digest *expected, struct digest *ret,
	int64_t *ret_size, struct error **err);
void blob_abort(struct blob_writer *writer);
int blob_put(struct store *store, const void *data, size_t length, struct digest *ret,
	struct error **err);
/* A whole file, which the caller has hashed, moves to where the blob of that digest stands. It
 * stays where it is when the blob is there already. */
int blob_take(struct store *store, int dir_fd, const char *name, const struct digest *digest,
	struct error **err);
/* 1 when a blob of that length is here: then no sweep takes it before store_put_image(),
 * store_adopt_image() or store_close(). */
int blob_keep(struct store *store, const struct digest *digest, int64_t size, struct error **err);
/* How long it is; -1: it is not there. */
int64_t blob_size(struct store *store, const struct digest *digest);
int blob_open(struct store *store, const struct digest *digest, struct error **err); /* O_RDONLY */
/*
 * Whether an open blob is as it was when it was hashed, as far as the file system knows: its length
 * and its time of modification are those of the mark that it got then. What a failing disk does is
 * not seen so; hashing again sees it.
 */
bool blob_is_unchanged(int fd);
/* Reads a whole small blob and checks its digest. */
int blob_read(struct store *store, const struct digest *digest, size_t max, char **ret,
	size_t *ret_length, struct error **err);

/* ---- layers ---- */
enum layer_form {
	LAYER_DIRECTORY = 1, /* unpacked */
	LAYER_EROFS, /* an index over the tar, which the kernel mounts */
};

/*
 * The form of layers that are imported: LAYER_EROFS where the kernel can put an overlay on such a
 * layer in this store, which is tried. VESSEL_LAYERS=directory or =erofs in the environment forces
 * one.
 */
int layer_form(struct store *store, enum layer_form *ret, struct error **err);
/*
 * A tar (plain, gzip or zstd) becomes a layer: hashed, kept as a blob, checked and listed or
 * unpacked, all by vessel-unpack, which has no rights outside. The catalogue row is committed.
 * Returns with *ret filled; idempotent.
 */
int layer_import(struct store *store, int tar_fd, struct layer_row *ret, struct error **err);
/* The same of a plain tar that is a blob here, put by this process, which has hashed it: it is not
 * written once more. */
int layer_import_blob(
	struct store *store, const struct digest *blob, struct layer_row *ret, struct error **err);
/*
 * A snapshot's upper directory becomes a layer: its tar is written and hashed as a blob, the
 * directory is moved into layers/. An empty upper gives the empty layer.
 */
int layer_commit(struct store *store, const char *upper, struct layer_row *ret, struct error **err);
/*
 * The same of an upper directory that stays where it is: it is packed and imported like any layer.
 * left_out: paths that are left out with all below them; NULL: none.
 */
int layer_pack(struct store *store, int upper_fd, char *const *left_out, struct layer_row *ret,
	struct error **err);
bool layer_exists(struct store *store, const struct digest *diff_id);
/* Keeps a layer's files from being removed, with or without a row, until the fd returned is closed.
 * Not for who holds a temporary directory's lock. */
int layer_hold(struct store *store, const struct digest *diff_id, struct error **err);
/* Paths for mount_overlay(), topmost first; of layers that are not unpacked, that of the index. */
int layer_lowers(struct store *store, const struct digest *diff_ids, size_t count, strv *ret,
	struct error **err);
/* Unpacks a local archive below dest_fd (ADD); compressed forms by content, gzip bzip2 xz zstd
 * where known. 0: it is no archive. */
int archive_unpack(int archive_fd, int dest_fd, struct error **err);
/* 1 when the file's content is an archive that archive_unpack() takes. */
int archive_detect(int fd, struct error **err);
/* Writes what is below dir_fd as a tar, as it is: no whiteouts. Others may write to it meanwhile.
 */
int archive_write(int dir_fd, int out_fd, struct error **err);

/* ---- images ---- */
/* Writes config and manifest as blobs, checks that all layers are here, commits image (and
 * reference unless NULL). */
int store_put_image(struct store *store, const struct image_config *config, const char *reference,
	struct image_row *ret, struct error **err);
/*
 * An image as it was received: its manifest (not an index) and configuration are blobs here, its
 * layers are imported. Both are read and checked again; the image keeps this manifest bit for bit,
 * and its id is the digest of its configuration. The layers' blobs that are here are remembered as
 * forms of their layers (catalog_put_compressed()). reference: in any form, or NULL.
 */
int store_adopt_image(struct store *store, const struct digest *manifest, const char *reference,
	struct image_row *ret, struct error **err);
/* By reference or id prefix, as users write it; ERROR_NOT_FOUND: "No such image: x". */
int store_find_image(
	struct store *store, const char *name, struct image_row *ret, struct error **err);
/* 1, or 0 when it is not there. */
int store_lookup_image(
	struct store *store, const char *name, struct image_row *ret, struct error **err);
int store_read_config(
	struct store *store, const struct digest *id, struct image_config *ret, struct error **err);
/* Removes image, then layers and blobs that nothing names any more. */
int store_remove_image(struct store *store, const struct digest *id, struct error **err);
/* Layers that the caller, who has the store alone (store_use_alone()), knows to be nobody's. */
int store_remove_layers(
	struct store *store, const struct digest *diff_ids, size_t count, struct error **err);
/* What a layer takes of the disk: its tree or index, its tar, and its blobs as registries have it.
 */
int64_t store_layer_size(struct store *store, const struct layer_row *layer);

/* Shares ROOT/lock, so that nobody removes what seems to be nobody's; idempotent. */
int store_use(struct store *store, struct error **err);
void store_unuse(struct store *store);
/* 1 when no one else shares it: then it is ours until store_unuse(). 0 otherwise. */
int store_use_alone(struct store *store, struct error **err);

static inline void store_close_p_(struct store *store)
{
	store_close(store);
}
#define cleanup_store CLEANUP(store_close)

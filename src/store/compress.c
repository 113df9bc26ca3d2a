/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worker k of n compresses the chunks k, k + n, k + 2n, …, and writes each as a length and that
 * many bytes to a pipe of its own; reading the pipes in turn gives the chunks in order. A worker is
 * a fork that uses no more than the tar's fd and memory of its own.
 */
#include "store/compress.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/spawn.h"
#include "store/blob.h"
#include "store/gzip_member.h"

#define CHUNK_BYTES (1UL << 20)
#define MEMBER_MAX (2 * CHUNK_BYTES) /* more than any bound of a chunk */
#define WORKERS_MAX 16
#define PIPE_BYTES (1 << 20) /* a few members, so that nobody waits for a slow neighbour */
#define MANIFEST_MAX (4UL << 20)

struct worker {
	pid_t pid;
	int pipe_fd; /* -1: there is none */
};

struct compress {
	struct store *store;
	const struct digest *diff_id;
	const struct compress_progress *progress;
	int tar_fd; /* borrowed */
	int64_t size;
	struct worker workers[WORKERS_MAX];
	size_t worker_count;
	struct blob_writer *writer;
	struct sha256 sha; /* of the tar: what is sent on must be what was stored */
};

static size_t chunk_length(const struct compress *compress, int64_t chunk)
{
	int64_t left = compress->size - chunk * (int64_t)CHUNK_BYTES;

	return left < (int64_t)CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
}

/* An empty file is one empty member. */
static int64_t chunk_count(const struct compress *compress)
{
	int64_t count = (compress->size + (int64_t)CHUNK_BYTES - 1) / (int64_t)CHUNK_BYTES;

	return count > 0 ? count : 1;
}

static int read_chunk(int fd, void *buf, size_t length, int64_t offset)
{
	for (size_t done = 0; done < length;) {
		ssize_t n = TEMP_FAILURE_RETRY(
			pread(fd, (char *)buf + done, length - done, offset + (int64_t)done));

		if (n <= 0) {
			errno = n < 0 ? errno : ENODATA;
			return -1;
		}
		done += (size_t)n;
	}
	return 0;
}

/* ---- a worker ---- */

static int write_member(int fd, const void *member, uint32_t length)
{
	cleanup_error struct error *unsaid = NULL;

	if (length == 0 || file_write_all(fd, &length, sizeof(length), "pipe", &unsaid) < 0)
		return -1;
	return file_write_all(fd, member, length, "pipe", &unsaid);
}

static int work(const struct compress *compress, size_t first, int out_fd)
{
	struct gzip_packer *packer = gzip_packer_new();
	cleanup_free char *chunk = xcalloc(1, CHUNK_BYTES), *member = xcalloc(1, MEMBER_MAX);
	int64_t count = chunk_count(compress), step = (int64_t)compress->worker_count;

	if (!packer || gzip_packer_bound(packer, CHUNK_BYTES) > MEMBER_MAX)
		return -1;
	for (int64_t i = (int64_t)first; i < count; i += step) {
		size_t length = chunk_length(compress, i), packed;

		if (read_chunk(compress->tar_fd, chunk, length, i * (int64_t)CHUNK_BYTES) < 0)
			return -1;
		packed = gzip_packer_pack(packer, chunk, length, member, MEMBER_MAX);
		if (write_member(out_fd, member, (uint32_t)packed) < 0)
			return -1;
	}
	gzip_packer_free(packer);
	return 0;
}

static int start_worker(struct compress *compress, size_t i, struct error **err)
{
	pid_t parent = getpid();
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	(void)fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (getppid() == parent)
			_exit(work(compress, i, ends[1]) == 0 ? 0 : 1);
		_exit(1);
	}
	close_fd(ends[1]);
	compress->workers[i] = (struct worker){ pid, ends[0] };
	return pid < 0 ? error_sys(err, "fork") : 0;
}

/* ---- who reads them ---- */

static size_t processor_count(void)
{
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return count < WORKERS_MAX ? (size_t)count : WORKERS_MAX;
}

static int start_workers(struct compress *compress, struct error **err)
{
	int64_t chunks = chunk_count(compress);

	for (size_t i = 0; i < WORKERS_MAX; i++)
		compress->workers[i] = (struct worker){ -1, -1 };
	compress->worker_count = processor_count();
	if ((int64_t)compress->worker_count > chunks)
		compress->worker_count = (size_t)chunks;
	for (size_t i = 0; i < compress->worker_count; i++)
		if (start_worker(compress, i, err) < 0)
			return -1;
	return 0;
}

/* Their pipes are closed first: one that still works ends by that. */
static int stop_workers(struct compress *compress, int result, struct error **err)
{
	for (size_t i = 0; i < compress->worker_count; i++) {
		cleanup_error struct error *unsaid = NULL;
		struct worker *worker = &compress->workers[i];
		int status = 0;

		close_fd(take_fd(&worker->pipe_fd));
		if (worker->pid <= 0)
			continue;
		if (result < 0)
			(void)kill(worker->pid, SIGKILL);
		if (child_wait(worker->pid, &status, &unsaid) == 0 && status == 0)
			continue;
		if (result == 0)
			result = error_new(err, ERROR_INTERNAL, "a worker did not end well");
	}
	return result;
}

static int read_pipe(int fd, void *buf, size_t length, struct error **err)
{
	for (size_t done = 0; done < length;) {
		ssize_t n = TEMP_FAILURE_RETRY(read(fd, (char *)buf + done, length - done));

		if (n < 0)
			return error_sys(err, "read a worker's pipe");
		if (n == 0)
			return error_new(err, ERROR_INTERNAL, "a worker ended too early");
		done += (size_t)n;
	}
	return 0;
}

static int take_member(struct compress *compress, int64_t chunk, char *buf, struct error **err)
{
	int fd = compress->workers[(size_t)chunk % compress->worker_count].pipe_fd;
	uint32_t length;

	if (read_pipe(fd, &length, sizeof(length), err) < 0)
		return -1;
	if (length > MEMBER_MAX)
		return error_new(err, ERROR_INTERNAL, "a worker's member is too long");
	if (read_pipe(fd, buf, length, err) < 0)
		return -1;
	return blob_write(compress->writer, buf, length, err);
}

static int hash_chunk(struct compress *compress, int64_t chunk, char *buf, struct error **err)
{
	size_t length = chunk_length(compress, chunk);

	if (read_chunk(compress->tar_fd, buf, length, chunk * (int64_t)CHUNK_BYTES) < 0)
		return error_sys(err, "read the layer");
	sha256_update(&compress->sha, buf, length);
	return 0;
}

static int take_members(struct compress *compress, struct error **err)
{
	cleanup_free char *buf = xcalloc(1, MEMBER_MAX);
	const struct compress_progress *progress = compress->progress;
	int64_t count = chunk_count(compress), done = 0;

	for (int64_t i = 0; i < count; i++) {
		/* First, while its worker is at it. */
		if (hash_chunk(compress, i, buf, err) < 0 || take_member(compress, i, buf, err) < 0)
			return -1;
		done += (int64_t)chunk_length(compress, i);
		if (progress && progress->bytes)
			progress->bytes(compress->diff_id, done, compress->size, progress->arg);
	}
	return 0;
}

static int check_tar(struct compress *compress, struct error **err)
{
	struct digest found;
	char text[DIGEST_TEXT_MAX];

	sha256_final(&compress->sha, found.sha256);
	if (memcmp(found.sha256, compress->diff_id->sha256, sizeof(found.sha256)) == 0)
		return 0;
	return error_new(err, ERROR_INVALID, "the store's tar of layer %s is damaged",
		digest_text(compress->diff_id, text));
}

static int compress_tar(struct compress *compress, struct compressed_row *row, struct error **err)
{
	int result;

	if (blob_begin(compress->store, &compress->writer, err) < 0)
		return -1;
	sha256_init(&compress->sha);
	result = start_workers(compress, err);
	if (result == 0)
		result = take_members(compress, err);
	result = stop_workers(compress, result, err);
	if (result < 0 || check_tar(compress, err) < 0) {
		blob_abort(compress->writer);
		return -1;
	}
	return blob_commit(&compress->writer, NULL, &row->digest, &row->size, err);
}

/* 1 when there is one, with its blob. */
static int find_form(struct store *store, const struct digest *diff_id, struct compressed_row *ret,
	struct error **err)
{
	cleanup_compressed_rows struct compressed_rows forms = { 0 };
	struct catalog *catalog;

	if (store_catalog(store, &catalog, err) < 0 ||
		catalog_compressed_of(catalog, diff_id, &forms, err) < 0)
		return -1;
	for (size_t i = 0; i < forms.count; i++) {
		if (blob_size(store, &forms.items[i].digest) != forms.items[i].size)
			continue;
		*ret = forms.items[i];
		ret->media_type = xstrdup(forms.items[i].media_type);
		return 1;
	}
	return 0;
}

int layer_compress(struct store *store, const struct digest *diff_id,
	const struct compress_progress *progress, struct compressed_row *ret, struct error **err)
{
	cleanup_close int fd = -1;
	struct compress compress = { .store = store, .diff_id = diff_id, .progress = progress };
	struct compressed_row row = { .diff_id = *diff_id, .media_type = (char *)OCI_LAYER_GZIP };
	struct catalog *catalog;
	struct stat st;
	int found = find_form(store, diff_id, ret, err);

	if (found != 0)
		return found < 0 ? -1 : 0;
	fd = blob_open(store, diff_id, err);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return error_sys(err, "look at a layer");
	compress.tar_fd = fd;
	compress.size = st.st_size;
	if (store_catalog(store, &catalog, err) < 0 || compress_tar(&compress, &row, err) < 0 ||
		catalog_put_compressed(catalog, &row, err) < 0)
		return error_wrap(err, "compress a layer");
	*ret = row;
	ret->media_type = xstrdup(OCI_LAYER_GZIP);
	return 0;
}

/* ---- images ---- */

/* What came with its manifest is known to a registry by it, or was written by someone else. */
static int is_ours(struct store *store, const struct image_row *image,
	const struct manifest *manifest, const char *text, struct error **err)
{
	cleanup_free char *again = manifest_text(manifest);
	cleanup_strv strv known = NULL;
	struct catalog *catalog;
	char digest[DIGEST_TEXT_MAX];

	if (strcmp(again, text) != 0)
		return 0;
	if (store_catalog(store, &catalog, err) < 0 ||
		catalog_repo_digests_of(catalog, &image->id, &known, err) < 0)
		return -1;
	digest_text(&image->manifest, digest);
	for (size_t i = 0; known && known[i]; i++)
		if (strstr(known[i], digest))
			return 0;
	return 1;
}

static bool has_plain(const struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->entry_count; i++)
		if (strcmp(manifest->entries[i].media_type, OCI_LAYER) == 0)
			return true;
	return false;
}

static int compress_entries(struct store *store, struct manifest *manifest,
	const struct compress_progress *progress, struct error **err)
{
	for (size_t i = 0; i < manifest->entry_count; i++) {
		struct descriptor *entry = &manifest->entries[i];
		struct compressed_row row = { .size = 0 };

		if (strcmp(entry->media_type, OCI_LAYER) != 0)
			continue;
		if (layer_compress(store, &entry->digest, progress, &row, err) < 0)
			return error_wrap(err, "layer %zu", i + 1);
		replace_string(&entry->media_type, xstrdup(layer_type_oci(row.media_type)));
		entry->digest = row.digest;
		entry->size = row.size;
		free(row.media_type);
	}
	return 0;
}

static int set_manifest(struct store *store, struct image_row *image,
	const struct manifest *manifest, struct error **err)
{
	cleanup_free char *text = manifest_text(manifest);
	struct catalog *catalog;
	struct digest digest;

	if (store_catalog(store, &catalog, err) < 0 ||
		blob_put(store, text, strlen(text), &digest, err) < 0 ||
		catalog_set_manifest(catalog, &image->id, &digest, err) < 0)
		return -1;
	store_unuse(store);
	image->manifest = digest;
	return store_write_index(store, err);
}

int image_compress(struct store *store, struct image_row *image,
	const struct compress_progress *progress, struct error **err)
{
	cleanup_manifest struct manifest manifest = { 0 };
	cleanup_free char *text = NULL;
	size_t length;
	int ours;

	if (blob_read(store, &image->manifest, MANIFEST_MAX, &text, &length, err) < 0 ||
		manifest_parse(text, length, &manifest, err) < 0)
		return -1;
	if (!has_plain(&manifest))
		return 0;
	ours = is_ours(store, image, &manifest, text, err);
	if (ours <= 0)
		return ours;
	if (compress_entries(store, &manifest, progress, err) < 0)
		return -1;
	return set_manifest(store, image, &manifest, err);
}

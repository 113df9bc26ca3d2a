/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/save_check.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/sha256.h"

#define READ_BYTES (256UL * 1024)

struct save_check {
	struct store *store;
	const struct save_list *list;
	pthread_t thread;
	bool started;
	struct error *failure;
	char buf[READ_BYTES];
};

static int check_blob(struct save_check *check, const struct save_blob *blob, struct error **err)
{
	cleanup_close int fd = blob_open(check->store, &blob->digest, err);
	struct digest digest;
	struct sha256 sha;
	char text[DIGEST_TEXT_MAX];
	ssize_t n;

	if (fd < 0)
		return -1;
	if (blob_is_unchanged(fd))
		return 0;
	sha256_init(&sha);
	while ((n = TEMP_FAILURE_RETRY(read(fd, check->buf, sizeof(check->buf)))) > 0)
		sha256_update(&sha, check->buf, (size_t)n);
	if (n < 0)
		return error_sys(err, "read blob %s", digest_text(&blob->digest, text));
	sha256_final(&sha, digest.sha256);
	if (memcmp(&digest, &blob->digest, sizeof(digest)) == 0)
		return 0;
	error_new(err, ERROR_INVALID, "blob %s is damaged", digest_text(&blob->digest, text));
	return error_hint(err, "remove the image and pull or load it again");
}

static void *run(void *arg)
{
	struct save_check *check = arg;
	int result = 0;

	for (size_t i = 0; i < check->list->blob_count && result == 0; i++)
		if (!check->list->blobs[i].text)
			result = check_blob(check, &check->list->blobs[i], &check->failure);
	return NULL;
}

struct save_check *save_check_begin(struct store *store, const struct save_list *list)
{
	struct save_check *check = xcalloc(1, sizeof(*check));

	check->store = store;
	check->list = list;
	check->started = pthread_create(&check->thread, NULL, run, check) == 0;
	return check;
}

int save_check_end(struct save_check *check, struct error **err)
{
	int result = 0;

	if (check->started)
		(void)pthread_join(check->thread, NULL);
	else
		(void)run(check); /* no thread to be had: then one after the other */
	if (check->failure) {
		*err = take_ptr(check->failure);
		result = -1;
	}
	free(check);
	return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Directories in tmp/, and the locks that tell what is being made from what was left behind. */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/id.h"
#include "store/blob.h"

int store_use(struct store *store, struct error **err)
{
	if (store->in_use)
		return 0;
	if (TEMP_FAILURE_RETRY(flock(store->lock_fd, LOCK_SH)) < 0)
		return error_sys(err, "lock %s", store->path);
	store->in_use = true;
	return 0;
}

int store_use_alone(struct store *store, struct error **err)
{
	if (TEMP_FAILURE_RETRY(flock(store->lock_fd, LOCK_EX | LOCK_NB)) == 0) {
		store->in_use = true;
		return 1;
	}
	/* Changing a lock drops the old one first (flock(2)). */
	store->in_use = false;
	return errno == EWOULDBLOCK ? 0 : error_sys(err, "lock %s", store->path);
}

void store_unuse(struct store *store)
{
	if (store->in_use)
		(void)flock(store->lock_fd, LOCK_UN);
	store->in_use = false;
}

/* 1 made and locked, 0 when a sweep was faster, -1. */
static int try_temp(struct store *store, struct temp *temp, struct error **err)
{
	uint8_t random[16];
	struct stat st;

	random_bytes(random, sizeof(random));
	hex_encode(random, sizeof(random), temp->name);
	if (mkdirat(store->tmp_fd, temp->name, 0700) < 0)
		return error_sys(err, "make a directory in %s/tmp", store->path);
	temp->fd =
		openat(store->tmp_fd, temp->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (temp->fd >= 0 && flock(temp->fd, LOCK_EX | LOCK_NB) == 0 && fstat(temp->fd, &st) == 0 &&
		st.st_nlink > 0)
		return 1;
	close_fd(take_fd(&temp->fd));
	return 0;
}

struct temp *temp_make(struct store *store, struct error **err)
{
	struct temp *temp = xcalloc(1, sizeof(*temp));
	int result;

	do
		result = try_temp(store, temp, err);
	while (result == 0);
	if (result < 0) {
		free(temp);
		return NULL;
	}
	temp->next = store->temps;
	store->temps = temp;
	return temp;
}

void temp_release(struct store *store, struct temp *temp)
{
	struct temp **at = &store->temps;

	while (*at && *at != temp)
		at = &(*at)->next;
	if (*at)
		*at = temp->next;
	close_fd(temp->fd);
	free(temp);
}

int temp_remove(struct store *store, struct temp *temp, struct error **err)
{
	int result = tree_remove_at(store->tmp_fd, temp->name, err);

	temp_release(store, temp);
	return result;
}

int store_make_temp(struct store *store, char **ret, struct error **err)
{
	const struct temp *temp = temp_make(store, err);

	if (!temp)
		return -1;
	*ret = xasprintf("%s/tmp/%s", store->path, temp->name);
	return 0;
}

int store_remove_temp(struct store *store, const char *path, struct error **err)
{
	const char *name = strrchr(path, '/');
	cleanup_free char *expected = xasprintf("%s/tmp%s", store->path, name ? name : "");
	struct temp *temp = store->temps;

	if (!name || !name[1] || strcmp(name, "/..") == 0 || strcmp(path, expected) != 0)
		return error_new(err, ERROR_INVALID, "'%s' is not in %s/tmp", path, store->path);
	while (temp && strcmp(temp->name, name + 1) != 0)
		temp = temp->next;
	return temp ? temp_remove(store, temp, err) : tree_remove_at(store->tmp_fd, name + 1, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: a store of one's own, with the real helper beside the test program. */
#pragma once

#include <fcntl.h>
#include <stdlib.h>

#include "store/blob.h"
#include "store/tar_test.h"
#include "sys/lower.h"

struct place {
	char *path;
	struct store store;
};

/* Layers in one form, or in that which the kernel allows (0). */
static inline int setup_form(void **state, int form)
{
	struct place *place = xcalloc(1, sizeof(*place));
	const char *tmp = getenv("TMPDIR");
	cleanup_error struct error *err = NULL;

	/* Not /tmp: on a tmpfs before Linux 6.6 there are no user.* attributes. */
	place->path = xasprintf("%s/vessel-layer-test.XXXXXX", tmp ? tmp : "/var/tmp");
	assert_non_null(mkdtemp(place->path));
	assert_int_equal(store_open(place->path, &place->store, &err), 0);
	place->store.form = form;
	*state = place;
	return 0;
}

static inline int setup(void **state)
{
	return setup_form(state, 0);
}

static inline int setup_directory(void **state)
{
	return setup_form(state, LAYER_DIRECTORY);
}

static inline int setup_erofs(void **state)
{
	return setup_form(state, LAYER_EROFS);
}

/* A test of layers: the same for both forms. */
#define IN_BOTH_FORMS(test) \
	{ #test ", directory", test, setup_directory, teardown, NULL }, \
	{ \
#		test ", erofs", test, setup_erofs, teardown, NULL \
	}

/* Whether the kernel takes such layers in this place. */
static inline bool has_form(struct place *place)
{
	int wanted = place->store.form;
	cleanup_error struct error *err = NULL;
	enum layer_form found = LAYER_DIRECTORY;

	place->store.form = 0;
	(void)layer_form(&place->store, &found, &err);
	place->store.form = wanted;
	return wanted != LAYER_EROFS || found == LAYER_EROFS;
}

/* What a container would see of a layer: an fd, and its path for other programs in path. */
static inline int open_layer(
	struct place *place, const struct digest *diff_id, char path[static 64])
{
	cleanup_error struct error *err = NULL;
	cleanup_strv strv lowers = NULL;
	int fd;

	assert_int_equal(layer_lowers(&place->store, diff_id, 1, &lowers, &err), 0);
	fd = lower_is_index(lowers[0]) ? lower_mount(lowers[0], &err)
				       : open(lowers[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fail_msg("%s", err ? error_message(err) : "open");
	(void)snprintf(path, 64, "/proc/%d/fd/%d", (int)getpid(), fd);
	return fd;
}

static inline int teardown(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL;

	store_close(&place->store);
	assert_int_equal(tree_remove_at(AT_FDCWD, place->path, &err), 0);
	free(place->path);
	free(place);
	return 0;
}

#define NEED_ROOT() \
	do { \
		if (geteuid() != 0) { \
			print_message("skipped: only root can make the jail\n"); \
			skip(); \
		} \
	} while (0)

static inline void need_form(struct place *place)
{
	NEED_ROOT();
	if (has_form(place))
		return;
	print_message("skipped: this kernel mounts no such layers\n");
	skip();
}

static inline void fail_on(const struct error *err)
{
	if (err)
		fail_msg("%s", error_message(err));
}

/* How many names are in a directory of the store. */
static inline int count_names(const struct place *place, const char *path)
{
	cleanup_free char *command =
		xasprintf("find %s/%s -mindepth 1 -maxdepth 1 | wc -l", place->path, path);
	FILE *pipe = popen(command, "re"); // NOLINT(cert-env33-c): a test's own path
	char line[32] = "";

	assert_non_null(pipe);
	assert_non_null(fgets(line, sizeof(line), pipe));
	pclose(pipe);
	return (int)strtol(line, NULL, 10);
}

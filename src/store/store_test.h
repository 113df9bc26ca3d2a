/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: a store of one's own, with the real helper beside the test program. */
#pragma once

#include <fcntl.h>
#include <stdlib.h>

#include "store/blob.h"
#include "store/tar_test.h"

struct place {
	char *path;
	struct store store;
};

static inline int setup(void **state)
{
	struct place *place = xcalloc(1, sizeof(*place));
	const char *tmp = getenv("TMPDIR");
	cleanup_error struct error *err = NULL;

	/* Not /tmp: on a tmpfs before Linux 6.6 there are no user.* attributes. */
	place->path = xasprintf("%s/vessel-layer-test.XXXXXX", tmp ? tmp : "/var/tmp");
	assert_non_null(mkdtemp(place->path));
	assert_int_equal(store_open(place->path, &place->store, &err), 0);
	*state = place;
	return 0;
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

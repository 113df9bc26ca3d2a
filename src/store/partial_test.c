/* SPDX-License-Identifier: Apache-2.0 */
#include "store/partial.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "base/sha256.h"
#include "store/store_test.h"

#define WEEK (7L * 86400)

static struct digest digest_of(const char *text)
{
	struct digest digest;

	sha256_bytes(text, strlen(text), digest.sha256);
	return digest;
}

/* Of another process: 1 it got the lock, 0 not. */
static int lock_elsewhere(const struct place *place, const struct digest *digest)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct error *err = NULL;
		struct store store;
		struct partial partial;

		if (store_open(place->path, &store, &err) < 0)
			_exit(2);
		_exit(partial_lock(&store, digest, &partial, &err) & 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void one_process_has_it_and_the_next_goes_on(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL;
	struct digest digest = digest_of("blob");
	struct partial partial;

	assert_int_equal(partial_lock(&place->store, &digest, &partial, &err), 1);
	assert_int_equal(partial.length, 0);
	assert_int_equal(lock_elsewhere(place, &digest), 0);
	assert_int_equal(write(partial.fd, "bl", 2), 2);
	partial_release(&partial);
	/* Its holder has died at once: nothing needs to be given back. */
	assert_int_equal(lock_elsewhere(place, &digest), 1);
	assert_int_equal(partial_lock(&place->store, &digest, &partial, &err), 1);
	assert_int_equal(partial.length, 2);
	assert_int_equal(pwrite(partial.fd, "ob", 2, 2), 2);
	assert_int_equal(partial_keep(&place->store, &partial, &err), 0);
	assert_int_equal(blob_size(&place->store, &digest), 4);
	/* Who waited for it does not get what is a blob by now, but a new one. */
	assert_int_equal(partial_lock(&place->store, &digest, &partial, &err), 1);
	assert_int_equal(partial.length, 0);
	assert_int_equal(partial_discard(&place->store, &partial, &err), 0);
	assert_int_equal(count_names(place, "partial"), 0);
}

static int count(const struct partial_entry *entry, void *arg, struct error **err)
{
	int64_t *total = arg;

	(void)err;
	*total += entry->length;
	return 0;
}

static void old_ones_go_unless_somebody_has_them(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL;
	struct digest held_digest = digest_of("held"), left_digest = digest_of("left");
	struct partial held, left;
	int64_t total = 0;
	time_t now = time(NULL);

	/* None was ever made, and none is to be made for this: the disk may be full. */
	assert_int_equal(partial_sweep(&place->store, now, &err), 0);
	assert_int_equal(partial_remove(&place->store, &held_digest, &err), 0);
	assert_int_equal(faccessat(place->store.root_fd, "partial", F_OK, 0), -1);
	assert_int_equal(partial_lock(&place->store, &held_digest, &held, &err), 1);
	assert_int_equal(partial_lock(&place->store, &left_digest, &left, &err), 1);
	assert_int_equal(write(left.fd, "12345", 5), 5);
	partial_release(&left);
	assert_int_equal(partial_each(&place->store, count, &total, &err), 0);
	assert_int_equal(total, 5);
	assert_int_equal(partial_sweep(&place->store, now + WEEK - 60, &err), 0);
	assert_int_equal(count_names(place, "partial"), 2);
	assert_int_equal(partial_sweep(&place->store, now + WEEK + 60, &err), 1);
	assert_int_equal(count_names(place, "partial"), 1);
	assert_int_equal(partial_remove(&place->store, &held_digest, &err), 0);
	partial_release(&held);
	assert_int_equal(partial_remove(&place->store, &held_digest, &err), 1);
	assert_int_equal(partial_remove(&place->store, &held_digest, &err), 0);
	assert_int_equal(count_names(place, "partial"), 0);
}

/* A sweep leaves young ones: another command's, between two pulls. */
static void a_sweep_of_the_store_leaves_young_ones(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL;
	struct digest digest = digest_of("young");
	struct partial partial;

	assert_int_equal(partial_lock(&place->store, &digest, &partial, &err), 1);
	partial_release(&partial);
	assert_int_equal(store_sweep(&place->store, &err), 0);
	assert_int_equal(count_names(place, "partial"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			one_process_has_it_and_the_next_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(
			old_ones_go_unless_somebody_has_them, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_sweep_of_the_store_leaves_young_ones, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A layer that comes through a pipe, behind what is there already: whole, short, wrong and broken.
 */
#include "store/layer_worker.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "store/partial.h"
#include "store/store_test.h"

#define CONTENT 3000000UL /* more than every buffer on the way */

struct stock {
	struct buf tar; /* not compressed: what is where is known */
	struct digest digest;
};

static void make_stock(struct stock *stock)
{
	cleanup_free char *text = xcalloc(1, CONTENT + 1);

	*stock = (struct stock){ .tar = BUF_INIT(RAW_MAX) };
	for (size_t i = 0; i < CONTENT; i++)
		text[i] = (char)('a' + i * i % 23);
	raw_add(&stock->tar, &(struct raw){ .path = "file", .content = text });
	raw_end(&stock->tar);
	sha256_bytes(stock->tar.data, stock->tar.length, stock->digest.sha256);
}

static const struct {
	const char *why;
	size_t there, comes; /* how many bytes; comes 0: the rest */
	size_t spoil; /* the byte of it that is another one; 0: none */
	bool other_diff_id;
	int fault; /* 0: a layer */
} ways[] = {
	{ "all of it comes", 0, 0, 0, false, 0 },
	{ "the rest comes", 1234567, 0, 0, false, 0 },
	{ "all is there", SIZE_MAX, 0, 0, false, 0 },
	{ "it ends too early", 1000000, 500000, 0, false, LAYER_SHORT },
	{ "it ends before it begins", 0, 1, 0, false, LAYER_SHORT },
	{ "damaged content, of the right length", 1000000, 0, 2000, false, LAYER_WRONG },
	{ "damaged so that it is no archive", 1000000, 0, 10, false, LAYER_WRONG },
	{ "another layer than the image's", 1000, 0, 0, true, LAYER_BROKEN },
};

/* In a process of its own: the pipe holds less than all. */
static pid_t send_rest(int fd, const struct stock *stock, size_t from, size_t length)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct error *err = NULL;

		(void)signal(SIGPIPE, SIG_DFL);
		_exit(file_write_all(fd, stock->tar.data + from, length, "pipe", &err) < 0);
	}
	return pid;
}

static void import_one(struct place *place, const struct stock *stock, size_t i)
{
	cleanup_error struct error *err = NULL;
	size_t there = ways[i].there < stock->tar.length ? ways[i].there : stock->tar.length;
	size_t rest = ways[i].comes ? ways[i].comes : stock->tar.length - there;
	struct digest diff_id = stock->digest;
	enum layer_fault fault = 0;
	struct layer_worker worker;
	struct partial partial;
	struct layer_row row;
	int fds[2], result;
	pid_t sender;

	assert_int_equal(partial_lock(&place->store, &stock->digest, &partial, &err), 1);
	assert_int_equal(pwrite(partial.fd, stock->tar.data, there, 0), there);
	if (ways[i].spoil)
		assert_int_equal(pwrite(partial.fd, "\1", 1, (off_t)ways[i].spoil), 1);
	diff_id.sha256[0] ^= ways[i].other_diff_id;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	const struct layer_source source = { partial.fd, fds[0], (int64_t)stock->tar.length,
		&stock->digest };

	sender = send_rest(fds[1], stock, there, rest);
	close(fds[1]);
	assert_int_equal(layer_worker_start(&place->store, &source, &diff_id, &worker, &err), 0);
	close(fds[0]);
	result = layer_worker_end(&worker, &row, &fault, &err);
	assert_int_equal(waitpid(sender, NULL, 0), sender);
	print_message("%s: %s\n", ways[i].why, err ? error_message(err) : "a layer");
	assert_int_equal(fault, ways[i].fault);
	assert_int_equal(result, ways[i].fault ? -1 : 0);
	assert_int_equal(layer_exists(&place->store, &stock->digest), !ways[i].fault);
	assert_int_equal(count_names(place, "tmp"), 0);
	/* What came is kept, whatever it was. */
	assert_int_equal(lseek(partial.fd, 0, SEEK_END), there + rest);
	assert_int_equal(partial_discard(&place->store, &partial, &err), 0);
	if (result == 0)
		assert_int_equal(row.tar_size, stock->tar.length);
}

static void layers_come_in_many_ways(void **state)
{
	struct stock stock;

	(void)state;
	NEED_ROOT();
	make_stock(&stock);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		void *place;

		assert_int_equal(setup(&place), 0);
		import_one(place, &stock, i);
		assert_int_equal(teardown(&place), 0);
	}
	buf_done(&stock.tar);
}

static bool has_ended(pid_t pid)
{
	return kill(pid, 0) < 0 && errno == ESRCH;
}

/* Whoever started it is killed: it goes too, and with it its lock and its helper. */
static void a_worker_dies_with_its_parent(void **state)
{
	struct place *place = *state;
	cleanup_error struct error *err = NULL;
	struct digest digest = { 0 };
	struct partial partial;
	int result[2], status;
	pid_t parent, worker_pid;

	NEED_ROOT();
	assert_int_equal(pipe2(result, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0) {
		struct layer_worker worker;
		int fds[2];

		if (partial_lock(&place->store, &digest, &partial, &err) != 1 ||
			pipe2(fds, O_CLOEXEC) < 0)
			_exit(1);
		const struct layer_source source = { partial.fd, fds[0], 100000, &digest };

		if (layer_worker_start(&place->store, &source, &digest, &worker, &err) < 0 ||
			write(result[1], &worker.pid, sizeof(worker.pid)) < 0)
			_exit(1);
		pause();
	}
	assert_int_equal(read(result[0], &worker_pid, sizeof(worker_pid)), sizeof(worker_pid));
	assert_int_equal(partial_lock(&place->store, &digest, &partial, &err), 0);
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(waitpid(parent, &status, 0), parent);
	for (int i = 0; i < 500 && !has_ended(worker_pid); i++) {
		(void)waitpid(worker_pid, &status, WNOHANG); /* as a subreaper gets it */
		(void)usleep(10000);
	}
	assert_true(has_ended(worker_pid));
	assert_int_equal(partial_lock(&place->store, &digest, &partial, &err), 1);
	partial_release(&partial);
	close(result[0]);
	close(result[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layers_come_in_many_ways),
		cmocka_unit_test_setup_teardown(a_worker_dies_with_its_parent, setup, teardown),
	};

	/* Orphans come to us, so that their end can be seen wherever this runs. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

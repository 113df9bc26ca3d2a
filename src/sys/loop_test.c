/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "base/error.h"

struct fixture {
	struct loop *loop;
	int a, b; /* eventfds */
	int calls_a, calls_b;
};

static int fixture_setup(struct fixture *f, struct error **err)
{
	*f = (struct fixture){
		.loop = loop_new(err), .a = eventfd(1, EFD_CLOEXEC), .b = eventfd(1, EFD_CLOEXEC)
	};
	return f->loop && f->a >= 0 && f->b >= 0 ? 0 : -1;
}

static void fixture_done(struct fixture *f)
{
	loop_free(f->loop);
	close(f->a);
	close(f->b);
}

/* Whichever runs first removes the other, which was reported in the same batch. */
static int remove_other(int fd, uint32_t events, void *arg, struct error **err)
{
	struct fixture *f = arg;

	(void)events;
	(void)err;
	*(fd == f->a ? &f->calls_a : &f->calls_b) += 1;
	loop_remove(f->loop, fd == f->a ? f->b : f->a);
	if (f->calls_a + f->calls_b == 3)
		loop_stop(f->loop);
	return 0;
}

static void test_removed_fd_gets_no_more_calls(void **state)
{
	cleanup_error struct error *err = NULL;
	struct fixture f;

	(void)state;
	assert_int_equal(fixture_setup(&f, &err), 0);
	assert_int_equal(loop_add(f.loop, f.a, EPOLLIN, remove_other, &f, &err), 0);
	assert_int_equal(loop_add(f.loop, f.b, EPOLLIN, remove_other, &f, &err), 0);
	assert_int_equal(loop_run(f.loop, &err), 0);
	assert_true(f.calls_a == 0 || f.calls_b == 0);
	assert_int_equal(f.calls_a + f.calls_b, 3);
	fixture_done(&f);
}

static int stop_b(int fd, uint32_t events, void *arg, struct error **err)
{
	struct fixture *f = arg;

	(void)fd;
	(void)events;
	(void)err;
	f->calls_b++;
	loop_stop(f->loop);
	return 0;
}

static int never(int fd, uint32_t events, void *arg, struct error **err)
{
	(void)fd;
	(void)events;
	(void)arg;
	return error_new(err, ERROR_INTERNAL, "the old report reached the new fd");
}

/* Removes b and gives its place to another fd while b's report is pending in the batch. */
static int replace_b(int fd, uint32_t events, void *arg, struct error **err)
{
	struct fixture *f = arg;

	(void)events;
	f->calls_a++;
	loop_remove(f->loop, f->b);
	close(f->b);
	f->b = eventfd(0, EFD_CLOEXEC); /* most likely the same number */
	if (loop_add(f->loop, f->b, EPOLLIN, never, f, err) < 0)
		return -1;
	loop_remove(f->loop, fd);
	return loop_add(f->loop, fd, EPOLLIN, stop_b, f, err);
}

static void test_reused_place_is_told_apart(void **state)
{
	cleanup_error struct error *err = NULL;
	struct fixture f;

	(void)state;
	assert_int_equal(fixture_setup(&f, &err), 0);
	assert_int_equal(loop_add(f.loop, f.a, EPOLLIN, replace_b, &f, &err), 0);
	assert_int_equal(loop_add(f.loop, f.b, EPOLLIN, replace_b, &f, &err), 0);
	loop_remove(f.loop, f.b);
	assert_int_equal(loop_add(f.loop, f.b, EPOLLIN, never, &f, &err), 0);
	assert_int_equal(loop_change(f.loop, f.b, 0, &err), 0);
	assert_int_equal(loop_run(f.loop, &err), 0);
	assert_int_equal(f.calls_a, 1);
	assert_int_equal(f.calls_b, 1);
	fixture_done(&f);
}

static void test_silent_hides_a_hangup(void **state)
{
	cleanup_error struct error *err = NULL;
	struct fixture f;
	int ends[2];

	(void)state;
	assert_int_equal(fixture_setup(&f, &err), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[1]); /* EPOLLHUP for ever: a loop that still saw it would end in never() */
	assert_int_equal(loop_add(f.loop, ends[0], EPOLLIN, never, &f, &err), 0);
	assert_int_equal(loop_change(f.loop, ends[0], 0, &err), 0);
	assert_int_equal(loop_add(f.loop, f.b, EPOLLIN, stop_b, &f, &err), 0);
	assert_int_equal(loop_run(f.loop, &err), 0);
	assert_int_equal(loop_change(f.loop, ends[0], EPOLLIN, &err), 0);
	loop_remove(f.loop, f.b);
	assert_int_equal(loop_run(f.loop, &err), -1);
	assert_string_equal(error_message(err), "the old report reached the new fd");
	close(ends[0]);
	fixture_done(&f);
}

static void test_full_table_is_an_error(void **state)
{
	cleanup_error struct error *err = NULL;
	struct rlimit limit = { .rlim_cur = LOOP_FDS_MAX + 64, .rlim_max = LOOP_FDS_MAX + 64 };
	int fds[LOOP_FDS_MAX + 1], failed = 0;
	struct fixture f;

	(void)state;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
		print_message("skipped: this process may not open %d fds\n", LOOP_FDS_MAX);
		skip();
	}
	assert_int_equal(fixture_setup(&f, &err), 0);
	for (int i = 0; i <= LOOP_FDS_MAX; i++) {
		fds[i] = eventfd(0, EFD_CLOEXEC);
		assert_true(fds[i] >= 0);
		failed += loop_add(f.loop, fds[i], EPOLLIN, never, &f, &err) < 0;
	}
	assert_int_equal(failed, 1);
	assert_int_equal(error_kind(err), ERROR_UNAVAILABLE);
	for (int i = 0; i <= LOOP_FDS_MAX; i++)
		close(fds[i]);
	fixture_done(&f);
}

static void test_what_cannot_be_watched(void **state)
{
	cleanup_error struct error *err = NULL, *unknown = NULL;
	cleanup_close int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct fixture f;

	(void)state;
	assert_int_equal(fixture_setup(&f, &err), 0);
	assert_int_equal(loop_add(f.loop, file, EPOLLIN, never, &f, &err), -1);
	assert_int_equal(error_errno(err), EPERM); /* regular files have no events */
	assert_int_equal(loop_change(f.loop, file, EPOLLIN, &unknown), -1);
	loop_remove(f.loop, file); /* unknown: nothing happens */
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_removed_fd_gets_no_more_calls),
		cmocka_unit_test(test_reused_place_is_told_apart),
		cmocka_unit_test(test_silent_hides_a_hangup),
		cmocka_unit_test(test_full_table_is_an_error),
		cmocka_unit_test(test_what_cannot_be_watched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a person sees: a pseudo-terminal, and enough of a terminal's behaviour to make a screen of
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "cli/progress.h"

#define LINES_MAX 200
#define COLUMNS 256

struct tty {
	int fd;
	FILE *out;
	unsigned short rows, columns;
	struct buf raw;
	/* Of the raw bytes: every line there ever was, the last `rows` of which can be reached. */
	char lines[LINES_MAX][COLUMNS + 1];
	size_t row, column, count;
	bool cursor;
};

static void tty_open(struct tty *tty, unsigned short rows, unsigned short columns)
{
	const struct winsize size = { .ws_row = rows, .ws_col = columns };

	memset(tty, 0, sizeof(*tty));
	tty->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(tty->fd >= 0);
	assert_int_equal(grantpt(tty->fd), 0);
	assert_int_equal(unlockpt(tty->fd), 0);
	assert_int_equal(ioctl(tty->fd, TIOCSWINSZ, &size), 0);
	tty->out = fopen(ptsname(tty->fd), "we");
	assert_non_null(tty->out);
	tty->raw = (struct buf)BUF_INIT(BUF_LARGE);
	tty->rows = rows;
	tty->columns = columns;
	tty->cursor = true;
	tty->count = 1;
}

/* What was written so far: read often, or the terminal's own buffer is full. */
static void tty_read(struct tty *tty)
{
	char part[4096];
	ssize_t n;

	(void)fcntl(tty->fd, F_SETFL, O_NONBLOCK);
	while ((n = read(tty->fd, part, sizeof(part))) > 0)
		buf_append(&tty->raw, part, (size_t)n);
}

static void newline(struct tty *tty)
{
	tty->row++;
	assert_true(tty->row < LINES_MAX);
	if (tty->row >= tty->count)
		tty->count = tty->row + 1;
}

static void put(struct tty *tty, char c)
{
	if (tty->column == tty->columns) {
		newline(tty);
		tty->column = 0;
	}
	for (size_t i = strlen(tty->lines[tty->row]); i < tty->column; i++)
		tty->lines[tty->row][i] = ' ';
	tty->lines[tty->row][tty->column++] = c;
}

static void control(struct tty *tty, const char *sequence, char kind)
{
	size_t top = tty->count > tty->rows ? tty->count - tty->rows : 0;
	size_t up = (size_t)strtoul(sequence, NULL, 10);

	switch (kind) {
	case 'A': /* never above the first line that can be seen */
		tty->row = tty->row >= top + up ? tty->row - up : top;
		break;
	case 'J':
		for (size_t i = tty->row + 1; i < tty->count; i++)
			memset(tty->lines[i], 0, COLUMNS);
		tty->count = tty->row + 1;
		/* fall through */
	case 'K':
		memset(tty->lines[tty->row] + tty->column, 0, COLUMNS - tty->column);
		break;
	case 'l':
		tty->cursor = false;
		break;
	case 'h':
		tty->cursor = true;
		break;
	default:
		fail_msg("an unknown sequence: %c", kind);
	}
}

/* Makes the screen, and closes the terminal. */
static void tty_show(struct tty *tty)
{
	const char *text;

	tty_read(tty);
	for (text = buf_text(&tty->raw); *text; text++) {
		if (text[0] == '\033') {
			size_t length = 2 + strspn(text + 2, "?0123456789");

			control(tty, text + 2, text[length]);
			text += length;
		} else if (*text == '\n') {
			newline(tty);
		} else if (*text == '\r') {
			tty->column = 0;
		} else {
			put(tty, *text);
		}
	}
	(void)fclose(tty->out);
	close(tty->fd);
}

static void tty_done(struct tty *tty)
{
	buf_done(&tty->raw);
}

static int count(const char *text, const char *what)
{
	int n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

static void pause_ms(long ms)
{
	const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&pause, NULL);
}

static const char *id_of(int i)
{
	static char id[64];

	(void)snprintf(id, sizeof(id), "%012x", (unsigned int)i);
	return id;
}

static void say(const struct registry_progress *calls, int layer, const char *status)
{
	cleanup_free char *line = xasprintf("%s: %s", id_of(layer), status);

	calls->line(line, calls->arg);
}

static void elsewhere_than_on_a_terminal_there_are_plain_lines(void **state)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = tmpfile();
	struct progress_view *view = progress_view_open(out, "Pushing", false);
	struct registry_progress calls = progress_view_calls(view);
	char got[256] = "";

	(void)state;
	(void)text;
	assert_null(calls.bytes);
	say(&calls, 1, "Preparing");
	say(&calls, 1, "Pushed");
	calls.line("latest: digest: x", calls.arg);
	progress_view_close(view);
	rewind(out);
	length = fread(got, 1, sizeof(got) - 1, out);
	got[length] = '\0';
	assert_string_equal(
		got, "000000000001: Preparing\n000000000001: Pushed\nlatest: digest: x\n");
	(void)fclose(out);
}

static void quiet_shows_nothing(void **state)
{
	struct tty tty;
	struct progress_view *view;
	struct registry_progress calls;

	(void)state;
	tty_open(&tty, 10, 80);
	view = progress_view_open(tty.out, "Pushing", true);
	calls = progress_view_calls(view);
	assert_null(calls.line);
	assert_null(calls.bytes);
	progress_view_close(view);
	tty_show(&tty);
	assert_int_equal(tty.raw.length, 0);
	tty_done(&tty);
}

static void layers_are_drawn_in_place(void **state)
{
	struct tty tty;
	struct progress_view *view;
	struct registry_progress calls;

	(void)state;
	tty_open(&tty, 10, 80);
	view = progress_view_open(tty.out, "Downloading", false);
	calls = progress_view_calls(view);
	calls.line("latest: Pulling from x", calls.arg);
	for (int i = 0; i < 3; i++)
		say(&calls, i, "Pulling fs layer");
	calls.bytes(id_of(1), 1000000, 4000000, calls.arg);
	pause_ms(600);
	calls.bytes(id_of(1), 2000000, 4000000, calls.arg);
	tty_read(&tty);
	/* Half of a bar, both sizes, and a rate. */
	assert_non_null(strstr(buf_text(&tty.raw), "000000000001: Downloading [====="));
	assert_non_null(strstr(buf_text(&tty.raw), "]  2MB/4MB  1."));
	for (int i = 0; i < 3; i++)
		say(&calls, i, "Pull complete");
	calls.line("Digest: x", calls.arg);
	progress_view_close(view);
	tty_show(&tty);
	assert_string_equal(tty.lines[0], "latest: Pulling from x");
	assert_string_equal(tty.lines[1], "000000000000: Pull complete ");
	assert_string_equal(tty.lines[2], "000000000001: Pull complete ");
	assert_string_equal(tty.lines[3], "000000000002: Pull complete ");
	assert_string_equal(tty.lines[4], "Digest: x");
	assert_true(tty.cursor);
	assert_non_null(strstr(buf_text(&tty.raw), "\033[?25l"));
	tty_done(&tty);
}

/* The first ones are pushed off the screen, and each is there once all the same. */
static void more_layers_than_rows(void **state)
{
	struct tty tty;
	struct progress_view *view;
	struct registry_progress calls;

	(void)state;
	tty_open(&tty, 10, 40);
	view = progress_view_open(tty.out, "Pushing", false);
	calls = progress_view_calls(view);
	for (int i = 0; i < 30; i++)
		say(&calls, i, "Preparing");
	for (int i = 0; i < 30; i++) {
		pause_ms(i % 10 == 0 ? 110 : 0);
		calls.bytes(id_of(i), 5, 10, calls.arg);
		say(&calls, i, "Pushed");
		tty_read(&tty);
	}
	calls.line("the end", calls.arg);
	progress_view_close(view);
	tty_show(&tty);
	assert_int_equal(tty.count, 32);
	for (int i = 0; i < 30; i++)
		assert_memory_equal(tty.lines[i], id_of(i), 12);
	for (int i = 22; i < 30; i++)
		assert_string_equal(tty.lines[i] + 12, ": Pushed ");
	assert_string_equal(tty.lines[30], "the end");
	tty_done(&tty);
}

/* A line that wraps would be two when the next frame is drawn over it. */
static void lines_are_cut_where_the_terminal_ends(void **state)
{
	struct tty tty;
	struct progress_view *view;
	struct registry_progress calls;

	(void)state;
	tty_open(&tty, 10, 20);
	view = progress_view_open(tty.out, "Pushing", false);
	calls = progress_view_calls(view);
	for (int frame = 0; frame < 4; frame++) {
		for (int i = 0; i < 3; i++) {
			say(&calls, i, "Preparing");
			calls.bytes(id_of(i), 1000000 + frame, 4000000, calls.arg);
		}
		pause_ms(110);
	}
	progress_view_close(view);
	tty_show(&tty);
	assert_int_equal(tty.count, 4);
	for (int i = 0; i < 3; i++) {
		assert_memory_equal(tty.lines[i], id_of(i), 12);
		assert_true(strlen(tty.lines[i]) < 20);
	}
	tty_done(&tty);
}

static void at_most_ten_frames_a_second(void **state)
{
	struct tty tty;
	struct progress_view *view;
	struct registry_progress calls;
	struct timespec from, to;

	(void)state;
	tty_open(&tty, 10, 80);
	view = progress_view_open(tty.out, "Pushing", false);
	calls = progress_view_calls(view);
	say(&calls, 1, "Pushing");
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < 300; i++) {
		calls.bytes(id_of(1), i, 300, calls.arg);
		pause_ms(1);
		tty_read(&tty);
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	progress_view_close(view);
	tty_show(&tty);
	assert_in_range(count(buf_text(&tty.raw), "\033[J"), 2,
		(uintmax_t)(to.tv_sec - from.tv_sec) * 10 + 15);
	assert_true(count(buf_text(&tty.raw), "\033[J") < 100);
	tty_done(&tty);
}

/* In a child: the signal ends it, and the cursor is there again. */
static void a_signal_gives_the_cursor_back(void **state)
{
	struct tty tty;
	int status = 0;
	pid_t pid;

	(void)state;
	tty_open(&tty, 10, 80);
	pid = fork();
	if (pid == 0) {
		struct progress_view *view = progress_view_open(tty.out, "Pushing", false);
		struct registry_progress calls = progress_view_calls(view);

		say(&calls, 1, "Pushing");
		(void)raise(SIGTERM);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	tty_show(&tty);
	assert_true(tty.cursor);
	assert_int_equal(count(buf_text(&tty.raw), "\033[?25l"), 1);
	tty_done(&tty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elsewhere_than_on_a_terminal_there_are_plain_lines),
		cmocka_unit_test(quiet_shows_nothing),
		cmocka_unit_test(layers_are_drawn_in_place),
		cmocka_unit_test(more_layers_than_rows),
		cmocka_unit_test(lines_are_cut_where_the_terminal_ends),
		cmocka_unit_test(at_most_ten_frames_a_second),
		cmocka_unit_test(a_signal_gives_the_cursor_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

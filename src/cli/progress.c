/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "cli/terminal.h"

#define MS INT64_C(1000000)
#define DRAW_NS (100 * MS)
#define RATE_NS (500 * MS) /* over which a rate is measured */
#define BAR_MAX 50
#define BAR_MIN 5
#define NUMBERS_WIDTH 26 /* "999.9MB/999.9MB  999.9MB/s" and less: the bar's end stands still */
#define ROWS_MAX 4096
#define FRAME_MAX (4UL * 1024 * 1024)
#define COLUMNS_MAX 512
#define HIDE_CURSOR "\033[?25l"
#define SHOW_CURSOR "\033[?25h"

struct row {
	char id[ID_SHORT + 1];
	char *status;
	int64_t current, total; /* total 0: no bytes are told */
	int64_t mark, mark_ns; /* of the last measure */
	int64_t rate; /* bytes in a second; -1: not known yet */
	size_t width; /* columns it has on the screen */
};

struct progress_view {
	FILE *out;
	const char *verb;
	bool quiet, terminal;
	struct row *rows;
	size_t count, drawn; /* drawn: how many of them are on the screen, from the first */
	int64_t drawn_ns;
	bool dirty;
};

/* ---- signals ---- */

static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
#define END_COUNT (sizeof(ends) / sizeof(*ends))

/* What a signal handler must touch. */
static volatile sig_atomic_t cursor_fd = -1;
static struct sigaction old_ends[END_COUNT], old_stop;

static void write_cursor(const char *sequence, size_t length)
{
	int saved = errno;

	if (cursor_fd >= 0 && write(cursor_fd, sequence, length) < 0)
		errno = saved;
	errno = saved;
}

static void show_and_die(int signal_number)
{
	/* SA_RESETHAND: it is delivered again, and ends us, when we return. */
	write_cursor("\r\n" SHOW_CURSOR, sizeof("\r\n" SHOW_CURSOR) - 1);
	(void)raise(signal_number);
}

static void show_and_stop(int signal_number)
{
	(void)signal_number;
	write_cursor(SHOW_CURSOR, sizeof(SHOW_CURSOR) - 1);
	(void)raise(SIGSTOP);
	write_cursor(HIDE_CURSOR, sizeof(HIDE_CURSOR) - 1);
}

static void catch_signals(int fd)
{
	struct sigaction end = { .sa_handler = show_and_die, .sa_flags = (int)SA_RESETHAND };
	struct sigaction stop = { .sa_handler = show_and_stop, .sa_flags = SA_RESTART };

	cursor_fd = fd;
	for (size_t i = 0; i < END_COUNT; i++) {
		sigaction(ends[i], NULL, &old_ends[i]);
		if (old_ends[i].sa_handler == SIG_DFL)
			sigaction(ends[i], &end, NULL);
	}
	sigaction(SIGTSTP, NULL, &old_stop);
	if (old_stop.sa_handler == SIG_DFL)
		sigaction(SIGTSTP, &stop, NULL);
}

static void release_signals(void)
{
	for (size_t i = 0; i < END_COUNT; i++)
		sigaction(ends[i], &old_ends[i], NULL);
	sigaction(SIGTSTP, &old_stop, NULL);
	cursor_fd = -1;
}

/* ---- a row's text ---- */

/* "12.3MB/90.1MB  48MB/s" */
static void put_numbers(const struct row *row, struct buf *out)
{
	char text[CLOCK_TEXT_MAX];

	buf_printf(out, "%s", size_human((uint64_t)row->current, text));
	buf_printf(out, "/%s", size_human((uint64_t)row->total, text));
	if (row->rate >= 0)
		buf_printf(out, "  %s/s", size_human((uint64_t)row->rate, text));
}

static void put_bar(const struct row *row, size_t width, struct buf *out)
{
	size_t done = (size_t)((double)row->current / (double)row->total * (double)width);

	buf_putc(out, '[');
	for (size_t i = 0; i < width; i++)
		buf_puts(out, i < done ? "=" : i == done ? ">" : " ");
	buf_puts(out, "]  ");
}

/* One line, cut where the terminal ends: a line that wraps would be two when it is drawn over. */
static void put_row(struct row *row, size_t columns, struct buf *out)
{
	cleanup_buf struct buf line = BUF_INIT(BUF_SMALL), numbers = BUF_INIT(BUF_SMALL);
	size_t used, room = columns - 1; /* the last column makes some terminals wrap */

	buf_printf(&line, "%s: %s ", row->id, row->status);
	if (row->total > 0) {
		put_numbers(row, &numbers);
		used = line.length + NUMBERS_WIDTH + strlen("[]  ");
		if (used + BAR_MIN <= room)
			put_bar(row, room - used < BAR_MAX ? room - used : BAR_MAX, &line);
		buf_puts(&line, buf_text(&numbers));
	}
	row->width = line.length < room ? line.length : room;
	buf_append(out, buf_text(&line), row->width);
	buf_puts(out, "\033[K\n");
}

static void measure(struct row *row, int64_t now)
{
	int64_t rate;

	if (row->total == 0 || now - row->mark_ns < RATE_NS)
		return;
	rate = (int64_t)((double)(row->current - row->mark) * 1e9 / (double)(now - row->mark_ns));
	row->rate = row->rate < 0 ? rate : (row->rate + rate) / 2;
	row->mark = row->current;
	row->mark_ns = now;
}

/* ---- the screen ---- */

struct screen {
	size_t rows, columns;
};

static struct screen measure_screen(const struct progress_view *view)
{
	struct screen screen = { .rows = 24, .columns = 80 };
	uint16_t rows, columns;

	if (terminal_size(fileno(view->out), &rows, &columns) == 1)
		screen = (struct screen){ .rows = rows, .columns = columns };
	screen.columns = screen.columns < 2             ? 2
			 : screen.columns > COLUMNS_MAX ? COLUMNS_MAX
							: screen.columns;
	return screen;
}

/* The first of the drawn rows that can still be reached, and how far up it is: in a terminal that
 * became narrower, lines may have been folded. The cursor's own line takes one. */
static size_t first_movable(
	const struct progress_view *view, const struct screen *screen, size_t *ret_up)
{
	size_t first = view->drawn, up = 0;

	while (first > 0) {
		size_t width = view->rows[first - 1].width;
		size_t lines = width > screen->columns
				       ? (width + screen->columns - 1) / screen->columns
				       : 1;

		if (up + lines >= screen->rows)
			break;
		up += lines;
		first--;
	}
	*ret_up = up;
	return first;
}

static void draw(struct progress_view *view)
{
	cleanup_buf struct buf frame = BUF_INIT(FRAME_MAX);
	const struct screen screen = measure_screen(view);
	int64_t now = clock_monotonic_ns();
	size_t up = 0, first = first_movable(view, &screen, &up);

	if (up > 0)
		buf_printf(&frame, "\r\033[%zuA", up);
	for (size_t i = 0; i < view->count; i++)
		measure(&view->rows[i], now);
	/* New rows push the first ones off the screen, each for good: those are drawn once more. */
	for (size_t i = first; i < view->count; i++)
		put_row(&view->rows[i], screen.columns, &frame);
	buf_puts(&frame, "\033[J");
	(void)fwrite(buf_text(&frame), 1, frame.length, view->out);
	(void)fflush(view->out);
	view->drawn = view->count;
	view->drawn_ns = now;
	view->dirty = false;
}

static void draw_when_due(struct progress_view *view)
{
	view->dirty = true;
	if (clock_monotonic_ns() - view->drawn_ns >= DRAW_NS)
		draw(view);
}

/* ---- what is told ---- */

/* A layer's line begins with its id and ": ". NULL: it is no layer's. */
static const char *status_of(const char *line)
{
	if (strspn(line, "0123456789abcdef") != ID_SHORT || strncmp(line + ID_SHORT, ": ", 2) != 0)
		return NULL;
	return line + ID_SHORT + 2;
}

/* The last one of that id: a second image's rows come after the first's. NULL: none. */
static struct row *find_row(struct progress_view *view, const char *id)
{
	for (size_t i = view->count; i-- > 0;)
		if (strncmp(view->rows[i].id, id, ID_SHORT) == 0)
			return &view->rows[i];
	return NULL;
}

static struct row *add_row(struct progress_view *view, const char *id)
{
	struct row *row;

	if (view->count >= ROWS_MAX)
		return NULL;
	if ((view->count & (view->count - 1)) == 0)
		view->rows = xrealloc(
			view->rows, view->count ? 2 * view->count : 1, sizeof(*view->rows));
	row = &view->rows[view->count++];
	*row = (struct row){ .rate = -1 };
	memcpy(row->id, id, ID_SHORT);
	return row;
}

/* What is drawn stays; new rows begin below. */
static void drop_rows(struct progress_view *view)
{
	for (size_t i = 0; i < view->count; i++)
		free(view->rows[i].status);
	view->count = view->drawn = 0;
}

static void take_line(const char *text, void *arg)
{
	struct progress_view *view = arg;
	const char *status = view->terminal ? status_of(text) : NULL;
	struct row *row;

	if (!status) {
		if (view->dirty)
			draw(view);
		drop_rows(view);
		(void)fprintf(view->out, "%s\n", text);
		(void)fflush(view->out);
		return;
	}
	row = find_row(view, text);
	if (!row)
		row = add_row(view, text);
	if (!row || (row->status && strcmp(row->status, status) == 0))
		return;
	replace_string(&row->status, xstrdup(status));
	row->current = row->total = 0;
	row->rate = -1;
	draw_when_due(view);
}

/* Bytes that move are the verb's, unless the status says something more exact. */
static void begin_bytes(const struct progress_view *view, struct row *row)
{
	static const char *const before[] = { "Pulling fs layer", "Preparing", "Waiting" };

	for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++)
		if (strcmp(row->status, before[i]) == 0)
			replace_string(&row->status, xstrdup(view->verb));
	row->mark = row->current;
	row->mark_ns = clock_monotonic_ns();
	row->rate = -1;
}

static void take_bytes(const char *id, int64_t current, int64_t total, void *arg)
{
	struct progress_view *view = arg;
	struct row *row = find_row(view, id);

	if (!row || total <= 0 || current < 0)
		return;
	row->current = current < total ? current : total;
	if (row->total != total || row->current < row->mark)
		begin_bytes(view, row);
	row->total = total;
	draw_when_due(view);
}

struct progress_view *progress_view_open(FILE *out, const char *verb, bool quiet)
{
	struct progress_view *view = xcalloc(1, sizeof(*view));

	view->out = out;
	view->verb = verb;
	view->quiet = quiet;
	view->terminal = !quiet && isatty(fileno(out));
	if (!view->terminal)
		return view;
	catch_signals(fileno(out));
	(void)fputs(HIDE_CURSOR, out);
	(void)fflush(out);
	return view;
}

struct registry_progress progress_view_calls(struct progress_view *view)
{
	return (struct registry_progress){ .line = view->quiet ? NULL : take_line,
		.bytes = view->terminal ? take_bytes : NULL,
		.arg = view };
}

void progress_view_close(struct progress_view *view)
{
	if (!view)
		return;
	if (view->dirty)
		draw(view);
	drop_rows(view);
	if (view->terminal) {
		(void)fputs(SHOW_CURSOR, view->out);
		(void)fflush(view->out);
		release_signals();
	}
	free(view->rows);
	free(view);
}

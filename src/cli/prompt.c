/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/prompt.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

#define LINE_MAX_ 8192UL

/* What the signal handler must touch. */
static struct termios saved_mode;
static volatile sig_atomic_t caught;

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
#define SIGNAL_COUNT (sizeof(signals) / sizeof(*signals))

/* Without SA_RESTART: the read ends, and who reads puts the terminal back before anything else. */
static void note(int signal_number)
{
	caught = signal_number;
}

static void catch_signals(struct sigaction old[static SIGNAL_COUNT])
{
	struct sigaction action = { .sa_handler = note };

	caught = 0;
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		sigaction(signals[i], &action, &old[i]);
}

static void release_signals(const struct sigaction old[static SIGNAL_COUNT])
{
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		sigaction(signals[i], &old[i], NULL);
}

/* By single bytes: what follows the line is not ours to read. */
static char *read_line(struct error **err)
{
	cleanup_buf struct buf line = BUF_INIT(LINE_MAX_);
	ssize_t n = 1;
	char c = '\0';

	(void)buf_reserve(&line, LINE_MAX_ - 1); /* no copy is left behind by growing */
	while (!caught && (n = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n')
		buf_putc(&line, c);
	if (caught || n < 0) {
		if (line.data)
			explicit_bzero(line.data, line.capacity);
		error_new(err, ERROR_INVALID, "the answer could not be read");
		return NULL;
	}
	if (buf_check(&line, "the answer", err) < 0)
		return NULL;
	if (line.length == 0)
		return xstrdup("");
	return buf_take(&line);
}

char *prompt_line(const char *text, bool hidden, struct error **err)
{
	struct sigaction old[SIGNAL_COUNT];
	struct termios mode;
	bool set = false;
	char *line;

	fputs(text, stderr);
	fflush(stderr);
	catch_signals(old);
	if (hidden && tcgetattr(STDIN_FILENO, &saved_mode) == 0) {
		mode = saved_mode;
		mode.c_lflag &= ~(tcflag_t)ECHO;
		set = tcsetattr(STDIN_FILENO, TCSAFLUSH, &mode) == 0;
	}
	line = read_line(err);
	if (set) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved_mode);
		fputc('\n', stderr);
	}
	release_signals(old);
	if (caught) /* now it does what it does to others */
		(void)raise(caught);
	return line;
}

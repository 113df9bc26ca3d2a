/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/terminal.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "base/error.h"

/* What a crash handler must touch; everything else is passed. */
static struct termios saved_mode;
static volatile sig_atomic_t raw_fd = -1;

static void restore_and_die(int signal_number)
{
	/* SA_RESETHAND: returning runs into the same fault again, now with its default action. */
	if (raw_fd >= 0)
		tcsetattr(raw_fd, TCSANOW, &saved_mode);
	(void)raise(signal_number);
}

static void catch_crashes(void)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE };
	struct sigaction action = { .sa_handler = restore_and_die, .sa_flags = (int)SA_RESETHAND };

	for (size_t i = 0; i < sizeof(crashes) / sizeof(*crashes); i++)
		sigaction(crashes[i], &action, NULL);
}

int terminal_raw(int fd, struct error **err)
{
	struct termios mode;

	if (tcgetattr(fd, &mode) < 0)
		return error_sys(err, "read the terminal's mode");
	saved_mode = mode;
	cfmakeraw(&mode);
	mode.c_cc[VMIN] = 1;
	mode.c_cc[VTIME] = 0;
	catch_crashes();
	raw_fd = fd;
	if (tcsetattr(fd, TCSANOW, &mode) < 0) {
		raw_fd = -1;
		return error_sys(err, "put the terminal into raw mode");
	}
	return 0;
}

void terminal_restore(void)
{
	if (raw_fd >= 0)
		tcsetattr(raw_fd, TCSANOW, &saved_mode);
	raw_fd = -1;
}

int terminal_size(int fd, uint16_t *ret_rows, uint16_t *ret_columns)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
		return 0;
	*ret_rows = size.ws_row;
	*ret_columns = size.ws_col;
	return 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/signals.h"

#include <stdlib.h>
#include <sys/signalfd.h>

#include "base/error.h"

/* Those of the terminal that stop a background job (SIGTTIN, SIGTTOU) stay the shell's business. */
static const int proxied[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGTSTP,
	SIGCONT };
static const size_t counts[] = {
	[SIGNALS_NONE] = 0,
	[SIGNALS_DEADLY] = sizeof(proxied) / sizeof(*proxied) - 2,
	[SIGNALS_ALL] = sizeof(proxied) / sizeof(*proxied),
};

int signals_open(
	struct signals *signals, enum signals_wanted wanted, bool window, struct error **err)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < counts[wanted]; i++)
		sigaddset(&set, proxied[i]);
	if (window)
		sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, &signals->old_mask);
	sigaction(SIGPIPE, &ignore, &signals->old_pipe);
	signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals->fd >= 0)
		return 0;
	error_sys(err, "signalfd");
	sigprocmask(SIG_SETMASK, &signals->old_mask, NULL);
	sigaction(SIGPIPE, &signals->old_pipe, NULL);
	return -1;
}

int signals_take(struct signals *signals)
{
	struct signalfd_siginfo info;

	if (read(signals->fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}

void signals_close(struct signals *signals)
{
	if (signals->fd < 0)
		return;
	close_fd(signals->fd);
	signals->fd = -1;
	sigprocmask(SIG_SETMASK, &signals->old_mask, NULL);
	sigaction(SIGPIPE, &signals->old_pipe, NULL);
}

_Noreturn void signals_die(int signal)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t set;

	sigaction(signal, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)raise(signal);
	exit(128 + signal);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/monitor.h"

#include <link.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#include "base/error.h"
#include "monitor/internal.h"
#include "monitor/log.h"
#include "sys/loop.h"
#include "sys/process.h"

#define PAGE 4096UL
#define CODE_SEGMENTS_MAX 8

/* The linker's name for the start of this program in memory. */
// NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl51-cpp): so it calls it
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static void no_action(int signal)
{
	(void)signal;
}

/*
 * No signal meant for somebody else ends a monitor: not the hangup of a login, not a shutdown's
 * TERM to everyone (the container ends by its own, and then its exit code is still to be written).
 * Handlers, because execve() resets them: ignored or blocked signals would be inherited by the
 * container's processes.
 */
static void stay_alive(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2,
		SIGALRM, SIGXFSZ, SIGTSTP, SIGTTIN, SIGTTOU };
	struct sigaction action = { .sa_handler = no_action, .sa_flags = SA_RESTART };

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		(void)sigaction(signals[i], &action, NULL);
}

/*
 * The memory of a waiting monitor. What parsing left is returned; the pages of code that were
 * needed until now are let go: they are clean, and those that waiting needs come back from the page
 * cache. (The kernel maps 64 kB around each page of code that is touched: after some work all of
 * the program would count.) Transparent huge pages are not turned off (PR_SET_THP_DISABLE): the
 * container would inherit it for good, and no mapping here is large enough for one.
 */
/* The sanitizer takes the file header for all that is there; the program headers follow it. */
__attribute__((no_sanitize("undefined"))) void monitor_settle(void)
{
	const char *file = (const char *)&__ehdr_start;
	const ElfW(Phdr) *header = (const void *)(file + __ehdr_start.e_phoff);
	struct iovec code[CODE_SEGMENTS_MAX];
	size_t count = 0;

	(void)malloc_trim(0);
	/* All are found before any goes: the headers are in one of them. */
	for (size_t i = 0; i < __ehdr_start.e_phnum && count < CODE_SEGMENTS_MAX; i++) {
		/* The first segment begins with the file's header, at virtual address 0. */
		size_t in_page = header[i].p_vaddr & (PAGE - 1);

		if (header[i].p_type == PT_LOAD && !(header[i].p_flags & PF_W))
			code[count++] = (struct iovec){ (char *)file + header[i].p_vaddr - in_page,
				header[i].p_memsz + in_page };
	}
	for (size_t i = 0; i < count; i++)
		(void)madvise(code[i].iov_base, code[i].iov_len, MADV_DONTNEED);
}

static struct monitor *monitor_new(int vessel_fd, struct error **err)
{
	/* Pages of their own, which are there only when touched: most of it never is. */
	struct monitor *m =
		mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (m == MAP_FAILED) {
		error_sys(err, "map memory");
		return NULL;
	}
	m->run_dir_fd = m->container_dir_fd = m->lock_fd = m->listen_fd = m->timer_fd = -1;
	m->stdin_fd = m->init.pidfd = m->init.sync_fd = m->init.console_fd = -1;
	m->vessel_fd = vessel_fd;
	for (int i = 0; i < 2; i++)
		m->streams[i] = (struct stream){ .monitor = m, .fd = -1, .number = i + 1 };
	spec_init(&m->spec);
	m->loop = loop_new(err);
	return m->loop ? m : NULL;
}

/* Everything ends with the process anyway; this is for those who look for leaks. */
static void monitor_free(struct monitor *m)
{
	const int fds[] = { m->run_dir_fd, m->container_dir_fd, m->lock_fd, m->listen_fd,
		m->vessel_fd, m->timer_fd, m->stdin_fd, m->streams[0].fd, m->streams[1].fd,
		m->init.pidfd, m->init.sync_fd, m->init.console_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		close_fd(fds[i]);
	for (size_t i = 0; i < m->held_count; i++)
		close_fd(m->held_fds[i]);
	layers_release(m);
	output_release(m);
	log_writer_free(m->log);
	cgroup_free(m->init.cgroup);
	spec_done(&m->spec);
	monitor_config_done(&m->config);
	free(m->stdin_waiting);
	loop_free(m->loop);
	(void)munmap(m, sizeof(*m));
}

static int live(struct monitor *m, const char *run_dir, int *engine_fd, struct error **err)
{
	cleanup_error struct error *unheard = NULL, *failure = NULL;

	if (monitor_start(m, run_dir, engine_fd, err) < 0) {
		/* Undone first: who hears of the error finds nothing left. */
		monitor_undo(m);
		(void)msg_send_error(*engine_fd, MONITOR_ERROR, *err, &unheard);
		return -1;
	}
	monitor_settle();
	if (loop_run(m->loop, &failure) < 0) {
		/* Nothing should make it fail. If it does: no container without its monitor. */
		(void)pidfd_signal(m->init.pidfd, SIGKILL, &unheard);
		(void)pidfd_wait(m->init.pidfd, -1, &unheard);
	}
	return monitor_end(m, err);
}

int monitor_run(const char *run_dir, int engine_fd, int vessel_fd, struct error **err)
{
	cleanup_close int engine = engine_fd;
	struct monitor *m;
	int result;

	stay_alive();
	/* Before the container is there to look at us (CVE-2016-9962). */
	(void)prctl(PR_SET_DUMPABLE, 0);
	m = monitor_new(vessel_fd, err);
	if (!m)
		return -1;
	result = live(m, run_dir, &engine, err);
	monitor_free(m);
	return result;
}

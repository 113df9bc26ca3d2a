/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/container_text.h"

#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"

char *ago_text(int64_t then_ns, int64_t now_ns)
{
	char human[CLOCK_TEXT_MAX];

	return xasprintf("%s ago", clock_human(now_ns - then_ns, human));
}

char *created_text(int64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000);
	char text[64];
	struct tm tm;

	localtime_r(&seconds, &tm);
	if (strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z %Z", &tm) == 0)
		text[0] = '\0';
	return xstrdup(text);
}

char *container_status_text(const struct container_status *status, int64_t now_ns)
{
	char human[CLOCK_TEXT_MAX];

	switch (status->state) {
	case CONTAINER_RUNNING:
	case CONTAINER_PAUSED:
		return xasprintf("Up %s%s", clock_human(now_ns - status->started_ns, human),
			status->state == CONTAINER_PAUSED ? " (Paused)" : "");
	case CONTAINER_EXITED:
		return xasprintf("Exited (%d) %s ago", status->exit_code,
			clock_human(now_ns - status->finished_ns, human));
	case CONTAINER_DEAD:
		return xstrdup("Dead");
	case CONTAINER_CREATED:
		break;
	}
	return xstrdup("Created");
}

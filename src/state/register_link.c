/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RUN/names/NAME, a link whose text is the id: exec finds its container without opening a database.
 * A link is made and dropped inside the transaction that adds or ends the name, so two processes
 * cannot cross, and it errs on one side only:
 *
 *   - killed before an addition is committed: a link to a container that never starts;
 *   - killed before a change is committed: no link, and the register has the answer.
 *
 * So what a link leads to counts when that container runs, and its absence says nothing.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "state/register_db.h"

#define FOLDER "names"

static char *link_path(const char *name)
{
	/* Damaged records are entered under names that nobody has checked. */
	return strchr(name, '/') ? NULL : xasprintf(FOLDER "/%s", name);
}

void link_make(const struct register_db *db, const char *name, const char *id)
{
	cleanup_free char *path = link_path(name);
	bool made = false;

	if (!path)
		return;
	(void)unlinkat(db->run_fd, path, 0);
	made = symlinkat(id, db->run_fd, path) == 0;
	if (!made && mkdirat(db->run_fd, FOLDER, 0700) == 0)
		made = symlinkat(id, db->run_fd, path) == 0;
	(void)made; /* without it the register is asked */
}

void link_drop(const struct register_db *db, const char *name)
{
	cleanup_free char *path = link_path(name);

	if (path)
		(void)unlinkat(db->run_fd, path, 0);
}

bool register_link_read(int run_fd, const char *name, char ret_id[static ID_MAX])
{
	cleanup_free char *path = link_path(name);
	ssize_t length = path ? readlinkat(run_fd, path, ret_id, ID_MAX) : -1;

	if (length != ID_MAX - 1)
		return false;
	ret_id[length] = '\0';
	return id_is_valid(ret_id);
}

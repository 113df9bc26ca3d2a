/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/reset.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/file.h"
#include "engine/container.h"
#include "engine/wiring.h"

static int collect(
	const struct container_row *row, const struct container_status *status, void *arg)
{
	(void)status;
	strv_append((strv *)arg, row->id);
	return 0;
}

static void keep_first(const char *name, const struct error *failure, void *arg)
{
	struct error **first = arg;

	if (failure && !*first)
		error_new(first, error_kind(failure), "remove container %.12s: %s", name,
			error_message(failure));
}

static int remove_containers(struct engine *engine, struct error **err)
{
	cleanup_strv strv ids = NULL;

	if (container_each(engine, true, collect, &ids, err) < 0)
		return -1;
	return containers_remove(engine, ids, true, true, keep_first, err);
}

int engine_reset(struct engine *engine, struct error **err)
{
	struct bridge bridge;

	if (remove_containers(engine, err) < 0 || wiring_bridge(engine, &bridge, err) < 0 ||
		bridge_remove(&bridge, err) < 0)
		return -1;
	if (tree_remove_at(AT_FDCWD, engine->run_dir, err) < 0 ||
		tree_remove_at(AT_FDCWD, engine->root, err) < 0)
		return error_wrap(err, "remove what vessel has stored");
	return 0;
}

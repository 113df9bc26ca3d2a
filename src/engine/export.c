/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/export.h"

#include "base/error.h"
#include "engine/container.h"
#include "engine/container_files.h"
#include "engine/paths.h"

int container_export(struct engine *engine, const char *name, int out_fd, struct error **err)
{
	cleanup_close int root_fd = -1;
	cleanup_record struct record record;
	char id[ID_MAX];

	record_init(&record);
	if (container_resolve(engine, name, id, err) < 0 ||
		record_load(engine, id, &record, err) < 0)
		return -1;
	root_fd = container_root_mount(engine, &record, err);
	if (root_fd < 0 || archive_write(root_fd, out_fd, err) < 0 ||
		container_check_there(engine, id, err) < 0)
		return error_wrap(err, "export %s", name);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two texts with parts that others choose: mountinfo, whose mount points any container's owner may
 * name, and a cgroup path of the systemd driver, from a bundle.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cgroup/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_free char *copy = xstrdup(text);
	cleanup_error struct error *host_err = NULL, *path_err = NULL;
	struct cgroup_host host;
	struct cgroup cgroup = { .v2_fd = -1 };

	(void)cgroup_host_parse(copy, &host, &host_err);
	cgroup_host_done(&host);
	(void)cgroup_systemd_parse(text, &cgroup, &path_err);
	free(cgroup.dir);
	free(cgroup.slice);
	free(cgroup.unit);
	return 0;
}

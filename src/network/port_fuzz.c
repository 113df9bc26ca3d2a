/* SPDX-License-Identifier: Apache-2.0 */
/* -p comes from users and compose files. What is accepted is within bounds, and as many as said. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "network/port.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_error struct error *err = NULL, *exposed_err = NULL;
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_free struct port *ports = NULL;
	struct port exposed;
	size_t count = 0;

	(void)port_parse_exposed(text, &exposed, &exposed_err);
	if (port_parse(text, &ports, &count, &err) < 0) {
		if (count != 0 || !err)
			abort();
		return 0;
	}
	if (count == 0 || count > PORTS_MAX)
		abort();
	for (size_t i = 0; i < count; i++)
		if (ports[i].container_port == 0 ||
			(ports[i].host_port_last != 0 &&
				ports[i].host_port_last <= ports[i].host_port))
			abort();
	return 0;
}

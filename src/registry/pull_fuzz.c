/* SPDX-License-Identifier: Apache-2.0 */
/* What vessel-transfer may answer, should a registry have taken it over. */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "registry/pull_session.h"
#include "sys/fuzz_packets.h"

#define ORDERED "sha256:0000000000000000000000000000000000000000000000000000000000000000"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_error struct error *err = NULL;
	struct registry_progress progress = { 0 };
	struct pull_session session = { .progress = &progress, .pid = INT_MAX }; /* nobody's */
	struct digest digest;

	session.socket_fd = fuzz_packets(data, size);
	if (digest_parse(ORDERED, &session.orders[1].digest, &err) < 0)
		abort();
	session.orders[1].size = 10;
	session.orders[1].used = true;
	while (pull_session_read(&session, &digest, &err) >= 0)
		;
	if (session.pid > 0)
		close_fd(session.socket_fd);
	return 0;
}

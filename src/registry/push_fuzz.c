/* SPDX-License-Identifier: Apache-2.0 */
/* What vessel-transfer may answer to a push, should a registry have taken it over. */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "registry/push_session.h"
#include "sys/fuzz_packets.h"

#define ORDERED "sha256:0000000000000000000000000000000000000000000000000000000000000000"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore_progress(const struct digest *digest, int64_t current, void *arg)
{
	(void)digest;
	*(int64_t *)arg = current;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_error struct error *err = NULL;
	int64_t last = 0;
	struct push_session session = { .pid = INT_MAX, /* nobody's */
		.progress = ignore_progress,
		.arg = &last };
	enum push_end end = PUSH_END_MAX_;
	struct digest digest;

	session.socket_fd = fuzz_packets(data, size);
	if (digest_parse(ORDERED, &session.orders[1].digest, &err) < 0)
		abort();
	session.orders[1].used = true;
	while (push_session_next(&session, &digest, &end, &err) >= 0) {
		if (end >= PUSH_END_MAX_)
			abort();
		session.orders[1].used = true;
	}
	if (session.pid > 0)
		close_fd(session.socket_fd);
	return 0;
}

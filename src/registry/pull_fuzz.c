/* SPDX-License-Identifier: Apache-2.0 */
/* What vessel-transfer may answer, should a registry have taken it over. */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

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
	int fd = -1;

	session.socket_fd = fuzz_packets(data, size);
	for (size_t i = 0; i < PULL_DOWNLOADS_MAX; i++)
		session.orders[i].fd = -1;
	if (digest_parse(ORDERED, &session.orders[1].digest, &err) < 0)
		abort();
	session.orders[1].size = 10;
	session.orders[1].fd = memfd_create("blob", MFD_CLOEXEC);
	while (pull_session_next(&session, &digest, &fd, &err) >= 0 && fd >= 0)
		close_fd(take_fd(&fd));
	if (session.pid > 0) {
		close_fd(session.socket_fd);
		for (size_t i = 0; i < PULL_DOWNLOADS_MAX; i++)
			close_fd(session.orders[i].fd);
	}
	return 0;
}

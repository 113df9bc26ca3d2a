/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of a gate: who knocks, and what init answers to who has opened it. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "runtime/gate.c" // NOLINT(bugprone-suspicious-include): its parts are asked one by one
#include "sys/fuzz_packets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_error struct error *err = NULL;
	cleanup_close int knocks_fd = fuzz_packets(data, size),
			  answers_fd = fuzz_packets(data, size);
	cleanup_close int ended_fd = memfd_create("ended", MFD_CLOEXEC); /* always "has ended" */
	const struct ucred creator = { .pid = getpid(), .uid = getuid(), .gid = getgid() };
	/* Only the first packet counts, and only the one byte. */
	bool starts = size >= 3 && (data[0] || data[1]) && data[2] == SYNC_START;

	if (opens(knocks_fd, &creator) != starts)
		abort();
	if (await_program(answers_fd, ended_fd, &err) < 0 && !err)
		abort();
	return 0;
}

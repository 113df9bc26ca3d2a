/* SPDX-License-Identifier: Apache-2.0 */
/* What a container's init may say to its caller: it is the less trusted one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "runtime/sync.h"
#include "sys/fuzz_packets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_close int fd = fuzz_packets(data, size);

	for (int i = 0; i <= FUZZ_PACKETS_MAX; i++) {
		cleanup_error struct error *err = NULL;
		int passed_fd = -1;
		int type = sync_receive(fd, &passed_fd, &err);

		if (passed_fd >= 0 || (type < 0) != (err != NULL))
			abort();
		if (err && strlen(error_message(err)) > 2UL * ERROR_WIRE_MAX)
			abort();
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Any packet that a helper or a client may send. */
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "sys/fuzz_packets.h"
#include "sys/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_close int fd = fuzz_packets(data, size);
	static struct msg msg;
	int got = 1;

	while (got != 0) {
		cleanup_error struct error *err = NULL, *told = NULL;

		got = msg_receive(fd, &msg, &err);
		if (got < 0 && error_kind(err) != ERROR_INVALID)
			return 0;
		if (got <= 0)
			continue;
		if (msg.length > MSG_MAX || msg.data[msg.length] != '\0')
			abort();
		(void)error_unpack(&told, msg.data, msg.length);
		msg_close_fds(&msg);
	}
	return 0;
}

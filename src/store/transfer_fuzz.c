/* SPDX-License-Identifier: Apache-2.0 */
/* What vessel-unpack may answer, should an archive have taken it over. */
#include <stdint.h>

#include "store/transfer.c" // NOLINT(bugprone-suspicious-include): no helper is started here
#include "sys/fuzz_packets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct transfer transfer;
	static int dest_fd = -1;
	struct transfer_unpack unpack = { .archive_fd = -1, .layer = true };
	char dir[] = "/tmp/vessel-fuzz.XXXXXX";

	if (dest_fd < 0) {
		if (!mkdtemp(dir))
			abort();
		dest_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		(void)rmdir(dir); /* an empty one, that no name leads to */
	}
	unpack.dest_fd = dest_fd;
	transfer = (struct transfer){
		.unpack = &unpack, .copy_fd = -1, .answer_fd = fuzz_packets(data, size)
	};
	while (transfer.answer_fd >= 0) {
		cleanup_error struct error *err = NULL;

		if (take_answer(&transfer, &err) < 0 && !err)
			abort();
		if (err && transfer.answer_fd >= 0)
			close_fd(take_fd(&transfer.answer_fd));
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compressed bytes from outside, by all decompressors: none hangs, reads or writes beyond its
 * buffers, or says that it made more than there was room for.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/codec_bzip2.c" // NOLINT(bugprone-suspicious-include): not in the library
#include "store/codec_xz.c" // NOLINT(bugprone-suspicious-include)
#include "store/stream.h"

#define OUTPUT_MAX (4UL << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct codec *const codecs[] = { &codec_gzip, &codec_zstd, &codec_bzip2,
		&codec_xz, NULL };
	static int fd = -1;
	cleanup_error struct error *err = NULL;
	cleanup_stream struct stream *stream = NULL;
	struct stream_options options = { .copy_fd = -1, .codecs = codecs, .limit = OUTPUT_MAX };

	if (fd < 0)
		fd = memfd_create("archive", MFD_CLOEXEC);
	options.fd = fd;
	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size ||
		lseek(fd, 0, SEEK_SET) < 0)
		abort();
	if (stream_open(&options, &stream, &err) == 0)
		(void)stream_drain(stream, &err);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compressed bytes from outside, by all decompressors: none hangs, reads or writes beyond its
 * buffers, or says that it made more than there was room for. The two of gzip agree: what one
 * takes, the other does, to the same bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/codec_bzip2.c" // NOLINT(bugprone-suspicious-include): not in the library
#if __has_include(<isa-l/igzip_lib.h>)
#	include "store/codec_isal.c" // NOLINT(bugprone-suspicious-include)
#else
const struct codec *codec_isal(void)
{
	return NULL;
}
#endif
#include "base/sha256.h"
#include "store/codec_xz.c" // NOLINT(bugprone-suspicious-include)
#include "store/stream.h"

#define OUTPUT_MAX (4UL << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 0 with the digest of what came out, or -1 with why. */
static int read_all(int fd, const struct codec *gzip, uint8_t ret[static 32], struct error **err)
{
	const struct codec *const codecs[] = { gzip, &codec_zstd, &codec_bzip2, &codec_xz, NULL };
	const struct stream_options options = {
		.fd = fd, .copy_fd = -1, .codecs = codecs, .limit = OUTPUT_MAX
	};
	cleanup_stream struct stream *stream = NULL;
	struct sha256 sha;
	const char *text;
	ssize_t n;

	if (lseek(fd, 0, SEEK_SET) < 0)
		abort();
	if (stream_open(&options, &stream, err) < 0)
		return -1;
	sha256_init(&sha);
	while ((n = stream_peek(stream, 1, &text, err)) > 0) {
		sha256_update(&sha, text, (size_t)n);
		stream_skip(stream, (size_t)n);
	}
	sha256_final(&sha, ret);
	return (int)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct codec *isal;
	static int fd = -1;
	cleanup_error struct error *err = NULL, *isal_err = NULL;
	uint8_t digest[32], isal_digest[32];
	int result;

	if (fd < 0) {
		fd = memfd_create("archive", MFD_CLOEXEC);
		isal = codec_isal();
	}
	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	result = read_all(fd, &codec_gzip, digest, &err);
	if (!isal || size < 2 || data[0] != 0x1f || data[1] != 0x8b)
		return 0;
	if (read_all(fd, isal, isal_digest, &isal_err) != result ||
		(result == 0 && memcmp(digest, isal_digest, sizeof(digest)) != 0)) {
		fprintf(stderr, "zlib: %s; ISA-L: %s\n", err ? error_message(err) : "read",
			isal_err ? error_message(isal_err) : "read");
		abort();
	}
	return 0;
}

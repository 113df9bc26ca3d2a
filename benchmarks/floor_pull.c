/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor of a pull, but for the download: a layer's bytes are read, hashed, decompressed by the
 * fastest decompressor that is here (ISA-L, else zlib), hashed again, and written to one file, which
 * is synced. One thread, nothing checked, nothing unpacked.
 *
 *	floor_pull LAYER.gz SCRATCH	prints the duration in microseconds
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <err.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#if __has_include(<isa-l/igzip_lib.h>)
#	include <dlfcn.h>
#	include <isa-l/igzip_lib.h>
#	define HAS_ISAL 1
#else
#	define HAS_ISAL 0
#endif

#define BUFFER (1UL << 20)

struct work {
	int in_fd, out_fd;
	uint8_t in[BUFFER], out[BUFFER];
	SHA256_CTX packed, plain;
};

static size_t more(struct work *work)
{
	ssize_t n = read(work->in_fd, work->in, BUFFER);

	if (n < 0)
		err(1, "read");
	SHA256_Update(&work->packed, work->in, (size_t)n);
	return (size_t)n;
}

static void put(struct work *work, size_t length)
{
	SHA256_Update(&work->plain, work->out, length);
	if (write(work->out_fd, work->out, length) != (ssize_t)length)
		err(1, "write");
}

#if HAS_ISAL
/* 0 when the library is not here. */
static int by_isal(struct work *work)
{
	void *library = dlopen("libisal.so.2", RTLD_NOW);
	void (*init)(struct inflate_state *) = library ? dlsym(library, "isal_inflate_init") : NULL;
	int (*inflate_)(struct inflate_state *) = library ? dlsym(library, "isal_inflate") : NULL;
	static struct inflate_state state;

	if (!init || !inflate_)
		return 0;
	init(&state);
	state.crc_flag = ISAL_GZIP;
	while (state.block_state != ISAL_BLOCK_FINISH) {
		if (state.avail_in == 0) {
			state.next_in = work->in;
			state.avail_in = (uint32_t)more(work);
		}
		state.next_out = work->out;
		state.avail_out = BUFFER;
		if (inflate_(&state) < 0)
			errx(1, "broken gzip data");
		put(work, BUFFER - state.avail_out);
	}
	return 1;
}
#else
static int by_isal(struct work *work)
{
	(void)work;
	return 0;
}
#endif

static void by_zlib(struct work *work)
{
	z_stream z = { 0 };
	int result = inflateInit2(&z, 31);

	while (result == Z_OK) {
		if (z.avail_in == 0) {
			z.next_in = work->in;
			z.avail_in = (unsigned int)more(work);
		}
		z.next_out = work->out;
		z.avail_out = BUFFER;
		result = inflate(&z, Z_NO_FLUSH);
		put(work, BUFFER - z.avail_out);
	}
	if (result != Z_STREAM_END)
		errx(1, "broken gzip data");
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
	static struct work work;
	uint8_t digest[SHA256_DIGEST_LENGTH];
	int64_t begin;
	char path[4096];

	if (argc != 3)
		errx(2, "usage: floor_pull LAYER.gz SCRATCH");
	(void)snprintf(path, sizeof(path), "%s/floor.tar", argv[2]);
	begin = now_us();
	work.in_fd = open(argv[1], O_RDONLY);
	work.out_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (work.in_fd < 0 || work.out_fd < 0)
		err(1, "open");
	SHA256_Init(&work.packed);
	SHA256_Init(&work.plain);
	if (!by_isal(&work))
		by_zlib(&work);
	SHA256_Final(digest, &work.packed);
	SHA256_Final(digest, &work.plain);
	if (fsync(work.out_fd) < 0)
		err(1, "fsync");
	printf("%lld\n", (long long)(now_us() - begin));
	(void)unlink(path);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a load cannot do without: read, hash, write, and see it on the disk.
 *
 * usage: floor_archive FROM TO
 */
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PART (256UL * 1024)

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* the low-level code: nothing is loaded */

static int copy(int from_fd, int to_fd)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char *buf = malloc(PART);
	SHA256_CTX sha;
	ssize_t n = -1;

	if (!buf || !SHA256_Init(&sha))
		return -1;
	while ((n = read(from_fd, buf, PART)) > 0)
		if (!SHA256_Update(&sha, buf, (size_t)n) || write(to_fd, buf, (size_t)n) != n)
			break;
	free(buf);
	if (n != 0 || !SHA256_Final(digest, &sha) || fsync(to_fd) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(digest); i++)
		printf("%02x", digest[i]);
	return putchar('\n') == EOF ? -1 : 0;
}

int main(int argc, char **argv)
{
	int from_fd = argc == 3 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	int to_fd = from_fd < 0 ? -1 : open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (to_fd < 0 || copy(from_fd, to_fd) < 0) {
		perror("floor_archive FROM TO");
		return 1;
	}
	return 0;
}

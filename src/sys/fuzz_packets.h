/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For fuzz targets of protocols: the input as packets of a SOCK_SEQPACKET socket. Each is two bytes
 * of length, the lower first, and that many bytes; a last one may be cut.
 */
#pragma once

#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#define FUZZ_PACKETS_MAX 32 /* a socket's buffer holds them all: nobody reads meanwhile */

/* Returns the end from which they come; the other one is closed. */
static inline int fuzz_packets(const uint8_t *data, size_t size)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	for (int i = 0; i < FUZZ_PACKETS_MAX && size >= 2; i++) {
		size_t length = data[0] | (size_t)data[1] << 8;

		data += 2;
		size -= 2;
		length = length < size ? length : size;
		if (send(pair[1], data, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
		data += length;
		size -= length;
	}
	close(pair[1]);
	return pair[0];
}

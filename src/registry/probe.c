/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/probe.h"

#include <arpa/inet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "registry/origin.h"

#define WAIT_MS 1000
#define ANSWER "HTTP/"

/* A record with a ClientHello of TLS 1.2, one cipher suite and no extension; an empty line ends it
 * for who reads lines. */
static const char hello[] = "\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03"
			    "vessel asks: is this http or TLS"
			    "\x00\x00\x02\xc0\x2f\x01\x00"
			    "\r\n\r\n";

static socklen_t address_of(const struct origin *origin, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	const char *host = strcmp(origin->host, "localhost") == 0 ? "127.0.0.1" : origin->host;

	*ret = (struct sockaddr_storage){ 0 };
	if (!origin_is_loopback(origin))
		return 0;
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)origin->port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
		return 0;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)origin->port);
	return sizeof(*v6);
}

static bool wait_for(int fd, short events)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	return TEMP_FAILURE_RETRY(poll(&poll_fd, 1, WAIT_MS)) == 1;
}

bool probe_is_http(const struct origin *origin)
{
	struct sockaddr_storage address;
	socklen_t length = address_of(origin, &address);
	cleanup_close int fd = -1;
	char answer[sizeof(ANSWER) - 1];

	if (length == 0)
		return false;
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	/* On this host a connection is made or refused at once, or it waits in a full queue. */
	(void)connect(fd, (const struct sockaddr *)&address, length);
	if (!wait_for(fd, POLLOUT) ||
		send(fd, hello, sizeof(hello) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(hello) - 1 ||
		!wait_for(fd, POLLIN))
		return false;
	return recv(fd, answer, sizeof(answer), 0) == (ssize_t)sizeof(answer) &&
	       memcmp(answer, ANSWER, sizeof(answer)) == 0;
}

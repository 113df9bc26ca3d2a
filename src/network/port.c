/* SPDX-License-Identifier: Apache-2.0 */
#include "network/port.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/error.h"

static const struct {
	const char *name;
	int protocol;
} protocols[] = {
	{ "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },
	{ "sctp", IPPROTO_SCTP },
};
#define PROTOCOLS (sizeof(protocols) / sizeof(*protocols))

const char *port_protocol_name(int protocol)
{
	for (size_t i = 0; i < PROTOCOLS; i++)
		if (protocols[i].protocol == protocol)
			return protocols[i].name;
	return "unknown";
}

/* ---- Parsing ---- */

struct range {
	uint16_t first, last;
};

/* Decimal digits alone: no sign, no blank, nothing that strtol() would let pass. */
static bool parse_number(const char *text, size_t length, uint16_t *ret)
{
	uint32_t value = 0;

	if (length == 0 || length > 5)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint32_t)(text[i] - '0');
	}
	if (value > UINT16_MAX)
		return false;
	*ret = (uint16_t)value;
	return true;
}

static bool parse_range(const char *text, size_t length, struct range *ret)
{
	const char *dash = memchr(text, '-', length);
	size_t first = dash ? (size_t)(dash - text) : length;

	if (!parse_number(text, first, &ret->first))
		return false;
	ret->last = ret->first;
	if (dash && !parse_number(dash + 1, length - first - 1, &ret->last))
		return false;
	return ret->first <= ret->last;
}

/* "…/tcp": *ret_length is that of what stands before. */
static int split_protocol(
	const char *text, size_t *ret_length, int *ret_protocol, struct error **err)
{
	const char *slash = strchr(text, '/');

	*ret_protocol = IPPROTO_TCP;
	*ret_length = slash ? (size_t)(slash - text) : strlen(text);
	if (!slash)
		return 0;
	for (size_t i = 0; i < PROTOCOLS; i++) {
		if (strcasecmp(slash + 1, protocols[i].name) == 0) {
			*ret_protocol = protocols[i].protocol;
			return 0;
		}
	}
	error_new(err, ERROR_INVALID, "invalid proto: %s", slash + 1);
	return error_hint(err, "tcp, udp and sctp can be published");
}

/* The three parts of what stands before the protocol: all but the last may be missing. */
struct parts {
	const char *ip, *host, *container;
	size_t ip_length, host_length, container_length;
};

static const char *last_colon(const char *text, size_t length)
{
	return length > 0 ? memrchr(text, ':', length) : NULL;
}

static struct parts split_parts(const char *text, size_t length)
{
	struct parts parts = { .container = text, .container_length = length };
	const char *colon = last_colon(text, length);

	if (!colon)
		return parts;
	parts.container = colon + 1;
	parts.container_length = length - (size_t)(colon - text) - 1;
	parts.host = text;
	parts.host_length = (size_t)(colon - text);
	colon = last_colon(text, parts.host_length);
	if (!colon)
		return parts;
	parts.host = colon + 1;
	parts.host_length -= (size_t)(colon - text) + 1;
	parts.ip = text;
	parts.ip_length = (size_t)(colon - text);
	return parts;
}

static int parse_ip(const struct parts *parts, struct in_addr *ret, struct error **err)
{
	char text[INET6_ADDRSTRLEN + 2];
	struct in6_addr ignored;
	size_t length = parts->ip_length;
	const char *start = parts->ip;

	ret->s_addr = INADDR_ANY;
	if (length == 0)
		return 0;
	if (length > 2 && start[0] == '[' && start[length - 1] == ']') {
		start++;
		length -= 2;
	}
	(void)snprintf(text, sizeof(text), "%.*s", (int)length, start);
	if (start == parts->ip && inet_pton(AF_INET, text, ret) == 1)
		return 0;
	if (length >= sizeof(text) || inet_pton(AF_INET6, text, &ignored) != 1)
		return error_new(err, ERROR_INVALID, "invalid IP address: %.*s",
			(int)parts->ip_length, parts->ip);
	error_new(
		err, ERROR_UNSUPPORTED, "publishing on the IPv6 address %s is not supported", text);
	return error_hint(err, "publish on an IPv4 address of this host, or on all: leave it out");
}

static int parse_parts(const struct parts *parts, struct range *ret_host,
	struct range *ret_container, struct error **err)
{
	struct range *host = ret_host, *container = ret_container;

	if (parts->container_length == 0)
		return error_new(err, ERROR_INVALID, "no port specified");
	if (!parse_range(parts->container, parts->container_length, container) ||
		container->first == 0)
		return error_new(err, ERROR_INVALID, "invalid containerPort: %.*s",
			(int)parts->container_length, parts->container);
	*host = (struct range){ 0 };
	if (parts->host_length == 0)
		return 0;
	if (!parse_range(parts->host, parts->host_length, host) ||
		(host->first == 0 && host->last != 0))
		return error_new(err, ERROR_INVALID, "invalid hostPort: %.*s",
			(int)parts->host_length, parts->host);
	if (container->first == container->last || host->last == 0 ||
		host->last - host->first == container->last - container->first)
		return 0;
	error_new(err, ERROR_INVALID,
		"invalid ranges specified for container and host ports: "
		"%.*s and %.*s",
		(int)parts->container_length, parts->container, (int)parts->host_length,
		parts->host);
	return error_hint(err, "both ranges need the same length");
}

static int parse(const char *text, struct port **ports, size_t *count, struct error **err)
{
	struct port port = { 0 };
	struct range host = { 0 }, container = { 0 };
	struct parts parts;
	size_t length, more;
	bool choose;

	if (split_protocol(text, &length, &port.protocol, err) < 0)
		return -1;
	parts = split_parts(text, length);
	if (parse_ip(&parts, &port.host_ip, err) < 0 ||
		parse_parts(&parts, &host, &container, err) < 0)
		return -1;
	more = (size_t)(container.last - container.first) + 1;
	if (more > PORTS_MAX || *count > PORTS_MAX - more)
		return error_new(err, ERROR_INVALID, "more than %d published ports", PORTS_MAX);
	choose = more == 1 && host.last > host.first;
	*ports = xrealloc(*ports, *count + more, sizeof(**ports));
	for (size_t i = 0; i < more; i++) {
		port.container_port = (uint16_t)(container.first + i);
		port.host_port = host.first == 0 ? 0 : (uint16_t)(host.first + i);
		port.host_port_last = choose ? host.last : 0;
		(*ports)[(*count)++] = port;
	}
	return 0;
}

int port_parse(const char *text, struct port **ports, size_t *count, struct error **err)
{
	if (parse(text, ports, count, err) < 0)
		return error_wrap(err, "publish '%s'", text);
	return 0;
}

int port_parse_exposed(const char *text, struct port *ret, struct error **err)
{
	struct port port = { 0 };
	struct range range;
	size_t length;

	if (split_protocol(text, &length, &port.protocol, err) < 0)
		return error_wrap(err, "expose '%s'", text);
	if (!parse_range(text, length, &range) || range.first == 0 || range.first != range.last)
		return error_new(err, ERROR_INVALID, "expose '%s': invalid containerPort: %.*s",
			text, (int)length, text);
	port.container_port = range.first;
	*ret = port;
	return 0;
}

/* ---- Reserving ---- */

static int open_socket(int protocol)
{
	int type = protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, protocol);

	/* Nobody can listen on a protocol that the kernel does not have. */
	if (fd < 0 && protocol == IPPROTO_SCTP && errno == EPROTONOSUPPORT)
		errno = ENOPROTOOPT;
	return fd;
}

static int refused(const struct port *port, const char *ip, struct error **err)
{
	static const char hint[] = "see who has it: ss -Hpn%s 'sport = :%u', and 'ps' here for "
				   "containers";
	const char *kind = port->protocol == IPPROTO_UDP ? "lu" : "lt";

	switch (errno) {
	case EADDRINUSE:
		error_new(err, ERROR_CONFLICT, "Bind for %s:%u failed: port is already allocated",
			ip, port->host_port);
		return error_hint(err, hint, kind, port->host_port);
	case EADDRNOTAVAIL:
		error_sys(err, "Bind for %s:%u failed", ip, port->host_port);
		error_hint(err, "%s is no address of this host: see 'ip address'", ip);
		return error_as(err, ERROR_INVALID, "publish a port");
	case EACCES:
		error_sys(err, "Bind for %s:%u failed", ip, port->host_port);
		error_hint(err, "ports below net.ipv4.ip_unprivileged_port_start need root");
		return error_as(err, ERROR_DENIED, "publish a port");
	default:
		return error_sys(err, "Bind for %s:%u failed", ip, port->host_port);
	}
}

/*
 * Bound, not listening, and without SO_REUSEADDR: it is in nobody's way but of those who bind the
 * same. No packet comes here (the firewall translates them before), but for broadcasts, which a
 * small buffer keeps from piling up.
 */
static int reserve_one(const struct port *port, struct sockaddr_in *ret)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(port->host_port), .sin_addr = port->host_ip
	};
	socklen_t length = sizeof(address);
	cleanup_close int fd = open_socket(port->protocol);
	const int least = 1;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return -1;
	*ret = address;
	return take_fd(&fd);
}

/* Where there is no SCTP: a placeholder, so that callers have one fd per port. */
static int reserve_nothing(const struct port *port, struct error **err)
{
	int fd;

	if (port->host_port == 0) {
		error_new(err, ERROR_UNSUPPORTED,
			"this kernel has no SCTP to choose a host port with");
		return error_hint(err, "name the host's port, or load the module sctp");
	}
	fd = eventfd(0, EFD_CLOEXEC);
	return fd < 0 ? error_sys(err, "make a placeholder") : fd;
}

int port_reserve(struct port *port, struct error **err)
{
	struct port try = *port;
	struct sockaddr_in bound;
	char ip[INET_ADDRSTRLEN];
	int fd = reserve_one(&try, &bound);

	while (fd < 0 && errno == EADDRINUSE && try.host_port < try.host_port_last) {
		try.host_port++;
		fd = reserve_one(&try, &bound);
	}
	if (fd < 0 && errno == ENOPROTOOPT)
		return reserve_nothing(port, err);
	if (fd < 0)
		return refused(&try, inet_ntop(AF_INET, &port->host_ip, ip, sizeof(ip)), err);
	port->host_port = ntohs(bound.sin_port);
	port->host_port_last = 0;
	return fd;
}

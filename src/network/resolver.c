/* SPDX-License-Identifier: Apache-2.0 */
#include "network/resolver.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"

#define RESOLV_CONF "/etc/resolv.conf"
/* Where systemd-resolved keeps the servers that its own, on 127.0.0.53, asks. */
#define RESOLV_CONF_BEHIND "/run/systemd/resolve/resolv.conf"
#define PUBLIC_RESOLVERS "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"
#define BLANK " \t\r"

/* "" when it is missing, too large or unreadable: a host without one has public resolvers. */
static char *read_conf(const char *path)
{
	cleanup_error struct error *err = NULL;
	char *text;

	return file_read_at(AT_FDCWD, path, BUF_SMALL - 2, &text, &err) < 0 ? xstrdup("") : text;
}

/* The server that a line names, as text; false when it is another kind of line. */
static bool line_server(const char *line, size_t length, char ret[static INET6_ADDRSTRLEN])
{
	const char *keyword = "nameserver", *end = line + length;
	size_t size;

	if (length <= strlen(keyword) || strncmp(line, keyword, strlen(keyword)) != 0)
		return false;
	line += strlen(keyword);
	if (!strchr(BLANK, *line))
		return false;
	while (line < end && strchr(BLANK, *line))
		line++;
	for (size = 0; line + size < end && !strchr(BLANK, line[size]); size++)
		;
	if (size >= INET6_ADDRSTRLEN)
		size = 0; /* no address is so long: reads as "", which is none */
	memcpy(ret, line, size);
	ret[size] = '\0';
	return true;
}

/* 0.0.0.0 is "this host" too. IPv6 ones are out of reach: the bridge has IPv4 alone. */
static bool is_reachable(const char *server)
{
	struct in_addr address;

	return inet_pton(AF_INET, server, &address) == 1 && address.s_addr != INADDR_ANY &&
	       ntohl(address.s_addr) >> IN_CLASSA_NSHIFT != IN_LOOPBACKNET;
}

char *resolver_filter(const char *text, bool *ret_usable)
{
	cleanup_buf struct buf kept = BUF_INIT(BUF_SMALL);
	char server[INET6_ADDRSTRLEN];
	bool usable = false;

	while (*text) {
		size_t length = strcspn(text, "\n");
		bool is_server = line_server(text, length, server);
		bool keep = !is_server || is_reachable(server);

		usable = usable || (is_server && keep);
		if (keep && length > 0) {
			buf_append(&kept, text, length);
			buf_putc(&kept, '\n');
		}
		text += length;
		text += *text == '\n';
	}
	*ret_usable = usable;
	return buf_take(&kept);
}

char *resolver_text(bool host_network)
{
	cleanup_free char *text = NULL, *kept = NULL;
	cleanup_free char *behind = NULL, *behind_kept = NULL;
	bool usable;

	if (host_network)
		return read_conf(RESOLV_CONF);
	text = read_conf(RESOLV_CONF);
	kept = resolver_filter(text, &usable);
	if (usable)
		return take_ptr(kept);
	behind = read_conf(RESOLV_CONF_BEHIND);
	behind_kept = resolver_filter(behind, &usable);
	if (usable)
		return take_ptr(behind_kept);
	return xasprintf("%s%s", kept, PUBLIC_RESOLVERS);
}

void resolver_each(void (*each)(struct in_addr address, void *arg), void *arg)
{
	cleanup_free char *text = resolver_text(false);
	char server[INET6_ADDRSTRLEN];

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		struct in_addr address;

		if (line_server(line, strcspn(line, "\n"), server) &&
			inet_pton(AF_INET, server, &address) == 1)
			each(address, arg);
	}
}

int hosts_entry_check(const char *entry, struct error **err)
{
	size_t name = strcspn(entry, ":=");
	const char *address = entry + name + 1;
	struct in6_addr parsed;

	if (name == 0 || !entry[name] || !*address) {
		error_new(err, ERROR_INVALID, "bad format for add-host: \"%s\"", entry);
		return error_hint(err, "--add-host NAME:ADDRESS, or NAME:" HOST_GATEWAY);
	}
	if (strcmp(address, HOST_GATEWAY) == 0 || inet_pton(AF_INET, address, &parsed) == 1 ||
		inet_pton(AF_INET6, address, &parsed) == 1)
		return 0;
	return error_new(err, ERROR_INVALID, "invalid IP address in add-host: \"%s\"", address);
}

char *hosts_text(const char *address, const char *hostname, char *const *extra)
{
	cleanup_buf struct buf text = BUF_INIT(BUF_LARGE);

	buf_puts(&text, "127.0.0.1\tlocalhost\n"
			"::1\tlocalhost ip6-localhost ip6-loopback\n"
			"fe00::\tip6-localnet\n"
			"ff00::\tip6-mcastprefix\n"
			"ff02::1\tip6-allnodes\n"
			"ff02::2\tip6-allrouters\n");
	for (; extra && *extra; extra++) {
		size_t name = strcspn(*extra, ":=");

		if ((*extra)[name] != '\0')
			buf_printf(&text, "%s\t%.*s\n", *extra + name + 1, (int)name, *extra);
	}
	if (address)
		buf_printf(&text, "%s\t%s\n", address, hostname);
	return buf_take(&text);
}

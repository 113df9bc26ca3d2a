/* SPDX-License-Identifier: Apache-2.0 */
#include "build/port.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/error.h"
#include "build/words.h"

static int bad(const char *text, struct error **err)
{
	error_new(err, ERROR_INVALID, "EXPOSE: '%.100s' is not a port", text);
	return error_hint(
		err, "write 80, 80/udp or 8000-8010; the host's port is chosen by run -p");
}

/* A number from 0 to 65535 at *at, which moves behind it. */
static int read_port(const char **at, long *ret)
{
	char *end;

	if (!isdigit((unsigned char)**at))
		return -1;
	*ret = strtol(*at, &end, 10);
	*at = end;
	return *ret > 65535 ? -1 : 0;
}

static const char *const protocols[] = { "tcp", "udp", "sctp" };
#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

/* What has been found: a list of 65536 ports is too long to be searched for each of them. */
struct ports {
	strv list;
	bool seen[PROTOCOLS][65536];
};

/* "[ip:][host:]container[/proto]": what is before the last colon is for running, not building. */
static int add_ports(const char *text, struct ports *ports, struct error **err)
{
	const char *colon = strrchr(text, ':'), *at = colon ? colon + 1 : text;
	size_t protocol = 0;
	long first, last;

	if (read_port(&at, &first) < 0)
		return bad(text, err);
	last = first;
	if (*at == '-') {
		at++;
		if (read_port(&at, &last) < 0 || last < first)
			return bad(text, err);
	}
	if (*at == '/')
		while (protocol < PROTOCOLS && strcasecmp(at + 1, protocols[protocol]) != 0)
			protocol++;
	if (protocol == PROTOCOLS || (*at && *at != '/'))
		return bad(text, err);
	for (long port = first; port <= last; port++) {
		if (!ports->seen[protocol][port])
			strv_appendf(&ports->list, "%ld/%s", port, protocols[protocol]);
		ports->seen[protocol][port] = true;
	}
	return 0;
}

static int expand_ports(
	const struct state *state, char *const *words, struct ports *ports, struct error **err)
{
	struct lexicon lexicon = { .env = state->env, .escape = state->escape };

	for (size_t i = 0; words[i]; i++) {
		cleanup_strv strv texts = NULL;

		/* One variable may hold several ports. */
		if (words_split(&lexicon, words[i], &texts, err) < 0)
			return -1;
		for (size_t j = 0; texts && texts[j]; j++)
			if (add_ports(texts[j], ports, err) < 0)
				return -1;
	}
	return 0;
}

int ports_expand(const struct state *state, char *const *words, strv *ret, struct error **err)
{
	cleanup_free struct ports *ports = xcalloc(1, sizeof(*ports));

	if (expand_ports(state, words, ports, err) < 0) {
		strv_free(ports->list);
		return -1;
	}
	*ret = ports->list;
	return 0;
}

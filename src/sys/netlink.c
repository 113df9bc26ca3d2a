/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/netlink.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/error.h"

#define ATTR_TYPE(attr) ((attr)->rta_type & NLA_TYPE_MASK)
#define RECEIVE_MAX 32768 /* the kernel makes no larger dump message */

static char *batch_of(struct netlink *nl)
{
	return nl->large ? nl->large : nl->batch;
}

/* ---- Building ---- */

int netlink_open(struct netlink *nl, int protocol, struct error **err)
{
	const int on = 1;

	*nl = (struct netlink){ .fd = -1, .capacity = NETLINK_BATCH_MAX };
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (nl->fd < 0)
		return error_sys(err, "open a netlink socket");
	/* Without these (before Linux 4.12) errors have fewer words, and that is all. */
	(void)setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(nl->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return 0;
}

void netlink_close(struct netlink *nl)
{
	close_fd(nl->fd);
	nl->fd = -1;
	free(take_ptr(nl->large));
}

int netlink_reserve(struct netlink *nl, size_t bytes, struct error **err)
{
	const int size = (int)bytes;

	assert(nl->length == 0);
	if (bytes <= NETLINK_BATCH_MAX)
		return 0;
	if (bytes > NETLINK_LARGE_MAX)
		return error_new(
			err, ERROR_INVALID, "a netlink batch of %zu bytes is too large", bytes);
	/* A batch is one datagram, and a socket takes none that is larger than its buffer. */
	if (setsockopt(nl->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		return error_sys(err, "enlarge a netlink socket's buffer");
	free(nl->large);
	nl->large = xcalloc(1, bytes);
	nl->capacity = bytes;
	return 0;
}

/* Zeroed room at the end of the batch, or NULL, and then for the whole batch. */
static void *room(struct netlink *nl, size_t size)
{
	char *start = batch_of(nl) + nl->length;

	if (nl->overflow || size > nl->capacity - nl->length ||
		NLMSG_ALIGN(size) > nl->capacity - nl->length) {
		nl->overflow = true;
		return NULL;
	}
	memset(start, 0, NLMSG_ALIGN(size));
	nl->length += NLMSG_ALIGN(size);
	if (nl->current)
		nl->current->nlmsg_len =
			(uint32_t)(batch_of(nl) + nl->length - (char *)nl->current);
	return start;
}

/* The same where the caller writes to it in any case. */
static void *room_or_spare(struct netlink *nl, size_t size)
{
	void *start = room(nl, size);

	assert(size <= sizeof(nl->spare));
	if (start)
		return start;
	memset(nl->spare, 0, sizeof(nl->spare));
	return nl->spare;
}

void *netlink_begin(
	struct netlink *nl, const char *what, uint16_t type, uint16_t flags, size_t header_size)
{
	struct nlmsghdr *header;

	nl->current = NULL;
	if (nl->count >= NETLINK_REQUESTS_MAX)
		nl->overflow = true;
	header = room(nl, NLMSG_HDRLEN);
	if (!header)
		return room_or_spare(nl, header_size);
	nl->current = header;
	nl->what[nl->count++] = what;
	nl->pending++;
	*header = (struct nlmsghdr){ .nlmsg_len = NLMSG_HDRLEN,
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST | NLM_F_ACK),
		.nlmsg_seq = ++nl->sequence };
	return room_or_spare(nl, header_size);
}

void netlink_no_ack(struct netlink *nl)
{
	if (!nl->current)
		return;
	nl->current->nlmsg_flags &= (uint16_t)~NLM_F_ACK;
	nl->pending--;
}

void netlink_put(struct netlink *nl, uint16_t type, const void *data, size_t length)
{
	struct rtattr *attr;

	if (length > UINT16_MAX - RTA_LENGTH(0)) {
		nl->overflow = true;
		return;
	}
	attr = room(nl, RTA_LENGTH(length));
	if (!attr)
		return;
	attr->rta_type = type;
	attr->rta_len = (uint16_t)RTA_LENGTH(length);
	if (length > 0)
		memcpy(RTA_DATA(attr), data, length);
}

void netlink_put_text(struct netlink *nl, uint16_t type, const char *text)
{
	netlink_put(nl, type, text, strlen(text) + 1);
}

void netlink_put_u32(struct netlink *nl, uint16_t type, uint32_t value)
{
	netlink_put(nl, type, &value, sizeof(value));
}

void netlink_put_be32(struct netlink *nl, uint16_t type, uint32_t value)
{
	netlink_put_u32(nl, type, htonl(value));
}

struct rtattr *netlink_nest(struct netlink *nl, uint16_t type)
{
	struct rtattr *nest = room_or_spare(nl, sizeof(*nest));

	nest->rta_type = type;
	nest->rta_len = sizeof(*nest);
	return nest;
}

void netlink_nest_end(struct netlink *nl, struct rtattr *nest)
{
	ptrdiff_t length = batch_of(nl) + nl->length - (char *)nest;

	if (nl->overflow)
		return; /* nest may be the spare room */
	if (length > UINT16_MAX)
		nl->overflow = true;
	else
		nest->rta_len = (uint16_t)length;
}

void *netlink_raw(struct netlink *nl, size_t size)
{
	return room_or_spare(nl, size);
}

/* ---- Reading ---- */

int netlink_walk(const void *data, size_t length, int (*each)(const struct nlmsghdr *h, void *arg),
	void *arg)
{
	const char *at = data;
	int result = 0;

	while (result == 0 && length >= NLMSG_HDRLEN) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)at;
		size_t step = NLMSG_ALIGN((size_t)h->nlmsg_len);

		if (h->nlmsg_len < NLMSG_HDRLEN || h->nlmsg_len > length)
			break;
		result = each(h, arg);
		if (step > length)
			break;
		at += step;
		length -= step;
	}
	return result;
}

const void *netlink_header(const struct nlmsghdr *h, size_t header_size)
{
	return h->nlmsg_len >= NLMSG_LENGTH(header_size) ? NLMSG_DATA(h) : NULL;
}

static const struct rtattr *find(const char *at, size_t length, uint16_t type)
{
	while (length >= sizeof(struct rtattr)) {
		const struct rtattr *attr = (const struct rtattr *)at;
		size_t step = RTA_ALIGN((size_t)attr->rta_len);

		if (attr->rta_len < sizeof(*attr) || attr->rta_len > length)
			return NULL;
		if (ATTR_TYPE(attr) == type)
			return attr;
		if (step > length)
			return NULL;
		at += step;
		length -= step;
	}
	return NULL;
}

const struct rtattr *netlink_find(const struct nlmsghdr *h, size_t header_size, uint16_t type)
{
	size_t start = NLMSG_SPACE(header_size);

	if (h->nlmsg_len < start)
		return NULL;
	return find((const char *)h + start, h->nlmsg_len - start, type);
}

const struct rtattr *netlink_find_in(const struct rtattr *nest, uint16_t type)
{
	return nest ? find(RTA_DATA(nest), RTA_PAYLOAD(nest), type) : NULL;
}

bool netlink_get(const struct rtattr *attr, void *ret, size_t length)
{
	if (!attr || RTA_PAYLOAD(attr) < length)
		return false;
	memcpy(ret, RTA_DATA(attr), length);
	return true;
}

bool netlink_is_text(const struct rtattr *attr, const char *text)
{
	size_t length = strlen(text);

	if (!attr || RTA_PAYLOAD(attr) < length || memcmp(RTA_DATA(attr), text, length) != 0)
		return false;
	return RTA_PAYLOAD(attr) == length || ((const char *)RTA_DATA(attr))[length] == '\0';
}

/* ---- Exchange ---- */

struct exchange {
	struct netlink *nl;
	uint32_t first; /* sequence number of the batch's first request */
	int (*each)(const struct nlmsghdr *h, void *arg); /* NULL: no more */
	void *arg;
	int failure; /* errno of the first request that failed, and which that was */
	uint32_t failed;
	char words[128]; /* the kernel's own, of it */
};

/*
 * The kernel's words stand behind the result: of a dump that is an int, else a struct nlmsgerr with
 * the refused request, or with its header alone when capped.
 */
static void take_words(struct exchange *x, const struct nlmsghdr *h)
{
	const struct nlmsgerr *answer = netlink_header(h, sizeof(*answer));
	size_t header = sizeof(int);
	const struct rtattr *words;

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (h->nlmsg_type == NLMSG_ERROR) {
		header = sizeof(*answer);
		if (answer && !(h->nlmsg_flags & NLM_F_CAPPED) &&
			answer->msg.nlmsg_len > NLMSG_HDRLEN)
			header += answer->msg.nlmsg_len - NLMSG_HDRLEN;
	}
	words = netlink_find(h, header, NLMSGERR_ATTR_MSG);
	if (words)
		(void)snprintf(x->words, sizeof(x->words), "%.*s", (int)RTA_PAYLOAD(words),
			(const char *)RTA_DATA(words));
}

static void take_result(struct exchange *x, const struct nlmsghdr *h)
{
	const int *code = netlink_header(h, sizeof(*code));
	int result = code ? -*code : EPROTO;

	if (x->nl->pending > 0)
		x->nl->pending--;
	if (result == 0 || x->failure != 0)
		return;
	x->failure = result;
	x->failed = h->nlmsg_seq - x->first;
	take_words(x, h);
}

static int take_message(const struct nlmsghdr *h, void *arg)
{
	struct exchange *x = arg;

	if (h->nlmsg_seq - x->first >= x->nl->count)
		return 0; /* of an earlier batch that was given up */
	if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE)
		take_result(x, h);
	else if (h->nlmsg_type >= NLMSG_MIN_TYPE && x->each && x->each(h, x->arg) != 0)
		x->each = NULL;
	return 0;
}

/*
 * One datagram. The kernel works a request off within send(2), and a dump goes on within recv(2):
 * an answer is there or never comes, so nothing here can hang.
 */
static int receive(struct exchange *x, struct error **err)
{
	char data[RECEIVE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct sockaddr_nl from = { 0 };
	socklen_t from_length = sizeof(from);
	ssize_t length = TEMP_FAILURE_RETRY(recvfrom(x->nl->fd, data, sizeof(data),
		MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from, &from_length));

	if (length < 0)
		return error_sys(err, "read a netlink answer");
	if ((size_t)length > sizeof(data))
		return error_new(err, ERROR_INTERNAL, "a netlink answer of %zd bytes", length);
	/* Only the kernel is 0: a process of the same namespace may send to us as well. */
	if (from.nl_pid == 0)
		netlink_walk(data, (size_t)length, take_message, x);
	return 0;
}

static int report(const struct exchange *x, struct error **err)
{
	const char *what = x->nl->what[x->failed];

	errno = x->failure;
	if (x->words[0] != '\0')
		return error_sys(err, "%s (%s)", what, x->words);
	return error_sys(err, "%s", what);
}

static int exchange(struct exchange *x, struct error **err)
{
	struct netlink *nl = x->nl;
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	if (nl->overflow)
		return error_new(err, ERROR_INVALID, "a netlink batch is larger than %zu bytes",
			nl->capacity);
	if (nl->count == 0)
		return 0;
	if (TEMP_FAILURE_RETRY(sendto(nl->fd, batch_of(nl), nl->length, 0,
		    (const struct sockaddr *)&kernel, sizeof(kernel))) < 0)
		return error_sys(err, "%s: send to the kernel", nl->what[0]);
	while (nl->pending > 0 && receive(x, err) == 0)
		;
	if (x->failure == 0)
		return *err ? -1 : 0;
	/* A refused nfnetlink batch may answer fewer requests than it had: that is no error more.
	 */
	if (*err) {
		error_free(*err);
		*err = NULL;
	}
	return report(x, err);
}

int netlink_dump(struct netlink *nl, int (*each)(const struct nlmsghdr *h, void *arg), void *arg,
	struct error **err)
{
	struct exchange x = {
		.nl = nl, .first = nl->sequence - nl->count + 1, .each = each, .arg = arg
	};
	int result = exchange(&x, err);

	nl->length = 0;
	nl->count = nl->pending = 0;
	nl->current = NULL;
	nl->overflow = false;
	return result;
}

int netlink_send(struct netlink *nl, struct error **err)
{
	return netlink_dump(nl, NULL, NULL, err);
}

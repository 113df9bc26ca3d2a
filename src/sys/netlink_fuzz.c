/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers come from the kernel, and so do bugs; a socket inside a container's namespace may also
 * get messages of others. Reading any bytes must stay inside of them.
 */
#include <stdlib.h>
#include <string.h>

#include "sys/netlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t sum;

static void touch(const struct rtattr *attr)
{
	const unsigned char *bytes = attr ? RTA_DATA(attr) : NULL;

	for (size_t i = 0; attr && i < RTA_PAYLOAD(attr); i++)
		sum += bytes[i];
}

static int read_message(const struct nlmsghdr *h, void *arg)
{
	(void)arg;
	for (uint16_t type = 0; type < 8; type++) {
		const struct rtattr *attr = netlink_find(h, sizeof(struct rtmsg), type);
		uint32_t number;

		touch(attr);
		touch(netlink_find_in(attr, type));
		touch(netlink_find_in(netlink_find_in(attr, 1), type));
		if (netlink_get(attr, &number, sizeof(number)))
			sum += number;
		sum += netlink_is_text(attr, "bridge");
	}
	sum += netlink_header(h, sizeof(struct rtmsg)) != NULL;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of exactly that size, aligned as a receive buffer is. */
	void *copy = malloc(size ? size : 1);

	if (!copy)
		return 0;
	if (size > 0)
		memcpy(copy, data, size);
	netlink_walk(copy, size, read_message, NULL);
	free(copy);
	return 0;
}

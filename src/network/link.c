/* SPDX-License-Identifier: Apache-2.0 */
#include "network/link.h"

#include <string.h>
#include <sys/ioctl.h>

#include "base/error.h"

void link_begin(struct netlink *nl, const char *what, uint16_t flags, int index, bool up)
{
	struct ifinfomsg *link = netlink_begin(nl, what, RTM_NEWLINK, flags, sizeof(*link));

	link->ifi_index = index;
	if (up)
		link->ifi_flags = link->ifi_change = IFF_UP;
}

void link_delete(struct netlink *nl, const char *name)
{
	netlink_begin(nl, "remove the link", RTM_DELLINK, 0, sizeof(struct ifinfomsg));
	netlink_put_text(nl, IFLA_IFNAME, name);
}

int link_index(const struct netlink *nl, const char *name)
{
	struct ifreq request = { 0 };

	memcpy(request.ifr_name, name, strnlen(name, sizeof(request.ifr_name) - 1));
	return ioctl(nl->fd, SIOCGIFINDEX, &request) < 0 ? 0 : request.ifr_ifindex;
}

bool link_forgive(int number, struct error **err)
{
	if (error_errno(*err) != number)
		return false;
	error_free(*err);
	*err = NULL;
	return true;
}

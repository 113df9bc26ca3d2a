/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/loopback.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/error.h"

/* One ioctl: for a flag of one device a netlink exchange would be twice the system calls. */
int loopback_up(struct error **err)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return error_sys(err, "set the loopback device up");
	return 0;
}

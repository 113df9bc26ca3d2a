/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kernel_setting.h"

#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "oci/spec.h"

/* Which sysctls belong to a namespace; all others are the host's, and of one of them a write is an
 * escape (CVE-2022-0811). */
static const struct {
	const char *prefix;
	uint64_t ns;
} families[] = {
	{ "kernel.shm", CLONE_NEWIPC },
	{ "kernel.msg", CLONE_NEWIPC },
	{ "kernel.sem", CLONE_NEWIPC },
	{ "fs.mqueue.", CLONE_NEWIPC },
	{ "net.", CLONE_NEWNET },
	{ "user.", CLONE_NEWUSER },
	{ "kernel.hostname", CLONE_NEWUTS },
	{ "kernel.domainname", CLONE_NEWUTS },
};

static uint64_t sysctl_namespace(const char *name)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (strncmp(name, families[i].prefix, strlen(families[i].prefix)) == 0)
			return families[i].ns;
	return 0;
}

static bool has_plain_characters(const char *name)
{
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789_-.")] == '\0' &&
	       !strstr(name, "..");
}

static int check_sysctl(const char *name, uint64_t new_namespaces, struct error **err)
{
	uint64_t ns = sysctl_namespace(name);

	if (!has_plain_characters(name))
		return error_new(err, ERROR_INVALID, "sysctl '%s' is no valid name", name);
	if (!ns)
		return error_new(err, ERROR_INVALID,
			"sysctl '%s' is not of a namespace: it would change the host", name);
	if (!(ns & new_namespaces)) {
		error_new(err, ERROR_INVALID, "sysctl '%s' needs an own %s namespace", name,
			namespace_name((int)ns));
		return error_hint(err, "without one it would change what others use as well");
	}
	return 0;
}

static int apply_sysctl(
	const char *setting, uint64_t new_namespaces, int proc_fd, struct error **err)
{
	cleanup_free char *name = xstrdup(setting), *path = NULL;
	char *value = strchr(name, '=');

	if (!value)
		return error_new(err, ERROR_INVALID, "sysctl '%s' has no value", setting);
	*value++ = '\0';
	if (check_sysctl(name, new_namespaces, err) < 0)
		return -1;
	path = xasprintf("sys/%s", name);
	for (char *dot = path; (dot = strchr(dot, '.')) != NULL;)
		*dot = '/';
	if (file_poke_at(proc_fd, path, value, err) < 0)
		return error_as(err, ERROR_INVALID, "sysctl '%s'", name);
	return 0;
}

static int set_names(const struct spec *spec, uint64_t new_namespaces, struct error **err)
{
	if (!spec->hostname && !spec->domainname)
		return 0;
	if (!(new_namespaces & CLONE_NEWUTS))
		return error_new(err, ERROR_INVALID, "a host name needs an own uts namespace");
	if (spec->hostname && sethostname(spec->hostname, strlen(spec->hostname)) < 0) {
		error_sys(err, "set the host name '%s'", spec->hostname);
		return error_as(err, ERROR_INVALID, "host name");
	}
	if (spec->domainname && setdomainname(spec->domainname, strlen(spec->domainname)) < 0) {
		error_sys(err, "set the domain name '%s'", spec->domainname);
		return error_as(err, ERROR_INVALID, "domain name");
	}
	return 0;
}

/* One ioctl: for a flag of one device a netlink exchange would be twice the system calls. */
static int loopback_up(struct error **err)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return error_sys(err, "set the loopback device up");
	return 0;
}

int kernel_settings_apply(
	const struct spec *spec, uint64_t new_namespaces, int proc_fd, struct error **err)
{
	char *const *setting = spec->sysctl;

	if (new_namespaces & CLONE_NEWNET && loopback_up(err) < 0)
		return -1;
	if (set_names(spec, new_namespaces, err) < 0)
		return -1;
	for (; setting && *setting; setting++)
		if (apply_sysctl(*setting, new_namespaces, proc_fd, err) < 0)
			return -1;
	return 0;
}

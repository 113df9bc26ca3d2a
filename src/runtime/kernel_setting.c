/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kernel_setting.h"

#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "oci/spec.h"
#include "sys/loopback.h"

/*
 * The rules of oci/spec_check.c once more, for specs that were not parsed: of a sysctl that is not
 * of the container's own namespaces, a write is an escape (CVE-2022-0811).
 */
static int check_sysctl(
	const struct spec *spec, const char *name, const char *given, struct error **err)
{
	int ns = name ? sysctl_namespace(name) : 0;

	if (!name)
		return error_new(err, ERROR_INVALID, "sysctl '%s' is no valid name", given);
	if (!ns)
		return error_new(err, ERROR_INVALID,
			"sysctl '%s' is not of a namespace: it would change the host", given);
	if (!spec_has_namespace(spec, ns)) {
		error_new(err, ERROR_INVALID, "sysctl '%s' needs an own %s namespace", given,
			namespace_name(ns));
		return error_hint(err, "without one it would change what others use as well");
	}
	return 0;
}

/* Is the namespace that the spec says to join the one that we are in? */
static bool is_ours(const struct spec_namespace *ns)
{
	cleanup_free char *own = xasprintf("/proc/self/ns/%s", namespace_file(ns->type));
	struct stat joined, ours;

	return stat(ns->path, &joined) == 0 && stat(own, &ours) == 0 &&
	       joined.st_dev == ours.st_dev && joined.st_ino == ours.st_ino;
}

int kernel_settings_check(const struct spec *spec, struct error **err)
{
	bool names = (spec->hostname && *spec->hostname) || (spec->domainname && *spec->domainname);
	int changed = names ? CLONE_NEWUTS : 0;

	if (names && !spec_has_namespace(spec, CLONE_NEWUTS))
		return error_new(err, ERROR_INVALID, "a host name needs an own uts namespace");
	for (char *const *setting = spec->sysctl; setting && *setting; setting++) {
		cleanup_free char *given = xstrndup(*setting, strcspn(*setting, "="));
		cleanup_free char *name = sysctl_name(given);

		if (check_sysctl(spec, name, given, err) < 0)
			return -1;
		changed |= sysctl_namespace(name);
	}
	for (size_t i = 0; changed && i < spec->namespace_count; i++) {
		const struct spec_namespace *ns = &spec->namespaces[i];

		if (ns->path && ns->type & changed && is_ours(ns))
			return error_new(err, ERROR_INVALID,
				"the container joins the host's %s namespace, and a setting of it "
				"would change the host",
				namespace_name(ns->type));
	}
	return 0;
}

static int apply_sysctl(const char *setting, int proc_fd, struct error **err)
{
	const char *value = strchr(setting, '=');
	cleanup_free char *given = xstrndup(setting, strcspn(setting, "="));
	cleanup_free char *name = sysctl_name(given), *path = NULL;

	if (!value || !name)
		return error_new(err, ERROR_INVALID, "sysctl '%s' has no value", setting);
	sysctl_swap(name);
	path = xasprintf("sys/%s", name);
	if (file_poke_at(proc_fd, path, value + 1, err) < 0)
		return error_as(err, ERROR_INVALID, "sysctl '%s'", given);
	return 0;
}

static int set_names(const struct spec *spec, struct error **err)
{
	if (spec->hostname && *spec->hostname &&
		sethostname(spec->hostname, strlen(spec->hostname)) < 0) {
		error_sys(err, "set the host name '%s'", spec->hostname);
		return error_as(err, ERROR_INVALID, "host name");
	}
	if (spec->domainname && *spec->domainname &&
		setdomainname(spec->domainname, strlen(spec->domainname)) < 0) {
		error_sys(err, "set the domain name '%s'", spec->domainname);
		return error_as(err, ERROR_INVALID, "domain name");
	}
	return 0;
}

int kernel_settings_apply(
	const struct spec *spec, uint64_t new_namespaces, int proc_fd, struct error **err)
{
	char *const *setting = spec->sysctl;

	if (new_namespaces & CLONE_NEWNET && loopback_up(err) < 0)
		return -1;
	/* A pod's containers join its namespaces and say the same settings once more. */
	if (set_names(spec, err) < 0)
		return -1;
	for (; setting && *setting; setting++)
		if (apply_sysctl(*setting, proc_fd, err) < 0)
			return -1;
	return 0;
}

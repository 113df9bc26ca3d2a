/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules between members of a spec. Most are one: a setting of a namespace that the container shares
 * with the host would change the host, so it takes a namespace of the container's, or one that it
 * joins.
 */
#include <sched.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "oci/spec_json.h"

#ifndef CLONE_NEWTIME
#	define CLONE_NEWTIME 0x00000080
#endif

/* Which sysctls belong to a namespace; all others are the host's, and of one of them a write is an
 * escape (CVE-2022-0811). A name that ends in a dot stands for all below it. */
static const struct {
	const char *name;
	int type;
} sysctls[] = {
	{ "kernel.msgmax", CLONE_NEWIPC },
	{ "kernel.msgmnb", CLONE_NEWIPC },
	{ "kernel.msgmni", CLONE_NEWIPC },
	{ "kernel.sem", CLONE_NEWIPC },
	{ "kernel.shmall", CLONE_NEWIPC },
	{ "kernel.shmmax", CLONE_NEWIPC },
	{ "kernel.shmmni", CLONE_NEWIPC },
	{ "kernel.shm_rmid_forced", CLONE_NEWIPC },
	{ "kernel.msg_next_id", CLONE_NEWIPC },
	{ "kernel.sem_next_id", CLONE_NEWIPC },
	{ "kernel.shm_next_id", CLONE_NEWIPC },
	{ "kernel.auto_msgmni", CLONE_NEWIPC },
	{ "fs.mqueue.", CLONE_NEWIPC },
	{ "net.", CLONE_NEWNET },
	{ "user.", CLONE_NEWUSER },
	{ "kernel.hostname", CLONE_NEWUTS },
	{ "kernel.domainname", CLONE_NEWUTS },
};

void sysctl_swap(char *name)
{
	for (char *c = name; *c; c++) {
		if (*c == '/')
			*c = '.';
		else if (*c == '.')
			*c = '/';
	}
}

/*
 * As sysctl(8): what separates first, separates; of the other kind are characters of a name
 * ("net/ipv4/conf/eth0.100/forwarding").
 */
char *sysctl_name(const char *given)
{
	cleanup_free char *name = xstrdup(given);

	if (strspn(given, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./@:") !=
			strlen(given) ||
		strstr(given, "..") || strstr(given, "//") || strchr("./", *given))
		return NULL;
	if (given[strcspn(given, "./")] == '/')
		sysctl_swap(name);
	return take_ptr(name);
}

int sysctl_namespace(const char *name)
{
	for (size_t i = 0; i < LENGTH(sysctls); i++) {
		size_t length = strlen(sysctls[i].name);
		bool family = sysctls[i].name[length - 1] == '.';

		if (family ? strncmp(name, sysctls[i].name, length) == 0
			   : strcmp(name, sysctls[i].name) == 0)
			return sysctls[i].type;
	}
	return 0;
}

static int check_sysctl(
	const struct spec *spec, const char *given, const char *value, struct error **err)
{
	cleanup_free char *name = sysctl_name(given);
	int type = name ? sysctl_namespace(name) : 0;

	if (!name)
		return error_new(err, ERROR_INVALID, ": is no valid name");
	if (!type)
		return error_new(
			err, ERROR_INVALID, ": is not of a namespace: it would change the host");
	if (!spec_has_namespace(spec, type)) {
		error_new(err, ERROR_INVALID, ": needs an own %s namespace", namespace_name(type));
		return error_hint(err, "without one it would change what others use as well");
	}
	if (strcmp(name, "kernel.hostname") == 0)
		return error_new(err, ERROR_INVALID, ": is what 'hostname' is for");
	if (strcmp(name, "kernel.domainname") == 0 && spec->domainname &&
		strcmp(spec->domainname, value) != 0)
		return error_new(err, ERROR_INVALID, ": contradicts 'domainname'");
	return 0;
}

static int check_sysctls(const struct spec *spec, struct error **err)
{
	for (char *const *setting = spec->sysctl; setting && *setting; setting++) {
		cleanup_free char *name = xstrndup(*setting, strcspn(*setting, "="));

		if (check_sysctl(spec, name, strchr(*setting, '=') + 1, err) < 0)
			return spec_at(err, "linux.sysctl[\"%s\"]", name);
	}
	return 0;
}

static bool makes_namespace(const struct spec *spec, int type)
{
	for (size_t i = 0; i < spec->namespace_count; i++)
		if (spec->namespaces[i].type == type)
			return !spec->namespaces[i].path;
	return false;
}

/* A description of one that is not made goes nowhere. With none at all the runtime's caller decides
 * (the specification has no default). */
static int check_id_maps(const struct spec *spec, struct error **err)
{
	bool has_user = spec_has_namespace(spec, CLONE_NEWUSER);
	const struct {
		const char *key;
		size_t count;
	} maps[] = { { "uidMappings", spec->uid_map_count },
		{ "gidMappings", spec->gid_map_count } };

	for (size_t i = 0; i < LENGTH(maps); i++) {
		if (maps[i].count > 0 && !has_user)
			return error_new(err, ERROR_INVALID,
				"linux.%s: needs a user namespace in 'linux.namespaces'",
				maps[i].key);
		if (maps[i].count == 0 && maps[!i].count > 0 &&
			makes_namespace(spec, CLONE_NEWUSER))
			return error_new(err, ERROR_INVALID,
				"linux.%s: is missing, and a new user namespace needs it",
				maps[i].key);
	}
	return 0;
}

static int check_needs(const struct spec *spec, struct error **err)
{
	const struct {
		const char *path;
		bool asked;
		int type;
	} needs[] = {
		{ "hostname", spec->hostname != NULL && *spec->hostname, CLONE_NEWUTS },
		{ "domainname", spec->domainname != NULL && *spec->domainname, CLONE_NEWUTS },
		{ "linux.maskedPaths", strv_length(spec->masked_paths) > 0, CLONE_NEWNS },
		{ "linux.readonlyPaths", strv_length(spec->readonly_paths) > 0, CLONE_NEWNS },
		{ "linux.netDevices", spec->net_device_count > 0, CLONE_NEWNET },
	};

	for (size_t i = 0; i < LENGTH(needs); i++)
		if (needs[i].asked && !spec_has_namespace(spec, needs[i].type))
			return error_new(err, ERROR_INVALID,
				"%s: needs an own %s namespace in 'linux.namespaces'",
				needs[i].path, namespace_name(needs[i].type));
	/* Its clocks are fixed once something runs in it. */
	if ((spec->monotonic.set || spec->boottime.set) && !makes_namespace(spec, CLONE_NEWTIME))
		return error_new(err, ERROR_INVALID,
			"linux.timeOffsets: needs a new time namespace in 'linux.namespaces'");
	return 0;
}

/* By the name that each has inside. */
static int check_net_devices(const struct spec *spec, struct error **err)
{
	for (size_t i = 0; i < spec->net_device_count; i++)
		for (size_t k = 0; k < i; k++) {
			const struct spec_net_device *one = &spec->net_devices[i],
						     *other = &spec->net_devices[k];
			const char *name = one->name ? one->name : one->host;

			if (strcmp(name, other->name ? other->name : other->host) == 0)
				return error_new(err, ERROR_INVALID,
					"linux.netDevices[\"%s\"].name: '%s' is there twice",
					one->host, name);
		}
	return 0;
}

int spec_check(const struct spec *spec, struct error **err)
{
	if (check_needs(spec, err) < 0 || check_id_maps(spec, err) < 0 ||
		check_sysctls(spec, err) < 0)
		return -1;
	return check_net_devices(spec, err);
}

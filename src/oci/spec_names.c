/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mount.h>

#include "oci/spec_json.h"

/* capabilities(7), by number; <linux/capability.h> of the build machine may be older. */
static const char *const capabilities[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

static const struct {
	const char *name;
	int resource;
} rlimits[] = {
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
};

#ifndef CLONE_NEWTIME
#	define CLONE_NEWTIME 0x00000080
#endif

static const struct {
	const char *name, *file;
	int type;
} namespaces[] = {
	{ "cgroup", "cgroup", CLONE_NEWCGROUP },
	{ "ipc", "ipc", CLONE_NEWIPC },
	{ "mount", "mnt", CLONE_NEWNS },
	{ "network", "net", CLONE_NEWNET },
	{ "pid", "pid", CLONE_NEWPID },
	{ "time", "time", CLONE_NEWTIME },
	{ "user", "user", CLONE_NEWUSER },
	{ "uts", "uts", CLONE_NEWUTS },
};

static const struct {
	const char *name;
	uint64_t flags;
} propagations[] = {
	{ "private", MS_PRIVATE },
	{ "rprivate", MS_PRIVATE | MS_REC },
	{ "slave", MS_SLAVE },
	{ "rslave", MS_SLAVE | MS_REC },
	{ "shared", MS_SHARED },
	{ "rshared", MS_SHARED | MS_REC },
	{ "unbindable", MS_UNBINDABLE },
	{ "runbindable", MS_UNBINDABLE | MS_REC },
};

/* With or without the prefix, in any case. */
static bool same_name(const char *name, const char *full, const char *prefix)
{
	return strcasecmp(name, full) == 0 || strcasecmp(name, full + strlen(prefix)) == 0;
}

int capability_number(const char *name)
{
	for (size_t i = 0; i < LENGTH(capabilities); i++)
		if (same_name(name, capabilities[i], "CAP_"))
			return (int)i;
	return -1;
}

const char *capability_name(int number)
{
	return number >= 0 && (size_t)number < LENGTH(capabilities) ? capabilities[number] : NULL;
}

int rlimit_number(const char *name)
{
	for (size_t i = 0; i < LENGTH(rlimits); i++)
		if (same_name(name, rlimits[i].name, "RLIMIT_"))
			return rlimits[i].resource;
	return -1;
}

const char *rlimit_name(int resource)
{
	for (size_t i = 0; i < LENGTH(rlimits); i++)
		if (rlimits[i].resource == resource)
			return rlimits[i].name;
	return NULL;
}

int namespace_type(const char *name)
{
	for (size_t i = 0; i < LENGTH(namespaces); i++)
		if (strcmp(namespaces[i].name, name) == 0)
			return namespaces[i].type;
	return -1;
}

const char *namespace_name(int type)
{
	for (size_t i = 0; i < LENGTH(namespaces); i++)
		if (namespaces[i].type == type)
			return namespaces[i].name;
	return NULL;
}

const char *namespace_file(int type)
{
	for (size_t i = 0; i < LENGTH(namespaces); i++)
		if (namespaces[i].type == type)
			return namespaces[i].file;
	return NULL;
}

uint64_t propagation_flags(const char *name)
{
	for (size_t i = 0; i < LENGTH(propagations); i++)
		if (strcmp(propagations[i].name, name) == 0)
			return propagations[i].flags;
	return 0;
}

const char *propagation_name(uint64_t flags)
{
	for (size_t i = 0; i < LENGTH(propagations); i++)
		if (propagations[i].flags == flags)
			return propagations[i].name;
	return NULL;
}

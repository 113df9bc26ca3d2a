/* SPDX-License-Identifier: Apache-2.0 */
/* What this runtime can do, as the specification's features.md has it. */
#include "oci-runtime/features.h"

#include <sched.h>
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "oci-runtime/command.h"
#include "oci/spec.h"

#define VERSION_MIN "1.0.0"
#define VERSION_MAX "1.2.1"
#define CAPABILITIES_MAX 64

static const char *const hooks[] = { "prestart", "createRuntime", "createContainer",
	"startContainer", "poststart", "poststop", NULL };
static const char *const mount_options[] = { "acl", "async", "atime", "bind", "copy-symlink",
	"defaults", "dest-nofollow", "dev", "diratime", "dirsync", "exec", "idmap", "iversion",
	"lazytime", "loud", "mand", "noacl", "noatime", "nodev", "nodiratime", "noexec",
	"noiversion", "nolazytime", "nomand", "norelatime", "nostrictatime", "nosuid",
	"nosymfollow", "private", "ratime", "rbind", "rdev", "rdiratime", "relatime", "remount",
	"rexec", "ridmap", "rnoatime", "rnodev", "rnodiratime", "rnoexec", "rnorelatime",
	"rnostrictatime", "rnosuid", "rnosymfollow", "ro", "rprivate", "rrelatime", "rro", "rrw",
	"rshared", "rslave", "rstrictatime", "rsuid", "rsymfollow", "runbindable", "rw", "shared",
	"silent", "slave", "src-nofollow", "strictatime", "suid", "symfollow", "sync", "tmpcopyup",
	"unbindable", NULL };
static const char *const actions[] = { "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL",
	"SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY",
	"SCMP_ACT_TRACE", "SCMP_ACT_TRAP", NULL };
static const char *const operators[] = { "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ",
	"SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ", NULL };
static const char *const archs[] = { "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_X32",
	"SCMP_ARCH_X86", "SCMP_ARCH_X86_64", NULL };
static const char *const filter_flags[] = { "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
	"SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", NULL };
static const int namespaces[] = { CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNS, CLONE_NEWNET,
	CLONE_NEWPID, 0x80 /* CLONE_NEWTIME */, CLONE_NEWUSER, CLONE_NEWUTS };

int features_version(const char *program)
{
	printf("%s version " VESSEL_VERSION "\ncommit: " VESSEL_VERSION "\nspec: " VERSION_MAX "\n"
	       "+SYSTEMD +SELINUX +APPARMOR +CAP +SECCOMP +EBPF\n",
		program);
	return fflush(stdout) != 0;
}

static struct json_object *list_of(const char *const *texts)
{
	return json_from_strv((char *const *)texts);
}

static struct json_object *enabled(void)
{
	struct json_object *obj = json_object_new_object();

	json_put_bool(obj, "enabled", true);
	return obj;
}

static struct json_object *seccomp_json(void)
{
	struct json_object *obj = enabled();

	json_put(obj, "actions", list_of(actions));
	json_put(obj, "operators", list_of(operators));
	json_put(obj, "archs", list_of(archs));
	json_put(obj, "knownFlags", list_of(filter_flags));
	json_put(obj, "supportedFlags", list_of(filter_flags));
	return obj;
}

static struct json_object *cgroup_json(void)
{
	struct json_object *obj = json_object_new_object();

	json_put_bool(obj, "v1", true);
	json_put_bool(obj, "v2", true);
	json_put_bool(obj, "systemd", true);
	json_put_bool(obj, "systemdUser", false);
	json_put_bool(obj, "rdma", true);
	return obj;
}

static struct json_object *linux_json(void)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *names = json_object_new_array(), *caps = json_object_new_array();
	struct json_object *extensions = json_object_new_object();

	for (size_t i = 0; i < sizeof(namespaces) / sizeof(*namespaces); i++)
		json_object_array_add(names, json_object_new_string(namespace_name(namespaces[i])));
	for (int i = 0; i < CAPABILITIES_MAX && capability_name(i); i++)
		json_object_array_add(caps, json_object_new_string(capability_name(i)));
	json_put(extensions, "idmap", enabled());
	json_put(obj, "namespaces", names);
	json_put(obj, "capabilities", caps);
	json_put(obj, "cgroup", cgroup_json());
	json_put(obj, "seccomp", seccomp_json());
	json_put(obj, "apparmor", enabled());
	json_put(obj, "selinux", enabled());
	json_put(obj, "mountExtensions", extensions);
	return obj;
}

static int features_run(struct runtime *runtime, const void *opts, char **args, struct error **err)
{
	cleanup_json struct json_object *obj = json_object_new_object();
	struct json_object *annotations = json_object_new_object();
	cleanup_free char *text = NULL;

	(void)runtime, (void)opts, (void)args, (void)err;
	json_put_text(obj, "ociVersionMin", VERSION_MIN);
	json_put_text(obj, "ociVersionMax", VERSION_MAX);
	json_put(obj, "hooks", list_of(hooks));
	json_put(obj, "mountOptions", list_of(mount_options));
	json_put(obj, "linux", linux_json());
	json_put_text(annotations, "io.vessel.version", VESSEL_VERSION);
	json_put(obj, "annotations", annotations);
	json_put(obj, "potentiallyUnsafeConfigAnnotations", json_object_new_array());
	text = json_pretty(obj);
	printf("%s\n", text);
	return 0;
}

const struct command oci_features = {
	.name = "features",
	.args = "",
	.summary = "Print what this runtime can do",
	.max_args = 0,
	.run = features_run,
};

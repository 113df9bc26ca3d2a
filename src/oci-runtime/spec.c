/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration to begin with. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "oci-runtime/command.h"

#define CGROUP_AT 5 /* of the template's namespaces */

struct spec_opts {
	const char *bundle;
	bool rootless;
};

static const struct flag spec_flags[] = {
	{ 'b', "bundle", "DIR", "the bundle's directory (default: the current one)", FLAG_TEXT,
		FLAG_AT(spec_opts, bundle, const char *) },
	{ 0, "rootless", NULL, "for a user without root's rights", FLAG_BOOL,
		FLAG_AT(spec_opts, rootless, bool) },
	{},
};

/* What all mounts, masks and capabilities of a usual container are; the ids are put in later. */
static const char template[] =
	"{\"ociVersion\":\"1.2.1\","
	"\"process\":{\"terminal\":true,\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"sh\"],"
	"\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\","
	"\"TERM=xterm\"],\"cwd\":\"/\",\"capabilities\":{"
	"\"bounding\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
	"\"effective\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
	"\"permitted\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"]},"
	"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],"
	"\"noNewPrivileges\":true},"
	"\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"hostname\":\"vessel\","
	"\"mounts\":["
	"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
	"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
	"\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"
	"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\","
	"\"options\":[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\","
	"\"gid=5\"]},"
	"{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]},"
	"{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
	"{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
	"{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]}],"
	"\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},"
	"\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},"
	"{\"type\":\"uts\"},{\"type\":\"mount\"},{\"type\":\"cgroup\"}],"
	"\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/kcore\",\"/proc/keys\","
	"\"/proc/latency_stats\",\"/proc/timer_list\",\"/proc/timer_stats\","
	"\"/proc/sched_debug\",\"/sys/firmware\",\"/proc/scsi\",\"/proc/interrupts\","
	"\"/sys/devices/virtual/powercap\"],"
	"\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\","
	"\"/proc/sysrq-trigger\"]}}";

static struct json_object *member(struct json_object *obj, const char *key)
{
	struct json_object *value = NULL;

	(void)json_object_object_get_ex(obj, key, &value);
	return value;
}

/* On v1 a cgroup mount shows the container's own part only from within the host's namespace: what
 * is told of paths there is true outside as well. */
static bool has_v2_alone(void)
{
	cleanup_error struct error *err = NULL;
	enum cgroup_mode mode;

	return cgroup_host_mode(&mode, &err) == 0 && mode == CGROUP_V2;
}

static struct json_object *text_object(const char *key, const char *value)
{
	struct json_object *obj = json_object_new_object();

	json_put_text(obj, key, value);
	return obj;
}

static struct json_object *mapping(uid_t host)
{
	struct json_object *list = json_object_new_array(), *map = json_object_new_object();

	json_put_int(map, "containerID", 0);
	json_put_int(map, "hostID", host);
	json_put_int(map, "size", 1);
	json_object_array_add(list, map);
	return list;
}

/* No network namespace, as its owner could not connect it; /sys of the host, as a new one needs a
 * network namespace; and no group that is not mapped. */
static void make_rootless(struct json_object *config)
{
	struct json_object *linux_part = member(config, "linux"),
			   *mounts = member(config, "mounts");
	struct json_object *namespaces = member(linux_part, "namespaces");

	json_object_array_del_idx(namespaces, 1, 1);
	json_object_array_add(namespaces, text_object("type", "user"));
	json_object_object_del(linux_part, "resources");
	json_put(linux_part, "uidMappings", mapping(geteuid()));
	json_put(linux_part, "gidMappings", mapping(getegid()));
	for (size_t i = 0; i < json_object_array_length(mounts); i++) {
		struct json_object *mount = json_object_array_get_idx(mounts, i);
		struct json_object *options = member(mount, "options");
		const char *type = json_object_get_string(member(mount, "type"));

		if (strcmp(type, "devpts") == 0)
			json_object_array_del_idx(
				options, json_object_array_length(options) - 1, 1);
		if (strcmp(type, "sysfs") != 0 && strcmp(type, "cgroup") != 0)
			continue;
		if (strcmp(type, "sysfs") == 0) {
			json_object_object_del(mount, "source");
			json_put_text(mount, "source", "/sys");
		} else {
			continue;
		}
		json_object_object_del(mount, "type");
		json_put_text(mount, "type", "none");
		json_object_array_add(options, json_object_new_string("rbind"));
	}
}

static int spec_run(struct runtime *runtime, const void *opts_, char **args, struct error **err)
{
	const struct spec_opts *opts = opts_;
	cleanup_close int dir_fd = -1, fd = -1;
	cleanup_json struct json_object *config = NULL;
	const char *text;

	(void)runtime, (void)args;
	dir_fd = dir_open_at(AT_FDCWD, opts->bundle ? opts->bundle : ".", err);
	if (dir_fd < 0 || json_parse(template, sizeof(template) - 1, "template", &config, err) < 0)
		return -1;
	if (!has_v2_alone())
		json_object_array_del_idx(
			member(member(config, "linux"), "namespaces"), CGROUP_AT, 1);
	if (opts->rootless)
		make_rootless(config);
	text = json_object_to_json_string_ext(
		config, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_PRETTY_TAB |
				JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
	/* O_EXCL: what somebody has written is not overwritten. */
	fd = openat(dir_fd, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return error_new(err, ERROR_CONFLICT, "File config.json exists. Remove it first");
	if (fd < 0)
		return error_sys(err, "make config.json");
	return file_write_all(fd, text, strlen(text), "config.json", err);
}

const struct command oci_spec = {
	.name = "spec",
	.args = "",
	.summary = "Write a config.json to begin with",
	.flags = spec_flags,
	.opts_size = sizeof(struct spec_opts),
	.max_args = 0,
	.run = spec_run,
};

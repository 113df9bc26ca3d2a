/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "oci/spec.h"

/* Every field set to something that its default is not. */
static void fill_process(struct spec_process *process)
{
	process->terminal = true;
	process->console_height = 24;
	process->console_width = 65535;
	strv_append(&process->args, "sh");
	strv_append(&process->args, "");
	strv_append(&process->env, "A=b\n\"c\"=\xc3\xa9");
	process->cwd = xstrdup("/w");
	process->make_cwd = true;
	process->uid = 4294967294U;
	process->gid = 7;
	process->additional_gids = xcalloc(2, sizeof(gid_t));
	process->additional_gids[0] = 4294967295U;
	process->additional_gids[1] = 0;
	process->additional_gid_count = 2;
	process->user = xstrdup("www-data:adm");
	process->umask = 0;
	process->capabilities = (struct spec_capabilities){ .bounding = 1,
		.effective = UINT64_C(1) << 40,
		.inheritable = 2,
		.permitted = UINT64_C(0x1ffffffffff),
		.ambient = 0 };
	process->rlimits = xcalloc(2, sizeof(struct spec_rlimit));
	process->rlimits[0] = (struct spec_rlimit){ RLIMIT_NOFILE, 1, UINT64_MAX };
	process->rlimits[1] = (struct spec_rlimit){ RLIMIT_CORE, INT64_MAX, UINT64_MAX - 1 };
	process->rlimit_count = 2;
	process->no_new_privileges = true;
	process->apparmor_profile = xstrdup("profile");
	process->selinux_label = xstrdup("u:r:t:s0");
	process->scheduler = (struct spec_scheduler){
		.set = true, .policy = SCHED_RR, .nice = -20, .priority = 99, .flags = 0x3
	};
	process->io_priority = (struct spec_io_priority){ .set = true, .io_class = 3, .level = 7 };
	process->affinity_initial = xstrdup("0-1,7");
	process->affinity_final = xstrdup("0");
	process->oom_score_adj = -1000;
	process->has_oom_score_adj = true;
}

static void fill_resources(struct spec_resources *resources)
{
	const struct spec_device_rule deny = {
		.type = 'a', .major = -1, .minor = -1, .access = "rwm"
	};
	const struct spec_device_rule allow = {
		.allow = true, .type = 'c', .major = 1, .minor = 0, .access = "rw"
	};

	resources->memory_limit = INT64_C(2) << 30;
	resources->memory_reservation = 0;
	resources->memory_swap = -1;
	resources->cpu_shares = 512;
	resources->cpu_quota = 50000;
	resources->cpu_period = 100000;
	resources->cpuset_cpus = xstrdup("0-1");
	resources->cpuset_mems = xstrdup("0");
	resources->pids_limit = 20;
	resources->blkio_weight = 10;
	spec_add_throttle(&resources->read_bps, 8, 0, 1);
	spec_add_throttle(&resources->write_bps, 8, 16, INT64_MAX);
	spec_add_throttle(&resources->read_iops, 259, 1048575, 3);
	spec_add_throttle(&resources->write_iops, 8, 0, 4);
	spec_add_throttle(&resources->write_iops, 8, 1, 5);
	spec_add_device_rule(resources, &deny);
	spec_add_device_rule(resources, &allow);
	strv_append(&resources->unified, "memory.high=123");
}

/* A different number of each, so that none can stand for another. */
static void fill_hooks(struct spec_hooks *hooks, size_t point)
{
	hooks->count = point + 1;
	hooks->items = xcalloc(hooks->count, sizeof(*hooks->items));
	for (size_t i = 0; i < hooks->count; i++)
		hooks->items[i].path = xasprintf("/hook/%zu/%zu", point, i);
	strv_append(&hooks->items[0].args, "arg0");
	strv_append(&hooks->items[0].args, "a b");
	strv_append(&hooks->items[0].env, "X=y");
	hooks->items[0].timeout = (int)point;
}

static void fill(struct spec *spec)
{
	spec->version = xstrdup("1.2.1");
	spec->hostname = xstrdup("h");
	spec->domainname = xstrdup("d");
	spec->root_path = xstrdup("rootfs");
	spec->root_readonly = true;
	strv_append(&spec->overlay.lower, "/l1,with:odd");
	strv_append(&spec->overlay.lower, "/l2");
	spec->overlay.upper = xstrdup("/u");
	spec->overlay.work = xstrdup("/w");
	fill_process(&spec->process);
	spec_add_mount(spec, "/proc", "proc", "proc", "nosuid,nodev");
	spec_add_mount(spec, "/bare", NULL, NULL, NULL);
	spec_add_namespace(spec, CLONE_NEWPID, NULL);
	spec_add_namespace(spec, CLONE_NEWNET, "/proc/1/ns/net");
	spec_add_namespace(spec, CLONE_NEWNS, NULL);
	spec_add_namespace(spec, CLONE_NEWUTS, NULL);
	spec_add_namespace(spec, CLONE_NEWUSER, NULL);
	spec_add_namespace(spec, 0x80, NULL); /* time */
	spec->uid_map = xcalloc(1, sizeof(struct spec_id_map));
	spec->uid_map[0] = (struct spec_id_map){ 0, 100000, 65536 };
	spec->uid_map_count = 1;
	spec->gid_map = xcalloc(2, sizeof(struct spec_id_map));
	spec->gid_map[0] = (struct spec_id_map){ 0, 1, 1 };
	spec->gid_map[1] = (struct spec_id_map){ 1, 4294967294U, 1 };
	spec->gid_map_count = 2;
	spec->devices = xcalloc(1, sizeof(struct spec_device));
	spec->devices[0] = (struct spec_device){ xstrdup("/dev/x"), 'b', 8, 1, 0640, 3, 6 };
	spec->device_count = 1;
	spec->cgroups_path = xstrdup("/vessel/x");
	fill_resources(&spec->resources);
	strv_append(&spec->masked_paths, "/proc/kcore");
	strv_append(&spec->readonly_paths, "/proc/sys");
	strv_append(&spec->sysctl, "net.ipv4.ip_forward=1");
	spec->root_propagation = MS_SLAVE | MS_REC;
	spec->seccomp = xstrdup("default");
	spec->init = xstrdup("/usr/libexec/vessel/vessel-init");
	strv_append(&spec->annotations, "org.example.a=b=c");
	for (size_t i = 0; i < HOOK_POINTS; i++)
		fill_hooks(&spec->hooks[i], i);
	spec->monotonic = (struct spec_time_offset){ -3, 999999999, true };
	spec->boottime = (struct spec_time_offset){ INT64_MAX, 0, true };
}

static void fill_linux(struct spec *spec)
{
	struct spec_mount *mount = spec_add_mount(spec, "/mapped", "bind", "/a", "bind,idmap");

	mount->uid_map = xcalloc(2, sizeof(struct spec_id_map));
	mount->uid_map[0] = (struct spec_id_map){ 0, 5, 1 };
	mount->uid_map[1] = (struct spec_id_map){ 4294967294U, 6, 1 };
	mount->uid_map_count = 2;
	mount->gid_map = xcalloc(1, sizeof(struct spec_id_map));
	mount->gid_map[0] = (struct spec_id_map){ 7, 8, 9 };
	mount->gid_map_count = 1;
	spec->mount_label = xstrdup("system_u:object_r:x:s0:c1,c2");
	spec->personality =
		(struct spec_personality){ .set = true, .value = 8 | 0x0040000 | 0x8000000 };
	spec->rdt.set = spec->rdt.monitoring = true;
	spec->rdt.clos_id = xstrdup("group");
	strv_append(&spec->rdt.schemata, "L3:0=f");
	spec->rdt.l3_schema = xstrdup("L3:0=7");
	spec->rdt.mem_bw_schema = xstrdup("MB:0=70");
	spec->memory_policy.set = true;
	spec->memory_policy.mode = 2 | 1 << 15;
	spec->memory_policy.nodes = xstrdup("0-1");
	spec->net_devices = xcalloc(2, sizeof(*spec->net_devices));
	spec->net_devices[0].host = xstrdup("eth0");
	spec->net_devices[1].host = xstrdup("eth1");
	spec->net_devices[1].name = xstrdup("lan");
	spec->net_device_count = 2;
}

static void check_linux_fields(const struct spec *spec)
{
	assert_int_equal(spec->mounts[2].uid_map_count, 2);
	assert_int_equal(spec->mounts[2].uid_map[1].container, 4294967294U);
	assert_int_equal(spec->mounts[2].gid_map[0].size, 9);
	assert_int_equal(spec->personality.value, 8 | 0x0040000 | 0x8000000);
	assert_string_equal(spec->rdt.l3_schema, "L3:0=7");
	assert_true(spec->rdt.monitoring);
	assert_int_equal(spec->memory_policy.mode, 2 | 1 << 15);
	assert_string_equal(spec->net_devices[1].name, "lan");
	assert_null(spec->net_devices[0].name);
	assert_int_equal(spec->process.scheduler.policy, SCHED_RR);
	assert_int_equal(spec->process.scheduler.nice, -20);
	assert_int_equal(spec->process.scheduler.flags, 3);
	assert_int_equal(spec->process.io_priority.io_class, 3);
	assert_string_equal(spec->process.affinity_initial, "0-1,7");
	assert_string_equal(spec->process.selinux_label, "u:r:t:s0");
}

static void check_fields(const struct spec *spec)
{
	assert_int_equal(spec->process.console_width, 65535);
	assert_int_equal(spec->process.uid, 4294967294U);
	assert_int_equal(spec->process.additional_gids[0], 4294967295U);
	assert_int_equal(spec->process.umask, 0);
	assert_true(spec->process.capabilities.effective == UINT64_C(1) << 40);
	assert_true(spec->process.capabilities.permitted == UINT64_C(0x1ffffffffff));
	assert_true(spec->process.rlimits[0].hard == UINT64_MAX);
	assert_true(spec->process.rlimits[1].hard == UINT64_MAX - 1);
	assert_string_equal(spec->process.user, "www-data:adm");
	assert_true(spec->process.make_cwd);
	assert_string_equal(spec->process.args[1], "");
	assert_int_equal(spec->namespaces[1].type, CLONE_NEWNET);
	assert_null(spec->namespaces[0].path);
	assert_true(spec->resources.memory_swap == -1);
	assert_true(spec->resources.write_bps.items[0].rate == INT64_MAX);
	assert_int_equal(spec->resources.devices[0].major, -1);
	assert_int_equal(spec->resources.devices[1].minor, 0);
	assert_string_equal(spec->overlay.lower[0], "/l1,with:odd");
	assert_int_equal(spec->gid_map[1].host, 4294967294U);
	assert_int_equal(spec->root_propagation, MS_SLAVE | MS_REC);
	assert_null(spec->mounts[1].type);
	assert_null(spec->mounts[1].options);
	assert_int_equal(spec->hooks[HOOK_POSTSTOP].count, 6);
	assert_string_equal(spec->hooks[HOOK_POSTSTART].items[4].path, "/hook/4/4");
	assert_null(spec->hooks[HOOK_POSTSTART].items[4].args);
	assert_int_equal(spec->hooks[HOOK_START_CONTAINER].items[0].timeout, 3);
	assert_true(spec->monotonic.set && spec->monotonic.secs == -3);
	assert_int_equal(spec->monotonic.nanosecs, 999999999);
}

static void full_round_trip(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_spec struct spec spec, again;
	cleanup_free char *text = NULL, *second = NULL;

	(void)state;
	spec_init(&spec);
	spec_init(&again);
	fill(&spec);
	fill_linux(&spec);
	text = spec_text(&spec);
	if (spec_parse(text, strlen(text), &again, &err) < 0)
		fail_msg("%s", error_message(err));
	check_fields(&again);
	check_linux_fields(&again);
	second = spec_text(&again);
	assert_string_equal(text, second);
}

static void empty_round_trip(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_spec struct spec spec, again;
	cleanup_free char *text = NULL;

	(void)state;
	spec_init(&spec);
	spec_init(&again);
	text = spec_text(&spec);
	assert_int_equal(spec_parse(text, strlen(text), &again, &err), 0);
	assert_true(again.resources.memory_limit == SPEC_UNSET);
	assert_true(again.resources.pids_limit == SPEC_UNSET);
	assert_null(again.process.args);
	assert_true(again.process.umask == (mode_t)-1);
	assert_null(again.root_path);
	assert_null(again.overlay.lower);
	assert_null(again.seccomp);
}

static void process_alone_round_trip(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_json struct json_object *object = NULL, *second = NULL;
	struct spec_process process = { 0 }, again = { 0 };

	(void)state;
	fill_process(&process);
	object = spec_process_json(&process);
	assert_int_equal(spec_process_parse(object, &again, &err), 0);
	second = spec_process_json(&again);
	assert_true(json_object_equal(object, second));
	spec_process_done(&process);
	spec_process_done(&again);
}

#define TOP(members) "{\"ociVersion\":\"1.2.0\"," members "}"
#define PROCESS(members) TOP("\"process\":{\"args\":[\"a\"],\"cwd\":\"/\"," members "}")
#define LINUX(members) TOP("\"linux\":{" members "}")
#define RESOURCES(members) LINUX("\"resources\":{" members "}")

static const struct {
	const char *why, *text;
	bool accepted;
} specs[] = {
	{ "unknown members are for later versions", TOP("\"x\":1"), true },
	{ "a later minor version", "{\"ociVersion\":\"1.9.0-rc1\"}", true },
	{ "a capability of a later kernel is left out",
		PROCESS("\"capabilities\":{\"bounding\":[\"CAP_NEW\"]}"), true },
	{ "a profile", PROCESS("\"apparmorProfile\":\"strict\""), true },
	{ "members for other systems are none of ours",
		TOP("\"windows\":{\"layerFolders\":[]},\"vm\":1,\"solaris\":[]"), true },
	{ "what Windows calls a command", PROCESS("\"commandLine\":\"a b\""), true },
	{ "settings of a namespace that is joined",
		TOP("\"hostname\":\"h\",\"linux\":{\"sysctl\":{\"net.x\":\"1\"},"
		    "\"namespaces\":[{\"type\":\"uts\",\"path\":\"/x\"},"
		    "{\"type\":\"network\",\"path\":\"/y\"}]}"),
		true },
	{ "an empty host name is none", TOP("\"hostname\":\"\""), true },
	{ "a relative mount point is one below the root",
		TOP("\"mounts\":[{\"destination\":\"a\"}]"), true },
	{ "a filter", LINUX("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\"}"), true },
	{ "a hook", TOP("\"hooks\":{\"prestart\":[{\"path\":\"/x\"}]}"), true },
	{ "no hooks", TOP("\"hooks\":{\"prestart\":[]}"), true },
	{ "unlimited memory", RESOURCES("\"memory\":{\"limit\":-1}"), true },
	{ "memory below unlimited", RESOURCES("\"memory\":{\"limit\":-2}"), false },
	{ "a fraction of memory", RESOURCES("\"memory\":{\"limit\":1.5}"), false },
	{ "a limit out of its range", RESOURCES("\"memory\":{\"swappiness\":101}"), false },
	{ "a limit that asks for nothing", RESOURCES("\"memory\":{\"disableOOMKiller\":false}"),
		true },
	{ "device rule without its verdict", RESOURCES("\"devices\":[{\"access\":\"rwm\"}]"),
		false },
	{ "device access of four letters",
		RESOURCES("\"devices\":[{\"allow\":true,\"access\":\"rwmr\"}]"), false },
	{ "device access of an unknown letter",
		RESOURCES("\"devices\":[{\"allow\":true,\"access\":\"x\"}]"), false },
	{ "throttle without a rate",
		RESOURCES("\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0}]}"),
		false },
	{ "a cgroup file that climbs", RESOURCES("\"unified\":{\"../x.y\":\"1\"}"), false },
};

static void accepts_and_rejects(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_spec struct spec spec;
		int result;

		spec_init(&spec);
		result = spec_parse(specs[i].text, strlen(specs[i].text), &spec, &err);
		if ((result == 0) != specs[i].accepted)
			fail_msg("%s: %s", specs[i].why, err ? error_message(err) : "accepted");
		/* The result is as it was, or all of it. */
		if (result < 0 && spec.version)
			fail_msg("%s: result written on failure", specs[i].why);
	}
}

/* R14: the kernel takes 340 mappings. 5000 must be a clean error, not a message cut short. */
static void id_maps_are_capped(void **state)
{
	static const int counts[] = { 339, 340, 341, 5000 };

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		cleanup_buf struct buf text = BUF_INIT(BUF_LARGE);
		cleanup_error struct error *err = NULL;
		cleanup_spec struct spec spec;

		spec_init(&spec);
		buf_puts(&text, "{\"ociVersion\":\"1.0.0\",\"linux\":{\"namespaces\":"
				"[{\"type\":\"user\",\"path\":\"/x\"}],\"uidMappings\":[");
		for (int n = 0; n < counts[i]; n++)
			buf_printf(&text, "%s{\"containerID\":%d,\"hostID\":%d,\"size\":1}",
				n ? "," : "", n, n);
		buf_puts(&text, "]}}");
		assert_int_equal(spec_parse(buf_text(&text), text.length, &spec, &err),
			counts[i] <= 340 ? 0 : -1);
	}
}

static void names(void **state)
{
	(void)state;
	assert_int_equal(capability_number("CAP_CHOWN"), 0);
	assert_int_equal(capability_number("checkpoint_restore"), 40);
	assert_int_equal(capability_number("CAP_CAP_CHOWN"), -1);
	assert_string_equal(capability_name(21), "CAP_SYS_ADMIN");
	assert_null(capability_name(41));
	assert_null(capability_name(-1));
	assert_int_equal(rlimit_number("nofile"), RLIMIT_NOFILE);
	assert_int_equal(rlimit_number("RLIMIT_AS"), RLIMIT_AS);
	assert_int_equal(rlimit_number(""), -1);
	assert_int_equal(namespace_type("network"), CLONE_NEWNET);
	assert_int_equal(namespace_type("net"), -1);
	assert_string_equal(namespace_file(CLONE_NEWNS), "mnt");
	assert_string_equal(namespace_name(CLONE_NEWNS), "mount");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_round_trip),
		cmocka_unit_test(empty_round_trip),
		cmocka_unit_test(process_alone_round_trip),
		cmocka_unit_test(accepts_and_rejects),
		cmocka_unit_test(id_maps_are_capped),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

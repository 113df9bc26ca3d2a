/* SPDX-License-Identifier: Apache-2.0 */
/* Each member of linux.resources, from its JSON to what the kernel then says. */
#include "cgroup/fixture_test.h"

#include <poll.h>
#include <unistd.h>

#include "base/json.h"

struct expected {
	enum cgroup_controller controller;
	const char *file,
		*text; /* text: what it begins with; NULL: what the error contains is file */
};

/* A row is done where the host has its file: kernels differ in what they are built with. */
static const struct row {
	const char *why, *json;
	struct expected v1, v2;
} rows[] = {
	{ "memory", "{'memory':{'limit':33554432}}",
		{ CONTROLLER_MEMORY, "memory.limit_in_bytes", "33554432\n" },
		{ CONTROLLER_MEMORY, "memory.max", "33554432\n" } },
	{ "swap is with memory, or without", "{'memory':{'limit':33554432,'swap':50331648}}",
		{ CONTROLLER_MEMORY, "memory.memsw.limit_in_bytes", "50331648\n" },
		{ CONTROLLER_MEMORY, "memory.swap.max", "16777216\n" } },
	{ "unlimited", "{'memory':{'limit':-1,'swap':-1}}",
		{ CONTROLLER_MEMORY, "memory.limit_in_bytes", "9223372036854771712\n" },
		{ CONTROLLER_MEMORY, "memory.max", "max\n" } },
	{ "no swap at all", "{'memory':{'swap':0}}",
		{ CONTROLLER_MEMORY, "memory.memsw.limit_in_bytes", "9223372036854771712\n" },
		{ CONTROLLER_MEMORY, "memory.swap.max", "0\n" } },
	{ "reservation", "{'memory':{'reservation':16777216}}",
		{ CONTROLLER_MEMORY, "memory.soft_limit_in_bytes", "16777216\n" },
		{ CONTROLLER_MEMORY, "memory.low", "16777216\n" } },
	{ "swappiness 0 is a value", "{'memory':{'swappiness':0}}",
		{ CONTROLLER_MEMORY, "memory.swappiness", "0\n" },
		{ CONTROLLER_MEMORY, "memory.swappiness: cgroup v2 has no such limit", NULL } },
	{ "OOM killer off", "{'memory':{'disableOOMKiller':true}}",
		{ CONTROLLER_MEMORY, "memory.oom_control", "oom_kill_disable 1\n" },
		{ CONTROLLER_MEMORY, "memory.disableOOMKiller: cgroup v2 has no", NULL } },
	{ "OOM killer on asks for nothing", "{'memory':{'disableOOMKiller':false}}",
		{ CONTROLLER_MEMORY, "memory.oom_control", "oom_kill_disable 0\n" },
		{ CONTROLLER_MEMORY, "memory.max", "max\n" } },
	{ "shares", "{'cpu':{'shares':512}}", { CONTROLLER_CPU, "cpu.shares", "512\n" },
		{ CONTROLLER_CPU, "cpu.weight", "59\n" } },
	{ "burst within its quota", "{'cpu':{'quota':50000,'period':200000,'burst':20000}}",
		{ CONTROLLER_CPU, "cpu.cfs_burst_us", "20000\n" },
		{ CONTROLLER_CPU, "cpu.max.burst", "20000\n" } },
	{ "burst above its quota", "{'cpu':{'quota':50000,'burst':60000}}",
		{ CONTROLLER_CPU, "cpu.cfs_quota_us: Invalid argument", NULL },
		{ CONTROLLER_CPU, "cpu.max: Invalid argument", NULL } },
	{ "quota -1", "{'cpu':{'quota':-1}}", { CONTROLLER_CPU, "cpu.cfs_quota_us", "-1\n" },
		{ CONTROLLER_CPU, "cpu.max", "max 100000\n" } },
	{ "idle, after its shares", "{'cpu':{'idle':1,'shares':100}}",
		{ CONTROLLER_CPU, "cpu.idle", "1\n" }, { CONTROLLER_CPU, "cpu.idle", "1\n" } },
	{ "not idle", "{'cpu':{'idle':0}}", { CONTROLLER_CPU, "cpu.idle", "0\n" },
		{ CONTROLLER_CPU, "cpu.weight", "100\n" } },
	{ "real-time period", "{'cpu':{'realtimePeriod':500000}}",
		{ CONTROLLER_CPU, "cpu.rt_period_us", "500000\n" },
		{ CONTROLLER_CPU, "cpu.realtimePeriod: cgroup v2 has no such limit", NULL } },
	{ "processors", "{'cpu':{'cpus':'0','mems':'0'}}",
		{ CONTROLLER_CPUSET, "cpuset.cpus", "0\n" },
		{ CONTROLLER_CPUSET, "cpuset.cpus", "0\n" } },
	{ "pids", "{'pids':{'limit':17}}", { CONTROLLER_PIDS, "pids.max", "17\n" },
		{ CONTROLLER_PIDS, "pids.max", "17\n" } },
	{ "pids without end", "{'pids':{'limit':-1}}", { CONTROLLER_PIDS, "pids.max", "max\n" },
		{ CONTROLLER_PIDS, "pids.max", "max\n" } },
	{ "weight of bfq", "{'blockIO':{'weight':500}}",
		{ CONTROLLER_IO, "blkio.bfq.weight", "500\n" },
		{ CONTROLLER_IO, "io.bfq.weight", "default 500\n" } },
	{ "leaf weight", "{'blockIO':{'leafWeight':500}}",
		{ CONTROLLER_IO, "blkio.leaf_weight", "500\n" },
		{ CONTROLLER_IO, "blockIO.leafWeight: cgroup v2 has no such limit", NULL } },
	{ "huge pages", "{'hugepageLimits':[{'pageSize':'2MB','limit':4194304}]}",
		{ CONTROLLER_HUGETLB, "hugetlb.2MB.limit_in_bytes", "4194304\n" },
		{ CONTROLLER_HUGETLB, "hugetlb.2MB.max", "4194304\n" } },
	{ "huge pages of a size that is not there",
		"{'hugepageLimits':[{'pageSize':'3MB','limit':4194304}]}",
		{ CONTROLLER_HUGETLB, "hugetlb.3MB.limit_in_bytes", NULL },
		{ CONTROLLER_HUGETLB, "hugetlb.3MB.max", NULL } },
	{ "class of packets", "{'network':{'classID':1048577}}",
		{ CONTROLLER_NET_CLS, "net_cls.classid", "1048577\n" },
		{ CONTROLLER_PIDS, "network.classID: this host has no cgroup controller 'net_cls'",
			NULL } },
	{ "priority of packets", "{'network':{'priorities':[{'name':'lo','priority':3}]}}",
		{ CONTROLLER_NET_PRIO, "net_prio.ifpriomap", "lo 3\n" },
		{ CONTROLLER_PIDS, "network.priorities: this host has no cgroup controller",
			NULL } },
	{ "v2's own file", "{'unified':{'memory.high':'16777216'}}",
		{ CONTROLLER_MEMORY, "invalid configuration: unified cgroup setting 'memory.high'",
			NULL },
		{ CONTROLLER_MEMORY, "memory.high", "16777216\n" } },
	{ "v2's file of a controller that nobody has", "{'unified':{'foo.bar':'1'}}",
		{ CONTROLLER_PIDS, "invalid configuration: unified cgroup setting 'foo.bar'",
			NULL },
		{ CONTROLLER_PIDS, "the requested cgroup controller `foo` is not available",
			NULL } },
	{ "v2's file that is not there", "{'unified':{'memory.NOSUCH':'1'}}",
		{ CONTROLLER_MEMORY, "invalid configuration: unified", NULL },
		{ CONTROLLER_MEMORY, "No such file or directory", NULL } },
};

static void parse(const char *text, struct spec_resources *ret)
{
	cleanup_error struct error *err = NULL;
	cleanup_json struct json_object *object = NULL;
	char json[1024];

	(void)snprintf(json, sizeof(json), "%s", text);
	for (char *at = json; (at = strchr(at, '\'')) != NULL; at++)
		*at = '"';
	ok(json_parse(json, strlen(json), "test", &object, &err), &err);
	spec_resources_init(ret);
	ok(spec_resources_parse(object, ret, &err), &err);
}

static const struct expected *expected_of(const struct row *row)
{
	const struct cgroup_hierarchy *hierarchy = the_host()->of[row->v1.controller];

	return the_host()->mode == CGROUP_V2 || (hierarchy && hierarchy->v2) ? &row->v2 : &row->v1;
}

/* Whether this kernel has the file, with all controllers on. */
static bool has_file(const struct expected *expected)
{
	const struct cgroup_hierarchy *hierarchy = the_host()->of[expected->controller];
	struct spec_resources none = no_limits();
	cleanup_error struct error *err = NULL;
	cleanup_free char *file = NULL;
	struct cgroup *cgroup;
	bool has;

	if (!hierarchy || !expected->text)
		return true;
	cgroup = make("probe", &none);
	if (hierarchy->v2)
		assert_true(cgroup_v2_make(hierarchy, cgroup->dir, ~0U, &err) >= 0);
	file = xasprintf("%s/%s", cgroup->dir, expected->file);
	has = faccessat(hierarchy->root_fd, file, F_OK, 0) == 0;
	unmake(cgroup);
	return has;
}

static void check_row(const struct row *row)
{
	const struct expected *expected = expected_of(row);
	bool is_there = the_host()->of[expected->controller] != NULL;
	const char *why_not = is_there ? expected->file : "this host has no cgroup controller";
	cleanup_spec_resources struct spec_resources limits;
	cleanup_free char *path = test_path("row");
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup = NULL;
	struct cgroup_file file = { .name = expected->file };
	char text[4096];
	int result;

	parse(row->json, &limits);
	result = cgroup_create(path, CGROUP_FS, &limits, &cgroup, &err);
	if (!expected->text || !is_there) {
		if (result == 0)
			fail_msg("%s: accepted", row->why);
		if (!strstr(error_message(err), why_not))
			fail_msg("%s: %s", row->why, error_message(err));
		return;
	}
	if (result < 0)
		fail_msg("%s: %s", row->why, error_message(err));
	file.cgroup = cgroup;
	file.hierarchy = the_host()->of[expected->controller];
	ok(cgroup_file_read(&file, text, sizeof(text), &err), &err);
	if (!strstr(text, expected->text))
		fail_msg("%s: '%s'", row->why, text);
	unmake(cgroup);
}

static void members(void **state)
{
	(void)state;
	NEED_ROOT();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (has_file(expected_of(&rows[i])))
			check_row(&rows[i]);
		else
			print_message("%s: this kernel has no such file\n", rows[i].why);
	}
}

static char *value_of(struct cgroup *cgroup, const char *v1, const char *v2, const char *controller)
{
	cleanup_error struct error *err = NULL;
	struct cgroup_file file = { .cgroup = cgroup };
	char text[256];

	for (unsigned int i = 0; i < CONTROLLER_MAX_; i++)
		if (strcmp(cgroup_controller_name(i, false), controller) == 0)
			file.hierarchy = cgroup->host->of[i];
	file.name = file.hierarchy->v2 ? v2 : v1;
	ok(cgroup_file_read(&file, text, sizeof(text), &err), &err);
	text[strcspn(text, "\n")] = '\0';
	return xstrdup(text);
}

/* Each step is possible in one order of writes only, and the order differs. */
static void updates(void **state)
{
	static const struct {
		const char *why, *json, *controller, *v1, *v1_text, *v2, *v2_text;
	} steps[] = {
		{ "first", "{'memory':{'limit':33554432,'swap':67108864}}", "memory",
			"memory.memsw.limit_in_bytes", "67108864", "memory.swap.max", "33554432" },
		{ "memory above the old sum", "{'memory':{'limit':100663296,'swap':134217728}}",
			"memory", "memory.limit_in_bytes", "100663296", "memory.max", "100663296" },
		{ "sum below the old memory", "{'memory':{'limit':33554432,'swap':50331648}}",
			"memory", "memory.memsw.limit_in_bytes", "50331648", "memory.swap.max",
			"16777216" },
		{ "unlimited memory ends the limit of the sum", "{'memory':{'limit':-1}}", "memory",
			"memory.memsw.limit_in_bytes", "9223372036854771712", "memory.swap.max",
			"max" },
		{ "burst with a quota", "{'cpu':{'quota':50000,'burst':40000}}", "cpu",
			"cpu.cfs_burst_us", "40000", "cpu.max.burst", "40000" },
		{ "quota below the old burst", "{'cpu':{'quota':20000,'burst':10000}}", "cpu",
			"cpu.cfs_burst_us", "10000", "cpu.max.burst", "10000" },
		{ "burst above the old quota", "{'cpu':{'quota':90000,'burst':80000}}", "cpu",
			"cpu.cfs_burst_us", "80000", "cpu.max.burst", "80000" },
		{ "burst 0", "{'cpu':{'burst':0}}", "cpu", "cpu.cfs_burst_us", "0", "cpu.max.burst",
			"0" },
		{ "asleep", "{'cpu':{'idle':1}}", "cpu", "cpu.idle", "1", "cpu.idle", "1" },
		{ "awake, with shares", "{'cpu':{'idle':0,'shares':2048}}", "cpu", "cpu.shares",
			"2048", "cpu.weight", "174" },
	};
	struct spec_resources none = no_limits();
	struct cgroup *cgroup;

	(void)state;
	NEED_ROOT();
	NEED(the_host()->of[CONTROLLER_MEMORY] && the_host()->of[CONTROLLER_CPU],
		"no memory and cpu controllers");
	cgroup = make("update", &none);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		cleanup_spec_resources struct spec_resources limits;
		cleanup_error struct error *err = NULL;
		cleanup_free char *value = NULL;

		parse(steps[i].json, &limits);
		if (cgroup_update(cgroup, &limits, &err) < 0)
			fail_msg("%s: %s", steps[i].why, error_message(err));
		value = value_of(cgroup, steps[i].v1, steps[i].v2, steps[i].controller);
		if (strcmp(value, the_host()->of[CONTROLLER_CPU]->v2 ? steps[i].v2_text
								     : steps[i].v1_text) != 0)
			fail_msg("%s: %s", steps[i].why, value);
	}
	unmake(cgroup);
}

static int take_memory(void)
{
	size_t length = 64UL * 1024 * 1024;
	char *memory = malloc(length);

	for (size_t i = 0; memory && i < length; i += 4096)
		((volatile char *)memory)[i] = 1;
	return 0;
}

static int hold_memory(void)
{
	size_t length = 16UL * 1024 * 1024;
	char *memory = malloc(length);

	for (size_t i = 0; memory && i < length; i += 4096)
		((volatile char *)memory)[i] = 1;
	return wait_forever();
}

static uint64_t usage_of(struct cgroup *cgroup)
{
	cleanup_error struct error *err = NULL;
	struct cgroup_stats stats = { 0 };

	ok(cgroup_read_stats(cgroup, &stats, &err), &err);
	return stats.memory_usage;
}

static void checked_update(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup;
	pid_t pid;

	(void)state;
	NEED_ROOT();
	NEED(the_host()->of[CONTROLLER_MEMORY], "no memory controller");
	cgroup = make("check", &limits);
	pid = start_in(cgroup, hold_memory);
	for (int i = 0; i < 1000 && usage_of(cgroup) < 16 * MIB; i++)
		(void)usleep(10 * 1000);
	limits.memory_limit = 8 * MIB;
	limits.memory_check = true;
	assert_int_equal(cgroup_update(cgroup, &limits, &err), -1);
	assert_non_null(strstr(error_message(err), "is less than what is in use"));
	error_free(take_ptr(err));
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* it lives on */
	limits.memory_limit = 256 * MIB;
	ok(cgroup_update(cgroup, &limits, &err), &err);
	ok(cgroup_kill(cgroup, &err), &err);
	(void)status_of(pid);
	unmake(cgroup);
}

static void out_of_memory_is_told(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	struct cgroup *cgroup;
	struct pollfd watch = { 0 };
	uint64_t before;

	(void)state;
	NEED_ROOT();
	NEED(the_host()->of[CONTROLLER_MEMORY], "no memory controller");
	limits.memory_limit = limits.memory_swap = 16 * MIB;
	cgroup = make("told", &limits);
	watch.fd = cgroup_oom_watch(cgroup, &watch.events, &err);
	ok(watch.fd, &err);
	assert_int_equal(poll(&watch, 1, 0), 0);
	before = cgroup_oom_count(cgroup);
	assert_int_equal(before, 0);
	assert_int_equal(WTERMSIG(status_of(start_in(cgroup, take_memory))), SIGKILL);
	assert_int_equal(poll(&watch, 1, 5000), 1);
	before = cgroup_oom_count(cgroup);
	assert_true(before >= 1);
	/* v2's notices can come twice, and change no number. */
	assert_int_equal(cgroup_oom_count(cgroup), before);
	unmake(cgroup);
}

/* Whether the path to it has time to give depends on where it is: below the root alone it has. */
static void realtime_gets_a_budget(void **state)
{
	struct spec_resources limits = no_limits();
	cleanup_error struct error *err = NULL;
	struct cgroup_file file = { .name = "cpu.rt_runtime_us" };
	struct cgroup *cgroup = NULL;
	char path[64], text[32];

	(void)state;
	NEED_ROOT();
	NEED(the_host()->of[CONTROLLER_CPU] && !the_host()->of[CONTROLLER_CPU]->v2,
		"no cpu controller of v1");
	(void)snprintf(path, sizeof(path), "/vessel-realtime-test-%d", (int)getpid());
	ok(cgroup_create(path, CGROUP_FS, &limits, &cgroup, &err), &err);
	file.cgroup = cgroup;
	file.hierarchy = the_host()->of[CONTROLLER_CPU];
	if (cgroup_file_read(&file, text, sizeof(text), &err) <= 0) {
		ok(cgroup_remove(cgroup, &err), &err);
		cgroup_free(cgroup);
		NEED(false, "a kernel without groups of real-time processes");
	}
	assert_int_equal(text[0], '0'); /* as the kernel makes it */
	cgroup_allow_realtime(cgroup);
	ok((int)cgroup_file_read(&file, text, sizeof(text), &err), &err);
	assert_true(atoi(text) >= 1000); // NOLINT(cert-err34-c): the kernel's
	ok(cgroup_file_write(&file, "2000", &err), &err); /* as a limit would say */
	cgroup_allow_realtime(cgroup);
	ok((int)cgroup_file_read(&file, text, sizeof(text), &err), &err);
	assert_string_equal(text, "2000\n");
	ok(cgroup_remove(cgroup, &err), &err);
	cgroup_free(cgroup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members),
		cmocka_unit_test(updates),
		cmocka_unit_test(checked_update),
		cmocka_unit_test(out_of_memory_is_told),
		cmocka_unit_test(realtime_gets_a_budget),
	};

	return cmocka_run_group_tests(tests, NULL, remove_parent);
}

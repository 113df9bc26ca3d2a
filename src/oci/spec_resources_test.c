/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "oci/spec_resources.h"

/* Single quotes stand for double ones: the rows can be read so. */
static struct json_object *object_of(const char *text)
{
	struct json_object *object = NULL;
	cleanup_error struct error *err = NULL;
	char json[4096];

	assert_true(strlen(text) < sizeof(json));
	strcpy(json, text); // NOLINT(clang-analyzer-security.insecureAPI.strcpy): measured
	for (char *at = json; (at = strchr(at, '\'')) != NULL; at++)
		*at = '"';
	if (json_parse(json, strlen(json), "test", &object, &err) < 0)
		fail_msg("%s: %s", text, error_message(err));
	return object;
}

static const char everything[] =
	"{'devices':[{'allow':false,'type':'a','access':'rwm'},"
	"{'allow':true,'type':'c','major':1,'minor':3,'access':'rw'}],"
	"'memory':{'limit':1048576,'reservation':-1,'swap':2097152,'swappiness':0,"
	"'disableOOMKiller':true,'checkBeforeUpdate':true},"
	"'cpu':{'shares':1024,'quota':-1,'period':100000,'burst':1000,'realtimeRuntime':-1,"
	"'realtimePeriod':1000000,'idle':1,'cpus':'0-1','mems':'0'},"
	"'pids':{'limit':-1},"
	"'blockIO':{'weight':10,'leafWeight':1000,"
	"'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':18446744073709551615}],"
	"'throttleWriteIOPSDevice':[{'major':8,'minor':0,'rate':0}],"
	"'weightDevice':[{'major':8,'minor':0,'weight':500},{'major':8,'minor':16,'leafWeight':7}]}"
	","
	"'network':{'classID':4294967295,'priorities':[{'name':'eth0','priority':5}]},"
	"'hugepageLimits':[{'pageSize':'2MB','limit':9223372036854771712}],"
	"'rdma':{'mlx5_1':{'hcaHandles':3,'hcaObjects':10000},'mlx4_0':{'hcaObjects':1}},"
	"'unified':{'memory.high':'123','hugetlb.1GB.max':'max'}}";

static void round_trip(void **state)
{
	cleanup_json struct json_object *given = object_of(everything), *again = NULL;
	cleanup_spec_resources struct spec_resources resources, copy;
	cleanup_error struct error *err = NULL;

	(void)state;
	spec_resources_init(&resources);
	spec_resources_init(&copy);
	if (spec_resources_parse(given, &resources, &err) < 0)
		fail_msg("%s", error_message(err));
	assert_int_equal(resources.cpu_idle, 1);
	assert_int_equal(resources.rdma[1].handles, SPEC_UNSET);
	assert_true(resources.read_bps.items[0].rate == UINT64_MAX);
	spec_resources_copy(&resources, &copy);
	spec_resources_done(&resources); /* the copy must not live on it */
	again = spec_resources_json(&copy);
	if (!json_object_equal(given, again))
		fail_msg("%s", json_object_to_json_string(again));
}

/* What was not given is not set, in all of the struct. */
static void nothing(void **state)
{
	cleanup_json struct json_object *given = object_of("{'memory':{},'cpu':{'cpus':null}}");
	cleanup_json struct json_object *again = NULL;
	cleanup_spec_resources struct spec_resources resources;
	cleanup_error struct error *err = NULL;

	(void)state;
	spec_resources_init(&resources);
	assert_int_equal(spec_resources_parse(given, &resources, &err), 0);
	again = spec_resources_json(&resources);
	assert_string_equal(json_object_to_json_string(again), "{ }");
}

/* These have no effect on current kernels, and must not keep a container from starting. */
static void obsolete(void **state)
{
	cleanup_json struct json_object *given =
		object_of("{'memory':{'kernel':-1,'kernelTCP':4096,'useHierarchy':true},"
			  "'devices':[{'allow':false,'access':'rwa'},{'allow':true,'access':''}]}");
	cleanup_spec_resources struct spec_resources resources;
	cleanup_error struct error *err = NULL;

	(void)state;
	spec_resources_init(&resources);
	assert_int_equal(spec_resources_parse(given, &resources, &err), 0);
	assert_int_equal(resources.device_count, 1);
	assert_string_equal(resources.devices[0].access, "rw");
}

static const struct {
	const char *text, *error;
} wrong[] = {
	{ "{'memory':1}", "resources.memory: is not an object" },
	{ "{'memory':{'limit':'1m'}}", "resources.memory.limit: is not a whole number" },
	{ "{'memory':{'limit':-2}}",
		"resources.memory.limit: -2 is not from -1 to 9223372036854775807" },
	{ "{'memory':{'swappiness':101}}",
		"resources.memory.swappiness: 101 is not from 0 to 100" },
	{ "{'memory':{'kernel':'x'}}", "resources.memory.kernel: is not a whole number" },
	{ "{'memory':{'disableOOMKiller':1}}",
		"resources.memory.disableOOMKiller: is not true or false" },
	{ "{'cpu':{'cpus':0}}", "resources.cpu.cpus: is not a string" },
	{ "{'cpu':{'idle':2}}", "resources.cpu.idle: 2 is not from 0 to 1" },
	{ "{'blockIO':{'weight':1001}}", "resources.blockIO.weight: 1001 is not from 0 to 1000" },
	{ "{'blockIO':{'weightDevice':[{'major':8,'minor':0},{'minor':0}]}}",
		"resources.blockIO.weightDevice[1].major: is missing" },
	{ "{'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':0}]}}",
		"resources.blockIO.throttleReadBpsDevice[0].rate: is missing" },
	{ "{'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':-1}]}}",
		"resources.blockIO.throttleReadBpsDevice[0].rate: -1 is negative" },
	{ "{'hugepageLimits':[{'pageSize':'../2MB','limit':1}]}",
		"resources.hugepageLimits[0].pageSize: \"../2MB\" is not like \"2MB\"" },
	{ "{'hugepageLimits':[{'pageSize':'02MB','limit':1}]}",
		"resources.hugepageLimits[0].pageSize: \"02MB\" is not like \"2MB\"" },
	{ "{'hugepageLimits':[{'pageSize':'2MB'}]}",
		"resources.hugepageLimits[0].limit: is missing" },
	{ "{'network':{'classID':4294967296}}",
		"resources.network.classID: 4294967296 is not from 0 to 4294967295" },
	{ "{'network':{'priorities':[{'name':'a b','priority':1}]}}",
		"resources.network.priorities[0].name: is not that of a network "
		"interface" },
	{ "{'rdma':{'a\\nb':{}}}", "resources.rdma[\"a\nb\"]: is not the name of a device" },
	{ "{'rdma':{'a':{'hcaHandles':-1}}}",
		"resources.rdma[\"a\"].hcaHandles: -1 is not from 0 to 4294967295" },
	{ "{'devices':[{'access':'r'}]}", "resources.devices[0].allow: is missing" },
	{ "{'devices':[{'allow':true,'access':'rr'}]}",
		"resources.devices[0].access: \"rr\" is not made of r, w and m" },
	{ "{'devices':[{'allow':true,'type':'x'}]}",
		"resources.devices[0].type: \"x\" is not a, b or c" },
	{ "{'unified':{'memory.max':1}}", "resources.unified[\"memory.max\"]: is not a string" },
};

static void errors_say_where(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		cleanup_json struct json_object *given = object_of(wrong[i].text);
		cleanup_spec_resources struct spec_resources resources;
		cleanup_error struct error *err = NULL;

		spec_resources_init(&resources);
		resources.pids_limit = 7;
		if (spec_resources_parse(given, &resources, &err) == 0)
			fail_msg("%s: accepted", wrong[i].text);
		assert_string_equal(error_message(err), wrong[i].error);
		assert_int_equal(error_kind(err), ERROR_INVALID);
		assert_int_equal(resources.pids_limit, 7); /* written only on success */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(nothing),
		cmocka_unit_test(obsolete),
		cmocka_unit_test(errors_say_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

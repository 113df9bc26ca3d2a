/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/record.h"
#include "engine/wiring.h"

static void fill(struct record *r)
{
	record_init(r);
	id_make(r->id);
	r->name = xstrdup("web");
	r->image = xstrdup("debian:12");
	r->image_id = xstrdup("sha256:00");
	r->created_ns = 1769821323000000004;
	strv_append(&r->args, "sh");
	strv_append(&r->args, "-c");
	strv_append(&r->env, "PATH=/bin");
	strv_append(&r->labels, "a=b=c");
	strv_append(&r->exposed_ports, "80/tcp");
	strv_append(&r->ulimits, "nofile=1:-1");
	strv_append(&r->devices, "/dev/fuse:/dev/fuse:rwm");
	strv_append(&r->throttles[1], "/dev/vda:1048576");
	strv_append(&r->sysctls, "net.ipv4.ip_forward=1");
	r->hostname = xstrdup("h");
	r->network = xstrdup("bridge");
	r->tty = true;
	r->auto_remove = true;
	r->limits.memory_limit = 2147483648;
	r->limits.memory_swap = -1;
	r->limits.cpuset_cpus = xstrdup("0-1");
	r->nano_cpus = 500000000;
	r->shm_size = 67108864;
	r->ports = xcalloc(2, sizeof(*r->ports));
	r->ports[0] =
		(struct port){ .protocol = IPPROTO_TCP, .host_port = 8080, .container_port = 80 };
	r->ports[1] = (struct port){ .protocol = IPPROTO_UDP, .container_port = 53 };
	inet_pton(AF_INET, "127.0.0.1", &r->ports[1].host_ip);
	r->port_count = 2;
	record_add_mount(r, "bind", "/srv", "/data")->options = xstrdup("rbind,ro");
	r->mounts[0].writable = false;
	r->layers = xcalloc(1, sizeof(*r->layers));
	r->layers[0].sha256[0] = 7;
	r->layer_count = 1;
}

static void a_record_survives_its_json(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_json struct json_object *obj = NULL, *again = NULL;
	cleanup_free char *first = NULL, *second = NULL;
	cleanup_record struct record written, read;

	(void)state;
	fill(&written);
	record_init(&read);
	obj = record_json(&written);
	assert_int_equal(record_from_json(obj, &read, &err), 0);
	again = record_json(&read);
	first = json_pretty(obj);
	second = json_pretty(again);
	assert_string_equal(first, second);
	assert_int_equal(read.limits.memory_limit, 2147483648);
	assert_int_equal(read.limits.memory_swap, -1);
	assert_int_equal(read.limits.cpu_shares, SPEC_UNSET);
	assert_string_equal(read.labels[0], "a=b=c");
	assert_string_equal(read.throttles[1][0], "/dev/vda:1048576");
	assert_int_equal(read.ports[1].container_port, 53);
	assert_int_equal(read.ports[1].host_ip.s_addr, htonl(INADDR_LOOPBACK));
	assert_string_equal(read.mounts[0].options, "rbind,ro");
	assert_int_equal(read.layers[0].sha256[0], 7);
}

static const char *const damaged[] = { "{}", "{\"Id\":\"xyz\",\"Name\":\"/a\"}", "[]",
	"{\"Id\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"Name\":"
	"\"a\"}",
	"{\"Id\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"Name\":\"/"
	"a\",\"Created\":\"no\"}",
	"{\"Id\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"Name\":\"/"
	"a\",\"Created\":"
	"\"2026-01-31T01:02:03Z\",\"Config\":[]}" };

static void a_damaged_record_is_an_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_json struct json_object *obj = NULL;
		cleanup_record struct record read;

		record_init(&read);
		assert_int_equal(json_parse(damaged[i], strlen(damaged[i]), "it", &obj, &err), 0);
		assert_int_equal(record_from_json(obj, &read, &err), -1);
	}
}

static void port_lines_of_the_register_are_read_back(void **state)
{
	struct port *ports = NULL;

	(void)state;
	assert_int_equal(
		wiring_parse_ports("tcp 0.0.0.0 8080 80\nudp 127.0.0.1 53 5353\n", &ports), 2);
	assert_int_equal(ports[0].host_port, 8080);
	assert_int_equal(ports[1].protocol, IPPROTO_UDP);
	assert_int_equal(ports[1].container_port, 5353);
	free(ports);
	assert_int_equal(wiring_parse_ports("", &ports), 0);
	free(ports);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_survives_its_json),
		cmocka_unit_test(a_damaged_record_is_an_error),
		cmocka_unit_test(port_lines_of_the_register_are_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "oci/image.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX "\"]}"

static const char full[] =
	"{\"created\":\"2026-01-31T01:02:03Z\",\"author\":\"a\",\"architecture\":\"amd64\","
	"\"variant\":\"v1\",\"os\":\"linux\",\"comment\":\"c\",\"config\":{\"User\":\"1:2\","
	"\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}},\"Env\":[\"A=b\",\"PATH=/bin\"],"
	"\"Cmd\":[\"sh\",\"-c\",\"x\"],\"Volumes\":{\"/data\":{}},\"WorkingDir\":\"/w\","
	"\"Entrypoint\":[],\"OnBuild\":[\"RUN x\"],\"Labels\":{\"z\":\"1\",\"a\":\"x=y\"},"
	"\"StopSignal\":\"SIGWINCH\",\"Shell\":[\"/bin/bash\",\"-c\"],"
	"\"Healthcheck\":{\"Test\":[\"NONE\"]}}," ROOTFS ","
	"\"history\":[{\"created\":\"2026-01-31T01:02:03Z\",\"created_by\":\"x\"},"
	"{\"comment\":\"y\",\"author\":\"z\",\"empty_layer\":true}]}";

static void config_reads_every_member(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_image_config struct image_config config = { 0 };

	(void)state;
	assert_int_equal(image_config_parse(full, strlen(full), &config, &err), 0);
	assert_string_equal(config.created, "2026-01-31T01:02:03Z");
	assert_string_equal(config.architecture, "amd64");
	assert_string_equal(config.config.user, "1:2");
	assert_string_equal(config.config.exposed_ports[1], "53/udp");
	assert_string_equal(config.config.env[1], "PATH=/bin");
	assert_string_equal(config.config.volumes[0], "/data");
	assert_string_equal(config.config.working_dir, "/w");
	assert_non_null(config.config.entrypoint); /* [] is set; absent would be NULL */
	assert_null(config.config.entrypoint[0]);
	assert_string_equal(config.config.labels[0], "z=1"); /* in the order given */
	assert_string_equal(config.config.labels[1], "a=x=y");
	assert_string_equal(config.config.stop_signal, "SIGWINCH");
	assert_int_equal(config.layer_count, 1);
	assert_int_equal(config.diff_ids[0].sha256[1], 0x23);
	assert_int_equal(config.history_count, 2);
	assert_true(config.history[1].empty_layer);
	assert_null(config.history[1].created_by);
}

/* Nothing is lost by parsing, copying and writing: the text is the very same. */
static void config_round_trip(void **state)
{
	cleanup_error struct error *err = NULL;
	cleanup_image_config struct image_config config = { 0 }, copy = { 0 };
	cleanup_free char *text = NULL;

	(void)state;
	assert_int_equal(image_config_parse(full, strlen(full), &config, &err), 0);
	image_config_copy(&config, &copy);
	image_config_done(&config);
	text = image_config_text(&copy);
	assert_string_equal(text, full);
}

static const struct {
	const char *why, *text;
	bool accepted;
} configs[] = {
	{ "the least there is", "{" ROOTFS "}", true },
	{ "null members are absent ones",
		"{" ROOTFS
		",\"config\":{\"Cmd\":null,\"Labels\":null,\"Env\":null},\"history\":null}",
		true },
	{ "unknown members are ignored",
		"{" ROOTFS ",\"config\":{\"ArgsEscaped\":true,\"x\":[1]},\"container\":7}", true },
	{ "no rootfs", "{}", false },
	{ "null itself", "null", false },
	{ "rootfs of another kind", "{\"rootfs\":{\"type\":\"base\",\"diff_ids\":[]}}", false },
	{ "digest that climbs",
		"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:../../../etc/x\"]}}",
		false },
	{ "digest that is cut at a NUL",
		"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\u0000x\"]}}",
		false },
	{ "null digest", "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[null]}}", false },
	{ "array as text", "{" ROOTFS ",\"config\":{\"Env\":\"A=b\"}}", false },
	{ "text as array", "{" ROOTFS ",\"config\":{\"User\":[\"0\"]}}", false },
	{ "number in an array of texts", "{" ROOTFS ",\"config\":{\"Cmd\":[1]}}", false },
	{ "NUL inside a text", "{" ROOTFS ",\"config\":{\"User\":\"0\\u0000x\"}}", false },
	{ "label that is no text", "{" ROOTFS ",\"config\":{\"Labels\":{\"a\":1}}}", false },
	{ "label that would read back as another",
		"{" ROOTFS ",\"config\":{\"Labels\":{\"a=b\":\"c\"}}}", false },
	{ "null in the history", "{" ROOTFS ",\"history\":[null]}", false },
	{ "something after it", "{" ROOTFS "}{}", false },
};

static void config_accepts_and_rejects(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(configs) / sizeof(*configs); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_image_config struct image_config config = { 0 };
		int result =
			image_config_parse(configs[i].text, strlen(configs[i].text), &config, &err);

		if ((result == 0) != configs[i].accepted)
			fail_msg("%s: %s", configs[i].why, err ? error_message(err) : "accepted");
	}
}

/* R14: at the cap and one beyond. */
static void config_layers_are_capped(void **state)
{
	(void)state;
	for (int count = IMAGE_LAYERS_MAX - 1; count <= IMAGE_LAYERS_MAX + 1; count++) {
		cleanup_buf struct buf text = BUF_INIT(BUF_LARGE);
		cleanup_error struct error *err = NULL;
		cleanup_image_config struct image_config config = { 0 };
		int result;

		buf_puts(&text, "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
		for (int i = 0; i < count; i++)
			buf_printf(&text, "%s\"sha256:" HEX "\"", i ? "," : "");
		buf_puts(&text, "]}}");
		result = image_config_parse(buf_text(&text), text.length, &config, &err);
		assert_int_equal(result, count <= IMAGE_LAYERS_MAX ? 0 : -1);
	}
}

#define DESCRIPTOR(type, size) \
	"{\"mediaType\":\"" type "\",\"digest\":\"sha256:" HEX "\",\"size\":" size "}"
#define CONFIG "\"config\":" DESCRIPTOR(OCI_CONFIG, "7")
#define LAYERS "\"layers\":[" DESCRIPTOR(OCI_LAYER_GZIP, "32654") "]"

static const struct {
	const char *why, *text;
	bool accepted;
} manifests[] = {
	{ "OCI without a mediaType", "{\"schemaVersion\":2," CONFIG "," LAYERS "}", true },
	{ "docker",
		"{\"schemaVersion\":2,\"mediaType\":\"" DOCKER_MANIFEST "\"," CONFIG "," LAYERS "}",
		true },
	{ "index", "{\"schemaVersion\":2,\"manifests\":[]}", true },
	{ "no layers at all", "{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", true },
	{ "both kinds at once (CVE-2021-41190)",
		"{\"schemaVersion\":2," CONFIG "," LAYERS ",\"manifests\":[]}", false },
	{ "index with a config", "{\"schemaVersion\":2," CONFIG ",\"manifests\":[]}", false },
	{ "neither", "{\"schemaVersion\":2}", false },
	{ "mediaType of the other kind",
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX "\"," CONFIG "," LAYERS "}",
		false },
	{ "schema 1", "{\"schemaVersion\":1,\"fsLayers\":[]}", false },
	{ "no version", "{" CONFIG "," LAYERS "}", false },
	{ "negative size",
		"{\"schemaVersion\":2," CONFIG ",\"layers\":[" DESCRIPTOR(OCI_LAYER, "-1") "]}",
		false },
	{ "size in scientific notation",
		"{\"schemaVersion\":2," CONFIG ",\"layers\":[" DESCRIPTOR(OCI_LAYER, "1e3") "]}",
		false },
	{ "size of 2^63",
		"{\"schemaVersion\":2," CONFIG
		",\"layers\":[" DESCRIPTOR(OCI_LAYER, "9223372036854775808") "]}",
		false },
	{ "null layers", "{\"schemaVersion\":2," CONFIG ",\"layers\":null}", false },
	{ "a null layer", "{\"schemaVersion\":2," CONFIG ",\"layers\":[null]}", false },
	{ "digest that climbs",
		"{\"schemaVersion\":2," CONFIG
		",\"layers\":[{\"mediaType\":\"x\",\"size\":1,\"digest\":\"sha256:../x\"}]}",
		false },
	{ "descriptor without a size",
		"{\"schemaVersion\":2," CONFIG
		",\"layers\":[{\"mediaType\":\"x\",\"digest\":\"sha256:" HEX "\"}]}",
		false },
	{ "members in another case are unknown ones", "{\"schemaVersion\":2,\"Layers\":[]}",
		false },
	{ "byte order mark", "\xef\xbb\xbf{\"schemaVersion\":2,\"manifests\":[]}", false },
};

static void manifest_accepts_and_rejects(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(manifests) / sizeof(*manifests); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_manifest struct manifest manifest = { 0 };
		int result = manifest_parse(
			manifests[i].text, strlen(manifests[i].text), &manifest, &err);

		if ((result == 0) != manifests[i].accepted)
			fail_msg("%s: %s", manifests[i].why, err ? error_message(err) : "accepted");
	}
}

static void manifest_round_trip(void **state)
{
	static const char text[] =
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI_MANIFEST "\"," CONFIG "," LAYERS "}";
	cleanup_error struct error *err = NULL;
	cleanup_manifest struct manifest manifest = { 0 };
	cleanup_free char *again = NULL;

	(void)state;
	assert_int_equal(manifest_parse(text, strlen(text), &manifest, &err), 0);
	assert_int_equal(manifest.entries[0].size, 32654);
	again = manifest_text(&manifest);
	assert_string_equal(again, text);
}

struct candidate {
	const char *os, *architecture, *variant, *media_type;
};

static const struct {
	const char *why, *architecture;
	struct candidate entries[4];
	int expected; /* -1: none */
} selections[] = {
	{ "by architecture", "arm64",
		{ { "linux", "amd64", NULL, OCI_MANIFEST },
			{ "linux", "arm64", "v8", OCI_MANIFEST } },
		1 },
	{ "not another system", "amd64",
		{ { "windows", "amd64", NULL, OCI_MANIFEST },
			{ "linux", "amd64", NULL, OCI_MANIFEST } },
		1 },
	{ "not an attestation", "amd64", { { "unknown", "unknown", NULL, OCI_MANIFEST } }, -1 },
	{ "what any machine runs, not the newest", "amd64",
		{ { "linux", "amd64", "v3", OCI_MANIFEST },
			{ "linux", "amd64", NULL, OCI_MANIFEST } },
		1 },
	{ "nothing that the machine may lack", "amd64",
		{ { "linux", "amd64", "v3", OCI_MANIFEST } }, -1 },
	{ "the best of arm", "arm",
		{ { "linux", "arm", "v5", OCI_MANIFEST }, { "linux", "arm", "v7", OCI_MANIFEST },
			{ "linux", "arm", "v6", OCI_MANIFEST } },
		1 },
	{ "the first of equals", "amd64",
		{ { "linux", "amd64", NULL, DOCKER_MANIFEST },
			{ "linux", "amd64", NULL, OCI_MANIFEST } },
		0 },
	{ "an index inside an index is not an image", "amd64",
		{ { "linux", "amd64", NULL, OCI_INDEX } }, -1 },
};

static void selects_this_platform(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(selections) / sizeof(*selections); i++) {
		struct descriptor entries[4] = { 0 };
		struct manifest index = { .is_index = true, .entries = entries };
		const struct descriptor *chosen;

		for (; index.entry_count < 4; index.entry_count++) {
			const struct candidate *from = &selections[i].entries[index.entry_count];

			if (!from->os)
				break;
			entries[index.entry_count] = (struct descriptor){
				.os = (char *)from->os,
				.architecture = (char *)from->architecture,
				.variant = (char *)from->variant,
				.media_type = (char *)from->media_type,
			};
		}
		chosen = manifest_select(&index, selections[i].architecture);
		if ((chosen ? (int)(chosen - entries) : -1) != selections[i].expected)
			fail_msg("%s", selections[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_reads_every_member),
		cmocka_unit_test(config_round_trip),
		cmocka_unit_test(config_accepts_and_rejects),
		cmocka_unit_test(config_layers_are_capped),
		cmocka_unit_test(manifest_accepts_and_rejects),
		cmocka_unit_test(manifest_round_trip),
		cmocka_unit_test(selects_this_platform),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

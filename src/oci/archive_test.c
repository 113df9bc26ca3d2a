/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "oci/archive.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ENTRY(annotations) \
	"{\"mediaType\":\"" OCI_MANIFEST "\",\"digest\":\"sha256:" HEX64 \
	"\",\"size\":7" annotations "}"
#define INDEX(entries) "{\"schemaVersion\":2,\"manifests\":[" entries "]}"
#define NAMED(key, value) ENTRY(",\"annotations\":{\"" key "\":\"" value "\"}")

static const struct {
	const char *why, *text;
} bad_tables[] = {
	{ "no JSON", "[" },
	{ "an object, as index.json is", "{}" },
	{ "an image that is none", "[1]" },
	{ "without a configuration", "[{\"Layers\":[]}]" },
	{ "an empty configuration's name", "[{\"Config\":\"\",\"Layers\":[]}]" },
	{ "layers of another type", "[{\"Config\":\"c\",\"Layers\":\"l\"}]" },
	{ "a layer without a name", "[{\"Config\":\"c\",\"Layers\":[\"\"]}]" },
	{ "a tag that is a number", "[{\"Config\":\"c\",\"RepoTags\":[1]}]" },
};

static void refuses_broken_tables(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_tables) / sizeof(*bad_tables); i++) {
		cleanup_error struct error *err = NULL;
		struct docker_table table = { .count = 42 };
		const char *text = bad_tables[i].text;

		if (docker_table_parse(text, strlen(text), &table, &err) == 0)
			fail_msg("taken: %s", bad_tables[i].why);
		assert_int_equal(table.count, 42); /* results only on success */
	}
}

static void reads_docker_tables(void **state)
{
	static const char text[] =
		"[{\"Config\":\"a.json\",\"RepoTags\":[\"a:1\",\"a:2\"],\"Layers\":[\"x/"
		"layer.tar\"]},"
		"{\"Config\":\"b.json\",\"RepoTags\":null,\"Layers\":null,\"LayerSources\":{}}]";
	cleanup_docker_table struct docker_table table = { 0 };
	cleanup_error struct error *err = NULL;

	(void)state;
	assert_int_equal(docker_table_parse(text, strlen(text), &table, &err), 0);
	assert_int_equal(table.count, 2);
	assert_string_equal(table.images[0].config, "a.json");
	assert_string_equal(table.images[0].tags[1], "a:2");
	assert_string_equal(table.images[0].layers[0], "x/layer.tar");
	assert_null(table.images[1].tags);
	assert_null(table.images[1].layers);
}

static void limits_images(void **state)
{
	static char text[32UL * (ARCHIVE_IMAGES_MAX + 2)];

	(void)state;
	for (size_t count = ARCHIVE_IMAGES_MAX; count <= ARCHIVE_IMAGES_MAX + 1; count++) {
		cleanup_docker_table struct docker_table table = { 0 };
		cleanup_error struct error *err = NULL;
		char *end = stpcpy(text, "[");
		int result;

		for (size_t i = 0; i < count; i++)
			end = stpcpy(end, i ? ",{\"Config\":\"c\"}" : "{\"Config\":\"c\"}");
		end = stpcpy(end, "]");
		result = docker_table_parse(text, (size_t)(end - text), &table, &err);
		assert_int_equal(result, count == ARCHIVE_IMAGES_MAX ? 0 : -1);
	}
}

static const struct {
	const char *why, *text, *name; /* of the first entry */
} indexes[] = {
	{ "no annotations", INDEX(ENTRY("")), NULL },
	{ "a tag alone is no name", INDEX(NAMED("org.opencontainers.image.ref.name", "latest")),
		NULL },
	{ "OCI's own, with the name", INDEX(NAMED("org.opencontainers.image.ref.name", "a:1")),
		"a:1" },
	{ "a new tag beside an old name",
		INDEX(ENTRY(",\"annotations\":{\"org.opencontainers.image.ref.name\":\"new\","
			    "\"io.containerd.image.name\":\"docker.io/library/a:1\"}")),
		NULL },
	{ "tag and name agree",
		INDEX(ENTRY(",\"annotations\":{\"org.opencontainers.image.ref.name\":\"1\","
			    "\"io.containerd.image.name\":\"docker.io/library/a:1\"}")),
		"docker.io/library/a:1" },
	{ "containerd's wins",
		INDEX(ENTRY(",\"annotations\":{\"org.opencontainers.image.ref.name\":\"x:1\","
			    "\"io.containerd.image.name\":\"docker.io/library/a:1\"}")),
		"docker.io/library/a:1" },
};

static void reads_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(indexes) / sizeof(*indexes); i++) {
		cleanup_layout_index struct layout_index index = { 0 };
		cleanup_error struct error *err = NULL;
		const char *text = indexes[i].text;

		if (layout_index_parse(text, strlen(text), &index, &err) < 0)
			fail_msg("%s: %s", indexes[i].why, error_message(err));
		assert_int_equal(index.manifest.entry_count, 1);
		if (indexes[i].name)
			assert_string_equal(index.names[0], indexes[i].name);
		else
			assert_null(index.names[0]);
	}
}

static void refuses_broken_indexes(void **state)
{
	static const char *const texts[] = {
		"{\"schemaVersion\":2}",
		"{\"schemaVersion\":2,\"config\":" ENTRY("") ",\"layers\":[]}",
		INDEX("1"),
		INDEX(ENTRY(",\"annotations\":[]")),
		INDEX(NAMED("io.containerd.image.name", "a") "x"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		cleanup_layout_index struct layout_index index = { 0 };
		cleanup_error struct error *err = NULL;

		assert_int_equal(layout_index_parse(texts[i], strlen(texts[i]), &index, &err), -1);
		assert_null(index.names);
	}
}

static void writes_both_names(void **state)
{
	static const char text[] =
		INDEX(NAMED("io.containerd.image.name", "docker.io/library/a:1"));
	cleanup_layout_index struct layout_index index = { 0 };
	cleanup_error struct error *err = NULL;
	cleanup_free char *written = NULL;

	(void)state;
	assert_int_equal(layout_index_parse(text, strlen(text), &index, &err), 0);
	written = layout_index_text(&index);
	assert_non_null(strstr(written, "\"io.containerd.image.name\":\"docker.io/library/a:1\""));
	assert_non_null(strstr(written, "\"org.opencontainers.image.ref.name\":\"1\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_broken_tables),
		cmocka_unit_test(reads_docker_tables),
		cmocka_unit_test(limits_images),
		cmocka_unit_test(reads_names),
		cmocka_unit_test(refuses_broken_indexes),
		cmocka_unit_test(writes_both_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

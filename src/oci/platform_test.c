/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "oci/platform.h"

static const struct {
	const char *why, *said, *text; /* NULL: refused */
} platforms[] = {
	{ "as OCI has it", "linux/arm64", "linux/arm64" },
	{ "the usual variant is none", "linux/arm64/v8", "linux/arm64" },
	{ "arm's variants differ", "linux/arm/v6", "linux/arm/v6" },
	{ "an architecture alone", "arm64", "linux/arm64" },
	{ "the kernel's name of one", "linux/aarch64", "linux/arm64" },
	{ "and of another", "x86_64", "linux/amd64" },
	{ "Debian's name of a variant", "linux/armhf", "linux/arm/v7" },
	{ "another system", "windows/amd64", "windows/amd64" },
	{ "empty", "", NULL },
	{ "an empty part", "linux//v8", NULL },
	{ "four parts", "linux/arm/v7/x", NULL },
	{ "no name", "linux/a b", NULL },
};

static void parses_platforms(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(platforms) / sizeof(*platforms); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_platform struct platform platform = { 0 };
		cleanup_free char *text = NULL;

		if (platform_parse(platforms[i].said, &platform, &err) < 0) {
			if (platforms[i].text)
				fail_msg("%s: %s", platforms[i].why, error_message(err));
			continue;
		}
		text = platform_text(&platform);
		if (!platforms[i].text || strcmp(text, platforms[i].text) != 0)
			fail_msg("%s: became %s", platforms[i].why, text);
	}
}

#define ENTRY(n, arch, more) \
	"{\"mediaType\":\"" OCI_MANIFEST "\",\"size\":" #n ",\"digest\":\"sha256:" \
	"000000000000000000000000000000000000000000000000000000000000000" #n \
	"\",\"platform\":{\"os\":\"linux\",\"architecture\":\"" arch "\"" more "}}"

static const struct {
	const char *why, *said;
	int64_t size; /* which one; 0: none */
} choices[] = {
	{ "by its architecture", "linux/amd64", 1 },
	{ "no variant takes the usual one", "linux/arm64", 2 },
	{ "that variant, said", "linux/arm64/v8", 2 },
	{ "the best variant", "linux/arm", 4 },
	{ "the variant asked for", "linux/arm/v6", 3 },
	{ "a variant that is not there", "linux/arm/v5", 0 },
	{ "an architecture that is not there", "linux/s390x", 0 },
	{ "a system that is not there", "windows/amd64", 0 },
	{ "attestations are no images", "unknown/unknown", 0 },
};

static void selects_from_an_index(void **state)
{
	static const char text[] =
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX
		"\",\"manifests\":[" ENTRY(1, "amd64", "") "," ENTRY(
			2, "arm64", ",\"variant\":\"v8\"") "," ENTRY(3, "arm",
			",\"variant\":\"v6\"") "," ENTRY(4, "arm", ",\"variant\":\"v7\"") "]"
											  "}";
	cleanup_manifest struct manifest index = { 0 };
	cleanup_error struct error *parse_err = NULL;

	(void)state;
	if (manifest_parse(text, strlen(text), &index, &parse_err) < 0)
		fail_msg("%s", error_message(parse_err));
	for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_platform struct platform platform = { 0 };
		const struct descriptor *chosen;

		assert_int_equal(platform_parse(choices[i].said, &platform, &err), 0);
		chosen = platform_select(&platform, &index, &err);
		if ((chosen ? chosen->size : 0) != choices[i].size)
			fail_msg(
				"%s: %lld", choices[i].why, chosen ? (long long)chosen->size : 0LL);
		if (!chosen)
			assert_non_null(strstr(error_message(err), "no matching manifest for"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_platforms),
		cmocka_unit_test(selects_from_an_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

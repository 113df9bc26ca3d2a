/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "registry/base64.h"
#include "registry/credential.h"

static char folder[] = "/tmp/vessel-credential-test.XXXXXX";

static void put(const char *name, const char *text, mode_t mode)
{
	cleanup_error struct error *err = NULL;
	cleanup_close int dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (file_replace_at(dir_fd, name, text, strlen(text), mode, false, &err) < 0)
		fail_msg("%s", error_message(err));
}

static char *get(const char *name)
{
	cleanup_error struct error *err = NULL;
	cleanup_free char *path = xasprintf("%s/%s", folder, name);
	char *text = NULL;

	if (file_read_at(AT_FDCWD, path, 65536, &text, &err) < 0)
		fail_msg("%s", error_message(err));
	return text;
}

/* ---- base64 ---- */

static const struct {
	const char *why, *text, *bytes; /* NULL: refused */
} base64[] = {
	{ "empty", "", "" },
	{ "no padding needed", "YWJj", "abc" },
	{ "one", "YWI=", "ab" },
	{ "two", "YQ==", "a" },
	{ "padding left out", "YQ", "a" },
	{ "all of the alphabet's signs", "+/+/", "\xfb\xff\xbf" },
	{ "one digit is nothing", "YWJjZ", NULL },
	{ "too much padding", "YQ===", NULL },
	{ "padding in the middle", "YQ==YQ==", NULL },
	{ "a line's end", "YWJj\n", NULL },
	{ "the other alphabet", "-_-_", NULL },
};

static void decodes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(base64) / sizeof(*base64); i++) {
		cleanup_free char *bytes = NULL, *again = NULL;
		ssize_t length = base64_decode(base64[i].text, &bytes);

		if ((length < 0) != !base64[i].bytes)
			fail_msg("%s: %zd", base64[i].why, length);
		if (length < 0)
			continue;
		assert_string_equal(bytes, base64[i].bytes);
		again = base64_encode(bytes, (size_t)length);
		assert_memory_equal(again, base64[i].text, strlen(base64[i].text));
	}
}

/* ---- finding ---- */

#define A_B "\"auth\":\"YTpi\"" /* a:b */

static const struct { // NOLINT(clang-analyzer-optin.performance.Padding): as it is read
	const char *why, *config, *registry;
	int result;
	const char *user, *secret; /* of a failure: user is what it says */
	bool is_token;
} finds[] = {
	{ "nothing known", "{}", "r", 0, NULL, NULL, false },
	{ "an empty file", "", "r", 0, NULL, NULL, false },
	{ "as docker writes it", "{\"auths\":{\"r:5000\":{" A_B "}}}", "r:5000", 1, "a", "b",
		false },
	{ "another port is another registry", "{\"auths\":{\"r:5000\":{" A_B "}}}", "r:5001", 0,
		NULL, NULL, false },
	{ "a longer name is another registry", "{\"auths\":{\"r\":{" A_B "}}}", "r.evil", 0, NULL,
		NULL, false },
	{ "docker.io by its old name", "{\"auths\":{\"https://index.docker.io/v1/\":{" A_B "}}}",
		"docker.io", 1, "a", "b", false },
	{ "docker.io by its own", "{\"auths\":{\"docker.io\":{" A_B "}}}", "docker.io", 1, "a", "b",
		false },
	{ "a URL", "{\"auths\":{\"https://r/v2/\":{" A_B "}}}", "r", 1, "a", "b", false },
	{ "a part of a registry", "{\"auths\":{\"r/team\":{" A_B "}}}", "r", 0, NULL, NULL, false },
	{ "the exact name wins", "{\"auths\":{\"https://r\":{\"auth\":\"eDp5\"},\"r\":{" A_B "}}}",
		"r", 1, "a", "b", false },
	{ "a password with a colon", "{\"auths\":{\"r\":{\"auth\":\"YTpiOmM=\"}}}", "r", 1, "a",
		"b:c", false },
	{ "two members instead", "{\"auths\":{\"r\":{\"username\":\"a\",\"password\":\"b\"}}}", "r",
		1, "a", "b", false },
	{ "an identity token", "{\"auths\":{\"r\":{\"auth\":\"YTo=\",\"identitytoken\":\"t\"}}}",
		"r", 1, "<token>", "t", true },
	{ "an empty entry, of a helper's", "{\"auths\":{\"r\":{}}}", "r", 0, NULL, NULL, false },
	{ "no entry at all", "{\"auths\":{\"r\":null}}", "r", 0, NULL, NULL, false },
	{ "no base64", "{\"auths\":{\"r\":{\"auth\":\"?\"}}}", "r", -1, "not base64", NULL, false },
	{ "no colon", "{\"auths\":{\"r\":{\"auth\":\"YQ==\"}}}", "r", -1, "not base64", NULL,
		false },
	{ "no user", "{\"auths\":{\"r\":{\"auth\":\"OmI=\"}}}", "r", -1, "not base64", NULL,
		false },
	{ "cut off", "{\"auths\":", "r", -1, "config.json is not valid JSON", NULL, false },
	{ "a list", "[]", "r", -1, "is not a JSON object", NULL, false },
	{ "auths of another type", "{\"auths\":[]}", "r", -1, "'auths' is not an object", NULL,
		false },
	{ "a helper that is not there", "{\"credsStore\":\"none-of-that-name\"}", "r", -1,
		"docker-credential-none-of-that-name is not in $PATH", NULL, false },
	{ "a helper that is a path", "{\"credsStore\":\"../../bin/sh\"}", "r", -1, "is no name",
		NULL, false },
	{ "a helper for this one", "{\"credsStore\":\"none\",\"credHelpers\":{\"r\":\"good\"}}",
		"r", 1, "helped", "by r", false },
	{ "a helper taken back for this one",
		"{\"credsStore\":\"none\",\"credHelpers\":{\"r\":\"\"},\"auths\":{\"r\":{" A_B
		"}}}",
		"r", 1, "a", "b", false },
	{ "a helper's identity token", "{\"credsStore\":\"token\"}", "r", 1, "<token>", "t", true },
	{ "a helper that does not know", "{\"credsStore\":\"empty\"}", "r", 0, NULL, NULL, false },
	{ "a helper that fails", "{\"credsStore\":\"bad\"}", "r", -1, "no luck?[2J", NULL, false },
	{ "a helper that talks nonsense", "{\"credsStore\":\"mad\"}", "r", -1, "is not valid JSON",
		NULL, false },
};

static void looks_up(void **state)
{
	(void)state;
	put("docker-credential-good",
		"#!/bin/sh\necho \"{\\\"Username\\\":\\\"helped\\\",\\\"Secret\\\":\\\"by "
		"$(cat)\\\"}\"\n",
		0755);
	put("docker-credential-token",
		"#!/bin/sh\necho '{\"Username\":\"<token>\",\"Secret\":\"t\"}'\n", 0755);
	put("docker-credential-empty",
		"#!/bin/sh\necho credentials not found in native keychain\nexit 1\n", 0755);
	put("docker-credential-bad", "#!/bin/sh\nprintf 'no luck\\033[2J\\n'\nexit 1\n", 0755);
	put("docker-credential-mad", "#!/bin/sh\necho '<html>'\n", 0755);
	for (size_t i = 0; i < sizeof(finds) / sizeof(*finds); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_credential struct credential credential = { 0 };
		int result;

		put("config.json", finds[i].config, 0600);
		result = credential_find(finds[i].registry, &credential, &err);
		if (result != finds[i].result)
			fail_msg("%s: %d %s", finds[i].why, result, err ? error_message(err) : "");
		if (result < 0 && !strstr(error_message(err), finds[i].user))
			fail_msg("%s: %s", finds[i].why, error_message(err));
		if (result <= 0)
			continue;
		if (strcmp(credential.user, finds[i].user) != 0 ||
			strcmp(credential.secret, finds[i].secret) != 0 ||
			credential.is_identity_token != finds[i].is_token)
			fail_msg("%s: %s %s", finds[i].why, credential.user, credential.secret);
	}
}

/* ---- changing ---- */

static void keeps_what_it_does_not_know(void **state)
{
	const struct credential credential = { (char *)"a", (char *)"b", false };
	cleanup_error struct error *err = NULL;
	cleanup_free char *text = NULL, *where = NULL;

	(void)state;
	put("config.json",
		"{\"x\":[1.50,{\"y\":null}],\"auths\":{\"https://r\":{},\"o\":{\"z\":1}}}", 0644);
	assert_int_equal(credential_store("r", &credential, &where, &err), 0);
	assert_non_null(strstr(where, "/config.json'"));
	text = get("config.json");
	assert_non_null(strstr(text, "1.50"));
	assert_non_null(strstr(text, "\"z\""));
	assert_null(strstr(text, "https://r")); /* the older name of the same */
	assert_int_equal(credential_erase("r", &err), 1);
	assert_int_equal(credential_erase("r", &err), 0);
	replace_string(&text, get("config.json"));
	assert_null(strstr(text, "YTpi"));
	assert_non_null(strstr(text, "\"z\""));
}

static void a_damaged_file_stays(void **state)
{
	const struct credential credential = { (char *)"a", (char *)"b", false };
	cleanup_error struct error *err = NULL, *again = NULL;
	cleanup_free char *text = NULL;

	(void)state;
	put("config.json", "{\"auths\"", 0600);
	assert_int_equal(credential_store("r", &credential, NULL, &err), -1);
	assert_int_equal(credential_erase("r", &again), -1);
	text = get("config.json");
	assert_string_equal(text, "{\"auths\"");
}

static void is_made_for_one_reader(void **state)
{
	const struct credential credential = { (char *)"<token>", (char *)"t", true };
	cleanup_error struct error *err = NULL;
	cleanup_credential struct credential found = { 0 };
	cleanup_free char *path = xasprintf("%s/new/deep", folder);
	cleanup_free char *file = xasprintf("%s/config.json", path);
	mode_t old = umask(0);
	struct stat st;

	(void)state;
	assert_int_equal(setenv("DOCKER_CONFIG", path, 1), 0);
	assert_int_equal(credential_store("docker.io", &credential, NULL, &err), 0);
	umask(old);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(credential_find("docker.io", &found, &err), 1);
	assert_true(found.is_identity_token);
	assert_string_equal(found.secret, "t");
	assert_int_equal(setenv("DOCKER_CONFIG", folder, 1), 0);
}

static int make_folder(void **state)
{
	cleanup_free char *path = NULL;

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	path = xasprintf(".:%s:/usr/bin:/bin", folder);
	return setenv("DOCKER_CONFIG", folder, 1) ||
	       setenv("REGISTRY_AUTH_FILE", "/dev/null/none", 1) || setenv("PATH", path, 1);
}

static int remove_folder(void **state)
{
	cleanup_error struct error *err = NULL;

	(void)state;
	return tree_remove_at(AT_FDCWD, folder, &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes),
		cmocka_unit_test(looks_up),
		cmocka_unit_test(keeps_what_it_does_not_know),
		cmocka_unit_test(a_damaged_file_stays),
		cmocka_unit_test(is_made_for_one_reader),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

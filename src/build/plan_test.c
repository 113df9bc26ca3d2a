/* SPDX-License-Identifier: Apache-2.0 */
/* Stages, configuration, mounts, modes: what needs no files. */
#include "build/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"
#include "build/build.h"
#include "build/key.h"
#include "build/mode.h"
#include "build/mount.h"

static const char stages[] = "ARG V=1\nARG IMG=img:$V\nFROM $IMG AS First\nRUN a\nRUN b\n"
			     "FROM first\nRUN c\nFROM ${IMG%:*}:x AS last\n";

static int make(const char *text, const struct plan_options *options, struct dockerfile *dockerfile,
	struct plan *ret, struct error **err)
{
	if (dockerfile_parse("D", text, strlen(text), dockerfile, err) < 0)
		return -1;
	return plan_make(dockerfile, options, ret, err);
}

static void plans(void **state)
{
	char *const args[] = { (char *)"V=2", NULL };
	struct plan_options options = { .build_args = args };
	cleanup_dockerfile struct dockerfile dockerfile = { .name = NULL };
	cleanup_plan struct plan plan = { .stages = NULL };
	cleanup_error struct error *err = NULL;

	(void)state;
	assert_int_equal(make(stages, &options, &dockerfile, &plan, &err), 0);
	assert_int_equal(plan.count, 3);
	if (!plan.stages) {
		fail();
		return;
	}
	// return
	assert_int_equal(plan.target, 2);
	assert_string_equal(plan.stages[0].base, "img:2");
	assert_string_equal(plan.stages[0].name, "first");
	assert_int_equal(plan.stages[0].step_count, 2);
	assert_int_equal(plan.stages[0].base_stage, -1);
	assert_int_equal(plan.stages[1].base_stage, 0);
	assert_string_equal(plan.stages[2].base, "img:x");
	assert_int_equal(plan_find(&plan, "FIRST", 2), 0);
	assert_int_equal(plan_find(&plan, "1", 2), 1);
	assert_int_equal(plan_find(&plan, "2", 2), -1); /* not before itself */
	assert_int_equal(plan_find(&plan, "last", 2), -1);
}

static const struct {
	const char *why, *text, *target, *says;
} bad_plans[] = {
	{ "a step before FROM", "RUN x\nFROM a", NULL, "D:1: RUN stands before the first FROM" },
	{ "no FROM", "ARG x", NULL, "D has no FROM" },
	{ "an unknown target", "FROM a AS b", "c", "D has no stage 'c'" },
	{ "an empty name", "FROM $X", NULL, "D:1: FROM $X: the name is empty" },
	{ "another machine's", "FROM --platform=linux/s390x a", NULL, "D:1: --platform" },
	{ "another system's", "FROM --platform=windows/amd64 a", NULL, "only linux" },
};

static void refuses_plans(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_plans) / sizeof(bad_plans[0]); i++) {
		struct plan_options options = { .target = bad_plans[i].target };
		cleanup_dockerfile struct dockerfile dockerfile = { .name = NULL };
		cleanup_plan struct plan plan = { .stages = NULL };
		cleanup_error struct error *err = NULL;

		if (make(bad_plans[i].text, &options, &dockerfile, &plan, &err) == 0)
			fail_msg("%s: was accepted", bad_plans[i].why);
		if (!strstr(error_message(err), bad_plans[i].says))
			fail_msg("%s: says '%s'", bad_plans[i].why, error_message(err));
	}
}

static void changes(void **state)
{
	char *const list[] = { (char *)"ENV A=1 B=$A", (char *)"ENV B=$A", (char *)"CMD x y",
		(char *)"ENTRYPOINT [\"e\"]", (char *)"EXPOSE 80 80/tcp 9-10/UDP",
		(char *)"LABEL l=v", (char *)"WORKDIR /a", (char *)"WORKDIR ../b/./c",
		(char *)"USER u:g", (char *)"VOLUME [\"/v\"]", (char *)"STOPSIGNAL SIGTERM", NULL };
	char *const run[] = { (char *)"RUN x", NULL }, *const broken[] = { (char *)"NV x=1", NULL };
	cleanup_image_config struct image_config config = { .os = NULL };
	cleanup_error struct error *err = NULL, *why = NULL;
	struct image_defaults *made = &config.config;

	(void)state;
	assert_int_equal(build_apply_changes(&config, list, &err), 0);
	assert_string_equal(env_get(made->env, "B"), "1");
	assert_string_equal(made->cmd[2], "x y"); /* ENTRYPOINT leaves a CMD that was set here */
	assert_string_equal(made->entrypoint[0], "e");
	assert_int_equal(strv_length(made->exposed_ports), 3);
	assert_true(strv_contains(made->exposed_ports, "10/udp"));
	assert_string_equal(env_get(made->labels, "l"), "v");
	assert_string_equal(made->working_dir, "/b/c");
	assert_string_equal(made->user, "u:g");
	assert_string_equal(made->volumes[0], "/v");
	assert_int_equal(build_apply_changes(&config, run, &err), -1);
	assert_non_null(strstr(error_message(err), "cannot be RUN"));
	assert_int_equal(build_apply_changes(&config, broken, &why), -1);
	assert_non_null(strstr(error_message(why), "did you mean ENV?"));
}

static const struct {
	const char *why, *text;
	mode_t old, mode; /* 010000: an error */
} modes[] = {
	{ "octal", "4755", S_IFREG | 0600, 04755 },
	{ "set", "u=rwx,go=r", S_IFREG | 0777, 0744 },
	{ "add for all", "+x", S_IFREG | 0644, 0755 },
	{ "take", "go-rw", S_IFREG | 0666, 0600 },
	{ "X of a directory", "a=rX", S_IFDIR, 0555 },
	{ "X of a plain file", "a=rX", S_IFREG | 0600, 0444 },
	{ "X of a program", "a+X", S_IFREG | 0700, 0711 },
	{ "copied", "g=u", S_IFREG | 0700, 0770 },
	{ "set-id and sticky", "u+s,+t", S_IFREG | 0755, 05755 },
	{ "two actions", "u+x-w", S_IFREG | 0600, 0500 },
	{ "too large", "10000", 0, 010000 },
	{ "nine is not octal", "9", 0, 010000 },
	{ "nothing", "", 0, 010000 },
	{ "no operator", "u", 0, 010000 },
	{ "unknown letter", "u=z", 0, 010000 },
	{ "a comma at the end", "u=r,", 0, 010000 },
};

static void applies_modes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		cleanup_error struct error *err = NULL;
		mode_t mode = 0;
		int failed = mode_apply(modes[i].text, modes[i].old, &mode, &err);

		if ((failed < 0) != (modes[i].mode == 010000) ||
			(failed == 0 && mode != modes[i].mode))
			fail_msg("%s: '%s' gave %o", modes[i].why, modes[i].text, mode);
	}
}

static const struct {
	const char *why, *text, *says; /* NULL: accepted */
} mounts[] = {
	{ "bind", "target=/x,source=.", NULL },
	{ "cache", "type=cache,target=/x,sharing=locked,id=a,mode=0700,uid=1", NULL },
	{ "quoted", "type=tmpfs,\"target=/a,b\",size=1m", NULL },
	{ "secret", "type=secret,id=x,required", NULL },
	{ "no target", "type=cache", "needs a target" },
	{ "unknown type", "type=cach,target=/x", "did you mean cache?" },
	{ "unknown key", "target=/x,sorce=y", "did you mean source?" },
	{ "another type's key", "type=bind,target=/x,size=1", "has no key size" },
	{ "no propagation of anybody's", "target=/x,bind-propagation=shared", "there is no key" },
	{ "sharing", "type=cache,target=/x,sharing=some", "there is no sharing" },
	{ "a number", "type=cache,target=/x,uid=-1", "is not a number" },
	{ "a switch", "target=/x,ro=perhaps", "true or false" },
};

static void reads_mounts(void **state)
{
	struct state nothing = { .escape = '\\' };

	(void)state;
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		cleanup_run_mount struct run_mount mount = { .type = MOUNT_BIND };
		cleanup_error struct error *err = NULL;
		int failed = run_mount_parse(&nothing, mounts[i].text, &mount, &err);

		if ((failed < 0) != (mounts[i].says != NULL) ||
			(failed < 0 && !strstr(error_message(err), mounts[i].says)))
			fail_msg(
				"%s: %s", mounts[i].why, failed < 0 ? error_message(err) : "taken");
	}
}

/* Lists that join to the same text have different keys. */
static void keys_differ(void **state)
{
	char *const one[] = { (char *)"a", (char *)"bc", NULL };
	char *const two[] = { (char *)"ab", (char *)"c", NULL };
	char keys[4][ID_MAX];
	struct sha256 sha;

	(void)state;
	key_begin(&sha, "x");
	key_list(&sha, one);
	key_end(&sha, keys[0]);
	key_begin(&sha, "x");
	key_list(&sha, two);
	key_end(&sha, keys[1]);
	key_begin(&sha, "x");
	key_text(&sha, NULL);
	key_end(&sha, keys[2]);
	key_begin(&sha, "x");
	key_text(&sha, "");
	key_end(&sha, keys[3]);
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(keys[i], keys[j]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans),
		cmocka_unit_test(refuses_plans),
		cmocka_unit_test(changes),
		cmocka_unit_test(applies_modes),
		cmocka_unit_test(reads_mounts),
		cmocka_unit_test(keys_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "build/state.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "build/key.h"
#include "build/list.h"
#include "build/words.h"
#include "sys/path.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *const default_shell[] = { "/bin/sh", "-c", NULL };

void state_init(struct state *state)
{
	*state = (struct state){ .escape = '\\' };
	state->image.os = xstrdup("linux");
	state->image.architecture = xstrdup(platform_architecture());
	env_set(&state->image.config.env, "PATH", DEFAULT_PATH);
	env_set(&state->env, "PATH", DEFAULT_PATH);
}

void state_take_image(struct state *state, struct image_config *image)
{
	state_done(state);
	state->escape = '\\';
	state->image = *image;
	*image = (struct image_config){ .os = NULL };
	if (!env_get(state->image.config.env, "PATH"))
		env_set(&state->image.config.env, "PATH", DEFAULT_PATH);
	state->env = strv_copy(state->image.config.env);
}

void state_copy(const struct state *from, struct state *ret)
{
	state_done(ret);
	image_config_copy(&from->image, &ret->image);
	ret->env = strv_copy(from->env);
	ret->escape = from->escape;
}

void state_done(struct state *state)
{
	image_config_done(&state->image);
	strv_free(state->env);
	*state = (struct state){ .escape = '\\' };
}

int state_expand(const struct state *state, const char *word, char **ret, struct error **err)
{
	struct lexicon lexicon = { .env = state->env, .escape = state->escape };

	return words_expand(&lexicon, word, ret, err);
}

int state_expand_list(const struct state *state, char *const *words, strv *ret, struct error **err)
{
	cleanup_list struct list expanded = { .items = NULL };

	for (size_t i = 0; words && words[i]; i++) {
		char *word = NULL;

		if (state_expand(state, words[i], &word, err) < 0)
			return -1;
		list_take(&expanded, word);
	}
	*ret = take_ptr(expanded.items);
	return 0;
}

int state_set(struct state *state, const char *name, const char *value, struct error **err)
{
	size_t bytes = strlen(name) + strlen(value), count = 0;

	for (; state->env && state->env[count]; count++)
		bytes += strlen(state->env[count]);
	if (count >= VARIABLES_MAX)
		return error_new(err, ERROR_INVALID, "more than %d variables", VARIABLES_MAX);
	if (bytes > ENVIRONMENT_MAX)
		return error_new(err, ERROR_INVALID,
			"the variables are larger than %lu bytes together", ENVIRONMENT_MAX);
	env_set(&state->env, name, value);
	return 0;
}

const char *state_workdir(const struct state *state)
{
	const char *workdir = state->image.config.working_dir;

	return workdir && *workdir ? workdir : "/";
}

char *state_path(const struct state *state, const char *path, bool keep_slash)
{
	cleanup_free char *whole =
		*path == '/' ? xstrdup(path) : xasprintf("%s/%s", state_workdir(state), path);
	cleanup_free char *clean = path_clean(whole);
	size_t length = strlen(whole);
	bool slash =
		keep_slash && strcmp(clean, "/") != 0 &&
		(whole[length - 1] == '/' || (length > 1 && strcmp(whole + length - 2, "/.") == 0));

	return xasprintf("%s%s", clean, slash ? "/" : "");
}

void state_key_layers(const struct state *state, struct sha256 *sha)
{
	key_number(sha, state->image.layer_count);
	for (size_t i = 0; i < state->image.layer_count; i++)
		key_bytes(sha, state->image.diff_ids[i].sha256, DIGEST_SIZE);
}

void state_add_history(
	struct state *state, const char *created, const char *created_by, bool has_layer)
{
	struct image_history entry = {
		.created = (char *)created,
		.created_by = (char *)created_by,
		.comment = (char *)HISTORY_COMMENT,
		.empty_layer = !has_layer,
	};

	image_config_add_history(&state->image, &entry);
}

void state_command(const struct state *state, char *const *args, bool json, strv *ret)
{
	char *const *shell = state->image.config.shell;
	cleanup_free char *line = NULL;

	*ret = NULL;
	if (json) {
		*ret = args ? strv_copy(args) : xcalloc(1, sizeof(char *));
		return;
	}
	if (!shell || !shell[0])
		shell = (char *const *)default_shell;
	strv_concat(ret, shell);
	line = strv_join(args, " ");
	strv_append(ret, line);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "build/addition.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "build/glob.h"
#include "build/heredoc.h"
#include "build/key.h"
#include "build/mode.h"
#include "build/parents.h"
#include "build/words.h"

/* ---- reading ---- */

static bool is_remote(const char *source)
{
	static const char *const prefixes[] = { "http://", "https://", "git://", "ssh://", "git@" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(source, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static int check_source(
	const struct instruction *instruction, const char *source, struct error **err)
{
	if (!is_remote(source))
		return *source ? 0 : error_new(err, ERROR_INVALID, "a source is empty");
	if (instruction->kind == INSTRUCTION_COPY) {
		error_new(err, ERROR_INVALID, "COPY takes no URL: '%.200s'", source);
		return error_hint(err, "fetch it in a RUN, or before the build");
	}
	error_new(err, ERROR_UNSUPPORTED, "ADD of '%.200s': URLs are not supported yet", source);
	return error_hint(err, "fetch it in a RUN, or before the build");
}

/* One heredoc: a file by the name of its word. */
static int add_text(const struct state *state, const struct heredoc *heredoc,
	struct addition *addition, struct error **err)
{
	struct lexicon lexicon = {
		.env = state->env, .escape = '\\', .plain_quotes = true, .max = BUF_LARGE
	};
	cleanup_free char *written = heredoc_content(heredoc), *content = NULL;

	if (strchr(heredoc->name, '/') || strcmp(heredoc->name, ".") == 0 ||
		strcmp(heredoc->name, "..") == 0)
		return error_new(err, ERROR_INVALID, "the heredoc '%.200s' cannot be a file's name",
			heredoc->name);
	if (!heredoc->expand)
		content = take_ptr(written);
	else if (words_expand(&lexicon, written, &content, err) < 0)
		return -1;
	strv_append(&addition->texts, heredoc->name);
	strv_take(&addition->texts, take_ptr(content));
	return 0;
}

static int read_sources(const struct state *state, struct addition *addition, struct error **err)
{
	const struct instruction *instruction = addition->instruction;
	size_t last = strv_length(instruction->args) - 1;

	for (size_t i = 0; i < last; i++) {
		const struct heredoc *heredoc = heredoc_of(instruction, instruction->args[i]);
		cleanup_free char *source = NULL;

		if (heredoc) {
			if (add_text(state, heredoc, addition, err) < 0)
				return -1;
			continue;
		}
		if (state_expand(state, instruction->args[i], &source, err) < 0 ||
			check_source(instruction, source, err) < 0)
			return -1;
		strv_take(&addition->sources, take_ptr(source));
	}
	if (heredoc_of(instruction, instruction->args[last]))
		return error_new(err, ERROR_INVALID, "a heredoc cannot be the destination");
	return 0;
}

static int read_dest(const struct state *state, struct addition *addition, struct error **err)
{
	const struct instruction *instruction = addition->instruction;
	const char *word = instruction->args[strv_length(instruction->args) - 1];
	cleanup_free char *dest = NULL;

	if (state_expand(state, word, &dest, err) < 0)
		return -1;
	/* "." and "" are the working directory itself. */
	if (!*dest || strcmp(dest, ".") == 0)
		replace_string(&dest, xstrdup("./"));
	addition->dest = state_path(state, dest, true);
	return 0;
}

static int expand_flag(const struct state *state, const struct instruction *instruction,
	const char *name, char **ret, struct error **err)
{
	const char *value = instruction_flag(instruction, name);
	char *expanded = NULL;

	if (!value || !*value)
		return 0;
	if (state_expand(state, value, &expanded, err) < 0)
		return -1;
	if (!*expanded) {
		free(expanded);
		return 0;
	}
	*ret = expanded;
	return 0;
}

static int read_excludes(const struct state *state, struct addition *addition, struct error **err)
{
	cleanup_strv strv patterns = instruction_flag_list(addition->instruction, "exclude");

	for (size_t i = 0; patterns && patterns[i]; i++) {
		cleanup_free char *pattern = NULL;

		if (state_expand(state, patterns[i], &pattern, err) < 0 ||
			ignore_add(&addition->excludes, pattern, err) < 0)
			return error_wrap(err, "--exclude");
	}
	return 0;
}

static int read_flags(const struct state *state, struct addition *addition, struct error **err)
{
	const struct instruction *instruction = addition->instruction;
	bool is_add = instruction->kind == INSTRUCTION_ADD;
	mode_t unused;

	if (expand_flag(state, instruction, "chown", &addition->chown, err) < 0 ||
		expand_flag(state, instruction, "chmod", &addition->chmod, err) < 0 ||
		read_excludes(state, addition, err) < 0)
		return -1;
	if (addition->chmod && mode_apply(addition->chmod, 0, &unused, err) < 0)
		return -1;
	if (is_add && instruction_flag(instruction, "checksum"))
		return error_new(err, ERROR_INVALID, "--checksum is for URLs only");
	addition->unpack = is_add && instruction_switch(instruction, "unpack") != 0;
	addition->link = instruction_switch(instruction, "link") > 0;
	addition->parents = instruction_switch(instruction, "parents") > 0;
	return 0;
}

static int read_from(struct builder *builder, struct addition *addition, struct error **err)
{
	const char *from = instruction_flag(addition->instruction, "from");

	if (!from || !*from)
		return 0;
	if (strchr(from, '$')) {
		error_new(err, ERROR_INVALID, "--from takes no variables");
		return error_hint(err, "name a stage: FROM $IMAGE AS x, and then --from=x");
	}
	return builder_find_source(builder, from, &addition->own, &addition->from, err);
}

int addition_read(struct builder *builder, const struct state *state,
	const struct instruction *instruction, struct addition *ret, struct error **err)
{
	cleanup_addition struct addition addition = { .instruction = instruction,
		.root = WORKSPACE_INIT };

	if (read_sources(state, &addition, err) < 0 || read_dest(state, &addition, err) < 0 ||
		read_flags(state, &addition, err) < 0)
		return -1;
	if (read_from(builder, &addition, err) < 0)
		return -1;
	if (addition.from == &addition.own) /* it moves with us */
		addition.from = &ret->own;
	*ret = addition;
	addition = (struct addition){ .root = WORKSPACE_INIT };
	return 0;
}

/* ---- files ---- */

static int open_source(struct builder *builder, struct addition *addition, struct error **err)
{
	if (!addition->from) {
		addition->source = builder->context.source;
		if (addition->source.root_fd < 0 && addition->sources) {
			error_new(err, ERROR_INVALID,
				"there is no build context: stdin was the Dockerfile");
			return error_hint(err, "give a directory, as in: build -f - .");
		}
		return 0;
	}
	if (workspace_open(builder->engine, addition->from, WORKSPACE_READ, &addition->root, err) <
		0)
		return -1;
	addition->source = (struct source){ .root_fd = addition->root.root_fd,
		.name = instruction_flag(addition->instruction, "from") };
	return 0;
}

/* wild: matched by a wildcard, so it may just as well be excluded. */
static int add_tree(struct addition *addition, const char *pattern, const char *path, bool wild,
	struct error **err)
{
	cleanup_tree struct tree tree = { .fd = -1 };
	int failed;

	if (addition->tree_count == SOURCES_MAX)
		return error_new(err, ERROR_UNSUPPORTED, "more than %d sources", SOURCES_MAX);
	failed = addition->parents
			 ? parents_list(&addition->source, pattern, path, &addition->excludes,
				   &tree, err)
			 : tree_list(&addition->source, path, &addition->excludes, &tree, err);
	if (failed < 0 && wild && error_kind(*err) == ERROR_NOT_FOUND) {
		error_free(*err);
		*err = NULL;
		return 0;
	}
	if (failed < 0)
		return -1;
	addition->trees =
		xrealloc(addition->trees, addition->tree_count + 1, sizeof(*addition->trees));
	addition->trees[addition->tree_count++] = tree;
	tree = (struct tree){ .fd = -1 };
	return 0;
}

int addition_open(struct builder *builder, struct addition *addition, struct error **err)
{
	if (open_source(builder, addition, err) < 0)
		return -1;
	for (size_t i = 0; addition->sources && addition->sources[i]; i++) {
		const char *pattern = addition->sources[i];
		bool wild = glob_has_wildcard(pattern);
		cleanup_strv strv paths = NULL;

		if (source_expand(&addition->source, pattern, addition->parents, &paths, err) < 0)
			return -1;
		for (size_t j = 0; paths && paths[j]; j++)
			if (add_tree(addition, pattern, paths[j], wild, err) < 0)
				return -1;
	}
	return 0;
}

/* ---- keys ---- */

/* What the instruction asks for, the files aside. */
static void key_question(
	const struct addition *addition, const struct state *state, struct sha256 *sha)
{
	bool names =
		addition->chown && addition->chown[strspn(addition->chown, "0123456789:")] != '\0';

	/* Alone, its layer depends on those below only where they say who a name is. */
	key_number(sha, addition->link);
	if (!addition->link || names)
		state_key_layers(state, sha);
	key_number(sha, addition->unpack);
	key_number(sha, addition->parents);
	key_text(sha, addition->dest);
	key_text(sha, addition->chown);
	key_text(sha, addition->chmod);
	key_list(sha, addition->texts);
}

void addition_key_from(
	const struct addition *addition, const struct state *state, char ret[static ID_MAX])
{
	struct sha256 sha;

	key_begin(&sha, "copy-from");
	key_question(addition, state, &sha);
	state_key_layers(addition->from, &sha);
	key_list(&sha, addition->sources);
	key_number(&sha, addition->excludes.count);
	for (size_t i = 0; i < addition->excludes.count; i++) {
		key_text(&sha, addition->excludes.patterns[i].text);
		key_number(&sha, addition->excludes.patterns[i].negated);
	}
	key_end(&sha, ret);
}

int addition_key(const struct addition *addition, const struct state *state,
	char ret[static ID_MAX], struct error **err)
{
	struct sha256 sha;

	key_begin(&sha, "copy");
	key_question(addition, state, &sha);
	key_number(&sha, addition->tree_count);
	for (size_t i = 0; i < addition->tree_count; i++) {
		const struct tree *tree = &addition->trees[i];

		/* A directory's own name is nowhere in the result. */
		key_text(&sha,
			S_ISDIR(tree->entries[0].st.st_mode) ? NULL : strrchr(tree->path, '/'));
		key_number(&sha, tree->count);
		if (tree_digest(tree, &sha, err) < 0)
			return -1;
	}
	key_end(&sha, ret);
	return 0;
}

void addition_done(struct addition *addition)
{
	for (size_t i = 0; i < addition->tree_count; i++)
		tree_done(&addition->trees[i]);
	free(addition->trees);
	strv_free(addition->sources);
	strv_free(addition->texts);
	free(addition->dest);
	free(addition->chown);
	free(addition->chmod);
	ignore_done(&addition->excludes);
	state_done(&addition->own);
	workspace_done(&addition->root);
	*addition = (struct addition){ .root = WORKSPACE_INIT };
}

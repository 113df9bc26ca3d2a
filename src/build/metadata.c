/* SPDX-License-Identifier: Apache-2.0 */
#include "build/metadata.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "build/health.h"
#include "build/port.h"
#include "build/split.h"
#include "sys/process.h"

typedef int apply_fn(struct state *state, const struct instruction *instruction,
	struct buf *history, struct error **err);

static void put_escaped(struct buf *out, char c)
{
	if (c == '"' || c == '\\')
		buf_printf(out, "\\%c", c);
	else if (c == '\n' || c == '\t')
		buf_puts(out, c == '\n' ? "\\n" : "\\t");
	else
		buf_putc(out, c);
}

/* Go's %q for a list: ["a" "b"]. Readers of histories know it so. */
static void put_quoted(struct buf *out, char *const *list)
{
	buf_putc(out, '[');
	for (size_t i = 0; list && list[i]; i++) {
		buf_puts(out, i ? " \"" : "\"");
		for (const char *c = list[i]; *c; c++)
			put_escaped(out, *c);
		buf_putc(out, '"');
	}
	buf_putc(out, ']');
}

static void put_plain(struct buf *out, char *const *list)
{
	cleanup_free char *joined = strv_join(list, " ");

	buf_printf(out, "[%s]", joined);
}

static void replace_list(strv *owner, strv value)
{
	strv_free(*owner);
	*owner = value;
}

static void add_once(strv *set, const char *item)
{
	if (!strv_contains(*set, item))
		strv_append(set, item);
}

/* ENV and LABEL: key and value by turns; all are expanded before the first is set. */
static int expand_pairs(const struct state *state, const struct instruction *instruction, strv *ret,
	struct buf *history, struct error **err)
{
	cleanup_strv strv pairs = NULL;

	if (state_expand_list(state, instruction->args, &pairs, err) < 0)
		return -1;
	for (size_t i = 0; pairs && pairs[i]; i += 2) {
		if (!*pairs[i])
			return error_new(err, ERROR_INVALID, "%s: a name is empty",
				instruction_name(instruction->kind));
		buf_printf(history, " %s=%s", pairs[i], pairs[i + 1]);
	}
	*ret = take_ptr(pairs);
	return 0;
}

static int apply_env(struct state *state, const struct instruction *instruction,
	struct buf *history, struct error **err)
{
	cleanup_strv strv pairs = NULL;

	if (expand_pairs(state, instruction, &pairs, history, err) < 0)
		return -1;
	for (size_t i = 0; pairs && pairs[i]; i += 2) {
		if (strchr(pairs[i], '='))
			return error_new(
				err, ERROR_INVALID, "ENV: the name '%.200s' has a '='", pairs[i]);
		if (state_set(state, pairs[i], pairs[i + 1], err) < 0)
			return -1;
		env_set(&state->image.config.env, pairs[i], pairs[i + 1]);
	}
	return 0;
}

static int apply_label(struct state *state, const struct instruction *instruction,
	struct buf *history, struct error **err)
{
	cleanup_strv strv pairs = NULL;

	if (expand_pairs(state, instruction, &pairs, history, err) < 0)
		return -1;
	for (size_t i = 0; pairs && pairs[i]; i += 2)
		env_set(&state->image.config.labels, pairs[i], pairs[i + 1]);
	return 0;
}

static int apply_cmd(struct state *state, const struct instruction *instruction,
	struct buf *history,
	struct error **err) // NOLINT(misc-unused-parameters): as the table wants
{
	strv command;

	state_command(state, instruction->args, instruction->json, &command);
	replace_list(&state->image.config.cmd, command);
	state->cmd_set = true;
	buf_putc(history, ' ');
	put_quoted(history, command);
	return 0;
}

static int apply_entrypoint(struct state *state, const struct instruction *instruction,
	struct buf *history,
	struct error **err) // NOLINT(misc-unused-parameters): as the table wants
{
	strv command;

	state_command(state, instruction->args, instruction->json, &command);
	buf_putc(history, ' ');
	put_quoted(history, command);
	if (!command[0]) { /* ENTRYPOINT [] means none */
		strv_free(command);
		command = NULL;
	}
	replace_list(&state->image.config.entrypoint, command);
	if (!state->cmd_set) /* the base's CMD was for the base's ENTRYPOINT */
		replace_list(&state->image.config.cmd, NULL);
	return 0;
}

static int apply_expose(struct state *state, const struct instruction *instruction,
	struct buf *history, struct error **err)
{
	cleanup_strv strv ports = NULL;

	if (ports_expand(state, instruction->args, &ports, err) < 0)
		return -1;
	buf_putc(history, ' ');
	put_plain(history, ports);
	if (!state->image.config.exposed_ports)
		state->image.config.exposed_ports = take_ptr(ports);
	for (size_t i = 0; ports && ports[i]; i++)
		add_once(&state->image.config.exposed_ports, ports[i]);
	return 0;
}

static int apply_healthcheck(struct state *state, const struct instruction *instruction,
	struct buf *history, struct error **err)
{
	struct json_object *health = NULL;

	if (health_parse(instruction, &health, err) < 0)
		return -1;
	json_release(state->image.config.healthcheck);
	state->image.config.healthcheck = health;
	buf_printf(history, " %s", skip_blanks(instruction->text + strlen("HEALTHCHECK")));
	return 0;
}

static int apply_maintainer(struct state *state, const struct instruction *instruction,
	struct buf *history,
	struct error **err) // NOLINT(misc-unused-parameters): as the table wants
{
	replace_string(&state->image.author, xstrdup(instruction->args[0]));
	buf_printf(history, " %s", instruction->args[0]);
	return 0;
}

static int apply_onbuild(struct state *state, const struct instruction *instruction,
	struct buf *history, struct error **err)
{
	cleanup_buf struct buf text = BUF_INIT(BUF_LARGE);

	buf_puts(&text, instruction->trigger->text);
	for (size_t i = 0; i < instruction->heredoc_count; i++)
		buf_printf(&text, "\n%s%s", instruction->heredocs[i].content,
			instruction->heredocs[i].name);
	if (buf_check(&text, "the trigger", err) < 0)
		return -1;
	strv_take(&state->image.config.on_build, buf_take(&text));
	buf_printf(history, " %s", instruction->trigger->text);
	return 0;
}

static int apply_shell(struct state *state, const struct instruction *instruction,
	struct buf *history,
	struct error **err) // NOLINT(misc-unused-parameters): as the table wants
{
	replace_list(&state->image.config.shell, strv_copy(instruction->args));
	buf_putc(history, ' ');
	put_plain(history, instruction->args);
	return 0;
}

static int apply_stopsignal(struct state *state, const struct instruction *instruction,
	struct buf *history, struct error **err)
{
	cleanup_free char *signal = NULL;

	if (state_expand(state, instruction->args[0], &signal, err) < 0 ||
		signal_parse(signal, err) < 0)
		return -1;
	buf_printf(history, " %s", signal);
	replace_string(&state->image.config.stop_signal, take_ptr(signal));
	return 0;
}

static int apply_user(struct state *state, const struct instruction *instruction,
	struct buf *history, struct error **err)
{
	cleanup_free char *user = NULL;

	if (state_expand(state, instruction->args[0], &user, err) < 0)
		return -1;
	if (!*user)
		return error_new(err, ERROR_INVALID, "USER: '%.200s' is empty when expanded",
			instruction->args[0]);
	buf_printf(history, " %s", user);
	replace_string(&state->image.config.user, take_ptr(user));
	return 0;
}

static int apply_volume(struct state *state, const struct instruction *instruction,
	struct buf *history, struct error **err)
{
	cleanup_strv strv paths = NULL;

	if (state_expand_list(state, instruction->args, &paths, err) < 0)
		return -1;
	for (size_t i = 0; paths[i]; i++)
		if (!*skip_blanks(paths[i]))
			return error_new(err, ERROR_INVALID, "VOLUME: a path is empty");
	for (size_t i = 0; paths[i]; i++) {
		cleanup_free char *path = trimmed(paths[i]);

		add_once(&state->image.config.volumes, path);
	}
	buf_putc(history, ' ');
	put_plain(history, paths);
	return 0;
}

static int apply_workdir(struct state *state, const struct instruction *instruction,
	struct buf *history, struct error **err)
{
	cleanup_free char *path = NULL;

	if (state_expand(state, instruction->args[0], &path, err) < 0)
		return -1;
	if (!*path)
		return error_new(err, ERROR_INVALID, "WORKDIR: '%.200s' is empty when expanded",
			instruction->args[0]);
	replace_string(&state->image.config.working_dir, state_path(state, path, false));
	buf_printf(history, " %s", state->image.config.working_dir);
	return 0;
}

static apply_fn *const appliers[INSTRUCTION_KIND_MAX_] = {
	[INSTRUCTION_CMD] = apply_cmd,
	[INSTRUCTION_ENTRYPOINT] = apply_entrypoint,
	[INSTRUCTION_ENV] = apply_env,
	[INSTRUCTION_EXPOSE] = apply_expose,
	[INSTRUCTION_HEALTHCHECK] = apply_healthcheck,
	[INSTRUCTION_LABEL] = apply_label,
	[INSTRUCTION_MAINTAINER] = apply_maintainer,
	[INSTRUCTION_ONBUILD] = apply_onbuild,
	[INSTRUCTION_SHELL] = apply_shell,
	[INSTRUCTION_STOPSIGNAL] = apply_stopsignal,
	[INSTRUCTION_USER] = apply_user,
	[INSTRUCTION_VOLUME] = apply_volume,
	[INSTRUCTION_WORKDIR] = apply_workdir,
};

bool metadata_has(enum instruction_kind kind)
{
	return appliers[kind] != NULL;
}

int metadata_apply(struct state *state, const struct instruction *instruction, char **ret_history,
	struct error **err)
{
	cleanup_buf struct buf history = BUF_INIT(BUF_LARGE);

	buf_puts(&history, instruction_name(instruction->kind));
	if (appliers[instruction->kind](state, instruction, &history, err) < 0 ||
		buf_check(&history, "the history entry", err) < 0)
		return -1;
	*ret_history = instruction->kind == INSTRUCTION_ONBUILD ? NULL : buf_take(&history);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives a build: reads the file, finds the stages that the target needs, and takes each stage
 * instruction by instruction from one state to the next.
 */
#include "build/builder.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "build/add.h"
#include "build/argument.h"
#include "build/base.h"
#include "build/metadata.h"
#include "build/mount.h"
#include "build/publish.h"
#include "build/run.h"
#include "build/workdir.h"
#include "store/blob.h"

static void builder_done_p_(struct builder *builder)
{
	strv_free(builder->build_args);
	context_done(&builder->context);
	dockerfile_done(&builder->dockerfile);
	plan_done(&builder->plan);
}
#define cleanup_builder CLEANUP(builder_done)

/* ---- showing ---- */

struct progress_step builder_begin(struct builder *builder, const char *text)
{
	const struct stage *stage = builder->stage;
	cleanup_free char *name = NULL;
	int width = 0;

	if (builder->plan.count > 1)
		name = stage->name ? xasprintf("%s ", stage->name)
				   : xasprintf("stage-%zu ", stage->index);
	for (size_t n = builder->total; n > 0; n /= 10)
		width++;
	return progress_begin(&builder->progress, "[%s%*zu/%zu] %s%s", name ? name : "", width,
		++builder->done, builder->total, builder->on_build ? "ONBUILD " : "", text);
}

static bool is_counted(const struct instruction *instruction)
{
	return instruction->kind == INSTRUCTION_RUN || instruction->kind == INSTRUCTION_COPY ||
	       instruction->kind == INSTRUCTION_ADD || instruction->kind == INSTRUCTION_WORKDIR;
}

/* ---- steps ---- */

static int take_metadata(
	struct state *state, const struct instruction *instruction, struct error **err)
{
	cleanup_free char *history = NULL;

	if (metadata_apply(state, instruction, &history, err) < 0)
		return -1;
	if (history)
		state_add_history(state, NULL, history, false);
	return 0;
}

static int take_step(struct builder *builder, struct state *state,
	const struct instruction *instruction, struct error **err)
{
	switch (instruction->kind) {
	case INSTRUCTION_ARG:
		return argument_step(builder, state, instruction, err);
	case INSTRUCTION_RUN:
		return run_step(builder, state, instruction, err);
	case INSTRUCTION_ADD:
	case INSTRUCTION_COPY:
		return add_step(builder, state, instruction, err);
	case INSTRUCTION_WORKDIR:
		return workdir_step(builder, state, instruction, err);
	default:
		return take_metadata(state, instruction, err);
	}
}

/* Where in which file, and what was to be done. */
static int blame(const struct builder *builder, int line, const char *text, struct error **err)
{
	return error_wrap(err, "%s:%d: %.120s", builder->context.dockerfile_name, line, text);
}

static int take_steps(struct builder *builder, struct state *state, const struct instruction *steps,
	size_t count, struct error **err)
{
	for (size_t i = 0; i < count; i++)
		if (take_step(builder, state, &steps[i], err) < 0)
			return blame(builder,
				builder->on_build ? builder->stage->from->line : steps[i].line,
				steps[i].text, err);
	return 0;
}

/* ---- stages ---- */

static int build_stage(struct builder *builder, size_t index, struct error **err);

/* The names of stages or images that an instruction takes files from. */
static int find_sources(const struct instruction *instruction, strv *ret, struct error **err)
{
	cleanup_strv strv mounts = instruction_flag_list(instruction, "mount");

	*ret = instruction_flag_list(instruction, "from");
	for (size_t i = 0; mounts && mounts[i]; i++) {
		char *from = NULL;

		if (run_mount_from(mounts[i], &from, err) < 0)
			return -1;
		if (from)
			strv_take(ret, from);
	}
	return 0;
}

/* Before the first step: can all be done? Then the stages are built that files are taken from. */
static int prepare_steps(struct builder *builder, size_t index, const struct instruction *steps,
	size_t count, struct error **err)
{
	for (size_t i = 0; i < count; i++) {
		cleanup_strv strv names = NULL;

		if (find_sources(&steps[i], &names, err) < 0 ||
			(steps[i].kind == INSTRUCTION_RUN &&
				run_check(builder, &steps[i], err) < 0))
			return blame(builder, steps[i].line, steps[i].text, err);
		for (size_t j = 0; names && names[j]; j++) {
			ssize_t source = plan_find(&builder->plan, names[j], index);

			if (source >= 0 && build_stage(builder, (size_t)source, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int begin_stage(struct builder *builder, struct stage *stage, struct error **err)
{
	if (stage->base_stage >= 0) {
		state_copy(&builder->plan.stages[stage->base_stage].state, &stage->state);
		return 0;
	}
	return base_load(builder, stage->base, &stage->state, err) < 0
		       ? blame(builder, stage->from->line, stage->from->text, err)
		       : 0;
}

/* What the base image wants done in whatever is built upon it. */
static int read_triggers(
	struct builder *builder, struct stage *stage, struct dockerfile *ret, struct error **err)
{
	cleanup_strv strv triggers = stage->state.image.config.on_build;
	cleanup_free char *text = NULL;

	stage->state.image.config.on_build = NULL;
	if (!triggers || !triggers[0])
		return 0;
	text = strv_join(triggers, "\n");
	if (dockerfile_parse("ONBUILD", text, strlen(text), ret, err) < 0)
		return blame(builder, stage->from->line, stage->from->text, err);
	return 0;
}

static size_t count_steps(const struct instruction *steps, size_t count)
{
	size_t counted = 0;

	for (size_t i = 0; i < count; i++)
		counted += is_counted(&steps[i]);
	return counted;
}

static void show_base(struct builder *builder, const struct stage *stage)
{
	cleanup_free char *title = NULL, *text = NULL;
	struct progress_step step;

	if (stage->base_stage >= 0 || strcmp(stage->base, "scratch") == 0)
		return;
	builder->total++;
	title = base_title(stage->base);
	text = xasprintf("FROM %s", title);
	step = builder_begin(builder, text);
	progress_cached(&step);
}

static int build_stage(struct builder *builder, size_t index, struct error **err)
{
	struct stage *stage = &builder->plan.stages[index];
	cleanup_dockerfile struct dockerfile triggers = { .name = NULL };

	if (stage->built)
		return 0;
	if (stage->base_stage >= 0 && build_stage(builder, (size_t)stage->base_stage, err) < 0)
		return -1;
	if (begin_stage(builder, stage, err) < 0 ||
		read_triggers(builder, stage, &triggers, err) < 0)
		return -1;
	if (prepare_steps(builder, index, triggers.instructions, triggers.count, err) < 0 ||
		prepare_steps(builder, index, stage->steps, stage->step_count, err) < 0)
		return -1;
	builder->stage = stage;
	builder->done = 0;
	builder->total = count_steps(triggers.instructions, triggers.count) +
			 count_steps(stage->steps, stage->step_count);
	show_base(builder, stage);
	builder->on_build = true;
	if (take_steps(builder, &stage->state, triggers.instructions, triggers.count, err) < 0)
		return -1;
	builder->on_build = false;
	stage->state.escape = builder->dockerfile.escape;
	if (take_steps(builder, &stage->state, stage->steps, stage->step_count, err) < 0)
		return -1;
	stage->built = true;
	return 0;
}

int builder_find_source(struct builder *builder, const char *name, struct state *own,
	const struct state **ret, struct error **err)
{
	size_t count = builder->plan.count, index = builder->stage->index;
	ssize_t found = plan_find(&builder->plan, name, index);

	if (found >= 0) {
		*ret = &builder->plan.stages[found].state;
		return 0;
	}
	if (plan_find(&builder->plan, name, count) >= 0)
		return error_new(err, ERROR_INVALID,
			"--from=%s: a stage can use only those that are finished before it", name);
	if (base_load(builder, name, own, err) < 0)
		return error_wrap(err, "--from=%s", name);
	*ret = own;
	return 0;
}

/* ---- the whole ---- */

static int read_file(struct builder *builder, struct error **err)
{
	struct progress_step step;
	struct context *context = &builder->context;

	if (context_open(builder->options, &builder->engine->store, context, err) < 0)
		return -1;
	step = progress_begin(&builder->progress, "[internal] load build definition from %s",
		context->dockerfile_name);
	if (dockerfile_parse(context->dockerfile_name, context->dockerfile,
		    context->dockerfile_length, &builder->dockerfile, err) < 0)
		return -1;
	progress_done(&step);
	for (char *const *line = builder->dockerfile.warnings; line && *line; line++) {
		cleanup_free char *warning = xasprintf("WARNING: %s", *line);

		progress_line(&builder->progress, warning);
	}
	return 0;
}

static void warn_unused(const struct builder *builder)
{
	cleanup_free char *unused = arguments_unused(builder), *warning = NULL;

	if (!unused)
		return;
	warning = xasprintf("WARNING: no ARG asks for these build arguments: %s", unused);
	progress_line(&builder->progress, warning);
}

int build_image(struct engine *engine, const struct build_options *options, char **ret_id,
	struct error **err)
{
	cleanup_builder struct builder builder = { .engine = engine,
		.options = options,
		.context = { .dir_fd = -1 },
		.progress = { .fd = options->quiet ? -1 : options->progress_fd } };
	struct plan_options plan = { .target = options->target };
	cleanup_strv strv tags = NULL;

	builder.build_args = arguments_read(options->build_args);
	plan.build_args = builder.build_args;
	/* Held to the end: layers that the cache has must not be swept while we build upon them. */
	if (tags_read(options->tags, &tags, err) < 0 || engine_tidy(engine, err) < 0 ||
		store_use(&engine->store, err) < 0 ||
		store_catalog(&engine->store, &builder.catalog, err) < 0 ||
		read_file(&builder, err) < 0 ||
		plan_make(&builder.dockerfile, &plan, &builder.plan, err) < 0 ||
		build_stage(&builder, builder.plan.target, err) < 0)
		return -1;
	warn_unused(&builder);
	return publish(
		&builder, &builder.plan.stages[builder.plan.target].state, tags, ret_id, err);
}

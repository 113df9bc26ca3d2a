/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A commit reads the container's upper directory into a layer (layer_pack()), with the container
 * paused so that files which belong together are of one moment.
 *
 * A pause must not outlive us. On every way out that we take ourselves the container goes on; and
 * for those we do not (SIGKILL, a closed terminal), a guard is started before the pause: `vessel
 * unpause-after ID`, in a session of its own, whose standard input is a pipe that only we hold
 * open. When that ends without a word, we have.
 */
#include "engine/commit.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/spawn.h"
#include "engine/container.h"
#include "engine/container_files.h"
#include "engine/paths.h"
#include "oci/reference.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* ---- configuration ---- */

static void replace_list(strv *list, char *const *from)
{
	strv_free(*list);
	*list = strv_copy(from);
}

/* What is the same as if nobody had set it stays unset. */
static void replace_text(char **text, const char *value, const char *unset)
{
	if (!*text && (!value || !*value || strcmp(value, unset) == 0))
		return;
	replace_string(text, xstrdup_null(value && *value ? value : NULL));
}

static void add_missing(strv *set, const char *text)
{
	if (!strv_contains(*set, text))
		strv_append(set, text);
}

static void put_defaults(struct image_defaults *d, const struct record *record)
{
	replace_list(&d->env, record->env);
	replace_list(&d->cmd, record->cmd);
	replace_list(&d->entrypoint, record->entrypoint);
	replace_list(&d->labels, record->labels);
	replace_text(&d->user, record->user, "");
	replace_text(&d->working_dir, record->working_dir, "/");
	replace_text(&d->stop_signal, record->stop_signal, "SIGTERM");
	for (size_t i = 0; record->exposed_ports && record->exposed_ports[i]; i++)
		add_missing(&d->exposed_ports, record->exposed_ports[i]);
	/* -v /data names no source: it is a wish for a volume, as the image's own are. */
	for (size_t i = 0; record->binds && record->binds[i]; i++)
		if (record->binds[i][0] == '/' && !strchr(record->binds[i], ':'))
			add_missing(&d->volumes, record->binds[i]);
	/* They are for builds on the image, not for what was made of it. */
	strv_free(take_ptr(d->on_build));
	strv_free(take_ptr(d->shell));
}

static int load(struct engine *engine, const char *name, struct record *ret, struct error **err)
{
	char id[ID_MAX];

	return container_resolve(engine, name, id, err) < 0 ? -1
							    : record_load(engine, id, ret, err);
}

int commit_config(
	struct engine *engine, const char *container, struct image_config *ret, struct error **err)
{
	cleanup_image_config struct image_config config = { 0 };
	cleanup_record struct record record;
	struct digest image;

	record_init(&record);
	if (load(engine, container, &record, err) < 0 ||
		digest_parse(record.image_id, &image, err) < 0)
		return -1;
	if (store_read_config(&engine->store, &image, &config, err) < 0)
		return error_wrap(err, "the image of container %s", container);
	put_defaults(&config.config, &record);
	*ret = config;
	config = (struct image_config){ .os = NULL };
	return 0;
}

/* ---- pause ---- */

struct pause {
	const char *id;
	int guard_fd; /* -1: it is not paused by us */
	pid_t guard;
};

static int start_guard(struct engine *engine, struct pause *pause, struct error **err)
{
	char *const args[] = { (char *)"vessel", (char *)"--root", engine->root,
		(char *)"--run-dir", engine->run_dir, (char *)"unpause-after", (char *)pause->id,
		NULL };
	cleanup_close int read_fd = -1, write_fd = -1,
			  null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct spawn spawn = SPAWN_INIT;
	int ends[2];

	if (null_fd < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	read_fd = ends[0];
	write_fd = ends[1];
	spawn.program = "vessel";
	spawn.args = args;
	spawn.stdin_fd = read_fd;
	spawn.stdout_fd = spawn.stderr_fd = null_fd;
	spawn.new_session = true;
	pause->guard = spawn_helper(&spawn, err);
	if (pause->guard < 0)
		return -1;
	pause->guard_fd = take_fd(&write_fd);
	return 0;
}

static void dismiss_guard(struct pause *pause)
{
	int status;

	(void)!TEMP_FAILURE_RETRY(write(pause->guard_fd, "", 1));
	close_fd(pause->guard_fd);
	pause->guard_fd = -1;
	(void)TEMP_FAILURE_RETRY(waitpid(pause->guard, &status, 0));
}

static int pause_begin(struct engine *engine, struct pause *pause, struct error **err)
{
	cleanup_error struct error *ended = NULL;
	struct container_status status;

	if (container_status(engine, pause->id, &status, err) < 0)
		return -1;
	if (status.state != CONTAINER_RUNNING)
		return 0; /* nothing writes, or somebody has paused it and wants it so */
	if (start_guard(engine, pause, err) < 0)
		return -1;
	if (container_pause(engine, pause->id, true, &ended) == 0)
		return 0;
	dismiss_guard(pause);
	if (error_kind(ended) == ERROR_CONFLICT) /* it ended, or was paused, just now */
		return 0;
	*err = take_ptr(ended);
	return -1;
}

/* Idempotent. */
static int pause_end(struct engine *engine, struct pause *pause, struct error **err)
{
	cleanup_error struct error *failed = NULL;
	int result;

	if (pause->guard_fd < 0)
		return 0;
	result = container_pause(engine, pause->id, false, &failed);
	dismiss_guard(pause);
	if (result == 0 ||
		error_kind(failed) == ERROR_CONFLICT) /* killed, or unpaused, by others */
		return 0;
	if (!*err)
		*err = take_ptr(failed);
	return -1;
}

int commit_guard(const struct engine_paths *paths, const char *id, int pipe_fd, struct error **err)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
	struct engine engine;
	int result;
	char byte;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	if (TEMP_FAILURE_RETRY(read(pipe_fd, &byte, 1)) > 0)
		return 0;
	if (engine_open(paths, &engine, err) < 0)
		return -1;
	result = container_pause(&engine, id, false, err);
	engine_close(&engine);
	return result;
}

/* ---- layer ---- */

/* Nothing but mount points: then there is no layer to make. */
static int is_unchanged(int upper_fd, char *const *left_out, struct error **err)
{
	cleanup_strv strv names = NULL;

	if (dir_names(upper_fd, &names, err) < 0)
		return -1;
	for (size_t i = 0; names && names[i]; i++)
		if (!strv_contains(left_out, names[i]))
			return 0;
	return 1;
}

/* 1: *ret is the new layer; 0: the container has changed nothing. */
static int make_layer(struct engine *engine, const struct record *record, struct layer_row *ret,
	struct error **err)
{
	cleanup_close int upper_fd = container_upper_open(engine, record->id, err), base_fd = -1;
	cleanup_strv strv left_out = NULL;
	int unchanged;

	if (upper_fd < 0)
		return -1;
	base_fd = container_base_mount(engine, record, err);
	if (base_fd < 0)
		return -1;
	left_out = container_mount_points(upper_fd, base_fd);
	unchanged = is_unchanged(upper_fd, left_out, err);
	if (unchanged != 0)
		return unchanged < 0 ? -1 : 0;
	return layer_pack(&engine->store, upper_fd, left_out, ret, err) < 0 ? -1 : 1;
}

static int make_layer_paused(struct engine *engine, const struct record *record, bool wants_pause,
	struct layer_row *ret, struct error **err)
{
	struct pause pause = { .id = record->id, .guard_fd = -1 };
	int made;

	if (wants_pause && pause_begin(engine, &pause, err) < 0)
		return -1;
	made = make_layer(engine, record, ret, err);
	if (pause_end(engine, &pause, err) < 0)
		return -1;
	return made < 0 || container_check_there(engine, record->id, err) < 0 ? -1 : made;
}

/* ---- image ---- */

static void describe(const struct commit_options *options, const struct record *record,
	const struct layer_row *layer, struct image_config *config)
{
	cleanup_free char *command = strv_join(record->cmd, " ");
	struct image_history entry = { .created_by = command };
	char now[CLOCK_TEXT_MAX];

	image_config_copy(options->config, config);
	clock_text(clock_now_ns(), now);
	replace_string(&config->created, xstrdup(now));
	replace_string(&config->author, xstrdup_null(options->author));
	replace_string(&config->comment, xstrdup_null(options->message));
	entry.created = now;
	entry.author = config->author;
	entry.comment = config->comment;
	entry.empty_layer = !layer;
	if (layer)
		image_config_add_layer(config, &layer->diff_id);
	image_config_add_history(config, &entry);
}

/*
 * The PATH that every container has is no one's setting, unless it was the image's. A change may
 * have built on it (PATH=$PATH:/x): then it stays.
 */
static int drop_default_path(struct engine *engine, const struct record *record,
	struct image_config *config, struct error **err)
{
	cleanup_image_config struct image_config image = { 0 };
	struct digest id;
	strv env = NULL;

	if (digest_parse(record->image_id, &id, err) < 0 ||
		store_read_config(&engine->store, &id, &image, err) < 0)
		return -1;
	if (env_get(image.config.env, "PATH"))
		return 0;
	for (char *const *entry = config->config.env; entry && *entry; entry++)
		if (strcmp(*entry, DEFAULT_PATH) != 0)
			strv_append(&env, *entry);
	strv_free(config->config.env);
	config->config.env = env;
	return 0;
}

static int check_reference(const char *text, char **ret, struct error **err)
{
	cleanup_reference struct reference ref = { 0 };

	if (!text)
		return 0;
	if (reference_parse(text, &ref, err) < 0)
		return -1;
	if (ref.digest)
		return error_new(
			err, ERROR_INVALID, "refusing to create a tag with a digest reference");
	*ret = reference_text(&ref);
	return 0;
}

int commit_run(struct engine *engine, const struct commit_options *options, struct image_row *ret,
	struct error **err)
{
	cleanup_image_config struct image_config config = { 0 };
	cleanup_free char *reference = NULL;
	cleanup_record struct record record;
	struct layer_row layer = { 0 };
	int made;

	record_init(&record);
	if (check_reference(options->reference, &reference, err) < 0 ||
		load(engine, options->container, &record, err) < 0 ||
		engine_tidy(engine, err) < 0 || store_use(&engine->store, err) < 0)
		return -1;
	made = make_layer_paused(engine, &record, options->pause, &layer, err);
	if (made < 0)
		return error_wrap(err, "commit %s", options->container);
	describe(options, &record, made ? &layer : NULL, &config);
	if (drop_default_path(engine, &record, &config, err) < 0)
		return -1;
	return store_put_image(&engine->store, &config, reference, ret, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "build/workdir.h"

#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "build/key.h"
#include "build/metadata.h"
#include "build/owner.h"
#include "sys/path.h"

/* 1 with the layer that has it, 0 when it was there. */
static int make_directory(struct builder *builder, const struct state *state, struct layer_row *ret,
	struct error **err)
{
	cleanup_workspace struct workspace workspace = WORKSPACE_INIT;
	const char *path = state_workdir(state), *user = state->image.config.user;
	struct owner owner = { 0, 0 };
	cleanup_close int fd = -1;
	struct stat st;
	int found;

	if (workspace_open(builder->engine, state, WORKSPACE_WRITE, &workspace, err) < 0)
		return -1;
	found = path_stat_in_root(workspace.root_fd, path, &st, err);
	if (found < 0)
		return -1;
	if (found && S_ISDIR(st.st_mode))
		return 0;
	if (user && *user && owner_parse(user, workspace.root_fd, &owner, err) < 0)
		return error_wrap(err, "USER");
	fd = path_mkdirs_in_root(workspace.root_fd, path, 0755, owner.uid, owner.gid, err);
	if (fd < 0)
		return -1;
	close_fd(take_fd(&fd));
	return workspace_commit(&workspace, ret, err) < 0 ? -1 : 1;
}

int workdir_step(struct builder *builder, struct state *state,
	const struct instruction *instruction, struct error **err)
{
	cleanup_free char *history = NULL;
	struct progress_step step;
	struct cache_row cached;
	struct layer_row made;
	struct sha256 sha;
	char key[ID_MAX];
	int found;

	if (metadata_apply(state, instruction, &history, err) < 0)
		return -1;
	key_begin(&sha, "workdir");
	state_key_layers(state, &sha);
	key_text(&sha, state_workdir(state));
	key_text(&sha, state->image.config.user);
	key_end(&sha, key);
	step = builder_begin(builder, instruction->text);
	found = layer_find(builder, key, &cached, err);
	if (found < 0)
		return -1;
	if (found) {
		progress_cached(&step);
		return layer_append(
			builder, state, cached.has_layer ? &cached.layer : NULL, history, err);
	}
	found = make_directory(builder, state, &made, err);
	if (found < 0 || layer_remember(builder, key, found ? &made : NULL, err) < 0)
		return -1;
	progress_done(&step);
	return layer_append(builder, state, found ? &made.diff_id : NULL, history, err);
}

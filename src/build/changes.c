/* SPDX-License-Identifier: Apache-2.0 */
/* --change of import and commit: instructions that only change a configuration. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "build/build.h"
#include "build/dockerfile.h"
#include "build/metadata.h"

static int apply_one(struct state *state, const char *text, struct error **err)
{
	cleanup_dockerfile struct dockerfile dockerfile = { .name = NULL };
	cleanup_free char *history = NULL;

	if (dockerfile_parse("--change", text, strlen(text), &dockerfile, err) < 0)
		return -1;
	if (dockerfile.count != 1)
		return error_new(err, ERROR_INVALID, "--change takes one instruction");
	if (!metadata_has(dockerfile.instructions[0].kind)) {
		error_new(err, ERROR_INVALID, "--change cannot be %s",
			instruction_name(dockerfile.instructions[0].kind));
		return error_hint(err,
			"CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, USER, VOLUME, "
			"WORKDIR and the like can be changed");
	}
	return metadata_apply(state, &dockerfile.instructions[0], &history, err);
}

int build_apply_changes(struct image_config *config, char *const *changes, struct error **err)
{
	cleanup_state struct state state = { .escape = '\\' };

	image_config_copy(config, &state.image);
	state.env = strv_copy(state.image.config.env);
	for (size_t i = 0; changes && changes[i]; i++)
		if (apply_one(&state, changes[i], err) < 0)
			return error_wrap(err, "'%.200s'", changes[i]);
	image_config_done(config);
	*config = state.image;
	state.image = (struct image_config){ .os = NULL };
	return 0;
}

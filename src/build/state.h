/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stage is so far: the image's configuration with its layers, and the variables that its
 * instructions see. Each step turns one state into the next; a cache key is made of nothing else
 * but a state and the step.
 */
#pragma once

#include <stdbool.h>

#include "base/sha256.h"
#include "oci/image.h"

struct error;

#define HISTORY_COMMENT "buildkit.dockerfile.v0" /* what tools know built images by */
#define VARIABLES_MAX 10000
#define ENVIRONMENT_MAX (8UL * 1024 * 1024) /* of all variables together */

struct state {
	struct image_config image;
	strv env; /* the image's ENV and the ARGs, the later of one name wins; RUN gets all of it */
	bool cmd_set; /* by this stage: then ENTRYPOINT keeps it */
	char escape; /* of the file whose instructions are applied */
};

/* An image with nothing in it. */
void state_init(struct state *state);
/* Takes over an image's configuration: what the next instructions build upon. */
void state_take_image(struct state *state, struct image_config *image);
/* A stage that begins where another ended. */
void state_copy(const struct state *from, struct state *ret);
void state_done(struct state *state);

/* One word, its variables and quotes expanded; the caller frees *ret. */
int state_expand(const struct state *state, const char *word, char **ret, struct error **err);
/* The same for each word of a list. */
int state_expand_list(const struct state *state, char *const *words, strv *ret, struct error **err);
/* Sets a variable that instructions see; the image's own environment is not touched. */
int state_set(struct state *state, const char *name, const char *value, struct error **err);
/* The working directory, "/" unless set. */
const char *state_workdir(const struct state *state);
/* A path of an instruction, absolute and clean, by the working directory; a final slash stays when
 * keep_slash. The caller frees. */
char *state_path(const struct state *state, const char *path, bool keep_slash);
/* The layers: what a root file system's content is known by. */
void state_key_layers(const struct state *state, struct sha256 *sha);
/* Appends a history entry without layer, or with the last one of image's layers. */
void state_add_history(
	struct state *state, const char *created, const char *created_by, bool has_layer);
/* The command line as an image or RUN has it: JSON as it is, else for the shell. */
void state_command(const struct state *state, char *const *args, bool json, strv *ret);

static inline void state_done_p_(struct state *state)
{
	state_done(state);
}
#define cleanup_state CLEANUP(state_done)

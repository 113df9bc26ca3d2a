/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image configuration (OCI image-spec 1.1 config.md with Docker's additional members) and
 * manifests. Both come from outside: every member is typed, and only these are ever used. What is
 * stored and digested are the bytes.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/strv.h"
#include "oci/digest.h"

struct error;

#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER "application/vnd.oci.image.layer.v1.tar"
#define OCI_LAYER_GZIP OCI_LAYER "+gzip"
#define OCI_LAYER_ZSTD OCI_LAYER "+zstd"
#define DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define DOCKER_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"
#define DOCKER_LAYER "application/vnd.docker.image.rootfs.diff.tar"
#define IMAGE_LAYERS_MAX 512

struct image_history {
	char *created, *created_by, *comment, *author;
	bool empty_layer;
};

/* The "config" member: defaults of containers. */
struct image_defaults {
	char *user, *working_dir, *stop_signal;
	strv env, entrypoint, cmd, shell, on_build; /* NULL: not set */
	strv exposed_ports, volumes; /* sets: "80/tcp", "/data" */
	strv labels; /* "key=value", keys unique */
	struct json_object *healthcheck; /* NULL, or Docker's Healthcheck object */
};

struct image_config {
	char *created, *author, *architecture, *variant, *os, *comment;
	struct image_defaults config;
	struct digest *diff_ids; /* bottom first */
	size_t layer_count;
	struct image_history *history;
	size_t history_count;
};

int image_config_parse(
	const char *text, size_t length, struct image_config *ret, struct error **err);
char *image_config_text(const struct image_config *config); /* JSON; the caller frees */
/* The config member alone, Docker-shaped, as inspect shows it. */
struct json_object *image_defaults_json(const struct image_defaults *defaults);
int image_defaults_parse(struct json_object *obj, struct image_defaults *ret, struct error **err);
void image_config_copy(const struct image_config *from, struct image_config *ret);
void image_config_done(struct image_config *config);
void image_defaults_done(struct image_defaults *defaults);
void image_defaults_copy(const struct image_defaults *from, struct image_defaults *ret);
void image_config_add_layer(struct image_config *config, const struct digest *diff_id);
/* Texts are copied; created NULL: none. */
void image_config_add_history(struct image_config *config, const struct image_history *entry);
/* linux/amd64/v1 of this machine. */
const char *platform_architecture(void);

struct descriptor {
	char *media_type;
	struct digest digest;
	int64_t size;
	char *architecture, *variant, *os; /* of an index entry; NULL otherwise */
};

struct manifest {
	char *media_type;
	bool is_index;
	struct descriptor config; /* of a manifest */
	struct descriptor *entries; /* layers bottom first, or an index's manifests */
	size_t entry_count;
};

int manifest_parse(const char *text, size_t length, struct manifest *ret, struct error **err);
char *manifest_text(const struct manifest *manifest); /* an OCI manifest; the caller frees */
void manifest_done(struct manifest *manifest);
/* Whether a layer may be of this type, and OCI's name of it: of Docker's types too. */
bool layer_type_is_known(const char *media_type);
const char *layer_type_oci(const char *media_type);
/* The index entry for linux on this machine, or NULL. */
const struct descriptor *manifest_select(const struct manifest *index, const char *architecture);

static inline void image_config_done_p_(struct image_config *config)
{
	image_config_done(config);
}
static inline void manifest_done_p_(struct manifest *manifest)
{
	manifest_done(manifest);
}
#define cleanup_image_config CLEANUP(image_config_done)
#define cleanup_manifest CLEANUP(manifest_done)

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "oci/spec_json.h"

#define SPEC_BYTES_MAX (16UL * 1024 * 1024)
static int parse_version(struct json_object *obj, struct spec *spec, struct error **err)
{
	if (spec_get_text(obj, "ociVersion", &spec->version, err) < 0)
		return -1;
	if (!spec->version)
		return spec_missing("ociVersion", err);
	if (strncmp(spec->version, "1.", 2) != 0)
		return error_new(
			err, ERROR_UNSUPPORTED, "ociVersion: \"%s\" is not 1.x", spec->version);
	return 0;
}

static int parse_overlay(struct json_object *own, struct spec *spec, struct error **err)
{
	struct json_object *overlay = NULL;
	int found = spec_get(own, "overlay", json_type_object, &overlay, err);

	if (found <= 0)
		return found;
	if (spec_get_list(overlay, "lower", &spec->overlay.lower, err) < 0 ||
		spec_get_text(overlay, "upper", &spec->overlay.upper, err) < 0 ||
		spec_get_text(overlay, "work", &spec->overlay.work, err) < 0)
		return spec_at(err, "overlay");
	if (!spec->overlay.upper != !spec->overlay.work) {
		spec_missing(spec->overlay.upper ? "work" : "upper", err);
		return spec_at(err, "overlay");
	}
	return 0;
}

static int parse_own(struct json_object *top, struct spec *spec, struct error **err)
{
	struct json_object *own = NULL;
	int found = spec_get(top, "vessel", json_type_object, &own, err);

	if (found <= 0)
		return found;
	if (parse_overlay(own, spec, err) < 0 || spec_get_text(own, "init", &spec->init, err) < 0 ||
		spec_get_text(own, "seccomp", &spec->seccomp, err) < 0)
		return spec_at(err, "vessel");
	/* "unconfined" is how a person writes that there is none. */
	if (spec->seccomp && strcmp(spec->seccomp, "unconfined") == 0)
		replace_string(&spec->seccomp, NULL);
	return 0;
}

/* After parse_own(): with layers there is no directory of the bundle. */
static int parse_root(struct json_object *obj, struct spec *spec, struct error **err)
{
	struct json_object *root = NULL;
	int found = spec_get(obj, "root", json_type_object, &root, err);

	if (found <= 0)
		return found;
	if (spec_get_text(root, "path", &spec->root_path, err) < 0 ||
		spec_get_bool(root, "readonly", &spec->root_readonly, err) < 0)
		return spec_at(err, "root");
	if (!spec->root_path && !spec->overlay.lower)
		return spec_missing("root.path", err);
	if (spec->root_path && spec->root_path[0] == '\0')
		return error_new(err, ERROR_INVALID, "root.path: is empty");
	return 0;
}

/* Members for other systems (windows, solaris, vm, ...) are none of ours, also when they are there.
 */
static int parse_spec(struct json_object *obj, struct spec *spec, struct error **err)
{
	struct json_object *process = NULL;

	if (parse_version(obj, spec, err) < 0 ||
		spec_get_text(obj, "hostname", &spec->hostname, err) < 0 ||
		spec_get_text(obj, "domainname", &spec->domainname, err) < 0 ||
		parse_own(obj, spec, err) < 0 || parse_root(obj, spec, err) < 0 ||
		spec_get(obj, "process", json_type_object, &process, err) < 0 ||
		spec_mounts_parse(obj, spec, err) < 0 || spec_linux_parse(obj, spec, err) < 0 ||
		spec_hooks_parse(obj, spec, err) < 0 ||
		spec_get_map(obj, "annotations", &spec->annotations, err) < 0)
		return -1;
	if (process && spec_process_parse(process, &spec->process, err) < 0)
		return spec_at(err, "process");
	return spec_check(spec, err);
}

int spec_parse(const char *text, size_t length, struct spec *ret, struct error **err)
{
	cleanup_json struct json_object *obj = NULL;
	cleanup_spec struct spec spec;

	spec_init(&spec);
	if (length > SPEC_BYTES_MAX)
		return error_new(
			err, ERROR_INVALID, "config.json is larger than %lu bytes", SPEC_BYTES_MAX);
	if (json_parse(text, length, "config.json", &obj, err) < 0)
		return -1;
	if (!json_object_is_type(obj, json_type_object))
		return error_new(err, ERROR_INVALID, "config.json is not an object");
	if (parse_spec(obj, &spec, err) < 0)
		return error_wrap(err, "config.json");
	*ret = spec;
	spec_init(&spec);
	return 0;
}

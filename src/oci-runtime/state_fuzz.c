/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.json of any content: it is root's own, but a full disk, a crash or another program may have
 * cut or changed it, and it is read before anything can be removed. What is taken can be printed.
 */
#include <stdint.h>

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "oci-runtime/state.h"
#include "oci-runtime/state_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_state struct state state = STATE_INIT;
	cleanup_error struct error *err = NULL;
	cleanup_json struct json_object *obj = NULL;
	cleanup_free char *printed = NULL;

	state.id = xstrdup("id");
	if (state_parse(text, strlen(text), &state, &err) < 0)
		return 0;
	obj = state_json(&state, STATUS_RUNNING);
	printed = json_pretty(obj);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates of arbitrary text over a value with every kind of member: whatever is written, the
 * interpreter ends, within its ceilings, and leaks nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct json_object *make_value(void)
{
	static const char text[] =
		"{\"S\":\"a\\u00e9<b>\",\"I\":-3,\"D\":1.5,\"B\":true,\"N\":null,"
		"\"L\":[\"x\",{\"S\":\"y\"},[1,2]],\"M\":{\"k\":\"v\",\"a.b\":\"\"},\"E\":[]}";
	cleanup_error struct error *err = NULL;
	struct json_object *value = NULL;

	if (json_parse(text, strlen(text), "value", &value, &err) < 0)
		abort();
	template_mark(json_object_object_get(value, "M"), TEMPLATE_MAP);
	template_mark(json_object_object_get(value, "E"), TEMPLATE_NIL);
	return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = NULL;
	cleanup_template struct template *template = NULL;
	cleanup_error struct error *err = NULL;
	cleanup_buf struct buf out = BUF_INIT(BUF_SMALL);
	cleanup_json struct json_object *value = NULL;

	if (size > 4096)
		return 0;
	text = xstrndup((const char *)data, size);
	if (template_parse(text, &template, &err) < 0)
		return 0;
	value = make_value();
	(void)template_uses(template, "S", true);
	(void)template_run(template, value, NULL, &out, &err);
	return 0;
}

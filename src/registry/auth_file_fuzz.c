/* SPDX-License-Identifier: Apache-2.0 */
/* What an entry of config.json says, and base64 there and back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "registry/auth_file.h"
#include "registry/base64.h"
#include "registry/credential.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void there_and_back(const uint8_t *data, size_t size)
{
	cleanup_free char *text = base64_encode(data, size), *bytes = NULL;

	if (base64_decode(text, &bytes) != (ssize_t)size || memcmp(bytes, data, size) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size), *bytes = NULL;
	cleanup_error struct error *err = NULL;
	cleanup_credential struct credential credential = { 0 };
	cleanup_auth_file struct auth_file file = { .path = xstrdup("f") };
	const char *program = NULL;

	there_and_back(data, size);
	(void)base64_decode(text, &bytes);
	if (json_parse(text, strlen(text), "it", &file.root, &err) < 0 ||
		!json_object_is_type(file.root, json_type_object))
		return 0;
	if (auth_file_program(&file, "r", &program, &err) == 0 &&
		auth_file_find(&file, "r", &credential, &err) > 0 &&
		(!credential.user || !credential.secret))
		abort();
	auth_file_put(&file, "r", &(const struct credential){ (char *)"a", (char *)"b", false });
	(void)auth_file_erase(&file, "r");
	if (auth_file_erase(&file, "r") > 0)
		abort();
	return 0;
}

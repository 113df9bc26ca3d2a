/* SPDX-License-Identifier: Apache-2.0 */
/* An archive's tables of contents come with it. What is written again must parse, and be the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "oci/archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_docker(const char *text, size_t size)
{
	cleanup_error struct error *err = NULL;
	cleanup_docker_table struct docker_table table = { 0 }, again = { 0 };
	cleanup_free char *written = NULL, *twice = NULL;

	if (docker_table_parse(text, size, &table, &err) < 0)
		return;
	written = docker_table_text(&table);
	if (docker_table_parse(written, strlen(written), &again, &err) < 0)
		abort();
	twice = docker_table_text(&again);
	if (strcmp(written, twice) != 0)
		abort();
}

static void try_layout(const char *text, size_t size)
{
	cleanup_error struct error *err = NULL;
	cleanup_layout_index struct layout_index index = { 0 }, again = { 0 };
	cleanup_free char *written = NULL;

	if (layout_index_parse(text, size, &index, &err) < 0)
		return;
	written = layout_index_text(&index);
	if (layout_index_parse(written, strlen(written), &again, &err) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_docker((const char *)data, size);
	try_layout((const char *)data, size);
	return 0;
}

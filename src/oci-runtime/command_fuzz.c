/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command line, one word a line: the first byte chooses the command. Whatever is written, it is
 * parsed or refused, within its words, and everything is freed.
 */
#include <stdint.h>

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "oci-runtime/command.h"

#define SIZE_MAX_LINE 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct command *const commands[] = { &oci_create, &oci_exec, &oci_kill,
		&oci_list, &oci_ps, &oci_run, &oci_update, &oci_start };
	cleanup_error struct error *err = NULL;
	cleanup_free char *text = NULL;
	cleanup_strv strv words = NULL;
	struct parsed parsed = { 0 };
	const struct command *command;

	if (size < 1 || size > SIZE_MAX_LINE)
		return 0;
	command = commands[data[0] % 8];
	text = xstrndup((const char *)data + 1, size - 1);
	words = strv_split(text, '\n');
	if (command_parse(command, words, &parsed, &err) < 0)
		return 0;
	command_parsed_done(command, &parsed);
	return 0;
}

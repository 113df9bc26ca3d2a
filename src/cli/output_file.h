/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a command's archive goes: -o FILE, or standard output. A file gets its name when it is
 * complete; until then it has none, and one that was there stays as it was.
 */
#pragma once

struct error;

struct output_file {
	int fd; /* write to this */
	char *path; /* NULL: standard output */
	char *temp; /* a name it has meanwhile, where the file system knows no files without one */
};

/* path NULL or "": standard output, which must not be a terminal. */
int output_file_open(const char *path, struct output_file *ret, struct error **err);
int output_file_finish(struct output_file *file, struct error **err);
/* What is not finished goes. */
void output_file_close(struct output_file *file);

static inline void output_file_close_p_(struct output_file *file)
{
	output_file_close(file);
}
#define cleanup_output_file CLEANUP(output_file_close)

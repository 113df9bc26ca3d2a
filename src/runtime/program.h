/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the program to run, and saying why it does not run. The process is in its root and has
 * its user already: it sees what the program would see. Messages are Docker's where Docker has one,
 * because people search for them.
 */
#pragma once

struct error;

/*
 * The path of args[0]: itself when it has a slash, else found in PATH of env. ERROR_NO_PROGRAM when
 * there is none, ERROR_NOT_EXECUTABLE when it cannot be run. The caller frees it.
 */
char *program_find(const char *name, char *const *env, struct error **err);
/* After execve() of path failed with errno: the reason, and what to do; always -1. */
int program_explain(const char *path, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/* A line asked of the person at the terminal. */
#pragma once

#include <stdbool.h>

struct error;

/* Prints text on stderr and reads a line of stdin, without its end; hidden: without showing what is
 * typed, and with the terminal as it was after every way out. The caller frees (and wipes). */
char *prompt_line(const char *text, bool hidden, struct error **err);

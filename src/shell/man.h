/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of a manual page in man(7)'s macros, on stdout. */
#pragma once

/* A '-' is to be the one that people type, and no line may begin with a request. */
void man_put(const char *text);
/* letter 0: none; arg NULL or "": a switch. */
void man_put_flag(char letter, const char *name, const char *arg, const char *help);

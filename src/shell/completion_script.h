/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion scripts. They know nothing of a program's commands: they hand the words to its hidden
 * `__complete --`, which answers from the tables that parse them, one candidate a line with its
 * description behind a tab, and at last ":files" or ":none": what the shell shall offer besides.
 */
#pragma once

/* shell: bash, zsh or fish; NULL for another. The caller frees. */
char *completion_script(const char *shell, const char *program);

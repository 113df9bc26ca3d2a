/* SPDX-License-Identifier: Apache-2.0 */
/* Which heredocs a line announces: "RUN <<EOF", "COPY <<-'a' <<b /to/". */
#pragma once

#include "build/instruction.h"

struct error;

#define HEREDOCS_MAX 64 /* of one instruction */

/* Appends them to the instruction, without content yet. */
int heredocs_find(struct instruction *instruction, struct error **err);
/* Is this one word of the form "<<name"? 1 with the name as *ret_name, 0 not, -1 broken quotes. */
int heredoc_word(const char *word, struct heredoc *ret, struct error **err);
/* The content as it is to be used, leading tabs taken away where asked for; the caller frees. */
char *heredoc_content(const struct heredoc *heredoc);
/* The heredoc of this instruction that a word such as "<<EOF" names, or NULL. */
const struct heredoc *heredoc_of(const struct instruction *instruction, const char *word);

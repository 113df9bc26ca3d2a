/* SPDX-License-Identifier: Apache-2.0 */
/* state.json as text; inside of state.h. */
#pragma once

#include <stddef.h>

struct error;
struct state;

/* Of state.json's text; what it would not have written is an error. */
int state_parse(const char *text, size_t length, struct state *state, struct error **err);
/* 1 read, 0 when there is none yet: nothing but the directory was made. */
int state_read(struct state *state, struct error **err);
/* What state_read() has set. */
void state_forget(struct state *state);

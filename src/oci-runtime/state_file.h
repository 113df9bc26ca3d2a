/* SPDX-License-Identifier: Apache-2.0 */
/* state.json as text; inside of state.h. */
#pragma once

struct error;
struct state;

/* 1 read, 0 when there is none yet: nothing but the directory was made. */
int state_read(struct state *state, struct error **err);
/* What state_read() has set. */
void state_forget(struct state *state);

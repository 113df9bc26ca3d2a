/* SPDX-License-Identifier: Apache-2.0 */
/* The user's terminal: raw mode that is taken back on every way out, and its size. */
#pragma once

#include <stdint.h>

struct error;

/* Until terminal_restore(); also taken back when we crash. */
int terminal_raw(int fd, struct error **err);
/* Idempotent. */
void terminal_restore(void);
/* 1, or 0 when fd is no terminal or has no size. */
int terminal_size(int fd, uint16_t *ret_rows, uint16_t *ret_columns);

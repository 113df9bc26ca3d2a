/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one error type.
 *
 * The int a function returns says whether it failed; the error says why. A
 * failing call fills *err exactly once, at the failing system call or check;
 * each caller that knows more about what the user wanted wraps it and returns.
 * Only main(), the API dispatcher and the monitor print errors.
 */
#pragma once

#include "base/cleanup.h"

enum error_kind { /* api/ maps a kind to an HTTP status, cli/ to an exit code */
	ERROR_INTERNAL = 0,
	ERROR_INVALID,
	ERROR_NOT_FOUND,
	ERROR_CONFLICT,
	ERROR_DENIED,
	ERROR_UNSUPPORTED,
	ERROR_UNAVAILABLE,
	ERROR_NO_PROGRAM, /* the command to run is not in the container: exit 127 */
	ERROR_NOT_EXECUTABLE, /* it is, and cannot be run: exit 126 */
	ERROR_KIND_MAX_, /* keep last: sizes those tables */
};

struct error;

/*
 * err is never NULL; *err is NULL on the way in. All of these return -1, always,
 * so that `return error_...()` can never read as success.
 *
 * errno is a fact, a kind is a meaning: error_sys() records ERROR_INTERNAL, and
 * the layer that knows what ENOENT means to the user calls error_as().
 */
int error_sys(struct error **err, const char *fmt, ...) PRINTF_LIKE(2, 3);
int error_new(struct error **err, enum error_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);
int error_wrap(struct error **err, const char *fmt, ...) PRINTF_LIKE(2, 3);
int error_as(struct error **err, enum error_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);
int error_hint(struct error **err, const char *fmt, ...) PRINTF_LIKE(2, 3);

int error_errno(const struct error *err); /* 0 when no system call was involved */
enum error_kind error_kind(const struct error *err);
const char *error_message(const struct error *err); /* "outer: inner: strerror" */
const char *error_hint_text(const struct error *err); /* NULL when there is none */
void error_free(struct error *err);

/*
 * An error between processes: kind, errno, message and hint as one text of at
 * most ERROR_WIRE_MAX bytes (longer ones are cut). A child between clone and exec
 * writes it to a pipe; its parent makes the same error again.
 */
#define ERROR_WIRE_MAX 4096

/* Fills buf and returns the length. */
size_t error_pack(const struct error *err, char buf[static ERROR_WIRE_MAX]);
/* Makes *err from such bytes, which may come from a less trusted process; always -1. */
int error_unpack(struct error **err, const char *buf, size_t length);

DEFINE_CLEANUP(struct error *, error_free)
#define cleanup_error CLEANUP(error_free)

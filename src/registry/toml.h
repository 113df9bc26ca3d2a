/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOML, as far as the container tools' configuration files go: tables, arrays of tables, bare,
 * quoted and dotted keys, strings on one line, true and false, arrays of strings. Numbers and dates
 * are passed over. What else TOML has (inline tables, strings of several lines) is an error that
 * says so: a setting that is silently not understood could be the one that forbids something.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/strv.h"

struct error;

#define TOML_LIST_MAX 1024

enum toml_kind {
	TOML_END,
	TOML_TABLE, /* [key] */
	TOML_TABLE_ARRAY, /* [[key]] */
	TOML_TEXT,
	TOML_BOOL,
	TOML_LIST, /* of strings */
	TOML_OTHER, /* a number or a date */
};

struct toml_entry {
	enum toml_kind kind;
	char *key; /* parts joined by '.' */
	char *text;
	bool flag;
	strv list;
};

struct toml_reader {
	const char *name; /* of the file, for errors */
	const char *at;
	int line;
};

/* text is NUL-terminated and borrowed. */
void toml_begin(struct toml_reader *reader, const char *name, const char *text);
/* Reads the next entry; kind TOML_END after the last one. Errors name file and line. */
int toml_next(struct toml_reader *reader, struct toml_entry *ret, struct error **err);
void toml_entry_done(struct toml_entry *entry);

static inline void toml_entry_done_p_(struct toml_entry *entry)
{
	toml_entry_done(entry);
}
#define cleanup_toml_entry CLEANUP(toml_entry_done)

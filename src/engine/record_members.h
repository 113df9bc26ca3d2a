/* SPDX-License-Identifier: Apache-2.0 */
/* The table of config.json's members: where each is in the JSON and in struct record. */
#pragma once

#include "engine/record.h"

enum record_member_type {
	MEMBER_TEXT,
	MEMBER_BOOL,
	MEMBER_INT, /* SPEC_UNSET: absent */
	MEMBER_LIMIT, /* SPEC_UNSET: 0, as Docker writes "no limit" */
	MEMBER_LIST,
	MEMBER_MAP, /* "k=v" entries as an object of strings */
	MEMBER_SET, /* entries as keys of empty objects */
	MEMBER_ULIMITS, /* "name=soft:hard" */
	MEMBER_DEVICES, /* "host:container:rwm" */
	MEMBER_THROTTLES, /* "path:rate" */
};

struct record_member {
	const char *group, *key; /* group NULL: at the top */
	enum record_member_type type;
	size_t offset;
};

extern const struct record_member record_members[];
extern const size_t record_member_count;

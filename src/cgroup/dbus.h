/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of D-Bus as asking systemd for a scope takes: method calls over its private socket, on
 * which no bus daemon sits. Values are marshalled by hand (D-Bus Specification, "Marshaling"), in
 * the order of the signature given; what is read back is one reply, bounded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct error;

#define DBUS_MESSAGE_MAX (256UL * 1024)

/* Connected and authenticated as our user. */
int dbus_connect(const char *socket_path, struct error **err);

void dbus_put_u32(struct buf *body, uint32_t value);
void dbus_put_u64(struct buf *body, uint64_t value);
void dbus_put_bool(struct buf *body, bool value);
void dbus_put_string(struct buf *body, const char *text);
void dbus_put_signature(struct buf *body, const char *signature);
/* Returns what dbus_array_end() takes; align is the elements': 4, or 8 for structs. */
size_t dbus_array_begin(struct buf *body, size_t align);
void dbus_array_end(struct buf *body, size_t start, size_t align);
void dbus_struct_begin(struct buf *body);

struct dbus_call {
	const char *destination, *path, *interface, *member, *signature;
};
/* Sends and waits for the answer; one that is an error is ours, with its text. */
int dbus_call(int fd, const struct dbus_call *call, const struct buf *body, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup/dbus.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/file.h"
#include "base/id.h"

#define TIMEOUT_S 10
#define PREAMBLE 16 /* fixed part of a message: up to the length of the header fields */

enum { METHOD_CALL = 1, METHOD_RETURN = 2, METHOD_ERROR = 3 };
enum {
	FIELD_PATH = 1,
	FIELD_INTERFACE = 2,
	FIELD_MEMBER = 3,
	FIELD_DESTINATION = 6,
	FIELD_SIGNATURE = 8
};

static void align_to(struct buf *buf, size_t align)
{
	while (buf->length % align && !buf->failed)
		buf_putc(buf, '\0');
}

void dbus_put_u32(struct buf *body, uint32_t value)
{
	align_to(body, sizeof(value));
	buf_append(body, &value, sizeof(value));
}

void dbus_put_u64(struct buf *body, uint64_t value)
{
	align_to(body, sizeof(value));
	buf_append(body, &value, sizeof(value));
}

void dbus_put_bool(struct buf *body, bool value)
{
	dbus_put_u32(body, value);
}

void dbus_put_string(struct buf *body, const char *text)
{
	dbus_put_u32(body, (uint32_t)strlen(text));
	buf_append(body, text, strlen(text) + 1);
}

void dbus_put_signature(struct buf *body, const char *signature)
{
	buf_putc(body, (char)strlen(signature));
	buf_append(body, signature, strlen(signature) + 1);
}

size_t dbus_array_begin(struct buf *body, size_t align)
{
	size_t start;

	dbus_put_u32(body, 0); /* the length, once it is known */
	start = body->length;
	align_to(body, align);
	return start;
}

void dbus_array_end(struct buf *body, size_t start, size_t align)
{
	uint32_t length = (uint32_t)(body->length - (start + align - 1) / align * align);

	if (!body->failed)
		memcpy(body->data + start - sizeof(length), &length, sizeof(length));
}

void dbus_struct_begin(struct buf *body)
{
	align_to(body, 8);
}

static void put_field(struct buf *buf, int code, const char *type, const char *value)
{
	if (!value)
		return;
	dbus_struct_begin(buf);
	buf_putc(buf, (char)code);
	dbus_put_signature(buf, type);
	if (*type == 'g')
		dbus_put_signature(buf, value);
	else
		dbus_put_string(buf, value);
}

static int read_all(int fd, void *data, size_t length, struct error **err)
{
	char *at = data;

	while (length > 0) {
		ssize_t n = TEMP_FAILURE_RETRY(recv(fd, at, length, 0));

		if (n < 0)
			return error_sys(err, "read systemd's answer");
		if (n == 0)
			return error_new(err, ERROR_UNAVAILABLE, "systemd closed the connection");
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

/*
 * "\0AUTH EXTERNAL <hex of the uid's digits>" is answered "OK <guid>" or "REJECTED ...". BEGIN is
 * sent along: when systemd reads it together with the first message, the message lies there until
 * something else arrives (seen with 252).
 */
static int authenticate(int fd, struct error **err)
{
	char uid[16], hex[2 * sizeof(uid) + 1], text[96], answer[256];
	size_t length = 0;

	(void)snprintf(uid, sizeof(uid), "%u", (unsigned int)geteuid());
	hex_encode(uid, strlen(uid), hex);
	(void)snprintf(text, sizeof(text), "%cAUTH EXTERNAL %s\r\nBEGIN\r\n", '\0', hex);
	if (file_write_all(fd, text, 1 + strlen(text + 1), "systemd's socket", err) < 0)
		return -1;
	do {
		if (read_all(fd, answer + length, 1, err) < 0)
			return -1;
	} while (answer[length++] != '\n' && length < sizeof(answer) - 1);
	if (strncmp(answer, "OK ", 3) != 0)
		return error_new(err, ERROR_DENIED, "systemd refuses user %s", uid);
	return 0;
}

int dbus_connect(const char *socket_path, struct error **err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return error_sys(err, "socket");
	if (strlen(socket_path) >= sizeof(address.sun_path))
		return error_new(err, ERROR_INVALID, "socket path '%s' is too long", socket_path);
	memcpy(address.sun_path, socket_path, strlen(socket_path));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return error_sys(err, "connect to %s", socket_path);
	if (authenticate(fd, err) < 0)
		return error_wrap(err, "%s", socket_path);
	return take_fd(&fd);
}

static int send_call(
	int fd, const struct dbus_call *call, const struct buf *body, struct error **err)
{
	cleanup_buf struct buf message = BUF_INIT(DBUS_MESSAGE_MAX);
	const char little_endian_call[] = { 'l', METHOD_CALL, 0, 1 };
	size_t fields;

	buf_append(&message, little_endian_call, sizeof(little_endian_call));
	dbus_put_u32(&message, (uint32_t)body->length);
	dbus_put_u32(&message, 1); /* serial: there is one call at a time */
	fields = dbus_array_begin(&message, 8);
	put_field(&message, FIELD_PATH, "o", call->path);
	put_field(&message, FIELD_DESTINATION, "s", call->destination);
	put_field(&message, FIELD_INTERFACE, "s", call->interface);
	put_field(&message, FIELD_MEMBER, "s", call->member);
	put_field(&message, FIELD_SIGNATURE, "g", call->signature);
	dbus_array_end(&message, fields, 8);
	align_to(&message, 8);
	buf_append(&message, body->data, body->length);
	if (buf_check(body, "a message to systemd", err) < 0 ||
		buf_check(&message, "a message to systemd", err) < 0)
		return -1;
	return file_write_all(fd, message.data, message.length, "systemd's socket", err);
}

/* Reads one message; *ret_type is its kind and ret its body. */
static int read_message(int fd, int *ret_type, struct buf *ret, struct error **err)
{
	unsigned char head[PREAMBLE];
	uint32_t body_length, fields_length;
	size_t skip;
	char *room;

	if (read_all(fd, head, sizeof(head), err) < 0)
		return -1;
	memcpy(&body_length, head + 4, sizeof(body_length));
	memcpy(&fields_length, head + 12, sizeof(fields_length));
	if (head[0] != 'l' || body_length > DBUS_MESSAGE_MAX / 2 ||
		fields_length > DBUS_MESSAGE_MAX / 2 - 8)
		return error_new(err, ERROR_UNAVAILABLE, "systemd's answer makes no sense");
	skip = (fields_length + 7UL) / 8 * 8;
	buf_clear(ret);
	room = buf_reserve(ret, skip + body_length + 1);
	if (!room)
		return buf_check(ret, "systemd's answer", err);
	if (read_all(fd, room, skip, err) < 0 || read_all(fd, room, body_length, err) < 0)
		return -1;
	ret->length = body_length;
	ret->data[body_length] = '\0';
	*ret_type = head[1];
	return 0;
}

int dbus_call(int fd, const struct dbus_call *call, const struct buf *body, struct error **err)
{
	cleanup_buf struct buf answer = BUF_INIT(DBUS_MESSAGE_MAX);
	int type = 0;

	if (send_call(fd, call, body, err) < 0)
		return -1;
	/* Signals and the like may come first. */
	while (type != METHOD_RETURN && type != METHOD_ERROR)
		if (read_message(fd, &type, &answer, err) < 0)
			return -1;
	if (type == METHOD_RETURN)
		return 0;
	/* An error's body begins with its text: length, bytes, NUL. */
	return error_new(err, ERROR_UNAVAILABLE, "systemd: %s: %s", call->member,
		answer.length > 4 ? answer.data + 4 : "failed without a word");
}

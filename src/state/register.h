/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The register of containers, RUN/register.db, on tmpfs: names, addresses, ports. It decides
 * uniqueness between processes, in one short transaction each, without a disk in the way; it says
 * nothing about who is alive (that is asked of the kernel). After a reboot it is empty and is made
 * again from containers/<id>/config.json.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/id.h"

struct error;
struct register_db;

/* run_fd must stay open. *ret_fresh: the register was just made, and must be filled (register_fill,
 * with no rows too): it stays fresh until that was done. */
int register_open(int run_fd, struct register_db **ret, bool *ret_fresh, struct error **err);
void register_close(struct register_db *db);

struct container_row {
	char id[ID_MAX];
	char *name;
	char *image; /* as the user wrote it */
	char *image_id; /* "sha256:…" */
	char *command; /* for ps: program and arguments */
	int64_t created_ns;
	bool auto_remove;
	char *labels; /* "k=v" lines */
	char *ports; /* "proto hostip hostport containerport" lines, of published ports */
};
void container_row_done(struct container_row *row);

/* ERROR_CONFLICT, with the id that has it, when the name is taken. */
int register_add(struct register_db *db, const struct container_row *row, struct error **err);
/* Many in one transaction, keeping rows that are there: after a reboot. It is not fresh any more.
 */
int register_fill(
	struct register_db *db, const struct container_row *rows, size_t count, struct error **err);
/* By full id, else name, else unique id prefix. 1, 0, or ERROR_INVALID when ambiguous. */
int register_find(
	struct register_db *db, const char *name, struct container_row *ret, struct error **err);
/*
 * The id behind a name, without the register. Only a container that runs is surely the right one:
 * for others, and for false, ask register_find().
 */
bool register_link_read(int run_fd, const char *name, char ret_id[static ID_MAX]);
/* Newest first. What each() returns other than 0 ends it and is returned. */
int register_each(struct register_db *db, int (*each)(const struct container_row *row, void *arg),
	void *arg, struct error **err);
/* Also gives back its addresses and ports. 1 deleted, 0 there was none. */
int register_remove(struct register_db *db, const char *id, struct error **err);
int register_set_name(struct register_db *db, const char *id, const char *name, struct error **err);
int register_set_ports(
	struct register_db *db, const char *id, const char *ports, struct error **err);
/* How many containers were made from this image ("sha256:…"); *ret_id gets one of them. */
int register_image_users(struct register_db *db, const char *image_id, char ret_id[static ID_MAX],
	struct error **err);

/*
 * Lowest free address of the subnet, or the wanted one when it is not zero; the gateway and both
 * ends are never given. A container has one: what it has already is kept when it fits, else given
 * back.
 */
int register_take_address(struct register_db *db, const char *id, struct in_addr gateway,
	uint8_t prefix, struct in_addr wanted, struct in_addr *ret, struct error **err);
/* 1 when the container has one. */
int register_address_of(
	struct register_db *db, const char *id, struct in_addr *ret, struct error **err);
int register_release_address(struct register_db *db, const char *id, struct error **err);

/* Small settings, such as the bridge's subnet: 1 found (the caller frees *ret), 0 not. */
int register_get(struct register_db *db, const char *key, char **ret, struct error **err);
/* Sets it unless another process has; *ret is what holds now (the caller frees). */
int register_agree(
	struct register_db *db, const char *key, const char *value, char **ret, struct error **err);

DEFINE_CLEANUP(struct register_db *, register_close)
#define cleanup_register CLEANUP(register_close)
static inline void container_row_done_p_(struct container_row *row)
{
	container_row_done(row);
}
#define cleanup_container_row CLEANUP(container_row_done)

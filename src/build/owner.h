/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --chown, and USER for WORKDIR: "user", "user:group", ":group", names or numbers. Names are looked
 * up in the image's own /etc/passwd and /etc/group, read as text: no name service of this machine
 * is asked. A name alone brings its group along; a number alone is the group's number too.
 */
#pragma once

#include <sys/types.h>

struct error;

struct owner {
	uid_t uid;
	gid_t gid;
};

int owner_parse(const char *text, int root_fd, struct owner *ret, struct error **err);

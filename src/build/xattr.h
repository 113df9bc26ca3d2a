/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The extended attributes that are part of a file as an image has it: user.*, capabilities, ACLs.
 * Others are the machine's (security.selinux) or the overlay's own (trusted.*).
 */
#pragma once

#include "base/sha256.h"

struct error;

int xattr_digest(int fd, struct sha256 *sha, struct error **err);
int xattr_copy(int from_fd, int to_fd, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes that belong to files and travel in layers. Others are the machine's: labels
 * of its security modules, and overlay's own, by which an archive could make a directory show what
 * is elsewhere in the store (trusted.overlay.redirect, metacopy, opaque and their user.* twins).
 */
#pragma once

#include <stdbool.h>

#include "store/tar.h"

struct error;

bool xattr_travels(const char *name);
/* Those of an open file that travel, sorted by name. */
int xattrs_read(int fd, struct tar_xattrs *ret, struct error **err);
/* Sets those that travel. */
int xattrs_apply(int fd, const struct tar_xattrs *xattrs, struct error **err);

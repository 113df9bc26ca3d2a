/* SPDX-License-Identifier: Apache-2.0 */
/* What a tmpfs covers, copied into it (mount option tmpcopyup). */
#pragma once

struct error;

#define COPY_UP_DEPTH_MAX 64

/* Directories, regular files and symlinks with owner and mode; other types are passed over. */
int copy_up_tree(int from_fd, int to_fd, struct error **err);

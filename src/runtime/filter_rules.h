/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of filter_compile(): the part that uses libseccomp. */
#pragma once

#include <stdbool.h>

struct error;
struct spec_seccomp;

/* Of libseccomp, as "2.5.4". */
const char *filter_library(char buf[static 32]);
/* Writes the profile to fd as struct sock_filter[]. strict: a system call that is not known is an
 * error and not left out. */
int filter_emit(const struct spec_seccomp *seccomp, bool strict, int fd, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System call filters. The default profile for the default capabilities is compiled while vessel is
 * built; for other capability sets it is compiled here (libseccomp, some milliseconds) by the
 * engine, and loaded from a file.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct error;
struct filter;

#define SECCOMP_DEFAULT "default"

/* The default capability set of containers. */
#define CAPABILITIES_DEFAULT UINT64_C(0x00000000a80425fb)

/* Compiles the default profile for these capabilities into fd, as struct sock_filter[]. */
int seccomp_compile(uint64_t capabilities, int fd, struct error **err);
/* Loads a filter (taken before pivoting) for this process, with its flags; needs no_new_privs or
 * CAP_SYS_ADMIN. Returns the fd of its listener when it has one, else 0. */
int seccomp_filter_attach(const struct filter *filter, struct error **err);
extern const unsigned char seccomp_default_filter[];
extern const size_t seccomp_default_filter_bytes;

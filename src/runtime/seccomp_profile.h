/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default profile as tables: which system calls a container may make, and which of them ask for
 * a capability that gives the right to them anyway.
 *
 * Three answers: allowed; denied with EPERM, for what exists and is not for containers; ENOSYS for
 * everything else, so that a C library that tries a call newer than these tables falls back to an
 * older one instead of failing.
 */
#pragma once

#include <stdint.h>

struct seccomp_group {
	uint64_t capabilities; /* any of these gives the calls; 0: always allowed */
	const char *const *names;
};

extern const struct seccomp_group seccomp_groups[]; /* ends with names NULL */
extern const char *const seccomp_denied[]; /* never allowed: EPERM; ends with NULL */
extern const uint32_t seccomp_personalities[];
extern const unsigned int seccomp_personality_count;

/* System calls newer than libseccomp 2.5, which have one number on all machines. */
struct seccomp_number {
	const char *name;
	int number;
};
extern const struct seccomp_number seccomp_new_numbers[]; /* ends with name NULL */
/* i386 has these also as calls of their own since Linux 4.3 and 5.1; libseccomp only tells
 * socketcall and ipc. */
extern const struct seccomp_number seccomp_i386_numbers[];

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For programs that are started by anyone and whose processes a container can see: a process of the
 * container reaches our executable by /proc/PID/exe, or by being told to run /proc/self/exe, and
 * would write into it (CVE-2019-5736). So such a program runs itself again from a read-only clone
 * of its mount, or, without the right to make one, from a sealed copy in memory.
 */
#pragma once

struct error;

/* Does not return when the program has to be run again; 0 when it is protected already. */
int own_exe_protect(char **argv, struct error **err);

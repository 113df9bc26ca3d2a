/* SPDX-License-Identifier: Apache-2.0 */
/* The limits that run, create and update take, once. */
#pragma once

#include "cli/command.h"
#include "oci/spec.h"

struct limit_opts { /* SPEC_UNSET or NULL: not given */
	int64_t memory, memory_swap, memory_reservation, nano_cpus;
	int64_t cpu_shares, cpu_period, cpu_quota, pids_limit, blkio_weight;
	const char *cpuset_cpus, *cpuset_mems;
};

#define LIMIT_OPTS_INIT \
	{ \
		.memory = SPEC_UNSET, .memory_swap = SPEC_UNSET, .memory_reservation = SPEC_UNSET, \
		.cpu_shares = SPEC_UNSET, .cpu_period = SPEC_UNSET, .cpu_quota = SPEC_UNSET, \
		.pids_limit = SPEC_UNSET, .blkio_weight = SPEC_UNSET, \
	}

/* clang-format off */
/* Rows of a flag table; opts is the command's struct, with a member struct limit_opts limits. */
#define LIMIT_FLAGS(opts) \
	{ 0, "blkio-weight", "uint16", "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)", \
		CLI_INT, CLI_AT(opts, limits.blkio_weight, int64_t), false }, \
	{ 0, "cpu-period", "int", "Limit CPU CFS (Completely Fair Scheduler) period", \
		CLI_INT, CLI_AT(opts, limits.cpu_period, int64_t), false }, \
	{ 0, "cpu-quota", "int", "Limit CPU CFS (Completely Fair Scheduler) quota", \
		CLI_INT, CLI_AT(opts, limits.cpu_quota, int64_t), false }, \
	{ 'c', "cpu-shares", "int", "CPU shares (relative weight)", \
		CLI_INT, CLI_AT(opts, limits.cpu_shares, int64_t), false }, \
	{ 0, "cpus", "decimal", "Number of CPUs", \
		CLI_CPUS, CLI_AT(opts, limits.nano_cpus, int64_t), false }, \
	{ 0, "cpuset-cpus", "string", "CPUs in which to allow execution (0-3, 0,1)", \
		CLI_STRING, CLI_AT(opts, limits.cpuset_cpus, const char *), false }, \
	{ 0, "cpuset-mems", "string", "MEMs in which to allow execution (0-3, 0,1)", \
		CLI_STRING, CLI_AT(opts, limits.cpuset_mems, const char *), false }, \
	{ 'm', "memory", "bytes", "Memory limit", \
		CLI_SIZE, CLI_AT(opts, limits.memory, int64_t), false }, \
	{ 0, "memory-reservation", "bytes", "Memory soft limit", \
		CLI_SIZE, CLI_AT(opts, limits.memory_reservation, int64_t), false }, \
	{ 0, "memory-swap", "bytes", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap", \
		CLI_SWAP, CLI_AT(opts, limits.memory_swap, int64_t), false }, \
	{ 0, "pids-limit", "int", "Tune container pids limit (set -1 for unlimited)", \
		CLI_INT, CLI_AT(opts, limits.pids_limit, int64_t), false }
/* clang-format on */

/* Fills *ret, whose texts stay opts'. Zero means "not given", as docker has it. */
void limit_opts_resolve(const struct limit_opts *opts, struct spec_resources *ret);

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/limit_flags.h"

static int64_t given(int64_t value)
{
	return value == 0 ? SPEC_UNSET : value;
}

void limit_opts_resolve(const struct limit_opts *opts, struct spec_resources *ret)
{
	spec_resources_init(ret);
	ret->memory_limit = given(opts->memory);
	ret->memory_swap = given(opts->memory_swap);
	ret->memory_reservation = given(opts->memory_reservation);
	ret->cpu_shares = given(opts->cpu_shares);
	ret->cpu_period = given(opts->cpu_period);
	ret->cpu_quota = given(opts->cpu_quota);
	ret->pids_limit = given(opts->pids_limit);
	ret->blkio_weight = given(opts->blkio_weight);
	ret->cpuset_cpus = (char *)opts->cpuset_cpus;
	ret->cpuset_mems = (char *)opts->cpuset_mems;
}

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In the guest: the unit tests of cgroups, which here find the mode they were booted with.
# shellcheck source=tests/vm/tap
. /vm/tap

for test in /vm/tests/*; do
	case $test in
	*systemd_test) continue ;; # systemd.sh
	esac
	check "$(basename "$test") on cgroup $VM_CGROUP" "$test"
	# A skipped test is named: it must be for a reason that this guest has.
	printf '%s\n' "$tap_output" | sed -n 's/^\[ *SKIPPED *\] \(.*\)/# skipped: \1/p' | sort -u
done
tap_end

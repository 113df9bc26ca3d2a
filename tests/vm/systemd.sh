#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In a guest with systemd (run --init systemd): the tests of the systemd cgroup driver.
# shellcheck source=tests/vm/tap
. /vm/tap

for test in /vm/tests/*cgroup_systemd_test; do
	check "$(basename "$test") on cgroup $VM_CGROUP" "$test"
	printf '%s\n' "$tap_output" | grep -E 'SKIPPED|attached in' | sed 's/^/# /'
	# Here all of it must run: what was skipped was not tested.
	skipped=$(printf '%s\n' "$tap_output" | grep -c 'SKIPPED')
	check_equal "nothing was skipped" 0 "$skipped"
done
check_equal "no scope is left" "" "$(systemctl list-units --all --no-legend 'vesseltest*' 2>&1)"
tap_end

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
# The command line takes this driver by itself where systemd runs.
engine() {
	check "import" vessel import /vm/image.tar busybox
	check "run" vessel run --rm --network none busybox true
	vessel run -d --network none --name here -m 32m --pids-limit 50 busybox sleep 1000 >/dev/null
	id=$(vessel inspect --format '{{.Id}}' here)
	[ -n "$id" ] || { tap_not_ok "no container"; return; }
	pid=$(vessel inspect --format '{{.State.Pid}}' here)
	scope=system.slice/vessel-$id.scope
	check_equal "it is in its scope in each hierarchy" 0 \
		"$(grep -v hugetlb "/proc/$pid/cgroup" | grep -vc "/$scope\$")"
	case $VM_CGROUP in
	v2) file=/sys/fs/cgroup/$scope/memory.max ;;
	*) file=/sys/fs/cgroup/memory/$scope/memory.limit_in_bytes ;;
	esac
	check_equal "-m is in the kernel's file" 33554432 "$(cat "$file")"
	systemctl daemon-reload
	check_equal "and outlives a reload" 33554432 "$(cat "$file")"
	check "update" vessel update -m 64m --memory-swap 64m here
	systemctl daemon-reload
	check_equal "as an update does" 67108864 "$(cat "$file")"
	check_equal "exec is in the scope as well" 0 \
		"$(vessel exec here sh -c 'cat /proc/self/cgroup' | grep -v hugetlb | grep -vc ':/$')"
	check "rm -f" vessel rm -f here
	check_equal "no directory is left" "" "$(find /sys/fs/cgroup -name "*$id*" 2>/dev/null)"
	vessel run --network none --name eater -m 16m --memory-swap 16m --shm-size 256m busybox \
		dd if=/dev/zero of=/dev/shm/x bs=1M count=64 >/dev/null 2>&1
	check_equal "out of memory: inspect says so" "true 137" \
		"$(vessel inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}}' eater)"
	vessel rm -f eater >/dev/null
}

if command -v vessel >/dev/null; then
	engine
else
	tap_skip "vessel with the systemd driver" "vessel is not built"
fi
check_equal "no scope of a container is left" "" \
	"$(systemctl list-units --all --no-legend 'vessel-*.scope' 2>&1)"
check_equal "no scope is left" "" "$(systemctl list-units --all --no-legend 'vesseltest*' 2>&1)"
tap_end

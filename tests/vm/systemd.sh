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

# With the runtime's own command line, and limits that systemd must not take back. (Its /run is mounted without devices.)
runtime_bundle() {
	mkdir -p /var/lib/oci/bundle /var/lib/oci/rootfs/proc /var/lib/oci/rootfs/dev
	tar -C /var/lib/oci/rootfs -xf /vm/image.tar
	deny='{ "allow": false, "access": "rwm" }'
	read_only="{ \"allow\": true, \"type\": \"b\", \"major\": ${disk%:*}, \"minor\": ${disk#*:}, \"access\": \"rm\" }"
	cat >/var/lib/oci/bundle/config.json <<-END
		{ "ociVersion": "1.2.0", "root": { "path": "/var/lib/oci/rootfs" },
		  "process": { "cwd": "/", "args": ["/bin/sleep", "1000"], "env": ["PATH=/bin"],
		    "user": { "uid": 0, "gid": 0 },
		    "capabilities": { "bounding": ["CAP_MKNOD"], "effective": ["CAP_MKNOD"], "permitted": ["CAP_MKNOD"] } },
		  "mounts": [ { "destination": "/proc", "type": "proc", "source": "proc" },
		    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" } ],
		  "linux": { "cgroupsPath": "vmtest.slice:oci:app",
		    "resources": { "devices": [ $deny, $read_only ], "memory": { "limit": 67108864 },
		      "pids": { "limit": 30 }, "cpu": { "shares": 512, "quota": 50000, "period": 100000 } },
		    "namespaces": [ { "type": "pid" }, { "type": "mount" }, { "type": "ipc" } ] } }
	END
}

rt() {
	timeout 60 vessel-runtime --systemd-cgroup --root /run/oci/state "$@" >/tmp/said 2>&1 </dev/null
}

# limits_of CONTAINER'S_DIRECTORY: memory, processes, processor
limits_of() {
	if [ "$VM_CGROUP" = v2 ]; then
		cat "/sys/fs/cgroup/$1/memory.max" "/sys/fs/cgroup/$1/pids.max" "/sys/fs/cgroup/$1/cpu.max" \
			"/sys/fs/cgroup/$1/cpu.weight"
	else
		cat "/sys/fs/cgroup/memory/$1/memory.limit_in_bytes" "/sys/fs/cgroup/pids/$1/pids.max" \
			"/sys/fs/cgroup/cpu/$1/cpu.cfs_quota_us" "/sys/fs/cgroup/cpu/$1/cpu.cfs_period_us" \
			"/sys/fs/cgroup/cpu/$1/cpu.shares"
	fi 2>&1 | tr '\n' ' ' | sed 's/ $//'
}

devices_allow() { # devices_allow NAME
	rt exec app sh -c "rm -f /tmp/disk /tmp/mem; mknod /tmp/disk b ${disk%:*} ${disk#*:} && head -c 1 /tmp/disk >/dev/null && echo read
		(echo x >/tmp/disk) 2>/dev/null || echo no write; mknod /tmp/mem c 1 1; (head -c 1 /tmp/mem) 2>/dev/null || echo no mem
		echo x >/dev/null && echo null"
	check_equal "$1: what each rule of devices gives" "read no write no mem null" \
		"$(tr '\n' ' ' </tmp/said | sed 's/ $//')"
}

runtime() {
	disk="$((0x$(stat -c %t "$VESSEL_TEST_DISK"))):$((0x$(stat -c %T "$VESSEL_TEST_DISK")))"
	dir=vmtest.slice/oci-app.scope
	case $VM_CGROUP in
	v2) first="67108864 30 50000 100000 59" second="134217728 40 20000 100000 100" ;;
	*) first="67108864 30 50000 100000 512" second="134217728 40 20000 100000 1024" ;;
	esac
	runtime_bundle
	rt run --detach --bundle /var/lib/oci/bundle app
	check_equal "vessel-runtime --systemd-cgroup: run" 0 $?
	[ ! -s /tmp/said ] || sed 's/^/# /' /tmp/said
	check_equal "its limits" "$first" "$(limits_of $dir)"
	devices_allow "at first"
	systemctl daemon-reload
	check_equal "they outlive a reload" "$first" "$(limits_of $dir)"
	devices_allow "after a reload"
	rt update --memory 134217728 --memory-swap 134217728 --pids-limit 40 --cpu-quota 20000 --cpu-shares 1024 app
	check_equal "update" 0 $?
	check_equal "new limits" "$second" "$(limits_of $dir)"
	devices_allow "after an update"
	# The unit's own properties are what systemd writes again: another one is set, all are written.
	systemctl daemon-reload
	systemctl set-property --runtime oci-app.scope IOAccounting=yes 2>&1 | sed 's/^/# /'
	check_equal "new limits outlive a reload and a change by others" "$second" "$(limits_of $dir)"
	devices_allow "after these"
	# Unlike a reload systemd forgets all but what it finds and what is in its files.
	systemctl daemon-reexec
	check_equal "and systemd's own new start" "$second" "$(limits_of $dir)"
	devices_allow "after that"
	rt pause app
	check_equal "pause" paused "$(vessel-runtime --root /run/oci/state state app | sed -n 's/.*"status": *"\([a-z]*\)".*/\1/p')"
	rt resume app
	rt delete --force app
	check_equal "delete --force" 0 $?
	check_equal "no directory of it is left" "" "$(find /sys/fs/cgroup -name 'oci-app*')"
	check_equal "no unit of it is left" "" "$(systemctl list-units --all --no-legend 'oci-*' 2>&1)"
}

if command -v vessel >/dev/null; then
	engine
	runtime
else
	tap_skip "vessel with the systemd driver" "vessel is not built"
fi
check_equal "no scope of a container is left" "" \
	"$(systemctl list-units --all --no-legend 'vessel-*.scope' 2>&1)"
check_equal "no scope is left" "" "$(systemctl list-units --all --no-legend 'vesseltest*' 2>&1)"
tap_end

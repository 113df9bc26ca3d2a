#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In the guest: what vessel-runtime does through cgroup v2 alone. What is claimed is read from the
# kernel's files.
# shellcheck source=tests/vm/tap
. /vm/tap

root=/var/lib/oci state=/run/oci group=/sys/fs/cgroup/ocitest
said=/tmp/said # by the last call
disk="$((0x$(stat -c %t "$VESSEL_TEST_DISK"))):$((0x$(stat -c %T "$VESSEL_TEST_DISK")))"

rt() { # rt COMMAND...: its exit code; streams go to $said
	timeout 60 vessel-runtime --root "$state" "$@" >"$said" 2>&1 </dev/null
}

# bundle COMMAND RESOURCES [MEMBER OF linux]
bundle() {
	mkdir -p "$root/bundle"
	cat >"$root/bundle/config.json" <<-END
		{ "ociVersion": "1.2.0", "root": { "path": "$root/rootfs" },
		  "process": { "cwd": "/", "args": ["/bin/sh", "-c", "$1"], "env": ["PATH=/bin"],
		    "user": { "uid": 0, "gid": 0 },
		    "capabilities": { "bounding": ["CAP_MKNOD", "CAP_KILL"], "effective": ["CAP_MKNOD", "CAP_KILL"],
		      "permitted": ["CAP_MKNOD", "CAP_KILL"] } },
		  "mounts": [ { "destination": "/proc", "type": "proc", "source": "proc" },
		    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" },
		    { "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rw"] } ],
		  "linux": { "cgroupsPath": "/ocitest", "resources": { $2 }, ${3-}
		    "namespaces": [ { "type": "pid" }, { "type": "mount" }, { "type": "ipc" }, { "type": "cgroup" } ] } }
	END
}

# started NAME COMMAND RESOURCES [MEMBER]: in the background
started() {
	name=$1
	shift
	bundle "$@"
	rt run --detach --bundle "$root/bundle" app
	check_equal "$name: run" 0 $?
	[ -s "$said" ] && sed 's/^/# /' "$said"
}

gone() {
	rt delete --force app
	check_equal "$1: nothing is left" "" "$(find /sys/fs/cgroup -name 'ocitest*'; vessel-runtime --root "$state" list -q)"
}

status_of() {
	vessel-runtime --root "$state" state app | sed -n 's/.*"status": *"\([a-z]*\)".*/\1/p'
}

refused() { # refused NAME WORD RESOURCES
	bundle true "$3"
	if rt run --bundle "$root/bundle" app; then
		tap_not_ok "$1" "it ran"
	else
		check "$1" grep -q "$2" "$said"
	fi
	gone "$1"
}

devices_of_io() {
	echo bfq >"/sys/block/$(basename "$VESSEL_TEST_DISK")/queue/scheduler"
	started "io" 'exec sleep 1000' "\"blockIO\": { \"weight\": 200,
		\"weightDevice\": [{ \"major\": ${disk%:*}, \"minor\": ${disk#*:}, \"weight\": 300 }],
		\"throttleWriteIOPSDevice\": [{ \"major\": ${disk%:*}, \"minor\": ${disk#*:}, \"rate\": 1000 }] }"
	check_equal "blockIO.weight and weightDevice" "default 200 $disk 300 " "$(tr '\n' ' ' <$group/io.bfq.weight)"
	check_equal "throttleWriteIOPSDevice" "$disk rbps=max wbps=max riops=max wiops=1000" "$(cat $group/io.max)"
	gone "io"
	refused "leaf weights are not in v2: the default's" leafWeight '"blockIO": { "leafWeight": 200 }'
	refused "leaf weights are not in v2: a device's" "no leaf weights" "\"blockIO\": {
		\"weightDevice\": [{ \"major\": ${disk%:*}, \"minor\": ${disk#*:}, \"leafWeight\": 300 }] }"
	refused "a weight for what is no disk" weightDevice '"blockIO": {
		"weightDevice": [{ "major": 1, "minor": 3, "weight": 300 }] }'
}

number_of() { # number_of MEMBER: of the last call's JSON, the first of that name
	grep -o "\"$1\":[0-9]*" "$said" | head -n 1 | cut -d: -f2
}

reports() {
	started "events" 'dd if=/dev/zero of=/big bs=1M count=8 conv=fsync; echo done >/done; exec sleep 1000' \
		'"memory": { "limit": 67108864, "swap": 100663296 }, "pids": { "limit": 30 }, "cpu": { "quota": 50000, "period": 100000 }'
	i=0
	while [ $i -lt 100 ] && [ ! -e "$root/rootfs/done" ]; do i=$((i + 1)); sleep 0.1; done
	rt events --stats app
	check_equal "events --stats" 0 $?
	# As runc's, members that are 0 are not there: the disk's minor number.
	store=$(awk '$5 == "/var/lib" { print $3; exit }' /proc/self/mountinfo)
	check_between "what was written, to which disk" 8388608 20000000 \
		"$(grep -o "{\"major\":${store%:*},\"op\":\"Write\",\"value\":[0-9]*" "$said" | head -n 1 | sed 's/.*://')"
	check "the limit of memory" grep -q '"limit":67108864' "$said"
	check "that of memory and swap together, as v1 counts" grep -q '"limit":100663296' "$said"
	check_between "processes" 1 3 "$(number_of current)"
	check_between "processor time, in nanoseconds" 1000000 60000000000 "$(number_of total)"
	timeout 60 vessel-runtime --root "$state" events --interval 1s app >/tmp/events 2>&1 </dev/null &
	watcher=$!
	i=0
	while [ $i -lt 100 ] && ! grep -q stats /tmp/events; do i=$((i + 1)); sleep 0.1; done
	rt exec app dd if=/dev/zero of=/dev/big bs=1M count=200
	check_equal "more memory than the limit: exec's exit code" 137 $?
	i=0
	while [ $i -lt 100 ] && ! grep -q '"type":"oom"' /tmp/events; do i=$((i + 1)); sleep 0.1; done
	check "that memory ran out is an event" grep -q '"type":"oom","id":"app"' /tmp/events
	gone "events"
	wait "$watcher"
	check_equal "events ends with the container" 0 $?
}

# As systemd in a container does: v2 has no processes beside directories with controllers.
nested() {
	started "nested" 'cd /sys/fs/cgroup && mkdir leaf && echo 1 >leaf/cgroup.procs && '\
'echo +pids >cgroup.subtree_control && echo ok >/nested; exec sleep 1000' '"pids": { "limit": 30 }'
	i=0
	while [ $i -lt 50 ] && [ ! -e "$root/rootfs/nested" ]; do i=$((i + 1)); sleep 0.1; done
	check_equal "a container divides its own cgroup" pids "$(cat $group/cgroup.subtree_control)"
	rt exec app cat /proc/self/cgroup
	check_equal "exec goes where its first process is" "0::/leaf" "$(cat "$said")"
	rt kill --all app KILL
	check_equal "kill --all" 0 $?
	i=0
	while [ $i -lt 50 ] && [ "$(status_of)" != stopped ]; do i=$((i + 1)); sleep 0.1; done
	check_equal "reaches what is below" "stopped populated 0" "$(status_of) $(head -n 1 $group/cgroup.events)"
	gone "nested"
}

paused() {
	started "pause" 'i=0; while :; do i=$((i + 1)); echo $i >/count; done' ''
	rt pause app
	check_equal "paused: state and the kernel's word" "paused frozen 1" \
		"$(status_of) $(grep frozen $group/cgroup.events)"
	count=$(cat "$root/rootfs/count")
	sleep 0.5
	check_equal "it stands still" "$count" "$(cat "$root/rootfs/count")"
	rt exec app true
	check "exec is refused" grep -q paused "$said"
	rt resume app
	check_equal "resumed" "running frozen 0" "$(status_of) $(grep frozen $group/cgroup.events)"
	rt pause app
	gone "a paused container"
}

changed() {
	started "update" 'exec sleep 1000' '"memory": { "limit": 67108864, "reservation": 33554432 }, "pids": { "limit": 30 },
		"cpu": { "quota": 50000, "period": 100000, "burst": 20000 }, "unified": { "memory.high": "50000000" }'
	check_equal "limits as they were asked for" "67108864 33554432 30 50000 100000 20000 49999872" \
		"$(cat $group/memory.max $group/memory.low $group/pids.max $group/cpu.max $group/cpu.max.burst $group/memory.high | tr '\n' ' ' | sed 's/ $//')"
	rt update --memory 134217728 --memory-swap 268435456 --pids-limit 40 --cpu-quota 20000 --cpu-shares 512 app
	check_equal "update" 0 $?
	check_equal "and its limits" "134217728 134217728 40 20000 100000 59" \
		"$(cat $group/memory.max $group/memory.swap.max $group/pids.max $group/cpu.max $group/cpu.weight | tr '\n' ' ' | sed 's/ $//')"
	rt update --memory -1 --memory-swap -1 --pids-limit -1 app
	check_equal "no limit" "max max max" "$(cat $group/memory.max $group/memory.swap.max $group/pids.max | tr '\n' ' ' | sed 's/ $//')"
	rt update --cpu-idle 1 app
	check_equal "cpu.idle" 1 "$(cat $group/cpu.idle)"
	gone "update"
	refused "a file of another directory" unified '"unified": { "../memory.max": "1" }'
	refused "a file that is not there" nosuch '"unified": { "memory.nosuch": "1" }'
	refused "more memory than swap and memory" swap '"memory": { "limit": 67108864, "swap": 33554432 }'
}

# Rules of devices are a program of ours that the kernel asks.
devices() {
	deny='{ "allow": false, "access": "rwm" }'
	read_only="{ \"allow\": true, \"type\": \"b\", \"major\": ${disk%:*}, \"minor\": ${disk#*:}, \"access\": \"rm\" }"
	started "devices" 'exec sleep 1000' "\"devices\": [ $deny, $read_only ]"
	rt exec app sh -c "mknod /tmp/disk b ${disk%:*} ${disk#*:} && head -c 1 /tmp/disk >/dev/null && echo read
		(echo x >/tmp/disk) 2>/dev/null || echo no write; mknod /tmp/mem c 1 1; (head -c 1 /tmp/mem) 2>/dev/null || echo no mem
		echo x >/dev/null && echo null"
	check_equal "what each rule gives" "read no write no mem null" "$(tr '\n' ' ' <"$said" | sed 's/ $//')"
	gone "devices"
}

mkdir -p "$root/rootfs/proc" "$root/rootfs/dev" "$root/rootfs/sys/fs/cgroup"
tar -C "$root/rootfs" -xf /vm/image.tar
devices_of_io
reports
nested
paused
changed
devices
tap_end

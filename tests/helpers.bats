#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The oracle of the other suites must itself be able to fail: each test plants one kind of leak.
load helpers

setup() { engine_setup; }
teardown() { engine_teardown; }

# names PATTERN: the leak is seen; after the planter has taken it away it is not.
names() {
	leaks >"$TEST_DIR/seen"
	grep -q -- "$1" "$TEST_DIR/seen" && return 0
	echo "wanted a leak like $1, seen:"
	cat "$TEST_DIR/seen"
	return 1
}

@test "nothing is leaked when nothing was done, and when a container came and went" {
	no_leaks
	engine run --rm -p 8080:80 "$IMAGE" true
	wait_until no_leaks
}

@test "a running container is seen by its processes, link, cgroups, element and files" {
	engine run -d --name app -p 8080:80 "$IMAGE" sleep 100
	names "^process [0-9]*: vessel-monitor"
	names "^process [0-9]*: sleep 100"
	names "^link: .*veth"
	names "^cgroup: .*/$(field app .Id)"
	names "^firewall: .*8080"
	names "^file: $VESSEL_RUN/containers/"
	names "^file: $VESSEL_ROOT/containers/"
	engine rm -f app
	wait_until no_leaks
}

@test "an orphan of a container is seen when its monitor is dead" {
	engine run -d --name app "$IMAGE" sh -c 'trap "" TERM; sleep 100; true'
	local pid
	pid="$(pid_of app)"
	kill -STOP "$(monitor_of app)"
	names "^process $pid: sh -c"
	kill -CONT "$(monitor_of app)"
	engine rm -f app
}

@test "a mount of the store on the host is seen" {
	mkdir "$TEST_DIR/mnt"
	mount -t tmpfs none "$TEST_DIR/mnt"
	names "^mount: .*$TEST_DIR/mnt"
	umount "$TEST_DIR/mnt"
}

@test "a cgroup without an owner is seen, and one of another vessel that runs is not" {
	local id dir
	id="$(printf '%064d' 7)"
	dir="$(find /sys/fs/cgroup -maxdepth 2 -type d -name vessel | head -n 1)/$id"
	[ "$dir" != "/$id" ] || skip "no container has run here yet"
	mkdir "$dir"
	names "^cgroup: $dir"
	bash -c "exec -a 'vessel-monitor /elsewhere/$id' sleep 20" 3>&- &
	wait_until pgrep -f "vessel-monitor /elsewhere/$id"
	run ! names "^cgroup: $dir"
	kill %1
	rmdir "$dir"
}

@test "links, tables and elements in the host's network are seen" {
	host ip link add vethleak type veth peer name other
	names "^link: .*vethleak"
	host ip link del vethleak
	host nft 'add table ip t; add set ip t s { type inet_service; elements = { 80 }; }'
	names "^firewall:"
	reset_leaks | grep -q "table ip t"
	host nft delete table ip t
}

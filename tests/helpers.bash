# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # status, output, stderr are bats's
# Shared by all end-to-end tests: a vessel of the test's own, a network of its own, and the proof that
# it left nothing behind. VESSEL names the program (default: build/vessel beside this folder).
#
# Each test gets a directory (TEST_DIR) with --root and --run-dir in it, and two network namespaces:
# the "host" in which vessel runs, and a neighbour on its LAN. So tests neither see nor disturb the
# machine's links, firewall, sysctls and ports, nor each other. VESSEL_TEST_NET=host uses the machine's.
bats_require_minimum_version 1.5.0

HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
PROGRAM="$(realpath -e "${VESSEL:-$HERE/../build/vessel}")" || exit 1
IMAGE=box
HOST_IP=198.51.100.1
HOST_OTHER_IP=203.0.113.7
LAN_IP=198.51.100.2

# ---- a world for one test ----

# engine_setup [empty]: empty has no image.
engine_setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	local tool
	for tool in busybox ip nft nsenter; do
		command -v "$tool" >/dev/null || skip "needs $tool"
	done
	TEST_DIR="$(mktemp -d /var/tmp/vessel-test.XXXXXX)"
	chmod 755 "$TEST_DIR"
	VESSEL_ROOT="$TEST_DIR/root" VESSEL_RUN="$TEST_DIR/run"
	VESSEL="$TEST_DIR/vessel"
	net_make
	# Not exported: the environment is how the processes of this vessel are known again.
	cat >"$VESSEL" <<-END
		#!/bin/sh
		exec $NET_ENTER env VESSEL_ROOT='$VESSEL_ROOT' VESSEL_RUN='$VESSEL_RUN' '$PROGRAM' "\$@"
	END
	chmod +x "$VESSEL"
	cgroups_now >"$TEST_DIR/cgroups"
	[ "${1:-}" = empty ] || box_image "$IMAGE"
}

net_make() {
	NET_ENTER="" LAN_ENTER="" NET_NAME=""
	[ "${VESSEL_TEST_NET:-}" = host ] && return 0
	NET_NAME="vt${TEST_DIR##*.}"
	ip netns add "$NET_NAME" && ip netns add "$NET_NAME-lan"
	NET_ENTER="nsenter --net=/run/netns/$NET_NAME"
	LAN_ENTER="nsenter --net=/run/netns/$NET_NAME-lan"
	host ip link set lo up
	host ip link add up0 type veth peer name lan0 netns "$NET_NAME-lan"
	host ip addr add "$HOST_IP/24" dev up0
	host ip addr add "$HOST_OTHER_IP/32" dev up0
	host ip link set up0 up
	host ip route add default via "$LAN_IP"
	lan ip link set lo up
	lan ip addr add "$LAN_IP/24" dev lan0
	lan ip link set lan0 up
	lan ip route add default via "$HOST_IP"
}

# Commands in the network of the host, and of its neighbour. One that goes on in the background has
# nothing of bats's, which would wait for it.
# shellcheck disable=SC2086 # a command of several words
host() { $NET_ENTER "$@" 3>&-; }
# shellcheck disable=SC2086
lan() { $LAN_ENTER "$@" 3>&-; }
host_serve() { host busybox httpd -p "$1" -h "$2" >/dev/null 2>&1 </dev/null; }
lan_serve() { lan busybox httpd -p "$1" -h "$2" >/dev/null 2>&1 </dev/null; }

# ---- the oracle: what containers could leave behind ----

# Other engines name theirs by ids as well.
cgroups_now() {
	find /sys/fs/cgroup -type d -regextype egrep -regex '.*/vessel[/-][0-9a-f]{64}([.]scope)?' 2>/dev/null | sort
}

# Is this pid's mount table the test's own? Then its mounts are the host's.
is_host_mounts() { [ "$(readlink "/proc/$1/ns/mnt")" = "$(readlink /proc/self/ns/mnt)" ]; }

leaked_processes() {
	local file pid
	for file in $(grep -alsF -- "VESSEL_RUN=$VESSEL_RUN" /proc/[0-9]*/environ) \
		$(grep -lsF -- "$VESSEL_ROOT/" /proc/[0-9]*/mountinfo); do
		pid="${file#/proc/}" pid="${pid%/*}"
		[[ "$file" == */mountinfo ]] && is_host_mounts "$pid" && continue
		[ -r "/proc/$pid/cmdline" ] && echo "process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
	done
}

leaked_mounts() { grep -F -- "$TEST_DIR/" /proc/self/mountinfo | sed 's/^/mount: /'; }

# New since setup, and of no container of another vessel that runs now.
leaked_cgroups() {
	local dir id
	cgroups_now | comm -13 "$TEST_DIR/cgroups" - | while read -r dir; do
		id="$(grep -oE '[0-9a-f]{64}' <<<"$dir")"
		pgrep -af -- "vessel-monitor .*/$id" | grep -qvF -- "$VESSEL_RUN/" || echo "cgroup: $dir"
	done
}

leaked_network() {
	[ -n "$NET_NAME" ] || return 0
	host ip -o link show type veth | grep -v ' up0[@:]' | sed 's/^/link: /'
	host nft list ruleset | grep -A 3 elements | sed 's/^/firewall: /'
}

leaked_files() {
	find "$VESSEL_RUN/containers" "$VESSEL_RUN/operations" "$VESSEL_ROOT/containers" "$VESSEL_ROOT/tmp" \
		-mindepth 1 -maxdepth 1 2>/dev/null | sed 's/^/file: /'
}

leaks() {
	leaked_processes
	leaked_mounts
	leaked_cgroups
	leaked_network
	leaked_files
}

no_leaks() { [ -z "$(leaks)" ]; }

# What only a reset takes away.
reset_leaks() {
	[ ! -e "$VESSEL_ROOT" ] || find "$VESSEL_ROOT" | head -n 5 | sed 's/^/after reset: /'
	[ ! -e "$VESSEL_RUN" ] || find "$VESSEL_RUN" | head -n 5 | sed 's/^/after reset: /'
	[ -n "$NET_NAME" ] || return 0
	host ip -o link | grep -vE '^[0-9]+: (lo|up0)[@:]' | sed 's/^/after reset: link: /'
	host nft list tables | sed 's/^/after reset: /'
}

# Fails the test that left something: first all containers go, as a user would remove them.
engine_teardown() {
	[ -n "${TEST_DIR:-}" ] || return 0
	local ids result=0
	ids="$("$VESSEL" ps -aq)" || result=1
	# shellcheck disable=SC2086 # a list of ids
	[ -z "$ids" ] || "$VESSEL" rm -f -v $ids >/dev/null || result=1
	# Links go with their namespace, some time after its last process.
	wait_until no_leaks >/dev/null || { echo "left behind:" && leaks && result=1; } >&2
	"$VESSEL" system reset --force >/dev/null || result=1
	reset_leaks | grep . >&2 && result=1
	world_remove
	return "$result"
}

# Whatever happened: the next test shall not suffer from it. Who still runs in the test's own network
# namespaces was started by the test (a web server of the LAN), or was just named as left behind.
world_remove() {
	local pid
	if [ -n "$NET_NAME" ]; then
		for pid in $(ip netns pids "$NET_NAME") $(ip netns pids "$NET_NAME-lan"); do kill -9 "$pid"; done
		ip netns del "$NET_NAME"
		ip netns del "$NET_NAME-lan"
	fi
	for pid in $(leaked_processes | grep -oE '^process [0-9]+' | cut -d' ' -f2); do kill -9 "$pid"; done
	rm -rf "$TEST_DIR"
}

# ---- images ----

# One static program and its names, made once for all tests of a file.
box_tar() {
	local tar="${BATS_FILE_TMPDIR:-$TEST_DIR}/box.tar" tree="${BATS_FILE_TMPDIR:-$TEST_DIR}/box" name
	if [ ! -e "$tar" ]; then
		mkdir -p "$tree/bin" "$tree/etc" "$tree/tmp" "$tree/root"
		chmod 1777 "$tree/tmp"
		cp "$(command -v busybox)" "$tree/bin/busybox"
		for name in $(busybox --list | grep -vx busybox); do ln -sf busybox "$tree/bin/$name"; done
		printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n' >"$tree/etc/passwd"
		printf 'root:x:0:\nuser:x:1000:\nextra:x:2000:user\n' >"$tree/etc/group"
		tar -C "$tree" --owner=0 --group=0 -cf "$tar.new" . && mv "$tar.new" "$tar"
	fi
	echo "$tar"
}

box_image() { "$VESSEL" import "$(box_tar)" "$1" >/dev/null; }
busybox_image() { box_image "$1"; }

# box_image_with NAME: the same with the files of a tree added, made by a function or command that
# gets the tree's path as its argument.
box_image_with() {
	local image="$1" tree="$TEST_DIR/tree-$1"
	shift
	mkdir "$tree"
	tar -C "$tree" -xf "$(box_tar)"
	"$@" "$tree"
	tar -C "$tree" --owner=0 --group=0 -cf "$tree.tar" .
	"$VESSEL" import "$tree.tar" "$image" >/dev/null
}

# ---- running vessel ----

explain() {
	echo "vessel $*: exit code $status"
	echo "stdout: $output"
	echo "stderr: $stderr"
	return 1
}

# Runs vessel; anything but success fails the test. $output and $stderr are kept.
engine() {
	run --separate-stderr "$VESSEL" "$@"
	[ "$status" -eq 0 ] || explain "$@"
}

# engine_fails CODE ...: wants this exit code.
engine_fails() {
	local code="$1"
	shift
	run --separate-stderr "$VESSEL" "$@"
	[ "$status" -eq "$code" ] || { echo "wanted exit code $code"; explain "$@"; }
}

# ---- looking at what it said ----

wanted() {
	printf '%s: %s\noutput: %s\nstderr: %s\n' "$1" "$2" "$output" "$stderr"
	return 1
}

assert_output() { [ "$output" = "$1" ] || wanted "wanted" "$1"; }
assert_contains() { [[ "$output" == *"$1"* ]] || wanted "wanted in the output" "$1"; }
refute_contains() { [[ "$output" != *"$1"* ]] || wanted "not wanted in the output" "$1"; }
assert_line() { grep -qxF -- "$1" <<<"$output" || wanted "wanted a line" "$1"; }
refute_line() { ! grep -qxF -- "$1" <<<"$output" || wanted "not wanted as a line" "$1"; }
assert_match() { [[ "$output" =~ $1 ]] || wanted "wanted to match" "$1"; }
assert_stderr_contains() { [[ "$stderr" == *"$1"* ]] || wanted "wanted in stderr" "$1"; }
assert_stderr_match() { [[ "$stderr" =~ $1 ]] || wanted "wanted stderr to match" "$1"; }
assert_stderr_line() { assert_stderr_contains "$1"; }
# One clear sentence, not a trace: at most three lines, the last ones hints.
assert_short_stderr() { [ "$(wc -l <<<"$stderr")" -le 3 ] || wanted "wanted at most three lines in stderr" ""; }
# assert_between NAME VALUE LOW HIGH
assert_between() {
	[ "$2" -ge "$3" ] && [ "$2" -le "$4" ] && return 0
	echo "$1 is $2, wanted $3 to $4"
	return 1
}

# ---- waiting for what happens, never for time ----

# Until a command succeeds; at most ten seconds.
wait_until() {
	local end=$((SECONDS + 11))
	while [ "$SECONDS" -lt "$end" ]; do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	echo "never came true: $*"
	return 1
}

log_has() { "$VESSEL" logs "$1" 2>&1 | grep -qF -- "$2"; }
wait_for_log() { wait_until log_has "$1" "$2" || "$VESSEL" logs "$1"; }
# field CONTAINER .State.Pid
field() { "$VESSEL" inspect -f "{{$2}}" "$1"; }
state_is() { [ "$(field "$1" .State.Status)" = "$2" ]; }
wait_for_state() { wait_until state_is "$1" "$2"; }
gone() { ! "$VESSEL" inspect "$1" >/dev/null 2>&1; }
# Number of the container's first process on the host.
pid_of() { field "$1" .State.Pid; }
monitor_of() { awk '/^PPid:/ { print $2 }' "/proc/$(pid_of "$1")/status"; }

# The file of a limit of a container: cgroup_file CONTAINER CONTROLLER V1-NAME V2-NAME
cgroup_file() {
	local path
	path="$(awk -F: -v c="$2" '$2 ~ "(^|,)" c "(,|$)" { print $3 }' "/proc/$(pid_of "$1")/cgroup")"
	if [ -n "$path" ]; then
		echo "/sys/fs/cgroup/$2$path/$3"
	else
		echo "/sys/fs/cgroup$(awk -F: '$1 == 0 { print $3 }' "/proc/$(pid_of "$1")/cgroup")/$4"
	fi
}

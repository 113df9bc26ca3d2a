# Shared by all end-to-end tests: a vessel of the test's own, and the proof that it left nothing behind.
# VESSEL names the program (default: build/vessel beside this folder).
bats_require_minimum_version 1.5.0

HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
VESSEL="${VESSEL:-$HERE/../build/vessel}"
IMAGE=box

# What a container could leave on a host, one fact a line: of this test's vessel always, of all others too when nothing
# else runs here (VESSEL_TEST_ALONE=1, as ./check has it). Links go with network namespaces, some time after their last
# process, so the comparison waits.
host_state() {
	local pid
	for pid in $(pgrep -f -- "$VESSEL_RUN"); do
		[ "$pid" = $$ ] || [ "$pid" = "$BASHPID" ] || sed 's/^/process /' "/proc/$pid/comm" 2>/dev/null
	done
	[ "${VESSEL_TEST_ALONE:-}" = 1 ] || return 0
	awk '{ print "mount", $5, $9 }' /proc/self/mountinfo
	lsns -n -t net -o NS 2>/dev/null | sed 's/^/netns /'
	ip -o link | awk -F': ' '{ split($2, n, "@"); print "link", n[1] }'
	nft list tables 2>/dev/null
	find /sys/fs/cgroup -mindepth 2 -type d -path '*/vessel/*' 2>/dev/null | sed 's/^/cgroup /'
	ps -eo stat=,comm= | awk '$1 !~ /Z/ && $2 ~ /^vessel-/ { print "process", $2 }'
}

engine_setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	TEST_DIR="$(mktemp -d /var/tmp/vessel-test.XXXXXX)"
	chmod 755 "$TEST_DIR"
	export VESSEL_ROOT="$TEST_DIR/root" VESSEL_RUN="$TEST_DIR/run"
	host_state | sort >"$TEST_DIR/before"
	[ "${1:-}" = empty ] || box_image "$IMAGE"
}

# Every container goes; then nothing may be left in the store that no image names, and nothing on the host.
engine_teardown() {
	[ -n "${TEST_DIR:-}" ] || return 0
	local left ids
	ids="$("$VESSEL" ps -aq)"
	# shellcheck disable=SC2086 # a list of ids
	[ -z "$ids" ] || "$VESSEL" rm -f -v $ids >/dev/null || return 1
	left="$(find "$VESSEL_ROOT/containers" "$VESSEL_ROOT/tmp" "$VESSEL_RUN/containers" "$VESSEL_RUN/operations" -mindepth 1 2>/dev/null)"
	"$VESSEL" system reset --force >/dev/null || return 1
	for _ in $(seq 50); do
		host_state | sort >"$TEST_DIR/after"
		cmp -s "$TEST_DIR/before" "$TEST_DIR/after" && break
		sleep 0.1
	done
	if [ -n "$left" ]; then echo "left in the store or run directory:"; echo "$left"; fi
	if ! cmp -s "$TEST_DIR/before" "$TEST_DIR/after"; then
		echo "the host has changed (< before, > after):"; diff "$TEST_DIR/before" "$TEST_DIR/after"; left=yes
	fi
	if [ -e "$VESSEL_ROOT" ] || [ -e "$VESSEL_RUN" ]; then echo "reset left files:"; find "$VESSEL_ROOT" "$VESSEL_RUN" | head; left=yes; fi
	rm -rf "$TEST_DIR"
	[ -z "$left" ]
}

# One static program and its names, made once for all tests of a file.
box_tar() {
	local tar="${BATS_FILE_TMPDIR:-$TEST_DIR}/box.tar" tree="${BATS_FILE_TMPDIR:-$TEST_DIR}/box"
	if [ ! -e "$tar" ]; then
		mkdir -p "$tree/bin" "$tree/etc" "$tree/tmp" "$tree/root"
		chmod 1777 "$tree/tmp"
		cp /bin/busybox "$tree/bin/busybox"
		local name
		for name in $("$tree/bin/busybox" --list | grep -vx busybox); do ln -sf busybox "$tree/bin/$name"; done
		printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n' >"$tree/etc/passwd"
		printf 'root:x:0:\nuser:x:1000:\nextra:x:2000:user\n' >"$tree/etc/group"
		tar -C "$tree" -cf "$tar.new" . && mv "$tar.new" "$tar"
	fi
	echo "$tar"
}

box_image() { "$VESSEL" import "$(box_tar)" "$1" >/dev/null; }
busybox_image() { box_image "$1"; }

# Runs vessel; anything but success fails the test. $output and $stderr are kept.
engine() {
	run --separate-stderr "$VESSEL" "$@"
	[ "$status" -eq 0 ] && return 0
	echo "vessel $* ended with $status"; echo "stdout: $output"; echo "stderr: $stderr"
	return 1
}

# Runs vessel and wants this exit code.
engine_fails() {
	local code="$1"; shift
	run --separate-stderr "$VESSEL" "$@"
	[ "$status" -eq "$code" ] && return 0
	echo "vessel $* ended with $status, not $code"; echo "stdout: $output"; echo "stderr: $stderr"
	return 1
}

assert_output() {
	[ "$output" = "$1" ] && return 0
	printf 'wanted: %s\ngot:    %s\nstderr: %s\n' "$1" "$output" "$stderr"
	return 1
}

assert_contains() {
	[[ "$output" == *"$1"* ]] && return 0
	printf 'wanted in the output: %s\ngot: %s\n' "$1" "$output"
	return 1
}

refute_contains() {
	[[ "$output" != *"$1"* ]] && return 0
	printf 'not wanted in the output: %s\ngot: %s\n' "$1" "$output"
	return 1
}

assert_line() {
	grep -qxF -- "$1" <<<"$output" && return 0
	printf 'wanted a line: %s\ngot: %s\n' "$1" "$output"
	return 1
}

assert_match() {
	[[ "$output" =~ $1 ]] && return 0
	printf 'wanted to match: %s\ngot: %s\n' "$1" "$output"
	return 1
}

assert_stderr_contains() {
	[[ "$stderr" == *"$1"* ]] && return 0
	printf 'wanted in stderr: %s\ngot: %s\n' "$1" "$stderr"
	return 1
}

assert_stderr_line() { assert_stderr_contains "$1"; }

# Until a command succeeds; at most ten seconds.
wait_until() {
	local _
	for _ in $(seq 200); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done
	echo "never came true: $*"
	return 1
}

log_has() { "$VESSEL" logs "$1" 2>&1 | grep -qF -- "$2"; }
wait_for_log() { wait_until log_has "$1" "$2"; }
field() { "$VESSEL" inspect -f "{{$2}}" "$1"; }

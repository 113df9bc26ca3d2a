# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# TAP for the guest's scripts: check NAME COMMAND...; the plan and the result by tap_end.
tap_count=0 tap_failed=0

tap_ok() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1"
}

tap_not_ok() {
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $1"
	[ $# -lt 2 ] || printf '%s\n' "$2" | sed 's/^/# /'
}

# What the command prints is shown when it fails.
check() {
	tap_name=$1
	shift
	if tap_output=$("$@" 2>&1); then
		tap_ok "$tap_name"
	else
		tap_not_ok "$tap_name" "exit $?: $tap_output"
	fi
}

# check_equal NAME EXPECTED ACTUAL
check_equal() {
	if [ "$2" = "$3" ]; then tap_ok "$1"; else tap_not_ok "$1" "expected '$2', got '$3'"; fi
}

# check_between NAME LOW HIGH ACTUAL
check_between() {
	if [ -n "$4" ] && [ "$4" -ge "$2" ] && [ "$4" -le "$3" ]; then
		tap_ok "$1"
	else
		tap_not_ok "$1" "expected $2 to $3, got '$4'"
	fi
}

tap_skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

tap_end() {
	echo "1..$tap_count"
	[ "$tap_failed" -eq 0 ]
}

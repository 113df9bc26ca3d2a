#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Dead monitors, damaged files, a reboot, many at once: one clear error or none, no crash, and the oracle finds nothing left.
load helpers

setup() { engine_setup; }
teardown() { engine_teardown; }

# One sentence (and a hint), of this exit code, not a crash.
clear_error() {
	engine_fails "$1" "${@:2}"
	[ "$(grep -cv '^hint: ' <<<"$stderr")" = 1 ] || { echo "not one sentence: $stderr"; return 1; }
}
gone_pid() { [ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"; }
kill_monitor() {
	local monitor
	monitor="$(monitor_of "$1")"
	kill -9 "$monitor"
	wait_until gone_pid "$monitor"
}

@test "kill -9 of the monitor: the container ends, is reported, and the next command clears all" {
	engine run -d --name first -p 127.0.0.1:18171:80 "$IMAGE" sleep 1000
	local id="$output" pid
	pid="$(pid_of first)"
	[ "$(cat "/proc/$(monitor_of first)/comm")" = vessel-monitor ]
	kill_monitor first
	engine ps -a --format '{{.Names}} {{.State}}'
	assert_output "first exited"
	wait_until gone_pid "$pid"
	[ -z "$(find /sys/fs/cgroup -type d -name "$id")" ]
	[ ! -e "$VESSEL_RUN/containers/$id" ]
	[ "$(field first .State.ExitCode)" -ne 0 ]
	[ -n "$(field first .State.Error)" ]
	# Its address and port are free, and it starts again.
	engine run -d --name second -p 127.0.0.1:18171:80 "$IMAGE" sleep 1000
	engine rm -f second
	engine start first
	engine exec first true
}

@test "kill -9 of a monitor with --rm: the next command removes the container" {
	engine run -d --rm --name short -v /anonymous "$IMAGE" sleep 1000
	kill_monitor short
	engine ps -a -q
	assert_output ""
	[ -z "$(ls -A "$VESSEL_ROOT/volumes")" ]
}

@test "kill -9 of a monitor while clients are attached: they end, with an error" {
	engine run -d -i --name host "$IMAGE" cat
	local code command client
	for command in "attach --no-stdin host" "exec host sleep 1000" "logs -f host" "wait host"; do
		engine start host
		# shellcheck disable=SC2086 # several words
		timeout 20 "$VESSEL" $command >/dev/null 2>"$TEST_DIR/err" 3>&- &
		client=$!
		sleep 0.3
		kill_monitor host
		code=0
		wait "$client" || code=$?
		# 255 is the exit code of a container whose end nobody has seen.
		case "$code" in
		0 | 1 | 125 | 255) ;;
		*) echo "$command: $code: $(cat "$TEST_DIR/err")"; return 1 ;;
		esac
		engine ps -aq
	done
}

@test "a damaged config.json is one clear error, and the container can be removed" {
	local damage
	for damage in '' '{' '[]' '{"Id": 5}' '{"Id":"x","Config":{"Env":"no"}}' "$(head -c 3000 /dev/zero | tr '\0' '[')"; do
		engine create --name broken "$IMAGE" true
		printf '%s' "$damage" >"$VESSEL_ROOT/containers/$output/config.json"
		clear_error 1 start broken
		assert_stderr_contains "hint:"
		clear_error 1 logs broken
		engine_fails 1 inspect broken
		engine ps -a --format '{{.Names}}'
		assert_output broken
		engine rm -f broken
	done
}

@test "a damaged config.json after a reboot: it is still listed and removed, and others are untouched" {
	engine create --name good "$IMAGE" true
	engine create --name broken "$IMAGE" true
	local id="$output"
	echo '{' >"$VESSEL_ROOT/containers/$id/config.json"
	rm -rf "$VESSEL_RUN"
	engine start -a good
	engine ps -aq --no-trunc
	assert_line "$id"
	clear_error 1 start "$id"
	engine rm "$id"
	[ ! -e "$VESSEL_ROOT/containers/$id" ]
}

@test "a damaged bundle of a stopped or running container does not keep it from being removed" {
	engine run -d --name broken "$IMAGE" sleep 1000
	local id="$output"
	echo '{' >"$VESSEL_RUN/containers/$id/config.json"
	engine_fails 1 exec broken true
	engine rm -f broken
	engine run -d --name broken "$IMAGE" sleep 1000
	id="$output"
	echo '{' >"$VESSEL_RUN/containers/$id/config.json"
	kill_monitor broken
	engine ps -a --format '{{.State}}'
	assert_output exited
	[ -z "$(find /sys/fs/cgroup -type d -name "$id")" ]
}

@test "a damaged register is one clear error that says what to do, and then all is there again" {
	engine create --name kept "$IMAGE" echo kept
	printf 'this is not a database, but it is long enough to be one%.0s' $(seq 100) >"$VESSEL_RUN/register.db"
	rm -f "$VESSEL_RUN"/register.db-*
	run --separate-stderr "$VESSEL" ps -a
	if [ "$status" != 0 ]; then
		clear_error 1 ps -a
		assert_stderr_contains "register.db"
		assert_stderr_contains "hint:"
		rm "$VESSEL_RUN"/register.db*
	fi
	engine start -a kept
	assert_output kept
}

@test "a damaged state.db is one clear error, not a crash" {
	cp "$VESSEL_ROOT/state.db" "$TEST_DIR/state.db"
	printf 'this is not a database, but it is long enough to be one%.0s' $(seq 100) >"$VESSEL_ROOT/state.db"
	rm -f "$VESSEL_ROOT"/state.db-*
	clear_error 1 images
	assert_stderr_contains "state.db"
	clear_error 125 run --rm "$IMAGE" true
	engine_fails 1 import "$(box_tar)" other
	rm -f "$VESSEL_ROOT"/state.db*
	cp "$TEST_DIR/state.db" "$VESSEL_ROOT/state.db"
	engine run --rm "$IMAGE" echo again
	assert_output again
}

@test "twice twenty runs at the same time: all succeed, with names and addresses of their own" {
	local i
	for i in $(seq 20); do
		"$VESSEL" run -d "$IMAGE" sleep 1000 >>"$TEST_DIR/ids.a" 2>>"$TEST_DIR/err" 3>&- &
		"$VESSEL" run -d "$IMAGE" sleep 1000 >>"$TEST_DIR/ids.b" 2>>"$TEST_DIR/err" 3>&- &
		wait
	done
	[ ! -s "$TEST_DIR/err" ] || { cat "$TEST_DIR/err"; return 1; }
	[ "$("$VESSEL" ps --format '{{.Names}}' | sort -u | wc -l)" = 40 ]
	# shellcheck disable=SC2046 # a list of ids
	[ "$("$VESSEL" inspect -f '{{.NetworkSettings.IPAddress}}' $("$VESSEL" ps -q) | sort -u | wc -l)" = 40 ]
	for i in $(seq 10); do "$VESSEL" run --rm "$IMAGE" echo "$i" >>"$TEST_DIR/out" 2>>"$TEST_DIR/err" 3>&- & done
	wait
	[ "$(sort -n "$TEST_DIR/out" | tr '\n' ' ')" = "1 2 3 4 5 6 7 8 9 10 " ]
	[ ! -s "$TEST_DIR/err" ] || { cat "$TEST_DIR/err"; return 1; }
}

@test "the same name at the same time: one gets it" {
	local i
	for i in 1 2 3 4 5 6 7 8; do
		"$VESSEL" create --name only "$IMAGE" true >>"$TEST_DIR/ids" 2>>"$TEST_DIR/err" 3>&- &
	done
	wait
	[ "$(wc -l <"$TEST_DIR/ids")" = 1 ]
	[ "$(grep -c 'already in use' "$TEST_DIR/err")" = 7 ]
	for i in 1 2 3 4; do "$VESSEL" rm -f only >/dev/null 2>&1 3>&- & "$VESSEL" start only >/dev/null 2>&1 3>&- & done
	wait
	engine run --rm "$IMAGE" true
}

@test "after a reboot stopped containers, images and volumes are there" {
	engine run --name worked -v named:/v "$IMAGE" sh -c 'echo logged; echo data >/v/f; echo changed >/file; exit 3' || true
	engine create --name never "$IMAGE" true
	engine run --rm -d --name volatile "$IMAGE" sleep 1000
	engine run -d --name running "$IMAGE" sleep 1000
	# What a reboot does: no process, no cgroup and no network namespace is left, and the run directory is empty.
	local name ids dir
	ids="$(field volatile .Id) $(field running .Id)"
	for name in volatile running; do kill -9 "$(monitor_of "$name")" "$(pid_of "$name")"; done
	for name in $ids; do
		for dir in /sys/fs/cgroup/*/vessel/"$name" /sys/fs/cgroup/vessel/"$name"; do
			[ ! -e "$dir" ] || wait_until rmdir "$dir"
		done
	done
	rm -rf "$VESSEL_RUN"
	engine ps -a --format '{{.Names}} {{.State}}'
	assert_output $'running exited\nnever created\nworked exited'
	[ "$(field worked .State.ExitCode)" = 3 ]
	engine logs worked
	assert_output logged
	engine run --rm -v named:/v "$IMAGE" cat /v/f
	assert_output data
	engine start running
	engine exec running true
	engine_fails 3 start -a worked
	engine start -a never
}

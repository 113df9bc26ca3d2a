#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Killed at any moment: what runs goes on, the next command works, nothing stays behind (the oracle in
# helpers.bash looks for it). A moment is a delay after the start; each test walks through many.
load helpers

setup() { engine_setup; }
teardown() { engine_teardown; }

# Milliseconds at which a command of about 150 ms is killed.
MOMENTS="0 2 4 6 8 10 12 15 18 22 26 30 36 44 52 60 75 90 120"

# killed_at MS COMMAND...: runs vessel and kills it -9 after that time, the helpers it has started not.
killed_at() {
	local ms="$1" pid
	shift
	"$VESSEL" "$@" >/dev/null 2>&1 3>&- </dev/null &
	pid=$!
	sleep "$(printf '0.%03d' "$ms")"
	kill -9 "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
}

# What a user would do next.
still_works() {
	engine ps -a
	engine run --rm "$IMAGE" echo works
	assert_output "works"
}

@test "kill -9 of run at any moment: the next command works and a name is not lost" {
	local ms
	for ms in $MOMENTS; do
		killed_at "$ms" run --name app "$IMAGE" sleep 100
		engine ps -a --format '{{.Names}} {{.Status}}'
		# It is there, whole, or not there at all.
		if grep -q '^app ' <<<"$output"; then
			engine inspect app
			engine rm -f app
		fi
		engine create --name app "$IMAGE" true
		engine rm app
	done
	still_works
}

@test "kill -9 of run --rm at any moment: the container goes when it ends" {
	local ms
	for ms in $MOMENTS; do
		killed_at "$ms" run --rm "$IMAGE" sleep 0.2
	done
	still_works
	wait_until sh -c "[ -z \"\$('$VESSEL' ps -q)\" ]"
}

@test "kill -9 of run -d -p at any moment: the port is free again or its container has it" {
	local ms
	for ms in $MOMENTS; do
		killed_at "$ms" run -d --name app -p 8080:80 "$IMAGE" sleep 100
		engine ps -aq
		[ -z "$output" ] || engine rm -f app
		engine run -d --name next -p 8080:80 "$IMAGE" sleep 100
		engine rm -f next
	done
	still_works
}

@test "kill -9 of create, start, stop and rm at any moment" {
	local ms
	for ms in 0 2 4 6 8 10 15 20 30 40; do
		killed_at "$ms" create --name app "$IMAGE" sleep 100
		engine ps -aq
		[ -n "$output" ] || engine create --name app "$IMAGE" sleep 100
		killed_at "$ms" start app
		engine start app
		killed_at "$ms" stop -t 0 app
		engine stop -t 0 app
		killed_at "$ms" rm -f app
		engine ps -aq
		[ -z "$output" ] || engine rm -f app
	done
	still_works
}

@test "kill -9 of import at any moment: the image is there or not, and the next import works" {
	local ms tar
	tar="$(box_tar)"
	for ms in 0 2 4 6 8 10 15 20 25 30 40 50 70; do
		killed_at "$ms" import "$tar" "half:$ms"
		engine images
		if "$VESSEL" inspect --type image "half:$ms" >/dev/null 2>&1; then
			engine run --rm "half:$ms" echo whole
			assert_output "whole"
		fi
	done
	engine import "$tar" after
	engine run --rm after echo works
	assert_output "works"
}

@test "kill -9 of import while it reads from a pipe" {
	local pid
	mkfifo "$TEST_DIR/pipe"
	exec 9<>"$TEST_DIR/pipe"
	"$VESSEL" import - piped <"$TEST_DIR/pipe" >/dev/null 2>&1 3>&- 9>&- &
	pid=$!
	head -c 300000 "$(box_tar)" >&9
	kill -9 "$pid"
	wait "$pid" || true
	exec 9>&-
	engine images
	refute_contains "piped"
	engine import - piped <"$(box_tar)"
	engine run --rm piped echo works
	assert_output "works"
}

@test "kill -9 of build at any moment: the next build gives the image, whole" {
	local ms pid
	mkdir "$TEST_DIR/context"
	cat >"$TEST_DIR/context/Dockerfile" <<-END
		FROM $IMAGE
		RUN echo one >/one && sleep 0.02
		COPY file /file
		RUN echo two >/two && sleep 0.02
		CMD ["cat", "/one", "/two", "/file"]
	END
	echo copied >"$TEST_DIR/context/file"
	for ms in $MOMENTS 150 200 250 300; do
		killed_at "$ms" build --no-cache -t built "$TEST_DIR/context"
	done
	still_works
	engine build -t built "$TEST_DIR/context"
	engine run --rm built
	assert_output $'one\ntwo\ncopied'
}

@test "kill -9 of the client leaves the container running, listed, entered and stopped" {
	local pid
	"$VESSEL" run --name app "$IMAGE" sh -c 'echo ready; while :; do sleep 0.1; done' >"$TEST_DIR/out" 2>&1 3>&- &
	pid=$!
	wait_for_log app ready
	kill -9 "$pid"
	wait "$pid" || true
	state_is app running
	engine exec app echo inside
	assert_output "inside"
	engine stop -t 0 app
	engine inspect -f '{{.State.ExitCode}}' app
	assert_output 137
}

@test "what a container prints after its client died is in the log, and it does not block" {
	local pid
	"$VESSEL" run --name app "$IMAGE" sh -c \
		'echo ready; while [ ! -e /go ]; do sleep 0.05; done; head -c 3000000 /dev/zero | tr "\0" "x"; echo; echo last' \
		>/dev/null 2>&1 3>&- &
	pid=$!
	wait_for_log app ready
	kill -9 "$pid"
	wait "$pid" || true
	engine exec app touch /go
	wait_for_state app exited
	[ "$("$VESSEL" logs app | tail -n 1)" = last ]
	engine inspect -f '{{.State.ExitCode}}' app
	assert_output 0
}

@test "kill -9 of exec, logs -f, attach, wait and stats harms no container" {
	engine run -d --name app "$IMAGE" sh -c 'while :; do echo tick; sleep 0.02; done'
	wait_for_log app tick
	local ms
	for ms in 0 5 10 20 40; do
		killed_at "$ms" exec app sleep 0.1
		killed_at "$ms" logs -f app
		killed_at "$ms" attach app
		killed_at "$ms" wait app
		killed_at "$ms" stats app
	done
	state_is app running
	engine exec app echo inside
	assert_output "inside"
}

@test "kill -9 of a monitor: its container is not said to run for ever, and can be removed" {
	engine run -d --name app -p 8080:80 "$IMAGE" sleep 100
	local monitor pid
	monitor="$(monitor_of app)" pid="$(pid_of app)"
	kill -9 "$monitor"
	# Its program may live on or die with it; what ps says must be so.
	wait_until sh -c "! kill -0 $monitor"
	engine ps -a --format '{{.Names}} {{.State}}'
	if grep -q '^app running' <<<"$output"; then kill -0 "$pid"; fi
	engine rm -f app
	wait_until sh -c "! kill -0 $pid"
	engine run -d --name next -p 8080:80 "$IMAGE" sleep 100
}

@test "kill -9 of a monitor loses no line that was logged, and start works again" {
	engine run -d --name app "$IMAGE" sh -c 'echo logged; sleep 100'
	wait_for_log app logged
	kill -9 "$(monitor_of app)"
	engine logs app
	assert_line "logged"
	wait_until state_is app exited
	engine start app
	state_is app running
}

@test "a container whose first process is killed from outside is exited, with 137" {
	engine run -d --name app "$IMAGE" sleep 100
	kill -9 "$(pid_of app)"
	wait_for_state app exited
	engine inspect -f '{{.State.ExitCode}} {{.State.OOMKilled}}' app
	assert_output "137 false"
}

@test "the run directory is lost, as by a reboot: containers are known, and start again" {
	engine run -d --name app -p 8080:80 "$IMAGE" sh -c 'echo run >>/runs; sleep 100'
	engine create --name never "$IMAGE" true
	wait_until "$VESSEL" exec app test -s /runs
	local monitor pid
	monitor="$(monitor_of app)" pid="$(pid_of app)"
	kill -9 "$monitor" "$pid"
	wait_until sh -c "! kill -0 $pid"
	rm -rf "$VESSEL_RUN"
	engine ps -a --format '{{.Names}} {{.State}}'
	assert_line "app exited"
	assert_line "never created"
	engine start app
	wait_until sh -c "[ \"\$('$VESSEL' exec app wc -l /runs)\" = '2 /runs' ]"
	engine_fails 125 run --name app "$IMAGE" true # names are known as well
	assert_stderr_contains "already in use"
}

@test "many at once: twenty runs from nothing, all of them whole" {
	local i pids=() failed=0
	rm -rf "$VESSEL_RUN" # the first command of each makes the register: they race for it
	for i in $(seq 20); do
		"$VESSEL" run --rm "$IMAGE" echo "number $i" >"$TEST_DIR/out.$i" 2>&1 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || failed=$((failed + 1)); done
	cat "$TEST_DIR"/out.*
	[ "$failed" = 0 ]
	[ "$(sort -u "$TEST_DIR"/out.* | wc -l)" = 20 ]
}

@test "two clients of one container: stop, rm, exec and inspect at the same time" {
	local pids pid
	for _ in 1 2 3 4 5; do
		engine run -d --name app "$IMAGE" sleep 100
		pids=()
		for command in 'stop -t 0 app' 'rm -f app' 'exec app true' 'inspect app' 'kill app'; do
			# shellcheck disable=SC2086 # a command line
			timeout 20 "$VESSEL" $command >/dev/null 2>&1 3>&- &
			pids+=($!)
		done
		for pid in "${pids[@]}"; do
			local code=0
			wait "$pid" || code=$?
			[ "$code" != 124 ] # none hangs
		done
		engine ps -aq
		[ -z "$output" ] || engine rm -f app
	done
}

@test "a full disk is an error, and afterwards all works" {
	mount -t tmpfs -o size=6m none "$TEST_DIR" 2>/dev/null || skip "cannot mount"
	umount "$TEST_DIR"
	mkdir "$TEST_DIR/small"
	mount -t tmpfs -o size=3m vessel-test "$TEST_DIR/small"
	local small=("$VESSEL" --root "$TEST_DIR/small/root" --run-dir "$TEST_DIR/small/run")
	run --separate-stderr "${small[@]}" import "$(box_tar)" big
	[ "$status" -ne 0 ]
	assert_stderr_contains "No space left on device"
	run --separate-stderr "${small[@]}" images -q
	[ "$status" -eq 0 ]
	assert_output ""
	mount -o remount,size=64m "$TEST_DIR/small"
	"${small[@]}" import "$(box_tar)" big >/dev/null
	run "${small[@]}" run --rm --network none big echo works
	assert_output "works"
	"${small[@]}" system reset --force
	umount "$TEST_DIR/small"
}

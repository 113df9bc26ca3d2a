#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The life of a container: create, start, look, enter, pause, stop, kill, restart, wait, remove.
load helpers

setup() { engine_setup; }
teardown() { engine_teardown; }

FULL_ID='^[0-9a-f]{64}$'

@test "create does not run, start does, and the state says so" {
	engine create --name app "$IMAGE" sh -c 'echo ran; sleep 100'
	assert_match "$FULL_ID"
	engine inspect -f '{{.State.Status}} {{.State.Running}} {{.State.Pid}}' app
	assert_output "created false 0"
	engine ps -q
	assert_output ""
	engine ps -aq
	[ -n "$output" ]
	engine start app
	assert_output "app"
	wait_for_log app ran
	engine inspect -f '{{.State.Status}} {{.State.Running}}' app
	assert_output "running true"
	kill -0 "$(pid_of app)"
	# A second start of a running one is fine.
	engine start app
	assert_output "app"
}

@test "start -a shows what it prints and ends as it ends" {
	engine create --name app "$IMAGE" sh -c 'echo out; echo err >&2; exit 7'
	engine_fails 7 start -a app
	assert_output "out"
	assert_stderr_contains "err"
	# Again: the same container, a new run; files stay, the log goes on.
	engine_fails 7 start -a app
	engine logs app
	[ "$(grep -c out <<<"$output")" = 2 ]
}

@test "start of several starts all it can, and names the one it cannot" {
	engine create --name one "$IMAGE" sleep 100
	engine create --name two "$IMAGE" sleep 100
	engine_fails 1 start one nobody two
	assert_line "one"
	assert_line "two"
	assert_stderr_contains "No such container: nobody"
	state_is one running
	state_is two running
}

@test "a program that is not there: start fails, and the container is left created or exited with 127" {
	engine create --name app "$IMAGE" nosuch
	run --separate-stderr "$VESSEL" start app
	[ "$status" -ne 0 ]
	assert_stderr_contains 'executable file not found in $PATH'
	engine inspect -f '{{.State.ExitCode}}' app
	assert_output 127
}

@test "files written in one run are there in the next, and gone with the container" {
	engine run --name app "$IMAGE" sh -c 'echo kept >/file'
	engine start app
	engine_fails 1 run --rm "$IMAGE" cat /file # another container
	engine create --name again "$IMAGE" sh -c 'cat /file 2>/dev/null || echo new; echo kept >/file'
	engine start -a again
	assert_output "new"
	engine start -a again
	assert_output "kept"
	engine rm app again
	gone again
}

@test "stop: SIGTERM to a program that handles it, its own exit code" {
	engine run -d --name app "$IMAGE" sh -c 'trap "echo bye; exit 3" TERM; echo ready; while :; do sleep 0.1; done'
	wait_for_log app ready
	engine stop app
	assert_output "app"
	engine inspect -f '{{.State.Status}} {{.State.ExitCode}}' app
	assert_output "exited 3"
	engine logs app
	assert_line "bye"
	# Stopping a stopped one is fine.
	engine stop app
}

@test "stop kills a container that ignores its stop signal" {
	# 'ready' is printed after the trap is set: without waiting for it this test would pass for the
	# wrong reason, killed before it could refuse.
	engine run -d --name stubborn "$IMAGE" sh -c 'trap "" TERM; echo ready; sleep 60'
	wait_for_log stubborn ready
	engine stop --time 1 stubborn
	assert_output "stubborn"
	engine inspect -f '{{.State.Status}} {{.State.ExitCode}}' stubborn
	assert_output "exited 137" # 128 + SIGKILL
}

@test "stop -t 0 kills at once; a first process without a handler needs it" {
	engine run -d --name app "$IMAGE" sleep 100
	local before=$SECONDS
	engine stop -t 0 app
	[ $((SECONDS - before)) -lt 5 ]
	engine inspect -f '{{.State.ExitCode}}' app
	assert_output 137
}

@test "--stop-signal and --stop-timeout are the container's own" {
	engine run -d --name app --stop-signal USR1 --stop-timeout 60 "$IMAGE" \
		sh -c 'trap "exit 5" USR1; echo ready; while :; do sleep 0.1; done'
	wait_for_log app ready
	engine stop app
	engine inspect -f '{{.State.ExitCode}}' app
	assert_output 5
	engine run -d --name quick --stop-timeout 1 "$IMAGE" sleep 100
	local before=$SECONDS
	engine stop quick
	[ $((SECONDS - before)) -lt 6 ]
	engine_fails 125 run --stop-signal NOSUCH "$IMAGE" true
	assert_stderr_contains "NOSUCH"
}

@test "stop names the container it cannot find, and stops the others" {
	engine run -d --name real "$IMAGE" sleep 60
	engine_fails 1 stop -t 0 real ghost
	assert_line "real"
	assert_stderr_contains "No such container: ghost"
	state_is real exited
}

@test "kill sends what it is told, KILL when nothing is said" {
	engine run -d --name app "$IMAGE" sh -c 'trap "echo got it" USR1; echo ready; while :; do sleep 0.1; done'
	wait_for_log app ready
	engine kill -s USR1 app
	assert_output "app"
	wait_for_log app "got it"
	engine kill --signal SIGUSR1 app
	state_is app running
	engine kill app
	wait_for_state app exited
	engine inspect -f '{{.State.ExitCode}}' app
	assert_output 137
	engine_fails 1 kill app
	assert_stderr_contains "is not running"
	engine_fails 1 kill -s NOSUCH app
}

@test "restart: another first process, the same container" {
	engine run -d --name app "$IMAGE" sleep 100
	local pid id="$output"
	pid="$(pid_of app)"
	engine restart -t 0 app
	assert_output "app"
	[ "$(pid_of app)" != "$pid" ]
	[ "$(field app .Id)" = "$id" ]
	state_is app running
	engine stop -t 0 app
	engine restart app # a stopped one is started
	state_is app running
}

@test "wait blocks until the end and prints the exit code" {
	engine run -d --name app "$IMAGE" sh -c 'while [ ! -e /go ]; do sleep 0.05; done; exit 9'
	"$VESSEL" wait app >"$TEST_DIR/waited" 3>&- &
	local waiter=$!
	kill -0 "$waiter"
	engine exec app touch /go
	wait "$waiter"
	[ "$(cat "$TEST_DIR/waited")" = 9 ]
	engine wait app # of one that has ended: at once
	assert_output 9
	engine_fails 1 wait nobody
}

@test "pause freezes it, exec is refused, unpause lets it go on" {
	engine run -d --name app "$IMAGE" sh -c 'while :; do echo tick; sleep 0.05; done'
	wait_for_log app tick
	engine pause app
	assert_output "app"
	state_is app paused
	engine ps --format '{{.Status}}'
	assert_contains "(Paused)"
	local ticks
	ticks="$("$VESSEL" logs app | wc -l)"
	sleep 0.5 # that nothing happens takes time to see
	[ "$("$VESSEL" logs app | wc -l)" = "$ticks" ]
	engine_fails 1 exec app true
	assert_stderr_contains "is paused"
	engine unpause app
	wait_until sh -c "[ \$('$VESSEL' logs app | wc -l) -gt $ticks ]"
	engine_fails 1 unpause app
	engine pause app
	engine rm -f app # also a paused one
}

@test "exec runs in the container: its files, its processes, its names" {
	engine run -d --name app -e A=1 --hostname boat -w /tmp "$IMAGE" sleep 100
	engine exec app sh -c 'echo "$A $(hostname) $PWD"'
	assert_output "1 boat /tmp"
	engine exec app ps -o pid,args
	assert_match '1 sleep 100'
	engine exec -e B=2 -w /etc -u 1000:1000 app sh -c 'echo "$B $PWD $(id -u):$(id -g)"'
	assert_output "2 /etc 1000:1000"
	engine_fails 4 exec app sh -c 'exit 4'
	engine_fails 127 exec app nosuch
	assert_stderr_contains 'executable file not found in $PATH'
	engine_fails 126 exec app /etc/passwd
	engine_fails 137 exec app sh -c 'kill -9 $$'
}

@test "exec -i gets our input, -d does not wait, -t has a terminal" {
	engine run -d --name app "$IMAGE" sleep 100
	[ "$(printf 'one\ntwo\n' | "$VESSEL" exec -i app wc -l)" = 2 ]
	engine exec -d app sh -c 'echo later >/tmp/file'
	assert_output ""
	wait_until "$VESSEL" exec app test -s /tmp/file
	engine exec -t app tty
	assert_contains "/dev/pts/"
	engine exec app tty || true
	refute_contains "/dev/"
}

@test "exec into what does not run is an error that says so" {
	engine create --name app "$IMAGE" true
	engine_fails 1 exec app true
	assert_stderr_contains "is not running"
	engine_fails 1 exec nobody true
	assert_stderr_contains "No such container: nobody"
}

@test "processes of exec die with the container" {
	engine run -d --name app "$IMAGE" sleep 100
	engine exec -d app sleep 1000
	wait_until sh -c "'$VESSEL' exec app ps | grep -q 'sleep 1000'"
	engine stop -t 0 app
	wait_until sh -c "! pgrep -f '^sleep 1000$' >/dev/null || [ -z \"\$(pgrep -f '^sleep 1000$' | xargs -rn1 sh -c 'grep -l $VESSEL_ROOT /proc/\$0/mountinfo')\" ]"
}

@test "ps: columns, filters, quiet, last; all of them only with -a" {
	engine run -d --name up -l kind=a "$IMAGE" sleep 100
	engine run --name done -l kind=b "$IMAGE" sh -c 'exit 3' || true
	engine ps
	assert_match '^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES'
	assert_match 'up$'
	refute_contains "done"
	engine ps -a
	assert_match 'Exited \(3\)'
	engine ps -a --filter status=exited --format '{{.Names}}'
	assert_output "done"
	engine ps -a --filter label=kind=a --format '{{.Names}}'
	assert_output "up"
	engine ps -a --filter name=do --format '{{.Names}}'
	assert_output "done"
	engine ps -aq --no-trunc
	assert_match '^[0-9a-f]{64}'
	engine ps --format 'table {{.ID}}\t{{.Names}}'
	assert_match '^CONTAINER ID +NAMES'
	engine ps --format json
	assert_match '^\{.*"Names":"up".*\}$'
}

@test "logs: both streams, tail, since, timestamps" {
	engine run --name app "$IMAGE" sh -c 'for i in 1 2 3 4 5; do echo line $i; done; echo oops >&2'
	engine logs app
	assert_line "line 1"
	[ "$stderr" = "oops" ]
	engine logs --tail 2 app
	refute_contains "line 3"
	engine logs -n 0 app
	assert_output ""
	engine logs -t --tail 1 app
	[[ "$output$stderr" =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z ]]
	engine logs --since 1h app
	assert_line "line 5"
	engine logs --until 1h app
	assert_output ""
	engine_fails 1 logs nobody
}

@test "logs -f follows to the end of the container, and no further" {
	engine run -d --name app "$IMAGE" sh -c 'echo first; while [ ! -e /go ]; do sleep 0.05; done; echo last'
	wait_for_log app first
	"$VESSEL" logs -f app >"$TEST_DIR/followed" 3>&- &
	local follower=$!
	wait_until grep -q first "$TEST_DIR/followed"
	engine exec app touch /go
	wait "$follower"
	grep -q last "$TEST_DIR/followed"
}

@test "a log line that is long, without an end or not text arrives as it was" {
	engine run --name app "$IMAGE" sh -c 'head -c 100000 /dev/zero | tr "\0" x; echo; printf "no newline"'
	[ "$("$VESSEL" logs app | head -n 1 | wc -c)" = 100001 ]
	[ "$("$VESSEL" logs app | tail -c 10)" = "no newline" ]
	# Bytes that are no UTF-8 cannot be in JSON: they become U+FFFD, all else stays.
	engine run --name bytes "$IMAGE" sh -c 'printf "\303\251 tab\t quote\" back\\\\ \001 \377\n"'
	engine logs bytes
	assert_output $'\u00e9 tab\t quote" back\\ \x01 \ufffd'
}

@test "inspect: JSON for tools, and the numbers of the host" {
	engine run -d --name app -e A=1 -l k=v "$IMAGE" sleep 100
	engine inspect app
	assert_contains '"Name": "/app"'
	assert_contains '"Running": true'
	engine inspect -f '{{.Config.Env}} {{index .Config.Labels "k"}} {{.Path}} {{.Args}}' app
	assert_contains "A=1"
	assert_contains "v sleep [100]"
	engine inspect -f '{{json .Config.Cmd}}' app
	assert_output '["sleep","100"]'
	kill -0 "$(pid_of app)"
	engine_fails 1 inspect -f '{{.No.Such}}' app
	engine_fails 1 inspect nobody
	assert_stderr_contains "No such object: nobody"
	assert_output "[]"
}

@test "rm: not a running one without -f; unknown ones are named; the name is free again" {
	engine run -d --name app "$IMAGE" sleep 100
	engine_fails 1 rm app
	assert_stderr_contains "running container"
	state_is app running
	engine rm -f app
	assert_output "app"
	engine_fails 1 rm app
	assert_stderr_contains "No such container: app"
	engine create --name app "$IMAGE" true
	engine rm app
}

@test "rm -f of many takes the time of one" {
	local i ids=()
	for i in $(seq 8); do
		engine run -d --network none "$IMAGE" sh -c 'trap "" TERM; sleep 100'
		ids+=("$output")
	done
	local before=$SECONDS
	engine rm -f "${ids[@]}"
	[ $((SECONDS - before)) -lt 8 ]
	[ "$(wc -l <<<"$output")" = 8 ]
}

@test "rename: the new name works, the old is free, one in use is refused" {
	engine run -d --name old "$IMAGE" sleep 100
	engine rename old new
	state_is new running
	gone old
	engine create --name other "$IMAGE" true
	engine_fails 1 rename other new
	assert_stderr_contains "already in use"
	engine_fails 1 rename other 'bad/name'
}

@test "top shows the container's processes by the host's numbers" {
	engine run -d --name app "$IMAGE" sleep 100
	engine top app
	assert_match 'PID'
	assert_match "$(pid_of app).*sleep 100"
}

@test "attach joins its output; --sig-proxy carries our signal" {
	engine run -d --name app "$IMAGE" sh -c 'trap "echo bye; exit 4" TERM; echo ready; while :; do echo tick; sleep 0.1; done'
	wait_for_log app ready
	"$VESSEL" attach app >"$TEST_DIR/attached" 3>&- &
	local client=$! code=0
	wait_until grep -q tick "$TEST_DIR/attached"
	kill -TERM "$client"
	wait "$client" || code=$?
	[ "$code" = 4 ]
	grep -q bye "$TEST_DIR/attached"
}

@test "names and prefixes: unknown, empty and odd ones are refused everywhere" {
	local command bad
	for command in start stop kill rm logs inspect wait pause; do
		engine_fails 1 "$command" nobody
	done
	for bad in 'a b' '-x' '../x' 'a/b' '' 'é'; do
		run --separate-stderr "$VESSEL" create --name "$bad" "$IMAGE" true
		[ "$status" -ne 0 ] || [ -z "$bad" ] || wanted "wanted a refusal of the name" "$bad"
	done
}

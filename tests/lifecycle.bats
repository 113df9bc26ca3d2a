#!/usr/bin/env bats
# The life of a container, command by command: what each one does, prints and answers.
load helpers

setup() { engine_setup; }
teardown() { engine_teardown; }

state() { field "$1" .State.Status; }
is_state() { [ "$(state "$1")" = "$2" ]; }
assert_state() { [ "$(state "$1")" = "$2" ] || { echo "$1 is $(state "$1"), not $2"; return 1; }; }

# A container that says which signals reach it, and ends by TERM with 7.
talker() {
	engine run -d --name "$1" "${@:2}" "$IMAGE" sh -c \
		'trap "echo got usr1" USR1; trap "echo got hup" HUP; trap "echo got term; exit 7" TERM; trap "echo got int; exit 8" INT
		echo ready; while :; do sleep 0.05; done'
	wait_for_log "$1" ready
}

@test "create makes it, start runs it: the same container again and again" {
	engine create --name twice "$IMAGE" sh -c 'echo run >>/count; cat /count'
	assert_match '^[0-9a-f]{64}$'
	assert_state twice created
	engine start -a twice
	assert_output "run"
	assert_state twice exited
	engine start -a twice
	assert_output $'run\nrun'
	engine start twice
	assert_output "twice"
}

@test "start -a ends as the program ends, and -i gives it input" {
	engine create --name seven "$IMAGE" sh -c 'echo out; echo err >&2; exit 7'
	engine_fails 7 start -a seven
	assert_output "out"
	[ "$stderr" = err ]
	engine create -i --name counter "$IMAGE" wc -c
	run bash -c "printf 12345 | '$VESSEL' start -ai counter"
	[ "$output" = 5 ]
}

@test "start: a running one stays as it is, one that is not there is an error, the others start" {
	talker runner
	local pid; pid="$(field runner .State.Pid)"
	engine start runner
	[ "$(field runner .State.Pid)" = "$pid" ]
	engine create --name other "$IMAGE" sleep 100
	engine_fails 1 start ghost other
	assert_stderr_contains "No such container: ghost"
	assert_line other
	assert_state other running
}

@test "start of a missing program is 127, and the container stays, created" {
	engine create --name broken "$IMAGE" nosuch
	engine_fails 127 start -a broken
	assert_stderr_contains 'exec: "nosuch": executable file not found in $PATH'
	engine_fails 1 start broken
	engine ps -a --format '{{.Names}} {{.State}}'
	assert_output "broken created"
	[ "$(field broken .State.ExitCode)" = 127 ]
}

@test "stop: the stop signal, then KILL after the timeout" {
	talker polite
	engine stop polite
	assert_output polite
	[ "$(field polite .State.ExitCode)" = 7 ]
	log_has polite "got term"

	engine run -d --name stubborn "$IMAGE" sh -c 'trap "" TERM; echo ready; sleep 60'
	wait_for_log stubborn ready
	local before=$SECONDS
	engine stop -t 1 stubborn
	[ $((SECONDS - before)) -ge 1 ]
	[ $((SECONDS - before)) -lt 8 ]
	[ "$(field stubborn '.State.Status}} {{.State.ExitCode')" = "exited 137" ]
}

@test "stop: --stop-signal and --stop-timeout are the container's own, -s and -t go before them" {
	talker usr --stop-signal INT --stop-timeout 1
	engine stop usr
	[ "$(field usr .State.ExitCode)" = 8 ]
	engine start usr
	wait_until bash -c "[ \"\$('$VESSEL' logs usr | grep -c ready)\" = 2 ]"
	engine stop -s TERM usr
	[ "$(field usr .State.ExitCode)" = 7 ]
	engine run -d --name own --stop-timeout 0 "$IMAGE" sleep 100
	local before=$SECONDS
	engine stop own
	[ $((SECONDS - before)) -lt 8 ]
	[ "$(field own .State.ExitCode)" = 137 ]
}

@test "stop: a stopped and a created one are fine, a missing one is not; all others stop" {
	engine create --name created "$IMAGE" true
	engine stop created
	assert_output created
	assert_state created created
	talker one; talker two
	engine_fails 1 stop one ghost two
	assert_line one; assert_line two
	assert_stderr_contains "No such container: ghost"
	assert_state one exited; assert_state two exited
	engine stop one
	engine_fails 1 stop -s NOSUCH two
	engine_fails 1 stop
	assert_stderr_contains "requires at least 1 argument"
}

@test "an image's STOPSIGNAL is used" {
	engine import --change 'STOPSIGNAL SIGINT' "$(box_tar)" signalled
	IMAGE=signalled talker polite
	engine stop polite
	[ "$(field polite .State.ExitCode)" = 8 ]
}

@test "kill: KILL, or the signal that is asked for by name or number" {
	talker victim
	engine kill -s USR1 victim
	assert_output victim
	wait_for_log victim "got usr1"
	engine kill --signal=SIGHUP victim
	wait_for_log victim "got hup"
	engine kill -s 10 victim
	wait_until bash -c "[ \"\$('$VESSEL' logs victim | grep -c 'got usr1')\" = 2 ]"
	assert_state victim running
	engine_fails 1 kill -s NOSUCH victim
	assert_stderr_contains "NOSUCH"
	engine kill victim
	# It has ended when kill returns: rm needs no -f.
	assert_state victim exited
	engine_fails 1 kill victim
	assert_stderr_contains "is not running"
	engine rm victim
}

@test "restart: a new process in the same files; a stopped one starts" {
	talker again --stop-timeout 3
	local pid; pid="$(field again .State.Pid)"
	engine exec again touch /kept
	engine restart again
	assert_output again
	[ "$(field again .State.Pid)" != "$pid" ]
	engine exec again ls /kept
	engine stop again
	engine restart -t 1 again
	assert_state again running
	log_has again "got term"
	engine_fails 1 restart ghost
}

@test "rm: not a running one without -f, and each name is looked at" {
	talker runner
	engine create --name idle "$IMAGE" true
	engine_fails 1 rm runner ghost idle
	assert_output idle
	assert_stderr_contains "You cannot remove a running container"
	assert_stderr_contains "No such container: ghost"
	assert_state runner running
	engine rm -f runner ghost
	assert_output runner
	engine ps -aq
	assert_output ""
}

@test "rm -v takes anonymous volumes, never a named one" {
	local volumes="$VESSEL_ROOT/volumes"
	engine run --name vols -v /anonymous -v named:/named "$IMAGE" touch /anonymous/a /named/n
	[ "$(find "$volumes" -name a -o -name n | wc -l)" = 2 ]
	engine rm -v vols
	[ "$(find "$volumes" -name a | wc -l)" = 0 ]
	[ "$(find "$volumes" -name n | wc -l)" = 1 ]
}

@test "wait prints the exit codes, of stopped ones at once" {
	engine run -d --name a1 "$IMAGE" sh -c 'sleep 0.4; exit 5'
	engine run -d --name b1 "$IMAGE" sh -c 'exit 6'
	engine wait a1 b1
	assert_output $'5\n6'
	engine wait a1
	assert_output 5
	engine_fails 1 wait ghost
	# One that dies while several wait for it.
	engine run -d --name many "$IMAGE" sleep 100
	local i
	for i in 1 2 3 4 5; do "$VESSEL" wait many >"$TEST_DIR/wait$i" & done
	sleep 0.2
	engine kill many
	wait
	[ "$(cat "$TEST_DIR"/wait? | sort -u)" = 137 ]
	[ "$(cat "$TEST_DIR"/wait? | wc -l)" = 5 ]
}

@test "logs: both streams in order, again after the end, --tail, -t, --since, --until" {
	engine run -d --name writer "$IMAGE" sh -c 'for i in 1 2 3 4 5; do echo line $i; sleep 0.1; done; echo bad >&2'
	engine wait writer
	engine logs writer
	assert_output $'line 1\nline 2\nline 3\nline 4\nline 5'
	[ "$stderr" = bad ]
	run bash -c "'$VESSEL' logs --tail 2 writer 2>&1"
	[ "$output" = $'line 5\nbad' ]
	engine logs -n 0 writer
	assert_output ""
	engine logs -t writer
	assert_match '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z line 1'
	local third; third="$(sed -n 3p <<<"$output" | cut -d' ' -f1)"
	engine logs --since "$third" writer
	assert_contains "line 3"
	refute_contains "line 2"
	engine logs --until "$third" writer
	assert_contains "line 2"
	refute_contains "line 4"
	engine logs --since 1h writer
	assert_contains "line 1"
	engine logs --since "$(($(date +%s) + 60))" writer
	assert_output ""
	engine_fails 1 logs --tail many writer
	engine_fails 1 logs --since yesterday writer
	assert_stderr_contains yesterday
}

@test "logs -f follows to the end, and through no newline at the end" {
	engine run -d --name follow "$IMAGE" sh -c 'for i in 1 2 3; do echo $i; sleep 0.3; done; printf last'
	run timeout 20 "$VESSEL" logs -f follow
	[ "$status" = 0 ]
	assert_output $'1\n2\n3\nlast'
	[ "$("$VESSEL" logs follow | wc -c)" = 10 ]
	# Of an ended one it ends at once; of a silent one when it ends.
	run timeout 20 "$VESSEL" logs -f --tail 1 follow
	assert_output "last"
	engine run -d --name silent "$IMAGE" sleep 100
	timeout 20 "$VESSEL" logs -f silent &
	local reader=$!
	sleep 0.2
	engine kill silent
	wait "$reader"
}

@test "logs: long lines, control characters and many lines come back byte by byte" {
	# 200,000 bytes without a newline go beyond one entry of the log.
	engine run --name long "$IMAGE" sh -c 'head -c 200000 /dev/zero | tr "\0" x; echo; printf "a\001\342\202\254\t\"\\\\b\n"; seq 20000'
	run bash -c "'$VESSEL' logs long | md5sum"
	local logged="$output"
	run bash -c "head -c 200000 /dev/zero | tr '\0' x >'$TEST_DIR/x'; echo >>'$TEST_DIR/x'; printf 'a\001\342\202\254\t\"\\\\b\n' >>'$TEST_DIR/x'; seq 20000 >>'$TEST_DIR/x'; md5sum <'$TEST_DIR/x'"
	[ "$output" = "$logged" ] || { "$VESSEL" logs long | cmp - "$TEST_DIR/x"; return 1; }
	engine logs --tail 1 long
	assert_output 20000
}

@test "ps: columns, and what -a, -q, -l, -n, --no-trunc change" {
	engine ps
	assert_output "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES"
	engine run --name ended "$IMAGE" sh -c 'exit 3' || true
	engine run -d --name long "$IMAGE" sleep 1234567890 1 2 3 4 5 6
	local id="$output"
	engine ps
	assert_match "^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES"
	assert_match "${id:0:12} +$IMAGE +\"sleep 1234567890 1 …\" +[^ ].* ago +Up .* +long\$"
	refute_contains ended
	engine ps -a
	assert_match 'Exited \(3\) .* ago +ended'
	engine ps -q
	assert_output "${id:0:12}"
	engine ps -q --no-trunc
	assert_output "$id"
	engine ps --no-trunc
	assert_contains '"sleep 1234567890 1 2 3 4 5 6"'
	engine ps -l --format '{{.Names}}'
	assert_output long
	engine ps -n 5 --format '{{.Names}}'
	assert_output $'long\nended'
	engine ps -n 1 --format '{{.Names}}'
	assert_output long
}

@test "ps --filter and --format" {
	engine create --name idle --label tier=back --label note "$IMAGE" true
	engine run --name failed "$IMAGE" sh -c 'exit 9' || true
	engine run -d --name web --label tier=front -p 127.0.0.1::80 "$IMAGE" sleep 100
	local names='{{.Names}}'
	engine ps -a --filter status=created --format "$names"
	assert_output idle
	engine ps -a --filter exited=9 --format "$names"
	assert_output failed
	engine ps -a --filter label=tier --format "$names"
	assert_output $'web\nidle'
	engine ps -a --filter label=tier=back --filter label=note --format "$names"
	assert_output idle
	engine ps -a --filter name=we --format "$names"
	assert_output web
	engine ps -a --filter "name=^/failed\$" --format "$names"
	assert_output failed
	engine ps -a --filter ancestor="$IMAGE" --filter status=running -q
	[ "$(wc -l <<<"$output")" = 1 ]
	engine ps -a --filter before=web --filter since=idle --format "$names"
	assert_output failed
	engine ps --filter id="$("$VESSEL" ps -q)" --format 'table {{.Names}}\t{{.Status}}'
	assert_match '^NAMES +STATUS'
	engine ps --format json
	assert_match '"Names":"web"'
	engine ps --format '{{.Ports}} {{.Label "tier"}} {{json .Image}}'
	assert_match '^127\.0\.0\.1:[0-9]+->80/tcp front "box"$'
	engine_fails 1 ps --filter nosuch=1
	assert_stderr_contains "nosuch"
	engine_fails 1 ps --format '{{.Nosuch}}'
	engine_fails 1 ps --format '{{'
}

@test "exec: in the container, with its environment, as whom and where it is told" {
	engine run -d --name box1 -e FROM=run -w /tmp "$IMAGE" sleep 100
	engine exec box1 sh -c 'echo "$FROM|$PWD|$(id -u)"'
	assert_output "run|/tmp|0"
	engine exec -e FROM=exec -e MORE=x -w /etc -u user box1 sh -c 'echo "$FROM|$MORE|$PWD|$(id -un)|$HOME"'
	assert_output "exec|x|/etc|user|/home/user"
	engine exec -u 1000:2000 box1 id -g
	assert_output 2000
	# Environments of many lengths, and a command longer than a message to the monitor.
	engine exec -e A=1 -e B=2 -e C=3 -e D=4 -e E=5 box1 sh -c 'echo $A$B$C$D$E'
	assert_output 12345
	engine exec box1 sh -c 'echo ${#1}' sh "$(head -c 100000 /dev/zero | tr '\0' x)"
	assert_output 100000
	engine_fails 1 exec -u nobody-here box1 true
	assert_stderr_contains "nobody-here"
	engine exec box1 sh -c 'echo out; echo err >&2'
	assert_output out
	[ "$stderr" = err ]
}

@test "exec: input with -i, a terminal with -t, no waiting with -d" {
	engine run -d --name box1 "$IMAGE" sleep 100
	run bash -c "printf 'a\nb\n' | '$VESSEL' exec -i box1 wc -l"
	[ "$output" = 2 ]
	run bash -c "printf 'a\nb\n' | '$VESSEL' exec box1 wc -l"
	[ "$output" = 0 ]
	run bash -c "head -c 3000000 /dev/zero | '$VESSEL' exec -i box1 cat | wc -c"
	[ "$output" = 3000000 ]
	run script -qec "stty rows 33 cols 77; '$VESSEL' exec -it box1 sh -c 'stty size; tty; exit 4'" /dev/null
	[ "$status" = 4 ]
	assert_contains "33 77"
	assert_contains "/dev/pts/"
	engine exec -d box1 sh -c 'sleep 0.3; echo later >/later'
	assert_output ""
	wait_until "$VESSEL" exec box1 cat /later
}

@test "exec: its exit codes, 126 and 127, and never on one that does not run" {
	engine run -d --name box1 "$IMAGE" sleep 100
	engine_fails 9 exec box1 sh -c 'exit 9'
	engine_fails 137 exec box1 sh -c 'kill -9 $$'
	engine_fails 127 exec box1 nosuch
	assert_stderr_contains 'exec: "nosuch": executable file not found in $PATH'
	engine_fails 127 exec box1 /no/such
	engine_fails 126 exec box1 /etc/passwd
	assert_stderr_contains "permission denied"
	engine_fails 127 exec -d box1 nosuch
	engine_fails 127 exec -w /nowhere box1 true
	assert_stderr_contains "/nowhere"
	engine stop -t 0 box1
	engine_fails 1 exec box1 true
	assert_stderr_contains "is not running"
	engine_fails 1 exec ghost true
	assert_stderr_contains "No such container: ghost"
}

@test "what was exec'd ends with the container" {
	engine run -d --name box1 "$IMAGE" sleep 100
	"$VESSEL" exec box1 sleep 100 &
	local client=$!
	wait_until bash -c "[ \"\$('$VESSEL' exec box1 ps | grep -c 'sleep 100')\" = 2 ]"
	engine kill box1
	local code=0; wait "$client" || code=$?
	[ "$code" = 137 ]
}

@test "inspect: -f, several names, --type, an image, nobody" {
	engine create --name first -e A=1 -l k=v -m 64m "$IMAGE" sleep 1
	local id="$output"
	engine create --name second "$IMAGE" true
	engine inspect first
	jq -e ".[0] | .Id == \"$id\" and .Name == \"/first\" and .State.Status == \"created\" and .HostConfig.Memory == 67108864
		and (.Config.Env | index(\"A=1\")) and .Config.Labels.k == \"v\" and .Path == \"sleep\" and .Args == [\"1\"]
		and .Config.Cmd == [\"sleep\",\"1\"] and .Config.Image == \"box\" and (.Image | startswith(\"sha256:\"))" <<<"$output"
	engine inspect -f '{{.Name}} {{len .Config.Env}} {{json .Config.Cmd}}' first second
	[ "$(wc -l <<<"$output")" = 2 ]
	assert_contains '/first'
	assert_contains '["true"]'
	engine inspect --type image -f '{{json .RepoTags}}' "$IMAGE"
	assert_output '["box:latest"]'
	engine_fails 1 inspect --type image first
	engine_fails 1 inspect first ghost
	assert_stderr_contains "No such object: ghost"
	jq -e 'length == 1' <<<"$output"
	engine_fails 1 inspect -f '{{.Nosuch.Field}}' first
	engine_fails 1 inspect -f '{{.Id' first
	engine run -d --name running "$IMAGE" sleep 100
	[ "$(field running .State.Running)" = true ]
	[ "$(cat /proc/"$(field running .State.Pid)"/comm)" = sleep ]
	assert_match_ip "$(field running .NetworkSettings.IPAddress)"
}

assert_match_ip() { [[ "$1" =~ ^172\.[0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo "not an address: $1"; return 1; }; }

@test "stats --no-stream: one row for each that runs" {
	talker busy
	engine create --name idle "$IMAGE" true
	engine stats --no-stream
	assert_match '^CONTAINER ID +NAME +CPU % +MEM USAGE / LIMIT +MEM % +NET I/O +BLOCK I/O +PIDS'
	[ "$(wc -l <<<"$output")" = 2 ]
	engine stats --no-stream --format '{{.Name}} {{.PIDs}} {{.MemUsage}}' busy
	assert_match '^busy [12] [0-9.]+[KM]iB / [0-9.]+GiB$'
	engine stats --no-stream -a --format '{{.Name}}'
	assert_line idle
	engine_fails 1 stats --no-stream ghost
}

@test "top shows the host's numbers of exactly its processes" {
	engine run -d --name watched --init "$IMAGE" sh -c 'sleep 1000; true'
	wait_until bash -c "'$VESSEL' top watched | grep 'sleep 1000$'"
	engine top watched
	assert_match '^UID +PID +PPID'
	grep -q " $(field watched .State.Pid) " <<<"$output"
	engine top watched -o pid,comm
	assert_match '^PID +COMMAND'
	[ "$(wc -l <<<"$output")" = 4 ]
	engine stop watched
	engine_fails 1 top watched
	assert_stderr_contains "is not running"
}

@test "pause freezes, unpause goes on; a paused one is listed, killed and removed" {
	engine run -d --name frozen "$IMAGE" sh -c 'while :; do echo tick; sleep 0.05; done'
	wait_for_log frozen tick
	engine pause frozen
	assert_output frozen
	assert_state frozen paused
	engine ps --format '{{.Status}}'
	assert_match 'Paused'
	local lines; lines="$("$VESSEL" logs frozen | wc -l)"
	sleep 0.4
	[ "$("$VESSEL" logs frozen | wc -l)" -le $((lines + 1)) ]
	engine_fails 1 pause frozen
	assert_stderr_contains "already paused"
	engine_fails 1 exec frozen true
	assert_stderr_contains "paused"
	engine unpause frozen
	assert_state frozen running
	engine_fails 1 unpause frozen
	engine pause frozen
	engine kill frozen
	engine wait frozen
	assert_output 137
	engine start frozen
	engine pause frozen
	engine stop -t 1 frozen
	assert_state frozen exited
	engine start frozen
	engine pause frozen
	engine rm -f frozen
	engine_fails 1 pause ghost
}

@test "rename: the new name is found, the old is free; no bad, taken or own name" {
	engine create --name old "$IMAGE" true
	local id="$output" name
	engine rename old new
	[ "$(field new .Id)" = "$id" ]
	engine_fails 1 inspect old
	engine create --name old "$IMAGE" true
	engine_fails 1 rename old new
	assert_stderr_contains "already in use"
	for name in old / '' 'a/b' .. a 'a b'; do
		engine_fails 1 rename old "$name"
	done
	[ "$(field old .Name)" = /old ]
	engine run -d --name live "$IMAGE" sleep 100
	engine rename live lively
	engine exec lively true
}

@test "port prints what is published" {
	engine run -d --name web -p 127.0.0.1::80 -p 127.0.0.1::53/udp "$IMAGE" sleep 100
	engine port web
	assert_match '80/tcp -> 127\.0\.0\.1:[0-9]+'
	assert_match '53/udp -> 127\.0\.0\.1:[0-9]+'
	engine port web 80
	assert_match '^127\.0\.0\.1:[0-9]+$'
	engine port web 53/udp
	assert_match '^127\.0\.0\.1:[0-9]+$'
	engine_fails 1 port web 81
	assert_stderr_contains "81/tcp"
	engine stop -t 0 web
	engine port web
	assert_output ""
}

@test "attach shows what comes from now on, and ends as the program ends" {
	engine run -d -i --name shell "$IMAGE" sh
	run bash -c "printf 'echo hello; exit 6\n' | timeout 20 '$VESSEL' attach shell"
	[ "$status" = 6 ]
	[ "$output" = hello ]
	engine_fails 1 attach shell
	assert_stderr_contains "stopped container"
}

@test "attach: the detach keys leave it running, signals go to the program" {
	engine run -dit --name term "$IMAGE" sh
	run script -qec "(sleep 0.4; printf 'echo typed\r'; sleep 0.4; printf '\020\021'; sleep 3) | script -qec '$VESSEL attach term' /dev/null" /dev/null
	assert_contains typed
	assert_state term running
	talker signalled
	"$VESSEL" attach --no-stdin signalled >"$TEST_DIR/out" &
	local client=$!
	sleep 0.3
	kill -TERM "$client"
	local code=0; wait "$client" || code=$?
	[ "$code" = 7 ]
	grep -q "got term" "$TEST_DIR/out"
}

@test "update: of a running one at once, of a stopped one at its next start" {
	engine run -d --name live -m 64m "$IMAGE" sh -c 'while :; do sleep 1; done'
	local group; group="$(sed -n 's/^.*:memory://p' "/proc/$(field live .State.Pid)/cgroup")"
	engine update -m 128m --pids-limit 33 live
	assert_output live
	[ "$(cat "/sys/fs/cgroup/memory$group/memory.limit_in_bytes")" = 134217728 ]
	[ "$(cat "/sys/fs/cgroup/pids$group/pids.max")" = 33 ]
	[ "$(field live .HostConfig.Memory)" = 134217728 ]
	engine restart -t 0 live
	[ "$(cat "/sys/fs/cgroup/memory$group/memory.limit_in_bytes")" = 134217728 ]
	engine stop -t 0 live
	engine update --cpu-shares 512 live
	engine start live
	[ "$(cat "/sys/fs/cgroup/cpu$group/cpu.shares")" = 512 ]
	engine_fails 1 update -m 1k live
	engine_fails 1 update -m 64m ghost
	assert_stderr_contains "No such container: ghost"
}

#!/usr/bin/env bats
# kill -9 at any moment, damaged files, a reboot, many at once: the next command works without complaint, and the teardown
# finds nothing left.
load helpers

setup() { engine_setup; }
teardown() { engine_teardown; }

# After whatever was killed: listing, running and importing work, and none of them has anything to say.
intact() {
	local said
	said="$("$VESSEL" ps -a 2>&1 >/dev/null)" && [ -z "$said" ] || { echo "$1: ps: $said"; return 1; }
	said="$("$VESSEL" run --rm --network none "$IMAGE" echo fine 2>&1)" && [ "$said" = fine ] || { echo "$1: run: $said"; return 1; }
}
intact_store() {
	local said
	said="$("$VESSEL" import "$(box_tar)" after 2>&1 >/dev/null)" && [ -z "$said" ] || { echo "$1: import: $said"; return 1; }
	said="$("$VESSEL" run --rm --network none after true 2>&1)" && [ -z "$said" ] || { echo "$1: run of it: $said"; return 1; }
	said="$("$VESSEL" images 2>&1 >/dev/null)" && [ -z "$said" ] || { echo "$1: images: $said"; return 1; }
}

remove_all() {
	local ids; ids="$("$VESSEL" ps -aq)"
	# shellcheck disable=SC2086 # a list of ids
	[ -z "$ids" ] || "$VESSEL" rm -f -v $ids >/dev/null
}

# Runs vessel and kills it after so many milliseconds.
killed_after() {
	local client delay="$1"; shift
	"$VESSEL" "$@" >/dev/null 2>&1 &
	client=$!
	sleep "0.$(printf %03d "$delay")"
	kill -9 "$client" 2>/dev/null || true
	wait "$client" 2>/dev/null || true
}

# Runs vessel and kills it when it is about to make its n-th call of that name. Fails when it made no so many.
killed_at() {
	local call="$1" n="$2"; shift 2
	{ strace -qq -o /dev/null -e "trace=$call" -e "inject=$call:signal=SIGKILL:when=$n" "$VESSEL" "$@" >/dev/null 2>&1; } 2>/dev/null
	[ $? = 137 ]
}

# each_call SETUP CHECK STEP COMMAND...: kills the command at every STEP-th of the calls that change something.
each_call() {
	local setup="$1" check="$2" step="$3" call n kills=0; shift 3
	command -v strace >/dev/null || skip "needs strace"
	for call in mkdirat openat linkat renameat unlinkat pwrite64 vfork sendmsg; do
		n=1
		while :; do
			$setup
			killed_at "$call" "$n" "$@" || break
			kills=$((kills + 1))
			$check "$call $n of $*"
			n=$((n + step))
		done
		remove_all
	done
	echo "$kills kills"
	[ "$kills" -ge 5 ]
}

nothing() { :; }
fresh() { remove_all; "$VESSEL" run -d --network none --name victim "$IMAGE" sleep 1000 >/dev/null; }

@test "kill -9 of run, at many moments" {
	local delay
	for delay in $(seq 0 2 30); do
		killed_after "$delay" run -p 127.0.0.1::80 -v named:/named -v /anonymous "$IMAGE" sleep 1000
		killed_after "$delay" run --rm "$IMAGE" sleep 0.2
		intact "after $delay ms"
		remove_all
	done
}

@test "kill -9 of run, at its system calls" {
	each_call nothing intact 6 run -v named:/named -v /anonymous -p 127.0.0.1::80 "$IMAGE" true
	each_call nothing intact 9 run --rm "$IMAGE" true
}

@test "kill -9 of run -d, at many moments and at its system calls" {
	local delay
	for delay in $(seq 0 2 30); do
		killed_after "$delay" run -d "$IMAGE" sleep 1000
		intact "after $delay ms"
		remove_all
	done
	each_call remove_all intact 6 run -d --name same "$IMAGE" sleep 1000
}

@test "kill -9 of rm -f and of stop: whatever they left can be removed" {
	local delay
	for delay in $(seq 0 3 30); do
		fresh; killed_after "$delay" rm -f victim
		intact "rm after $delay ms"
		fresh; killed_after "$delay" stop -t 0 victim
		intact "stop after $delay ms"
		"$VESSEL" rm -f victim >/dev/null
	done
	each_call fresh intact 7 rm -f victim
	each_call fresh intact 7 stop -t 0 victim
}

@test "kill -9 of start, restart and pause: the container can be started, stopped and removed" {
	ready() { fresh; "$VESSEL" kill victim >/dev/null; }
	usable() { intact "$1" && "$VESSEL" start victim >/dev/null && [ "$(field victim .State.Running)" = true ]; }
	unfrozen() { intact "$1" && timeout 10 "$VESSEL" rm -f victim >/dev/null; }
	each_call ready usable 9 start victim
	each_call fresh usable 9 restart -t 0 victim
	each_call fresh unfrozen 4 pause victim
}

@test "kill -9 of import, at many moments and at its system calls" {
	local delay
	for delay in $(seq 0 2 30); do
		"$VESSEL" rmi -f after >/dev/null 2>&1 || true
		killed_after "$delay" import --change "LABEL n=$delay" "$(box_tar)" "image:$delay"
		intact_store "after $delay ms"
	done
	each_call nothing intact_store 11 import --change "LABEL n=calls" "$(box_tar)" image:calls
	[ -z "$(ls -A "$VESSEL_ROOT/tmp")" ]
}

@test "kill -9 of build, at many moments and at its system calls" {
	mkdir "$TEST_DIR/context"
	echo content >"$TEST_DIR/context/file"
	printf 'FROM %s\nRUN echo one >/one\nCOPY file /file\nRUN echo two >/two\n' "$IMAGE" >"$TEST_DIR/context/Dockerfile"
	local delay
	for delay in $(seq 0 6 96); do
		killed_after "$delay" build --no-cache -t built "$TEST_DIR/context"
		intact "after $delay ms"
	done
	each_call nothing intact 19 build --no-cache -t built "$TEST_DIR/context"
	intact_store "build"
	engine build -t built "$TEST_DIR/context"
	engine run --rm built cat /one /file /two
	assert_output $'one\ncontent\ntwo'
	wait_until rmdir "$VESSEL_ROOT/tmp" && mkdir -m 700 "$VESSEL_ROOT/tmp"
}

@test "kill -9 of the client: a container lives on, is listed, logged, entered and stopped" {
	"$VESSEL" run --name orphan "$IMAGE" sh -c 'trap "exit 4" TERM; i=0; while :; do echo line $((i += 1)); sleep 0.05; done' >/dev/null &
	local client=$!
	wait_for_log orphan "line 3"
	kill -9 "$client"; wait "$client" 2>/dev/null || true
	local lines; lines="$("$VESSEL" logs orphan | wc -l)"
	engine ps --format '{{.Names}} {{.State}}'
	assert_output "orphan running"
	wait_until bash -c "[ \"\$('$VESSEL' logs orphan | wc -l)\" -gt $((lines + 5)) ]"
	engine exec orphan echo inside
	assert_output inside
	engine stop orphan
	[ "$(field orphan '.State.Status}} {{.State.ExitCode')" = "exited 4" ]
}

@test "kill -9 of the monitor: the container ends, is reported, and the next command clears all" {
	engine run -d --name first -p 127.0.0.1:18171:80 "$IMAGE" sleep 1000
	local id="$output" pid monitor address
	pid="$(field first .State.Pid)"; address="$(field first .NetworkSettings.IPAddress)"
	monitor="$(sed -n 's/^PPid:\t//p' "/proc/$pid/status")"
	[ "$(cat "/proc/$monitor/comm")" = vessel-monitor ]
	kill -9 "$monitor"
	wait_until test ! -e "/proc/$monitor"
	engine ps -a --format '{{.Names}} {{.State}}'
	assert_output "first exited"
	[ ! -e "/proc/$pid" ] || grep -q '^State:.Z' "/proc/$pid/status"
	[ -z "$(find /sys/fs/cgroup -type d -name "$id")" ]
	[ ! -e "$VESSEL_RUN/containers/$id" ]
	[ "$(field first .State.ExitCode)" -ne 0 ]
	[ -n "$(field first .State.Error)" ]
	# Its address and port are free, and it starts again.
	engine run -d --name second -p 127.0.0.1:18171:80 "$IMAGE" sleep 1000
	engine rm -f second
	engine start first
	[ "$(field first .NetworkSettings.IPAddress)" = "$address" ] || [ -n "$(field first .NetworkSettings.IPAddress)" ]
	engine exec first true
}

@test "kill -9 of a monitor with --rm: the next command removes the container" {
	engine run -d --rm --name short -v /anonymous "$IMAGE" sleep 1000
	local monitor; monitor="$(sed -n 's/^PPid:\t//p' "/proc/$(field short .State.Pid)/status")"
	kill -9 "$monitor"
	wait_until test ! -e "/proc/$monitor"
	engine ps -a -q
	assert_output ""
	[ -z "$(ls -A "$VESSEL_ROOT/volumes")" ]
}

@test "kill -9 of a monitor while clients are attached: they end, with an error" {
	engine run -d -i --name host "$IMAGE" cat
	local code
	for command in "attach --no-stdin host" "exec host sleep 1000" "logs -f host" "wait host"; do
		engine start host
		# shellcheck disable=SC2086 # several words
		timeout 20 "$VESSEL" $command >/dev/null 2>"$TEST_DIR/err" &
		local client=$!
		sleep 0.3
		kill -9 "$(sed -n 's/^PPid:\t//p' "/proc/$(field host .State.Pid)/status")"
		# logs -f ends when the next command sees it.
		code=0; wait "$client" || code=$?
		[ "$code" -lt 124 ] || [ "$code" = 125 ] || [ "$code" = 137 ] || { echo "$command: $code: $(cat "$TEST_DIR/err")"; return 1; }
		engine ps
	done
}

# One sentence (and a hint), of this exit code, not a crash.
clear_error() {
	engine_fails "$1" "${@:2}"
	[ "$(grep -cv '^hint: ' <<<"$stderr")" = 1 ] || { echo "not one sentence: $stderr"; return 1; }
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
	kill -9 "$(sed -n 's/^PPid:\t//p' "/proc/$(field broken .State.Pid)/status")"
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
	intact "with the old one again"
}

@test "twice twenty runs at the same time: all succeed, with names and addresses of their own" {
	local i
	for i in $(seq 20); do
		"$VESSEL" run -d "$IMAGE" sleep 1000 >>"$TEST_DIR/ids.a" 2>>"$TEST_DIR/err" &
		"$VESSEL" run -d "$IMAGE" sleep 1000 >>"$TEST_DIR/ids.b" 2>>"$TEST_DIR/err" &
		wait
	done
	[ ! -s "$TEST_DIR/err" ] || { cat "$TEST_DIR/err"; return 1; }
	[ "$("$VESSEL" ps --format '{{.Names}}' | sort -u | wc -l)" = 40 ]
	# shellcheck disable=SC2046 # a list of ids
	[ "$("$VESSEL" inspect -f '{{.NetworkSettings.IPAddress}}' $("$VESSEL" ps -q) | sort -u | wc -l)" = 40 ]
	for i in $(seq 10); do "$VESSEL" run --rm "$IMAGE" echo "$i" >>"$TEST_DIR/out" 2>>"$TEST_DIR/err" & done
	wait
	[ "$(sort -n "$TEST_DIR/out" | tr '\n' ' ')" = "1 2 3 4 5 6 7 8 9 10 " ]
	[ ! -s "$TEST_DIR/err" ] || { cat "$TEST_DIR/err"; return 1; }
}

@test "the same name at the same time: one gets it" {
	local i
	for i in 1 2 3 4 5 6 7 8; do
		"$VESSEL" create --name only "$IMAGE" true >>"$TEST_DIR/ids" 2>>"$TEST_DIR/err" &
	done
	wait
	[ "$(wc -l <"$TEST_DIR/ids")" = 1 ]
	[ "$(grep -c 'already in use' "$TEST_DIR/err")" = 7 ]
	for i in 1 2 3 4; do "$VESSEL" rm -f only >/dev/null 2>&1 & "$VESSEL" start only >/dev/null 2>&1 & done
	wait
	remove_all
	intact "after rm and start at the same time"
}

@test "after a reboot stopped containers, images and volumes are there" {
	engine run --name worked -v named:/v "$IMAGE" sh -c 'echo logged; echo data >/v/f; echo changed >/file; exit 3' || true
	engine create --name never "$IMAGE" true
	engine run --rm -d --name volatile "$IMAGE" sleep 1000
	engine run -d --name running "$IMAGE" sleep 1000
	local id; id="$(field running .Id)"
	# What a reboot does: no process, no cgroup and no network namespace is left, and the run directory is empty.
	local name
	for name in volatile running; do
		kill -9 "$(sed -n 's/^PPid:\t//p' "/proc/$(field "$name" .State.Pid)/status")" "$(field "$name" .State.Pid)"
	done
	find /sys/fs/cgroup -depth -type d \( -name "$id" -o -name "$(basename "$(find "$VESSEL_RUN/containers" -mindepth 1 -maxdepth 1 ! -name "$id")")" \) \
		-exec sh -c 'for _ in 1 2 3 4 5 6 7 8 9; do rmdir "$1" 2>/dev/null && break; sleep 0.1; done' sh {} \;
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

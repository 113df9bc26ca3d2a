#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The command line of vessel-runtime: every command, its options in runc's and in crun's spelling, its errors, and that
# nothing is left of a container, however its commands ended. What a hostile bundle can do is in oci-security.bats.
# shellcheck disable=SC2016 # single quotes are for the shell inside, and for jq
load helpers

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	local tool name
	for tool in busybox jq; do command -v "$tool" >/dev/null || skip "needs $tool"; done
	RUNTIME="$(realpath -e "${VESSEL_RUNTIME:-$HERE/../build/vessel-runtime}")"
	TEST_DIR="$(mktemp -d /var/tmp/vessel-oci.XXXXXX)"
	chmod 755 "$TEST_DIR"
	STATE="$TEST_DIR/state" NAME="${TEST_DIR##*/}" BUNDLE="$TEST_DIR/bundle"
	mkdir -p "$BUNDLE"/rootfs/{bin,proc,sys,dev,etc,tmp}
	cp "$(command -v busybox)" "$BUNDLE/rootfs/bin/busybox"
	for name in $(busybox --list | grep -vx busybox); do ln -sf busybox "$BUNDLE/rootfs/bin/$name"; done
	printf 'root:x:0:0::/root:/bin/sh\n' >"$BUNDLE/rootfs/etc/passwd"
	cd "$BUNDLE" || exit 1
	"$RUNTIME" spec
	edit '.process.terminal = false | .process.env = ["PATH=/bin", "BUNDLE_MARK='"$NAME"'"]'
}

teardown() {
	[ -n "${TEST_DIR:-}" ] || return 0
	local id result=0
	for id in $("$RUNTIME" --root "$STATE" list -q); do
		timeout 20 "$RUNTIME" --root "$STATE" delete --force "$id" || result=1
	done
	wait_until nothing_left >/dev/null || { what_is_left && result=1; } >&2
	for id in $(processes_left | cut -d' ' -f2); do kill -9 "$id"; done
	cd / && rm -rf "$TEST_DIR"
	return "$result"
}

processes_left() {
	local file
	for file in $(grep -alsF -- "BUNDLE_MARK=$NAME" /proc/[0-9]*/environ); do
		file="${file#/proc/}"
		echo "process ${file%/*}: $(tr '\0' ' ' <"/proc/${file%/*}/cmdline")"
	done
}
what_is_left() {
	processes_left
	grep -F "$TEST_DIR/" /proc/self/mountinfo
	find /sys/fs/cgroup -maxdepth 2 -name "$NAME*"
	find "$STATE" -mindepth 1 -maxdepth 1 -not -name '.*' 2>/dev/null
}
nothing_left() { ! what_is_left | grep -q .; }

edit() { jq "$@" "$BUNDLE/config.json" >"$BUNDLE/new.json" && mv "$BUNDLE/new.json" "$BUNDLE/config.json"; }
command_is() { edit ".process.args = $(jq -cn '$ARGS.positional' --args -- "$@")"; }

# oci ...: must succeed; oci_fails CODE ...: must end with this code, with one clear sentence. Output goes to files: who waits
# for the end of a pipe would wait for the container.
oci() {
	oci_any "$@"
	[ "$status" -eq 0 ] || oci_explain "$@"
}
oci_fails() {
	local code="$1"
	shift
	oci_any "$@"
	[ "$status" -eq "$code" ] || { echo "wanted exit code $code"; oci_explain "$@"; }
	assert_short_stderr
}
oci_any() {
	status=0
	"$RUNTIME" --root "$STATE" "$@" >"$TEST_DIR/out" 2>"$TEST_DIR/err" </dev/null 3>&- || status=$?
	output="$(cat "$TEST_DIR/out")" stderr="$(cat "$TEST_DIR/err")"
}
oci_explain() {
	printf 'vessel-runtime %s: exit code %s\nstdout: %s\nstderr: %s\n' "$*" "$status" "$output" "$stderr"
	return 1
}
status_is() {
	oci state "$1"
	[ "$(jq -r .status <<<"$output")" = "$2" ] || wanted "wanted status $2 of" "$1"
}
stopped() { [ "$("$RUNTIME" --root "$STATE" state "$1" | jq -r .status)" = stopped ]; }
sleeper() { # a container that runs, with this id
	command_is sleep 1000
	oci run -d "$1"
}

# ---- the program ----

@test "help and version: from every command, under the name it is called by" {
	local word
	ln -s "$RUNTIME" "$TEST_DIR/runc"
	for word in create start state kill delete exec run list ps pause resume update events spec features; do
		oci "$word" --help
		assert_contains "Usage: vessel-runtime [OPTION...] $word"
		run "$TEST_DIR/runc" "$word" -h
		[ "$status" -eq 0 ]
		assert_contains "runc $word - "
	done
	oci --version
	assert_match '^vessel-runtime version [0-9.]+'
	assert_line "spec: 1.2.1"
	oci --help
	assert_contains "Commands:"
}

@test "what is not known is an error that names it" {
	oci_fails 1 nosuch
	assert_stderr_contains "nosuch"
	oci_fails 1 --nosuch list
	assert_stderr_contains "flag provided but not defined: --nosuch"
	oci_fails 1 list --nosuch
	oci_fails 1 state
	assert_stderr_contains "takes exactly 1 argument"
	oci_fails 1 state a b
	oci_fails 1 run --bundle
	assert_stderr_contains "flag needs an argument"
	oci_fails 1 --log-format xml list
	assert_stderr_contains "log-format"
	oci_fails 1 --cgroup-manager other list
	assert_stderr_contains "cgroup manager"
}

@test "--log: the error as a line of text or JSON in the file, and on stderr for people" {
	oci_fails 1 --log "$TEST_DIR/log" --log-format json state nosuch
	assert_stderr_contains "container does not exist"
	[ "$(jq -r .level "$TEST_DIR/log")" = error ]
	jq -r .msg "$TEST_DIR/log" | grep -F "container does not exist"
	jq -r .time "$TEST_DIR/log" | grep -E '^20[0-9-]+T'
	oci_fails 1 --log="file:$TEST_DIR/text" state nosuch
	grep -E '^time="20.*" level=error msg="container does not exist' "$TEST_DIR/text"
	oci_any --debug list
	assert_stderr_contains "level=debug"
}

# ---- life ----

@test "create, start, state, kill, delete: the statuses of a life, and what each forbids" {
	command_is sleep 1000
	oci create --bundle "$BUNDLE" --pid-file "$TEST_DIR/pid" "$NAME"
	status_is "$NAME" created
	[ "$(jq .pid <<<"$output")" = "$(cat "$TEST_DIR/pid")" ]
	[ "$(jq -r .bundle <<<"$output")" = "$BUNDLE" ]
	[ "$(jq -r .rootfs <<<"$output")" = "$BUNDLE/rootfs" ]
	[ "$(jq -r .owner <<<"$output")" = root ]
	[ "$(jq -r .id <<<"$output")" = "$NAME" ]
	jq -re .created <<<"$output" | grep -E '^20[0-9]{2}-'
	jq -re .ociVersion <<<"$output"
	oci_fails 1 create "$NAME"
	assert_stderr_contains "container with id exists"
	oci start "$NAME"
	status_is "$NAME" running
	oci_fails 1 start "$NAME"
	assert_stderr_contains "cannot start a container that is running"
	oci_fails 1 delete "$NAME"
	assert_stderr_contains "that is not stopped: running"
	oci kill "$NAME" KILL
	wait_until stopped "$NAME"
	status_is "$NAME" stopped
	[ "$(jq .pid <<<"$output")" = 0 ]
	oci_fails 1 start "$NAME"
	assert_stderr_contains "cannot start a container that has stopped"
	oci_fails 1 kill "$NAME" TERM
	assert_stderr_contains "container not running"
	oci_fails 255 exec "$NAME" true
	assert_stderr_contains "cannot exec in a stopped container"
	oci delete "$NAME"
	oci_fails 1 state "$NAME"
	assert_stderr_contains "container does not exist"
}

@test "delete: of a created one, by force of a running one, of one that is not there" {
	command_is sleep 1000
	oci create "$NAME"
	oci delete "$NAME"
	sleeper "$NAME"
	oci delete --force "$NAME"
	oci delete -f "$NAME"
	oci_fails 1 delete "$NAME"
	assert_stderr_contains "container does not exist"
}

@test "--regex: kill and delete take all containers that match" {
	sleeper "$NAME-a1"
	sleeper "$NAME-a2"
	sleeper "$NAME-b1"
	oci kill --regex "$NAME-a." KILL
	wait_until stopped "$NAME-a1"
	wait_until stopped "$NAME-a2"
	status_is "$NAME-b1" running
	oci delete --force --regex "$NAME-.*"
	oci list -q
	assert_output ""
	oci_fails 1 delete --regex '('
}

@test "an id is letters, digits and _+.-, and never a path" {
	local id
	for id in . .. .hidden a/b ../x 'a b' 'a@b' '' "$(printf '%02000d' 0)"; do
		oci_fails 1 run "$id"
		assert_stderr_contains "invalid container ID"
		oci_fails 1 delete --force "$id"
	done
	command_is true
	oci run "$NAME-A_z+9.-"
}

@test "run: output, exit codes, signals, and nothing is left" {
	command_is sh -c 'echo out; echo err >&2; exit 7'
	oci_any run "$NAME"
	[ "$status" -eq 7 ] && assert_output out && [ "$stderr" = err ]
	command_is sh -c 'kill -9 $$'
	edit '.linux.namespaces |= map(select(.type != "pid"))'
	oci_any run "$NAME"
	[ "$status" -eq 137 ]
	oci list -q
	assert_output ""
}

@test "run forwards signals to the program" {
	command_is sh -c 'trap "echo got; exit 9" USR1; echo ready; while :; do sleep 0.1; done'
	"$RUNTIME" --root "$STATE" run "$NAME" >"$TEST_DIR/out" 2>&1 </dev/null 3>&- &
	wait_until grep -q ready "$TEST_DIR/out"
	kill -USR1 $!
	local code=0
	wait $! || code=$?
	[ "$code" -eq 9 ]
	grep -x got "$TEST_DIR/out"
}

@test "run: while it stays in front, other commands work on the container" {
	command_is sleep 1000
	"$RUNTIME" --root "$STATE" run "$NAME" >/dev/null 2>&1 </dev/null 3>&- &
	wait_until status_is "$NAME" running
	oci exec "$NAME" echo inside
	assert_output inside
	oci delete --force "$NAME"
	local code=0
	wait $! || code=$?
	[ "$code" -eq 137 ]
}

@test "run --keep and run -d leave the container; --config names another file" {
	command_is true
	mv config.json other.json
	oci run --keep --config other.json "$NAME"
	status_is "$NAME" stopped
	oci_fails 1 run -f other.json "$NAME"
	assert_stderr_contains "container with id exists"
	oci delete "$NAME"
	oci run --detach --bundle="$BUNDLE" --config "$BUNDLE/other.json" "$NAME"
	wait_until stopped "$NAME"
	oci delete "$NAME"
}

@test "a program that is not there, and one that cannot be run, are errors of start; nothing is left" {
	command_is /nosuch
	oci_fails 1 run "$NAME"
	assert_stderr_contains "no such file or directory"
	oci_fails 1 run -d "$NAME"
	command_is nosuch
	oci_fails 1 run "$NAME"
	assert_stderr_contains 'executable file not found in $PATH'
	command_is /etc/passwd
	oci_fails 1 run "$NAME"
	assert_stderr_contains "permission denied"
	oci list -q
	assert_output ""
}

@test "a wrong configuration is refused with its path, before anything is made" {
	oci_fails 1 run --bundle "$TEST_DIR/nosuch" "$NAME"
	assert_stderr_contains "bundle '$TEST_DIR/nosuch'"
	edit '.process.rlimits[0].type = "RLIMIT_FOO"'
	oci_fails 1 run "$NAME"
	assert_stderr_contains "process.rlimits[0].type"
	echo '{' >config.json
	oci_fails 1 create "$NAME"
	[ ! -e "$STATE/$NAME" ]
	rm config.json
	oci_fails 1 create "$NAME"
	assert_stderr_contains "config.json"
}

@test "fds: those of --preserve-fds and no others, in run and exec" {
	command_is sh -c 'cat <&4; cat <&5; ls /proc/self/fd | wc -l'
	echo four >"$TEST_DIR/four" && echo five >"$TEST_DIR/five"
	run --separate-stderr "$RUNTIME" --root "$STATE" run --preserve-fds 3 "$NAME" 3<"$TEST_DIR/five" 4<"$TEST_DIR/four" \
		5<"$TEST_DIR/five" 9<"$TEST_DIR/five"
	[ "$status" -eq 0 ] || wanted "wanted success" "$stderr"
	assert_output "$(printf 'four\nfive\n7')" # 0 to 5 and ls's own
	sleeper "$NAME"
	run --separate-stderr "$RUNTIME" --root "$STATE" exec --preserve-fds 1 "$NAME" cat /proc/self/fd/3 3<"$TEST_DIR/four"
	assert_output four
	run --separate-stderr "$RUNTIME" --root "$STATE" exec "$NAME" ls /proc/self/fd 3<"$TEST_DIR/four" 8<"$TEST_DIR/four"
	assert_output "$(printf '0\n1\n2\n3')"
}

# ---- exec ----

@test "exec: what it takes from the container, and its options" {
	edit '.process.env += ["A=1"] | .process.cwd = "/tmp"'
	sleeper "$NAME"
	oci exec "$NAME" sh -c 'pwd; echo $A; id -u'
	assert_output "$(printf '/tmp\n1\n0')"
	oci exec --cwd /etc --env A=2 -e B=3 --user 1000:1001 --additional-gids 77 "$NAME" sh -c 'pwd; echo $A$B; id -u; id -g; id -G'
	assert_output "$(printf '/etc\n23\n1000\n1001\n1001 77')"
	oci exec -u 5 "$NAME" id -u
	assert_output 5
	oci exec --cap CAP_SYS_TIME "$NAME" grep CapEff /proc/self/status
	[ $((0x$(cut -f2 <<<"$output") >> 25 & 1)) -eq 1 ]
	oci exec "$NAME" grep CapEff /proc/self/status
	[ $((0x$(cut -f2 <<<"$output") >> 25 & 1)) -eq 0 ]
	oci exec --no-new-privs "$NAME" grep NoNewPrivs /proc/self/status
	assert_contains 1
	oci_fails 255 exec --cap CAP_NOSUCH "$NAME" true
	oci_fails 255 exec --user root "$NAME" true
	oci_fails 255 exec "$NAME"
	oci_fails 255 exec "$NAME" /nosuch
	assert_stderr_contains "no such file or directory"
	oci_fails 255 exec nosuch true
	assert_stderr_contains "container does not exist"
}

@test "exec: exit codes, a process from a file, in the background with its pid" {
	sleeper "$NAME"
	oci_any exec "$NAME" sh -c 'exit 42'
	[ "$status" -eq 42 ]
	oci_any exec "$NAME" sh -c 'kill -15 $$'
	[ "$status" -eq 143 ]
	echo '{"args": ["sh", "-c", "echo $X; pwd"], "cwd": "/etc", "env": ["PATH=/bin", "X=y"], "user": {"uid": 3, "gid": 3}}' \
		>"$TEST_DIR/process.json"
	oci exec --process "$TEST_DIR/process.json" "$NAME"
	assert_output "$(printf 'y\n/etc')"
	oci exec -d --pid-file "$TEST_DIR/pid" "$NAME" sleep 999
	tr '\0' ' ' <"/proc/$(cat "$TEST_DIR/pid")/cmdline" | grep -F "sleep 999"
	oci_fails 255 exec --process "$TEST_DIR/nosuch" "$NAME"
}

# ---- terminals ----

# The master that comes over the socket, and what its data says.
receive_console() {
	python3 - "$1" >"$2" 2>&1 <<-'END'
		import array, os, socket, sys
		listener = socket.socket(socket.AF_UNIX)
		listener.bind(sys.argv[1])
		listener.listen(1)
		print("listening", flush=True)
		connection = listener.accept()[0]
		name, control, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
		master = array.array("i", control[0][2])[0]
		print("name", name.decode(), os.isatty(master), flush=True)
		while True:
		    try:
		        data = os.read(master, 4096)
		    except OSError:
		        break
		    sys.stdout.write(data.decode())
		    sys.stdout.flush()
	END
}

@test "a terminal: its master over --console-socket, in create, run -d and exec" {
	command -v python3 >/dev/null || skip "needs python3"
	command_is sh -c 'test -t 0 && test -t 1 && tty'
	edit '.process.terminal = true'
	receive_console "$TEST_DIR/console" "$TEST_DIR/said" 3>&- &
	wait_until grep -q listening "$TEST_DIR/said"
	oci create --console-socket "$TEST_DIR/console" "$NAME"
	oci start "$NAME"
	wait_until stopped "$NAME"
	wait $!
	grep -E '^name /dev/pt.* True' "$TEST_DIR/said"
	grep -E '^/dev/(pts/0|console)' "$TEST_DIR/said"
	oci delete "$NAME"
	oci_fails 1 run -d "$NAME"
	assert_stderr_contains "use --console-socket"
	oci_fails 1 create --console-socket "$TEST_DIR/nosuch" "$NAME"
	assert_stderr_contains "console socket"
	[ ! -e "$STATE/$NAME" ]
	edit '.process.terminal = false'
	oci_fails 1 create --console-socket "$TEST_DIR/console" "$NAME"
	sleeper "$NAME"
	rm "$TEST_DIR/console"
	receive_console "$TEST_DIR/console" "$TEST_DIR/said2" 3>&- &
	wait_until grep -q listening "$TEST_DIR/said2"
	oci exec -t -d --console-socket "$TEST_DIR/console" "$NAME" sh -c 'echo exec on $(tty)'
	wait $!
	grep "exec on /dev/pts" "$TEST_DIR/said2"
}

@test "a terminal in front: its size is ours, it is raw and comes back" {
	command -v script >/dev/null || skip "needs script"
	command_is sh -c 'stty size; read line; echo "read $line"; exit 3'
	edit '.process.terminal = true'
	local code=0
	printf 'hello\n' | script -qec "stty rows 33 cols 77; stty -g >$TEST_DIR/mode1; '$RUNTIME' --root '$STATE' run '$NAME'; \
		echo code \$?; stty -g >$TEST_DIR/mode2" /dev/null >"$TEST_DIR/out" 2>&1 3>&- || code=$?
	grep -F "33 77" "$TEST_DIR/out"
	grep -F "read hello" "$TEST_DIR/out"
	grep -F "code 3" "$TEST_DIR/out"
	cmp "$TEST_DIR/mode1" "$TEST_DIR/mode2"
}

# ---- looking ----

@test "list: as a table, as JSON, ids alone; none is no error" {
	oci list
	assert_match '^ID +PID +STATUS +BUNDLE +CREATED +OWNER'
	oci list --format json
	assert_output "[]"
	sleeper "$NAME-1"
	command_is true
	oci create "$NAME-2"
	oci list
	assert_match "$NAME-1 +[0-9]+ +running +$BUNDLE"
	assert_match "$NAME-2 +[0-9]+ +created +$BUNDLE"
	oci list -f json
	[ "$(jq -r '[.[] | .id + " " + .status] | join(",")' <<<"$output")" = "$NAME-1 running,$NAME-2 created" ]
	oci list --quiet
	assert_output "$(printf '%s\n%s' "$NAME-1" "$NAME-2")"
	oci_fails 1 list --format xml
}

@test "state: annotations are in it" {
	edit '.annotations = {"a.b": "c=d"}'
	sleeper "$NAME"
	oci state "$NAME"
	[ "$(jq -r '.annotations["a.b"]' <<<"$output")" = "c=d" ]
}

@test "ps: the container's processes and no others" {
	sleeper "$NAME"
	oci exec -d "$NAME" sleep 998
	oci ps --format json "$NAME"
	[ "$(jq length <<<"$output")" -eq 2 ]
	oci ps "$NAME"
	assert_match 'PID'
	assert_contains "sleep 998"
	[ "$(wc -l <<<"$output")" -eq 3 ]
	oci ps "$NAME" -e -o pid,comm
	assert_match '^ *PID COMMAND'
	[ "$(wc -l <<<"$output")" -eq 3 ]
}

@test "features and spec: what is documented, and a bundle that runs" {
	oci features
	[ "$(jq -r .ociVersionMin <<<"$output")" = 1.0.0 ]
	jq -e '.linux.seccomp.enabled and (.hooks | length == 6) and (.mountOptions | index("rro"))' <<<"$output"
	oci_fails 1 spec
	assert_stderr_contains "config.json exists"
	mkdir "$TEST_DIR/other"
	oci spec --bundle "$TEST_DIR/other" --rootless
	jq -e '.linux.uidMappings and (.linux.namespaces | any(.type == "user"))' "$TEST_DIR/other/config.json"
}

@test "events: what is used, once and again, until the container ends" {
	sleeper "$NAME"
	oci events --stats "$NAME"
	[ "$(jq -r '.type + " " + .id' <<<"$output")" = "stats $NAME" ]
	jq -e '.data.pids.current == 1 and .data.memory.usage.usage > 0 and .data.cpu.usage.total > 0' <<<"$output"
	"$RUNTIME" --root "$STATE" events --interval 100ms "$NAME" >"$TEST_DIR/events" 3>&- &
	wait_until eval '[ "$(wc -l <"$TEST_DIR/events")" -ge 3 ]'
	oci kill "$NAME" KILL
	wait $!
	jq -se 'all(.type == "stats")' "$TEST_DIR/events"
	oci_fails 1 events "$NAME"
	oci delete "$NAME"
	sleeper "$NAME"
	oci_fails 1 events --interval 0s "$NAME"
}

# ---- limits ----

@test "pause and resume" {
	sleeper "$NAME"
	oci pause "$NAME"
	status_is "$NAME" paused
	oci_fails 1 pause "$NAME"
	oci_fails 255 exec "$NAME" true
	assert_stderr_contains "cannot exec in a paused container"
	oci resume "$NAME"
	status_is "$NAME" running
	oci_fails 1 resume "$NAME"
	oci pause "$NAME"
	oci kill "$NAME" KILL # also of what is frozen
	wait_until stopped "$NAME"
	sleeper "$NAME-2"
	oci pause "$NAME-2"
	oci delete --force "$NAME-2"
}

# The container's file of that name, wherever this host has it.
limit() {
	local dir
	dir="$(find /sys/fs/cgroup -maxdepth 2 -name "$NAME" -exec test -e "{}/$1" \; -print -quit)"
	cat "$dir/$1"
}

@test "update: limits by flags, by a file, and from stdin" {
	sleeper "$NAME"
	oci update --pids-limit 33 --cpu-share 512 --memory 64M "$NAME"
	[ "$(limit pids.max)" = 33 ]
	echo '{"pids": {"limit": 44}}' >"$TEST_DIR/resources"
	oci update --resources "$TEST_DIR/resources" "$NAME"
	[ "$(limit pids.max)" = 44 ]
	echo '{"pids": {"limit": 55}}' | "$RUNTIME" --root "$STATE" update -r - "$NAME"
	[ "$(limit pids.max)" = 55 ]
	oci_fails 1 update --pids-limit many "$NAME"
	assert_stderr_contains "--pids-limit"
	oci_fails 1 update --resources "$TEST_DIR/nosuch" "$NAME"
	oci kill "$NAME" KILL
	wait_until stopped "$NAME"
	oci_fails 1 update --pids-limit 1 "$NAME"
}

@test "kill: names and numbers, all processes, and 0 that only asks" {
	command_is sh -c 'trap "exit 5" USR2; while :; do sleep 0.1; done'
	oci create "$NAME"
	oci start "$NAME"
	oci kill "$NAME" 0
	oci exec -d --pid-file "$TEST_DIR/pid" "$NAME" sleep 997
	oci kill --all "$NAME" SIGSTOP
	grep -q '^State:.*T' "/proc/$(cat "$TEST_DIR/pid")/status"
	oci kill -a "$NAME" CONT
	oci kill "$NAME" usr2
	wait_until stopped "$NAME"
	oci kill --all "$NAME" KILL
	oci delete "$NAME"
	sleeper "$NAME"
	oci_fails 1 kill "$NAME" NOSUCH
	assert_stderr_contains "invalid signal"
	oci kill "$NAME" 9
	wait_until stopped "$NAME"
}

@test "--cgroup-manager disabled makes no cgroup" {
	command_is sleep 1000
	edit 'del(.linux.resources)'
	oci --cgroup-manager disabled run -d "$NAME"
	[ -z "$(find /sys/fs/cgroup -maxdepth 2 -name "$NAME*")" ]
	status_is "$NAME" running
	oci delete --force "$NAME"
}

# ---- hooks ----

@test "hooks of start and delete: state on stdin; one that fails after start takes the container with it" {
	local hook='{"path": "/bin/sh", "args": ["sh", "-c", "cat >'"$TEST_DIR"'/said"]}'
	edit ".hooks.poststart = [$hook]"
	command_is sleep 1000
	oci create "$NAME"
	[ ! -e "$TEST_DIR/said" ]
	oci start "$NAME"
	[ "$(jq -r '.id + " " + .status' "$TEST_DIR/said")" = "$NAME running" ]
	oci delete -f "$NAME"
	edit ".hooks = {poststop: [$hook]}"
	sleeper "$NAME"
	oci delete -f "$NAME"
	[ "$(jq -r '.id + " " + .status' "$TEST_DIR/said")" = "$NAME stopped" ]
	edit '.hooks = {poststart: [{"path": "/bin/false"}]}'
	oci_fails 1 run -d "$NAME"
	assert_stderr_contains "poststart hook"
	oci_fails 1 state "$NAME"
	edit '.hooks = {poststop: [{"path": "/bin/false"}]}'
	sleeper "$NAME"
	oci delete -f "$NAME" # gone is gone; the hook's end is a warning
	assert_stderr_contains "poststop hook"
}

# ---- what killed commands leave ----

@test "a killed create leaves nothing that delete --force does not remove, and no init" {
	local tries
	command_is sleep 1000
	for tries in $(seq 30); do
		"$RUNTIME" --root "$STATE" create "$NAME" >/dev/null 2>&1 </dev/null 3>&- &
		usleep_until "$tries"
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		oci delete --force "$NAME"
		wait_until nothing_left || { what_is_left; return 1; }
	done
}
# A little longer each time, so that the kill comes at another place.
usleep_until() { busybox usleep $(($1 * 300)); }

@test "many commands at once on one container: one start wins, all others are told" {
	local i won=0
	local -a pids=()
	command_is sleep 1000
	oci create "$NAME"
	for i in 1 2 3 4 5 6; do
		"$RUNTIME" --root "$STATE" start "$NAME" >/dev/null 2>&1 </dev/null 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" && won=$((won + 1)); done
	[ "$won" -eq 1 ]
	status_is "$NAME" running
}

@test "a stale state whose pid is another process by now is stopped, and that process is left alone" {
	sleeper "$NAME"
	oci kill "$NAME" KILL
	wait_until stopped "$NAME"
	sleep 1000 3>&- &
	local other=$!
	jq --argjson pid "$other" '.pid = $pid' "$STATE/$NAME/state.json" >"$TEST_DIR/new" && mv "$TEST_DIR/new" "$STATE/$NAME/state.json"
	status_is "$NAME" stopped
	oci_fails 1 kill "$NAME" KILL
	oci delete --force "$NAME"
	kill -0 "$other"
	kill "$other"
}

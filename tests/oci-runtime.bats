#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vessel-runtime from end to end: each command and option, in runc's words and in crun's, what it
# says when something is wrong, and that nothing is ever left (see teardown).
# shellcheck disable=SC2016 # single quotes are for the shell inside, and for jq
load helpers
load oci-helpers

setup() { oci_setup; }

teardown() {
	[ -n "${TEST_DIR:-}" ] || return 0
	local result=0
	oci_end || result=1
	oci_remove
	return "$result"
}

status_of() { "$RUNTIME" --root "$STATE" state "$1" | jq -r .status; }
status_is() { [ "$(status_of "$1")" = "$2" ]; }
wait_for_status() { wait_until status_is "$1" "$2"; }
assert_status() { status_is "$1" "$2" || wanted "wanted the status" "$2, not $(status_of "$1")"; }
nothing_made() { nothing_left || { what_is_left && return 1; }; }
# fails_with CODE TEXT ARG...
fails_with() {
	local code="$1" text="$2"
	shift 2
	rt "$@"
	[ "$status" -eq "$code" ] || { echo "wanted exit code $code" && explain "$@"; }
	assert_stderr_contains "$text"
	assert_short_stderr
}
# Where a controller of a container has its files.
cgroup_of() { # CONTAINER CONTROLLER
	local path
	path="$(awk -F: -v c="$2" '$2 ~ "(^|,)" c "(,|$)" { print $3 }' "/proc/$(pid_inside "$1")/cgroup")"
	if [ -n "$path" ]; then
		echo "/sys/fs/cgroup/$2$path"
	else
		echo "/sys/fs/cgroup$(awk -F: '$1 == 0 { print $3 }' "/proc/$(pid_inside "$1")/cgroup")"
	fi
}
limit_is() { # CONTAINER CONTROLLER V1-FILE V2-FILE WANTED
	local dir
	dir="$(cgroup_of "$1" "$2")"
	[ -e "$dir/$3" ] && file="$dir/$3" || file="$dir/$4"
	[ "$(cat "$file")" = "$5" ] || wanted "wanted in $file" "$5, not $(cat "$file")"
}
# A cgroup of its own for each of several containers of one bundle: config-ID.json
own_config() { jq ".linux.cgroupsPath = \"/$NAME-$1\"" "$BUNDLE/config.json" >"$BUNDLE/config-$1.json"; }
# In the background, with nothing of bats's: bg FILE ARG...; $! is its pid.
bg() {
	local out="$1"
	shift
	env "BUNDLE_MARK=$NAME" "$RUNTIME" --root "$STATE" "$@" </dev/null >"$out" 2>"$out.err" 3>&- &
}

# ---- life ----

@test "a container goes from created to running to stopped, and away" {
	command_is sh -c 'echo ran >/tmp/ran; sleep 100'
	create app
	assert_status app created
	[ ! -e "$ROOTFS/tmp/ran" ]
	ok start app
	assert_status app running
	wait_until test -e "$ROOTFS/tmp/ran"
	ok kill app KILL
	wait_for_status app stopped
	ok delete app
	fails_with 1 "container does not exist: 'app'" state app
}

@test "the state has the specification's members, and its annotations" {
	edit '.annotations = {"one": "1=2", "two": ""}'
	in_background app
	ok state app
	[ "$(jq -r '.ociVersion, .id, .status, .bundle, .rootfs, .owner' <<<"$output")" = "$(jq -r .ociVersion "$BUNDLE/config.json")
app
running
$BUNDLE
$ROOTFS
root" ] || wanted "wanted other members" ""
	[ "$(jq -c .annotations <<<"$output")" = '{"one":"1=2","two":""}' ]
	[[ "$(jq -r .created <<<"$output")" =~ ^20[0-9-]+T[0-9:.]+Z$ ]]
	[ "$(tr '\0' ' ' <"/proc/$(jq .pid <<<"$output")/cmdline")" = "sleep 100 " ]
	ok kill app KILL
	wait_for_status app stopped
	ok state app
	[ "$(jq .pid <<<"$output")" = 0 ]
}

@test "run stays, passes the exit code on, and leaves nothing" {
	local row
	for row in 'exit 0=0' 'exit 7=7' 'exit 255=255' 'kill -9 $$; sleep 9=137' 'kill -15 $$; sleep 9=143'; do
		edit '.linux.namespaces |= map(select(.type != "pid"))'
		command_is sh -c "${row%=*}"
		rt run --bundle "$BUNDLE" app
		[ "$status" -eq "${row##*=}" ] || explain "$row"
		fails_with 1 "does not exist" state app
	done
	command_is sh -c 'echo out; echo err >&2'
	run_ok app
	assert_output out
	[ "$stderr" = err ]
}

@test "run --detach leaves it running, --keep leaves it stopped" {
	command_is sleep 100
	run_ok --detach --pid-file "$TEST_DIR/pid" app
	assert_status app running
	[ "$(cat "$TEST_DIR/pid")" = "$(pid_inside app)" ]
	ok delete --force app
	run_ok -d app
	assert_status app running
	ok delete -f app
	command_is true
	run_ok --keep app
	assert_status app stopped
}

@test "run passes signals on" {
	command_is sh -c 'trap "exit 42" TERM; touch /tmp/ready; while :; do sleep 0.1; done'
	bg "$TEST_DIR/out" run --bundle "$BUNDLE" app
	local pid=$! code=0
	wait_until test -e "$ROOTFS/tmp/ready"
	kill -TERM "$pid"
	wait "$pid" || code=$?
	[ "$code" = 42 ]
}

@test "while run stays in front, other commands work on the container" {
	command_is sleep 100
	bg "$TEST_DIR/out" run --bundle "$BUNDLE" app
	local pid=$! code=0
	wait_for_status app running
	ok exec app echo inside
	assert_output inside
	ok delete --force app
	wait "$pid" || code=$?
	[ "$code" = 137 ] || wanted "wanted the code of SIGKILL" "$code"
}

@test "a terminal in front: its size is ours, it is raw and comes back" {
	command -v script >/dev/null || skip "needs script"
	command_is sh -c 'stty size; read line; echo "read $line"; exit 3'
	edit '.process.terminal = true'
	printf 'hello\n' | BUNDLE_MARK=$NAME timeout 20 script -qec "stty rows 33 cols 77; stty -g >$TEST_DIR/mode1
		'$RUNTIME' --root '$STATE' run --bundle '$BUNDLE' app; echo code \$?; stty -g >$TEST_DIR/mode2" /dev/null >"$TEST_DIR/out" 2>&1 3>&- || true
	file_has "$TEST_DIR/out" "33 77"
	file_has "$TEST_DIR/out" "read hello"
	file_has "$TEST_DIR/out" "code 3"
	cmp "$TEST_DIR/mode1" "$TEST_DIR/mode2"
}

@test "run from the current directory, and options after the argument" {
	command_is echo here
	cd "$BUNDLE"
	ok run app
	assert_output here
	cd /
	ok run app --bundle "$BUNDLE"
	assert_output here
	ok run app "-b=$BUNDLE"
	assert_output here
}

@test "another configuration by --config" {
	command_is echo first
	cp "$BUNDLE/config.json" "$BUNDLE/other.json"
	command_is echo second
	run_ok --config other.json app
	assert_output first
	run_ok -f other.json app
	assert_output first
}

@test "a program that is not there is an error of create, with nothing left" {
	command_is /no/such/program
	fails_with 1 "no such file or directory" create --bundle "$BUNDLE" app
	nothing_made
	fails_with 1 "/no/such/program" run --bundle "$BUNDLE" app
	fails_with 1 "/no/such/program" run --detach --bundle "$BUNDLE" app
	command_is no-such-program
	fails_with 1 'executable file not found in $PATH' run --bundle "$BUNDLE" app
	command_is /etc/passwd
	fails_with 1 "permission denied" run --bundle "$BUNDLE" app
	nothing_made
}

@test "each state allows what it allows" {
	create app
	fails_with 1 "container with id exists: 'app'" create --bundle "$BUNDLE" app
	fails_with 1 "container with id exists: 'app'" run --bundle "$BUNDLE" app
	fails_with 1 "not paused" resume app
	ok delete app # a created one needs no force
	in_background app
	fails_with 1 "cannot start a container that is running" start app
	fails_with 1 "container with id exists: 'app'" create --bundle "$BUNDLE" app
	fails_with 1 "cannot delete container 'app' that is not stopped: running" delete app
	assert_status app running
	ok kill app KILL
	wait_for_status app stopped
	fails_with 1 "container not running" kill app TERM
	fails_with 1 "container that has stopped" start app
	fails_with 255 "cannot exec in a stopped container" exec app true
	fails_with 1 "not running" pause app
	fails_with 1 "not running" update --pids-limit 5 app
	fails_with 1 "not running" events --stats app
	ok delete app
}

@test "a container that is not there, for each command" {
	local command
	for command in start state kill delete ps pause resume update 'events --stats'; do
		# shellcheck disable=SC2086 # words
		fails_with 1 "container does not exist: 'gone'" $command gone
	done
	fails_with 255 "container does not exist: 'gone'" exec gone true
	ok delete --force gone
}

@test "ids are names, never paths" {
	local id
	for id in '' . .. .hidden a/b ../x /x 'a b' $'a\nb' 'a*' ä "$(printf '%01025d' 1)"; do
		fails_with 1 "invalid container ID" create --bundle "$BUNDLE" "$id"
		fails_with 1 "invalid container ID" delete --force "$id"
		nothing_made
	done
	command_is true
	for id in a A-b_c.d+e 0 "$(printf '%0255d' 1)"; do run_ok "$id"; done
}

# ---- a configuration that is wrong ----

@test "a wrong configuration is refused with its place, before anything was made" {
	local rows=(
		'.process.args = []#process.args: is empty'
		'.process.cwd = "tmp"#process.cwd: '
		'.process.env = "A"#process.env: is not an array'
		'.process.user.uid = -1#process.user.uid: -1 '
		'.process.rlimits[2] = {type: "RLIMIT_FOO", soft: 1, hard: 1}#process.rlimits[2].type: "RLIMIT_FOO" is not known'
		'.process.rlimits[0] = {type: "RLIMIT_NOFILE", soft: 5, hard: 1}#process.rlimits[0].soft: '
		'del(.mounts[1].destination)#mounts[1].destination: is missing'
		'.linux.namespaces[1].type = "foo"#linux.namespaces[1].type: "foo" is not known'
		'.linux.namespaces += [{type: "pid"}]#"pid" is there twice'
		'.linux.resources.memory = {limit: "x"}#linux.resources.memory.limit: '
		'.linux.devices = [{path: "/dev/x", type: "q"}]#linux.devices[0].type: "q"'
		'.linux.seccomp = {defaultAction: "NO"}#linux.seccomp.defaultAction: "NO" is not known'
		'.linux.rootfsPropagation = "odd"#linux.rootfsPropagation: "odd" is not known'
		'.linux.maskedPaths = ["rel"]#linux.maskedPaths[0]: '
		'.linux.sysctl = {"kernel.core_pattern": "x"}#linux.sysctl["kernel.core_pattern"]: '
		'.hooks.poststop = [{path: "rel"}]#hooks.poststop[0].path: '
		'.hostname = 5#hostname: is not a string'
		'.ociVersion = "3.0.0"#ociVersion: "3.0.0"'
		'del(.ociVersion)#ociVersion: is missing'
		'del(.root)#root'
	)
	local row made="$TEST_DIR/hook-ran"
	cp "$BUNDLE/config.json" "$TEST_DIR/good.json"
	for row in "${rows[@]}"; do
		cp "$TEST_DIR/good.json" "$BUNDLE/config.json"
		edit ".process.rlimits += [{type: \"RLIMIT_CORE\", soft: 0, hard: 0}]
			| .hooks = {prestart: [{path: \"/bin/touch\", args: [\"touch\", \"$made\"]}]}"
		edit "${row%%#*}"
		fails_with 1 "${row#*#}" create --bundle "$BUNDLE" app
		fails_with 1 "${row#*#}" run --bundle "$BUNDLE" app
		nothing_made
		[ ! -e "$made" ]
	done
}

@test "a configuration that cannot be read is refused" {
	printf '{' >"$BUNDLE/config.json"
	fails_with 1 "config.json is not valid JSON" create --bundle "$BUNDLE" app
	: >"$BUNDLE/config.json"
	fails_with 1 "config.json is not valid JSON" create --bundle "$BUNDLE" app
	rm "$BUNDLE/config.json"
	fails_with 1 "$BUNDLE" create --bundle "$BUNDLE" app
	mkdir "$BUNDLE/config.json"
	fails_with 1 "Is a directory" create --bundle "$BUNDLE" app
	fails_with 1 "bundle '$TEST_DIR/none'" create --bundle "$TEST_DIR/none" app
	nothing_made
}

@test "what goes wrong while it is made leaves nothing" {
	local row
	cp "$BUNDLE/config.json" "$TEST_DIR/good.json"
	for row in '.root.path = "nosuch"#nosuch' '.mounts[1].options = ["nosuchoption"]#nosuchoption' \
		'.linux.namespaces[0].path = "/nosuch"#/nosuch' '.process.cwd = "/etc/passwd"#/etc/passwd' \
		'.mounts += [{destination: "/x", type: "bind", source: "/nosuch", options: ["bind"]}]#/nosuch'; do
		cp "$TEST_DIR/good.json" "$BUNDLE/config.json"
		edit "${row%%#*}"
		fails_with 1 "${row#*#}" create --bundle "$BUNDLE" app
		nothing_made
	done
}

# ---- options of create and run ----

@test "--pid-file has the number alone, and one that cannot be written undoes all" {
	command_is sleep 100
	create --pid-file "$TEST_DIR/pid" app
	[ "$(od -c "$TEST_DIR/pid")" = "$(printf %s "$(pid_inside app)" | od -c)" ]
	ok delete --force app
	fails_with 1 "pid file" create --pid-file "$TEST_DIR/none/pid" --bundle "$BUNDLE" app
	nothing_made
}

@test "--preserve-fds and LISTEN_FDS pass what was asked for, and no more" {
	echo three >"$TEST_DIR/3"
	echo four >"$TEST_DIR/4"
	command_is sh -c 'cat <&3; cat <&4; cat <&5; true'
	run_fds() {
		timeout 20 env "BUNDLE_MARK=$NAME" "${@:2}" "$RUNTIME" --root "$STATE" run --preserve-fds "$1" --bundle "$BUNDLE" app \
			</dev/null 2>/dev/null 3<"$TEST_DIR/3" 4<"$TEST_DIR/4" 5<"$TEST_DIR/3"
	}
	[ "$(run_fds 0)" = "" ]
	[ "$(run_fds 1)" = three ]
	[ "$(run_fds 2)" = $'three\nfour' ]
	[ "$(run_fds 0 LISTEN_FDS=1)" = three ]
	[ "$(run_fds 1 LISTEN_FDS=1)" = $'three\nfour' ]
	command_is sh -c 'echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES'
	[ "$(run_fds 0 LISTEN_FDS=2 LISTEN_FDNAMES=a:b)" = "2 1 a:b" ]
	fails_with 1 "--preserve-fds" run --preserve-fds -1 --bundle "$BUNDLE" app
	fails_with 1 "--preserve-fds: 'x' is not a number" run --preserve-fds x --bundle "$BUNDLE" app
}

@test "a terminal needs somebody who holds it" {
	edit '.process.terminal = true'
	command_is tty
	fails_with 1 "a terminal without somebody who holds it" create --bundle "$BUNDLE" app
	fails_with 1 "a terminal without somebody who holds it" run --detach --bundle "$BUNDLE" app
	fails_with 1 "a console socket is for a detached container" run --console-socket "$TEST_DIR/s" --bundle "$BUNDLE" app
	fails_with 1 "console socket '$TEST_DIR/s'" create --console-socket "$TEST_DIR/s" --bundle "$BUNDLE" app
	nothing_made
	run_ok app
	assert_contains /dev/pts/0
	edit '.process.consoleSize = {height: 11, width: 22}'
	command_is stty size
	run_ok app
	assert_contains "11 22"
}

# Takes one terminal at a socket, and writes its name and what comes out of it to files.
terminal_receiver() {
	command -v python3 >/dev/null || skip "needs python3"
	python3 - "$1" "$2" 3>&- >/dev/null 2>&1 <<-'END' &
		import array, os, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1])
		s.listen(1)
		s.settimeout(20)
		c = s.accept()[0]
		name, fds, _, _ = socket.recv_fds(c, 100, 1)
		open(sys.argv[2] + ".name", "wb").write(name)
		with open(sys.argv[2], "wb", 0) as out:
		    while True:
		        try:
		            data = os.read(fds[0], 1000)
		        except OSError:
		            break
		        if not data:
		            break
		        out.write(data)
	END
	wait_until test -S "$1"
}
file_has() { grep -qF -- "$2" "$1"; }

@test "--console-socket gets the terminal of create, of run and of exec" {
	edit '.process.terminal = true'
	command_is sh -c 'tty; test -t 0 && test -t 2 && echo is-a-tty; sleep 100'
	terminal_receiver "$TEST_DIR/1.sock" "$TEST_DIR/1"
	create --console-socket "$TEST_DIR/1.sock" one
	ok start one
	wait_until file_has "$TEST_DIR/1" is-a-tty
	file_has "$TEST_DIR/1.name" /dev/pts/
	terminal_receiver "$TEST_DIR/2.sock" "$TEST_DIR/2"
	ok exec --tty --detach --console-socket "$TEST_DIR/2.sock" one sh -c 'tty; echo exec-on-$(tty)'
	wait_until file_has "$TEST_DIR/2" exec-on-/dev/pts/1
	ok delete --force one
	terminal_receiver "$TEST_DIR/3.sock" "$TEST_DIR/3"
	run_ok --detach --console-socket "$TEST_DIR/3.sock" two
	wait_until file_has "$TEST_DIR/3" is-a-tty
}

@test "--no-pivot shows the container's root all the same" {
	command_is sh -c 'cat /etc/passwd; ls -d /var /work 2>&1; true'
	run_ok --no-pivot app
	assert_contains "1000:x:0:0"
	refute_line /var
	command_is sleep 100
	create --no-pivot app
	ok start app
	ok exec app cat /etc/passwd
	assert_contains "1000:x:0:0"
}

@test "--no-new-keyring keeps the caller's session keyring" {
	[ -r /proc/keys ] || skip "needs keyrings"
	edit '.linux.maskedPaths = []'
	command_is cat /proc/keys
	# Keyrings that were not there before; other programs make some, too.
	new_keyrings() {
		grep ' _ses' /proc/keys | cut -d' ' -f1 | sort >"$TEST_DIR/keys"
		rt "$@"
		[ "$status" -eq 0 ] && grep ' _ses' <<<"$output" | cut -d' ' -f1 | sort | comm -13 "$TEST_DIR/keys" - | grep .
	}
	none_new() { ! new_keyrings run --no-new-keyring --bundle "$BUNDLE" app && [ "$status" -eq 0 ]; }
	new_keyrings run --bundle "$BUNDLE" app
	wait_until none_new
}

@test "without a pid namespace, delete --force ends all of its processes" {
	edit '.linux.namespaces |= map(select(.type != "pid"))'
	command_is sh -c 'sleep 101 & sleep 102 & sleep 103 & wait'
	create app
	ok start app
	sleeping() { [ "$(processes_left | grep -c ': sleep 10')" = 3 ]; }
	wait_until sleeping
	ok delete --force app
	nothing_made
}

@test "in a user namespace, too" {
	user_namespace
	in_background app
	ok exec app id -u
	assert_output 0
	[ "$(awk '/^Uid:/ { print $2 }' "/proc/$(pid_inside app)/status")" = 200000 ]
	ok kill app KILL
	wait_for_status app stopped
	ok delete app
}

# ---- exec ----

@test "exec: code, streams and failures" {
	in_background app
	rt exec app sh -c 'echo out; echo err >&2; exit 7'
	[ "$status" = 7 ] && [ "$output" = out ] && [ "$stderr" = err ] || explain exec
	rt exec app sh -c 'kill -9 $$'
	[ "$status" = 137 ]
	fails_with 255 "no such file or directory" exec app /no/such/program
	fails_with 255 "no program" exec app
	# What follows the container's name is the program's own.
	ok exec app echo --cwd -d
	assert_output "--cwd -d"
	ok exec -- app echo x
	assert_output x
	[ "$(echo in | timeout 20 env "BUNDLE_MARK=$NAME" "$RUNTIME" --root "$STATE" exec app cat)" = in ]
}

@test "exec: directory, environment, user, groups, capabilities" {
	in_background app
	ok exec --cwd /tmp --env ONE=1 -e TWO=2 app sh -c 'pwd; echo $ONE$TWO$BUNDLE_MARK'
	assert_output $'/tmp\n12'"$NAME"
	ok exec --user 1000:1001 --additional-gids 5 -g 6 app id
	assert_contains "uid=1000"
	assert_contains "gid=1001"
	ok exec -u 1000 --additional-gids 5 -g 6 app id -G
	assert_output "0 5 6"
	ok exec --cap CAP_SYS_TIME -c CAP_CHOWN app grep CapEff /proc/self/status
	local with without=$((0x$(awk '/CapEff/ { print $2 }' "/proc/$(pid_inside app)/status")))
	with=$((0x${output##*$'\t'}))
	[ "$with" = $((without | 1 << 25 | 1)) ] || wanted "wanted two more" "$without"
	ok exec --no-new-privs app grep NoNewPrivs /proc/self/status
	assert_contains 1
	fails_with 255 "working directory" exec --cwd /nosuch app true
	fails_with 255 "'rel'" exec --cwd rel app true
	fails_with 255 "unknown capability 'nonsense'" exec --cap nonsense app true
	fails_with 255 "--env 'novalue'" exec --env novalue app true
	fails_with 255 "--user 'root'" exec --user root app true
	fails_with 255 "--additional-gids 'x'" exec --additional-gids x app true
}

@test "exec --process: what a file says" {
	in_background app
	local file="$TEST_DIR/process.json"
	printf '{"args": ["sh", "-c", "echo $X; pwd; id -u; exit 3"], "cwd": "/tmp", "env": ["X=y", "PATH=/bin"], "user": {"uid": 7, "gid": 8}}' >"$file"
	rt exec --process "$file" app
	[ "$status" = 3 ] && [ "$output" = $'y\n/tmp\n7' ] || explain exec
	rt exec -p "$file" --cwd / app
	[ "$output" = $'y\n/\n7' ] || explain exec
	printf '{"args": ["sh"], "cwd": "tmp", "user": {"uid": 0, "gid": 0}}' >"$file"
	fails_with 255 "process: cwd: 'tmp' is not an absolute path" exec --process "$file" app
	printf '{' >"$file"
	fails_with 255 "not valid JSON" exec --process "$file" app
	fails_with 255 "$TEST_DIR/none" exec --process "$TEST_DIR/none" app
}

@test "exec: detached, with its pid in a file, or on a terminal" {
	in_background app
	ok exec --detach --pid-file "$TEST_DIR/pid" app sleep 99
	[ "$(tr '\0' ' ' <"/proc/$(cat "$TEST_DIR/pid")/cmdline")" = "sleep 99 " ]
	ok exec --tty app tty
	assert_contains /dev/pts/
	fails_with 255 "a terminal without somebody who holds it" exec -td app tty
	fails_with 255 "pid file" exec --pid-file "$TEST_DIR/none/pid" app sleep 98
	wait_until bash -c "! grep -qsz '^98$' /proc/[0-9]*/cmdline"
	echo three >"$TEST_DIR/3"
	[ "$(timeout 20 env "BUNDLE_MARK=$NAME" "$RUNTIME" --root "$STATE" exec --preserve-fds 1 app cat /proc/self/fd/3 </dev/null 3<"$TEST_DIR/3")" = three ]
}

@test "exec --cgroup: below the container's, and nowhere else" {
	in_background app
	local dir
	dir="$(cgroup_of app pids)"
	mkdir "$dir/sub"
	if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
		ok exec --cgroup sub app sh -c 'cat /proc/self/cgroup >/tmp/cgroup; sleep 0.2'
	else
		ok exec --cgroup pids:sub app sh -c 'cat /proc/self/cgroup >/tmp/cgroup; sleep 0.2'
	fi
	grep -q '/sub$' "$ROOTFS/tmp/cgroup"
	fails_with 255 "no such file or directory" exec --cgroup nosuch app true
	fails_with 255 "not a sub cgroup path" exec --cgroup ../x app true
}

@test "ten execs at once" {
	in_background app
	local n pids=()
	for n in $(seq 10); do
		bg "$TEST_DIR/$n" exec app sh -c "echo $n; exit $n"
		pids+=($!)
	done
	for n in $(seq 10); do
		local code=0
		wait "${pids[n - 1]}" || code=$?
		[ "$code" = "$n" ] && [ "$(cat "$TEST_DIR/$n")" = "$n" ] || { echo "$n: $code" && cat "$TEST_DIR/$n.err" && return 1; }
	done
}

# ---- kill, pause, ps, list ----

@test "kill by name, number, and with 0" {
	command_is sh -c 'trap "echo usr1 >>/tmp/got" USR1; trap "echo term >>/tmp/got; exit" TERM; touch /tmp/ready; while :; do sleep 0.05; done'
	create app
	ok start app
	wait_until test -e "$ROOTFS/tmp/ready"
	local signal count=0
	got() { [ "$(grep -c "$1" "$ROOTFS/tmp/got")" = "$2" ]; }
	for signal in USR1 SIGUSR1 10 usr1; do
		ok kill app "$signal"
		count=$((count + 1))
		wait_until got usr1 "$count"
	done
	ok kill app 0
	fails_with 1 "NOSUCH" kill app NOSUCH
	fails_with 1 "999" kill app 999
	fails_with 1 "at most 2" kill app TERM 9
	assert_status app running
	ok kill app
	wait_until got term 1
	wait_for_status app stopped
}

@test "kill --all reaches every process, in a stopped container, too" {
	edit '.linux.namespaces |= map(select(.type != "pid"))'
	command_is sh -c 'sleep 101 & sleep 102 & exec sleep 103'
	create app
	ok start app
	sleeping() { [ "$(processes_left | grep -c ': sleep 10')" = "$1" ]; }
	wait_until sleeping 3
	ok kill app KILL
	wait_for_status app stopped
	sleeping 2
	ok kill --all app KILL
	wait_until sleeping 0
	ok delete app
}

@test "kill and delete --regex" {
	command_is sleep 100
	local id
	for id in app-1 app-2 other; do
		own_config "$id"
		create --config "config-$id.json" "$id"
		ok start "$id"
	done
	ok kill --regex '^app' KILL
	wait_for_status app-1 stopped
	wait_for_status app-2 stopped
	assert_status other running
	fails_with 1 "not a regular expression" delete --regex 'x('
	ok delete --regex '^app-[0-9]$'
	ok list -q
	assert_output other
	fails_with 1 "not stopped" delete --regex .
	ok delete --force --regex .
	ok list -q
	assert_output ""
}

@test "pause and resume" {
	command_is sh -c 'while :; do echo >>/tmp/ticks; sleep 0.02; done'
	create app
	ok start app
	ok pause app
	assert_status app paused
	fails_with 1 "is paused" pause app
	fails_with 255 "cannot exec in a paused container" exec app true
	local before
	before="$(wc -l <"$ROOTFS/tmp/ticks")"
	sleep 0.2
	[ "$(wc -l <"$ROOTFS/tmp/ticks")" = "$before" ]
	ok resume app
	assert_status app running
	ticks_on() { [ "$(wc -l <"$ROOTFS/tmp/ticks")" -gt "$before" ]; }
	wait_until ticks_on
	ok pause app
	ok kill app KILL # a frozen one dies of it
	wait_for_status app stopped
	ok delete app
	in_background app
	ok pause app
	bg "$TEST_DIR/out" exec --ignore-paused app echo waited
	local pid=$!
	ok resume app
	wait "$pid"
	[ "$(cat "$TEST_DIR/out")" = waited ]
	ok pause app
	ok delete --force app
}

@test "ps: as the machine's, with its options, or as JSON" {
	command -v ps >/dev/null || skip "needs ps"
	in_background app
	ok exec -d --pid-file "$TEST_DIR/pid" app sleep 99
	ok ps app
	assert_contains "sleep 100"
	assert_contains "sleep 99"
	[ "$(wc -l <<<"$output")" = 3 ]
	ok ps app -o pid,args
	assert_match 'PID +COMMAND'
	[ "$(wc -l <<<"$output")" = 3 ]
	ok ps --format json app
	[ "$(jq -c sort <<<"$output")" = "[$(pid_inside app),$(cat "$TEST_DIR/pid")]" ]
	ok ps -f table app
	fails_with 1 "invalid format option 'bad'" ps --format bad app
	fails_with 1 "PID" ps app -o args
}

@test "list: a table, JSON, or ids" {
	ok list
	assert_match '^ID +PID +STATUS +BUNDLE +CREATED +OWNER *$'
	ok list --format json
	assert_output "[]"
	own_config one
	own_config two
	create --config config-one.json one
	command_is sleep 100
	own_config two
	create --config config-two.json two
	ok start two
	ok list -q
	assert_output $'one\ntwo'
	ok list
	assert_match "one +[0-9]+ +created +$BUNDLE +20[^ ]+ +root"
	assert_match "two +[0-9]+ +running +$BUNDLE +20[^ ]+ +root"
	ok list -f json
	[ "$(jq -c 'map([.id, .status])' <<<"$output")" = '[["one","created"],["two","running"]]' ]
	fails_with 1 "invalid format option 'bad'" list --format bad
}

@test "list goes on after a state that is damaged, and says which" {
	in_background app
	mkdir "$STATE/bad" "$STATE/empty"
	echo '{"pid": "x"}' >"$STATE/bad/state.json"
	ok list
	assert_match 'app +[0-9]+ +running'
	assert_stderr_contains "'bad'"
	fails_with 1 "'pid'" state bad
	assert_status empty stopped
	ok delete empty
	rm -r "$STATE/bad"
}

@test "a stale state whose pid is another process by now is stopped, and that process is left alone" {
	in_background app
	ok kill app KILL
	wait_for_status app stopped
	sleep 100 3>&- &
	local other=$!
	jq ".pid = $other" "$STATE/app/state.json" >"$TEST_DIR/new" && mv "$TEST_DIR/new" "$STATE/app/state.json"
	assert_status app stopped
	fails_with 1 "not running" kill app KILL
	ok delete --force app
	kill "$other"
}

# ---- limits ----

@test "update: flags, files, and what is refused" {
	in_background app
	ok update --memory 64M --pids-limit 50 --cpu-quota 50000 --cpu-period 100000 app
	limit_is app memory memory.limit_in_bytes memory.max 67108864
	limit_is app pids pids.max pids.max 50
	limit_is app cpu cpu.cfs_quota_us cpu.max "$([ -e "$(cgroup_of app cpu)/cpu.max" ] && echo "50000 100000" || echo 50000)"
	ok update --cpuset-cpus 0 app
	limit_is app cpuset cpuset.cpus cpuset.cpus 0
	echo '{"memory": {"limit": 50000000}, "pids": {"limit": 44}}' >"$TEST_DIR/r.json"
	ok update --resources "$TEST_DIR/r.json" app
	limit_is app pids pids.max pids.max 44
	[ "$(echo '{"pids": {"limit": 45}}' | timeout 9 "$RUNTIME" --root "$STATE" update -r - app 2>&1)" = "" ]
	limit_is app pids pids.max pids.max 45
	fails_with 1 "--memory: 'abc'" update --memory abc app
	fails_with 1 "--cpu-quota: 'x' is not a number" update --cpu-quota x app
	fails_with 1 "--resources" update --resources "$TEST_DIR/none" app
	echo '{"memory": {"limit": "x"}}' >"$TEST_DIR/r.json"
	fails_with 1 "memory.limit" update --resources "$TEST_DIR/r.json" app
	limit_is app pids pids.max pids.max 45
}

@test "events: what it uses, once or until it ends, and that memory ran out" {
	edit '.linux.resources.memory = {limit: 33554432, swap: 33554432}'
	in_background app
	ok events --stats app
	[ "$(jq -r '.type, .id, .data.memory.usage.limit, (.data.pids.current >= 1)' <<<"$output")" = $'stats\napp\n33554432\ntrue' ]
	fails_with 1 "--interval '0'" events --interval 0 app
	bg "$TEST_DIR/events" events --interval 100ms app
	local pid=$!
	lines() { [ "$(grep -c '"type":"stats"' "$TEST_DIR/events")" -ge "$1" ]; }
	wait_until lines 2
	rt exec app sh -c 'x=$(head -c 100000000 /dev/zero | tr "\0" x)'
	[ "$status" -ne 0 ]
	wait_until file_has "$TEST_DIR/events" '{"type":"oom","id":"app"'
	rt kill app KILL # unless the kernel chose its first process as well
	wait "$pid"
}

@test "--cgroup-manager disabled makes no cgroup" {
	command_is sleep 100
	ok --cgroup-manager disabled create --bundle "$BUNDLE" app
	[ -z "$(find /sys/fs/cgroup -maxdepth 2 -name "$NAME*")" ]
	ok start app
	fails_with 1 "has no cgroup" pause app
	fails_with 1 "unknown cgroup manager 'x'" --cgroup-manager=x list
	fails_with 1 "slice:prefix:name" --systemd-cgroup create --bundle "$BUNDLE" other
}

# ---- hooks ----

# hook POINT FILE [COMMAND]: writes its point and the status on its stdin to a file.
hook() {
	edit ".hooks.$1 += [{path: \"/bin/sh\", args: [\"sh\", \"-c\", $(jq -n --arg c \
		"echo $1 \$(tr -d '\\n' | sed 's/.*\"status\": *\"\\([a-z]*\\)\".*/\\1/') >>$2; ${3:-true}" '$c')], env: [\"PATH=/bin:/usr/bin\"]}]"
}

@test "hooks run in their order, once each, with the state on stdin" {
	local log="$ROOTFS/hooks" point
	command_is sh -c 'echo program >>/hooks'
	for point in poststop poststart createContainer createRuntime prestart; do hook "$point" "$log"; done
	hook startContainer /hooks
	create app
	assert_file() { [ "$(cat "$log")" = "$1" ] || wanted "wanted in the log" "$1, not $(cat "$log")"; }
	assert_file $'prestart created\ncreateRuntime creating\ncreateContainer creating'
	ok start app
	wait_for_status app stopped
	grep -qx 'startContainer created' "$log"
	grep -qx 'poststart running' "$log"
	[ "$(grep -nx 'startContainer created' "$log" | cut -d: -f1)" -lt "$(grep -nx program "$log" | cut -d: -f1)" ]
	ok delete app
	[ "$(tail -n 1 "$log")" = "poststop stopped" ]
	[ "$(wc -l <"$log")" = 7 ]
}

@test "a hook that fails undoes what was made" {
	local point
	command_is sleep 100
	cp "$BUNDLE/config.json" "$TEST_DIR/good.json"
	for point in prestart createRuntime createContainer; do
		cp "$TEST_DIR/good.json" "$BUNDLE/config.json"
		hook "$point" /dev/null "echo reason >&2; exit 3"
		fails_with 1 "$point hook" create --bundle "$BUNDLE" app
		nothing_made
	done
	cp "$TEST_DIR/good.json" "$BUNDLE/config.json"
	hook poststart /dev/null "exit 3"
	create app
	fails_with 1 "poststart hook" start app
	nothing_made
	fails_with 1 "poststart hook" run --bundle "$BUNDLE" app
	nothing_made
	cp "$TEST_DIR/good.json" "$BUNDLE/config.json"
	hook poststop /dev/null "exit 3"
	create app
	ok delete app # it is gone: only a warning
	assert_stderr_contains "poststop hook"
}

@test "a hook that takes too long is ended" {
	hook createRuntime /dev/null "sleep 60"
	edit '.hooks.createRuntime[0].timeout = 1'
	fails_with 1 "createRuntime hook" create --bundle "$BUNDLE" app
	nothing_made
}

# ---- killed, and many at once ----

# killed_at_random COMMAND TIMES LONGEST: within so many tenths of a millisecond.
killed_at_random() {
	command_is sleep 100
	local n pid
	for n in $(seq "$2"); do
		bg "$TEST_DIR/out" "$1" --bundle "$BUNDLE" app
		pid=$!
		sleep "$(printf '0.%04d' $((RANDOM % $3)))"
		kill -9 "$pid" 2>/dev/null || true # it may have ended
		wait "$pid" || true
		ok delete --force app
		wait_until nothing_left || { what_is_left && return 1; }
	done
}

@test "create that is killed at any moment is cleaned up by delete --force" { killed_at_random create 24 250; }

@test "run that is killed is cleaned up by delete --force" { killed_at_random run 8 400; }

@test "ten creates at once" {
	command_is sleep 100
	local n pids=()
	for n in $(seq 10); do own_config "$n"; done
	for n in $(seq 10); do
		bg "$TEST_DIR/$n" create --bundle "$BUNDLE" --config "config-$n.json" "app-$n"
		pids+=($!)
	done
	for n in $(seq 10); do wait "${pids[n - 1]}" || { cat "$TEST_DIR/$n.err" && return 1; }; done
	ok list --format json
	[ "$(jq -c 'map(.status) | unique' <<<"$output")" = '["created"]' ] && [ "$(jq length <<<"$output")" = 10 ]
	for n in $(seq 10); do ok start "app-$n"; done
	pids=()
	for n in $(seq 10); do
		bg "$TEST_DIR/$n" delete --force "app-$n"
		pids+=($!)
	done
	for n in $(seq 10); do wait "${pids[n - 1]}" || { cat "$TEST_DIR/$n.err" && return 1; }; done
	nothing_made
}

# won COUNT-OF-RACERS: how many of pids ended well.
won() {
	local pid good=0
	for pid in "$@"; do wait "$pid" && good=$((good + 1)); done
	echo "$good" >"$TEST_DIR/won"
}

@test "of creates with one name at once, exactly one wins" {
	command_is sleep 100
	local n pids=()
	for n in $(seq 8); do
		bg "$TEST_DIR/$n" create --bundle "$BUNDLE" app
		pids+=($!)
	done
	won "${pids[@]}"
	[ "$(cat "$TEST_DIR/won")" = 1 ] || wanted "wanted one winner" "$(cat "$TEST_DIR/won")"
	assert_status app created
	[ "$(cat "$TEST_DIR"/?.err | grep -c "container with id exists: 'app'")" = 7 ]
}

@test "of starts at once, exactly one wins, and the program runs once" {
	command_is sh -c 'echo ran >>/tmp/ran; sleep 100'
	local n pids
	for _ in 1 2 3; do
		create app
		pids=()
		for n in 1 2 3 4; do
			bg "$TEST_DIR/$n" start app
			pids+=($!)
		done
		won "${pids[@]}"
		[ "$(cat "$TEST_DIR/won")" = 1 ] || wanted "wanted one winner" "$(cat "$TEST_DIR/won")"
		assert_status app running
		wait_until test -s "$ROOTFS/tmp/ran"
		ok delete --force app
	done
	[ "$(wc -l <"$ROOTFS/tmp/ran")" = 3 ]
}

@test "of deletes at once, all leave it gone" {
	local n pids=()
	in_background app
	for n in 1 2 3 4; do
		bg "$TEST_DIR/$n" delete --force app
		pids+=($!)
	done
	won "${pids[@]}"
	[ "$(cat "$TEST_DIR/won")" = 4 ] || { cat "$TEST_DIR"/?.err && return 1; }
	nothing_made
}

# ---- the program itself ----

@test "--version, --help, and help of each command" {
	local command
	rt --version
	assert_match '^vessel-runtime version [0-9.]+'
	assert_match 'spec: 1\.[0-9.]+'
	ok -v
	ok --help
	assert_contains "Commands:"
	for command in create start state kill delete exec run list ps pause resume update events spec features; do
		ok --help
		assert_match "  $command +[A-Z]"
		ok "$command" --help
		assert_contains "Usage: vessel-runtime [OPTION...] $command"
		ok "$command" -h
		ok help "$command"
	done
	ok create --help
	for command in bundle console-socket pid-file preserve-fds no-pivot no-new-keyring; do assert_contains "--$command"; done
	rt help nosuch
	[ "$status" = 1 ]
	ln -s "$RUNTIME" "$TEST_DIR/runc" # the name it is called by
	RUNTIME="$TEST_DIR/runc" ok create --help
	assert_contains "runc create - "
}

@test "words that it does not know" {
	fails_with 1 "nosuch" nosuch
	fails_with 1 "flag provided but not defined: --nosuch" --nosuch list
	fails_with 1 "flag provided but not defined: --nosuch" create --nosuch app
	fails_with 1 "flag needs an argument: --root" --root
	fails_with 1 "create takes exactly 1 argument" create
	fails_with 1 "create takes exactly 1 argument" create a b
	fails_with 1 "list takes exactly 0 arguments" list a
	fails_with 1 "neither true nor false" list --quiet=maybe
	fails_with 1 "cannot checkpoint" checkpoint app
	fails_with 1 "cannot checkpoint" restore app
}

@test "runc's way to write flags, and crun's" {
	command_is sleep 100
	ok -log "$TEST_DIR/log" -log-format=json create -bundle "$BUNDLE" -pid-file="$TEST_DIR/pid" app
	[ "$(cat "$TEST_DIR/pid")" = "$(pid_inside app)" ]
	ok --log="file:$TEST_DIR/log" --log-level=debug --rootless=auto --criu=/usr/sbin/criu start app
	[ -s "$TEST_DIR/log" ]
	ok exec -e A=1 -u0:0 -c CAP_CHOWN app sh -c 'echo $A'
	assert_output 1
	ok --cgroup-manager=cgroupfs exec -u=5 -dp <(echo '{"args": ["true"], "cwd": "/", "user": {"uid": 0, "gid": 0}}') app
	ok list -qf json
	ok kill -a app 9
	wait_for_status app stopped
	ok delete -f=true app
}

@test "--log, --log-format, --debug" {
	rt --log "$TEST_DIR/log" --log-format json state gone
	[ "$(jq -r '.level, .msg' "$TEST_DIR/log")" = $'error\ncontainer does not exist: \'gone\'' ]
	jq -r .time "$TEST_DIR/log" | grep -qE '^20[0-9-]+T[0-9:.]+Z$'
	assert_stderr_contains "container does not exist"
	rt --log "$TEST_DIR/log" --log-format json --debug state gone # appended to
	[ "$(jq -r .level "$TEST_DIR/log" | sort | uniq -c | tr -s ' \n' ' ')" = " 1 debug 2 error " ]
	rt --log "$TEST_DIR/text" state $'x"\n'
	grep -q '^time="20.*Z" level=error msg="invalid container ID .*\\"\\n' "$TEST_DIR/text"
	rt --log-format json state gone
	[ "$(jq -r .level <<<"$stderr")" = error ]
	fails_with 1 "unknown log-format 'x'" --log-format x list
	fails_with 1 "open log file" --log "$TEST_DIR/none/log" list
}

@test "--root keeps states apart, and is closed to others" {
	in_background app
	[ "$(stat -c %a "$STATE")" = 700 ]
	rt --root "$TEST_DIR/other" state app
	[ "$status" = 1 ]
	ok --root "$TEST_DIR/other" list -q
	assert_output ""
	fails_with 1 "$TEST_DIR/stdout" --root "$TEST_DIR/stdout" list
}

@test "spec: one that runs, and none that is overwritten" {
	mkdir "$TEST_DIR/new"
	ok spec --bundle "$TEST_DIR/new"
	jq -e '.ociVersion and .process.args and .root.path and .linux.namespaces' "$TEST_DIR/new/config.json"
	fails_with 1 "File config.json exists" spec -b "$TEST_DIR/new"
	cp -a "$ROOTFS" "$TEST_DIR/new/rootfs"
	mv "$TEST_DIR/new/config.json" "$BUNDLE/config.json"
	edit '.process.terminal = false | .process.args = ["true"] | .linux.cgroupsPath = "/'"$NAME"'"'
	run_ok app
	ok spec --rootless --bundle "$TEST_DIR/new"
	[ "$(jq -r '.linux.namespaces[].type' "$TEST_DIR/new/config.json" | grep -cx -e user -e network)" = 1 ]
}

@test "features: what the specification asks to be told" {
	ok features
	[ "$(jq -r '.ociVersionMin, (.hooks | length), .linux.cgroup.v1, .linux.cgroup.v2, .linux.seccomp.enabled' <<<"$output")" = $'1.0.0\n6\ntrue\ntrue\ntrue' ]
	[ "$(jq '.linux.namespaces | length' <<<"$output")" = 8 ]
	jq -e '.mountOptions | index("rro") and index("idmap")' <<<"$output"
}

complete_is() { # WANTED-FIRST-COLUMN WORD...
	local wanted="$1"
	shift
	rt __complete -- "$@"
	[ "$(cut -f1 <<<"$output" | tr '\n' ' ')" = "$wanted " ] || wanted "wanted for: $*" "$wanted"
}

@test "completion and the manual page come from the tables" {
	command_is sleep 100
	create app
	complete_is "exec :none" ex
	complete_is "--log --log-format --log-level :none" --lo
	complete_is "app :none" --root "$STATE" kill ""
	complete_is "app :none" "--root=$STATE" exec -e A=1 a
	complete_is ":none" --root "$STATE" create ""
	complete_is ":files" create --bundle ""
	complete_is ":files" exec -dp ""
	complete_is ":files" exec app --c
	local shell
	for shell in bash zsh fish; do
		ok completion "$shell"
		assert_contains "__complete"
		[ "$shell" != bash ] || bash -n <<<"$output"
	done
	fails_with 1 "bash, zsh or fish" completion csh
	ok __man
	for shell in root log-format console-socket preserve-fds additional-gids pids-limit; do
		assert_contains "\\fB\\-\\-${shell//-/\\-}\\fR"
	done
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Flags of run and create, as docker documents them; what run is at its core is in run.bats.
# shellcheck disable=SC2016 # what is in single quotes is for the shell inside
load helpers

setup() { engine_setup; }
teardown() { engine_teardown; }

@test "exit codes: the program's own, 128 and the signal, 125 for us" {
	local code
	for code in 0 1 2 42 124 255; do
		engine_fails "$code" run --rm --network none "$IMAGE" sh -c "exit $code"
	done
	# A first process is deaf to signals that it does not handle: under an init it is not the first.
	engine_fails 134 run --rm --network none --init "$IMAGE" sh -c 'kill -ABRT $$'
	engine_fails 139 run --rm --network none --init "$IMAGE" sh -c 'kill -SEGV $$'
	engine_fails 1 run
	assert_stderr_contains 'requires at least 1 argument'
	engine_fails 125 run --rm "$IMAGE:nosuch/bad:x" true
	assert_short_stderr
}

@test "options stop at the image: the rest is the program's" {
	engine run --rm "$IMAGE" echo --rm -d --name x
	assert_output "--rm -d --name x"
	engine run --rm -e A=1 -- "$IMAGE" sh -c 'echo $A'
	assert_output "1"
}

@test "flags as pflag takes them: joined, with =, switched off, repeated" {
	engine run --rm -id=false -eA=1 -e B=2 --env=C=3 --env D=4 "$IMAGE" sh -c 'echo $A$B$C$D'
	assert_contains "1234"
	engine run --rm=true --network=none "$IMAGE" true
	engine ps -aq
	assert_output ""
	engine_fails 125 run --rm=maybe "$IMAGE" true
	engine_fails 125 run --name
	assert_stderr_contains "name"
}

@test "--help of run names every flag, and is no error" {
	engine run --help
	local flag
	for flag in --detach --env --publish --volume --memory --cpus --name --rm --workdir --user --entrypoint --network --init; do
		assert_contains "$flag"
	done
}

@test "the command of the image, another one, an entrypoint, and none" {
	mkdir "$TEST_DIR/context"
	printf 'FROM %s\nENTRYPOINT ["echo", "entry"]\nCMD ["command"]\n' "$IMAGE" >"$TEST_DIR/context/Dockerfile"
	engine build --network none -t two "$TEST_DIR/context"
	engine run --rm two
	assert_output "entry command"
	engine run --rm two other words
	assert_output "entry other words"
	engine run --rm --entrypoint cat two /etc/hostname
	assert_match '^[0-9a-f]{12}$'
	engine run --rm --entrypoint "" two echo plain
	assert_output "plain"
	engine_fails 125 run --rm --entrypoint "" two
	assert_stderr_match '[Nn]o command specified'
	engine_fails 125 run --rm "$IMAGE"
	assert_stderr_match '[Nn]o command specified'
}

@test "environment: the image's, then files, then flags; PATH, HOME and HOSTNAME are there" {
	printf 'A=file\nB=file\n' >"$TEST_DIR/env"
	engine run --rm --env-file "$TEST_DIR/env" -e A=flag --hostname boat "$IMAGE" env
	assert_line "A=flag"
	assert_line "B=file"
	assert_line "HOSTNAME=boat"
	assert_line "HOME=/root"
	assert_match 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
	engine run --rm -t "$IMAGE" env
	assert_contains "TERM=xterm"
	engine run --rm -e NOT_SET_HERE "$IMAGE" env
	refute_contains "NOT_SET_HERE"
	engine_fails 125 run --rm --env-file "$TEST_DIR/nosuch" "$IMAGE" true
	assert_stderr_contains "nosuch"
	printf 'two words=x\n' >"$TEST_DIR/env"
	engine_fails 125 run --rm --env-file "$TEST_DIR/env" "$IMAGE" true
}

@test "pipes carry bytes both ways, whole, with the ends where they belong" {
	head -c 2000000 /dev/urandom >"$TEST_DIR/in"
	"$VESSEL" run --rm -i "$IMAGE" cat <"$TEST_DIR/in" >"$TEST_DIR/out"
	cmp "$TEST_DIR/in" "$TEST_DIR/out"
	# Input that the program does not read to its end is no error.
	run bash -c "'$VESSEL' run --rm -i '$IMAGE' head -c 5 <'$TEST_DIR/in' | wc -c"
	assert_output 5
	# A reader that leaves ends us as it ends any program.
	run timeout 20 bash -c "'$VESSEL' run --rm '$IMAGE' sh -c 'while :; do echo line; done' | head -n 1"
	assert_output "line"
}

@test "closed standard streams harm nobody" {
	"$VESSEL" run --rm "$IMAGE" true <&-
	"$VESSEL" run --rm "$IMAGE" echo x >&- || true
	run bash -c "'$VESSEL' run --rm -i '$IMAGE' cat <&-"
	[ "$status" -eq 0 ]
	engine run --rm "$IMAGE" echo fine
	assert_output "fine"
}

@test "a signal to the client of run reaches the program" {
	local client code=0
	"$VESSEL" run --rm --name app "$IMAGE" sh -c 'trap "echo bye; exit 6" TERM; echo ready; while :; do sleep 0.05; done' \
		>"$TEST_DIR/out" 3>&- &
	client=$!
	wait_until grep -q ready "$TEST_DIR/out"
	kill -TERM "$client"
	wait "$client" || code=$?
	[ "$code" = 6 ]
	grep -q bye "$TEST_DIR/out"
	wait_until gone app
}

@test "--cidfile has the id, and is never overwritten" {
	engine run -d --cidfile "$TEST_DIR/cid" --name app "$IMAGE" sleep 100
	[ "$(cat "$TEST_DIR/cid")" = "$(field app .Id)" ]
	engine_fails 125 run --rm --cidfile "$TEST_DIR/cid" "$IMAGE" true
	assert_stderr_contains "$TEST_DIR/cid"
}

@test "users: by name, number, both, with groups; unknown ones are named" {
	engine run --rm -u 4321 "$IMAGE" sh -c 'id -u; id -g'
	assert_output $'4321\n0'
	engine run --rm -u user:extra "$IMAGE" sh -c 'id -u; id -g'
	assert_output $'1000\n2000'
	engine run --rm -u 1000 --group-add 3000 --group-add 2000 "$IMAGE" id -G
	assert_match '(^| )3000( |$)'
	assert_match '(^| )2000( |$)'
	engine run --rm -u 1000 --group-add extra "$IMAGE" id -G
	assert_match '(^| )2000( |$)'
	engine_fails 125 run --rm --group-add nosuch-group "$IMAGE" true
	assert_stderr_contains "unable to find group nosuch-group"
	engine_fails 125 run --rm -u user:nogroup-here "$IMAGE" true
	assert_stderr_contains "nogroup-here"
	engine_fails 125 run --rm -u 99999999999 "$IMAGE" true
}

@test "a user can open its output by name, in run and in exec" {
	engine run --rm -u 4321 "$IMAGE" sh -c 'echo out >/dev/stdout; echo err >/dev/stderr'
	assert_output "out"
	[ "$stderr" = "err" ]
	engine run -d --name app "$IMAGE" sleep 100
	engine exec -u 4321 app sh -c 'echo out >/proc/self/fd/1'
	assert_output "out"
}

@test "-w makes the directory, and a file there is an error" {
	engine run --rm -w /new/deep "$IMAGE" pwd
	assert_output "/new/deep"
	run --separate-stderr "$VESSEL" run --rm -w /etc/passwd "$IMAGE" pwd
	[ "$status" -ge 125 ]
	engine_fails 125 run --rm -w relative "$IMAGE" pwd
	assert_stderr_contains "relative"
}

@test "--hostname and --domainname" {
	engine run --rm --hostname boat --domainname sea.example "$IMAGE" sh -c 'hostname; cat /proc/sys/kernel/domainname'
	assert_output $'boat\nsea.example'
	engine run -d --name app "$IMAGE" sleep 100
	[ "$("$VESSEL" exec app hostname)" = "$(field app .Id | cut -c1-12)" ]
}

@test "labels: from flags and files, in inspect and filters" {
	printf 'from=file\n' >"$TEST_DIR/labels"
	engine run -d --name app -l one=1 --label two --label-file "$TEST_DIR/labels" "$IMAGE" sleep 100
	engine inspect -f '{{json .Config.Labels}}' app
	assert_contains '"one":"1"'
	assert_contains '"two":""'
	assert_contains '"from":"file"'
	engine ps -q --filter label=two
	[ -n "$output" ]
}

@test "-P publishes what is exposed" {
	engine run -d --name app -P --expose 80 --expose 81/udp "$IMAGE" sleep 100
	engine port app
	assert_match '80/tcp -> 0\.0\.0\.0:[0-9]+'
	assert_match '81/udp -> 0\.0\.0\.0:[0-9]+'
	engine run -d --name closed --expose 80 "$IMAGE" sleep 100
	engine port closed
	assert_output ""
}

@test "--log-driver none keeps no log, and logs says so" {
	engine run --name app --log-driver none "$IMAGE" echo seen
	assert_output "seen"
	engine_fails 1 logs app
	assert_short_stderr
}

@test "--log-opt max-size bounds the log on disk" {
	engine run --name app --log-opt max-size=100k --log-opt max-file=2 "$IMAGE" \
		sh -c 'i=0; while [ $i -lt 20000 ]; do echo "line number $i"; i=$((i + 1)); done'
	local bytes
	bytes="$(du -cb "$VESSEL_ROOT/containers/$(field app .Id)"/*json.log* | tail -n 1 | cut -f1)"
	assert_between "bytes of log" "$bytes" 1000 300000
	[ "$("$VESSEL" logs --tail 1 app)" = "line number 19999" ]
	engine_fails 125 run --rm --log-opt max-size=much "$IMAGE" true
}

@test "--pull never and missing: nothing is fetched for an image that is here" {
	engine run --rm --pull never "$IMAGE" true
	engine run --rm --pull missing "$IMAGE" true
	engine_fails 125 run --rm --pull sometimes "$IMAGE" true
	engine_fails 125 run --rm --pull never nosuch true
	assert_stderr_contains "nosuch"
}

@test "--ulimit and --oom-score-adj arrive" {
	engine run --rm --ulimit nofile=100:200 --ulimit core=0 "$IMAGE" sh -c 'ulimit -Sn; ulimit -Hn; ulimit -c'
	assert_output $'100\n200\n0'
	engine run --rm --oom-score-adj 500 "$IMAGE" cat /proc/self/oom_score_adj
	assert_output 500
	engine_fails 125 run --rm --ulimit nofile=200:100 "$IMAGE" true
	engine_fails 125 run --rm --ulimit nosuch=1 "$IMAGE" true
	assert_stderr_contains "nosuch"
	engine_fails 125 run --rm --oom-score-adj 2000 "$IMAGE" true
}

@test "a child that is killed for memory leaves the container running" {
	engine run -d --name app -m 16m --memory-swap 16m "$IMAGE" sh -c \
		'dd if=/dev/zero of=/dev/null bs=64M count=1; echo "ended $?"; sleep 100'
	wait_for_log app "ended 137"
	state_is app running
}

@test "--cgroup-parent puts it there, and nothing of it stays" {
	local parent="vessel-e2e-$$" file
	engine run -d --name app --cgroup-parent "/$parent" "$IMAGE" sleep 100
	file="$(cgroup_file app pids cgroup.procs cgroup.procs)"
	[[ "$file" == */$parent/* ]]
	engine rm -f app
	run find /sys/fs/cgroup -type d -path "*/$parent/*"
	find /sys/fs/cgroup -depth -type d -name "$parent" -exec rmdir {} \;
	assert_output ""
}

@test "volumes: a second container sees them, removal of an anonymous one with -v, names are checked" {
	engine run -d --name writer -v shared:/s "$IMAGE" sh -c 'echo from writer >/s/file; sleep 100'
	wait_until "$VESSEL" exec writer test -s /s/file
	engine run --rm -v shared:/other "$IMAGE" cat /other/file
	assert_output "from writer"
	engine_fails 125 run --rm -v 'name:relative' "$IMAGE" true
	engine_fails 125 run --rm -v "shared:/s:nosuchoption" "$IMAGE" true
	assert_stderr_contains "nosuchoption"
	engine run --rm -v /anonymous "$IMAGE" sh -c 'touch /anonymous/x'
}

@test "a long command line, many variables and odd bytes arrive as they are" {
	local long
	long="$(head -c 100000 /dev/zero | tr '\0' a)"
	engine run --rm "$IMAGE" sh -c 'echo ${#1}' x "$long"
	assert_output 100000
	engine run --rm -e "ODD=tab	quote\"back\\slash'é" "$IMAGE" sh -c 'echo "$ODD"'
	assert_output "tab	quote\"back\\slash'é"
	local flags=() i
	for i in $(seq 500); do flags+=(-e "V$i=$i"); done
	engine run --rm "${flags[@]}" "$IMAGE" sh -c 'env | grep -c "^V"'
	assert_output 500
}

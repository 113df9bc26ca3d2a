#!/usr/bin/env bats
# vessel run: what is run, as whom, where, with what around it, and how it ends.
load helpers

setup() { engine_setup; }
teardown() { engine_teardown; }

@test "run prints what the program prints, on both streams" {
	engine run --rm "$IMAGE" sh -c 'echo out; echo err >&2'
	assert_output "out"
	[ "$stderr" = "err" ]
}

@test "run ends as the program ends" {
	engine_fails 3 run --rm "$IMAGE" sh -c 'exit 3'
	engine_fails 137 run --rm --init "$IMAGE" sh -c 'kill -9 $$'
	engine_fails 143 run --rm --init "$IMAGE" sh -c 'kill -TERM $$'
}

@test "a program that is not there is 127, one that cannot run 126, and nothing is left" {
	engine_fails 127 run --rm "$IMAGE" nosuch
	assert_stderr_contains 'exec: "nosuch": executable file not found in $PATH'
	engine_fails 127 run --rm "$IMAGE" /no/such
	engine_fails 126 run --rm "$IMAGE" /etc/passwd
	assert_stderr_contains "permission denied"
	engine_fails 126 run --rm "$IMAGE" /etc
	engine ps -aq
	assert_output ""
}

@test "a missing interpreter is named, not the script" {
	mkdir "$TEST_DIR/scripts"
	printf '#!/bin/nosuchsh\necho hi\n' >"$TEST_DIR/scripts/a"
	printf '#!/bin/sh\r\necho hi\n' >"$TEST_DIR/scripts/b"
	chmod +x "$TEST_DIR/scripts/a" "$TEST_DIR/scripts/b"
	run --separate-stderr "$VESSEL" run --rm -v "$TEST_DIR/scripts:/s" "$IMAGE" /s/a
	assert_stderr_contains "/bin/nosuchsh"
	run --separate-stderr "$VESSEL" run --rm -v "$TEST_DIR/scripts:/s" "$IMAGE" /s/b
	assert_stderr_contains "CR"
}

@test "-d prints the id when the program runs, and fails when it cannot" {
	engine run -d --name long "$IMAGE" sleep 100
	assert_match '^[0-9a-f]{64}$'
	engine inspect -f '{{.State.Status}}' long
	assert_output "running"
	engine_fails 127 run -d "$IMAGE" nosuch
}

@test "a container is found by id, by name and by a unique prefix" {
	engine run -d --name first "$IMAGE" sleep 100
	local id="$output"
	engine inspect -f '{{.Id}}' first
	assert_output "$id"
	engine inspect -f '{{.Name}}' "${id:0:12}"
	assert_output "/first"
	engine_fails 1 inspect 'nobody'
	assert_stderr_contains "No such object: nobody"
}

@test "an ambiguous prefix is an error that says so" {
	for _ in $(seq 17); do "$VESSEL" create "$IMAGE" true >/dev/null; done
	# Seventeen ids share at least one first digit.
	local digit
	digit=$("$VESSEL" ps -aq | cut -c1 | sort | uniq -d | head -n 1)
	engine_fails 1 stop "$digit"
	assert_stderr_contains "$digit"
	! [[ "$stderr" == *"No such container"* ]]
}

@test "a name in use is a conflict, and the next try with another name works" {
	engine create --name taken "$IMAGE" true
	engine_fails 125 run --name taken "$IMAGE" true
	assert_stderr_contains 'The container name "/taken" is already in use by container'
	engine run --rm --name other "$IMAGE" true
	engine ps -aq
	[ "$(wc -l <<<"$output")" = 1 ]
}

@test "names are made up: adjective_surname" {
	engine create "$IMAGE" true
	engine ps -a --format '{{.Names}}'
	assert_match '^[a-z]+_[a-z]+[0-9]?$'
}

@test "-e, -w, -u, --hostname and --entrypoint arrive" {
	engine run --rm -e A=1 -e B="two words" -w /tmp --hostname boat "$IMAGE" sh -c 'echo "$A|$B|$PWD|$(hostname)"'
	assert_output "1|two words|/tmp|boat"
	engine run --rm -u 1000:2000 "$IMAGE" id
	assert_output "uid=1000(user) gid=2000(extra) groups=2000(extra)"
	engine run --rm -u user "$IMAGE" sh -c 'id -u; id -g; id -G; echo $HOME'
	assert_output $'1000\n1000\n1000 2000\n/home/user'
	engine run --rm --entrypoint echo "$IMAGE" from entrypoint
	assert_output "from entrypoint"
	engine_fails 125 run --rm -u nobody-here "$IMAGE" id
	assert_stderr_contains "nobody-here"
}

@test "-e NAME takes our own value, --env-file reads lines" {
	printf '# comment\nX=from file\nY=#kept\n' >"$TEST_DIR/env"
	MINE=ours engine run --rm -e MINE --env-file "$TEST_DIR/env" "$IMAGE" sh -c 'echo "$MINE|$X|$Y"'
	assert_output "ours|from file|#kept"
}

@test "-i gives it our standard input, to its end" {
	run bash -c "printf 'one\ntwo\n' | '$VESSEL' run --rm -i '$IMAGE' wc -l"
	[ "$output" = 2 ]
	run bash -c "head -c 3000000 /dev/zero | '$VESSEL' run --rm -i '$IMAGE' wc -c"
	[ "$output" = 3000000 ]
}

@test "without -i there is no input, and large output arrives whole" {
	engine run --rm "$IMAGE" cat
	assert_output ""
	run bash -c "'$VESSEL' run --rm '$IMAGE' sh -c 'head -c 20000000 /dev/zero' | wc -c"
	[ "$output" = 20000000 ]
}

@test "-t gives a terminal" {
	engine run --rm -t "$IMAGE" sh -c 'test -t 0 && test -t 1 && tty'
	assert_match '^/dev/pts/0'
	engine run -dt --name term "$IMAGE" sh
	engine exec -t term tty
	assert_match '^/dev/pts/'
}

@test "--init reaps orphans and forwards signals" {
	engine run -d --init --name reaper "$IMAGE" sh -c 'for i in 1 2 3; do (sleep 0.1 &) ; done; sleep 100'
	sleep 0.5
	engine exec reaper sh -c 'grep -l "State:.*Z" /proc/[0-9]*/status | wc -l'
	assert_output "0"
	engine exec reaper cat /proc/1/comm
	[ "$output" != sh ]
	local before=$SECONDS
	engine stop reaper
	[ $((SECONDS - before)) -lt 5 ]
	engine inspect -f '{{.State.ExitCode}}' reaper
	assert_output "143"
}

@test "-v binds a directory, read-only when asked, and a named volume stays" {
	mkdir "$TEST_DIR/data"
	engine run --rm -v "$TEST_DIR/data:/data" "$IMAGE" sh -c 'echo written >/data/file'
	[ "$(cat "$TEST_DIR/data/file")" = written ]
	engine_fails 1 run --rm -v "$TEST_DIR/data:/data:ro" "$IMAGE" sh -c 'echo no >/data/file'
	engine run --rm -v keep:/v "$IMAGE" sh -c 'echo kept >/v/f'
	engine run --rm -v keep:/v "$IMAGE" cat /v/f
	assert_output "kept"
	engine_fails 125 run --rm -v "relative/path:/v" "$IMAGE" true
	assert_stderr_contains "hint:"
}

@test "an empty volume gets what the image has there" {
	engine run --rm -v fresh:/etc "$IMAGE" cat /etc/group
	assert_line "extra:x:2000:user"
}

@test "--read-only, --tmpfs and --shm-size hold" {
	engine_fails 1 run --rm --read-only "$IMAGE" touch /file
	engine run --rm --read-only --tmpfs /scratch:size=1m "$IMAGE" sh -c 'touch /scratch/f && df -k /scratch | tail -n 1'
	assert_match '1024'
	engine run --rm --shm-size 8m "$IMAGE" sh -c 'df -k /dev/shm | tail -n 1'
	assert_match '8192'
}

@test "--rm takes everything away, also when the client was killed" {
	"$VESSEL" run --rm --name gone "$IMAGE" sleep 1 &
	local client=$!
	wait_until "$VESSEL" inspect gone
	kill -9 "$client"; wait "$client" || true
	wait_until bash -c "! '$VESSEL' inspect gone"
}

@test "unknown flags, images and values are one clear sentence, exit 125" {
	engine_fails 125 run --nosuchflag "$IMAGE" true
	assert_stderr_contains "unknown flag: --nosuchflag"
	engine_fails 125 run --rm --pull never nosuchimage:tag true
	assert_stderr_contains "nosuchimage:tag"
	engine_fails 125 run --rm -p 99999:80 "$IMAGE" true
	engine_fails 125 run --rm --network nowhere "$IMAGE" true
	engine_fails 125 run --rm --cap-add NOSUCH "$IMAGE" true
	engine ps -aq
	assert_output ""
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kill -9 at the system calls that change something, one after the other (crash.bats has the same by time): the next command
# works without complaint, and the oracle finds nothing left. A process that is killed before each of its changes has been
# killed in every state that it could leave; every n-th is enough to see a hole come up within a few runs.
load helpers

setup() {
	command -v strace >/dev/null || skip "needs strace"
	engine_setup
}
teardown() { engine_teardown; }

# Everything that one run of the tests does not kill, another one does.
OFFSET=$((RANDOM % 5))

# killed_at_call NAME N COMMAND...: kills vessel when it is about to make its n-th call of that name. Fails when it made no
# so many.
killed_at_call() {
	local call="$1" n="$2" code=0
	shift 2
	# The program itself: a wrapper's calls would be counted as well.
	# shellcheck disable=SC2086 # a command of several words
	{ $NET_ENTER env VESSEL_ROOT="$VESSEL_ROOT" VESSEL_RUN="$VESSEL_RUN" \
		strace -qq -o /dev/null -e "trace=$call" -e "inject=$call:signal=SIGKILL:when=$n" "$PROGRAM" "$@" \
		>/dev/null 2>&1 3>&- </dev/null; } 2>/dev/null || code=$?
	[ "$code" = 137 ]
}

# each_call SETUP CHECK STEP COMMAND...: CHECK is called after each kill.
each_call() {
	local setup="$1" check="$2" step="$3" call n kills=0
	shift 3
	for call in mkdirat openat linkat renameat unlinkat pwrite64 vfork sendmsg; do
		n=$((1 + OFFSET % step))
		while :; do
			$setup
			killed_at_call "$call" "$n" "$@" || break
			kills=$((kills + 1))
			$check || { echo "after a kill at $call $n of: $*"; return 1; }
			n=$((n + step))
		done
		remove_all
	done
	echo "$kills kills"
	[ "$kills" -ge 5 ]
}

silent() {
	local said
	said="$("$VESSEL" "$@" 2>&1 >/dev/null)" && [ -z "$said" ] || { echo "vessel $*: $said"; return 1; }
}
intact() { silent ps -a && silent run --rm --network none "$IMAGE" true; }
intact_store() { silent images && silent import "$(box_tar)" after && silent run --rm --network none after true; }

remove_all() {
	local ids
	ids="$("$VESSEL" ps -aq)"
	# shellcheck disable=SC2086 # a list of ids
	[ -z "$ids" ] || timeout 20 "$VESSEL" rm -f -v $ids >/dev/null
}

nothing() { :; }
fresh() { remove_all; "$VESSEL" run -d --network none --name victim "$IMAGE" sleep 1000 >/dev/null; }
ended() { fresh; "$VESSEL" kill victim >/dev/null; }
usable() { intact && "$VESSEL" start victim >/dev/null && state_is victim running; }
unfrozen() { intact && timeout 10 "$VESSEL" rm -f victim >/dev/null; }

@test "run -d, with ports and volumes" {
	each_call remove_all intact 7 run -d --name same -v named:/named -v /anonymous -p 80 "$IMAGE" sleep 1000
}

@test "run --rm" {
	each_call nothing intact 8 run --rm "$IMAGE" true
}

@test "rm -f, and stop: whatever they left can be removed" {
	each_call fresh intact 7 rm -f victim
	each_call fresh intact 9 stop -t 0 victim
}

@test "start and restart: the container can be started" {
	each_call ended usable 9 start victim
	each_call fresh usable 13 restart -t 0 victim
}

@test "pause: a container that is frozen can be removed" {
	each_call fresh unfrozen 5 pause victim
}

@test "update and rename: the container is one of the two, whole" {
	each_call fresh usable 5 update --cpu-shares 512 victim
	renamed() { intact && { silent start victim 2>/dev/null || silent start other; } && remove_all; }
	each_call fresh renamed 5 rename victim other
}

@test "import" {
	each_call nothing intact_store 11 import --change "LABEL n=calls" "$(box_tar)" image:calls
}

@test "commit: the container goes on, and the store is whole" {
	running() { intact && wait_until state_is victim running && silent diff victim; }
	changed() { fresh && "$VESSEL" exec victim sh -c 'mkdir /d; echo a >/d/a; echo b >/d/b; rm /etc/group'; }
	each_call changed running 7 commit victim image:calls
}

@test "tag and rmi: images are listed, and run" {
	tagged() { "$VESSEL" tag "$IMAGE" second >/dev/null; }
	each_call nothing intact 6 tag "$IMAGE" third
	each_call tagged intact 6 rmi second
}

@test "build" {
	mkdir "$TEST_DIR/context"
	echo content >"$TEST_DIR/context/file"
	printf 'FROM %s\nRUN echo one >/one\nCOPY file /file\n' "$IMAGE" >"$TEST_DIR/context/Dockerfile"
	each_call nothing intact 19 build --no-cache -t built "$TEST_DIR/context"
	intact_store
	engine build -t built "$TEST_DIR/context"
	engine run --rm built cat /one /file
	assert_output $'one\ncontent'
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kill -9 at the system calls that change something, one after the other (crash.bats has the same by time): the next command
# works without complaint, and the oracle finds nothing left. A process that is killed before each of its changes has been
# killed in every state that it could leave; every n-th is enough to see a hole come up within a few runs.
load helpers
load calls

setup() {
	command -v strace >/dev/null || skip "needs strace"
	engine_setup
}
teardown() { engine_teardown; }

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

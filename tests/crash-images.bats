#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What comes from outside, interrupted: pull, load and import killed at their system calls, and their calls failed one after
# the other, in every process of theirs; and what removes, on the way. Afterwards the image is there wholly or not at all,
# the next command works, and nothing is left that a sweep does not take.
load helpers
load calls

REGISTRY=5700
AT="127.0.0.1:$REGISTRY"

setup() {
	local tool
	for tool in strace docker-registry python3; do command -v "$tool" >/dev/null || skip "needs $tool"; done
	engine_setup
	PULLED="$AT/image:one"
}
teardown() { engine_teardown; }

answers() { host busybox wget -q -O /dev/null "http://$AT/v2/"; }

# A tar with one file.
layer() {
	mkdir -p "$TEST_DIR/$1"
	head -c "$2" /dev/urandom >"$TEST_DIR/$1/$1"
	tar -C "$TEST_DIR/$1" --owner=0 --group=0 -cf "$TEST_DIR/$1.tar" "$1"
	echo "$TEST_DIR/$1.tar"
}

registry_with_image() {
	cat >"$TEST_DIR/registry.yml" <<-END
		version: 0.1
		log: { level: error, accesslog: { disabled: true } }
		storage: { filesystem: { rootdirectory: $TEST_DIR/registry } }
		http: { addr: "$AT" }
	END
	host docker-registry serve "$TEST_DIR/registry.yml" >"$TEST_DIR/registry.log" 2>&1 </dev/null &
	wait_until answers
	host "$HERE/registry.py" push "$REGISTRY" image one "$(box_tar)" "$(layer a 300000)" "$(layer b 20)"
}

archive_of_image() {
	box_image_with saved touch
	"$VESSEL" save -o "$TEST_DIR/saved.tar" saved
	"$VESSEL" rmi saved >/dev/null
}

# ---- what must be so afterwards ----

has() { [ -n "$("$VESSEL" images -q "$1")" ]; }

# whole IMAGE: where it is there, it runs; nothing is damaged.
whole() {
	if has "$1"; then silent run --rm --network none "$1" true || return 1; fi
	silent images -a && silent run --rm --network none "$IMAGE" true && "$VESSEL" system check -q >"$TEST_DIR/check" ||
		{ cat "$TEST_DIR/check"; return 1; }
}

# After the last image has gone, so has everything.
tidy() {
	"$VESSEL" system prune -af >/dev/null 2>&1 || return 1
	[ -z "$(find "$VESSEL_ROOT/tmp" "$VESSEL_ROOT/partial" -mindepth 1 2>/dev/null)" ] ||
		{ find "$VESSEL_ROOT/tmp" "$VESSEL_ROOT/partial"; return 1; }
	[ -z "$(find "$VESSEL_ROOT/layers" "$VESSEL_ROOT/blobs/sha256" -mindepth 1)" ] ||
		{ find "$VESSEL_ROOT/layers" "$VESSEL_ROOT/blobs/sha256" -mindepth 1; return 1; }
}

again() { # COMMAND... ends well, and the image is there
	local image="$1"
	shift
	timeout 60 "$VESSEL" "$@" >/dev/null 2>"$TEST_DIR/again" || { cat "$TEST_DIR/again"; return 1; }
	has "$image" && whole "$image" && "$VESSEL" rmi -f "$image" >/dev/null
}

pulled() { whole "$PULLED" && again "$PULLED" pull -q "$PULLED"; }
loaded() { whole saved && again saved load -q -i "$TEST_DIR/saved.tar"; }
imported() { whole image:calls && again image:calls import "$(box_tar)" image:calls; }
removed() { whole "$PULLED" && { ! has "$PULLED" || silent rmi "$PULLED"; }; }
with_image() { has "$PULLED" || "$VESSEL" pull -q "$PULLED" >/dev/null; }
# And a container that keeps the other image.
with_user() { with_image && { "$VESSEL" inspect user >/dev/null 2>&1 || "$VESSEL" create --name user "$IMAGE" true >/dev/null; }; }
pruned() { whole "$PULLED" && again "$PULLED" pull -q "$PULLED"; }

# ---- killed ----

@test "a pull that is killed at a system call" {
	registry_with_image
	each_call nothing pulled 11 pull "$PULLED"
	engine rmi -f "$IMAGE"
	tidy
}

@test "a load that is killed at a system call" {
	archive_of_image
	each_call nothing loaded 11 load -i "$TEST_DIR/saved.tar"
	engine rmi -f "$IMAGE"
	tidy
}

@test "rmi and prune that are killed at a system call: the image is there, wholly, or is not" {
	registry_with_image
	each_call with_image removed 9 rmi "$PULLED"
	each_call with_user pruned 13 image prune -af
	tidy
}

# ---- failed ----

@test "a pull whose system calls fail, in any of its processes" {
	registry_with_image
	each_failure pulled 17 pull "$PULLED"
	engine rmi -f "$IMAGE"
	tidy
}

@test "load and import whose system calls fail, in any of their processes" {
	archive_of_image
	each_failure loaded 17 load -i "$TEST_DIR/saved.tar"
	each_failure imported 17 import "$(box_tar)" image:calls
	engine rmi -f "$IMAGE"
	tidy
}

@test "rmi whose system calls fail: what could not be removed goes with the next sweep" {
	registry_with_image
	prepare=with_image FAILURES="unlinkat:EIO renameat:ENOSPC openat:EMFILE fdatasync:EIO pwrite64:ENOSPC" \
		each_failure removed 7 rmi "$PULLED"
	engine rmi -f "$IMAGE"
	tidy
}

# ---- side by side ----

@test "prune beside a pull takes nothing that the pull needs" {
	registry_with_image
	for _ in {1..15}; do
		(for _ in {1..6}; do "$VESSEL" image prune -f >/dev/null || exit 1; done) 3>&- &
		local pruner=$!
		"$VESSEL" pull -q "$PULLED" >/dev/null
		wait "$pruner"
		silent run --rm --network none "$PULLED" true
		"$VESSEL" rmi "$PULLED" >/dev/null
	done
}

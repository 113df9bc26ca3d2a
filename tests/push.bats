#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # status, output, stderr are bats's
# push, to a real registry and to one that does what real ones rarely do.
load helpers
load push-helpers

R=127.0.0.1:5000

setup() {
	local tool
	for tool in docker-registry curl python3; do
		command -v "$tool" >/dev/null || skip "needs $tool"
	done
	engine_setup
}

teardown() {
	peers_stop
	engine_teardown
}

add_noise() { head -c "$NOISE" /dev/urandom >"$1/noise"; }
# noisy_image NAME BYTES: what cannot be compressed
noisy_image() {
	NOISE="$2" box_image_with noisy add_noise
	engine tag noisy "$1"
	engine rmi noisy
}

# ---- what is sent ----

@test "an imported image is pushed: a line for each layer, and a digest that is the manifest's" {
	registry_start 5000
	engine tag "$IMAGE" "$R/x"
	engine push "$R/x"
	assert_line "Using default tag: latest"
	assert_line "The push refers to repository [$R/x]"
	assert_match "[0-9a-f]{12}: Preparing"
	assert_match "[0-9a-f]{12}: Pushed"
	[ "$(pushed_digest)" = "$(http_manifest 5000 x latest | sha256_of)" ]
	# The id of a line is the layer's, as docker shows it: its tar's digest.
	local diff_id
	diff_id="$("$VESSEL" image inspect -f '{{index .RootFS.Layers 0}}' "$IMAGE")"
	assert_line "${diff_id:7:12}: Pushed"
	# What was sent is gzip that others can read, of exactly this tar.
	local layer
	layer="$(http_manifest 5000 x latest | layers_of)"
	http_blob 5000 x "$layer" >"$TEST_DIR/layer.gz"
	[ "$(sha256_of <"$TEST_DIR/layer.gz")" = "$layer" ]
	[ "$(gzip -dc "$TEST_DIR/layer.gz" | sha256_of)" = "$diff_id" ]
}

@test "a second push sends nothing, and gives the same digest" {
	registry_start 5000
	engine tag "$IMAGE" "$R/x:1"
	engine push "$R/x:1"
	local first
	first="$(pushed_digest)"
	[ -n "$first" ]
	engine push "$R/x:1"
	[ "$(pushed_digest)" = "$first" ]
	assert_match "[0-9a-f]{12}: Layer already exists"
	refute_contains ": Pushed"
	[ "$("$VESSEL" images --digests -q --no-trunc "$R/x:1" | wc -l)" = 1 ]
}

@test "a layer compresses to the same blob on one processor as on all" {
	registry_start 5000
	noisy_image "$R/x:all" 5000000
	engine push "$R/x:all"
	local second="$TEST_DIR/second" tree="$TEST_DIR/tree-noisy.tar"
	VESSEL_ROOT="$second" VESSEL_RUN="$second.run" host "$PROGRAM" import "$tree" "$R/x:one" >/dev/null
	VESSEL_ROOT="$second" VESSEL_RUN="$second.run" host taskset -c 0 "$PROGRAM" push -q "$R/x:one" >/dev/null
	VESSEL_ROOT="$second" VESSEL_RUN="$second.run" host "$PROGRAM" system reset --force >/dev/null
	[ "$(http_manifest 5000 x all | layers_of)" = "$(http_manifest 5000 x one | layers_of)" ]
}

@test "what was pulled is pushed elsewhere bit for bit, and its layers are mounted" {
	registry_start 5000
	engine tag "$IMAGE" "$R/team/first:1"
	engine push "$R/team/first:1"
	local digest
	digest="$(pushed_digest)"
	engine rmi -f "$R/team/first:1" "$IMAGE"
	engine pull "$R/team/first:1"
	engine tag "$R/team/first:1" "$R/second:2"
	engine push "$R/second:2"
	[ "$(pushed_digest)" = "$digest" ]
	assert_match "[0-9a-f]{12}: Mounted from team/first"
	cmp <(http_manifest 5000 team/first 1) <(http_manifest 5000 second 2)
	grep -a 'POST' "$TEST_DIR/registry-5000.log" | grep -aqF 'from=team%2Ffirst' ||
		grep -a 'POST' "$TEST_DIR/registry-5000.log" | grep -aqF 'from=team/first'
}

@test "a built image keeps its base's layers as the registry has them" {
	registry_start 5000
	engine tag "$IMAGE" "$R/base"
	engine push "$R/base"
	local base
	base="$(http_manifest 5000 base latest | layers_of)"
	engine rmi -f "$R/base" "$IMAGE"
	engine pull "$R/base"
	mkdir "$TEST_DIR/context"
	printf 'FROM %s/base\nRUN echo built >/built\nENV A=b\n' "$R" >"$TEST_DIR/context/Dockerfile"
	engine build -q -t "$R/app" "$TEST_DIR/context"
	engine push "$R/app"
	[ "$(http_manifest 5000 app latest | layers_of | head -n 1)" = "$base" ]
	[ "$(http_manifest 5000 app latest | layers_of | wc -l)" = 2 ]
	assert_match "[0-9a-f]{12}: Mounted from base"
	engine rmi -f "$R/app" "$R/base"
	engine run --rm "$R/app" cat /built
	assert_output built
}

@test "--all-tags pushes every tag, -q says the name alone" {
	registry_start 5000
	engine tag "$IMAGE" "$R/x:1"
	engine tag "$IMAGE" "$R/x:2"
	engine tag "$IMAGE" "$R/xy:3"
	engine push -a "$R/x"
	refute_contains "Using default tag"
	assert_match "1: digest: sha256:"
	assert_match "2: digest: sha256:"
	http_manifest 5000 x 1 >/dev/null
	http_manifest 5000 x 2 >/dev/null
	run ! http_manifest 5000 xy 3
	engine push -q "$R/xy:3"
	assert_output "$R/xy:3"
	http_manifest 5000 xy 3 >/dev/null
}

# ---- what cannot be pushed ----

@test "names that are wrong are refused in docker's words" {
	engine tag "$IMAGE" "$R/x:1"
	engine_fails 1 push "$R/none"
	assert_stderr_contains "An image does not exist locally with the tag: $R/none"
	engine_fails 1 push "$R/x:2"
	assert_stderr_contains "tag does not exist: $R/x:2"
	engine_fails 1 push -a "$R/x:1"
	assert_stderr_contains "tag can't be used with --all-tags/-a"
	engine_fails 1 push -a "$R/none"
	assert_stderr_contains "An image does not exist locally with the tag: $R/none"
	engine_fails 1 push "$R/x@sha256:$(printf '%064d' 0)"
	assert_stderr_contains "cannot push a digest reference"
	engine_fails 1 push --platform linux/s390x "$R/x:1"
	assert_stderr_contains "does not match the specified platform (linux/s390x)"
	engine_fails 1 push "$R/x:1" # nobody listens there
	assert_stderr_contains "127.0.0.1"
	assert_short_stderr
}

@test "a damaged layer is not pushed" {
	registry_start 5000
	local diff_id
	diff_id="$("$VESSEL" image inspect -f '{{index .RootFS.Layers 0}}' "$IMAGE")"
	[ -e "$VESSEL_ROOT/blobs/sha256/${diff_id:7}" ]
	printf 'X' | dd of="$VESSEL_ROOT/blobs/sha256/${diff_id:7}" bs=1 seek=100000 conv=notrunc status=none
	engine tag "$IMAGE" "$R/x"
	engine_fails 1 push "$R/x"
	assert_stderr_contains "damaged"
	run ! http_manifest 5000 x latest
}

# ---- a registry that refuses ----

# refused 'METHOD REGEX CODE' TEXT: the push fails, says this, in a few lines, and puts no manifest
refused() {
	small_registry 5001 --fail "$1"
	engine tag "$IMAGE" 127.0.0.1:5001/x
	engine_fails 1 push 127.0.0.1:5001/x
	assert_stderr_contains "$2"
	assert_short_stderr
	run ! asked 5001 'PUT .*/manifests/.* 201'
}

@test "a registry that says 401" { refused 'POST uploads 401' 'push access denied for 127.0.0.1:5001/x'; }
@test "a registry that says 403" { refused 'POST uploads 403' 'push access denied for 127.0.0.1:5001/x'; }
@test "a registry that says 404" { refused 'POST uploads 404' 'HTTP status 404'; }
@test "a registry that says 413" { refused 'PUT uploads 413' 'HTTP status 413'; }
@test "a registry that says 403 to the manifest" { refused 'PUT manifests 403' 'push access denied'; }
@test "a registry that says 500, again and again" { refused 'POST uploads 500' 'HTTP status 500'; }

@test "a registry that is busy or broken for a moment is asked again" {
	small_registry 5001 --fail 'POST uploads 503 1' --fail 'PUT uploads 429 1' --fail 'PUT manifests 500 1' \
		--fail 'HEAD blobs 502 1'
	engine tag "$IMAGE" 127.0.0.1:5001/x
	engine push 127.0.0.1:5001/x
	[ "$(pushed_digest)" = "$(http_manifest 5001 x latest | sha256_of)" ]
	asked 5001 'POST .* 503'
	asked 5001 'PUT .*/uploads/.* 429'
	asked 5001 'PUT .*/manifests/.* 500'
}

@test "a registry that lets nobody look, and does not mount, is pushed to" {
	small_registry 5001
	engine tag "$IMAGE" 127.0.0.1:5001/x
	engine push 127.0.0.1:5001/x
	peers_stop
	rm -r "$TEST_DIR/small-store"
	small_registry 5001 --fail 'HEAD blobs 403' --fail 'GET manifests 403' --fail 'POST mount= 405'
	engine tag "$IMAGE" 127.0.0.1:5001/y
	engine push 127.0.0.1:5001/y
	asked 5001 'POST .*mount=.* 405'
	assert_match "[0-9a-f]{12}: Pushed"
}

# ---- lines that break ----

@test "an upload goes on where the line broke, by the Range that the registry tells" {
	small_registry 5001 --cut 1000000 --cut 500000
	noisy_image 127.0.0.1:5001/x 3000000
	engine push 127.0.0.1:5001/x
	asked 5001 'GET .*/uploads/.* 204'
	asked 5001 'PATCH .* 202 range=1500000-' # 1000000 of the PUT, 500000 of the first PATCH
	[ "$(asked 5001 'POST .*/uploads/ 202' | wc -l)" = 2 ] # of the layer and of the configuration
	local layer
	layer="$(http_manifest 5001 x latest | layers_of)"
	[ "$(http_blob 5001 x "$layer" | sha256_of)" = "$layer" ]
}

@test "a large layer goes in several PATCHes, each after the other" {
	small_registry 5001 --cut 40000000
	noisy_image 127.0.0.1:5001/x 100000000
	engine push 127.0.0.1:5001/x
	asked 5001 'PATCH .* 202 range=40000000-'
	[ "$(asked 5001 'PATCH .* 202' | wc -l)" = 1 ]
	local layer
	layer="$(http_manifest 5001 x latest | layers_of)"
	[ "$(http_blob 5001 x "$layer" | sha256_of)" = "$layer" ]
}

@test "a real registry behind a line that breaks twice gets the whole image" {
	registry_start 5000
	peer_start "$TEST_DIR/proxy.out" python3 "$HERE/peers/cut-proxy.py" 5002 5000 3000000 9000000
	wait_until listens 5002
	noisy_image 127.0.0.1:5002/x 20000000
	engine push 127.0.0.1:5002/x
	[ "$(pushed_digest)" = "$(http_manifest 5000 x latest | sha256_of)" ]
	local layer
	layer="$(http_manifest 5000 x latest | layers_of)"
	[ "$(http_blob 5000 x "$layer" | sha256_of)" = "$layer" ]
}

@test "a push that is killed leaves nothing, and the next one works" {
	small_registry 5001
	noisy_image 127.0.0.1:5001/x 60000000
	"$VESSEL" push 127.0.0.1:5001/x >"$TEST_DIR/push.out" 2>&1 </dev/null 3>&- &
	local pid=$!
	wait_until asked 5001 'POST .*/uploads/ 202'
	kill -9 "$pid"
	wait "$pid" || true
	engine push 127.0.0.1:5001/x
	[ "$(pushed_digest)" = "$(http_manifest 5001 x latest | sha256_of)" ]
}

# ---- what a token is for ----

@test "a token goes to the registry and to no other origin that an upload's Location names" {
	small_registry 5003
	small_registry 5001 --token --uploads-at http://127.0.0.1:5003
	engine tag "$IMAGE" 127.0.0.1:5001/x
	engine push 127.0.0.1:5001/x
	asked 5001 'POST .*/uploads/ 202 .*authorized=yes'
	asked 5003 'PUT .*/uploads/.* 201 .*authorized=no'
	run ! asked 5003 'authorized=yes'
}

# ---- a terminal ----

@test "on a terminal layers move in place, and the cursor comes back" {
	registry_start 5000
	noisy_image "$R/x" 30000000
	run --separate-stderr python3 "$HERE/peers/on-terminal.py" 10 60 "$VESSEL" push "$R/x"
	[ "$status" = 0 ]
	assert_match "raw: .*Pushing .*\\[=*>? *\\] +[0-9.]+[kM]?B/[0-9.]+MB"
	assert_match "screen: [0-9a-f]{12}: Pushed"
	refute_contains "screen: [0-9a-f]*: Pushing"
	assert_line "cursor: shown"
}

@test "a terminal's Ctrl-C gives the cursor back and ends the push" {
	small_registry 5001 --fail 'POST uploads 503'
	engine tag "$IMAGE" 127.0.0.1:5001/x
	run --separate-stderr python3 "$HERE/peers/on-terminal.py" --interrupt Pushing 10 60 "$VESSEL" push 127.0.0.1:5001/x
	[ "$status" = 130 ]
	assert_line "cursor: shown"
}

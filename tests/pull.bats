#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Pulling from a real registry (docker-registry), through a proxy that counts what is asked for and served, and spoils it.
load helpers

REGISTRY=5601 PROXY=5600
AT="127.0.0.1:$PROXY"

setup() {
	local tool
	for tool in docker-registry python3 zstd; do command -v "$tool" >/dev/null || skip "needs $tool"; done
	engine_setup empty
	LOG="$TEST_DIR/requests" CONTROL="$TEST_DIR/control"
	: >"$LOG"
	cat >"$TEST_DIR/registry.yml" <<-END
		version: 0.1
		log: { level: error, accesslog: { disabled: true } }
		storage: { filesystem: { rootdirectory: $TEST_DIR/registry } }
		http: { addr: "127.0.0.1:$REGISTRY" }
	END
	host docker-registry serve "$TEST_DIR/registry.yml" >"$TEST_DIR/registry.log" 2>&1 </dev/null &
	host "$HERE/registry.py" proxy "$PROXY" "$REGISTRY" "$LOG" "$CONTROL" >"$TEST_DIR/proxy.log" 2>&1 </dev/null &
	wait_until answers "$REGISTRY"
	wait_until answers "$PROXY"
}

teardown() { engine_teardown; }

answers() { host busybox wget -q -O /dev/null "http://127.0.0.1:$1/v2/"; }

# ---- images ----

push() { host "$HERE/registry.py" push "$REGISTRY" "$@"; }
index() { host "$HERE/registry.py" index "$REGISTRY" "$@"; }

# layer_with NAME TEXT: a small tar with one file of this name; prints its path.
layer_with() {
	local tree="$TEST_DIR/tree-$1"
	mkdir -p "$tree"
	printf '%s' "$2" >"$tree/$1"
	tar -C "$tree" --owner=0 --group=0 --mtime=@0 -cf "$tree.tar" "$1"
	echo "$tree.tar"
}

# A layer of 8 MB that nothing compresses; prints the path of its gzip.
big_layer() {
	local tree="$TEST_DIR/tree-$1"
	mkdir -p "$tree"
	head -c 8000000 /dev/urandom >"$tree/$1"
	tar -C "$tree" --owner=0 --group=0 -cf "$tree.tar" "$1"
	gzip -1nk "$tree.tar"
	echo "$tree.tar.gz"
}

# A base with busybox, as gzip; made once.
base_layer() {
	local tar
	tar="$(box_tar)"
	[ -e "$tar.gz" ] || { gzip -1nkc "$tar" >"$tar.gz.new" && mv "$tar.gz.new" "$tar.gz"; }
	echo "$tar.gz"
}

sum() { sha256sum "$1" | cut -d' ' -f1; }

# ---- what was asked ----

# Bytes of one blob that went over the wire.
served() { awk -v d="$1" '$2 ~ d { n += $5 } END { print n + 0 }' "$LOG"; }
requests() { grep -c "$1" "$LOG" || true; }
control() { printf '%s\n' "$@" >"$CONTROL"; }
no_control() { rm -f "$CONTROL"; }

partials() { find "$VESSEL_ROOT/partial" -type f 2>/dev/null | wc -l; }
partial_is() { [ "$(stat -c %s "$VESSEL_ROOT/partial/$1" 2>/dev/null)" = "$2" ]; }

# Nothing half-made is to be seen.
nothing_left() {
	[ "$(find "$VESSEL_ROOT/layers" "$VESSEL_ROOT/tmp" -mindepth 1 -maxdepth 1 | wc -l)" = 0 ] || return 1
	engine images -q
	assert_output ""
}

# One sentence, with perhaps a hint, that has all of these.
one_sentence() {
	local word
	[ "$(grep -cv '^hint: ' <<<"$stderr")" = 1 ] || wanted "not one sentence" "$stderr"
	for word in "$@"; do assert_stderr_contains "$word"; done
}

@test "each type of layer, OCI's and Docker's, becomes the same layer" {
	local base tar kind
	base="$(base_layer)"
	for kind in gzip zstd plain; do
		tar="$(layer_with "$kind" "$kind")"
		gzip -nk "$tar"
		zstd -q "$tar"
	done
	push types oci "$base" "$TEST_DIR/tree-gzip.tar.gz" "$TEST_DIR/tree-zstd.tar.zst" "$TEST_DIR/tree-plain.tar"
	push types docker --docker "$base" "$TEST_DIR/tree-gzip.tar.gz" "$TEST_DIR/tree-zstd.tar.gz"
	engine pull "$AT/types:oci"
	assert_line "oci: Pulling from types"
	assert_line "Status: Downloaded newer image for $AT/types:oci"
	assert_line "$AT/types:oci"
	engine run --rm --network none "$AT/types:oci" cat /gzip /zstd /plain
	assert_output gzipzstdplain
	: >"$LOG"
	engine pull "$AT/types:docker"
	engine run --rm --network none "$AT/types:docker" cat /gzip /zstd
	assert_output gzipzstd
	# All of its layers were here, one of them from another compression.
	[ "$(requests /blobs/)" = 1 ]
	[ "$(partials)" = 0 ]
}

@test "an image of more layers than are downloaded at once, each of a moment" {
	local layers=() i
	for i in {1..24}; do layers+=("$(layer_with "file$i" "$i ")"); done
	push many one "$(base_layer)" "${layers[@]}"
	engine pull "$AT/many:one"
	engine run --rm --network none "$AT/many:one" sh -c 'cat /file*' # as the shell sorts them
	assert_output "1 10 11 12 13 14 15 16 17 18 19 2 20 21 22 23 24 3 4 5 6 7 8 9 "
	[ "$(partials)" = 0 ]
}

@test "a pull of what is here asks one thing" {
	push same one "$(base_layer)"
	push same other --arch arm64 "$(base_layer)"
	index same all "$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')=one" riscv64=other
	engine pull "$AT/same:all"
	: >"$LOG"
	engine pull "$AT/same:all"
	assert_line "Status: Image is up to date for $AT/same:all"
	[ "$(wc -l <"$LOG")" = 1 ]
	# A layer that has gone comes again, and no other thing.
	rm -rf "$VESSEL_ROOT"/layers/*
	: >"$LOG"
	engine pull "$AT/same:all"
	engine run --rm --network none "$AT/same:all" true
	[ "$(requests /blobs/)" = 0 ] # its blob is here
}

@test "killed at 30 % and at 90 %, it goes on where it was" {
	local layer hex size part
	layer="$(big_layer big)"
	hex="$(sum "$layer")" size="$(stat -c %s "$layer")"
	push resume one "$(base_layer)" "$layer"
	for part in 30 90; do
		control "stall=$((size * part / 100 - $(stat -c %s "$VESSEL_ROOT/partial/$hex" 2>/dev/null || echo 0)))"
		"$VESSEL" pull "$AT/resume:one" >"$TEST_DIR/pull.log" 2>&1 </dev/null &
		wait_until partial_is "$hex" $((size * part / 100))
		kill -9 $!
		wait $! || true
		# No worker outlives it, and nothing of it is seen.
		wait_until no_pullers
	done
	no_control
	engine pull "$AT/resume:one"
	engine run --rm --network none "$AT/resume:one" sha256sum /big
	assert_contains "$(sum "$TEST_DIR/tree-big/big")"
	grep -F "blobs/sha256:$hex bytes=$((size * 30 / 100))- 206 " "$LOG"
	grep -F "blobs/sha256:$hex bytes=$((size * 90 / 100))- 206 " "$LOG"
	[ "$(served "$hex")" = "$size" ]
	[ "$(partials)" = 0 ]
}

no_pullers() { [ -z "$(leaked_processes | grep -F vessel)" ]; }

@test "a connection that breaks is gone on with in the same pull" {
	local layer hex size
	layer="$(big_layer big)"
	hex="$(sum "$layer")" size="$(stat -c %s "$layer")"
	push broken one "$layer"
	control cut=3000000
	engine pull "$AT/broken:one"
	grep -F "blobs/sha256:$hex bytes=3000000- 206" "$LOG"
	grep -F "blobs/sha256:$hex bytes=6000000- 206" "$LOG"
	[ "$(served "$hex")" = "$size" ]
}

@test "Ctrl-C leaves what came, and no process" {
	local layer hex
	layer="$(big_layer big)"
	hex="$(sum "$layer")"
	push int one "$layer"
	control stall=1000000
	run timeout -s INT --foreground 3 "$VESSEL" pull "$AT/int:one"
	[ "$status" -ne 0 ]
	wait_until no_pullers
	partial_is "$hex" 1000000
	no_control
	engine pull -q "$AT/int:one"
	assert_output "$AT/int:one"
	[ "$(served "$hex")" = "$(stat -c %s "$layer")" ]
}

@test "a damaged partial blob, or one that is too long, is begun again" {
	local layer hex
	layer="$(big_layer big)"
	hex="$(sum "$layer")"
	push damaged one "$layer"
	engine images
	mkdir -m 700 "$VESSEL_ROOT/partial"
	head -c 2000000 /dev/urandom >"$VESSEL_ROOT/partial/$hex"
	engine pull "$AT/damaged:one"
	grep -F "blobs/sha256:$hex bytes=2000000- 206" "$LOG"
	grep -F "blobs/sha256:$hex - 200" "$LOG"
	[ "$(sum "$VESSEL_ROOT/blobs/sha256/$hex")" = "$hex" ]
	engine rmi "$AT/damaged:one"
	head -c 9999999 /dev/zero >"$VESSEL_ROOT/partial/$hex"
	engine pull "$AT/damaged:one"
	[ "$(partials)" = 0 ]
}

@test "five pulls of one image download it once" {
	local layer hex i pids=()
	layer="$(big_layer big)"
	hex="$(sum "$layer")"
	push five one "$(base_layer)" "$layer"
	control stall=100000
	"$VESSEL" pull "$AT/five:one" >"$TEST_DIR/pull.0" 2>&1 </dev/null &
	pids+=($!)
	wait_until partial_is "$hex" 100000
	no_control
	for i in 1 2 3 4; do
		"$VESSEL" pull "$AT/five:one" >"$TEST_DIR/pull.$i" 2>&1 </dev/null &
		pids+=($!)
	done
	for i in 1 2 3 4; do wait_until grep -q ": Waiting" "$TEST_DIR/pull.$i"; done
	# The holder dies; one of the others goes on with what it had.
	kill -9 "${pids[0]}"
	for i in 1 2 3 4; do wait "${pids[$i]}" || { cat "$TEST_DIR/pull.$i"; return 1; }; done
	[ "$(served "$hex")" = "$(stat -c %s "$layer")" ]
	engine run --rm --network none "$AT/five:one" sha256sum /big
	assert_contains "$(sum "$TEST_DIR/tree-big/big")"
	[ "$(partials)" = 0 ]
	engine pull -q "$AT/five:one" # and removes what the killed one was making
}

@test "a layer of another image is not downloaded, and cannot be taken away by removing that" {
	local base layer
	base="$(base_layer)" layer="$(big_layer big)"
	push shared first "$base"
	push shared second "$base" "$layer"
	engine pull "$AT/shared:first"
	: >"$LOG"
	control stall=100000
	"$VESSEL" pull "$AT/shared:second" >"$TEST_DIR/pull.log" 2>&1 </dev/null &
	wait_until partial_is "$(sum "$layer")" 100000
	grep -qF ": Already exists" "$TEST_DIR/pull.log"
	engine rmi "$AT/shared:first"
	# Anything that adds images sweeps the store before: by now no row names that layer.
	engine import "$(layer_with swept swept)" swept
	printf 'cut=5000000\n' >"$CONTROL"
	kill_stalled
	wait $! || { cat "$TEST_DIR/pull.log"; return 1; }
	engine run --rm --network none "$AT/shared:second" sha256sum /big
	assert_contains "$(sum "$TEST_DIR/tree-big/big")"
	[ "$(served "$(sum "$base")")" = 0 ]
}

# Connections that the proxy lets wait are cut; the pull asks again.
kill_stalled() { host ss -K dst 127.0.0.1 dport = "$PROXY" >/dev/null; }

@test "--platform chooses from an index, and is an error where it cannot" {
	local base
	base="$(base_layer)"
	push arch amd64 --arch amd64 "$base"
	push arch arm64 --arch arm64 "$(layer_with arm64 arm64)"
	push arch armv7 --arch arm "$(layer_with armv7 armv7)"
	push arch armv6 --arch arm "$(layer_with armv6 armv6)"
	index arch all amd64=amd64 arm64/v8=arm64 arm/v7=armv7 arm/v6=armv6
	engine pull --platform linux/arm64 "$AT/arch:all"
	engine inspect -f '{{.Architecture}}' "$AT/arch:all"
	assert_output arm64
	engine pull --platform linux/arm/v6 "$AT/arch:all"
	assert_line "Status: Downloaded newer image for $AT/arch:all"
	engine inspect -f '{{index .RootFS.Layers 0}}' "$AT/arch:all"
	assert_output "sha256:$(sum "$TEST_DIR/tree-armv6.tar")"
	engine_fails 1 pull --platform linux/s390x "$AT/arch:all"
	one_sentence "no matching manifest for linux/s390x in the manifest list entries"
	engine_fails 1 pull --platform linux/arm64 "$AT/arch:amd64"
	one_sentence "image with reference $AT/arch:amd64 was found but its platform (linux/amd64) does not match the specified platform (linux/arm64)"
	engine_fails 1 pull --platform a/b/c/d "$AT/arch:all"
	one_sentence "platform 'a/b/c/d'"
}

@test "--all-tags pulls all of them, over several pages" {
	local tar tag
	for tag in a b c d e; do
		tar="$(layer_with "$tag" "$tag")"
		push many "$tag" "$tar"
	done
	control pages=2
	engine pull -a "$AT/many"
	for tag in a b c d e; do assert_line "$tag: Pulling from many"; done
	assert_line "Status: Downloaded newer image for $AT/many"
	[ "$(grep -c ^Status: <<<"$output")" = 1 ]
	[ "$(tail -n 1 <<<"$output")" = "$AT/many" ]
	[ "$(requests /tags/list)" = 3 ]
	engine images -q
	[ "$(wc -l <<<"$output")" = 5 ]
	engine pull -aq "$AT/many"
	assert_output "$AT/many"
	engine_fails 1 pull -a "$AT/many:a"
	one_sentence "tag can't be used with --all-tags/-a"
	engine_fails 1 pull -a "$AT/none"
	one_sentence "$AT"
}

@test "a digest pins, and makes no tag" {
	local first second
	first="$(push pin tag "$(layer_with first 1)")"
	second="$(push pin tag "$(layer_with second 2)")"
	engine pull "$AT/pin:tag@$first"
	assert_line "Digest: $first"
	engine images --format '{{.Tag}}'
	assert_output "<none>"
	engine inspect -f '{{index .RootFS.Layers 0}}' "$AT/pin@$first"
	assert_output "sha256:$(sum "$TEST_DIR/tree-first.tar")"
	engine pull "$AT/pin:tag"
	assert_line "Digest: $second"
	engine_fails 1 pull "$AT/pin@sha256:$(printf '0%.0s' {1..64})"
	one_sentence "not found"
}

@test "what goes wrong is one sentence, and leaves nothing" {
	local layer
	layer="$(big_layer big)"
	push bad one "$layer"
	engine_fails 1 pull no-such-host.invalid/x
	one_sentence no-such-host.invalid
	engine_fails 1 pull 127.0.0.1:1/x
	one_sentence 127.0.0.1:1
	engine_fails 1 pull "$AT/bad:none"
	one_sentence "manifest for $AT/bad:none not found"
	control status=403
	engine_fails 1 pull "$AT/bad:one"
	one_sentence "pull access denied for $AT/bad"
	control type=text/html
	engine_fails 1 pull "$AT/bad:one"
	one_sentence text/html
	control spoil=5000
	engine_fails 1 pull "$AT/bad:one"
	one_sentence "$(sum "$layer")" "was asked for"
	[ "$(requests "blobs/sha256:$(sum "$layer")")" = 2 ]
	no_control
	nothing_left
	[ "$(partials)" = 0 ]
}

@test "layers that are none are refused" {
	local layer
	layer="$(layer_with file text)"
	head -c 100 /dev/urandom >>"$layer"
	gzip -nk "$layer"
	head -c -20 "$layer.gz" >"$TEST_DIR/cut.gz"
	push none cut "$TEST_DIR/cut.gz=$layer"
	engine_fails 1 pull "$AT/none:cut"
	one_sentence "layer 1" "gzip data ends too early"
	nothing_left
	head -c 5000 /dev/urandom >"$TEST_DIR/noise"
	push none noise "$TEST_DIR/noise"
	engine_fails 1 pull "$AT/none:noise"
	one_sentence "layer 1" "this is no tar archive"
	push none other "$(base_layer)=$layer"
	engine_fails 1 pull "$AT/none:other"
	one_sentence "layer 1" "$(sum "$layer")"
	push none kind --type application/x-tar "$layer"
	engine_fails 1 pull "$AT/none:kind"
	one_sentence application/x-tar
	nothing_left
	[ "$(partials)" = 0 ]
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What takes the disk, what may go, and what is damaged: system df, prune, system check.
load helpers

setup() { engine_setup; }
teardown() { engine_teardown; }

# An image of one file more than box: make_image NAME CONTENT
make_image() {
	mkdir -p "$TEST_DIR/context"
	echo "$2" >"$TEST_DIR/context/file"
	printf 'FROM %s\nCOPY file /file\nLABEL kind=%s\n' "$IMAGE" "$1" >"$TEST_DIR/context/Dockerfile"
	engine build -q -t "$1" "$TEST_DIR/context"
}
blob() { echo "$VESSEL_ROOT/blobs/sha256/${1#sha256:}"; }
layers_of() { "$VESSEL" image inspect -f '{{range .RootFS.Layers}}{{println .}}{{end}}' "$1" | sed '/^$/d'; }
sum_of_store() { du -sb "$VESSEL_ROOT/blobs" "$VESSEL_ROOT/layers" | awk '{s += $1} END {print s}'; }
damage() { printf 'X' | dd of="$1" bs=1 seek=600 conv=notrunc status=none; }

@test "system df: rows, counts, what is reclaimable, and formats" {
	engine create --name idle -v data:/data "$IMAGE" true
	engine run --name writer "$IMAGE" sh -c 'head -c 100000 /dev/zero >/file'
	engine system df
	[ "$(head -1 <<<"$output" | tr -s ' ')" = "TYPE TOTAL ACTIVE SIZE RECLAIMABLE" ]
	grep -Eq '^Images +1 +1 +[0-9.]+.B +0B \(0%\)$' <<<"$output"
	grep -Eq '^Containers +2 +0 +100kB +100kB \(100%\)$' <<<"$output"
	grep -Eq '^Local Volumes +1 +1 +' <<<"$output"
	grep -Eq '^Build Cache +0 +0 +0B +0B$' <<<"$output"
	engine system df --format '{{.Type}}={{.TotalCount}}'
	[ "$(head -1 <<<"$output")" = "Images=1" ]
	engine system df --format json
	[ "$(head -1 <<<"$output" | jq -r .Type)" = Images ]
	engine system df -v
	grep -q "^Images space usage:" <<<"$output"
	grep -Eq '^<none>|^box +latest' <<<"$output"
	grep -Eq 'idle$' <<<"$output"
	engine system df -v --format '{{json .Volumes}}'
	[ "$(jq -r '.[0].Name' <<<"$output")" = data ]
}

@test "system df: the sizes are those of the disk" {
	make_image one first
	local said
	said="$("$VESSEL" system df -v --format '{{json .Images}}' | jq -r '.[].UniqueSize' | wc -l)"
	[ "$said" = 2 ]
	# Layers' trees, tars and blobs; configurations and directories' own blocks are not counted.
	local real
	real="$(sum_of_store)"
	said="$("$VESSEL" system df --format '{{if eq .Type "Images"}}{{.Size}}{{end}}' | numfmt --from=si --suffix=B | head -1)"
	said="${said%B}"
	[ "$said" -gt $((real / 2)) ] && [ "$said" -le $((real + real / 5)) ]
}

@test "container prune: only what does not run, by label and time; the prompt is answered" {
	engine run -d --name running "$IMAGE" sleep 1000
	engine create --name plain "$IMAGE" true
	engine create --name marked --label keep=yes "$IMAGE" true
	run bash -c "echo n | '$VESSEL' container prune"
	[ "$status" -ne 0 ]
	[[ "$output" == *"WARNING! This will remove all stopped containers."* ]]
	engine container prune -f --filter until=1h
	assert_output "Total reclaimed space: 0B"
	engine container prune -f --filter 'label!=keep'
	[ "$(head -1 <<<"$output")" = "Deleted Containers:" ]
	engine ps -a --format '{{.Names}}'
	[ "$(sort <<<"$output" | tr '\n' ' ')" = "marked running " ]
	run bash -c "echo y | '$VESSEL' container prune"
	[ "$status" = 0 ]
	engine ps -a --format '{{.Names}}'
	assert_output running
	engine_fails 1 container prune -f --filter nonsense=1
}

@test "image prune: dangling ones; -a all that no container uses; files are gone" {
	make_image one first
	local before
	before="$(sum_of_store)"
	make_image one second # the first has no name now
	engine image prune -f --filter label=kind=other
	assert_output "Total reclaimed space: 0B"
	engine image prune -f
	grep -q '^deleted: sha256:' <<<"$output"
	engine images -a -q
	[ "$(wc -l <<<"$output")" = 2 ]
	engine create --name user one true
	engine image prune -a -f
	grep -q "untagged: $IMAGE:latest" <<<"$output"
	engine images --format '{{.Repository}}'
	assert_output one
	engine rm user
	engine image prune -af
	grep -Eq '^Total reclaimed space: [1-9]' <<<"$output"
	engine images -aq
	assert_output ""
	[ -z "$(find "$VESSEL_ROOT/blobs/sha256" "$VESSEL_ROOT/layers" -mindepth 1)" ]
}

@test "image prune: an image that a container of another name uses stays, whole" {
	engine run -d --name user "$IMAGE" sleep 1000
	engine rmi -f "$IMAGE"
	engine image prune -af
	engine exec user true
	engine rm -f user
	engine image prune -af
	[ -z "$(ls "$VESSEL_ROOT/layers")" ]
}

@test "builder prune: cached steps that no image has" {
	mkdir "$TEST_DIR/context"
	printf 'FROM %s\nRUN head -c 50000 /dev/zero >/file\nRUN false\n' "$IMAGE" >"$TEST_DIR/context/Dockerfile"
	run "$VESSEL" build "$TEST_DIR/context"
	[ "$status" -ne 0 ]
	engine system df --format '{{.Type}} {{.TotalCount}} {{.Reclaimable}}'
	grep -q '^Build Cache 1 [1-9]' <<<"$output"
	local layers
	layers="$(ls "$VESSEL_ROOT/layers" | wc -l)"
	engine builder prune -f --filter until=1h
	assert_output "Total reclaimed space: 0B"
	engine builder prune -f
	grep -q '^Deleted build cache objects:' <<<"$output"
	[ "$(ls "$VESSEL_ROOT/layers" | wc -l)" = $((layers - 1)) ]
	engine run --rm "$IMAGE" true
}

@test "volume prune: anonymous ones that nobody uses; -a those with a name" {
	engine create --name user -v used:/a -v /b "$IMAGE" true
	engine create --name gone -v named:/a -v /b "$IMAGE" true
	engine rm gone
	engine volume prune -f
	grep -q '^Deleted Volumes:' <<<"$output"
	[ "$(ls "$VESSEL_ROOT/volumes" | wc -l)" = 3 ]
	engine volume prune -af
	[ "$(ls "$VESSEL_ROOT/volumes" | wc -l)" = 2 ]
	[ -d "$VESSEL_ROOT/volumes/used" ]
}

@test "system prune: the list in its warning, and all of it" {
	make_image one first
	make_image one second
	engine create --name idle -v /anonymous one true
	run bash -c "echo no | '$VESSEL' system prune -a --volumes"
	[ "$status" -ne 0 ]
	for line in "all stopped containers" "all images without at least one container" "all build cache" "all anonymous volumes"; do
		[[ "$output" == *"  - $line"* ]] || { echo "no $line"; false; }
	done
	engine_fails 1 system prune -f --volumes --filter until=1h
	engine system prune -f --volumes
	grep -q '^Deleted Containers:' <<<"$output"
	grep -q '^Deleted Volumes:' <<<"$output"
	grep -q '^Deleted Images:' <<<"$output"
	engine images --format '{{.Repository}}'
	[ "$(sort <<<"$output" | tr '\n' ' ')" = "$IMAGE one " ]
	engine system prune -af
	engine images -aq
	assert_output ""
	[ -z "$(find "$VESSEL_ROOT/layers" "$VESSEL_ROOT/blobs/sha256" "$VESSEL_ROOT/containers" "$VESSEL_ROOT/volumes" -mindepth 1)" ]
}

@test "prune on a full disk frees it" {
	engine system reset -f
	mkdir "$VESSEL_ROOT"
	mount -t tmpfs -o size=16m none "$VESSEL_ROOT"
	box_image "$IMAGE"
	engine create --name idle -v /anonymous "$IMAGE" true
	dd if=/dev/zero of="$VESSEL_ROOT/filler" bs=64k status=none 2>/dev/null || true
	dd if=/dev/zero of="$VESSEL_ROOT/filler2" bs=1k status=none 2>/dev/null || true
	[ "$(df --output=avail "$VESSEL_ROOT" | tail -1)" -eq 0 ]
	engine container prune -f
	engine volume prune -f
	engine image prune -af
	engine images -aq
	assert_output ""
	rm "$VESSEL_ROOT"/filler*
	# Before something is added, room is set aside again.
	box_image again
	[ -e "$VESSEL_ROOT/reserve" ]
	engine system reset -f || true # the mount itself stays
	umount "$VESSEL_ROOT"
}

@test "system check: all is well, and what is damaged is named" {
	make_image one first
	engine system check
	assert_output "all is as it should be"
	local layer
	layer="$(layers_of one | tail -1)"
	damage "$(blob "$layer")"
	run "$VESSEL" system check
	[ "$status" = 1 ]
	[[ "$output" == *"damaged   layer $layer: its tar is damaged"* ]]
	[[ "$output" == *"damaged   image "* ]]
	run "$VESSEL" system check --format json
	[ "$(jq -r '.[0].State' <<<"$output")" = damaged ]
	# A size that is right says nothing.
	engine system check --quick
	truncate -s 100 "$(blob "$layer")"
	run "$VESSEL" system check --quick
	[ "$status" = 1 ]
}

@test "system check --repair: a tree of its tar, garbage, a record that is damaged" {
	make_image one first
	local layer
	layer="$(layers_of one | tail -1)"
	rm -r "$VESSEL_ROOT/layers/${layer#sha256:}"
	echo garbage >"$VESSEL_ROOT/blobs/sha256/$(printf '0%.0s' {1..64})"
	run "$VESSEL" system check
	[ "$status" = 1 ]
	[[ "$output" == *"garbage   store: 1 file that nothing names"* ]]
	engine system check --repair
	[[ "$output" == *"repaired  layer $layer: its tree is missing: made again"* ]]
	[[ "$output" == *"nothing is damaged (any more)"* ]]
	engine run --rm one cat /file
	assert_output first
	engine system check
	assert_output "all is as it should be"
	engine create --name broken one true
	local id="$output"
	echo '{' >"$VESSEL_ROOT/containers/$id/config.json"
	run "$VESSEL" system check
	[ "$status" = 1 ]
	[[ "$output" == *"container ${id:0:12}"* ]]
	engine rm -f broken
}

@test "system check --repair: a catalogue that cannot be read is made again, with tags and volumes" {
	make_image one first
	engine tag one other:2
	engine create --name keeps -v data:/data one true
	local before
	before="$("$VESSEL" images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}}' | sort)"
	head -c 5000 /dev/urandom >"$VESSEL_ROOT/state.db"
	engine_fails 1 images
	engine_fails 1 system check
	engine system check --repair
	[[ "$output" == *"repaired  state.db: could not be read: moved to state.db.damaged-"* ]]
	[ "$("$VESSEL" images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}}' | sort)" = "$before" ]
	engine run --rm one cat /file
	assert_output first
	engine volume prune -af
	[ -d "$VESSEL_ROOT/volumes/data" ]
	engine system check
	assert_output "all is as it should be"
}

@test "rmi beside a build: what it builds on stays" {
	mkdir "$TEST_DIR/context"
	printf 'FROM %s\nRUN sleep 2\nRUN echo done >/done\n' "$IMAGE" >"$TEST_DIR/context/Dockerfile"
	"$VESSEL" build -t built "$TEST_DIR/context" >"$TEST_DIR/log" 2>&1 3>&- &
	local builder=$!
	sleep 0.7
	engine rmi "$IMAGE"
	engine image prune -af
	engine_fails 1 builder prune -f
	wait "$builder" || { cat "$TEST_DIR/log"; false; }
	engine run --rm built cat /done
	assert_output 'done'
	# What was left for it goes with the next who looks.
	engine rmi built
	engine system prune -af
	[ -z "$(ls "$VESSEL_ROOT/layers")" ]
}

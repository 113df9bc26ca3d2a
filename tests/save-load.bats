#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images that leave as an archive and come back: with the same digests, through other tools and from them, and never from an
# archive that is not what it says. tests/image-archive writes those by hand.
# shellcheck disable=SC2154 # status, output, stderr are bats's
load helpers

setup() { engine_setup; }
teardown() {
	docker_stop
	engine_teardown
}

# ---- a second vessel, which gets what the first one saves ----

# shellcheck disable=SC2086 # a command of several words
other() { # other COMMAND...: as engine, of the other store
	run --separate-stderr $NET_ENTER env VESSEL_ROOT="$TEST_DIR/other" VESSEL_RUN="$TEST_DIR/other.run" "$PROGRAM" "$@"
	[ "$status" -eq 0 ] || explain "$@"
}
id_of() { "$VESSEL" image inspect -f '{{.Id}}' "$1"; }
other_id_of() { other image inspect -f '{{.Id}}' "$1" && echo "$output"; }
digests_in() { tar -xOf "$1" index.json | grep -o '"digest":"[^"]*"' | sort -u; }

# Two images with a shared layer: box, and box with one more.
two_images() {
	mkdir "$TEST_DIR/context"
	printf 'FROM %s\nRUN echo more >/more\nENV A=b\n' "$IMAGE" >"$TEST_DIR/context/Dockerfile"
	engine build -q -t more:1 "$TEST_DIR/context"
	engine tag more:1 more:2
}

# A layer of 12 MiB, so that a load takes a while and has many system calls to be killed in.
big_image() {
	box_image_with big fill_tree
	"$VESSEL" tag big big:second
	"$VESSEL" save -o "$TEST_DIR/big.tar" big
}
fill_tree() {
	local i
	for i in $(seq 1 60); do head -c 200000 /dev/urandom >"$1/file$i"; done
}

# No image, no layer, no blob, nothing half-made.
store_is_empty() { # store_is_empty ROOT
	local left
	left="$(find "$1/tmp" "$1/layers" "$1/blobs/sha256" -mindepth 1 -maxdepth 1 2>/dev/null)"
	[ -z "$left" ] || { echo "left in the store: $left"; return 1; }
}

@test "save and load: image, manifest and names are the same in another store" {
	two_images
	engine save -o "$TEST_DIR/a.tar" more "$IMAGE"
	other load -i "$TEST_DIR/a.tar"
	assert_output $'Loaded image: more:1\nLoaded image: more:2\nLoaded image: box:latest'
	[ "$(other_id_of more:2)" = "$(id_of more:1)" ]
	[ "$(other_id_of box)" = "$(id_of box)" ]
	other save -o "$TEST_DIR/b.tar" more "$IMAGE"
	cmp "$TEST_DIR/a.tar" "$TEST_DIR/b.tar"
	[ -z "$(ls "$TEST_DIR/other/tmp")" ]
	# shellcheck disable=SC2016 # the container's variable
	other run --rm --network none more:1 sh -c 'cat /more; echo $A'
	assert_output $'more\nb'
	other system reset --force
}

@test "save: by stdout and pipe the same bytes, each blob once, tables last" {
	two_images
	engine save -o "$TEST_DIR/file.tar" more:1 "$IMAGE" more:2
	"$VESSEL" save more:1 "$IMAGE" more:2 >"$TEST_DIR/stdout.tar"
	"$VESSEL" save more:1 "$IMAGE" more:2 | cat >"$TEST_DIR/pipe.tar"
	: >"$TEST_DIR/append.tar"
	"$VESSEL" save more:1 "$IMAGE" more:2 >>"$TEST_DIR/append.tar"
	for name in stdout pipe append; do cmp "$TEST_DIR/file.tar" "$TEST_DIR/$name.tar"; done
	[ -z "$(tar -tf "$TEST_DIR/file.tar" | sort | uniq -d)" ]
	tar -tf "$TEST_DIR/file.tar" >"$TEST_DIR/names"
	LC_ALL=C sort -c "$TEST_DIR/names"
	[ "$(tail -n 3 "$TEST_DIR/names")" = $'index.json\nmanifest.json\noci-layout' ]
	# Two images: three blobs of the base, and manifest, configuration and layer of the other.
	[ "$(grep -c '^blobs/sha256/.' "$TEST_DIR/names")" -eq 6 ]
}

@test "save: by id without names, a repository with all its tags" {
	two_images
	engine save -o "$TEST_DIR/id.tar" "$(id_of more:1 | cut -c8-19)"
	[ "$(tar -xOf "$TEST_DIR/id.tar" manifest.json | grep -c '"RepoTags":null')" = 1 ]
	refute_annotated="$(tar -xOf "$TEST_DIR/id.tar" index.json | grep -c annotations || true)"
	[ "$refute_annotated" = 0 ]
	other load -i "$TEST_DIR/id.tar"
	assert_output "Loaded image ID: $(id_of more:1)"
	engine save -o "$TEST_DIR/all.tar" more
	[ "$(tar -xOf "$TEST_DIR/all.tar" manifest.json | grep -o '"RepoTags":\[[^]]*\]')" = '"RepoTags":["more:1","more:2"]' ]
	engine save -o "$TEST_DIR/one.tar" more:2
	[ "$(tar -xOf "$TEST_DIR/one.tar" manifest.json | grep -o '"RepoTags":\[[^]]*\]')" = '"RepoTags":["more:2"]' ]
	other system reset --force
}

@test "save: refuses a terminal, an unknown image, a foreign platform; the file is whole or not there" {
	command -v script >/dev/null || skip "needs script"
	run script -qec "$VESSEL save $IMAGE" /dev/null </dev/null
	assert_contains "cowardly refusing to save to a terminal. Use the -o flag or redirect"
	echo before >"$TEST_DIR/out.tar"
	engine_fails 1 save -o "$TEST_DIR/out.tar" nothing:here
	assert_stderr_contains "No such image: nothing:here"
	engine_fails 1 save -o "$TEST_DIR/out.tar" --platform linux/s390x "$IMAGE"
	assert_stderr_contains "and not of linux/s390x"
	[ "$(cat "$TEST_DIR/out.tar")" = before ]
	engine_fails 1 save -o "$TEST_DIR/nowhere/out.tar" "$IMAGE"
	assert_stderr_contains 'invalid output path: directory "'
	engine_fails 1 save -o "$TEST_DIR" "$IMAGE"
	engine_fails 1 save -o /dev/null "$IMAGE"
	assert_stderr_contains "must be a regular file"
	engine save -o "$TEST_DIR/out.tar" "$IMAGE"
	[ "$(stat -c %a "$TEST_DIR/out.tar")" = 600 ]
	[ -z "$(find "$TEST_DIR" -maxdepth 1 -name '.out*')" ]
}

@test "save: a blob that is missing, short or changed is named, and no archive comes of it" {
	local blob file
	two_images
	engine save -o "$TEST_DIR/good.tar" more:1
	for blob in $(tar -tf "$TEST_DIR/good.tar" | grep '^blobs/sha256/.'); do
		file="$VESSEL_ROOT/$blob"
		cp -p "$file" "$TEST_DIR/kept"
		for damage in missing short changed; do
			case "$damage" in
			missing) rm "$file" ;;
			short) truncate -s -1 "$file" ;;
			changed) printf '\377' | dd of="$file" bs=1 seek=100 conv=notrunc status=none ;;
			esac
			engine_fails 1 save -o "$TEST_DIR/bad.tar" more:1
			assert_stderr_contains "${blob##*/}"
			assert_short_stderr
			[ ! -e "$TEST_DIR/bad.tar" ]
			# A stream that has begun cannot be taken back: it must not load.
			run -1 sh -c "'$VESSEL' save more:1 >'$TEST_DIR/bad.stream' 2>/dev/null"
			! tar -tf "$TEST_DIR/bad.stream" 2>/dev/null | grep -q json || return 1
			rm -f "$file" && cp -p "$TEST_DIR/kept" "$file"
		done
	done
	engine save -o "$TEST_DIR/again.tar" more:1
	cmp "$TEST_DIR/good.tar" "$TEST_DIR/again.tar"
}

@test "save: a layer that was never kept as its registry has it goes as its tar, and this is said" {
	"$HERE/image-archive" oci "$TEST_DIR/in.tar" gzip-layer >/dev/null
	engine load -i "$TEST_DIR/in.tar"
	# As after a pull of an image whose layer was here already.
	python3 - "$VESSEL_ROOT" <<-'END'
		import os, sqlite3, sys
		db = sqlite3.connect(sys.argv[1] + "/state.db")
		(digest,), = db.execute("SELECT digest FROM compressed")
		db.execute("DELETE FROM compressed")
		db.commit()
		os.unlink(sys.argv[1] + "/blobs/sha256/" + digest.hex())
	END
	engine save -o "$TEST_DIR/out.tar" flaw:1
	assert_stderr_contains "Warning: not every layer is kept here as its registry has it"
	other load -i "$TEST_DIR/out.tar"
	[ "$(other_id_of flaw:1)" = "$(id_of flaw:1)" ]
	other save -o "$TEST_DIR/again.tar" flaw:1
	cmp "$TEST_DIR/out.tar" "$TEST_DIR/again.tar"
	other system reset --force
}

@test "save: a closed pipe and a full disk are errors, and -o leaves nothing" {
	big_image
	run -0 sh -c "{ '$VESSEL' save big 2>'$TEST_DIR/said'; echo \$? >'$TEST_DIR/code'; } | head -c 1000 >/dev/null"
	[ "$(cat "$TEST_DIR/code")" = 1 ]
	grep -q "Broken pipe" "$TEST_DIR/said"
	mkdir "$TEST_DIR/small"
	mount -t tmpfs -o size=4m none "$TEST_DIR/small"
	engine_fails 1 save -o "$TEST_DIR/small/big.tar" big
	local left
	left="$(ls -A "$TEST_DIR/small")"
	umount "$TEST_DIR/small"
	assert_stderr_contains "No space left on device"
	[ -z "$left" ]
}

@test "save: killed at any moment, the file is not there or whole" {
	local ms
	big_image
	for ms in 1 3 5 8 12 16 20 25 30; do
		timeout -s KILL "0.$(printf %03d "$ms")" "$VESSEL" save -o "$TEST_DIR/killed.tar" big >/dev/null 2>&1 3>&- || true
		[ ! -e "$TEST_DIR/killed.tar" ] || cmp "$TEST_DIR/big.tar" "$TEST_DIR/killed.tar"
		rm -f "$TEST_DIR/killed.tar"
	done
	[ -z "$(find "$TEST_DIR" -maxdepth 1 -name '.killed*')" ]
}

@test "load: Docker archives and OCI layouts, as file, pipe, and compressed" {
	local kind form id tar="$TEST_DIR/form.tar"
	for kind in docker oci; do
		for form in none same-layer gzip-layer nested nested-twice; do
			[ "$kind" = oci ] || [[ "$form" != nested* ]] || continue
			id="$("$HERE/image-archive" "$kind" "$tar" "$form")"
			gzip -kf "$tar" && bzip2 -kf "$tar" && xz -0kf "$tar" && zstd -qkf "$tar"
			for input in "$tar" "$tar.gz" "$tar.bz2" "$tar.xz" "$tar.zst"; do
				other load -i "$input"
				assert_output "Loaded image: flaw:1"
				[ "$(other_id_of flaw:1)" = "$id" ]
				other rmi flaw:1
				store_is_empty "$TEST_DIR/other"
			done
			run -0 sh -c "cat '$tar' | VESSEL_ROOT='$TEST_DIR/other' VESSEL_RUN='$TEST_DIR/other.run' '$PROGRAM' load -q"
			assert_output "Loaded image: flaw:1"
			run -0 sh -c "VESSEL_ROOT='$TEST_DIR/other' VESSEL_RUN='$TEST_DIR/other.run' '$PROGRAM' load <'$tar'"
			assert_output "Loaded image: flaw:1"
			other rmi flaw:1
		done
	done
	id="$("$HERE/image-archive" oci "$tar" tag-alone)"
	other load -i "$tar"
	assert_output "Loaded image ID: $id"
	other rmi "$id"
	id="$("$HERE/image-archive" docker "$tar" no-tag)"
	other load -i "$tar"
	assert_output "Loaded image ID: $id"
	other system reset --force
}

@test "load: an OCI manifest stays bit for bit, and another save gives it again" {
	"$HERE/image-archive" oci "$TEST_DIR/in.tar" gzip-layer >/dev/null
	engine load -i "$TEST_DIR/in.tar"
	engine save -o "$TEST_DIR/out.tar" flaw:1
	[ "$(digests_in "$TEST_DIR/in.tar" | tr -d ' ')" = "$(digests_in "$TEST_DIR/out.tar")" ] ||
		[ "$(tar -xOf "$TEST_DIR/in.tar" index.json | tr -d ' ' | grep -o '"digest":"[^"]*"')" = "$(digests_in "$TEST_DIR/out.tar")" ]
	# The compressed layer is the one that came.
	tar -tf "$TEST_DIR/in.tar" | grep '^blobs/sha256/.' | sort >"$TEST_DIR/in"
	tar -tf "$TEST_DIR/out.tar" | grep '^blobs/sha256/.' | sort >"$TEST_DIR/out"
	cmp "$TEST_DIR/in" "$TEST_DIR/out"
}

@test "load: a name that another image has is not taken without a word" {
	local old id
	"$HERE/image-archive" docker "$TEST_DIR/in.tar" >/dev/null
	engine tag "$IMAGE" flaw:1
	old="$(id_of flaw:1)"
	engine load -i "$TEST_DIR/in.tar"
	assert_output "The image flaw:1 already exists, renaming the old one with ID $old to empty string
Loaded image: flaw:1"
	id="$(id_of flaw:1)"
	[ "$id" != "$old" ]
	# The same again is the same image: nothing to tell.
	engine load -i "$TEST_DIR/in.tar"
	assert_output "Loaded image: flaw:1"
	[ "$(id_of flaw:1)" = "$id" ]
	engine run --rm --network none "$IMAGE" true
}

@test "load: a platform is asked for, or chosen from an index" {
	"$HERE/image-archive" oci "$TEST_DIR/nested.tar" nested >/dev/null
	"$HERE/image-archive" oci "$TEST_DIR/arm.tar" arm64 >/dev/null
	engine load --platform linux/amd64 -i "$TEST_DIR/nested.tar"
	engine_fails 1 load --platform linux/arm64 -i "$TEST_DIR/nested.tar"
	assert_stderr_contains "linux/arm64"
	engine_fails 1 load --platform linux/amd64 -i "$TEST_DIR/arm.tar"
	assert_stderr_contains "the image is of platform linux/arm64, and not of linux/amd64"
	engine load --platform linux/arm64/v8 -i "$TEST_DIR/arm.tar"
	engine save --platform linux/arm64 -o "$TEST_DIR/again.tar" flaw:1
	engine_fails 1 load --platform plan9/amd64 -i "$TEST_DIR/arm.tar"
}

@test "load: refuses a terminal, an empty file, what is no archive of images" {
	command -v script >/dev/null || skip "needs script"
	run script -qec "$VESSEL load" /dev/null </dev/null
	assert_contains "requested load from stdin, but stdin is empty"
	: >"$TEST_DIR/empty"
	engine_fails 1 load -i "$TEST_DIR/empty"
	assert_short_stderr
	engine_fails 1 load -i /etc/passwd
	assert_stderr_contains "no tar archive"
	engine_fails 1 load -i "$(box_tar)"
	assert_stderr_contains "neither manifest.json nor index.json"
	tar -C "$TEST_DIR" -cf "$TEST_DIR/plain.tar" empty
	engine_fails 1 load -i "$TEST_DIR/plain.tar"
	assert_stderr_contains "neither manifest.json nor index.json"
	assert_stderr_contains "import"
	engine_fails 1 load -i "$TEST_DIR/nothing"
	assert_stderr_contains "No such file"
}

@test "load: no archive that lies gets in, by file or by pipe, and nothing stays of it" {
	local kind flaw tar="$TEST_DIR/flaw.tar" count=0
	echo "the host's" >"$TEST_DIR/secret"
	while read -r kind flaw; do
		"$HERE/image-archive" "$kind" "$tar" "$flaw" "$TEST_DIR/secret" >/dev/null
		for way in file pipe; do
			if [ "$way" = file ]; then
				run --separate-stderr timeout 30 env VESSEL_ROOT="$TEST_DIR/other" VESSEL_RUN="$TEST_DIR/other.run" "$PROGRAM" load -i "$tar"
			else
				run --separate-stderr timeout 30 sh -c "cat '$tar' | env VESSEL_ROOT='$TEST_DIR/other' VESSEL_RUN='$TEST_DIR/other.run' '$PROGRAM' load"
			fi
			[ "$status" -eq 1 ] || { echo "$kind $flaw by $way"; explain load; }
			assert_short_stderr
			! grep -qE "root:|the host's" <<<"$output$stderr" || { echo "$kind $flaw: it read the host's"; return 1; }
			other images -aq
			assert_output ""
			store_is_empty "$TEST_DIR/other" || { echo "after $kind $flaw by $way"; return 1; }
		done
		count=$((count + 1))
	done < <("$HERE/image-archive")
	[ "$count" -ge 45 ]
	other system reset --force
}

@test "load: an archive that is cut off anywhere is refused, and the whole one still loads" {
	local size at tar="$TEST_DIR/whole.tar"
	"$HERE/image-archive" oci "$tar" gzip-layer >/dev/null
	# Up to its end: the zero blocks after the last entry say nothing.
	size="$(python3 -c 'import sys, tarfile
last = tarfile.open(sys.argv[1]).getmembers()[-1]
print(last.offset_data + last.size)' "$tar")"
	for at in $(seq 1 $((size / 40)) "$size") 511 512 513 1024 $((size - 1)); do
		head -c "$at" "$tar" >"$TEST_DIR/cut.tar"
		[ "$at" -lt "$size" ] || continue
		run --separate-stderr env VESSEL_ROOT="$TEST_DIR/other" VESSEL_RUN="$TEST_DIR/other.run" "$PROGRAM" load -i "$TEST_DIR/cut.tar"
		[ "$status" -eq 1 ] || { echo "cut at $at"; explain load; }
		run --separate-stderr sh -c "gzip -c '$tar' | head -c \$((\$(gzip -c '$tar' | wc -c) * $at / $size)) |
			env VESSEL_ROOT='$TEST_DIR/other' VESSEL_RUN='$TEST_DIR/other.run' '$PROGRAM' load"
		[ "$status" -eq 1 ] || { echo "compressed, cut at $at"; explain load; }
		store_is_empty "$TEST_DIR/other"
	done
	other load -i "$tar"
	other system reset --force
}

@test "load: killed at any moment there is the image or none, and the next load works" {
	local ms way
	big_image
	for way in file pipe; do
		for ms in 2 5 10 15 20 30 40 50 60 80 100 130 160 200; do
			if [ "$way" = file ]; then
				timeout -s KILL "0.$(printf %03d "$ms")" env VESSEL_ROOT="$TEST_DIR/other" VESSEL_RUN="$TEST_DIR/other.run" \
					"$PROGRAM" load -i "$TEST_DIR/big.tar" >/dev/null 2>&1 3>&- || true
			else
				timeout -s KILL "0.$(printf %03d "$ms")" env VESSEL_ROOT="$TEST_DIR/other" VESSEL_RUN="$TEST_DIR/other.run" \
					"$PROGRAM" load >/dev/null 2>&1 3>&- < <(cat "$TEST_DIR/big.tar") || true
			fi
			other images -q big
			if [ -n "$output" ]; then
				other save -o "$TEST_DIR/check.tar" big:latest # every blob is whole
			fi
		done
		other load -i "$TEST_DIR/big.tar"
		assert_output $'Loaded image: big:latest\nLoaded image: big:second'
		[ -z "$(ls "$TEST_DIR/other/tmp")" ]
		other rmi big:latest big:second
		store_is_empty "$TEST_DIR/other"
	done
	other system reset --force
}

@test "load: killed at each system call that changes something" {
	local call n tar="$TEST_DIR/in.tar" kills=0 code
	command -v strace >/dev/null || skip "needs strace"
	"$HERE/image-archive" docker "$tar" gzip-layer >/dev/null
	gzip -kf "$tar"
	for input in "$tar" "$tar.gz"; do
		for call in mkdirat openat linkat renameat renameat2 unlinkat pwrite64 vfork fsync; do
			n=$((1 + RANDOM % 3))
			while :; do
				code=0
				{ env VESSEL_ROOT="$TEST_DIR/other" VESSEL_RUN="$TEST_DIR/other.run" strace -qq -o /dev/null \
					-e "trace=$call" -e "inject=$call:signal=SIGKILL:when=$n" "$PROGRAM" load -i "$input" \
					>/dev/null 2>&1 3>&- </dev/null; } 2>/dev/null || code=$?
				[ "$code" = 137 ] || break
				kills=$((kills + 1))
				other images -q
				other load -i "$input"
				assert_output "Loaded image: flaw:1"
				[ -z "$(ls "$TEST_DIR/other/tmp")" ]
				other rmi flaw:1
				store_is_empty "$TEST_DIR/other" || { echo "after a kill at $call $n"; return 1; }
				n=$((n + 5))
			done
			env VESSEL_ROOT="$TEST_DIR/other" VESSEL_RUN="$TEST_DIR/other.run" "$PROGRAM" rmi flaw:1 >/dev/null 2>&1 || true
		done
	done
	echo "$kills kills"
	[ "$kills" -ge 20 ]
	other system reset --force
}

@test "load: on a full disk nothing stays, what is there can be removed, and with room it works" {
	local small="$TEST_DIR/small" size
	big_image
	gzip -k1 "$TEST_DIR/big.tar"
	mkdir "$small"
	for size in 3m 8m 15m 22m; do
		mount -t tmpfs -o "size=$size" none "$small"
		for input in "$TEST_DIR/big.tar" "$TEST_DIR/big.tar.gz"; do
			run --separate-stderr env VESSEL_ROOT="$small/root" VESSEL_RUN="$TEST_DIR/other.run" "$PROGRAM" load -i "$input"
			[ "$status" -eq 1 ] || { echo "$size $input"; umount "$small"; return 1; }
			[[ "$stderr" == *"No space left"* ]] || { echo "$size $input: $stderr"; umount "$small"; return 1; }
			store_is_empty "$small/root" || { echo "after $size $input"; umount "$small"; return 1; }
		done
		mount -o remount,size=100m "$small"
		run env VESSEL_ROOT="$small/root" VESSEL_RUN="$TEST_DIR/other.run" "$PROGRAM" load -i "$TEST_DIR/big.tar"
		env VESSEL_ROOT="$small/root" VESSEL_RUN="$TEST_DIR/other.run" "$PROGRAM" system reset --force >/dev/null 2>&1
		umount "$small"
		[ "$status" -eq 0 ]
	done
}

@test "load: two at once, of the same image, both succeed" {
	local one two
	big_image
	env VESSEL_ROOT="$TEST_DIR/other" VESSEL_RUN="$TEST_DIR/other.run" "$PROGRAM" load -i "$TEST_DIR/big.tar" >/dev/null 2>"$TEST_DIR/1" 3>&- &
	one=$!
	env VESSEL_ROOT="$TEST_DIR/other" VESSEL_RUN="$TEST_DIR/other.run" "$PROGRAM" load -i "$TEST_DIR/big.tar" >/dev/null 2>"$TEST_DIR/2" 3>&- &
	two=$!
	wait "$one" || { cat "$TEST_DIR/1"; return 1; }
	wait "$two" || { cat "$TEST_DIR/2"; return 1; }
	other rmi big:latest big:second
	store_is_empty "$TEST_DIR/other"
	other system reset --force
}

# ---- other tools ----

quietly() { "$@" >"$TEST_DIR/quiet" 2>&1 </dev/null 3>&- || { cat "$TEST_DIR/quiet"; return 1; }; }

@test "skopeo reads our archives both ways, and we read its" {
	local config
	command -v skopeo >/dev/null || skip "needs skopeo"
	two_images
	engine save -o "$TEST_DIR/our.tar" more:1
	config="$(id_of more:1)"
	[ "$(skopeo inspect --raw --config "docker-archive:$TEST_DIR/our.tar" | sha256sum | cut -d' ' -f1)" = "${config#sha256:}" ]
	[ "$(skopeo inspect --format '{{.Digest}}' "oci-archive:$TEST_DIR/our.tar")" = \
		"$(tar -xOf "$TEST_DIR/our.tar" index.json | grep -o 'sha256:[0-9a-f]*' | head -n 1)" ]
	for kind in docker-archive oci-archive; do
		rm -f "$TEST_DIR/its.tar"
		quietly skopeo --insecure-policy copy "oci-archive:$TEST_DIR/our.tar" "$kind:$TEST_DIR/its.tar:quay.example/its:7"
		other load -i "$TEST_DIR/its.tar"
		assert_output "Loaded image: quay.example/its:7"
		[ "$(other_id_of quay.example/its:7)" = "$config" ]
		other rmi quay.example/its:7
	done
	rm -f "$TEST_DIR/its.tar"
	quietly skopeo --insecure-policy copy --dest-compress-format zstd --dest-compress "oci-archive:$TEST_DIR/our.tar" "oci-archive:$TEST_DIR/its.tar:its:zstd"
	other load -i "$TEST_DIR/its.tar"
	[ "$(other_id_of its:zstd)" = "$config" ]
	# What it compressed, we hand on as it is, and it reads that again.
	other save -o "$TEST_DIR/again.tar" its:zstd
	[ "$(skopeo inspect --format '{{.Digest}}' "oci-archive:$TEST_DIR/again.tar")" = "$(skopeo inspect --format '{{.Digest}}' "oci-archive:$TEST_DIR/its.tar")" ]
	other system reset --force
}

@test "umoci unpacks our archive, and its layout loads" {
	command -v umoci >/dev/null || skip "needs umoci"
	two_images
	engine save -o "$TEST_DIR/our.tar" more:1
	mkdir "$TEST_DIR/layout"
	tar -C "$TEST_DIR/layout" -xf "$TEST_DIR/our.tar"
	quietly umoci unpack --image "$TEST_DIR/layout:1" "$TEST_DIR/bundle"
	[ "$(cat "$TEST_DIR/bundle/rootfs/more")" = more ]
	quietly umoci config --image "$TEST_DIR/layout:1" --tag new --config.env C=d
	rm "$TEST_DIR/layout/manifest.json"
	tar -C "$TEST_DIR/layout" -cf "$TEST_DIR/its.tar" .
	other load -i "$TEST_DIR/its.tar"
	# umoci's own tag is a tag alone; ours kept its name.
	assert_contains "Loaded image: more:1"
	assert_contains "Loaded image ID: sha256:"
	other system reset --force
}

@test "podman loads our archive, and we load both that it writes" {
	command -v podman >/dev/null || skip "needs podman"
	two_images
	engine save -o "$TEST_DIR/our.tar" more:1 "$IMAGE"
	podman() { command podman --root "$TEST_DIR/podman" --runroot "$TEST_DIR/podman.run" --storage-driver vfs "$@"; }
	quietly podman load -i "$TEST_DIR/our.tar"
	[ "sha256:$(podman images -q --no-trunc more:1 | sed 's/^sha256://')" = "$(id_of more:1)" ]
	for format in docker-archive oci-archive; do
		rm -f "$TEST_DIR/its.tar"
		quietly podman save --format "$format" -o "$TEST_DIR/its.tar" more:1
		other load -i "$TEST_DIR/its.tar"
		assert_output "Loaded image: localhost/more:1"
		# To an OCI archive it converts the configuration first: then the id is of what it wrote.
		[ "$format" = oci-archive ] || [ "$(other_id_of localhost/more:1)" = "$(id_of more:1)" ]
		tar -tf "$TEST_DIR/its.tar" | grep -qF "$(other_id_of localhost/more:1 | cut -d: -f2)"
		other rmi localhost/more:1
	done
	rm -f "$TEST_DIR/its.tar"
	quietly podman save -m -o "$TEST_DIR/its.tar" more:1 box
	other load -i "$TEST_DIR/its.tar"
	assert_line "Loaded image: localhost/box:latest"
	assert_line "Loaded image: localhost/more:1"
	other system reset --force
	quietly podman rmi -af
	rm -rf "$TEST_DIR/podman" "$TEST_DIR/podman.run"
}

# A daemon of the test's own, with no network to set up.
docker_start() {
	command -v dockerd >/dev/null || skip "needs dockerd"
	mkdir "$TEST_DIR/docker"
	# Its mounts go with it.
	host unshare --mount --propagation private dockerd --data-root "$TEST_DIR/docker/root" --exec-root "$TEST_DIR/docker/exec" --pidfile "$TEST_DIR/docker/pid" \
		-H "unix://$TEST_DIR/docker/s" --bridge=none --iptables=false --ip-forward=false --storage-driver vfs \
		>"$TEST_DIR/docker/log" 2>&1 </dev/null &
	DOCKERD=$!
	wait_until docker version
}
docker() { command docker -H "unix://$TEST_DIR/docker/s" "$@"; }
docker_stop() {
	[ -n "${DOCKERD:-}" ] || return 0
	kill "$DOCKERD" 2>/dev/null || true
	wait "$DOCKERD" 2>/dev/null || true
	rm -rf "$TEST_DIR/docker"
}

@test "docker loads our archive, and we load docker's" {
	docker_start
	two_images
	# With a compressed layer as well.
	"$HERE/image-archive" oci "$TEST_DIR/gzip.tar" gzip-layer >/dev/null
	engine load -i "$TEST_DIR/gzip.tar"
	engine save -o "$TEST_DIR/our.tar" more "$IMAGE" flaw:1
	run -0 docker load -i "$TEST_DIR/our.tar"
	assert_line "Loaded image: more:1"
	assert_line "Loaded image: more:2"
	assert_line "Loaded image: flaw:1"
	for name in more:1 "$IMAGE" flaw:1; do
		[ "$(docker image inspect -f '{{.Id}}' "$name")" = "$(id_of "$name")" ]
	done
	docker save -o "$TEST_DIR/its.tar" more box flaw:1
	# It has a link between equal layers, as it writes them.
	tar -tvf "$TEST_DIR/its.tar" | grep -q 'layer.tar -> ../'
	other load -i "$TEST_DIR/its.tar"
	for name in more:1 more:2 box flaw:1; do
		assert_contains "Loaded image: $name"
	done
	for name in more:1 more:2 box flaw:1; do
		[ "$(other_id_of "$name")" = "$(id_of "$name")" ]
	done
	docker save box | env VESSEL_ROOT="$TEST_DIR/other" VESSEL_RUN="$TEST_DIR/other.run" "$PROGRAM" load
	other system reset --force
}

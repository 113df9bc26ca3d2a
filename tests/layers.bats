#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Layers in both forms: the tar with an index that the kernel mounts, and unpacked directories.
load helpers

setup() {
	engine_setup empty
	[ "${BATS_TEST_DESCRIPTION#*erofs}" = "$BATS_TEST_DESCRIPTION" ] || erofs_here || skip "this kernel mounts no such layers"
}
teardown() { engine_teardown; }

erofs_here() { "$VESSEL" info | grep -qx '  Layers: erofs index over the tar'; }
layer_files() { find "$VESSEL_ROOT/layers" -mindepth 2 -maxdepth 2 -printf '%f\n' | sort | xargs; }
import_as() { VESSEL_LAYERS="$1" box_image "$2"; }
# The device of the mount that each monitor holds.
held_devices() {
	local entry pid
	find "$VESSEL_RUN/layers" -mindepth 2 | while read -r entry; do
		pid="${entry##*/}"
		stat -L -c %d "/proc/${pid%%-*}/fd/${entry##*-}"
	done
}

nothing_lent() { [ -z "$(find "$VESSEL_RUN/layers" -mindepth 1)" ]; }

@test "info says the form; VESSEL_LAYERS forces one, and nothing else" {
	VESSEL_LAYERS=directory engine info
	assert_line " Storage Driver: overlay2"
	assert_line "  Layers: unpacked directories"
	VESSEL_LAYERS=directory engine info --format '{{json .DriverStatus}}'
	assert_output '[["Layers","unpacked directories"]]'
	VESSEL_LAYERS=squashfs engine_fails 1 info
	assert_stderr_line "vessel: VESSEL_LAYERS is 'squashfs', and neither 'directory' nor 'erofs'"
}

@test "erofs: import keeps the tar and an index, containers run from it, rmi leaves nothing" {
	import_as erofs "$IMAGE"
	[ "$(layer_files)" = "data index.erofs" ]
	# One file by two names.
	[ "$(stat -c %h "$VESSEL_ROOT"/layers/*/data)" = 2 ]
	[ "$(sha256sum <"$VESSEL_ROOT"/layers/*/data | cut -c1-64)" = "$(basename "$VESSEL_ROOT"/layers/*)" ]
	engine run --rm "$IMAGE" sh -c 'cat /etc/passwd && echo more >>/etc/passwd && tail -n 1 /etc/passwd && rm /bin/ls && test ! -e /bin/ls'
	assert_line "more"
	engine run --rm --read-only "$IMAGE" stat -c '%a %u' /tmp
	assert_output "1777 0"
	engine rmi "$IMAGE"
	[ -z "$(find "$VESSEL_ROOT/layers" "$VESSEL_ROOT/blobs/sha256" -mindepth 1)" ]
}

@test "erofs: containers of an image share one mount, also after its first holder was killed" {
	import_as erofs "$IMAGE"
	engine run -d --name holder-a "$IMAGE" sleep 1000
	engine run -d --name holder-b "$IMAGE" sleep 1000
	[ "$(held_devices | wc -l)" = 2 ]
	[ "$(held_devices | sort -u | wc -l)" = 1 ]
	kill -9 "$(monitor_of holder-a)"
	engine run -d --name holder-c "$IMAGE" sleep 1000
	engine exec holder-c true
	engine exec holder-b true
	# What the killed one has left is gone, or not there to be found.
	[ "$(held_devices 2>/dev/null | sort -u | wc -l)" = 1 ]
	engine rm -f holder-a holder-b holder-c
	wait_until nothing_lent
	# No mount was made in the host's table.
	run ! grep -F "$TEST_DIR" /proc/self/mountinfo
}

@test "erofs: a build on such a layer adds only what it changes" {
	import_as erofs base
	mkdir "$TEST_DIR/context"
	printf 'FROM base\nRUN echo new >/etc/new && rm /etc/group\nCOPY file /tmp/\nRUN test -e /etc/new && test ! -e /etc/group\n' >"$TEST_DIR/context/Dockerfile"
	echo copied >"$TEST_DIR/context/file"
	VESSEL_LAYERS=erofs engine build -t "$IMAGE" "$TEST_DIR/context"
	[ "$(layer_files)" = "data fs fs fs index.erofs" ] || { layer_files; return 1; }
	[ -z "$(find "$VESSEL_ROOT"/layers/*/fs -name hosts -o -name resolv.conf -o -name hostname)" ]
	engine run --rm "$IMAGE" sh -c 'cat /etc/new /tmp/file && test ! -e /etc/group'
	assert_output "new
copied"
}

@test "erofs: what stays on one file system finds all files of the root" {
	import_as erofs "$IMAGE"
	engine run --rm "$IMAGE" sh -c 'find / -xdev -type f | grep -c -e ^/bin/busybox -e ^/etc/passwd; tar -c -f - -C / bin etc | tar -t | grep -c -x -e bin/busybox -e etc/passwd'
	assert_output "2
2"
}

@test "erofs: a volume gets what the image has there" {
	import_as erofs "$IMAGE"
	engine run --rm -v data:/etc "$IMAGE" cat /etc/passwd
	assert_line "root:x:0:0:root:/root:/bin/sh"
	grep -q root "$VESSEL_ROOT/volumes/data/_data/passwd"
}

@test "erofs: what an index cannot say is unpacked" {
	command -v python3 >/dev/null || skip "needs python3"
	python3 - "$TEST_DIR/odd.tar" <<-'END'
		import sys, tarfile
		with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as tar:
		    for name, kind, link in ("d", tarfile.DIRTYPE, ""), ("l", tarfile.SYMTYPE, "d"), ("l/f", tarfile.REGTYPE, ""):
		        info = tarfile.TarInfo(name)
		        info.type, info.linkname, info.mode = kind, link, 0o755
		        tar.addfile(info)
	END
	VESSEL_LAYERS=erofs engine import "$TEST_DIR/odd.tar" odd
	[ "$(layer_files)" = "fs" ]
	[ -e "$(echo "$VESSEL_ROOT"/layers/*)/fs/d/f" ]
}

@test "erofs: system check finds a damaged index, and makes it again" {
	import_as erofs "$IMAGE"
	engine system check
	printf x | dd of="$(echo "$VESSEL_ROOT"/layers/*/index.erofs)" bs=1 seek=2000 conv=notrunc status=none
	run ! "$VESSEL" system check
	assert_contains "its tree is damaged"
	VESSEL_LAYERS=erofs engine system check --repair
	engine system check
	[ "$(layer_files)" = "data index.erofs" ]
	engine run --rm "$IMAGE" true
}

@test "directories: the same images where the kernel cannot" {
	import_as directory "$IMAGE"
	[ "$(layer_files)" = "fs" ]
	engine run --rm "$IMAGE" sh -c 'rm /bin/ls && test ! -e /bin/ls'
	[ ! -e "$VESSEL_RUN/layers" ]
}

@test "a layer of one form stays when the same comes again in the other" {
	erofs_here || skip "this kernel mounts no such layers"
	import_as directory one
	import_as erofs two
	[ "$(layer_files)" = "fs" ]
	engine rmi one two
	import_as erofs one
	import_as directory two
	[ "$(layer_files)" = "data index.erofs" ]
	engine run --rm two true
}

# On tmpfs the kernel mounts no file as EROFS (it has no pages to be read).
@test "a store on a file system that cannot gets directories; forced, it says why" {
	local store
	store="$(mktemp -d /dev/shm/vessel-test.XXXXXX)"
	there() { run env VESSEL_ROOT="$store/root" VESSEL_RUN="$store/run" "$@"; }
	there "$PROGRAM" info --format '{{json .DriverStatus}}'
	[ "$output" = '[["Layers","unpacked directories"]]' ] || { rm -rf "$store"; skip "this kernel can, there, too"; }
	there "$PROGRAM" import "$(box_tar)" box
	[ "$status" = 0 ]
	[ -d "$(echo "$store"/root/layers/*)/fs/bin" ]
	there env VESSEL_LAYERS=erofs "$PROGRAM" info
	rm -rf "$store"
	[ "$status" = 1 ]
	assert_contains "layers cannot be mounted as EROFS here: "
}

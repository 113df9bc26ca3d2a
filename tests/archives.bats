#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Hostile archives (tests/hostile/archive.py), each through every way by which an archive comes in. What row of the threat
# catalogue (part 1C) a test is about stands before its name; the oracles are in helpers-hostile.bash.
#
# What is proven beside the code and not repeated here:
#   C1.1, C1.13  names, numbers and headers one by one        store/tar_read_test.c; 5 million headers: headers_are_counted
#   C1.2 - C1.5  where each entry lands                       store/unpack_test.c: hostile_archives_stay_inside
#   C1.7         what whiteouts become                        store/unpack_test.c: whiteouts_become_overlays
#   C1.8, C1.10  which attributes travel                      store/unpack_test.c: only_some_attributes_travel
#   C1.14        windows of decompressors, ceilings           store/stream_test.c
#   R7           what the one who reads archives may do       store/jail_test.c
load helpers
load helpers-hostile

setup_file() { hostile_archives && hostile_setup_file; }
teardown_file() { hostile_teardown_file; }
setup() { hostile_setup; }
teardown() { hostile_teardown; }

# ---- the ways in ----

WAYS="import pull add context"
has_command load && WAYS="$WAYS load"

# row ROW: all archives of that row, by all ways.
row() {
	# shellcheck disable=SC2086 # several words
	drive archives "$1" $WAYS
	canary_kept
	# The next one works.
	engine import "$(box_tar)" after
	engine run --rm --network none after true
}

# What each oracle must see, done by a program in vessel's place.
@test "the oracles of these tests can fail" {
	local real="$VESSEL"
	fails() { # WHAT-IS-SAID SCRIPT
		printf '#!/bin/sh\n%s\n' "$2" >"$TEST_DIR/t/fake"
		chmod 755 "$TEST_DIR/t/fake"
		VESSEL="$TEST_DIR/t/fake"
		run drive archives C1.5 import
		VESSEL="$real"
		[ "$status" = 1 ] && [[ "$output" == *"$1"* ]] || { echo "not seen: $1: $output"; return 1; }
	}
	fails "it was taken" "exit 0"
	fails "without a word" "exit 1"
	fails "it crashed" "echo x >&2; kill -SEGV \$\$"
	fails "it crashed" "echo vessel-unpack was killed by signal 9 >&2; exit 1"
	fails "control characters" "printf '\\033[2J' >&2; exit 1"
	fails "left in the store: tmp/x" "echo x >&2; mkdir -p $VESSEL_ROOT/tmp/x; exit 1"
	fails "left in the store: blobs/sha256/" "echo x >&2; echo y >$VESSEL_ROOT/blobs/sha256/$(printf '%064d' 1); exit 1"
	fails "the host's secret" "cat $CANARY/secret >&2; exit 1"
	fails "KiB of memory" "python3 -c 'print(len(b\"x\" * (100 << 20)))'; echo x >&2; exit 1"
	BOUND_SECONDS=0.2 fails "more than 0.2 seconds" "exec sleep 5"
	fails "the host's tree has changed" "echo x >&2; touch $CANARY/etc/passwd; exit 1"
	canary_now >"$TEST_DIR/canary"
	rm -r "$VESSEL_ROOT/tmp/x" "$VESSEL_ROOT/blobs/sha256/$(printf '%064d' 1)"
}

@test "C1.1 names: climbing, absolute, empty, long, with NUL, said twice" { row C1.1; }
@test "C1.2 a symlink, then a child of it" { row C1.2; }
@test "C1.3 hard links: out, through links, to links and devices, to what is not there" { row C1.3; }
@test "C1.4 another type under the same name" { row C1.4; }
@test "C1.5 something else in the root's place" { row C1.5; }
@test "C1.7 whiteouts of nothing, of what is above, through links" { row C1.7; }
@test "C1.12 owners and times out of range" { row C1.12; }
@test "C1.13 headers: sizes, extended ones, sparse maps, checksums, ends" { row C1.13; }

# ---- what is seen of it in a container ----

# An image of the base and one archive above it, made by pull and by ADD.
above_base() {
	engine pull -q "$AT/base/$1"
	engine tag "$AT/base/$1" pulled
	mkdir -p "$TEST_DIR/t/above"
	cp "$ARCHIVES/$1.tar" "$TEST_DIR/t/above/file"
	printf 'FROM %s\nADD file /\n' "$IMAGE" >"$TEST_DIR/t/above/Dockerfile"
	engine build -q -t added "$TEST_DIR/t/above"
}

@test "C1.6 across layers: what stands above a link of a lower layer does not go through it" {
	box_image "$IMAGE"
	local name
	for name in above-link above-whiteout above-gone above-mode above-relative; do
		bound "$VESSEL" pull -q "$AT/above/${name#above-}"
		[ "$code" != 0 ] || engine run --rm --network none "$AT/above/${name#above-}" sh -c 'ls -la /d/ 2>&1; echo x >/d/written 2>&1; true'
		refute_contains "$CANARY_WORD"
		mkdir -p "$TEST_DIR/t/above"
		cp "$ARCHIVES/$name-1.tar" "$TEST_DIR/t/above/one"
		cp "$ARCHIVES/$name-2.tar" "$TEST_DIR/t/above/two"
		printf 'FROM %s\nADD one /\nADD two /\nRUN ls /d/ || true; echo x >/d/written || true\nCOPY one /d/copied\nWORKDIR /d/work\n' "$IMAGE" \
			>"$TEST_DIR/t/above/Dockerfile"
		bound "$VESSEL" build --network none -t above "$TEST_DIR/t/above"
		canary_unchanged
	done
	canary_kept
}

@test "C1.8 overlay's own marks in an archive mean nothing: neither hidden, nor led elsewhere, nor deleted" {
	local image
	box_image "$IMAGE"
	above_base overlay-marks
	for image in pulled added; do
		# Opaque or redirected, /etc would not show the lower layer's files; metacopy would show no content.
		engine run --rm --network none "$image" sh -c 'cat /etc/passwd /etc/new /marked/file; ls /marked'
		assert_contains "user:x:1000"
		assert_contains $'evil\nevil'
		assert_line file
		engine run --rm --network none -d --name "look-$image" "$image" sleep 100
		run python3 -c '
import os, sys
for folder, dirs, files in os.walk(sys.argv[1] + "/marked"):
    for path in [folder] + [os.path.join(folder, name) for name in files] + [sys.argv[1] + "/etc", sys.argv[1] + "/etc/new"]:
        print(*os.listxattr(path))' "/proc/$(pid_of "look-$image")/root"
		[ "$status" = 0 ]
		refute_contains overlay
		engine rm -f "look-$image"
	done
	# On the disk, where layers stand as directories.
	run python3 -c '
import os, sys
for folder, dirs, files in os.walk(sys.argv[1]):
    for name in ["."] + files:
        path = os.path.join(folder, name)
        for key in os.listxattr(path, follow_symlinks=False):
            value = os.getxattr(path, key, follow_symlinks=False)
            if key in ("user.overlay.opaque", "trusted.other") or value in (b"/etc", b"x" * 30, b"U+9") or "metacopy" in key:
                print(path, key)' "$VESSEL_ROOT/layers"
	assert_output ""
	engine rmi pulled added
	above_base overlay-device
	for image in pulled added; do
		engine run --rm --network none "$image" sh -c 'cat /etc/passwd /after'
		assert_contains "user:x:1000"
		assert_contains evil
	done
}

@test "C1.9 devices of an image cannot be opened, neither inside nor on the host" {
	local image
	box_image "$IMAGE"
	above_base devices
	for image in pulled added; do
		engine run --rm --network none "$image" sh -c 'for i in blk mem fuse; do test -e /dev2/$i || echo none; dd if=/dev2/$i bs=1 count=1 of=/dev/null && echo opened; done; true'
		refute_contains opened
		refute_contains none
		[ "$(grep -c "Operation not permitted\|Permission denied\|No such device" <<<"$stderr")" = 3 ]
	done
	# On the host nobody gets there.
	run setpriv --reuid 65534 --regid 65534 --clear-groups find "$VESSEL_ROOT" \( -type b -o -type c \)
	refute_contains dev2
}

@test "C1.10 setuid, capabilities and ACLs stay; labels, signatures and trusted attributes do not" {
	local image root
	box_image "$IMAGE"
	above_base attributes
	for image in pulled added; do
		engine run --rm --network none "$image" stat -c '%a %g %n' /suid /sgid
		assert_output $'4755 0 /suid\n2755 5 /sgid'
		engine run --rm --network none -d --name "look-$image" "$image" sleep 100
		root="/proc/$(pid_of "look-$image")/root"
		run python3 -c '
import os, sys
for key in sorted(os.listxattr(sys.argv[1])):
    print(key, os.getxattr(sys.argv[1], key).hex())' "$root/marked"
		[ "$status" = 0 ]
		assert_output "security.capability 0100000200040000000000000000000000000000
system.posix_acl_access 0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000000ffffffff
user.kept 796573"
		engine rm -f "look-$image"
	done
	run setpriv --reuid 65534 --regid 65534 --clear-groups find "$VESSEL_ROOT" -perm -4000
	refute_contains suid
	row C1.10
}

@test "C1.11 FIFOs and devices block nothing that reads an image on the host" {
	row C1.11
	box_image "$IMAGE"
	above_base special-files
	export BOUND_SECONDS=5
	local image
	for image in pulled added; do
		bound "$VESSEL" run --rm --network none -u user "$image" true
		[ "$code" != 0 ]
		bound "$VESSEL" run --rm --network none -u 1000:1000 "$image" true
		engine create --name "made-$image" "$image" true
		for words in "export -o /dev/null made-$image" "diff made-$image" "commit made-$image again" \
			"cp made-$image:/app/data $TEST_DIR/t/copied" "cp made-$image:/etc - " "save -o /dev/null $image"; do
			has_command "${words%% *}" || continue
			# shellcheck disable=SC2086 # several words
			bound "$VESSEL" $words
			done
		printf 'FROM scratch\nCOPY --from=%s /app /app\nCOPY --from=%s /etc/passwd /x\n' "$image" "$image" >"$TEST_DIR/t/above/Dockerfile"
		bound "$VESSEL" build -q "$TEST_DIR/t/above"
		engine rm "made-$image"
	done
	# In a context that is a directory.
	mkdir "$TEST_DIR/t/fifos"
	mkfifo "$TEST_DIR/t/fifos/Dockerfile" "$TEST_DIR/t/fifos/.dockerignore" "$TEST_DIR/t/fifos/data"
	bound "$VESSEL" build -q "$TEST_DIR/t/fifos"
	[ "$code" != 0 ]
	rm "$TEST_DIR/t/fifos/.dockerignore" "$TEST_DIR/t/fifos/Dockerfile"
	printf 'FROM scratch\nADD data /\n' >"$TEST_DIR/t/fifos/Dockerfile"
	bound "$VESSEL" build -q "$TEST_DIR/t/fifos"
}

# A store on a file system of its own, which a bomb can fill.
@test "C1.14 bombs: an error, the disk is free again, and memory stays small" {
	"$VESSEL" system reset --force
	mkdir -p "$VESSEL_ROOT"
	mount -t tmpfs -o size=96m,mode=700 store "$VESSEL_ROOT"
	"$VESSEL" images >/dev/null
	local used
	# shellcheck disable=SC2086 # several words
	drive archives C1.14 $WAYS
	"$VESSEL" images -aq | sort -u | xargs -r "$VESSEL" rmi -f >/dev/null
	"$VESSEL" system prune -af >/dev/null # what pulls have got, whole or in part
	used="$(df --output=used "$VESSEL_ROOT" | tail -n 1)"
	umount "$VESSEL_ROOT"
	assert_between "what stays on the disk" "$used" 0 3000
}

@test "C1.15 no program is started for an archive: neither the host's by PATH nor the image's" {
	local tool name
	mkdir "$TEST_DIR/t/path"
	for tool in xz unxz unpigz pigz gzip gunzip bzip2 zstd tar git nsenter newuidmap sh; do
		printf '#!/bin/busybox sh\necho "$0 $*" >>%s\n/bin/busybox env >>%s\n' "$TEST_DIR/t/pwned" "$TEST_DIR/t/pwned" >"$TEST_DIR/t/path/$tool"
		chmod 755 "$TEST_DIR/t/path/$tool"
	done
	cat >"$TEST_DIR/t/trapped" <<-END
		#!/bin/bash
		export PATH="$TEST_DIR/t/path:\$PATH" VESSEL_ROOT='$VESSEL_ROOT' VESSEL_RUN='$VESSEL_RUN'
		exec $(type -P nsenter) --net=/run/netns/$NET_NAME '$PROGRAM' "\$@"
	END
	chmod 755 "$TEST_DIR/t/trapped"
	VESSEL="$TEST_DIR/t/trapped"
	row C1.15
	# What is good is read as well.
	for tool in gzip xz bzip2 zstd; do
		"$(type -P "$tool")" -c <"$(box_tar)" >"$TEST_DIR/t/box.$tool"
		engine import "$TEST_DIR/t/box.$tool" "good:$tool"
	done
	# An image with such programs, and archives that ADD puts above them.
	trap_image() { mkdir -p "$1/usr/bin"; cp "$TEST_DIR/t/path"/* "$1/usr/bin/"; rm "$1/bin/xz"; cp "$TEST_DIR/t/path/xz" "$1/bin/xz"; }
	rm -f "$TEST_DIR/t/path/tar"
	box_image_with trapped trap_image
	mkdir "$TEST_DIR/t/add-xz"
	cp "$TEST_DIR"/t/box.* "$TEST_DIR/t/add-xz/"
	printf 'FROM trapped\nADD box.xz /x/\nADD box.gzip /g/\nADD box.bzip2 /b/\nADD box.zstd /z/\n' >"$TEST_DIR/t/add-xz/Dockerfile"
	engine build -q -t unpacked "$TEST_DIR/t/add-xz"
	engine run --rm --network none --entrypoint /bin/busybox unpacked ls /x/bin/busybox /g/bin/busybox /b/bin/busybox /z/bin/busybox
	[ ! -e "$TEST_DIR/t/pwned" ] || { cat "$TEST_DIR/t/pwned"; return 1; }
	engine run --rm --network none --entrypoint /bin/busybox unpacked ls /
	refute_contains pwned
}

@test "C1.16 a directory that another process swaps for a link, at any moment of unpacking" {
	[ -x "$(dirname "$PROGRAM")/stepper" ] || skip "needs stepper"
	# All that is being made gets links to the host's tree for directories.
	cat >"$TEST_DIR/t/swap" <<-END
		#!/bin/sh
		for d in '$VESSEL_ROOT'/tmp/*/fs/d '$VESSEL_ROOT'/tmp/*/fs '$VESSEL_ROOT'/tmp/*/d '$VESSEL_ROOT'/layers/*/fs/d; do
			[ -d "\$d" ] && [ ! -L "\$d" ] || continue
			mv "\$d" "\$d.aside" && ln -s '$CANARY' "\$d"
		done
	END
	chmod 755 "$TEST_DIR/t/swap"
	mkdir -p "$TEST_DIR/t/tree/d/sub" "$TEST_DIR/t/tree/d/etc"
	echo evil | tee "$TEST_DIR/t/tree/d/secret" "$TEST_DIR/t/tree/d/sub/f" "$TEST_DIR/t/tree/d/etc/passwd" >/dev/null
	tar -C "$TEST_DIR/t/tree" -cf "$TEST_DIR/t/tree.tar" d
	local n total step tries=0
	stepped() {
		# shellcheck disable=SC2086 # several words
		$NET_ENTER env VESSEL_ROOT="$VESSEL_ROOT" VESSEL_RUN="$VESSEL_RUN" "$(dirname "$PROGRAM")/stepper" -t 20 \
			-l "$TEST_DIR/t/steps" "$@" "$PROGRAM" import "$TEST_DIR/t/tree.tar" swapped >/dev/null 2>&1 3>&- </dev/null
	}
	stepped -n 0
	total="$(tail -n 1 "$TEST_DIR/t/steps" | cut -d' ' -f2)"
	step=$((total / 40 + 1))
	for ((n = 1 + RANDOM % step; n <= total; n += step)); do
		stepped -n "$n" -c "$TEST_DIR/t/swap" || true
		tries=$((tries + 1))
		canary_unchanged || { echo "swapped at call $n of $total"; return 1; }
	done
	echo "$tries of $total calls"
	[ "$tries" -ge 20 ]
	canary_kept
}

@test "C4 a hard link to the host's file, where the kernel would allow it" {
	[ -w /proc/sys/fs/protected_hardlinks ] || skip "fs.protected_hardlinks cannot be set"
	local was result=0
	was="$(cat /proc/sys/fs/protected_hardlinks)"
	echo 0 >/proc/sys/fs/protected_hardlinks
	row C1.3 || result=1
	echo "$was" >/proc/sys/fs/protected_hardlinks
	return "$result"
}

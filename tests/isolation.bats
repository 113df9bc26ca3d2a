#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# More of a container's fences (security.bats has the first ones): system calls by name, namespaces that are shared on request,
# user namespaces, working directories behind our file descriptors, images and archives that aim at the host. What must not
# change is a canary beside the store: its listing, owners, modes, times and contents before and after.
# shellcheck disable=SC2016,SC2317 # single quotes are for the shell inside; functions that box_image_with calls
load helpers

setup() {
	engine_setup
	CANARY="$TEST_DIR/canary"
	mkdir -p "$CANARY/etc" "$CANARY/dir"
	echo token-of-the-host >"$CANARY/etc/hosts"
	echo token-of-the-host >"$CANARY/secret"
	chmod 600 "$CANARY/secret"
	mknod "$CANARY/device" c 1 3
	canary >"$TEST_DIR/canary.before"
}
teardown() {
	local result=0
	if [ -n "${CANARY:-}" ]; then
		canary | diff "$TEST_DIR/canary.before" - || { echo "the host was touched" >&2; result=1; }
	fi
	engine_teardown && return "$result"
}

canary() {
	find "$CANARY" -printf '%P %y %m %U:%G %s %T@ %C@ %l\n' | sort
	find "$CANARY" -type f -exec sha256sum {} + | sort
	findmnt -rno TARGET | grep -F "$CANARY" || true
}

ns_of() { readlink "/proc/$(pid_of "$1")/ns/$2"; }
host_ns() { host readlink "/proc/self/ns/$1"; }
same() { [ "$1" = "$2" ] || wanted "wanted the same" "$1 and $2"; }
differ() { [ -n "$1" ] && [ "$1" != "$2" ] || wanted "wanted another than" "$2"; }
one_sentence() { [ "$(grep -cv '^hint: ' <<<"$stderr")" = 1 ] || wanted "wanted one sentence" ""; }

# ---- system calls ----

# A static program that makes one system call by its number, with five arguments, and prints the error's number.
call_image() {
	command -v cc >/dev/null || skip "needs a C compiler"
	cat >"$TEST_DIR/call.c" <<-'END'
		#include <errno.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <unistd.h>
		#include <sys/syscall.h>
		int main(int argc, char **argv)
		{
			long a[6] = { 0 };
			for (int i = 0; i < 6 && i + 1 < argc; i++)
				a[i] = strtol(argv[i + 1], NULL, 0);
			printf("%d\n", syscall(a[0], a[1], a[2], a[3], a[4], a[5]) < 0 ? errno : 0);
			return 0;
		}
	END
	cc -static -o "$TEST_DIR/call" "$TEST_DIR/call.c" 2>/dev/null || skip "cannot link statically"
	add_call() { cp "$TEST_DIR/call" "$1/bin/call"; }
	box_image_with calls add_call
}
number_of() { printf '#include <sys/syscall.h>\n__NR_%s\n' "$1" | cc -E -P - | tail -n 1; }

@test "system calls that reach the kernel's inside are refused, to root with all capabilities of the default set" {
	call_image
	local name number
	engine run -d --name app calls sleep 1000
	for name in unshare mount umount2 keyctl add_key request_key bpf perf_event_open userfaultfd kexec_load init_module finit_module \
		delete_module open_by_handle_at swapon reboot settimeofday clock_settime quotactl move_pages mount_setattr fsopen open_tree \
		move_mount pivot_root setns acct lookup_dcookie io_uring_setup; do
		number="$(number_of "$name")"
		[[ "$number" =~ ^[0-9]+$ ]] || continue
		# CLONE_NEWUSER for unshare: a call that needs no capability, so the filter alone refuses it.
		engine exec app call "$number" 0x10000000 0 0 0 0
		[[ "$output" = 1 || "$output" = 38 ]] || wanted "wanted EPERM or ENOSYS from $name" "1"
	done
	# Those of every program are not refused; without the filter unshare works, so it was the filter.
	engine exec app call "$(number_of getpid)"
	assert_output 0
	engine run --rm --security-opt seccomp=unconfined calls call "$(number_of unshare)" 0x10000000
	[ "$output" = 0 ] || [ "$(cat /proc/sys/user/max_user_namespaces)" = 0 ]
}

@test "clone with a new user namespace is refused, and clone3 is not there to hide it" {
	call_image
	# CLONE_NEWUSER | SIGCHLD; CLONE_NEWNS; CLONE_NEWCGROUP.
	local flags
	for flags in 0x10000011 0x00020011 0x02000011 0x40000011; do
		engine run --rm calls call "$(number_of clone)" "$flags"
		assert_output 1
	done
	engine run --rm calls call "$(number_of clone3)" 0 0
	assert_output 38
	# A personality that turns off address randomisation, and one that is asked for by libraries.
	engine run --rm calls call "$(number_of personality)" 0x0040000
	assert_output 1
	engine run --rm calls call "$(number_of personality)" 0xffffffff
	assert_output 0
	# AF_ALG and AF_VSOCK sockets are no business of a container; AF_INET is.
	engine run --rm calls call "$(number_of socket)" 40 1 0
	[ "$output" != 0 ]
	engine run --rm calls call "$(number_of socket)" 2 1 0
	assert_output 0
}

@test "a container's terminals are its own, not the host's" {
	engine run -d -t --name app "$IMAGE" sh
	local before
	before="$(find /dev/pts -mindepth 1 | sort)"
	engine exec -d -t app sleep 1000
	engine exec app sh -c 'ls /dev/pts | tr "\n" " "'
	assert_match '^0 1 ptmx $'
	[ "$(find /dev/pts -mindepth 1 | sort)" = "$before" ]
	engine exec app readlink /proc/1/fd/0
	assert_output /dev/pts/0
	# With one of the host's number, that would open the host's.
	run grep ' /dev/pts ' "/proc/$(pid_of app)/mountinfo"
	[ "$(awk '{ print $3 }' <<<"$output")" != "$(awk '$5 == "/dev/pts" { print $3 }' /proc/self/mountinfo)" ]
}

# ---- namespaces that are shared ----

@test "--pid host and --pid container: they see what they shall see" {
	engine run -d --name app "$IMAGE" sleep 1234
	engine run -d --name friend --pid container:app "$IMAGE" sleep 5678
	same "$(ns_of friend pid)" "$(ns_of app pid)"
	engine exec friend ps -o args
	assert_contains "sleep 1234"
	assert_contains "sleep 5678"
	engine exec friend kill -0 1
	engine run --rm --pid host "$IMAGE" sh -c 'ls -d /proc/[0-9]* | wc -l'
	[ "$output" -gt 3 ]
	# The end of the owner of the namespace is the end of its guests.
	engine kill app
	wait_until state_is friend exited
	engine_fails 125 run --rm --pid container:app "$IMAGE" true
	one_sentence
	assert_stderr_contains "non running container"
	engine_fails 125 run --rm --pid container:ghost "$IMAGE" true
	assert_stderr_contains "ghost"
	engine_fails 125 run --rm --pid nonsense "$IMAGE" true
	one_sentence
}

@test "--network container: shares links, addresses and ports, and nothing else" {
	engine run -d --name app "$IMAGE" sh -c 'echo served >/tmp/index.html; httpd -f -p 8000 -h /tmp'
	engine run -d --name side --network container:app "$IMAGE" sleep 1000
	same "$(ns_of side net)" "$(ns_of app net)"
	differ "$(ns_of side pid)" "$(ns_of app pid)"
	differ "$(ns_of side mnt)" "$(ns_of app mnt)"
	wait_until "$VESSEL" exec side wget -qO- http://127.0.0.1:8000/index.html
	engine exec side wget -qO- http://127.0.0.1:8000/index.html
	assert_output served
	local side
	side="$("$VESSEL" exec side ip -o -4 addr show eth0)"
	engine exec app ip -o -4 addr show eth0
	assert_output "$side"
	# Ports belong to the one whose network it is.
	engine_fails 125 run --rm --network container:app -p 80:80 "$IMAGE" true
	one_sentence
	engine rm -f side
	engine exec app wget -qO- http://127.0.0.1:8000/index.html
	assert_output served
	engine_fails 125 run --rm --network container:ghost "$IMAGE" true
	assert_stderr_contains "ghost"
}

@test "--ipc: private, none, shareable, host" {
	engine run -d --name app --ipc shareable "$IMAGE" sleep 1000
	engine run -d --name friend --ipc container:app "$IMAGE" sleep 1000
	same "$(ns_of friend ipc)" "$(ns_of app ipc)"
	engine run -d --name stranger "$IMAGE" sleep 1000
	differ "$(ns_of stranger ipc)" "$(ns_of app ipc)"
	engine run --rm --ipc none "$IMAGE" sh -c 'touch /dev/shm/x 2>/dev/null && df /dev/shm | grep -q shm && echo there; true'
	assert_output ""
	engine run --rm --ipc host "$IMAGE" readlink /proc/self/ns/ipc
	assert_output "$(host_ns ipc)"
	engine_fails 125 run --rm --ipc nonsense "$IMAGE" true
	one_sentence
}

@test "--uts host has the host's name and cannot set it; --cgroupns host shows the host's paths" {
	engine run --rm --uts host "$IMAGE" hostname
	assert_output "$(hostname)"
	engine_fails 1 run --rm --uts host "$IMAGE" hostname changed
	engine_fails 125 run --rm --uts host --hostname other "$IMAGE" true
	one_sentence
	engine run --rm "$IMAGE" cat /proc/self/cgroup
	refute_contains "/vessel/"
	engine run --rm --cgroupns host "$IMAGE" cat /proc/self/cgroup
	assert_contains "vessel"
	same "$(hostname)" "$(cat /proc/sys/kernel/hostname)"
}

@test "--userns private: capabilities count inside alone, and the image is whole" {
	mkdir "$TEST_DIR/context"
	# A directory that an upper layer has replaced: who cannot read that mark sees what was removed.
	printf 'FROM %s\nRUN mkdir /d && touch /d/old /gone\nRUN rm -r /d /gone && mkdir /d && touch /d/new\n' "$IMAGE" >"$TEST_DIR/context/Dockerfile"
	engine build --network none -t replaced "$TEST_DIR/context"
	engine run -d --name app --userns private -v vol:/vol replaced sleep 1000
	differ "$(ns_of app user)" "$(readlink /proc/self/ns/user)"
	awk '$1 == 0 && $3 >= 65536 { ok = 1 } END { exit !ok }' "/proc/$(pid_of app)/uid_map"
	engine exec app sh -c 'ls /d; test ! -e /gone'
	assert_output new
	engine exec app sh -c 'echo x >/own && echo x >/vol/own && chown 5:6 /own && stat -c %u:%g /own && id -u && readlink /proc/self/ns/user'
	assert_output $'5:6\n0\n'"$(ns_of app user)"
	engine exec app cat /proc/self/status
	assert_match 'CapEff:[[:space:]]+00000000a80425fb'
	assert_match 'Seccomp:[[:space:]]+2'
	# A device node is the host's business, although CAP_MKNOD is there; so is a kernel setting.
	engine run --rm "$IMAGE" mknod /zero c 1 5
	engine_fails 1 exec app mknod /zero c 1 5
	engine_fails 1 exec app sh -c 'echo 1 >/proc/sys/kernel/core_uses_pid'
	engine run --rm --userns private --init -u 1000 --read-only "$IMAGE" id -u
	assert_output 1000
	engine_fails 125 run --rm --userns nonsense "$IMAGE" true
	one_sentence
}

# ---- working directories and fds ----

@test "a working directory behind one of our file descriptors: 3 to 20, in run, exec and build" {
	exec 7<"$CANARY" 8<"$TEST_DIR" 9</
	local fd
	engine run -d --name app "$IMAGE" sleep 1000
	for fd in $(seq 3 20); do
		run "$VESSEL" run --rm --network none -w "/proc/self/fd/$fd" "$IMAGE" sh -c 'cat secret canary/secret ../secret; ls -a; pwd'
		refute_contains "token-of-the-host"
		refute_contains "canary"
		run "$VESSEL" exec -w "/proc/self/fd/$fd" app sh -c 'cat secret canary/secret ../secret; ls -a; pwd'
		refute_contains "token-of-the-host"
		refute_contains "canary"
		run "$VESSEL" exec -w "/proc/1/fd/$fd" app sh -c 'ls -a'
		refute_contains "canary"
	done
	mkdir "$TEST_DIR/context"
	for fd in 3 7 8 9; do
		printf 'FROM %s\nWORKDIR /proc/self/fd/%s\nRUN ls -a; pwd\n' "$IMAGE" "$fd" >"$TEST_DIR/context/Dockerfile"
		run "$VESSEL" build --network none --no-cache "$TEST_DIR/context"
		refute_contains "canary"
	done
	exec 7<&- 8<&- 9<&-
}

@test "no fd of ours is open in what exec starts, for whatever kind of exec" {
	exec 7<"$CANARY" 8<"$TEST_DIR"
	engine run -d --name app "$IMAGE" sleep 1000
	local way
	for way in "" "-i" "-u 1000" "-w /tmp" "--privileged"; do
		# shellcheck disable=SC2086 # options
		engine exec $way app ls -l /proc/self/fd
		# Three, and the one that ls has on the directory, and closes.
		[ "$(grep -cE ' [012] -> (pipe:|/dev/null|/dev/pts/)' <<<"$output")" = 3 ] || wanted "wanted 0, 1 and 2 with" "exec $way"
		[ "$(grep -c '^l' <<<"$output")" -le 4 ] || wanted "wanted nothing else with" "exec $way"
	done
	engine exec -d app sleep 777
	wait_until pgrep -f 'sleep 777'
	local pid
	for pid in $(cat "$(cgroup_file app pids cgroup.procs cgroup.procs)"); do
		run find "/proc/$pid/fd" -mindepth 1 -printf '%f %l\n'
		[ "$(wc -l <<<"$output")" = 3 ]
		refute_contains "$TEST_DIR"
		refute_contains "attach.sock"
	done
	exec 7<&- 8<&-
}

# ---- images that aim at the host ----

@test "links in the image at every place where we mount or write" {
	local name target
	for name in etc/hosts etc/resolv.conf etc/hostname dev dev/null proc sys dev/shm etc; do
		for target in "$CANARY/$name" "../../../../../../../../../..$CANARY/dir" "/proc/self/fd/7" "/proc/1/root$CANARY"; do
			exec 7<"$CANARY"
			add_link() {
				rm -rf "${1:?}/$name"
				mkdir -p "$(dirname "$1/$name")"
				ln -s "$target" "$1/$name"
			}
			box_image_with trap add_link
			rm -rf "$TEST_DIR/tree-trap" "$TEST_DIR/tree-trap.tar"
			run timeout 20 "$VESSEL" run --rm --network none trap sh -c "cat /etc/hosts; echo written >>/etc/hosts; cat /secret"
			[ "$status" -ne 124 ]
			refute_contains "token-of-the-host"
			exec 7<&-
		done
	done
}

@test "/proc of the image leads to /etc: what is mounted there is proc, or nothing runs" {
	add_link() { rm -rf "${1:?}/proc"; ln -s /etc "$1/proc"; }
	box_image_with trap add_link
	run --separate-stderr "$VESSEL" run --rm trap sh -c 'cat /etc/passwd; cat /proc/self/attr/current >/dev/null 2>&1; head -n 1 /proc/version'
	if [ "$status" -eq 0 ]; then
		assert_contains "root:x:0:0"
	else
		assert_stderr_contains "/proc"
		one_sentence
	fi
}

@test "volumes and tmpfs on places that are ours are refused, or do no harm" {
	local place
	for place in / /proc /proc/self /proc/sys /sys /dev; do
		run --separate-stderr "$VESSEL" run --rm -v "$CANARY/dir:$place" "$IMAGE" sh -c 'echo x >/proc/self/attr/exec; true'
		[ "$status" -ne 124 ]
		[ "$status" -eq 0 ] || [ "$(wc -l <<<"$stderr")" -le 3 ]
	done
	engine_fails 125 run --rm -v "$CANARY/dir:/" "$IMAGE" true
	engine_fails 125 run --rm -v "$CANARY/dir:/proc/../proc" "$IMAGE" true
}

# ---- archives ----

# An archive of raw headers: what tar(1) would not write. evil_tar FILE < lines "type name link content"
evil_tar() {
	python3 - "$1" <<-'END'
		import io, sys, tarfile
		rows = [line.rstrip("\n").split("|") for line in open(sys.argv[1] + ".rows")]
		with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as tar:
		    for kind, name, link, content in rows:
		        info = tarfile.TarInfo(name)
		        info.type = {"f": tarfile.REGTYPE, "l": tarfile.SYMTYPE, "h": tarfile.LNKTYPE, "d": tarfile.DIRTYPE,
		                     "c": tarfile.CHRTYPE, "p": tarfile.FIFOTYPE}[kind]
		        info.linkname = link
		        info.mode = 0o4755
		        info.devmajor, info.devminor = 1, 3
		        info.size = len(content)
		        tar.addfile(info, io.BytesIO(content.encode()))
	END
}

@test "archives that climb, link out and replace what they stand on: in import, and in ADD of a build" {
	command -v python3 >/dev/null || skip "needs python3"
	local n=0 row archive="$TEST_DIR/evil.tar" up="../../../../../../../../../../.."
	mkdir "$TEST_DIR/context"
	printf 'FROM scratch\nADD evil.tar /\n' >"$TEST_DIR/context/Dockerfile"
	while read -r row; do
		n=$((n + 1))
		tr ' ' '\n' <<<"${row//CANARY/$CANARY}" | sed "s,UP,$up,g" >"$archive.rows"
		evil_tar "$archive"
		run --separate-stderr timeout 20 "$VESSEL" import "$archive" "evil:$n"
		[ "$status" -eq 0 ] || [ "$status" -eq 1 ] || wanted "wanted 0 or 1 for" "$row"
		[ "$status" -eq 0 ] || one_sentence
		cp "$archive" "$TEST_DIR/context/evil.tar"
		run --separate-stderr timeout 20 "$VESSEL" build -t "built:$n" "$TEST_DIR/context"
		[ "$status" -eq 0 ] || [ "$status" -eq 1 ] || wanted "wanted 0 or 1 for ADD of" "$row"
		canary | cmp -s "$TEST_DIR/canary.before" - || { echo "touched the host: $row"; return 1; }
		# Nor has it taken anything of the host into the image.
		run grep -rlF token-of-the-host "$VESSEL_ROOT/layers"
		assert_output ""
	done <<-'ROWS'
		f|UPCANARY/dir/climbed||x
		f|CANARY/dir/absolute||x
		f|a/../../UPCANARY/dir/dots||x
		l|out|CANARY/dir| f|out/through||x
		l|out|UPCANARY/dir| f|out/through||x
		l|a|b| l|b|UPCANARY/dir| f|a/chain||x
		d|d|| f|d/a||x l|d|CANARY/dir| f|d/flipped||x
		l|.|CANARY/dir| f|root-replaced||x
		h|hard|CANARY/secret| f|hard||overwritten
		h|hard|UPCANARY/secret| f|hard||overwritten
		l|out|CANARY| h|hard|out/secret| f|hard||overwritten
		l|out|CANARY/secret| f|out||overwritten
		l|out|CANARY/dir| d|out|| f|out/after||x
		l|out|CANARY| c|out/node||
		l|out|CANARY| p|out/fifo||
		l|out|CANARY| f|out/.wh.secret||
		l|out|CANARY| f|out/.wh..wh..opq||
		f|.wh...||
		f|.wh.UPCANARY/secret||
	ROWS
	[ "$n" -eq 19 ]
	engine run --rm "$IMAGE" true
}

@test "a layer cannot carry marks that overlays would obey" {
	command -v python3 >/dev/null || skip "needs python3"
	python3 - "$TEST_DIR/marks.tar" <<-'END'
		import io, sys, tarfile
		with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as tar:
		    for name, key, value in (("a", "trusted.overlay.redirect", "/etc"), ("b", "trusted.overlay.opaque", "y"),
		                             ("c", "trusted.overlay.metacopy", ""), ("d", "user.overlay.opaque", "y")):
		        info = tarfile.TarInfo(name)
		        info.type = tarfile.DIRTYPE
		        info.mode = 0o755
		        info.pax_headers = {"SCHILY.xattr." + key: value}
		        tar.addfile(info)
		    node = tarfile.TarInfo("e")
		    node.type = tarfile.CHRTYPE
		    tar.addfile(node)
	END
	run --separate-stderr "$VESSEL" import "$TEST_DIR/marks.tar" marks
	[ "$status" -eq 0 ] || { one_sentence; return 0; }
	run python3 -c '
import os, sys
for folder, _, files in os.walk(sys.argv[1]):
    for path in [folder] + [os.path.join(folder, name) for name in files]:
        print(path, *os.listxattr(path, follow_symlinks=False))
' "$VESSEL_ROOT/layers"
	[ "$status" -eq 0 ]
	refute_contains "redirect"
	refute_contains "metacopy"
	refute_contains "opaque"
	run find "$VESSEL_ROOT/layers" -name e -type c
	assert_output ""
}

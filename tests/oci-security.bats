#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Bundles that aim at the host, given to vessel-runtime: as root, and again in a user namespace where that makes a
# difference. What the host must not lose is a canary beside the bundle (listing, owners, inodes, times and contents before and
# after) and the kernel's settings; nothing may be left of a container. A name in brackets is of the attack that a test replays.
# shellcheck disable=SC2016,SC2015,SC2030,SC2031,SC2153,SC2154 # quotes are for the shell inside and for jq; bats's variables; a || b of tests
load helpers
load oci-helpers

TOKEN=token-of-the-host-9f3a

setup() {
	oci_setup
	CANARY="$TEST_DIR/canary"
	mkdir -p "$CANARY"/{etc,pts,proc,self/attr,fs,dev}
	for file in secret ptmx null etc/hosts etc/mtab self/attr/exec; do echo "$TOKEN" >"$CANARY/$file"; done
	chmod 600 "$CANARY/secret"
	mkfifo "$CANARY/fifo"
	host_state >"$TEST_DIR/before"
}

teardown() {
	[ -n "${TEST_DIR:-}" ] || return 0
	local result=0
	oci_end || result=1
	host_state | diff "$TEST_DIR/before" - >&2 || { echo "the host was touched" >&2; result=1; }
	oci_remove
	return "$result"
}

host_state() {
	find "$CANARY" -printf '%P %y %i %m %U:%G %n %s %T@ %C@ %l\n' | sort
	find "$CANARY" -type f -exec sha256sum {} + | sort
	cat /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname /proc/sys/kernel/shm_rmid_forced
}
token_is_secret() { [[ "$output$stderr" != *"$TOKEN"* ]] || wanted "not wanted anywhere" "$TOKEN"; }

# Both rights, for one function of a test.
each_right() {
	local right
	for right in root user_namespace; do
		new_bundle
		[ "$right" = root ] || user_namespace
		RIGHT="$right"
		"$@"
	done
}

# No directory and no path of the host among the fds of a process, and its directories are below its root.
no_leaked_fds() {
	local fd link
	for fd in "/proc/$1"/fd/*; do
		link="$(readlink "$fd")" || continue
		case "$link" in
		pipe:* | socket:* | anon_inode:* | /dev/null | /dev/pts/* | /memfd:* | "/gate") ;;
		*) echo "fd ${fd##*/} of $1 is $link" && return 1 ;;
		esac
	done
}

# A static program that makes one system call, natively or as a 32-bit one, and prints the error's number.
probe() {
	command -v cc >/dev/null || skip "needs a C compiler"
	cat >"$TEST_DIR/probe.c" <<-'END'
		#include <errno.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <unistd.h>
		#include <sys/syscall.h>
		int main(int argc, char **argv)
		{
			long a[7] = { 0 }, result;
			int narrow = argc > 1 && strcmp(argv[1], "32") == 0;
			for (int i = 0; i < 7 && i + 1 + narrow < argc; i++)
				a[i] = strtol(argv[i + 1 + narrow], NULL, 0);
			if (narrow) {
				int r;
				__asm__ volatile("int $0x80" : "=a"(r) : "a"((int)a[0]), "b"(a[1]), "c"(a[2]), "d"(a[3]) :
					"memory", "r8", "r9", "r10", "r11");
				printf("%d\n", r < 0 && r > -4096 ? -r : 0);
				return 0;
			}
			result = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
			printf("%d\n", result < 0 ? errno : 0);
			return 0;
		}
	END
	cc -static -o "$ROOTFS/bin/probe" "$TEST_DIR/probe.c" || skip "cannot link statically"
}
number_of() { printf '#include <sys/syscall.h>\n__NR_%s\n' "$1" | cc -E -P - | tail -n 1; }

# ---- A: the root, /proc, /dev, file descriptors ----

exe_cannot_be_written() {
	in_background "a1-$RIGHT"
	local before
	before="$(sha256sum <"$RUNTIME")"
	cat >"$ROOTFS/tmp/attack" <<-'END'
		while :; do for p in /proc/[0-9]*/exe; do case $p in /proc/1/*) continue ;; esac
			(exec 3>>"$p") 2>/dev/null && echo "$p opened" >>/tmp/opened; done; done
	END
	chmod 755 "$ROOTFS/tmp/attack"
	ok exec -d "a1-$RIGHT" sh -c 'rm -f /tmp/opened; cp /bin/busybox /tmp/other; exec /tmp/other sh /tmp/attack'
	for _ in $(seq 60); do ok exec "a1-$RIGHT" true; done
	# What could be opened are the image's own programs, of which none runs while it is written.
	[ "$(sha256sum <"$RUNTIME")" = "$before" ]
	ok delete --force "a1-$RIGHT"
}

@test "[CVE-2019-5736] the runtime cannot be overwritten by what it runs" {
	each_right exe_cannot_be_written
}

@test "[CVE-2019-5736] what runs in a container before its program is a read-only copy of ours" {
	command_is sleep 100
	ok create --bundle "$BUNDLE" app
	run bash -c "exec 3>>/proc/$(pid_inside app)/exe"
	[ "$status" -ne 0 ]
	command_is /proc/self/exe --version
	rt run --bundle "$BUNDLE" itself
	[ "$status" -ne 124 ]
}

cwd_leads_nowhere() {
	local n
	for n in $(seq 3 20); do
		edit ".process.cwd = \"/proc/self/fd/$n\""
		command_is cat ../../../../../../../.."$CANARY/secret"
		run_fails "a2-$n"
		token_is_secret
	done
	ln -s /proc/self/fd/7 "$ROOTFS/w"
	edit '.process.cwd = "/w"'
	run_fails a2-link
	token_is_secret
	edit '.process.cwd = "/"'
	in_background a2
	for n in $(seq 3 20); do
		fails exec --cwd "/proc/self/fd/$n" a2 cat ../../../../../../../.."$CANARY/secret"
		token_is_secret
	done
	ok delete --force a2
}

@test "[CVE-2024-21626] a working directory behind one of our file descriptors" {
	each_right cwd_leads_nowhere
}

@test "[CVE-2024-21626] no fd of the host is open in created, running and exec'd processes" {
	exec 7<"$CANARY" 8<"$CANARY/secret" 9</proc
	command_is sleep 100
	env "BUNDLE_MARK=$NAME" "$RUNTIME" --root "$STATE" create --bundle "$BUNDLE" app </dev/null >/dev/null 2>&1 3>&-
	no_leaked_fds "$(pid_inside app)"
	ok start app
	no_leaked_fds "$(pid_inside app)"
	env "BUNDLE_MARK=$NAME" "$RUNTIME" --root "$STATE" exec --pid-file "$TEST_DIR/pid" -d app sleep 50 </dev/null >/dev/null 2>&1 3>&-
	no_leaked_fds "$(cat "$TEST_DIR/pid")"
	exec 7<&- 8<&- 9<&-
	# The same, as the container sees it.
	command_is sh -c 'ls -l /proc/self/fd'
	run_ok looks
	refute_contains "$CANARY"
	refute_contains "$BUNDLE"
}

null_is_the_hosts() {
	mkdir "$BUNDLE/evil-$RIGHT"
	[ -z "$1" ] || ln -s "$1" "$BUNDLE/evil-$RIGHT/null"
	without_mount /dev
	mount_add "{destination: \"/dev\", type: \"bind\", source: \"$BUNDLE/evil-$RIGHT\", options: [\"rbind\", \"rw\"]}"
	edit '.mounts |= (map(select(.destination == "/proc" or .destination == "/dev")) + map(select(.destination == "/sys")))
		| .linux.maskedPaths = ["/proc/interrupts", "/proc/timer_list"]'
	command_is sh -c 'stat -c "%F %t:%T" /proc/interrupts /proc/timer_list; head -c 10 /proc/timer_list | wc -c'
	rt run --bundle "$BUNDLE" a3
	[ "$status" -ne 0 ] || [ "$output" = $'character special file 1:3\ncharacter special file 1:3\n0' ] ||
		wanted "wanted two masks" "1:3"
}
link_null() { null_is_the_hosts /proc/sys/kernel/core_pattern; }
no_null() { null_is_the_hosts ""; }

@test "[CVE-2025-31133] masks are of the host's /dev/null, whatever is in the container's /dev" {
	each_right link_null
	each_right no_null
}

@test "[CVE-2025-52565] /dev/console is the terminal, whatever is in the container's /dev" {
	command -v script >/dev/null || skip "needs script"
	mkdir -p "$BUNDLE/evil/pts"
	local n
	for n in $(seq 0 9); do ln -s /proc/sys/kernel/core_pattern "$BUNDLE/evil/pts/$n"; done
	ln -s /proc/sysrq-trigger "$BUNDLE/evil/console"
	ln -s /proc/sys/kernel/core_pattern "$BUNDLE/evil/ptmx"
	edit '.process.terminal = true'
	without_mount /dev
	without_mount /dev/pts
	mount_add "{destination: \"/dev\", type: \"bind\", source: \"$BUNDLE/evil\", options: [\"rbind\", \"rw\"]}"
	edit '.mounts |= (map(select(.destination | startswith("/dev/") | not)))'
	command_is sh -c 'stat -c "%t" /dev/console; grep " /dev/console " /proc/self/mountinfo'
	run bash -c "timeout 20 script -qec '$RUNTIME --root $STATE run --bundle $BUNDLE a4' /dev/null </dev/null"
	[ "$status" -ne 0 ] || [[ "$output" == 88* && "$output" == *devpts* ]] || wanted "wanted a terminal" "88"
}

mounts_inside_proc() {
	local at
	ln -s /proc/self "$ROOTFS/x"
	for at in /proc/self/attr /proc/self/task /proc/thread-self /proc/sys /proc/../proc/sys /x/attr /proc/sys/kernel; do
		mount_add "{destination: \"$at\", type: \"tmpfs\", source: \"tmpfs\"}"
		command_is true
		run_fails "a5-$RIGHT"
		edit '.mounts |= .[:-1]'
	done
	# Files that show a container its own limits are mounted there by others, and stay possible.
	mount_add "{destination: \"/proc/uptime\", type: \"bind\", source: \"$BUNDLE/config.json\", options: [\"bind\", \"ro\"]}"
	command_is grep -c ociVersion /proc/uptime
	run_ok "a5-$RIGHT"
}

@test "[CVE-2025-52881] nothing is mounted inside /proc" {
	each_right mounts_inside_proc
}

destinations_stay_inside() {
	local link up=../../../../../../../../../../..
	for link in "$CANARY" "$up$CANARY"; do
		rm -rf "$ROOTFS/t" && ln -s "$link" "$ROOTFS/t"
		mount_add "{destination: \"/t/made\", type: \"tmpfs\", source: \"tmpfs\"}"
		mount_add "{destination: \"/t/file\", type: \"bind\", source: \"$BUNDLE/config.json\", options: [\"bind\"]}"
		command_is sh -c 'grep -c " /t/" /proc/self/mountinfo; cat /t/secret; true'
		rt run --bundle "$BUNDLE" "a6-$RIGHT"
		token_is_secret
		[ ! -e "$CANARY/made" ] && [ ! -e "$CANARY/file" ]
		edit '.mounts |= .[:-2]'
	done
}

@test "[CVE-2021-30465, CVE-2024-45310] mount points behind a symlink are made inside the root" {
	each_right destinations_stay_inside
}

special_must_be_directories() {
	local name link
	for name in proc sys; do
		for link in /evil "$CANARY" ../../../../../../../..''"$CANARY"; do
			mkdir -p "$ROOTFS/evil/self/attr"
			rmdir "$ROOTFS/$name" && ln -s "$link" "$ROOTFS/$name"
			command_is true
			run_fails "a8-$RIGHT"
			assert_stderr_contains "/$name"
			rm "$ROOTFS/$name" && mkdir "$ROOTFS/$name"
		done
	done
}

@test "[CVE-2019-16884, CVE-2019-19921, CVE-2023-27561] /proc and /sys are directories of the root, or nothing runs" {
	each_right special_must_be_directories
}

dev_is_not_followed() {
	local link with
	for link in "$CANARY" ../../../../../../../../..''"$CANARY"; do
		for with in mount none; do
			new_bundle
			[ "$RIGHT" = root ] || user_namespace
			rmdir "$ROOTFS/dev" && ln -s "$link" "$ROOTFS/dev"
			if [ "$with" = none ]; then
				edit '.mounts |= map(select(.destination | startswith("/dev") | not))'
			fi
			command_is true
			rt run --bundle "$BUNDLE" "a9-$RIGHT"
			[ "$status" -ne 124 ]
			[ ! -e "$CANARY/fd" ] && [ ! -e "$CANARY/stdin" ]
		done
	done
}

@test "[CVE-2026-41579, CVE-2026-47766] a /dev that is a symlink is not filled" {
	each_right dev_is_not_followed
}

@test "[CVE-2016-9962] who may trace everything sees nothing of the host in a process that joins" {
	capabilities '["CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_DAC_OVERRIDE"]'
	command_is sleep 100
	"$RUNTIME" --root "$STATE" create --bundle "$BUNDLE" app </dev/null >/dev/null 2>&1 3>&-
	ok start app
	cat >"$ROOTFS/tmp/spy" <<-'END'
		while :; do for p in /proc/[0-9]*; do
			case $p in /proc/1 | /proc/$$) continue ;; esac
			for f in "$p"/fd/* "$p/cwd" "$p/root" "$p/exe"; do readlink "$f"; done
		done 2>/dev/null | sort -u >>/tmp/seen; done
	END
	"$RUNTIME" --root "$STATE" exec -d app sh /tmp/spy </dev/null >/dev/null 2>&1 3>&-
	for _ in $(seq 100); do "$RUNTIME" --root "$STATE" exec app true </dev/null >/dev/null 2>&1 3>&-; done
	run sort -u "$ROOTFS/tmp/seen"
	refute_contains "$TEST_DIR"
	refute_contains "/sys/fs/cgroup"
	refute_contains "/var/tmp"
	refute_contains "vessel-runtime"
}

@test "[CVE-2021-43784] more mappings than the kernel takes are an error, and never no user namespace" {
	user_namespace
	command_is sh -c 'readlink /proc/self/ns/user'
	edit '.linux.uidMappings = [range(5000) | {containerID: ., hostID: (200000 + .), size: 1}]'
	run_fails many
	edit '.linux.uidMappings = [range(300) | {containerID: ., hostID: (200000 + .), size: 1}]'
	rt run --bundle "$BUNDLE" three-hundred
	[ "$status" -ne 0 ] || [ "$output" != "$(readlink /proc/self/ns/user)" ]
}

@test "[CVE-2021-43784] large members lose nothing" {
	local large
	large="$(head -c 70000 /dev/zero | tr '\0' x)"
	echo -n "$large" >"$TEST_DIR/large"
	jq --rawfile l "$TEST_DIR/large" '.annotations = {large: $l} | .process.env += ["LARGE=" + $l]
		| .process.args = ["sh", "-c", "echo ${#LARGE}; echo ${#0}", $l]' "$BUNDLE/config.json" >"$BUNDLE/new.json"
	mv "$BUNDLE/new.json" "$BUNDLE/config.json"
	run_ok large
	assert_output $'70000\n70000'
}

@test "[CVE-2019-18837] chains of symlinks end" {
	local n
	mkdir "$ROOTFS/chain"
	for n in $(seq 0 300); do ln -s "/chain/$((n + 1))" "$ROOTFS/chain/$n"; done
	mkdir "$ROOTFS/chain/301"
	mount_add '{destination: "/chain/0/x", type: "tmpfs", source: "tmpfs"}'
	command_is true
	run_fails long
	edit '.mounts |= .[:-1]'
	mount_add '{destination: "/chain/270/x", type: "tmpfs", source: "tmpfs"}'
	run_ok short
	edit '.mounts |= .[:-1]'
	mount_add "{destination: \"/$(printf '%.0sx' $(seq 300))\", type: \"tmpfs\", source: \"tmpfs\"}"
	run_fails name
	edit '.mounts |= .[:-1]'
	mount_add "{destination: \"$(for n in $(seq 16); do printf '/%0255d' "$n"; done)\", type: \"tmpfs\", source: \"tmpfs\"}"
	rt run --bundle "$BUNDLE" deep
	[ "$status" -ne 124 ] && [ "$status" -lt 128 ]
}

etc_is_not_written_through() {
	rm -rf "${ROOTFS:?}/etc" && ln -s "$CANARY/etc" "$ROOTFS/etc"
	ln -s "$CANARY" "$ROOTFS/run"
	mount_add "{destination: \"/etc/resolv.conf\", type: \"bind\", source: \"$BUNDLE/config.json\", options: [\"bind\"]}"
	mount_add "{destination: \"/run/x\", type: \"tmpfs\", source: \"tmpfs\"}"
	command_is sh -c 'echo new >/etc/hosts; echo new >/etc/mtab; true'
	rt run --bundle "$BUNDLE" "a14-$RIGHT"
	[ "$status" -ne 124 ]
	[ ! -e "$CANARY/etc/resolv.conf" ] && [ ! -e "$CANARY/x" ]
}

@test "[CVE-2025-24965, CVE-2024-9341] what is mounted below a symlinked /etc and /run stays inside" {
	each_right etc_is_not_written_through
}

@test "[CVE-2026-55686] a working directory behind a symlink is not made on the host" {
	ln -s "$CANARY" "$ROOTFS/w"
	edit '.process.cwd = "/w/new"'
	command_is true
	rt run --bundle "$BUNDLE" app
	[ ! -e "$CANARY/new" ]
}

@test "[GHSA-g54h] without any rule no device can be used but the common ones" {
	capabilities '["CAP_MKNOD"]'
	edit 'del(.linux.resources.devices)'
	command_is sh -c 'mknod /tmp/disk b 8 0; mknod /tmp/mem c 1 1; mknod /tmp/null c 1 3; for d in disk mem; do
		dd if=/tmp/$d of=/tmp/out count=1 2>&1; done; echo x >/tmp/null && echo null'
	run_ok app
	[ "$(grep -cE "Operation not permitted" <<<"$output")" -eq 2 ] || wanted "wanted two refusals" ""
	assert_contains null
}

@test "[CVE-2023-25809] without an own cgroup namespace, a user namespace's cgroups are read-only" {
	user_namespace
	edit '.linux.namespaces |= map(select(.type != "cgroup"))
		| (.mounts[] | select(.destination == "/sys/fs/cgroup") | .options) |= map(select(. != "ro"))'
	command_is sh -c 'for d in /sys/fs/cgroup /sys/fs/cgroup/*/; do mkdir "$d/x" 2>/dev/null && echo made "$d"; done; true'
	rt run --bundle "$BUNDLE" app
	refute_contains made
}

@test "[GHSA-5g49] ids, cgroup paths and files of cgroups do not climb" {
	local id
	command_is true
	for id in ../x a/b . .. -x '' "$(printf '%.0sx' $(seq 1100))" $'a\nb' 'a b' 'a;b' "$(printf 'a\001')"; do
		fails run --bundle "$BUNDLE" -- "$id"
		fails state -- "$id"
		fails delete --force -- "../canary"
	done
	edit '.linux.cgroupsPath = "../../'"$NAME"'-evil"'
	rt run --bundle "$BUNDLE" app
	[ "$status" -ne 0 ] || [ -z "$(find /sys/fs/cgroup -maxdepth 1 -name "$NAME-evil")" ]
	edit '.linux.cgroupsPath = "/'"$NAME"'" | .linux.resources.unified = {"../x": "1"}'
	run_fails app
	edit '.linux.resources.unified = {"memory/../../x": "1"}'
	run_fails app
}

@test "[CVE-2025-23266] hooks get their own environment, and no directory or fd of the image" {
	cat >"$BUNDLE/hook" <<-END
		#!/bin/sh
		cat >/dev/null
		{ echo "hook \$1"; env | sort; pwd; ls -l /proc/self/fd | sed 's/.* -> //'; } >>"$BUNDLE/said"
	END
	chmod 755 "$BUNDLE/hook"
	edit '.process.env += ["LD_PRELOAD=/proc/self/cwd/evil.so", "IMAGE=1"]'
	local point
	for point in prestart createRuntime createContainer poststart poststop; do
		edit ".hooks.$point = [{path: \"$BUNDLE/hook\", args: [\"hook\", \"$point\"], env: [\"OWN=1\", \"PATH=/bin:/usr/bin\"]}]"
	done
	command_is true
	run_ok app
	run cat "$BUNDLE/said"
	[ "$(grep -c '^hook ' "$BUNDLE/said")" -eq 5 ] || wanted "wanted five hooks" ""
	refute_contains LD_PRELOAD
	refute_contains IMAGE=1
	refute_contains BUNDLE_MARK
	assert_contains OWN=1
	! grep -E '^/.*rootfs' "$BUNDLE/said" || wanted "not wanted" rootfs
}

@test "[CVE-2025-64750] a label that cannot be given is an error" {
	command_is true
	[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] || {
		edit '.process.apparmorProfile = "no-such-profile"'
		run_fails app
		assert_stderr_contains "process.apparmorProfile"
		edit '.process.apparmorProfile = "unconfined"'
		run_ok app
		in_background app
		fails exec --apparmor no-such-profile app true
		assert_stderr_contains "process.apparmorProfile"
		ok delete --force app
		command_is true
	}
	edit '.process.apparmorProfile = ""'
	run_ok app
	[ -e /sys/fs/selinux/enforce ] || {
		edit '.process.selinuxLabel = "system_u:system_r:x_t:s0"'
		run_fails app
		assert_stderr_contains "process.selinuxLabel"
		edit 'del(.process.selinuxLabel)'
		in_background app
		fails exec --process-label system_u:system_r:x_t:s0 app true
		assert_stderr_contains "process.selinuxLabel"
	}
}

@test "a seccomp profile that is wrong is an error with its place, before anything was made" {
	command_is true
	edit '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_FOO"}]}'
	run_fails app
	assert_stderr_contains 'linux.seccomp.syscalls[0].action: "SCMP_ACT_FOO" is not known'
	[ ! -e "$STATE/app" ]
	edit '.linux.seccomp.syscalls[0] |= (.action = "SCMP_ACT_ERRNO" | .args = [{index: 6, value: 1, op: "SCMP_CMP_EQ"}])'
	run_fails app
	assert_stderr_contains 'linux.seccomp.syscalls[0].args[0].index'
	edit '.linux.seccomp |= (.syscalls = [] | .flags = ["NO_SUCH_FLAG"])'
	run_fails app
	assert_stderr_contains 'linux.seccomp.flags[0]: "NO_SUCH_FLAG" is not known'
}

@test "a compiled seccomp profile that was tampered with is not used" {
	edit '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_ERRNO", errnoRet: 100}]}'
	command_is mkdir /tmp/x
	run_fails first
	assert_stderr_contains "Network is down"
	[ "$(find "$STATE/.seccomp" -type f -perm 600 | wc -l)" -eq 1 ]
	local file
	file="$(find "$STATE/.seccomp" -type f)"
	# One instruction that allows all, but in a file that others can write; then a half one.
	printf '\x06\x00\x00\x00\x00\x00\xff\x7f' >"$file"
	chmod 666 "$file"
	run_fails second
	printf 'xyz' >"$file"
	run_fails third
	ln -sf "$CANARY/fifo" "$file"
	run_fails fourth
	assert_stderr_contains "Network is down"
}

@test "without pivot_root the kernel's files are no barer [no-pivot]" {
	capabilities '["CAP_SYS_ADMIN", "CAP_SETFCAP"]'
	command_is unshare -mrpf sh -c 'mount -t proc none /proc && echo h >/proc/sysrq-trigger && echo done'
	rt run --no-pivot --bundle "$BUNDLE" app
	refute_contains "done"
}

@test "[CVE-2016-8649] joining a container whose /proc is something else" {
	capabilities '["CAP_SYS_ADMIN"]'
	in_background app
	ok exec app mount -t tmpfs none /proc
	ok exec app mkdir -p /proc/self/attr /proc/self/fd /proc/thread-self/attr
	rt exec app sh -c 'find /proc -type f; ls / >/dev/null && echo ran'
	[ "$status" -ne 0 ] || assert_output ran
}

@test "what the runtime keeps is closed to other users" {
	in_background app
	[ "$(stat -c %a "$STATE")" = 700 ]
	run setpriv --reuid 12345 --regid 12345 --clear-groups sh -c "ls $STATE; ls $STATE/app; cat $STATE/app/config.json"
	refute_contains ociVersion
	refute_contains gate
}

# ---- B: who a process is, and what it may do ----

@test "[CVE-2022-29162, CVE-2025-27612] capabilities are those that are given, and exec gets no more" {
	capabilities '["CAP_CHOWN"]'
	edit '.process.capabilities |= (.inheritable = [] | .ambient = [])'
	in_background app
	ok exec app grep Cap /proc/self/status
	assert_output "$(printf 'CapInh:\t%016x\nCapPrm:\t%016x\nCapEff:\t%016x\nCapBnd:\t%016x\nCapAmb:\t%016x' 0 1 1 1 0)"
	ok exec app grep Cap /proc/1/status
	assert_output "$(printf 'CapInh:\t%016x\nCapPrm:\t%016x\nCapEff:\t%016x\nCapBnd:\t%016x\nCapAmb:\t%016x' 0 1 1 1 0)"
	capabilities '[]'
	command_is grep Cap /proc/self/status
	run_ok none
	refute_contains 1
}

@test "[CVE-2016-8867] another user has no capability in effect" {
	capabilities '["CAP_CHOWN", "CAP_NET_RAW"]'
	edit '.process.user = {uid: 1000, gid: 1000}'
	command_is grep -E 'Cap(Eff|Prm|Inh|Amb)' /proc/self/status
	run_ok app
	refute_contains 1
	edit '.process.user = {uid: 0, gid: 0}'
	in_background other
	ok exec --user 1000:1000 other grep -E 'Cap(Eff|Prm|Inh|Amb)' /proc/self/status
	refute_contains 1
}

@test "[CVE-2016-3697, CVE-2024-40635, CVE-2026-30892] user numbers are numbers" {
	in_background app
	local row
	for row in 0=0:0 1=1:0 1000=1000:0 1000:0=1000:0 2147483648:1=2147483648:1 4294967294:2=4294967294:2; do
		ok exec --user "${row%=*}" app sh -c 'echo $(id -u):$(id -g)'
		assert_output "${row#*=}"
	done
	for row in 4294967295 4294967296 18446744073709551616 -1 ' 1' 0x1 1000x 1e3 1:4294967296 1:-1 :: ; do
		rt exec --user "$row" app sh -c 'echo $(id -u):$(id -g)'
		[ "$status" -ne 0 ] || wanted "not wanted as a user" "$row"
	done
	for row in 4294967295 4294967296 -1 1.5 '"1"'; do
		edit ".process.user.uid = $row"
		command_is id -u
		run_fails "user"
	done
}

@test "[CVE-2022-36109] groups are those that are given" {
	edit '.process.user = {uid: 1000, gid: 1000, additionalGids: [1000, 2000]}'
	command_is id -G
	run_ok app
	assert_output "1000 2000"
	echo secret >"$ROOTFS/tmp/not-for-2000"
	chown 0:2000 "$ROOTFS/tmp/not-for-2000"
	chmod 0604 "$ROOTFS/tmp/not-for-2000"
	command_is cat /tmp/not-for-2000
	run_fails app
}

@test "[CVE-2014-8989] an unprivileged user cannot drop groups in a user namespace" {
	local user=54321 dir="$TEST_DIR/user"
	mkdir "$dir" && cp -r "$BUNDLE" "$dir/bundle" && chown -R "$user:$user" "$dir"
	BUNDLE="$dir/bundle"
	edit '.linux.namespaces |= (map(select(.type != "network" and .type != "cgroup")) + [{type: "user"}]) | del(.linux.resources) | del(.linux.cgroupsPath)
		| .linux.uidMappings = [{containerID: 0, hostID: '$user', size: 1}] | .linux.gidMappings = .linux.uidMappings
		| .mounts |= map(select(.destination == "/proc")) | del(.process.user.additionalGids)'
	chmod 644 "$BUNDLE/config.json"
	command_is sh -c 'cat /proc/self/setgroups; id -u'
	chmod 644 "$BUNDLE/config.json"
	# The runtime itself is in a folder that others cannot enter.
	cp "$RUNTIME" "$dir/runtime"
	run --separate-stderr env -i PATH="$PATH" BUNDLE_MARK="$NAME" setpriv --reuid "$user" --regid "$user" --clear-groups \
		timeout 20 "$dir/runtime" --root "$dir/state" run --bundle "$BUNDLE" app </dev/null
	[ "$status" -eq 0 ] || explain run
	assert_output $'deny\n0'
}

@test "[CVE-2022-0811] a sysctl of the host is refused, by whatever name" {
	command_is true
	local name
	for name in kernel.core_pattern kernel/core_pattern kernel.shm_rmid_forced/../core_pattern net.ipv4/../../kernel/core_pattern \
		kernel..core_pattern vm.overcommit_memory kernel.shm_rmid_forcedx fs.mqueue../file-max /etc/passwd ../sys/kernel/core_pattern; do
		edit ".linux.sysctl = {\"$name\": \"|/evil\"}"
		run_fails app
	done
	edit '.linux.sysctl = {"kernel.shm_rmid_forced": "1+kernel.core_pattern=|/evil"}'
	run_fails app
	edit '.linux.sysctl = {"net.ipv4.ip_forward": "1"} | .linux.namespaces |= map(select(.type != "network"))'
	run_fails app
	edit '.linux.sysctl = null | .annotations = {"org.systemd.property.ExecStart": "/evil", "run.oci.hooks": "x"}'
	run_ok app
}

@test "[CVE-2020-14370] the environment is the configuration's, and nothing else" {
	edit '.process.env = ["PATH=/bin", "ONLY=1"]'
	command_is env
	SECRET_OF_CALLER=1 rt run --bundle "$BUNDLE" app
	[ "$(sort <<<"$output" | grep -v '^HOME=')" = $'ONLY=1\nPATH=/bin' ] || wanted "wanted two variables" ""
	in_background other
	SECRET_OF_CALLER=1 rt exec --env MORE=2 other env
	refute_contains SECRET
	refute_contains BUNDLE_MARK
}

@test "no_new_privs holds in run and in exec" {
	probe
	chown 0:0 "$ROOTFS/bin/probe" && chmod 4755 "$ROOTFS/bin/probe"
	edit '.process.user = {uid: 1000, gid: 1000} | .process.noNewPrivileges = false | .process.capabilities.bounding += ["CAP_SETUID"]'
	# The file's owner is root, so its process may become root: where that is not forbidden.
	command_is probe "$(number_of setuid)" 0
	run_ok app
	assert_output 0
	edit '.process.noNewPrivileges = true'
	run_ok app
	assert_output 1
	in_background other
	ok exec other sh -c "grep NoNewPrivs /proc/self/status; probe $(number_of setuid) 0"
	assert_output $'NoNewPrivs:\t1\n1'
}

limits_are_its_own() {
	edit '.linux.resources.memory = {limit: 33554432} | .linux.resources.pids = {limit: 20}'
	in_background "b13-$RIGHT"
	local pid path
	pid="$(pid_inside "b13-$RIGHT")"
	path="$(awk -F: '$2 == "pids" || $1 == "0" { print $3; exit }' "/proc/$pid/cgroup")"
	[[ "$path" == *"/$NAME"* ]] || wanted "wanted its cgroup" "$path"
	run cat "/sys/fs/cgroup/pids$path/pids.max" "/sys/fs/cgroup$path/pids.max"
	assert_line 20
	rt exec "b13-$RIGHT" sh -c 'for i in $(seq 40); do sleep 5 & done; true'
	[[ "$status" -ne 0 || "$stderr" == *fork* ]] || wanted "wanted the limit" ""
	ok delete --force "b13-$RIGHT"
}

@test "[CVE-2025-47291] limits are on the cgroup in which the processes are" {
	each_right limits_are_its_own
}

# ---- G: terminals ----

@test "[CVE-2017-5226] nothing can be typed into the caller's terminal" {
	probe
	command -v script >/dev/null || skip "needs script"
	edit '.process.terminal = true | .vessel = {seccomp: "default"}'
	local ioctl tiocsti=0x5412 tioclinux=0x541c
	ioctl="$(number_of ioctl)"
	command_is sh -c "probe $ioctl 0 $tiocsti 0x600000; probe $ioctl 0 0x100005412 0x600000; probe $ioctl 0 $tioclinux 0; readlink /proc/self/fd/0"
	run bash -c "timeout 20 script -qec '$RUNTIME --root $STATE run --bundle $BUNDLE app' /dev/null </dev/null"
	[ "$(tr -d '\r' <<<"$output" | grep -cE '(^|[^0-9])1$')" = 3 ] || wanted "wanted three EPERM" ""
	# A terminal of the container's own: not the one of who called.
	[[ "$output" == */dev/* ]] || wanted "wanted a terminal" ""
}

@test "[terminal escapes] what is listed and logged cannot steer the reader's terminal" {
	local dir=$'esc\e]0;evil\a'
	mv "$BUNDLE" "$TEST_DIR/$dir"
	BUNDLE="$TEST_DIR/$dir"
	in_background app
	command -v script >/dev/null || skip "needs script"
	run bash -c "script -qec '$RUNTIME --root $STATE list' /dev/null </dev/null"
	[[ "$output" != *$'\e]0;'* ]] || wanted "not wanted" "an escape sequence"
	edit '.linux.seccomp = {defaultAction: "\u001b]0;evil\u0007"}'
	run_fails other
	[[ "$stderr" == *"]0;evil"*"is not known"* && "$stderr" != *$'\e'* ]] || wanted "not wanted" "an escape sequence"
}

# ---- J: what the kernel offers ----

answers_are() { # ERRNO NAME ARG...
	local wanted="$1" name="$2" number
	shift 2
	number="$(number_of "$name")"
	[[ "$number" =~ ^[0-9]+$ ]] || return 0
	ok exec "${USER_OPTION[@]}" app probe "$number" "$@"
	[[ " $wanted " == *" $output "* ]] || wanted "$name: wanted" "$wanted"
}

kernel_surface() {
	probe
	edit '.vessel = {seccomp: "default"}'
	in_background app
	local user name
	for user in 0 1000; do
		USER_OPTION=(--user "$user")
		for name in fsopen fsconfig fsmount fspick move_mount open_tree mount_setattr mount umount2 pivot_root setns keyctl add_key \
			request_key io_uring_setup io_uring_enter io_uring_register bpf perf_event_open userfaultfd kexec_load kexec_file_load \
			init_module finit_module delete_module open_by_handle_at quotactl acct swapon swapoff reboot iopl ioperm lookup_dcookie \
			kcmp move_pages migrate_pages mbind vhangup syslog settimeofday clock_settime unshare vmsplice; do
			answers_are "1 38" "$name" 0x10000000
		done
		answers_are 1 clone 0x10000011
		answers_are 38 clone3 0 0
		answers_are 1 personality 0x40000
		answers_are 0 personality 0xffffffff
		answers_are 1 socket 38 5 0
		answers_are 1 socket 40 1 0
		answers_are 0 socket 2 1 0
		ok exec "${USER_OPTION[@]}" app probe 1000
		assert_output 38
		ok exec "${USER_OPTION[@]}" app probe $((0x40000000 + $(number_of socket))) 2 1 0
		assert_output 38
		# i386: its own numbers, with the same answers; socketcall cannot be looked into and works.
		ok exec "${USER_OPTION[@]}" app probe 32 20
		assert_output 0
		ok exec "${USER_OPTION[@]}" app probe 32 21
		assert_output 1
		ok exec "${USER_OPTION[@]}" app probe 32 359 38 5 0
		assert_output 1
	done
	ok delete --force app
}

@test "[CVE-2022-0185 and its kin] the kernel's inside is refused, to root and to users" {
	each_right kernel_surface
}

@test "[CVE-2022-0492] no cgroup can be mounted or given a release agent" {
	edit '.linux.namespaces |= (map(select(.type != "cgroup")) + [{type: "cgroup"}])'
	command_is sh -c 'mkdir /tmp/c; mount -t cgroup -o memory none /tmp/c && echo mounted
		for f in /sys/fs/cgroup/release_agent /sys/fs/cgroup/*/release_agent; do [ -e "$f" ] && echo x 2>/dev/null >"$f" && echo wrote; done
		for d in /sys/fs/cgroup /sys/fs/cgroup/*/; do mkdir "$d/x" 2>/dev/null && echo made; done; cat /proc/self/cgroup'
	rt run --bundle "$BUNDLE" app
	refute_contains mounted
	refute_contains wrote
	refute_contains made
	refute_contains "$NAME"
}

settings_are_read_only() {
	command_is sh -c 'for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/kernel/hotplug /proc/sysrq-trigger \
		/proc/sys/fs/binfmt_misc/register /sys/kernel/uevent_helper /proc/sys/vm/panic_on_oom /proc/irq/default_smp_affinity /proc/bus/pci/devices; do
			[ -e "$f" ] && (echo x >"$f") 2>/dev/null && echo "wrote $f"; done
		find /proc/sys /sys -type f -writable 2>/dev/null | while read -r f; do (exec 3>>"$f") 2>/dev/null && echo "opened $f"; done; true'
	run_ok "j-$RIGHT"
	[ -z "$output" ] || wanted "wanted nothing to be writable" ""
}

@test "what steers the kernel is read-only, all of it" {
	each_right settings_are_read_only
}

@test "what tells of the host is masked" {
	local path
	for path in /proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug /proc/scsi \
		/proc/timer_list /proc/timer_stats /sys/devices/virtual/powercap /sys/firmware; do
		[ -e "$path" ] || continue
		command_is sh -c "if [ -d $path ]; then ls -A $path | wc -l; (touch $path/x) 2>/dev/null && echo wrote; else head -c 1 $path | wc -c; fi; true"
		run_ok app
		[ "$output" = 0 ] || wanted "wanted nothing in" "$path"
	done
}

@test "devices of the host: nodes can be made and not opened" {
	capabilities '["CAP_MKNOD"]'
	command_is sh -c 'mknod /tmp/mem c 1 1; cat /tmp/mem; echo $?; mknod /tmp/kmsg c 1 11; head -c 1 /tmp/kmsg; echo $?'
	run_ok app
	refute_line 0
}

# ---- L: what a fence must not break ----

@test "[twin] a mount point whose path has dangling symlinks is made, inside" {
	ln -s /no/such/dir "$ROOTFS/dangling"
	ln -s no-such-file "$ROOTFS/tmp/file"
	mount_add '{destination: "/dangling/below", type: "tmpfs", source: "tmpfs"}'
	mount_add "{destination: \"/tmp/file\", type: \"bind\", source: \"$BUNDLE/config.json\", options: [\"bind\", \"ro\"]}"
	command_is sh -c 'grep -c " /no/such/dir/below " /proc/self/mountinfo; test -s /tmp/no-such-file && echo 1'
	run_ok app
	assert_output $'1\n1'
}

@test "[twin] modes of mount points are their file systems'" {
	chmod 700 "$ROOTFS/proc" "$ROOTFS/sys"
	command_is stat -c %a /proc /sys /dev/shm /dev/mqueue /dev
	run_ok app
	assert_output $'555\n555\n1777\n1777\n755'
}

@test "[twin] 32-bit networking works through socketcall" {
	probe
	edit '.vessel = {seccomp: "default"}'
	# socketcall(SYS_SOCKET, NULL): refused by the kernel (EFAULT), not by the filter.
	command_is probe 32 102 1 0
	run_ok app
	assert_output 14
}

@test "[twin] many masked directories are one file system" {
	local n
	mkdir "$ROOTFS/many"
	for n in $(seq 64); do mkdir "$ROOTFS/many/$n"; done
	edit '.linux.maskedPaths += [range(1; 65) | "/many/\(.)"]'
	command_is sh -c 'stat -c %d /many/* | sort -u | wc -l; (touch /many/1/x) 2>/dev/null && echo wrote; true'
	run_ok app
	assert_output 1
}

@test "[twin] a call that is newer than a profile is not there, instead of forbidden" {
	probe
	edit '.linux.seccomp = {defaultAction: "SCMP_ACT_ERRNO", syscalls: [{action: "SCMP_ACT_ALLOW", names: ["read", "write", "close", "execve",
		"exit_group", "brk", "mmap", "mprotect", "munmap", "arch_prctl", "newfstatat", "fstat", "set_tid_address", "set_robust_list", "rseq",
		"prlimit64", "readlink", "getrandom", "ioctl", "readlinkat"]}]}'
	command_is probe 1000
	run_ok app
	assert_output 38
	command_is probe "$(number_of mkdir)" 0 0
	run_ok app
	assert_output 1
}

@test "[twin] /etc/passwd may be an absolute symlink, and unix sockets work" {
	mkdir -p "$ROOTFS/usr/lib"
	mv "$ROOTFS/etc/passwd" "$ROOTFS/usr/lib/passwd"
	ln -s /usr/lib/passwd "$ROOTFS/etc/passwd"
	edit '.vessel = {seccomp: "default"}'
	command_is sh -c 'id -un; (nc -l -s local:/tmp/s >/dev/null 2>&1 &) ; true'
	run_ok app
	assert_output root
}

@test "where hierarchies of cgroup v1 are beside, a container sees its own cgroup v2 and not the host's tree" {
	command_is cat /sys/fs/cgroup/cgroup.type # the root has no such file
	edit 'del(.linux.resources)'
	run --separate-stderr unshare --mount sh -c 'umount --lazy /sys/fs/cgroup && mount -t cgroup2 cgroup /sys/fs/cgroup && exec "$@"' sh \
		timeout 30 "$RUNTIME" --root "$STATE" run --bundle "$BUNDLE" app </dev/null 3>&-
	[ "$output" = domain ] || wanted "wanted 'domain'" ""
}

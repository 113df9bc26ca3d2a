#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The fences of a container, from inside and from outside. Each test that says "cannot" shows by some
# other way that the same thing can be done where the fence is not.
# shellcheck disable=SC2016,SC2317 # single quotes are for the shell inside; functions that box_image_with calls
load helpers

setup() { engine_setup; }
teardown() { engine_teardown; }

DEFAULT_CAPS=00000000a80425fb # the fourteen of docker's default set

status_of() { awk -v key="$1:" '$1 == key { print $2 }' <<<"$output"; }

@test "capabilities: the default set, none inherited, none ambient; the same in exec" {
	engine run -d --name app "$IMAGE" sleep 100
	engine exec app cat /proc/1/status
	[ "$(status_of CapEff) $(status_of CapPrm) $(status_of CapBnd)" = "$DEFAULT_CAPS $DEFAULT_CAPS $DEFAULT_CAPS" ]
	[ "$(status_of CapInh) $(status_of CapAmb)" = "0000000000000000 0000000000000000" ]
	engine exec app cat /proc/self/status
	[ "$(status_of CapEff) $(status_of CapBnd) $(status_of CapInh)" = "$DEFAULT_CAPS $DEFAULT_CAPS 0000000000000000" ]
}

@test "capabilities: dropped, added, all; a user has none to use" {
	engine run --rm --cap-drop ALL "$IMAGE" cat /proc/self/status
	[ "$(status_of CapEff) $(status_of CapBnd)" = "0000000000000000 0000000000000000" ]
	engine run --rm --cap-drop ALL --cap-add NET_BIND_SERVICE "$IMAGE" cat /proc/self/status
	[ "$(status_of CapEff)" = 0000000000000400 ]
	engine run --rm --cap-add cap_net_admin --cap-drop chown "$IMAGE" cat /proc/self/status
	[ "$(status_of CapEff)" = 00000000a80435fa ]
	engine run --rm -u 1000 "$IMAGE" cat /proc/self/status
	[ "$(status_of CapEff) $(status_of CapPrm)" = "0000000000000000 0000000000000000" ]
	engine run --rm --privileged "$IMAGE" cat /proc/self/status
	[ "$(status_of CapEff)" = "$(awk '/^CapBnd/ { print $2 }' /proc/self/status)" ]
	engine_fails 125 run --rm --cap-add NO_SUCH "$IMAGE" true
	assert_stderr_contains "NO_SUCH"
}

@test "system calls are filtered, in exec as well, and unconfined means it" {
	engine run -d --name app "$IMAGE" sleep 100
	engine exec app cat /proc/1/status
	[ "$(status_of Seccomp)" = 2 ]
	engine exec app cat /proc/self/status
	[ "$(status_of Seccomp)" = 2 ]
	engine run --rm --security-opt seccomp=unconfined "$IMAGE" cat /proc/self/status
	[ "$(status_of Seccomp)" = 0 ]
	engine_fails 125 run --rm --security-opt seccomp=/no/such/file "$IMAGE" true
	assert_stderr_contains "/no/such/file"
}

@test "a new user namespace is refused, where it would work without the filter" {
	engine run --rm --security-opt seccomp=unconfined "$IMAGE" unshare -U true ||
		skip "this host allows no user namespaces"
	engine_fails 1 run --rm "$IMAGE" unshare -U true
	assert_stderr_contains "Operation not permitted"
	engine_fails 1 run --rm -u 1000 "$IMAGE" unshare -U true
}

@test "mounting is refused, where it would work with the capability" {
	engine run --rm --cap-add SYS_ADMIN "$IMAGE" mount -t tmpfs none /tmp
	engine_fails 1 run --rm "$IMAGE" mount -t tmpfs none /tmp
	engine_fails 1 run --rm "$IMAGE" umount /proc/sys
	engine_fails 1 run --rm "$IMAGE" mount -o remount,rw /sys
}

@test "no-new-privileges is off as docker has it, and on when asked" {
	engine run --rm --security-opt no-new-privileges "$IMAGE" cat /proc/self/status
	[ "$(status_of NoNewPrivs)" = 1 ]
	engine run -d --name app --security-opt no-new-privileges "$IMAGE" sleep 100
	engine exec app cat /proc/self/status
	[ "$(status_of NoNewPrivs)" = 1 ]
	engine_fails 125 run --rm --security-opt no-such-option "$IMAGE" true
	assert_stderr_contains "no-such-option"
}

@test "masked paths show nothing" {
	local path
	for path in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts /proc/sched_debug; do
		[ -e "$path" ] || continue
		engine run --rm "$IMAGE" sh -c "head -c 1 $path | wc -c"
		assert_output 0
	done
	for path in /proc/acpi /proc/scsi /sys/firmware; do
		[ -e "$path" ] || continue
		engine run --rm "$IMAGE" ls -A "$path"
		assert_output ""
	done
}

@test "what steers the kernel is read-only" {
	local path before
	before="$(cat /proc/sys/kernel/core_pattern)"
	for path in /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness /proc/sysrq-trigger /proc/irq/0/smp_affinity; do
		run "$VESSEL" run --rm "$IMAGE" sh -c "echo x >$path"
		[ "$status" -ne 0 ] || wanted "wanted to be refused" "$path"
	done
	[ "$(cat /proc/sys/kernel/core_pattern)" = "$before" ]
	engine_fails 1 run --rm "$IMAGE" sh -c 'echo 1 >/sys/kernel/uevent_seqnum'
	engine run --rm "$IMAGE" cat /proc/self/mountinfo
	assert_match ' / /sys ro,nosuid,nodev,noexec'
	assert_match ' /sys /proc/sys ro,'
	run ! grep -E ' /sys/fs/cgroup[^ ]* rw,' <<<"$output"
}

@test "sysctls of the namespace may be set, those of the host not" {
	engine run --rm --sysctl net.ipv4.ip_default_ttl=42 "$IMAGE" cat /proc/sys/net/ipv4/ip_default_ttl
	assert_output 42
	local before
	before="$(cat /proc/sys/vm/swappiness)"
	engine_fails 125 run --rm --sysctl vm.swappiness=1 "$IMAGE" true
	assert_stderr_contains "vm.swappiness"
	engine_fails 125 run --rm --sysctl 'net/../../kernel/core_pattern=x' "$IMAGE" true
	[ "$(cat /proc/sys/vm/swappiness)" = "$before" ]
	# With the host's network they are the host's.
	engine_fails 125 run --rm --network host --sysctl net.ipv4.ip_default_ttl=42 "$IMAGE" true
}

@test "/dev has what a container needs, and a disk of the host cannot be opened" {
	engine run --rm "$IMAGE" sh -c 'ls /dev | tr "\n" " "'
	assert_output "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero "
	local number
	number="$(lsblk -rno MAJ:MIN | head -n 1 | tr ':' ' ')"
	[ -n "$number" ] || skip "this host has no block device"
	engine_fails 1 run --rm "$IMAGE" sh -c "mknod /disk b $number && head -c 1 /disk"
	assert_stderr_contains "Operation not permitted"
	engine_fails 1 run --rm "$IMAGE" sh -c 'mknod /kmsg c 1 11 && head -c 1 /kmsg'
	engine run --rm "$IMAGE" sh -c 'mknod /zero c 1 5 && head -c 3 /zero | wc -c'
	assert_output 3
}

@test "every namespace that was asked for is another than the host's" {
	local ns pid
	engine run -d --name app "$IMAGE" sleep 100
	pid="$(pid_of app)"
	for ns in cgroup ipc mnt net pid uts; do
		[ "$(readlink "/proc/$pid/ns/$ns")" != "$(readlink "/proc/self/ns/$ns")" ] || wanted "wanted its own" "$ns"
	done
	for ns in ipc pid uts; do
		engine run -d --name "$ns-of-host" "--$ns" host "$IMAGE" sleep 100
		[ "$(readlink "/proc/$(pid_of "$ns-of-host")/ns/$ns")" = "$(readlink "/proc/self/ns/$ns")" ]
		engine rm -f "$ns-of-host"
	done
	engine run -d --name joins --pid container:app "$IMAGE" sleep 100
	[ "$(readlink "/proc/$(pid_of joins)/ns/pid")" = "$(readlink "/proc/$pid/ns/pid")" ]
	engine exec joins ps -o args
	[ "$(grep -c 'sleep 100' <<<"$output")" = 2 ]
}

@test "shared memory is a container's own; its IPC namespace is shared with whom it is said to be" {
	engine run -d --name app --ipc shareable "$IMAGE" sh -c 'echo shared >/dev/shm/file; sleep 100'
	wait_until "$VESSEL" exec app test -s /dev/shm/file
	engine run --rm "$IMAGE" ls /dev/shm
	assert_output ""
	engine run --rm --ipc container:app "$IMAGE" readlink /proc/self/ns/ipc
	assert_output "$(readlink "/proc/$(pid_of app)/ns/ipc")"
	engine run -d --name private "$IMAGE" sleep 100
	engine_fails 125 run --rm --ipc container:private "$IMAGE" true
	assert_stderr_contains "private"
	assert_short_stderr
}

@test "containers neither see nor signal each other's processes" {
	engine run -d --name one "$IMAGE" sleep 1000
	engine run -d --name two "$IMAGE" sleep 2000
	engine exec two ps -o args
	refute_contains "sleep 1000"
	engine_fails 1 exec two kill -9 "$(pid_of one)"
	state_is one running
}

# Open files of a container's process as the host sees them.
fds_of() { find "/proc/$1/fd" -mindepth 1 -printf '%f ' | tr ' ' '\n' | sort -n | tr '\n' ' '; }

@test "no file of ours is open inside, whatever we had open" {
	mkdir "$TEST_DIR/secret"
	exec 7<"$TEST_DIR/secret" 8<"$TEST_DIR"
	engine run -d --name app "$IMAGE" sleep 100
	engine run -d -i --name with-stdin "$IMAGE" sleep 100
	engine run -d -t --name with-tty "$IMAGE" sleep 100
	engine run -d --init --name with-init "$IMAGE" sleep 100
	local name
	for name in app with-stdin with-tty with-init; do
		[ "$(fds_of "$(pid_of "$name")")" = " 0 1 2 " ] || [ "$(fds_of "$(pid_of "$name")")" = "0 1 2 " ] ||
			wanted "wanted 0 1 2 alone in" "$name: $(fds_of "$(pid_of "$name")")"
	done
	# In exec: those three and the one that ls has on the directory.
	engine exec app sh -c 'ls /proc/self/fd | tr "\n" " "'
	assert_output "0 1 2 3 "
	exec 7<&- 8<&-
}

@test "what is open inside leads to no file of the host" {
	engine run -d --name app "$IMAGE" sleep 100
	local fd to
	for fd in 0 1 2; do
		to="$(readlink "/proc/$(pid_of app)/fd/$fd")"
		[[ "$to" == pipe:* || "$to" == /dev/null || "$to" == /dev/pts/* ]]
	done
	[ "$(readlink "/proc/$(pid_of app)/cwd")" = / ]
}

@test "a working directory behind /proc/self/fd leads nowhere" {
	echo token-of-the-host >"$TEST_DIR/token"
	local fd
	add_links() { ln -s /proc/self/fd/7 "$1/seven"; ln -s /proc/self/cwd "$1/cwd"; }
	box_image_with links add_links
	exec 7<"$TEST_DIR"
	for fd in 3 4 5 6 7 8 9 10 11 12; do
		run "$VESSEL" run --rm -w "/proc/self/fd/$fd" "$IMAGE" sh -c "cat token ../token ../../../..$TEST_DIR/token"
		refute_contains "token-of-the-host"
	done
	for fd in /seven /cwd /proc/1/cwd /proc/self/root; do
		run "$VESSEL" run --rm -w "$fd" links sh -c "cat token ../token ../../../..$TEST_DIR/token; pwd"
		refute_contains "token-of-the-host"
	done
	engine run -d --name app links sleep 100
	for fd in /proc/self/fd/3 /proc/self/fd/7 /seven; do
		run "$VESSEL" exec -w "$fd" app sh -c "cat token ../token ../../../..$TEST_DIR/token"
		refute_contains "token-of-the-host"
	done
	exec 7<&-
}

@test "a mount target that is a symlink leads inside the container, not to the host" {
	mkdir "$TEST_DIR/victim" "$TEST_DIR/data"
	echo mounted >"$TEST_DIR/data/file"
	add_links() {
		ln -s "$TEST_DIR/victim" "$1/absolute"
		ln -s "../../../../../../../../..$TEST_DIR/victim" "$1/relative"
		rm -f "$1/etc/resolv.conf" "$1/etc/hosts" "$1/etc/hostname"
		ln -s "$TEST_DIR/victim/resolv" "$1/etc/resolv.conf"
		ln -s "../../../../../../../..$TEST_DIR/victim/hosts" "$1/etc/hosts"
		ln -s /proc/self/fd/7 "$1/etc/hostname"
	}
	box_image_with links add_links
	run "$VESSEL" run --rm -v "$TEST_DIR/data:/absolute/sub" links cat /absolute/sub/file
	[ "$status" -ne 0 ] || assert_output "mounted"
	run "$VESSEL" run --rm -v "$TEST_DIR/data:/relative/sub" links cat /relative/sub/file
	[ "$status" -ne 0 ] || assert_output "mounted"
	run "$VESSEL" run --rm -v "$TEST_DIR/data:/a/../../../../../..$TEST_DIR/victim/b" links true
	run "$VESSEL" run --rm --tmpfs /absolute/tmp links true
	run "$VESSEL" run --rm -w /absolute/new links true
	run find "$TEST_DIR/victim" -mindepth 1
	assert_output ""
}

@test "an image whose /proc, /dev or /sys is a symlink does no harm" {
	mkdir "$TEST_DIR/victim"
	local name
	for name in proc dev sys; do
		add_link() { rm -rf "${1:?}/$name"; ln -s "../../../../..$TEST_DIR/victim" "$1/$name"; }
		box_image_with "link-$name" add_link
		run "$VESSEL" run --rm "link-$name" true
		add_link() { rm -rf "${1:?}/$name"; ln -s /tmp "$1/$name"; }
		box_image_with "tmp-$name" add_link
		run "$VESSEL" run --rm "tmp-$name" cat /proc/self/status
		[ "$status" -ne 0 ] || [ "$(status_of Seccomp)" = 2 ]
	done
	run find "$TEST_DIR/victim" -mindepth 1
	assert_output ""
}

@test "files of the image that are read on the host: FIFOs, devices and links block and leak nothing" {
	add_traps() {
		rm -f "$1/etc/passwd" "$1/etc/group"
		mkfifo "$1/etc/passwd"
		ln -s /etc/shadow "$1/etc/group"
	}
	box_image_with traps add_traps
	run timeout 10 "$VESSEL" run --rm -u user traps id
	[ "$status" -ne 124 ]
	[ "$status" -ne 0 ]
	run timeout 10 "$VESSEL" run --rm -u 1000:1000 traps id
	[ "$status" -ne 124 ]
	run timeout 10 "$VESSEL" run --rm traps true
	[ "$status" -ne 124 ]
	add_big() { head -c 30000000 /dev/zero | tr '\0' 'x' >"$1/etc/passwd"; }
	box_image_with big add_big
	run timeout 10 "$VESSEL" run --rm -u user big id
	[ "$status" -ne 124 ]
	[ "$status" -ne 0 ]
}

programs() { find "$(dirname "$PROGRAM")" -maxdepth 1 -type f -name 'vessel*' -exec sha256sum {} + | sort; }

@test "our programs cannot be overwritten from inside" {
	local before
	before="$(programs)"
	[ -n "$before" ]
	run "$VESSEL" run --rm --entrypoint /proc/self/exe "$IMAGE" --help
	engine run -d --name app "$IMAGE" sh -c 'while :; do
		for exe in /proc/[0-9]*/exe; do
			if ( exec 9>>"$exe" ) 2>/dev/null; then echo "opened $(readlink $exe)" >>/tmp/opened; fi
		done; done'
	for _ in $(seq 15); do
		run "$VESSEL" exec app true
		run "$VESSEL" exec app /proc/self/exe true
	done
	[ "$(programs)" = "$before" ]
	engine exec app sh -c 'cat /tmp/opened 2>/dev/null; true'
	refute_contains "vessel"
}

@test "archives cannot write outside of their image" {
	mkdir -p "$TEST_DIR/victim" "$TEST_DIR/a" "$TEST_DIR/b/link"
	echo evil >"$TEST_DIR/b/link/file"
	# A link that leads out, and then a file through it.
	ln -s "$TEST_DIR/victim" "$TEST_DIR/a/link"
	tar -C "$TEST_DIR/a" -cf "$TEST_DIR/through.tar" link
	tar -C "$TEST_DIR/b" -rf "$TEST_DIR/through.tar" link/file
	# Names that climb, and absolute ones.
	tar -C "$TEST_DIR/b" -P --transform "s,^link,../../../../../../../../..$TEST_DIR/victim," -cf "$TEST_DIR/climbs.tar" link/file
	tar -C "$TEST_DIR/b" -P --transform "s,^link,$TEST_DIR/victim," -cf "$TEST_DIR/absolute.tar" link/file
	local name
	for name in through climbs absolute; do
		run "$VESSEL" import "$TEST_DIR/$name.tar" "$name"
		run find "$TEST_DIR/victim" -mindepth 1
		assert_output ""
	done
	# A hard link to a file of the host.
	echo secret-of-the-host >"$TEST_DIR/b/secret"
	ln "$TEST_DIR/b/secret" "$TEST_DIR/b/second"
	tar -C "$TEST_DIR/b" -P --transform "s,^secret\$,$TEST_DIR/b/secret,H" -cf "$TEST_DIR/hard.tar" secret second
	run "$VESSEL" import "$TEST_DIR/hard.tar" hard
	[ "$(stat -c %h "$TEST_DIR/b/secret")" = 2 ]
}

@test "what vessel keeps is closed to other users" {
	engine run -d --name app -v data:/data "$IMAGE" sh -c 'echo private >/file; sleep 100'
	wait_until "$VESSEL" exec app test -s /file
	local dir
	for dir in "$VESSEL_ROOT/containers" "$VESSEL_ROOT/volumes" "$VESSEL_RUN/containers"; do
		run ! setpriv --reuid 65534 --regid 65534 --clear-groups ls "$dir/"
	done
	run find "$VESSEL_ROOT" "$VESSEL_RUN" -maxdepth 3 \( -type f -o -type d -o -type s \) -perm /o+w
	assert_output ""
	# Not even through a directory that may be passed.
	run ! setpriv --reuid 65534 --regid 65534 --clear-groups cat "$VESSEL_ROOT/containers/$(field app .Id)/fs/file"
}

@test "a read-only root and read-only volumes hold against root inside" {
	mkdir "$TEST_DIR/data"
	engine_fails 1 run --rm --read-only "$IMAGE" touch /etc/x
	engine_fails 1 run --rm -v "$TEST_DIR/data:/d:ro" "$IMAGE" touch /d/x
	engine_fails 1 run --rm --cap-add SYS_ADMIN -v "$TEST_DIR/data:/d:ro" "$IMAGE" sh -c 'mount -o remount,rw /d 2>/dev/null; touch /d/x 2>/dev/null && test -e /d/nothing'
	engine run --rm -v "$TEST_DIR/data:/d" "$IMAGE" touch /d/x
	[ -e "$TEST_DIR/data/x" ]
}

@test "a user's image cannot choose what the engine does for it" {
	# Labels that other engines have taken orders from.
	mkdir "$TEST_DIR/context"
	cat >"$TEST_DIR/context/Dockerfile" <<-END
		FROM $IMAGE
		LABEL privileged=true io.kubernetes.cri-o.Devices=/dev/kmsg run.oci.hooks.stdout=/tmp/x
		LABEL com.docker.network.portmap=8080:80 io.podman.annotations.privileged=TRUE
		CMD ["cat", "/proc/self/status"]
	END
	engine build --network none -t labelled "$TEST_DIR/context"
	engine run --rm labelled
	[ "$(status_of CapEff) $(status_of Seccomp)" = "$DEFAULT_CAPS 2" ]
}

@test "a device that is asked for is there with just that, and one that is none is an error" {
	engine run --rm --device /dev/zero:/dev/mine:r "$IMAGE" sh -c 'head -c 4 /dev/mine | wc -c'
	assert_output 4
	engine_fails 125 run --rm --device /dev/no-such "$IMAGE" true
	assert_stderr_contains "/dev/no-such"
	engine_fails 125 run --rm --device /dev/zero:/dev/x:q "$IMAGE" true
}

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # status, output, stderr are bats's
# Shared by the tests of vessel-runtime: a bundle and a state directory of the test's own, and the
# proof that nothing is left of its containers. VESSEL_RUNTIME names the program (default:
# build/vessel-runtime beside this folder).
#
# All that a test starts has BUNDLE_MARK=$NAME in its environment, and all cgroups are named
# /$NAME…: so leftovers are found, and other tests' are not taken for them.

oci_setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	local tool
	for tool in busybox jq; do command -v "$tool" >/dev/null || skip "needs $tool"; done
	RUNTIME="$(realpath -e "${VESSEL_RUNTIME:-$HERE/../build/vessel-runtime}")"
	TEST_DIR="$(mktemp -d /var/tmp/vessel-oci.XXXXXX)"
	STATE="$TEST_DIR/state" NAME="${TEST_DIR##*/}"
	chmod 755 "$TEST_DIR"
	new_bundle
}

# All containers go, as a user would remove them; fails when that left something.
oci_end() {
	local id result=0
	for id in $("$RUNTIME" --root "$STATE" list -q); do
		timeout 20 "$RUNTIME" --root "$STATE" delete --force "$id" >&2 || result=1
	done
	wait_until nothing_left >/dev/null || { what_is_left && result=1; } >&2
	return "$result"
}

# Whatever happened: the next test shall not suffer from it.
oci_remove() {
	local pid
	for pid in $(processes_left | cut -d' ' -f2); do kill -9 "${pid%:}"; done
	rm -rf "$TEST_DIR"
}

processes_left() {
	local file
	for file in $(grep -alsF -- "BUNDLE_MARK=$NAME" /proc/[0-9]*/environ); do
		file="${file#/proc/}"
		echo "process ${file%/*}: $(tr '\0' ' ' <"/proc/${file%/*}/cmdline")"
	done
}
what_is_left() {
	processes_left
	grep -F "$TEST_DIR/" /proc/self/mountinfo
	find /sys/fs/cgroup -maxdepth 2 -name "$NAME*"
	find "$STATE" -mindepth 1 -maxdepth 1 -not -name .seccomp 2>/dev/null
}
nothing_left() { ! what_is_left | grep -q .; }

# ---- bundles ----

# One static program and its names, made once for all tests of a file.
oci_tree() {
	local tree="${BATS_FILE_TMPDIR:-$TEST_DIR}/oci-tree" name
	if [ ! -e "$tree" ]; then
		mkdir -p "$tree.new"/{bin,proc,sys,dev,etc,tmp,root}
		chmod 1777 "$tree.new/tmp"
		cp "$(command -v busybox)" "$tree.new/bin/busybox"
		for name in $(busybox --list | grep -vx busybox); do ln -sf busybox "$tree.new/bin/$name"; done
		printf 'root:x:0:0::/root:/bin/sh\n1000:x:0:0::/:/bin/sh\n' >"$tree.new/etc/passwd"
		mv "$tree.new" "$tree"
	fi
	echo "$tree"
}

new_bundle() {
	BUNDLE="$TEST_DIR/bundle" ROOTFS="$TEST_DIR/bundle/rootfs"
	rm -rf "$BUNDLE"
	mkdir -p "$BUNDLE"
	cp -a "$(oci_tree)" "$ROOTFS"
	(cd "$BUNDLE" && "$RUNTIME" spec)
	edit '.process.terminal = false | .root.readonly = false | .process.env += ["BUNDLE_MARK='"$NAME"'", "PATH=/bin"]
		| .linux.cgroupsPath = "/'"$NAME"'"'
}

edit() { jq "$1" "$BUNDLE/config.json" >"$BUNDLE/new.json" && mv "$BUNDLE/new.json" "$BUNDLE/config.json"; }
command_is() { edit ".process.args = $(jq -cn '$ARGS.positional' --args -- "$@")"; }
mount_add() { edit ".mounts += [$1]"; }
without_mount() { edit ".mounts |= map(select(.destination != \"$1\"))"; }
capabilities() { # of bounding, effective and permitted
	edit ".process.capabilities |= (.bounding = $1 | .effective = $1 | .permitted = $1)"
}
user_namespace() {
	edit '.linux.namespaces += [{type: "user"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 200000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
	chown -R 200000:200000 "$ROOTFS"
}

# ---- running vessel-runtime ----

# rt ARG...: never longer than half a minute, and with nothing open but stdio. What it prints goes
# through files: a container that is left running holds the caller's output, as it should.
rt() {
	local out="$TEST_DIR/stdout" err="$TEST_DIR/stderr"
	status=0
	env "BUNDLE_MARK=$NAME" timeout 30 "$RUNTIME" --root "$STATE" "$@" </dev/null >"$out" 2>"$err" 3>&- || status=$?
	output="$(cat "$out")" stderr="$(cat "$err")"
}
ok() {
	rt "$@"
	[ "$status" -eq 0 ] || explain "$@"
}
fails() {
	rt "$@"
	[ "$status" -ne 0 ] && [ "$status" -ne 124 ] || explain "$@"
	[ -n "$stderr" ] || wanted "wanted a reason" ""
}
run_ok() { ok run --bundle "$BUNDLE" "$@"; }
run_fails() { fails run --bundle "$BUNDLE" "$@"; }
create() { ok create --bundle "$BUNDLE" "$@"; }
in_background() { # a container that sleeps
	command_is sleep 100
	create "$1"
	ok start "$1"
}
pid_inside() { "$RUNTIME" --root "$STATE" state "$1" | jq .pid; }

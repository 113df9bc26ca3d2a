#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # status, output, stderr are bats's
# Images between vessel and its peers, through a real registry and in place. The tests' names are
# "PEER: WHAT"; tests/interop-matrix makes docs/interop.md of them.
load helpers
load push-helpers

R=127.0.0.1:5000
DOCKER=vnd.docker.distribution.manifest.v2

setup() {
	local tool
	for tool in docker-registry curl python3; do
		command -v "$tool" >/dev/null || skip "needs $tool"
	done
	engine_setup
	registry_start 5000
	# Without them podman and buildah use the user's, and /dev/shm for locks.
	export HOME="$TEST_DIR/home" XDG_RUNTIME_DIR="$TEST_DIR/xdg" REGISTRY_AUTH_FILE="$TEST_DIR/auth.json"
	export CONTAINERS_CONF="$TEST_DIR/containers.conf" CONTAINERS_REGISTRIES_CONF="$TEST_DIR/registries.conf"
	mkdir -p "$HOME" "$XDG_RUNTIME_DIR"
	echo '{}' >"$REGISTRY_AUTH_FILE"
	printf '[containers]\ndefault_ulimits = []\n[engine]\nlock_type = "file"\nevents_logger = "none"\n' >"$CONTAINERS_CONF"
	printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$R" >"$CONTAINERS_REGISTRIES_CONF"
	POLICY="$TEST_DIR/policy.json"
	echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$POLICY"
}

teardown() {
	peers_stop
	[ -z "${TEST_DIR:-}" ] || peers_clear
	engine_teardown
}

# What podman and dockerd leave when they end: mounts of their storage and network namespaces, cgroups.
peers_clear() {
	local target
	awk -v dir="$TEST_DIR/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r target; do
		[[ "$target" == "$VESSEL_ROOT"/* ]] || umount -l "$target"
	done
	wait_until cgroups_gone >/dev/null
}

# podman's monitor outlives the container for a moment. Where the machine has no such controller, podman
# has made plain directories beside those of the controllers that it has.
cgroups_gone() {
	local dir
	for dir in /sys/fs/cgroup/*/"${TEST_DIR##*/}"; do
		[ ! -d "$dir" ] || [ "$(stat -f -c %T "$dir")" != tmpfs ] || rm -rf "$dir"
	done
	find /sys/fs/cgroup -depth -type d -path "*/${TEST_DIR##*/}*" -exec rmdir {} + 2>/dev/null
	[ -z "$(find /sys/fs/cgroup -type d -name "${TEST_DIR##*/}" -print -quit)" ]
}

need() { command -v "$1" >/dev/null || skip "$1 is not installed"; }

# ---- the peers ----

skopeo_() { host skopeo --policy "$POLICY" "$@" </dev/null; }

# vfs wherever overlay is not to be had.
podman_() {
	host podman --root "$TEST_DIR/podman" --runroot "$TEST_DIR/podman.run" --tmpdir "$TEST_DIR/podman.tmp" \
		--storage-driver "$(storage_driver)" --cgroup-manager cgroupfs "$@" </dev/null
}
buildah_() {
	host buildah --root "$TEST_DIR/buildah" --runroot "$TEST_DIR/buildah.run" \
		--storage-driver "$(storage_driver)" "$@" </dev/null
}
storage_driver() {
	if [ ! -e "$TEST_DIR/driver" ]; then
		echo vfs >"$TEST_DIR/driver"
		host podman --root "$TEST_DIR/probe" --runroot "$TEST_DIR/probe.run" --storage-driver overlay info \
			>/dev/null 2>&1 </dev/null && echo overlay >"$TEST_DIR/driver"
	fi
	cat "$TEST_DIR/driver"
}

dockerd_start() {
	peer_start "$TEST_DIR/dockerd.log" dockerd --data-root "$TEST_DIR/docker" --exec-root "$TEST_DIR/docker.run" \
		-H "unix://$TEST_DIR/docker.sock" --pidfile "$TEST_DIR/docker.pid" --bridge none --iptables=false
	wait_until docker_ version || skip "dockerd does not start here: $(tail -n 1 "$TEST_DIR/dockerd.log")"
}
docker_() { host docker -H "unix://$TEST_DIR/docker.sock" "$@" </dev/null; }

# ---- what is exchanged ----

# An image of three layers, one of which takes something away: $R/ours
build_ours() {
	mkdir "$TEST_DIR/context"
	cat >"$TEST_DIR/context/Dockerfile" <<-END
		FROM $IMAGE
		RUN echo one >/one && echo two >/two && ln /two /hard && chown 1000:2000 /two
		RUN rm /one && ln -s two /three
		CMD ["cat", "/three"]
	END
	engine build -q -t "$R/ours" "$TEST_DIR/context"
}

push_ours() {
	build_ours
	engine push "$R/ours"
	OURS="$(pushed_digest)"
	[ "$OURS" = "$(http_manifest 5000 ours latest | sha256_of)" ]
}

# What the peer has pushed as $R/NAME: we pull it, run it, and push it on with the same digest.
pull_theirs() {
	local theirs
	theirs="$(http_manifest 5000 "$1" latest | sha256_of)"
	engine pull "$R/$1"
	assert_line "Digest: $theirs"
	engine run --rm "$R/$1" sh -c 'cat /three; test ! -e /one; stat -c %u:%g:%h /two'
	assert_output $'two\n1000:2000:2'
	engine tag "$R/$1" "$R/back"
	engine push "$R/back"
	[ "$(pushed_digest)" = "$theirs" ]
}

same_layers() { diff <(http_manifest 5000 "$1" latest | layers_of) <(http_manifest 5000 "$2" latest | layers_of); }

# ---- skopeo ----

@test "skopeo: we pull and run what it pushes" {
	need skopeo
	push_ours
	skopeo_ copy --dest-tls-verify=false --src-tls-verify=false --format v2s2 "docker://$R/ours" "docker://$R/theirs"
	http_manifest 5000 theirs latest | grep -qF "$DOCKER"
	engine rmi -f "$R/ours" "$IMAGE"
	pull_theirs theirs
}

@test "skopeo: it pulls what we push" {
	need skopeo
	push_ours
	skopeo_ copy --src-tls-verify=false "docker://$R/ours" "dir:$TEST_DIR/out"
	[ "$(sha256_of <"$TEST_DIR/out/manifest.json")" = "$OURS" ]
}

@test "skopeo: digests stay equal both ways" {
	need skopeo
	push_ours
	skopeo_ copy --preserve-digests --src-tls-verify=false --dest-tls-verify=false "docker://$R/ours" "docker://$R/theirs"
	[ "$(http_manifest 5000 theirs latest | sha256_of)" = "$OURS" ]
	engine rmi -f "$R/ours" "$IMAGE"
	pull_theirs theirs
}

@test "skopeo: it reads our store in place" {
	need skopeo
	push_ours
	skopeo_ copy "oci:$VESSEL_ROOT:$R/ours:latest" "oci:$TEST_DIR/layout:x"
	skopeo_ copy --dest-tls-verify=false "oci:$VESSEL_ROOT:$R/ours:latest" "docker://$R/theirs"
	[ "$(http_manifest 5000 theirs latest | sha256_of)" = "$OURS" ]
}

# ---- umoci ----

@test "umoci: we pull and run what it makes" {
	need skopeo
	need umoci
	push_ours
	skopeo_ copy "oci:$VESSEL_ROOT:$R/ours:latest" "oci:$TEST_DIR/layout:x"
	umoci unpack --image "$TEST_DIR/layout:x" "$TEST_DIR/bundle"
	echo new >"$TEST_DIR/bundle/rootfs/new"
	umoci repack --image "$TEST_DIR/layout:x" "$TEST_DIR/bundle"
	skopeo_ copy --dest-tls-verify=false "oci:$TEST_DIR/layout:x" "docker://$R/theirs"
	engine rmi -f "$R/ours" "$IMAGE"
	pull_theirs theirs
	engine run --rm "$R/theirs" cat /new
	assert_output new
}

@test "umoci: it reads our store in place" {
	need umoci
	push_ours
	umoci ls --layout "$VESSEL_ROOT" | grep -qF "ours"
	umoci stat --image "$VESSEL_ROOT:$R/ours:latest" | grep -qF 'rm /one'
	umoci unpack --image "$VESSEL_ROOT:$R/ours:latest" "$TEST_DIR/bundle"
	[ "$(cat "$TEST_DIR/bundle/rootfs/three")" = two ]
	[ ! -e "$TEST_DIR/bundle/rootfs/one" ]
	[ "$(stat -c %u:%g:%h "$TEST_DIR/bundle/rootfs/two")" = 1000:2000:2 ]
}

@test "umoci: digests stay equal both ways" {
	need umoci
	need skopeo
	push_ours
	skopeo_ copy "oci:$VESSEL_ROOT:$R/ours:latest" "oci:$TEST_DIR/layout:x"
	umoci tag --image "$TEST_DIR/layout:x" y
	skopeo_ copy --dest-tls-verify=false "oci:$TEST_DIR/layout:y" "docker://$R/theirs"
	[ "$(http_manifest 5000 theirs latest | sha256_of)" = "$OURS" ]
}

# ---- podman ----

@test "podman: we pull and run what it pushes" {
	need podman
	push_ours
	podman_ pull -q "$R/ours"
	printf 'FROM %s/ours\nRUN echo four >/four\n' "$R" >"$TEST_DIR/Dockerfile"
	podman_ build -q --isolation chroot -t "$R/theirs" -f "$TEST_DIR/Dockerfile" "$TEST_DIR/context"
	podman_ push -q "$R/theirs"
	engine rmi -f "$R/ours" "$IMAGE"
	pull_theirs theirs
	engine run --rm "$R/theirs" cat /four
	assert_output four
}

@test "podman: it pulls and runs what we push" {
	need podman
	push_ours
	podman_ pull -q "$R/ours"
	[ "$(podman_ image inspect -f '{{.Digest}}' "$R/ours")" = "$OURS" ]
	run --separate-stderr podman_ --runtime runc run --rm --network none --cgroup-parent "/${TEST_DIR##*/}" "$R/ours"
	assert_output two
}

@test "podman: digests stay equal both ways" {
	need podman
	push_ours
	podman_ pull -q "$R/ours"
	podman_ tag "$R/ours" "$R/theirs"
	podman_ push -q "$R/theirs"
	same_layers ours theirs
	[ "$(http_manifest 5000 theirs latest | sha256_of)" = "$OURS" ]
	engine rmi -f "$R/ours" "$IMAGE"
	pull_theirs theirs
}

# ---- buildah ----

@test "buildah: we pull and run what it pushes" {
	need buildah
	push_ours
	local container
	container="$(buildah_ from "$R/ours")"
	buildah_ run --isolation chroot "$container" sh -c 'echo four >/four'
	buildah_ commit -q "$container" "$R/theirs"
	buildah_ push -q "$R/theirs"
	engine rmi -f "$R/ours" "$IMAGE"
	pull_theirs theirs
	engine run --rm "$R/theirs" cat /four
	assert_output four
	buildah_ rm -a
}

@test "buildah: it pulls and runs what we push" {
	need buildah
	push_ours
	local container
	container="$(buildah_ from "$R/ours")"
	run --separate-stderr buildah_ run --isolation chroot "$container" cat /three
	assert_output two
	buildah_ rm -a
}

@test "buildah: digests stay equal both ways" {
	need buildah
	push_ours
	buildah_ pull -q "$R/ours"
	buildah_ push -q "$R/ours" "docker://$R/theirs"
	[ "$(http_manifest 5000 theirs latest | sha256_of)" = "$OURS" ]
	engine rmi -f "$R/ours" "$IMAGE"
	pull_theirs theirs
}

# ---- docker ----

@test "docker: we pull and run what it pushes" {
	need dockerd
	dockerd_start
	push_ours
	docker_ pull -q "$R/ours"
	printf 'FROM %s/ours\nENV FOUR=four\nCOPY Dockerfile /four\n' "$R" >"$TEST_DIR/context/Dockerfile"
	docker_ build -q -t "$R/theirs" "$TEST_DIR/context"
	docker_ push -q "$R/theirs"
	engine rmi -f "$R/ours" "$IMAGE"
	pull_theirs theirs
	engine run --rm "$R/theirs" sh -c "echo \$FOUR; grep -c FOUR /four"
	assert_output $'four\n1'
}

@test "docker: it pulls and runs what we push" {
	need dockerd
	dockerd_start
	push_ours
	docker_ pull -q "$R/ours"
	[ "$(docker_ image inspect -f '{{index .RepoDigests 0}}' "$R/ours")" = "$R/ours@$OURS" ]
	[ "$(docker_ image inspect -f '{{.Id}}' "$R/ours")" = "$("$VESSEL" image inspect -f '{{.Id}}' "$R/ours")" ]
	run --separate-stderr docker_ run --rm --network none "$R/ours"
	assert_output two
}

# docker makes a manifest of its own, in its own format: the layers in it must be the same.
@test "docker: digests stay equal both ways" {
	need dockerd
	dockerd_start
	push_ours
	docker_ pull -q "$R/ours"
	docker_ tag "$R/ours" "$R/theirs"
	docker_ push -q "$R/theirs"
	same_layers ours theirs
	engine rmi -f "$R/ours" "$IMAGE"
	pull_theirs theirs
}

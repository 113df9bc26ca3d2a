# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # TEST_DIR, NET_ENTER, HERE are those of helpers.bash
# Registries for the tests of push, and what is asked of them. All run in the test's own network
# namespace, so that their ports are the test's own, and are ended by pid.
PEER_PIDS=()

# In the background, with nothing of bats's; its output goes to a file. PEER_PID is its pid.
# shellcheck disable=SC2086 # NET_ENTER is a command of several words
peer_start() {
	local out="$1"
	shift
	$NET_ENTER "$@" >"$out" 2>&1 </dev/null 3>&- &
	PEER_PID=$!
	PEER_PIDS+=("$PEER_PID")
}

peer_stop() {
	kill "$1" 2>/dev/null || return 0
	wait "$1" 2>/dev/null || true
}

peers_stop() {
	local pid
	for pid in "${PEER_PIDS[@]}"; do peer_stop "$pid"; done
	PEER_PIDS=()
}

listens() { host curl -s -o /dev/null "http://127.0.0.1:$1/v2/"; }

# The real one, with its storage and log below the test's directory: registry_start PORT
registry_start() {
	cat >"$TEST_DIR/registry-$1.yml" <<-END
		version: 0.1
		log: {level: debug}
		storage: {filesystem: {rootdirectory: $TEST_DIR/registry-$1}, delete: {enabled: true}}
		http: {addr: "127.0.0.1:$1"}
	END
	peer_start "$TEST_DIR/registry-$1.log" docker-registry serve "$TEST_DIR/registry-$1.yml"
	wait_until listens "$1"
}

# small_registry PORT [OPTIONS]: see peers/small-registry.py; its log is $TEST_DIR/small-PORT.
small_registry() {
	local port="$1"
	shift
	peer_start "$TEST_DIR/small-$port.out" python3 "$HERE/peers/small-registry.py" "$port" \
		"$TEST_DIR/small-$port" --store "$TEST_DIR/small-store" "$@"
	wait_until listens "$port"
}

asked() { grep -E -- "$2" "$TEST_DIR/small-$1"; }

# http_manifest PORT REPOSITORY TAG: as the registry has it
http_manifest() {
	host curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
		-H 'Accept: application/vnd.docker.distribution.manifest.v2+json' \
		"http://127.0.0.1:$1/v2/$2/manifests/$3"
}
http_blob() { host curl -sfL "http://127.0.0.1:$1/v2/$2/blobs/$3"; }
# Digests of a manifest's layers, bottom first.
layers_of() { python3 -c 'import json, sys; [print(l["digest"]) for l in json.load(sys.stdin)["layers"]]'; }
sha256_of() { echo "sha256:$(sha256sum | cut -d' ' -f1)"; }
# The digest in "latest: digest: sha256:… size: n", the last line of $output.
pushed_digest() { tail -n 1 <<<"$output" | sed -nE 's/^[^ ]+: digest: (sha256:[0-9a-f]{64}) size: [0-9]+$/\1/p'; }

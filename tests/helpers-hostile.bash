# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # status, output, stderr are bats's; TEST_DIR and others are helpers.bash's
# For the tests with hostile archives and a hostile registry: what they are made of, and the oracles.
#
# CANARY  a tree of the host that archives lead to: byte- and inode-identical afterwards, and the word in its file
#         "secret" is nowhere in the store, in what was said or in what went over the wire.
# BOUND   time and the memory of each process; an error is one that was told, not the end of a process.
# CLEAN   after an error no file is in the store that was not there before but blobs that are what their names say
#         (a next pull goes on from them), and no image has come.
# tests/hostile/drive.py has them for many tries in a row, as a shell would take longer than vessel.

HOSTILE="$HERE/hostile"

has_command() { "$PROGRAM" "$1" --help >/dev/null 2>&1; }

# Pauses and time limits of a client, in percent; where the program knows that.
knows_scale() { grep -qa VESSEL_TEST_TIMEOUT_SCALE "$(dirname "$PROGRAM")/vessel-transfer"; }
needs_scale() { knows_scale || skip "needs VESSEL_TEST_TIMEOUT_SCALE: this would take minutes"; }

# ---- once for a file ----

hostile_archives() {
	export CANARY="$BATS_FILE_TMPDIR/canary" ARCHIVES="$BATS_FILE_TMPDIR/archives"
	mkdir -p "$ARCHIVES"
	local load=()
	has_command load && load=(--load)
	python3 "$HOSTILE/archive.py" --canary "$CANARY" --all "$ARCHIVES" "${load[@]}"
	canary_make
}

canary_make() {
	export CANARY_WORD="word-of-the-host-$RANDOM$RANDOM$RANDOM"
	mkdir -p "$CANARY/sub/deep" "$CANARY/etc"
	echo "$CANARY_WORD" >"$CANARY/secret"
	chmod 600 "$CANARY/secret"
	echo "the host's" | tee "$CANARY/ptmx" "$CANARY/core_pattern" "$CANARY/sub/deep/file" >"$CANARY/etc/passwd"
	mkfifo "$CANARY/fifo"
	cp "$(type -P true)" "$CANARY/true"
	chmod 4755 "$CANARY/true"
	mknod "$CANARY/null" c 1 3
}

canary_now() {
	find "$CANARY" -printf '%p %i %y %m %U %G %n %s %T@ %l\n' | sort
	find "$CANARY" -type f -exec sha256sum {} + | sort
}

# One world for all tests of a file, whose registry takes a second to make its certificates.
hostile_setup_file() {
	command -v python3 >/dev/null || skip "needs python3"
	engine_setup empty
	registry_start
	declare -p PROGRAM TEST_DIR VESSEL_ROOT VESSEL_RUN VESSEL NET_NAME NET_ENTER LAN_ENTER REGISTRY REGISTRY_PID |
		sed -E 's/^declare -[-x]/declare -g/' >"$BATS_FILE_TMPDIR/world"
}

# In the world's own network.
registry_start() {
	REGISTRY="$TEST_DIR/registry"
	mkdir -p "$REGISTRY"
	[ -z "$NET_NAME" ] || host ip addr add 169.254.169.254/32 dev lo # the cloud's own address, and who answers there
	host python3 "$HOSTILE/registry.py" --directory "$REGISTRY" --archives "${ARCHIVES:-}" --layer "$(box_tar)" \
		>"$TEST_DIR/registry.out" 2>&1 </dev/null &
	wait_until test -e "$REGISTRY/ready" || cat "$TEST_DIR/registry.out"
	REGISTRY_PID="$(cat "$REGISTRY/ready")" # that of the program, not of a shell around it
}

hostile_teardown_file() {
	# shellcheck source=/dev/null
	source "$BATS_FILE_TMPDIR/world" || return 0
	kill "$REGISTRY_PID"
	wait_until gone_process "$REGISTRY_PID"
	engine_teardown
}
gone_process() { [ ! -e "/proc/$1" ]; }

# ---- for each test: a store and a log that are empty ----

hostile_setup() {
	# shellcheck source=/dev/null
	source "$BATS_FILE_TMPDIR/world"
	AT=127.0.0.1:5000
	export SSL_CERT_FILE="$REGISTRY/ca.pem" VESSEL_TEST_TIMEOUT_SCALE="${VESSEL_TEST_TIMEOUT_SCALE:-2}"
	rm "$REGISTRY/ready"
	kill -HUP "$REGISTRY_PID"
	mkdir "$TEST_DIR/t"
	wait_until test -e "$REGISTRY/ready"
	[ -z "${CANARY:-}" ] || canary_now >"$TEST_DIR/canary"
	"$VESSEL" images >/dev/null # the store is made
}

hostile_teardown() {
	local result=0 ids
	[ -z "${CANARY:-}" ] || { canary_unchanged && canary_kept; } >&2 || result=1
	ids="$("$VESSEL" ps -aq)"
	# shellcheck disable=SC2086 # a list of ids
	[ -z "$ids" ] || "$VESSEL" rm -f $ids >/dev/null
	leaked_files | grep . >&2 && result=1
	! mountpoint -q "$VESSEL_ROOT" || umount "$VESSEL_ROOT"
	"$VESSEL" system reset --force || result=1
	rm -rf "$TEST_DIR/t"
	return "$result"
}

# ---- the oracles ----

canary_unchanged() { canary_now | diff "$TEST_DIR/canary" - || { echo "the host's tree has changed"; return 1; }; }

# Nothing of the host's is in the store or went over the wire.
canary_kept() { canary_kept_by "$VESSEL_ROOT" "$REGISTRY"; }
canary_kept_by() { ! grep -rlsF -- "$CANARY_WORD" "$@"; }

# bound COMMAND...: $code, $took (milliseconds), $memory (KiB), and $output with all it said. Fails when it broke the bounds.
bound() {
	local result=0
	output="$(drive one "$TEST_DIR/bound" "$@" 2>&1)" || result=1
	read -r code took memory <"$TEST_DIR/bound"
	[ "$result" = 0 ] || { echo "$*: code $code, $took ms, $memory KiB: $output"; return 1; }
}

# All that drive.py can do, with what it needs to know.
drive() { VESSEL="$VESSEL" VESSEL_ROOT="$VESSEL_ROOT" TEST_DIR="$TEST_DIR" AT="${AT:-}" python3 "$HOSTILE/drive.py" "$@"; }

# ---- what the registry was asked ----

# asked FIELD=VALUE...: the requests that are so, one per line.
asked() {
	python3 - "$REGISTRY/log" "$@" <<-'END'
		import json, sys
		wanted = [word.split("=", 1) for word in sys.argv[2:]]
		for line in open(sys.argv[1], encoding="utf-8"):
		    entry = json.loads(line)
		    if entry["event"] == "request" and all(str(entry.get(key)) == value for key, value in wanted):
		        print(line, end="")
	END
}
count_asked() { asked "$@" | wc -l; }
connections() { grep -c "\"connect\", \"port\": $1}" "$REGISTRY/log" || true; }
sent_bytes() { # CASE KIND: the most that one answer has had
	python3 -c '
import json, sys
print(max([e["bytes"] for e in map(json.loads, open(sys.argv[1])) if e["event"] == "sent" and e["case"] == sys.argv[2]
           and e["kind"] == sys.argv[3]] + [0]))' "$REGISTRY/log" "$1" "$2"
}

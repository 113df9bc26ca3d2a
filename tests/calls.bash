# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Ending vessel, or failing what it asks for, at one system call after the other. Needs helpers.bash and strace.

# Everything that one run of the tests does not kill, another one does; with VESSEL_TEST_ALL one run kills at
# all of them, and fails at five times as many.
OFFSET=$((RANDOM % 5))

# killed_at_call NAME N COMMAND...: kills vessel when it is about to make its n-th call of that name. Fails when it made no
# so many.
killed_at_call() {
	local call="$1" n="$2" code=0
	shift 2
	# The program itself: a wrapper's calls would be counted as well.
	# shellcheck disable=SC2086 # a command of several words
	{ $NET_ENTER env VESSEL_ROOT="$VESSEL_ROOT" VESSEL_RUN="$VESSEL_RUN" \
		strace -qq -o /dev/null -e "trace=$call" -e "inject=$call:signal=SIGKILL:when=$n" "$PROGRAM" "$@" \
		>/dev/null 2>&1 3>&- </dev/null; } 2>/dev/null || code=$?
	[ "$code" = 137 ]
}

# each_call SETUP CHECK STEP COMMAND...: CHECK is called after each kill.
each_call() {
	local setup="$1" check="$2" step="$3" call n kills=0
	shift 3
	[ -z "${VESSEL_TEST_ALL:-}" ] || step=1
	for call in mkdirat openat linkat renameat unlinkat pwrite64 vfork sendmsg; do
		n=$((1 + OFFSET % step))
		while :; do
			$setup
			killed_at_call "$call" "$n" "$@" || break
			kills=$((kills + 1))
			$check || { echo "after a kill at $call $n of: $*"; return 1; }
			n=$((n + step))
		done
		remove_all
	done
	echo "$kills kills"
	[ "$kills" -ge 5 ]
}

silent() {
	local said
	said="$("$VESSEL" "$@" 2>&1 >/dev/null)" && [ -z "$said" ] || { echo "vessel $*: $said"; return 1; }
}
intact() { silent ps -a && silent run --rm --network none "$IMAGE" true; }
intact_store() { silent images && silent import "$(box_tar)" after && silent run --rm --network none after true; }

remove_all() {
	local ids
	ids="$("$VESSEL" ps -aq)"
	# shellcheck disable=SC2086 # a list of ids
	[ -z "$ids" ] || timeout 20 "$VESSEL" rm -f -v $ids >/dev/null
}

# failed_at_call CALL:ERROR N COMMAND...: the n-th call of that name in each of its processes fails. Fails when there was none.
failed_at_call() {
	local call="${1%%:*}" error="${1##*:}" n="$2"
	shift 2
	# shellcheck disable=SC2086 # a command of several words
	$NET_ENTER env VESSEL_ROOT="$VESSEL_ROOT" VESSEL_RUN="$VESSEL_RUN" timeout -k 5 60 \
		strace -f -qq -o "$TEST_DIR/trace" -e "trace=$call" -e "inject=$call:error=$error:when=$n" "$PROGRAM" "$@" \
		>/dev/null 2>"$TEST_DIR/failed" 3>&- </dev/null
	[ $? != 124 ] || { echo "it hangs when $call number $n fails with $error: $*"; return 2; }
	grep -q INJECTED "$TEST_DIR/trace"
}

# each_failure CHECK STEP COMMAND...: CHECK is called after each failure of FAILURES; $prepare before each.
FAILURES="openat:EMFILE openat:ENOSPC mkdirat:ENOSPC write:ENOSPC pwrite64:EIO renameat:EIO linkat:ENOSPC fdatasync:EIO
	fsync:EIO clone3:EAGAIN fork:EAGAIN pipe2:EMFILE socketpair:EMFILE"
each_failure() {
	local check="$1" step="$2" failure n failures=0 code
	shift 2
	[ -z "${VESSEL_TEST_ALL:-}" ] || step=$(((step + 4) / 5))
	for failure in $FAILURES; do
		n=$((1 + OFFSET % step))
		while :; do
			${prepare:-nothing}
			code=0
			failed_at_call "$failure" "$n" "$@" || code=$?
			[ "$code" != 2 ] || return 1
			[ "$code" = 0 ] || break
			failures=$((failures + 1))
			$check || { echo "after a failure of $failure $n of: $*"; cat "$TEST_DIR/failed"; return 1; }
			n=$((n + step))
		done
	done
	echo "$failures failures"
	[ "$failures" -ge 5 ]
}
nothing() { :; }

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # status, output, stderr are bats's
# push where a login, a token's rights and certificates are wanted.
load helpers
load registry

setup() {
	registry_setup
	box_image "$IMAGE"
}
teardown() { registry_teardown; }

login() { "$VESSEL" login -u joe --password-stdin "$1" <<<secret >/dev/null 2>&1; }

@test "a registry with passwords: denied without a login, pushed to with one" {
	registry plain 127.0.0.1 5000 "$(passwords)"
	engine tag "$IMAGE" 127.0.0.1:5000/team/x
	engine_fails 1 push 127.0.0.1:5000/team/x
	assert_stderr_contains "push access denied for 127.0.0.1:5000/team/x"
	assert_stderr_match "hint: .*'vessel login 127.0.0.1:5000'"
	assert_short_stderr
	login 127.0.0.1:5000
	engine push 127.0.0.1:5000/team/x
	assert_match "[0-9a-f]{12}: Pushed"
	engine rmi -f "$IMAGE" 127.0.0.1:5000/team/x
	engine pull 127.0.0.1:5000/team/x
	[[ "$(cat "$TEST_DIR/plain.log")" != *secret* ]]
}

@test "a token service: a token is asked for with the right to push, and to read where layers are mounted from" {
	registry tokens 127.0.0.1 5000 "$(token_service 127.0.0.1 5080)"
	engine tag "$IMAGE" 127.0.0.1:5000/team/x
	engine_fails 1 push 127.0.0.1:5000/team/x
	assert_stderr_contains "push access denied for 127.0.0.1:5000/team/x"
	login 127.0.0.1:5000
	engine push 127.0.0.1:5000/team/x
	engine tag "$IMAGE" 127.0.0.1:5000/other
	: >"$TEST_DIR/tokens/log"
	engine push 127.0.0.1:5000/other
	assert_match "[0-9a-f]{12}: Mounted from team/x"
	run cat "$TEST_DIR/tokens/log"
	assert_match "repository(:|%3A)other(:|%3A)pull(,|%2C)push"
	assert_match "repository(:|%3A)team(/|%2F)x(:|%3A)pull"
	# One token for all of it.
	[ "$(grep -c other "$TEST_DIR/tokens/log")" = 1 ]
}

@test "TLS: an unknown authority is refused, a known one is not" {
	make_ca
	make_cert tls IP:127.0.0.1
	registry tls 127.0.0.1 5443
	engine tag "$IMAGE" 127.0.0.1:5443/x
	engine_fails 1 push 127.0.0.1:5443/x
	assert_short_stderr
	trust 127.0.0.1:5443
	engine push 127.0.0.1:5443/x
	assert_match "[0-9a-f]{12}: Pushed"
}

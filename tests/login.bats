#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Who we are to registries: login and logout, tokens, certificates, mirrors, proxies.
load helpers
load registry

setup() { registry_setup; }
teardown() { registry_teardown; }

login() { run --separate-stderr "$VESSEL" login "$@" <<<"${PASSWORD-secret}"; }
login_succeeds() {
	login -u joe --password-stdin "$@"
	[ "$status" -eq 0 ] || explain login "$@"
	assert_line "Login Succeeded"
}

@test "login with a password: stored for this registry, used for pull, and logout" {
	registry plain 127.0.0.1 5000 "$(passwords)"
	fill 127.0.0.1:5000/a/b --dest-creds joe:secret
	engine_fails 1 pull 127.0.0.1:5000/a/b
	assert_stderr_contains "127.0.0.1 wants a login"
	assert_stderr_contains "hint: use 'vessel login 127.0.0.1:5000'"
	login_succeeds 127.0.0.1:5000
	assert_stderr_contains "WARNING! Your credentials are stored unencrypted in '$DOCKER_CONFIG/config.json'."
	[ "$(stat -c %a "$DOCKER_CONFIG/config.json")" = 600 ]
	[ "$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["auths"])' "$DOCKER_CONFIG/config.json")" = \
		"{'127.0.0.1:5000': {'auth': 'am9lOnNlY3JldA=='}}" ]
	engine pull 127.0.0.1:5000/a/b
	engine images -q
	[ -n "$output" ]
	# Another user of the file format reads it as well.
	host skopeo inspect --tls-verify=false --authfile "$DOCKER_CONFIG/config.json" docker://127.0.0.1:5000/a/b >/dev/null
	engine login 127.0.0.1:5000
	assert_line "Login Succeeded"
	assert_stderr_contains "Authenticating with existing credentials... [Username: joe]"
	engine logout 127.0.0.1:5000
	assert_output "Removing login credentials for 127.0.0.1:5000"
	engine logout 127.0.0.1:5000
	assert_output "Not logged in to 127.0.0.1:5000"
	engine_fails 1 pull 127.0.0.1:5000/a/b
}

@test "a wrong password: one sentence, and nothing is stored" {
	registry plain 127.0.0.1 5000 "$(passwords)"
	PASSWORD=wrong login -u joe --password-stdin 127.0.0.1:5000
	[ "$status" -eq 1 ]
	assert_stderr_contains "login to 127.0.0.1:5000: unauthorized: "
	assert_short_stderr
	[[ "$stderr" != *wrong* ]]
	[ ! -e "$DOCKER_CONFIG/config.json" ]
	# What was stored before is not lost by it.
	login_succeeds 127.0.0.1:5000
	PASSWORD=wrong login -u joe --password-stdin 127.0.0.1:5000
	[ "$status" -eq 1 ]
	engine login 127.0.0.1:5000
	# A registry that is not there, and something else than a registry.
	login -u joe --password-stdin 127.0.0.1:1
	[ "$status" -eq 1 ]
	assert_stderr_contains "login to 127.0.0.1:1: "
	assert_stderr_contains "hint: check that the registry runs, and its port"
	mkdir "$TEST_DIR/www"
	host_serve 127.0.0.1:5001 "$TEST_DIR/www"
	login -u joe --password-stdin 127.0.0.1:5001
	[ "$status" -eq 1 ]
	assert_stderr_contains "it is no registry"
}

@test "flags of login, in docker's words" {
	engine_fails 1 login --password-stdin 127.0.0.1:5000
	assert_stderr_contains "the --password-stdin option requires --username to be set"
	engine_fails 1 login -u joe -p x --password-stdin 127.0.0.1:5000
	assert_stderr_contains "conflicting options: cannot specify both --password and --password-stdin"
	assert_stderr_contains "WARNING! Using --password via the CLI is insecure. Use --password-stdin."
	engine_fails 1 login -u "" 127.0.0.1:5000
	assert_stderr_contains "username is empty"
	engine_fails 1 login -u joe -p "" 127.0.0.1:5000
	assert_stderr_contains "password is empty"
	run --separate-stderr "$VESSEL" login -u joe 127.0.0.1:5000 </dev/null
	[ "$status" -eq 1 ]
	assert_stderr_contains "Error: Cannot perform an interactive login from a non TTY device"
	PASSWORD="" login -u joe --password-stdin 127.0.0.1:5000
	[ "$status" -eq 1 ]
	assert_stderr_contains "password is empty"
}

@test "a person at a terminal: the password is not shown, and the terminal is as before" {
	registry plain 127.0.0.1 5000 "$(passwords)"
	run python3 "$HERE/prompt.py" wait:Username: type:joe wait:Password: echo:off type:secret \
		-- "$VESSEL" login 127.0.0.1:5000
	assert_contains "Login Succeeded"
	assert_line "echo on"
	assert_line "exit 0"
	refute_contains secret
	"$VESSEL" logout 127.0.0.1:5000
	for signal in SIGINT SIGTERM SIGHUP; do
		run python3 "$HERE/prompt.py" wait:Username: type:joe wait:Password: echo:off "signal:$signal" \
			-- "$VESSEL" login 127.0.0.1:5000
		assert_line "echo on"
		assert_line "exit $((128 + $(kill -l "$signal")))"
	done
	[ ! -e "$DOCKER_CONFIG/config.json" ] || ! grep -q am9l "$DOCKER_CONFIG/config.json"
}

@test "the password is in no argument and no environment, and the file is replaced whole" {
	registry plain 127.0.0.1 5000 "$(passwords)"
	fill 127.0.0.1:5000/a/b --dest-creds joe:secret
	login_succeeds 127.0.0.1:5000
	command -v strace >/dev/null || skip "needs strace"
	run host env VESSEL_ROOT="$VESSEL_ROOT" VESSEL_RUN="$VESSEL_RUN" strace -f -qq -v -s 200 -e trace=execve,execveat \
		"$PROGRAM" pull 127.0.0.1:5000/a/b
	assert_contains vessel-transfer
	refute_contains secret
	refute_contains am9lOnNlY3JldA
	run host env VESSEL_ROOT="$VESSEL_ROOT" VESSEL_RUN="$VESSEL_RUN" strace -f -qq -e trace=openat,rename,renameat,renameat2 \
		"$PROGRAM" login -u joe -p secret 127.0.0.1:5000
	assert_match 'renameat2?\([0-9]+, "\.config\.json\.[0-9]+\.new", [0-9]+, "config\.json"'
	[[ ! "$output" =~ \"config\.json\",\ O_(WRONLY|RDWR) ]]
}

@test "config.json: what we do not know is kept; links; damage" {
	registry plain 127.0.0.1 5000 "$(passwords)"
	umask 0
	mkdir "$TEST_DIR/elsewhere"
	echo '{"psFormat":"x {{.ID}}","auths":{"other":{"auth":"YTpi","email":"e"}},"n":1.50}' >"$TEST_DIR/elsewhere/real.json"
	ln -s ../elsewhere/real.json "$DOCKER_CONFIG/config.json"
	login_succeeds 127.0.0.1:5000
	[ -L "$DOCKER_CONFIG/config.json" ]
	[ "$(stat -c %a "$TEST_DIR/elsewhere/real.json")" = 600 ]
	run python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); print(d["psFormat"], d["auths"]["other"], d["n"], list(d))' \
		"$TEST_DIR/elsewhere/real.json"
	assert_output "x {{.ID}} {'auth': 'YTpi', 'email': 'e'} 1.5 ['psFormat', 'auths', 'n']"
	# Somebody else's link is not followed for writing.
	cp "$TEST_DIR/elsewhere/real.json" "$TEST_DIR/before"
	chown -h 1234 "$DOCKER_CONFIG/config.json"
	login -u joe --password-stdin 127.0.0.1:5000
	[ "$status" -eq 1 ]
	assert_stderr_contains "is a symbolic link of user 1234"
	cmp "$TEST_DIR/before" "$TEST_DIR/elsewhere/real.json"
	# A damaged file is named, and left as it is.
	rm "$DOCKER_CONFIG/config.json"
	echo '{"auths": {' >"$DOCKER_CONFIG/config.json"
	login -u joe --password-stdin 127.0.0.1:5000
	[ "$status" -eq 1 ]
	assert_stderr_contains "$DOCKER_CONFIG/config.json is not valid JSON"
	engine_fails 1 logout 127.0.0.1:5000
	engine_fails 1 pull 127.0.0.1:5000/a/b
	assert_stderr_contains "$DOCKER_CONFIG/config.json"
	[ "$(cat "$DOCKER_CONFIG/config.json")" = '{"auths": {' ]
}

@test "many logins at once: none is lost" {
	registry plain 127.0.0.1 5000 "$(passwords)"
	local i pids=()
	for i in 1 2 3 4 5 6; do
		registry "r$i" 127.0.0.1 "510$i" "$(passwords)"
	done
	for i in 1 2 3 4 5 6; do
		"$VESSEL" login -u joe --password-stdin "127.0.0.1:510$i" <<<secret >/dev/null 2>&1 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	[ "$(grep -c am9lOnNlY3JldA "$DOCKER_CONFIG/config.json")" = 6 ]
}

helper_program() {
	mkdir -p "$TEST_DIR/bin" "$TEST_DIR/vault"
	cat >"$TEST_DIR/bin/docker-credential-test" <<-END
		#!/bin/sh
		echo "\$1" >>"$TEST_DIR/vault/log"
		input=\$(cat)
		case "\$1" in
		store) printf %s "\$input" >"$TEST_DIR/vault/kept" ;;
		get)
			[ -e "$TEST_DIR/vault/kept" ] || { echo "credentials not found in native keychain"; exit 1; }
			cat "$TEST_DIR/vault/kept" ;;
		erase) rm "$TEST_DIR/vault/kept" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
		esac
	END
	chmod +x "$TEST_DIR/bin/docker-credential-test"
	PATH="$TEST_DIR/bin:$PATH"
}

@test "a credential helper keeps the password, and the file does not" {
	registry plain 127.0.0.1 5000 "$(passwords)"
	fill 127.0.0.1:5000/a/b --dest-creds joe:secret
	helper_program
	echo '{"credHelpers":{"127.0.0.1:5000":"test"}}' >"$DOCKER_CONFIG/config.json"
	login_succeeds 127.0.0.1:5000
	[[ "$stderr" != *WARNING* ]]
	! grep -q am9l "$DOCKER_CONFIG/config.json"
	grep -qF '"Secret":"secret"' "$TEST_DIR/vault/kept"
	grep -qF '"ServerURL":"127.0.0.1:5000"' "$TEST_DIR/vault/kept"
	engine pull 127.0.0.1:5000/a/b
	engine logout 127.0.0.1:5000
	assert_output "Removing login credentials for 127.0.0.1:5000"
	[ ! -e "$TEST_DIR/vault/kept" ]
	engine_fails 1 pull 127.0.0.1:5000/a/b
	assert_stderr_contains "wants a login"
	# For all registries; none by that name; a name that is a path.
	echo '{"credsStore":"test"}' >"$DOCKER_CONFIG/config.json"
	login_succeeds 127.0.0.1:5000
	[ -e "$TEST_DIR/vault/kept" ]
	echo '{"credsStore":"nowhere"}' >"$DOCKER_CONFIG/config.json"
	engine_fails 1 pull 127.0.0.1:5000/a/b
	assert_stderr_contains "docker-credential-nowhere is not in \$PATH"
	echo '{"credsStore":"../../bin/test"}' >"$DOCKER_CONFIG/config.json"
	engine_fails 1 pull 127.0.0.1:5000/a/b
	assert_stderr_contains "is no name of a credential helper"
}

@test "the containers tools' auth.json is read when config.json has nothing" {
	registry plain 127.0.0.1 5000 "$(passwords)"
	fill 127.0.0.1:5000/a/b --dest-creds joe:secret
	export REGISTRY_AUTH_FILE="$TEST_DIR/auth.json"
	host skopeo login --tls-verify=false -u joe -p secret 127.0.0.1:5000 >/dev/null
	engine pull 127.0.0.1:5000/a/b
	# A part of a registry's name is not the registry.
	sed -i 's,127.0.0.1:5000,127.0.0.1:5000/x,' "$TEST_DIR/auth.json"
	engine_fails 1 pull 127.0.0.1:5000/a/b
}

@test "tokens: for the right that is needed, once, with the password for its service only" {
	registry tokens-registry 127.0.0.1 5000 "$(token_service 127.0.0.1 5001)"
	fill 127.0.0.1:5000/public/a --dest-creds joe:secret
	fill 127.0.0.1:5000/private/a --dest-creds joe:secret
	: >"$TEST_DIR/tokens/log"
	engine pull 127.0.0.1:5000/public/a
	[ "$(cut -d' ' -f1,2,3 "$TEST_DIR/tokens/log")" = "GET /token?service=test-service&scope=repository:public/a:pull -" ]
	engine_fails 1 pull 127.0.0.1:5000/private/a
	assert_stderr_contains "pull access denied for 127.0.0.1:5000/private/a"
	PASSWORD=wrong login -u joe --password-stdin 127.0.0.1:5000
	[ "$status" -eq 1 ]
	assert_stderr_contains "incorrect username or password"
	login_succeeds 127.0.0.1:5000
	: >"$TEST_DIR/tokens/log"
	engine pull 127.0.0.1:5000/private/a
	[ "$(cat "$TEST_DIR/tokens/log")" = \
		"GET /token?account=joe&service=test-service&scope=repository:private/a:pull Basic am9lOnNlY3JldA== " ]
	# The registry itself never sees the password.
	! grep -q am9lOnNlY3JldA "$TEST_DIR/tokens-registry.log"
}

@test "an identity token is kept instead of the password" {
	registry tokens-registry 127.0.0.1 5000 "$(token_service 127.0.0.1 5001)"
	fill 127.0.0.1:5000/private/a --dest-creds joe:secret
	: >"$TEST_DIR/tokens/identity"
	login_succeeds 127.0.0.1:5000
	grep -q '"identitytoken": *"refresh-of-joe"' "$DOCKER_CONFIG/config.json"
	! grep -q am9lOnNlY3JldA "$DOCKER_CONFIG/config.json"
	: >"$TEST_DIR/tokens/log"
	engine pull 127.0.0.1:5000/private/a
	assert_contains "127.0.0.1:5000/private/a"
	run cat "$TEST_DIR/tokens/log"
	assert_output "POST /token - grant_type=refresh_token&service=test-service&client_id=vessel&scope=repository:private/a:pull&refresh_token=refresh-of-joe"
	engine login 127.0.0.1:5000
	assert_line "Login Succeeded"
}

@test "TLS: an authority of certs.d, its mistakes, and our own certificate" {
	make_ca ca
	make_cert good IP:127.0.0.1
	registry good 127.0.0.1 5443
	fill 127.0.0.1:5443/a
	engine_fails 1 pull 127.0.0.1:5443/a
	assert_stderr_contains "https://127.0.0.1:5443/v2/a/manifests/latest: the certificate's authority is not known here"
	assert_stderr_contains "hint: if you trust it, put its authority's certificate into /etc/docker/certs.d/127.0.0.1:5443/ca.crt"
	trust 127.0.0.1:5443
	engine pull 127.0.0.1:5443/a
	# By a link to elsewhere, as people have it.
	rm "$VESSEL_CERTS_DIR/127.0.0.1:5443/ca.crt"
	ln -s "$TEST_DIR/ca.crt" "$VESSEL_CERTS_DIR/127.0.0.1:5443/ca.crt"
	engine pull 127.0.0.1:5443/a
	SSL_CERT_FILE="$TEST_DIR/ca.crt" VESSEL_CERTS_DIR=/dev/null/none engine pull 127.0.0.1:5443/a
	# The name must be the certificate's.
	trust localhost:5443
	engine_fails 1 pull localhost:5443/a
	assert_stderr_contains "the certificate is not for the name localhost"
	# A half of a pair.
	: >"$VESSEL_CERTS_DIR/127.0.0.1:5443/me.cert"
	engine_fails 1 pull 127.0.0.1:5443/a
	assert_stderr_contains "me.cert is there without me.key"
	rm "$VESSEL_CERTS_DIR/127.0.0.1:5443/me.cert"
	# A registry that wants to know who we are.
	stop_serving good
	make_cert client DNS:client
	CLIENT_CA="$TEST_DIR/ca.crt" registry good 127.0.0.1 5444
	trust 127.0.0.1:5444
	engine_fails 1 pull 127.0.0.1:5444/a
	cp "$TEST_DIR/client.crt" "$VESSEL_CERTS_DIR/127.0.0.1:5444/me.cert"
	cp "$TEST_DIR/client.key" "$VESSEL_CERTS_DIR/127.0.0.1:5444/me.key"
	engine pull 127.0.0.1:5444/a
}

@test "TLS: expired, not yet valid, signed by itself: each says so, none is tried without" {
	make_ca ca
	make_cert old IP:127.0.0.1 -startdate 20200101000000Z -enddate 20210101000000Z
	make_cert new IP:127.0.0.1 -startdate 20900101000000Z -enddate 20910101000000Z
	openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=self -addext subjectAltName=IP:127.0.0.1 -days 3 \
		-keyout "$TEST_DIR/self.key" -out "$TEST_DIR/self.crt" 2>/dev/null
	registry old 127.0.0.1 5445
	registry new 127.0.0.1 5446
	registry self 127.0.0.1 5447
	trust 127.0.0.1:5445
	trust 127.0.0.1:5446
	engine_fails 1 pull 127.0.0.1:5445/a
	assert_stderr_contains "the certificate has expired; here it is $(date +%Y-%m-%d)"
	engine_fails 1 pull 127.0.0.1:5446/a
	assert_stderr_contains "the certificate is not valid yet; here it is $(date +%Y-%m-%d)"
	engine_fails 1 pull 127.0.0.1:5447/a
	assert_stderr_contains "the certificate is signed by itself"
	login -u joe --password-stdin 127.0.0.1:5447
	[ "$status" -eq 1 ]
	! grep -q "GET\|Authorization" "$TEST_DIR/self.log"
}

@test "TLS: nothing older than 1.2" {
	make_ca ca
	make_cert good IP:127.0.0.1
	trust 127.0.0.1:5449
	serve old openssl s_server -accept 127.0.0.1:5449 -cert "$TEST_DIR/good.crt" -key "$TEST_DIR/good.key" -www -tls1_1 \
		-cipher DEFAULT@SECLEVEL=0
	wait_until answers 127.0.0.1 5449
	engine_fails 1 pull 127.0.0.1:5449/a
	assert_stderr_match "https://127.0.0.1:5449/.*(protocol|alert|version)"
	login -u joe --password-stdin 127.0.0.1:5449
	[ "$status" -eq 1 ]
}

@test "plain http is for this host, and for what was declared insecure" {
	registry plain "$HOST_IP" 5000 "$(passwords)"
	fill "$HOST_IP:5000/a" --dest-creds joe:secret
	: >"$TEST_DIR/plain.log"
	login -u joe --password-stdin "$HOST_IP:5000"
	[ "$status" -eq 1 ]
	assert_stderr_contains "hint: if it speaks plain http only, declare it insecure"
	! grep -q '"GET ' "$TEST_DIR/plain.log"
	printf '[[registry]]\nlocation = "%s:5000"\ninsecure = true\n' "$HOST_IP" >"$VESSEL_REGISTRIES_CONF"
	login_succeeds "$HOST_IP:5000"
	engine pull "$HOST_IP:5000/a"
	echo >"$VESSEL_REGISTRIES_CONF"
	engine_fails 1 pull "$HOST_IP:5000/a"
	echo '{"insecure-registries":["198.51.100.0/24"]}' >"$VESSEL_DAEMON_JSON"
	engine pull "$HOST_IP:5000/a"
}

@test "registries.conf: mirrors in order, then the registry; blocked; and errors by line" {
	registry home 127.0.0.1 5000 "$(passwords)"
	registry mirror 127.0.0.1 5002
	fill 127.0.0.1:5000/a/b --dest-creds joe:secret
	login_succeeds 127.0.0.1:5000
	cat >"$VESSEL_REGISTRIES_CONF" <<-END
		unqualified-search-registries = ["example.com"] # no effect
		[[registry]]
		prefix = "127.0.0.1:5000/a"
		location = "127.0.0.1:5000/a"
		[[registry.mirror]]
		location = "127.0.0.1:1/nobody"
		[[registry.mirror]]
		location = "127.0.0.1:5002/copy"
	END
	# Neither mirror has it.
	engine pull 127.0.0.1:5000/a/b
	grep -q '"GET /v2/copy/b/manifests/latest' "$TEST_DIR/mirror.log"
	! grep -qi "am9lOnNlY3JldA" "$TEST_DIR/mirror.log"
	# The second one has it: the registry is not asked.
	engine rmi 127.0.0.1:5000/a/b
	fill 127.0.0.1:5002/copy/b
	: >"$TEST_DIR/home.log"
	engine pull 127.0.0.1:5000/a/b
	! grep -q '/v2/a/b' "$TEST_DIR/home.log"
	# Nobody has it: each one's reason.
	engine_fails 1 pull 127.0.0.1:5000/a/none
	assert_stderr_match "manifests/latest: HTTP status 404.*mirrors failed before: .*127.0.0.1:1/v2/nobody/none.*; .*127.0.0.1:5002/v2/copy/none"
	# docker.io by docker's own list.
	: >"$VESSEL_REGISTRIES_CONF"
	fill 127.0.0.1:5002/library/tiny
	echo '{"registry-mirrors":["https://127.0.0.1:5002/"]}' >"$VESSEL_DAEMON_JSON"
	engine pull tiny
	assert_contains "docker.io/library/tiny:latest"
	# Blocked, also from a file of the folder.
	mkdir "$VESSEL_REGISTRIES_CONF.d"
	printf '[[registry]]\nprefix = "*.example.com"\nblocked = true\n' >"$VESSEL_REGISTRIES_CONF.d/10-no.conf"
	engine_fails 1 pull evil.example.com/x
	assert_stderr_contains "registry *.example.com is blocked by registries.conf"
	printf '[[registry]]\nlocation = "x"\nblocked = yes\n' >"$VESSEL_REGISTRIES_CONF.d/20-bad.conf"
	engine_fails 1 pull tiny
	assert_stderr_contains "20-bad.conf:3: a value was expected"
}

@test "a mirror that lies is not believed" {
	registry home 127.0.0.1 5000
	fill 127.0.0.1:5000/a
	# The manifest is right, the layer's bytes are not.
	STORAGE=evil registry evil 127.0.0.1 5002
	fill 127.0.0.1:5002/a
	local layer file
	layer="$(sha256sum "$TEST_DIR"/layout/blobs/sha256/* | sort | head -n 1)"
	for file in "$TEST_DIR"/storage-evil/docker/registry/v2/blobs/sha256/*/*/data; do
		[ "$(head -c 2 "$file" | od -An -tx1)" = " 1f 8b" ] || continue
		printf 'X' | dd of="$file" bs=1 seek=20 conv=notrunc status=none
		layer="$file"
	done
	[[ "$layer" == *storage-evil* ]]
	printf '[[registry]]\nlocation = "127.0.0.1:5000"\n[[registry.mirror]]\nlocation = "127.0.0.1:5002"\n' >"$VESSEL_REGISTRIES_CONF"
	engine pull 127.0.0.1:5000/a
	grep -q "/v2/a/blobs/sha256:" "$TEST_DIR/evil.log"
	grep -q "/v2/a/blobs/sha256:" "$TEST_DIR/home.log"
	engine images -q
	[ -n "$output" ]
}

@test "what goes wrong is one sentence with the reference, the host, and what to do" {
	registry plain 127.0.0.1 5000
	local name pattern hint
	while IFS='|' read -r name pattern hint; do
		engine_fails 1 pull "$name"
		assert_short_stderr
		assert_stderr_match "$name.*$pattern"
		assert_stderr_contains "hint: $hint"
	done <<-END
		nowhere.invalid/x|https://nowhere.invalid/v2/x/manifests/latest: .*[Rr]esolv|check
		127.0.0.1:1/x|127.0.0.1:1/v2/x/manifests/latest: .*connect|check that the registry runs, and its port
		198.51.100.99:5000/x|https://198.51.100.99:5000/v2/x/manifests/latest: |check
		127.0.0.1:5000/none|not found: http://127.0.0.1:5000/v2/none/manifests/latest: HTTP status 404: MANIFEST_UNKNOWN|check the name and the tag
	END
	[ -z "$(find "$VESSEL_ROOT/blobs" -type f)" ]
}

@test "proxies: CONNECT for https, by name of the environment, not for this host" {
	make_ca ca
	make_cert good "IP:$LAN_IP"
	ON=lan registry good "$LAN_IP" 5443
	ON=lan fill "$LAN_IP:5443/a"
	ON=lan registry plain "$LAN_IP" 5000
	trust "$LAN_IP:5443"
	printf '[[registry]]\nlocation = "%s:5000"\ninsecure = true\n' "$LAN_IP" >"$VESSEL_REGISTRIES_CONF"
	registry here 127.0.0.1 5001
	serve proxy python3 "$HERE/proxy.py" "$TEST_DIR/proxied" 127.0.0.1 3128
	wait_until answers 127.0.0.1 3128
	: >"$TEST_DIR/proxied"
	HTTPS_PROXY=http://127.0.0.1:3128 engine pull "$LAN_IP:5443/a"
	grep -qx "CONNECT $LAN_IP:5443" "$TEST_DIR/proxied"
	: >"$TEST_DIR/proxied"
	HTTPS_PROXY=http://127.0.0.1:3128 NO_PROXY="$LAN_IP" engine pull "$LAN_IP:5443/a"
	https_proxy=http://127.0.0.1:3128 no_proxy="198.51.100.0/24" engine pull "$LAN_IP:5443/a"
	HTTP_PROXY=http://127.0.0.1:3128 HTTPS_PROXY=http://127.0.0.1:3128 engine_fails 1 pull 127.0.0.1:5001/none
	[ ! -s "$TEST_DIR/proxied" ]
	# The proxy is in the way of TLS too, which an insecure registry does without.
	HTTP_PROXY=http://127.0.0.1:3128 engine_fails 1 pull "$LAN_IP:5000/none"
	grep -q "^GET http://$LAN_IP:5000/v2/none/manifests/latest" "$TEST_DIR/proxied"
	HTTPS_PROXY=http://joe:hush@127.0.0.1:9 engine_fails 1 pull "$LAN_IP:5443/a"
	[[ "$stderr" != *hush* ]]
}

@test "HTTP/2 where the server has it" {
	command -v nginx >/dev/null || skip "needs nginx"
	make_ca ca
	make_cert good IP:127.0.0.1
	trust 127.0.0.1:5448
	registry plain 127.0.0.1 5000
	fill 127.0.0.1:5000/a
	mkdir "$TEST_DIR/nginx"
	cat >"$TEST_DIR/nginx.conf" <<-END
		daemon off;
		pid $TEST_DIR/nginx/pid;
		error_log $TEST_DIR/nginx/error;
		events {}
		http {
			log_format short '\$server_protocol \$connection \$request_method \$uri \$status';
			access_log $TEST_DIR/nginx/access short;
			client_body_temp_path $TEST_DIR/nginx/b;
			proxy_temp_path $TEST_DIR/nginx/p;
			fastcgi_temp_path $TEST_DIR/nginx/f;
			uwsgi_temp_path $TEST_DIR/nginx/u;
			scgi_temp_path $TEST_DIR/nginx/s;
			server {
				listen 127.0.0.1:5448 ssl http2;
				ssl_certificate $TEST_DIR/good.crt;
				ssl_certificate_key $TEST_DIR/good.key;
				location / { proxy_pass http://127.0.0.1:5000; proxy_set_header Host \$http_host; }
			}
		}
	END
	serve nginx nginx -c "$TEST_DIR/nginx.conf" -e "$TEST_DIR/nginx/error"
	wait_until answers 127.0.0.1 5448
	engine pull 127.0.0.1:5448/a
	run cat "$TEST_DIR/nginx/access"
	assert_match 'HTTP/2.0 [0-9]+ GET /v2/a/manifests/latest 200'
	assert_match 'HTTP/2.0 [0-9]+ GET /v2/a/blobs/sha256:[0-9a-f]+ 200'
	refute_contains "HTTP/1"
	stop_serving nginx
}

@test "the helper is confined: no file of others, no program, few system calls" {
	registry plain 127.0.0.1 5000
	fill 127.0.0.1:5000/a
	command -v strace >/dev/null || skip "needs strace"
	run host env VESSEL_ROOT="$VESSEL_ROOT" VESSEL_RUN="$VESSEL_RUN" strace -f -qq -o "$TEST_DIR/trace" \
		-e trace=seccomp,landlock_restrict_self,capset "$PROGRAM" pull 127.0.0.1:5000/a
	[ "$status" -eq 0 ]
	grep -q 'seccomp(SECCOMP_SET_MODE_FILTER' "$TEST_DIR/trace"
	if grep -q landlock_restrict_self "$TEST_DIR/trace"; then
		! grep 'landlock_restrict_self.*= -1' "$TEST_DIR/trace"
	fi
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A hostile registry (tests/hostile/registry.py): the threat catalogue's part 1D and rows C2, C3 of 1C, and the contract of how
# registries are talked to (3.4). What row a test is about stands before its name; the oracles are in helpers-hostile.bash.
#
# What is proven beside the code and not repeated here:
#   D1, D14   digests and references, character by character     oci/digest_test.c, oci/reference_test.c
#   D2, D3, D9  documents member by member                       oci/image_test.c; names twice: base/text_test.c
#   D6        realms                                             registry/origin_test.c: knows_where_not_to_go
#   D7        what an origin is                                  registry/origin_test.c: an_origin_is_all_three
#   D10, 3.4  pauses, Content-Range, Retry-After, the words of errors   registry/http_test.c; answer by answer: exchange_test.c
load helpers
load helpers-hostile

setup_file() { hostile_setup_file; }
teardown_file() { hostile_teardown_file; }
setup() {
	hostile_setup
	export DOCKER_CONFIG="$TEST_DIR/t/docker"
	mkdir -m 700 "$DOCKER_CONFIG"
}
teardown() { hostile_teardown; }

TOKEN=token-of-the-test-0123456789abcdef
LOGIN_NAME=alice
LOGIN_WORD=password-of-the-test-0123456789
LAN_AT="$HOST_IP:5443" # not this host's loopback, so TLS it is

refused() { drive pulls refuse "$AT" "$@"; }
taken() { drive pulls take "$AT" "$@"; }
# The registry still serves who comes next.
good_again() { engine pull -q "$AT/good"; }
needs_login() { has_command login || skip "needs vessel login"; }
log_in_by_file() { # HOST...
	python3 - "$DOCKER_CONFIG/config.json" "$LOGIN_NAME:$LOGIN_WORD" "$@" <<-'END'
		import base64, json, sys
		auth = base64.b64encode(sys.argv[2].encode()).decode()
		json.dump({"auths": {host: {"auth": auth} for host in sys.argv[3:]}}, open(sys.argv[1], "w"))
	END
	chmod 600 "$DOCKER_CONFIG/config.json"
}
# No secret went where it must not: to a port, or in the clear.
never_told() { # PORT...
	local port
	for port in "$@"; do
		[ -z "$(asked port="$port" | grep -iE "authorization|$TOKEN|$LOGIN_WORD|$(printf '%s' "$LOGIN_NAME:$LOGIN_WORD" | base64)")" ] ||
			{ echo "a secret was told to port $port:"; asked port="$port"; return 1; }
	done
}

# ---- C: the same archives' rows, of what stands around them ----

@test "C3 what was downloaded or unpacks is not what was said: nothing is tagged" {
	local name
	refused swap-layers "diff-ids*" layer-missing config-missing
	[ "$(count_asked case=layer-missing kind=other)" = 1 ] # not there is not there
	good_again
}

@test "C3 one bit is another: asked for once more, then an error with both digests" {
	local digest
	bound "$VESSEL" pull -q "$AT/flip-layer"
	[ "$code" = 1 ]
	[ "$(count_asked case=flip-layer kind=layer)" = 2 ]
	digest="$(asked case=flip-layer kind=layer | head -n 1 | grep -oE 'sha256:[0-9a-f]{64}')"
	[ "$(grep -oE 'sha256:[0-9a-f]{64}' <<<"$output" | sort -u | wc -l)" = 2 ]
	assert_contains "$digest"
	assert_contains "127.0.0.1:5000"
	asked case=flip-layer kind=layer | tail -n 1 >"$TEST_DIR/t/second"
	! grep -q '"range"' "$TEST_DIR/t/second"
	bound "$VESSEL" pull -q "$AT/flip-config"
	[ "$code" = 1 ]
	engine images -q
	assert_output ""
	good_again
	# Wrong once is not wrong for ever.
	taken wrong-once
}

@test "C2 load: what an archive of images says is looked up in it and nowhere else" {
	has_command load || skip "needs vessel load"
	export CANARY="$TEST_DIR/t/host"
	canary_make
	canary_now >"$TEST_DIR/canary"
	python3 "$HOSTILE/load.py" "$CANARY" "$TEST_DIR/t/loads"
	local file
	set --
	for file in "$TEST_DIR"/t/loads/bad-*.tar; do set -- "$@" "$file"; done
	drive loads refuse "$@"
	engine images -aq
	assert_output ""
	drive loads take "$TEST_DIR"/t/loads/good-*.tar
	canary_unchanged
	canary_kept_by "$VESSEL_ROOT"
	unset CANARY
}

# ---- D ----

@test "D1 digests that are none: refused before a file or a URL is made of them" {
	local before
	refused "digest/*"
	# What went over the wire is made of digests only.
	run python3 -c '
import json, re, sys
for line in open(sys.argv[1]):
    entry = json.loads(line)
    if entry["event"] == "request" and not re.fullmatch(r"/v2/[a-z0-9/-]+/(manifests/(latest|sha256:[0-9a-f]{64})|blobs/sha256:[0-9a-f]{64})",
                                                        entry["path"]):
        print(entry["path"][:200])' "$REGISTRY/log"
	assert_output ""
	before="$(connections 5000)"
	local digest
	for digest in sha256:../../../../etc/passwd "sha256:$(printf '%064d' 0)%2f.." "sha256:$(printf 'A%.0s' {1..64})" "sha256:$(printf '%063d' 0)" \
		"sha256:$(printf '%065d' 0)" "md5:$(printf '%064d' 0)" sha256: "" "sha256:$(head -c 100000 /dev/zero | tr '\0' a)"; do
		bound "$VESSEL" pull -q "$AT/good@$digest"
		[ "$code" != 0 ]
	done
	[ "$(connections 5000)" = "$before" ]
}

@test "D2 one document, two meanings: refused, whatever type it is sent as" {
	refused "type/*"
	# The same bytes as a manifest and then as an index: neither.
	for _ in 1 2; do
		bound "$VESSEL" pull -q "$AT/type-flips"
		[ "$code" = 1 ]
	done
	good_again
}

@test "D3 JSON that readers disagree on is refused; what is good, otherwise written, is taken" {
	refused "json/manifest/*" "json/config/*"
	taken "json/good/*"
}

@test "D4 bodies without an end: read to the cap and no further, in flat memory" {
	local kind
	export BOUND_KIB=49152
	refused endless/index endless/manifest endless/config endless/layer endless/error endless/token
	# The caps: 4 MiB for documents, 1 MiB for a token; what the sockets hold comes on top of it.
	for kind in index manifest; do assert_between "bytes sent for $kind" "$(sent_bytes "endless/$kind" "$kind")" 1000000 12000000; done
	assert_between "bytes sent for a token" "$(sent_bytes endless/token token)" 500000 9000000
	assert_between "bytes sent for a config" "$(sent_bytes endless/config config)" 0 8000000
	assert_between "bytes sent for a layer" "$(sent_bytes endless/layer layer)" 0 8000000
	refused large/manifest
}

@test "D4 documents at their caps, and over them" {
	taken large/fits
	refused large/config large/entries large/layers
}

@test "D5 a descriptor's urls are asked for nothing" {
	taken urls/layer urls/config urls/index urls/data
	refused urls/gone urls/foreign
	[ "$(connections 6000)" = 0 ]
	[ "$(connections 6443)" = 0 ]
}

@test "D6 a realm elsewhere, in the clear or at a bare address is refused, and nobody learns a thing" {
	[ "$NET_NAME" ] || skip "needs a network of its own"
	AT="$LAN_AT"
	log_in_by_file "$LAN_AT"
	local name
	for name in clear metadata metadata-clear loopback localhost address number file user long nothing ftp relative crlf self-clear; do
		set -- "$@" "realm/$name"
	done
	refused "$@"
	[ "$(connections 6000) $(connections 6443) $(connections 80) $(connections 443)" = "0 0 0 0" ]
	[ "$(connections 5000)" = 0 ]
	never_told 5000 6000 6443 80 443
	# A registry without TLS on the loopback: its realm may not be the network's.
	AT=127.0.0.1:5000
	refused realm/clear realm/metadata-clear
	[ "$(connections 6000) $(connections 80)" = "0 0" ]
}

@test "D6 a realm that is good: one token, asked for what is needed and no more" {
	AT="$LAN_AT"
	bound "$VESSEL" pull -q "$AT/realm/good"
	[ "$code" = 0 ] || { echo "$output"; return 1; }
	[ "$(count_asked kind=token)" = 1 ]
	# The challenge had a scope for another repository, with push.
	asked kind=token >"$TEST_DIR/t/tokens"
	run cat "$TEST_DIR/t/tokens"
	refute_contains push
	refute_contains other
	assert_contains "realm/good"
	bound "$VESSEL" pull -q "$AT/realm/basic"
	[ "$code" = 1 ]
	never_told 5000 6000 6443
}

@test "D6 answers of a token service that are no token" {
	refused "token/*" realm/refused
	[ "$(asked kind=token | grep -c '"case": "realm/refused"')" = 1 ]
	[ -z "$(asked | grep -i '"x-evil"')" ]
}

@test "D7 a redirect takes no authorization to another origin, whichever kind and status" {
	AT="$LAN_AT"
	taken "redirect/manifest/30*" "redirect/layer/30*" "redirect/config/30*" redirect/elsewhere redirect/relative redirect/back
	[ "$(count_asked port=6443)" -ge 15 ]
	never_told 5000 6000 6443
	# To the registry itself it went.
	[ "$(asked port=5443 kind=layer | grep -c "$TOKEN")" -ge 5 ]
	# A token service that redirects.
	refused realm/redirects || taken realm/redirects
	never_told 5000 6000 6443
}

@test "D7 from https to http is refused, and so are URLs that are none of ours" {
	AT="$LAN_AT"
	refused redirect/clear
	[ "$(connections 5000)" = 0 ]
	refused "redirect/bad/*"
	[ "$(connections 80) $(connections 443) $(connections 6000)" = "0 0 0" ]
	[ -z "$(asked | grep -i '"x-evil"')" ]
}

@test "D7 D10 five redirects are followed and not six" {
	taken endless/redirect # its text is not for us
	taken redirect/five
	refused redirect/six
	[ "$(count_asked case=redirect/six kind=layer)" = 6 ]
	[ "$(count_asked case=redirect/bad/loop kind=layer)" = 0 ]
	refused redirect/bad/loop
	[ "$(count_asked case=redirect/bad/loop kind=layer)" -le 6 ]
}

@test "D8 certificates: of nobody, expired, of another name, and TLS that is too old" {
	local port
	log_in_by_file "$HOST_IP:5444" "$HOST_IP:5445" "$HOST_IP:5446" "$HOST_IP:5447"
	for port in 5444 5445 5446 5447; do
		bound "$VESSEL" pull -q "$HOST_IP:$port/good"
		[ "$code" = 1 ]
		assert_contains "$HOST_IP:$port"
		[ -z "$(asked port="$port")" ] || { echo "port $port was asked"; return 1; }
	done
	# Without the authority that we trust, the good one is nobody's.
	SSL_CERT_FILE=/dev/null bound "$VESSEL" pull -q "$LAN_AT/good"
	[ "$code" = 1 ]
	[ -z "$(asked)" ]
	bound "$VESSEL" pull -q "$LAN_AT/good"
	[ "$code" = 0 ]
}

@test "D8 no http where https failed, unless it is this host; and never with a login that was for https" {
	log_in_by_file "$HOST_IP:5448" "$HOST_IP:5000"
	local at
	for at in "$HOST_IP:5448" "$HOST_IP:5000"; do
		bound "$VESSEL" pull -q "$at/good"
		[ "$code" = 1 ]
	done
	[ -z "$(asked)" ]
	# Of this host, as docker has it.
	good_again
	# A certificate that is not trusted is no reason for http, not even here.
	bound "$VESSEL" pull -q 127.0.0.1:5444/good
	[ "$code" = 1 ]
	[ -z "$(asked port=5444)" ]
}

@test "D9 configurations and manifests that are none: an error, not a crash" {
	refused "config/bad/*" "manifest/bad/*"
	drive pulls either "$AT" "config/odd/*"
	good_again
}

@test "D10 slow, silent, and stopping in the middle" {
	needs_scale
	local kind
	refused slow/layer slow/manifest slow/config slow/index
	for kind in layer manifest config; do [ "$(count_asked case="slow/$kind" kind="$kind")" = 2 ]; done
	# Who has not answered at all yet need not be asked again.
	assert_between "requests" "$(count_asked case=slow/index kind=index)" 1 2
	taken slow/stops
}

@test "D10 3.4 broken off anywhere: it goes on from there" {
	taken "break/reset-*" "break/end-*" break/config
	local percent
	for percent in 10 50 99; do
		asked "case=break/reset-$percent" kind=layer >"$TEST_DIR/t/twice"
		[ "$(wc -l <"$TEST_DIR/t/twice")" = 2 ]
		# The second time only for the rest.
		tail -n 1 "$TEST_DIR/t/twice" | grep -qE '"range": "bytes=[1-9][0-9]*-"' || { cat "$TEST_DIR/t/twice"; return 1; }
	done
}

@test "D10 3.4 a broken line is tried again five times, and not for ever" {
	needs_scale
	taken break/five-times
	refused break/always
	assert_between "requests" "$(count_asked case=break/always kind=layer)" 4 7
}

@test "D10 3.4 lengths that are not true" {
	refused length/extra length/extra-chunked
	[ "$(count_asked case=length/extra kind=layer)" = 1 ]
	[ "$(count_asked case=length/extra-chunked kind=layer)" = 1 ]
	assert_between "bytes that were sent" "$(sent_bytes length/extra-chunked layer)" 0 5300000
	# One byte too few is told, and all bytes are there: it may be taken.
	drive pulls either "$AT" length/more
	if knows_scale; then
		refused length/less length/empty
		drive pulls either "$AT" length/manifest-less
	fi
	good_again
}

@test "D10 3.4 answers to a range that are not what was asked: begun again, and never mixed" {
	taken "range/*"
}

@test "D10 Content-Encoding was not asked for, and a bomb in it does nothing" {
	export BOUND_KIB=49152
	refused "encoded/*"
	[ -z "$(asked | grep -i '"accept-encoding": "[^"]*gzip')" ]
}

@test "D10 headers without an end, junk, and no answer at all" {
	export BOUND_KIB=49152
	if knows_scale; then
		refused "headers/*" "answer/*"
	else
		refused headers/1-mib
	fi
	good_again
}

@test "D10 3.4 too many requests: waited for as it says, within limits" {
	taken busy/0 busy/past busy/junk busy/none
	local name
	for name in 0 past junk none; do [ "$(count_asked case="busy/$name")" -ge 2 ]; done
	needs_scale
	taken busy/5 busy/1e9
	refused busy/always
	bound "$VESSEL" pull "$AT/busy/always"
	assert_contains TOOMANYREQUESTS
	[ "${#output}" -lt 2000 ]
}

@test "3.4 what is ill is asked again, what is refused is not" {
	taken "ill/50*" ill/three
	[ "$(count_asked case=ill/three kind=layer)" = 4 ]
	refused "refuses/4*" "refuses/5*" "refuses-blob/4*"
	local status_
	for status_ in 400 402 403 404 405 410 418 501 505; do [ "$(count_asked case="refuses/$status_")" = 1 ]; done
	refused refuses/204 refuses/200-empty
	# In the registry's words, at most 1 KiB of them and nothing for the terminal.
	bound "$VESSEL" pull "$AT/refuses/403"
	assert_contains "words of the registry"
	bound "$VESSEL" pull "$AT/refuses/1-mib"
	[ "${#output}" -lt 2000 ]
	needs_scale
	refused ill/always
	assert_between "requests" "$(count_asked case=ill/always)" 5 7
}

@test "3.4 a token that is refused in the middle is asked for again, once" {
	taken realm/expires
	assert_between "tokens" "$(asked kind=token | grep -c realm/expires)" 1 2
	[ "$(count_asked case=realm/expires kind=layer)" = 2 ]
}

@test "3.4 at most six blobs at a time, and one token for all of them" {
	taken many
	[ "$(count_asked case=many kind=layer)" = 12 ]
	run python3 -c '
import json, sys
print(max(e["active"] for e in map(json.loads, open(sys.argv[1])) if e["event"] == "request" and e["case"] == "many"))' "$REGISTRY/log"
	assert_between "at a time" "$output" 2 6
}

@test "3.4 a broken pull leaves a part that the next one goes on from" {
	# Reset in the middle, and then refused for good.
	refused stays
	[ "$(count_asked case=stays kind=layer)" = 2 ]
	[ -d "$VESSEL_ROOT/partial" ] || skip "needs resume between pulls"
	[ -n "$(find "$VESSEL_ROOT/partial" -type f -size +1k)" ]
	taken stays
	[ "$(count_asked case=stays kind=layer)" = 3 ]
	asked case=stays kind=layer | tail -n 1 | grep -q '"range": "bytes=[1-9]'
	# A part that is not what was sent is found out, and all of it comes again.
	refused spoiled
	find "$VESSEL_ROOT/partial" -type f -size +1k -exec sh -c 'printf x | dd of="$0" bs=1 seek=100 conv=notrunc status=none' {} ';'
	taken spoiled
	asked case=spoiled kind=layer | tail -n 1 >"$TEST_DIR/t/last"
	! grep -q '"range"' "$TEST_DIR/t/last"
	[ -z "$(find "$VESSEL_ROOT/partial" -type f)" ]
}

@test "D11 a digest names what was asked for, and makes no tag" {
	local digest
	good_again
	digest="$(asked case=good kind=manifest | tail -n 1 | wc -c)" # there is a log
	[ "$digest" -gt 1 ]
	digest="$(python3 - "$VESSEL_ROOT/index.json" <<-'END'
		import json, sys
		print(json.load(open(sys.argv[1]))["manifests"][0]["digest"])
	END
	)"
	engine rmi "$AT/good"
	engine pull -q "$AT/good@$digest"
	engine images --format '{{.Repository}}:{{.Tag}}'
	refute_contains latest
	engine pull -q "$AT/good:some@$digest"
	engine images --format '{{.Repository}}:{{.Tag}}'
	refute_contains latest
	# Another manifest than the one that was named.
	bound "$VESSEL" pull -q "$AT/two@$digest"
	[ "$code" = 1 ]
	bound "$VESSEL" pull -q "$AT/two:latest@$digest"
	[ "$code" = 1 ]
}

@test "D11 load does not silently take a tag from what was pulled" {
	has_command load || skip "needs vessel load"
	good_again
	mkdir "$TEST_DIR/t/loads"
	python3 "$HOSTILE/load.py" --tag "$AT/good:latest" >"$TEST_DIR/t/loads/tag.tar"
	engine load -i "$TEST_DIR/t/loads/tag.tar"
	[[ "$output$stderr" == *"$AT/good:latest"* ]]
}

@test "D12 tokens and passwords are in no output, no file of ours, no image" {
	AT="$LAN_AT"
	log_in_by_file "$LAN_AT"
	bound "$VESSEL" -D -l debug pull "$AT/realm/good"
	[ "$code" = 0 ]
	refute_contains "$TOKEN"
	bound "$VESSEL" -D -l debug pull "$AT/realm/refused"
	refute_contains "$LOGIN_WORD"
	bound "$VESSEL" -D -l debug pull "$AT/redirect/clear"
	refute_contains "$TOKEN"
	engine inspect "$AT/realm/good"
	refute_contains "$TOKEN"
	if has_command history; then
		engine history --no-trunc "$AT/realm/good"
		refute_contains "$TOKEN"
	fi
	! grep -rlF -e "$TOKEN" -e "$LOGIN_WORD" "$VESSEL_ROOT" "$VESSEL_RUN"
	# Nor in an argument, which every user of this machine can read.
	if has_command login; then
		printf '%s' "$LOGIN_WORD" | "$VESSEL" login -u "$LOGIN_NAME" --password-stdin "$LAN_AT" >"$TEST_DIR/t/login" 2>&1 || true
		! grep -qF -- "$LOGIN_WORD" "$TEST_DIR/t/login"
	fi
}

@test "D13 the file with logins: 0600 whatever the umask, replaced whole, no link followed" {
	needs_login
	local config="$DOCKER_CONFIG/config.json"
	log_in() { (umask 0; printf '%s' "$LOGIN_WORD" | "$VESSEL" login -u "$LOGIN_NAME" --password-stdin "$LAN_AT"); }
	run log_in
	[ "$status" = 0 ] || skip "the registry here takes no login: $output"
	[ "$(stat -c %a "$config")" = 600 ]
	# A link that leads out: its target stays as it was, or gets the login as its owner's file does, with 0600.
	echo '{}' >"$TEST_DIR/t/target"
	chmod 644 "$TEST_DIR/t/target"
	ln -sf "$TEST_DIR/t/target" "$config"
	run log_in
	if [ -L "$config" ]; then
		! grep -q auth "$TEST_DIR/t/target" || [ "$(stat -c %a "$TEST_DIR/t/target")" = 600 ]
	else
		[ "$(cat "$TEST_DIR/t/target")" = '{}' ]
	fi
	[ -z "$(find "$DOCKER_CONFIG" -mindepth 1 -not -name config.json)" ]
}

@test "D13 a credential helper is a name, not a path" {
	needs_login
	mkdir "$TEST_DIR/t/bin"
	printf '#!/bin/sh\ntouch %s\n' "$TEST_DIR/t/pwned" | tee "$TEST_DIR/t/bin/docker-credential-x" >"$TEST_DIR/t/pwn"
	chmod 755 "$TEST_DIR/t/bin/docker-credential-x" "$TEST_DIR/t/pwn"
	local helper
	for helper in ../../../../../../.."$TEST_DIR/t/pwn" "$TEST_DIR/t/pwn" "x;touch $TEST_DIR/t/pwned" '$(touch '"$TEST_DIR"'/pwned)' "../bin/docker-credential-x" "" "X/.." -x; do
		python3 -c '
import json, sys
json.dump({"credHelpers": {sys.argv[2]: sys.argv[3]}, "credsStore": sys.argv[3]}, open(sys.argv[1], "w"))' "$DOCKER_CONFIG/config.json" "$LAN_AT" "$helper"
		PATH="$TEST_DIR/t/bin:$PATH" bound "$VESSEL" pull -q "$LAN_AT/good"
		[ ! -e "$TEST_DIR/t/pwned" ]
	done
}

@test "D6 D7 D8 a login goes to its own registry only" {
	needs_login
	AT="$LAN_AT"
	log_in_by_file "$LAN_AT"
	drive pulls either "$AT" realm/basic
	drive pulls either "$AT" redirect/layer/307
	drive pulls either "$AT" realm/self-clear
	drive pulls either "$AT" realm/address
	never_told 5000 6000 6443 80 443
	# Not to another port of the same host, nor to another registry.
	bound "$VESSEL" pull -q "127.0.0.1:5000/good"
	bound "$VESSEL" pull -q "$HOST_OTHER_IP:5443/good"
	never_told 5000
	[ -z "$(asked | grep "\"host\": \"$HOST_OTHER_IP" | grep -i '"authorization": "basic')" ]
}

@test "D7 push: an upload's Location at another host gets no authorization" {
	has_command push || skip "needs vessel push"
	AT="$LAN_AT"
	log_in_by_file "$LAN_AT"
	box_image "$AT/upload/elsewhere"
	bound "$VESSEL" push "$AT/upload/elsewhere" || true
	never_told 5000 6000 6443 80 443
	box_image "$AT/upload/clear"
	bound "$VESSEL" push "$AT/upload/clear" || true
	[ "$code" != 0 ]
	never_told 5000 6000 6443 80 443
}

@test "D14 names that are none reach no registry" {
	local name
	for name in http://x/y https://127.0.0.1:5000/good a@b/c UPPER/x x:tag:tag "$(printf 'a%.0s' {1..300})" .. ../etc x/../y "$AT/../good" \
		"$AT/go od" "$AT//good" "$AT/good:" "$AT/good:-x" "user@$AT/good" "user:word@$AT/good" $'127.0.0.1:5000/good\n' \
		'bücher.example/x' "$AT/Good" '127.0.0.1:5000\@evil.example/x' "$AT/good?x" "$AT/good#x" "$AT/%67ood" '' - --; do
		bound "$VESSEL" pull -q "$name" || true
		[ "$code" != 0 ] || { echo "taken: $name"; return 1; }
	done
	[ -z "$(asked)" ]
}

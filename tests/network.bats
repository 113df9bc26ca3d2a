#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The network of a container: its address, its names, its published ports, from every side.
# "The host" is the test's own network namespace, $LAN_IP a neighbour on its LAN (see helpers.bash).
load helpers

setup() {
	engine_setup
	[ -n "$NET_NAME" ] || skip "needs a network of its own (VESSEL_TEST_NET)"
}
teardown() { engine_teardown; }

# A web server in a container, that says its name; more arguments go to run.
web() {
	local name="$1"
	shift
	engine run -d --name "$name" "$@" "$IMAGE" sh -c "
		mkdir -p /www/cgi-bin; echo $name >/www/name
		printf '#!/bin/sh\necho; echo \$REMOTE_ADDR\n' >/www/cgi-bin/peer; chmod +x /www/cgi-bin/peer
		exec httpd -f -p 80 -h /www"
	wait_until host_get "$(address_of "$name")/name"
}

address_of() { field "$1" .NetworkSettings.IPAddress; }
# busybox's own -T crashes where it is linked statically.
host_get() { host timeout 3 busybox wget -q -O - "http://$1"; }
lan_get() { lan timeout 3 busybox wget -q -O - "http://$1"; }
# No answer at all, or a refusal: but nobody there.
lan_closed() { ! lan timeout 1 busybox wget -q -O - "http://$1"; }
host_closed() { ! host timeout 1 busybox wget -q -O - "http://$1"; }

bridge_name() { host ip -o link show type bridge | awk -F': ' '{ print $2 }'; }

@test "a container has lo and eth0, with the lesson's address, MAC and route" {
	engine run --rm "$IMAGE" ip addr show
	assert_match 'lo: <LOOPBACK,UP'
	assert_match 'inet 127.0.0.1/8'
	assert_match 'eth0@if[0-9]+: <.*UP.* mtu 1500'
	assert_match 'link/ether 02:42:ac:11:00:02'
	assert_match 'inet 172.17.0.2/16 brd 172.17.255.255'
	engine run --rm "$IMAGE" ip route
	assert_line "default via 172.17.0.1 dev eth0 "
	engine run --rm "$IMAGE" ip -6 addr show dev eth0
	assert_output ""
}

@test "its peer hangs on a bridge of the host that owns the gateway's address" {
	engine run -d --name app "$IMAGE" sleep 100
	run host ip addr show "$(bridge_name)"
	assert_contains "inet 172.17.0.1/16"
	run host ip -o link show type veth
	assert_match "master $(bridge_name)"
	engine exec app cat /sys/class/net/eth0/iflink
	run host ip -o link show type veth
	assert_match "veth[0-9a-f]{11}@"
}

@test "inspect says what the container has" {
	engine run -d --name app "$IMAGE" sleep 100
	engine inspect -f '{{.NetworkSettings.IPAddress}} {{.NetworkSettings.MacAddress}} {{.NetworkSettings.Gateway}} {{.NetworkSettings.IPPrefixLen}}' app
	assert_output "172.17.0.2 02:42:ac:11:00:02 172.17.0.1 16"
}

@test "addresses differ, and the lowest free one is given again" {
	engine run -d --name one "$IMAGE" sleep 100
	engine run -d --name two "$IMAGE" sleep 100
	[ "$(address_of one) $(address_of two)" = "172.17.0.2 172.17.0.3" ]
	engine rm -f one
	engine run -d --name three "$IMAGE" sleep 100
	[ "$(address_of three)" = "172.17.0.2" ]
}

@test "ten containers started at once have ten addresses" {
	local pids=() i
	for i in $(seq 10); do
		"$VESSEL" run -d "$IMAGE" sleep 100 >/dev/null &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	engine ps -q
	# shellcheck disable=SC2086 # ids
	run "$VESSEL" inspect -f '{{.NetworkSettings.IPAddress}}' $output
	[ "$(sort -u <<<"$output" | wc -l)" = 10 ]
}

@test "a pool that the host uses is left alone" {
	host ip link add docker0 type bridge
	host ip addr add 172.17.0.1/16 dev docker0
	engine run --rm "$IMAGE" ip addr show eth0
	assert_match 'inet 172.18.0.2/16'
	host ip link del docker0
}

@test "the host reaches the container, and the container the neighbour" {
	web app
	run host_get "172.17.0.2/name"
	assert_output "app"
	lan_serve 8000 "$TEST_DIR"
	echo hello >"$TEST_DIR/hello"
	engine exec app wget -q -O - "http://$LAN_IP:8000/hello"
	assert_output "hello"
}

@test "containers reach each other by address" {
	web app
	engine run --rm "$IMAGE" wget -q -O - http://172.17.0.2/name
	assert_output "app"
}

@test "-p: from the host by 127.0.0.1 and by its addresses, and from the LAN" {
	web app -p 8080:80
	local from
	for from in 127.0.0.1 "$HOST_IP" "$HOST_OTHER_IP" 172.17.0.1; do
		run host_get "$from:8080/name"
		assert_output "app"
	done
	run lan_get "$HOST_IP:8080/name"
	assert_output "app"
	run lan_get "$HOST_OTHER_IP:8080/name"
	assert_output "app"
	# Who asks is seen, not the host in his place.
	run lan_get "$HOST_IP:8080/cgi-bin/peer"
	assert_contains "$LAN_IP"
}

@test "-p: from the container itself and from a neighbour container, by the host's address" {
	web app -p 8080:80
	engine exec app wget -q -O - "http://$HOST_IP:8080/name"
	assert_output "app"
	engine run --rm "$IMAGE" wget -q -O - "http://$HOST_IP:8080/name"
	assert_output "app"
}

@test "what is not published is closed to the LAN" {
	web app
	lan_closed 172.17.0.2/name
	lan_closed "$HOST_IP:80/name"
}

@test "-p 127.0.0.1: is closed to the LAN" {
	web app -p 127.0.0.1:8080:80
	run host_get "127.0.0.1:8080/name"
	assert_output "app"
	lan_closed "$HOST_IP:8080/name"
	# A neighbour may send to 127.0.0.1 by our MAC address.
	lan ip addr flush dev lo
	lan ip route add 127.0.0.1/32 via "$HOST_IP"
	lan sh -c 'echo 1 >/proc/sys/net/ipv4/conf/lan0/route_localnet'
	lan_closed "127.0.0.1:8080/name"
}

@test "-p on one address is that address alone" {
	web app -p "$HOST_OTHER_IP:8080:80"
	run lan_get "$HOST_OTHER_IP:8080/name"
	assert_output "app"
	lan_closed "$HOST_IP:8080/name"
	host_closed "127.0.0.1:8080/name"
}

@test "-p with a range, udp, and a port that is chosen" {
	engine run -d --name app -p 7000-7002:8000-8002 -p 5353:53/udp -p 80 "$IMAGE" sleep 100
	engine port app
	assert_line "8001/tcp -> 0.0.0.0:7001"
	assert_line "53/udp -> 0.0.0.0:5353"
	engine port app 80
	assert_match '^0\.0\.0\.0:[0-9]{4,5}$'
	local chosen="${output##*:}"
	assert_between "chosen port" "$chosen" 1024 65535
	engine ps --format '{{.Ports}}'
	assert_contains "0.0.0.0:7000->8000/tcp, 0.0.0.0:7001->8001/tcp, 0.0.0.0:7002->8002/tcp"
	assert_contains "0.0.0.0:5353->53/udp"
	assert_contains "0.0.0.0:$chosen->80/tcp"
}

@test "udp and tcp ports of one number are two ports" {
	engine run -d --name app -p 5353:53/udp -p 5353:54 "$IMAGE" sleep 100
	run host nft list ruleset
	assert_contains "udp . 5353 : 172.17.0.2 . 53"
	assert_contains "tcp . 5353 : 172.17.0.2 . 54"
	engine_fails 125 run --rm -p 5353:1/udp "$IMAGE" true
	assert_stderr_contains "Bind for 0.0.0.0:5353 failed: port is already allocated"
	run host nft list ruleset
	assert_contains "udp . 5353 : 172.17.0.2 . 53"
}

@test "a port in use is an error in docker's words, with a way out, and leaves nothing" {
	web app -p 8080:80
	engine_fails 125 run -d --name second -p 8080:80 "$IMAGE" sleep 100
	assert_stderr_contains "Bind for 0.0.0.0:8080 failed: port is already allocated"
	assert_stderr_contains "hint:"
	run host_get "127.0.0.1:8080/name"
	assert_output "app"
	engine ps -q
	[ "$(wc -l <<<"$output")" = 1 ]
	# Free again when its container ends.
	engine rm -f app
	web third -p 8080:80
	run host_get "127.0.0.1:8080/name"
	assert_output "third"
}

@test "a port in use by another program is an error too" {
	host busybox nc -l -p 8081 </dev/null >/dev/null 2>&1 &
	wait_until host sh -c 'grep -q :1F91 /proc/net/tcp6 /proc/net/tcp'
	engine_fails 125 run --rm -p 8081:80 "$IMAGE" true
	assert_stderr_contains "Bind for 0.0.0.0:8081 failed: port is already allocated"
}

@test "a published port is taken by no other program meanwhile" {
	engine run -d --name app -p 8080:80 "$IMAGE" sleep 100
	run host timeout 1 busybox nc -l -p 8080
	[ "$status" -eq 1 ] # in use; 124 would be: it listens
	engine rm -f app
	run host timeout 1 busybox nc -l -p 8080
	[ "$status" -ne 1 ]
}

@test "ports follow the container through stop, start and restart" {
	web app -p 8080:80
	engine stop -t 0 app
	host_closed "127.0.0.1:8080/name"
	run host nft list ruleset
	refute_contains "8080"
	engine start app
	wait_until host_get "127.0.0.1:8080/name"
	engine restart -t 0 app
	wait_until host_get "127.0.0.1:8080/name"
	run lan_get "$HOST_IP:8080/name"
	assert_output "app"
}

@test "bad ports are one sentence" {
	local bad
	for bad in 99999:80 8080:http 8000-8002:80-81 8080:80/icmp 1.2.3.400:80:80 '[::1]:80:80'; do
		engine_fails 125 run --rm -p "$bad" "$IMAGE" true
		assert_short_stderr
	done
	engine_fails 125 run --rm -p 8080:http "$IMAGE" true
	assert_stderr_contains "invalid containerPort: http"
	engine_fails 125 run --rm -p x:80 "$IMAGE" true
	assert_stderr_contains "invalid hostPort: x"
	engine_fails 125 run --rm -p '192.0.2.99:8080:80' "$IMAGE" true
	assert_stderr_contains "192.0.2.99:8080"
}

@test "--network none has lo alone" {
	engine run --rm --network none "$IMAGE" ls /sys/class/net
	assert_output "lo"
	engine run --rm --network none "$IMAGE" ip addr show lo
	assert_match '<LOOPBACK,UP'
	engine run --rm --network none "$IMAGE" ip route
	assert_output ""
	run host ip -o link show type bridge
	assert_output "" # and needs no bridge
}

@test "--network host is the host's own" {
	engine run --rm --network host "$IMAGE" ip addr show up0
	assert_contains "$HOST_IP"
	engine run -d --name app --network host "$IMAGE" sleep 100
	[ "$(readlink "/proc/$(pid_of app)/ns/net")" = "$(host readlink /proc/self/ns/net)" ]
	# Other programs' ports are in reach by 127.0.0.1.
	host_serve 127.0.0.1:8090 "$TEST_DIR"
	echo here >"$TEST_DIR/here"
	engine run --rm --network host "$IMAGE" wget -q -O - http://127.0.0.1:8090/here
	assert_output "here"
}

@test "--network container: shares another's" {
	web app
	engine run --rm --network container:app "$IMAGE" wget -q -O - http://127.0.0.1/name
	assert_output "app"
	engine run --rm --network container:app "$IMAGE" ip addr show eth0
	assert_contains "172.17.0.2/16"
	engine_fails 125 run --rm --network container:nobody "$IMAGE" true
	assert_stderr_contains "nobody"
	engine_fails 125 run --rm --network nosuch "$IMAGE" true
	assert_stderr_contains "nosuch"
}

@test "info warns of a firewall that drops what is forwarded" {
	engine info
	[ -z "$stderr" ]
	host nft 'add table ip other; add chain ip other FORWARD { type filter hook forward priority 0; policy drop; }'
	engine info
	assert_stderr_contains "WARNING: another program's firewall drops forwarded packets"
	engine info --format '{{len .Warnings}}'
	assert_output 1
	host nft delete table ip other
}

@test "hosts, hostname and resolv.conf are the container's own" {
	engine run --rm --hostname boat --add-host db:10.0.0.5 "$IMAGE" cat /etc/hosts
	assert_line $'127.0.0.1\tlocalhost'
	assert_line $'10.0.0.5\tdb'
	assert_line $'172.17.0.2\tboat'
	engine run --rm --network none --add-host host.docker.internal:host-gateway "$IMAGE" cat /etc/hosts
	assert_line $'172.17.0.1\thost.docker.internal'
	engine_fails 125 run --rm --add-host db "$IMAGE" true
	assert_stderr_contains 'bad format for add-host: "db"'
	engine_fails 125 run --rm --add-host db:nowhere "$IMAGE" true
	assert_stderr_contains 'invalid IP address in add-host: "nowhere"'
	engine run --rm --hostname boat "$IMAGE" cat /etc/hostname
	assert_output "boat"
	engine run --rm "$IMAGE" cat /etc/resolv.conf
	assert_match 'nameserver [0-9.]+'
	refute_contains "nameserver 127."
	engine run --rm --dns 192.0.2.53 --dns-search a.example --dns-option ndots:2 "$IMAGE" cat /etc/resolv.conf
	assert_line "nameserver 192.0.2.53"
	assert_line "search a.example"
	assert_line "options ndots:2"
}

@test "no hostname given: the short id, in the file, the name and hosts" {
	engine run -d --name app "$IMAGE" sleep 100
	local short="${output:0:12}"
	engine exec app hostname
	assert_output "$short"
	engine exec app cat /etc/hosts
	assert_line $'172.17.0.2\t'"$short"
}

@test "the neighbour's and the host's traffic is not ours" {
	web app -p 8000:80
	# Routed through the host to another's port 8000: not taken (CVE-2025-67499).
	lan_serve 8000 "$TEST_DIR"
	echo other >"$TEST_DIR/name"
	engine run --rm "$IMAGE" wget -q -O - "http://$LAN_IP:8000/name"
	assert_output "other"
	run host_get "$LAN_IP:8000/name"
	assert_output "other"
}

@test "a container cannot reach the host's 127.0.0.1" {
	host_serve 127.0.0.1:8090 "$TEST_DIR"
	echo secret >"$TEST_DIR/secret"
	engine run -d --name app --cap-add NET_ADMIN "$IMAGE" sleep 100
	engine exec app sh -c 'ip addr flush dev lo; ip route add 127.0.0.1/32 via 172.17.0.1'
	nsenter -t "$(pid_of app)" -n sh -c 'echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet'
	run "$VESSEL" exec app timeout 1 wget -q -O - http://127.0.0.1:8090/secret
	refute_contains "secret"
	[ "$status" -ne 0 ]
}

@test "a container announces itself to nobody by IPv6" {
	engine run -d --name app "$IMAGE" sleep 100
	run nsenter -t "$(pid_of app)" -n cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6
	[ "$status" -ne 0 ] || assert_output "1"
	run host cat "/proc/sys/net/ipv6/conf/$(bridge_name)/accept_ra"
	[ "$status" -ne 0 ] || assert_output "0"
}

@test "a flushed firewall is made again by the next run" {
	web app -p 8080:80
	host nft flush ruleset
	engine run --rm "$IMAGE" true
	run host nft list ruleset
	assert_contains "masquerade"
	engine restart -t 0 app
	wait_until host_get "127.0.0.1:8080/name"
}

@test "two vessels side by side: own bridges, own pools, no way between but by published ports" {
	local other=("$VESSEL" --root "$TEST_DIR/root2" --run-dir "$TEST_DIR/run2")
	web app -p 8080:80
	"${other[@]}" import "$(box_tar)" "$IMAGE" >/dev/null
	run "${other[@]}" run --rm "$IMAGE" ip addr show eth0
	assert_contains "172.18.0.2/16"
	run "${other[@]}" run --rm --init "$IMAGE" timeout 1 wget -q -O - http://172.17.0.2/name
	refute_contains "app"
	run "${other[@]}" run --rm "$IMAGE" timeout 3 wget -q -O - "http://$HOST_IP:8080/name"
	assert_output "app"
	"${other[@]}" system reset --force
	[ "$(host ip -o link show type bridge | wc -l)" = 1 ]
	run lan_get "$HOST_IP:8080/name"
	assert_output "app"
}

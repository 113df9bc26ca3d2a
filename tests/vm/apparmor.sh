#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In a guest with AppArmor: process.apparmorProfile is what the kernel says of the process and what
# it goes by, in exec and in hooks as well, and one that cannot be given fails closed.
# shellcheck source=tests/vm/tap
. /vm/tap

root=/var/lib/aa state=/run/aa
said=/tmp/said # by the last call

rt() { # rt COMMAND...: its exit code; streams go to $said
	timeout 60 vessel-runtime --root "$state" "$@" >"$said" 2>&1 </dev/null
}

load() { # load NAME RULE: a profile that allows all but what the rule denies
	cat >"$root/$1.profile" <<-END
		profile $1 flags=(attach_disconnected,mediate_deleted) {
			file,
			capability,
			network,
			mount,
			umount,
			pivot_root,
			ptrace,
			signal,
			unix,
			$2
		}
	END
	apparmor_parser --skip-cache --replace "$root/$1.profile"
}

# bundle PROFILE COMMAND [MEMBER [NAMESPACE]]: MEMBER stands in the configuration as it is.
bundle() {
	mkdir -p "$root/bundle"
	cat >"$root/bundle/config.json" <<-END
		{ "ociVersion": "1.2.0", "root": { "path": "$root/rootfs" }, ${3-}
		  "process": { "cwd": "/", "args": ["/bin/sh", "-c", "$2"], "env": ["PATH=/bin"],
		    "user": { "uid": 0, "gid": 0 }, "noNewPrivileges": ${NNP:-false}, "apparmorProfile": "$1" },
		  "mounts": [ { "destination": "/proc", "type": "proc", "source": "proc" },
		    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" } ],
		  "linux": { "namespaces": [ { "type": "pid" }, { "type": "mount" }, { "type": "ipc" } ${4-} ],
		    "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"] } }
	END
}

run() { # what a container says, from its own bundle
	rt run --bundle "$root/bundle" app
}

prepare() {
	mkdir -p /sys/kernel/security "$root/rootfs"
	mount -t securityfs securityfs /sys/kernel/security
	tar -C "$root/rootfs" -xf /vm/image.tar
	mkdir -p "$root/rootfs/proc" "$root/rootfs/dev" "$root/rootfs/hook"
	check_equal "the kernel has AppArmor" Y "$(cat /sys/module/apparmor/parameters/enabled)"
	check "a profile is loaded" load vessel-one 'deny /tmp/secret rw,'
	check "and another" load vessel-two 'deny /tmp/other rw,'
	echo secret >"$root/rootfs/tmp/secret"
	echo other >"$root/rootfs/tmp/other"
}

given() {
	show='cat /proc/self/attr/current'
	bundle vessel-one "$show"
	run
	check_equal "a container's process has its profile" "vessel-one (enforce)" "$(cat "$said")"
	bundle vessel-one 'cat /tmp/other; cat /tmp/secret'
	run
	check_equal "which denies: exit code" 1 $?
	check_equal "what it denies, and nothing else" \
		"other cat: can't open '/tmp/secret': Permission denied" "$(tr '\n' ' ' <"$said" | sed 's/ $//')"
	bundle '' 'cat /tmp/secret'
	run
	check_equal "without a profile nothing is denied" secret "$(cat "$said")"
	bundle unconfined "$show"
	run
	check_equal "unconfined is what a process without one is" unconfined "$(cat "$said")"
	NNP=true bundle vessel-one "$show; sh -c '$show'"
	run
	check_equal "with no_new_privs, and in its children" "vessel-one (enforce) vessel-one (enforce)" \
		"$(tr '\n' ' ' <"$said" | sed 's/ $//')"
	check_equal "ours is still what it was" unconfined "$(cat /proc/self/attr/current)"
}

# refused NAME WORD COMMAND...: it fails, says why, and the container's program has not run.
refused() {
	name=$1 word=$2
	shift 2
	rm -f "$root/rootfs/tmp/ran"
	if rt "$@"; then
		tap_not_ok "$name: fails" "exit 0: $(cat "$said")"
	else
		tap_ok "$name: fails"
	fi
	check "$name: says $word" grep -q "$word" "$said"
	check "$name: nothing has run" test ! -e "$root/rootfs/tmp/ran"
}

closed() {
	bundle no-such-profile 'echo >/tmp/ran'
	refused "create with a profile that is not loaded" apparmorProfile create --bundle "$root/bundle" app
	check "it says what to do" grep -q aa-status "$said"
	refused "run with a profile that is not loaded" apparmorProfile run --bundle "$root/bundle" app
	# The words are the kernel's commands' separators.
	bundle 'vessel-one exec unconfined' 'echo >/tmp/ran'
	refused "a profile whose name has blanks" apparmorProfile run --bundle "$root/bundle" app
	check_equal "no container is left" "" "$(vessel-runtime --root "$state" list -q)"
	check_equal "no cgroup is left" "" "$(find /sys/fs/cgroup -name app)"
}

# The file of a process, as an engine gives it to exec.
process_file() {
	cat >"$root/process.json" <<-END
		{ "cwd": "/", "args": ["cat", "/proc/self/attr/current"], "env": ["PATH=/bin"],
		  "user": { "uid": 0, "gid": 0 } $1 }
	END
}

execs() { # in the container that runs
	show='cat /proc/self/attr/current'
	# shellcheck disable=SC2086 # two words
	rt exec app $show
	check_equal "$1exec has the container's profile" "vessel-one (enforce)" "$(cat "$said")"
	# shellcheck disable=SC2086 # two words
	rt exec --apparmor vessel-two app $show
	check_equal "$1exec --apparmor: that one" "vessel-two (enforce)" "$(cat "$said")"
	refused "$1exec --apparmor with one that is not loaded" apparmorProfile \
		exec --apparmor no-such-profile app sh -c 'echo >/tmp/ran'
	process_file ''
	rt exec --process "$root/process.json" app
	check_equal "$1exec --process without one: the container's" "vessel-one (enforce)" "$(cat "$said")"
	process_file ', "apparmorProfile": "vessel-two"'
	rt exec --process "$root/process.json" app
	check_equal "$1exec --process with one: that one" "vessel-two (enforce)" "$(cat "$said")"
	process_file ', "apparmorProfile": "no-such-profile"'
	refused "$1exec --process with one that is not loaded" apparmorProfile \
		exec --process "$root/process.json" app
}

entered() { # entered WORDS [MEMBER [NAMESPACE]]
	bundle vessel-one 'exec sleep 1000' "${2-}" "${3-}"
	rt create --bundle "$root/bundle" app
	check_equal "$1create" 0 $?
	pid=$(vessel-runtime --root "$state" state app | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
	check_equal "$1before its start it is still ours" unconfined "$(cat "/proc/$pid/attr/current")"
	rt start app
	check_equal "$1start" 0 $?
	wait_label "$pid"
	check_equal "$1what the host sees of it" "vessel-one (enforce)" "$(cat "/proc/$pid/attr/current")"
	execs "$1"
	check "$1delete" vessel-runtime --root "$state" delete --force app
}

wait_label() {
	i=0
	while [ $i -lt 50 ] && [ "$(cat "/proc/$1/attr/current")" = unconfined ]; do
		i=$((i + 1))
		sleep 0.1
	done
}

# Those of the host are the host's programs, wherever they run; those of the container are its own.
hooks() {
	mkdir -p "$root/hook"
	cat >"$root/hook/say" <<-END
		#!/bin/sh
		echo "\$1: \$(cat /proc/self/attr/current)" >>"$root/hook/said"
	END
	cat >"$root/rootfs/bin/say" <<-'END'
		#!/bin/sh
		echo "$1: $(cat /proc/self/attr/current)" >>/hook/said
	END
	chmod 755 "$root/hook/say" "$root/rootfs/bin/say"
	list=''
	for point in prestart createRuntime createContainer poststart poststop; do
		list="$list \"$point\": [{ \"path\": \"$root/hook/say\", \"args\": [\"say\", \"$point\"] }],"
	done
	bundle vessel-one true "\"hooks\": { $list
		\"startContainer\": [{ \"path\": \"/bin/say\", \"args\": [\"say\", \"startContainer\"] }] },"
	run
	check_equal "run with all hooks" 0 $?
	check_equal "hooks of the host are not confined" "createContainer: unconfined
createRuntime: unconfined
poststart: unconfined
poststop: unconfined
prestart: unconfined" "$(sort "$root/hook/said" 2>&1)"
	check_equal "those of the container are" "startContainer: vessel-one (enforce)" \
		"$(cat "$root/rootfs/hook/said" 2>&1)"
}

# Nothing that gives exec its profile is in the container's hands.
without_proc() {
	bundle vessel-one 'exec sleep 1000' '' "$1"
	sed -i 's|{ "destination": "/proc", "type": "proc", "source": "proc" },||; s|"maskedPaths".*"/proc/sys"\]|"maskedPaths": []|' \
		"$root/bundle/config.json"
	rt run --detach --bundle "$root/bundle" app
	check_equal "without /proc: run" 0 $?
	rt exec --detach --pid-file /tmp/pid app sleep 1000
	check_equal "without /proc: exec" 0 $?
	check_equal "and it has the profile" "vessel-one (enforce)" \
		"$(cat "/proc/$(cat /tmp/pid)/attr/current" 2>&1)"
	rt delete --force app
}

mapped='{ "containerID": 0, "hostID": 100000, "size": 65536 }'

prepare
given
closed
entered ""
hooks
chown -R 100000:100000 "$root/rootfs"
chmod 755 "$root"
mappings="\"uidMappings\": [$mapped], \"gidMappings\": [$mapped]"
namespaces=", { \"type\": \"user\" } ], $mappings, \"x\": [ 0"
entered "user namespace: " '' "$namespaces"
without_proc "$namespaces"
check_equal "no container is left" "" "$(vessel-runtime --root "$state" list -q)"
tap_end

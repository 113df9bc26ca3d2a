#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In the guest: the lesson's limits with vessel's command line. What is claimed is read from the
# kernel's files and from what the programs got, not from what vessel says.
# shellcheck source=tests/vm/tap
. /vm/tap

file_of() { # file_of CONTAINER V2_FILE V1_CONTROLLER V1_FILE: its path
	id=$(vessel inspect --format '{{.Id}}' "$1")
	if [ "$VM_CGROUP" = v2 ]; then
		echo "/sys/fs/cgroup/vessel/$id/$2"
	else
		echo "/sys/fs/cgroup/$3/vessel/$id/$4"
	fi
}

value_of() {
	cat "$(file_of "$@")" 2>&1
}

run_busy() { # run_busy NAME OPTION...: a container that takes all the processor it gets
	name=$1
	shift
	vessel run -d --network none --name "$name" "$@" busybox sh -c 'while :; do :; done' >/dev/null
}

cpu_ns() { # processor time of a container so far
	if [ "$VM_CGROUP" = v2 ]; then
		awk '$1 == "usage_usec" { print $2 * 1000 }' "$(file_of "$1" cpu.stat cpu x)"
	else
		value_of "$1" x cpuacct cpuacct.usage
	fi
}

share_of() { # share_of NAME: per cent of one processor within two seconds
	before=$(cpu_ns "$1") start=$(awk '{ print $1 * 1000 }' /proc/uptime)
	sleep 2
	after=$(cpu_ns "$1") end=$(awk '{ print $1 * 1000 }' /proc/uptime)
	awk "BEGIN { printf \"%d\", ($after - $before) / ($end - $start) / 10000 }"
}

memory() {
	vessel run -d --network none --name small -m 32m busybox sleep 1000 >/dev/null
	check_equal "-m 32m is in the kernel's file" 33554432 \
		"$(value_of small memory.max memory memory.limit_in_bytes)"
	vessel update -m 64m --memory-swap 64m small >/dev/null
	check_equal "update -m changes it on a running container" 67108864 \
		"$(value_of small memory.max memory memory.limit_in_bytes)"
	echo 50331648 >"$(file_of small memory.max memory memory.limit_in_bytes)"
	check_equal "and so does writing to the file by hand" 50331648 \
		"$(value_of small memory.max memory memory.limit_in_bytes)"
	vessel rm -f small >/dev/null

	# /dev/shm counts as the container's memory, and is not bounded by another limit here.
	vessel run --network none --name eater -m 16m --memory-swap 16m --shm-size 256m busybox \
		dd if=/dev/zero of=/dev/shm/x bs=1M count=64 >/dev/null 2>&1
	check_equal "a program that takes more is killed: exit code" 137 $?
	check_equal "and inspect says why" "true 137" \
		"$(vessel inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}}' eater)"
	vessel rm -f eater >/dev/null
	vessel run --rm --network none -m 128m --shm-size 256m busybox \
		dd if=/dev/zero of=/dev/shm/x bs=1M count=64 >/dev/null 2>&1
	check_equal "one that takes less is not" 0 $?
}

cpu() {
	run_busy half --cpus 0.5
	check_between "--cpus 0.5 gives a busy loop half a processor (per cent)" 40 60 "$(share_of half)"
	vessel update --cpus 0.2 half >/dev/null
	check_between "update --cpus 0.2 (per cent)" 14 26 "$(share_of half)"
	vessel rm -f half >/dev/null

	run_busy low --cpuset-cpus 0 --cpu-shares 256
	run_busy high --cpuset-cpus 0 --cpu-shares 1024
	low=$(cpu_ns low) high=$(cpu_ns high)
	sleep 3
	low=$(($(cpu_ns low) - low)) high=$(($(cpu_ns high) - high))
	check_between "--cpu-shares 1024 gets more than 256 on one processor (tenths)" 20 60 \
		"$((high * 10 / (low + 1)))"
	vessel rm -f low high >/dev/null

	check_equal "--cpuset-cpus 0 leaves one processor" 1 \
		"$(vessel run --rm --network none --cpuset-cpus 0 busybox nproc)"
	check_equal "without it there are two" 2 "$(vessel run --rm --network none busybox nproc)"
}

pids() {
	# shellcheck disable=SC2016 # for the container's shell
	vessel run -d --network none --name wide --pids-limit 20 busybox \
		sh -c 'i=0; while [ $i -lt 100 ]; do i=$((i + 1)); (sleep 1000 &) 2>/dev/null; done; exec sleep 1000' >/dev/null
	sleep 2
	check_equal "--pids-limit 20 is in the kernel's file" 20 "$(value_of wide pids.max pids pids.max)"
	check_between "and stops a fork bomb there" 2 20 "$(value_of wide pids.current pids pids.current)"
	check "while the host still forks" sh -c 'sleep 0 & wait'
	vessel rm -f wide >/dev/null
}

writes() { # writes OPTION... -- DD_OPTION...: milliseconds that dd itself took for four megabytes
	options=""
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	# shellcheck disable=SC2086 # options are words
	vessel run --rm --network none --device "$VESSEL_TEST_DISK:/dev/disk" $options busybox \
		time -f %e dd if=/dev/zero of=/dev/disk bs=1M count=4 "$@" 2>&1 |
		awk '/^[0-9.]+$/ { printf "%d", $1 * 1000 }'
}

blkio() {
	limit="--device-write-bps $VESSEL_TEST_DISK:2mb"
	# shellcheck disable=SC2086 # two words
	check_between "direct writes at --device-write-bps 2mb take two seconds (ms)" 1500 4000 \
		"$(writes $limit -- oflag=direct)"
	if [ "$VM_CGROUP" = v2 ]; then
		# shellcheck disable=SC2086 # two words
		check_between "buffered writes too, together with -m, on v2 (ms)" 1500 4000 \
			"$(writes $limit -m 64m -- conv=fsync)"
	fi
	check_between "without a limit they do not (ms)" 0 1000 "$(writes -- oflag=direct)"
}

devices() {
	numbers="$((0x$(stat -c %t "$VESSEL_TEST_DISK"))) $((0x$(stat -c %T "$VESSEL_TEST_DISK")))"
	# Making the node is allowed; opening what was not given is not, whatever its name.
	vessel run --rm --network none busybox \
		sh -c "mknod /tmp/disk b $numbers || exit 9; head -c 1 /tmp/disk" >/dev/null 2>&1
	check_equal "a disk that was not given cannot be read" 1 $?
	check "one that was given can" vessel run --rm --network none \
		--device "$VESSEL_TEST_DISK:/dev/disk:r" busybox head -c 1 /dev/disk
	vessel run --rm --network none --device "$VESSEL_TEST_DISK:/dev/disk:r" busybox \
		sh -c 'echo x >/dev/disk' >/dev/null 2>&1
	check_equal "but not written when given for reading" 1 $?
}

weight() {
	vessel run -d --network none --name heavy --blkio-weight 300 busybox sleep 1000 >/dev/null
	# With bfq the number itself; else io.weight, whose range is ten times as wide.
	if [ "$VM_CGROUP" = v1 ]; then
		check_equal "--blkio-weight 300" 300 "$(value_of heavy x blkio blkio.bfq.weight | sed 's/default //')"
	else
		check_equal "--blkio-weight 300" 300 "$(value_of heavy io.bfq.weight | sed -n 's/default //p')"
	fi
	vessel rm -f heavy >/dev/null
}

places() {
	vessel run -d --network none --name here busybox sleep 1000 >/dev/null
	pid=$(vessel inspect --format '{{.State.Pid}}' here)
	id=$(vessel inspect --format '{{.Id}}' here)
	check_equal "cgroup.procs lists exactly the container's processes" "$pid" \
		"$(value_of here cgroup.procs memory cgroup.procs)"
	check_equal "/proc/PID/cgroup leads there in each hierarchy" 0 \
		"$(grep -vc "/vessel/$id\$" "/proc/$pid/cgroup")"
	vessel pause here >/dev/null 2>&1 && {
		check_equal "paused" paused "$(vessel inspect --format '{{.State.Status}}' here)"
		vessel unpause here >/dev/null
	}
	check_equal "stop of a program that ignores it: exit code" 137 \
		"$(vessel stop -t 1 here >/dev/null; vessel inspect --format '{{.State.ExitCode}}' here)"
	vessel rm -f here >/dev/null
	check_equal "nothing is left of it" "" \
		"$(find /sys/fs/cgroup -name "$id" 2>/dev/null)"
}

refused() { # refused NAME WORD OPTION...
	name=$1 word=$2
	shift 2
	output=$(vessel run --rm --network none "$@" busybox true 2>&1)
	code=$?
	check_equal "$name: exit code" 125 "$code"
	case $output in
	*"$word"*) tap_ok "$name: says why" ;;
	*) tap_not_ok "$name: says why" "$output" ;;
	esac
}

export VESSEL_ROOT=/var/lib/vessel VESSEL_RUN=/run/vessel
check "import" vessel import /vm/image.tar busybox
check "run" vessel run --rm --network none busybox true
memory
cpu
pids
blkio
weight
devices
places
refused "a processor that is not there" CPUs --cpuset-cpus 77
refused "swap less than memory" swap -m 64m --memory-swap 32m
check_equal "no container is left" "" "$(vessel ps -aq)"
check_equal "no cgroup is left" "" "$(find /sys/fs/cgroup -path '*/vessel/*' -type d 2>/dev/null)"
tap_end

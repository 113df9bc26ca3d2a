#!/usr/bin/env bats
# Limits: what is asked for is in the kernel's files, and what the programs get. All is read from the kernel, nothing from
# what vessel says. On a host with v1 hierarchies (alone or hybrid); tests/vm has the same for v2.
load helpers

setup() {
	[ -e /sys/fs/cgroup/memory/cgroup.procs ] || skip "this host has no v1 hierarchies; tests/vm has the test for v2"
	engine_setup
	# A parent of our own: what is below it is ours alone.
	PARENT="/vessel-test-$BATS_TEST_NUMBER-$$"
}
teardown() {
	engine_teardown || return 1
	[ -n "${PARENT:-}" ] || return 0
	[ -z "${LOOP:-}" ] || losetup -d "$LOOP"
	local left; left="$(find /sys/fs/cgroup -mindepth 3 -path "*$PARENT/*" -type d)"
	find /sys/fs/cgroup -mindepth 2 -maxdepth 2 -path "*$PARENT" -type d -exec rmdir {} + 2>/dev/null
	[ -z "$left" ] || { echo "cgroups left: $left"; return 1; }
}

start() { engine run -d --network none --cgroup-parent "$PARENT" --name "$@"; }
busy() { start "$@" "$IMAGE" sh -c 'while :; do :; done'; }
# The directory of a container in a v1 hierarchy.
group() { echo "/sys/fs/cgroup/$2$PARENT/$(field "$1" .Id)"; }
value() { cat "$(group "$1" "$2")/$3"; }
assert_value() {
	local got; got="$(value "$1" "$2" "$3")"
	[ "$got" = "$4" ] || { echo "$3 of $1 is $got, not $4"; return 1; }
}
assert_between() { [ "$2" -le "$3" ] && [ "$3" -le "$4" ] || { echo "$1: $3 is not from $2 to $4"; return 1; }; }

# Per cent of one processor that a container takes within two seconds.
cpu_share() {
	local used from; used="$(value "$1" cpuacct cpuacct.usage)"; from="$(date +%s%N)"
	sleep 2
	echo $((($(value "$1" cpuacct cpuacct.usage) - used) * 100 / ($(date +%s%N) - from)))
}

@test "one directory in each subsystem, named by the id, with exactly its processes" {
	engine run -d --name here "$IMAGE" sh -c 'sleep 1000 & sleep 1000 & wait'
	local id="$output" pid subsystem checked=0
	wait_until bash -c "[ \"\$(wc -l </sys/fs/cgroup/pids/vessel/$id/cgroup.procs)\" = 3 ]"
	pid="$(field here .State.Pid)"
	for subsystem in cpu cpuacct cpuset memory devices freezer blkio pids; do
		[ -e "/sys/fs/cgroup/$subsystem/cgroup.procs" ] || continue
		grep -q ":$subsystem:/vessel/$id\$" "/proc/$pid/cgroup"
		# The first process and its children, by the host's numbers.
		diff <(sort -n "/sys/fs/cgroup/$subsystem/vessel/$id/cgroup.procs") <({ echo "$pid"; pgrep -P "$pid"; } | sort -n)
		checked=$((checked + 1))
	done
	[ "$checked" -ge 6 ]
	# What is exec'd is in them too.
	engine exec -d here sleep 77
	wait_until bash -c "[ \"\$(wc -l </sys/fs/cgroup/memory/vessel/$id/cgroup.procs)\" = 4 ]"
	engine rm -f here
	[ -z "$(find /sys/fs/cgroup -name "$id")" ]
}

@test "--cgroup-parent changes the parent" {
	start child "$IMAGE" sleep 1000
	local pid; pid="$(field child .State.Pid)"
	grep -q ":memory:$PARENT/$(field child .Id)\$" "/proc/$pid/cgroup"
	assert_value child pids cgroup.procs "$pid"
	engine_fails 125 run --rm --cgroup-parent /a/../../b "$IMAGE" true
	assert_stderr_contains ".."
	engine ps -aq
	[ "$(wc -l <<<"$output")" = 1 ]
}

@test "-m 2g is 2147483648, for the container's processes together" {
	start big -m 2g "$IMAGE" sleep 1000
	assert_value big memory memory.limit_in_bytes 2147483648
	# With no --memory-swap, memory and swap together are twice that.
	assert_value big memory memory.memsw.limit_in_bytes 4294967296
	start swap -m 64m --memory-swap 64m --memory-reservation 32m "$IMAGE" sleep 1000
	assert_value swap memory memory.memsw.limit_in_bytes 67108864
	assert_value swap memory memory.soft_limit_in_bytes 33554432
}

@test "a program that takes more memory is killed: 137, and inspect says why" {
	engine_fails 137 run --network none --name eater -m 16m --memory-swap 16m "$IMAGE" tail /dev/zero
	[ "$(field eater '.State.OOMKilled}} {{.State.ExitCode')" = "true 137" ]
	# Of one that stays within, and of one that was killed by hand, it is not said.
	engine run --network none --name modest -m 64m "$IMAGE" dd if=/dev/zero of=/dev/null bs=8M count=4
	[ "$(field modest .State.OOMKilled)" = false ]
	start killed -m 64m "$IMAGE" sleep 1000
	engine kill killed
	[ "$(field killed '.State.OOMKilled}} {{.State.ExitCode')" = "false 137" ]
	# A child is killed; the first process lives on.
	engine run --network none --name parent -m 16m --memory-swap 16m "$IMAGE" sh -c 'tail /dev/zero; echo survived'
	assert_output survived
}

@test "/dev/shm and tmpfs count as the container's memory" {
	engine_fails 137 run --rm --network none -m 16m --memory-swap 16m --shm-size 256m "$IMAGE" \
		dd if=/dev/zero of=/dev/shm/x bs=1M count=64
}

@test "writing to the file by hand works, and update -m on a running container" {
	start live -m 64m "$IMAGE" sleep 1000
	echo 100m >"$(group live memory)/memory.limit_in_bytes"
	assert_value live memory memory.limit_in_bytes 104857600
	engine update -m 32m live
	assert_value live memory memory.limit_in_bytes 33554432
	engine update -m 1g --memory-swap 2g --cpus 1.5 --cpu-shares 300 --pids-limit 50 live
	assert_value live memory memory.limit_in_bytes 1073741824
	assert_value live memory memory.memsw.limit_in_bytes 2147483648
	assert_value live cpu cpu.cfs_quota_us 150000
	assert_value live cpu cpu.shares 300
	assert_value live pids pids.max 50
	engine update --cpuset-cpus 0 live
	assert_value live cpuset cpuset.cpus 0
	[ "$(field live '.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.CpusetCpus')" = "1073741824 1500000000 0" ]
}

@test "update to less than is in use is refused, and the container goes on" {
	start full -m 64m --memory-swap 64m --shm-size 64m "$IMAGE" sh -c 'dd if=/dev/zero of=/dev/shm/x bs=1M count=32; echo ready; sleep 1000'
	wait_for_log full ready
	engine_fails 1 update -m 8m --memory-swap 8m full
	[ "$(wc -l <<<"$stderr")" -le 2 ]
	[ "$(field full '.State.Status}} {{.HostConfig.Memory')" = "running 67108864" ]
	engine_fails 1 update --cpus 100 full
	engine_fails 1 update --cpuset-cpus 4000 full
	assert_stderr_contains "4000"
}

@test "--cpus 0.5: a busy loop gets half a processor" {
	busy half --cpus 0.5
	assert_value half cpu cpu.cfs_quota_us 50000
	assert_value half cpu cpu.cfs_period_us 100000
	# Others may be at work here, so it may be less; more it must never be. That it wanted more, the kernel counts.
	local least=5 share; [ "${VESSEL_TEST_ALONE:-}" != 1 ] || least=40
	share="$(cpu_share half)"
	assert_between "per cent" "$least" "$share" 60
	[ "$share" -lt 40 ] || [ "$(value half cpu cpu.stat | sed -n 's/nr_throttled //p')" -gt 0 ]
	engine update --cpus 0.2 half
	assert_between "per cent after the update" 3 "$(cpu_share half)" 27
}

@test "--cpu-shares shares one processor between two busy loops" {
	busy low --cpuset-cpus 0 --cpu-shares 256
	busy high --cpuset-cpus 0 --cpu-shares 1024
	assert_value low cpu cpu.shares 256
	local low high
	low="$(value low cpuacct cpuacct.usage)"; high="$(value high cpuacct cpuacct.usage)"
	sleep 3
	low=$(($(value low cpuacct cpuacct.usage) - low)); high=$(($(value high cpuacct cpuacct.usage) - high))
	assert_between "tenths of high to low" 22 $((high * 10 / (low + 1))) 65
}

@test "--cpuset-cpus 0 pins to processor 0" {
	start pinned --cpuset-cpus 0 --cpuset-mems 0 "$IMAGE" sleep 1000
	assert_value pinned cpuset cpuset.cpus 0
	engine exec pinned grep Cpus_allowed_list /proc/self/status
	assert_match ':[[:space:]]+0$'
	engine exec pinned nproc
	assert_output 1
}

@test "--pids-limit 20: a fork bomb stops at 20" {
	start bomb --pids-limit 20 "$IMAGE" sleep 1000
	assert_value bomb pids pids.max 20
	engine exec -d bomb sh -c 'f() { f | f & f | f & sleep 100; }; f' 2>/dev/null
	wait_until bash -c "grep -qv 'max 0' '$(group bomb pids)/pids.events'"
	local most=0 now
	for _ in $(seq 40); do
		now="$(value bomb pids pids.current)"
		[ "$now" -le "$most" ] || most="$now"
		sleep 0.01
	done
	assert_between "processes" 5 "$most" 20
	# The host still starts processes, and ends all of them together.
	engine run --rm --network none "$IMAGE" true
	engine kill bomb
	engine wait bomb
	assert_output 137
	engine_fails 1 update --pids-limit x bomb || [ "$status" = 125 ]
}

# A block device of our own: 64 MiB in a file.
make_disk() {
	truncate -s 64M "$TEST_DIR/disk"
	LOOP="$(losetup -f --show "$TEST_DIR/disk" 2>/dev/null)" || { LOOP=; skip "no loop device to be had"; }
	NUMBERS="$((0x$(stat -c %t "$LOOP"))):$((0x$(stat -c %T "$LOOP")))"
}

# Milliseconds of a direct transfer of 4 MiB in a container.
transfer_ms() {
	local from; from="$(date +%s%N)"
	"$VESSEL" run --rm --network none --device "$LOOP" "${@:2}" "$IMAGE" dd bs=1M count=4 "$1" status=none || return 1
	echo $((($(date +%s%N) - from) / 1000000))
}

@test "--device-read-bps and --device-write-bps slow direct I/O down" {
	[ -e /sys/fs/cgroup/blkio/blkio.throttle.read_bps_device ] || skip "this kernel has no blkio throttling"
	make_disk
	start writer --device "$LOOP" --device-write-bps "$LOOP:2mb" --device-read-bps "$LOOP:1mb" \
		--device-read-iops "$LOOP:100" --device-write-iops "$LOOP:200" "$IMAGE" sleep 1000
	assert_value writer blkio blkio.throttle.write_bps_device "$NUMBERS 2097152"
	assert_value writer blkio blkio.throttle.read_bps_device "$NUMBERS 1048576"
	assert_value writer blkio blkio.throttle.read_iops_device "$NUMBERS 100"
	assert_value writer blkio blkio.throttle.write_iops_device "$NUMBERS 200"
	local from; from="$(date +%s%N)"
	engine exec writer dd if=/dev/zero "of=$LOOP" bs=1M count=4 oflag=direct
	assert_between "ms for 4 MiB at 2 MiB/s" 1400 $((($(date +%s%N) - from) / 1000000)) 6000
	from="$(date +%s%N)"
	engine exec writer dd "if=$LOOP" of=/dev/null bs=1M count=2 iflag=direct
	assert_between "ms for 2 MiB at 1 MiB/s" 1400 $((($(date +%s%N) - from) / 1000000)) 6000
	start free --device "$LOOP" "$IMAGE" sleep 1000
	from="$(date +%s%N)"
	engine exec free dd if=/dev/zero "of=$LOOP" bs=1M count=4 oflag=direct
	assert_between "ms without a limit" 0 $((($(date +%s%N) - from) / 1000000)) 1399
}

@test "--blkio-weight is in the kernel's file" {
	start heavy --blkio-weight 300 "$IMAGE" sleep 1000
	local file
	for file in blkio.weight blkio.bfq.weight; do
		[ -e "$(group heavy blkio)/$file" ] || continue
		[ "$(sed 's/default //' "$(group heavy blkio)/$file" | head -n 1)" = 300 ]
		return 0
	done
	skip "this kernel has no blkio weight"
}

@test "bad limits are 125, one clear sentence, and nothing is left" {
	local flags sentence
	while IFS='|' read -r flags sentence; do
		# shellcheck disable=SC2086 # several words
		run --separate-stderr "$VESSEL" run --network none --cgroup-parent "$PARENT" $flags "$IMAGE" true
		[ "$status" = 125 ] || { echo "$flags: $status, $stderr"; return 1; }
		[[ "$stderr" == *"$sentence"* ]] || { echo "$flags: $stderr"; return 1; }
		[ "$(grep -cv '^hint: \|^See ' <<<"$stderr")" = 1 ] || { echo "$flags: not one sentence: $stderr"; return 1; }
		[[ "$stderr" != *"/sys/fs"* ]] || { echo "$flags: $stderr"; return 1; }
	done <<-'ROWS'
		-m 5m|Minimum memory limit allowed is 6MB
		-m 1x|invalid size
		-m -1|invalid
		--memory-swap 64m|--memory-swap was given without --memory
		-m 64m --memory-swap 32m|memoryswap limit should be larger than memory limit
		-m 64m --memory-reservation 128m|less than memory reservation
		--cpus 1000|Range of CPUs is from 0.01 to
		--cpus 0.001|Range of CPUs is from 0.01 to
		--cpus x|--cpus
		--cpus 0.5 --cpu-quota 5000|Conflicting options
		--cpu-period 5|CPU cfs period can not be less than 1ms
		--cpu-quota 5|CPU cfs quota can not be less than 1ms
		--cpu-shares 1|--cpu-shares must be from 2 to 262144
		--cpuset-cpus 4000|Requested CPUs are not available - requested 4000, available: 0
		--cpuset-cpus 0-|Invalid value 0- for cpuset cpus
		--cpuset-cpus a|Invalid value a for cpuset cpus
		--cpuset-mems 900|Requested memory nodes are not available - requested 900
		--pids-limit -2|--pids-limit
		--blkio-weight 5|Range of blkio weight is from 10 to 1000
		--device-read-bps /dev/nosuch:1mb|/dev/nosuch
		--device-read-bps /dev/null:1mb|/dev/null is not a block device
		--device-write-bps 1mb|--device-write-bps 1mb
		--device-write-iops /dev/null:x|/dev/null:x
		--device /dev/nosuch|/dev/nosuch
		--oom-score-adj 5000|range for oom score adj is [-1000, 1000]
		--ulimit nofile=2:1|ulimit soft limit must be less than or equal to hard limit
		--ulimit nosuch=1|nosuch
		--shm-size none|none
	ROWS
	engine ps -aq
	assert_output ""
	[ -z "$(find /sys/fs/cgroup -path "*$PARENT*")" ]
}

@test "a limit that the kernel refuses at the start names the file, and nothing runs or stays" {
	mkdir -p "$TEST_DIR/seen"
	# Real-time-free: a weight for a memory node that exists only on paper is checked before; a parent's smaller set is not.
	mkdir "/sys/fs/cgroup/cpuset$PARENT"
	echo 0 >"/sys/fs/cgroup/cpuset$PARENT/cpuset.mems"
	echo 0 >"/sys/fs/cgroup/cpuset$PARENT/cpuset.cpus"
	[ "$(nproc)" -gt 1 ] || skip "needs two processors"
	engine_fails 125 run --name no --network none --cgroup-parent "$PARENT" --cpuset-cpus 1 -v "$TEST_DIR/seen:/seen" "$IMAGE" touch /seen/ran
	assert_stderr_contains "--cpuset-cpus"
	assert_stderr_contains "cpuset.cpus"
	[ ! -e "$TEST_DIR/seen/ran" ]
	[ -z "$(find /sys/fs/cgroup -mindepth 3 -path "*$PARENT/*" -type d)" ]
}

@test "two tenants: each has its own limit, and stats shows who takes the processor" {
	busy greedy --cpus 0.5 -m 64m
	start quiet -m 32m "$IMAGE" sleep 1000
	assert_value greedy memory memory.limit_in_bytes 67108864
	assert_value quiet memory memory.limit_in_bytes 33554432
	engine stats --no-stream --format '{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}'
	assert_match 'greedy [1-9][0-9]*\.[0-9]{2}% .* / 64MiB 1'
	assert_match 'quiet 0\.[0-9]{2}% .* / 32MiB 1'
}

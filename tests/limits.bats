#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Limits as the lesson has them: what the kernel's files say, and what the kernel does.
load helpers

setup() { engine_setup; }
teardown() { engine_teardown; }

# The value that the kernel has for a limit of a container.
limit() { cat "$(cgroup_file "$@")"; }

# CPU time of a container's processes in milliseconds.
cpu_ms() {
	local file
	file="$(cgroup_file "$1" cpuacct cpuacct.usage cpu.stat)"
	case "$file" in
	*usage) echo $(($(cat "$file") / 1000000)) ;;
	*) awk '/^usage_usec/ { printf "%d\n", $2 / 1000 }' "$file" ;;
	esac
}

has_controller() { grep -qE "^$1[[:space:]]" /proc/cgroups; }

@test "one cgroup a container, of the full id, with exactly its processes" {
	engine run -d --name app "$IMAGE" sh -c 'sleep 100 & sleep 100 & wait'
	local id="$output" file
	file="$(cgroup_file app pids cgroup.procs cgroup.procs)"
	[[ "$file" == *"$id"* ]]
	wait_until sh -c "[ \$(wc -l <'$file') = 3 ]"
	grep -qx "$(pid_of app)" "$file"
}

@test "-m is the kernel's limit, to the byte" {
	engine run -d --name app -m 2g "$IMAGE" sleep 100
	[ "$(limit app memory memory.limit_in_bytes memory.max)" = 2147483648 ]
	engine inspect -f '{{.HostConfig.Memory}}' app
	assert_output 2147483648
}

@test "who takes more than -m is killed, and inspect says why" {
	engine_fails 137 run --name app -m 16m --memory-swap 16m "$IMAGE" sh -c \
		'dd if=/dev/zero of=/dev/null bs=64M count=1'
	engine inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}} {{.State.Status}}' app
	assert_output "true 137 exited"
}

@test "less than -m is not killed" {
	engine run --name app -m 64m "$IMAGE" sh -c 'dd if=/dev/zero of=/dev/null bs=16M count=1 2>/dev/null'
	engine inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' app
	assert_output "false 0"
}

@test "a child that is killed for memory leaves the container running" {
	engine run -d --name app -m 16m --memory-swap 16m "$IMAGE" sh -c \
		'dd if=/dev/zero of=/dev/null bs=64M count=1; echo "ended $?"; sleep 100'
	wait_for_log app "ended 137"
	state_is app running
}

@test "a limit that is written by hand holds as well" {
	engine run -d --name app -m 256m "$IMAGE" sleep 100
	local file
	file="$(cgroup_file app memory memory.limit_in_bytes memory.max)"
	echo 67108864 >"$file"
	[ "$(cat "$file")" = 67108864 ]
	engine stats --no-stream --format '{{.MemUsage}}' app
	assert_contains "64MiB"
}

@test "update changes a running container, and inspect knows" {
	engine run -d --name app -m 64m --pids-limit 50 "$IMAGE" sleep 100
	engine update -m 128m --memory-swap 256m --cpus 0.5 --pids-limit 30 app
	assert_output "app"
	[ "$(limit app memory memory.limit_in_bytes memory.max)" = 134217728 ]
	[ "$(limit app pids pids.max pids.max)" = 30 ]
	engine inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}' app
	assert_output "134217728 500000000 30"
	# What was not named stays.
	engine update --pids-limit 40 app
	[ "$(limit app memory memory.limit_in_bytes memory.max)" = 134217728 ]
	# And all of it holds after a restart.
	engine restart -t 0 app
	[ "$(limit app memory memory.limit_in_bytes memory.max)" = 134217728 ]
	[ "$(limit app pids pids.max pids.max)" = 40 ]
}

@test "--cpus 0.5: a busy loop gets half a processor" {
	engine run -d --name app --cpus 0.5 "$IMAGE" sh -c 'while :; do :; done'
	local cpu wall
	cpu="$(cpu_ms app)" wall="$(date +%s%3N)"
	sleep 2 # the quota is of time: there is no event to wait for
	cpu=$(($(cpu_ms app) - cpu)) wall=$(($(date +%s%3N) - wall))
	echo "$cpu ms of processor in $wall ms"
	# Never more than the quota, one period over; a busy machine may give less.
	[ "$cpu" -le $((wall / 2 + 150)) ]
	[ "$cpu" -gt $((wall / 20)) ]
}

@test "--cpu-quota and --cpu-period, and --cpus, are the same two files" {
	engine run -d --name app --cpu-period 50000 --cpu-quota 25000 "$IMAGE" sleep 100
	local file
	file="$(cgroup_file app cpu cpu.cfs_quota_us cpu.max)"
	[[ "$(cat "$file")" == 25000* ]]
	engine run -d --name other --cpus 1.5 "$IMAGE" sleep 100
	[[ "$(limit other cpu cpu.cfs_quota_us cpu.max)" == 150000* ]]
	engine_fails 125 run --rm --cpus 1 --cpu-quota 1000 "$IMAGE" true
	assert_short_stderr
}

@test "--cpu-shares is the weight" {
	engine run -d --name app --cpu-shares 512 "$IMAGE" sleep 100
	case "$(cgroup_file app cpu cpu.shares cpu.weight)" in
	*shares) [ "$(limit app cpu cpu.shares cpu.weight)" = 512 ] ;;
	*) assert_between "weight of 512 shares" "$(limit app cpu cpu.shares cpu.weight)" 18 60 ;;
	esac
}

@test "--cpuset-cpus pins" {
	engine run --rm --cpuset-cpus 0 "$IMAGE" grep Cpus_allowed_list /proc/self/status
	assert_match 'Cpus_allowed_list:[[:space:]]+0$'
	engine run --rm --cpuset-cpus 0 "$IMAGE" nproc
	assert_output 1
	engine_fails 125 run --rm --cpuset-cpus 4096 "$IMAGE" true
	assert_short_stderr
}

@test "--pids-limit stops a fork bomb, and the host does not notice" {
	engine run -d --name app --pids-limit 20 "$IMAGE" sh -c 'bomb() { bomb | bomb & }; bomb; sleep 100'
	local file
	file="$(cgroup_file app pids pids.current pids.current)"
	wait_until sh -c "[ \$(cat '$file') -ge 15 ]"
	for _ in 1 2 3 4 5; do
		[ "$(cat "$file")" -le 20 ]
	done
	[ "$(limit app pids pids.max pids.max)" = 20 ]
	engine rm -f app
}

@test "--pids-limit counts: a program that needs more gets an error" {
	engine_fails 2 run --rm --pids-limit 3 "$IMAGE" sh -c 'sleep 1 & sleep 1 & sleep 1 & sleep 1 & wait'
	assert_stderr_contains "fork"
}

@test "two tenants: the greedy one cannot take the other's" {
	engine run -d --name greedy -m 16m --memory-swap 16m --pids-limit 20 "$IMAGE" sh -c \
		'while :; do dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null; done'
	engine run -d --name modest -m 64m "$IMAGE" sleep 100
	wait_until sh -c "[ \$(awk '/oom_kill / { print \$2 }' '$(cgroup_file greedy memory memory.oom_control memory.events)') -gt 2 ]"
	state_is modest running
	engine exec modest dd if=/dev/zero of=/dev/null bs=16M count=1
	engine rm -f greedy
}

# The disk (not the partition) that holds a path, as MAJ:MIN.
disk_of() {
	local number
	number="$(stat -c '%Hd:%Ld' "$1")"
	[ ! -e "/sys/dev/block/$number/partition" ] || number="$(cat "/sys/dev/block/$number/../dev")"
	[ -e "/sys/dev/block/$number" ] && echo "$number"
}

@test "--device-write-bps slows direct writing down" {
	has_controller blkio || has_controller io || skip "no controller for block devices"
	local number disk
	number="$(disk_of "$TEST_DIR")" || skip "$TEST_DIR is on no disk"
	disk="/dev/$(basename "$(readlink "/sys/dev/block/$number")")"
	engine run -d --name app --device-write-bps "$disk:1mb" "$IMAGE" sleep 100
	grep -E "^$number .*1048576" "$(cgroup_file app blkio blkio.throttle.write_bps_device io.max)"
	mkdir "$TEST_DIR/disk"
	local writes='start=$(date +%s); dd if=/dev/zero of=/d/f bs=1M count=4 oflag=direct 2>/dev/null; echo $(($(date +%s) - start))'
	engine run --rm --device-write-bps "$disk:1mb" -v "$TEST_DIR/disk:/d" "$IMAGE" sh -c "$writes"
	assert_between "seconds for 4 MB" "$output" 2 20
	engine run --rm -v "$TEST_DIR/disk:/d" "$IMAGE" sh -c "$writes"
	assert_between "seconds for 4 MB without a limit" "$output" 0 1
}

@test "limits of a device that is none, and of a rate that is none, are errors" {
	engine_fails 125 run --rm --device-read-bps /dev/nosuch:1mb "$IMAGE" true
	assert_stderr_contains "/dev/nosuch"
	engine_fails 125 run --rm --device-read-bps /dev/null "$IMAGE" true
	assert_short_stderr
	engine ps -aq
	assert_output ""
}

@test "--blkio-weight is refused or applied, never dropped" {
	run --separate-stderr "$VESSEL" run -d --name app --blkio-weight 300 "$IMAGE" sleep 100
	if [ "$status" -ne 0 ]; then
		[ "$status" -eq 125 ]
		[[ "$stderr" == *weight* ]]
		return 0
	fi
	[ "$(limit app blkio blkio.bfq.weight io.bfq.weight 2>/dev/null || limit app blkio blkio.weight io.weight)" = 300 ]
}

@test "bad limits are one sentence, exit 125, before anything starts" {
	local bad
	for bad in "-m 1x" "-m 1k" "-m -5m" "--cpus 0.0001" "--cpus many" "--cpus -1" \
		"--cpuset-cpus x" "--pids-limit many" "--blkio-weight 5" "--cpu-shares x" \
		"--cpu-period 5 --cpu-quota 5" "-m 64m --memory-swap 32m" "--memory-reservation 128m -m 64m"; do
		# shellcheck disable=SC2086 # a flag and its value
		engine_fails 125 run --rm $bad "$IMAGE" true
		[ -n "$stderr" ] || wanted "wanted a reason for" "$bad"
		assert_short_stderr
	done
	engine ps -aq
	assert_output ""
}

@test "more processors than there are is an error that says how many" {
	engine_fails 125 run --rm --cpus 4096 "$IMAGE" true
	assert_stderr_contains "$(nproc)"
}

@test "--ulimit and --oom-score-adj arrive" {
	engine run --rm --ulimit nofile=100:200 --ulimit core=0 "$IMAGE" sh -c 'ulimit -Sn; ulimit -Hn; ulimit -c'
	assert_output $'100\n200\n0'
	engine run --rm --oom-score-adj 500 "$IMAGE" cat /proc/self/oom_score_adj
	assert_output 500
	engine_fails 125 run --rm --ulimit nofile=200:100 "$IMAGE" true
	engine_fails 125 run --rm --ulimit nosuch=1 "$IMAGE" true
	assert_stderr_contains "nosuch"
}

@test "stats shows what each uses, and who takes the processor" {
	engine run -d --name busy -m 64m "$IMAGE" sh -c 'while :; do :; done'
	engine run -d --name idle -m 32m "$IMAGE" sleep 100
	engine stats --no-stream
	assert_match 'CONTAINER ID +NAME +CPU % +MEM USAGE / LIMIT +MEM % +NET I/O +BLOCK I/O +PIDS'
	assert_match 'busy .*/ 64MiB'
	assert_match 'idle .*/ 32MiB'
	engine stats --no-stream --format '{{.Name}} {{.CPUPerc}}' busy idle
	local busy idle
	busy="$(awk '$1 == "busy" { printf "%d", $2 }' <<<"$output")"
	idle="$(awk '$1 == "idle" { printf "%d", $2 }' <<<"$output")"
	echo "busy $busy%, idle $idle%"
	[ "$busy" -gt "$((idle + 10))" ]
	engine stats --no-stream --format '{{.PIDs}}' idle
	assert_output 1
}

@test "--cgroup-parent puts it there, and nothing of it stays" {
	local parent="vessel-e2e-$$"
	engine run -d --name app --cgroup-parent "/$parent" "$IMAGE" sleep 100
	local file
	file="$(cgroup_file app pids cgroup.procs cgroup.procs)"
	[[ "$file" == */$parent/* ]]
	engine rm -f app
	run find /sys/fs/cgroup -type d -path "*/$parent/*"
	assert_output ""
	find /sys/fs/cgroup -depth -type d -name "$parent" -exec rmdir {} \;
}

@test "/sys/fs/cgroup inside is the container's own, read-only" {
	engine run --rm "$IMAGE" cat /proc/self/cgroup
	refute_contains "$(basename "$VESSEL_ROOT")"
	! grep -qE '[0-9a-f]{64}' <<<"$output"
	engine_fails 1 run --rm "$IMAGE" sh -c 'mkdir /sys/fs/cgroup/mine 2>/dev/null || mkdir /sys/fs/cgroup/memory/mine'
}

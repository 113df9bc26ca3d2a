#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In the guest: the unit tests of the runtime and of the kernel's interfaces, on cgroup v2 and on an
# older kernel than a developer's.
# shellcheck source=tests/vm/tap
. /vm/tap

# A file system that can be mounted with other ids, as a host's.
mount -t ext4 /dev/vda /tmp && chmod 1777 /tmp
for test in /vm/tests/*; do
	check "$(basename "$test") on $(uname -r), cgroup $VM_CGROUP" timeout 100 "$test"
	printf '%s\n' "$tap_output" | sed -n 's/^\[ *SKIPPED *\] \(.*\)/# skipped: \1/p' | sort -u
done
tap_end

/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/confine.h"

#include <linux/capability.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

/* Of a later ABI than Debian 12's headers know. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#	define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define WRITING_ABI_1 \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
		LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
		LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | \
		LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | \
		LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | \
		LANDLOCK_ACCESS_FS_MAKE_SYM)

static int drop_capabilities(struct error **err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	/* From a bounding set that is not ours to change nothing can be gained either: see below.
	 */
	for (unsigned long capability = 0; capability < 64; capability++)
		(void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, "set no_new_privs");
	if (syscall(SYS_capset, &header, none) < 0)
		return error_sys(err, "drop capabilities");
	return 0;
}

/* A kernel without Landlock leaves it out; one that has it and refuses is an error. */
static int forbid_writing(struct error **err)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr rules = { .handled_access_fs = WRITING_ABI_1 };
	cleanup_close int fd = -1;

	if (abi < 1)
		return 0;
	if (abi >= 3)
		rules.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
	fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	if (fd < 0)
		return error_sys(err, "make a Landlock ruleset");
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return error_sys(err, "apply the Landlock ruleset");
	return 0;
}

int confine_to_network(struct error **err)
{
	const struct rlimit none = { 0, 0 };

	(void)signal(SIGPIPE, SIG_IGN);
	/* Not to outlive who asked, even inside a connection attempt. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none); /* a token would be in it */
	if (drop_capabilities(err) < 0 || forbid_writing(err) < 0)
		return error_wrap(err, "confine the helper");
	return 0;
}

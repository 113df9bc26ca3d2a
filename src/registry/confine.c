/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/confine.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "registry/certs.h"

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

#define READING (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

#if defined(__SANITIZE_ADDRESS__)
#	define SANITIZED 1
#elif defined(__has_feature)
#	if __has_feature(address_sanitizer)
#		define SANITIZED 1
#	endif
#endif
#ifndef SANITIZED
#	define SANITIZED 0 /* it reads /proc, and makes system calls of its own */
#endif

/* Names, certificates, and the libraries that libc loads when names are asked for. Not /etc as a
 * whole: root's number alone opens much of it. */
static const char *const readable[] = { "/usr", "/lib", "/lib64", "/etc/ld.so.cache",
	"/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf", "/etc/nsswitch.conf",
	"/etc/services", "/etc/protocols", "/etc/localtime", "/etc/ssl/certs", "/etc/ssl/cert.pem",
	"/etc/ssl/openssl.cnf", "/etc/pki/tls/certs", "/etc/pki/tls/cert.pem",
	"/etc/pki/tls/openssl.cnf", "/etc/pki/ca-trust", "/etc/crypto-policies",
	"/etc/ca-certificates", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager",
	"/proc/sys/crypto", "/dev/null", "/dev/urandom" };
static const char *const readable_by_name[] = { "SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF" };

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

/* What is not there needs no rule. */
static int allow_reading(int rules_fd, int dir_fd, const char *path, struct error **err)
{
	cleanup_close int fd = openat(dir_fd, path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = { .allowed_access = READING, .parent_fd = fd };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return 0;
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE;
	if (syscall(SYS_landlock_add_rule, rules_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return error_sys(err, "allow reading %s", path);
	return 0;
}

/* What is in a folder, too: it may be links to elsewhere. */
static int allow_folder( // NOLINT(misc-no-recursion): as deep as certs.d is
	int rules_fd, int dir_fd, const char *path, int depth, struct error **err)
{
	cleanup_close int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_strv strv names = NULL;

	if (allow_reading(rules_fd, dir_fd, path, err) < 0)
		return -1;
	if (fd < 0 || depth == 0)
		return 0;
	if (dir_names(fd, &names, err) < 0)
		return -1;
	for (char **name = names; name && *name; name++)
		if (allow_folder(rules_fd, fd, *name, depth - 1, err) < 0)
			return -1;
	return 0;
}

static int allow_what_is_needed(int rules_fd, struct error **err)
{
	cleanup_strv strv folders = certs_folders();

	for (size_t i = 0; i < sizeof(readable) / sizeof(*readable); i++)
		if (allow_reading(rules_fd, AT_FDCWD, readable[i], err) < 0)
			return -1;
	for (size_t i = 0; i < sizeof(readable_by_name) / sizeof(*readable_by_name); i++) {
		const char *path = getenv(readable_by_name[i]);

		if (path && allow_reading(rules_fd, AT_FDCWD, path, err) < 0)
			return -1;
	}
	for (char **folder = folders; *folder; folder++)
		if (allow_folder(rules_fd, AT_FDCWD, *folder, 2, err) < 0)
			return -1;
	return 0;
}

/* A kernel without Landlock leaves it out; one that has it and refuses is an error. */
static int restrict_files(struct error **err)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr rules = { .handled_access_fs = WRITING_ABI_1 };
	cleanup_close int fd = -1;

	if (abi < 1)
		return 0;
	if (abi >= 3)
		rules.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (!SANITIZED)
		rules.handled_access_fs |= READING;
	fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	if (fd < 0)
		return error_sys(err, "make a Landlock ruleset");
	if (!SANITIZED && allow_what_is_needed(fd, err) < 0)
		return -1;
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return error_sys(err, "apply the Landlock ruleset");
	return 0;
}

int confine_to_network(struct error **err)
{
	const struct rlimit none = { 0, 0 };

	(void)signal(SIGPIPE, SIG_IGN);
	if (drop_capabilities(err) < 0)
		return error_wrap(err, "confine the helper");
	/* Not to outlive who asked, even inside a connection attempt. After the capabilities, whose
	 * change may take it away. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* A token would be in it, and others of the same user could look. */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (restrict_files(err) < 0 || (!SANITIZED && confine_calls(err) < 0))
		return error_wrap(err, "confine the helper");
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* vessel-transfer: see main/transfer_pull.c. */
#include <stdio.h>
#include <sys/stat.h>

#include "main/transfer_pull.h"
#include "registry/pull_protocol.h"

#ifdef __SANITIZE_ADDRESS__
/* Looking for leaks traces the process, which is not dumpable and may be jailed: it would only
 * fail. */
const char *__asan_default_options(void); // NOLINT(bugprone-reserved-identifier,cert-dcl37-c)
__attribute__((visibility("default"))) const char *__asan_default_options(void) // NOLINT
{
	return "detect_leaks=0";
}
#endif

int main(int argc, char **argv)
{
	struct stat st;

	if (argc >= 2 && fstat(PULL_SOCKET_FD, &st) == 0 && S_ISSOCK(st.st_mode))
		return transfer_pull_main(argc, argv);
	(void)fputs("vessel-transfer is started by vessel.\n", stderr);
	return 2;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* vessel-transfer: see registry/pull_protocol.h and registry/push_protocol.h. */
#include <stdio.h>
#include <string.h>

#include "main/transfer_pull.h"
#include "main/transfer_push.h"

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
	if (argc >= 2 && (strcmp(argv[1], "pull") == 0 || strcmp(argv[1], "fetch") == 0))
		return transfer_pull_main(argc, argv);
	if (argc >= 2 && strcmp(argv[1], "push") == 0)
		return transfer_push_main(argc, argv);
	(void)fputs("vessel-transfer is started by vessel.\n", stderr);
	return 2;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* vessel-transfer: see store/transfer.h. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "main/transfer_pull.h"
#include "store/codec.h"
#include "store/transfer.h"

static const struct codec *const codecs[] = { &codec_gzip, &codec_zstd, &codec_bzip2, &codec_xz,
	NULL };

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
	/* At once: what libraries do at exit may take system calls that the jail has not. */
	if (argc >= 2 && strcmp(argv[1], "unpack") == 0)
		_exit(transfer_unpack_main(argv + 2, codecs));
	if (argc >= 2 && (strcmp(argv[1], "pull") == 0 || strcmp(argv[1], "fetch") == 0))
		return transfer_pull_main(argc, argv);
	(void)fputs("vessel-transfer is started by vessel.\n", stderr);
	return 2;
}

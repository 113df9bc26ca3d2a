/* SPDX-License-Identifier: Apache-2.0 */
/* vessel-transfer: see store/transfer.h. */
#include <stdio.h>
#include <string.h>

#include "main/transfer_pull.h"
#include "store/codec.h"
#include "store/transfer.h"

static const struct codec *const codecs[] = { &codec_gzip, &codec_zstd, &codec_bzip2, &codec_xz,
	NULL };

int main(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "unpack") == 0)
		return transfer_unpack_main(argv + 2, codecs);
	if (argc >= 2 && (strcmp(argv[1], "pull") == 0 || strcmp(argv[1], "fetch") == 0))
		return transfer_pull_main(argc, argv);
	(void)fputs("vessel-transfer is started by vessel.\n", stderr);
	return 2;
}

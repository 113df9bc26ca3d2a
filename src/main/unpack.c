/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vessel-unpack: see store/transfer.h. Apart from vessel-transfer because that one's HTTP library
 * takes twenty milliseconds to load, and has no business where archives are parsed.
 */
#include <stdio.h>
#include <unistd.h>

#include "store/codec.h"
#include "store/transfer.h"

/* Loaded before the jail is entered: inside there is no file to load. */
static const struct codec *best_gzip(void)
{
#ifdef HAVE_ISAL
	const struct codec *isal = codec_isal();

	if (isal)
		return isal;
#endif
	return &codec_gzip;
}

#ifdef __SANITIZE_ADDRESS__
/* Looking for leaks traces the process, which is jailed: it would only fail. */
const char *__asan_default_options(void); // NOLINT(bugprone-reserved-identifier,cert-dcl37-c)
__attribute__((visibility("default"))) const char *__asan_default_options(void) // NOLINT
{
	return "detect_leaks=0";
}
#endif

int main(int argc, char **argv)
{
	const struct codec *codecs[] = { NULL, &codec_zstd, &codec_bzip2, &codec_xz, NULL };

	if (argc < 1 || !transfer_was_started()) {
		(void)fputs("vessel-unpack is started by vessel.\n", stderr);
		return 2;
	}
	codecs[0] = best_gzip();
	/* At once: what libraries do at exit may take system calls that the jail has not. */
	_exit(transfer_unpack_main(argv + 1, codecs));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* vessel-runtime: see oci-runtime/command.h. */
#include "oci-runtime/command.h"

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
	return oci_runtime_main(argc, argv);
}

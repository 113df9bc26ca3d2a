/* SPDX-License-Identifier: Apache-2.0 */
/* Which certificate authorities this machine trusts. */
#pragma once

/*
 * The system's folder of authorities, where each has a link named by the hash of its name, or NULL.
 * There OpenSSL opens the one that it needs; reading the file that has them all takes 20 to 30
 * milliseconds, many times what a registry nearby takes to answer.
 */
const char *trust_folder(void);

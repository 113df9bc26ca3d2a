/* SPDX-License-Identifier: Apache-2.0 */
/* What info and version say of this host and this program. */
#pragma once

#define API_VERSION "1.43" /* of the Docker Engine API whose objects we print */
#define API_VERSION_MIN "1.24"

/* PRETTY_NAME of os-release, or "Linux"; the caller frees. */
char *host_system(void);

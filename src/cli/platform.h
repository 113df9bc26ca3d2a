/* SPDX-License-Identifier: Apache-2.0 */
/* --platform of commands that take images of any machine. */
#pragma once

struct error;

/* "linux/arm64/v8", "linux": the architecture, as images name it, or this machine's; the caller
 * frees. NULL gives NULL. */
int platform_parse(const char *text, char **ret_architecture, struct error **err);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct error;

/* lo up in the calling process's network namespace. */
int loopback_up(struct error **err);

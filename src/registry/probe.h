/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a registry of this host speaks plain http. https is always tried first, and
 * may_try_http() says what follows; but to set up TLS takes OpenSSL longer than all the rest of a
 * pull of what is here already. So such a registry gets the beginning of a handshake (RFC
 * 8446, 4.1.2) without OpenSSL, to which one of plain http answers "HTTP/1.1 400 …", and none that
 * speaks TLS does.
 */
#pragma once

#include <stdbool.h>

struct origin;

/* False also when it is not on this host, cannot be reached, or does not answer within a second. */
bool probe_is_http(const struct origin *origin);

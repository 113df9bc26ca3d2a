/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the connection of a request is made: whom TLS trusts and who we are in it, proxies, limits of
 * time. Needs libcurl: only vessel-transfer links it.
 *
 * VESSEL_TEST_TIMEOUT_SCALE, a percentage, makes all pauses and timeouts shorter for tests.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;
struct exchange;
struct origin;

/* Sets the options of exchange->easy for a connection to origin. */
int connection_prepare(struct exchange *exchange, const struct origin *origin, struct error **err);
/* Why it broke (exchange->code), and what to do about it: fills *err; always -1. */
int connection_broken(struct exchange *exchange, struct error **err);
int64_t time_scaled(int64_t time);

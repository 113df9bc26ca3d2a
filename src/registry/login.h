/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a registry whether it knows a credential, by vessel-transfer. */
#pragma once

struct credential;
struct error;

/* registry: a reference's domain. *ret_token: an identity token to keep instead of the password, or
 * NULL where the registry gives none; the caller frees. */
int registry_login(const char *registry, const struct credential *credential, char **ret_token,
	struct error **err);

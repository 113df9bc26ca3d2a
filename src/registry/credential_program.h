/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker-credential-NAME: a program of the user's that keeps credentials. It is asked by its first
 * argument (get, store, erase) and reads what about on its standard input; what it knows, or why it
 * failed, is on its standard output. It runs with the user's own rights, and only the user's own
 * configuration names one.
 */
#pragma once

struct credential;
struct error;

/* server: the registry as the configuration file calls it. 1 known, 0 not. */
int credential_program_get(
	const char *name, const char *server, struct credential *ret, struct error **err);
int credential_program_store(const char *name, const char *server,
	const struct credential *credential, struct error **err);
/* 1 erased, 0 there was none. */
int credential_program_erase(const char *name, const char *server, struct error **err);

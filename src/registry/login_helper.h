/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper's side of a login, `vessel-transfer login REGISTRY`: it asks for /v2/ as the
 * credential that it was given, and answers LOGIN_DONE with the identity token that came of it, if
 * one did. Needs libcurl: only vessel-transfer links it.
 */
#pragma once

struct error;

#define LOGIN_DONE 61U /* beside registry/access.h's */

int login_helper_run(const char *registry, int socket_fd, struct error **err);

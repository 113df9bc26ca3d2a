/* SPDX-License-Identifier: Apache-2.0 */
/* The helper's loop after the manifest: blobs that the engine asks for, several at once. */
#pragma once

#include "registry/exchange.h"

struct error;

/* Until the engine closes the socket. */
int download_serve(struct repository *repository, int socket_fd, struct error **err);

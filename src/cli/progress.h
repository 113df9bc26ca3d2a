/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pull or push shows while it works. On a terminal each layer has a line that is redrawn in
 * place, at most ten times a second:
 *
 *   a1b2c3d4e5f6: Downloading [=====>      ]  12.3MB/90.1MB  48MB/s
 *
 * of which the last screenful moves; elsewhere a line is printed for each thing that happens, as
 * docker does it. The cursor, hidden meanwhile, is given back at the end and when a signal ends or
 * stops us.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "registry/progress.h"

struct progress_view;

/* verb: what a layer's bytes mean ("Downloading"). With quiet nothing is shown. */
struct progress_view *progress_view_open(FILE *out, const char *verb, bool quiet);
/* For the work: valid until the view is closed. */
struct registry_progress progress_view_calls(struct progress_view *view);
/* Shows how it ended. */
void progress_view_close(struct progress_view *view);

DEFINE_CLEANUP(struct progress_view *, progress_view_close)
#define cleanup_progress_view CLEANUP(progress_view_close)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys that leave an attached container running (ctrl-p ctrl-q), found in the stream of what is
 * typed.
 *
 * State: how many keys of the sequence were seen and are held back. A byte that continues it is
 * held too; one that does not sends the held ones on, and may begin the sequence anew. The owner
 * calls detach_flush() when nothing followed for DETACH_WAIT_MS, so a lone ctrl-p still reaches
 * the program.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct error;

#define DETACH_KEYS_MAX 16
#define DETACH_WAIT_MS 500

struct detach {
	char keys[DETACH_KEYS_MAX];
	size_t count; /* 0: there is no sequence */
	size_t held;
};

/* "ctrl-p,ctrl-q", "ctrl-@,x"; NULL: the default, "": none. */
int detach_init(struct detach *detach, const char *keys, struct error **err);
/*
 * Copies length input bytes to out (room for length + DETACH_KEYS_MAX); returns
 * how many, and *ret_detached when the sequence is complete: what follows it is dropped.
 */
size_t detach_feed(
	struct detach *detach, const char *in, size_t length, char *out, bool *ret_detached);
/* The keys held back, as input after all. */
size_t detach_flush(struct detach *detach, char out[static DETACH_KEYS_MAX]);

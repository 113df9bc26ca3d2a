/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of real containers: a root file system of busybox in a directory of its own, a
 * spec as the engine would make it, and running it to its end with its output caught.
 */
#pragma once

#include "oci/spec.h"
#include "runtime/container.h"

#define OUTPUT_MAX (256UL * 1024)

struct fixture {
	char dir[64]; /* with rootfs, upper, work, merged in it */
	char rootfs[80];
	int dir_fd;
	struct spec spec;
};

/* For cmocka; skipped (state NULL) without root or busybox. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
/* Skips the test when there is no fixture. */
struct fixture *fixture_of(void **state);

/* Puts a file into the rootfs. */
void fixture_file(struct fixture *fixture, const char *path, const char *text, unsigned int mode);
/* args becomes sh -c SCRIPT. */
void fixture_script(struct fixture *fixture, const char *script);
void fixture_args(struct fixture *fixture, const char *const *args);

struct outcome {
	int code; /* the exit code, 128 + a signal, or -1 when it did not start */
	char *output; /* stdout and stderr */
	struct error *error;
};

void outcome_done(struct outcome *outcome);
static inline void outcome_done_p_(struct outcome *outcome)
{
	outcome_done(outcome);
}
#define cleanup_outcome __attribute__((cleanup(outcome_done_p_)))

/* Starts the container and waits for its end. */
struct outcome fixture_run(struct fixture *fixture);
/* Starts it, and leaves it running; output goes to a pipe whose end is *ret_output_fd. */
struct container_init fixture_start(struct fixture *fixture, int *ret_output_fd);
/* One more process in it. */
struct outcome fixture_exec(struct fixture *fixture, const struct container_init *init,
	const struct spec_process *process);
int wait_code(int pidfd);
char *read_all(int fd);

/* SPDX-License-Identifier: Apache-2.0 */
/* Dockerfiles come with contexts from anywhere. What is accepted can also be planned. */
#include <stdint.h>

#include "base/error.h"
#include "build/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_dockerfile struct dockerfile dockerfile = { .name = NULL };
	cleanup_plan struct plan plan = { .stages = NULL };
	cleanup_error struct error *err = NULL;
	struct plan_options options = { .target = NULL };

	if (dockerfile_parse("D", (const char *)data, size, &dockerfile, &err) == 0)
		(void)plan_make(&dockerfile, &options, &plan, &err);
	return 0;
}

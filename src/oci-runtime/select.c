/* SPDX-License-Identifier: Apache-2.0 */
#include "oci-runtime/select.h"

#include <regex.h>

#include "base/error.h"
#include "oci-runtime/state.h"

int select_each(struct runtime *runtime, const char *word, bool is_regex,
	int (*each)(struct runtime *runtime, const char *id, const void *opts, struct error **err),
	const void *opts, struct error **err)
{
	cleanup_strv strv ids = NULL;
	regex_t regex;
	int result = 0;

	if (!is_regex)
		return each(runtime, word, opts, err);
	if (state_list(runtime, &ids, err) < 0)
		return -1;
	if (regcomp(&regex, word, REG_EXTENDED | REG_NOSUB) != 0)
		return error_new(err, ERROR_INVALID, "'%s' is not a regular expression", word);
	for (size_t i = 0; ids && ids[i]; i++) {
		cleanup_error struct error *failed = NULL;

		if (regexec(&regex, ids[i], 0, NULL, 0) != 0)
			continue;
		if (each(runtime, ids[i], opts, &failed) < 0 && result == 0) {
			*err = take_ptr(failed);
			result = -1;
		}
	}
	regfree(&regex);
	return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "oci-runtime/select.h"

#include <regex.h>

#include "base/error.h"
#include "oci-runtime/state.h"

static void each_matching(struct runtime *runtime, const struct selection *selection,
	const regex_t *regex, char *const *ids, struct error **first)
{
	for (; ids && *ids; ids++) {
		cleanup_error struct error *failed = NULL;

		if (regexec(regex, *ids, 0, NULL, 0) == 0 &&
			selection->each(runtime, *ids, selection->opts, &failed) < 0 && !*first)
			*first = take_ptr(failed);
	}
}

int select_each(struct runtime *runtime, const struct selection *selection, struct error **err)
{
	cleanup_strv strv ids = NULL;
	struct error *first = NULL;
	regex_t regex;

	if (!selection->is_regex)
		return selection->each(runtime, selection->word, selection->opts, err);
	if (state_list(runtime, &ids, err) < 0)
		return -1;
	if (regcomp(&regex, selection->word, REG_EXTENDED | REG_NOSUB) != 0)
		return error_new(
			err, ERROR_INVALID, "'%s' is not a regular expression", selection->word);
	each_matching(runtime, selection, &regex, ids, &first);
	regfree(&regex);
	if (!first)
		return 0;
	*err = first;
	return -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/detach.h"

#include <string.h>

#include "base/error.h"
#include "base/strv.h"

/* ctrl-a to ctrl-z, and the others that ASCII has below space: those of '@' to '_'. */
static int key_parse(const char *text)
{
	static const char ctrl[] = "ctrl-";
	const size_t length = sizeof(ctrl) - 1;
	int letter;

	if (text[0] && !text[1])
		return (unsigned char)text[0];
	if (strncasecmp(text, ctrl, length) != 0 || !text[length] || text[length + 1])
		return -1;
	letter = (unsigned char)text[length];
	if (letter >= 'a' && letter <= 'z')
		letter -= 'a' - 'A';
	return letter >= '@' && letter <= '_' ? letter - '@' : -1;
}

int detach_init(struct detach *detach, const char *keys, struct error **err)
{
	struct detach made = { 0 };
	cleanup_strv strv parts = NULL;

	parts = strv_split(keys ? keys : "ctrl-p,ctrl-q", ',');
	for (size_t i = 0; parts[i] && (!keys || *keys); i++) {
		int key = key_parse(parts[i]);

		if (key < 0 || made.count == DETACH_KEYS_MAX) {
			error_new(err, ERROR_INVALID, "invalid detach keys (%s): '%s'", keys,
				parts[i]);
			return error_hint(err,
				"write keys like ctrl-p or x, with commas between, at most %d",
				DETACH_KEYS_MAX);
		}
		made.keys[made.count++] = (char)key;
	}
	*detach = made;
	return 0;
}

size_t detach_flush(struct detach *detach, char out[static DETACH_KEYS_MAX])
{
	size_t held = detach->held;

	memcpy(out, detach->keys, held);
	detach->held = 0;
	return held;
}

size_t detach_feed(
	struct detach *detach, const char *in, size_t length, char *out, bool *ret_detached)
{
	size_t used = 0;

	*ret_detached = false;
	for (size_t i = 0; i < length; i++) {
		if (detach->held > 0 && in[i] != detach->keys[detach->held])
			used += detach_flush(detach, out + used);
		if (detach->count == 0 || in[i] != detach->keys[detach->held]) {
			out[used++] = in[i];
			continue;
		}
		if (++detach->held == detach->count) {
			detach->held = 0;
			*ret_detached = true;
			break;
		}
	}
	return used;
}

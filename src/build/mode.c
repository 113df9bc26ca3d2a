/* SPDX-License-Identifier: Apache-2.0 */
#include "build/mode.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"

enum { WHO_USER = 1, WHO_GROUP = 2, WHO_OTHER = 4, WHO_ALL = 7 };

static int bad(const char *text, struct error **err)
{
	return error_new(err, ERROR_INVALID,
		"--chmod: '%.100s' is neither an octal mode up to 07777 nor one such as "
		"u=rwX,go=rX",
		text);
}

bool mode_is_numeric(const char *text)
{
	return *text && text[strspn(text, "01234567")] == '\0';
}

/* rwx bits for all that who names. */
static mode_t spread(unsigned int who, mode_t rwx)
{
	return ((who & WHO_USER) ? rwx << 6 : 0) | ((who & WHO_GROUP) ? rwx << 3 : 0) |
	       ((who & WHO_OTHER) ? rwx : 0);
}

/* One letter behind the operator: its bits, or -1 as all ones when there is no such letter. */
static mode_t permission(char letter, unsigned int who, mode_t old)
{
	switch (letter) {
	case 'r':
		return spread(who, 4);
	case 'w':
		return spread(who, 2);
	case 'x':
		return spread(who, 1);
	case 'X':
		return S_ISDIR(old) || (old & 0111) ? spread(who, 1) : 0;
	case 's':
		return ((who & WHO_USER) ? S_ISUID : 0) | ((who & WHO_GROUP) ? S_ISGID : 0);
	case 't':
		return S_ISVTX;
	case 'u':
		return spread(who, (old >> 6) & 7);
	case 'g':
		return spread(who, (old >> 3) & 7);
	case 'o':
		return spread(who, old & 7);
	default:
		return (mode_t)-1;
	}
}

static const char *read_who(const char *at, unsigned int *ret)
{
	for (*ret = 0; *at && strchr("ugoa", *at); at++)
		*ret |= *at == 'u'   ? WHO_USER
			: *at == 'g' ? WHO_GROUP
			: *at == 'o' ? WHO_OTHER
				     : WHO_ALL;
	if (*ret == 0)
		*ret = WHO_ALL;
	return at;
}

/* One operator with its letters; NULL when it is broken. */
static const char *apply_action(const char *at, unsigned int who, mode_t *mode)
{
	char op = *at++;
	mode_t bits = 0, all = spread(who, 7) | (permission('s', who, 0) & 07777);

	while (*at && !strchr(",+-=", *at)) {
		mode_t bit = permission(*at++, who, *mode);

		if (bit == (mode_t)-1)
			return NULL;
		bits |= bit;
	}
	if (op == '=' && who == WHO_ALL)
		all |= S_ISVTX;
	*mode = op == '+' ? *mode | bits : op == '-' ? *mode & ~bits : (*mode & ~all) | bits;
	return at;
}

int mode_apply(const char *text, mode_t old, mode_t *ret, struct error **err)
{
	mode_t mode = old;
	const char *at = text;

	if (mode_is_numeric(text)) {
		unsigned long number = strlen(text) < 12 ? strtoul(text, NULL, 8) : 010000;

		if (number > 07777)
			return bad(text, err);
		*ret = (mode_t)number;
		return 0;
	}
	do {
		unsigned int who;

		at = read_who(at, &who);
		if (!*at || !strchr("+-=", *at))
			return bad(text, err);
		while (*at && *at != ',') {
			at = apply_action(at, who, &mode);
			if (!at)
				return bad(text, err);
		}
	} while (*at++ == ',');
	*ret = mode & 07777;
	return 0;
}

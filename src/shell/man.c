/* SPDX-License-Identifier: Apache-2.0 */
#include "shell/man.h"

#include <stdio.h>

void man_put(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
	}
}

void man_put_flag(char letter, const char *name, const char *arg, const char *help)
{
	fputs(".TP\n", stdout);
	if (letter)
		printf("\\fB\\-%c\\fR, ", letter);
	fputs("\\fB", stdout);
	man_put("--");
	man_put(name);
	fputs("\\fR", stdout);
	if (arg && *arg)
		printf(" \\fI%s\\fR", arg);
	putchar('\n');
	man_put(help);
	putchar('\n');
}

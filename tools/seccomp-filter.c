/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run while building: writes the default filter for the default capabilities as a C array, so that
 * starting a container neither compiles it (some milliseconds) nor links libseccomp.
 */
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "runtime/seccomp.h"

static int print(FILE *from, FILE *to)
{
	size_t count = 0;
	int byte;

	rewind(from);
	(void)fputs("/* Made by tools/seccomp-filter.c. */\n"
		    "#include \"runtime/seccomp.h\"\n\n"
		    "_Alignas(8) const unsigned char seccomp_default_filter[] = {",
		to);
	while ((byte = fgetc(from)) != EOF)
		(void)fprintf(to, "%s%d,", count++ % 24 ? " " : "\n\t", byte);
	(void)fprintf(to, "\n};\nconst size_t seccomp_default_filter_bytes = %zu;\n", count);
	return ferror(from) || fclose(to) ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct error *err = NULL;
	FILE *filter = tmpfile();
	FILE *to = argc == 2 ? fopen(argv[1], "we") : NULL;

	if (!filter || !to) {
		(void)fprintf(stderr, "usage: %s OUTPUT\n", argv[0]);
		return 2;
	}
	if (seccomp_compile(CAPABILITIES_DEFAULT, fileno(filter), &err) < 0) {
		(void)fprintf(stderr, "%s: %s\n", argv[0], error_message(err));
		return 1;
	}
	if (print(filter, to) < 0) {
		perror(argv[1]);
		return 1;
	}
	(void)fclose(filter);
	return 0;
}

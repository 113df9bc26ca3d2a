/* SPDX-License-Identifier: Apache-2.0 */
#include "build/dockerfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "build/heredoc.h"

/* What was read, as one text: "3 RUN [--a=b] x|y <<EOF(content)". */
static char *dump(const struct dockerfile *dockerfile)
{
	cleanup_buf struct buf out = BUF_INIT(BUF_LARGE);

	for (size_t i = 0; i < dockerfile->count; i++) {
		const struct instruction *instruction = &dockerfile->instructions[i];
		cleanup_free char *args = strv_join(instruction->args, "|");
		cleanup_free char *flags = strv_join(instruction->flags, " ");

		buf_printf(&out, "%s%d %s%s%s%s%s%s", i ? "\n" : "", instruction->line,
			instruction_name(instruction->kind), instruction->json ? " json" : "",
			*flags ? " " : "", flags, *args ? " " : "", args);
		for (size_t j = 0; j < instruction->heredoc_count; j++) {
			cleanup_free char *content = heredoc_content(&instruction->heredocs[j]);

			buf_printf(&out, " <<%s%s(%s)", instruction->heredocs[j].name,
				instruction->heredocs[j].expand ? "" : "'", content);
		}
	}
	return buf_take(&out);
}

static const struct {
	const char *why, *text, *dump;
} accepted[] = {
	{ "the lesson's", "FROM debian:12\nRUN a && b\nCMD [\"x\", \"-D\", \"y\"]\n",
		"1 FROM debian:12\n2 RUN a && b\n3 CMD json x|-D|y" },
	{ "any case; no newline at the end", "from a aS b\nrun x", "1 FROM a|aS|b\n2 RUN x" },
	{ "byte order mark and CRLF",
		"\xef\xbb\xbf"
		"FROM a\r\nRUN x \\\r\n  y\r\n",
		"1 FROM a\n2 RUN x   y" },
	{ "comments and empty lines, also inside an instruction",
		"# c\n\nFROM a\nRUN x \\\n# no\n\n  # nor this\n  y\n", "3 FROM a\n4 RUN x   y" },
	{ "the line is where the instruction begins", "FROM a\nRUN x \\\n y\nRUN z",
		"1 FROM a\n2 RUN x  y\n4 RUN z" },
	{ "two escapes at the end are none", "FROM a\nRUN x\\\\\nRUN y",
		"1 FROM a\n2 RUN x\\\\\n3 RUN y" },
	{ "blanks behind the escape", "FROM a\nRUN x \\ \t\ny", "1 FROM a\n2 RUN x y" },
	{ "another escape character", "# escape=`\nFROM a\nRUN x `\n y\\\nRUN z",
		"2 FROM a\n3 RUN x  y\\\n5 RUN z" },
	{ "a directive after a comment is a comment", "# c\n# escape=`\nFROM a\nRUN x \\\ny",
		"3 FROM a\n4 RUN x y" },
	{ "syntax is not obeyed", "# syntax=evil/image\nFROM a", "2 FROM a" },
	{ "JSON that is none is for the shell", "FROM a\nRUN [ -f x ]\nCMD ['a']",
		"1 FROM a\n2 RUN [ -f x ]\n3 CMD ['a']" },
	{ "pairs, quoted and escaped",
		"FROM a\nENV a=1 b=\"x y\" c=x\\ y d='='\nENV old style  value ",
		"1 FROM a\n2 ENV a|1|b|\"x y\"|c|x\\ y|d|'='\n3 ENV old|style  value" },
	{ "ARG: several", "ARG A B=1 C=\"x y\"\nFROM a", "1 ARG A|B=1|C=\"x y\"\n2 FROM a" },
	{ "flags before the arguments only",
		"FROM a\nCOPY --from=b --chown='x:y' a --link /c\nCOPY -- --a /b",
		"1 FROM a\n2 COPY --from=b --chown=x:y a|--link|/c\n3 COPY --a|/b" },
	{ "JSON for paths with blanks", "FROM a\nCOPY [\"a b\", \"/c\"]",
		"1 FROM a\n2 COPY json a b|/c" },
	{ "a RUN's own flags come later", "FROM a\nRUN --network=none x --network=host",
		"1 FROM a\n2 RUN --network=none x --network=host" },
	{ "health",
		"FROM a\nHEALTHCHECK --interval=1m30s --retries=3 CMD curl -f x\n"
		"HEALTHCHECK CMD [\"a\"]\nHEALTHCHECK none",
		"1 FROM a\n2 HEALTHCHECK --interval=1m30s --retries=3 CMD|curl -f x\n"
		"3 HEALTHCHECK json CMD|a\n4 HEALTHCHECK none" },
	{ "heredocs", "FROM a\nRUN <<EOF\n# no comment \\\n\nEOF\nRUN x",
		"1 FROM a\n2 RUN <<EOF <<EOF(# no comment \\\n\n)\n6 RUN x" },
	{ "several, with tabs and quotes",
		"FROM a\nCOPY <<-one <<\"two\" /x/\n\t\tA\n\tone\nB\ntwo\n",
		"1 FROM a\n2 COPY <<-one|<<\"two\"|/x/ <<one(A\n) <<two'(B\n)" },
	{ "a shift is no heredoc", "FROM a\nRUN echo $((1<<2))\nRUN cat <<<word",
		"1 FROM a\n2 RUN echo $((1<<2))\n3 RUN cat <<<word" },
	{ "only where the language has them", "FROM a\nENV x=<<EOF", "1 FROM a\n2 ENV x|<<EOF" },
	{ "a trigger", "FROM a\nONBUILD COPY . /x", "1 FROM a\n2 ONBUILD COPY . /x" },
	{ "a trigger's heredoc", "FROM a\nONBUILD RUN <<E\nx\nE\n",
		"1 FROM a\n2 ONBUILD RUN <<E <<E(x\n)" },
};

static void reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		cleanup_dockerfile struct dockerfile dockerfile = { .name = NULL };
		cleanup_error struct error *err = NULL;
		cleanup_free char *text = NULL;

		if (dockerfile_parse("Dockerfile", accepted[i].text, strlen(accepted[i].text),
			    &dockerfile, &err) < 0)
			fail_msg("%s: %s", accepted[i].why, error_message(err));
		text = dump(&dockerfile);
		if (strcmp(text, accepted[i].dump) != 0)
			fail_msg("%s: got\n%s\nnot\n%s", accepted[i].why, text, accepted[i].dump);
	}
}

static const struct {
	const char *why, *text, *says;
} refused[] = {
	{ "nothing", "", "D has no instructions" },
	{ "comments only", "# a\n\n", "D has no instructions" },
	{ "unknown", "FROM a\nRUNN x", "D:2: unknown instruction: RUNN (did you mean RUN?)" },
	{ "far from any", "FROM a\nXYZZY x", "D:2: unknown instruction: XYZZY" },
	{ "the line of a long one is its first", "FROM a\n\nFOO x \\\n y \\\n z", "D:3: unknown" },
	{ "unknown flag", "FROM a\nCOPY --form=x a b",
		"D:2: COPY has no flag --form (did you mean" },
	{ "flag twice", "FROM a\nCOPY --from=x --from=y a b", "--from is given twice" },
	{ "flag without value", "FROM a\nCOPY --from a b", "--from needs a value" },
	{ "switch with another value", "FROM a\nCOPY --link=maybe a b", "must be true or false" },
	{ "no destination", "FROM a\nCOPY a", "D:2: COPY needs at least one source" },
	{ "FROM with two words", "FROM a b", "D:1: FROM needs IMAGE" },
	{ "a stage's name", "FROM a AS 1b", "'1b' cannot name a stage" },
	{ "ENV without value", "FROM a\nENV x", "ENV needs name=value" },
	{ "ENV, the second without", "FROM a\nENV x=1 y", "'y' has no '='" },
	{ "LABEL without name", "FROM a\nLABEL =x", "a name is missing" },
	{ "numbers in JSON", "FROM a\nCMD [1]", "strings only" },
	{ "NUL in JSON", "FROM a\nCMD [\"a\\u0000b\"]", "NUL" },
	{ "SHELL as words", "FROM a\nSHELL sh -c", "SHELL needs a JSON array" },
	{ "ONBUILD twice", "FROM a\nONBUILD ONBUILD RUN x", "cannot trigger ONBUILD" },
	{ "ONBUILD FROM", "FROM a\nONBUILD FROM x", "cannot trigger FROM" },
	{ "ONBUILD of what is not", "FROM a\nONBUILD COPY x", "COPY needs" },
	{ "open heredoc", "FROM a\nRUN <<EOF\nx\n",
		"D:2: the heredoc is not closed: no line 'EOF'" },
	{ "escape of another kind", "# escape=x\nFROM a", "D:1: the escape character" },
	{ "a directive twice", "# escape=`\n# escape=`\nFROM a", "D:2: the directive 'escape'" },
	{ "a health interval", "FROM a\nHEALTHCHECK --interval=5 CMD x", "is not a duration" },
	{ "a short one", "FROM a\nHEALTHCHECK --timeout=1us CMD x", "less than 1ms" },
	{ "retries", "FROM a\nHEALTHCHECK --retries=-1 CMD x", "--retries" },
	{ "health of nothing", "FROM a\nHEALTHCHECK CMD", "needs a command" },
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		cleanup_dockerfile struct dockerfile dockerfile = { .name = NULL };
		cleanup_error struct error *err = NULL;

		if (dockerfile_parse(
			    "D", refused[i].text, strlen(refused[i].text), &dockerfile, &err) == 0)
			fail_msg("%s: was accepted", refused[i].why);
		if (!strstr(error_message(err), refused[i].says))
			fail_msg("%s: says '%s', not '%s'", refused[i].why, error_message(err),
				refused[i].says);
	}
}

static int parse_length(size_t line_length)
{
	cleanup_dockerfile struct dockerfile dockerfile = { .name = NULL };
	cleanup_error struct error *err = NULL;
	cleanup_free char *fill = xcalloc(1, line_length), *text = NULL;

	memset(fill, 'x', line_length - strlen("RUN "));
	text = xasprintf("FROM a\nRUN %s", fill);
	return dockerfile_parse("D", text, strlen(text), &dockerfile, &err);
}

static void limits_lines(void **state)
{
	(void)state;
	assert_int_equal(parse_length(DOCKERFILE_LINE_MAX), 0);
	assert_int_equal(parse_length(DOCKERFILE_LINE_MAX + 1), -1);
}

static void warns_of_gaps(void **state)
{
	const char text[] = "FROM a\nRUN x \\\n\n y";
	cleanup_dockerfile struct dockerfile dockerfile = { .name = NULL };
	cleanup_error struct error *err = NULL;

	(void)state;
	assert_int_equal(dockerfile_parse("D", text, strlen(text), &dockerfile, &err), 0);
	assert_int_equal(strv_length(dockerfile.warnings), 1);
	assert_ptr_equal(strstr(dockerfile.warnings[0], "D:2: "), dockerfile.warnings[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(refuses),
		cmocka_unit_test(limits_lines),
		cmocka_unit_test(warns_of_gaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

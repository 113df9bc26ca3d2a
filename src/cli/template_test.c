/* SPDX-License-Identifier: Apache-2.0 */
/* The expected texts and errors are what the docker client (28.2) answers to `docker inspect -f` of
 * this value. */
#include "cli/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/inspect_shape.h"

static const char container[] =
	"{\"Name\": \"/web\", \"State\": {\"Status\": \"running\", \"Running\": true,"
	" \"Paused\": false, \"Pid\": 4242, \"ExitCode\": 0, \"Error\": \"\"},"
	" \"Mounts\": [{\"Type\": \"bind\", \"Source\": \"/srv\", \"Destination\": \"/data\","
	" \"Mode\": \"\", \"RW\": true, \"Propagation\": \"rprivate\"},"
	" {\"Type\": \"volume\", \"Name\": \"v1\", \"Source\": \"/x\", \"Destination\": \"/y\","
	" \"Driver\": \"local\", \"Mode\": \"z\", \"RW\": false, \"Propagation\": \"\"}],"
	" \"Config\": {\"Hostname\": \"web\", \"Env\": [\"A=1\", \"B=two words\"],"
	" \"Labels\": {\"com.example.role\": \"front end\", \"x\": \"y\", \"empty\": \"\"},"
	" \"Entrypoint\": null, \"Cmd\": [\"/bin/sh\", \"-c\"], \"Tty\": false,"
	" \"Image\": \"debian:12\", \"User\": \"\xc3\xa9<b>\\\"q\\\"'s'\"},"
	" \"NetworkSettings\": {\"IPAddress\": \"172.17.0.2\","
	" \"Ports\": {\"80/tcp\": [{\"HostIp\": \"0.0.0.0\", \"HostPort\": \"8080\"},"
	" {\"HostIp\": \"::\", \"HostPort\": \"8080\"}], \"443/tcp\": null},"
	" \"Networks\": {\"bridge\": {\"IPAddress\": \"172.17.0.2\","
	" \"Gateway\": \"172.17.0.1\"}}}}";

static const struct {
	const char *why, *text, *want;
} cases[] = {
	{ "a field", "{{.Name}}", "/web" },
	{ "fields between text", "{{.Config.Hostname}} x {{.State.Pid}}", "web x 4242" },
	{ "booleans", "{{.State.Running}}|{{.State.Paused}}", "true|false" },
	{ "len of list, text and map", "{{len .Mounts}} {{len .Name}} {{len .Config.Labels}}",
		"2 4 3" },
	{ "index of a list", "{{index .Config.Env 1}}", "B=two words" },
	{ "index of a map", "{{index .Config.Labels \"x\"}}", "y" },
	{ "a key with dots", "{{index .Config.Labels \"com.example.role\"}}", "front end" },
	{ "index of a map of texts, missing: the empty text", "{{index .Config.Labels \"nope\"}}|",
		"|" },
	{ "a missing key of a map, as a field", "{{.Config.Labels.nope}}", "<no value>" },
	{ "what has no value has no members", "{{.Config.Labels.nope.x}}", "<no value>" },
	{ "fields of a pipeline in parentheses", "{{(index .Mounts 0).Source}}", "/srv" },
	{ "fields of a field in parentheses",
		"{{(.Config).Hostname}} {{(printf \"%s\" .Name) | len}}", "web 4" },
	{ "two levels of index, the known way to a port",
		"{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}", "8080" },
	{ "range over a list", "{{range .Mounts}}{{.Destination}};{{end}}", "/data;/y;" },
	{ "range with index and element", "{{range $i, $m := .Mounts}}{{$i}}={{$m.Type}} {{end}}",
		"0=bind 1=volume " },
	{ "range over a map goes by sorted keys",
		"{{range $k, $v := .Config.Labels}}{{$k}}={{$v}},{{end}}",
		"com.example.role=front end,empty=,x=y," },
	{ "addresses of all networks", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
		"172.17.0.2" },
	{ "commas between elements",
		"{{range $i, $e := .Config.Env}}{{if $i}}, {{end}}{{$e}}{{end}}",
		"A=1, B=two words" },
	{ "else of an empty range", "{{range .Config.Entrypoint}}x{{else}}none{{end}}", "none" },
	{ "continue", "{{range .Config.Env}}{{if eq . \"A=1\"}}{{continue}}{{end}}{{.}}{{end}}",
		"B=two words" },
	{ "break", "{{range .Config.Env}}{{.}}{{break}}{{end}}", "A=1" },
	{ "range over a number", "{{range 5}}{{.}}{{end}}", "01234" },
	{ "if and else", "{{if .State.Paused}}p{{else}}r{{end}}", "r" },
	{ "else if", "{{if .State.Paused}}p{{else if .State.Running}}r{{else}}d{{end}}", "r" },
	{ "with sets the dot, $ stays the root", "{{with .Config}}{{.Hostname}} {{$.Name}}{{end}}",
		"web /web" },
	{ "else of with", "{{with .State.Error}}err{{else}}no error{{end}}", "no error" },
	{ "with inside of with", "{{with .Config}}{{with .Labels}}{{.x}}{{.nope}}{{end}}{{end}}",
		"y<no value>" },
	{ "a map stays one when it becomes the dot",
		"{{range $.Mounts}}{{with $.Name}}{{.}}{{end}}{{end}}", "/web/web" },
	{ "a variable, set and set again", "{{$x := .Name}}{{$x}}{{$x = \"z\"}}{{$x}}", "/webz" },
	{ "a variable of with", "{{with $x := .Name}}{{$x}}{{end}}", "/web" },
	{ "a variable of if", "{{if $n := len .Mounts}}{{$n}}{{end}}", "2" },
	{ "and, not", "{{if and .State.Running (not .State.Paused)}}y{{end}}", "y" },
	{ "or gives the first that is true", "{{or .State.Error \"fine\"}}", "fine" },
	{ "and gives the first that is not", "{{and 1 0 2}}|{{or 0 \"\" \"a\"}}", "0|a" },
	{ "eq with alternatives", "{{eq .State.ExitCode 0}} {{eq .Name \"a\" \"/web\"}} {{ne 1 2}}",
		"true true true" },
	{ "order", "{{lt 1 2}}{{le 2 2}}{{gt 1 2}}{{ge \"b\" \"a\"}}", "truetruefalsetrue" },
	{ "an unset list is nil",
		"{{eq .Config.Entrypoint nil}} {{not .Config.Entrypoint}} {{len "
		".Config.Entrypoint}}",
		"true true 0" },
	{ "and prints as an empty one, and as null",
		"{{.Config.Entrypoint}} {{json .Config.Entrypoint}}", "[] null" },
	{ "printf of texts, numbers, booleans",
		"{{printf \"%s-%d-%v-%q\" .Name .State.Pid .State.Running .Name}}",
		"/web-4242-true-\"/web\"" },
	{ "widths and flags", "{{printf \"%5d|%-5d|%05d|%x|%8.3f|%t\" 42 42 42 255 3.14159 true}}",
		"   42|42   |00042|ff|   3.142|true" },
	{ "precision of texts", "{{printf \"%-10s|%10s|%.2s\" \"ab\" \"cd\" \"xyz\"}}",
		"ab        |        cd|xy" },
	{ "a zero-padded negative number", "{{printf \"%06d|%+d\" -42 7}}", "-00042|+7" },
	{ "wrong verbs stand in the text",
		"{{printf \"%d\" \"hi\"}} {{printf \"%s\" 3}} {{printf \"%z\" 1}}",
		"%!d(string=hi) %!s(int=3) %!z(int=1)" },
	{ "too few and too many arguments", "{{printf \"%d\"}} {{printf \"a\" 1}}",
		"%!d(MISSING) a%!(EXTRA int=1)" },
	{ "lists and maps", "{{printf \"%v %v\" .Config.Cmd .Config.Labels}}",
		"[/bin/sh -c] map[com.example.role:front end empty: x:y]" },
	{ "a verb goes to each element", "{{printf \"%q\" .Config.Cmd}}", "[\"/bin/sh\" \"-c\"]" },
	{ "types", "{{printf \"%T\" .Name}} {{printf \"%T\" 3}}", "string int" },
	{ "print puts blanks between what is no text",
		"{{print 1 2 \"a\" \"b\" 3}} {{println \"x\" 1}}", "1 2ab3 x 1\n" },
	{ "a pipeline's value is the last argument", "{{.Name | printf \"%s!%s\" \"a\"}}",
		"a!/web" },
	{ "pipelines of one argument", "{{.State.Running | not}} {{.Config.Tty|not|not}}",
		"false false" },
	{ "escapes for URLs, HTML and scripts",
		"{{\"a b&c\" | urlquery}} {{html \"<a href='x'>\"}} {{js \"it's \\\"<x>\\\"\"}}",
		"a+b%26c &lt;a href=&#39;x&#39;&gt; it\\'s \\\"\\u003Cx\\u003E\\\"" },
	{ "slices", "{{slice \"abcdef\" 1 3}} {{slice .Config.Env 1}}", "bc [B=two words]" },
	{ "json", "{{json .Config.Env}} {{json .State.Pid}} {{json .Name}}",
		"[\"A=1\",\"B=two words\"] 4242 \"/web\"" },
	{ "json sorts maps, and leaves HTML alone", "{{json .Config.Labels}} {{json .Config.User}}",
		"{\"com.example.role\":\"front end\",\"empty\":\"\",\"x\":\"y\"} "
		"\"\xc3\xa9<b>\\\"q\\\"'s'\"" },
	{ "split, join",
		"{{split \"a,b,c\" \",\"}} {{join .Config.Env \";\"}} {{index (split \"a:b\" "
		"\":\") 1}}",
		"[a b c] A=1;B=two words b" },
	{ "split into characters",
		"{{split \"a\xc3\xa9"
		"b\" \"\"}}",
		"[a \xc3\xa9 b]" },
	{ "case", "{{title \"hello wide-world don't\"}} {{upper \"ab\"}} {{lower \"AB\"}}",
		"Hello Wide-World Don'T AB ab" },
	{ "pad, truncate", "{{pad \"x\" 2 3}}| {{truncate \"abcdef\" 3}} {{truncate \"ab\" 5}}",
		"  x   | abc ab" },
	{ "trim markers", "a {{- \" b \" -}} c", "a b c" },
	{ "a comment", "a  {{/* comment */}}  b", "a    b" },
	{ "a comment that trims", "a {{- /* c */ -}} b", "ab" },
	{ "constants",
		"{{`raw \\n`}} {{\"esc\\t\\x41\\u00e9\"}} {{'a'}} {{0x10}} {{1.5}} {{1e3}} {{-3}} "
		"{{0b11}} {{1_000}}",
		"raw \\n esc\tA\xc3\xa9 97 16 1.5 1000 -3 3 1000" },
	{ "characters beyond ASCII, quoted", "{{.Config.User}} {{printf \"%q\" .Config.User}}",
		"\xc3\xa9<b>\"q\"'s' \"\xc3\xa9<b>\\\"q\\\"'s'\"" },
	{ "a map", "{{.Config.Labels}}", "map[com.example.role:front end empty: x:y]" },
	{ "a list of nothing", "{{.Config.Entrypoint}}x", "[]x" },
	{ "blanks inside of braces", "{{  .Name  }}", "/web" },
};

static const struct {
	const char *why, *text, *want;
} mistakes[] = {
	{ "index out of range", "{{index .Config.Env 5}}",
		"template: :1:2: executing \"\" at <index .Config.Env 5>: error calling index: "
		"index out of range: 5" },
	{ "the ports, as Docker's manual has it",
		"{{range $p, $conf := .NetworkSettings.Ports}} {{$p}} -> {{(index $conf "
		"0).HostPort}} {{end}}",
		"template: :1:59: executing \"\" at <index $conf 0>: error calling index: index of "
		"untyped nil" },
	{ "range over a text", "{{range .Name}}{{end}}",
		"template: :1:8: executing \"\" at <.Name>: range can't iterate over /web" },
	{ "unlike types", "{{eq 1 \"a\"}}",
		"template: :1:2: executing \"\" at <eq 1 \"a\">: error calling eq: incompatible "
		"types for comparison" },
	{ "unlike types have no order", "{{lt 1 \"a\"}}",
		"template: :1:2: executing \"\" at <lt 1 \"a\">: error calling lt: incompatible "
		"types for comparison" },
	{ "a slice that ends before it begins", "{{slice \"abc\" 2 1}}",
		"template: :1:2: executing \"\" at <slice \"abc\" 2 1>: error calling slice: "
		"invalid slice index: 2 > 1" },
	{ "a missing field", "{{.Foo}}",
		"template: :1:2: executing \"\" at <.Foo>: map has no entry for key \"Foo\"" },
	{ "a missing field further down", "{{.Config.Foo}}",
		"template: :1:9: executing \"\" at <.Config.Foo>: map has no entry for key "
		"\"Foo\"" },
	{ "the place of a missing field in the middle", "{{.Config.Nope.x}}",
		"template: :1:9: executing \"\" at <.Config.Nope.x>: map has no entry for key "
		"\"Nope\"" },
	{ "a function that is none", "{{foo}}", "template: :1: function \"foo\" not defined" },
	{ "arguments for what takes none", "{{.Name \"x\"}}",
		"template: :1:2: executing \"\" at <.Name>: Name is not a method but has "
		"arguments" },
	{ "a value as a function", "{{\"a\" \"b\"}}",
		"template: :1:2: executing \"\" at <\"a\">: can't give argument to non-function "
		"\"a\"" },
	{ "too few arguments", "{{not}}",
		"template: :1:2: executing \"\" at <not>: wrong number of args for not: want 1 got "
		"0" },
	{ "too few arguments of many", "{{index}}",
		"template: :1:2: executing \"\" at <index>: wrong number of args for index: want "
		"at least 1 got 0" },
	{ "too many arguments", "{{not 1 2}}",
		"template: :1:2: executing \"\" at <not>: wrong number of args for not: want 1 got "
		"2" },
	{ "len of a number", "{{len 3}}",
		"template: :1:2: executing \"\" at <len 3>: error calling len: len of type int" },
	{ "nil alone", "{{nil}}", "template: :1:2: executing \"\" at <nil>: nil is not a command" },
	{ "no end of the action", "{{.Name", "template: :1: unclosed action" },
	{ "end without a beginning", "{{end}}", "template: :1: unexpected {{end}}" },
	{ "no value", "{{if}}x{{end}}", "template: :1: missing value for if" },
	{ "no end", "{{if .Name}}x", "template: :1: unexpected EOF" },
	{ "a variable that is none", "{{$y}}", "template: :1: undefined variable \"$y\"" },
	{ "no closing quote", "{{\"unclosed}}", "template: :1: unterminated quoted string" },
	{ "one brace", "{{.Name}", "template: :1: bad character U+007D '}'" },
	{ "a character that means nothing", "{{.Name ! }}",
		"template: :1: unexpected \"!\" in operand" },
	{ "no closing parenthesis", "{{(.Name}}", "template: :1: unclosed left paren" },
	{ "no opening parenthesis", "{{.Name)}}", "template: :1: unexpected right paren" },
	{ "a constant cannot be called", "{{1 | 2}}",
		"template: :1: non executable command in pipeline stage 2" },
	{ "a comment without an end", "{{/* unclosed }}", "template: :1: unclosed comment" },
	{ "no command", "{{|}}", "template: :1: unexpected \"|\" in command" },
	{ "else without a beginning", "{{else}}", "template: :1: unexpected {{else}}" },
	{ "break outside of a loop", "{{break}}", "template: :1: {{break}} outside {{range}}" },
	{ "a field without a name", "{{.Name.}}", "template: :1: unexpected <.> in operand" },
	{ "fields of a constant", "{{true.x}}", "template: :1: unexpected . after term \"true\"" },
};

static struct json_object *make_value(void)
{
	cleanup_error struct error *err = NULL;
	struct json_object *value = NULL;

	assert_int_equal(json_parse(container, strlen(container), "value", &value, &err), 0);
	inspect_shape(value);
	return value;
}

static int run(const char *text, const struct template_host *host, char **ret, struct error **err)
{
	cleanup_json struct json_object *value = make_value();
	cleanup_template struct template *template = NULL;
	cleanup_buf struct buf out = BUF_INIT(BUF_SMALL);

	if (template_parse(text, &template, err) < 0 ||
		template_run(template, value, host, &out, err) < 0)
		return -1;
	*ret = buf_take(&out);
	return 0;
}

static void prints_what_docker_prints(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *got = NULL;

		if (run(cases[i].text, NULL, &got, &err) < 0)
			fail_msg("%s: %s", cases[i].why, error_message(err));
		if (!got || strcmp(got, cases[i].want) != 0)
			fail_msg("%s: '%s', not '%s'", cases[i].why, got ? got : "nothing",
				cases[i].want);
	}
}

static void fails_as_docker_fails(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *got = NULL;

		if (run(mistakes[i].text, NULL, &got, &err) == 0)
			fail_msg("%s: '%s'", mistakes[i].why, got);
		if (strcmp(error_message(err), mistakes[i].want) != 0)
			fail_msg("%s: '%s', not '%s'", mistakes[i].why, error_message(err),
				mistakes[i].want);
	}
}

static int label(const struct template_method *call, const void *arg, struct json_object **ret,
	struct error **err)
{
	(void)err;
	if (strcmp(call->name, "Label") != 0)
		return 0;
	*ret = json_object_new_string(arg);
	return 1;
}

static void calls_methods_of_the_root(void **state)
{
	static const char *const good[] = { "{{.Label \"a\"}}", "{{$.Label \"a\"}}",
		"{{\"a\" | .Label}}", "{{with .Config}}{{$.Label \"a\"}}{{end}}" };
	static const char *const bad[] = { "{{.Other \"a\"}}", "{{.Config.Label \"a\"}}" };
	const struct template_host host = { .method = label, .arg = "called", .type = "thing" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *got = NULL;

		if (run(good[i], &host, &got, &err) < 0)
			fail_msg("%s: %s", good[i], error_message(err));
		assert_string_equal(got, "called");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *got = NULL;

		assert_int_equal(run(bad[i], &host, &got, &err), -1);
	}
}

static void names_the_type_of_the_root(void **state)
{
	const struct template_host host = { .type = "thing" };
	cleanup_error struct error *err = NULL;
	cleanup_free char *got = NULL;

	(void)state;
	assert_int_equal(run("{{.Foo}}", &host, &got, &err), -1);
	assert_string_equal(error_message(err),
		"template: :1:2: executing \"\" at <.Foo>: can't evaluate field Foo in type thing");
}

static void knows_what_it_uses(void **state)
{
	static const struct {
		const char *text, *field;
		bool whole, want;
	} uses[] = {
		{ "{{.Size}}", "Size", false, true },
		{ "{{.ID}}", "Size", false, false },
		{ "{{if .Size}}{{end}}", "Size", false, true },
		{ "{{range .A}}{{end}}{{with .B}}{{else}}{{.Size}}{{end}}", "Size", false, true },
		{ "{{(print .Size)}}", "Size", false, true },
		{ "{{$.Size}}", "Size", false, true },
		{ "{{json .}}", "Size", false, false },
		{ "{{json .}}", "Size", true, true },
		{ "{{json $}}", "Size", true, true },
		{ "Size", "Size", true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(uses) / sizeof(*uses); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_template struct template *template = NULL;

		assert_int_equal(template_parse(uses[i].text, &template, &err), 0);
		if (template_uses(template, uses[i].field, uses[i].whole) != uses[i].want)
			fail_msg("%s", uses[i].text);
	}
}

/* A template must not work for ever, nor fill the memory, nor the stack. */
static void has_ceilings(void **state)
{
	static const char *const endless[] = {
		"{{range 9000000000}}{{end}}",
		"{{range 9000000000}}{{range 9000000000}}x{{end}}{{end}}",
		"{{$x := \"aaaaaaaaaaaaaaaa\"}}{{range 99}}{{$x = print $x $x}}{{end}}",
		"{{range 99999}}{{printf \"%9999d\" 1}}{{end}}",
	};
	cleanup_buf struct buf deep = BUF_INIT(BUF_SMALL);
	cleanup_error struct error *too_deep = NULL;
	cleanup_free char *none = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(endless) / sizeof(*endless); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *got = NULL;

		if (run(endless[i], NULL, &got, &err) == 0)
			fail_msg("%s came to an end", endless[i]);
	}
	buf_puts(&deep, "{{");
	for (int i = 0; i < 10000; i++)
		buf_putc(&deep, '(');
	assert_int_equal(run(buf_text(&deep), NULL, &none, &too_deep), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_what_docker_prints),
		cmocka_unit_test(fails_as_docker_fails),
		cmocka_unit_test(calls_methods_of_the_root),
		cmocka_unit_test(names_the_type_of_the_root),
		cmocka_unit_test(knows_what_it_uses),
		cmocka_unit_test(has_ceilings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

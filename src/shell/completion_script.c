/* SPDX-License-Identifier: Apache-2.0 */
#include "shell/completion_script.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"

/* @P: the program; @F: its name as that of a function. */
static const char bash_script[] =
	"# bash completion for @P\n"
	"_@F()\n"
	"{\n"
	"\tlocal line words directive=':files'\n"
	"\tCOMPREPLY=()\n"
	"\twords=(\"${COMP_WORDS[@]:1:COMP_CWORD}\")\n"
	"\tif declare -F _get_comp_words_by_ref >/dev/null; then\n"
	"\t\tlocal cur cword all\n"
	"\t\t_get_comp_words_by_ref -n := -c cur -w all -i cword\n"
	"\t\twords=(\"${all[@]:1:cword}\")\n"
	"\tfi\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tcase $line in\n"
	"\t\t:*) directive=$line ;;\n"
	"\t\t*) COMPREPLY+=(\"${line%%$'\\t'*}\") ;;\n"
	"\t\tesac\n"
	"\tdone < <(\"${COMP_WORDS[0]}\" __complete -- \"${words[@]}\" 2>/dev/null)\n"
	"\tif [[ $directive == :none ]]; then compopt +o default; fi\n"
	"\tif declare -F __ltrim_colon_completions >/dev/null; then\n"
	"\t\t__ltrim_colon_completions \"${words[-1]}\"\n"
	"\tfi\n"
	"}\n"
	"complete -o default -F _@F @P\n";

static const char zsh_script[] =
	"#compdef @P\n"
	"_@F()\n"
	"{\n"
	"\tlocal line directive=':files'\n"
	"\tlocal -a names texts\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tcase $line in\n"
	"\t\t:*) directive=$line ;;\n"
	"\t\t*)\n"
	"\t\t\tnames+=(\"${line%%$'\\t'*}\")\n"
	"\t\t\ttexts+=(\"${line/$'\\t'/ -- }\") ;;\n"
	"\t\tesac\n"
	"\tdone < <(${words[1]} __complete -- \"${(@)words[2,$CURRENT]}\" 2>/dev/null)\n"
	"\t(( $#names )) && compadd -l -d texts -a names\n"
	"\t[[ $directive == :files ]] && _files\n"
	"}\n"
	"if [ \"$funcstack[1]\" = _@F ]; then _@F; else compdef _@F @P; fi\n";

static const char fish_script[] = "# fish completion for @P\n"
				  "function __@F_complete\n"
				  "\tset -l words (commandline -opc) (commandline -ct)\n"
				  "\tset -l program $words[1]\n"
				  "\tset -e words[1]\n"
				  "\tfor line in ($program __complete -- $words 2>/dev/null)\n"
				  "\t\tswitch $line\n"
				  "\t\t\tcase ':files'\n"
				  "\t\t\t\t__fish_complete_path (commandline -ct)\n"
				  "\t\t\tcase ':none'\n"
				  "\t\t\tcase '*'\n"
				  "\t\t\t\techo $line\n"
				  "\t\tend\n"
				  "\tend\n"
				  "end\n"
				  "complete -c @P -f -a '(__@F_complete)'\n";

static const struct {
	const char *shell, *text;
} scripts[] = { { "bash", bash_script }, { "zsh", zsh_script }, { "fish", fish_script } };

static void put_function(struct buf *out, const char *program)
{
	for (; *program; program++)
		buf_printf(out, "%c", *program == '-' ? '_' : *program);
}

static char *fill_in(const char *text, const char *program)
{
	cleanup_buf struct buf out = BUF_INIT(BUF_LARGE);

	while (*text) {
		size_t plain = strcspn(text, "@");
		bool is_ours = text[plain] && (text[plain + 1] == 'P' || text[plain + 1] == 'F');

		plain += text[plain] && !is_ours; /* bash's "${words[@]}" */
		buf_printf(&out, "%.*s", (int)plain, text);
		text += plain;
		if (!is_ours)
			continue;
		if (text[1] == 'P')
			buf_puts(&out, program);
		else
			put_function(&out, program);
		text += 2;
	}
	return buf_take(&out);
}

char *completion_script(const char *shell, const char *program)
{
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++)
		if (strcmp(scripts[i].shell, shell) == 0)
			return fill_in(scripts[i].text, program);
	return NULL;
}

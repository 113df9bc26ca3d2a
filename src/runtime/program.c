/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/program.h"

#include <ctype.h>
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/strv.h"

#define HEAD_MAX 4096
#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* errno says why not. */
static bool can_run(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	if (S_ISDIR(st.st_mode)) {
		errno = EACCES;
		return false;
	}
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

static int refuse(const char *path, struct error **err)
{
	if (errno == ENOENT)
		return error_new(err, ERROR_NO_PROGRAM,
			"exec: \"%s\": stat %s: no such file or directory", path, path);
	if (errno == EACCES)
		return error_new(
			err, ERROR_NOT_EXECUTABLE, "exec: \"%s\": permission denied", path);
	error_sys(err, "stat %s", path);
	return error_as(err, ERROR_NOT_EXECUTABLE, "exec: \"%s\"", path);
}

static char *search(const char *name, const char *path, struct error **err)
{
	cleanup_strv strv directories = strv_split(path, ':');

	for (char *const *directory = directories; *directory; directory++) {
		cleanup_free char *candidate =
			xasprintf("%s/%s", **directory ? *directory : ".", name);

		if (can_run(candidate))
			return take_ptr(candidate);
	}
	error_new(err, ERROR_NO_PROGRAM, "exec: \"%s\": executable file not found in $PATH", name);
	return NULL;
}

char *program_find(const char *name, char *const *env, struct error **err)
{
	const char *path = env_get(env, "PATH");

	if (!strchr(name, '/') && *name)
		return search(name, path ? path : PATH_DEFAULT, err);
	if (*name && can_run(name))
		return xstrdup(name);
	if (!*name)
		errno = ENOENT;
	refuse(name, err);
	return NULL;
}

struct head { /* a file's first bytes */
	size_t length;
	bool known;
	union {
		char text[HEAD_MAX + 1];
		Elf64_Ehdr elf;
	};
};

static void read_head(const char *path, struct head *ret)
{
	cleanup_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret->text, HEAD_MAX);

	ret->known = n >= 0;
	ret->length = n < 0 ? 0 : (size_t)n;
	ret->text[ret->length] = '\0';
}

static bool is_elf(const struct head *head)
{
	return head->length >= sizeof(Elf64_Ehdr) && memcmp(head->text, ELFMAG, SELFMAG) == 0;
}

static bool is_script(const struct head *head)
{
	return head->text[0] == '#' && head->text[1] == '!';
}

/* The loader's path of a dynamically linked program, or NULL; it points into head. */
static const char *elf_loader(const struct head *head)
{
	const Elf64_Ehdr *elf = &head->elf;

	if (!is_elf(head) || elf->e_ident[EI_CLASS] != ELFCLASS64 ||
		elf->e_phentsize != sizeof(Elf64_Phdr))
		return NULL;
	for (size_t i = 0; i < elf->e_phnum; i++) {
		Elf64_Phdr part;
		uint64_t at = elf->e_phoff + i * sizeof(part);

		if (at > HEAD_MAX || at + sizeof(part) > head->length)
			return NULL;
		memcpy(&part, head->text + at, sizeof(part));
		if (part.p_type == PT_INTERP && part.p_offset < head->length)
			return head->text + part.p_offset; /* text ends with a NUL */
	}
	return NULL;
}

static int explain_script(const char *path, struct head *head, struct error **err)
{
	char *name = head->text + 2 + strspn(head->text + 2, " \t");
	size_t line = strcspn(name, "\n");
	size_t length = strcspn(name, " \t\n");
	bool windows = line > 0 && name[line - 1] == '\r';

	name[length] = '\0';
	if (length > 0 && name[length - 1] == '\r')
		name[length - 1] = '\0';
	error_new(err, ERROR_NO_PROGRAM,
		"exec %s: no such file or directory: its interpreter '%s%s' is not in the image",
		path, name, windows ? "\\r" : "");
	if (windows)
		return error_hint(err,
			"the script has Windows line ends (CRLF): convert it, for example with "
			"sed -i 's/\\r$//'");
	return error_hint(
		err, "install '%s' in the image, or change the first line of %s", name, path);
}

static int explain_missing(const char *path, struct head *head, struct error **err)
{
	const char *loader = elf_loader(head);

	if (is_script(head))
		return explain_script(path, head, err);
	if (!loader)
		return error_new(err, ERROR_NO_PROGRAM, "exec %s: no such file or directory", path);
	error_new(err, ERROR_NO_PROGRAM,
		"exec %s: no such file or directory: its loader '%s' is not in the image", path,
		loader);
	return error_hint(err,
		strstr(loader, "musl")
			? "the program was built for musl (Alpine): build it for the image's C "
			  "library, or link it statically"
			: "the program is dynamically linked: use an image with its C library, or "
			  "link it statically");
}

static const struct {
	uint16_t machine;
	const char *name; /* as uname(2) says */
} machines[] = {
	{ EM_X86_64, "x86_64" },
	{ EM_AARCH64, "aarch64" },
	{ EM_386, "i686" },
	{ EM_ARM, "armv7l" },
	{ EM_RISCV, "riscv64" },
	{ EM_PPC64, "ppc64le" },
	{ EM_S390, "s390x" },
};

static const char *machine_name(uint16_t machine)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(*machines); i++)
		if (machines[i].machine == machine)
			return machines[i].name;
	return "another machine";
}

static int explain_format(const char *path, const struct head *head, struct error **err)
{
	struct utsname host = { 0 };

	if (head->known && head->length == 0)
		return error_new(err, ERROR_NOT_EXECUTABLE,
			"exec %s: exec format error: the file is empty", path);
	if (is_elf(head)) {
		(void)uname(&host);
		error_new(err, ERROR_NOT_EXECUTABLE,
			"exec %s: exec format error: it is built for %s, and this machine is %s",
			path, machine_name(head->elf.e_machine), host.machine);
		return error_hint(err, "use an image of this machine's platform, or register an "
				       "emulator (qemu-user, binfmt_misc)");
	}
	error_new(err, ERROR_NOT_EXECUTABLE, "exec %s: exec format error", path);
	if (head->known && isprint((unsigned char)head->text[0]))
		error_hint(err, "if it is a script, its first line must name an interpreter: "
				"#!/bin/sh");
	return -1;
}

static int explain_denied(const char *path, const struct head *head, struct error **err)
{
	struct statvfs fs;

	error_new(err, ERROR_NOT_EXECUTABLE, "exec %s: permission denied", path);
	if (statvfs(path, &fs) == 0 && fs.f_flag & ST_NOEXEC)
		return error_hint(err, "it is on a mount with the option noexec");
	if (is_script(head))
		return error_hint(err, "look at its interpreter: %.*s",
			(int)strcspn(head->text, "\r\n"), head->text);
	return -1;
}

int program_explain(const char *path, struct error **err)
{
	struct head head = { .length = 0 };
	int saved = errno;

	read_head(path, &head);
	switch (saved) {
	case ENOENT:
		return explain_missing(path, &head, err);
	case ENOEXEC:
		return explain_format(path, &head, err);
	case EACCES:
		return explain_denied(path, &head, err);
	default:
		errno = saved;
		error_sys(err, "exec %s", path);
		if (saved == E2BIG)
			error_hint(err, "arguments and environment are too long together");
		return error_as(err, ERROR_NOT_EXECUTABLE, "start the program");
	}
}

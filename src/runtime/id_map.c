/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/id_map.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"
#include "oci/spec.h"
#include "sys/process.h"

#define MAPS_MAX 340 /* the kernel's own limit (user_namespaces(7)) */
#define MAP_TEXT_MAX 16384

void id_maps_done(struct id_maps *maps)
{
	free(maps->uid);
	free(maps->gid);
	*maps = (struct id_maps){ 0 };
}

/* Digits up to a separator that is there. */
static bool parse_number(const char **text, char separator, uint32_t *ret)
{
	size_t digits = strspn(*text, "0123456789");
	unsigned long long number;

	if (digits == 0 || digits > 10 || (*text)[digits] != separator)
		return false;
	number = strtoull(*text, NULL, 10);
	if (number > UINT32_MAX)
		return false;
	*ret = (uint32_t)number;
	*text += digits + (separator ? 1 : 0);
	return true;
}

bool id_map_to_host(const struct spec_id_map *map, size_t count, uint32_t *id)
{
	if (count == 0)
		return true;
	for (size_t i = 0; i < count; i++)
		if (*id >= map[i].container && *id - map[i].container < map[i].size) {
			*id = map[i].host + (*id - map[i].container);
			return true;
		}
	return false;
}

static int parse_one(const char *text, const struct spec_id_map *own, size_t own_count,
	struct spec_id_map *ret, struct error **err)
{
	const char *rest = text;
	bool relative = *rest == '@';

	rest += relative;
	if (!parse_number(&rest, '-', &ret->container) || !parse_number(&rest, '-', &ret->host) ||
		!parse_number(&rest, '\0', &ret->size) || ret->size == 0)
		return error_new(err, ERROR_INVALID, "idmap: '%s' is not like 0-1000-10", text);
	if (relative && !id_map_to_host(own, own_count, &ret->host))
		return error_new(err, ERROR_INVALID,
			"idmap: '%s': the container's user namespace has no id %u", text,
			ret->host);
	return 0;
}

static int parse_list(const char *text, const struct spec_id_map *own, size_t own_count,
	struct spec_id_map **ret, size_t *ret_count, struct error **err)
{
	cleanup_strv strv parts = strv_split(text, '#');
	size_t count = strv_length(parts);

	if (*ret || count > MAPS_MAX)
		return error_new(err, ERROR_INVALID, "idmap: ids are given twice, or too many");
	*ret = xcalloc(count, sizeof(**ret));
	for (size_t i = 0; i < count; i++)
		if (parse_one(parts[i], own, own_count, &(*ret)[i], err) < 0)
			return -1;
	*ret_count = count;
	return 0;
}

static int parse_part(
	const char *part, const struct spec *spec, struct id_maps *maps, struct error **err)
{
	if (strncmp(part, "uids=", 5) == 0)
		return parse_list(part + 5, spec->uid_map, spec->uid_map_count, &maps->uid,
			&maps->uid_count, err);
	if (strncmp(part, "gids=", 5) == 0)
		return parse_list(part + 5, spec->gid_map, spec->gid_map_count, &maps->gid,
			&maps->gid_count, err);
	return error_new(
		err, ERROR_INVALID, "idmap: '%s' begins with neither uids= nor gids=", part);
}

int id_maps_parse(
	const char *text, const struct spec *spec, struct id_maps *ret, struct error **err)
{
	cleanup_strv strv parts = strv_split(text, ';');
	struct id_maps maps cleanup_id_maps = { 0 };

	for (char *const *part = parts; *part; part++)
		if (**part && parse_part(*part, spec, &maps, err) < 0)
			return -1;
	if (!maps.uid || !maps.gid)
		return error_new(err, ERROR_INVALID, "idmap: '%s' lacks uids= or gids=", text);
	*ret = maps;
	maps = (struct id_maps){ 0 };
	return 0;
}

static int write_map(int proc_fd, const char *file, const struct spec_id_map *map, size_t count,
	struct error **err)
{
	cleanup_buf struct buf text = BUF_INIT(MAP_TEXT_MAX);

	if (count == 0)
		buf_puts(&text, "0 0 4294967295\n"); /* all, as they are */
	for (size_t i = 0; i < count; i++)
		buf_printf(&text, "%u %u %u\n", map[i].container, map[i].host, map[i].size);
	if (buf_check(&text, file, err) < 0)
		return -1;
	return file_poke_at(proc_fd, file, buf_text(&text), err);
}

static int describe(const struct id_maps *maps, pid_t pid, struct error **err)
{
	cleanup_close int proc_fd = -1;
	char path[32];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0)
		return error_sys(err, "open %s", path);
	if (write_map(proc_fd, "uid_map", maps->uid, maps->uid_count, err) < 0 ||
		write_map(proc_fd, "gid_map", maps->gid, maps->gid_count, err) < 0)
		return error_wrap(err, "map the ids of a mount");
	fd = openat(proc_fd, "ns/user", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_sys(err, "open %s/ns/user", path) : fd;
}

/* It must not outlive us; what ended before it asked for that ends it as well. */
static void __attribute__((noreturn)) stand_still(pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	for (;;)
		(void)pause();
}

int id_maps_open(const struct id_maps *maps, struct error **err)
{
	cleanup_close int pidfd = -1;
	cleanup_error struct error *ignored = NULL;
	pid_t parent = getpid();
	pid_t pid = process_clone(CLONE_NEWUSER, -1, &pidfd, err);
	int fd;

	if (pid == 0)
		stand_still(parent);
	if (pid < 0)
		return error_wrap(err, "map the ids of a mount");
	fd = describe(maps, pid, err);
	(void)pidfd_signal(pidfd, SIGKILL, &ignored);
	(void)TEMP_FAILURE_RETRY(waitid(P_PIDFD, (id_t)pidfd, &(siginfo_t){ 0 }, WEXITED));
	return fd;
}

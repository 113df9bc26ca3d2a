/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"
#include "state/register.h"

#define HEX60 "23456789abcdef0123456789abcdef0123456789abcdef0123456789abcd"
#define ID_A "aaaa" HEX60
#define ID_AB "aabb" HEX60
#define ID_C "cccc" HEX60
#define PROCESSES 4
#define ROUNDS 25

struct fixture {
	char path[64];
	int fd;
};

static int set_up(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));

	strcpy(fixture->path, "/tmp/vessel-register-XXXXXX"); // NOLINT: a constant that fits
	assert_non_null(mkdtemp(fixture->path));
	fixture->fd = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fixture->fd >= 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	cleanup_error struct error *err = NULL;

	close(fixture->fd);
	assert_int_equal(tree_remove_at(AT_FDCWD, fixture->path, &err), 0);
	free(fixture);
	return 0;
}

static struct register_db *open_register(void **state, bool *fresh)
{
	struct fixture *fixture = *state;
	cleanup_error struct error *err = NULL;
	struct register_db *db = NULL;

	if (register_open(fixture->fd, &db, fresh, &err) < 0)
		fail_msg("%s", error_message(err));
	return db;
}

static struct container_row row_of(const char *id, const char *name)
{
	struct container_row row = {
		.name = (char *)name,
		.image = (char *)"debian:12",
		.image_id = (char *)"sha256:1",
		.command = (char *)"sleep 1",
		.created_ns = 1,
		.auto_remove = true,
		.labels = (char *)"a=b\nc=d",
	};

	snprintf(row.id, sizeof(row.id), "%s", id);
	return row;
}

static void add(struct register_db *db, const char *id, const char *name)
{
	struct container_row row = row_of(id, name);
	cleanup_error struct error *err = NULL;

	if (register_add(db, &row, &err) < 0)
		fail_msg("%s", error_message(err));
}

static void stays_fresh_until_filled(void **state)
{
	const struct container_row old[] = { row_of(ID_A, "old"), row_of(ID_C, "other") };
	cleanup_error struct error *err = NULL;
	struct register_db *db;
	bool fresh = false;

	register_close(open_register(state, &fresh));
	assert_true(fresh);
	fresh = false;
	db = open_register(state, &fresh); /* the one that made it died before filling it */
	assert_true(fresh);
	add(db, ID_A, "renamed");
	assert_int_equal(register_fill(db, old, 2, &err), 0);
	register_close(db);
	db = open_register(state, &fresh);
	assert_false(fresh);
	{
		cleanup_container_row struct container_row row = { 0 };

		assert_int_equal(register_find(db, ID_A, &row, &err), 1);
		assert_string_equal(row.name, "renamed"); /* what was there is newer */
	}
	register_close(db);
}

static const struct {
	const char *why, *name;
	int found;
	const char *id;
} lookups[] = {
	{ "full id", ID_A, 1, ID_A },
	{ "name", "web", 1, ID_A },
	{ "unique prefix", "aaa", 1, ID_A },
	{ "name wins over the prefix of another id", "cc", 1, ID_AB },
	{ "ambiguous prefix", "aa", -1, NULL },
	{ "no such prefix", "f", 0, NULL },
	{ "last digit of the alphabet does not wrap", "cccd", 0, NULL },
	{ "prefix in upper case", "AAA", 0, NULL },
	{ "not a prefix and no name", "we", 0, NULL },
	{ "wildcards are texts", "%", 0, NULL },
	{ "empty", "", 0, NULL },
};

static void finds_by_id_name_and_prefix(void **state)
{
	bool fresh;
	struct register_db *db = open_register(state, &fresh);

	add(db, ID_A, "web");
	add(db, ID_AB, "cc");
	add(db, ID_C, "x");
	for (size_t i = 0; i < sizeof(lookups) / sizeof(*lookups); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_container_row struct container_row row = { 0 };
		int found = register_find(db, lookups[i].name, &row, &err);

		if (found != lookups[i].found)
			fail_msg("%s: %d", lookups[i].why, found);
		if (found > 0 && strcmp(row.id, lookups[i].id) != 0)
			fail_msg("%s: %s", lookups[i].why, row.id);
		if (found < 0)
			assert_int_equal(error_kind(err), ERROR_INVALID);
	}
	register_close(db);
}

static void rows_come_back_whole(void **state)
{
	bool fresh;
	struct register_db *db = open_register(state, &fresh);
	cleanup_error struct error *err = NULL;
	cleanup_container_row struct container_row row = { 0 };

	add(db, ID_A, "web");
	assert_int_equal(register_set_ports(db, ID_A, "tcp 0.0.0.0 8080 80", &err), 0);
	assert_int_equal(register_find(db, "web", &row, &err), 1);
	assert_string_equal(row.image, "debian:12");
	assert_string_equal(row.image_id, "sha256:1");
	assert_string_equal(row.command, "sleep 1");
	assert_string_equal(row.labels, "a=b\nc=d");
	assert_string_equal(row.ports, "tcp 0.0.0.0 8080 80");
	assert_int_equal(row.created_ns, 1);
	assert_true(row.auto_remove);
	assert_int_equal(register_set_ports(db, ID_C, "", &err), -1);
	assert_int_equal(error_kind(err), ERROR_NOT_FOUND);
	register_close(db);
}

static void a_name_is_taken_once(void **state)
{
	static const char conflict[] =
		"Conflict. The container name \"/web\" is already in use by container \"" ID_A
		"\". You have to remove (or rename) that container to be able to reuse that name.";
	bool fresh;
	struct register_db *db = open_register(state, &fresh);
	struct container_row second = row_of(ID_C, "web");
	cleanup_error struct error *err = NULL, *rename_err = NULL;
	cleanup_container_row struct container_row row = { 0 };

	add(db, ID_A, "web");
	assert_int_equal(register_add(db, &second, &err), -1);
	assert_int_equal(error_kind(err), ERROR_CONFLICT);
	assert_string_equal(error_message(err), conflict);
	add(db, ID_C, "two");
	assert_int_equal(register_set_name(db, ID_C, "web", &rename_err), -1);
	assert_string_equal(error_message(rename_err), conflict);
	error_free(take_ptr(rename_err));
	assert_int_equal(register_set_name(db, ID_A, "web", &rename_err), 0); /* to its own */
	assert_int_equal(register_set_name(db, ID_A, "www", &rename_err), 0);
	assert_int_equal(register_set_name(db, ID_C, "web", &rename_err), 0);
	assert_int_equal(register_find(db, "web", &row, &rename_err), 1);
	assert_string_equal(row.id, ID_C);
	register_close(db);
}

static int count_rows(const struct container_row *row, void *arg)
{
	strv *names = arg;

	strv_append(names, row->name);
	return strv_length(*names) == 3 ? 7 : 0;
}

/* A link may be missing, and never leads to a container that has not the name. */
static void a_name_is_a_link(void **state)
{
	bool fresh;
	struct register_db *db = open_register(state, &fresh);
	struct fixture *fixture = *state;
	cleanup_error struct error *err = NULL;
	char id[ID_MAX];

	add(db, ID_A, "web");
	assert_true(register_link_read(fixture->fd, "web", id));
	assert_string_equal(id, ID_A);
	assert_int_equal(register_set_name(db, ID_A, "old-web", &err), 0);
	assert_false(register_link_read(fixture->fd, "web", id));
	assert_int_equal(symlinkat(ID_A, fixture->fd, "names/web"), 0); /* by one who was killed */
	add(db, ID_C, "web");
	assert_true(register_link_read(fixture->fd, "web", id));
	assert_string_equal(id, ID_C);
	assert_int_equal(register_remove(db, ID_C, &err), 1);
	assert_false(register_link_read(fixture->fd, "web", id));
	assert_false(register_link_read(fixture->fd, "../register.db", id));
	assert_false(register_link_read(fixture->fd, "..", id));
	register_close(db);
}

static void each_is_newest_first_and_can_stop(void **state)
{
	bool fresh;
	struct register_db *db = open_register(state, &fresh);
	cleanup_error struct error *err = NULL;
	cleanup_strv strv names = NULL;

	for (int i = 0; i < 5; i++) {
		struct container_row row = row_of(ID_A, "x");
		char name[8];

		snprintf(name, sizeof(name), "n%d", i);
		row.name = name;
		row.id[0] = (char)('0' + i);
		row.created_ns = i;
		assert_int_equal(register_add(db, &row, &err), 0);
	}
	assert_int_equal(register_each(db, count_rows, &names, &err), 7);
	assert_string_equal(names[0], "n4");
	assert_string_equal(names[2], "n2");
	assert_int_equal(strv_length(names), 3);
	register_close(db);
}

static struct in_addr address(const char *text)
{
	struct in_addr in = { 0 };

	assert_int_equal(inet_aton(text, &in), 1);
	return in;
}

/* -1 and a kind, or the address that is given. */
static const struct {
	const char *why, *id, *wanted, *given;
	enum error_kind kind;
} takes[] = {
	{ "the lowest, after the gateway", ID_A, "0.0.0.0", "10.0.0.2", 0 },
	{ "taking again changes nothing", ID_A, "0.0.0.0", "10.0.0.2", 0 },
	{ "a wanted one", ID_AB, "10.0.0.4", "10.0.0.4", 0 },
	{ "somebody else's", ID_C, "10.0.0.2", NULL, ERROR_CONFLICT },
	{ "the gateway", ID_C, "10.0.0.1", NULL, ERROR_INVALID },
	{ "the network", ID_C, "10.0.0.0", NULL, ERROR_INVALID },
	{ "broadcast", ID_C, "10.0.0.7", NULL, ERROR_INVALID },
	{ "another network", ID_C, "10.0.0.9", NULL, ERROR_INVALID },
	{ "the gap below the wanted one", ID_C, "0.0.0.0", "10.0.0.3", 0 },
	{ "a move", ID_A, "10.0.0.6", "10.0.0.6", 0 },
	{ "what the move gave back", "d", "0.0.0.0", "10.0.0.2", 0 },
	{ "the last one", "e", "0.0.0.0", "10.0.0.5", 0 },
	{ "no more", "f", "0.0.0.0", NULL, ERROR_UNAVAILABLE },
};

static void addresses(void **state)
{
	const struct in_addr gateway = address("10.0.0.1");
	bool fresh;
	struct register_db *db = open_register(state, &fresh);

	for (size_t i = 0; i < sizeof(takes) / sizeof(*takes); i++) {
		cleanup_error struct error *err = NULL;
		struct in_addr got = { 0 };
		int result = register_take_address(
			db, takes[i].id, gateway, 29, address(takes[i].wanted), &got, &err);

		if ((result == 0) != (takes[i].given != NULL))
			fail_msg("%s: %s", takes[i].why, err ? error_message(err) : "given");
		if (result == 0 && takes[i].given && strcmp(inet_ntoa(got), takes[i].given) != 0)
			fail_msg("%s: %s", takes[i].why, inet_ntoa(got));
		if (result < 0 && error_kind(err) != takes[i].kind)
			fail_msg("%s: %s", takes[i].why, error_message(err));
	}
	register_close(db);
}

static void removing_gives_the_address_back(void **state)
{
	const struct in_addr gateway = address("10.0.0.1"), any = { 0 };
	bool fresh;
	struct register_db *db = open_register(state, &fresh);
	cleanup_error struct error *err = NULL;
	struct in_addr got = { 0 };

	add(db, ID_A, "web");
	assert_int_equal(register_take_address(db, ID_A, gateway, 16, any, &got, &err), 0);
	assert_int_equal(register_address_of(db, ID_A, &got, &err), 1);
	assert_string_equal(inet_ntoa(got), "10.0.0.2");
	assert_int_equal(register_remove(db, ID_A, &err), 1);
	assert_int_equal(register_address_of(db, ID_A, &got, &err), 0);
	assert_int_equal(register_remove(db, ID_A, &err), 0);
	assert_int_equal(register_take_address(db, ID_C, gateway, 16, any, &got, &err), 0);
	assert_string_equal(inet_ntoa(got), "10.0.0.2");
	assert_int_equal(register_release_address(db, ID_C, &err), 0);
	assert_int_equal(register_address_of(db, ID_C, &got, &err), 0);
	/* /31 and /32 have no room for a container; /0 would shift by 32. */
	assert_int_equal(register_take_address(db, ID_C, gateway, 31, any, &got, &err), -1);
	error_free(take_ptr(err));
	assert_int_equal(register_take_address(db, ID_C, gateway, 0, any, &got, &err), -1);
	register_close(db);
}

static void settings_and_image_users(void **state)
{
	bool fresh;
	struct register_db *db = open_register(state, &fresh);
	cleanup_error struct error *err = NULL;
	cleanup_free char *first = NULL, *second = NULL, *none = NULL;
	char id[ID_MAX] = "";

	assert_int_equal(register_get(db, "subnet", &none, &err), 0);
	assert_int_equal(register_agree(db, "subnet", "172.17.0.0/16", &first, &err), 0);
	assert_int_equal(register_agree(db, "subnet", "172.18.0.0/16", &second, &err), 0);
	assert_string_equal(first, "172.17.0.0/16");
	assert_string_equal(second, "172.17.0.0/16");
	assert_int_equal(register_image_users(db, "sha256:1", id, &err), 0);
	add(db, ID_A, "a");
	add(db, ID_C, "c");
	assert_int_equal(register_image_users(db, "sha256:1", id, &err), 2);
	assert_string_equal(id, ID_A);
	assert_int_equal(register_image_users(db, "sha256:2", id, &err), 0);
	register_close(db);
}

/* One of several processes: opens, takes a name that all want, and addresses. Exit: names won. */
static int contender(int dir_fd, int number)
{
	const struct in_addr gateway = address("10.0.0.1"), any = { 0 };
	int won = 0;

	for (int round = 0; round < ROUNDS; round++) {
		cleanup_error struct error *err = NULL;
		cleanup_register struct register_db *db = NULL;
		struct container_row row;
		struct in_addr got;
		char name[16], id[ID_MAX];
		bool fresh;

		snprintf(name, sizeof(name), "n%d", round);
		snprintf(id, sizeof(id), "%02x%02x" HEX60, (unsigned int)number & 0xff,
			(unsigned int)round & 0xff);
		row = row_of(id, name);
		if (register_open(dir_fd, &db, &fresh, &err) < 0 ||
			register_take_address(db, id, gateway, 16, any, &got, &err) < 0)
			return 255;
		if (register_add(db, &row, &err) == 0)
			won++;
		else if (error_kind(err) != ERROR_CONFLICT)
			return 254;
	}
	return won;
}

static void processes_share_names_and_addresses(void **state)
{
	struct fixture *fixture = *state;
	cleanup_error struct error *err = NULL;
	struct register_db *db;
	struct in_addr got = { 0 };
	pid_t pids[PROCESSES];
	int won = 0, status;
	bool fresh;

	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(contender(fixture->fd, i));
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		assert_true(WEXITSTATUS(status) <= ROUNDS);
		won += WEXITSTATUS(status);
	}
	assert_int_equal(won, ROUNDS); /* each name once */
	db = open_register(state, &fresh);
	/* The addresses are unique by the table's key; without a gap they were all the lowest. */
	assert_int_equal(register_take_address(db, ID_A, address("10.0.0.1"), 16,
				 (struct in_addr){ 0 }, &got, &err),
		0);
	assert_int_equal(ntohl(got.s_addr), 0x0a000002 + PROCESSES * ROUNDS);
	register_close(db);
}

/* A process killed inside a transaction leaves a journal; nothing of it may show. */
static void a_killed_writer_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	bool fresh;
	pid_t pid;

	register_close(open_register(state, &fresh));
	for (int delay_us = 0; delay_us < 3000; delay_us += 150) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *value = NULL;
		struct register_db *db;

		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			for (;;)
				(void)contender(fixture->fd, 9);
		usleep((useconds_t)delay_us);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		db = open_register(state, &fresh);
		assert_int_equal(register_agree(db, "k", "v", &value, &err), 0);
		register_close(db);
	}
}

static const struct {
	const char *why, *content;
	size_t length;
	bool opens;
} damaged[] = {
	{ "not a database",
		"this is a text file, and no database at all: a long one, to be sure "
		"that it is more than a header of one hundred bytes",
		0, false },
	{ "a short one", "xy", 0, false },
	{ "empty: made anew and filled again", "", 0, true },
	{ "cut short", NULL, 4096, false },
	{ "cut inside the header", NULL, 50, false },
};

/* The i-th kind of damage in place of the register. */
static void do_damage(void **state, size_t i)
{
	struct fixture *fixture = *state;
	cleanup_error struct error *err = NULL;
	struct register_db *db;
	char path[128];
	bool fresh;

	(void)unlinkat(fixture->fd, "register.db", 0);
	(void)unlinkat(fixture->fd, "register.db-journal", 0);
	if (damaged[i].content) {
		assert_int_equal(file_replace_at(fixture->fd, "register.db", damaged[i].content,
					 strlen(damaged[i].content), 0600, false, &err),
			0);
		return;
	}
	db = open_register(state, &fresh);
	add(db, ID_A, "a");
	register_close(db);
	snprintf(path, sizeof(path), "%s/register.db", fixture->path);
	assert_int_equal(truncate(path, (off_t)damaged[i].length), 0);
}

static void damage_is_told(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++) {
		const struct container_row row = row_of(ID_C, "c");
		cleanup_error struct error *err = NULL;
		cleanup_register struct register_db *db = NULL;
		bool fresh = false;
		int result;

		do_damage(state, i);
		result = register_open(fixture->fd, &db, &fresh, &err);
		if (result == 0) /* a cut is seen at the first use only */
			result = register_add(db, &row, &err);
		if ((result == 0) != damaged[i].opens)
			fail_msg("%s: %s", damaged[i].why, err ? error_message(err) : "opened");
		if (result < 0)
			assert_non_null(strstr(error_message(err), "damaged"));
		assert_true(result == 0 || error_hint_text(err));
	}
}

static void another_version_is_told(void **state)
{
	struct fixture *fixture = *state;
	cleanup_error struct error *err = NULL;
	struct register_db *db = NULL;
	bool fresh;
	uint8_t version[4] = { 0, 0, 0, 99 };
	int fd;

	register_close(open_register(state, &fresh));
	fd = openat(fixture->fd, "register.db", O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, version, 4, 60), 4); /* the header's user_version */
	close(fd);
	assert_int_equal(register_open(fixture->fd, &db, &fresh, &err), -1);
	assert_int_equal(error_kind(err), ERROR_UNSUPPORTED);
	assert_non_null(error_hint_text(err));
}

static void the_file_is_ours_alone(void **state)
{
	struct fixture *fixture = *state;
	struct stat st;
	bool fresh;

	register_close(open_register(state, &fresh));
	assert_int_equal(fstatat(fixture->fd, "register.db", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stays_fresh_until_filled),
		TEST(finds_by_id_name_and_prefix),
		TEST(rows_come_back_whole),
		TEST(a_name_is_taken_once),
		TEST(a_name_is_a_link),
		TEST(each_is_newest_first_and_can_stop),
		TEST(addresses),
		TEST(removing_gives_the_address_back),
		TEST(settings_and_image_users),
		TEST(processes_share_names_and_addresses),
		TEST(a_killed_writer_leaves_nothing),
		TEST(damage_is_told),
		TEST(another_version_is_told),
		TEST(the_file_is_ours_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

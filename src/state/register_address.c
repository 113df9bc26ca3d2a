/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/error.h"
#include "state/register_db.h"

/* In host order, so that the database sorts and compares as people do. */
struct subnet {
	uint32_t gateway, first, last;
	uint8_t prefix;
};

static const char *address_text(uint32_t address, char buf[static INET_ADDRSTRLEN])
{
	const struct in_addr in = { htonl(address) };

	return inet_ntop(AF_INET, &in, buf, INET_ADDRSTRLEN);
}

static int subnet_of(struct in_addr gateway, uint8_t prefix, struct subnet *ret, struct error **err)
{
	uint32_t mask;

	if (prefix < 1 || prefix > 30)
		return error_new(err, ERROR_INVALID,
			"a subnet of prefix /%u has no addresses for containers", prefix);
	mask = UINT32_MAX << (32 - prefix);
	ret->gateway = ntohl(gateway.s_addr);
	ret->first = (ret->gateway & mask) + 1;
	ret->last = (ret->gateway | ~mask) - 1;
	ret->prefix = prefix;
	return 0;
}

static bool is_in(const struct subnet *subnet, uint32_t address)
{
	return address >= subnet->first && address <= subnet->last && address != subnet->gateway;
}

static int find_own(struct register_db *db, const char *id, uint32_t *ret, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int found;

	if (database_prepare(&db->database, &statement, err,
		    "SELECT address FROM addresses WHERE id = ?", "t", id) < 0)
		return -1;
	found = database_step(&db->database, statement, err);
	if (found > 0)
		*ret = (uint32_t)sqlite3_column_int64(statement, 0);
	return found;
}

/* The taken ones come in order: the first number that is not among them is free. */
static int find_lowest(
	struct register_db *db, const struct subnet *subnet, uint32_t *ret, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	uint32_t candidate = subnet->first == subnet->gateway ? subnet->first + 1 : subnet->first;
	char buf[INET_ADDRSTRLEN];
	int found;

	if (database_prepare(&db->database, &statement, err,
		    "SELECT address FROM addresses WHERE address BETWEEN ? AND ? ORDER BY address",
		    "ii", (int64_t)subnet->first, (int64_t)subnet->last) < 0)
		return -1;
	while ((found = database_step(&db->database, statement, err)) > 0) {
		uint32_t taken = (uint32_t)sqlite3_column_int64(statement, 0);

		if (taken > candidate)
			break;
		if (taken == candidate)
			candidate++;
		if (candidate == subnet->gateway)
			candidate++;
	}
	if (found < 0)
		return -1;
	if (candidate > subnet->last)
		return error_new(err, ERROR_UNAVAILABLE, "no free address is left in %s/%u",
			address_text(subnet->first - 1, buf), subnet->prefix);
	*ret = candidate;
	return 0;
}

static int check_wanted(
	struct register_db *db, const struct subnet *subnet, uint32_t wanted, struct error **err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	char buf[INET_ADDRSTRLEN], net[INET_ADDRSTRLEN];
	int found;

	address_text(wanted, buf);
	if (!is_in(subnet, wanted))
		return error_new(err, ERROR_INVALID,
			"address %s is not one for containers of subnet %s/%u", buf,
			address_text(subnet->first - 1, net), subnet->prefix);
	if (database_prepare(&db->database, &statement, err,
		    "SELECT id FROM addresses WHERE address = ?", "i", (int64_t)wanted) < 0)
		return -1;
	found = database_step(&db->database, statement, err);
	if (found > 0)
		return error_new(err, ERROR_CONFLICT,
			"Address already in use: container %.12s has %s",
			(const char *)sqlite3_column_text(statement, 0), buf);
	return found;
}

/* Within a transaction. What the container has already is kept when it fits: taking is idempotent.
 */
static int take(struct register_db *db, const char *id, const struct subnet *subnet,
	uint32_t *address, struct error **err)
{
	uint32_t wanted = *address, own = 0;
	int found = find_own(db, id, &own, err);

	if (found < 0)
		return -1;
	if (found > 0 && is_in(subnet, own) && (wanted == 0 || wanted == own)) {
		*address = own;
		return 0;
	}
	if (wanted ? check_wanted(db, subnet, wanted, err) < 0
		   : find_lowest(db, subnet, address, err) < 0)
		return -1;
	if (found > 0 &&
		database_run(&db->database, err, "DELETE FROM addresses WHERE id = ?", "t", id) < 0)
		return -1;
	return database_run(&db->database, err, "INSERT INTO addresses VALUES (?, ?)", "it",
		(int64_t)*address, id);
}

// NOLINTNEXTLINE(readability-function-size): a subnet and a wish are many values, each named
int register_take_address(struct register_db *db, const char *id, struct in_addr gateway,
	uint8_t prefix, struct in_addr wanted, struct in_addr *ret, struct error **err)
{
	uint32_t address = ntohl(wanted.s_addr);
	struct subnet subnet = { 0 };
	int result;

	if (subnet_of(gateway, prefix, &subnet, err) < 0 || database_begin(&db->database, err) < 0)
		return -1;
	result = take(db, id, &subnet, &address, err);
	if (database_end(&db->database, result, err) < 0)
		return -1;
	ret->s_addr = htonl(address);
	return 0;
}

int register_address_of(
	struct register_db *db, const char *id, struct in_addr *ret, struct error **err)
{
	uint32_t address = 0;
	int found = find_own(db, id, &address, err);

	if (found > 0)
		ret->s_addr = htonl(address);
	return found;
}

int register_release_address(struct register_db *db, const char *id, struct error **err)
{
	int result;

	if (database_begin(&db->database, err) < 0)
		return -1;
	result = database_run(&db->database, err, "DELETE FROM addresses WHERE id = ?", "t", id);
	return database_end(&db->database, result, err) < 0 ? -1 : 0;
}

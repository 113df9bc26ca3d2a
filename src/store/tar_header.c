/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tar_header.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"

static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a header is one block");

enum tar_format tar_header_format(const struct tar_header *header)
{
	if (memcmp(header->magic, "ustar ", 6) == 0)
		return TAR_GNU;
	if (memcmp(header->magic, "ustar", 6) != 0)
		return TAR_V7;
	return memcmp(header->padding + 8, "tar", 4) == 0 ? TAR_STAR : TAR_USTAR;
}

bool tar_block_is_zero(const void *block)
{
	static const char zero[TAR_BLOCK];

	return memcmp(block, zero, TAR_BLOCK) == 0;
}

static void sums(const struct tar_header *header, int64_t *ret_unsigned, int64_t *ret_signed)
{
	const unsigned char *bytes = (const unsigned char *)header;
	size_t from = offsetof(struct tar_header, checksum), to = from + sizeof(header->checksum);

	*ret_unsigned = *ret_signed = 0;
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		/* The field itself counts as spaces. */
		unsigned char byte = i >= from && i < to ? ' ' : bytes[i];

		*ret_unsigned += byte;
		*ret_signed += (signed char)byte;
	}
}

bool tar_checksum_matches(const void *block)
{
	const struct tar_header *header = block;
	cleanup_error struct error *err = NULL;
	int64_t wanted = 0, plain, with_sign;

	if (header->checksum[0] == '\0' ||
		tar_number_parse(header->checksum, sizeof(header->checksum), "", &wanted, &err) < 0)
		return false;
	sums(header, &plain, &with_sign);
	return wanted == plain || wanted == with_sign;
}

void tar_checksum_set(struct tar_header *header)
{
	int64_t plain, with_sign;

	sums(header, &plain, &with_sign);
	(void)tar_number_put(header->checksum, sizeof(header->checksum) - 1, plain);
	header->checksum[sizeof(header->checksum) - 1] = ' ';
}

static int base256(
	const char *field, size_t size, const char *what, int64_t *ret, struct error **err)
{
	bool negative = (field[0] & 0x40) != 0;
	uint64_t value = negative ? ~UINT64_C(0) : 0;

	for (size_t i = 0; i < size; i++) {
		unsigned char byte = (unsigned char)field[i];

		if (i == 0)
			byte = negative ? byte | 0x80 : byte & 0x7f;
		/* What is shifted out must be sign only, and so must the sign bit itself. */
		if (value >> 55 != (negative ? 0x1ff : 0))
			return error_new(err, ERROR_INVALID, "%s is out of range", what);
		value = value << 8 | byte;
	}
	*ret = (int64_t)value;
	return 0;
}

int tar_number_parse(
	const char *field, size_t size, const char *what, int64_t *ret, struct error **err)
{
	size_t i = 0;
	uint64_t value = 0;

	if (field[0] & 0x80)
		return base256(field, size, what, ret, err);
	while (i < size && field[i] == ' ')
		i++;
	for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(field[i] - '0'); /* at most 12 digits: 36 bits */
	for (; i < size && field[i] != '\0'; i++)
		if (field[i] != ' ')
			return error_new(err, ERROR_INVALID, "%s is not a number", what);
	*ret = (int64_t)value;
	return 0;
}

bool tar_number_put(char *field, size_t size, int64_t value)
{
	field[size - 1] = '\0';
	for (size_t i = size - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
	return value == 0;
}

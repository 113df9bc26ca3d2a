/* SPDX-License-Identifier: Apache-2.0 */
/* fmt.Sprintf: verbs, flags, width and precision, and Go's way of printing mistakes into the text.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/quote.h"
#include "cli/template_value.h"

#define WIDTH_MAX 10000 /* a template cannot ask for gigabytes of spaces */

struct verb {
	bool minus, plus, zero, space, sharp;
	int width, precision; /* precision < 0: none */
	char letter;
};

static size_t rune_count(const char *text, size_t length)
{
	size_t count = 0;
	long rune;

	for (size_t i = 0; i < length; count++)
		i += quote_rune(text + i, length - i, &rune);
	return count;
}

static size_t rune_prefix(const char *text, size_t length, size_t runes)
{
	size_t i = 0;
	long rune;

	for (; i < length && runes > 0; runes--)
		i += quote_rune(text + i, length - i, &rune);
	return i;
}

static void pad(struct buf *out, size_t count, char with)
{
	for (size_t i = 0; i < count; i++)
		buf_putc(out, with);
}

static void put_padded(struct buf *out, const struct verb *verb, const char *text, size_t length)
{
	size_t runes = rune_count(text, length);
	size_t missing =
		verb->width > 0 && (size_t)verb->width > runes ? (size_t)verb->width - runes : 0;

	if (!verb->minus && verb->zero && missing > 0 && length > 0 &&
		(text[0] == '-' || text[0] == '+')) {
		buf_putc(out, *text++); /* the sign stands before the zeros */
		length--;
	}
	if (!verb->minus)
		pad(out, missing, verb->zero ? '0' : ' ');
	buf_append(out, text, length);
	if (verb->minus)
		pad(out, missing, ' ');
}

static void print_value(struct buf *out, struct json_object *value)
{
	if (value)
		value_print(out, value);
	else
		buf_puts(out, "<nil>");
}

/* %!d(string=hi) */
static void bad_verb(struct buf *out, const struct verb *verb, struct json_object *value)
{
	buf_printf(out, "%%!%c(", verb->letter);
	if (value)
		buf_printf(out, "%s=", value_type(value));
	print_value(out, value);
	buf_putc(out, ')');
}

static void put_bits(struct buf *out, uint64_t value)
{
	int top = value ? 63 - __builtin_clzll(value) : 0;

	for (; top >= 0; top--)
		buf_putc(out, value >> top & 1 ? '1' : '0');
}

static bool format_int(struct buf *out, const struct verb *verb, int64_t value)
{
	uint64_t absolute = value < 0 ? -(uint64_t)value : (uint64_t)value;

	if (!strchr("dxXob", verb->letter))
		return false;
	buf_puts(out, value < 0 ? "-" : verb->plus ? "+" : verb->space ? " " : "");
	switch (verb->letter) {
	case 'd':
		buf_printf(out, "%" PRIu64, absolute);
		break;
	case 'x':
		buf_printf(out, verb->sharp ? "0x%" PRIx64 : "%" PRIx64, absolute);
		break;
	case 'X':
		buf_printf(out, verb->sharp ? "0X%" PRIX64 : "%" PRIX64, absolute);
		break;
	case 'o':
		buf_printf(out, "%" PRIo64, absolute);
		break;
	default:
		put_bits(out, absolute);
	}
	return true;
}

static bool format_text(struct buf *out, const struct verb *verb, struct json_object *value)
{
	const char *text = json_object_get_string(value);
	size_t length = (size_t)json_object_get_string_len(value);

	if (verb->precision >= 0)
		length = rune_prefix(text, length, (size_t)verb->precision);
	switch (verb->letter) {
	case 's':
		buf_append(out, text, length);
		return true;
	case 'q':
		quote_go(out, text, length);
		return true;
	case 'x':
	case 'X':
		for (size_t i = 0; i < length; i++)
			buf_printf(
				out, verb->letter == 'x' ? "%02x" : "%02X", (unsigned char)text[i]);
		return true;
	default:
		return false;
	}
}

static bool format_double(struct buf *out, const struct verb *verb, double value)
{
	int precision = verb->precision < 0 ? 6 : verb->precision;
	const char *plus = verb->plus && value >= 0 ? "+" : "";

	switch (verb->letter) {
	case 'f':
	case 'F':
		buf_printf(out, "%s%.*f", plus, precision, value);
		return true;
	case 'e':
		buf_printf(out, "%s%.*e", plus, precision, value);
		return true;
	case 'g': {
		struct json_object *number = json_object_new_double(value);

		buf_puts(out, plus);
		if (verb->precision < 0)
			value_print(out, number);
		else
			buf_printf(out, "%.*g", precision, value);
		json_object_put(number);
		return true;
	}
	default:
		return false;
	}
}

static void format_value(struct buf *out, const struct verb *verb, struct json_object *value);

/* Go applies the verb to each element. */
static void format_list(struct buf *out, const struct verb *verb, struct json_object *value)
{
	buf_putc(out, '[');
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		buf_puts(out, i ? " " : "");
		format_value(out, verb, json_object_array_get_idx(value, i));
	}
	buf_putc(out, ']');
}

static void format_value(struct buf *out, const struct verb *verb, struct json_object *value)
{
	bool known = false;

	if (verb->letter == 'v' && value_is(value, json_type_string)) {
		struct verb plain = { .letter = 's', .precision = verb->precision };

		(void)format_text(out, &plain, value);
		return;
	}
	if (verb->letter == 'v') {
		print_value(out, value);
		return;
	}
	if (verb->letter == 'T') {
		buf_puts(out, value ? value_type(value) : "<nil>");
		return;
	}
	if (value_is(value, json_type_array)) {
		format_list(out, verb, value);
		return;
	}
	if (value_is(value, json_type_string))
		known = format_text(out, verb, value);
	else if (value_is(value, json_type_int))
		known = format_int(out, verb, json_object_get_int64(value));
	else if (value_is(value, json_type_double))
		known = format_double(out, verb, json_object_get_double(value));
	else if (value_is(value, json_type_boolean) && verb->letter == 't') {
		value_print(out, value);
		known = true;
	}
	if (!known)
		bad_verb(out, verb, value);
}

static int read_number(const char **format)
{
	int value = 0;

	for (; **format >= '0' && **format <= '9'; (*format)++)
		value = value < WIDTH_MAX ? value * 10 + (**format - '0') : WIDTH_MAX;
	return value < WIDTH_MAX ? value : WIDTH_MAX;
}

/* Behind the '%'; returns what follows the verb. */
static const char *read_verb(const char *format, struct verb *ret)
{
	struct verb verb = { .precision = -1 };

	for (; *format && strchr("+-# 0", *format); format++) {
		verb.plus |= *format == '+';
		verb.minus |= *format == '-';
		verb.sharp |= *format == '#';
		verb.space |= *format == ' ';
		verb.zero |= *format == '0';
	}
	verb.width = read_number(&format);
	if (*format == '.') {
		format++;
		verb.precision = read_number(&format);
	}
	verb.letter = *format;
	*ret = verb;
	return *format ? format + 1 : format;
}

static void put_extra(struct buf *out, struct json_object *const *args, size_t count)
{
	buf_puts(out, "%!(EXTRA ");
	for (size_t i = 0; i < count; i++) {
		buf_puts(out, i ? ", " : "");
		if (args[i])
			buf_printf(out, "%s=", value_type(args[i]));
		print_value(out, args[i]);
	}
	buf_putc(out, ')');
}

void value_printf(
	struct buf *out, const char *format, struct json_object *const *args, size_t count)
{
	size_t used = 0;

	while (*format) {
		const char *percent = strchrnul(format, '%');
		struct verb verb;

		buf_append(out, format, (size_t)(percent - format));
		if (!*percent)
			break;
		format = read_verb(percent + 1, &verb);
		if (verb.letter == '%') {
			buf_putc(out, '%');
		} else if (!verb.letter) {
			buf_puts(out, "%!(NOVERB)");
		} else if (used == count) {
			buf_printf(out, "%%!%c(MISSING)", verb.letter);
		} else {
			cleanup_buf struct buf one = BUF_INIT(BUF_LARGE);

			format_value(&one, &verb, args[used++]);
			put_padded(out, &verb, buf_text(&one), one.length);
		}
	}
	if (used < count)
		put_extra(out, args + used, count - used);
}

void value_sprint(struct buf *out, struct json_object *const *args, size_t count, bool line)
{
	for (size_t i = 0; i < count; i++) {
		bool texts = i > 0 && (value_is(args[i], json_type_string) ||
					      value_is(args[i - 1], json_type_string));

		if (i > 0 && (line || !texts))
			buf_putc(out, ' ');
		print_value(out, args[i]);
	}
	if (line)
		buf_putc(out, '\n');
}

/*-------------------------------------------------------------------------
 *
 * number_forms.c
 *	  A number, written as other numbers are.
 *
 * An id that is a number passes through types that write it in their own way:
 * with decimals, rounded to a double, padded, in groups of three.
 *
 *-------------------------------------------------------------------------
 */
#include "core/number_forms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTHOF(array)	(sizeof(array) / sizeof((array)[0]))

#define DIGITS_MAX	40			/* in the longest number that is looked at */
#define PADDED_MAX	12			/* digits that a number is padded to */
#define ROUND_TRIP	17			/* digits that make every double again */

static const struct
{
	const char *before;
	const char *after;
	const char *what;
}			decorations[] = {
	{"", ".0", "with a decimal of zero"},
	{"", ".00", "with two decimals of zero"},
	{"", ",00", "with two decimals of zero"},
	{"", ".", "with a decimal point"},
	{"", ".000000", "with six decimals of zero"},
	{"+", "", "with a plus before it"},
	{"#", "", "with a number sign before it"},
	{"0x", "", "with 0x before it"},
	{"", "n", "as JavaScript writes a BigInt"},
	{"", "L", "as Java writes a long"},
};

static const char *const separators[] = {
	",", ".", " ", "'", "_", "\xC2\xA0", "\xE2\x80\xAF", "\xE2\x80\x99"
};

/* Read digits; false if there is anything else, or nothing. */
static bool
are_digits(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return len > 0;
}

/* Add the digits in groups of three. */
static void
add_grouped(IdvForms *forms, const char *digits, size_t len, const char *separator)
{
	for (size_t i = 0; i < len; i++)
	{
		if (i > 0 && (len - i) % 3 == 0)
			idv_forms_put_text(forms, separator);
		idv_forms_put(forms, &digits[i], 1);
	}
	idv_forms_finish(forms, IDV_FOUND_VALUE_NUMBER, "in groups of three digits");
}

/*
 * Add the number in scientific notation: one digit, a point, the others.
 *
 * significant	without zeros at its end
 */
static void
add_scientific(IdvForms *forms, const char *significant, int exponent)
{
	static const char *const letters[] = {"e", "e+", "E", "E+"};

	for (size_t i = 0; i < LENGTHOF(letters); i++)
		for (int width = 1; width <= 2; width++)
		{
			char		text[16];	/* holds any exponent */

			idv_forms_put(forms, significant, 1);
			if (significant[1] != '\0')
			{
				idv_forms_put_text(forms, ".");
				idv_forms_put_text(forms, significant + 1);
			}
			(void) snprintf(text, sizeof(text), width == 1 ? "%s%d" : "%s%02d",
							letters[i], exponent);
			idv_forms_put_text(forms, text);
			idv_forms_finish(forms, IDV_FOUND_VALUE_NUMBER, "in scientific notation");
		}
}

/* Add what a double makes of the digits: all of its digits, and the fewest. */
static void
add_rounded(IdvForms *forms, const char *digits)
{
	char		text[DIGITS_MAX + 10];
	char		significant[ROUND_TRIP + 1];
	size_t		n = 0;
	double		number = strtod(digits, NULL);
	int			exponent;

	(void) snprintf(text, sizeof(text), "%.0f", number);
	idv_forms_add(forms, IDV_FOUND_VALUE_NUMBER, "rounded to a double",
				  text, strlen(text));
	(void) snprintf(text, sizeof(text), "%e", number);
	idv_forms_add(forms, IDV_FOUND_VALUE_NUMBER, "in scientific notation",
				  text, strlen(text));

	/* The fewest digits that are this double again, as JavaScript has it. */
	for (int precision = 0; precision < ROUND_TRIP; precision++)
	{
		(void) snprintf(text, sizeof(text), "%.*e", precision, number);
		if (strtod(text, NULL) == number)
			break;
	}
	exponent = (int) strtol(strchr(text, 'e') + 1, NULL, 10);
	for (const char *c = text; *c != 'e'; c++)
		if (*c >= '0' && *c <= '9')
			significant[n++] = *c;
	while (n > 1 && significant[n - 1] == '0')
		n--;
	significant[n] = '\0';

	idv_forms_put(forms, significant, n);
	for (int i = (int) n; i <= exponent; i++)
		idv_forms_put_text(forms, "0");
	idv_forms_finish(forms, IDV_FOUND_VALUE_NUMBER, "rounded to a double");
	add_scientific(forms, significant, exponent);
}

/* Add what is made of a number that is written plainly. */
static void
add_decorated(IdvForms *forms, const char *digits, size_t len)
{
	for (size_t i = 0; i < LENGTHOF(decorations); i++)
	{
		idv_forms_put_text(forms, decorations[i].before);
		idv_forms_put(forms, digits, len);
		idv_forms_put_text(forms, decorations[i].after);
		idv_forms_finish(forms, IDV_FOUND_VALUE_NUMBER, decorations[i].what);
	}
	for (size_t width = len + 1; width <= PADDED_MAX; width++)
	{
		for (size_t i = len; i < width; i++)
			idv_forms_put_text(forms, "0");
		idv_forms_put(forms, digits, len);
		idv_forms_finish(forms, IDV_FOUND_VALUE_NUMBER, "with zeros before it");
	}
	for (size_t i = 0; len > 3 && i < LENGTHOF(separators); i++)
		add_grouped(forms, digits, len, separators[i]);
}

/*
 * idv_number_forms
 *		Add what another type writes for the value, if that is a number.
 *
 * A value that is decorated itself (+42, 042, 42.0, 4,200) is also taken back
 * to its digits.
 */
void
idv_number_forms(IdvForms *forms, const char *value, size_t len)
{
	char		digits[DIGITS_MAX + 1];
	size_t		n = 0;
	size_t		begin = 0;
	bool		decimals = false;

	if (len == 0 || len > DIGITS_MAX)
		return;
	if (value[0] == '+' || value[0] == '#')
		begin = 1;
	for (size_t i = begin; i < len; i++)
	{
		if (are_digits(&value[i], 1))
		{
			if (!decimals)
				digits[n++] = value[i];
			else if (value[i] != '0')
				return;
		}
		else if ((value[i] == '.' || value[i] == ',') && n > 0 && !decimals)
		{
			/* three digits behind it: groups; else decimals, which are zeros */
			size_t		next = i + 1;

			while (next < len && are_digits(&value[next], 1))
				next++;
			if (next - i - 1 != 3)
				decimals = true;
		}
		else
			return;
	}
	digits[n] = '\0';
	if (n == 0)
		return;

	/* of zeros before it the last may be the number */
	begin = 0;
	while (begin < n - 1 && digits[begin] == '0')
		begin++;

	idv_forms_add(forms, IDV_FOUND_VALUE_NUMBER, "written as its digits alone",
				  digits, n);
	idv_forms_add(forms, IDV_FOUND_VALUE_NUMBER, "without the zeros before it",
				  digits + begin, n - begin);
	add_decorated(forms, digits + begin, n - begin);
	add_rounded(forms, digits + begin);
}

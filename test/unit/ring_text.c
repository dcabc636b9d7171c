/*-------------------------------------------------------------------------
 *
 * ring_text.c
 *	  Is a key ring read to the letter, or else not at all?
 *
 *-------------------------------------------------------------------------
 */
#include "core/ring_text.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "check.h"

/* Two keys: every digit in both cases, and no byte twice in the first one. */
#define HEX_A	"00112233445566778899aAbBcCdDeEfF" \
				"0123456789abcdefFEDCBA9876543210"
#define HEX_B	"ffffffffffffffffffffffffffffffff" \
				"000000000000000000000000000000fe"

static IdvRing ring;			/* what was read at last */
static int	bad_line;

/* Read text, with something else in ring and bad_line before. */
static IdvRingStatus
read_text(const char *text, size_t len)
{
	char	   *exact = exact_copy(text, len);
	IdvRingStatus status;

	memset(&ring, 0x5A, sizeof(ring));
	bad_line = 0x5A;
	status = idv_ring_parse(&ring, &bad_line, exact, len);
	free(exact);
	return status;
}

/* Is text a ring of that many keys? */
static bool
holds(size_t nkeys, const char *text, size_t len)
{
	return read_text(text, len) == IDV_RING_OK &&
		bad_line == 0 &&
		ring.nkeys == nkeys;
}

/* Is text refused for that reason, and nothing left of any key? */
static bool
refused(IdvRingStatus reason, int line, const char *text, size_t len)
{
	static const IdvRing nothing;

	return read_text(text, len) == reason &&
		bad_line == line &&
		memcmp(&ring, &nothing, sizeof(ring)) == 0;
}

/* Is this line refused as it stands, first and further down? */
static bool
bad(const char *line, size_t len)
{
	static const char before[] = "# ring\n7:" HEX_B "\n";
	char		text[512];

	memcpy(text, before, sizeof(before) - 1);
	memcpy(text + sizeof(before) - 1, line, len);
	text[sizeof(before) - 1 + len] = '\n';

	return refused(IDV_RING_BAD_LINE, 1, line, len) &&
		refused(IDV_RING_BAD_LINE, 3, text, sizeof(before) + len);
}

/* Write a ring of n keys with the ids from 1 to n; returns its length. */
static size_t
write_ring(char *text, size_t size, int n)
{
	size_t		len = 0;

	for (int id = 1; id <= n; id++)
		len += (size_t) snprintf(text + len, size - len, "%d:%s\n", id, HEX_A);
	return len;
}

static void
test_reads_lines_however_they_end(void)
{
	CHECK(holds(1, TEXT("1:" HEX_A "\n")));
	CHECK(holds(1, TEXT("1:" HEX_A "\r\n")));
	CHECK(holds(1, TEXT("1:" HEX_A)));
	CHECK(holds(2, TEXT("2:" HEX_B "\n1:" HEX_A "\n")));
	CHECK(holds(2, TEXT("2:" HEX_B "\r\n1:" HEX_A "\r\n")));
	CHECK(holds(2, TEXT("2:" HEX_B "\n1:" HEX_A "\r\n")));
	CHECK(holds(2, TEXT("2:" HEX_B "\r\n1:" HEX_A)));
}

static void
test_skips_comments_and_blank_lines(void)
{
	CHECK(holds(1, TEXT("\n1:" HEX_A "\n")));
	CHECK(holds(1, TEXT("1:" HEX_A "\n\n\n")));
	CHECK(holds(1, TEXT("\r\n\r\n1:" HEX_A "\r\n\r\n")));
	CHECK(holds(1, TEXT(" \t \n1:" HEX_A "\n\t\r\n ")));
	CHECK(holds(1, TEXT("#\n1:" HEX_A "\n# the end")));
	CHECK(holds(1, TEXT("# comment\r\n1:" HEX_A "\r\n")));
	CHECK(holds(1, TEXT("#1:" HEX_A "\n1:" HEX_A "\n#1:" HEX_A)));
	CHECK(holds(1, TEXT("# \0 \r \xFF\n1:" HEX_A "\n")));
	CHECK(holds(2, TEXT("1:" HEX_A "\n\n# older:\n\n2:" HEX_B "\n")));
}

static void
test_keeps_keys_in_order_and_ready_for_use(void)
{
	IdvMasterKey key;
	size_t		len;

	CHECK(holds(2, TEXT("12:" HEX_A "\n3:" HEX_B "\n")));

	CHECK(OPENSSL_hexstr2buf_ex(key.key, sizeof(key.key), &len,
								HEX_A, '\0') == 1);
	CHECK(idv_master_key_init(&key, 12));
	CHECK(ring.keys[0].id == 12);
	CHECK(memcmp(ring.keys[0].key, key.key, sizeof(key.key)) == 0);
	CHECK(memcmp(ring.keys[0].check, key.check, sizeof(key.check)) == 0);

	CHECK(OPENSSL_hexstr2buf_ex(key.key, sizeof(key.key), &len,
								HEX_B, '\0') == 1);
	CHECK(idv_master_key_init(&key, 3));
	CHECK(ring.keys[1].id == 3);
	CHECK(memcmp(ring.keys[1].key, key.key, sizeof(key.key)) == 0);
	CHECK(memcmp(ring.keys[1].check, key.check, sizeof(key.check)) == 0);
}

static void
test_takes_every_id_from_1_to_2147483647(void)
{
	CHECK(holds(1, TEXT("1:" HEX_A)) && ring.keys[0].id == 1);
	CHECK(holds(1, TEXT("10:" HEX_A)) && ring.keys[0].id == 10);
	CHECK(holds(1, TEXT("123456789:" HEX_A)) &&
		  ring.keys[0].id == 123456789);
	CHECK(holds(1, TEXT("1000000000:" HEX_A)) &&
		  ring.keys[0].id == 1000000000);
	CHECK(holds(1, TEXT("2147483647:" HEX_A)) &&
		  ring.keys[0].id == 2147483647);
}

static void
test_takes_no_other_id(void)
{
	CHECK(bad(TEXT("0:" HEX_A)));
	CHECK(bad(TEXT("2147483648:" HEX_A)));
	CHECK(bad(TEXT("4294967295:" HEX_A)));
	CHECK(bad(TEXT("4294967297:" HEX_A)));	/* 2^32 + 1 */
	CHECK(bad(TEXT("9999999999:" HEX_A)));
	CHECK(bad(TEXT("10000000001:" HEX_A)));
	CHECK(bad(TEXT("18446744073709551617:" HEX_A)));	/* 2^64 + 1 */
	CHECK(bad(TEXT("340282366920938463463374607431768211457:" HEX_A)));
	CHECK(bad(TEXT("01:" HEX_A)));
	CHECK(bad(TEXT("0000000001:" HEX_A)));
	CHECK(bad(TEXT("00:" HEX_A)));
	CHECK(bad(TEXT(":" HEX_A)));
	CHECK(bad(TEXT("+1:" HEX_A)));
	CHECK(bad(TEXT("-1:" HEX_A)));
	CHECK(bad(TEXT("1.0:" HEX_A)));
	CHECK(bad(TEXT("1e1:" HEX_A)));
	CHECK(bad(TEXT("0x1:" HEX_A)));
	CHECK(bad(TEXT("a:" HEX_A)));
	CHECK(bad(TEXT("1/:" HEX_A)));	/* the neighbours of the digits */
	CHECK(bad(TEXT("1;:" HEX_A)));
	CHECK(bad(TEXT("\xD9\xA1:" HEX_A)));	/* an Arabic 1 */
}

static void
test_takes_no_key_but_64_hex_digits(void)
{
	CHECK(bad(TEXT("1")));
	CHECK(bad(TEXT("1:")));
	CHECK(bad(TEXT("1:" HEX_A "0")));
	CHECK(bad(TEXT("1:" HEX_A "00")));
	CHECK(bad(TEXT("1:" HEX_A HEX_A)));
	CHECK(bad(TEXT("1:0x" HEX_A)));
	CHECK(bad(TEXT("1::" HEX_A)));
	CHECK(bad(TEXT("1:1:" HEX_A)));
	CHECK(bad(TEXT("1=" HEX_A)));
	CHECK(bad(TEXT("1" HEX_A)));
	CHECK(bad(TEXT("1:G0112233445566778899aAbBcCdDeEfF"
				   "0123456789abcdefFEDCBA9876543210")));
	CHECK(bad(TEXT("1:00112233445566778899aAbBcCdDeEfF"
				   "0123456789abcdefFEDCBA987654321g")));
	/* 63 digits, and 62 */
	CHECK(bad(TEXT("1:00112233445566778899aAbBcCdDeEfF"
				   "0123456789abcdefFEDCBA987654321")));
	CHECK(bad(TEXT("1:00112233445566778899aAbBcCdDeEfF"
				   "0123456789abcdefFEDCBA98765432")));
}

static void
test_takes_nothing_around_a_key(void)
{
	CHECK(bad(TEXT(" 1:" HEX_A)));
	CHECK(bad(TEXT("\t1:" HEX_A)));
	CHECK(bad(TEXT("1 :" HEX_A)));
	CHECK(bad(TEXT("1: " HEX_A)));
	CHECK(bad(TEXT("1:" HEX_A " ")));
	CHECK(bad(TEXT("1:" HEX_A "\t")));
	CHECK(bad(TEXT("1:" HEX_A " # comment")));
	CHECK(bad(TEXT("1:" HEX_A "#")));
	CHECK(bad(TEXT(" # comment")));
	CHECK(bad(TEXT("// comment")));
	CHECK(bad(TEXT("\xEF\xBB\xBF" "1:" HEX_A)));	/* byte order mark */
	CHECK(bad(TEXT("\xEF\xBB\xBF# comment")));
	CHECK(bad(TEXT("\xC2\xA0")));	/* no-break space */
	CHECK(bad(TEXT("\f")));
	CHECK(bad(TEXT("\v")));
}

static void
test_takes_no_zero_bytes(void)
{
	CHECK(bad(TEXT("\0")));
	CHECK(bad(TEXT("\0" "1:" HEX_A)));
	CHECK(bad(TEXT("1\0:" HEX_A)));
	CHECK(bad(TEXT("1:\0" HEX_A)));
	CHECK(bad(TEXT("1:" HEX_A "\0")));
	CHECK(bad(TEXT("1:00112233445566778899aAbBcCdDeEfF"
				   "0123456789abcdefFEDCBA987654321\0")));
	CHECK(refused(IDV_RING_BAD_LINE, 2, TEXT("1:" HEX_A "\n\0")));
	CHECK(refused(IDV_RING_BAD_LINE, 2, TEXT("1:" HEX_A "\n\0\n2:" HEX_B)));
}

/* CR belongs to a line's end right before LF, and nowhere else. */
static void
test_takes_no_stray_carriage_return(void)
{
	CHECK(refused(IDV_RING_BAD_LINE, 1, TEXT("\r")));
	CHECK(refused(IDV_RING_BAD_LINE, 1, TEXT("1:" HEX_A "\r")));
	CHECK(refused(IDV_RING_BAD_LINE, 1, TEXT("1:" HEX_A "\r2:" HEX_B "\r")));
	CHECK(refused(IDV_RING_BAD_LINE, 1, TEXT("1:" HEX_A "\r\r\n")));
	CHECK(refused(IDV_RING_BAD_LINE, 2, TEXT("1:" HEX_A "\r\n\r\r\n")));
	CHECK(refused(IDV_RING_BAD_LINE, 1, TEXT("\r1:" HEX_A "\n")));
}

static void
test_counts_lines_from_1_whatever_is_on_them(void)
{
	CHECK(refused(IDV_RING_BAD_LINE, 1, TEXT("x\n1:" HEX_A "\n")));
	CHECK(refused(IDV_RING_BAD_LINE, 2, TEXT("1:" HEX_A "\nx")));
	CHECK(refused(IDV_RING_BAD_LINE, 2, TEXT("1:" HEX_A "\r\nx\r\n")));
	CHECK(refused(IDV_RING_BAD_LINE, 5, TEXT("#\n\n \n1:" HEX_A "\nx\n")));
	CHECK(refused(IDV_RING_BAD_LINE, 2, TEXT("\nx\n\ny\n")));
	CHECK(refused(IDV_RING_BAD_LINE, 2, TEXT("\nx\n1:" HEX_A "\n1:" HEX_A)));
}

static void
test_takes_no_id_twice(void)
{
	CHECK(refused(IDV_RING_REPEATED_ID, 2, TEXT("1:" HEX_A "\n1:" HEX_B)));
	CHECK(refused(IDV_RING_REPEATED_ID, 2, TEXT("1:" HEX_A "\n1:" HEX_A)));
	CHECK(refused(IDV_RING_REPEATED_ID, 5,
				  TEXT("3:" HEX_A "\n# 3\n\n1:" HEX_B "\n3:" HEX_B "\n")));
	CHECK(holds(2, TEXT("1:" HEX_A "\n2:" HEX_A)));
	CHECK(holds(2, TEXT("1:" HEX_A "\n11:" HEX_A)));
}

static void
test_knows_an_empty_ring_from_a_bad_one(void)
{
	CHECK(refused(IDV_RING_EMPTY, 0, TEXT("")));
	CHECK(refused(IDV_RING_EMPTY, 0, TEXT("\n")));
	CHECK(refused(IDV_RING_EMPTY, 0, TEXT("\r\n\r\n")));
	CHECK(refused(IDV_RING_EMPTY, 0, TEXT(" \t")));
	CHECK(refused(IDV_RING_EMPTY, 0, TEXT("#")));
	CHECK(refused(IDV_RING_EMPTY, 0, TEXT("# one\n# two\r\n# three")));
	CHECK(refused(IDV_RING_EMPTY, 0, TEXT("#1:" HEX_A "\n")));
}

static void
test_holds_64_keys_and_no_more(void)
{
	char		text[80 * (IDV_RING_MAX_KEYS + 2)];
	size_t		len;

	CHECK(IDV_RING_MAX_KEYS == 64);
	CHECK(holds(64, text, write_ring(text, sizeof(text), 64)));
	for (uint32_t i = 0; i < 64; i++)
		CHECK(ring.keys[i].id == i + 1);

	len = write_ring(text, sizeof(text), 64);
	memcpy(text + len, "# full\n\n", 8);
	CHECK(holds(64, text, len + 8));

	len = write_ring(text, sizeof(text), 65);
	CHECK(refused(IDV_RING_TOO_MANY, 65, text, len));
	len = write_ring(text, sizeof(text), 66);
	CHECK(refused(IDV_RING_TOO_MANY, 65, text, len));
}

static void
test_takes_no_key_of_one_repeated_byte(void)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 256; i++)
	{
		char		line[2 + 64] = "1:";

		for (int n = 0; n < 64; n += 2)
		{
			line[2 + n] = digits[i >> 4];
			line[3 + n] = digits[i & 15];
		}
		CHECK(refused(IDV_RING_WEAK_KEY, 1, line, sizeof(line)));
		line[sizeof(line) - 1] = digits[(i + 1) & 15];
		CHECK(holds(1, line, sizeof(line)));
		line[sizeof(line) - 1] = line[3];
		line[2] = digits[((i >> 4) + 1) & 15];
		CHECK(holds(1, line, sizeof(line)));
	}
}

static void
test_finds_each_key_and_no_other(void)
{
	CHECK(holds(3, TEXT("12:" HEX_A "\n3:" HEX_B "\n2147483647:" HEX_A)));
	CHECK(idv_ring_find(&ring, 12) == &ring.keys[0]);
	CHECK(idv_ring_find(&ring, 3) == &ring.keys[1]);
	CHECK(idv_ring_find(&ring, 2147483647) == &ring.keys[2]);
	CHECK(idv_ring_find(&ring, 0) == NULL);
	CHECK(idv_ring_find(&ring, 1) == NULL);
	CHECK(idv_ring_find(&ring, 123) == NULL);
	CHECK(idv_ring_find(&ring, UINT32_MAX) == NULL);

	ring.nkeys = 1;				/* what lies behind the last one is no key */
	CHECK(idv_ring_find(&ring, 3) == NULL);
}

static void
test_finds_nothing_in_a_ring_that_was_refused(void)
{
	CHECK(refused(IDV_RING_BAD_LINE, 2, TEXT("1:" HEX_A "\nx")));
	CHECK(idv_ring_find(&ring, 0) == NULL);
	CHECK(idv_ring_find(&ring, 1) == NULL);
}

int
main(void)
{
	RUN(test_reads_lines_however_they_end);
	RUN(test_skips_comments_and_blank_lines);
	RUN(test_keeps_keys_in_order_and_ready_for_use);
	RUN(test_takes_every_id_from_1_to_2147483647);
	RUN(test_takes_no_other_id);
	RUN(test_takes_no_key_but_64_hex_digits);
	RUN(test_takes_nothing_around_a_key);
	RUN(test_takes_no_zero_bytes);
	RUN(test_takes_no_stray_carriage_return);
	RUN(test_counts_lines_from_1_whatever_is_on_them);
	RUN(test_takes_no_id_twice);
	RUN(test_knows_an_empty_ring_from_a_bad_one);
	RUN(test_holds_64_keys_and_no_more);
	RUN(test_takes_no_key_of_one_repeated_byte);
	RUN(test_finds_each_key_and_no_other);
	RUN(test_finds_nothing_in_a_ring_that_was_refused);
	return report();
}

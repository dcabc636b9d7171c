/*-------------------------------------------------------------------------
 *
 * finding.c
 *	  What can be found to be wrong with a claim, or right.
 *
 *-------------------------------------------------------------------------
 */
#include "core/finding.h"

/* As SQL shows them.  There is no name for nothing. */
const char *const idv_finding_names[IDV_FINDINGS] = {
	[IDV_FOUND_NOTHING] = "",
	[IDV_FOUND_SECRET_IS_THE_HASH] = "secret_is_the_hash",
	[IDV_FOUND_TOKEN_WHERE_HASH] = "token_where_hash",
	[IDV_FOUND_HASH_WHERE_TOKEN] = "hash_where_token",
	[IDV_FOUND_SECRET_DECODED_HEX] = "secret_decoded_hex",
	[IDV_FOUND_SECRET_DECODED_BASE64] = "secret_decoded_base64",
	[IDV_FOUND_SECRET_NOT_TRIMMED] = "secret_not_trimmed",
	[IDV_FOUND_SECRET_QUOTED] = "secret_quoted",
	[IDV_FOUND_SECRET_MASKED] = "secret_masked",
	[IDV_FOUND_SECRET_AND_VALUE_SWAPPED] = "secret_and_value_swapped",
	[IDV_FOUND_VALUE_NOT_TRIMMED] = "value_not_trimmed",
	[IDV_FOUND_VALUE_QUOTED] = "value_quoted",
	[IDV_FOUND_VALUE_CASE] = "value_case",
	[IDV_FOUND_VALUE_ESCAPED] = "value_escaped",
	[IDV_FOUND_VALUE_NORMALIZED] = "value_normalized",
	[IDV_FOUND_VALUE_ENCODING] = "value_encoding",
	[IDV_FOUND_VALUE_NUMBER] = "value_number",
	[IDV_FOUND_VALUE_PLACEHOLDER] = "value_placeholder",
	[IDV_FOUND_VALUE_WITH_FIELD] = "value_with_field",
	[IDV_FOUND_ALGORITHM_SHA1] = "algorithm_sha1",
	[IDV_FOUND_ALGORITHM_MD5] = "algorithm_md5",
	[IDV_FOUND_ALGORITHM_SHA384] = "algorithm_sha384",
	[IDV_FOUND_ALGORITHM_SHA512] = "algorithm_sha512",
	[IDV_FOUND_ALGORITHM_NO_HMAC] = "algorithm_no_hmac",
	[IDV_FOUND_HASH_BASE64] = "hash_base64",
	[IDV_FOUND_HASH_PREFIXED] = "hash_prefixed",
	[IDV_FOUND_HASH_NOT_TRIMMED] = "hash_not_trimmed",
	[IDV_FOUND_HASH_TRUNCATED] = "hash_truncated",
	[IDV_FOUND_HASH_HEX_TWICE] = "hash_hex_twice",
	[IDV_FOUND_HASH_OF_HASH] = "hash_of_hash",
	[IDV_FOUND_TOKEN_ALGORITHM] = "token_algorithm",
	[IDV_FOUND_TOKEN_MALFORMED] = "token_malformed",
	[IDV_FOUND_TOKEN_WITHOUT_SUBJECT] = "token_without_subject",
	[IDV_FOUND_TOKEN_OTHER_SUBJECT] = "token_other_subject",
	[IDV_FOUND_TOKEN_WITHOUT_EXP] = "token_without_exp",
	[IDV_FOUND_TOKEN_MILLISECONDS] = "token_milliseconds",
	[IDV_FOUND_TOKEN_TOO_LONG_LIVED] = "token_too_long_lived",
	[IDV_FOUND_TOKEN_OUTDATED] = "token_outdated",
	[IDV_FOUND_TOKEN_NOT_YET] = "token_not_yet",
	[IDV_FOUND_SIGNED_OTHER_FIELD] = "signed_other_field",
	[IDV_FOUND_SECRET_OF_OTHER_APP] = "secret_of_other_app",
	[IDV_FOUND_EXPIRED] = "expired",
	[IDV_FOUND_BAD_IDENTITY] = "bad_identity",
	[IDV_FOUND_VERIFIED] = "verified",
	[IDV_FOUND_UNSIGNED] = "unsigned",
	[IDV_FOUND_ANONYMOUS] = "anonymous",
	[IDV_FOUND_NO_SECRET] = "no_secret",
	[IDV_FOUND_UNKNOWN_APP] = "unknown_app",
	[IDV_FOUND_UNEXPLAINED] = "unexplained",
};

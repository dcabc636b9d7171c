/*-------------------------------------------------------------------------
 *
 * explain_text.c
 *	  What is said of a finding.
 *
 * The detail says what was found, to whoever asked.  The hint is a sentence that
 * can be sent to the developer of the site: what to change.
 *
 * Neither has a part of a hash, of a secret or of an identity in it.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/explain_text.h"

#include "utils/timestamp.h"

static const char *const hints[IDV_FINDINGS] = {
	[IDV_FOUND_SECRET_IS_THE_HASH] =
	"Your page sends the identity secret itself, so every visitor's browser has it: replace it now (idverify_rotate with grace => '0'), keep the new one on the server, and send the HMAC-SHA256 of the visitor's id under it.",
	[IDV_FOUND_TOKEN_WHERE_HASH] =
	"Send the HMAC-SHA256 of the visitor's id under the identity secret, as 64 hex digits, not a JSON Web Token.",
	[IDV_FOUND_HASH_WHERE_TOKEN] =
	"Send a JSON Web Token, signed with HS256 under the identity secret, not the HMAC of the visitor's id.",
	[IDV_FOUND_TOKEN_ALGORITHM] =
	"Sign the token with HS256, with the identity secret as the key: { algorithm: 'HS256' } in Node.js, algorithm='HS256' in Python, 'HS256' in Ruby and PHP.",
	[IDV_FOUND_TOKEN_MALFORMED] =
	"Send the token exactly as the library makes it, of at most 8,192 bytes: three parts of base64url without padding, with a dot between them; in its payload no member twice, the id a string or an integer, and exp, nbf and iat numbers of seconds.",
	[IDV_FOUND_TOKEN_WITHOUT_SUBJECT] =
	"Name the visitor who is logged in: put the id into the token as external_id, user_id or sub, a string.",
	[IDV_FOUND_TOKEN_OTHER_SUBJECT] =
	"Send the id and the email that the token says, or the token alone: it was made for somebody else than the page claims; look for a page, or a token, that is cached for all visitors.",
	[IDV_FOUND_TOKEN_WITHOUT_EXP] =
	"Give the token an end, a few minutes from now: { expiresIn: '5m' } in Node.js, 'exp': now + 300 in seconds elsewhere.",
	[IDV_FOUND_TOKEN_MILLISECONDS] =
	"Write exp, nbf and iat in seconds since 1970: Math.floor(Date.now() / 1000) in JavaScript, not Date.now(); Instant.now().getEpochSecond() in Java.",
	[IDV_FOUND_TOKEN_TOO_LONG_LIVED] =
	"Let the token end sooner: a few minutes are enough for a page to be loaded; make a new one for each.",
	[IDV_FOUND_TOKEN_OUTDATED] =
	"Make a new token each time that a page is loaded, and again when the widget asks for one; neither store it nor let a cache keep the page. If it ends before it was made, set the server's clock (NTP).",
	[IDV_FOUND_TOKEN_NOT_YET] =
	"Set the clock of the server that makes the token (NTP): it is ahead; and leave out nbf, or let it be no later than now.",
	[IDV_FOUND_SECRET_DECODED_HEX] =
	"Use the identity secret as the text that it is, not decoded from hex: in Node.js createHmac('sha256', secret), without Buffer.from(secret, 'hex').",
	[IDV_FOUND_SECRET_DECODED_BASE64] =
	"Use the identity secret as the text that it is, not decoded from base64: in PHP hash_hmac('sha256', $id, $secret), without base64_decode().",
	[IDV_FOUND_SECRET_NOT_TRIMMED] =
	"Use exactly the characters of the identity secret, without a blank or line feed more or less: where it is read from a file, secret.trim() in JavaScript, .strip() in Python and Ruby, trim($secret) in PHP.",
	[IDV_FOUND_SECRET_QUOTED] =
	"Take the quotes off the identity secret where it is configured or read: some environment files, docker --env-file for one, take them for part of the value.",
	[IDV_FOUND_SECRET_MASKED] =
	"What was configured as the identity secret is what a settings page shows in its place; the secret itself is shown only when it is made: make a new one and copy it then.",
	[IDV_FOUND_SECRET_AND_VALUE_SWAPPED] =
	"Exchange the two arguments: the identity secret is the key, the visitor's id the message: in PHP hash_hmac('sha256', $id, $secret), in Node.js createHmac('sha256', secret).update(id).",
	[IDV_FOUND_VALUE_NOT_TRIMMED] =
	"Sign exactly the value that the page sends, without a blank or line feed more or less: in a shell printf %s \"$id\", not echo; elsewhere trim it once, before it is both signed and sent.",
	[IDV_FOUND_VALUE_QUOTED] =
	"Sign the value itself, not its JSON and not in quotes: without JSON.stringify(), json.dumps() or json_encode().",
	[IDV_FOUND_VALUE_CASE] =
	"Sign exactly the value that the page sends, in the same letter case: change the case, if at all, once, before it is both signed and sent.",
	[IDV_FOUND_VALUE_ESCAPED] =
	"Sign the value before it is escaped for a URL or for HTML, and send the value that you sign.",
	[IDV_FOUND_VALUE_NORMALIZED] =
	"Sign exactly the characters that the page sends: bring the value into one Unicode normal form, if at all, before it is both signed and sent: value.normalize('NFC') in JavaScript.",
	[IDV_FOUND_VALUE_ENCODING] =
	"Sign the bytes of the value in UTF-8, without a byte order mark: in Java value.getBytes(StandardCharsets.UTF_8), in .NET Encoding.UTF8.GetBytes(value).",
	[IDV_FOUND_VALUE_NUMBER] =
	"Sign the id as the same text that the page sends: keep it a string, or an integer that is written without sign, leading zeros, decimals or separators.",
	[IDV_FOUND_VALUE_PLACEHOLDER] =
	"When you sign, the variable is not set: sign the id of the visitor who is logged in, after it was loaded, and sign nothing where there is none.",
	[IDV_FOUND_VALUE_WITH_FIELD] =
	"Sign one field alone: the external_id, or the email where there is no external_id.",
	[IDV_FOUND_ALGORITHM_SHA1] =
	"Make an HMAC-SHA256, not an HMAC-SHA1: name 'sha256' as the algorithm.",
	[IDV_FOUND_ALGORITHM_MD5] =
	"Make an HMAC-SHA256, not one with MD5: name 'sha256' as the algorithm.",
	[IDV_FOUND_ALGORITHM_SHA384] =
	"Make an HMAC-SHA256, not an HMAC-SHA384: name 'sha256' as the algorithm.",
	[IDV_FOUND_ALGORITHM_SHA512] =
	"Make an HMAC-SHA256, not an HMAC-SHA512: name 'sha256' as the algorithm.",
	[IDV_FOUND_ALGORITHM_NO_HMAC] =
	"Make an HMAC-SHA256 with the identity secret as the key, not a plain hash: hash_hmac('sha256', $id, $secret) in PHP, not hash(); createHmac() in Node.js, not createHash().",
	[IDV_FOUND_HASH_BASE64] =
	"Send the HMAC as 64 hex digits, not in base64: digest('hex') in Node.js, .hexdigest() in Python and Ruby, hash_hmac() without true as its last argument in PHP, HexFormat.of().formatHex(bytes) in Java.",
	[IDV_FOUND_HASH_PREFIXED] =
	"Send the 64 hex digits alone, without anything in front of them: openssl dgst -r prints them first, cut -c-64 takes them.",
	[IDV_FOUND_HASH_NOT_TRIMMED] =
	"Send the 64 hex digits alone, without blanks, line feeds or other characters around or between them.",
	[IDV_FOUND_HASH_TRUNCATED] =
	"Send all 64 hex digits: look for a column or variable that is too short, and write each byte as two digits, with a zero before those below 16.",
	[IDV_FOUND_HASH_HEX_TWICE] =
	"The HMAC is turned into hex twice: leave one out: hash_hmac() in PHP returns hex already, without bin2hex(); in Go print the bytes with %x, or hex.EncodeToString() them, not both.",
	[IDV_FOUND_HASH_OF_HASH] =
	"Send the HMAC itself, without hashing it again.",
	[IDV_FOUND_SIGNED_OTHER_FIELD] =
	"Sign the field that counts: the external_id where the page sends one, the email where it does not, unless the settings of the app name one of them.",
	[IDV_FOUND_SECRET_OF_OTHER_APP] =
	"The app_key in the page and the identity secret on the server belong to two apps: take both from the same one; look for staging and production exchanged.",
	[IDV_FOUND_EXPIRED] =
	"Your server signs with an identity secret that was replaced: configure the current one and restart what has read the old one; a page that was open since before needs to be loaded again.",
	[IDV_FOUND_BAD_IDENTITY] =
	"The id that the page sends is that of a variable which was not set: send the id of the visitor who is logged in, and neither an id nor a user_hash where there is none.",
	[IDV_FOUND_VERIFIED] =
	"There is nothing to change.",
	[IDV_FOUND_UNSIGNED] =
	"Make the HMAC-SHA256 of the visitor's id under the identity secret on your server, and send it with the id as user_hash.",
	[IDV_FOUND_ANONYMOUS] =
	"For a visitor who is logged in send an external_id or an email, and its user_hash.",
	[IDV_FOUND_NO_SECRET] =
	"An administrator makes the app's secret with idverify_rotate; configure it on the site's server then.",
	[IDV_FOUND_UNKNOWN_APP] =
	"Use the app_key of an app that exists: an administrator finds them in the view idverify.app_status.",
};

/*
 * idv_explain_hint
 *		What the site's developer has to change.
 *
 * NULL for what is unexplained: that depends on the app.
 */
const char *
idv_explain_hint(IdvFinding finding)
{
	return hints[finding];
}

/*
 * idv_secret_in_words
 *		Which secret that is, of which signer, and until when it verifies.
 */
char *
idv_secret_in_words(const IdvSecretRow *secret)
{
	char	   *name = psprintf("secret %d of signer \"%s\"", secret->generation,
								idv_text_shown(secret->signer, IDV_SIGNER_MAX));

	switch (secret->state)
	{
		case IDV_STATE_CURRENT:
			return psprintf("%s, which is current", name);
		case IDV_STATE_STAGED:
			return psprintf("%s, which is staged and verifies already", name);
		case IDV_STATE_PREVIOUS:
			break;
	}
	if (TIMESTAMP_IS_NOBEGIN(secret->expires_at))
		return psprintf("%s, which is previous and was ended at once", name);
	return psprintf(secret->expires_at > GetCurrentTimestamp() ?
					"%s, which is previous and verifies until %s" :
					"%s, which is previous and verified until %s",
					name, timestamptz_to_str(secret->expires_at));
}

/*
 * idv_explain_detail
 *		What was found, in a sentence; or NULL if the caller has to say.
 *
 * field		of which the mistake was made
 */
char *
idv_explain_detail(IdvMistake mistake, const char *field, const IdvClaimFields *fields)
{
	switch (mistake.finding)
	{
		case IDV_FOUND_SECRET_IS_THE_HASH:
			return pstrdup("What was presented as user_hash is the secret itself.");
		case IDV_FOUND_TOKEN_WHERE_HASH:
			return pstrdup("What was presented as user_hash is a token, and the app signs hashes.");
		case IDV_FOUND_HASH_WHERE_TOKEN:
			return pstrdup("What was presented is a hash, and the app signs tokens.");
		case IDV_FOUND_SECRET_DECODED_HEX:
		case IDV_FOUND_SECRET_DECODED_BASE64:
		case IDV_FOUND_SECRET_NOT_TRIMMED:
		case IDV_FOUND_SECRET_QUOTED:
		case IDV_FOUND_SECRET_MASKED:
			return psprintf("The key is the secret %s.", mistake.what);
		case IDV_FOUND_SECRET_AND_VALUE_SWAPPED:
			return psprintf("The key is the %s, and what was signed is the secret.", field);
		case IDV_FOUND_VALUE_NOT_TRIMMED:
		case IDV_FOUND_VALUE_QUOTED:
		case IDV_FOUND_VALUE_CASE:
		case IDV_FOUND_VALUE_ESCAPED:
		case IDV_FOUND_VALUE_NORMALIZED:
		case IDV_FOUND_VALUE_ENCODING:
		case IDV_FOUND_VALUE_NUMBER:
			return psprintf("What was signed is the %s %s.", field, mistake.what);
		case IDV_FOUND_VALUE_PLACEHOLDER:
			if (mistake.what == NULL)
				return psprintf("What was signed is nothing, an empty text, in place of the %s.", field);
			return psprintf("What was signed is the text \"%s\" in place of the %s.",
							mistake.what[0] == '\n' ? "\\n" : mistake.what, field);
		case IDV_FOUND_VALUE_WITH_FIELD:
			return psprintf("What was signed is %s.", mistake.what);
		case IDV_FOUND_ALGORITHM_SHA1:
		case IDV_FOUND_ALGORITHM_MD5:
		case IDV_FOUND_ALGORITHM_SHA384:
		case IDV_FOUND_ALGORITHM_SHA512:
			return psprintf("It was made with %s in place of SHA-256.", mistake.what);
		case IDV_FOUND_ALGORITHM_NO_HMAC:
			return psprintf("It is no HMAC, but the hash %s.", mistake.what);
		case IDV_FOUND_HASH_BASE64:
			return psprintf("It was written %s.", mistake.what);
		case IDV_FOUND_HASH_PREFIXED:
		case IDV_FOUND_HASH_NOT_TRIMMED:
			return psprintf("It was presented %s.", mistake.what);
		case IDV_FOUND_HASH_TRUNCATED:
			return psprintf("It is incomplete: %s.", mistake.what);
		case IDV_FOUND_HASH_HEX_TWICE:
			return pstrdup("It was written as the hex digits of its hex digits.");
		case IDV_FOUND_HASH_OF_HASH:
			return psprintf("It was hashed once more: %s.", mistake.what);
		case IDV_FOUND_SIGNED_OTHER_FIELD:
			return psprintf("What was signed is the %s, and the %s is what counts.",
							fields->other.name, fields->counted.name);
		case IDV_FOUND_BAD_IDENTITY:
			return psprintf("The %s stands for nobody: careless code sends it for every visitor.",
							fields->counted.name);
		default:
			return NULL;
	}
}

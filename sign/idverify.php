<?php
// Signs who a visitor is, on the site's server, for idverify.  PHP, no dependency.
//
// The secret is the identity secret as text; the id is what the widget will send as
// external_id, or as email where there is no id.  What would sign for everybody, or
// for nobody, is an error.
declare(strict_types=1);

final class Idverify
{
	// What the database calls nobody (vectors.json), with its blanks around it.
	private const BLANKS = '[\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200b}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}]*';
	private const NOBODY = '/^' . self::BLANKS . '(undefined|null|\(null\)|<null>|nil|<nil>|none|nan|true|false|-1|anonymous|guest|\{\}|\[\]|""|\'\'|\[object .*\]|\{\{.*\}\}|\$\{.*\}|#\{.*\}|<%.*%>|[0-]*)' . self::BLANKS . '$/Dsu';

	/** The user_hash of an id: 64 hex digits. */
	public static function userHash(#[SensitiveParameter] ?string $secret, mixed $id): string
	{
		return hash_hmac('sha256', self::text($id), self::key($secret));
	}

	/**
	 * A token that says who the visitor is, for $lifetime seconds: 1 to 86400.  The claims
	 * name who by sub, external_id, user_id, userId or id, or else by email, and may have a
	 * name and what else the profile holds; one that is [] becomes an object without members.
	 */
	public static function signToken(#[SensitiveParameter] ?string $secret, array $claims, int $lifetime = 300): string
	{
		$ids = array_filter(
			array_intersect_key($claims, array_flip(['external_id', 'user_id', 'userId', 'sub', 'id'])),
			fn ($id) => $id !== null && $id !== ''
		);
		$ids = array_unique(array_map([self::class, 'text'], $ids), SORT_STRING);
		if (count($ids) > 1) {
			throw new InvalidArgumentException('the claims name two ids');
		}
		if (!$ids) {
			$email = $claims['email'] ?? '';
			$verified = array_key_exists('email_verified', $claims) ? $claims['email_verified'] : true;
			if (!is_string($email) || $email === '' || !in_array($verified, [true, 'true'], true)) {
				throw new InvalidArgumentException('the claims name nobody');
			}
			self::text($email);
		}
		if (array_key_exists('iat', $claims) || array_key_exists('exp', $claims)) {
			throw new InvalidArgumentException('iat and exp are set here');
		}
		if ($lifetime < 1 || $lifetime > 86400) {
			throw new InvalidArgumentException('the lifetime is 1 to 86400 seconds');
		}

		$encoded = fn (string $bytes) => rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
		$part = fn (array $value) => $encoded(json_encode($value, JSON_THROW_ON_ERROR));
		$now = time();
		$claims = array_map(fn ($value) => $value === [] ? (object) [] : $value, $claims);
		$signed = $part(['alg' => 'HS256', 'typ' => 'JWT']) . '.' . $part(['iat' => $now, 'exp' => $now + $lifetime] + $claims);
		$token = $signed . '.' . $encoded(hash_hmac('sha256', $signed, self::key($secret), true));
		if (strlen($token) > 8192) {
			throw new InvalidArgumentException('a token has at most 8192 bytes');
		}
		return $token;
	}

	private static function key(#[SensitiveParameter] ?string $secret): string
	{
		if ($secret === null || $secret === '') {
			throw new InvalidArgumentException('the identity secret is not set');
		}
		if ($secret !== trim($secret)) {
			throw new InvalidArgumentException('the identity secret begins or ends with a blank');
		}
		return $secret;
	}

	private static function text(mixed $id): string
	{
		if (!is_string($id) && !is_int($id)) {
			throw new InvalidArgumentException('an id to sign is text or an integer');
		}
		$id = (string) $id;
		if (!preg_match('//u', $id) || str_contains($id, "\0")) {
			throw new InvalidArgumentException('the id is not in UTF-8, or has U+0000');
		}
		if (strlen($id) > 1024) {
			throw new InvalidArgumentException('an id has at most 1024 bytes');
		}
		if (preg_match(self::NOBODY, strtolower($id)) !== 0) {
			throw new InvalidArgumentException('the id names nobody: it is blank, zero, undefined, null, a template that was not rendered or the like');
		}
		return $id;
	}
}

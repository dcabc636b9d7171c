<?php
// Signs who a visitor is, on the site's server, for idverify.  PHP, no dependency.
//
// The secret is the identity secret as text; the id is what the widget will send as
// external_id, or as email where there is no id.  What would sign for everybody, or
// for nobody, is an error.
declare(strict_types=1);

final class Idverify
{
	private const NOBODY = '/^(undefined|null|nil|none|nan|true|false|anonymous|guest|\[object .*\]|[0-]*)$/iD';

	/** The user_hash of an id: 64 hex digits. */
	public static function userHash(?string $secret, mixed $id): string
	{
		return hash_hmac('sha256', self::text($id), self::key($secret));
	}

	/**
	 * A token that says who the visitor is, for $lifetime seconds: 1 to 86400.  The claims
	 * name who by sub, external_id, user_id, userId or id, and may have an email, a name
	 * and what else the profile holds.
	 */
	public static function signToken(?string $secret, array $claims, int $lifetime = 300): string
	{
		$who = array_filter(
			array_intersect_key($claims, array_flip(['external_id', 'user_id', 'userId', 'sub', 'id'])),
			fn ($id) => $id !== null && $id !== ''
		);
		if (!$who) {
			throw new InvalidArgumentException('the claims name nobody');
		}
		foreach ($who as $id) {
			self::text($id);
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
		$signed = $part(['alg' => 'HS256', 'typ' => 'JWT']) . '.' . $part(['iat' => $now, 'exp' => $now + $lifetime] + $claims);
		return $signed . '.' . $encoded(hash_hmac('sha256', $signed, self::key($secret), true));
	}

	private static function key(?string $secret): string
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
		if (preg_match(self::NOBODY, trim((string) $id))) {
			throw new InvalidArgumentException('there is no id to sign');
		}
		return (string) $id;
	}
}

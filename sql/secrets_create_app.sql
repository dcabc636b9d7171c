--
-- idverify_create_app: make an app and its first secret
--
-- What is generated is random, so only its pattern is shown.  An imported
-- secret is used as the bytes that it is, and not shown again.  An app that
-- cannot be made whole is not made at all.
--
\set VERBOSITY terse
CREATE FUNCTION pg_temp.user_hash(secret text, value text) RETURNS text
	LANGUAGE sql IMMUTABLE
	RETURN encode(hmac(convert_to(value, 'UTF8'), convert_to(secret, 'UTF8'),
					   'sha256'), 'hex');

-- the outcome of a call: its SQLSTATE, or ok
CREATE FUNCTION pg_temp.outcome(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

-- a name is enough
SELECT * FROM idverify_create_app('My shop') \gset
SELECT :'app_key' ~ '^app_[0-9a-f]{32}$' AS app_key,
	   :'identity_secret' ~ '^[0-9a-f]{64}$' AS identity_secret,
	   idverify_check(:'app_key', 'alice', pg_temp.user_hash(:'identity_secret', 'alice')) AS verifies;
SELECT name, on_unverified, signed_field, grace, revealable, confirm_rotation
  FROM idverify.apps WHERE app_key = :'app_key';
SELECT generation, state, hint = right(:'identity_secret', 4) AS hint,
	   created_at BETWEEN now() - interval '1 hour' AND clock_timestamp() AS created_at,
	   expires_at
  FROM idverify.secrets
 WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = :'app_key');

-- the secret itself is nowhere in the row, neither as text nor as bytes
SELECT position(:'identity_secret'::bytea IN sealed) AS as_text,
	   position(decode(:'identity_secret', 'hex') IN sealed) AS as_bytes,
	   position(:'identity_secret' IN s::text) AS in_row
  FROM idverify.secrets s
 WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = :'app_key');

-- no two are alike, in one statement neither
SELECT count(DISTINCT app_key) AS app_keys, count(DISTINCT identity_secret) AS secrets
  FROM generate_series(1, 20) AS i, idverify_create_app('Many ' || i);
SELECT count(DISTINCT id) AS ids, count(DISTINCT sealed) AS sealed
  FROM idverify.apps JOIN idverify.secrets ON app_id = id
 WHERE name LIKE 'Many %';
SELECT count(DISTINCT app_key) AS of_one_row
  FROM (SELECT (idverify_create_app('Many 21')).app_key
		 UNION ALL SELECT (idverify_create_app('Many 21')).app_key) AS t;

-- everything can be given, by position or by name
SELECT app_key, identity_secret FROM idverify_create_app(
	'All of it', 'all', '0123456789abcdef', 'reject', 'email', '2 days', true, true);
SELECT app_key, identity_secret FROM idverify_create_app(
	confirm_rotation => true, revealable => true, grace => '2 days',
	signed_field => 'email', on_unverified => 'reject',
	secret => '0123456789abcdef', app_key => 'all by name', name => 'All of it');
SELECT app_key, name, on_unverified, signed_field, grace, revealable, confirm_rotation
  FROM idverify.apps WHERE name = 'All of it' ORDER BY id;

-- an app_key is any printable text of 1 to 128 characters
SELECT attempt, pg_temp.outcome(format('SELECT idverify_create_app(%L, %L)', 'Key', app_key))
  FROM (VALUES
	( 1, 'one character',           'k'),
	( 2, 'blanks inside',           'my own key'),
	( 3, 'quotes and backslash',    $$it's "a" key\n$$),
	( 4, 'multi-byte',              'größe 名前 🦊'),
	( 5, 'other case',              'K'),
	( 6, '128 characters',          repeat('k', 128)),
	( 7, '128 characters, 512 bytes', repeat('🦊', 128)),
	( 8, 'generated, NULL',         NULL),
	( 9, 'empty',                   ''),
	(10, 'only blanks',             '   '),
	(11, '129 characters',          repeat('k', 129)),
	(12, '129 characters, multi-byte', repeat('é', 129)),
	(13, '1 MB',                    repeat('k', 1048576)),
	(14, 'newline',                 E'my\nkey'),
	(15, 'newline at the end',      E'key\n'),
	(16, 'carriage return',         E'my\rkey'),
	(17, 'tab',                     E'my\tkey'),
	(18, 'escape',                  E'my\x1B[31mkey'),
	(19, 'control character 1',     E'\x01'),
	(20, 'delete',                  E'key\x7F'),
	(21, 'next line, U+0085',       U&'my\0085key'),
	(22, 'U+009F',                  U&'my\009Fkey'),
	(23, 'taken',                   'k'),
	(24, 'zero width space, U+200B', U&'my\200Bkey'),
	(25, 'right-to-left mark, U+200F', U&'my\200Fkey'),
	(26, 'line separator, U+2028',  U&'my\2028key'),
	(27, 'override, U+202E',        U&'my\202Ekey'),
	(28, 'isolate, U+2066',         U&'my\2066key'),
	(29, 'byte order mark, U+FEFF', U&'\FEFFkey'),
	(30, 'hyphen, U+2010',          U&'my\2010key')
  ) AS t(n, attempt, app_key)
 ORDER BY n;
SELECT idverify_create_app('Again', 'all');  -- fail
SELECT idverify_create_app('Again', 'all', '0123456789abcdef');  -- fail
SELECT count(*) AS apps, min(name) AS name FROM idverify.apps WHERE app_key = 'all';

-- no name and no setting can be NULL, and grace is 0 to 30 days
SELECT arguments, pg_temp.outcome('SELECT idverify_create_app(' || arguments || ')')
  FROM unnest(ARRAY[
	$$NULL$$,
	$$'Null', on_unverified => NULL$$,
	$$'Null', signed_field => NULL$$,
	$$'Null', grace => NULL$$,
	$$'Null', revealable => NULL$$,
	$$'Null', confirm_rotation => NULL$$,
	$$'Null', app_key => NULL, secret => NULL$$,
	$$'Grace', grace => '0'$$,
	$$'Grace', grace => '1 microsecond'$$,
	$$'Grace', grace => '30 days'$$,
	$$'Grace', grace => '720 hours'$$,
	$$'Grace', grace => '1 month'$$,
	$$'Grace', grace => '-1 day 24 hours'$$,
	$$'Grace', grace => '-1 microsecond'$$,
	$$'Grace', grace => '1 day -25 hours'$$,
	$$'Grace', grace => '30 days 0.000001 seconds'$$,
	$$'Grace', grace => '1 month 1 microsecond'$$,
	$$'Grace', grace => '31 days'$$,
	$$'Grace', grace => '-1 month'$$,
	$$'Grace', grace => '170000000 years'$$,
	$$'Grace', grace => '-170000000 years'$$]) WITH ORDINALITY AS t(arguments, n)
 ORDER BY n;
SELECT count(*) FROM idverify.apps WHERE name = 'Grace';

-- An imported secret is 16 to 256 bytes of text in UTF-8.
SELECT attempt, octet_length(secret) AS bytes,
	   pg_temp.outcome(format('SELECT idverify_create_app(%L, secret => %L)', 'Import', secret))
  FROM (VALUES
	( 1, 'empty',                   ''),
	( 2, 'too short',               repeat('s', 15)),
	( 3, 'short',                   repeat('s', 16)),
	( 4, 'long',                    repeat('s', 256)),
	( 5, 'too long',                repeat('s', 257)),
	( 6, 'much too long',           repeat('s', 1048576)),
	( 7, 'multi-byte, too short',   repeat('é', 7) || 's'),
	( 8, 'multi-byte, short',       repeat('é', 8)),
	( 9, 'multi-byte, long',        repeat('🦊', 64)),
	(10, 'multi-byte, too long',    repeat('🦊', 64) || 's'),
	(11, '129 characters, too long', repeat('é', 129))
  ) AS t(n, attempt, secret)
 ORDER BY n;
SELECT count(*) AS imported FROM idverify.apps WHERE name = 'Import';

-- It is used as those bytes, whatever it looks like, and not shown again.
CREATE TEMPORARY TABLE imports (n integer, looks text, secret text);
INSERT INTO imports VALUES
	(1, 'hexadecimal', '00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF'),
	(2, 'base64',      'c2VjcmV0IHNlY3JldCBzZWNyZXQ='),
	(3, 'bytea',       '\x00112233445566778899aabbccddee'),
	(4, 'padded',      '  a secret with blanks  '),
	(5, 'two lines',   E'first half of it\nsecond half\n'),
	(6, 'quoted',      $$it's a "secret" \n \\ %s$$),
	(7, 'multi-byte',  'пароль-名前-🦊🦊'),
	(8, '256 bytes',   repeat('0123456789abcdef', 16));
SELECT looks, identity_secret, app_key = 'import ' || n AS app_key,
	   idverify_check(app_key, 'alice', pg_temp.user_hash(secret, 'alice')) AS as_text,
	   idverify_mask(app_key) = '•••• •••• ' || right(secret, 4) AS mask
  FROM imports, idverify_create_app('Imported', 'import ' || n, secret)
 ORDER BY n;
SELECT idverify_check('import 1', 'alice', encode(hmac('alice'::bytea, decode(secret, 'hex'), 'sha256'), 'hex')) AS hex_decoded,
	   idverify_check('import 1', 'alice', pg_temp.user_hash(lower(secret), 'alice')) AS lower_case
  FROM imports WHERE n = 1;
SELECT idverify_check('import 4', 'alice', pg_temp.user_hash(trim(secret), 'alice')) AS trimmed
  FROM imports WHERE n = 4;

SELECT count(*) AS found_in_a_row
  FROM imports, idverify.secrets
 WHERE position(convert_to(secret, 'UTF8') IN sealed) > 0;

-- two apps with the same secret do not look alike in the table
SELECT app_key, identity_secret FROM idverify_create_app('Twin', 'twin', repeat('0123456789abcdef', 16));
SELECT count(DISTINCT sealed) AS sealed FROM idverify.secrets JOIN idverify.apps ON id = app_id
 WHERE app_key IN ('twin', 'import 8');

-- what failed has left nothing behind
SELECT count(*) AS apps_without_secret FROM idverify.apps
 WHERE id NOT IN (SELECT app_id FROM idverify.secrets);

DELETE FROM idverify.apps;
SELECT count(*) AS left_over FROM idverify.secrets;

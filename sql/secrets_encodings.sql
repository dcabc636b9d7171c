--
-- Encodings: an imported secret is the bytes that another product makes of it
--
-- text: the characters themselves, in UTF-8.  hex and base64: what they stand
-- for.  It is shown later as it was written, and its last four characters by the
-- mask.  Nothing is guessed: what is not written as it is said to be is refused.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.user_hash(secret bytea, value text) RETURNS text
	LANGUAGE sql IMMUTABLE
	RETURN encode(hmac(convert_to(value, 'UTF8'), secret, 'sha256'), 'hex');

-- the outcome of a call: its SQLSTATE and message, or ok
CREATE FUNCTION pg_temp.outcome(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END $$;

-- one secret, written in each way, by each function that imports
CREATE TEMPORARY TABLE written (n integer, encoding text, secret text, bytes bytea);
INSERT INTO written VALUES
	(1, 'text',   '00112233445566778899aabbccddeeff', '00112233445566778899aabbccddeeff'),
	(2, 'hex',    '00112233445566778899aabbccddeeff', '\x00112233445566778899aabbccddeeff'),
	(3, 'hex',    '00112233445566778899AABBCCDDEEFF', '\x00112233445566778899aabbccddeeff'),
	(4, 'base64', 'ABEiM0RVZneImaq7zN3u/w==',         '\x00112233445566778899aabbccddeeff'),
	(5, 'base64', '+/8RIjNEVWZ3iJmqu8zd7v8=',         '\xfbff112233445566778899aabbccddeeff'),
	(6, 'text',   'ABEiM0RVZneImaq7zN3u/w==',         'ABEiM0RVZneImaq7zN3u/w=='),
	(7, 'hex',    repeat('ff', 256),                  decode(repeat('ff', 256), 'hex')),
	(8, 'base64', translate(encode(decode(repeat('ff', 256), 'hex'), 'base64'), E'\n', ''), decode(repeat('ff', 256), 'hex'));
SELECT n, encoding, identity_secret,
	   idverify_check(app_key, 'ann', pg_temp.user_hash(bytes, 'ann')) AS verifies,
	   idverify_sign(app_key, 'ann') = pg_temp.user_hash(bytes, 'ann') AS signs,
	   idverify_reveal(app_key) = CASE encoding WHEN 'hex' THEN lower(secret) ELSE secret END AS revealed,
	   idverify_mask(app_key) = '•••• •••• ' || right(secret, 4) AS mask
  FROM written, idverify_create_app('Created', 'created ' || n, secret, revealable => true, encoding => encoding)
 ORDER BY n;
SELECT count(*), bool_and(idverify_check('created 1', 'ann', pg_temp.user_hash(bytes, 'ann')) = (n = 1)) AS as_text,
	   bool_and(idverify_check('created 2', 'ann', pg_temp.user_hash(bytes, 'ann')) = (n IN (2, 3, 4))) AS as_hex
  FROM written;

SELECT app_key FROM idverify_create_app('Site', 'site', revealable => true);
SELECT n, encoding, idverify_add_signer('site', 'signer ' || n, secret, encoding) AS shown FROM written ORDER BY n;
SELECT n, idverify_stage('site', secret, encoding, 'signer ' || 9 - n) AS shown FROM written ORDER BY n;
SELECT n, state, s.encoding, idverify_check('site', 'ann', pg_temp.user_hash(bytes, 'ann')) AS verifies
  FROM written w JOIN idverify.secrets s ON signer = 'signer ' || CASE state WHEN 'current' THEN n ELSE 9 - n END
 ORDER BY n, state;
SELECT n, idverify_promote('site', '0', 'signer ' || 9 - n) FROM written ORDER BY n;
SELECT bool_and(idverify_reveal('site', 'signer ' || 9 - n) =
		CASE encoding WHEN 'hex' THEN lower(secret) ELSE secret END) AS revealed FROM written;

-- what is minted is text
SELECT s.encoding FROM idverify.secrets s JOIN idverify.apps ON id = app_id WHERE app_key = 'site' AND signer = 'main';

--
-- What is not written so
--
SELECT attempt, encoding, pg_temp.outcome(format('SELECT idverify_create_app(%L, secret => %L, encoding => %L)', 'Refused', secret, encoding))
  FROM (VALUES
	( 1, 'hex', '15 bytes',                 repeat('ab', 15)),
	( 2, 'hex', '16 bytes',                 repeat('ab', 16)),
	( 3, 'hex', '256 bytes',                repeat('ab', 256)),
	( 4, 'hex', '257 bytes',                repeat('ab', 257)),
	( 5, 'hex', 'a million bytes',          repeat('ab', 1000000)),
	( 6, 'hex', 'empty',                    ''),
	( 7, 'hex', 'half a byte more',         repeat('ab', 16) || 'a'),
	( 8, 'hex', 'a letter that is no digit', repeat('ab', 16) || 'ag'),
	( 9, 'hex', 'line feed at the end',     repeat('ab', 16) || E'\n'),
	(10, 'hex', 'two line feeds',           repeat('ab', 16) || E'\n\n'),
	(11, 'hex', 'as PostgreSQL shows bytea', '\x' || repeat('ab', 16)),
	(12, 'hex', 'blanks between',           'ab ab ' || repeat('ab', 16)),
	(13, 'hex', 'not in ASCII',             repeat('é', 16)),
	(21, 'base64', '15 bytes',              'q6urq6urq6urq6urq6ur'),
	(22, 'base64', '16 bytes',              'q6urq6urq6urq6urq6urqw=='),
	(23, 'base64', '256 bytes',             translate(encode(decode(repeat('ab', 256), 'hex'), 'base64'), E'\n', '')),
	(24, 'base64', '257 bytes',             translate(encode(decode(repeat('ab', 257), 'hex'), 'base64'), E'\n', '')),
	(25, 'base64', '384 bytes',             repeat('q6ur', 128)),
	(26, 'base64', '385 bytes',             repeat('q6ur', 128) || 'qw=='),
	(27, 'base64', 'empty',                 ''),
	(28, 'base64', 'not padded',            'q6urq6urq6urq6urq6urqw'),
	(29, 'base64', 'padded too little',     'q6urq6urq6urq6urq6urqw='),
	(30, 'base64', 'padded too much',       'q6urq6urq6urq6urq6urqw==='),
	(31, 'base64', 'padded in the middle',  'q6urqw==q6urq6urq6urq6ur'),
	(32, 'base64', 'bits that are not used', 'q6urq6urq6urq6urq6urqx=='),
	(33, 'base64', 'of the other alphabet', '-_8RIjNEVWZ3iJmqu8zd7v8='),
	(34, 'base64', 'line feed at the end',  E'q6urq6urq6urq6urq6urqw==\n'),
	(35, 'base64', 'broken into lines',     E'q6urq6urq6ur\nq6urq6urqw=='),
	(36, 'base64', 'a blank for a plus',    ' /8RIjNEVWZ3iJmqu8zd7v8='),
	(37, 'base64', 'one character more',    'q6urq6urq6urq6urq6urq6urq'),
	(41, 'HEX', 'an encoding in capitals',  repeat('ab', 16)),
	(42, 'base64url', 'another encoding',   'q6urq6urq6urq6urq6urqw'),
	(43, '', 'an empty encoding',           repeat('ab', 16)),
	(44, NULL, 'NULL',                      repeat('ab', 16))
  ) AS t(n, encoding, attempt, secret)
 ORDER BY n;

-- the other functions refuse the same, and the hint says what to do
\set VERBOSITY default
SELECT idverify_add_signer('site', 'refused', 'not hex, but long enough', 'hex');  -- fail
SELECT idverify_stage('site', '-_8RIjNEVWZ3iJmqu8zd7v8=', 'base64', 'main');  -- fail
SELECT idverify_stage('site', 'q6urq6ur', 'base64', 'main');  -- fail
SELECT idverify_stage('site', 'secret of another product', 'latin1', 'main');  -- fail
SELECT idverify_add_signer('site', 'refused', 'secret of another product', NULL);  -- fail
\set VERBOSITY terse
SELECT count(*) AS refused FROM idverify.secrets WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'site') AND (signer = 'refused' OR state = 'staged');

-- a blank at the end is told of text, and is an error in the others
SELECT idverify_stage('site', 'secret of another product ', signer => 'main');
SELECT idverify_revoke('site', 'main');

-- how it is written is sealed with it
\set VERBOSITY sqlstate
BEGIN;
UPDATE idverify.secrets SET encoding = 'text' WHERE encoding <> 'text';
SELECT idverify_sign('created 4', 'ann');  -- fail
ROLLBACK;
BEGIN;
UPDATE idverify.secrets SET encoding = 'base64' WHERE encoding = 'hex';
SELECT idverify_reveal('created 2');  -- fail
ROLLBACK;

\set VERBOSITY terse
DELETE FROM idverify.apps;
SELECT count(*) AS left_over FROM idverify.secrets;

--
-- Encoding: text beyond ASCII, in a database whose encoding is UTF-8
--
-- What is signed are the bytes of a value in UTF-8; limits of identities and
-- secrets are in those bytes, limits of app keys and hints in characters.  Other
-- server encodings have a test of their own.
--
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT getdatabaseencoding();
CREATE FUNCTION pg_temp.user_hash(secret text, value text) RETURNS text
	LANGUAGE sql IMMUTABLE
	RETURN encode(hmac(convert_to(value, 'UTF8'), convert_to(secret, 'UTF8'),
					   'sha256'), 'hex');

-- Keys, names and secrets of one to four bytes per character.  Nothing of them
-- is normalized: looks_alike is the letter e and a combining diaeresis.
CREATE TEMPORARY TABLE texts (n integer, kind text, app_key text, name text, secret text);
INSERT INTO texts VALUES
	(1, 'one byte',    'plain',            'Plain',     'a plain secret, say'),
	(2, 'two bytes',   U&'Zo\00EB',        'Größe',     'пароль-пароль'),
	(3, 'looks alike', U&'Zoe\0308',       'Größe',     U&'cafe\0301 cafe\0301 cafe\0301'),
	(4, 'three bytes', '名前',             '商店',      '秘密の鍵、秘密の鍵'),
	(5, 'four bytes',  repeat('🦊', 128),  '🦊',        repeat('🦊', 64)),
	(6, 'mixed',       'a é 名 🦊',        'a é 名 🦊', 'a é 名 🦊 a é 名 🦊'),
	(7, 'right to left', U&'\05E9\05DC\05D5\05DD', U&'\05E9\05DC\05D5\05DD', U&'\05E1\05D5\05D3 \05E1\05D5\05D3 \05E1\05D5\05D3'),
	(8, 'the last character', U&'\+10FFFF', U&'\+10FFFF', repeat(U&'\+10FFFF', 4));
SELECT kind, c.app_key = t.app_key AS app_key, c.identity_secret
  FROM texts t, idverify_create_app(name, app_key, secret, revealable => true) c
 ORDER BY n;
SELECT kind, a.name = t.name AS name, octet_length(a.app_key) AS bytes,
	   char_length(a.app_key) AS characters
  FROM texts t LEFT JOIN idverify.apps a USING (app_key) ORDER BY n;

-- the secret is what it was, its hint are the last four characters of it
SELECT kind, idverify_reveal(app_key) = secret AS reveal, hint = right(secret, 4) AS hint,
	   char_length(hint) AS characters, octet_length(hint) AS bytes,
	   idverify_mask(app_key) = U&'\2022\2022\2022\2022 \2022\2022\2022\2022 ' || right(secret, 4) AS mask,
	   masked_secret = idverify_mask(app_key) AS status
  FROM texts JOIN idverify.app_status USING (app_key)
	   JOIN idverify.apps a USING (app_key) JOIN idverify.secrets s ON s.app_id = a.id
 ORDER BY n;

-- hashes are made of the bytes of both, app by app
SELECT kind,
	   idverify_check(app_key, name, pg_temp.user_hash(secret, name)) AS "check",
	   idverify_verdict(app_key, name, NULL, pg_temp.user_hash(secret, name)) AS verdict,
	   idverify_sign(app_key, name) = pg_temp.user_hash(secret, name) AS sign,
	   (SELECT count(*) FROM texts u
		 WHERE idverify_check(u.app_key, t.name, pg_temp.user_hash(t.secret, t.name))) AS apps
  FROM texts t ORDER BY n;

-- the same text in another encoding's bytes is another value
SELECT idverify_check('plain', 'Größe', encode(hmac(convert_to('Größe', 'LATIN1'),
		convert_to('a plain secret, say', 'UTF8'), 'sha256'), 'hex')) AS latin1,
	   idverify_check('plain', U&'Gro\0308\00DFe', pg_temp.user_hash('a plain secret, say', 'Größe')) AS decomposed,
	   idverify_check('plain', 'GRÖSSE', pg_temp.user_hash('a plain secret, say', 'Größe')) AS upper_case;

-- the client's encoding makes no difference
SET client_encoding = 'LATIN1';
SELECT idverify_sign('plain', U&'Gr\00F6\00DFe') = pg_temp.user_hash('a plain secret, say', U&'Gr\00F6\00DFe') AS sign;
RESET client_encoding;

-- a whole life under such a key
SELECT count(idverify_rotate(app_key)) AS rotated FROM texts;
SELECT count(idverify_stage(app_key)) AS staged FROM texts;
SELECT count(idverify_promote(app_key)::text) AS promoted FROM texts;
SELECT kind, idverify_check(app_key, name, pg_temp.user_hash(secret, name)) AS imported_still_verifies,
	   idverify_revoke(app_key) AS revoked,
	   idverify_verdict(app_key, name, NULL, pg_temp.user_hash(secret, name)) AS verdict
  FROM texts ORDER BY n;

-- an error about a long app key quotes whole characters, and no more than 128
CREATE FUNCTION pg_temp.quoted(app_key text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM idverify_mask(app_key);
EXCEPTION WHEN undefined_object THEN
	RETURN substring(SQLERRM FROM '"(.*)"');
END $$;
SELECT pg_temp.quoted('k' || repeat('🦊', 1000)) = 'k' || repeat('🦊', 127) AS clipped,
	   pg_temp.quoted('k' || repeat('🦊', 127)) = 'k' || repeat('🦊', 127) AS whole;

DELETE FROM idverify.apps WHERE app_key IN (SELECT app_key FROM texts);
SELECT count(*) AS left_over FROM idverify.secrets;

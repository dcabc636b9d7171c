--
-- idverify_reveal, idverify_mask, idverify_sign: what is shown of a secret
--
-- The whole of it only where the app is revealable, its last four characters to
-- whoever may ask, and what it makes of a value for pages that are rendered with
-- database access.  Always of the current secret.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE TEMPORARY TABLE known (
	n integer GENERATED ALWAYS AS IDENTITY, app_key text, label text, secret text);
CREATE FUNCTION pg_temp.user_hash(secret text, value text) RETURNS text
	LANGUAGE sql IMMUTABLE
	RETURN encode(hmac(convert_to(value, 'UTF8'), convert_to(secret, 'UTF8'),
					   'sha256'), 'hex');

-- the secret that is known by this label
CREATE FUNCTION pg_temp.secret(app text, name text) RETURNS text LANGUAGE sql
	RETURN (SELECT secret FROM known WHERE app_key = app AND label = name);

-- reveal: where the app is revealable, from now on and only now
INSERT INTO known (app_key, label, secret)
	SELECT app_key, 'first', identity_secret FROM idverify_create_app('Shop', 'shop');
SELECT idverify_reveal('shop');  -- fail
UPDATE idverify.apps SET revealable = true WHERE app_key = 'shop';
SELECT idverify_reveal('shop') = pg_temp.secret('shop', 'first') AS reveal;
INSERT INTO known (app_key, label, secret) SELECT 'shop', 'second', idverify_rotate('shop');
SELECT idverify_reveal('shop') = pg_temp.secret('shop', 'second') AS reveal,
	   idverify_mask('shop') = '•••• •••• ' || right(pg_temp.secret('shop', 'second'), 4) AS mask;
UPDATE idverify.apps SET revealable = false WHERE app_key = 'shop';
SELECT idverify_reveal('shop');  -- fail
SELECT app_key, identity_secret, idverify_reveal(app_key), idverify_mask(app_key)
  FROM idverify_create_app('Imported', 'imported', 'secret of another product', revealable => true);

-- a user_hash is what pgcrypto makes: 64 lower-case digits, by the current one
SELECT what, idverify_sign('imported', value) AS user_hash,
	   idverify_sign('imported', value) = pg_temp.user_hash('secret of another product', value) AS same,
	   idverify_check('imported', value, idverify_sign('imported', value)) AS verifies
  FROM (VALUES
	(1, 'alice',         'alice'),
	(2, 'a blank',       ' '),
	(3, 'bad identity',  'undefined'),
	(4, 'multi-byte',    'Zoë 名前 🦊'),
	(5, 'two lines',     E'two\nlines')
  ) AS t(n, what, value)
 ORDER BY n;
SELECT idverify_check('imported', repeat('x', 1024), idverify_sign('imported', repeat('x', 1024)));
SELECT idverify_sign('imported', repeat('x', 1025));  -- fail
SELECT idverify_sign('imported', repeat('é', 513));  -- fail
SELECT idverify_sign('imported', repeat('x', 52428800));  -- fail
SELECT idverify_sign('imported', '');  -- fail
SELECT idverify_sign('imported', NULL);  -- fail

-- an app without a current secret, though a staged one verifies
DELETE FROM idverify.secrets
 WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'imported');
SELECT idverify_mask('imported') IS NULL AS no_mask;
SELECT idverify_reveal('imported');  -- fail
SELECT idverify_sign('imported', 'alice');  -- fail
INSERT INTO known (app_key, label, secret) SELECT 'imported', 'staged', idverify_stage('imported');
SELECT idverify_mask('imported') IS NULL AS no_mask;
SELECT idverify_reveal('imported');  -- fail
SELECT idverify_sign('imported', 'alice');  -- fail
SELECT idverify_check('imported', 'alice', pg_temp.user_hash(pg_temp.secret('imported', 'staged'), 'alice')) AS staged_verifies;
SELECT idverify_promote('imported');
SELECT idverify_sign('imported', 'alice') = pg_temp.user_hash(pg_temp.secret('imported', 'staged'), 'alice') AS sign;

DELETE FROM idverify.apps WHERE app_key IN ('shop', 'imported');
SELECT count(*) AS left_over FROM idverify.secrets;

-- an unknown app_key is quoted, but for what could end a line of the log or hide in it
SELECT idverify_mask(E'no "such" größe');  -- fail
SELECT idverify_mask(E'no\nLOG:  such');  -- fail
SELECT idverify_mask(U&'no\202E\200Bsuch');  -- fail
SELECT idverify_identify(U&'no\0085such');  -- fail

--
-- Kinds: a secret signs hashes, or it signs tokens, and never both
--
-- What a token's signature is made of is text that a visitor could choose for an
-- id.  A site that signs that id, as it signs every id, would have signed a token
-- for anybody.  So a secret verifies what it is for, and nothing else.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.encoded(bytes bytea) RETURNS text LANGUAGE sql
	RETURN translate(encode(bytes, 'base64'), E'+/=\n', '-_');
-- the user_hash of a value
CREATE FUNCTION pg_temp.user_hash(secret text, value text) RETURNS text LANGUAGE sql
	RETURN encode(hmac(convert_to(value, 'UTF8'), convert_to(secret, 'UTF8'), 'sha256'), 'hex');
-- what is signed of a token that lasts for an hour, and the token
CREATE FUNCTION pg_temp.signed(claims jsonb) RETURNS text LANGUAGE sql
	RETURN pg_temp.encoded('{"alg":"HS256"}') || '.' || pg_temp.encoded(convert_to(
		(claims || jsonb_build_object('exp', floor(extract(epoch FROM now())) + 3600))::text, 'UTF8'));
CREATE FUNCTION pg_temp.token(secret text, claims jsonb) RETURNS text LANGUAGE sql
	RETURN pg_temp.signed(claims) || '.' || pg_temp.encoded(
		hmac(convert_to(pg_temp.signed(claims), 'UTF8'), convert_to(secret, 'UTF8'), 'sha256'));

-- the SQLSTATE and message of a call, or ok
CREATE FUNCTION pg_temp.outcome(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || regexp_replace(SQLERRM, 'app \d+', 'app N');
END $$;
CREATE FUNCTION pg_temp.id(app text) RETURNS integer LANGUAGE sql
	RETURN (SELECT id FROM idverify.apps WHERE app_key = app);

-- the secrets that we know, and what a claim of alice is worth that each has made
CREATE TEMPORARY TABLE known (n integer GENERATED ALWAYS AS IDENTITY, app_key text, label text, secret text);
CREATE FUNCTION pg_temp.ask(app text, OUT secret text, OUT hash text, OUT token text)
RETURNS SETOF record LANGUAGE sql
BEGIN ATOMIC
	SELECT label, idverify_check(app, 'alice', h) || ' ' || idverify_verdict(app, 'alice', NULL, h),
		   idverify_check(app, 'alice', t) || ' ' || idverify_verdict(app, 'alice', NULL, t)
	  FROM known k, pg_temp.user_hash(k.secret, 'alice') h, pg_temp.token(k.secret, '{"sub": "alice"}') t
	 WHERE k.app_key = app ORDER BY n;
END;
CREATE FUNCTION pg_temp.states(app text) RETURNS text LANGUAGE sql
	RETURN (SELECT string_agg(generation || ' ' || signs || ' ' || state, ', ' ORDER BY generation)
			  FROM idverify.secrets WHERE app_id = pg_temp.id(app));

INSERT INTO known (app_key, label, secret) SELECT app_key, 'first', identity_secret FROM idverify_create_app('Web', 'web');
INSERT INTO known (app_key, label, secret) SELECT app_key, 'first', identity_secret FROM idverify_create_app('Jwt', 'jwt', signs => 'token');
SELECT app_key, signs FROM idverify.app_status ORDER BY app_key;
SELECT * FROM pg_temp.ask('web');
SELECT * FROM pg_temp.ask('jwt');

--
-- The attack: a visitor names themselves by what is signed of a token for alice,
-- and the site signs that, as it signs every id.
--
SELECT pg_temp.signed('{"sub": "alice"}') AS chosen \gset
SELECT app_key, label, idverify_check(app_key, :'chosen', hash) AS signed_as_an_id,
	   idverify_check(app_key, 'alice', made) AS passes, idverify_verdict(app_key, 'alice', NULL, made) AS verdict,
	   idverify_verdict(app_key, NULL, NULL, made) AS alone
  FROM known k, pg_temp.user_hash(secret, :'chosen') AS hash,
	   concat(:'chosen', '.', pg_temp.encoded(decode(hash, 'hex'))) AS made
 WHERE app_key = 'web' ORDER BY n;
-- ... and the other way round: the signature of a token as the hash of what it signs
SELECT app_key, label, idverify_check(app_key, 'alice', token) AS token,
	   idverify_check(app_key, :'chosen', encode(decode(translate(split_part(token, '.', 3), '-_', '+/') || '=', 'base64'), 'hex')) AS as_hash
  FROM known k, pg_temp.token(secret, '{"sub": "alice"}') AS token
 ORDER BY n;

--
-- An app moves to tokens, and nobody is refused
--
UPDATE idverify.apps SET signs = 'token' WHERE app_key = 'web';
SELECT 'says token' AS web, * FROM pg_temp.ask('web');
SELECT app_key, signs AS current_signs FROM idverify.app_status WHERE app_key = 'web';
INSERT INTO known (app_key, label, secret) SELECT 'web', 'second', idverify_stage('web');
SELECT 'staged' AS web, * FROM pg_temp.ask('web');
SELECT idverify_promote('web');
SELECT 'promoted' AS web, * FROM pg_temp.ask('web');
SELECT app_key, signs AS current_signs FROM idverify.app_status WHERE app_key = 'web';
-- the attack fails in the grace window, too
SELECT label, idverify_check('web', 'alice', made) AS passes
  FROM known k, concat(:'chosen', '.', pg_temp.encoded(decode(pg_temp.user_hash(secret, :'chosen'), 'hex'))) AS made
 WHERE app_key = 'web' AND label = 'first';
INSERT INTO known (app_key, label, secret) SELECT 'web', 'third', idverify_rotate('web');
SELECT 'rotated' AS web, * FROM pg_temp.ask('web');
SELECT pg_temp.states('web');
UPDATE idverify.secrets SET expires_at = now() - interval '1 second' WHERE app_id = pg_temp.id('web') AND generation = 1;
SELECT 'grace of the hash over' AS web, * FROM pg_temp.ask('web');
-- ... and back
UPDATE idverify.apps SET signs = 'hash' WHERE app_key = 'web';
INSERT INTO known (app_key, label, secret) SELECT 'web', 'fourth', idverify_rotate('web');
SELECT 'back' AS web, * FROM pg_temp.ask('web');
INSERT INTO known (app_key, label, secret) SELECT 'web', 'fifth', idverify_rotate('web', grace => '0');
SELECT 'at once' AS web, * FROM pg_temp.ask('web');
SELECT pg_temp.states('web');

-- a signer more is of the app's kind, and so may two be of different kinds
INSERT INTO known (app_key, label, secret) SELECT 'jwt', 'ios', idverify_add_signer('jwt', 'ios');
UPDATE idverify.apps SET signs = 'hash' WHERE app_key = 'jwt';
INSERT INTO known (app_key, label, secret) SELECT 'jwt', 'android', idverify_add_signer('jwt', 'android');
SELECT * FROM pg_temp.ask('jwt');
SELECT signer, signs FROM idverify.app_status WHERE app_key = 'jwt' ORDER BY signer COLLATE "C";

-- without a secret of the kind that is presented there is still a secret
SELECT verdict, count(*) FROM known k, LATERAL idverify_verdict(app_key, 'alice', NULL, pg_temp.user_hash('of nobody', 'alice')) verdict GROUP BY 1;
DELETE FROM idverify.secrets WHERE app_id = pg_temp.id('jwt');
SELECT idverify_verdict('jwt', 'alice', NULL, pg_temp.user_hash('of nobody', 'alice')),
	   idverify_verdict('jwt', 'alice', NULL, pg_temp.token('of nobody', '{"sub": "alice"}'));
DELETE FROM idverify.apps;

--
-- The same key for both kinds in one app is refused, whatever it is written in
--
CREATE FUNCTION pg_temp.import(secret text, encoding text) RETURNS text LANGUAGE sql
	RETURN pg_temp.outcome(format('SELECT idverify_stage(%L, %L, %L)', 'both', secret, encoding));
TRUNCATE known;
SELECT app_key FROM idverify_create_app('Both', 'both', 'secret of another product');
UPDATE idverify.apps SET signs = 'token' WHERE app_key = 'both';
SELECT pg_temp.import('secret of another product', 'text') AS as_text,
	   pg_temp.import(encode('secret of another product', 'hex'), 'hex') AS as_hex,
	   pg_temp.import(encode('secret of another product', 'base64'), 'base64') AS as_base64;
SELECT pg_temp.outcome($$SELECT idverify_add_signer('both', 'ios', 'secret of another product')$$) AS by_another_signer;
-- zeros behind a key of less than 64 bytes are nothing to HMAC
SELECT pg_temp.import(encode('secret of another product', 'hex') || repeat('00', 1), 'hex') AS one_zero,
	   pg_temp.import(encode('secret of another product', 'hex') || repeat('00', 64 - 25), 'hex') AS filled_up;
-- ... and of more than 64 bytes, their hash is the key
SELECT idverify_rotate('both', grace => '0') IS NOT NULL AS rotated;
UPDATE idverify.apps SET signs = 'hash' WHERE app_key = 'both';
SELECT pg_temp.import(repeat('long', 20), 'text') AS long;
UPDATE idverify.apps SET signs = 'token' WHERE app_key = 'both';
SELECT pg_temp.outcome(format('SELECT idverify_add_signer(%L, %L, %L, %L)', 'both', 'ios', encode(sha256(repeat('long', 20)::bytea), 'hex'), 'hex')) AS its_hash,
	   pg_temp.outcome(format('SELECT idverify_add_signer(%L, %L, %L)', 'both', 'ios', repeat('long', 20))) AS itself;
SELECT idverify_revoke('both');
-- a secret that has ended counts as long as it is there
SELECT pg_temp.import('secret of another product', 'text') AS ended, pg_temp.import(repeat('long', 20), 'text') AS revoked;
SELECT idverify_purge() > 0 AS purged;
SELECT pg_temp.import('secret of another product', 'text') AS purged;
-- the other way round
UPDATE idverify.apps SET signs = 'hash' WHERE app_key = 'both';
SELECT pg_temp.outcome($$SELECT idverify_add_signer('both', 'ios', 'secret of another product')$$) AS signs_tokens;
-- of one kind it may be there twice, and in two apps
UPDATE idverify.apps SET signs = 'token' WHERE app_key = 'both';
SELECT idverify_add_signer('both', 'ios', 'secret of another product') IS NULL AS twice;
SELECT app_key FROM idverify_create_app('Other', 'other', 'secret of another product', signs => 'hash');
-- one that does not open may be the same
BEGIN;
UPDATE idverify.secrets SET sealed = sealed || '\x00' WHERE app_id = pg_temp.id('both') AND state = 'current' AND signer = 'main';
UPDATE idverify.apps SET signs = 'hash' WHERE app_key = 'both';
SELECT pg_temp.outcome($$SELECT idverify_add_signer('both', 'android', 'secret of yet another product')$$) AS not_known;
ROLLBACK;
\set VERBOSITY default
UPDATE idverify.apps SET signs = 'hash' WHERE app_key = 'both';
SELECT idverify_add_signer('both', 'android', 'secret of another product');  -- fail
\set VERBOSITY terse
DELETE FROM idverify.apps;

--
-- What a secret signs cannot be changed by hand, only what is made next
--
INSERT INTO known (app_key, label, secret) SELECT app_key, 'hash', identity_secret FROM idverify_create_app('Web', 'web');
UPDATE idverify.apps SET signs = 'token' WHERE app_key = 'web';
INSERT INTO known (app_key, label, secret) SELECT 'web', 'token', idverify_stage('web');
BEGIN;
UPDATE idverify.secrets SET signs = 'token' WHERE signs = 'hash';
SELECT label, pg_temp.outcome(format('SELECT idverify_check(%L, %L, %L)', 'web', 'alice', pg_temp.user_hash(secret, 'alice'))) AS hash,
	   pg_temp.outcome(format('SELECT idverify_check(%L, %L, %L)', 'web', 'alice', pg_temp.token(secret, '{"sub": "alice"}'))) AS token
  FROM known ORDER BY n;
ROLLBACK;
BEGIN;
UPDATE idverify.secrets SET signs = 'hash' WHERE signs = 'token';
SELECT label, pg_temp.outcome(format('SELECT idverify_check(%L, %L, %L)', 'web', 'alice', pg_temp.user_hash(secret, 'alice'))) AS hash,
	   pg_temp.outcome(format('SELECT idverify_check(%L, %L, %L)', 'web', 'alice', pg_temp.token(secret, '{"sub": "alice"}'))) AS token
  FROM known ORDER BY n;
ROLLBACK;
SELECT * FROM pg_temp.ask('web');
DELETE FROM idverify.apps;

--
-- Of expired secrets the three newest of each kind are recognized
--
TRUNCATE known;
INSERT INTO known (app_key, label, secret) SELECT app_key, 'hash 1', identity_secret FROM idverify_create_app('Web', 'web');
INSERT INTO known (app_key, label, secret) SELECT 'web', 'hash ' || n, idverify_rotate('web', grace => '0') FROM generate_series(2, 4) n;
UPDATE idverify.apps SET signs = 'token' WHERE app_key = 'web';
INSERT INTO known (app_key, label, secret) SELECT 'web', 'token ' || n, idverify_rotate('web', grace => '0') FROM generate_series(1, 5) n;
SELECT * FROM pg_temp.ask('web');

--
-- As many secrets verify as one app may have, of both kinds together
--
DO $$
BEGIN
	FOR n IN 2 .. 64 LOOP
		UPDATE idverify.apps SET signs = (CASE n % 2 WHEN 0 THEN 'hash' ELSE 'token' END)::idverify.signature WHERE app_key = 'web';
		PERFORM idverify_add_signer('web', 'signer ' || n);
	END LOOP;
END $$;
SELECT signs, count(*) FROM idverify.app_status GROUP BY 1 ORDER BY 1;
SELECT pg_temp.outcome($$SELECT idverify_add_signer('web', 'one more')$$);
SELECT bool_and(idverify_check('web', 'alice', CASE signs WHEN 'hash' THEN idverify_sign('web', 'alice', signer)
	ELSE idverify_sign_token('web', '{"sub": "alice"}', signer => signer) END)) AS all_verify
  FROM idverify.app_status;

-- create_app takes either kind, and a lifetime of tokens
SELECT arguments, pg_temp.outcome('SELECT idverify_create_app(' || arguments || ')')
  FROM unnest(ARRAY[
	$$'Kind', signs => 'hash'$$,
	$$'Kind', signs => 'token'$$,
	$$'Kind', signs => 'both'$$,
	$$'Kind', signs => NULL$$,
	$$'Lifetime', token_lifetime => NULL$$,
	$$'Lifetime', token_lifetime => '1 microsecond'$$,
	$$'Lifetime', token_lifetime => '10 years'$$,
	$$'Lifetime', token_lifetime => '0'$$,
	$$'Lifetime', token_lifetime => '-1 day'$$,
	$$'Lifetime', token_lifetime => '10 years 1 microsecond'$$,
	$$'Lifetime', token_lifetime => '170000000 years'$$,
	$$'Lifetime', encoding => NULL$$]) WITH ORDINALITY AS t(arguments, n)
 ORDER BY n;
SELECT name, signs, token_lifetime FROM idverify.apps WHERE name IN ('Kind', 'Lifetime') ORDER BY id;

DELETE FROM idverify.apps;
SELECT count(*) AS left_over FROM idverify.secrets;

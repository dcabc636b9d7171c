--
-- idverify_guard(): what an INSERT stores
--
-- The application may write to its table and to nothing else.  Whatever it
-- says, is_verified is the verdict, and user_hash is not stored.  A claim that
-- does not verify is kept, dropped or rejected, as the app wants it; a row
-- that claims nothing is always welcome.
--
\set VERBOSITY terse
\pset null -
CREATE ROLE regress_guard_app;
CREATE TABLE contacts (
	id			bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	app_key		text,
	external_id	text,
	email		text,
	name		text,
	user_hash	text,
	is_verified	boolean
);
CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON contacts
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();
GRANT SELECT, INSERT, UPDATE ON contacts TO regress_guard_app;

-- one app for each policy, all with the secret that this function signs with
SELECT app_key FROM unnest('{accept,drop,reject}'::text[]) policy,
	idverify_create_app(policy, policy, 'one secret for all of them',
						policy::idverify.claim_policy);
CREATE FUNCTION pg_temp.hash(value text) RETURNS text LANGUAGE sql
	RETURN encode(hmac(convert_to(value, 'UTF8'), 'one secret for all of them', 'sha256'), 'hex');

-- insert a row as the application, and show what is stored of it
CREATE FUNCTION pg_temp.put(INOUT app_key text, INOUT external_id text, INOUT email text,
							INOUT user_hash text, INOUT is_verified boolean,
							OUT error text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
	SET LOCAL ROLE regress_guard_app;
	INSERT INTO contacts AS c (app_key, external_id, email, user_hash, is_verified)
		VALUES ($1, $2, $3, $4, $5)
		RETURNING c.app_key, c.external_id, c.email, c.user_hash, c.is_verified
		INTO $1, $2, $3, $4, $5;
	RESET ROLE;
EXCEPTION WHEN OTHERS THEN
	RESET ROLE;
	app_key := NULL; external_id := NULL; email := NULL; user_hash := NULL; is_verified := NULL;
	error := SQLSTATE || ' ' || SQLERRM;
END $$;

-- what is given as is_verified is the opposite of what it will be
SELECT policy, attempt, stored.*
  FROM (VALUES
	(1,  'signed',                 'alice', 'a@x.org', pg_temp.hash('alice'), false),
	(2,  'signed, upper case',     'alice', NULL,      upper(pg_temp.hash('alice')), NULL),
	(3,  'signed email',           NULL,    'a@x.org', pg_temp.hash('a@x.org'), false),
	(4,  'signed email, empty id', '',      'a@x.org', pg_temp.hash('a@x.org'), false),
	(5,  'signed, not ASCII',      'ålice', NULL,      pg_temp.hash('ålice'), false),
	(6,  'unsigned',               'alice', 'a@x.org', NULL, true),
	(7,  'empty hash',             'alice', 'a@x.org', '', true),
	(8,  'malformed hash',         'alice', 'a@x.org', 'true', true),
	(9,  'wrong hash',             'alice', 'a@x.org', repeat('0', 64), true),
	(10, 'hash of someone else',   'bob',   'a@x.org', pg_temp.hash('alice'), true),
	(11, 'hash of the email only', 'bob',   'a@x.org', pg_temp.hash('a@x.org'), true),
	(12, 'signed for everybody',   'null',  NULL,      pg_temp.hash('null'), true),
	(13, 'unsigned email',         NULL,    'a@x.org', NULL, true),
	(14, 'anonymous',              NULL,    NULL,      NULL, true),
	(15, 'anonymous, empty',       '',      '',        '',   true),
	(16, 'nothing but a hash',     NULL,    NULL,      pg_temp.hash(''), true)
  ) AS t(n, attempt, external_id, email, user_hash, is_verified),
  unnest('{accept,drop,reject}'::text[]) policy,
  pg_temp.put(policy, external_id, email, user_hash, is_verified) stored
 ORDER BY policy, n;

-- no such app: the claim is unverified, and dropped, as no policy keeps it
SELECT attempt, stored.external_id, stored.email, stored.is_verified, error
  FROM (VALUES
	(1, 'unknown',   'nosuch', 'alice', 'a@x.org', pg_temp.hash('alice')),
	(2, 'none',      NULL,     'alice', 'a@x.org', pg_temp.hash('alice')),
	(3, 'empty',     '',       'alice', 'a@x.org', NULL),
	(4, 'too long',  repeat('accept', 100), 'alice', NULL, pg_temp.hash('alice')),
	(5, 'anonymous', 'nosuch', NULL, NULL, NULL)
  ) AS t(n, attempt, app_key, external_id, email, user_hash),
  pg_temp.put(app_key, external_id, email, user_hash, true) stored
 ORDER BY n;

-- the app signs one field only
UPDATE idverify.apps SET signed_field = 'external_id';
SELECT attempt, stored.*
  FROM (VALUES
	(1, 'signed external_id', 'alice', 'a@x.org', pg_temp.hash('alice')),
	(2, 'signed email',       NULL,    'a@x.org', pg_temp.hash('a@x.org'))
  ) AS t(n, attempt, external_id, email, user_hash),
  pg_temp.put('accept', external_id, email, user_hash, false) stored
 ORDER BY n;

-- a verified contact never holds an external_id that nobody signed
UPDATE idverify.apps SET signed_field = 'email';
SELECT attempt, stored.*
  FROM (VALUES
	(1, 'signed external_id',        'alice', 'a@x.org', pg_temp.hash('alice')),
	(2, 'signed email',              NULL,    'a@x.org', pg_temp.hash('a@x.org')),
	(3, 'signed email, unsigned id', 'victim', 'a@x.org', pg_temp.hash('a@x.org'))
  ) AS t(n, attempt, external_id, email, user_hash),
  pg_temp.put('accept', external_id, email, user_hash, false) stored
 ORDER BY n;
UPDATE idverify.apps SET signed_field = 'either';

-- what was stored is what was shown
SELECT count(*) FROM contacts WHERE user_hash IS NOT NULL OR is_verified IS NULL;

-- an app without a secret
BEGIN;
DELETE FROM idverify.secrets;
SELECT policy, stored.* FROM unnest('{accept,drop,reject}'::text[]) policy,
	pg_temp.put(policy, 'alice', 'a@x.org', pg_temp.hash('alice'), true) stored;
ROLLBACK;

-- who may write to the table may still not make a guard, nor see a secret
SET ROLE regress_guard_app;
CREATE TEMPORARY TABLE mine (LIKE contacts);
CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON mine
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();  -- fail
SELECT * FROM idverify.apps;  -- fail
SELECT idverify_guard();  -- fail
RESET ROLE;
SELECT idverify_guard();  -- fail

-- A rejected claim is an error without the hash, the id, or the statement; and
-- the server's own lines about claims are not sent to any client: in a new
-- session, as one writes only so many of them.
\c -
SET client_min_messages = log;
\set VERBOSITY default
SET ROLE regress_guard_app;
INSERT INTO contacts (app_key, external_id, user_hash) VALUES ('reject', 'alice-secret-id', repeat('0', 64));
DO $$ BEGIN
	INSERT INTO contacts (app_key, external_id, user_hash) VALUES ('reject', 'alice-secret-id', repeat('0', 64));
END $$;
COPY contacts (app_key, external_id, user_hash) FROM stdin;
reject	alice-secret-id	0000000000000000000000000000000000000000000000000000000000000000
\.
INSERT INTO contacts (app_key, external_id, user_hash) VALUES ('accept', 'alice-secret-id', repeat('0', 64));
RESET ROLE;
RESET client_min_messages;
\set VERBOSITY terse

DROP TABLE contacts;
DELETE FROM idverify.apps;
DROP OWNED BY regress_guard_app;
DROP ROLE regress_guard_app;

--
-- By hand: the owner may change apps and secrets with plain SQL
--
-- All of this happens in one session that has every app and secret in mind
-- already, and is honoured at once: UPDATE, DELETE, TRUNCATE and COPY, with
-- session_replication_role = replica too.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE TEMPORARY TABLE known (
	n integer GENERATED ALWAYS AS IDENTITY, label text, user_hash text);

-- what each hash that we know is worth to an app
CREATE FUNCTION pg_temp.ask(app text, OUT signed_by text,
							OUT "check" boolean, OUT verdict text)
RETURNS SETOF record LANGUAGE sql
BEGIN ATOMIC
	SELECT label, idverify_check(app, 'alice', user_hash),
		   idverify_verdict(app, 'alice', NULL, user_hash)
	  FROM known ORDER BY n;
END;
CREATE FUNCTION pg_temp.id(app text) RETURNS integer LANGUAGE sql
	RETURN (SELECT id FROM idverify.apps WHERE app_key = app);
CREATE FUNCTION pg_temp.user_hash(secret text) RETURNS text LANGUAGE sql
	RETURN encode(hmac('alice'::bytea, secret::bytea, 'sha256'), 'hex');

-- the SQLSTATE of a statement, or ok
CREATE FUNCTION pg_temp.outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

INSERT INTO known (label, user_hash)
	SELECT app_key, pg_temp.user_hash(identity_secret) FROM idverify_create_app('Shop', 'shop');
INSERT INTO known (label, user_hash)
	SELECT 'web, first', pg_temp.user_hash(identity_secret)
	  FROM idverify_create_app('Web', 'web');
INSERT INTO known (label, user_hash)
	SELECT 'web, second', pg_temp.user_hash(idverify_rotate('web'));
INSERT INTO known (label, user_hash)
	SELECT 'web, third', pg_temp.user_hash(idverify_stage('web'));
SELECT * FROM pg_temp.ask('web');

--
-- Policy
--
SELECT idverify_verdict('web', 'alice', 'a@x.org', user_hash) AS either
  FROM known WHERE label = 'web, second';
UPDATE idverify.apps SET signed_field = 'email' WHERE app_key = 'web';
SELECT idverify_verdict('web', 'alice', 'a@x.org', user_hash) AS email
  FROM known WHERE label = 'web, second';
UPDATE idverify.apps SET signed_field = 'external_id' WHERE app_key = 'web';
SELECT idverify_verdict('web', 'alice', 'a@x.org', user_hash) AS external_id
  FROM known WHERE label = 'web, second';
SELECT pg_temp.outcome('SELECT idverify_reveal(''web'')');
UPDATE idverify.apps SET revealable = true WHERE app_key = 'web';
SELECT pg_temp.outcome('SELECT idverify_reveal(''web'')');
UPDATE idverify.apps SET revealable = false WHERE app_key = 'web';
SELECT pg_temp.outcome('SELECT idverify_reveal(''web'')');
UPDATE idverify.apps SET confirm_rotation = true WHERE app_key = 'shop';
SELECT pg_temp.outcome('SELECT idverify_rotate(''shop'')');

--
-- Secrets
--
BEGIN;
UPDATE idverify.secrets SET expires_at = now() - interval '1 second'
 WHERE app_id = pg_temp.id('web') AND state = 'previous';
SELECT * FROM pg_temp.ask('web');
DELETE FROM idverify.secrets WHERE app_id = pg_temp.id('web') AND state = 'staged';
SELECT * FROM pg_temp.ask('web');
DELETE FROM idverify.secrets WHERE app_id = pg_temp.id('web');
SELECT * FROM pg_temp.ask('web');
ROLLBACK;
SELECT * FROM pg_temp.ask('web');

-- states can be exchanged, each of them as the row says
BEGIN;
UPDATE idverify.secrets SET state = 'previous', expires_at = now() + interval '1 hour'
 WHERE app_id = pg_temp.id('web') AND state = 'current';
SELECT idverify_mask('web') IS NULL AS no_current;
UPDATE idverify.secrets SET state = 'current'
 WHERE app_id = pg_temp.id('web') AND state = 'staged';
SELECT label FROM known WHERE user_hash = idverify_sign('web', 'alice');
ROLLBACK;
SELECT label FROM known WHERE user_hash = idverify_sign('web', 'alice');

--
-- Renaming an app_key keeps everything working
--
UPDATE idverify.apps SET app_key = 'name with blanks' WHERE app_key = 'web';
SELECT * FROM pg_temp.ask('web') WHERE signed_by <> 'shop';
SELECT * FROM pg_temp.ask('name with blanks') WHERE signed_by <> 'shop';
SELECT idverify_promote('name with blanks');
INSERT INTO known (label, user_hash)
	SELECT 'web, fourth', pg_temp.user_hash(idverify_rotate('name with blanks'));
SELECT label FROM known WHERE user_hash = idverify_sign('name with blanks', 'alice');
SELECT * FROM pg_temp.ask('name with blanks');
-- ... also when two of them swap
UPDATE idverify.apps SET app_key = 'web' WHERE app_key = 'shop';
UPDATE idverify.apps SET app_key = 'shop' WHERE app_key = 'name with blanks';
SELECT * FROM pg_temp.ask('web');
SELECT * FROM pg_temp.ask('shop');
UPDATE idverify.apps SET app_key = 'name with blanks' WHERE app_key = 'shop';
UPDATE idverify.apps SET app_key = 'shop' WHERE app_key = 'web';
UPDATE idverify.apps SET app_key = 'web' WHERE app_key = 'name with blanks';
SELECT * FROM pg_temp.ask('web');

--
-- A sealed secret belongs to its row: copied, moved or altered it opens nothing
--
\set VERBOSITY sqlstate
BEGIN;
UPDATE idverify.secrets SET sealed = (
	SELECT sealed FROM idverify.secrets WHERE app_id = pg_temp.id('shop') AND state = 'current')
 WHERE app_id = pg_temp.id('web');
SELECT * FROM pg_temp.ask('web');  -- fail
ROLLBACK;
BEGIN;
UPDATE idverify.secrets SET generation = generation + 10 WHERE app_id = pg_temp.id('web');
SELECT * FROM pg_temp.ask('web');  -- fail
ROLLBACK;
BEGIN;
DELETE FROM idverify.secrets WHERE app_id = pg_temp.id('shop');
UPDATE idverify.secrets SET app_id = pg_temp.id('shop') WHERE app_id = pg_temp.id('web');
SELECT * FROM pg_temp.ask('shop');  -- fail
ROLLBACK;
BEGIN;
UPDATE idverify.secrets SET key_id = 2 WHERE app_id = pg_temp.id('web');
SELECT * FROM pg_temp.ask('web');  -- fail
ROLLBACK;
BEGIN;
UPDATE idverify.secrets SET sealed = '' WHERE app_id = pg_temp.id('web');
SELECT * FROM pg_temp.ask('web');  -- fail
ROLLBACK;
\set VERBOSITY terse
SELECT * FROM pg_temp.ask('web');

--
-- COPY
--
COPY idverify.apps (app_key, name, on_unverified, signed_field, grace) FROM stdin;
copied	Copied	reject	email	2 days
\.
SELECT idverify_verdict('copied', 'alice', NULL, NULL);
\getenv builddir PG_ABS_BUILDDIR
\set file :builddir '/results/byhand.secrets'
COPY (SELECT * FROM idverify.secrets WHERE app_id = pg_temp.id('web')) TO :'file';
DELETE FROM idverify.secrets WHERE app_id = pg_temp.id('web');
SELECT * FROM pg_temp.ask('web');
COPY idverify.secrets FROM :'file';
SELECT * FROM pg_temp.ask('web');

--
-- session_replication_role = replica, as pg_restore and replication have it
--
SET session_replication_role = replica;
UPDATE idverify.secrets SET expires_at = now() - interval '1 second'
 WHERE app_id = pg_temp.id('web') AND state = 'previous';
SELECT * FROM pg_temp.ask('web');
UPDATE idverify.apps SET app_key = 'replica' WHERE app_key = 'web';
SELECT idverify_verdict('web', 'alice', NULL, NULL), idverify_verdict('replica', 'alice', NULL, NULL);
UPDATE idverify.apps SET app_key = 'web' WHERE app_key = 'replica';
BEGIN;
DELETE FROM idverify.secrets WHERE app_id = pg_temp.id('web');
SELECT idverify_verdict('web', 'alice', NULL, NULL);
ROLLBACK;
BEGIN;
DELETE FROM idverify.apps WHERE app_key = 'web';
SELECT idverify_verdict('web', 'alice', NULL, NULL);
SELECT count(*) AS orphans FROM idverify.secrets WHERE app_id NOT IN (SELECT id FROM idverify.apps);
ROLLBACK;
BEGIN;
TRUNCATE idverify.apps;
SELECT idverify_verdict('web', 'alice', NULL, NULL);
SELECT count(*) AS secrets FROM idverify.secrets;
ROLLBACK;
RESET session_replication_role;
SELECT idverify_verdict('web', 'alice', NULL, NULL);

--
-- Deleting an app takes its secrets along, and no others
--
SELECT pg_temp.id('web') AS web, pg_temp.id('shop') AS shop \gset
DELETE FROM idverify.apps WHERE app_key IN ('web', 'copied');
SELECT * FROM pg_temp.ask('web') WHERE "check" OR verdict <> 'unknown_app';
SELECT count(*) FILTER (WHERE app_id = :web) AS web, count(*) FILTER (WHERE app_id = :shop) AS shop
  FROM idverify.secrets;
SELECT * FROM pg_temp.ask('shop') WHERE "check";

-- an app of the same key is another one
SELECT app_key FROM idverify_create_app('Web', 'web');
SELECT * FROM pg_temp.ask('web') WHERE "check" OR verdict <> 'mismatch';

-- TRUNCATE, of either table
TRUNCATE idverify.secrets;
SELECT app_key, idverify_verdict(app_key, 'alice', NULL, NULL) FROM idverify.apps ORDER BY app_key;
SELECT idverify_rotate('web') IS NOT NULL AS rotated;
SELECT app_key, idverify_verdict(app_key, 'alice', NULL, NULL) FROM idverify.apps ORDER BY app_key;
TRUNCATE idverify.apps;
SELECT idverify_verdict('web', 'alice', NULL, NULL), idverify_verdict('shop', 'alice', NULL, NULL);
SELECT count(*) AS secrets FROM idverify.secrets;

DELETE FROM idverify.apps;
SELECT count(*) AS left_over FROM idverify.secrets;

--
-- Signers: secrets that live side by side, each rotated by itself
--
-- An app has one signer, main, or several: the site, the apps for telephones,
-- each server.  A claim is right if any of them signed it.  What is done to the
-- secrets of one leaves those of the others alone.
--
\set VERBOSITY terse
SET client_min_messages = warning;
\pset null -
CREATE TEMPORARY TABLE known (
	n integer GENERATED ALWAYS AS IDENTITY, app_key text, label text, secret text);
CREATE FUNCTION pg_temp.user_hash(secret text) RETURNS text LANGUAGE sql
	RETURN encode(hmac('alice'::bytea, secret::bytea, 'sha256'), 'hex');

-- which of the secrets that we know verify now
CREATE FUNCTION pg_temp.live(app text) RETURNS text LANGUAGE sql
	RETURN (SELECT string_agg(label, ', ' ORDER BY n) FROM known
			 WHERE app_key = app AND idverify_check(app, 'alice', pg_temp.user_hash(secret)));

-- what is in the table
CREATE FUNCTION pg_temp.states(app text) RETURNS text LANGUAGE sql
	RETURN (SELECT string_agg(concat_ws(' ', generation, signer, state), ', ' ORDER BY generation)
			  FROM idverify.secrets JOIN idverify.apps ON id = app_id
			 WHERE app_key = app);

-- the outcome of a call: its SQLSTATE, or what it answers if that is no secret
CREATE FUNCTION pg_temp.outcome(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE 'SELECT ' || call INTO answer;
	RETURN CASE WHEN length(answer) = 64 THEN 'ok' ELSE answer END;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

--
-- Adding one
--
INSERT INTO known (app_key, label, secret)
	SELECT app_key, 'main', identity_secret FROM idverify_create_app('Web', 'web', revealable => true);
SELECT pg_temp.states('web');
INSERT INTO known (app_key, label, secret) SELECT 'web', 'ios', idverify_add_signer('web', 'ios');
SELECT secret ~ '^[0-9a-f]{64}$' AS secret FROM known WHERE label = 'ios';
SELECT idverify_add_signer('web', 'android', 'secret of another product') AS imported;
INSERT INTO known (app_key, label, secret) VALUES ('web', 'android', 'secret of another product');
SELECT pg_temp.live('web'), pg_temp.states('web');

-- a claim is right if any of them signed it
SELECT label, idverify_verdict('web', 'alice', NULL, pg_temp.user_hash(secret)),
	   (SELECT is_verified FROM idverify_identify('web', jsonb_build_object('external_id', 'alice', 'user_hash', pg_temp.user_hash(secret))))
  FROM known ORDER BY n;
SELECT idverify_verdict('web', 'alice', NULL, pg_temp.user_hash('of nobody here'));

-- names
SELECT idverify_add_signer('web', 'ios');  -- fail
SELECT idverify_add_signer('web', 'main', 'secret of another product');  -- fail
SELECT regexp_replace(to_json(left(name, 20))::text, U&'[\202E\FEFF]', '?') AS name, char_length(name), pg_temp.outcome(format('length(idverify_add_signer(%L, %L))', 'web', name))
  FROM unnest(ARRAY['iOS', 'ios ', 'Büro 名', repeat('s', 64), repeat('s', 65), '', '  ', E'a\nb', E'a\tb', U&'a\202Eb', U&'\FEFF', NULL])
	   WITH ORDINALITY AS t(name, n) ORDER BY n;
SELECT idverify_drop_signer('web', signer) FROM idverify.app_status WHERE signer NOT IN ('main', 'ios', 'android');
SELECT pg_temp.states('web');

--
-- Which one is meant
--
INSERT INTO known (app_key, label, secret)
	SELECT app_key, 'only', identity_secret FROM idverify_create_app('One', 'one', revealable => true);
CREATE TEMPORARY TABLE calls (n integer GENERATED ALWAYS AS IDENTITY, call text);
INSERT INTO calls (call) VALUES
	('idverify_sign(%L, ''alice'', %L)'), ('idverify_reveal(%L, %L)'), ('length(idverify_mask(%L, %L))'),
	('idverify_stage(%L, signer => %L)'), ('idverify_promote(%L, NULL, %L)'), ('idverify_rotate(%L, NULL, NULL, %L)'),
	('idverify_revoke(%L, %L)');
SELECT call, pg_temp.outcome(format(call, 'one', NULL)) AS "one, NULL",
	   pg_temp.outcome(format(call, 'one', 'main')) AS "one, main",
	   pg_temp.outcome(format(call, 'one', 'ios')) AS "one, ios",
	   pg_temp.outcome(format(call, 'web', NULL)) AS "web, NULL",
	   pg_temp.outcome(format(call, 'web', 'ios')) AS "web, ios",
	   pg_temp.outcome(format(call, 'web', 'Ios')) AS "web, Ios",
	   pg_temp.outcome(format(call, 'web', '')) AS "web, ''",
	   pg_temp.outcome(format(call, 'none', 'ios')) AS "no app",
	   pg_temp.outcome(format(call, NULL, 'ios')) AS "NULL, ios"
  FROM calls WHERE call !~ 'stage|promote' ORDER BY n;
SELECT call, pg_temp.outcome(format(call, 'web', NULL)) AS "web, NULL",
	   pg_temp.outcome(format(call, 'web', 'Ios')) AS "web, Ios",
	   pg_temp.outcome(format(call, 'none', 'ios')) AS "no app"
  FROM calls WHERE call ~ 'stage|promote' ORDER BY n;

-- where there are several the error names them
\set VERBOSITY default
SELECT idverify_rotate('web');  -- fail
SELECT idverify_sign('web', 'alice');  -- fail
SELECT idverify_reveal('web', 'windows');  -- fail
\set VERBOSITY terse

-- with one app and one signer none has to be named
BEGIN;
DELETE FROM idverify.contacts;
DELETE FROM idverify.apps WHERE app_key = 'web';
SELECT length(idverify_rotate()) AS rotated;
SELECT length(idverify_rotate(signer => 'main')) AS rotated;
SELECT length(idverify_add_signer('one', 'ios')) AS added;
SELECT pg_temp.outcome('idverify_rotate()') AS several, pg_temp.outcome('idverify_rotate(signer => ''ios'')') AS ios;
ROLLBACK;

-- each signs, is shown and is masked by its own
DELETE FROM idverify.apps WHERE app_key = 'one';
DELETE FROM known;
SELECT idverify_revoke('web') AS revoked, idverify_purge() AS purged;
INSERT INTO known (app_key, label, secret)
	SELECT 'web', signer, idverify_rotate('web', grace => '0', signer => signer)
	  FROM unnest('{main,ios,android}'::text[]) AS signer;
SELECT label, idverify_sign('web', 'alice', label) = pg_temp.user_hash(secret) AS sign,
	   idverify_reveal('web', label) = secret AS reveal,
	   right(idverify_mask('web', label), 4) = right(secret, 4) AS mask
  FROM known ORDER BY n;
SELECT pg_temp.live('web'), pg_temp.states('web');

--
-- Each has a life of its own
--
SELECT idverify_purge() AS purged;
INSERT INTO known (app_key, label, secret) SELECT 'web', 'main 2', idverify_rotate('web', signer => 'main');
INSERT INTO known (app_key, label, secret) SELECT 'web', 'ios 2', idverify_stage('web', signer => 'ios');
INSERT INTO known (app_key, label, secret) SELECT 'web', 'android 2', idverify_stage('web', signer => 'android');
SELECT pg_temp.live('web'), pg_temp.states('web');

-- a secret staged for one is in nobody else's way
SELECT pg_temp.outcome('idverify_rotate(''web'', signer => ''main'')') AS main,
	   pg_temp.outcome('idverify_stage(''web'', signer => ''main'')') AS stage,
	   pg_temp.outcome('idverify_rotate(''web'', signer => ''ios'')') AS ios,
	   pg_temp.outcome('idverify_stage(''web'', signer => ''ios'')') AS again;
SELECT idverify_promote('web', signer => 'ios');
SELECT pg_temp.outcome('idverify_promote(''web'', signer => ''ios'')') AS again;
SELECT pg_temp.live('web'), pg_temp.states('web');

-- a shorter grace shortens the countdowns of its signer alone
SELECT length(idverify_rotate('web', grace => '1 minute', signer => 'ios')) AS rotated;
SELECT signer, state, expires_at < clock_timestamp() + interval '1 hour' AS soon
  FROM idverify.secrets WHERE state = 'previous' ORDER BY generation;

-- grace 0: everything older of its signer stops, the staged one included
SELECT length(idverify_rotate('web', grace => '0', signer => 'ios')) AS rotated;
SELECT pg_temp.live('web');
SELECT length(idverify_rotate('web', grace => '0', signer => 'android')) AS rotated;
SELECT pg_temp.live('web'), pg_temp.states('web');

-- revoke: of one signer, or of all
INSERT INTO known (app_key, label, secret) SELECT 'web', 'android 3', idverify_stage('web', signer => 'android');
SELECT idverify_revoke('web', 'android') AS stopped;
SELECT pg_temp.live('web');
INSERT INTO known (app_key, label, secret) SELECT 'web', 'ios 3', idverify_stage('web', signer => 'ios');
SELECT pg_temp.live('web'), idverify_revoke('web') AS stopped;
SELECT pg_temp.live('web'), idverify_revoke('web') AS again;
SELECT pg_temp.outcome('idverify_revoke(''web'', ''windows'')');

-- the three newest that are over are recognized, whosever they are
SELECT label, idverify_verdict('web', 'alice', NULL, pg_temp.user_hash(secret)) FROM known ORDER BY n;

--
-- When each was rotated
--
SELECT idverify_purge() > 0 AS purged;
SELECT length(idverify_add_signer('web', 'new')) AS added;
SELECT signer, generation, masked_secret = idverify_mask('web', signer) AS masked, last_rotated_at IS NOT NULL AS rotated,
	   last_rotated_at = (SELECT rotated_at FROM idverify.secrets s WHERE s.signer = a.signer AND state = 'current') AS at,
	   previous_secrets, staged
  FROM idverify.app_status a ORDER BY signer;
SELECT length(idverify_stage('web', signer => 'new')) AS staged;
SELECT length(idverify_rotate('web', signer => 'ios')) AS rotated;
SELECT signer, generation, last_rotated_at IS NOT NULL AS rotated, previous_secrets, previous_valid_until IS NOT NULL AS until, staged
  FROM idverify.app_status ORDER BY signer;
SELECT idverify_promote('web', signer => 'new');
SELECT signer, state, rotated_at IS NOT NULL AS rotated FROM idverify.secrets WHERE signer IN ('ios', 'new') ORDER BY generation;

--
-- Dropping one: its secrets stop now, and are deleted
--
DELETE FROM known;
SELECT idverify_revoke('web') AS revoked, idverify_purge() AS purged;
INSERT INTO known (app_key, label, secret)
	SELECT 'web', signer, idverify_reveal('web', signer) FROM unnest('{main,ios,android,new}'::text[]) AS signer;
INSERT INTO known (app_key, label, secret) SELECT 'web', 'new, rotated', idverify_rotate('web', signer => 'new');
INSERT INTO known (app_key, label, secret) SELECT 'web', 'new, staged', idverify_stage('web', signer => 'new');
SELECT pg_temp.live('web');
SELECT generation AS newest, sealed FROM idverify.secrets ORDER BY generation DESC LIMIT 1 \gset
SELECT idverify_drop_signer('web', 'new') AS dropped;
SELECT pg_temp.live('web'), pg_temp.states('web');
SELECT idverify_drop_signer('web', 'new');  -- fail
SELECT idverify_drop_signer('none', 'ios');  -- fail
SELECT idverify_drop_signer(NULL, 'ios');  -- fail
SELECT idverify_drop_signer('web', NULL);  -- fail
SELECT idverify_add_signer(NULL, 'ios');  -- fail
SELECT idverify_add_signer('none', 'ios');  -- fail

-- no generation is numbered twice, not even that of one which was dropped: what
-- was sealed for it would open in the other's place
INSERT INTO known (app_key, label, secret) SELECT 'web', 'new, again', idverify_add_signer('web', 'new');
SELECT generation > :newest AS another FROM idverify.secrets WHERE signer = 'new';
BEGIN;
UPDATE idverify.secrets SET sealed = :'sealed' WHERE signer = 'new';
\set VERBOSITY sqlstate
SELECT idverify_sign('web', 'alice', 'new');  -- fail
\set VERBOSITY terse
ROLLBACK;
SELECT pg_temp.live('web');

-- the last one stays
SELECT idverify_drop_signer('web', signer) FROM unnest('{main,new,android}'::text[]) AS signer;
SELECT idverify_drop_signer('web', 'ios');  -- fail
SELECT pg_temp.live('web'), length(idverify_rotate('web')) AS rotated;

-- what was rolled back, in a subtransaction too, leaves everything as it was
BEGIN;
SAVEPOINT s;
SELECT length(idverify_add_signer('web', 'web')) AS added;
SELECT pg_temp.outcome('idverify_sign(''web'', ''alice'')') AS several;
ROLLBACK TO s;
SELECT pg_temp.outcome('idverify_sign(''web'', ''alice'')') AS one;
INSERT INTO known (app_key, label, secret) SELECT 'web', 'web', idverify_add_signer('web', 'web');
SAVEPOINT s;
SELECT idverify_drop_signer('web', 'ios') AS dropped, pg_temp.live('web');
ROLLBACK TO s;
SELECT pg_temp.live('web');
COMMIT;
SELECT pg_temp.live('web'), pg_temp.states('web');

--
-- By hand
--
-- renaming a signer: sealed bytes belong to the app and the generation
UPDATE idverify.secrets SET signer = 'site' WHERE signer = 'web';
SELECT pg_temp.live('web'), idverify_sign('web', 'alice', 'site') = pg_temp.user_hash(secret) AS signs
  FROM known WHERE label = 'web';
-- an app that has lost all secrets has the signer that it began with
DELETE FROM idverify.secrets;
SELECT signer, masked_secret, generation, previous_secrets, staged FROM idverify.app_status;
SELECT idverify_mask('web') AS none, idverify_mask('web', 'main') AS main, pg_temp.outcome('idverify_mask(''web'', ''ios'')') AS ios,
	   pg_temp.outcome('idverify_drop_signer(''web'', ''main'')') AS dropped;
SELECT length(idverify_rotate('web')) AS rotated, pg_temp.states('web') ~ '^\d+ main current$' AS main;
-- one that is expired, and nothing else, is a signer still
UPDATE idverify.secrets SET state = 'previous', expires_at = '-infinity';
SELECT length(idverify_add_signer('web', 'ios')) AS added, pg_temp.outcome('idverify_rotate(''web'')') AS several;
SELECT length(idverify_rotate('web', signer => 'main')) AS rotated;
SELECT signer, previous_secrets FROM idverify.app_status ORDER BY signer;

--
-- How many
--
-- 64 secrets of an app verify, over all its signers
DELETE FROM idverify.contacts;
DELETE FROM idverify.apps;
SELECT app_key FROM idverify_create_app('Many', 'many');
INSERT INTO known (app_key, label, secret)
	SELECT 'many', 'server ' || n, idverify_add_signer('many', 'server ' || n) FROM generate_series(2, 64) n;
SELECT count(*) AS signers FROM idverify.app_status;
SELECT count(*) AS verify FROM known WHERE app_key = 'many' AND idverify_check('many', 'alice', pg_temp.user_hash(secret));
\set VERBOSITY default
SELECT idverify_add_signer('many', 'server 65');  -- fail
\set VERBOSITY terse
SELECT pg_temp.outcome('idverify_rotate(''many'', signer => ''main'')') AS rotate,
	   pg_temp.outcome('idverify_stage(''many'', signer => ''main'')') AS stage,
	   pg_temp.outcome('idverify_rotate(''many'', grace => ''0'', signer => ''main'')') AS leaked;
SELECT idverify_drop_signer('many', 'server 64') AS dropped;
SELECT pg_temp.outcome('idverify_rotate(''many'', signer => ''main'')') AS rotate;
-- other apps have their own 64
SELECT app_key FROM idverify_create_app('Other', 'other');

DELETE FROM idverify.apps;
SELECT count(*) AS left_over FROM idverify.secrets;

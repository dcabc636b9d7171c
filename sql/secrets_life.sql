--
-- A secret's life: staged, promoted, revoked, expired, purged
--
-- What verifies is asked with hashes that pgcrypto makes, of secrets that stay
-- in a temporary table.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE TEMPORARY TABLE known (
	n integer GENERATED ALWAYS AS IDENTITY, app_key text, label text, secret text);
CREATE FUNCTION pg_temp.user_hash(secret text, value text) RETURNS text
	LANGUAGE sql IMMUTABLE
	RETURN encode(hmac(convert_to(value, 'UTF8'), convert_to(secret, 'UTF8'),
					   'sha256'), 'hex');

-- which of the secrets that we know verify now
CREATE FUNCTION pg_temp.live(app text) RETURNS text LANGUAGE sql
	RETURN (SELECT string_agg(label, ', ' ORDER BY n) FROM known
			 WHERE app_key = app
			   AND idverify_check(app, 'alice', pg_temp.user_hash(secret, 'alice')));

-- what is in the table
CREATE FUNCTION pg_temp.states(app text) RETURNS text LANGUAGE sql
	RETURN (SELECT string_agg(generation || ' ' || state, ', ' ORDER BY generation)
			  FROM idverify.secrets JOIN idverify.apps ON id = app_id
			 WHERE app_key = app);

-- the secret that is known by this label
CREATE FUNCTION pg_temp.secret(app text, name text) RETURNS text LANGUAGE sql
	RETURN (SELECT secret FROM known WHERE app_key = app AND label = name);

-- when the current secret replaced another
CREATE FUNCTION pg_temp.rotated(app text) RETURNS timestamptz LANGUAGE sql
	RETURN (SELECT last_rotated_at FROM idverify.app_status WHERE app_key = app);

--
-- Stage: the next secret verifies at once, beside the current one
--
INSERT INTO known (app_key, label, secret)
	SELECT app_key, 'first', identity_secret
	  FROM idverify_create_app('Web', 'web', revealable => true);
INSERT INTO known (app_key, label, secret) SELECT 'web', 'second', idverify_stage('web');
SELECT pg_temp.secret('web', 'second') ~ '^[0-9a-f]{64}$' AS secret;
SELECT pg_temp.live('web'), pg_temp.states('web');
SELECT expires_at, rotated_at
  FROM idverify.secrets JOIN idverify.apps ON id = app_id
 WHERE app_key = 'web' AND state = 'staged';

-- servers are still told the current one
SELECT idverify_sign('web', 'alice') = pg_temp.user_hash(pg_temp.secret('web', 'first'), 'alice') AS sign,
	   idverify_reveal('web') = pg_temp.secret('web', 'first') AS reveal,
	   idverify_mask('web') = '•••• •••• ' || right(pg_temp.secret('web', 'first'), 4) AS mask;
SELECT idverify_stage('web');  -- fail
SELECT pg_temp.live('web'), pg_temp.states('web');

--
-- Promote: the staged secret becomes current, the current one previous
--
SELECT idverify_promote('web');
SELECT pg_temp.live('web'), pg_temp.states('web');
SELECT expires_at = pg_temp.rotated('web') + '24 hours' AS by_default
  FROM idverify.secrets JOIN idverify.apps ON id = app_id
 WHERE app_key = 'web' AND generation = 1;
SELECT idverify_sign('web', 'alice') = pg_temp.user_hash(pg_temp.secret('web', 'second'), 'alice') AS sign,
	   idverify_reveal('web') = pg_temp.secret('web', 'second') AS reveal,
	   idverify_mask('web') = '•••• •••• ' || right(pg_temp.secret('web', 'second'), 4) AS mask;
SELECT idverify_promote('web');  -- fail
SELECT idverify_promote('web', '0');  -- fail
SELECT pg_temp.live('web'), pg_temp.states('web');

-- grace counts from the call, as it does for a rotation
SELECT expires_at AS first_ends FROM idverify.secrets JOIN idverify.apps ON id = app_id
 WHERE app_key = 'web' AND generation = 1 \gset
INSERT INTO known (app_key, label, secret) SELECT 'web', 'third', idverify_stage('web');
SELECT idverify_promote('web', '31 days');  -- fail
SELECT idverify_promote('web', '-1 second');  -- fail
SELECT pg_temp.states('web');
BEGIN;
SELECT pg_sleep(0.01);
SELECT idverify_promote('web', grace => '48 hours');
SELECT generation, expires_at = :'first_ends' AS own_countdown,
	   expires_at = pg_temp.rotated('web') + '48 hours' AS given,
	   pg_temp.rotated('web') > now() AS after_transaction_start
  FROM idverify.secrets JOIN idverify.apps ON id = app_id
 WHERE app_key = 'web' AND state = 'previous' ORDER BY generation;
COMMIT;
SELECT pg_temp.live('web'), pg_temp.states('web');

-- a shorter grace shortens every countdown, '0' ends everything older
INSERT INTO known (app_key, label, secret) SELECT 'web', 'fourth', idverify_stage('web');
SELECT idverify_promote('web', '1 hour');
SELECT generation, expires_at = pg_temp.rotated('web') + '1 hour' AS in_an_hour
  FROM idverify.secrets JOIN idverify.apps ON id = app_id
 WHERE app_key = 'web' AND state = 'previous' ORDER BY generation;
INSERT INTO known (app_key, label, secret) SELECT 'web', 'fifth', idverify_stage('web');
SELECT pg_temp.live('web');
SELECT idverify_promote('web', '0');
SELECT pg_temp.live('web'), pg_temp.states('web');
INSERT INTO known (app_key, label, secret) SELECT 'web', 'sixth', idverify_stage('web');
UPDATE idverify.apps SET grace = '0' WHERE app_key = 'web';
SELECT idverify_promote('web');
SELECT pg_temp.live('web'), pg_temp.states('web');
UPDATE idverify.apps SET grace = '24 hours' WHERE app_key = 'web';

--
-- Revoke: every grace window and the staged secret end now, the current stays
--
SELECT idverify_revoke('web') AS nothing_to_stop;
INSERT INTO known (app_key, label, secret) SELECT 'web', 'seventh', idverify_rotate('web');
INSERT INTO known (app_key, label, secret) SELECT 'web', 'eighth', idverify_rotate('web');
INSERT INTO known (app_key, label, secret) SELECT 'web', 'ninth', idverify_stage('web');
SELECT pg_temp.live('web');
SELECT idverify_revoke('web') AS stopped;
SELECT pg_temp.live('web'), pg_temp.states('web');
SELECT idverify_revoke('web') AS again;
INSERT INTO known (app_key, label, secret) SELECT 'web', 'tenth', idverify_stage('web');
SELECT idverify_revoke('web') AS only_staged;
INSERT INTO known (app_key, label, secret) SELECT 'web', 'eleventh', idverify_rotate('web');
SELECT idverify_revoke('web') AS only_previous;
SELECT pg_temp.live('web');

-- what is revoked is recognized, for the three newest, and never verifies
SELECT label, idverify_verdict('web', 'alice', NULL, pg_temp.user_hash(secret, 'alice'))
  FROM known WHERE app_key = 'web' AND n >= 7 ORDER BY n;

--
-- Expiry is by the clock of the call, and needs no job
--
INSERT INTO known (app_key, label, secret)
	SELECT app_key, 'first', identity_secret FROM idverify_create_app('Shop', 'shop');
INSERT INTO known (app_key, label, secret) SELECT 'shop', 'second', idverify_rotate('shop');

-- not by the start of the transaction
BEGIN;
SELECT pg_temp.live('shop');
SELECT pg_sleep(0.01);
UPDATE idverify.secrets SET expires_at = clock_timestamp()
 WHERE state = 'previous' AND app_id = (SELECT id FROM idverify.apps WHERE app_key = 'shop');
SELECT expires_at > now() AS later_than_start, pg_temp.live('shop')
  FROM idverify.secrets JOIN idverify.apps ON id = app_id
 WHERE app_key = 'shop' AND state = 'previous';
ROLLBACK;
SELECT pg_temp.live('shop');

-- time passes, and nothing else happens: no invalidation tells of it
UPDATE idverify.secrets SET expires_at = clock_timestamp() + interval '0.3 seconds'
 WHERE state = 'previous' AND app_id = (SELECT id FROM idverify.apps WHERE app_key = 'shop');
BEGIN;
SELECT pg_temp.live('shop') AS asked_already \gset
SELECT pg_sleep(0.4);
SELECT pg_temp.live('shop');
COMMIT;

--
-- Purge: secrets whose grace is over, of all apps
--
SELECT app_key, pg_temp.live(app_key), pg_temp.states(app_key)
  FROM idverify.apps ORDER BY app_key;
INSERT INTO known (app_key, label, secret) SELECT 'shop', 'third', idverify_rotate('shop');
INSERT INTO known (app_key, label, secret) SELECT 'shop', 'fourth', idverify_stage('shop');
SELECT idverify_purge();
SELECT app_key, pg_temp.live(app_key), pg_temp.states(app_key)
  FROM idverify.apps ORDER BY app_key;
SELECT idverify_purge() AS again;

-- generations go on from where they were
SELECT idverify_promote('shop', '0');
INSERT INTO known (app_key, label, secret) SELECT 'shop', 'fifth', idverify_rotate('shop');
SELECT pg_temp.states('shop');

-- No generation is numbered twice, not even that of a staged secret which was
-- given up and purged, the newest that there was: what was sealed for it would open in the other's place.
INSERT INTO known (app_key, label, secret) SELECT 'shop', 'given up', idverify_stage('shop');
SELECT generation AS given_up, sealed FROM idverify.secrets
 WHERE state = 'staged' AND app_id = (SELECT id FROM idverify.apps WHERE app_key = 'shop') \gset
SELECT idverify_revoke('shop') > 0 AS revoked, idverify_purge() >= 0 AS purged;
INSERT INTO known (app_key, label, secret) SELECT 'shop', 'sixth', idverify_stage('shop');
SELECT generation > :given_up AS another FROM idverify.secrets
 WHERE state = 'staged' AND app_id = (SELECT id FROM idverify.apps WHERE app_key = 'shop');
BEGIN;
UPDATE idverify.secrets SET sealed = :'sealed'
 WHERE state = 'staged' AND app_id = (SELECT id FROM idverify.apps WHERE app_key = 'shop');
\set VERBOSITY sqlstate
SELECT pg_temp.live('shop');  -- fail
\set VERBOSITY terse
ROLLBACK;
SELECT pg_temp.live('shop');

-- rekey has nothing to do while there is one master key
SELECT idverify_rekey();

DELETE FROM idverify.apps WHERE app_key IN ('web', 'shop');
SELECT count(*) AS left_over FROM idverify.secrets;

--
-- idverify.app_status: what a settings page shows of an app
--
-- Its policy and where its secrets are in their life; no plaintext, no sealed
-- bytes.  Generated times are compared, never printed.
--
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT attname, format_type(atttypid, atttypmod) AS type
  FROM pg_attribute WHERE attrelid = 'idverify.app_status'::regclass AND attnum > 0
 ORDER BY attnum;

-- what the view shows of the secrets, with the times put in words
CREATE FUNCTION pg_temp.status(app text,
	OUT mask text, OUT generation integer, OUT rotated text,
	OUT previous integer, OUT until text, OUT staged boolean, OUT key_id integer)
LANGUAGE sql
BEGIN ATOMIC
	SELECT CASE WHEN s.masked_secret IS NOT DISTINCT FROM idverify_mask(app)
				THEN left(s.masked_secret, -4) ELSE 'not the mask' END,
		   s.generation,
		   CASE WHEN s.last_rotated_at IS NULL THEN 'never'
				WHEN s.last_rotated_at BETWEEN now() - interval '1 hour' AND clock_timestamp()
				THEN 'just now' ELSE 'at another time' END,
		   s.previous_secrets,
		   (s.previous_valid_until - s.last_rotated_at)::text,
		   s.staged, s.key_id
	  FROM idverify.app_status s WHERE s.app_key = app;
END;

--
-- The policy, as it is set
--
SELECT identity_secret AS first FROM idverify_create_app('Web', 'web') \gset
SELECT app_key, identity_secret FROM idverify_create_app(
	'Größe 名前', 'shop', 'secret of another product', 'reject', 'email', '36 hours', true, true);
SELECT app_key, name, on_unverified, signed_field, grace, revealable, confirm_rotation,
	   masked_secret
  FROM idverify.app_status WHERE app_key = 'shop';
SELECT app_key, name, on_unverified, signed_field, grace, revealable, confirm_rotation,
	   masked_secret = idverify_mask('web') AS masked
  FROM idverify.app_status WHERE app_key = 'web';
UPDATE idverify.apps SET name = 'Renamed', on_unverified = 'accept', grace = '0'
 WHERE app_key = 'shop';
SELECT name, on_unverified, grace FROM idverify.app_status WHERE app_key = 'shop';

--
-- The secrets, in each state
--
SELECT 'new' AS app, * FROM pg_temp.status('web');
SELECT idverify_stage('web') AS staged \gset
SELECT 'staged' AS app, * FROM pg_temp.status('web');
SELECT right(masked_secret, 4) = right(:'first', 4) AS masked_is_current
  FROM idverify.app_status WHERE app_key = 'web';
SELECT idverify_revoke('web');
SELECT 'staged secret revoked' AS app, * FROM pg_temp.status('web');
SELECT idverify_stage('web') AS staged \gset
SELECT idverify_promote('web');
SELECT 'promoted' AS app, * FROM pg_temp.status('web');
SELECT right(masked_secret, 4) = right(:'staged', 4) AS masked_is_current
  FROM idverify.app_status WHERE app_key = 'web';
SELECT idverify_rotate('web', grace => '2 hours') AS rotated \gset
SELECT 'rotated' AS app, * FROM pg_temp.status('web');

-- until when any previous one verifies: the latest of those that still do
UPDATE idverify.secrets SET expires_at = expires_at + interval '3 hours'
 WHERE generation = 1 AND app_id = (SELECT id FROM idverify.apps WHERE app_key = 'web');
SELECT 'latest of two' AS app, * FROM pg_temp.status('web');
UPDATE idverify.secrets SET expires_at = created_at
 WHERE generation = 1 AND app_id = (SELECT id FROM idverify.apps WHERE app_key = 'web');
SELECT 'one of two expired' AS app, * FROM pg_temp.status('web');

-- by the clock, not by the start of the transaction
BEGIN;
SELECT pg_sleep(0.01);
UPDATE idverify.secrets SET expires_at = clock_timestamp()
 WHERE generation = 3 AND app_id = (SELECT id FROM idverify.apps WHERE app_key = 'web');
SELECT 'just expired' AS app, * FROM pg_temp.status('web');
ROLLBACK;

SELECT idverify_rotate('web', grace => '0') AS rotated \gset
SELECT 'grace 0' AS app, * FROM pg_temp.status('web');
SELECT idverify_purge() > 0 AS purged;
SELECT 'purged' AS app, * FROM pg_temp.status('web');

-- rotating leaves other apps' rows alone, as do calls that fail
SELECT 'another' AS app, * FROM pg_temp.status('shop');
SELECT idverify_rotate('shop');  -- fail
SELECT 'not confirmed' AS app, * FROM pg_temp.status('shop');

-- an app that has lost its secrets is still listed
DELETE FROM idverify.secrets
 WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'web');
SELECT 'no secret' AS app, * FROM pg_temp.status('web');
SELECT masked_secret IS NULL AS no_mask FROM idverify.app_status WHERE app_key = 'web';
SELECT idverify_stage('web') AS staged \gset
SELECT 'only a staged one' AS app, * FROM pg_temp.status('web');
SELECT masked_secret IS NULL AS no_mask FROM idverify.app_status WHERE app_key = 'web';

-- one row for each app, and nothing of a secret in it but its hint
SELECT app_key FROM idverify.app_status ORDER BY app_key;
SELECT count(*) AS rows_with_a_secret FROM idverify.app_status s
 WHERE position('secret of another' IN s::text) > 0 OR position(:'staged' IN s::text) > 0;
SELECT count(*) AS rows_with_sealed_bytes
  FROM idverify.app_status s, idverify.secrets
 WHERE position(encode(sealed, 'hex') IN s::text) > 0;

-- whoever is given the view needs nothing else
CREATE ROLE regress_idverify_page;
GRANT USAGE ON SCHEMA idverify TO regress_idverify_page;
SET ROLE regress_idverify_page;
SELECT count(*) FROM idverify.app_status;  -- fail
RESET ROLE;
GRANT SELECT ON idverify.app_status TO regress_idverify_page;
SET ROLE regress_idverify_page;
SELECT count(*) FROM idverify.app_status;  -- ok
SELECT count(*) FROM idverify.secrets;  -- fail
RESET ROLE;
DROP OWNED BY regress_idverify_page;
DROP ROLE regress_idverify_page;

DELETE FROM idverify.apps WHERE app_key IN ('web', 'shop');
SELECT count(*) AS left_over FROM idverify.secrets;

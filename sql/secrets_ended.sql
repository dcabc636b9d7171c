--
-- How many secrets verify, and when one has ended for good
--
-- A secret that is ended at once has -infinity for its end: no clock that is
-- behind, a standby's say, brings it back.  An app has at most 64 that verify.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.ends(app text) RETURNS TABLE (generation integer, state idverify.secret_state, ends text)
	LANGUAGE sql
BEGIN ATOMIC
	SELECT s.generation, s.state, CASE WHEN expires_at = '-infinity' THEN '-infinity'
		WHEN expires_at > clock_timestamp() THEN 'later' WHEN expires_at IS NOT NULL THEN 'over' END
	  FROM idverify.secrets s JOIN idverify.apps ON id = app_id
	 WHERE app_key = app ORDER BY 1;
END;
SELECT app_key FROM idverify_create_app('Web', 'web');

SELECT length(idverify_rotate('web')) AS second;
SELECT * FROM pg_temp.ends('web');

-- rotating with grace 0 ends all that is older, the staged one too
SELECT length(idverify_stage('web')) AS third;
SELECT length(idverify_rotate('web', grace => '0')) AS fourth;
SELECT * FROM pg_temp.ends('web');

-- so does revoking, a secret that is over by this clock included; it counts those that verified
SELECT length(idverify_rotate('web')) AS fifth;
SELECT length(idverify_rotate('web')) AS sixth;
UPDATE idverify.secrets SET expires_at = clock_timestamp() - interval '1 second' WHERE generation = 4;
SELECT length(idverify_stage('web')) AS seventh;
SELECT * FROM pg_temp.ends('web');
SELECT idverify_revoke('web') AS stopped;
SELECT * FROM pg_temp.ends('web');
SELECT idverify_revoke('web') AS stopped;

-- so does promoting with grace 0
SELECT length(idverify_rotate('web')) AS eighth;
SELECT length(idverify_stage('web')) AS ninth;
SELECT idverify_promote('web', grace => '0');
SELECT * FROM pg_temp.ends('web');
SELECT previous_secrets, previous_valid_until FROM idverify.app_status;
SELECT idverify_purge() AS purged;

-- 64 verify, and no more
SELECT count(idverify_rotate('web')) AS rotated FROM generate_series(2, 64);
SELECT previous_secrets + 1 AS verify FROM idverify.app_status;
SELECT idverify_rotate('web');  -- fail
SELECT idverify_stage('web');  -- fail
\set VERBOSITY sqlstate
SELECT idverify_rotate('web');  -- fail
\set VERBOSITY terse
SELECT previous_secrets + 1 AS verify FROM idverify.app_status;
SELECT idverify_revoke('web') AS stopped;
SELECT length(idverify_rotate('web')) AS rotated;
SELECT previous_secrets + 1 AS verify FROM idverify.app_status;

-- where somebody has made more by hand, or a clock is behind, the newest count
SELECT idverify_purge() AS purged;
SELECT user_hash AS oldest FROM idverify_sign('web', 'alice') AS user_hash \gset
SELECT count(idverify_rotate('web')) AS rotated FROM generate_series(1, 62);
SELECT user_hash AS middle FROM idverify_sign('web', 'alice') AS user_hash \gset
UPDATE idverify.secrets SET expires_at = clock_timestamp() - interval '1 second' WHERE state = 'previous';
SELECT length(idverify_rotate('web')) AS rotated;
SELECT length(idverify_rotate('web')) AS rotated;
SELECT idverify_check('web', 'alice', :'middle') AS middle, idverify_check('web', 'alice', :'oldest') AS oldest;
UPDATE idverify.secrets SET expires_at = 'infinity' WHERE state = 'previous';
SELECT count(*) AS by_hand FROM idverify.secrets;
SELECT idverify_check('web', 'alice', :'middle') AS middle, idverify_check('web', 'alice', :'oldest') AS oldest;

-- one app with very many takes nothing from the others, in a session that has them all in mind
SELECT identity_secret AS other FROM idverify_create_app('Other', 'other') \gset
SELECT idverify_sign('other', 'alice') AS others \gset
INSERT INTO idverify.secrets (app_id, generation, state, sealed, key_id, hint, expires_at)
	SELECT s.app_id, 1000 + n, 'previous', s.sealed, s.key_id, 'none', 'infinity'
	  FROM idverify.secrets s JOIN idverify.apps a ON a.id = s.app_id, generate_series(1, 17000) n
	 WHERE a.app_key = 'web' AND s.state = 'current';
\set VERBOSITY sqlstate
SELECT idverify_verdict('web', 'alice', NULL, repeat('0', 64));  -- fail: they were copied
\set VERBOSITY terse
SELECT idverify_check('other', 'alice', :'others');
DELETE FROM idverify.apps;
SELECT count(*) AS left_over FROM idverify.secrets;

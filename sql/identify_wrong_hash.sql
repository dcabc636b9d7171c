--
-- on_wrong_hash: identify, where a user_hash was presented and is wrong
--
-- An app may meet a wrong user_hash with another policy than a claim without
-- any.  Where on_wrong_hash is NULL on_unverified is for both.  What is kept,
-- forgotten or refused is what the policy says; the verdict is what it was.
--
\set VERBOSITY terse
\pset null -
SET client_min_messages = warning;
TRUNCATE idverify.contacts, idverify.folds, idverify.fold_rows RESTART IDENTITY;

-- an app for each pair of policies; its first secret is known, and over
CREATE TEMPORARY TABLE policies AS
	SELECT on_unverified, on_wrong_hash, concat_ws('+', on_unverified, on_wrong_hash) AS app
	  FROM unnest('{accept,drop,reject}'::idverify.claim_policy[]) AS on_unverified,
		   unnest('{NULL,accept,drop,reject}'::idverify.claim_policy[]) AS on_wrong_hash;
SELECT count(idverify_create_app(app, app, 'one secret for all of them', on_unverified,
	on_wrong_hash => on_wrong_hash)) AS apps FROM policies;
SELECT count(idverify_rotate(app, grace => '0')) AS rotated FROM policies;
SELECT count(*) AS stored FROM policies p JOIN idverify.apps a ON a.app_key = p.app
	AND a.on_unverified = p.on_unverified AND a.on_wrong_hash IS NOT DISTINCT FROM p.on_wrong_hash;
SELECT app_key FROM idverify_create_app('Bare', 'bare', NULL, 'accept', on_wrong_hash => 'reject');
DELETE FROM idverify.secrets WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'bare');

CREATE TEMPORARY TABLE claims (n int, external_id text, user_hash text);
INSERT INTO claims VALUES
	(1, NULL, NULL),
	(2, 'alice', 'signed'),
	(3, 'alice', NULL),
	(4, 'alice', ''),
	(5, 'alice', 'x'),
	(6, 'null', 'signed'),
	(7, 'alice', encode(hmac('alice'::bytea, 'one secret for all of them'::bytea, 'sha256'), 'hex')),
	(8, 'alice', repeat('0', 64));

-- what became of a claim by a new visitor
CREATE FUNCTION pg_temp.outcome(app text, id text, hash text, OUT verdict text, OUT outcome text)
LANGUAGE plpgsql AS $$
DECLARE
	got record;
BEGIN
	SELECT i.* FROM idverify_identify(app, jsonb_build_object('external_id', id, 'name', 'Al', 'user_hash',
		CASE hash WHEN 'signed' THEN idverify_sign(app, id) ELSE hash END)) i INTO got;
	verdict := got.verdict;
	SELECT CASE WHEN got.contact_id IS NULL THEN 'refused'
			WHEN c.is_verified THEN 'verified'
			WHEN c.external_id IS NOT NULL THEN 'kept'
			WHEN c.name IS NOT NULL THEN 'anonymous'
			ELSE 'forgotten' END || CASE WHEN got.is_verified <> coalesce(c.is_verified, false) THEN ' and told so' ELSE '' END
	  FROM (SELECT) AS one LEFT JOIN idverify.contacts c ON c.id = got.contact_id INTO outcome;
END $$;
CREATE TEMPORARY TABLE outcomes AS
	SELECT p.*, c.n, o.* FROM policies p, claims c, pg_temp.outcome(p.app, c.external_id, c.user_hash) o;
SELECT n, verdict, count(*) FROM outcomes GROUP BY n, verdict ORDER BY n;
SELECT on_unverified, on_wrong_hash, max(outcome) FILTER (WHERE n = 1) AS anonymous,
	   max(outcome) FILTER (WHERE n = 2) AS verified, max(outcome) FILTER (WHERE n = 3) AS unsigned,
	   max(outcome) FILTER (WHERE n = 4) AS "hash ''", max(outcome) FILTER (WHERE n = 5) AS malformed,
	   max(outcome) FILTER (WHERE n = 6) AS bad_identity, max(outcome) FILTER (WHERE n = 7) AS expired,
	   max(outcome) FILTER (WHERE n = 8) AS mismatch
  FROM outcomes GROUP BY on_unverified, on_wrong_hash ORDER BY on_unverified, on_wrong_hash NULLS FIRST;

-- where there is nothing to compare a user_hash with it is not a wrong one
SELECT * FROM pg_temp.outcome('bare', 'alice', repeat('0', 64));

-- the wrong field is signed
SELECT app_key FROM idverify_create_app('Email', 'email', NULL, 'accept', 'email', on_wrong_hash => 'drop');
SELECT * FROM pg_temp.outcome('email', 'alice', 'signed');

-- a change of the setting is honoured at once, in a session that has the app in mind
UPDATE idverify.apps SET on_wrong_hash = 'reject' WHERE app_key = 'email';
SELECT * FROM pg_temp.outcome('email', 'alice', 'signed');
UPDATE idverify.apps SET on_wrong_hash = NULL WHERE app_key = 'email';
SELECT * FROM pg_temp.outcome('email', 'alice', 'signed');

TRUNCATE idverify.contacts, idverify.folds, idverify.fold_rows RESTART IDENTITY;
DELETE FROM idverify.apps;
SELECT count(*) AS left_over FROM idverify.secrets;

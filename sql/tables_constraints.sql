--
-- Constraints: what makes no sense is refused by the tables themselves
--
-- Whoever changes apps and secrets by hand cannot make two current secrets, a
-- grace without end, or an app_key that no widget can send.
--
\set VERBOSITY terse
SET client_min_messages = warning;

-- the SQLSTATE of a statement, or ok; what was allowed is undone
CREATE FUNCTION pg_temp.tried(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RAISE 'undo';
EXCEPTION
	WHEN raise_exception THEN RETURN 'ok';
	WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
SELECT app_key FROM idverify_create_app('Web', 'web');
SELECT idverify_rotate('web') AS second, idverify_stage('web') AS third \gset
INSERT INTO idverify.apps (app_key, name) VALUES ('shop', 'Shop');
SELECT statement, pg_temp.tried(statement)
  FROM unnest(ARRAY[
	$$UPDATE idverify.apps SET grace = '30 days'$$,
	$$UPDATE idverify.apps SET grace = '0'$$,
	$$UPDATE idverify.apps SET grace = '30 days 1 microsecond'$$,
	$$UPDATE idverify.apps SET grace = '-1 microsecond'$$,
	$$UPDATE idverify.apps SET grace = NULL$$,
	$$UPDATE idverify.apps SET on_unverified = NULL$$,
	$$UPDATE idverify.apps SET on_wrong_hash = NULL$$,
	$$UPDATE idverify.apps SET on_wrong_hash = 'ignore'$$,
	$$UPDATE idverify.apps SET signed_field = NULL$$,
	$$UPDATE idverify.apps SET revealable = NULL$$,
	$$UPDATE idverify.apps SET confirm_rotation = NULL$$,
	$$UPDATE idverify.apps SET on_unverified = 'ignore'$$,
	$$UPDATE idverify.apps SET signed_field = 'name'$$,
	$$UPDATE idverify.apps SET app_key = 'same'$$,
	$$UPDATE idverify.apps SET app_key = NULL$$,
	$$UPDATE idverify.apps SET app_key = '' WHERE app_key = 'web'$$,
	$$UPDATE idverify.apps SET app_key = repeat('k', 128) WHERE app_key = 'web'$$,
	$$UPDATE idverify.apps SET app_key = repeat('k', 129) WHERE app_key = 'web'$$,
	$$UPDATE idverify.secrets SET state = 'current', expires_at = NULL$$,
	$$UPDATE idverify.secrets SET state = 'staged', expires_at = NULL$$,
	$$UPDATE idverify.secrets SET state = 'previous', expires_at = now()$$,
	$$UPDATE idverify.secrets SET state = 'previous' WHERE generation = 2$$,
	$$UPDATE idverify.secrets SET expires_at = NULL WHERE generation = 1$$,
	$$UPDATE idverify.secrets SET expires_at = now() WHERE generation = 2$$,
	$$UPDATE idverify.secrets SET expires_at = now() WHERE generation = 3$$,
	$$UPDATE idverify.secrets SET state = 'revoked'$$,
	$$UPDATE idverify.secrets SET generation = 1$$,
	$$UPDATE idverify.secrets SET generation = 0 WHERE generation = 1$$,
	$$UPDATE idverify.secrets SET signer = 'web'$$,
	$$UPDATE idverify.secrets SET signer = NULL$$,
	$$UPDATE idverify.secrets SET signer = ''$$,
	$$UPDATE idverify.secrets SET signer = repeat('s', 64)$$,
	$$UPDATE idverify.secrets SET signer = repeat('s', 65)$$,
	$$UPDATE idverify.secrets SET signer = 'of ' || generation, state = 'current', expires_at = NULL$$,
	$$UPDATE idverify.secrets SET signer = 'of ' || generation, state = 'staged', expires_at = NULL$$,
	$$UPDATE idverify.secrets SET sealed = NULL$$,
	$$UPDATE idverify.secrets SET hint = 'five5'$$
  ]) WITH ORDINALITY AS t(statement, n)
 ORDER BY n;

DELETE FROM idverify.apps;
SELECT count(*) AS left_over FROM idverify.secrets;

--
-- Statistics: who may read them
--
-- What is counted depends on how the server was started, and is tested where it
-- is (t/insight_stat.pl).  This holds with and without.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_stat_admin;
CREATE ROLE regress_stat_caller;
CREATE ROLE regress_stat_reader;
SELECT FROM idverify_create_app('Web', 'web');
SELECT FROM idverify_create_app('Mail', 'mail');

-- as doc/dba.md grants them; EXECUTE alone; SELECT alone
GRANT USAGE ON SCHEMA idverify TO regress_stat_admin, regress_stat_reader;
GRANT SELECT ON idverify.app_status, idverify.stat_claims, idverify.stat_secrets, idverify.stat_refused
	TO regress_stat_admin, regress_stat_reader;
GRANT EXECUTE ON FUNCTION idverify.counting_since, idverify.claim_counts, idverify.secret_counts, idverify.refused_claims
	TO regress_stat_admin;
GRANT EXECUTE ON FUNCTION idverify_coverage, idverify_stat_reset TO regress_stat_admin, regress_stat_caller;

CREATE FUNCTION pg_temp.outcome(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE query INTO answer;
	RETURN coalesce(answer, 'NULL');
EXCEPTION WHEN OTHERS THEN
	-- which of a view's functions is the first to be asked is the planner's choice
	RETURN SQLSTATE || ' ' || regexp_replace(SQLERRM, 'function \w+', 'a function');
END $$;
GRANT EXECUTE ON FUNCTION pg_temp.outcome TO PUBLIC;
CREATE TEMPORARY TABLE queries (n integer GENERATED ALWAYS AS IDENTITY, query text);
GRANT SELECT ON queries TO PUBLIC;
INSERT INTO queries (query) VALUES
	('SELECT count(*) FROM idverify.stat_claims WHERE app_key IN (''web'', ''mail'')'),
	('SELECT count(*) FROM idverify.stat_refused WHERE app_key IN (''web'', ''mail'')'),
	('SELECT count(*) FROM idverify.stat_secrets WHERE app_key IN (''web'', ''mail'')'),
	('SELECT count(*) FROM idverify.app_status WHERE app_key IN (''web'', ''mail'') AND previous_last_used_at IS NULL'),
	('SELECT string_agg(app_key, '','' ORDER BY app_key) FROM idverify_coverage() WHERE app_key IN (''web'', ''mail'')'),
	('SELECT app_key FROM idverify_coverage(''web'', 0)'),
	('SELECT idverify_stat_reset()'),
	('SELECT idverify_stat_reset(''web'')'),
	('SELECT app_key FROM idverify_coverage(''nobody'')'),
	('SELECT idverify_stat_reset(''nobody'')'),
	('SELECT app_key FROM idverify_coverage(''web'', 32)'),
	('SELECT app_key FROM idverify_coverage(''web'', -1)'),
	('SELECT app_key FROM idverify_coverage(''web'', NULL)');
SET ROLE regress_stat_admin;
SELECT query, pg_temp.outcome(query) FROM queries ORDER BY n;
SET ROLE regress_stat_caller;
SELECT query, pg_temp.outcome(query) FROM queries ORDER BY n;
SET ROLE regress_stat_reader;
SELECT query, pg_temp.outcome(query) FROM queries ORDER BY n;
RESET ROLE;

-- a query of them in a transaction that may not write
BEGIN READ ONLY;
SELECT query, pg_temp.outcome(query) FROM queries WHERE n IN (1, 3, 5, 7) ORDER BY n;
COMMIT;

DELETE FROM idverify.apps WHERE app_key IN ('web', 'mail');
DROP OWNED BY regress_stat_admin, regress_stat_caller, regress_stat_reader;
DROP ROLE regress_stat_admin, regress_stat_caller, regress_stat_reader;

--
-- What the guard adds to an INSERT
--
-- Variable: rounds.  100,000 rows go into a table with the guard, into the same
-- table without it, and are checked.  Prints microseconds a row that the guard
-- adds, and what a check takes.
--
SELECT idverify_create_app('Guard', 'guard', secret => 'the secret of the guard') \g /dev/null

CREATE TABLE claims AS
	SELECT n, 'guard' AS app_key, 'person-' || n AS external_id, n || '@example.org' AS email,
		encode(hmac(('person-' || n)::bytea, 'the secret of the guard'::bytea, 'sha256'), 'hex') AS user_hash
	FROM generate_series(1, 100000) n;
CREATE TABLE bare (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	app_key text,
	external_id text,
	email text,
	user_hash text,
	is_verified boolean
);
CREATE TABLE guarded (LIKE bare INCLUDING ALL);
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON guarded
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();
VACUUM ANALYZE;

CREATE TEMP TABLE figures (what text, microseconds float8);
CREATE PROCEDURE measure(what text, round integer, statement text) LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz := clock_timestamp();
BEGIN
	EXECUTE statement;
	IF round > 0 THEN
		INSERT INTO figures VALUES (what, extract(epoch FROM clock_timestamp() - started) * 1e6 / 100000);
	END IF;
END
$$;

-- both stay empty of hashes, as the guard leaves them
SELECT unnest(ARRAY['TRUNCATE bare, guarded', 'CHECKPOINT', format('CALL measure(%L, %s, %L)', what, round, statement)])
	FROM generate_series(0, :rounds) round,
		(VALUES
			(1, 'guarded', 'INSERT INTO guarded (app_key, external_id, email, user_hash) SELECT app_key, external_id, email, user_hash FROM claims'),
			(2, 'bare', 'INSERT INTO bare (app_key, external_id, email, is_verified) SELECT app_key, external_id, email, user_hash IS NOT NULL FROM claims'),
			(3, 'check', 'SELECT count(*) FROM claims WHERE idverify_check(app_key, external_id, user_hash)'),
			(4, 'scan', 'SELECT count(*) FROM claims WHERE num_nonnulls(app_key, external_id, user_hash) = 3')
		) w(turn, what, statement)
	ORDER BY round, turn
\gexec

INSERT INTO guarded (app_key, external_id, email, user_hash) SELECT app_key, external_id, email, user_hash FROM claims;
DO $$
BEGIN
	ASSERT (SELECT bool_and(is_verified) AND count(*) = 100000 FROM guarded), 'not every row was verified';
END
$$;

CREATE TEMP VIEW medians AS
	SELECT what, percentile_cont(0.5) WITHIN GROUP (ORDER BY microseconds) AS m FROM figures GROUP BY what;
SELECT 'guard', (SELECT m FROM medians WHERE what = 'guarded') - (SELECT m FROM medians WHERE what = 'bare');
SELECT 'guard check', (SELECT m FROM medians WHERE what = 'check') - (SELECT m FROM medians WHERE what = 'scan');

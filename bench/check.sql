--
-- What a check costs, beside what people would use instead.
--
-- Variable: rounds, how often everything is measured.
-- Prints a line for each way to check: its name, a tab, microseconds.
--
-- What a chat product has today: the secrets as they are.
CREATE TABLE plain_secrets AS
	SELECT app.app_key, app.identity_secret AS secret
	FROM generate_series(1, 1000) n,
		LATERAL idverify_create_app('app ' || n) app;
ALTER TABLE plain_secrets ADD PRIMARY KEY (app_key);

-- Neighbouring claims are of different apps.  The signatures are pgcrypto's.
CREATE TABLE claims AS
	SELECT app_key, external_id,
		encode(hmac(external_id, secret, 'sha256'), 'hex') AS user_hash
	FROM generate_series(1, 300) visitor,
		(SELECT *, row_number() OVER () AS n FROM plain_secrets) s,
		LATERAL (SELECT format('user_%s_%s', n, visitor) AS external_id) id;

-- The same of an app that signs tokens, of six claims: iat and exp are the server's.
CREATE TABLE token_claims AS
	SELECT app_key, external_id, idverify_sign_token(app_key, jsonb_build_object('sub', external_id,
		'email', external_id || '@example.org', 'name', 'Ann', 'nbf', floor(extract(epoch FROM now()))), '12 hours') AS token
	FROM generate_series(1, 300) visitor,
		(SELECT app_key, row_number() OVER () AS n FROM generate_series(1, 1000) n,
			LATERAL idverify_create_app('token app ' || n, signs => 'token') app) s,
		LATERAL (SELECT format('user_%s_%s', n, visitor) AS external_id) id;
VACUUM ANALYZE token_claims;
VACUUM ANALYZE claims, plain_secrets, idverify.apps, idverify.secrets;

CREATE FUNCTION check_in_plpgsql(app_key text, external_id text, user_hash text)
	RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE
	AS $$
DECLARE
	found_secret text;
BEGIN
	SELECT s.secret INTO found_secret
	FROM plain_secrets s WHERE s.app_key = check_in_plpgsql.app_key;
	RETURN encode(hmac(external_id, found_secret, 'sha256'), 'hex') = user_hash;
END
$$;

-- Each way to check, and the scan of the claims with something trivial instead,
-- which is subtracted.  What is left is to find the secret and to use it: by
-- idverify's cache, by the join, by a query in a function.
CREATE TEMP TABLE ways (n integer, way text, query text, scan text);
INSERT INTO ways VALUES
	(1, 'idverify_check',
		'SELECT count(*) FROM claims
			WHERE idverify_check(app_key, external_id, user_hash)',
		'SELECT count(*) FROM claims
			WHERE num_nonnulls(app_key, external_id, user_hash) = 3'),
	(2, 'pgcrypto, inlined in a join',
		'SELECT count(*) FROM claims JOIN plain_secrets USING (app_key)
			WHERE encode(hmac(external_id, secret, ''sha256''), ''hex'') = user_hash',
		'SELECT count(*) FROM claims
			WHERE num_nonnulls(app_key, external_id, user_hash) = 3'),
	(3, 'pgcrypto, plpgsql function',
		'SELECT count(*) FROM claims
			WHERE check_in_plpgsql(app_key, external_id, user_hash)',
		'SELECT count(*) FROM claims
			WHERE num_nonnulls(app_key, external_id, user_hash) = 3'),
	(4, 'idverify_check of a token',
		'SELECT count(*) FROM token_claims
			WHERE idverify_check(app_key, external_id, token)',
		'SELECT count(*) FROM token_claims
			WHERE num_nonnulls(app_key, external_id, token) = 3');

CREATE TEMP TABLE figures (n integer, microseconds float8);

-- Run a query that has to count every claim.  Returns microseconds per claim.
CREATE FUNCTION pg_temp.cost(query text) RETURNS float8 LANGUAGE plpgsql
	AS $$
DECLARE
	claims CONSTANT bigint := 300000;
	started timestamptz := clock_timestamp();
	verified bigint;
BEGIN
	EXECUTE query INTO verified;
	IF verified <> claims THEN
		RAISE '% of % claims were verified by: %', verified, claims, query;
	END IF;
	RETURN extract(epoch FROM clock_timestamp() - started) * 1e6 / claims;
END
$$;

-- In alternating rounds: what disturbs the machine disturbs all of them.
-- The first round warms caches and does not count.
SELECT set_config('bench.rounds', :'rounds', false) \g /dev/null
DO $$
DECLARE
	rounds CONSTANT integer := current_setting('bench.rounds');
	way record;
	checking float8;
BEGIN
	FOR round IN 0 .. rounds LOOP
		FOR way IN SELECT * FROM ways ORDER BY n LOOP
			checking := pg_temp.cost(way.query) - pg_temp.cost(way.scan);
			IF round > 0 THEN
				INSERT INTO figures VALUES (way.n, checking);
			END IF;
		END LOOP;
	END LOOP;
END
$$;

SELECT way, percentile_cont(0.5) WITHIN GROUP (ORDER BY microseconds)
	FROM figures JOIN ways USING (n) GROUP BY n, way ORDER BY n;

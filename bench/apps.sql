--
-- What a check and an identify cost where neighbouring ones are of other apps
--
-- Variables: rounds; size, how many apps there are; cache, idverify.cache_size for
-- them.  Prints microseconds a call: of 300,000 checks, net of the scan of the
-- claims, by idverify and by pgcrypto over plain-text secrets, in a join; and of an
-- identify of each of 20,000 apps, which changes nothing, beside the hand-written
-- peer.
--
SET idverify.cache_size = :'cache';

CREATE TABLE plain_secrets AS
	SELECT n, 'app-' || n AS app_key, encode(sha256(('secret ' || n)::bytea), 'hex') AS secret
	FROM generate_series(1, :size) n;
ALTER TABLE plain_secrets ADD PRIMARY KEY (app_key);
SELECT count(idverify_create_app('App ' || n, app_key, secret)) FROM plain_secrets \g /dev/null

-- all apps once, and once more ...
CREATE TABLE claims AS
	SELECT app_key, external_id, encode(hmac(external_id, secret, 'sha256'), 'hex') AS user_hash
	FROM generate_series(1, 300000 / :size) visitor, plain_secrets,
		LATERAL (SELECT format('user_%s_%s', n, visitor) AS external_id) id
	ORDER BY visitor, n;

-- ... and one person of each of 20,000, who has been there
CREATE TABLE people AS
	SELECT n, app_key, jsonb_build_object('external_id', 'person-' || n, 'name', 'Person ' || n,
		'user_hash', encode(hmac(('person-' || n)::bytea, secret::bytea, 'sha256'), 'hex')) AS claim
	FROM plain_secrets WHERE n <= 20000;
ALTER TABLE people ADD PRIMARY KEY (n);
INSERT INTO peer_apps SELECT n, app_key, secret::bytea FROM plain_secrets;
SELECT count(idverify_identify(app_key, claim)), count(peer_identify(app_key, claim, NULL)) FROM people \g /dev/null
-- a moment ago, however long the measurement takes
UPDATE idverify.contacts SET last_seen_at = now() + '1 day';
VACUUM ANALYZE;

CREATE TEMP TABLE figures (what text, microseconds float8);

CREATE FUNCTION pg_temp.cost(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	claims CONSTANT bigint := 300000;
	started timestamptz := clock_timestamp();
	counted bigint;
BEGIN
	EXECUTE query INTO counted;
	ASSERT counted = claims, query;
	RETURN extract(epoch FROM clock_timestamp() - started) * 1e6 / claims;
END
$$;

CREATE PROCEDURE measure_checks(round integer) LANGUAGE plpgsql AS $$
DECLARE
	scan float8;
	ours float8;
	joined float8;
BEGIN
	scan := pg_temp.cost('SELECT count(*) FROM claims WHERE num_nonnulls(app_key, external_id, user_hash) = 3');
	ours := pg_temp.cost('SELECT count(*) FROM claims WHERE idverify_check(app_key, external_id, user_hash)');
	joined := pg_temp.cost('SELECT count(*) FROM claims JOIN plain_secrets USING (app_key)
		WHERE encode(hmac(external_id, secret, ''sha256''), ''hex'') = user_hash');
	IF round > 0 THEN
		INSERT INTO figures VALUES ('check idverify', ours - scan), ('check peer', joined - scan);
	END IF;
END
$$;

-- Each call in a transaction of its own: fifty of one way, fifty of the next.
CREATE PROCEDURE measure_identify(round integer) LANGUAGE plpgsql AS $$
DECLARE
	ways CONSTANT text[] := ARRAY['nothing', 'idverify', 'peer'];
	size CONSTANT integer := 20000;
	batch CONSTANT integer := 50;
	spent float8[] := ARRAY[0, 0, 0];
	started timestamptz;
BEGIN
	PREPARE nothing(integer) AS SELECT count(*) FROM people WHERE n = $1;
	PREPARE idverify(integer) AS SELECT count(*) FROM people, idverify_identify(app_key, claim) i WHERE n = $1;
	PREPARE peer(integer) AS SELECT count(*) FROM people, peer_identify(app_key, claim, NULL) i WHERE n = $1;
	FOR start IN 1 .. size BY batch LOOP
		FOR w IN 1 .. 3 LOOP
			started := clock_timestamp();
			FOR n IN start .. start + batch - 1 LOOP
				EXECUTE format('EXECUTE %s(%s)', ways[w], n);
				COMMIT;
			END LOOP;
			spent[w] := spent[w] + extract(epoch FROM clock_timestamp() - started);
		END LOOP;
	END LOOP;
	-- the first round warms up
	IF round > 0 THEN
		INSERT INTO figures VALUES ('identify idverify', (spent[2] - spent[1]) * 1e6 / size),
			('identify peer', (spent[3] - spent[1]) * 1e6 / size);
	END IF;
	COMMIT;
	DEALLOCATE ALL;
END
$$;

SELECT unnest(ARRAY[format('CALL measure_checks(%s)', round), format('CALL measure_identify(%s)', round),
		'VACUUM peer_contacts'])
	FROM generate_series(0, :rounds) round ORDER BY round
\gexec

SELECT format('apps %s %s', :size, what), percentile_cont(0.5) WITHIN GROUP (ORDER BY microseconds)
	FROM figures GROUP BY what ORDER BY what;
SELECT 'apps ' || :size || ' memory', sum(total_bytes) FROM pg_backend_memory_contexts WHERE name = 'idverify apps';

--
-- What grows with size, and what does not
--
-- Variable: rounds.  Prints, for each size, microseconds a call:
--	apps		checks of 1,000 apps (or all, if there are fewer) of so many
--	working		checks of so many apps in turn, of the most there are
--	contacts	idverify_identify that changes nothing, of so many contacts
--	probe		the query that finds the row, beside it
--	rotation	idverify_rotate beside so many contacts
--
-- The figure for each size is the least of the rounds: what is looked for is
-- the cost, not what else the machine was doing.
--
CREATE TABLE signed (n integer PRIMARY KEY, app_key text, user_hash text);
CREATE TEMP TABLE figures (what text, size integer, microseconds float8);

-- the apps' secrets are imported, so that hashes can be made here
CREATE PROCEDURE more_apps(size integer) LANGUAGE plpgsql AS $$
DECLARE
	have integer := (SELECT count(*) FROM signed);
BEGIN
	PERFORM idverify_create_app('App ' || n, 'app-' || n, secret => 'the secret of app ' || n) FROM generate_series(have + 1, size) n;
	INSERT INTO signed SELECT n, 'app-' || n, encode(hmac('somebody'::bytea, ('the secret of app ' || n)::bytea, 'sha256'), 'hex')
		FROM generate_series(have + 1, size) n;
	COMMIT;
END
$$;

-- 100,000 checks of so many apps, one after the other, net of the loop.  The
-- value depends on the turn: else each app would be checked once.
CREATE FUNCTION check_apps(working integer) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz;
	looped interval;
	verified bigint;
BEGIN
	started := clock_timestamp();
	SELECT count(*) INTO verified FROM generate_series(1, greatest(100000 / working, 1)) turn, signed
		WHERE n <= working AND num_nonnulls(app_key, CASE WHEN turn > 0 THEN 'somebody' END, user_hash) = 3;
	looped := clock_timestamp() - started;
	started := clock_timestamp();
	SELECT count(*) INTO verified FROM generate_series(1, greatest(100000 / working, 1)) turn, signed
		WHERE n <= working AND idverify_check(app_key, CASE WHEN turn > 0 THEN 'somebody' END, user_hash);
	ASSERT verified = working * greatest(100000 / working, 1);
	RETURN extract(epoch FROM clock_timestamp() - started - looped) * 1e6 / verified;
END
$$;

CREATE PROCEDURE measure_apps(rounds integer) LANGUAGE plpgsql AS $$
DECLARE
	apps integer := (SELECT count(*) FROM signed);
BEGIN
	PERFORM check_apps(least(apps, 1000));
	INSERT INTO figures SELECT 'apps', apps, check_apps(least(apps, 1000)) FROM generate_series(1, rounds);
	COMMIT;
END
$$;

SELECT unnest(ARRAY[format('CALL more_apps(%s)', size), 'VACUUM ANALYZE', format('CALL measure_apps(%s)', :rounds)])
	FROM unnest(ARRAY[1, 10, 100, 1000, 10000, 100000]) size ORDER BY size
\gexec
INSERT INTO figures
	SELECT 'working', working, check_apps(working)
	FROM unnest(ARRAY[1, 10, 100, 1000, 2000, 4000, 8000, 16000, 32000, 64000]) working, generate_series(1, :rounds);

-- contacts of one app, as idverify_identify would have made them
CREATE TABLE claims (n integer PRIMARY KEY, claim jsonb);
CREATE PROCEDURE more_contacts(size integer) LANGUAGE plpgsql AS $$
DECLARE
	have integer := (SELECT count(*) FROM idverify.contacts);
	app integer := (SELECT id FROM idverify.apps WHERE app_key = 'app-1');
BEGIN
	INSERT INTO idverify.contacts (app_id, external_id, name, is_verified, verified_at, last_seen_at)
		SELECT app, 'person-' || n, 'Person ' || n, true, now(), now() + interval '1 day' FROM generate_series(have + 1, size) n;
	-- who is asked for: 1,000 of all of them
	TRUNCATE claims;
	INSERT INTO claims SELECT n, jsonb_build_object('external_id', 'person-' || id, 'name', 'Person ' || id,
			'user_hash', encode(hmac(('person-' || id)::bytea, 'the secret of app 1'::bytea, 'sha256'), 'hex'))
		FROM generate_series(1, 1000) n, LATERAL (SELECT 1 + (n * 7919::bigint) % size AS id) i;
END
$$;

CREATE FUNCTION identify_all() RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz := clock_timestamp();
	looped interval;
	verified bigint;
BEGIN
	PERFORM count(*) FROM claims WHERE claim IS NOT NULL;
	looped := clock_timestamp() - started;
	started := clock_timestamp();
	SELECT count(*) INTO verified FROM claims, idverify_identify('app-1', claim) i WHERE i.is_verified AND NOT i.created;
	ASSERT verified = 1000;
	RETURN extract(epoch FROM clock_timestamp() - started - looped) * 1e6 / verified;
END
$$;

-- what every look-up by external_id has to do: a probe of the same index
CREATE FUNCTION probe_all() RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz := clock_timestamp();
	looped interval;
	found bigint;
	app integer := (SELECT id FROM idverify.apps WHERE app_key = 'app-1');
BEGIN
	PERFORM count(*) FROM claims WHERE claim->>'external_id' IS NOT NULL;
	looped := clock_timestamp() - started;
	started := clock_timestamp();
	SELECT count(*) INTO found FROM claims, LATERAL (
		SELECT name FROM idverify.contacts WHERE app_id = app AND external_id = claim->>'external_id' AND is_verified OFFSET 0) c
		WHERE c.name IS NOT NULL;
	ASSERT found = 1000;
	RETURN extract(epoch FROM clock_timestamp() - started - looped) * 1e6 / found;
END
$$;

CREATE PROCEDURE measure_contacts(rounds integer) LANGUAGE plpgsql AS $$
DECLARE
	contacts integer := (SELECT count(*) FROM idverify.contacts);
	started timestamptz;
BEGIN
	PERFORM identify_all(), probe_all();
	FOR round IN 1 .. rounds LOOP
		INSERT INTO figures VALUES ('contacts', contacts, identify_all()), ('probe', contacts, probe_all());
		started := clock_timestamp();
		FOR n IN 1 .. 50 LOOP
			PERFORM idverify_rotate('app-2', grace => '0');
			COMMIT;
		END LOOP;
		INSERT INTO figures VALUES ('rotation', contacts, extract(epoch FROM clock_timestamp() - started) * 1e6 / 50);
	END LOOP;
END
$$;

SELECT unnest(ARRAY[format('CALL more_contacts(%s)', size), 'DO $do$ BEGIN PERFORM idverify_purge(); END $do$', 'VACUUM ANALYZE', 'CHECKPOINT', format('CALL measure_contacts(%s)', :rounds)])
	FROM unnest(ARRAY[1000, 10000, 100000, 1000000, 5000000]) size ORDER BY size
\gexec

SELECT format('scale %s %s', what, size), min(microseconds) FROM figures GROUP BY what, size ORDER BY what, size;

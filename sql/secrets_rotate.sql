--
-- idverify_rotate: mint a secret, which the old one outlives by its grace
--
-- The secret that was current verifies until now + grace.  An older one keeps
-- its own countdown, unless grace is shorter than what is left of it.  Grace
-- '0' means "leaked": everything older stops at once.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE TEMPORARY TABLE known (
	n integer GENERATED ALWAYS AS IDENTITY, app_key text, label text, secret text);

-- which of the secrets that we know verify now
CREATE FUNCTION pg_temp.live(app text) RETURNS text LANGUAGE sql
	RETURN (SELECT string_agg(label, ', ' ORDER BY n) FROM known
			 WHERE app_key = app AND idverify_check(app, 'alice',
				encode(hmac('alice'::bytea, secret::bytea, 'sha256'), 'hex')));

-- what is in the table
CREATE FUNCTION pg_temp.states(app text) RETURNS text LANGUAGE sql
	RETURN (SELECT string_agg(generation || ' ' || state, ', ' ORDER BY generation)
			  FROM idverify.secrets JOIN idverify.apps ON id = app_id
			 WHERE app_key = app);

-- when a secret was made, and when it expires
CREATE FUNCTION pg_temp.made(app text, number integer) RETURNS timestamptz LANGUAGE sql
	RETURN (SELECT secrets.created_at FROM idverify.secrets JOIN idverify.apps ON id = app_id
			 WHERE app_key = app AND generation = number);
CREATE FUNCTION pg_temp.ends(app text, number integer) RETURNS timestamptz LANGUAGE sql
	RETURN (SELECT expires_at FROM idverify.secrets JOIN idverify.apps ON id = app_id
			 WHERE app_key = app AND generation = number);

-- the outcome of a call: its SQLSTATE, or ok
CREATE FUNCTION pg_temp.outcome(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

--
-- Without app_key: the only app there is
--
SELECT count(*) AS apps FROM idverify.apps;
SELECT idverify_rotate();  -- fail
INSERT INTO known (app_key, label, secret)
	SELECT app_key, 'first', identity_secret FROM idverify_create_app('Web', 'web');
INSERT INTO known (app_key, label, secret) SELECT 'web', 'second', idverify_rotate();
SELECT secret ~ '^[0-9a-f]{64}$' AS secret FROM known WHERE label = 'second';
SELECT pg_temp.live('web'), pg_temp.states('web');
INSERT INTO known (app_key, label, secret)
	SELECT app_key, 'first', identity_secret FROM idverify_create_app('Shop', 'shop');
SELECT idverify_rotate();  -- fail
SELECT idverify_rotate(NULL, NULL, '1 hour');  -- fail
SELECT pg_temp.states('web'), pg_temp.states('shop');

--
-- Grace is the app's, unless given, and counts from the moment of the call
--
SELECT pg_temp.ends('web', 1) = pg_temp.made('web', 2) + '24 hours' AS by_default,
	   last_rotated_at = pg_temp.made('web', 2) AS last_rotated_at
  FROM idverify.app_status WHERE app_key = 'web';
SELECT app_key FROM idverify_create_app('Grace', 'grace', grace => '90 minutes');
SELECT idverify_rotate('grace') AS second \gset
SELECT idverify_rotate('grace', NULL, '2 hours') AS third \gset
SELECT idverify_rotate('grace', grace => '30 days') AS fourth \gset
SELECT pg_temp.ends('grace', 1) = pg_temp.made('grace', 2) + '90 minutes' AS by_setting,
	   pg_temp.ends('grace', 2) = pg_temp.made('grace', 3) + '2 hours' AS given,
	   pg_temp.ends('grace', 3) = pg_temp.made('grace', 4) + '720 hours' AS longest,
	   pg_temp.ends('grace', 4) AS current;
UPDATE idverify.apps SET grace = '1 microsecond' WHERE app_key = 'grace';
SELECT idverify_rotate('grace') AS fifth \gset
SELECT pg_temp.ends('grace', 4) = pg_temp.made('grace', 5) + '1 microsecond' AS shortest;
BEGIN;
SELECT pg_sleep(0.01);
SELECT idverify_rotate('grace', grace => '1 hour') AS sixth \gset
SELECT pg_temp.made('grace', 6) > now() AS after_transaction_start,
	   pg_temp.ends('grace', 5) > now() + '1 hour' AS counts_from_the_call;
ROLLBACK;

-- A day of grace has 24 hours, also where the clocks change meanwhile: in this
-- time zone they do so at the next midnight of UTC.
SELECT format('STD0DST,%s/0,%s/0', day, (day + 100) % 365) AS zone
  FROM (SELECT extract(doy FROM now() AT TIME ZONE 'UTC' + interval '1 day')::integer - 1) AS t(day) \gset
SET TimeZone = :'zone';
SELECT idverify_rotate('grace', grace => '2 days') AS sixth \gset
SELECT extract(epoch FROM pg_temp.ends('grace', 5)) - extract(epoch FROM pg_temp.made('grace', 6)) AS seconds;
SELECT pg_temp.made('grace', 6) + '2 days' = pg_temp.ends('grace', 5) AS by_calendar;
RESET TimeZone;

-- what is no grace
SELECT grace, pg_temp.outcome(format('SELECT idverify_rotate(%L, grace => %L)', 'grace', grace))
  FROM unnest(ARRAY['30 days', '1 month', '31 days', '30 days 0.000001 seconds',
	'-1 microsecond', '-1 day', '170000000 years', 'soon'])
	   WITH ORDINALITY AS t(grace, n)
 ORDER BY n;
SELECT pg_temp.states('grace');

--
-- Rotating twice: the first secret keeps its own countdown
--
SELECT pg_temp.ends('web', 1) AS first_ends \gset
INSERT INTO known (app_key, label, secret) SELECT 'web', 'third', idverify_rotate('web');
SELECT pg_temp.live('web'), pg_temp.states('web');
SELECT pg_temp.ends('web', 1) = :'first_ends' AS first_keeps_its_own,
	   pg_temp.ends('web', 2) = pg_temp.made('web', 3) + '24 hours' AS second;

-- a longer grace does not prolong it
INSERT INTO known (app_key, label, secret)
	SELECT 'web', 'fourth', idverify_rotate('web', grace => '48 hours');
SELECT pg_temp.ends('web', 1) = :'first_ends' AS first_keeps_its_own,
	   pg_temp.ends('web', 2) = pg_temp.made('web', 3) + '24 hours' AS second,
	   pg_temp.ends('web', 3) = pg_temp.made('web', 4) + '48 hours' AS third;

-- a shorter grace shortens every countdown to at most that
INSERT INTO known (app_key, label, secret)
	SELECT 'web', 'fifth', idverify_rotate('web', grace => '1 hour');
SELECT generation, pg_temp.ends('web', generation) = pg_temp.made('web', 5) + '1 hour' AS in_an_hour
  FROM generate_series(1, 4) AS generation;
SELECT pg_temp.live('web');

-- ... and leaves what ends sooner, or has ended, as it is
UPDATE idverify.secrets SET expires_at = created_at
 WHERE generation = 1 AND app_id = (SELECT id FROM idverify.apps WHERE app_key = 'web');
INSERT INTO known (app_key, label, secret)
	SELECT 'web', 'sixth', idverify_rotate('web', grace => '59 minutes 59 seconds');
SELECT pg_temp.ends('web', 1) = pg_temp.made('web', 1) AS first,
	   pg_temp.ends('web', 5) = pg_temp.made('web', 6) + '59 minutes 59 seconds' AS fifth;
SELECT pg_temp.live('web');

-- grace '0': everything older stops now
INSERT INTO known (app_key, label, secret)
	SELECT 'web', 'seventh', idverify_rotate('web', grace => '0');
SELECT pg_temp.live('web'), pg_temp.states('web');
SELECT generation, pg_temp.ends('web', generation) = '-infinity' AS at_once
  FROM generate_series(1, 6) AS generation;

-- so it does where '0' is the app's setting
UPDATE idverify.apps SET grace = '0' WHERE app_key = 'shop';
INSERT INTO known (app_key, label, secret) SELECT 'shop', 'second', idverify_rotate('shop');
SELECT pg_temp.live('shop'), pg_temp.states('shop');

--
-- A staged secret is in the way, unless the call itself says grace => '0'
--
INSERT INTO known (app_key, label, secret) SELECT 'shop', 'staged', idverify_stage('shop');
SELECT idverify_rotate('shop');  -- fail
SELECT idverify_rotate('shop', grace => '1 microsecond');  -- fail
SELECT pg_temp.live('shop'), pg_temp.states('shop');
INSERT INTO known (app_key, label, secret)
	SELECT 'shop', 'fourth', idverify_rotate('shop', grace => '0');
SELECT pg_temp.live('shop'), pg_temp.states('shop');

--
-- confirm: needed where the app says so, and never wrong
--
SELECT app_key FROM idverify_create_app('Careful', 'careful', confirm_rotation => true);
SELECT to_json(confirm) AS confirm,
	   pg_temp.outcome(format('SELECT idverify_rotate(%L, %L)', 'careful', confirm)) AS careful,
	   pg_temp.outcome(format('SELECT idverify_rotate(%L, %L)', 'web', confirm)) AS web
  FROM unnest(ARRAY[NULL, 'ROTATE', 'rotate', 'Rotate', '', ' ROTATE', 'ROTATE ',
	E'ROTATE\n', 'ROTATED', 'yes', 'true', 'careful']) WITH ORDINALITY AS t(confirm, n)
 ORDER BY n;
SELECT pg_temp.states('careful');
SELECT idverify_rotate('careful');  -- fail
SELECT idverify_rotate('web', 'rotate');  -- fail
SELECT idverify_rotate('careful', grace => '0');  -- fail
SELECT idverify_rotate('careful', confirm => 'ROTATE', grace => '0') IS NOT NULL AS rotated;

--
-- An app that has lost its secrets gets a new one by rotating
--
DELETE FROM idverify.secrets
 WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'shop');
INSERT INTO known (app_key, label, secret) SELECT 'shop', 'new', idverify_rotate('shop');
SELECT pg_temp.live('shop'), pg_temp.states('shop');

-- rotating one app left the others alone
SELECT app_key, count(*) AS secrets FROM idverify.secrets JOIN idverify.apps ON id = app_id
 GROUP BY app_key ORDER BY app_key;
SELECT idverify_rotate('nobody');  -- fail

DELETE FROM idverify.apps WHERE app_key IN ('web', 'shop', 'grace', 'careful');
SELECT count(*) AS left_over FROM idverify.secrets;

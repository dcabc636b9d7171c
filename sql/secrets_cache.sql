--
-- The cache of opened secrets: what is kept, and under what key
--
-- What becomes of it when something changes is in specs/secrets_cache_*.spec.
--
\set VERBOSITY terse

-- from pgcrypto, an implementation that is not ours
CREATE FUNCTION signed(value text, secret text DEFAULT '0123456789abcdef0123456789abcdef')
	RETURNS text LANGUAGE sql
	RETURN encode(hmac(value::bytea, secret::bytea, 'sha256'), 'hex');

--
-- The tables are read when an app is first asked for, not each time.
--
-- "Rarely" and not "once": an autovacuum that comes by makes every backend read
-- them again.
--
CREATE FUNCTION ask_often(app_key text, user_hash text, OUT yes int, OUT reads_rarely boolean)
	LANGUAGE plpgsql
AS $$
DECLARE
	reads CONSTANT text := $q$
		SELECT sum(pg_stat_get_xact_numscans(relation))
		FROM unnest('{idverify.apps, idverify.apps_app_key_key,
			idverify.secrets, idverify.secrets_pkey}'::regclass[]) AS relation $q$;
	before bigint;
	after bigint;
BEGIN
	EXECUTE reads INTO before;
	yes := 0;
	FOR i IN 1..1000 LOOP
		IF idverify_check(app_key, 'alice', user_hash) THEN
			yes := yes + 1;
		END IF;
	END LOOP;
	EXECUTE reads INTO after;
	reads_rarely := after - before BETWEEN 1 AND 50;
END
$$;

SELECT app_key FROM idverify_create_app('Web', 'cache-web', '0123456789abcdef0123456789abcdef');
SELECT app_key FROM idverify_create_app('Other', 'cache-other', '0123456789abcdef0123456789abcdef');
INSERT INTO idverify.apps (app_key, name) VALUES ('cache-bare', 'Bare');

SELECT user_hash, yes, reads_rarely
FROM (VALUES
	(1, 'a right one', 'cache-web', signed('alice')),
	(2, 'a wrong one', 'cache-other', signed('bob')),
	(3, 'for an app without a secret', 'cache-bare', signed('alice')),
	(4, 'for an app that does not exist', 'cache-none', signed('alice')),
	(5, 'for an app key that cannot exist', repeat('k', 1000), signed('alice'))
) AS questions(n, user_hash, app_key, hash), ask_often(app_key, hash)
ORDER BY n;

DELETE FROM idverify.apps;

--
-- App keys are compared whole, as bytes.
--

-- as long as they can be, in characters of one byte and of four
SELECT length(app_key), octet_length(app_key)
FROM (VALUES (repeat('k', 128)), (repeat('😀', 128))) AS keys(key),
	idverify_create_app('Long', key, '0123456789abcdef0123456789abcdef');

-- longer and shorter ones that begin alike are no apps, in whatever order
SELECT character, length, idverify_check(repeat(character, length), 'alice', signed('alice'))
FROM (VALUES ('k'), ('😀')) AS characters(character),
	(VALUES (1, 129), (2, 128), (3, 127), (4, 512), (5, 513), (6, 100000), (7, 128), (8, 0)) AS lengths(n, length)
ORDER BY character COLLATE "C", n;

DELETE FROM idverify.apps;

-- two keys of one hash value, found by trying many
SELECT hashtext('web-149725') = hashtext('web-161207') AS collide;
SELECT app_key FROM idverify_create_app('One', 'web-149725', '0123456789abcdef0123456789abcdef');
SELECT idverify_check('web-149725', 'alice', signed('alice')) AS one,
	idverify_check('web-161207', 'alice', signed('alice')) AS none;
SELECT app_key FROM idverify_create_app('Two', 'web-161207', 'fedcba9876543210fedcba9876543210');
SELECT app_key,
	idverify_check(app_key, 'alice', signed('alice')) AS one,
	idverify_check(app_key, 'alice', signed('alice', 'fedcba9876543210fedcba9876543210')) AS two
FROM (VALUES ('web-149725'), ('web-161207')) AS keys(app_key);

DELETE FROM idverify.apps;
--
-- idverify.cache_size says how much is kept, and may change at any time.
--
-- Apps are asked for in turn, whether they exist or not: how many of them are read
-- again?  The least of three times counts, for an autovacuum that comes by.
--
CREATE FUNCTION read_again(apps int) RETURNS text LANGUAGE plpgsql
AS $$
DECLARE
	reads bigint;
	least_reads bigint;
BEGIN
	FOR round IN 0..3 LOOP
		reads := pg_stat_get_xact_numscans('idverify.apps_app_key_key'::regclass);
		PERFORM idverify_check('cache-' || n, 'alice', repeat('0', 64)) FROM generate_series(1, apps) AS n;
		reads := pg_stat_get_xact_numscans('idverify.apps_app_key_key'::regclass) - reads;
		IF round > 0 THEN
			least_reads := least(least_reads, reads);
		END IF;
	END LOOP;
	RETURN CASE WHEN least_reads > apps / 2 THEN 'most' WHEN least_reads > 0 THEN 'some' ELSE 'none' END;
END
$$;

SELECT count(idverify_create_app('One of many', 'cache-' || n)) FROM generate_series(1, 500) AS n;
SELECT set_config('idverify.cache_size', size, false) AS size, apps, read_again(apps),
	(SELECT sum(total_bytes) FROM pg_backend_memory_contexts WHERE name = 'idverify apps') <= pg_size_bytes(size) AS bounded
FROM (VALUES
	(1, '2MB', 2000),
	(2, '2MB', 10000),
	(3, '16MB', 10000),
	(4, '2MB', 10000),
	(5, '2MB', 500)) AS sizes(n, size, apps)
ORDER BY n;

-- nor more where app keys have another length than those that make room
SELECT count(*) FILTER (WHERE idverify_check(repeat('k', 100) || n, 'alice', repeat('0', 64))) AS right,
	(SELECT sum(total_bytes) FROM pg_backend_memory_contexts WHERE name = 'idverify apps') <= pg_size_bytes('2MB') AS bounded
FROM generate_series(1, 10000) AS n;

-- an app with all the secrets that one can have leaves room for others
SELECT app_key FROM idverify_create_app('With many secrets', 'cache-big', '0123456789abcdef0123456789abcdef');
SELECT count(idverify_add_signer('cache-big', repeat('😀', 60) || n)) FROM generate_series(1, 63) AS n;
SELECT idverify_check('cache-big', 'alice', signed('alice')) AS big, read_again(2000);

-- whose business it is
CREATE ROLE regress_visitor;
SET ROLE regress_visitor;
SET idverify.cache_size = '1GB';
RESET ROLE;
DROP ROLE regress_visitor;
\set VERBOSITY sqlstate
SET idverify.cache_size = '1MB';  -- fail
\set VERBOSITY terse
SHOW idverify.cache_size;
RESET idverify.cache_size;
SHOW idverify.cache_size;

DELETE FROM idverify.apps;

--
-- Where a row is found is remembered, too.  After the index has changed, what
-- changes next is noticed none the less.
--
SELECT app_key FROM idverify_create_app('Web', 'cache-web', '0123456789abcdef0123456789abcdef');
SELECT idverify_check('cache-web', 'alice', signed('alice')) AS current;
ALTER INDEX idverify.apps_app_key_key SET (fillfactor = 90);
ALTER INDEX idverify.secrets_pkey SET (fillfactor = 90);
UPDATE idverify.secrets SET state = 'previous', expires_at = '-infinity';
SELECT idverify_check('cache-web', 'alice', signed('alice')) AS expired;
ALTER INDEX idverify.apps_app_key_key RESET (fillfactor);
ALTER INDEX idverify.secrets_pkey RESET (fillfactor);

DELETE FROM idverify.apps;
DROP FUNCTION read_again(int);
DROP FUNCTION ask_often(text, text);
DROP FUNCTION signed(text, text);

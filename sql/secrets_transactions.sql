--
-- Transactions: what is rolled back has not happened
--
-- A secret that was minted in a transaction verifies in it at once.  Rolled
-- back, in a subtransaction too, it leaves everything as it was: in the tables
-- and in what this session remembers of them.  A read-only transaction can ask,
-- and cannot change a thing.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE TEMPORARY TABLE known (
	n integer GENERATED ALWAYS AS IDENTITY, label text, secret text);

-- which of the secrets that we know verify now
CREATE FUNCTION pg_temp.live() RETURNS text LANGUAGE sql
	RETURN (SELECT string_agg(label, ', ' ORDER BY n) FROM known
			 WHERE idverify_check('web', 'alice',
				encode(hmac('alice'::bytea, secret::bytea, 'sha256'), 'hex')));

-- everything that there is in the tables
CREATE FUNCTION pg_temp.contents() RETURNS text LANGUAGE sql
	RETURN (SELECT string_agg(row::text, E'\n' ORDER BY row::text)
			  FROM (SELECT a::text FROM idverify.apps a
					 UNION ALL SELECT s::text FROM idverify.secrets s) AS t(row));

-- An app with two previous secrets, one of them expired.  Every call below can
-- be made on it, one by one.
INSERT INTO known (label, secret)
	SELECT 'first', identity_secret FROM idverify_create_app('Web', 'web', revealable => true);
INSERT INTO known (label, secret) SELECT 'second', idverify_rotate('web', grace => '0');
INSERT INTO known (label, secret) SELECT 'third', idverify_rotate('web');
SELECT pg_temp.live();
CREATE TEMPORARY TABLE calls (n integer GENERATED ALWAYS AS IDENTITY, call text);
INSERT INTO calls (call) VALUES
	('idverify_create_app(''Another'')'),
	('idverify_create_app(''Another'', ''another'', ''0123456789abcdef'')'),
	('idverify_rotate()'),
	('idverify_rotate(''web'')'),
	('idverify_rotate(''web'', grace => ''0'')'),
	('idverify_stage(''web'')'),
	('(idverify_stage(''web''), idverify_promote(''web''))'),
	('(idverify_stage(''web''), idverify_promote(''web'', ''0''))'),
	('idverify_revoke(''web'')'),
	('idverify_purge()'),
	('idverify_rekey()');

--
-- Rolled back in a subtransaction
--
CREATE FUNCTION pg_temp.undone(call text, OUT did_something boolean,
							   OUT as_before boolean, OUT verify text)
LANGUAGE plpgsql AS $$
DECLARE
	contents text := pg_temp.contents();
	result text;
BEGIN
	BEGIN
		EXECUTE 'SELECT ' || call INTO result;
		did_something := pg_temp.contents() <> contents;
		PERFORM pg_temp.live();
		RAISE 'undo';
	EXCEPTION WHEN raise_exception THEN
		as_before := pg_temp.contents() = contents;
		verify := pg_temp.live();
	END;
END $$;
SELECT call, did_something, as_before, verify
  FROM calls, pg_temp.undone(call) ORDER BY n;

-- savepoints: what was done before one stays, what came after it goes
BEGIN;
INSERT INTO known (label, secret) SELECT 'kept', idverify_rotate('web');
SAVEPOINT one;
INSERT INTO known (label, secret) SELECT 'undone', idverify_rotate('web', grace => '0');
SELECT secret AS undone FROM known WHERE label = 'undone' \gset
SELECT pg_temp.live();
ROLLBACK TO one;
SELECT pg_temp.live();
SELECT idverify_revoke('web');
SELECT pg_temp.live();
ROLLBACK TO one;
SELECT pg_temp.live();
SAVEPOINT two;
INSERT INTO known (label, secret) SELECT 'staged', idverify_stage('web');
RELEASE two;
SELECT pg_temp.live();
COMMIT;
SELECT pg_temp.live();
INSERT INTO known (label, secret) VALUES ('undone', :'undone');
SELECT pg_temp.live();
SELECT string_agg(generation || ' ' || state, ', ' ORDER BY generation) FROM idverify.secrets;

--
-- Rolled back as a whole
--
SELECT pg_temp.contents() AS contents \gset
BEGIN;
INSERT INTO known (label, secret) SELECT 'lost', idverify_rotate('web', grace => '0');
SELECT secret AS lost FROM known WHERE label = 'lost' \gset
SELECT pg_temp.live();
ROLLBACK;
INSERT INTO known (label, secret) VALUES ('lost', :'lost');
SELECT pg_temp.live(), pg_temp.contents() = :'contents' AS as_before;
BEGIN;
SELECT idverify_promote('web', '0');
SELECT idverify_purge();
SELECT pg_temp.live();
ROLLBACK;
SELECT pg_temp.live(), pg_temp.contents() = :'contents' AS as_before;
BEGIN;
SELECT idverify_revoke('web');
SELECT 1 / 0;  -- fail
COMMIT;
SELECT pg_temp.live(), pg_temp.contents() = :'contents' AS as_before;

-- an app that was never committed never was
BEGIN;
SELECT app_key FROM idverify_create_app('Brief', 'brief');
SELECT idverify_verdict('brief', 'alice', NULL, NULL);
ROLLBACK;
SELECT idverify_verdict('brief', 'alice', NULL, NULL);
BEGIN;
DELETE FROM idverify.apps WHERE app_key = 'web';
SELECT idverify_verdict('web', 'alice', NULL, NULL);
ROLLBACK;
SELECT idverify_verdict('web', 'alice', NULL, NULL);

--
-- At once: a rotation counts from the very statement that calls it
--
BEGIN;
SELECT encode(hmac('alice'::bytea, secret::bytea, 'sha256'), 'hex') AS third
  FROM known WHERE label = 'third' \gset
SELECT idverify_check('web', 'alice', :'third') AS before,
	   idverify_promote('web', '0') IS NULL AS promoted,
	   idverify_check('web', 'alice', :'third') AS after;
ROLLBACK;

-- in every isolation level
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT pg_temp.live();
SELECT idverify_promote('web', '0');
SELECT pg_temp.live();
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pg_temp.live();
SELECT idverify_revoke('web');
SELECT pg_temp.live();
COMMIT;
SELECT pg_temp.live();

--
-- A read-only transaction can ask, and cannot change a thing
--
CREATE FUNCTION pg_temp.outcome(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
BEGIN READ ONLY;
SELECT call, pg_temp.outcome('SELECT ' || call) FROM calls ORDER BY n;
SELECT call, pg_temp.outcome('SELECT ' || call)
  FROM unnest(ARRAY[
	'idverify_promote(''web'')',
	'idverify_check(''web'', ''alice'', repeat(''0'', 64))',
	'idverify_verdict(''web'', ''alice'', NULL, repeat(''0'', 64))',
	'idverify_mask(''web'')',
	'idverify_sign(''web'', ''alice'')',
	'idverify_reveal(''web'')',
	'app_status FROM idverify.app_status']) AS call;
SELECT pg_temp.live();
SELECT idverify_rotate('web');  -- fail
ROLLBACK;
SET default_transaction_read_only = on;
SELECT idverify_purge();  -- fail
RESET default_transaction_read_only;

DELETE FROM idverify.apps WHERE app_key = 'web';
SELECT count(*) AS left_over FROM idverify.secrets;

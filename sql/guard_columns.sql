--
-- idverify_guard(): the columns that it looks after, and the trigger it must be
--
-- Columns have the names of their roles, or those that the trigger's arguments
-- give them.  What does not fit is an error that names it, at the first row.
--
\set VERBOSITY terse
\pset null -
SELECT app_key FROM idverify_create_app('Shop', 'shop', 'one secret for all of them', 'accept');
CREATE FUNCTION pg_temp.hash(value text) RETURNS text LANGUAGE sql
	RETURN encode(hmac(convert_to(value, 'UTF8'), 'one secret for all of them', 'sha256'), 'hex');

-- What comes of a row in a table of these columns, with these arguments?
CREATE FUNCTION pg_temp.try(columns text, arguments text, row_given text,
							kind text DEFAULT 'BEFORE INSERT OR UPDATE', each text DEFAULT 'ROW')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('CREATE TABLE people (%s)', columns);
	EXECUTE format('CREATE TRIGGER zz_guard %s ON people FOR EACH %s EXECUTE FUNCTION idverify_guard(%s)',
				   kind, each, arguments);
	EXECUTE format('INSERT INTO people VALUES (%s)', row_given);
	EXECUTE 'SELECT string_agg(people::text, '' '') FROM people' INTO result;
	DROP TABLE people;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

\set columns 'app_key text, external_id text, email text, user_hash text, is_verified boolean'
\set alice '\'shop\', \'alice\', \'a@x.org\', pg_temp.hash(\'alice\')'

-- arguments
SELECT arguments, pg_temp.try('a text, x text, m text, h text, v boolean', arguments, :'alice')
  FROM (VALUES
	(1,  '''app_key=a'', ''external_id=x'', ''email=m'', ''user_hash=h'', ''is_verified=v'''),
	(2,  '''is_verified=v'', ''user_hash=h'', ''email='', ''external_id=x'', ''app_key=a'''),
	(3,  '''is_verified=v'', ''user_hash=h'', ''external_id='', ''email=x'', ''app_key=a'''),
	(4,  ''),
	(5,  '''app_key=a'''),
	(6,  '''app_key=a'', ''external_id=x'''),
	(7,  '''app_key=a'', ''external_id=x'', ''email=m'''),
	(8,  '''app_key=a'', ''external_id=x'', ''email=m'', ''user_hash=h'''),
	(9,  '''app_key=a'', ''external_id=X'', ''email=m'', ''user_hash=h'', ''is_verified=v'''),
	(10, '''app_key=ctid'''),
	(11, '''external_id'''),
	(12, '''external_id '', ''=x'''),
	(13, '''=x'''),
	(14, '''id=x'''),
	(15, '''External_ID=x'''),
	(16, '''email=m'', ''email=x'''),
	(17, '''app_key='''),
	(18, '''user_hash='''),
	(19, '''is_verified='''),
	(20, '''external_id='', ''email='''),
	(21, '''app_key=a'', ''external_id=x'', ''email=x'''),
	(22, '''app_key=a'', ''external_id=x'', ''email=m'', ''user_hash=m''')) AS t(n, arguments)
 ORDER BY n;

-- what is missing and what is of another type, with all that is said
CREATE TABLE people (app_key text, email integer, user_hash text, is_verified boolean);
CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON people
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();
\set VERBOSITY default
INSERT INTO people DEFAULT VALUES;  -- fail
ALTER TABLE people ADD external_id text;
INSERT INTO people DEFAULT VALUES;  -- fail
ALTER TABLE people ALTER email TYPE text, DROP user_hash;
INSERT INTO people DEFAULT VALUES;  -- fail
ALTER TABLE people ADD user_hash text GENERATED ALWAYS AS (email) STORED;
INSERT INTO people DEFAULT VALUES;  -- fail
\set VERBOSITY terse
DROP TABLE people;

-- types; blanks that a type pads with are not part of a value
CREATE EXTENSION citext;
CREATE DOMAIN regress_short AS varchar(20);
CREATE DOMAIN regress_id AS regress_short CHECK (VALUE <> 'mallory');
CREATE DOMAIN regress_flag AS boolean;
SELECT columns, pg_temp.try(columns, '', row_given)
  FROM (VALUES
	(1,  'app_key varchar, external_id varchar(20), email citext, user_hash varchar(64), is_verified bool', :'alice'),
	(2,  'app_key citext, external_id citext, email citext, user_hash citext, is_verified bool', :'alice'),
	(3,  'app_key char(8), external_id char(8), email char(8), user_hash char(64), is_verified bool', :'alice'),
	(4,  'app_key char(8), external_id char(8), email char(8), user_hash char(70), is_verified bool', :'alice'),
	(5,  'app_key regress_short, external_id regress_id, email regress_short, user_hash text, is_verified regress_flag', :'alice'),
	(6,  'app_key text, external_id text, email text, user_hash text, is_verified text', 'NULL, NULL, NULL, NULL, NULL'),
	(7,  'app_key text, external_id text, email text, user_hash bytea, is_verified boolean', 'NULL, NULL, NULL, NULL, NULL'),
	(8,  'app_key text, external_id name, email text, user_hash text, is_verified boolean', 'NULL, NULL, NULL, NULL, NULL'),
	(9,  'app_key text, external_id text, email text[], user_hash text, is_verified boolean', 'NULL, NULL, NULL, NULL, NULL'),
	(10, 'app_key "char", external_id text, email text, user_hash text, is_verified boolean', 'NULL, NULL, NULL, NULL, NULL')) AS t(n, columns, row_given)
 ORDER BY n;
SELECT pg_temp.try('app_key text, external_id char(8), email text, user_hash char(64), is_verified bool', '',
				   $$'shop', '', 'a@x.org', pg_temp.hash('a@x.org')$$) AS "blank external_id";

-- what the guard puts in obeys the constraints of its column, a domain's too
CREATE DOMAIN regress_needed AS text NOT NULL;
CREATE DOMAIN regress_yes AS boolean CHECK (VALUE);
UPDATE idverify.apps SET on_unverified = 'drop';
SELECT columns, pg_temp.try(columns, '', $$'shop', 'alice', 'a@x.org', 'x', true$$)
  FROM (VALUES
	(1, :'columns'),
	(2, 'app_key text, external_id text NOT NULL, email text, user_hash text, is_verified boolean'),
	(3, 'app_key text, external_id regress_needed, email text, user_hash text, is_verified boolean'),
	(4, 'app_key text, external_id text, email text, user_hash regress_needed, is_verified boolean'),
	(5, 'app_key text, external_id text, email text, user_hash text, is_verified regress_yes'),
	(6, 'app_key text, external_id text, email text, user_hash text, is_verified boolean CHECK (is_verified)')) AS t(n, columns)
 ORDER BY n;
UPDATE idverify.apps SET on_unverified = 'accept';

-- the one kind of trigger that nothing slips past
SELECT kind, each, pg_temp.try(:'columns', '', :'alice', kind, each)
  FROM (VALUES
	(1, 'BEFORE INSERT OR UPDATE', 'ROW'),
	(2, 'BEFORE INSERT OR UPDATE', 'STATEMENT'),
	(3, 'AFTER INSERT OR UPDATE', 'ROW'),
	(4, 'AFTER INSERT OR UPDATE', 'STATEMENT'),
	(5, 'BEFORE INSERT', 'ROW'),
	(6, 'BEFORE INSERT OR UPDATE OF user_hash', 'ROW'),
	(7, 'BEFORE INSERT OR UPDATE OR DELETE', 'ROW')) AS t(n, kind, each)
 ORDER BY n;
CREATE TABLE people (app_key text, external_id text, email text, user_hash text, is_verified boolean);
CREATE TRIGGER bad_delete BEFORE DELETE ON people FOR EACH ROW EXECUTE FUNCTION idverify_guard();
CREATE TRIGGER bad_truncate BEFORE TRUNCATE ON people EXECUTE FUNCTION idverify_guard();
CREATE TRIGGER bad_update BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION idverify_guard();
INSERT INTO people VALUES ('shop');
\set VERBOSITY default
UPDATE people SET app_key = 'web';  -- fail
\set VERBOSITY terse
DELETE FROM people;  -- fail
TRUNCATE people;  -- fail
CREATE VIEW persons AS SELECT * FROM people;
CREATE TRIGGER bad_view INSTEAD OF INSERT OR UPDATE ON persons FOR EACH ROW EXECUTE FUNCTION idverify_guard();
INSERT INTO persons VALUES ('shop');  -- fail
DROP TABLE people CASCADE;

-- columns come and go, in a session that has seen the table before
CREATE TABLE people (gone integer, app_key text, went text, email text, is_verified boolean, user_hash text);
CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON people
	FOR EACH ROW EXECUTE FUNCTION idverify_guard('external_id=');
PREPARE join_in AS INSERT INTO people (app_key, email, user_hash)
	VALUES ('shop', 'a@x.org', pg_temp.hash('a@x.org')) RETURNING email, user_hash, is_verified;
EXECUTE join_in;
ALTER TABLE people DROP gone, DROP went;
EXECUTE join_in;
ALTER TABLE people DROP is_verified, ADD extra text DEFAULT 'x', ADD is_verified boolean DEFAULT true;
EXECUTE join_in;
UPDATE people SET is_verified = true;
SELECT * FROM people;
ALTER TABLE people RENAME email TO mail;
EXECUTE join_in;  -- fail
CREATE OR REPLACE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON people
	FOR EACH ROW EXECUTE FUNCTION idverify_guard('external_id=', 'email=mail');
INSERT INTO people (app_key, mail) VALUES ('shop', 'b@x.org') RETURNING *;
CREATE OR REPLACE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON people
	FOR EACH ROW EXECUTE FUNCTION idverify_guard('email=mail', 'external_id=........pg.dropped.3........');
INSERT INTO people (app_key, mail) VALUES ('shop', 'b@x.org');  -- fail
DEALLOCATE join_in;

DROP TABLE people;
DROP EXTENSION citext;
DROP DOMAIN regress_id, regress_short, regress_flag, regress_needed, regress_yes;
-- An app_key of a number or uuid, by what goes before it
SELECT app_key FROM unnest('{account_42,account_-7,account_0b2a7c1e-0000-4000-8000-000000000001,42}'::text[]) key,
	idverify_create_app(key, key, 'one secret for all of them', 'accept');
CREATE TABLE numbered (app_key text, external_id text, email text, name text, user_hash text, is_verified boolean);
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON numbered
	FOR EACH ROW EXECUTE FUNCTION idverify_guard('app_prefix=account_');
CREATE FUNCTION pg_temp.insert_of(type regtype, app text, OUT key text, OUT verified boolean, OUT error text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('ALTER TABLE numbered ALTER app_key TYPE %s USING NULL', type);
	EXECUTE format('INSERT INTO numbered VALUES (%L, ''alice'', NULL, NULL, $1) ON CONFLICT DO NOTHING RETURNING app_key, is_verified', app)
		INTO key, verified USING encode(hmac('alice', 'one secret for all of them', 'sha256'), 'hex');
	UPDATE numbered SET name = 'Al', external_id = 'bob' WHERE app_key IS NOT NULL;
	verified := verified AND (SELECT NOT is_verified FROM numbered WHERE app_key IS NOT NULL);
	DELETE FROM numbered;
EXCEPTION WHEN OTHERS THEN
	error := SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT type, app, i.* FROM (VALUES
	(1, 'integer'::regtype, '42'), (2, 'integer', '43'), (3, 'bigint', '-7'), (4, 'uuid', '0B2A7C1E-0000-4000-8000-000000000001'),
	(5, 'text', '42'), (6, 'numeric', '42'), (7, 'boolean', 't'), (8, 'smallint', '42')) AS t(n, type, app),
	pg_temp.insert_of(type, app) i ORDER BY n;
-- ... which an empty text is, too, but not nothing
ALTER TABLE numbered ALTER app_key TYPE bigint USING NULL;
DROP TRIGGER guard ON numbered;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON numbered FOR EACH ROW EXECUTE FUNCTION idverify_guard('app_prefix=');
INSERT INTO numbered VALUES (42, 'alice', NULL, NULL, encode(hmac('alice', 'one secret for all of them', 'sha256'), 'hex')) RETURNING is_verified;
DROP TRIGGER guard ON numbered;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON numbered FOR EACH ROW EXECUTE FUNCTION idverify_guard();
INSERT INTO numbered VALUES (42, 'alice');  -- fail
DROP TRIGGER guard ON numbered;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON numbered FOR EACH ROW EXECUTE FUNCTION idverify_guard('app_prefix=a', 'app_prefix=b');
INSERT INTO numbered VALUES (42, 'alice');  -- fail
DROP TABLE numbered;

DELETE FROM idverify.apps;

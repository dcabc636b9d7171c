--
-- idverify_guard(): every way into a table leads past it
--
-- COPY, INSERT of many rows or of a query, UPDATE FROM, MERGE, partitions; and
-- the ways around it that are the table owner's own: inheritance, triggers
-- that run later, session_replication_role.
--
\set VERBOSITY terse
\pset null -
CREATE ROLE regress_guard_app;
SELECT app_key FROM unnest('{accept,drop,reject}'::text[]) policy,
	idverify_create_app(policy, policy, 'one secret for all of them',
						policy::idverify.claim_policy);
CREATE FUNCTION hash(value text) RETURNS text LANGUAGE sql
	RETURN encode(hmac(convert_to(value, 'UTF8'), 'one secret for all of them', 'sha256'), 'hex');
GRANT EXECUTE ON FUNCTION hash, hmac(bytea, bytea, text) TO regress_guard_app;
CREATE TABLE contacts (
	app_key		text,
	external_id	text,
	email		text,
	name		text,
	user_hash	text,
	is_verified	boolean,
	label		text GENERATED ALWAYS AS (external_id || CASE WHEN is_verified THEN '!' ELSE '?' END) STORED
);
CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON contacts
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();
GRANT SELECT, INSERT, UPDATE ON contacts TO regress_guard_app;
SET ROLE regress_guard_app;

-- COPY; the hash of alice
COPY contacts (app_key, external_id, user_hash, is_verified) FROM stdin;
accept	alice	e550d21ec543694055216cdca02061157a3df961bf4bb31924482a7917978c00	f
accept	bob	e550d21ec543694055216cdca02061157a3df961bf4bb31924482a7917978c00	t
drop	carol	\N	t
\.
SELECT * FROM contacts ORDER BY external_id;
RESET ROLE;
TRUNCATE contacts;
SET ROLE regress_guard_app;

-- many rows
INSERT INTO contacts (app_key, external_id, user_hash, is_verified) VALUES
	('accept', 'alice', hash('alice'), false),
	('accept', 'bob', hash('alice'), true),
	('nosuch', 'carol', hash('carol'), true),
	('drop', 'dave', hash('dave'), NULL)
	RETURNING app_key, external_id, user_hash, is_verified, label;

-- all or none, where one is rejected
INSERT INTO contacts (app_key, external_id, user_hash) VALUES
	('reject', 'erin', hash('erin')), ('reject', 'frank', 'x');  -- fail

-- a query's rows, and a change of rows by a query's
INSERT INTO contacts (app_key, external_id, user_hash, is_verified)
	SELECT 'drop', 'visitor ' || n, CASE WHEN n % 2 = 0 THEN hash('visitor ' || n) END, true
	  FROM generate_series(1, 1000) n;
SELECT is_verified, count(*), count(external_id), count(user_hash)
  FROM contacts WHERE app_key = 'drop' GROUP BY 1 ORDER BY 1;
UPDATE contacts c SET name = v.name, external_id = v.external_id, user_hash = v.user_hash
  FROM (VALUES ('alice', 'Al', 'al', hash('al')), ('dave', 'Dave', 'root', NULL))
		AS v(was, name, external_id, user_hash)
 WHERE c.external_id = v.was
RETURNING c.app_key, c.external_id, c.name, c.user_hash, c.is_verified, c.label;

MERGE INTO contacts c
	USING (VALUES ('al', hash('al')), ('bob', hash('bob')), ('gina', hash('gina')), ('hugo', NULL))
		AS v(external_id, user_hash)
	ON c.app_key = 'accept' AND c.external_id = v.external_id
	WHEN MATCHED THEN UPDATE SET user_hash = v.user_hash, name = 'merged', is_verified = false
	WHEN NOT MATCHED THEN INSERT (app_key, external_id, user_hash, is_verified)
		VALUES ('accept', v.external_id, v.user_hash, true);
SELECT * FROM contacts WHERE app_key = 'accept' ORDER BY external_id;
RESET ROLE;
DROP TABLE contacts;

--
-- Partitions, whose columns are not in the same order
--
CREATE TABLE contacts (
	region text, app_key text, external_id text, email text, name text, user_hash text, is_verified boolean
) PARTITION BY LIST (region);
CREATE TABLE contacts_eu PARTITION OF contacts FOR VALUES IN ('eu');
CREATE TABLE contacts_us (is_verified boolean, user_hash text, gone text, email text, external_id text, app_key text,
						  name text, region text) PARTITION BY LIST (app_key);
ALTER TABLE contacts_us DROP gone;
ALTER TABLE contacts ATTACH PARTITION contacts_us FOR VALUES IN ('us');
CREATE TABLE contacts_us_rest PARTITION OF contacts_us DEFAULT;
CREATE TABLE contacts_us_drop (name text, gone text, region text, app_key text, external_id text, email text,
							   user_hash text, is_verified boolean);
ALTER TABLE contacts_us_drop DROP gone;
ALTER TABLE contacts_us ATTACH PARTITION contacts_us_drop FOR VALUES IN ('drop');
CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON contacts
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();
GRANT SELECT, INSERT, UPDATE ON contacts, contacts_us_drop TO regress_guard_app;
SET ROLE regress_guard_app;
INSERT INTO contacts (region, app_key, external_id, email, user_hash, is_verified)
	SELECT region, app_key, external_id || ' ' || region || ' ' || app_key, 'mail',
		   CASE external_id WHEN 'good' THEN hash(external_id || ' ' || region || ' ' || app_key) END, true
	  FROM unnest('{eu,us}'::text[]) region, unnest('{accept,drop}'::text[]) app_key,
		   unnest('{good,bad}'::text[]) external_id;
SELECT tableoid::regclass, * FROM contacts ORDER BY region, app_key, external_id;

-- A row that moves to another partition comes by as an UPDATE with or without
-- a hash and then as an INSERT without: it is what the UPDATE made of it.
UPDATE contacts SET region = CASE region WHEN 'us' THEN 'eu' ELSE 'us' END, name = 'moved';
SELECT tableoid::regclass, * FROM contacts ORDER BY region, app_key, external_id;
UPDATE contacts SET region = 'us', app_key = 'drop', external_id = 'new', user_hash = hash('new')
 WHERE external_id = 'good us accept'
RETURNING tableoid::regclass, *;
UPDATE contacts SET region = 'eu', external_id = 'newer' WHERE external_id = 'new'
RETURNING tableoid::regclass, *;
UPDATE contacts SET region = 'us', external_id = 'newest', user_hash = 'x' WHERE external_id = 'good eu accept'
RETURNING tableoid::regclass, *;

-- It passes once, and only it does: what comes after is judged.
DO $$ BEGIN
	UPDATE contacts SET region = 'us', name = 'moved again' WHERE external_id = 'new';
	INSERT INTO contacts (region, app_key, external_id, email, name, is_verified)
		SELECT region, app_key, external_id, email, 'forged', true FROM contacts WHERE external_id = 'new';
END $$;
-- ... nor does word of a row that did not move
DO $$ BEGIN
	UPDATE contacts SET name = 'stays' WHERE external_id = 'new';
	INSERT INTO contacts (region, app_key, external_id, email, name, is_verified)
		SELECT region, app_key, external_id, email, 'forged', true FROM contacts WHERE external_id = 'new';
END $$;
-- ... or of one whose move failed
DO $$ BEGIN
	BEGIN
		UPDATE contacts SET region = 'mars' WHERE external_id = 'new';
	EXCEPTION WHEN OTHERS THEN
		RAISE NOTICE '%', SQLERRM;
	END;
	INSERT INTO contacts (region, app_key, external_id, email, name, is_verified)
		SELECT region, app_key, external_id, email, 'forged', true FROM contacts WHERE external_id = 'new';
END $$;
-- ... not even where the transaction that follows counts from the start again
DO $$ BEGIN
	BEGIN
		UPDATE contacts SET region = 'mars' WHERE external_id = 'new';
	EXCEPTION WHEN OTHERS THEN
		RAISE NOTICE '%', SQLERRM;
	END;
	COMMIT;
	BEGIN
		INSERT INTO contacts (region, app_key, external_id, email, name, is_verified)
			SELECT region, app_key, external_id, email, 'forged', true FROM contacts WHERE external_id = 'new';
	EXCEPTION WHEN OTHERS THEN
		RAISE NOTICE '%', SQLERRM;
	END;
END $$;
-- ... or of one whose move was taken back
BEGIN;
SAVEPOINT moved;
UPDATE contacts SET region = CASE region WHEN 'us' THEN 'eu' ELSE 'us' END, name = 'back again' WHERE external_id = 'new';
ROLLBACK TO moved;
INSERT INTO contacts (region, app_key, external_id, email, name, is_verified)
	SELECT region, app_key, external_id, email, 'forged', true FROM contacts WHERE external_id = 'new';
COMMIT;
-- ... or of one whose move somebody's trigger changed its mind about
RESET ROLE;
CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.region := OLD.region; RETURN NEW; END';
CREATE TRIGGER zzz_stay BEFORE UPDATE ON contacts FOR EACH ROW EXECUTE FUNCTION stay();
SET ROLE regress_guard_app;
DO $$ BEGIN
	UPDATE contacts SET region = CASE region WHEN 'us' THEN 'eu' ELSE 'us' END WHERE external_id = 'new';
	INSERT INTO contacts (region, app_key, external_id, email, name, is_verified)
		SELECT region, app_key, external_id, email, 'forged', true FROM contacts WHERE external_id = 'new';
END $$;
RESET ROLE;
DROP FUNCTION stay() CASCADE;
-- ... or of one whose move somebody's trigger stopped: in this statement, another, or a part of one
RESET ROLE;
CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER stop BEFORE DELETE ON contacts FOR EACH ROW EXECUTE FUNCTION stop();
SET ROLE regress_guard_app;
BEGIN;
UPDATE contacts SET region = CASE region WHEN 'us' THEN 'eu' ELSE 'us' END WHERE external_id = 'new';
INSERT INTO contacts (region, app_key, external_id, email, name, is_verified)
	SELECT region, app_key, external_id, email, 'forged', true FROM contacts WHERE external_id = 'new';
COMMIT;
DO $$ BEGIN
	UPDATE contacts SET region = CASE region WHEN 'us' THEN 'eu' ELSE 'us' END WHERE external_id = 'new';
	INSERT INTO contacts (region, app_key, external_id, email, name, is_verified)
		SELECT region, app_key, external_id, email, 'forged', true FROM contacts WHERE external_id = 'new';
END $$;
DO $$ BEGIN
	UPDATE contacts SET region = CASE region WHEN 'us' THEN 'eu' ELSE 'us' END WHERE external_id = 'new';
	INSERT INTO contacts (region, app_key, external_id, email, name, is_verified)
		SELECT region, app_key, 'victim', email, 'forged', true FROM contacts WHERE external_id = 'new';
END $$;
WITH stopped AS (
	UPDATE contacts SET region = CASE region WHEN 'us' THEN 'eu' ELSE 'us' END WHERE external_id = 'new' RETURNING 1)
INSERT INTO contacts (region, app_key, external_id, email, name, is_verified)
	SELECT region, app_key, external_id, email, 'forged', true FROM contacts
	 WHERE external_id = 'new' AND NOT EXISTS (SELECT FROM stopped);
RESET ROLE;
-- ... nor is anything asked of a place that is gone
BEGIN;
UPDATE contacts SET region = CASE region WHEN 'us' THEN 'eu' ELSE 'us' END WHERE external_id = 'new';
TRUNCATE contacts;
INSERT INTO contacts (region, app_key, external_id, email, name, is_verified)
	VALUES ('us', 'drop', 'new', 'mail', 'forged', true) RETURNING external_id, is_verified;
ROLLBACK;
DROP FUNCTION stop() CASCADE;
-- Where somebody's trigger loses the row on its way, just that row may follow,
-- once, into no other table.
CREATE TABLE others (LIKE contacts) PARTITION BY LIST (region);
CREATE TABLE others_all PARTITION OF others DEFAULT;
CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON others
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();
CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER lose BEFORE INSERT ON contacts FOR EACH ROW WHEN (NEW.name = 'lost') EXECUTE FUNCTION lose();
GRANT SELECT, INSERT ON others TO regress_guard_app;
SET ROLE regress_guard_app;
DO $$ BEGIN
	UPDATE contacts SET region = CASE region WHEN 'us' THEN 'eu' ELSE 'us' END, name = 'lost' WHERE external_id = 'good us drop';
	INSERT INTO contacts (region, app_key, external_id, email, name, is_verified) VALUES
		('us', 'drop', 'victim', 'mail', 'not it', true);
	INSERT INTO others (region, app_key, external_id, email, name, is_verified) VALUES
		('us', 'drop', 'good us drop', 'mail', 'elsewhere', true);
	INSERT INTO contacts (region, app_key, external_id, email, name, is_verified) VALUES
		('us', 'drop', 'good us drop', 'mail', 'follows', true),
		('us', 'drop', 'good us drop', 'mail', 'follows twice', true);
END $$;
SELECT name, external_id, is_verified FROM others;
SELECT name, external_id, is_verified FROM contacts
 WHERE external_id = 'good us drop' OR name IN ('not it', 'follows twice') ORDER BY name;
RESET ROLE;
DROP TABLE others;
DROP FUNCTION lose() CASCADE;
SET ROLE regress_guard_app;
SELECT name, external_id, email, is_verified FROM contacts
 WHERE name IN ('moved again', 'stays', 'forged') ORDER BY name;

-- a partition is a table, too
INSERT INTO contacts_us_drop (region, app_key, external_id, user_hash) VALUES
	('us', 'drop', 'direct', hash('direct')), ('us', 'drop', 'forged', 'x')
	RETURNING *;
RESET ROLE;
DROP TABLE contacts;

-- Another row may take the place of one whose move failed, and move away.
CREATE TABLE contacts (region text, app_key text, external_id text, email text, name text, user_hash text, is_verified boolean)
	PARTITION BY LIST (region);
CREATE TABLE contacts_eu PARTITION OF contacts FOR VALUES IN ('eu');
CREATE TABLE contacts_us PARTITION OF contacts FOR VALUES IN ('us');
CREATE INDEX ON contacts (name);
CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON contacts
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();
GRANT SELECT, INSERT, UPDATE ON contacts TO regress_guard_app;
SET ROLE regress_guard_app;
INSERT INTO contacts (region, app_key, external_id, user_hash) VALUES ('eu', 'drop', 'alice', hash('alice'));
UPDATE contacts SET region = 'mars';  -- fail
UPDATE contacts SET name = 'stays';
RESET ROLE;
VACUUM (INDEX_CLEANUP ON) contacts_eu;
SET ROLE regress_guard_app;
INSERT INTO contacts (region, app_key, name) VALUES ('eu', 'drop', 'takes the place');
BEGIN;
UPDATE contacts SET region = 'us' WHERE name = 'takes the place';
INSERT INTO contacts (region, app_key, external_id, name, is_verified) VALUES ('us', 'drop', 'alice', 'forged', true);
COMMIT;
-- Rows move, too, that this transaction itself has locked before.
BEGIN;
SELECT name FROM contacts WHERE name = 'stays' FOR KEY SHARE;
SAVEPOINT moved;
UPDATE contacts SET region = 'us', name = 'moved' WHERE name = 'stays';
COMMIT;
SELECT name, external_id, is_verified FROM contacts ORDER BY name;
RESET ROLE;
DROP TABLE contacts;

--
-- What is the table owner's own to see to
--
CREATE TABLE contacts (app_key text, external_id text, email text, user_hash text, is_verified boolean);
CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON contacts
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();

-- a child inherits no trigger
CREATE TABLE child () INHERITS (contacts);
INSERT INTO child VALUES ('accept', 'alice', NULL, 'x', true) RETURNING *;
CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON child
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();
INSERT INTO child VALUES ('accept', 'bob', NULL, 'x', true) RETURNING *;
DROP TABLE child;

-- triggers run in the order of their names: what comes earlier is judged, what
-- comes later has the last word
CREATE FUNCTION vouch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.external_id := lower(NEW.external_id);
	NEW.is_verified := true;
	RETURN NEW;
END $$;
CREATE TRIGGER aa_vouch BEFORE INSERT OR UPDATE ON contacts FOR EACH ROW EXECUTE FUNCTION vouch();
INSERT INTO contacts VALUES ('accept', 'ALICE', NULL, hash('alice')), ('accept', 'BOB', NULL, NULL) RETURNING *;
ALTER TRIGGER aa_vouch ON contacts RENAME TO zzz_vouch;
INSERT INTO contacts VALUES ('accept', 'carol') RETURNING *;
DROP TRIGGER zzz_vouch ON contacts;
DROP FUNCTION vouch();
TRUNCATE contacts;

-- a replica stores what the origin decided, unless told otherwise
SET session_replication_role = replica;
INSERT INTO contacts VALUES ('drop', 'alice', NULL, NULL, true) RETURNING *;
ALTER TABLE contacts ENABLE ALWAYS TRIGGER zz_guard;
INSERT INTO contacts VALUES ('drop', 'alice', NULL, NULL, true) RETURNING *;
RESET session_replication_role;

DROP TABLE contacts;
DROP FUNCTION hash(text);
DELETE FROM idverify.apps;
DROP OWNED BY regress_guard_app;
DROP ROLE regress_guard_app;

--
-- idverify_fold(), idverify_unfold(): rows that triggers change on the way, and
-- tables that have changed in between
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA changed;
SET search_path = changed, public;
CREATE TABLE people (id integer PRIMARY KEY, name text);
INSERT INTO people SELECT n FROM generate_series(1, 9) n;

--
-- A duplicate is dropped as it is when what pointed to it has moved: here a
-- trigger counts that
--
CREATE TABLE talks (id integer PRIMARY KEY, person integer REFERENCES people, channel text, messages integer DEFAULT 0, UNIQUE (person, channel));
CREATE TABLE messages (id integer PRIMARY KEY, talk integer REFERENCES talks);
CREATE FUNCTION count_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE changed.talks SET messages = messages - 1 WHERE id = OLD.talk;
	UPDATE changed.talks SET messages = messages + 1 WHERE id = NEW.talk;
	RETURN NULL;
END $$;
CREATE TRIGGER counts AFTER UPDATE OF talk ON messages FOR EACH ROW EXECUTE FUNCTION count_messages();
INSERT INTO talks VALUES (1, 1, 'mail', 2), (2, 2, 'mail', 1), (3, 1, 'chat', 0), (4, 2, 'chat', 0), (5, 1, 'phone', 1);
INSERT INTO messages VALUES (1, 1), (2, 1), (3, 2), (4, 5);
SELECT relation, moved, dropped FROM idverify_fold(1, 2, 'people') ORDER BY relation::text;
TABLE talks ORDER BY id;
SELECT relation, moved, restored FROM idverify_unfold((SELECT max(id) FROM idverify.folds)) ORDER BY relation::text;
TABLE talks ORDER BY id;
-- one that writes to all rows at each statement is not followed for ever
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE changed.talks SET messages = messages + 1; RETURN NULL; END $$;
CREATE TRIGGER touches AFTER UPDATE ON messages EXECUTE FUNCTION touch();
SELECT relation, moved, dropped FROM idverify_fold(1, 2, 'people') ORDER BY relation::text;
DROP TABLE messages, talks;

--
-- A table that has changed so that nothing in it can be found again
--
CREATE TABLE notes (id integer PRIMARY KEY, person integer);
INSERT INTO notes VALUES (1, 3);
SELECT idverify_add_reference('people', 'notes', 'person');
SELECT min(fold_id) AS fold FROM idverify_fold(3, 4, 'people') \gset
ALTER TABLE notes ALTER person TYPE json USING to_json(person);
SELECT FROM idverify_unfold(:fold);  -- fail
ALTER TABLE notes ALTER person TYPE integer USING person::text::integer;
ALTER TABLE notes DROP CONSTRAINT notes_pkey, ALTER id TYPE json USING to_json(id);
SELECT FROM idverify_unfold(:fold);  -- fail
ALTER TABLE notes RENAME TO renamed;
CREATE VIEW notes AS TABLE renamed;
SELECT FROM idverify_unfold(:fold);  -- fail
DROP VIEW notes;
CREATE SEQUENCE notes;
SELECT FROM idverify_unfold(:fold);  -- fail
DROP SEQUENCE notes;
ALTER TABLE renamed RENAME TO notes;
ALTER TABLE notes ALTER id TYPE integer USING id::text::integer;
SELECT relation, moved, restored FROM idverify_unfold(:fold) ORDER BY relation::text;
DELETE FROM idverify.contact_references;

--
-- Columns of the contacts that have changed: one holds less than it did, one is gone
-- which was NULL, one is computed
--
CREATE TABLE customers (id integer PRIMARY KEY, balance numeric(6,3), gone text, plus integer);
INSERT INTO customers VALUES (1, 1.125, NULL, 5), (2, 2, NULL, 6);
SELECT fold_id AS fold FROM idverify_fold(1, 2, 'customers') \gset
ALTER TABLE customers ALTER balance TYPE numeric(6,0), DROP gone;
SELECT FROM idverify_unfold(:fold);  -- fail
ALTER TABLE customers ALTER balance TYPE numeric(6,3), DROP plus, ADD plus integer GENERATED ALWAYS AS (id + 1) STORED;
SELECT relation, moved, restored FROM idverify_unfold(:fold);
TABLE customers ORDER BY id;

--
-- Two folds of many rows into one target: some rows of the earlier are missing,
-- and the later has moved none of them
--
CREATE TABLE many (id integer PRIMARY KEY, person integer REFERENCES people);
INSERT INTO many SELECT n, 5 + n % 2 FROM generate_series(1, 10000) n;
SELECT min(fold_id) AS earlier FROM idverify_fold(5, 7, 'people') \gset
SELECT min(fold_id) AS later FROM idverify_fold(6, 7, 'people') \gset
DELETE FROM many WHERE id = 2;
SELECT relation, moved, restored FROM idverify_unfold(:earlier) ORDER BY relation::text;

--
-- A condition by an operator that would mean another here is refused, unless it
-- says which it means
--
CREATE TYPE shout;
CREATE FUNCTION shout_in(cstring) RETURNS shout LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION shout_out(shout) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE shout (INPUT = shout_in, OUTPUT = shout_out, LIKE = text, CATEGORY = 'S');
CREATE CAST (shout AS text) WITHOUT FUNCTION AS IMPLICIT;
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN word AS text;
CREATE TABLE kinds (person integer, kind shout, mood mood, word word);
SELECT idverify_add_reference('people', 'kinds', 'person', $$kind = 'A'$$);  -- fail
SELECT idverify_add_reference('people', 'kinds', 'person', $$kind::text = 'A' AND mood = 'sad' AND word = 'b'$$);
SELECT condition FROM idverify.contact_references;

DELETE FROM idverify.contact_references;
TRUNCATE idverify.folds, idverify.fold_rows;
DROP SCHEMA changed CASCADE;

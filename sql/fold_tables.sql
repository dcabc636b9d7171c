--
-- Tables that a fold goes through: generated columns, many rows, many columns
--
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE SCHEMA fold_tables;
SET search_path = fold_tables, public;
CREATE TABLE people (id int PRIMARY KEY, name text);
INSERT INTO people SELECT n, 'p' || n FROM generate_series(1, 9) n;

-- a key on a generated column is in nobody's way while no row points to the source,
CREATE TABLE notes (id int PRIMARY KEY, raw int, person int GENERATED ALWAYS AS (raw) STORED REFERENCES people);
INSERT INTO notes VALUES (1, 2), (2, 3);
SELECT count(*) FROM idverify_fold(9, 1, 'people');
-- is an error that names it if one does,
SELECT count(*) FROM idverify_fold(2, 1, 'people');  -- fail
-- and moves by what it is generated from, if that is listed
SELECT idverify_add_reference('people', 'notes', 'raw');
SELECT min(fold_id) AS fold FROM idverify_fold(2, 1, 'people') \gset
TABLE notes ORDER BY id;
SELECT * FROM idverify_unfold(:fold) ORDER BY relation::text;
TABLE notes ORDER BY id;
DROP TABLE notes;
DELETE FROM idverify.contact_references;

-- Rows that are dropped, and are pointed to: each costs the same.  What follows
-- them collides, too, and points to a row that is dropped.
CREATE TABLE carts (id int PRIMARY KEY, person int REFERENCES people, shop int, UNIQUE (person, shop));
CREATE TABLE items (id int PRIMARY KEY, cart int REFERENCES carts ON DELETE CASCADE, what text, UNIQUE (cart, what));
CREATE TABLE parts (id int PRIMARY KEY, item int REFERENCES items ON DELETE CASCADE);
CREATE INDEX ON parts (item);
INSERT INTO carts SELECT 2 * n + who, who, n FROM generate_series(1, 3000) n, generate_series(1, 2) who;
INSERT INTO items SELECT 10 * id + k, id, CASE k WHEN 0 THEN 'same' ELSE 'of ' || person END FROM carts, generate_series(0, 1) k;
INSERT INTO parts SELECT id, id FROM items;
CREATE TABLE before AS SELECT id, person AS points FROM carts UNION ALL SELECT id, cart FROM items UNION ALL SELECT id, item FROM parts;
ANALYZE;
SET statement_timeout = '60s';
SELECT min(fold_id) AS fold FROM idverify_fold(2, 1, 'people') \gset
SELECT count(*) FROM carts UNION ALL SELECT count(*) FROM items UNION ALL SELECT count(*) FROM parts;
SELECT sum(moved) AS moved, sum(restored) AS restored FROM idverify_unfold(:fold);
RESET statement_timeout;
SELECT count(*) AS differ FROM (SELECT id, person AS points FROM carts UNION ALL SELECT id, cart FROM items UNION ALL SELECT id, item FROM parts EXCEPT TABLE before) d;
DROP TABLE carts, items, parts, before;

-- more schemas than are expected
DO $$ BEGIN FOR n IN 1..40 LOOP EXECUTE 'CREATE SCHEMA fold_tables_' || n; END LOOP; END $$;
SELECT count(*) FROM idverify_fold(8, 1, 'people');
DO $$ BEGIN FOR n IN 1..40 LOOP EXECUTE 'DROP SCHEMA fold_tables_' || n; END LOOP; END $$;

-- as many columns as a table can have
DO $$ BEGIN
	EXECUTE (SELECT format('CREATE TABLE wide (id int PRIMARY KEY, person int UNIQUE REFERENCES people, %s)', string_agg('c' || n || ' bool', ', '))
			   FROM generate_series(1, 1598) n);
END $$;
INSERT INTO wide (id, person, c1, c1598) VALUES (1, 1, true, false), (2, 2, false, true);
SELECT * FROM idverify_fold(2, 1, 'people', dry_run => true) ORDER BY relation::text;
SELECT min(fold_id) AS fold FROM idverify_fold(2, 1, 'people') \gset
SELECT id, person, c1, c2, c1598 FROM wide ORDER BY id;
SELECT * FROM idverify_unfold(:fold) ORDER BY relation::text;
SELECT id, person, c1, c2, c1598 FROM wide ORDER BY id;
-- without a key, and as contacts
ALTER TABLE wide DROP CONSTRAINT wide_pkey, DROP CONSTRAINT wide_person_key;
SELECT min(fold_id) AS fold FROM idverify_fold(2, 1, 'people') \gset
SELECT * FROM idverify_unfold(:fold) ORDER BY relation::text;
ALTER TABLE wide ADD PRIMARY KEY (id);
SELECT min(fold_id) AS fold FROM idverify_fold(2, 1, 'wide') \gset
SELECT * FROM idverify_unfold(:fold) ORDER BY relation::text;
SELECT id, person, c1, c2, c1598 FROM wide ORDER BY id;

--
-- Schemas that are made, and then change their names, after a session has folded
--
CREATE SCHEMA blue;
CREATE SCHEMA green;
CREATE TABLE blue.people (id int PRIMARY KEY, name text);
CREATE TABLE blue.notes (id int PRIMARY KEY, person int REFERENCES blue.people);
CREATE TABLE green.people (id int PRIMARY KEY, name text);
CREATE TABLE green.notes (id int PRIMARY KEY, person int REFERENCES green.people);
INSERT INTO blue.people SELECT n, 'blue' FROM generate_series(1, 4) n;
INSERT INTO blue.notes SELECT n, n FROM generate_series(1, 4) n;
INSERT INTO green.people SELECT n, 'green' FROM generate_series(1, 4) n;
INSERT INTO green.notes SELECT n, n FROM generate_series(1, 4) n;
SELECT relation, moved, dropped FROM idverify_fold(3, 4, 'blue.people') ORDER BY relation::text;
BEGIN;
ALTER SCHEMA blue RENAME TO old;
ALTER SCHEMA green RENAME TO blue;
COMMIT;
SELECT relation, moved, dropped FROM idverify_fold(1, 2, 'old.people') ORDER BY relation::text;
SELECT * FROM old.people ORDER BY id;
SELECT * FROM blue.people ORDER BY id;
DROP SCHEMA old, blue CASCADE;

--
-- Rows that a policy hides, even from the owner of the table, move like others
--
CREATE ROLE regress_hidden_owner;
GRANT USAGE ON SCHEMA fold_tables TO regress_hidden_owner;
CREATE TABLE hidden (id int PRIMARY KEY, name text);
CREATE TABLE hidden_tags (id int PRIMARY KEY, person int REFERENCES hidden, tag text, UNIQUE (person, tag));
INSERT INTO hidden VALUES (1, NULL), (2, 'two');
INSERT INTO hidden_tags VALUES (1, 2, 'a'), (2, 2, 'b'), (3, 1, 'a');
ALTER TABLE hidden OWNER TO regress_hidden_owner;
ALTER TABLE hidden_tags OWNER TO regress_hidden_owner;
ALTER TABLE hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE hidden_tags ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT min(fold_id) AS fold FROM idverify_fold(2, 1, 'hidden') \gset
TABLE hidden;
TABLE hidden_tags ORDER BY id;
SELECT * FROM idverify_unfold(:fold) ORDER BY relation::text;
TABLE hidden ORDER BY id;
TABLE hidden_tags ORDER BY id;
DROP OWNED BY regress_hidden_owner CASCADE;
DROP ROLE regress_hidden_owner;

DELETE FROM idverify.fold_rows WHERE app_id = 0;
DELETE FROM idverify.folds WHERE app_id = 0;
DROP SCHEMA fold_tables CASCADE;

--
-- Undone in another order than that of the folds: right, or an error that names
-- the fold which is in the way
--
SET client_min_messages = warning;
\set VERBOSITY sqlstate
CREATE SCHEMA fold_undo_order;
SET search_path = fold_undo_order, public;
CREATE TABLE people (id int PRIMARY KEY, name text, created_at date, custom_data jsonb, boss int REFERENCES people);
CREATE TABLE tags (person int REFERENCES people, tag text, PRIMARY KEY (person, tag));
CREATE TABLE friends (a int REFERENCES people, b int REFERENCES people, PRIMARY KEY (a, b));
CREATE FUNCTION fold(source int, target int) RETURNS bigint LANGUAGE sql AS $$ SELECT min(fold_id) FROM idverify_fold(source, target, 'fold_undo_order.people') $$;
CREATE FUNCTION people() RETURNS TABLE (person text) LANGUAGE sql AS $$ SELECT p::text FROM fold_undo_order.people p ORDER BY id $$;

-- what a later fold filled in gives back what was there before both
INSERT INTO people VALUES (1, NULL, '2020-01-01', '{"a": 1}'), (2, 'two', '2015-01-01', '{"b": {"c": ""}}'), (3, 'three', '2010-01-01', '{"b": {"c": 3}}');
SELECT fold(2, 1) AS first \gset
SELECT fold(3, 1) AS later \gset
SELECT * FROM people();
SELECT count(*) FROM idverify_unfold(:first);
SELECT * FROM people();
SELECT count(*) FROM idverify_unfold(:later);
SELECT * FROM people();

-- a tag for which a later fold has dropped another one
INSERT INTO tags VALUES (2, 'vip'), (3, 'vip'), (3, 'new');
SELECT fold(2, 1) AS first \gset
SELECT fold(3, 1) AS later \gset
SELECT count(*) FROM idverify_unfold(:first);  -- fail: 55000
SELECT count(*) FROM idverify_unfold(:later);
SELECT count(*) FROM idverify_unfold(:first);
TABLE tags ORDER BY person, tag;

-- ... the same of a table without a key, where any of its rows could be the one
CREATE TABLE loose (person int REFERENCES people, tag text, UNIQUE (person, tag));
INSERT INTO loose VALUES (2, 'vip'), (3, 'vip');
SELECT fold(2, 1) AS first \gset
SELECT fold(3, 1) AS later \gset
SELECT count(*) FROM idverify_unfold(:first);  -- fail: 55000
SELECT count(*) FROM idverify_unfold(:later);
SELECT count(*) FROM idverify_unfold(:first);
TABLE loose ORDER BY person;
DROP TABLE loose;

-- a row that a later fold has moved by its other column
INSERT INTO people SELECT n FROM generate_series(4, 6) n;
INSERT INTO friends VALUES (2, 4), (2, 6);
SELECT fold(2, 1) AS first \gset
SELECT fold(4, 5) AS later \gset
SELECT count(*) FROM idverify_unfold(:first);  -- fail: 55000
SELECT count(*) FROM idverify_unfold(:later);
SELECT count(*) FROM idverify_unfold(:first);
-- ... or not: then it is no hindrance
DELETE FROM friends WHERE b = 4;
SELECT fold(2, 1) AS first \gset
SELECT fold(4, 5) AS later \gset
SELECT count(*) FROM idverify_unfold(:first);
SELECT count(*) FROM idverify_unfold(:later);
TABLE friends ORDER BY a, b;

-- rows that were deleted since, while a later fold moved others: of another contact, of
-- another value of their key, of another key
CREATE TABLE marks (a int REFERENCES people, b int REFERENCES people, tag text, PRIMARY KEY (a, b, tag));
INSERT INTO people SELECT n FROM generate_series(7, 9) n;
CREATE FUNCTION deleted_since(source int, target int, VARIADIC others text[]) RETURNS TABLE (moved bigint, left_over text) LANGUAGE plpgsql AS $$
DECLARE
	first bigint;
	later bigint;
BEGIN
	EXECUTE 'INSERT INTO marks VALUES (2, 4, ''x''), ' || array_to_string(others, ', ');
	first := fold(2, 1);
	DELETE FROM marks WHERE a = 1;
	later := fold(source, target);
	moved := (SELECT sum(u.moved) FROM idverify_unfold(first) u);
	left_over := (SELECT string_agg(m::text, ' ' ORDER BY m) FROM marks m);
	PERFORM idverify_unfold(later);
	DELETE FROM marks;
	RETURN NEXT;
END $$;
SELECT * FROM deleted_since(5, 3, '(5, 6, ''x'')');
SELECT * FROM deleted_since(8, 9, '(7, 8, ''x'')');
SELECT * FROM deleted_since(4, 9, '(7, 4, ''a'')', '(7, 4, ''y'')');
DROP TABLE marks;
DROP FUNCTION deleted_since;
DELETE FROM people WHERE id > 6;

-- a contact that pointed to the source, and was folded since
UPDATE people SET boss = 2 WHERE id = 3;
SELECT fold(2, 1) AS first \gset
SELECT fold(3, 4) AS later \gset
SELECT count(*) FROM idverify_unfold(:first);  -- fail: 55000
SELECT count(*) FROM idverify_unfold(:later);
SELECT count(*) FROM idverify_unfold(:first);
SELECT id, boss FROM people ORDER BY id;

-- the target's id is somebody new's
SELECT fold(2, 1) AS first \gset
SELECT fold(1, 6) AS later \gset
INSERT INTO people VALUES (1, 'somebody new');
SELECT count(*) FROM idverify_unfold(:first);  -- fail: 55000
DELETE FROM people WHERE id = 1;
SELECT count(*) FROM idverify_unfold(:later);
SELECT count(*) FROM idverify_unfold(:first);

-- ... who came in the place of one that was deleted by hand: its created_at says so
CREATE FUNCTION undone_for(type text, of_source text, of_target text, of_new text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	fold bigint;
	result text;
BEGIN
	EXECUTE format('CREATE TABLE visitors (id int PRIMARY KEY, created_at %s, name text)', type);
	CREATE TABLE visits (visitor int REFERENCES visitors);
	EXECUTE format('INSERT INTO visitors VALUES (1, %s, NULL), (2, %s, %L)', of_target, of_source, 'two');
	INSERT INTO visits VALUES (2);
	SELECT min(fold_id) INTO fold FROM idverify_fold(2, 1, 'visitors');
	ALTER TABLE visits DISABLE TRIGGER ALL; ALTER TABLE visitors DISABLE TRIGGER ALL;
	DELETE FROM visitors;
	EXECUTE format('INSERT INTO visitors VALUES (1, %s, %L)', of_new, 'one');
	ALTER TABLE visits ENABLE TRIGGER ALL; ALTER TABLE visitors ENABLE TRIGGER ALL;
	BEGIN
		PERFORM idverify_unfold(fold);
		result = 'undone';
	EXCEPTION WHEN object_not_in_prerequisite_state THEN
		result = sqlstate || ': ' || regexp_replace(sqlerrm, 'fold \d+', 'fold N');
	END;
	DROP TABLE visits, visitors;
	RETURN result;
END $$;
-- the same contact is later than neither; where it has no time, nobody can tell
SELECT t.*, undone_for(type, of_source, of_target, of_new) FROM (VALUES
	('timestamptz', 'now() - interval ''1 day''', 'now()', 'clock_timestamp()'),
	('timestamp(0)', 'now() - interval ''1 day''', 'now()', 'timezone(''UTC'', now()) + interval ''1 hour'''),
	('timestamptz', 'now() - interval ''1 day''', 'now()', 'now() - interval ''1 hour'''),
	('timestamptz', '''2100-01-01''', '''2100-01-02''', '''2100-01-01'''),
	('timestamptz', '''2100-01-02''', '''2100-01-01''', '''2100-01-02'''),
	('timestamptz', 'NULL', 'now()', 'clock_timestamp()'),
	('timestamptz', 'now() - interval ''1 day''', 'now()', 'NULL'),
	('date', '''2020-01-01''', '''2020-01-02''', '''2100-01-01'''),
	('text', '''2020''', '''2021''', '''2100''')) t(type, of_source, of_target, of_new);
-- so it is where the app tells, or one that had none is of an app by now
CREATE TABLE clients (id int PRIMARY KEY, app_key text, app_id int, name text);
INSERT INTO clients VALUES (1, 'k', NULL), (2, 'k', NULL);
SELECT min(fold_id) AS first FROM idverify_fold(1, 2, 'clients') \gset
UPDATE clients SET app_key = 'other' WHERE id = 2;
SELECT count(*) FROM idverify_unfold(:first);  -- fail: 55000
UPDATE clients SET app_key = 'k', app_id = 1 WHERE id = 2;
SELECT count(*) FROM idverify_unfold(:first);  -- fail: 55000
UPDATE clients SET app_id = NULL WHERE id = 2;
SELECT count(*) FROM idverify_unfold(:first);
SELECT id, app_key, app_id FROM clients ORDER BY id;

-- so it is with our own contacts
INSERT INTO idverify.apps (app_key, name) VALUES ('undo', 'undo') RETURNING id AS app \gset
INSERT INTO idverify.contacts (app_id, id, name) OVERRIDING SYSTEM VALUE VALUES (:app, 910001, 'one'), (:app, 910002, 'two');
SELECT min(fold_id) AS first FROM idverify_fold(910002, 910001) \gset
BEGIN;
DELETE FROM idverify.contacts WHERE id = 910001;
INSERT INTO idverify.contacts (app_id, id, name) OVERRIDING SYSTEM VALUE VALUES (:app, 910001, 'somebody new');
SELECT count(*) FROM idverify_unfold(:first);  -- fail: 55000
ROLLBACK;
SELECT count(*) FROM idverify_unfold(:first);
DELETE FROM idverify.contacts WHERE app_id = :app;
DELETE FROM idverify.folds WHERE app_id = :app;
DELETE FROM idverify.apps WHERE id = :app;

-- a row to restore that points to a contact which has been folded since, where no
-- key says so
CREATE TABLE links (id int PRIMARY KEY, person int UNIQUE REFERENCES people, other int);
SELECT idverify_add_reference('people', 'links', 'other');
INSERT INTO links VALUES (1, 1, NULL), (2, 2, 5);
SELECT fold(2, 1) AS first \gset
SELECT fold(5, 4) AS later \gset
SELECT count(*) FROM idverify_unfold(:first);  -- fail: 55000
SELECT count(*) FROM idverify_unfold(:later);
SELECT count(*) FROM idverify_unfold(:first);
TABLE links ORDER BY id;

-- a column that a row to restore needs has been renamed
SELECT fold(2, 1) AS first \gset
ALTER TABLE links RENAME other TO another;
SELECT count(*) FROM idverify_unfold(:first);  -- fail: 55000
ALTER TABLE links RENAME another TO other;
SELECT count(*) FROM idverify_unfold(:first);
TABLE links ORDER BY id;

-- a row that a later fold has moved by its other column, and finds by a key that
-- holds what the earlier one moved
CREATE TABLE parted (id int, person int REFERENCES people, other int REFERENCES people, PRIMARY KEY (id, person));
INSERT INTO parted VALUES (1, 2, 4), (2, 2, 6);
SELECT fold(2, 1) AS first \gset
SELECT fold(4, 5) AS later \gset
SELECT count(*) FROM idverify_unfold(:first);  -- fail: 55000
SELECT count(*) FROM idverify_unfold(:later);
SELECT count(*) FROM idverify_unfold(:first);
TABLE parted ORDER BY id;
-- ... or another row of that person's
UPDATE parted SET person = 1 WHERE id = 1;
SELECT fold(2, 1) AS first \gset
SELECT fold(4, 5) AS later \gset
SELECT count(*) FROM idverify_unfold(:first);
SELECT count(*) FROM idverify_unfold(:later);
TABLE parted ORDER BY id;

DELETE FROM idverify.contact_references;
DELETE FROM idverify.fold_rows WHERE app_id = 0;
DELETE FROM idverify.folds WHERE app_id = 0;
DROP SCHEMA fold_undo_order CASCADE;

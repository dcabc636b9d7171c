--
-- The journal of a fold: where its steps are, few or many, makes no difference
-- to taking it back
--
-- The first steps are in the head of the journal, in idverify.folds, as long
-- as they are few; then they go into idverify.fold_rows.
--
SET client_min_messages = warning;
\set VERBOSITY sqlstate
CREATE SCHEMA fold_journal;
SET search_path = fold_journal, public;
CREATE TABLE people (id int PRIMARY KEY, name text);
CREATE TABLE notes (id int PRIMARY KEY, person int REFERENCES people, body text);
CREATE TABLE words (id text PRIMARY KEY, person int REFERENCES people);
INSERT INTO people SELECT n, 'p' || n FROM generate_series(1, 9) n;

-- person 2 has few notes, 3 has many, 4 has few with a long key
INSERT INTO notes SELECT n, 2, 'few' FROM generate_series(1, 3) n;
INSERT INTO notes SELECT 1000 + n, 3, 'many' FROM generate_series(1, 2500) n;
INSERT INTO words SELECT repeat('w' || n, 1000), 4 FROM generate_series(1, 5) n;
INSERT INTO words VALUES (E'"quoted", \\ and {braced}\n', 2);
CREATE TABLE before AS SELECT id::text, person FROM notes UNION ALL SELECT * FROM words;
CREATE TEMP TABLE folded AS SELECT source, min(fold_id) AS fold
	FROM generate_series(2, 4) source, idverify_fold(source, 1, 'people') GROUP BY source;
SELECT count(*) AS left_behind FROM (SELECT person FROM notes UNION ALL SELECT person FROM words) p WHERE person <> 1;
SELECT source, json_array_length(steps) > 0 AS in_head, EXISTS (SELECT FROM idverify.fold_rows r WHERE r.app_id = 0 AND r.fold_id = f.id) AS in_rows
	FROM folded JOIN idverify.folds f ON app_id = 0 AND id = fold ORDER BY source;
SELECT source, u.* FROM folded, idverify_unfold(fold) u ORDER BY source, relation::text;
SELECT count(*) AS differ FROM (SELECT id::text, person FROM notes UNION ALL SELECT * FROM words EXCEPT TABLE before) d;

-- what a dropped row left to another keeps an earlier fold from being undone
CREATE TABLE carts (id int PRIMARY KEY, person int UNIQUE REFERENCES people);
CREATE TABLE items (id int PRIMARY KEY, cart int REFERENCES carts ON DELETE CASCADE);
INSERT INTO carts VALUES (6, 6), (7, 7);
INSERT INTO items VALUES (1, 6), (2, 7);
SELECT min(fold_id) AS first FROM idverify_fold(6, 5, 'people') \gset
SELECT min(fold_id) AS later FROM idverify_fold(7, 5, 'people') \gset
SELECT idverify_unfold(:first);  -- fail: 55000, the item of the later one
SELECT * FROM idverify_unfold(:later) ORDER BY relation::text;
SELECT * FROM idverify_unfold(:first) ORDER BY relation::text;
TABLE carts ORDER BY id;
TABLE items ORDER BY id;

DROP SCHEMA fold_journal CASCADE;
DELETE FROM idverify.fold_rows WHERE app_id = 0;
DELETE FROM idverify.folds WHERE app_id = 0;

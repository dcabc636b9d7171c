--
-- What is listed and written down means the same in every session
--
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE SCHEMA fold_settings;
SET search_path = fold_settings, public;
CREATE TABLE people (id int PRIMARY KEY, name text);
INSERT INTO people SELECT n, 'p' || n FROM generate_series(1, 9) n;

-- A condition is read under the settings of the session that lists it, and
-- stored so that it means that for ever.
CREATE TABLE visits (id int PRIMARY KEY, person int, kind text, at timestamptz);
SET DateStyle = 'SQL, DMY';
SET TimeZone = 'America/New_York';
SELECT idverify_add_reference('people', 'visits', 'person', $$kind = 'a\b' AND at < '02/03/2020'$$);
RESET DateStyle;
RESET TimeZone;
SELECT condition FROM idverify.contact_references WHERE relation = 'visits'::regclass;

-- each session under other settings; row 1 moves, and row 2 never
CREATE PROCEDURE fold_under(setting text, value text) LANGUAGE plpgsql AS $$
DECLARE
	fold bigint;
	folded text;
BEGIN
	DELETE FROM visits;
	INSERT INTO visits VALUES (1, 1, E'a\\b', '2020-03-02 04:00+00'), (2, 1, E'a\\b', '2020-03-02 06:00+00');
	PERFORM set_config(setting, value, true);
	SELECT min(fold_id) INTO fold FROM idverify_fold(1, 2, 'people');
	SELECT string_agg(person::text, ' ' ORDER BY id) INTO folded FROM visits;
	PERFORM idverify_unfold(fold);
	RAISE WARNING '% = %: % and back %', setting, value, folded, (SELECT string_agg(person::text, ' ' ORDER BY id) FROM visits);
	ROLLBACK;
END $$;
SET escape_string_warning = off;
CALL fold_under('standard_conforming_strings', 'off');
CALL fold_under('DateStyle', 'SQL, DMY');
CALL fold_under('DateStyle', 'SQL, MDY');
CALL fold_under('TimeZone', 'Asia/Tokyo');
CALL fold_under('quote_all_identifiers', 'on');
CALL fold_under('transform_null_equals', 'on');

-- the journal of a session that quotes every name is that of one that does not
SET quote_all_identifiers = on;
SELECT min(fold_id) AS quoted FROM idverify_fold(1, 2, 'people') \gset
RESET quote_all_identifiers;
SELECT min(fold_id) AS plain FROM idverify_fold(2, 3, 'people') \gset
SELECT count(DISTINCT contacts) AS names FROM idverify.folds WHERE id IN (:quoted, :plain);
SELECT idverify_resolve(1, 'people');
SELECT count(*) FROM idverify_unfold(:plain);
SELECT count(*) FROM idverify_unfold(:quoted);

-- a constant that fails is refused when it is listed ...
SELECT idverify_add_reference('people', 'visits', 'person', '1/0 = 1');  -- fail
SELECT idverify_add_reference('people', 'visits', 'person', $$kind = 'x' OR 1/0 = 1$$);  -- fail
-- ... as is a function that looks beyond what it is given, if only to run the expressions of a partition key
SELECT idverify_add_reference('people', 'visits', 'person', $$satisfies_hash_partition('pg_class'::regclass, 2, 0, id)$$);  -- fail
-- ... and one that fails on a row stops the fold, which says why
CREATE TABLE shares (id int PRIMARY KEY, person int, parts int);
SELECT idverify_add_reference('people', 'shares', 'person', '1/parts > 0');
INSERT INTO shares VALUES (1, 1, 0);
SELECT * FROM idverify_fold(1, 2, 'people');  -- fail
DELETE FROM shares;
-- what PostgreSQL says of it may quote a row that the caller may not read
CREATE TABLE cards (person int, note text);
SELECT idverify_add_reference('people', 'cards', 'person', 'note::int > 0');
INSERT INTO cards VALUES (1, 'card 4711');
\set VERBOSITY default
SELECT * FROM idverify_fold(1, 2, 'people');  -- fail
\set VERBOSITY terse
DELETE FROM idverify.contact_references WHERE relation = 'cards'::regclass;
DROP TABLE cards;
SELECT count(*) FROM idverify_fold(1, 2, 'people');

--
-- Ids are equal as their type says; the journal has the one that is stored
--
CREATE TABLE by_number (id numeric PRIMARY KEY);
CREATE TABLE of_number (id int PRIMARY KEY, who numeric REFERENCES by_number);
INSERT INTO by_number VALUES (1.0), (2.50), (3);
INSERT INTO of_number VALUES (1, 1.000), (2, 2.5);
SELECT min(fold_id) AS fold FROM idverify_fold(1::numeric, 2.5, 'by_number') \gset
SELECT source_id, target_id FROM idverify.folds WHERE id = :fold;
SELECT idverify_resolve(1.00, 'by_number'), idverify_resolve(1::numeric, 'by_number');
SELECT min(fold_id) AS next FROM idverify_fold(2.500, 3.00, 'by_number') \gset
SELECT idverify_resolve(1.00, 'by_number');
SELECT * FROM idverify_unfold(:next) ORDER BY relation::text;
SELECT * FROM idverify_unfold(:fold) ORDER BY relation::text;
TABLE of_number ORDER BY id;
CREATE TABLE by_code (id char(4) PRIMARY KEY);
INSERT INTO by_code VALUES ('a'), ('b');
SELECT min(fold_id) AS fold FROM idverify_fold('a'::char(8), 'b'::char(2), 'by_code') \gset
SELECT idverify_resolve('a '::char(3), 'by_code');

-- never rounded
SELECT * FROM idverify_fold(1.4, 3.6, 'people');  -- fail
SELECT idverify_resolve(1.4, 'people');  -- fail
SELECT count(*) FROM idverify_fold(3.0, 4.0, 'people');

--
-- What the journal holds is read by the types' own functions, no cast of somebody
--
CREATE TYPE mood AS ENUM ('sad', 'fine');
CREATE FUNCTION always_fine(text) RETURNS mood LANGUAGE sql IMMUTABLE AS $$ SELECT 'fine'::fold_settings.mood $$;
CREATE CAST (text AS mood) WITH FUNCTION always_fine(text);
CREATE TABLE moody (id int PRIMARY KEY, mood mood, relation regclass);
CREATE TABLE of_moody (id int PRIMARY KEY, who int UNIQUE REFERENCES moody, mood mood);
INSERT INTO moody VALUES (1, 'sad', 0), (2, NULL, NULL);
INSERT INTO of_moody VALUES (1, 1, 'sad'), (2, 2, NULL);
SELECT min(fold_id) AS fold FROM idverify_fold(1, 2, 'moody') \gset
TABLE moody;
SELECT * FROM idverify_unfold(:fold) ORDER BY relation::text;
TABLE moody ORDER BY id;
TABLE of_moody ORDER BY id;

-- a column of another type is an error that names it, unless it holds the same
SELECT min(fold_id) AS fold FROM idverify_fold(1, 2, 'moody') \gset
ALTER TABLE of_moody ALTER mood TYPE text;
ALTER TABLE moody ALTER relation TYPE date USING NULL;
\set VERBOSITY sqlstate
SELECT * FROM idverify_unfold(:fold);  -- fail: 55000
\set VERBOSITY terse
ALTER TABLE moody ALTER relation TYPE regclass USING 0;
SELECT * FROM idverify_unfold(:fold) ORDER BY relation::text;

RESET client_min_messages;
DELETE FROM idverify.contact_references;
DELETE FROM idverify.fold_rows WHERE app_id = 0;
DELETE FROM idverify.folds WHERE app_id = 0;
SET client_min_messages = warning;
DROP SCHEMA fold_settings CASCADE;

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
-- Rows without a key are found by their text.  What of those that are another text
-- by now, or gone?  None is left with the target unless somebody says so
--
CREATE TABLE views (person integer REFERENCES people, page text, read boolean);
CREATE TABLE keyed (id integer PRIMARY KEY, person integer REFERENCES people);
-- Folds person 3 into 4, who has a view of their own, makes the change, undoes the
-- fold, and says which views are whose.  All of it is taken back.
CREATE FUNCTION undone_since(change text, force boolean, OUT undone text, OUT views text) LANGUAGE plpgsql AS $$
DECLARE
	fold bigint;
BEGIN
	INSERT INTO views VALUES (3, 'a'), (3, 'a'), (3, 'b'), (4, 'z');
	INSERT INTO keyed VALUES (1, 3), (2, 3), (3, 3), (4, 4);
	SELECT min(fold_id) INTO fold FROM idverify_fold(3, 4, 'people');
	EXECUTE change;
	BEGIN
		SELECT string_agg(format('%s: %s moved, %s skipped', u.relation, u.moved, u.skipped), '; ' ORDER BY u.relation::text)
			INTO undone FROM idverify_unfold(fold, force) u WHERE u.relation IN ('views'::regclass, 'keyed'::regclass);
	EXCEPTION WHEN object_not_in_prerequisite_state THEN
		GET STACKED DIAGNOSTICS undone = PG_EXCEPTION_DETAIL;
		undone = sqlstate || ': ' || regexp_replace(sqlerrm, 'fold \d+', 'fold N') || E'\n' || undone;
	END;
	SELECT string_agg(v.person || v.page, ' ' ORDER BY v.person || v.page) INTO views FROM views v;
	RAISE 'take it all back' USING errcode = 'ZZ999';
EXCEPTION WHEN sqlstate 'ZZ999' THEN
END
$$;
SELECT change, force, u.* FROM unnest(ARRAY[
	'',
	$$UPDATE views SET read = true WHERE page = 'b'$$,
	$$UPDATE views SET page = 'c'$$,
	$$DELETE FROM views WHERE page = 'a'$$,
	-- no row is left that may be one of them
	'DELETE FROM views',
	$$DELETE FROM views WHERE page IN ('b', 'z')$$,
	$$DELETE FROM views WHERE page = 'z'; UPDATE views SET person = 5, page = 'c' WHERE page = 'b'$$,
	-- a row with a key is gone, or points elsewhere, unless it has another key by now
	'UPDATE keyed SET id = 7 WHERE id = 1; UPDATE keyed SET person = 5 WHERE id = 2; DELETE FROM keyed WHERE id = 3']) change,
	unnest(ARRAY[false, true]) force, undone_since(change, force) u;
-- several steps of one table: rows of those still to be undone are not taken for changed ones
INSERT INTO views SELECT 3, n FROM generate_series(1, 2500) n;
SELECT min(fold_id) AS fold FROM idverify_fold(3, 4, 'people') \gset
DELETE FROM views WHERE page IN ('1', '2400');
SELECT relation, moved, restored, skipped FROM idverify_unfold(:fold) ORDER BY relation::text;
SELECT person, count(*) FROM views GROUP BY 1;
-- ... and none is forgotten
SELECT min(fold_id) AS fold FROM idverify_fold(3, 4, 'people') \gset
UPDATE views SET read = true WHERE page = '2';
\set VERBOSITY sqlstate
SELECT FROM idverify_unfold(:fold);  -- fail: 55000
SELECT FROM idverify_unfold(:fold, force => NULL);  -- fail: 22004
\set VERBOSITY terse
SELECT relation, moved, restored, skipped FROM idverify_unfold(:fold, force => true) ORDER BY relation::text;
SELECT person, count(*) FROM views GROUP BY 1 ORDER BY 1;
DROP TABLE views, keyed;

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

--
-- A partition that has left its table since: its rows are found again when it is
-- back; until then an undo names it
--
CREATE TABLE parted (id integer, person integer REFERENCES people, part text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
CREATE TABLE parted_n PARTITION OF parted FOR VALUES IN ('m', 'n') PARTITION BY LIST (part);
CREATE TABLE parted_m PARTITION OF parted_n FOR VALUES IN ('m');
CREATE TABLE "Parted ""N" PARTITION OF parted_n FOR VALUES IN ('n');
CREATE TABLE parted_z PARTITION OF parted DEFAULT;
CREATE TABLE other_parted (id integer, person integer, part text) PARTITION BY LIST (part);
-- without a key
CREATE TABLE keyless (person integer REFERENCES people, part text) PARTITION BY LIST (part);
CREATE TABLE keyless_a PARTITION OF keyless FOR VALUES IN ('a');
CREATE TABLE keyless_z PARTITION OF keyless DEFAULT;
-- where nothing but the part tells rows apart from the one that is moved
CREATE TABLE single (person integer REFERENCES people, part text, PRIMARY KEY (person, part)) PARTITION BY LIST (part);
CREATE TABLE single_a PARTITION OF single FOR VALUES IN ('a');
CREATE TABLE single_z PARTITION OF single DEFAULT;
-- partitioned by what is moved
CREATE TABLE by_person (id integer, person integer REFERENCES people) PARTITION BY LIST (person);
CREATE TABLE by_person_8 PARTITION OF by_person FOR VALUES IN (8);
CREATE TABLE by_person_9 PARTITION OF by_person FOR VALUES IN (9);
-- a key of a part alone; and children of the old kind
CREATE TABLE half (id integer PRIMARY KEY, person integer) PARTITION BY LIST (id);
CREATE TABLE half_1 PARTITION OF half (FOREIGN KEY (person) REFERENCES people) FOR VALUES IN (1);
CREATE TABLE parent (id integer, person integer);
CREATE TABLE child () INHERITS (parent);
SELECT idverify_add_reference('people', 'parent', 'person');

-- Folds person 8 into 9, makes the change, and says what an undo says; then makes
-- the change back, and says which rows are back at 8.  All of it is taken back.
-- rows: so many more in part a, so that the steps are in idverify.fold_rows.
CREATE FUNCTION undone_after(change text, back text DEFAULT NULL, rows integer DEFAULT 0, OUT undone text, OUT at_8 text) LANGUAGE plpgsql AS $$
DECLARE
	fold bigint;
	moved text := $q$
		SELECT string_agg(tableoid::regclass || ' ' || n, ', ' ORDER BY tableoid::regclass::text COLLATE "C") FROM (
			SELECT tableoid, count(*) AS n FROM (SELECT tableoid, person FROM parted UNION ALL SELECT tableoid, person FROM keyless
				UNION ALL SELECT tableoid, person FROM single UNION ALL SELECT tableoid, person FROM by_person
				UNION ALL SELECT tableoid, person FROM half_1 UNION ALL SELECT tableoid, person FROM ONLY parent
				UNION ALL SELECT tableoid, person FROM child) p WHERE person = 8 GROUP BY 1) p $q$;
BEGIN
	INSERT INTO parted VALUES (1, 8, 'a'), (2, 8, 'm'), (3, 8, 'n'), (4, 9, 'a'), (5, 9, 'z');
	INSERT INTO parted SELECT n, 8, 'a' FROM generate_series(101, 100 + rows) n;
	INSERT INTO keyless VALUES (8, 'a'), (8, 'a'), (9, 'a'), (9, 'z');
	INSERT INTO single VALUES (8, 'a'), (9, 'z');
	INSERT INTO by_person VALUES (1, 8), (2, 9);
	INSERT INTO half_1 VALUES (1, 8);
	INSERT INTO parent VALUES (1, 8);
	INSERT INTO child VALUES (2, 8);
	SELECT min(fold_id) INTO fold FROM idverify_fold(8, 9, 'people');
	EXECUTE change;
	BEGIN
		PERFORM idverify_unfold(fold);
		undone = 'yes';
	EXCEPTION WHEN object_not_in_prerequisite_state THEN
		undone = regexp_replace(sqlerrm, 'fold \d+', 'fold N');
	END;
	IF back IS NOT NULL THEN
		EXECUTE back;
		PERFORM idverify_unfold(fold);
	END IF;
	EXECUTE moved INTO at_8;
	RAISE 'take it all back' USING errcode = 'ZZ999';
EXCEPTION WHEN sqlstate 'ZZ999' THEN
END
$$;
\x on
SELECT * FROM undone_after('', rows => 1500);
SELECT change, u.* FROM (VALUES
	('ALTER TABLE parted DETACH PARTITION parted_a', $$ALTER TABLE parted ATTACH PARTITION parted_a FOR VALUES IN ('a')$$),
	('ALTER TABLE parted DETACH PARTITION parted_n', $$ALTER TABLE parted ATTACH PARTITION parted_n FOR VALUES IN ('m', 'n')$$),
	('ALTER TABLE parted_n DETACH PARTITION "Parted ""N"', $$ALTER TABLE parted_n ATTACH PARTITION "Parted ""N" FOR VALUES IN ('n')$$),
	('ALTER TABLE parted DETACH PARTITION parted_a; ALTER TABLE other_parted ATTACH PARTITION parted_a DEFAULT',
	 $$ALTER TABLE other_parted DETACH PARTITION parted_a; ALTER TABLE parted ATTACH PARTITION parted_a FOR VALUES IN ('a')$$),
	('ALTER TABLE parted DETACH PARTITION parted_a; ALTER TABLE parted_a RENAME TO renamed',
	 $$ALTER TABLE renamed RENAME TO parted_a; ALTER TABLE parted ATTACH PARTITION parted_a FOR VALUES IN ('a')$$),
	('DROP TABLE parted_a', NULL),
	('ALTER TABLE keyless DETACH PARTITION keyless_a', $$ALTER TABLE keyless ATTACH PARTITION keyless_a FOR VALUES IN ('a')$$),
	('ALTER TABLE single DETACH PARTITION single_a', $$ALTER TABLE single ATTACH PARTITION single_a FOR VALUES IN ('a')$$),
	('ALTER TABLE by_person DETACH PARTITION by_person_9', 'ALTER TABLE by_person ATTACH PARTITION by_person_9 FOR VALUES IN (9)'),
	-- in nobody's way: back before the undo, still there by another name, without
	-- rows that were moved, or a table of its own
	($$ALTER TABLE parted DETACH PARTITION parted_a; ALTER TABLE parted ATTACH PARTITION parted_a FOR VALUES IN ('a')$$, NULL),
	('ALTER TABLE parted_a RENAME TO renamed', NULL),
	('ALTER TABLE parted DETACH PARTITION parted_z; ALTER TABLE keyless DETACH PARTITION keyless_z', NULL),
	('DELETE FROM parted WHERE id = 1; DELETE FROM keyless', NULL),
	('ALTER TABLE half DETACH PARTITION half_1', NULL),
	('ALTER TABLE child NO INHERIT parent', NULL)) t(change, back), undone_after(change, back) u;
SELECT * FROM undone_after('ALTER TABLE parted DETACH PARTITION parted_a', $$ALTER TABLE parted ATTACH PARTITION parted_a FOR VALUES IN ('a')$$, 1500);
\x off
DELETE FROM idverify.contact_references;
-- a row that was dropped, and whose part has left
CREATE TABLE marks (person integer REFERENCES people, part text, UNIQUE (person, part)) PARTITION BY LIST (part);
CREATE TABLE marks_a PARTITION OF marks FOR VALUES IN ('a');
CREATE TABLE marks_z PARTITION OF marks DEFAULT;
INSERT INTO marks VALUES (8, 'a'), (9, 'a');
SELECT min(fold_id) AS fold FROM idverify_fold(8, 9, 'people') \gset
ALTER TABLE marks DETACH PARTITION marks_a;
DO $$ BEGIN
	PERFORM idverify_unfold((SELECT max(id) FROM idverify.folds));
EXCEPTION WHEN object_not_in_prerequisite_state THEN
	RAISE WARNING '%', regexp_replace(sqlerrm, 'fold \d+', 'fold N');
END $$;
ALTER TABLE marks ATTACH PARTITION marks_a FOR VALUES IN ('a');
SELECT relation, moved, restored FROM idverify_unfold(:fold) ORDER BY relation::text;
SELECT tableoid::regclass, person FROM marks ORDER BY 2;
-- ... or goes to another part
SELECT min(fold_id) AS fold FROM idverify_fold(8, 9, 'people') \gset
DROP TABLE marks_a;
SELECT relation, moved, restored FROM idverify_unfold(:fold) ORDER BY relation::text;
SELECT tableoid::regclass, person FROM marks ORDER BY 2;

--
-- A trigger that alters tables while a fold is under way
--
CREATE FUNCTION alter_tables() RETURNS trigger LANGUAGE plpgsql SET search_path = changed, public AS $$
	BEGIN EXECUTE current_setting('changed.ddl'); RETURN NULL; END $$;
-- Folds person 1 into 2, and says where the rows point.  The trigger is on first.
CREATE FUNCTION folded_while(ddl text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	CREATE TABLE persons (id integer PRIMARY KEY, name text);
	CREATE TABLE first (id integer PRIMARY KEY, person integer REFERENCES persons);
	CREATE TABLE second (id integer PRIMARY KEY, person integer REFERENCES persons);
	CREATE TABLE pairs (id integer PRIMARY KEY, person integer REFERENCES persons, name text, UNIQUE (person, name));
	CREATE TABLE of_pairs (pair integer REFERENCES pairs);
	CREATE TABLE late (person integer, pair integer);
	INSERT INTO persons VALUES (1), (2);
	INSERT INTO first VALUES (1, 1);
	INSERT INTO second VALUES (1, 1);
	INSERT INTO pairs VALUES (1, 1, 'x'), (2, 2, 'x');
	INSERT INTO of_pairs VALUES (1);
	INSERT INTO late VALUES (1, 1);
	EXECUTE format('CREATE TRIGGER alters AFTER UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION alter_tables()', split_part(ddl, ': ', 1));
	PERFORM set_config('changed.ddl', split_part(ddl, ': ', 2), true);
	PERFORM idverify_fold(1, 2, 'persons');
	SELECT format('first %s, second %s, pairs %s, of_pairs %s, late %s', (SELECT string_agg(first::text, ' ') FROM first),
		(SELECT string_agg(second::text, ' ') FROM second), (SELECT string_agg(pairs::text, ' ') FROM pairs),
		(SELECT string_agg(of_pairs::text, ' ') FROM of_pairs), (SELECT string_agg(late::text, ' ') FROM late)) INTO result;
	RAISE 'take it all back' USING errcode = 'ZZ999';
EXCEPTION WHEN sqlstate 'ZZ999' THEN
	RETURN result;
WHEN OTHERS THEN
	RETURN sqlstate || ': ' || sqlerrm;
END
$$;
SELECT ddl, folded_while(ddl) FROM unnest(ARRAY[
	'first: ALTER TABLE late ADD FOREIGN KEY (person) REFERENCES persons ON DELETE CASCADE',
	'of_pairs: ALTER TABLE late ADD FOREIGN KEY (pair) REFERENCES pairs ON DELETE CASCADE',
	'of_pairs: ALTER TABLE late ADD FOREIGN KEY (person) REFERENCES persons ON DELETE CASCADE',
	'first: SELECT idverify_add_reference(''changed.persons'', ''changed.late'', ''person'')',
	'first: ALTER TABLE second ADD COLUMN more text',
	'first: ALTER TABLE second DROP COLUMN person',
	'first: ALTER TABLE second ALTER person TYPE bigint',
	'first: ALTER TABLE second RENAME person TO somebody',
	'first: ALTER TABLE second RENAME TO third',
	'first: ALTER TABLE second DROP CONSTRAINT second_person_fkey',
	'first: ALTER TABLE second DROP CONSTRAINT second_pkey',
	'first: CREATE UNIQUE INDEX ON second (person)',
	'first: DROP TABLE second',
	'first: TRUNCATE second',
	'first: ALTER TABLE persons ADD COLUMN more text',
	'first: ALTER TABLE persons DROP COLUMN name',
	'first: ALTER TABLE persons ALTER id TYPE bigint',
	'first: ALTER TABLE first ADD COLUMN more text',
	'of_pairs: ALTER TABLE pairs ADD COLUMN more text',
	'of_pairs: ALTER TABLE pairs DROP COLUMN name',
	'of_pairs: ALTER TABLE pairs RENAME TO couples',
	'of_pairs: DROP TABLE second',
	'first: DROP TABLE late; CREATE TABLE late (person integer REFERENCES persons ON DELETE CASCADE, pair integer); INSERT INTO late VALUES (1)']) ddl;

TRUNCATE idverify.folds, idverify.fold_rows;
DROP SCHEMA changed CASCADE;

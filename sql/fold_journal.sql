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

-- folded under one setting and taken back under another: ids, rows without a
-- key, and values that were filled in are found again. Triggers see what the
-- session has set, except for how text is read: lc_monetary, xmloption, array_nulls.
CREATE TABLE dated (id timestamptz PRIMARY KEY, name text, created_at timestamptz, token bytea, names text[], due interval, share float8);
CREATE TABLE visits (who timestamptz REFERENCES dated, at timestamptz, token bytea, names text[], due interval, share float8, origin regclass DEFAULT 'pg_class');
CREATE TABLE daily (day timestamptz PRIMARY KEY, who timestamptz REFERENCES dated);
INSERT INTO dated VALUES
	('2020-01-01 00:00Z', 'first', '2019-07-01 12:00Z', '\x00ff5c', '{NULL,"NULL",x}', '-1 mon +2 days -3:04:05.6', 1.0 / 3),
	('2021-01-01 00:00Z', NULL, '2021-07-01 12:00Z', NULL, NULL, NULL, NULL);
INSERT INTO visits SELECT id, created_at, token, names, due, share FROM dated, generate_series(1, 2);
INSERT INTO daily SELECT '2022-04-03 02:00Z', min(id) FROM dated;
CREATE TABLE dated_before AS TABLE dated;
CREATE TABLE visits_before AS TABLE visits;
CREATE TABLE daily_before AS TABLE daily;
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO fold_journal.seen VALUES (pg_catalog.current_setting(pg_catalog.current_setting('fold_journal.setting')));
	RETURN NEW;
END $$;
CREATE TABLE seen (value text);
CREATE TRIGGER see BEFORE INSERT OR UPDATE ON dated FOR EACH ROW EXECUTE FUNCTION see();
CREATE TRIGGER see BEFORE UPDATE ON visits FOR EACH ROW EXECUTE FUNCTION see();
CREATE FUNCTION there_and_back(setting text, there text, back text, OUT resolves boolean, OUT differ bigint, OUT saw text) LANGUAGE plpgsql AS $$
DECLARE
	before text := current_setting(setting);
	fold bigint;
BEGIN
	PERFORM set_config('fold_journal.setting', setting, false), set_config(setting, there, false);
	SELECT min(fold_id) INTO fold FROM idverify_fold(timestamptz '2020-01-01 00:00Z', timestamptz '2021-01-01 00:00Z', 'dated');
	PERFORM set_config(setting, back, false);
	TRUNCATE seen;
	resolves := idverify_resolve(timestamptz '2020-01-01 00:00Z', 'dated') = '2021-01-01 00:00Z';
	PERFORM idverify_unfold(fold);
	PERFORM set_config(setting, before, false);
	WITH before AS (SELECT x::text FROM dated_before x UNION ALL SELECT x::text FROM visits_before x UNION ALL SELECT x::text FROM daily_before x),
		now AS (SELECT x::text FROM dated x UNION ALL SELECT x::text FROM visits x UNION ALL SELECT x::text FROM daily x)
	SELECT count(*) INTO differ FROM ((TABLE before EXCEPT ALL TABLE now) UNION ALL (TABLE now EXCEPT ALL TABLE before)) d;
	SELECT string_agg(DISTINCT value, ', ') INTO saw FROM seen;
END $$;
SELECT t.*, b.* FROM (VALUES
	('TimeZone', 'UTC', 'Asia/Tokyo'),
	('TimeZone', 'America/St_Johns', 'Etc/UTC'),
	('TimeZone', 'Europe/London', 'Europe/Berlin'),
	('bytea_output', 'hex', 'escape'),
	('bytea_output', 'escape', 'hex'),
	('array_nulls', 'on', 'off'),
	('DateStyle', 'ISO, MDY', 'SQL, DMY'),
	('DateStyle', 'German, DMY', 'Postgres, MDY'),
	('IntervalStyle', 'postgres', 'sql_standard'),
	('IntervalStyle', 'iso_8601', 'postgres_verbose'),
	('extra_float_digits', '1', '-5'),
	('extra_float_digits', '-5', '0'),
	('quote_all_identifiers', 'off', 'on')
	) AS t(setting, there, back), there_and_back(setting, there, back) b;

-- a trigger that swallows a row on its way back: an error, not a loss, also where
-- the row has no key
CREATE TABLE loose (person int REFERENCES people, note text);
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
INSERT INTO people VALUES (20), (21);
INSERT INTO loose VALUES (20, 'a'), (20, 'b');
SELECT min(fold_id) AS fold FROM idverify_fold(20, 21, 'people') \gset
CREATE TRIGGER swallow BEFORE UPDATE ON loose FOR EACH ROW WHEN (OLD.note = 'b') EXECUTE FUNCTION swallow();
SELECT idverify_unfold(:fold);  -- fail: 55000
DROP TRIGGER swallow ON loose;
-- ... or that sets the column back
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.person := OLD.person; RETURN NEW; END $$;
CREATE TRIGGER keep BEFORE UPDATE ON loose FOR EACH ROW WHEN (OLD.note = 'b') EXECUTE FUNCTION keep();
SELECT idverify_unfold(:fold);  -- fail: 55000
DROP TRIGGER keep ON loose;
-- ... others may do what they do
CREATE FUNCTION louder() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := upper(OLD.note); RETURN NEW; END $$;
CREATE TRIGGER louder BEFORE UPDATE ON loose FOR EACH ROW EXECUTE FUNCTION louder();
SELECT * FROM idverify_unfold(:fold) ORDER BY relation::text;
SELECT * FROM loose ORDER BY note;
DROP TABLE loose;

-- an unfold that fails leaves nothing in the session's memory
CREATE TABLE held (person int REFERENCES people, note text);
CREATE TABLE kept (id int PRIMARY KEY, person int REFERENCES people);
CREATE TABLE dropped (person int UNIQUE REFERENCES people);
INSERT INTO held VALUES (8, 'a'), (8, 'b');
INSERT INTO kept VALUES (1, 8);
INSERT INTO dropped VALUES (8), (9);
UPDATE people SET name = NULL WHERE id = 9;
SELECT min(fold_id) AS fold FROM idverify_fold(8, 9, 'people') \gset
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE check_violation; END $$;
CREATE FUNCTION plans() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM pg_backend_memory_contexts WHERE name IN ('CachedPlan', 'CachedPlanSource', 'CachedPlanQuery', 'SPI Plan');
$$;
CREATE FUNCTION plans_left(event text, relation text, fold bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	counted bigint[] := '{}';
BEGIN
	EXECUTE format('CREATE TRIGGER refuse BEFORE %s ON %s FOR EACH ROW EXECUTE FUNCTION refuse()', event, relation);
	FOR n IN 1..20 LOOP
		BEGIN
			PERFORM idverify_unfold(fold);
			RAISE 'it did not fail';
		EXCEPTION WHEN object_not_in_prerequisite_state THEN
		END;
		counted[n] := plans();
	END LOOP;
	EXECUTE format('DROP TRIGGER refuse ON %s', relation);
	RETURN counted[20] - counted[10];
END $$;
SELECT event, relation, plans_left(event, relation, :fold)
	FROM (VALUES ('UPDATE', 'people'), ('INSERT', 'people'), ('UPDATE', 'held'), ('UPDATE', 'kept'), ('INSERT', 'dropped')) t(event, relation);
SELECT count(*) FROM idverify_unfold(:fold);

DROP SCHEMA fold_journal CASCADE;
DELETE FROM idverify.fold_rows WHERE app_id = 0;
DELETE FROM idverify.folds WHERE app_id = 0;

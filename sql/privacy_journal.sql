--
-- Rows in the journal of other contacts' folds that point to somebody who is erased
--
-- One and Two have each a row that names Three. Their fold drops the one as a
-- duplicate of the other; then Three is erased, and the fold is undone.  A row of the
-- journal goes as the row in the table does, and rows that only look so stay.
--
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE SCHEMA privacy_journal;
SET search_path = privacy_journal, public;
CREATE TABLE people (id int PRIMARY KEY, name text);

-- What a table of links is like, what becomes of its rows, and what is left.
CREATE FUNCTION try(ids text, about text, listed text, others text, OUT journal text, OUT erased text, OUT undone text, OUT links text)
	LANGUAGE plpgsql AS $$
DECLARE
	fold bigint;
BEGIN
	BEGIN
		EXECUTE format('ALTER TABLE people ALTER id TYPE %s', ids);
		EXECUTE format('CREATE TABLE links (id serial PRIMARY KEY, person %s, %s, note text, UNIQUE (person, about))', ids, about);
		PERFORM idverify_add_reference('people', 'links', 'person');
		IF listed IS DISTINCT FROM '-' THEN
			PERFORM idverify_add_reference('people', 'links', 'about', listed);
		END IF;
		EXECUTE $i$ INSERT INTO people VALUES ('1', 'One'), ('2', 'Two'), ('3', 'Three'), ('4', 'Four'); $i$;
		EXECUTE $i$ INSERT INTO links (person, about, note) SELECT p.id, a.id, p.name || ' on ' || a.name
			FROM people p, people a WHERE p.name IN ('One', 'Two') AND a.name IN ('Three', 'Four'); $i$;
		IF ids = 'numeric' THEN
			EXECUTE $i$ UPDATE links l SET about = l.about * 1.00 WHERE person = 1 $i$;
		END IF;
		EXECUTE $i$ SELECT max(fold_id) FROM people s, people t, idverify_fold(s.id, t.id, 'people') WHERE s.name = 'One' AND t.name = 'Two' $i$ INTO fold;
		EXECUTE $i$ SELECT string_agg(action || ' ' || rows || ' ' || column_name, ', ' ORDER BY relation::text, column_name)
			FROM people, idverify_erase(id, 'people', $1) WHERE name = 'Three' $i$ INTO erased USING others;
		SELECT string_agg(concat_ws(' for ', coalesce(dropped_row ->> 'about', '-'), coalesce(kept_row ->> 'about', '-')), ', ' ORDER BY step) INTO journal
			FROM idverify.fold_rows WHERE fold_id = fold AND dropped_row IS NOT NULL;
		BEGIN
			SELECT string_agg(u.restored::text, ',') INTO undone FROM idverify_unfold(fold) u WHERE u.relation = 'links'::regclass;
		EXCEPTION WHEN OTHERS THEN
			undone := SQLSTATE;
		END;
		SELECT string_agg(l.person || '>' || coalesce(l.about::text, '-'), ' ' ORDER BY l.person::text, l.about::text) INTO links FROM links l;
		RAISE SQLSTATE 'U0000';
	EXCEPTION WHEN SQLSTATE 'U0000' THEN
	END;
END $$;

SELECT what, t.* FROM (VALUES
	( 1, 'ON DELETE CASCADE', 'int', 'about int REFERENCES people ON DELETE CASCADE', '-', 'refuse'),
	( 2, 'ON DELETE SET NULL', 'int', 'about int REFERENCES people ON DELETE SET NULL', '-', 'refuse'),
	( 3, 'NO ACTION', 'int', 'about int REFERENCES people', '-', 'delete'),
	( 4, 'NO ACTION', 'int', 'about int REFERENCES people', '-', 'clear'),
	( 5, 'listed', 'int', 'about int', NULL, 'delete'),
	( 6, 'listed', 'int', 'about int', NULL, 'clear'),
	( 7, 'another integer', 'int', 'about bigint', NULL, 'delete'),
	( 8, 'equal, written otherwise', 'numeric', 'about numeric', NULL, 'delete'),
	( 9, 'of one kind only', 'int', 'kind text DEFAULT ''Agent'', about int', 'kind = ''Person''', 'delete'),
	(10, 'of the right kind', 'int', 'kind text DEFAULT ''Person'', about int', 'kind = ''Person''', 'delete'),
	(11, 'unlisted', 'int', 'about int', '-', 'delete')
  ) AS c(n, what, ids, about, listed, others), try(c.ids, c.about, c.listed, c.others) t ORDER BY n;

-- What pointed to the dropped row goes with it from the journal: it has moved to the
-- row that was kept, and was erased with that.
CREATE TABLE links (id int PRIMARY KEY, person int REFERENCES people, about int REFERENCES people ON DELETE CASCADE, UNIQUE (person, about));
CREATE TABLE remarks (id int PRIMARY KEY, link int REFERENCES links ON DELETE CASCADE, remark text);
INSERT INTO people VALUES (1, 'One'), (2, 'Two'), (3, 'Three'), (4, 'Four');
INSERT INTO links VALUES (1, 1, 3), (2, 2, 3), (3, 1, 4), (4, 2, 4);
INSERT INTO remarks VALUES (1, 1, 'about Three'), (2, 3, 'about Four');
SELECT max(fold_id) AS fold FROM idverify_fold(1, 2, 'people') \gset
SELECT relation, column_name, action, rows FROM idverify_erase(3, 'people', dry_run => true) ORDER BY 1, 2;
SELECT count(*) AS steps FROM idverify.fold_rows WHERE fold_id = :fold;
SELECT relation, column_name, action, rows FROM idverify_erase(3, 'people') ORDER BY 1, 2;
SELECT step > 0 AS step, depth, relation, dropped_row, old_values, new_values FROM idverify.fold_rows WHERE fold_id = :fold ORDER BY fold_rows.step;
SELECT relation, moved, restored, skipped FROM idverify_unfold(:fold) ORDER BY 1;
SELECT * FROM links ORDER BY 1;
SELECT * FROM remarks ORDER BY 1;

--
-- The journal knows tables by name.  Of one that was renamed it may hold what is asked
-- for: that is an error, until the doctor's remedy has been run.
--
-- One was folded into Two, which has dropped what One's link says about Three, and Four
-- into Five, which was undone; of Six there is nothing.
--
CREATE SCHEMA old_journal;
SET search_path = old_journal, privacy_journal, public;
CREATE TABLE old_journal.people (id int PRIMARY KEY, name text);
CREATE TABLE old_journal.links (id serial PRIMARY KEY, person int REFERENCES old_journal.people ON DELETE CASCADE,
	about int REFERENCES old_journal.people ON DELETE CASCADE, UNIQUE (person, about));
INSERT INTO old_journal.people VALUES (1, 'One'), (2, 'Two'), (3, 'Three'), (4, 'Four'), (5, 'Five'), (6, 'Six');
INSERT INTO old_journal.links (person, about) VALUES (1, 3), (2, 3), (1, 6);
SELECT max(fold_id) AS fold FROM idverify_fold(1, 2, 'people') \gset
SELECT max(fold_id) AS undone FROM idverify_fold(4, 5, 'people') \gset
SELECT count(*) FROM idverify_unfold(:undone);
CREATE TABLE new_ids (id numeric PRIMARY KEY);
INSERT INTO new_ids VALUES (6);

-- Whether something succeeds; with how many rows.
CREATE FUNCTION outcome(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	BEGIN
		EXECUTE 'SELECT count(*) FROM ' || call INTO n;
		RAISE SQLSTATE 'R0001';
	EXCEPTION WHEN SQLSTATE 'R0001' THEN
		RETURN n;
	END;
EXCEPTION WHEN OTHERS THEN
	RETURN concat_ws(' ', SQLSTATE, substring(SQLERRM, 'there is no table "[^"]*"'));
END $$;

-- All that reads the journal of a table of contacts, by its name of today.
CREATE FUNCTION outcomes(people text, fold bigint) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(call || ': ' || outcome(format(sql, people, fold)), E'\n' ORDER BY n) FROM (VALUES
		(1, 'export 2', 'idverify_export(2, %1$L)'),
		(2, 'export 5', 'idverify_export(5, %1$L)'),
		(3, 'export 6', 'idverify_export(6, %1$L)'),
		(4, 'erase 2', 'idverify_erase(2, %1$L)'),
		(5, 'erase 3', 'idverify_erase(3, %1$L)'),
		(6, 'erase 5, on trial', 'idverify_erase(5, %1$L, dry_run => true)'),
		(7, 'erase 6', 'idverify_erase(6, %1$L)'),
		(8, 'unfold', 'idverify_unfold(%2$s)')) t(n, call, sql)
$$;

-- What is so after a command, and what the doctor says of it; and after the remedies for
-- a table that was renamed, in whose name was is to be replaced, or for one that was dropped.
CREATE FUNCTION told(command text, people text, fold bigint, was text, becomes text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	lines text[];
	line text;
	found text;
	now text;
BEGIN
	BEGIN
		EXECUTE command;
		now := outcomes(people, fold);
		lines := lines || now;
		FOR found, line IN SELECT object, r.line FROM idverify_doctor(), unnest(string_to_array(remedy, E'\n')) WITH ORDINALITY r(line, n)
			WHERE finding = 'journal_lost' AND object ~ '^(old|privacy)_journal' AND (n = 1) = (was IS NOT NULL) ORDER BY object, n LOOP
			lines := lines || ('-- ' || found);
			EXECUTE replace(substr(line, 4), 'SCHEMA.TABLE', coalesce(replace(found, was, becomes), ''));
		END LOOP;
		lines := lines || coalesce(nullif(outcomes(people, fold), now), 'as before');
		lines := lines || outcome('idverify_doctor() WHERE finding = ''journal_lost'' AND object ~ ''^(old|privacy)_journal''');
		RAISE SQLSTATE 'R0001';
	EXCEPTION WHEN SQLSTATE 'R0001' THEN
		RETURN QUERY SELECT unnest(lines);
	END;
END $$;

\pset format unaligned
\pset tuples_only on
\echo nothing was renamed
SELECT told('', 'people', :fold, 'people', 'persons');
\echo the contacts were
SELECT told('ALTER TABLE old_journal.people RENAME TO "Persons"', '"Persons"', :fold, 'people', '"Persons"');
\echo and a view has their name
SELECT told('ALTER TABLE old_journal.people RENAME TO persons; CREATE VIEW old_journal.people AS TABLE persons', 'persons', :fold, 'people', 'persons');
\echo their schema was
SELECT told('ALTER SCHEMA old_journal RENAME TO new_journal; SET search_path = new_journal, privacy_journal, public', 'people', :fold, 'old_journal', 'new_journal');
\echo what points to them was
SELECT told('ALTER TABLE old_journal.links RENAME TO relations', 'people', :fold, 'links', 'relations');
\echo the contacts were dropped: others of the same ids
SELECT told('ALTER TABLE old_journal.people RENAME TO former; CREATE TABLE old_journal.persons AS TABLE former; ALTER TABLE persons ADD PRIMARY KEY (id);
	DROP TABLE former CASCADE', 'persons', :fold, NULL, NULL);
\echo what pointed to them was dropped
SELECT told('DROP TABLE old_journal.links; CREATE TABLE notes (about int REFERENCES people ON DELETE CASCADE)', 'people', :fold, NULL, NULL);
\echo ids that can be written in several ways
SELECT told('ALTER TABLE old_journal.people RENAME TO persons', 'new_ids', :fold, 'people', 'persons');
\pset tuples_only off
\pset format aligned
DROP SCHEMA old_journal CASCADE;
SET search_path = privacy_journal, public;

SELECT idverify_forget('0') >= 0 AS forgotten;
DELETE FROM idverify.contact_references WHERE contacts = 'people'::regclass;
DROP SCHEMA privacy_journal CASCADE;

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

SELECT idverify_forget('0') >= 0 AS forgotten;
DELETE FROM idverify.contact_references WHERE contacts = 'people'::regclass;
DROP SCHEMA privacy_journal CASCADE;

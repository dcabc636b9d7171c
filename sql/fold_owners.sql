--
-- Whose a table was: what a fold has written down goes back to a table of the same
-- role, and is not taken for what is known of another's that bears the name now
--
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE ROLE regress_owners_alice;
CREATE ROLE regress_owners_mallory;
CREATE ROLE regress_owners_member IN ROLE regress_owners_alice;
CREATE ROLE regress_owners_dba SUPERUSER;

-- Alice makes tables in Mallory's schema, which Mallory may drop and not read.
CREATE SCHEMA owners AUTHORIZATION regress_owners_mallory;
GRANT CREATE, USAGE ON SCHEMA owners TO regress_owners_alice;
SET ROLE regress_owners_alice;
CREATE TABLE owners.people (id int PRIMARY KEY, name text);
CREATE TABLE owners.tags (person int REFERENCES owners.people, tag text, by text, UNIQUE (person, tag));
CREATE TABLE owners.notes (id int PRIMARY KEY, person int REFERENCES owners.people, body text);
CREATE TABLE owners.spare (id int PRIMARY KEY, person int REFERENCES owners.people, body text);
INSERT INTO owners.people VALUES (1, 'one'), (2, 'two'), (3, 'three');
INSERT INTO owners.tags VALUES (1, 'vip', 'a secret of Alice'), (2, 'vip', 'kept');
INSERT INTO owners.notes VALUES (1, 1, 'one');
RESET ROLE;
SELECT relation, moved, dropped FROM idverify_fold(1, 2, 'owners.people') ORDER BY relation::text;
SELECT max(id) AS fold FROM idverify.folds WHERE app_id = 0 \gset
SELECT jsonb_pretty(owners::jsonb) FROM idverify.folds WHERE app_id = 0 AND id = :fold;

-- Something is made of a table, then each function that reads the journal is called;
-- all of it is taken back.  Where the table was handed over, the command that the
-- hint tells lets it go on.
CREATE FUNCTION pg_temp.try(command text, call text, OUT error text, OUT answer text) LANGUAGE plpgsql AS $$
DECLARE
	found text;
	hint text;
BEGIN
	BEGIN
		EXECUTE command;
		BEGIN
			EXECUTE call INTO found;
		EXCEPTION WHEN object_not_in_prerequisite_state THEN
			GET STACKED DIAGNOSTICS error = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
			EXECUTE substring(hint FROM 'say so: (.*)\. If it is another');
			EXECUTE call INTO found;
		END;
		RAISE SQLSTATE 'U0000';
	EXCEPTION WHEN SQLSTATE 'U0000' THEN
	END;
	error := regexp_replace(error, 'fold [0-9]+', 'fold N');
	answer := found;
END $$;
\set tags_anew 'SET ROLE regress_owners_mallory; DROP TABLE owners.tags; CREATE TABLE owners.tags (person int, tag text, by text); RESET ROLE'
\set tags_renamed 'SET ROLE regress_owners_mallory; DROP TABLE owners.tags; CREATE TABLE owners.sgat (person int, tag text, by text); ALTER TABLE owners.sgat RENAME TO tags; RESET ROLE'
\set notes_anew 'SET ROLE regress_owners_mallory; DROP TABLE owners.notes; CREATE TABLE owners.notes (id int, person int, body text); INSERT INTO owners.notes VALUES (1, 2, NULL); RESET ROLE'
\set people_anew 'SET ROLE regress_owners_mallory; DROP TABLE owners.people CASCADE; CREATE TABLE owners.people (id int PRIMARY KEY, name text); INSERT INTO owners.people VALUES (2); RESET ROLE'
\set people_anew_as_text 'SET ROLE regress_owners_mallory; DROP TABLE owners.people CASCADE; CREATE TABLE owners.people (id numeric PRIMARY KEY, name text); INSERT INTO owners.people VALUES (2); RESET ROLE'
SELECT what, t.error, t.answer FROM (VALUES
	( 1, 'a dropped row', :'tags_anew', 'undo'),
	( 2, 'renamed to it', :'tags_renamed', 'undo'),
	( 3, 'a moved row', :'notes_anew', 'undo'),
	( 4, 'the source', :'people_anew', 'undo'),
	( 5, 'the source', :'people_anew', 'force'),
	( 6, 'an old id', :'people_anew', 'resolve'),
	( 7, 'the journal', :'people_anew', 'export'),
	( 8, 'the journal', :'people_anew', 'erase'),
	( 9, 'an old id', :'people_anew_as_text', 'resolve'),
	(10, 'the journal', :'people_anew_as_text', 'export'),
	(11, 'the journal', :'people_anew_as_text', 'erase'),
	(12, 'by age', :'people_anew', 'forget'),
	(13, 'handed over', 'ALTER TABLE owners.tags OWNER TO regress_owners_mallory', 'undo'),
	(14, 'to a member', 'ALTER TABLE owners.tags OWNER TO regress_owners_member', 'undo'),
	(15, 'to a superuser', 'ALTER TABLE owners.people OWNER TO regress_owners_dba', 'undo'),
	(16, 'not written to', 'ALTER TABLE owners.spare OWNER TO regress_owners_mallory', 'undo'),
	(17, 'and a role is gone', 'REASSIGN OWNED BY regress_owners_alice TO regress_owners_mallory; DROP OWNED BY regress_owners_alice; DROP ROLE regress_owners_alice', 'resolve'),
	(18, 'a name was corrected', $$UPDATE idverify.folds SET owners = owners::jsonb - 'owners.tags' WHERE app_id = 0$$, 'undo'),
	(19, 'altered by hand', $$UPDATE idverify.folds SET owners = '{"owners.people": 7}' WHERE app_id = 0$$, 'resolve')
  ) AS c(n, what, command, call),
  pg_temp.try(c.command, CASE c.call
	WHEN 'undo' THEN format('SELECT string_agg(relation || %L || moved || %L || restored, %L ORDER BY relation::text) FROM idverify_unfold(%s)', ' ', '/', ', ', :fold)
	WHEN 'force' THEN format('SELECT string_agg(relation || %L || moved || %L || restored, %L ORDER BY relation::text) FROM idverify_unfold(%s, force => true)', ' ', '/', ', ', :fold)
	WHEN 'resolve' THEN 'SELECT idverify_resolve(1, ''owners.people'')'
	WHEN 'export' THEN 'SELECT string_agg(record::text, '' '') FROM idverify_export(2, ''owners.people'') WHERE relation = ''idverify.folds''::regclass'
	WHEN 'erase' THEN 'SELECT string_agg(action || '' '' || rows, '', '') FROM idverify_erase(2, ''owners.people'', ''delete'') WHERE relation = ''idverify.folds''::regclass'
	ELSE 'SELECT idverify_forget(''0'')' END) t
 ORDER BY n;

DELETE FROM idverify.folds WHERE contacts LIKE 'owners.%';
DELETE FROM idverify.fold_rows WHERE relation LIKE 'owners.%';
DROP SCHEMA owners CASCADE;
DROP ROLE regress_owners_member, regress_owners_alice, regress_owners_mallory, regress_owners_dba;

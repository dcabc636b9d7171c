--
-- idverify_fold(): which rows point to a contact, where the two are of types
-- that are compared through a cast, and where a table's own code must not run
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_pointers_stranger;
CREATE SCHEMA pointers;
SET search_path = pointers, public;
CREATE FUNCTION hung() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
ALTER FUNCTION hung() OWNER TO regress_pointers_stranger;

--
-- Along a key to the table itself: a value that points to either of the two is
-- not filled in, whatever types the key compares
--
CREATE TABLE by_numeric (id numeric PRIMARY KEY, referred_by integer REFERENCES by_numeric);
INSERT INTO by_numeric VALUES (1, NULL), (2, 1), (3, NULL), (4, 3), (5, NULL);
SELECT relation, moved FROM idverify_fold(2::numeric, 3::numeric, 'by_numeric');
SELECT relation, moved FROM idverify_fold(4::numeric, 3::numeric, 'by_numeric');
TABLE by_numeric ORDER BY id;
CREATE TABLE by_text (id text PRIMARY KEY, referred_by char(5) REFERENCES by_text);
INSERT INTO by_text VALUES ('a', NULL), ('b', 'a'), ('c', NULL), ('d', 'c');
SELECT relation, moved FROM idverify_fold('b'::text, 'a'::text, 'by_text');
SELECT relation, moved FROM idverify_fold('d'::text, 'a'::text, 'by_text');
TABLE by_text ORDER BY id;

--
-- A stranger's trigger hangs on a table: the fold is refused if a row there
-- points to the contact, and not if none does
--
CREATE TYPE number AS ENUM ('1', '2', '3');
CREATE FUNCTION number_as_bigint(number) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1::text::bigint';
CREATE CAST (number AS bigint) WITH FUNCTION number_as_bigint(number) AS IMPLICIT;
CREATE FUNCTION strangers(id text, pointer text) RETURNS TABLE (row_there text, no_row_there text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE pointed (id %s PRIMARY KEY)', id);
	EXECUTE format('CREATE TABLE pointing (pointer %s REFERENCES pointed)', pointer);
	INSERT INTO pointed VALUES ('1'), ('2'), ('3');
	INSERT INTO pointing VALUES ('1'), (NULL);
	CREATE TRIGGER hung BEFORE UPDATE ON pointing FOR EACH ROW EXECUTE FUNCTION hung();
	BEGIN
		EXECUTE format('SELECT moved FROM idverify_fold(''1''::%s, ''3''::%1$s, ''pointed'')', id) INTO row_there;
	EXCEPTION WHEN OTHERS THEN
		row_there := SQLSTATE;
	END;
	BEGIN
		EXECUTE format('SELECT moved FROM idverify_fold(''2''::%s, ''3''::%1$s, ''pointed'')', id) INTO no_row_there;
	EXCEPTION WHEN OTHERS THEN
		no_row_there := SQLSTATE;
	END;
	IF EXISTS (SELECT FROM pointing x LEFT JOIN pointed y ON y.id = x.pointer WHERE x.pointer IS NOT NULL AND y.id IS NULL) THEN
		row_there := 'points to nothing';
	END IF;
	DROP TABLE pointing, pointed;
	RETURN NEXT;
END $$;
SELECT id, pointer, s.* FROM (VALUES
	('bigint', 'bigint'),
	('bigint', 'integer'),
	('numeric', 'integer'),
	('text', 'varchar'),
	('text', 'char(5)'),
	('varchar(9)', 'text'),
	('char(5)', 'char(3)'),
	-- here nobody but a function of somebody could say
	('bigint', 'number')) t (id, pointer), strangers(id, pointer) s;

--
-- What its owner may do to a table so that no UPDATE of it succeeds, not even of
-- no rows: it is in the way of those folds alone that have rows there
--
CREATE ROLE regress_pointers_owner;
GRANT USAGE ON SCHEMA pointers TO regress_pointers_owner;
CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'P0001'; END $$;
CREATE FUNCTION refusing(alter_table text, undo_alter text) RETURNS TABLE (row_there text, no_row_there text) LANGUAGE plpgsql AS $$
BEGIN
	CREATE TABLE pointed (id bigint PRIMARY KEY);
	INSERT INTO pointed VALUES (1), (2), (3);
	CREATE TABLE pointing (pointer bigint NOT NULL REFERENCES pointed, n int);
	INSERT INTO pointing VALUES (1, 0);
	ALTER TABLE pointing OWNER TO regress_pointers_owner;
	EXECUTE alter_table;
	BEGIN
		row_there := moved FROM idverify_fold(1::bigint, 3::bigint, 'pointed', dry_run => true) WHERE relation = 'pointing'::regclass;
	EXCEPTION WHEN OTHERS THEN
		row_there := SQLSTATE;
	END;
	BEGIN
		no_row_there := sum(moved) FROM idverify_fold(2::bigint, 3::bigint, 'pointed');
	EXCEPTION WHEN OTHERS THEN
		no_row_there := SQLSTATE;
	END;
	EXECUTE undo_alter;
	DELETE FROM idverify.contact_references;
	DROP TABLE pointing, pointed;
	RETURN NEXT;
END $$;
SELECT what, r.* FROM (VALUES
	(1, 'nothing', 'SELECT', 'SELECT'),
	(2, 'identity', 'ALTER TABLE pointing ALTER pointer ADD GENERATED ALWAYS AS IDENTITY', 'SELECT'),
	(3, 'rule', 'CREATE RULE also AS ON UPDATE TO pointing DO ALSO SELECT 1', 'SELECT'),
	-- with a key, PostgreSQL itself could not delete what is pointed to
	(4, 'rights, listed', 'ALTER TABLE pointing DROP CONSTRAINT pointing_pointer_fkey; SELECT idverify_add_reference(''pointed'', ''pointing'', ''pointer''); REVOKE ALL ON pointing FROM regress_pointers_owner', 'SELECT'),
	(5, 'right to read, listed', 'ALTER TABLE pointing DROP CONSTRAINT pointing_pointer_fkey; SELECT idverify_add_reference(''pointed'', ''pointing'', ''pointer''); REVOKE SELECT ON pointing FROM regress_pointers_owner', 'SELECT'),
	(6, 'schema, listed', 'ALTER TABLE pointing DROP CONSTRAINT pointing_pointer_fkey; SELECT idverify_add_reference(''pointed'', ''pointing'', ''pointer''); REVOKE USAGE ON SCHEMA pointers FROM regress_pointers_owner', 'GRANT USAGE ON SCHEMA pointers TO regress_pointers_owner'),
	(7, 'trigger before', 'CREATE TRIGGER t BEFORE UPDATE ON pointing EXECUTE FUNCTION fails()', 'SELECT'),
	(8, 'trigger after', 'CREATE TRIGGER t AFTER UPDATE ON pointing EXECUTE FUNCTION fails()', 'SELECT'),
	(9, 'built-in for rows', 'CREATE TRIGGER t BEFORE UPDATE ON pointing EXECUTE FUNCTION suppress_redundant_updates_trigger()', 'SELECT')
	) t (n, what, alter_table, undo_alter), refusing(alter_table, undo_alter) r ORDER BY n;
-- such a column is not listed
CREATE TABLE people (id bigint PRIMARY KEY);
CREATE TABLE notes (raw bigint, made bigint GENERATED ALWAYS AS (raw) STORED, counted bigint GENERATED ALWAYS AS IDENTITY);
SELECT idverify_add_reference('people', 'notes', 'made');  -- fail
SELECT idverify_add_reference('people', 'notes', 'counted');  -- fail

TRUNCATE idverify.folds, idverify.fold_rows;
DROP SCHEMA pointers CASCADE;
DROP ROLE regress_pointers_stranger, regress_pointers_owner;

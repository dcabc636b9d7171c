--
-- Tables altered by hand, into what they cannot be: an error that says so
--
-- Never a crash, and never a row read as what it is not.  The same sentence is
-- for a library that is newer or older than the tables: t/tables_next_version.pl.
--
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT app_key FROM idverify_create_app('Web', 'web', revealable => true);
SELECT idverify_sign('web', 'ada') AS hash \gset
SELECT jsonb_build_object('external_id', 'ada', 'user_hash', :'hash') AS claim \gset
SELECT contact_id AS ada FROM idverify_identify('web', :'claim') \gset
SELECT contact_id AS eve FROM idverify_identify('web') \gset
SELECT contact_id AS joe FROM idverify_identify('web') \gset
SELECT fold_id FROM idverify_fold(:joe::bigint, :ada::bigint) LIMIT 1 \gset
CREATE TABLE pg_temp.calls (n integer GENERATED ALWAYS AS IDENTITY, call text);
INSERT INTO pg_temp.calls (call) VALUES
	(format('idverify_check(''web'', ''ada'', %L)', :'hash')),
	(format('idverify_verdict(''web'', ''ada'', NULL, %L)', :'hash')),
	('idverify_sign(''web'', ''ada'')'),
	('idverify_mask(''web'')'),
	('idverify_reveal(''web'')'),
	('idverify_rotate(''web'')'),
	('idverify_rekey()'),
	(format('idverify_identify(''web'', %L)', :'claim')),
	(format('idverify_fold(%s::bigint, %s::bigint)', :eve, :ada)),
	(format('idverify_unfold(%s)', :fold_id)),
	(format('idverify_resolve(%s::bigint)', :joe));

-- what the calls say after a change, which is undone then: errors, in order
CREATE FUNCTION pg_temp.altered(change text) RETURNS TABLE (what text) LANGUAGE plpgsql AS $$
DECLARE
	made text;
	message text;
	state text;
	said text[] = '{}';
BEGIN
	BEGIN
		EXECUTE change;
		FOR made IN SELECT call FROM pg_temp.calls ORDER BY n LOOP
			BEGIN
				EXECUTE 'SELECT ' || made;
			EXCEPTION WHEN OTHERS THEN
				GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
				said = said || (substring(made, 'idverify_(\w+)') || ': ' || state || ' ' || regexp_replace(message, 'app \d+', 'app n'));
			END;
		END LOOP;
		RAISE 'undo';
	EXCEPTION WHEN raise_exception THEN NULL;
	END;
	RETURN QUERY SELECT * FROM unnest(said);
END $$;
SELECT * FROM pg_temp.altered('SELECT 1');

-- a view, or a table in parts, in the place of a table
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.secrets RENAME TO kept; CREATE VIEW idverify.secrets AS SELECT * FROM idverify.kept');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.apps RENAME TO kept; CREATE TABLE idverify.apps (LIKE idverify.kept INCLUDING DEFAULTS) PARTITION BY LIST (id)');

-- NULL
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.secrets ALTER sealed DROP NOT NULL; UPDATE idverify.secrets SET sealed = NULL');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.secrets ALTER hint DROP NOT NULL; UPDATE idverify.secrets SET hint = NULL');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.secrets ALTER signer DROP NOT NULL; UPDATE idverify.secrets SET signer = NULL');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.secrets ALTER state DROP NOT NULL; UPDATE idverify.secrets SET state = NULL');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.apps ALTER signed_field DROP NOT NULL; UPDATE idverify.apps SET signed_field = NULL');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.apps ALTER grace DROP NOT NULL; UPDATE idverify.apps SET grace = NULL');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.apps ALTER signs DROP NOT NULL; UPDATE idverify.apps SET signs = NULL');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.secrets ALTER signs DROP NOT NULL; UPDATE idverify.secrets SET signs = NULL');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.secrets ALTER encoding DROP NOT NULL; UPDATE idverify.secrets SET encoding = NULL');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.contacts ALTER custom_data DROP NOT NULL; UPDATE idverify.contacts SET custom_data = NULL');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.folds ALTER target_id DROP NOT NULL; UPDATE idverify.folds SET target_id = NULL');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.folds ALTER steps DROP NOT NULL; UPDATE idverify.folds SET steps = NULL');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.contact_options DROP CONSTRAINT contact_options_same_check; INSERT INTO idverify.contact_options VALUES (''idverify.contacts'', ''{NULL}'', NULL)');

-- another type
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.secrets ALTER sealed TYPE bigint USING 12345');
SELECT * FROM pg_temp.altered('ALTER EXTENSION idverify DROP VIEW idverify.app_status; ALTER EXTENSION idverify DROP VIEW idverify.stat_secrets; DROP VIEW idverify.app_status, idverify.stat_secrets; ALTER TABLE idverify.secrets ALTER app_id TYPE bigint');
SELECT * FROM pg_temp.altered('ALTER EXTENSION idverify DROP VIEW idverify.app_status; DROP VIEW idverify.app_status; ALTER TABLE idverify.secrets DROP CONSTRAINT secrets_hint_check; ALTER TABLE idverify.secrets ALTER hint TYPE bigint USING 12345');
SELECT * FROM pg_temp.altered('ALTER EXTENSION idverify DROP VIEW idverify.app_status; DROP VIEW idverify.app_status; ALTER TABLE idverify.apps DROP CONSTRAINT apps_grace_check, ALTER grace DROP DEFAULT; ALTER TABLE idverify.apps ALTER grace TYPE text');
SELECT * FROM pg_temp.altered('ALTER EXTENSION idverify DROP VIEW idverify.app_status; DROP VIEW idverify.app_status; ALTER TABLE idverify.apps ALTER revealable DROP DEFAULT, ALTER revealable TYPE text');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.contacts ALTER phone TYPE bigint USING 12345');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.folds ALTER source_id TYPE bigint USING 12345');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.fold_rows ALTER relation TYPE bigint USING 12345');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.contact_references ALTER column_name TYPE bigint USING 12345');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.contact_options DROP CONSTRAINT contact_options_same_check, ALTER same TYPE text USING ''id''');

-- a column that is missing, or bears another name
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.secrets RENAME sealed TO closed');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.apps RENAME grace TO mercy');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.apps RENAME app_key TO key');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.contacts DROP phone');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.contacts RENAME shop TO store');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.folds DROP steps');
-- ... but one that moved to the end serves as before, and one more does not matter
SELECT * FROM pg_temp.altered($$ALTER TABLE idverify.secrets RENAME sealed TO old; ALTER TABLE idverify.secrets ADD sealed bytea;
	UPDATE idverify.secrets SET sealed = old; ALTER TABLE idverify.secrets ALTER sealed SET NOT NULL, DROP old,
	ADD shoe_size integer DEFAULT 42; ALTER TABLE idverify.apps ADD shoe_size integer DEFAULT 42$$);

-- rows that contradict themselves
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.secrets DROP CONSTRAINT secrets_check; UPDATE idverify.secrets SET state = ''previous''');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.secrets DROP CONSTRAINT secrets_check; UPDATE idverify.secrets SET expires_at = now()');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.apps DROP CONSTRAINT apps_app_key_key; INSERT INTO idverify.apps (app_key, name) VALUES (''web'', ''Web'')');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.apps DROP CONSTRAINT apps_grace_check; UPDATE idverify.apps SET grace = ''-1 day''');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.apps DROP CONSTRAINT apps_token_lifetime_check; UPDATE idverify.apps SET token_lifetime = ''0''');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.apps DROP CONSTRAINT apps_token_lifetime_check; UPDATE idverify.apps SET token_lifetime = ''170000000 years''');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.secrets DROP CONSTRAINT secrets_encoding_check; UPDATE idverify.secrets SET encoding = ''rot13''');

-- a trigger that keeps a row as it is
SELECT * FROM pg_temp.altered($$CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
	CREATE TRIGGER stay BEFORE UPDATE ON idverify.apps FOR EACH ROW EXECUTE FUNCTION stay()$$);

-- an index of another kind under our index's name is not asked
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.apps DROP CONSTRAINT apps_app_key_key; CREATE UNIQUE INDEX apps_app_key_key ON idverify.apps (app_key) WHERE app_key <> ''web''');
SELECT * FROM pg_temp.altered('ALTER TABLE idverify.secrets DROP CONSTRAINT secrets_pkey; CREATE INDEX secrets_pkey ON idverify.secrets (hint)');
SELECT * FROM pg_temp.altered('DROP INDEX idverify.contacts_verified_external_id; CREATE UNIQUE INDEX contacts_verified_external_id ON idverify.contacts (app_id, external_id COLLATE "POSIX") WHERE is_verified');

-- the hint says what to do
\set VERBOSITY default
BEGIN;
ALTER TABLE idverify.secrets RENAME sealed TO closed;
SELECT idverify_check('web', 'ada', :'hash');  -- fail
ROLLBACK;
BEGIN;
ALTER TABLE idverify.folds DROP steps;
SELECT idverify_unfold(:fold_id);  -- fail
ROLLBACK;
BEGIN;
ALTER TABLE idverify.secrets RENAME key_id TO key;
SELECT idverify_rotate('web');  -- fail
ROLLBACK;
\set VERBOSITY terse

--
-- A trigger function of ours on a table of somebody else does nothing
--
CREATE TABLE tt (id integer);
INSERT INTO tt VALUES (1);
CREATE TRIGGER t AFTER DELETE ON tt FOR EACH ROW EXECUTE FUNCTION idverify.drop_secrets();
DELETE FROM tt;  -- fail
DROP TRIGGER t ON tt;
CREATE TRIGGER t AFTER TRUNCATE ON tt FOR EACH STATEMENT EXECUTE FUNCTION idverify.drop_secrets();
TRUNCATE tt;  -- fail
DROP TRIGGER t ON tt;
CREATE TRIGGER t BEFORE DELETE ON tt FOR EACH ROW EXECUTE FUNCTION idverify.keep_contacts();
DELETE FROM tt;  -- fail
DROP TRIGGER t ON tt;
CREATE TRIGGER t AFTER DELETE ON tt FOR EACH ROW EXECUTE FUNCTION idverify.note_change();
DELETE FROM tt;  -- fail
\set VERBOSITY sqlstate
DELETE FROM tt;  -- fail
\set VERBOSITY terse
-- ... nor does one that bears the name of ours, in another schema
CREATE SCHEMA other;
CREATE TABLE other.apps (id integer);
INSERT INTO other.apps VALUES (1);
CREATE TRIGGER t AFTER DELETE ON other.apps FOR EACH ROW EXECUTE FUNCTION idverify.drop_secrets();
DELETE FROM other.apps;  -- fail
DROP SCHEMA other CASCADE;
DROP TABLE tt;
SELECT count(*) > 0 AS still_there FROM idverify.secrets;

-- the journal of a fold, one of its columns altered in each way: unfold reads it
CREATE TABLE people (id int PRIMARY KEY, name text);
CREATE TABLE notes (id int PRIMARY KEY, person int REFERENCES people);
CREATE TABLE loose (person int REFERENCES people, note text);
INSERT INTO people VALUES (1, 'Ann'), (2, '');
INSERT INTO notes VALUES (1, 1);
INSERT INTO loose VALUES (1, 'a');
SELECT min(fold_id) AS fold FROM idverify_fold(1, 2, 'people') \gset
CREATE FUNCTION pg_temp.unfold_of(fold bigint, changed text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	-- steps that are not in its head are read first
	DELETE FROM idverify.fold_rows WHERE fold_id = fold;
	EXECUTE format('UPDATE idverify.folds SET %s WHERE id = $1', changed) USING fold;
	PERFORM idverify_unfold(fold);
	RAISE 'undone' USING ERRCODE = 'P0002';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT changed, regexp_replace(pg_temp.unfold_of(:fold, changed), 'fold \d+', 'fold N') AS outcome FROM unnest(ARRAY[
	$$source_row = '[]'$$,
	$$source_row = '{}'$$,
	$$source_row = '{"id": 1}'$$,
	$$filled = '1'$$,
	$$filled = '{"name": 1}'$$,
	$$filled = '{"name": []}'$$,
	$$filled = '{"name": [null, null]}'$$,
	$$steps = '{}'$$,
	$$steps = '[1]'$$,
	$$steps = '[{"step": 1}]'$$,
	$$steps = '[{"step": 1, "relation": "public.notes"}]'$$,
	$$steps = '[{"step": 1, "relation": "public.notes", "columns": [], "old_values": [], "new_values": [], "whole_row": false, "key_columns": ["id"], "moved_keys": ["1"], "moved": 1}]'$$,
	$$steps = '[{"step": 1, "relation": "public.notes", "columns": [null], "old_values": ["1"], "new_values": ["2"], "whole_row": false, "key_columns": ["id"], "moved_keys": ["1"], "moved": 1}]'$$,
	$$steps = '[{"step": 1, "relation": "public.notes", "columns": ["person"], "old_values": [], "new_values": ["2"], "whole_row": false, "key_columns": ["id"], "moved_keys": ["1"], "moved": 1}]'$$,
	$$steps = '[{"step": 1, "relation": "public.notes", "columns": ["person"], "old_values": ["1"], "new_values": null, "whole_row": false, "key_columns": ["id"], "moved_keys": ["1"], "moved": 1}]'$$,
	$$steps = '[{"step": 1, "relation": "public.notes", "columns": ["person"], "old_values": [["1"]], "new_values": ["2"], "whole_row": false, "key_columns": ["id"], "moved_keys": ["1"], "moved": 1}]'$$,
	$$steps = '[{"step": 1, "relation": "public.notes", "columns": ["person"], "old_values": ["1"], "new_values": ["2"], "whole_row": null, "key_columns": ["id"], "moved_keys": ["1"], "moved": 1}]'$$,
	$$steps = '[{"step": 1, "relation": "public.notes", "columns": ["person"], "old_values": ["1"], "new_values": ["2"], "whole_row": false, "key_columns": ["id"], "moved_keys": [null], "moved": 1}]'$$,
	$$steps = '[{"step": 1, "relation": "public.notes", "columns": ["person"], "old_values": ["1"], "new_values": ["2"], "whole_row": false, "key_columns": [], "moved_keys": ["1"], "moved": 1}]'$$,
	$$steps = '[{"step": 1, "relation": "public.notes", "columns": ["person"], "old_values": ["1"], "new_values": ["2"], "whole_row": false, "key_columns": ["id", "person"], "moved_keys": ["1"], "moved": 1}]'$$,
	$$steps = '[{"step": 1, "relation": "public.notes", "columns": ["person"], "old_values": ["1"], "new_values": ["2"], "whole_row": false, "key_columns": ["id"], "moved_keys": ["1"]}]'$$,
	$$steps = '[{"step": 1, "relation": "public.loose", "columns": ["person"], "old_values": ["1"], "new_values": ["2"], "whole_row": true, "key_columns": [], "moved_keys": [null], "moved": 1}]'$$,
	$$steps = '[{"step": 1, "relation": "public.notes", "dropped_row": []}]'$$,
	$$steps = '[{"step": 1, "relation": "public.notes", "dropped_row": {}}]'$$,
	$$steps = '[{"step": 1, "relation": "pg_catalog.pg_authid", "dropped_row": {"oid": "5"}}]'$$,
	$$steps = '[{"step": 1, "relation": "idverify.secrets", "dropped_row": {"app_id": "5"}}]'$$,
	$$contacts = 'pg_catalog.pg_class'$$,
	$$source_id = source_id$$]) WITH ORDINALITY c(changed, n) ORDER BY n;
DROP TABLE notes, loose, people;
DELETE FROM idverify.folds WHERE app_id = 0;

--
-- A rule that leaves no query, or makes two of one
--
CREATE TABLE people (id integer PRIMARY KEY, name text);
CREATE TABLE notes (person integer);
BEGIN;
CREATE RULE swallow AS ON INSERT TO idverify.contact_references DO INSTEAD NOTHING;
SELECT idverify_add_reference('people', 'notes', 'person');  -- fail
ROLLBACK;
BEGIN;
CREATE RULE twice AS ON INSERT TO idverify.contact_references DO ALSO SELECT 1;
SELECT idverify_add_reference('people', 'notes', 'person');  -- fail
ROLLBACK;
DROP TABLE people, notes;

--
-- TRUNCATE of apps leaves the journal of folds that belong to no app
--
CREATE TABLE people (id integer PRIMARY KEY, name text);
INSERT INTO people VALUES (1, 'Ann'), (2, 'Ann');
SELECT fold_id IS NOT NULL AS folded FROM idverify_fold(2, 1, 'people');
SELECT app_id = 0 AS of_no_app, count(*) FROM idverify.folds GROUP BY 1 ORDER BY 1;
DELETE FROM idverify.contacts;
BEGIN;
TRUNCATE idverify.apps;
SELECT app_id = 0 AS of_no_app, count(*) FROM idverify.folds GROUP BY 1 ORDER BY 1;
ROLLBACK;
DELETE FROM idverify.apps;
SELECT app_id = 0 AS of_no_app, count(*) FROM idverify.folds GROUP BY 1 ORDER BY 1;
-- no app can have the number that stands for none
\set VERBOSITY sqlstate
INSERT INTO idverify.apps (id, app_key, name) VALUES (0, 'none', 'None');  -- fail
\set VERBOSITY terse
DELETE FROM idverify.folds;
DROP TABLE people;

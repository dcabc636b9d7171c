--
-- Doctor: what is set up wrong, and what to do about it
--
-- Each case is undone after it: something is made wrong, the doctor says so, each
-- remedy is run as it is printed, and then the doctor is asked again, until nothing is
-- left.  What is printed is what was found each time, the most serious first.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_app;
CREATE ROLE regress_owner;
CREATE ROLE regress_login LOGIN;
CREATE ROLE regress_third;
CREATE DATABASE regress_idverify_doctor TEMPLATE template0;
SELECT current_database() AS original \gset
\c regress_idverify_doctor
SET client_min_messages = warning;
CREATE EXTENSION idverify;
SELECT app_key FROM idverify_create_app('Shop', 'shop', grace => '0');
\getenv sources PG_ABS_SRCDIR

-- whether there are statistics is for another test
CREATE VIEW found AS
	SELECT level, finding, object, detail, remedy FROM idverify_doctor() WHERE finding <> 'statistics_off';
CREATE FUNCTION found() RETURNS text LANGUAGE sql
	AS $$ SELECT coalesce(string_agg(finding || ' ' || regexp_replace(object, '^\d+', 'OID'), ', '), 'well') FROM found $$;

-- and whether something holds when all is done
CREATE FUNCTION after(command text, obey boolean DEFAULT true, holds text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
	is_so text;
	before text;
	now text;
	line text;
BEGIN
	BEGIN
		EXECUTE command;
		now := found();
		said := now;
		FOR i IN 1 .. 4 LOOP
			EXIT WHEN now = 'well' OR NOT obey;
			FOR line IN SELECT unnest(string_to_array(remedy, E'\n')) FROM found LOOP
				EXECUTE replace(line, ' CONCURRENTLY', '');
			END LOOP;
			before := now;
			now := found();
			EXIT WHEN now = before;
			said := said || ' -> ' || now;
		END LOOP;
		IF holds IS NOT NULL THEN
			EXECUTE 'SELECT ' || holds INTO is_so;
			said := format('%s (%s)', said, is_so);
		END IF;
		RAISE SQLSTATE 'R0001';
	EXCEPTION WHEN SQLSTATE 'R0001' THEN
		RETURN said;
	END;
END $$;

-- the remedies themselves, and a part of the details
CREATE FUNCTION remedies(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	BEGIN
		EXECUTE command;
		SELECT string_agg(remedy, E'\n') INTO said FROM found;
		RAISE SQLSTATE 'R0001';
	EXCEPTION WHEN SQLSTATE 'R0001' THEN
		RETURN said;
	END;
END $$;
CREATE FUNCTION details(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	BEGIN
		EXECUTE command;
		SELECT string_agg(substring(detail, '[^.]*\.'), E'\n') INTO said FROM found;
		RAISE SQLSTATE 'R0001';
	EXCEPTION WHEN SQLSTATE 'R0001' THEN
		RETURN said;
	END;
END $$;

-- a database that is well
TABLE found;

--
-- Secrets
--
SELECT n, what, after(command) FROM (VALUES
	( 1, 'no secret', 'DELETE FROM idverify.secrets'),
	( 2, 'only a staged one', 'SELECT idverify_stage(''shop''); DELETE FROM idverify.secrets WHERE state = ''current'''),
	( 3, 'a signer has none', 'SELECT idverify_add_signer(''shop'', ''ios''); SELECT idverify_stage(''shop'', signer => ''ios'');
		DELETE FROM idverify.secrets WHERE state = ''current'' AND signer = ''ios'''),
	( 4, 'short', 'SELECT idverify_create_app(''Weak'', ''weak'', ''one secret of sixteen'', grace => ''0'')'),
	( 5, 'short, and previous', 'SELECT idverify_create_app(''Weak'', ''weak'', ''one secret of sixteen''); SELECT idverify_rotate(''weak'')'),
	( 6, 'few different characters', 'SELECT idverify_create_app(''Weak'', ''weak'', repeat(''abc'', 20), grace => ''0'')'),
	( 7, 'two apps have it', 'SELECT idverify_create_app(key, key, ''a secret that is long enough, and random: 0815'', grace => ''0'') FROM unnest(''{a,b}''::text[]) key'),
	(71, 'two apps have it, of either kind', 'SELECT idverify_create_app(key, key, ''a secret that is long enough, and random: 0815'', signs => signs::idverify.signature, grace => ''0'') FROM (VALUES (''a'', ''hash''), (''b'', ''token''), (''c'', ''hash'')) t(key, signs)'),
	(72, 'the same key, of other bytes', 'SELECT idverify_create_app(key, key, secret, encoding => ''hex'', grace => ''0'')
		FROM (VALUES (''a'', encode(''a secret that is long enough, and random: 0815'', ''hex'')), (''b'', encode(''a secret that is long enough, and random: 0815'', ''hex'') || ''00'')) t(key, secret)'),
	( 8, 'two signers of one app have it', 'SELECT idverify_create_app(''a'', ''a'', ''a secret that is long enough, and random: 0815'');
		SELECT idverify_add_signer(''a'', ''b'', ''a secret that is long enough, and random: 0815'')'),
	( 9, 'altered', 'UPDATE idverify.secrets SET sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 1)'),
	(10, 'altered, and previous', 'SELECT idverify_rotate(''shop'', grace => ''1 day'');
		UPDATE idverify.secrets SET sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 1) WHERE state = ''previous'''),
	(11, 'of another row', 'SELECT idverify_create_app(''b'', ''b''); UPDATE idverify.secrets SET sealed = (SELECT sealed FROM idverify.secrets WHERE app_id = 1)'),
	(12, 'a year old', 'UPDATE idverify.secrets SET created_at = now() - interval ''366 days'''),
	(13, 'a year old, and the next is staged', 'SELECT idverify_stage(''shop''); UPDATE idverify.secrets SET created_at = now() - interval ''366 days'' WHERE state = ''current'''),
	(14, 'staged for a week', 'SELECT idverify_stage(''shop''); UPDATE idverify.secrets SET created_at = now() - interval ''8 days'' WHERE state = ''staged'''),
	(15, 'over for a week', 'SELECT idverify_rotate(''shop'', grace => ''1 day''); UPDATE idverify.secrets SET expires_at = now() - interval ''8 days'' WHERE state = ''previous'''),
	(16, 'over since yesterday', 'SELECT idverify_rotate(''shop'', grace => ''1 day''); UPDATE idverify.secrets SET expires_at = now() - interval ''1 day'' WHERE state = ''previous'''),
	(17, 'ended at once', 'SELECT idverify_rotate(''shop'', grace => ''0'')'),
	(18, 'names to be quoted', 'SELECT idverify_create_app(''x'', ''it''''s \ "x"'', ''one secret of sixteen'', grace => ''0'', confirm_rotation => true)'),
	(19, 'infinite moments', 'SELECT idverify_create_app(''x'', ''x''); SELECT idverify_stage(''x''); UPDATE idverify.secrets SET created_at = ''-infinity'';
		SELECT idverify_create_app(''y'', ''y'', grace => ''0''); UPDATE idverify.secrets SET created_at = now() - interval ''2 years'' WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = ''y'')')
  ) AS t(n, what, command) ORDER BY n;
-- one that signs both kinds is an error: it is told of each, and with whom
BEGIN;
SELECT app.app_key FROM (VALUES ('a', 'hash'), ('b', 'token'), ('c', 'hash')) t(key, signs),
	idverify_create_app(key, key, 'a secret that is long enough, and random: 0815', signs => signs::idverify.signature) app;
SELECT level, object, detail FROM idverify_doctor() WHERE finding = 'secret_shared' ORDER BY object;
ROLLBACK;

--
-- Our own tables
--
-- each trigger is missed, and comes back
SELECT tgrelid::regclass AS "table", tgname AS trigger,
	   after(format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass))
  FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'idverify'::regnamespace) AND NOT tgisinternal
 ORDER BY tgrelid::regclass::text COLLATE "C", tgname;
SELECT tgrelid::regclass AS "table",
	   after(format('ALTER TABLE %s DISABLE TRIGGER USER', tgrelid::regclass)) AS disabled,
	   after(format('ALTER TABLE %s ENABLE TRIGGER USER', tgrelid::regclass)) AS ordinary
  FROM (SELECT DISTINCT tgrelid FROM pg_trigger
		 WHERE tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'idverify'::regnamespace) AND NOT tgisinternal) t
 ORDER BY tgrelid::regclass::text COLLATE "C";

-- and so is each index
CREATE VIEW drops AS
	SELECT i.indrelid::regclass AS "table",
		   string_agg(CASE WHEN c.oid IS NULL THEN format('DROP INDEX %s', i.indexrelid::regclass)
				 ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', i.indrelid::regclass, c.conname) END, ';') AS command
	  FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.conrelid = i.indrelid
	 WHERE i.indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'idverify'::regnamespace AND relkind = 'r')
	 GROUP BY i.indrelid;
SELECT after(command) FROM drops ORDER BY "table"::text COLLATE "C";
SELECT details(command) FROM drops ORDER BY "table"::text COLLATE "C";
SELECT n, what, after(command) FROM (VALUES
	( 1, 'another function', 'DROP TRIGGER idverify_note_change ON idverify.secrets;
		CREATE TRIGGER idverify_note_change BEFORE UPDATE ON idverify.secrets FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()'),
	( 2, 'with a condition', 'DROP TRIGGER idverify_note_truncate ON idverify.apps;
		CREATE TRIGGER idverify_note_truncate AFTER TRUNCATE ON idverify.apps FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION idverify.note_change();
		ALTER TABLE idverify.apps ENABLE ALWAYS TRIGGER idverify_note_truncate'),
	( 3, 'an index of another kind', 'DROP INDEX idverify.secrets_one_current; CREATE INDEX secrets_one_current ON idverify.secrets (app_id)'),
	( 4, 'an index that is stored otherwise', 'ALTER INDEX idverify.folds_source SET (fillfactor = 50)'),
	( 5, 'sequences', 'INSERT INTO idverify.apps (id, app_key, name) VALUES (70000, ''seven'', ''''); SELECT idverify_rotate(''seven'');
		INSERT INTO idverify.contacts (app_id, id) VALUES (70000, 70000);
		INSERT INTO idverify.folds (app_id, id, contacts, source_id, target_id, source_row, filled, forced, folded_at, steps, owners)
			VALUES (70000, 70000, ''idverify.contacts'', 1, 2, ''{}'', ''{}'', false, now(), ''[]'', ''{}'')'),
	( 6, 'a trigger of a third role', 'CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NEW; END''; ALTER FUNCTION trap() OWNER TO regress_third;
		CREATE TRIGGER trap BEFORE UPDATE ON idverify.apps FOR EACH ROW EXECUTE FUNCTION trap()')
  ) AS t(n, what, command) ORDER BY n;

-- What no statement mends is told, and the rest is looked at even so.
SELECT n, what, after(command, obey => false) FROM (VALUES
	( 1, 'no column', 'ALTER TABLE idverify.secrets RENAME hint TO was'),
	( 2, 'another type, and may be NULL', 'ALTER TABLE idverify.folds ALTER COLUMN external_id TYPE varchar; ALTER TABLE idverify.fold_rows ALTER COLUMN depth DROP NOT NULL'),
	( 3, 'no tables of the journal', 'ALTER TABLE idverify.folds RENAME TO was; ALTER TABLE idverify.fold_rows RENAME TO were'),
	( 4, 'no table of apps', 'ALTER TABLE idverify.apps RENAME TO was'),
	( 5, 'no table of references', 'ALTER TABLE idverify.contact_references RENAME TO was'),
	( 6, 'no table of contacts', 'ALTER TABLE idverify.contacts RENAME TO was'),
	( 7, 'a NULL', 'ALTER TABLE idverify.secrets ALTER COLUMN signer DROP NOT NULL; UPDATE idverify.secrets SET signer = NULL'),
	( 8, 'an unknown label', 'ALTER TYPE idverify.claim_policy RENAME VALUE ''drop'' TO ''forget'''),
	( 9, 'a column of the list that is gone', 'ALTER TABLE idverify.contact_references RENAME condition TO was'),
	(10, 'a view in the place of a table', 'ALTER TABLE idverify.contacts RENAME TO was; CREATE VIEW idverify.contacts AS TABLE idverify.was'),
	(11, 'no schema', 'ALTER SCHEMA idverify RENAME TO was')
  ) AS t(n, what, command) ORDER BY n;
SELECT remedies($$SET LOCAL allow_system_table_mods = on; UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'idverify'$$);

--
-- Rights
--
SELECT n, what, after(command) FROM (VALUES
	( 1, 'PUBLIC', 'GRANT EXECUTE ON FUNCTION idverify_check, idverify_rotate, idverify.note_change TO PUBLIC; GRANT SELECT ON idverify.contacts TO PUBLIC;
		GRANT SELECT (hint) ON idverify.secrets TO PUBLIC; GRANT USAGE ON SEQUENCE idverify.folds_id_seq TO PUBLIC; GRANT CREATE ON SCHEMA idverify TO PUBLIC'),
	( 2, 'REFERENCES', 'GRANT REFERENCES ON idverify.contacts TO regress_app; GRANT REFERENCES (id) ON idverify.contacts TO regress_owner WITH GRANT OPTION'),
	( 3, 'TRIGGER', 'GRANT TRIGGER ON idverify.contacts, idverify.folds TO regress_app'),
	( 4, 'all', 'GRANT ALL ON ALL TABLES IN SCHEMA idverify TO regress_app'),
	( 5, 'secrets', 'GRANT SELECT (app_key), UPDATE (name) ON idverify.apps TO regress_app; GRANT INSERT ON idverify.secrets TO regress_owner'),
	( 6, 'the groups, as they are meant', 'GRANT EXECUTE ON FUNCTION idverify_check, idverify_verdict, idverify_mask, idverify_identify(text, jsonb, uuid) TO regress_app;
		GRANT EXECUTE ON FUNCTION idverify_rotate, idverify_sign, idverify_reveal, idverify_explain, idverify_doctor TO regress_owner;
		GRANT SELECT ON idverify.contacts TO regress_app; GRANT SELECT ON idverify.folds, idverify.app_status TO regress_owner'),
	( 7, 'both groups', 'GRANT EXECUTE ON FUNCTION idverify_check, idverify_sign, idverify_reveal, idverify_explain TO regress_app'),
	( 8, 'a member of both', 'GRANT EXECUTE ON FUNCTION idverify_check TO regress_app; GRANT EXECUTE ON FUNCTION idverify_sign TO regress_owner;
		GRANT regress_app, regress_owner TO regress_login'),
	( 9, 'statements are logged', 'SET LOCAL log_statement = ''all'''),
	(10, 'slow ones are', 'SET LOCAL log_min_duration_statement = 250'),
	(11, 'without parameters', 'SET LOCAL log_statement = ''all''; SET LOCAL log_parameter_max_length = 0'),
	(12, 'those of a role', 'ALTER ROLE regress_app SET log_statement = ''mod'''),
	(13, 'those of a database', 'ALTER DATABASE regress_idverify_doctor SET log_min_duration_statement = 0'),
	(14, 'as the server reads it', 'ALTER ROLE regress_app SET log_statement = ''ALL''; ALTER ROLE regress_owner SET log_min_duration_statement = ''0.25s''; ALTER ROLE regress_third SET log_transaction_sample_rate = ''1e-3'''),
	(15, 'off, as the server reads it', 'ALTER ROLE regress_app SET log_statement = ''NONE''; ALTER ROLE regress_owner SET log_min_duration_statement = ''-1ms''; ALTER ROLE regress_third SET log_transaction_sample_rate = ''0.0'''),
	(16, 'without parameters, as the server reads it', 'ALTER ROLE regress_app SET log_statement = ''all''; ALTER ROLE regress_app SET log_parameter_max_length = ''0B''; ALTER ROLE regress_owner SET log_statement = ''Mod''; ALTER ROLE regress_owner SET log_parameter_max_length = ''00'''),
	(17, 'none of the slow ones', 'ALTER ROLE regress_app SET log_min_duration_sample = 100; ALTER ROLE regress_app SET log_statement_sample_rate = 0'),
	(18, 'some of the slow ones', 'ALTER ROLE regress_app SET log_min_duration_sample = 100; ALTER ROLE regress_app SET log_statement_sample_rate = 0.1'),
	(19, 'a database leaves them out, and a role does not', 'ALTER DATABASE regress_idverify_doctor SET log_parameter_max_length = 0; ALTER ROLE regress_app SET log_statement = ''all'';
		ALTER ROLE regress_owner SET log_statement = ''all''; ALTER ROLE regress_owner SET log_parameter_max_length = 64'),
	(20, 'a role does so in one database', 'ALTER ROLE regress_app SET log_statement = ''all''; ALTER ROLE regress_app SET log_parameter_max_length = 0;
		ALTER ROLE regress_app IN DATABASE regress_idverify_doctor SET log_parameter_max_length = -1'),
	(21, 'all roles, but one', 'ALTER ROLE ALL SET log_statement = ''all''; ALTER ROLE regress_app SET log_statement = ''none'''),
	(22, 'another database', 'ALTER DATABASE template1 SET log_statement = ''all''; ALTER ROLE regress_app IN DATABASE template1 SET log_statement = ''all''')
  ) AS t(n, what, command) ORDER BY n;
SELECT remedies('ALTER ROLE ALL SET log_statement = ''ALL''; ALTER ROLE regress_app IN DATABASE regress_idverify_doctor SET log_parameter_max_length = 8; ALTER DATABASE regress_idverify_doctor SET log_min_duration_statement = 0');

-- What another role has granted is revoked, too, and only that.
CREATE FUNCTION may(role text, function text) RETURNS text LANGUAGE sql
	AS $$ SELECT format('%s has %s: %s', role, function, bool_and(has_function_privilege(role, oid, 'EXECUTE'))) FROM pg_proc WHERE proname = function $$;
SET client_min_messages = error;
SELECT n, what, after(command, holds => holds) FROM (VALUES
	( 1, 'PUBLIC, by a role that may grant', 'GRANT EXECUTE ON FUNCTION idverify_rekey, idverify_purge TO regress_owner WITH GRANT OPTION; GRANT CREATE ON SCHEMA idverify TO regress_owner WITH GRANT OPTION;
		SET ROLE regress_owner; GRANT EXECUTE ON FUNCTION idverify_rekey TO PUBLIC, regress_third; GRANT CREATE ON SCHEMA idverify TO PUBLIC; RESET ROLE',
		'concat_ws('', '', may(''regress_owner'', ''idverify_rekey''), may(''regress_third'', ''idverify_rekey''))'),
	( 2, 'and by two', 'GRANT EXECUTE ON FUNCTION idverify_rekey TO regress_owner, regress_third WITH GRANT OPTION; GRANT EXECUTE ON FUNCTION idverify_rekey TO PUBLIC;
		SET ROLE regress_owner; GRANT EXECUTE ON FUNCTION idverify_rekey TO PUBLIC; SET ROLE regress_third; GRANT EXECUTE ON FUNCTION idverify_rekey TO PUBLIC; RESET ROLE', NULL),
	( 3, 'an asker, by a role that may grant', 'GRANT EXECUTE ON FUNCTION idverify_check TO regress_app; GRANT EXECUTE ON FUNCTION idverify_sign TO regress_owner WITH GRANT OPTION;
		SET ROLE regress_owner; GRANT EXECUTE ON FUNCTION idverify_sign TO regress_app, regress_third; RESET ROLE',
		'concat_ws('', '', may(''regress_app'', ''idverify_check''), may(''regress_owner'', ''idverify_sign''), may(''regress_third'', ''idverify_sign''))'),
	( 4, 'askers, who have granted it further', 'GRANT EXECUTE ON FUNCTION idverify_check TO regress_app, regress_login; GRANT EXECUTE ON FUNCTION idverify_sign TO regress_app WITH GRANT OPTION;
		SET ROLE regress_app; GRANT EXECUTE ON FUNCTION idverify_sign TO regress_login WITH GRANT OPTION;
		SET ROLE regress_login; GRANT EXECUTE ON FUNCTION idverify_sign TO regress_third WITH GRANT OPTION;
		SET ROLE regress_third; GRANT EXECUTE ON FUNCTION idverify_sign TO regress_owner; RESET ROLE',
		'concat_ws('', '', may(''regress_login'', ''idverify_check''), may(''regress_third'', ''idverify_sign''), may(''regress_owner'', ''idverify_sign''))'),
	( 5, 'an asker''s group, which signs', 'GRANT EXECUTE ON FUNCTION idverify_check, idverify_sign TO regress_app; GRANT regress_app TO regress_login',
		'may(''regress_login'', ''idverify_check'')'),
	( 6, 'a member of one that has more than our functions', 'GRANT EXECUTE ON FUNCTION idverify_check TO regress_login; GRANT EXECUTE ON FUNCTION idverify_sign TO regress_owner;
		CREATE TABLE chats (id int); GRANT SELECT ON chats TO regress_owner; GRANT regress_owner TO regress_login', 'has_table_privilege(''regress_login'', ''chats'', ''SELECT'')'),
	( 7, 'a member of a member, by a role that may admit', 'GRANT EXECUTE ON FUNCTION idverify_check TO regress_app; GRANT EXECUTE ON FUNCTION idverify_sign TO regress_owner; GRANT regress_app TO regress_login;
		GRANT regress_owner TO regress_third WITH ADMIN OPTION; SET ROLE regress_third; GRANT regress_owner TO regress_app; RESET ROLE',
		'concat_ws('', '', may(''regress_login'', ''idverify_check''), may(''regress_third'', ''idverify_sign''))'),
	( 8, 'tables, by a role that may grant', 'GRANT USAGE ON SCHEMA idverify TO regress_owner; GRANT SELECT, REFERENCES ON idverify.secrets, idverify.contacts TO regress_owner WITH GRANT OPTION; SET ROLE regress_owner;
		GRANT SELECT, REFERENCES ON idverify.secrets, idverify.contacts TO regress_app WITH GRANT OPTION; GRANT SELECT ON idverify.contacts TO PUBLIC; RESET ROLE',
		'has_table_privilege(''regress_owner'', ''idverify.contacts'', ''SELECT'')'),
	( 9, 'columns, by one who may grant the table', 'GRANT USAGE ON SCHEMA idverify TO regress_owner; GRANT SELECT ON idverify.secrets TO regress_owner WITH GRANT OPTION; SET ROLE regress_owner;
		GRANT SELECT (hint) ON idverify.secrets TO regress_app, PUBLIC; RESET ROLE', NULL),
	(10, 'columns, by one who has nothing any more', 'GRANT USAGE ON SCHEMA idverify TO regress_owner; GRANT SELECT ON idverify.secrets TO regress_owner WITH GRANT OPTION; SET ROLE regress_owner;
		GRANT SELECT (hint) ON idverify.secrets TO regress_app, PUBLIC; RESET ROLE; REVOKE SELECT ON idverify.secrets FROM regress_owner', 'has_column_privilege(''regress_owner'', ''idverify.secrets'', ''hint'', ''SELECT'')'),
	(11, 'who reads all tables', 'GRANT pg_read_all_data, pg_write_all_data TO regress_owner; GRANT SELECT ON idverify.apps TO regress_owner; GRANT regress_owner TO regress_login', '(SELECT detail FROM found)')
  ) AS t(n, what, command, holds) ORDER BY n;
SET client_min_messages = warning;
SELECT remedies('GRANT pg_read_all_data, pg_write_all_data TO regress_owner; GRANT SELECT ON idverify.apps TO regress_owner');

--
-- A table with a guard
--
CREATE FUNCTION people() RETURNS text LANGUAGE sql AS $$
	SELECT 'CREATE TABLE people (app_key text NOT NULL, external_id text, email text, user_hash text, is_verified boolean NOT NULL DEFAULT false,
			id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
		CREATE UNIQUE INDEX one ON people (app_key, external_id) WHERE is_verified;
		CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION idverify_guard();' $$;
SELECT n, what, after(people() || command) FROM (VALUES
	( 1, 'well', ''),
	( 2, 'disabled', 'ALTER TABLE people DISABLE TRIGGER zz_guard'),
	( 3, 'for replicated changes alone', 'ALTER TABLE people ENABLE REPLICA TRIGGER zz_guard'),
	( 4, 'children', 'CREATE TABLE "Old people" () INHERITS (people); CREATE TABLE older () INHERITS ("Old people")'),
	( 5, 'not the last', 'CREATE TRIGGER zzz BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()'),
	( 6, 'behind it one that changes no row', 'CREATE TRIGGER zzz AFTER UPDATE ON people FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()'),
	( 7, 'no unique index', 'DROP INDEX one'),
	( 8, 'one of ids', 'DROP INDEX one; CREATE UNIQUE INDEX ON people (id, external_id)'),
	( 9, 'one of another account', 'ALTER TABLE people ADD account_id int; DROP INDEX one; CREATE UNIQUE INDEX ON people (account_id, lower(external_id))'),
	(10, 'not null', 'ALTER TABLE people ALTER user_hash SET NOT NULL, ALTER email SET NOT NULL'),
	(11, 'not null, where no app drops', 'UPDATE idverify.apps SET on_unverified = ''accept''; ALTER TABLE people ALTER user_hash SET NOT NULL, ALTER email SET NOT NULL'),
	(12, 'the owner logs in', 'ALTER TABLE people OWNER TO regress_login'),
	(13, 'arguments that make no sense', 'DROP TRIGGER zz_guard ON people; CREATE TRIGGER zz_guard BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION idverify_guard(''nonsense'')'),
	(14, 'names that are taken', 'ALTER TRIGGER zz_guard ON people RENAME TO a_guard; CREATE TRIGGER m BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
		CREATE TRIGGER zz_guard AFTER UPDATE ON people FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger(); CREATE TRIGGER zzz_guard AFTER DELETE ON people FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()'),
	(15, 'behind a name that z is not behind', 'CREATE TRIGGER "~" BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger(); CREATE TRIGGER "~z" AFTER UPDATE ON people FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()'),
	(16, 'a child has a trigger of that name', 'CREATE TABLE "Old people" (UNIQUE (external_id)) INHERITS (people); CREATE TRIGGER zz_guard BEFORE UPDATE ON "Old people" FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()'),
	(17, 'an email alone', 'ALTER TABLE people DROP external_id'),
	(18, 'not null, and in the primary key', 'ALTER TABLE people DROP id, ADD PRIMARY KEY (app_key, email)')
  ) AS t(n, what, command) ORDER BY n;
CREATE FUNCTION parted(by text) RETURNS text LANGUAGE sql AS $$
	SELECT format('CREATE TABLE people (id bigint, app_key text NOT NULL, external_id text, email text, user_hash text, is_verified boolean NOT NULL DEFAULT false, region int) PARTITION BY LIST (%s);
		CREATE TABLE people1 PARTITION OF people DEFAULT;
		CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION idverify_guard();', by) $$;
SELECT n, what, after(command, holds => holds) FROM (VALUES
	( 1, 'by the app', parted('app_key'), NULL),
	( 2, 'by something else', parted('region'), '(SELECT detail FROM found)'),
	( 3, 'a partition''s own trigger, and a name that is taken there', parted('app_key') || 'CREATE UNIQUE INDEX ON people (app_key, external_id);
		CREATE TRIGGER zzz BEFORE UPDATE ON people1 FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger(); CREATE TRIGGER zzzz_guard AFTER UPDATE ON people1 FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
		'(SELECT string_agg(tgname, '', '' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = ''people1''::regclass)'),
	( 4, 'a partition''s owner logs in', parted('app_key') || 'CREATE UNIQUE INDEX ON people (app_key, external_id); ALTER TABLE people1 OWNER TO regress_login', '(SELECT split_part(detail, '','', 1) FROM found WHERE finding LIKE ''guard%'')')
  ) AS t(n, what, command, holds) ORDER BY n;

-- Its owner logs in: what there is of a chat, and what doc/insight.md says to do, after which the chat goes on.
CREATE FUNCTION owned() RETURNS text LANGUAGE sql AS $$
	SELECT 'GRANT EXECUTE ON FUNCTION idverify_guard() TO regress_login; CREATE SCHEMA chat AUTHORIZATION regress_login; SET ROLE regress_login;
		CREATE TABLE chat.contacts (id bigserial PRIMARY KEY, app_key text, external_id text, email text, user_hash text, is_verified boolean, seen timestamptz, UNIQUE (app_key, external_id));
		CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON chat.contacts FOR EACH ROW EXECUTE FUNCTION idverify_guard();
		CREATE TABLE chat.people (id bigserial, app_key text, external_id text, email text, user_hash text, is_verified boolean, UNIQUE (app_key, external_id)) PARTITION BY LIST (app_key);
		CREATE TABLE chat.people1 PARTITION OF chat.people DEFAULT;
		CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON chat.people FOR EACH ROW EXECUTE FUNCTION idverify_guard();
		CREATE TABLE chat.messages (id bigserial PRIMARY KEY, contact_id bigint REFERENCES chat.contacts ON DELETE CASCADE, body text); CREATE INDEX ON chat.messages (contact_id);
		CREATE FUNCTION chat.touch() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN NEW.seen := now(); RETURN NEW; END'';
		CREATE TRIGGER touch BEFORE UPDATE ON chat.contacts FOR EACH ROW EXECUTE FUNCTION chat.touch();
		INSERT INTO chat.contacts (app_key) VALUES (''shop''), (''shop''); INSERT INTO chat.messages (contact_id) VALUES (1), (2); RESET ROLE;' $$;
CREATE FUNCTION goes_on() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('role', 'regress_login', true);
	INSERT INTO chat.contacts (app_key) VALUES ('shop');
	UPDATE chat.contacts SET email = 'a@b.c' WHERE id = 3;
	INSERT INTO chat.messages (contact_id) VALUES (3);
	DELETE FROM chat.contacts WHERE id = 3;
	INSERT INTO chat.people (app_key) VALUES ('shop');
	PERFORM FROM chat.people1;
	BEGIN
		ALTER TABLE chat.contacts DISABLE TRIGGER zz_guard;
		RETURN 'the guard can be disabled';
	EXCEPTION WHEN insufficient_privilege THEN
		PERFORM set_config('role', 'none', true);
	END;
	PERFORM idverify_fold(1, 2, 'chat.contacts');
	RETURN 'the chat goes on';
END $$;
SELECT after(owned(), holds => '(SELECT detail FROM found)');
SELECT after(owned() || 'CREATE ROLE regress_chat NOLOGIN; REASSIGN OWNED BY regress_login TO regress_chat; GRANT USAGE ON SCHEMA chat TO regress_login;
	GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA chat TO regress_login; GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA chat TO regress_login;
	GRANT EXECUTE ON ALL ROUTINES IN SCHEMA chat TO regress_login', holds => 'goes_on()');
SELECT remedies(people() || 'DROP TRIGGER zz_guard ON people; CREATE TRIGGER "Guard" BEFORE INSERT OR UPDATE OF external_id ON people
	FOR EACH ROW EXECUTE FUNCTION idverify_guard(''app_key=app_key'', ''app_prefix=it''''s''); CREATE TABLE "Old people" () INHERITS (people)');

--
-- What points to contacts
--
-- a chat: all is listed, and there is an index for each
SELECT after(pg_read_file(:'sources' || '/test/chat.sql'));

CREATE FUNCTION chats() RETURNS text LANGUAGE sql AS $$
	SELECT 'CREATE TABLE chats (id bigint PRIMARY KEY, contact_id bigint, kind text, n int);
		CREATE INDEX one ON chats (kind, contact_id);
		SELECT idverify_add_reference(''idverify.contacts'', ''chats'', ''contact_id'', $c$kind = ''contact''$c$);' $$;
CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
ALTER FUNCTION trap() OWNER TO regress_third;
CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
ALTER FUNCTION own() OWNER TO regress_owner;
SELECT n, what, after(chats() || command) FROM (VALUES
	( 1, 'well', ''),
	( 2, 'no table', 'DROP TABLE chats'),
	( 3, 'no column', 'ALTER TABLE chats DROP contact_id'),
	( 4, 'another type', 'ALTER TABLE chats ALTER contact_id TYPE text'),
	( 5, 'no column of the condition', 'ALTER TABLE chats DROP kind; CREATE INDEX ON chats (contact_id)'),
	( 6, 'no column to tell rows apart', 'SELECT idverify_add_reference(''idverify.contacts'', ''chats'', ''contact_id'', $c$kind = ''contact''$c$, ''{n}''); ALTER TABLE chats DROP n'),
	( 7, 'no column of the options', 'SELECT idverify_set_contacts(''chats'', same => ''{n,kind}'', never_filled => ''{n}''); ALTER TABLE chats DROP n'),
	( 8, 'no index', 'DROP INDEX one'),
	( 9, 'an index of other rows', 'DROP INDEX one; CREATE INDEX ON chats (contact_id) WHERE kind = ''agent'''),
	(10, 'an index of just these', 'DROP INDEX one; CREATE INDEX ON chats (contact_id) WHERE kind = ''contact'''),
	(11, 'an index of those that point', 'DROP INDEX one; CREATE INDEX ON chats (contact_id) WHERE contact_id IS NOT NULL'),
	(12, 'an index with another column first', 'DROP INDEX one; CREATE INDEX ON chats (n, contact_id)'),
	(13, 'keys, and partitions', 'CREATE TABLE notes (app_id int, contact_id bigint, at date, FOREIGN KEY (app_id, contact_id) REFERENCES idverify.contacts (app_id, id)) PARTITION BY RANGE (at);
		CREATE TABLE notes1 PARTITION OF notes FOR VALUES FROM (''2025-01-01'') TO (''2026-01-01''); CREATE INDEX ON notes1 (app_id, contact_id);
		CREATE TABLE notes2 PARTITION OF notes FOR VALUES FROM (''2026-01-01'') TO (''2027-01-01'')'),
	(14, 'a trigger of a third role', 'CREATE TRIGGER "A trap" BEFORE UPDATE ON chats FOR EACH ROW EXECUTE FUNCTION trap()'),
	(15, 'a partition of a third role', 'CREATE TABLE notes (contact_id bigint PRIMARY KEY REFERENCES idverify.contacts (id)) PARTITION BY HASH (contact_id);
		CREATE TABLE notes1 PARTITION OF notes FOR VALUES WITH (MODULUS 1, REMAINDER 0); ALTER TABLE notes1 OWNER TO regress_third'),
	(16, 'a third role''s, that a row that is dropped leads to', 'CREATE TABLE tags (id bigint PRIMARY KEY, contact_id bigint REFERENCES idverify.contacts (id), tag text, UNIQUE (contact_id, tag));
		CREATE TABLE uses (tag_id bigint REFERENCES tags); CREATE TRIGGER trap AFTER UPDATE ON uses FOR EACH ROW EXECUTE FUNCTION trap()'),
	(17, 'a key that joins tables of two owners', 'CREATE TABLE agents (id bigint PRIMARY KEY); ALTER TABLE agents OWNER TO regress_third; ALTER TABLE chats OWNER TO regress_owner;
		CREATE TRIGGER own BEFORE UPDATE ON chats FOR EACH ROW EXECUTE FUNCTION own();
		ALTER TABLE chats ADD agent_id bigint REFERENCES agents')
  ) AS t(n, what, command) ORDER BY n;

-- folds that nobody is going to undo
SELECT remedies('INSERT INTO idverify.folds (app_id, contacts, source_id, target_id, source_row, filled, forced, folded_at, steps, owners)
	SELECT 0, ''idverify.contacts'', 1, 2, ''{}'', ''{}'', false, now() - n * interval ''30 days'', ''[]'', ''{}'' FROM generate_series(1, 4) n');
-- and folds of a table that has another name now, or none
SELECT details('INSERT INTO idverify.folds (app_id, contacts, source_id, target_id, source_row, filled, forced, folded_at, steps, owners)
	SELECT 0, ''chat.people'', n, 9, ''{}'', ''{}'', false, now(), ''[]'', ''{"chat.people": "chat", "chat.notes": "chat"}'' FROM generate_series(1, 2) n');

--
-- What is not listed
--
SELECT n, what, after(command) FROM (VALUES
	( 1, 'named so', 'CREATE TABLE a (contact_id bigint, old_contact_id int, "contactId" bigint, contact_ids bigint, contact_id_2 bigint, contact text, mycontact_id bigint)'),
	( 2, 'of another type', 'CREATE TABLE a (contact_id text, old_contact_id uuid)'),
	( 3, 'with a key, of a view, temporary, generated', 'CREATE TABLE a (contact_id bigint REFERENCES idverify.contacts (id)); CREATE INDEX ON a (contact_id);
		CREATE VIEW b AS SELECT 1::bigint AS contact_id; CREATE TEMP TABLE c (contact_id bigint); CREATE TABLE d (n int, contact_id bigint GENERATED ALWAYS AS (n) STORED)'),
	( 4, 'of contacts that are none of ours', 'CREATE SCHEMA crm; CREATE TABLE crm.contacts (id bigint); CREATE TABLE crm.notes (contact_id bigint)'),
	( 5, 'named as one that is listed', 'CREATE TABLE a (person bigint); CREATE INDEX ON a (person); SELECT idverify_add_reference(''idverify.contacts'', ''a'', ''person''); CREATE TABLE b (person bigint, persons bigint)'),
	( 6, 'a child''s, and partitions', 'CREATE TABLE a (contact_id bigint); CREATE TABLE b () INHERITS (a); CREATE TABLE c (contact_id bigint) PARTITION BY LIST (contact_id); CREATE TABLE d PARTITION OF c DEFAULT')
  ) AS t(n, what, command) ORDER BY n;

-- Pairs of type and id, as frameworks write the type
SELECT n, what, remedies(command) FROM (VALUES
	( 1, 'a check', 'CREATE TABLE a (owner_id bigint, owner_type text CHECK (owner_type IN (''User'', ''Contact''))); CREATE INDEX ON a (owner_id)'),
	( 2, 'an enum', 'CREATE TYPE kind AS ENUM (''user'', ''contact''); CREATE TABLE a ("ownerId" bigint, "ownerType" kind); CREATE INDEX ON a ("ownerId")'),
	( 3, 'rows', 'CREATE TABLE a (owner_id bigint, owner_type varchar(99)); CREATE INDEX ON a (owner_type, owner_id);
		INSERT INTO a VALUES (1, ''User''), (2, ''App\Models\Contact''), (3, ''contacts''), (NULL, NULL)'),
	( 4, 'rows of partitions', 'CREATE TABLE a (owner_id bigint, owner_type text) PARTITION BY LIST (owner_type); CREATE TABLE b PARTITION OF a FOR VALUES IN (''User'');
		CREATE TABLE c PARTITION OF a DEFAULT; CREATE INDEX ON a (owner_id); INSERT INTO a VALUES (1, ''User''), (2, ''chat.contact'')'),
	( 5, 'statistics, of more rows than are read', 'CREATE TABLE a (owner_id bigint, owner_type text); CREATE INDEX ON a (owner_id);
		INSERT INTO a SELECT n, CASE WHEN n <= 20000 THEN ''User'' ELSE ''Contact'' END FROM generate_series(1, 30000) n; ANALYZE a'),
	( 9, 'a domain', 'CREATE DOMAIN kind AS text; CREATE TABLE a (owner_id bigint, owner_type kind); CREATE INDEX ON a (owner_id); INSERT INTO a VALUES (1, ''Contact'')'),
	(10, 'a check of a domain', 'CREATE DOMAIN kind AS text CHECK (VALUE IN (''User'', ''Contact'')); CREATE TABLE a (owner_id bigint, owner_type kind); CREATE INDEX ON a (owner_id)'),
	(11, 'citext', 'CREATE EXTENSION citext; CREATE TABLE a (owner_id bigint, owner_type citext); CREATE INDEX ON a (owner_id); INSERT INTO a VALUES (1, ''Contact'')'),
	(12, 'what is no name', 'CREATE TABLE a (owner_id bigint, owner_type text[] CHECK (owner_type <@ ARRAY[''Contact''])); CREATE TABLE b (owner_id bigint, owner_type json CHECK (owner_type ->> 0 = ''Contact'')); CREATE TABLE c (owner_id bigint, owner_type int CHECK (owner_type::text IN (''Contact'')))'),
	( 6, 'others', 'CREATE TABLE a (owner_id bigint, owner_type text); INSERT INTO a VALUES (1, ''User''), (2, ''ContactInbox''), (3, '''')'),
	( 7, 'Django', 'CREATE TABLE django_content_type (id int PRIMARY KEY, app_label varchar(100), model varchar(100)); INSERT INTO django_content_type VALUES (6, ''auth'', ''user''), (7, ''chat'', ''contact'');
		CREATE TABLE a (object_id int, content_type_id int REFERENCES django_content_type, target_object_id text, target_content_type_id int); CREATE INDEX ON a (content_type_id, object_id)'),
	( 8, 'Django, of its own table', 'CREATE TABLE django_content_type (id int PRIMARY KEY, app_label varchar(100), model varchar(100)); INSERT INTO django_content_type VALUES (6, ''auth'', ''user''), (9, ''chat'', ''visitor'');
		CREATE TABLE chat_visitor (id int PRIMARY KEY); SELECT idverify_set_contacts(''chat_visitor'', same => ''{}'');
		CREATE TABLE a (actor_object_id int, actor_content_type_id int); CREATE INDEX ON a (actor_object_id)')
  ) AS t(n, what, command) ORDER BY n;

-- a support product's schema: nothing of it is listed, and nothing has a key
CREATE SCHEMA support;
\set schema :sources '/test/support.sql'
\set ECHO none
\i :schema
\set ECHO all
RESET search_path;
TABLE found;
SELECT idverify_set_contacts('support.contacts', same => '{account_id}');
SELECT line FROM found, regexp_split_to_table(remedy, E'\n') line \gexec
TABLE found;

--
-- Statistics
--
-- they are off, or on
SELECT EXISTS (SELECT FROM idverify_doctor() WHERE finding = 'statistics_off' AND object = 'shared_preload_libraries')
	   IS NOT DISTINCT FROM (idverify.counting_since() IS NULL) AS told;

-- These functions stand for what is counted: of secret 1, which was last used so long ago; of the app's claims.
CREATE FUNCTION counted(used interval, replaced interval, left_over interval, counted interval DEFAULT '1 year') RETURNS text LANGUAGE sql AS $$
	SELECT format($f$
		SELECT idverify_rotate('shop', grace => '1 day');
		UPDATE idverify.secrets SET rotated_at = now() - interval %L WHERE state = 'current';
		UPDATE idverify.secrets SET expires_at = now() + interval %L WHERE state = 'previous';
		CREATE OR REPLACE FUNCTION idverify.counting_since() RETURNS timestamptz LANGUAGE sql AS $s$ SELECT now() - interval '1 year' $s$;
		CREATE OR REPLACE FUNCTION idverify.secret_counts()
			RETURNS TABLE (app_id integer, app_created_at timestamptz, generation integer, claims bigint, first_at timestamptz, last_at timestamptz)
			LANGUAGE sql AS $s$ SELECT id, created_at, 1, 5::bigint, now() - interval '1 year', now() - interval %L FROM idverify.apps $s$;
		CREATE OR REPLACE FUNCTION idverify_coverage(app_key text DEFAULT NULL, days integer DEFAULT 7)
			RETURNS TABLE (app_key text, claims bigint, verified bigint, share numeric, would_refuse bigint, since timestamptz)
			LANGUAGE sql AS $s$ SELECT 'shop', 1::bigint, 1::bigint, 1.0, 0::bigint, greatest(now() - interval %L, (date_trunc('day', now() AT TIME ZONE 'UTC') - days * interval '1 day') AT TIME ZONE 'UTC') $s$;
	$f$, replaced, left_over, used, counted) $$;
SELECT n, what, after(command) FROM (VALUES
	( 1, 'half an hour is left of a day', counted('5 minutes', '23:30', '00:30')),
	( 2, 'twelve hours are left', counted('5 minutes', '12 hours', '12 hours')),
	( 3, 'two days are left of thirty', counted('5 minutes', '28 days', '2 days') || 'SELECT idverify_sign(''shop'', ''x'')'),
	( 4, 'it was not used in the last hour', counted('61 minutes', '23:30', '00:30')),
	( 5, 'nor since it was replaced', counted('20 minutes', '10 minutes', '00:30')),
	( 6, 'the current one was never used', counted('5 minutes', '2 days', '10 days')),
	( 7, 'for longer than what is kept', counted('5 minutes', '40 days', '10 days')),
	( 8, 'nor counted for all that time', counted('5 minutes', '2 days', '10 days', '1 day')),
	( 9, 'it verifies for ever', counted('5 minutes', '2 days', '10 days') || 'UPDATE idverify.secrets SET expires_at = ''infinity'' WHERE state = ''previous'''),
	(10, 'replaced in no time', counted('5 minutes', '2 days', '10 minutes') || 'UPDATE idverify.secrets SET rotated_at = ''-infinity'' WHERE state = ''current''')
  ) AS t(n, what, command) ORDER BY n;
CREATE FUNCTION covered(claims bigint, verified bigint, since interval) RETURNS text LANGUAGE sql AS $$
	SELECT format($f$
		UPDATE idverify.apps SET on_unverified = 'accept';
		CREATE OR REPLACE FUNCTION idverify_coverage(app_key text DEFAULT NULL, days integer DEFAULT 7)
			RETURNS TABLE (app_key text, claims bigint, verified bigint, share numeric, would_refuse bigint, since timestamptz)
			LANGUAGE sql AS $s$ SELECT 'shop', %s::bigint, %s::bigint, 1.0, %s::bigint, now() - interval %L $s$;
	$f$, claims, verified, claims - verified, since) $$;
SELECT n, what, after(command) FROM (VALUES
	( 1, 'all verified', covered(100, 100, '7 days')),
	( 2, 'all but one', covered(100, 99, '7 days')),
	( 3, 'too few', covered(99, 99, '7 days')),
	( 4, 'too short', covered(100, 100, '6 days')),
	( 5, 'required already', covered(100, 100, '7 days') || 'UPDATE idverify.apps SET on_unverified = ''reject''')
  ) AS t(n, what, command) ORDER BY n;

--
-- Who asks, and how
--
-- in a transaction that reads, whatever its snapshot; and as a role that has EXECUTE alone, in a session of any settings
GRANT EXECUTE ON FUNCTION idverify_doctor() TO regress_third;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
SELECT * FROM idverify_doctor() WHERE finding <> 'statistics_off';
COMMIT;
SET ROLE regress_third;
CREATE TEMPORARY TABLE pg_class (oid int);
SET search_path = pg_temp, pg_catalog;
SET quote_all_identifiers = on;
SET standard_conforming_strings = off;
SET DateStyle = 'German';
SET array_nulls = off;
SELECT * FROM public.idverify_doctor() WHERE finding <> 'statistics_off';
RESET ALL;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION idverify_doctor() FROM regress_third;
SET ROLE regress_third;
SELECT * FROM idverify_doctor();  -- fail
RESET ROLE;
-- a statement_timeout is no finding
SET statement_timeout = '1ms';
SELECT count(*) FROM generate_series(1, 1000), LATERAL (SELECT * FROM idverify_doctor() LIMIT 1) d;
RESET statement_timeout;

\c :original
DROP DATABASE regress_idverify_doctor;
DROP ROLE regress_app, regress_owner, regress_login, regress_third;

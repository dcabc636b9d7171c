--
-- idverify_fold(), idverify_identify(): tables that point to tables of a third role
--
-- The application owns its conversations, and the administrator a table that points
-- to them.  What follows there is written as the administrator, so the application
-- must neither lure his triggers, nor say what is written.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_keys_app;
CREATE SCHEMA chat AUTHORIZATION regress_keys_app;
CREATE SCHEMA dba;
GRANT USAGE ON SCHEMA chat, dba TO PUBLIC;
CREATE SEQUENCE chat.sprung;
GRANT ALL ON SEQUENCE chat.sprung TO PUBLIC;
SELECT count(*) FROM idverify_create_app('Keys', 'keys');
SELECT idverify_sign('keys', 'ann') AS ann \gset
GRANT USAGE ON SCHEMA idverify TO regress_keys_app;
GRANT EXECUTE ON FUNCTION idverify_identify(text, jsonb, uuid) TO regress_keys_app;

CREATE TABLE chat.talks (id int PRIMARY KEY, app_id int, contact_id bigint, UNIQUE (id, contact_id),
	FOREIGN KEY (app_id, contact_id) REFERENCES idverify.contacts (app_id, id));
ALTER TABLE chat.talks OWNER TO regress_keys_app;
CREATE TABLE dba.bills (talk int, contact_id bigint, FOREIGN KEY (talk, contact_id) REFERENCES chat.talks (id, contact_id));
CREATE FUNCTION dba.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM n FROM limits; RETURN NEW; EXCEPTION WHEN undefined_table THEN RETURN NEW; END $$;
SET ROLE regress_keys_app;
CREATE FUNCTION chat.spring() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF current_user <> 'regress_keys_app' THEN
		PERFORM nextval('chat.sprung');
	END IF;
	RETURN 1;
END $$;
CREATE VIEW chat.limits AS SELECT chat.spring() AS n;
GRANT SELECT ON chat.limits TO PUBLIC;
CREATE FUNCTION chat.lure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('search_path', 'chat, pg_catalog', false);
	RETURN NEW;
END $$;
CREATE FUNCTION chat.make_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id := 777; RETURN NEW; END $$;
SELECT contact_id AS visitor_contact, visitor FROM idverify_identify('keys', '{}') \gset
RESET ROLE;
INSERT INTO chat.talks SELECT 1, app_id, id FROM idverify.contacts WHERE id = :visitor_contact;
INSERT INTO dba.bills VALUES (1, :visitor_contact);

CREATE FUNCTION chat.log_in(hash text, visitor uuid) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM idverify_identify('keys', jsonb_build_object('external_id', 'ann', 'user_hash', hash), visitor);
	RETURN 'folded';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
ALTER FUNCTION chat.log_in(text, uuid) OWNER TO regress_keys_app;

-- What hangs on the application's table, and on the administrator's, and whether
-- the latter follows.
CREATE FUNCTION dba.tried(hash text, visitor uuid, OUT conversations text, OUT bills text, OUT login text, OUT sprung boolean, OUT bill dba.bills)
RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	app_code CONSTANT text[] := ARRAY['nothing', 'an AFTER trigger', 'a BEFORE trigger', 'a trigger that makes up an id'];
	app_made CONSTANT text[] := ARRAY['', 'AFTER UPDATE ON chat.talks FOR EACH ROW EXECUTE FUNCTION chat.lure()',
		'BEFORE UPDATE ON chat.talks FOR EACH ROW EXECUTE FUNCTION chat.lure()',
		'BEFORE UPDATE ON chat.talks FOR EACH ROW EXECUTE FUNCTION chat.make_up()'];
	dba_code CONSTANT text[] := ARRAY['nothing', 'a BEFORE trigger', 'an AFTER trigger'];
	dba_made CONSTANT text[] := ARRAY['', 'BEFORE UPDATE ON dba.bills FOR EACH ROW EXECUTE FUNCTION dba.look()',
		'AFTER UPDATE ON dba.bills FOR EACH ROW EXECUTE FUNCTION dba.look()'];
BEGIN
	FOR a IN 1 .. 4 LOOP
		FOR d IN 1 .. 3 LOOP
			BEGIN
				IF a > 1 THEN
					EXECUTE 'CREATE TRIGGER t ' || app_made[a];
				END IF;
				IF d > 1 THEN
					EXECUTE 'CREATE TRIGGER t ' || dba_made[d];
				END IF;
				PERFORM setval('chat.sprung', 1, false);
				SET LOCAL ROLE regress_keys_app;
				login := chat.log_in(hash, visitor);
				RESET ROLE;
				conversations := app_code[a];
				bills := dba_code[d];
				sprung := (SELECT is_called FROM chat.sprung);
				SELECT * FROM dba.bills INTO bill;
				RAISE unique_violation;
			EXCEPTION WHEN unique_violation THEN
				NULL;
			END;
			bill := (bill.talk, bill.contact_id - (SELECT b.contact_id FROM dba.bills b));
			RETURN NEXT;
		END LOOP;
	END LOOP;
END $$;
SELECT conversations, bills, login, sprung, (bill).talk FROM dba.tried(:'ann', :'visitor');
-- what cannot follow is not emptied either
ALTER TABLE dba.bills DROP CONSTRAINT bills_talk_contact_id_fkey,
	ADD FOREIGN KEY (talk, contact_id) REFERENCES chat.talks (id, contact_id) ON UPDATE SET NULL;
SELECT conversations, bills, login, sprung, (bill).talk FROM dba.tried(:'ann', :'visitor') WHERE bills = 'nothing';

DROP TABLE dba.bills, chat.talks CASCADE;
DELETE FROM idverify.contacts WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'keys');
DELETE FROM idverify.apps WHERE app_key = 'keys';
DROP SCHEMA chat, dba CASCADE;
DROP OWNED BY regress_keys_app;
DROP ROLE regress_keys_app;

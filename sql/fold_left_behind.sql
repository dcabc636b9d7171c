--
-- idverify_fold(), idverify_identify(): what a statement leaves behind
--
-- Code that runs in a fold as one role must leave nothing that runs at the commit
-- as another, or as itself among the things of another: no cursor WITH HOLD, and no
-- deferred trigger, which since PostgreSQL 18 runs as who has fired it.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_left_owner;
CREATE ROLE regress_left_app;
CREATE ROLE regress_left_admin;
CREATE SCHEMA lookup AUTHORIZATION regress_left_owner;
CREATE SCHEMA chat;
CREATE SCHEMA app AUTHORIZATION regress_left_app;
GRANT USAGE ON SCHEMA chat, app TO PUBLIC;
GRANT ALL ON SCHEMA app TO regress_left_admin;

-- Did anything run as a superuser that a superuser has not written?
CREATE SEQUENCE app.sprung;
GRANT ALL ON SEQUENCE app.sprung TO PUBLIC;
CREATE FUNCTION app.spring() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('is_superuser') = 'on' OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		PERFORM pg_catalog.nextval('app.sprung');
	END IF;
	RETURN true;
END $$;
ALTER FUNCTION app.spring() OWNER TO regress_left_owner;

--
-- A foreign key whose column does not change looks, all the same, where the row
-- goes to another partition, or was inserted by the same transaction.  What it
-- plans computes an expression of the other table's owner.
--
SET ROLE regress_left_owner;
CREATE FUNCTION lookup.leave(int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF current_user <> session_user THEN
		EXECUTE 'DECLARE held CURSOR WITH HOLD FOR SELECT app.spring()';
	END IF;
	RETURN $1;
END $$;
CREATE FUNCTION lookup.plain(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN lookup.leave($1); END $$;
CREATE TABLE lookup.tags (id int PRIMARY KEY, tag text);
INSERT INTO lookup.tags VALUES (7, 'vip');
CREATE STATISTICS lookup.s ON (lookup.plain(1)), tag FROM lookup.tags;
RESET ROLE;
CREATE TABLE chat.people (id int PRIMARY KEY);
INSERT INTO chat.people VALUES (1), (2), (3), (4);
CREATE TABLE chat.parts (person int REFERENCES chat.people, tag int REFERENCES lookup.tags) PARTITION BY LIST (person);
CREATE TABLE chat.parts_1 PARTITION OF chat.parts FOR VALUES IN (1);
CREATE TABLE chat.parts_2 PARTITION OF chat.parts FOR VALUES IN (2);
CREATE TABLE chat.plain (person int REFERENCES chat.people, tag int REFERENCES lookup.tags);
ALTER TABLE chat.parts_1 DISABLE TRIGGER ALL;
INSERT INTO chat.parts VALUES (1, 7);
ALTER TABLE chat.parts_1 ENABLE TRIGGER ALL;
\c
SET client_min_messages = warning;
SELECT count(*) FROM idverify_fold(1, 2, 'chat.people');  -- fail
SELECT is_called AS sprung FROM app.sprung;
ALTER TABLE chat.plain DISABLE TRIGGER ALL;
BEGIN;
INSERT INTO chat.plain VALUES (3, 7);
ALTER TABLE chat.plain ENABLE TRIGGER ALL;
SELECT count(*) FROM idverify_fold(3, 4, 'chat.people');  -- fail
COMMIT;
SELECT is_called AS sprung FROM app.sprung;
DROP TABLE chat.parts, chat.plain;

--
-- A trigger of the superuser's writes to a table with a deferred trigger of his.
-- Its function finds a table by the path, and the caller makes one in between.
--
SELECT count(*) FROM idverify_create_app('Left', 'left');
SELECT idverify_sign('left', 'ann') AS ann, idverify_sign('left', 'bob') AS bob \gset
GRANT USAGE ON SCHEMA idverify TO regress_left_app, regress_left_admin;
GRANT EXECUTE ON FUNCTION idverify_identify(text, jsonb, uuid) TO regress_left_app;
GRANT EXECUTE ON FUNCTION idverify_revoke TO regress_left_admin;
CREATE TABLE chat.tickets (app_id int, contact_id bigint, FOREIGN KEY (app_id, contact_id) REFERENCES idverify.contacts (app_id, id));
CREATE TABLE chat.audit (at timestamptz DEFAULT now());
CREATE TABLE chat.limits (n int);
CREATE FUNCTION chat.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO chat.audit DEFAULT VALUES; RETURN NULL; END $$;
CREATE FUNCTION chat.check_audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM n FROM limits; RETURN NULL; EXCEPTION WHEN undefined_table THEN RETURN NULL; END $$;
CREATE TRIGGER note AFTER UPDATE ON chat.tickets FOR EACH ROW EXECUTE FUNCTION chat.note();
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON chat.audit DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chat.check_audit();
SET ROLE regress_left_app;
CREATE VIEW app.limits AS SELECT app.spring()::int AS n;
GRANT SELECT ON app.limits TO PUBLIC;
SELECT contact_id AS visitor_contact, visitor FROM idverify_identify('left', '{}') \gset
RESET ROLE;
INSERT INTO chat.tickets SELECT app_id, id FROM idverify.contacts WHERE id = :visitor_contact;
SELECT setval('app.sprung', 1, false);
SET ROLE regress_left_app;
BEGIN;
SELECT is_verified, fold_id IS NOT NULL AS folded
  FROM idverify_identify('left', jsonb_build_object('external_id', 'ann', 'user_hash', :'ann'), :'visitor'::uuid);
SET LOCAL search_path = app, pg_catalog;
COMMIT;
SELECT contact_id AS visitor_contact, visitor FROM idverify_identify('left', '{}') \gset
RESET ROLE;
SELECT is_called AS sprung, (SELECT count(*) FROM chat.audit) AS audited FROM app.sprung;

-- the same of a table in parts, which PostgreSQL opens when a row goes there
DROP TABLE chat.audit;
CREATE TABLE chat.audit (at timestamptz DEFAULT now()) PARTITION BY RANGE (at);
CREATE TABLE chat.audit_all PARTITION OF chat.audit DEFAULT;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON chat.audit_all DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chat.check_audit();
INSERT INTO chat.tickets SELECT app_id, id FROM idverify.contacts WHERE id = :visitor_contact;
CREATE FUNCTION chat.log_in(hash text, visitor uuid) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM idverify_identify('left', jsonb_build_object('external_id', 'bob', 'user_hash', hash), visitor);
	RETURN 'done';
EXCEPTION WHEN insufficient_privilege THEN
	RETURN SQLERRM;
END $$;
SET ROLE regress_left_app;
BEGIN;
SELECT CASE WHEN current_setting('server_version_num')::int < 180000 THEN replace(log_in, 'done', 'runs as who commits')
	ELSE replace(log_in, 'cannot use table chat.audit_all, because its trigger "late" is deferrable', 'runs as who commits') END AS late
  FROM chat.log_in(:'bob', :'visitor'::uuid);
SET LOCAL search_path = app, pg_catalog;
COMMIT;
RESET ROLE;
SELECT is_called AS sprung FROM app.sprung;

-- the same of a dropped row that an undo puts back into a part
CREATE TABLE chat.lists (list int, person int REFERENCES chat.people, UNIQUE (list, person)) PARTITION BY LIST (list);
CREATE TABLE chat.lists_1 PARTITION OF chat.lists FOR VALUES IN (1);
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON chat.lists_1 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chat.check_audit();
INSERT INTO chat.people VALUES (1), (3) ON CONFLICT DO NOTHING;
INSERT INTO chat.lists VALUES (1, 1), (1, 3);
SELECT min(fold_id) AS lists_fold FROM idverify_fold(1, 3, 'chat.people') \gset
CREATE FUNCTION chat.undo(fold bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM idverify_unfold(fold);
	RETURN 'done';
EXCEPTION WHEN insufficient_privilege THEN
	RETURN SQLERRM;
END $$;
GRANT EXECUTE ON FUNCTION idverify_unfold TO regress_left_admin;
SET ROLE regress_left_admin;
BEGIN;
SELECT CASE WHEN current_setting('server_version_num')::int < 180000 THEN replace(undo, 'done', 'runs as who commits')
	ELSE replace(undo, 'cannot use table chat.lists_1, because its trigger "late" is deferrable', 'runs as who commits') END AS late
  FROM chat.undo(:lists_fold);
SET LOCAL search_path = app, pg_catalog;
COMMIT;
RESET ROLE;
SELECT is_called AS sprung FROM app.sprung;

-- and of a trigger on a table of idverify's own
CREATE CONSTRAINT TRIGGER late AFTER DELETE OR UPDATE ON idverify.secrets DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chat.check_audit();
SELECT count(idverify_stage('left'));
SET ROLE regress_left_admin;
BEGIN;
SELECT idverify_revoke('left');
SET LOCAL search_path = app, pg_catalog;
COMMIT;
RESET ROLE;
SELECT is_called AS sprung FROM app.sprung;
DROP TRIGGER late ON idverify.secrets;

--
-- PostgreSQL's own functions that run a query, which they are given as text, are
-- lured by a temporary view as others are.
--
DROP TABLE chat.tickets;
CREATE TABLE chat.tickets (app_id int, contact_id bigint, q tsquery, FOREIGN KEY (app_id, contact_id) REFERENCES idverify.contacts (app_id, id),
	CHECK (numnode(ts_rewrite(q, 'SELECT t, t FROM synonyms')) < 50));
CREATE TABLE chat.plain (app_id int, contact_id bigint, at timestamptz, word text, FOREIGN KEY (app_id, contact_id) REFERENCES idverify.contacts (app_id, id),
	CHECK (at < now() + interval '1 day' AND upper(word) <> to_char(at, 'DD') AND word <> ALL (ARRAY['a', 'b'])));
SET ROLE regress_left_app;
SELECT contact_id AS visitor_contact, visitor FROM idverify_identify('left', '{}') \gset
RESET ROLE;
CREATE TEMP TABLE synonyms (t tsquery);
INSERT INTO chat.tickets SELECT app_id, id, 'a' FROM idverify.contacts WHERE id = :visitor_contact;
INSERT INTO chat.plain SELECT app_id, id, now(), 'x' FROM idverify.contacts WHERE id = :visitor_contact;
DROP TABLE synonyms;
GRANT TEMP ON DATABASE :DBNAME TO regress_left_app;
BEGIN;
SET LOCAL ROLE regress_left_app;
CREATE TEMP VIEW synonyms AS SELECT app.spring()::text::tsquery AS t;
SELECT chat.log_in(:'bob', :'visitor'::uuid);
RESET ROLE;
SELECT is_called AS sprung FROM app.sprung;
ROLLBACK;
TRUNCATE chat.tickets;
BEGIN;
SET LOCAL ROLE regress_left_app;
CREATE TEMP VIEW synonyms AS SELECT app.spring()::text::tsquery AS t;
SELECT chat.log_in(:'bob', :'visitor'::uuid);
ROLLBACK;

DROP TABLE chat.tickets, chat.plain;
DELETE FROM idverify.contacts WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'left');
DELETE FROM idverify.apps WHERE app_key = 'left';
DROP SCHEMA chat, lookup, app CASCADE;
REVOKE TEMP ON DATABASE :DBNAME FROM regress_left_app;
DROP OWNED BY regress_left_owner, regress_left_app, regress_left_admin;
DROP ROLE regress_left_owner, regress_left_app, regress_left_admin;

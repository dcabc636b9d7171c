--
-- idverify_export(), idverify_erase(): code of a third role
--
-- They read and write as the owner of each table, like a fold (fold_third_role), and
-- go further: down to whatever a foreign key deletes.  Code that a third role has hung
-- anywhere there never runs as anybody else: it is refused, and named, where there are
-- rows; and in nobody's way where there are none.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_privacy_owner;
CREATE ROLE regress_privacy_app;
CREATE SCHEMA privacy AUTHORIZATION regress_privacy_owner;
CREATE SCHEMA app AUTHORIZATION regress_privacy_app;
GRANT USAGE ON SCHEMA privacy TO PUBLIC;
GRANT USAGE ON SCHEMA app TO PUBLIC;

-- Was the application's code run as anybody else?
CREATE SEQUENCE app.sprung;
GRANT ALL ON SEQUENCE app.sprung TO PUBLIC;
SET ROLE regress_privacy_app;
CREATE FUNCTION app.spring() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF current_user <> 'regress_privacy_app' THEN PERFORM pg_catalog.nextval('app.sprung'); END IF;
	RETURN true;
END $$;
CREATE FUNCTION app.hung() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM app.spring(); RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END; END $$;
CREATE FUNCTION app.even(bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN app.spring(); END $$;
CREATE DOMAIN app.word AS text;
CREATE TYPE app.mood AS ENUM ('sad', 'glad');
CREATE FUNCTION app.mood_json(app.mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM app.spring(); RETURN '1'; END $$;
CREATE CAST (app.mood AS json) WITH FUNCTION app.mood_json(app.mood);
RESET ROLE;

SET ROLE regress_privacy_owner;
CREATE TABLE privacy.people (id bigint PRIMARY KEY, name text);
CREATE TABLE privacy.chats (id bigint PRIMARY KEY, person bigint REFERENCES privacy.people ON DELETE CASCADE);
CREATE TABLE privacy.words (chat bigint REFERENCES privacy.chats ON DELETE CASCADE, word text);
CREATE TABLE privacy.marks (chat bigint REFERENCES privacy.chats ON DELETE SET NULL, mark text);
CREATE TABLE privacy.notes (person bigint, note text);
CREATE TABLE privacy.parts (person bigint REFERENCES privacy.people, day int) PARTITION BY LIST (day);
CREATE TABLE privacy.parts_1 PARTITION OF privacy.parts FOR VALUES IN (1);
INSERT INTO privacy.people SELECT n, 'p' || n FROM generate_series(1, 3) n;
INSERT INTO privacy.chats VALUES (1, 1), (2, 2);
INSERT INTO privacy.words VALUES (1, 'a');
INSERT INTO privacy.marks VALUES (1, 'a');
INSERT INTO privacy.notes VALUES (1, 'a');
INSERT INTO privacy.parts VALUES (1, 1);
GRANT ALL ON ALL TABLES IN SCHEMA privacy TO regress_privacy_app;
RESET ROLE;
SELECT idverify_add_reference('privacy.people', 'privacy.notes', 'person');
INSERT INTO idverify.folds (app_id, id, contacts, source_id, target_id, source_row, filled, forced, folded_at, steps, owners)
	VALUES (0, 990000, 'privacy.people', '7', '1', '{}', '{}', false, now(), '[]', '{"privacy.people": "regress_privacy_owner"}');

-- Hang something there as one role after another; then export and erase contact 1, who
-- has rows everywhere, and contact 3, who has none.  Then take all of it back.
CREATE FUNCTION privacy.try(prepare text) RETURNS TABLE (sprung boolean, exported text, erased text, bare text)
LANGUAGE plpgsql AS $$
DECLARE
	line text;
	call text;
	outcomes text[] := '{}';
BEGIN
	BEGIN
		FOREACH line IN ARRAY string_to_array(prepare, E'\n') LOOP
			CONTINUE WHEN line = '';
			EXECUTE 'SET LOCAL ROLE ' || CASE split_part(line, ': ', 1)
				WHEN 'app' THEN 'regress_privacy_app' WHEN 'owner' THEN 'regress_privacy_owner' ELSE 'NONE' END;
			EXECUTE substr(line, strpos(line, ': ') + 2);
		END LOOP;
		SET LOCAL ROLE NONE;
		PERFORM setval('app.sprung', 1, false);
		FOREACH call IN ARRAY ARRAY['idverify_export(1, ''privacy.people'')', 'idverify_erase(1, ''privacy.people'', ''delete'')',
				'idverify_erase(3, ''privacy.people'', ''delete'')'] LOOP
			BEGIN
				EXECUTE 'SELECT count(*) FROM ' || call;
				outcomes := outcomes || 'ok'::text;
			EXCEPTION WHEN OTHERS THEN
				outcomes := outcomes || (SQLSTATE || ' ' || SQLERRM);
			END;
		END LOOP;
		exported := outcomes[1]; erased := outcomes[2]; bare := outcomes[3];
		SELECT is_called INTO sprung FROM app.sprung;
		RAISE EXCEPTION USING ERRCODE = 'ZZ000';
	EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
		RETURN NEXT;
	END;
END $$;
\pset format unaligned
\pset tuples_only on
SELECT privacy.try('');
SELECT prepare, t.* FROM (VALUES
	(1, 'app: CREATE TRIGGER hung BEFORE DELETE ON privacy.people FOR EACH ROW EXECUTE FUNCTION app.hung()'),
	(2, 'app: CREATE TRIGGER hung BEFORE DELETE ON privacy.chats FOR EACH ROW EXECUTE FUNCTION app.hung()'),
	(3, 'app: CREATE TRIGGER hung AFTER DELETE ON privacy.words FOR EACH ROW EXECUTE FUNCTION app.hung()'),
	(4, 'app: CREATE TRIGGER hung AFTER DELETE ON privacy.words FOR EACH STATEMENT EXECUTE FUNCTION app.hung()'),
	(5, 'app: CREATE TRIGGER hung BEFORE UPDATE ON privacy.marks FOR EACH ROW EXECUTE FUNCTION app.hung()'),
	(6, 'app: CREATE TRIGGER hung BEFORE DELETE ON privacy.notes FOR EACH ROW EXECUTE FUNCTION app.hung()'),
	(7, 'app: CREATE TRIGGER hung BEFORE DELETE ON privacy.parts_1 FOR EACH ROW EXECUTE FUNCTION app.hung()'),
	(8, 'owner: CREATE TABLE privacy.mine (person bigint REFERENCES privacy.people ON DELETE CASCADE)
none: ALTER TABLE privacy.mine OWNER TO regress_privacy_app'),
	(9, 'app: CREATE FUNCTION app.own() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN PERFORM app.spring(); RETURN OLD; END''
none: GRANT CREATE ON SCHEMA privacy TO regress_privacy_app
none: CREATE TABLE privacy.mine (word bigint REFERENCES privacy.chats ON DELETE CASCADE)
none: INSERT INTO privacy.mine VALUES (1)
none: ALTER TABLE privacy.mine OWNER TO regress_privacy_app
app: CREATE TRIGGER own BEFORE DELETE ON privacy.mine FOR EACH ROW EXECUTE FUNCTION app.own()'),
	(10, 'owner: CREATE INDEX ON privacy.words (app.even(chat))'),
	(11, 'owner: ALTER TABLE privacy.words ALTER word TYPE app.word'),
	(12, 'owner: ALTER TABLE privacy.words ADD mood app.mood DEFAULT ''sad'''),
	(13, 'none: CREATE TABLE app.parts_2 (person bigint, day int)
none: ALTER TABLE app.parts_2 OWNER TO regress_privacy_app
none: ALTER TABLE privacy.parts ATTACH PARTITION app.parts_2 FOR VALUES IN (2)
none: INSERT INTO privacy.parts VALUES (1, 2)'),
	(14, 'owner: CREATE FUNCTION privacy.own() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN OLD; END''
owner: CREATE TRIGGER own BEFORE DELETE ON privacy.words FOR EACH ROW EXECUTE FUNCTION privacy.own()'),
	(15, 'none: GRANT TRIGGER ON idverify.folds TO regress_privacy_app
none: GRANT USAGE ON SCHEMA idverify TO regress_privacy_app
app: CREATE TRIGGER hung BEFORE DELETE ON idverify.folds FOR EACH ROW EXECUTE FUNCTION app.hung()')
 ) d(n, prepare), privacy.try(prepare) t ORDER BY n;
\pset format aligned
\pset tuples_only off

-- nothing was changed
SELECT (SELECT count(*) FROM privacy.people) AS people, (SELECT count(*) FROM privacy.words) AS words;

-- forget: a trigger on our own tables
GRANT TRIGGER ON idverify.fold_rows TO regress_privacy_app;
GRANT USAGE ON SCHEMA idverify TO regress_privacy_app;
SET ROLE regress_privacy_app;
CREATE TRIGGER hung BEFORE DELETE ON idverify.fold_rows FOR EACH ROW EXECUTE FUNCTION app.hung();
RESET ROLE;
INSERT INTO idverify.folds (app_id, id, contacts, source_id, target_id, source_row, filled, forced, folded_at, steps, owners)
	VALUES (0, 990001, 'privacy.people', '8', '9', '{}', '{}', false, '2000-01-01', '[]', '{}');
SELECT setval('app.sprung', 1, false);
SELECT idverify_forget('1 year');  -- fail: 42501
SELECT is_called AS sprung FROM app.sprung;
DROP TRIGGER hung ON idverify.fold_rows;
SELECT idverify_forget('1 year');

DELETE FROM idverify.contact_references;
DELETE FROM idverify.folds;
DROP SCHEMA privacy, app CASCADE;
DROP OWNED BY regress_privacy_owner, regress_privacy_app;
DROP ROLE regress_privacy_owner, regress_privacy_app;

--
-- idverify_fold(), idverify_unfold(): code of a third role
--
-- What they write, they write as the owner of the table.  A third role, here
-- that of a chat application, can hang code there: by the TRIGGER privilege,
-- which is part of GRANT ALL, or by a partition, a type or a function that
-- is its own.  None of it runs, ever: the fold is refused, and says what is in
-- its way.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_third_owner;
CREATE ROLE regress_third_app;
CREATE ROLE regress_third_dba SUPERUSER;
CREATE ROLE regress_third_member IN ROLE regress_third_owner;
CREATE SCHEMA third AUTHORIZATION regress_third_owner;
CREATE SCHEMA app AUTHORIZATION regress_third_app;
GRANT USAGE ON SCHEMA third TO PUBLIC;
GRANT USAGE, CREATE ON SCHEMA app TO PUBLIC;

-- Was the application's code run as anybody else?  A sequence remembers it,
-- also when the statement fails.
CREATE SEQUENCE app.sprung;
GRANT ALL ON SEQUENCE app.sprung TO PUBLIC;
CREATE FUNCTION app.spring() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF current_user <> 'regress_third_app' THEN
		PERFORM pg_catalog.nextval('app.sprung');
	END IF;
	RETURN true;
END $$;
ALTER FUNCTION app.spring() OWNER TO regress_third_app;

SET ROLE regress_third_app;
CREATE FUNCTION app.hung() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM app.spring();
	RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE FUNCTION app.even(bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
	$$ BEGIN RETURN app.spring(); END $$;
CREATE FUNCTION app.even(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
	$$ BEGIN RETURN app.spring(); END $$;
CREATE FUNCTION app.same(bigint, bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
	$$ BEGIN PERFORM app.spring(); RETURN $1 = $2; END $$;
CREATE FUNCTION app.compare(bigint, bigint) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
	$$ BEGIN PERFORM app.spring(); RETURN pg_catalog.btint8cmp($1, $2); END $$;
CREATE FUNCTION app.random_text() RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN PERFORM app.spring(); RETURN 'x'; END $$;
CREATE OPERATOR app.=== (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = app.same, COMMUTATOR = OPERATOR(app.===));
CREATE DOMAIN app.pointer AS bigint;
CREATE DOMAIN app.word AS text;
CREATE TYPE app.pair AS (a app.word, b text);
CREATE TYPE app.mood AS ENUM ('sad', 'glad');
CREATE COLLATION app.plain (provider = icu, locale = 'und');
-- what lures: a path that leads to the application's functions
CREATE FUNCTION app.lower(text) RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN PERFORM app.spring(); RETURN $1; END $$;
CREATE FUNCTION app.planted(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS
	$$ BEGIN PERFORM pg_catalog.set_config('search_path', 'app, pg_catalog', false); RETURN $1; END $$;
RESET ROLE;

-- functions of those who may have some: a superuser's, the owner's
CREATE FUNCTION third.obey() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE TG_ARGV[0]; RETURN NEW; END $$;
CREATE FUNCTION third.owners() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
ALTER FUNCTION third.owners() OWNER TO regress_third_owner;
CREATE FUNCTION third.run(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN EXECUTE $1; RETURN true; END $$;
ALTER FUNCTION third.run(text) OWNER TO regress_third_owner;
CREATE FUNCTION third.members() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
ALTER FUNCTION third.members() OWNER TO regress_third_member;
CREATE PROCEDURE third.give_database(to_role name) LANGUAGE plpgsql AS
	$$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO %I', current_database(), to_role); END $$;
CREATE FUNCTION third.log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES ('x'); RETURN NEW; END $$;
ALTER FUNCTION third.log() OWNER TO regress_third_owner;
-- leave a query for later, when the session's user is the session's user again
CREATE FUNCTION third.leave() RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DECLARE later CURSOR WITH HOLD FOR SELECT app.spring()'; RETURN 1; END $$;
ALTER FUNCTION third.leave() OWNER TO regress_third_owner;
CREATE FUNCTION third.later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM third.leave(); RETURN NULL; END $$;
ALTER FUNCTION third.later() OWNER TO regress_third_owner;
GRANT CREATE ON SCHEMA third TO regress_third_app;
-- the owner's triggers, which use a function without its schema, or write to what
-- foreign keys point from and to
CREATE FUNCTION third.lower() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM lower('X'); RETURN NEW; END $$;
ALTER FUNCTION third.lower() OWNER TO regress_third_owner;
CREATE FUNCTION third.other_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.room := 2; RETURN NEW; END $$;
ALTER FUNCTION third.other_room() OWNER TO regress_third_owner;
CREATE FUNCTION third.other_slug() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.slug := NEW.slug || '-2'; RETURN NEW; END $$;
ALTER FUNCTION third.other_slug() OWNER TO regress_third_owner;
CREATE FUNCTION third.settings() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	IF current_setting('standard_conforming_strings') <> 'on' THEN PERFORM nextval('app.sprung'); END IF; RETURN NEW; END $$;
ALTER FUNCTION third.settings() OWNER TO regress_third_owner;
CREATE FUNCTION third.norm(anyelement) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN pg_catalog.lower($1::text); END $$;
ALTER FUNCTION third.norm OWNER TO regress_third_owner;

SET ROLE regress_third_owner;
CREATE TABLE third.people (id bigint PRIMARY KEY, name text);
CREATE TABLE third.chats (id bigint PRIMARY KEY, person bigint REFERENCES third.people ON DELETE CASCADE,
	title text, score bigint DEFAULT 0, UNIQUE (id, person));
CREATE TABLE third.words (chat bigint, person bigint, word text,
	FOREIGN KEY (chat, person) REFERENCES third.chats (id, person) ON UPDATE CASCADE);
CREATE TABLE third.tags (person bigint REFERENCES third.people, tag text UNIQUE NULLS DISTINCT, id bigint UNIQUE, UNIQUE (person, id));
CREATE TABLE third.notes (person bigint REFERENCES third.people, day int, text text) PARTITION BY LIST (day);
CREATE TABLE third.notes_1 PARTITION OF third.notes FOR VALUES IN (1);
CREATE TABLE third.notes_2 PARTITION OF third.notes FOR VALUES IN (2);
CREATE TABLE third.listed (person bigint, text text);
CREATE TABLE third.listed_child () INHERITS (third.listed);
INSERT INTO third.people SELECT n, 'p' || n FROM generate_series(1, 9) n;
INSERT INTO third.chats SELECT n, n, 'hello', n FROM generate_series(1, 5) n;
INSERT INTO third.words SELECT n, n, 'hello' FROM generate_series(1, 5) n;
INSERT INTO third.notes SELECT n, 1 + n % 2, 'hello' FROM generate_series(1, 5) n;
INSERT INTO third.listed SELECT n, 'hello' FROM generate_series(1, 5) n;
INSERT INTO third.listed_child SELECT n, 'hello' FROM generate_series(1, 5) n;
GRANT ALL ON ALL TABLES IN SCHEMA third TO regress_third_app;
RESET ROLE;
SELECT idverify_add_reference('third.people', 'third.listed', 'person');

-- Hang something there as one role after another ("app:", "owner:" or "dba:",
-- each up to a line's end), fold, and take all of it back.  Folds that went before
-- have left descriptions and plans of how it was.
CREATE FUNCTION third.try(prepare text, call text) RETURNS TABLE (sprung boolean, outcome text)
LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	BEGIN
		PERFORM idverify_unfold(min(fold_id)) FROM idverify_fold(1::bigint, 2::bigint, 'third.people');
		FOREACH line IN ARRAY string_to_array(prepare, E'\n') LOOP
			CONTINUE WHEN line = '';
			EXECUTE 'SET LOCAL ROLE ' || CASE split_part(line, ': ', 1)
				WHEN 'app' THEN 'regress_third_app' WHEN 'owner' THEN 'regress_third_owner' ELSE 'NONE' END;
			EXECUTE substr(line, strpos(line, ': ') + 2);
		END LOOP;
		SET LOCAL ROLE NONE;
		PERFORM setval('app.sprung', 1, false);
		BEGIN
			EXECUTE call;
			outcome := 'ok';
		EXCEPTION WHEN OTHERS THEN
			outcome := SQLSTATE || ' ' || SQLERRM;
		END;
		RAISE EXCEPTION 'take it back';
	EXCEPTION WHEN OTHERS THEN
		IF SQLERRM <> 'take it back' THEN
			outcome := 'not prepared: ' || SQLERRM;
		END IF;
	END;
	sprung := (SELECT is_called FROM app.sprung);
	RETURN NEXT;
END $$;

CREATE TABLE third.attacks (n int GENERATED ALWAYS AS IDENTITY, attack text, prepare text, call text DEFAULT
	'SELECT idverify_unfold(min(fold_id)) FROM idverify_fold(1::bigint, 2::bigint, ''third.people'')');
CREATE TABLE third.outcomes (n int, sprung boolean, outcome text, "without rows" text);

INSERT INTO third.attacks (attack, prepare) VALUES
('nothing at all', ''),

-- a trigger, of any kind
('trigger BEFORE UPDATE', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION app.hung()$$),
('trigger AFTER UPDATE', $$app: CREATE TRIGGER t AFTER UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION app.hung()$$),
('trigger BEFORE statement', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats EXECUTE FUNCTION app.hung()$$),
('trigger of a column', $$app: CREATE TRIGGER t AFTER UPDATE OF person ON third.chats FOR EACH ROW EXECUTE FUNCTION app.hung()$$),
('trigger with a transition table', $$app: CREATE TRIGGER t AFTER UPDATE ON third.chats REFERENCING NEW TABLE AS n EXECUTE FUNCTION app.hung()$$),
('constraint trigger, deferred', $$app: CREATE CONSTRAINT TRIGGER t AFTER UPDATE ON third.chats DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.hung()$$),
('trigger on the contacts, BEFORE DELETE', $$app: CREATE TRIGGER t BEFORE DELETE ON third.people FOR EACH ROW EXECUTE FUNCTION app.hung()$$),
('trigger on the contacts, at undo', $$app: CREATE TRIGGER t BEFORE INSERT ON third.people FOR EACH ROW EXECUTE FUNCTION app.hung()$$),
('trigger that a cascade fires', $$app: CREATE TRIGGER t BEFORE DELETE ON third.chats EXECUTE FUNCTION app.hung()$$),
('trigger that a cascade fires, AFTER, on a table of its own', $$app: CREATE TABLE app.inbox (person bigint)
dba: ALTER TABLE app.inbox ADD FOREIGN KEY (person) REFERENCES third.people ON DELETE CASCADE
app: CREATE TRIGGER t AFTER DELETE ON app.inbox EXECUTE FUNCTION app.hung()$$),
('trigger that SET NULL fires, AFTER, on a table of its own', $$app: CREATE TABLE app.inbox (person bigint)
dba: ALTER TABLE app.inbox ADD FOREIGN KEY (person) REFERENCES third.people ON DELETE SET NULL
app: CREATE TRIGGER t AFTER UPDATE ON app.inbox EXECUTE FUNCTION app.hung()$$),
('trigger that ON UPDATE CASCADE fires, AFTER, on a table of its own', $$app: CREATE TABLE app.inbox (chat bigint, person bigint)
dba: ALTER TABLE app.inbox ADD FOREIGN KEY (chat, person) REFERENCES third.chats (id, person) ON UPDATE CASCADE
app: CREATE TRIGGER t AFTER UPDATE ON app.inbox EXECUTE FUNCTION app.hung()$$),
('trigger where a cascade goes to, with a path for others', $$app: CREATE FUNCTION app.log() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.set_config(''search_path'', ''app'', false); RETURN NULL; END'
app: CREATE TABLE app.log (text text)
app: GRANT ALL ON app.log TO PUBLIC
dba: GRANT USAGE ON SCHEMA app TO PUBLIC
app: CREATE TRIGGER t BEFORE INSERT ON app.log FOR EACH ROW EXECUTE FUNCTION app.hung()
app: CREATE TABLE app.inbox (person bigint)
dba: ALTER TABLE app.inbox ADD FOREIGN KEY (person) REFERENCES third.people ON DELETE CASCADE
app: CREATE TRIGGER t BEFORE DELETE ON app.inbox EXECUTE FUNCTION app.log()
owner: CREATE TRIGGER t AFTER DELETE ON third.people FOR EACH ROW EXECUTE FUNCTION third.log()$$),
('rule where a cascade goes to', $$app: CREATE TABLE app.kept (text text)
app: CREATE TRIGGER t AFTER INSERT ON app.kept EXECUTE FUNCTION app.hung()
app: CREATE TABLE app.inbox (person bigint)
dba: ALTER TABLE app.inbox ADD FOREIGN KEY (person) REFERENCES third.people ON DELETE CASCADE
app: CREATE RULE r AS ON DELETE TO app.inbox DO ALSO INSERT INTO app.kept VALUES ('x')$$),
('rule where ON UPDATE CASCADE goes to', $$app: CREATE TABLE app.kept (text text)
app: CREATE TRIGGER t AFTER INSERT ON app.kept EXECUTE FUNCTION app.hung()
app: CREATE TABLE app.inbox (chat bigint, person bigint)
dba: ALTER TABLE app.inbox ADD FOREIGN KEY (chat, person) REFERENCES third.chats (id, person) ON UPDATE CASCADE
app: CREATE RULE r AS ON UPDATE TO app.inbox DO ALSO INSERT INTO app.kept VALUES ('x')$$),
('path for others, by the key of a row that was just inserted', $$app: CREATE TABLE app.rooms (id bigint PRIMARY KEY, name text)
app: INSERT INTO app.rooms VALUES (1), (2)
dba: ALTER TABLE third.chats ADD room bigint REFERENCES app.rooms
owner: CREATE TRIGGER t AFTER UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.lower()
owner: INSERT INTO third.chats VALUES (101, 1, 'hello', 1, 1)
app: CREATE STATISTICS app.s ON (id + app.planted(1)), name FROM app.rooms$$),
('the same, but nothing hangs there yet', $$app: CREATE TABLE app.rooms (id bigint PRIMARY KEY, name text)
dba: ALTER TABLE third.chats ADD room bigint REFERENCES app.rooms
owner: CREATE TRIGGER t AFTER UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.lower()$$),
('the same, but nothing that could be lured: no harm', $$app: CREATE TABLE app.rooms (id bigint PRIMARY KEY, name text)
dba: ALTER TABLE third.chats ADD room bigint REFERENCES app.rooms$$),
('path for others, by a key that a trigger changes', $$app: CREATE TABLE app.rooms (id bigint PRIMARY KEY, name text)
app: INSERT INTO app.rooms VALUES (1), (2)
dba: ALTER TABLE third.chats ADD room bigint REFERENCES app.rooms
owner: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.other_room()
owner: CREATE TRIGGER u AFTER UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.lower()
app: CREATE STATISTICS app.s ON (id + app.planted(1)), name FROM app.rooms$$),
('path for others, by a key of a row that goes to another partition', $$app: CREATE TABLE app.rooms (id bigint PRIMARY KEY, name text)
app: INSERT INTO app.rooms VALUES (1), (2)
owner: CREATE TABLE third.parted (person bigint REFERENCES third.people, room bigint) PARTITION BY LIST (person)
dba: ALTER TABLE third.parted ADD FOREIGN KEY (room) REFERENCES app.rooms
owner: CREATE TABLE third.parted_1 PARTITION OF third.parted FOR VALUES IN (1)
owner: CREATE TABLE third.parted_2 PARTITION OF third.parted DEFAULT
owner: CREATE TRIGGER t AFTER INSERT ON third.parted FOR EACH ROW EXECUTE FUNCTION third.lower()
dba: ALTER TABLE third.parted DISABLE TRIGGER ALL
dba: INSERT INTO third.parted VALUES (1, 1)
dba: ALTER TABLE third.parted ENABLE TRIGGER ALL
app: CREATE STATISTICS app.s ON (id + app.planted(1)), name FROM app.rooms$$),
('trigger where ON UPDATE CASCADE goes to, of what a trigger changes', $$owner: ALTER TABLE third.chats ADD slug text UNIQUE
owner: UPDATE third.chats SET slug = id
owner: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.other_slug()
app: CREATE TABLE app.links (slug text)
app: INSERT INTO app.links VALUES ('1')
dba: ALTER TABLE app.links ADD FOREIGN KEY (slug) REFERENCES third.chats (slug) ON UPDATE CASCADE
app: CREATE TRIGGER t AFTER UPDATE ON app.links EXECUTE FUNCTION app.hung()$$),
('trigger where ON UPDATE CASCADE goes to, by a generated column', $$app: CREATE TABLE app.inbox (chat bigint, person bigint)
app: INSERT INTO app.inbox VALUES (1, 1)
dba: ALTER TABLE app.inbox ADD FOREIGN KEY (chat, person) REFERENCES third.chats (id, person) ON UPDATE CASCADE
app: ALTER TABLE app.inbox ADD pair bigint GENERATED ALWAYS AS (chat * 100 + person) STORED UNIQUE
app: CREATE TABLE app.stars (pair bigint REFERENCES app.inbox (pair) ON UPDATE CASCADE)
app: CREATE TRIGGER t AFTER UPDATE ON app.stars EXECUTE FUNCTION app.hung()$$),
('arguments for a superuser''s function, where a cascade goes to', $$app: CREATE TABLE app.inbox (person bigint)
dba: ALTER TABLE app.inbox ADD FOREIGN KEY (person) REFERENCES third.people ON DELETE CASCADE
app: CREATE TRIGGER t AFTER DELETE ON app.inbox EXECUTE FUNCTION third.obey('SELECT app.spring()')$$),
('arguments for a superuser''s function, where ON UPDATE CASCADE goes to', $$app: CREATE TABLE app.inbox (chat bigint, person bigint)
dba: ALTER TABLE app.inbox ADD FOREIGN KEY (chat, person) REFERENCES third.chats (id, person) ON UPDATE CASCADE
app: CREATE TRIGGER t AFTER UPDATE ON app.inbox EXECUTE FUNCTION third.obey('SELECT app.spring()')$$),
('trigger where a cascade goes to, from a partition that a row leaves', $$owner: CREATE TABLE third.parted (id bigint, person bigint REFERENCES third.people) PARTITION BY LIST (person)
owner: CREATE TABLE third.parted_1 PARTITION OF third.parted (PRIMARY KEY (id)) FOR VALUES IN (1)
owner: CREATE TABLE third.parted_2 PARTITION OF third.parted DEFAULT
owner: INSERT INTO third.parted VALUES (1, 1)
owner: GRANT REFERENCES, SELECT ON third.parted_1 TO regress_third_app
app: CREATE TABLE app.inbox (item bigint REFERENCES third.parted_1 (id) ON DELETE CASCADE)
app: INSERT INTO app.inbox VALUES (1)
app: CREATE TRIGGER t AFTER DELETE ON app.inbox EXECUTE FUNCTION app.hung()$$),
('function that fits better than that of an index', $$owner: CREATE UNIQUE INDEX ON third.tags (person, third.norm(tag))
owner: INSERT INTO third.tags VALUES (1, 'vip', 1), (2, 'VIP', 2)
app: CREATE FUNCTION third.norm(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM app.spring(); RETURN $1; END'$$),
('settings that change how SQL is read: no harm', $$owner: CREATE TRIGGER t AFTER UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.settings()
app: SET LOCAL standard_conforming_strings = off$$),
('trigger of a table of its own that no key writes to: no harm', $$app: CREATE TABLE app.inbox (chat bigint, person bigint)
dba: ALTER TABLE app.inbox ADD FOREIGN KEY (chat, person) REFERENCES third.chats (id, person) ON UPDATE RESTRICT
app: CREATE TRIGGER t BEFORE UPDATE ON app.inbox FOR EACH ROW EXECUTE FUNCTION app.hung()$$),
('trigger where ON UPDATE CASCADE goes to', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.words FOR EACH ROW EXECUTE FUNCTION app.hung()$$),
('trigger on a partition', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.notes_2 FOR EACH ROW EXECUTE FUNCTION app.hung()$$),
('trigger on an inheritance child', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.listed_child FOR EACH ROW EXECUTE FUNCTION app.hung()$$),
('trigger of a SECURITY DEFINER function', $$app: ALTER FUNCTION app.hung() SECURITY DEFINER
app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION app.hung()$$),
('trigger for replicas', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION app.hung()
owner: ALTER TABLE third.chats ENABLE REPLICA TRIGGER t
dba: SET LOCAL session_replication_role = replica$$),
('trigger that is disabled: no harm', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION app.hung()
owner: ALTER TABLE third.chats DISABLE TRIGGER t$$),

-- somebody else's function, but the application's words
('WHEN a query in XML', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (query_to_xml('SELECT app.spring()', false, false, '') IS NOT NULL) EXECUTE FUNCTION third.owners()$$),
('WHEN a query to rewrite', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (ts_rewrite('a', 'SELECT ''a''::tsquery, ''b''::tsquery WHERE app.spring()') IS NOT NULL) EXECUTE FUNCTION third.owners()$$),
('WHEN a setting', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (set_config('app.x', '1', false) <> '') EXECUTE FUNCTION third.owners()$$),
('WHEN a partition key, by a function that is immutable', $$app: CREATE TABLE app.springs (x int) PARTITION BY HASH ((CASE WHEN app.even(1) THEN x END))
app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (satisfies_hash_partition('app.springs'::regclass, 2, 0, NEW.id)) EXECUTE FUNCTION third.owners()$$),
('WHEN what only the owner may read: a setting', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (current_setting('data_directory') = 'a') EXECUTE FUNCTION third.owners()$$),
('WHEN what only the owner may read: a setting, its name made', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (current_setting('data_' || NEW.title, true) = 'a') EXECUTE FUNCTION third.owners()$$),
('WHEN what only the owner may read: a statement', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (pg_stat_get_backend_activity(1) = 'a') EXECUTE FUNCTION third.owners()$$),
('WHEN what only the owner may read: a view', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (pg_get_viewdef('pg_user', true) = 'a') EXECUTE FUNCTION third.owners()$$),
('WHEN a domain', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (NEW.title::app.word <> '') EXECUTE FUNCTION third.owners()
app: ALTER DOMAIN app.word ADD CHECK (app.spring()) NOT VALID$$),
('WHEN a domain in an array', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (ARRAY[NEW.title]::app.word[] IS NOT NULL) EXECUTE FUNCTION third.owners()
app: ALTER DOMAIN app.word ADD CHECK (app.spring()) NOT VALID$$),
('WHEN a domain in a row, from text', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (format('(%s,b)', NEW.title)::app.pair IS NOT NULL) EXECUTE FUNCTION third.owners()
app: ALTER DOMAIN app.word ADD CHECK (app.spring()) NOT VALID$$),
('WHEN a domain in a row, from JSON', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (jsonb_populate_record(NULL::app.pair, '{"a": "b"}') IS NOT NULL) EXECUTE FUNCTION third.owners()
app: ALTER DOMAIN app.word ADD CHECK (app.spring()) NOT VALID$$),
('WHEN of a row that a policy hides', $$owner: ALTER TABLE third.chats ENABLE ROW LEVEL SECURITY
owner: CREATE POLICY p ON third.chats TO regress_third_app USING (title <> 'hello')
app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (NEW.title::int > 0) EXECUTE FUNCTION third.owners()$$),
('WHEN of a row that a policy hides, of the owner alone: no harm', $$owner: REVOKE TRIGGER ON third.chats FROM regress_third_app
owner: ALTER TABLE third.chats ENABLE ROW LEVEL SECURITY
owner: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (NEW.title <> '') EXECUTE FUNCTION third.owners()$$),
('WHEN a function that it may not execute', $$owner: CREATE FUNCTION third.pii(text) RETURNS text LANGUAGE sql IMMUTABLE AS $f$ SELECT 'clear text of ' || $1 $f$
owner: REVOKE EXECUTE ON FUNCTION third.pii FROM PUBLIC
app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (third.pii(NEW.title)::int > 0) EXECUTE FUNCTION third.owners()$$),
('WHEN a function of its own', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (app.even(NEW.id)) EXECUTE FUNCTION third.owners()$$),
('WHEN of a kind that is not looked at', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (xmlelement(NAME a, NEW.title) IS NOT NULL) EXECUTE FUNCTION third.owners()$$),
('WHEN an operator of its own', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (NEW.id OPERATOR(app.===) 1) EXECUTE FUNCTION third.owners()$$),
('WHEN the owner''s function, of its own words', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (third.run('SELECT app.spring()')) EXECUTE FUNCTION third.owners()$$),
('arguments to a superuser''s function', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.obey('SELECT app.spring()')$$),
('arguments to the owner''s function', $$dba: ALTER FUNCTION third.obey() OWNER TO regress_third_owner
app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.obey('SELECT app.spring()')$$),
('the same on a partition', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.notes_2 FOR EACH ROW EXECUTE FUNCTION third.obey('SELECT app.spring()')$$),
('WHEN nothing but a harmless condition: no harm', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.* AND pg_trigger_depth() = 0 AND lower(NEW.title) <> '' AND now() - interval '1 day' < current_timestamp AND current_user <> '' AND NEW.title::varchar(3) IS NOT NULL AND to_char(NEW.id, '9') <> '' AND extract(year FROM now()) > 2000 AND current_setting('app.skip', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION third.owners()$$),
('a superuser''s function without arguments', $$dba: ALTER FUNCTION third.owners() OWNER TO regress_third_dba
app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.owners()$$),
('a superuser''s function that nobody else may execute any more', $$dba: ALTER FUNCTION third.owners() OWNER TO regress_third_dba
dba: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.owners()
dba: REVOKE EXECUTE ON FUNCTION third.owners() FROM PUBLIC$$),
('a superuser''s function, and nobody else may hang triggers: no harm', $$dba: ALTER FUNCTION third.owners() OWNER TO regress_third_dba
owner: REVOKE TRIGGER ON third.chats FROM regress_third_app
owner: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.owners()$$),
('a function of the owner, and the application may hang triggers: no harm', $$owner: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.owners()$$),
('a function of a member of the owner', $$app: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.members()$$),
('a function of a member, and nobody else may hang triggers: no harm', $$owner: REVOKE TRIGGER ON third.chats FROM regress_third_app
owner: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.members()$$),
('arguments, and nobody else may hang triggers: no harm', $$owner: REVOKE TRIGGER ON third.chats FROM regress_third_app
owner: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW WHEN (third.run('SELECT 1')) EXECUTE FUNCTION third.obey('SELECT 1')$$);

-- what has changed since the last fold
INSERT INTO third.attacks (attack, prepare) VALUES
('the owner of a trigger''s function', $$owner: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.owners()
dba: SELECT idverify_fold(3::bigint, 4::bigint, 'third.people')
dba: ALTER FUNCTION third.owners() OWNER TO regress_third_app$$),
('a membership', $$owner: REVOKE TRIGGER ON third.chats FROM regress_third_app
owner: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.members()
dba: SELECT idverify_fold(3::bigint, 4::bigint, 'third.people')
dba: REVOKE regress_third_owner FROM regress_third_member$$),
('a superuser who is none any more', $$owner: REVOKE TRIGGER ON third.chats FROM regress_third_app
dba: ALTER FUNCTION third.owners() OWNER TO regress_third_dba
owner: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.owners()
dba: SELECT idverify_fold(3::bigint, 4::bigint, 'third.people')
dba: ALTER ROLE regress_third_dba NOSUPERUSER$$),
('who may hang triggers', $$owner: REVOKE TRIGGER ON third.chats FROM regress_third_app
owner: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.obey('SELECT 1')
dba: SELECT idverify_fold(3::bigint, 4::bigint, 'third.people')
owner: GRANT TRIGGER ON third.chats TO PUBLIC$$),
('the owner of the table', $$owner: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.owners()
dba: SELECT idverify_fold(3::bigint, 4::bigint, 'third.people')
dba: ALTER TABLE third.chats OWNER TO regress_third_app$$),
('the owner of the database', $$owner: REVOKE TRIGGER ON third.chats FROM regress_third_app
dba: CALL third.give_database('regress_third_member')
dba: CREATE TRIGGER t AFTER UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.members()
dba: ALTER TABLE third.chats OWNER TO pg_database_owner
dba: ALTER TABLE third.words OWNER TO pg_database_owner
dba: SELECT idverify_fold(3::bigint, 4::bigint, 'third.people')
dba: CALL third.give_database('regress_third_dba')$$),
('the check of a domain', $$owner: CREATE DOMAIN third.checked AS text
owner: ALTER TABLE third.chats ALTER title TYPE third.checked
dba: SELECT idverify_fold(3::bigint, 4::bigint, 'third.people')
owner: ALTER DOMAIN third.checked ADD CHECK (app.even(VALUE)) NOT VALID$$),
('the owner of a domain', $$owner: CREATE DOMAIN third.checked AS text
owner: ALTER TABLE third.chats ALTER title TYPE third.checked
dba: SELECT idverify_fold(3::bigint, 4::bigint, 'third.people')
dba: ALTER DOMAIN third.checked OWNER TO regress_third_app$$),
('the columns of a composite type', $$owner: CREATE TYPE third.pair AS (a int)
owner: CREATE TYPE third.pairs AS (a third.pair[])
owner: ALTER TABLE third.people ADD pairs third.pairs
dba: SELECT idverify_fold(3::bigint, 4::bigint, 'third.people')
dba: ALTER TYPE third.pair OWNER TO regress_third_app$$),
('a cast', $$dba: CREATE TYPE third.mood AS ENUM ('sad', 'glad')
app: CREATE FUNCTION app.to_mood(text) RETURNS third.mood LANGUAGE plpgsql AS 'BEGIN PERFORM app.spring(); RETURN (enum_range(NULL::third.mood))[2]; END'
owner: ALTER TABLE third.people ADD mood third.mood DEFAULT 'sad'
dba: SELECT idverify_fold(3::bigint, 4::bigint, 'third.people')
dba: CREATE CAST (text AS third.mood) WITH FUNCTION app.to_mood(text) AS ASSIGNMENT$$),
('a partition that is attached', $$owner: CREATE TABLE third.notes_3 (LIKE third.notes)
dba: ALTER TABLE third.notes_3 OWNER TO regress_third_app
dba: SELECT idverify_fold(3::bigint, 4::bigint, 'third.people')
dba: ALTER TABLE third.notes ATTACH PARTITION third.notes_3 FOR VALUES IN (3)$$);

INSERT INTO third.attacks (attack, prepare) VALUES
-- what trusted code takes for its own: a temporary object of the session
('temporary table', $$owner: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.log()
app: CREATE TEMPORARY TABLE log (text text)
app: GRANT ALL ON log TO PUBLIC
app: CREATE TRIGGER t BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION app.hung()$$),
('temporary table, where ON UPDATE CASCADE goes to', $$owner: CREATE TRIGGER t BEFORE UPDATE ON third.words FOR EACH ROW EXECUTE FUNCTION third.log()
app: CREATE TEMPORARY TABLE log (text text)
app: GRANT ALL ON log TO PUBLIC
app: CREATE TRIGGER t BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION app.hung()$$),
('temporary domain', $$owner: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.log()
app: CREATE DOMAIN pg_temp.log AS text CHECK (app.spring())$$),
('temporary table since the last fold', $$owner: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.owners()
dba: SELECT idverify_fold(3::bigint, 4::bigint, 'third.people')
app: CREATE TEMPORARY TABLE log (text text)$$),
('temporary view that a query in text finds', $$owner: ALTER TABLE third.chats ADD q tsquery
owner: UPDATE third.chats SET q = 'a & b'
owner: ALTER TABLE third.chats ADD CHECK (numnode(ts_rewrite(q, 'SELECT t, s FROM synonyms')) < 50) NOT VALID
app: CREATE TEMPORARY VIEW synonyms AS SELECT 'a'::tsquery AS t, CASE WHEN app.spring() THEN 'c'::tsquery END AS s
app: GRANT ALL ON synonyms TO PUBLIC$$),
('temporary table of the owner: no harm', $$owner: CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION third.log()
owner: CREATE TEMPORARY TABLE log (text text)$$),
('temporary table, and nothing that could take it: no harm', $$app: CREATE TEMPORARY TABLE log (text text)$$),

-- what an owner leaves for the superuser who folds, by a foreign key of a
-- superuser's table
('a cursor, from where a key looks at a deletion', $$dba: ALTER TABLE third.people OWNER TO CURRENT_USER
owner: CREATE TRIGGER t BEFORE DELETE ON third.chats EXECUTE FUNCTION third.later()$$),

-- what is part of the table
('partition of another owner', $$dba: ALTER TABLE third.notes_2 OWNER TO regress_third_app
app: CREATE TRIGGER t BEFORE UPDATE ON third.notes_2 FOR EACH ROW EXECUTE FUNCTION app.hung()$$),
('partition, with nothing hung there yet', $$dba: ALTER TABLE third.notes_2 OWNER TO regress_third_app$$),
('partition, its index', $$dba: ALTER TABLE third.notes_2 OWNER TO regress_third_app
app: CREATE INDEX ON third.notes_2 ((app.even(day))) WHERE app.even(1)$$),
('partition, its check', $$dba: ALTER TABLE third.notes_2 OWNER TO regress_third_app
app: ALTER TABLE third.notes_2 ADD CHECK (app.even(day)) NOT VALID$$),
('partition of a partition', $$owner: CREATE TABLE third.notes_3 PARTITION OF third.notes FOR VALUES IN (3) PARTITION BY LIST (person)
owner: CREATE TABLE third.notes_31 PARTITION OF third.notes_3 FOR VALUES IN (1)
dba: ALTER TABLE third.notes_31 OWNER TO regress_third_app$$),
('function in an index', $$owner: CREATE INDEX ON third.chats ((app.even(score)))$$),
('function in an index, of constants', $$owner: CREATE INDEX ON third.chats ((CASE WHEN app.even(1) THEN score END))$$),
('function in an index''s condition', $$owner: CREATE INDEX ON third.chats (score) WHERE app.even(2)$$),
('function in a partition''s index', $$owner: CREATE INDEX ON third.notes_2 ((app.even(day)))$$),
('function in an index of the contacts', $$owner: CREATE INDEX ON third.people ((app.even(name)))$$),
('function in a check', $$owner: ALTER TABLE third.chats ADD CHECK (app.even(score))$$),
('function in a default, at undo', $$owner: ALTER TABLE third.people ADD new text
owner: ALTER TABLE third.people ALTER new SET DEFAULT app.random_text()$$),
('function in a generated column', $$owner: ALTER TABLE third.chats ADD gen boolean GENERATED ALWAYS AS (app.even(person)) STORED$$),
('function in statistics', $$owner: CREATE STATISTICS third.st ON (app.even(1)), (score + 1) FROM third.chats$$),
('function in a partition key', $$owner: CREATE TABLE third.keyed (person bigint REFERENCES third.people, id int) PARTITION BY LIST ((app.even(id)))
owner: CREATE TABLE third.keyed_1 PARTITION OF third.keyed FOR VALUES IN (true)
owner: INSERT INTO third.keyed VALUES (1, 1)$$),
('function in the partition key of a parent that is not folded', $$owner: CREATE TABLE third.keyed (person bigint, id int) PARTITION BY LIST ((app.even(id)))
owner: CREATE TABLE third.keyed_1 PARTITION OF third.keyed FOR VALUES IN (true)
owner: ALTER TABLE third.keyed_1 ADD FOREIGN KEY (person) REFERENCES third.people
owner: INSERT INTO third.keyed VALUES (1, 1)$$),
('function in a rule', $$owner: CREATE RULE r AS ON UPDATE TO third.chats WHERE app.even(1) DO ALSO SELECT app.even(2)$$),
('operator in an exclusion', $$dba: CREATE OPERATOR CLASS third.ops FOR TYPE bigint USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 app.===, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 pg_catalog.btint8cmp(bigint, bigint)
owner: ALTER TABLE third.chats ADD EXCLUDE USING btree (score third.ops WITH OPERATOR(app.===))$$),
('support function of an operator class', $$dba: CREATE OPERATOR CLASS third.ops FOR TYPE bigint USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 app.compare(bigint, bigint)
owner: CREATE INDEX ON third.chats (score third.ops)$$),
('policy that is forced: no harm', $$owner: ALTER TABLE third.chats ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
owner: CREATE POLICY p ON third.chats USING (app.even(id))$$),
('collation of its own: no harm', $$owner: ALTER TABLE third.chats ALTER title TYPE text COLLATE app.plain$$),

-- what its columns are made of
('domain of the column that moves', $$owner: ALTER TABLE third.tags ALTER person TYPE app.pointer
owner: INSERT INTO third.tags VALUES (1, 'vip', 1)
app: ALTER DOMAIN app.pointer ADD CHECK (app.spring()) NOT VALID$$),
('domain of another column', $$owner: ALTER TABLE third.chats ALTER title TYPE app.word
app: ALTER DOMAIN app.word ADD CHECK (app.spring()) NOT VALID$$),
('domain over an array of domains', $$app: CREATE DOMAIN app.list AS app.word[]
owner: ALTER TABLE third.people ADD list app.list DEFAULT '{x}'
app: ALTER DOMAIN app.word ADD CHECK (app.spring()) NOT VALID$$),
('domain in a composite type', $$owner: ALTER TABLE third.people ADD pair app.pair DEFAULT '(x,y)'
app: ALTER DOMAIN app.word ADD CHECK (app.spring()) NOT VALID$$),
('domain in a range', $$app: CREATE TYPE app.span AS RANGE (SUBTYPE = app.pointer)
owner: ALTER TABLE third.people ADD span app.span DEFAULT '[1,2]'
app: ALTER DOMAIN app.pointer ADD CHECK (app.spring()) NOT VALID$$),
('domain in a multirange', $$app: CREATE TYPE app.span AS RANGE (SUBTYPE = app.pointer, MULTIRANGE_TYPE_NAME = app.spans)
owner: ALTER TABLE third.people ADD spans app.spans DEFAULT '{[1,2]}'
app: ALTER DOMAIN app.pointer ADD CHECK (app.spring()) NOT VALID$$),
('rows of a table as a column', $$app: CREATE TABLE app.kept (w app.word)
owner: ALTER TABLE third.people ADD kept app.kept DEFAULT '(x)'
app: ALTER DOMAIN app.word ADD CHECK (app.spring()) NOT VALID$$),
('domain of the owner, a check of somebody''s function', $$owner: CREATE DOMAIN third.checked AS text CHECK (app.even(VALUE))
owner: ALTER TABLE third.chats ALTER title TYPE third.checked$$),
('enum', $$owner: ALTER TABLE third.people ADD mood app.mood DEFAULT 'sad'$$),
('cast from text', $$dba: CREATE TYPE third.mood AS ENUM ('sad', 'glad')
app: CREATE FUNCTION app.to_mood(text) RETURNS third.mood LANGUAGE plpgsql AS 'BEGIN PERFORM app.spring(); RETURN (enum_range(NULL::third.mood))[2]; END'
dba: CREATE CAST (text AS third.mood) WITH FUNCTION app.to_mood(text) AS ASSIGNMENT
owner: ALTER TABLE third.people ADD mood third.mood DEFAULT 'sad'$$),
('cast of a type that only a check uses', $$dba: CREATE TYPE third.mood AS ENUM ('sad', 'glad')
app: CREATE FUNCTION app.to_mood(text) RETURNS third.mood LANGUAGE plpgsql AS 'BEGIN PERFORM app.spring(); RETURN (enum_range(NULL::third.mood))[2]; END'
dba: CREATE CAST (text AS third.mood) WITH FUNCTION app.to_mood(text) AS ASSIGNMENT
owner: ALTER TABLE third.people ADD CHECK (name <> 'x' OR 'sad'::third.mood IS NOT NULL)$$);

-- what runs as the one who calls, whoever that is
INSERT INTO third.attacks (attack, prepare, call) VALUES
('an app is made', $$dba: GRANT TRIGGER ON idverify.apps TO regress_third_app
dba: GRANT USAGE ON SCHEMA idverify TO regress_third_app
app: CREATE TRIGGER t BEFORE INSERT ON idverify.apps FOR EACH ROW EXECUTE FUNCTION app.hung()$$, $$SELECT idverify_create_app('New')$$);
INSERT INTO third.attacks (attack, prepare, call)
SELECT attack, format($$dba: SELECT idverify_create_app('Third', 'third')
dba: GRANT TRIGGER ON idverify.%1$I TO regress_third_app
dba: GRANT USAGE ON SCHEMA idverify TO regress_third_app
app: CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON idverify.%1$I FOR EACH STATEMENT EXECUTE FUNCTION app.hung()$$, tablename), call
FROM (VALUES
	(1, 'a rotation, a trigger on apps', 'apps', $$SELECT idverify_rotate('third')$$),
	(2, 'a rotation, a trigger on secrets', 'secrets', $$SELECT idverify_rotate('third')$$),
	(3, 'a secret is staged', 'secrets', $$SELECT idverify_stage('third')$$),
	(4, 'secrets are revoked', 'secrets', $$SELECT idverify_revoke('third')$$),
	(5, 'secrets are purged', 'secrets', $$SELECT idverify_purge()$$),
	(6, 'secrets are sealed anew, but none is: no harm', 'secrets', $$SELECT idverify_rekey()$$),
	(7, 'an app is deleted', 'secrets', $$DELETE FROM idverify.apps WHERE app_key = 'third'$$),
	(8, 'a visitor comes', 'contacts', $$SELECT idverify_identify('third')$$),
	(9, 'a fold, a trigger on the journal', 'folds', $$SELECT idverify_fold(1::bigint, 2::bigint, 'third.people')$$),
	(10, 'a fold, a trigger where it writes no rows: no harm', 'fold_rows', $$SELECT idverify_unfold(min(fold_id)) FROM idverify_fold(1::bigint, 2::bigint, 'third.people')$$),
	(11, 'a reference is listed', 'contact_references', $$SELECT idverify_add_reference('third.people', 'third.notes', 'person')$$)
) AS t(n, attack, tablename, call) ORDER BY n;
INSERT INTO third.attacks (attack, prepare, call) VALUES
('a child of our own table', $$dba: SELECT idverify_create_app('Third', 'third')
dba: CREATE TABLE third.more () INHERITS (idverify.contacts)
dba: ALTER TABLE third.more OWNER TO regress_third_app
app: CREATE INDEX ON third.more ((app.even(1))) WHERE app.even(2)$$, $$SELECT idverify_identify('third', '{"name": "Ann"}', v.visitor) FROM idverify_identify('third') v$$),
('a signer is dropped, a trigger where a cascade goes to', $$dba: SELECT idverify_create_app('Third', 'third')
dba: SELECT idverify_add_signer('third', 'ios')
app: CREATE TABLE app.uses (app_id int, generation int)
dba: ALTER TABLE app.uses ADD FOREIGN KEY (app_id, generation) REFERENCES idverify.secrets ON DELETE CASCADE
app: CREATE TRIGGER t AFTER DELETE ON app.uses EXECUTE FUNCTION app.hung()$$, $$SELECT idverify_drop_signer('third', 'ios')$$),
('our own table, given to another owner', $$dba: SELECT idverify_create_app('Third', 'third')
dba: GRANT USAGE, CREATE ON SCHEMA idverify TO regress_third_app
dba: ALTER TABLE idverify.contacts OWNER TO regress_third_app$$, $$SELECT idverify_identify('third')$$);

INSERT INTO third.outcomes (n, sprung, outcome) SELECT a.n, t.* FROM third.attacks a, third.try(a.prepare, a.call) t ORDER BY a.n;
-- a contact that no row of such a table points to is folded
UPDATE third.outcomes o SET "without rows" = CASE WHEN t.sprung THEN 'sprung' ELSE left(t.outcome, 5) END
  FROM (SELECT a.n, t.* FROM third.attacks a, third.try(a.prepare, replace(a.call, '(1::bigint, 2', '(8::bigint, 9')) t WHERE a.call LIKE '%(1::bigint%' ORDER BY a.n) t
 WHERE o.n = t.n;
SELECT a.attack, o.sprung, o."without rows", o.outcome FROM third.attacks a JOIN third.outcomes o USING (n) ORDER BY n;

-- A login, as the application does it: conversations that belong to a
-- superuser, GRANT ALL, and who logs in is a visitor of the application's own.
CREATE TABLE third.conversations (id bigint PRIMARY KEY,
	app_id int, contact_id bigint, FOREIGN KEY (app_id, contact_id) REFERENCES idverify.contacts);
GRANT ALL ON third.conversations TO regress_third_app;
GRANT EXECUTE ON FUNCTION idverify_identify(text, jsonb, uuid) TO regress_third_app;
SELECT identity_secret AS secret FROM idverify_create_app('Third', 'third') \gset
SELECT encode(hmac('ann'::bytea, :'secret'::bytea, 'sha256'), 'hex') AS ann \gset
SET ROLE regress_third_app;
CREATE FUNCTION app.rise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	ALTER ROLE regress_third_app SUPERUSER;
	RETURN NEW;
END $$;
CREATE TRIGGER rise BEFORE UPDATE ON third.conversations FOR EACH ROW EXECUTE FUNCTION app.rise();
SELECT contact_id AS other, visitor AS other_visitor FROM idverify_identify('third', '{}') \gset
SELECT contact_id AS visitor_contact, visitor FROM idverify_identify('third', '{}') \gset
RESET ROLE;
INSERT INTO third.conversations SELECT 1, app_id, id FROM idverify.contacts WHERE id = :visitor_contact;
SET ROLE regress_third_app;
\set VERBOSITY default
SELECT contact_id FROM idverify_identify('third', jsonb_build_object('external_id', 'ann', 'user_hash', :'ann'), :'visitor'::uuid);  -- fail
\set VERBOSITY terse
-- another visitor, who has no conversation, logs in
SELECT is_verified, fold_id IS NOT NULL AS folded
  FROM idverify_identify('third', jsonb_build_object('external_id', 'ann', 'user_hash', :'ann'), :'other_visitor'::uuid);  -- ok
RESET ROLE;
SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_third_app';
-- once the trigger is gone, so does the first
DROP TRIGGER rise ON third.conversations;
SELECT is_verified, fold_id IS NOT NULL AS folded
  FROM idverify_identify('third', jsonb_build_object('external_id', 'ann', 'user_hash', :'ann'), :'visitor'::uuid);  -- ok
SELECT contact_id <> :visitor_contact AS moved FROM third.conversations;

-- A trigger of the superuser's that is deferred to the commit: who commits has
-- set the path, and must not be who lures it.
DROP TABLE third.conversations;
CREATE TABLE third.conversations (id bigint PRIMARY KEY,
	app_id int, contact_id bigint, FOREIGN KEY (app_id, contact_id) REFERENCES idverify.contacts);
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON third.conversations DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION third.lower();
ALTER FUNCTION third.lower() OWNER TO regress_third_dba;
SET ROLE regress_third_app;
SELECT contact_id AS visitor_contact, visitor FROM idverify_identify('third', '{}') \gset
RESET ROLE;
INSERT INTO third.conversations SELECT 1, app_id, id FROM idverify.contacts WHERE id = :visitor_contact;
SELECT setval('app.sprung', 1, false);
SET ROLE regress_third_app;
BEGIN;
SELECT is_verified, fold_id IS NOT NULL AS folded
  FROM idverify_identify('third', jsonb_build_object('external_id', 'ann', 'user_hash', :'ann'), :'visitor'::uuid);
SET LOCAL search_path = app, pg_catalog;
COMMIT;
RESET ROLE;
SELECT is_called AS sprung FROM app.sprung;

-- Keys that lead from each of ten tables to each other: a table is looked at
-- once, not on every way that leads to it.
BEGIN;
SET LOCAL ROLE regress_third_owner;
DO $$
BEGIN
	FOR i IN 1 .. 10 LOOP
		EXECUTE format('CREATE TABLE third.mesh_%s (chat bigint, person bigint, UNIQUE (chat, person),
			FOREIGN KEY (chat, person) REFERENCES third.chats (id, person) ON UPDATE CASCADE)', i);
	END LOOP;
	FOR i IN 1 .. 10 LOOP
		FOR j IN 1 .. 10 LOOP
			CONTINUE WHEN i = j;
			EXECUTE format('ALTER TABLE third.mesh_%s ADD FOREIGN KEY (chat, person)
				REFERENCES third.mesh_%s (chat, person) ON UPDATE CASCADE', i, j);
		END LOOP;
	END LOOP;
END $$;
RESET ROLE;
SELECT clock_timestamp() AS began \gset
SELECT count(*) FROM idverify_fold(4::bigint, 5::bigint, 'third.people');
SELECT clock_timestamp() - :'began' < interval '30 s' AS in_time;
ROLLBACK;

-- what an owner leaves for the superuser who folds, by what a foreign key of a
-- superuser's table looks up at the undo
INSERT INTO third.people VALUES (11, 'a'), (12, 'b');
CREATE TABLE third.rooms (id int PRIMARY KEY);
CREATE TABLE third.seats (person bigint REFERENCES third.people, room int REFERENCES third.rooms, UNIQUE (person, room));
INSERT INTO third.rooms VALUES (1);
INSERT INTO third.seats VALUES (11, 1), (12, 1);
ALTER TABLE third.rooms OWNER TO regress_third_owner;
SELECT min(fold_id) AS seats_fold FROM idverify_fold(11::bigint, 12::bigint, 'third.people') \gset
SET ROLE regress_third_owner;
CREATE FUNCTION third.plain(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 1; END $$;
CREATE INDEX ON third.rooms ((third.plain(1)));
CREATE OR REPLACE FUNCTION third.plain(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN third.leave(); END $$;
RESET ROLE;
SELECT setval('app.sprung', 1, false);
SELECT count(*) FROM idverify_unfold(:seats_fold);  -- fail
SELECT is_called AS sprung FROM app.sprung;
DROP TABLE third.seats, third.rooms;

-- an operator of the application's, for a domain over a type whose own operator
-- is in a schema where the application may create, is not the one that compares
BEGIN;
CREATE SCHEMA types;
GRANT ALL ON SCHEMA types TO regress_third_app;
CREATE EXTENSION citext SCHEMA types;
CREATE DOMAIN third.email AS types.citext;
CREATE TABLE third.members_of (id third.email PRIMARY KEY);
CREATE TABLE third.letters (member third.email REFERENCES third.members_of, id third.email, UNIQUE (member, id));
INSERT INTO third.members_of VALUES ('a@x'), ('b@x');
INSERT INTO third.letters VALUES ('A@x', '1'), ('b@x', '1'), ('a@x', '2');
SET LOCAL ROLE regress_third_app;
CREATE FUNCTION types.same(third.email, third.email) RETURNS boolean LANGUAGE plpgsql AS
	$$ BEGIN PERFORM app.spring(); RETURN $1::text = $2::text; END $$;
CREATE FUNCTION types.same(third.email, types.citext) RETURNS boolean LANGUAGE plpgsql AS
	$$ BEGIN PERFORM app.spring(); RETURN $1::text = $2::text; END $$;
CREATE FUNCTION types.same(types.citext, third.email) RETURNS boolean LANGUAGE plpgsql AS
	$$ BEGIN PERFORM app.spring(); RETURN $1::text = $2::text; END $$;
CREATE OPERATOR types.= (LEFTARG = third.email, RIGHTARG = third.email, FUNCTION = types.same);
CREATE OPERATOR types.= (LEFTARG = third.email, RIGHTARG = types.citext, FUNCTION = types.same);
CREATE OPERATOR types.= (LEFTARG = types.citext, RIGHTARG = third.email, FUNCTION = types.same);
RESET ROLE;
SELECT setval('app.sprung', 1, false);
SELECT min(fold_id) AS letters_fold FROM idverify_fold('a@x'::text, 'b@x'::text, 'third.members_of') \gset
TABLE third.letters ORDER BY 1, 2;
SELECT count(*) FROM idverify_unfold(:letters_fold);
TABLE third.letters ORDER BY 1, 2;
SELECT is_called AS sprung FROM app.sprung;
ROLLBACK;

-- hung there between a fold and its undo
CREATE TABLE third.fold AS SELECT min(fold_id) AS id FROM idverify_fold(4::bigint, 5::bigint, 'third.people');
SELECT setval('app.sprung', 1, false);
SET ROLE regress_third_app;
CREATE TRIGGER t BEFORE UPDATE ON third.chats FOR EACH ROW EXECUTE FUNCTION app.hung();
RESET ROLE;
SELECT idverify_unfold(id) FROM third.fold;  -- fail
DROP TRIGGER t ON third.chats;
ALTER TABLE third.people ADD mood app.mood;
SELECT idverify_unfold(id) FROM third.fold;  -- fail
ALTER TABLE third.people DROP mood;
SELECT is_called AS sprung FROM app.sprung;
SELECT moved FROM third.fold, idverify_unfold(id) WHERE relation = 'third.chats'::regclass;  -- ok

-- likewise a foreign key of one partition, which is opened no sooner than a row
-- is put back there
SET ROLE regress_third_owner;
CREATE TABLE third.marks (person bigint REFERENCES third.people, mark int, room bigint, UNIQUE (person, mark)) PARTITION BY LIST (mark);
CREATE TABLE third.marks_1 PARTITION OF third.marks FOR VALUES IN (1);
CREATE TRIGGER t AFTER INSERT ON third.marks FOR EACH ROW EXECUTE FUNCTION third.lower();
INSERT INTO third.marks VALUES (4, 1, 1), (5, 1, 1);
RESET ROLE;
TRUNCATE third.fold;
INSERT INTO third.fold SELECT min(fold_id) FROM idverify_fold(4::bigint, 5::bigint, 'third.people');
SET ROLE regress_third_app;
CREATE TABLE app.rooms (id bigint PRIMARY KEY, name text);
INSERT INTO app.rooms VALUES (1);
CREATE STATISTICS app.s ON (id + app.planted(1)), name FROM app.rooms;
RESET ROLE;
ALTER TABLE third.marks_1 ADD FOREIGN KEY (room) REFERENCES app.rooms NOT VALID;
SELECT setval('app.sprung', 1, false);
SELECT idverify_unfold(id) FROM third.fold;  -- fail
SELECT is_called AS sprung FROM app.sprung;
DROP TABLE app.rooms CASCADE;
SELECT moved FROM third.fold, idverify_unfold(id) WHERE relation = 'third.marks'::regclass;  -- ok

-- a listed condition is not even read while the column's type is not trusted
CREATE TABLE third.labels (person bigint, label text);
INSERT INTO third.labels VALUES (5, 'x'), (6, 'y');
SELECT idverify_add_reference('third.people', 'third.labels', 'person', $$label = 'x'$$);
ALTER TABLE third.labels ALTER label TYPE app.word;
SELECT setval('app.sprung', 1, false);
SET ROLE regress_third_app;
ALTER DOMAIN app.word ADD CHECK (app.spring()) NOT VALID;
RESET ROLE;
SELECT count(*) FROM idverify_fold(5::bigint, 7::bigint, 'third.people');  -- fail
SELECT count(*) FROM idverify_fold(7::bigint, 8::bigint, 'third.people');  -- ok
SELECT idverify_add_reference('third.people', 'third.labels', 'person', $$label = 'y'$$);  -- fail
SELECT is_called AS sprung FROM app.sprung;

DELETE FROM idverify.contact_references;
DROP TABLE third.conversations;
DELETE FROM idverify.contacts WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'third');
DELETE FROM idverify.apps WHERE app_key = 'third';
DELETE FROM idverify.folds WHERE contacts LIKE 'third.%';
DELETE FROM idverify.fold_rows WHERE relation LIKE 'third.%';
DROP SCHEMA third, app CASCADE;
DROP OWNED BY regress_third_owner, regress_third_app, regress_third_member;
DROP ROLE regress_third_owner, regress_third_app, regress_third_member, regress_third_dba;

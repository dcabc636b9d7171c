--
-- idverify_fold(): in anybody's own table, by its rules or not at all.
--
-- What cannot be done without loss is an error that says why.
--
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE ROLE regress_fold_owner;
CREATE SCHEMA fold_own AUTHORIZATION regress_fold_owner;
SET search_path = fold_own, public;
SET ROLE regress_fold_owner;

-- uuid, text and composite ids; a table of its own with the names we know
CREATE TABLE people (id uuid PRIMARY KEY, app_key text, email text UNIQUE, external_id text, nickname text, visitor text UNIQUE,
	is_verified boolean NOT NULL DEFAULT false, custom_data jsonb, boss uuid REFERENCES people ON DELETE CASCADE, created_at timestamptz);
CREATE TABLE chats (id int PRIMARY KEY, person uuid REFERENCES people ON DELETE CASCADE ON UPDATE CASCADE, title text);
\set a '''00000000-0000-0000-0000-00000000000a'''
\set b '''00000000-0000-0000-0000-00000000000b'''
\set c '''00000000-0000-0000-0000-00000000000c'''
INSERT INTO people VALUES
	(:a, 'app', NULL, 'ann', NULL, NULL, true, NULL, :b, '2020-01-02'),
	(:b, 'app', 'typed@example.com', 'victim', 'Annie', 'v2', false, '{"k": 1}', :a, '2020-01-01'),
	(:c, 'app', NULL, NULL, ' ', NULL, false, NULL, :b, NULL);
INSERT INTO chats VALUES (1, :a, 'x'), (2, :b, 'x'), (3, :c, 'x');
RESET ROLE;

CREATE TABLE before AS TABLE people;
SELECT relation, column_name, moved, dropped FROM idverify_fold(:b::uuid, :a::uuid, 'people') ORDER BY relation::text, column_name;
TABLE chats ORDER BY id;
-- identity and visitor stay behind; she is not her own boss
SELECT id, email, external_id, nickname, visitor, is_verified, custom_data, boss, created_at = '2020-01-01' AS older FROM people ORDER BY id;
SELECT idverify_resolve(:b::uuid, 'people'), idverify_resolve(:c::uuid, 'people');
SELECT count(*) FROM idverify_unfold((SELECT max(id) FROM idverify.folds WHERE contacts = 'fold_own.people'));
SELECT count(*) AS different FROM ((TABLE people EXCEPT TABLE before) UNION ALL (TABLE before EXCEPT TABLE people)) d;
TABLE chats ORDER BY id;

-- into one that is not verified, unique values move with the rest
SELECT min(fold_id) AS fold FROM idverify_fold(:b::uuid, :c::uuid, 'people') \gset
SELECT id, email, external_id, nickname, visitor, custom_data, boss FROM people WHERE id = :c;
SELECT count(*) FROM idverify_unfold(:fold);
SELECT count(*) AS different FROM ((TABLE people EXCEPT TABLE before) UNION ALL (TABLE before EXCEPT TABLE people)) d;

-- the same contact: nothing happens
SELECT * FROM idverify_fold(:a::uuid, :a::uuid, 'people');

-- whose table is it: statements run as its owner, for a caller who may do nothing but fold
CREATE ROLE regress_fold_caller;
GRANT USAGE ON SCHEMA fold_own TO regress_fold_caller;
GRANT EXECUTE ON FUNCTION idverify_fold(anycompatible, anycompatible, regclass, boolean, boolean), idverify_fold(text, text, regclass, boolean, boolean), idverify_unfold TO regress_fold_caller;
CREATE TABLE seen (who name);
GRANT INSERT ON seen TO PUBLIC;
SET ROLE regress_fold_owner;
CREATE FUNCTION note_user() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO fold_own.seen VALUES (current_user); RETURN NEW; END $$;
CREATE TRIGGER note_user BEFORE UPDATE ON chats FOR EACH ROW EXECUTE FUNCTION note_user();
SET ROLE regress_fold_caller;
SELECT min(fold_id) AS fold FROM idverify_fold(:b::uuid, :a::uuid, 'people') \gset
SELECT count(*) FROM idverify_unfold(:fold);
SELECT * FROM people;  -- fail
RESET ROLE;
SELECT DISTINCT who FROM seen;

-- a trigger that swallows or undoes the move: an error, not a loss
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION insist() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.person = OLD.person; RETURN NEW; END $$;
CREATE FUNCTION haunt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO fold_own.chats VALUES (-NEW.id, OLD.person, 'ghost'); RETURN NULL; END $$;
CREATE TRIGGER bad BEFORE UPDATE ON chats FOR EACH ROW EXECUTE FUNCTION swallow();
SELECT * FROM idverify_fold(:b::uuid, :a::uuid, 'people');  -- fail
DROP TRIGGER bad ON chats;
CREATE TRIGGER bad BEFORE UPDATE ON chats FOR EACH ROW EXECUTE FUNCTION insist();
SELECT * FROM idverify_fold(:b::uuid, :a::uuid, 'people');  -- fail
DROP TRIGGER bad ON chats;
CREATE TRIGGER bad AFTER UPDATE ON chats FOR EACH ROW EXECUTE FUNCTION haunt();
SELECT * FROM idverify_fold(:b::uuid, :a::uuid, 'people');  -- fail
DROP TRIGGER bad ON chats;
CREATE TRIGGER bad BEFORE DELETE ON people FOR EACH ROW EXECUTE FUNCTION swallow();
SELECT * FROM idverify_fold(:b::uuid, :a::uuid, 'people');  -- fail
DROP TRIGGER bad ON people;
CREATE TRIGGER bad BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION swallow();
SELECT * FROM idverify_fold(:b::uuid, :a::uuid, 'people');  -- fail
DROP TRIGGER bad ON people;
SELECT count(*) AS different FROM ((TABLE people EXCEPT TABLE before) UNION ALL (TABLE before EXCEPT TABLE people)) d;
TABLE chats ORDER BY id;

-- verified sources, other apps, and what is not there
\set VERBOSITY sqlstate
SELECT * FROM idverify_fold(:a::uuid, :b::uuid, 'people');  -- fail: 55000, verified
UPDATE people SET app_key = 'other' WHERE id = :c;
SELECT * FROM idverify_fold(:b::uuid, :c::uuid, 'people');  -- fail: 22023, another app
SELECT * FROM idverify_fold(:a::uuid, :c::uuid, 'people', force => true);  -- fail: 22023, another app
UPDATE people SET app_key = 'app' WHERE id = :c;
SELECT * FROM idverify_fold(gen_random_uuid(), :a::uuid, 'people');  -- fail: 42704
SELECT * FROM idverify_fold(:a::uuid, gen_random_uuid(), 'people');  -- fail: 42704
SELECT * FROM idverify_fold(NULL::uuid, :a::uuid, 'people');  -- fail: 22004
SELECT * FROM idverify_fold(1, 2, 'people');  -- fail: 22023
SELECT idverify_resolve(gen_random_uuid(), 'people');  -- fail: 42704
\set VERBOSITY terse
SELECT min(fold_id) AS fold FROM idverify_fold(:a::uuid, :b::uuid, 'people', force => true) \gset
SELECT id, email, external_id, is_verified FROM people ORDER BY id;
-- a fold within a fold's way is named
SELECT min(fold_id) AS later FROM idverify_fold(:b::uuid, :c::uuid, 'people') \gset
\set VERBOSITY sqlstate
SELECT * FROM idverify_unfold(:fold);  -- fail: 55000, later fold
\set VERBOSITY terse
SELECT idverify_resolve(:a::uuid, 'people');
SELECT count(*) FROM idverify_unfold(:later);
SELECT count(*) FROM idverify_unfold(:fold);
SELECT count(*) AS different FROM ((TABLE people EXCEPT TABLE before) UNION ALL (TABLE before EXCEPT TABLE people)) d;
-- a row that has taken the place of one
SELECT min(fold_id) AS fold FROM idverify_fold(:b::uuid, :a::uuid, 'people') \gset
INSERT INTO people (id, app_key, email) VALUES (gen_random_uuid(), 'app', 'typed@example.com');
\set VERBOSITY sqlstate
SELECT * FROM idverify_unfold(:fold);  -- fail: 55000, something in the way
\set VERBOSITY terse
DELETE FROM people WHERE email = 'typed@example.com';
SELECT count(*) FROM idverify_unfold(:fold);
SELECT count(*) AS different FROM ((TABLE people EXCEPT TABLE before) UNION ALL (TABLE before EXCEPT TABLE people)) d;

-- a contact's id: the one column of the key, or "id"; of text, or composite
CREATE TABLE by_text (name text PRIMARY KEY, about text);
CREATE TABLE by_both (tenant int, id int, PRIMARY KEY (tenant, id));
CREATE TABLE of_both (tenant int, id_of int, note text, FOREIGN KEY (tenant, id_of) REFERENCES by_both DEFERRABLE);
CREATE TABLE by_pair (one int, two int, PRIMARY KEY (one, two));
CREATE TABLE by_none (id int);
CREATE VIEW by_view AS TABLE by_none;
INSERT INTO by_text VALUES ('it''s', 'x'), ('b', NULL);
INSERT INTO by_both VALUES (1, 1), (1, 2), (2, 3), (3, 3);
INSERT INTO of_both VALUES (1, 1, 'a'), (1, 1, 'a'), (1, 2, 'a'), (1, NULL, 'nobody');
SELECT relation, column_name, moved, dropped FROM idverify_fold('it''s'::text, 'b'::text, 'by_text');
TABLE by_text;
SELECT relation, column_name, moved, dropped FROM idverify_fold(1, 2, 'by_both') ORDER BY relation::text;
SELECT * FROM of_both ORDER BY 2, 3;
SELECT relation, moved, restored FROM idverify_unfold((SELECT max(id) FROM idverify.folds WHERE contacts = 'fold_own.by_both')) ORDER BY relation::text;
SELECT * FROM of_both ORDER BY 2, 3;
SELECT * FROM idverify_fold(1, 3, 'by_both');  -- fail
SELECT * FROM idverify_fold(1, 2, 'by_pair');  -- fail
SELECT * FROM idverify_fold(1, 2, 'by_none');  -- fail
SELECT * FROM idverify_fold(1, 2, 'by_view');  -- fail
SELECT * FROM idverify_fold(1, 2, 'pg_class');  -- fail

-- a unique index of many expressions, and of a plain column among them
CREATE TABLE by_many (id int PRIMARY KEY);
CREATE TABLE of_many (a text, b text, id_of int REFERENCES by_many, c text, d text);
CREATE UNIQUE INDEX ON of_many (lower(a), upper(b), (id_of + 1), c, lower(d), (a || b)) WHERE length(d) > 0;
INSERT INTO by_many VALUES (1), (2);
INSERT INTO of_many VALUES ('x', 'y', 1, 'c', 'd'), ('x', 'y', 2, 'c', 'D'), ('x', 'y', 1, 'c', 'e'), ('x', 'y', 1, 'c', '');
SELECT relation, column_name, moved, dropped FROM idverify_fold(1, 2, 'by_many') ORDER BY relation::text;
TABLE of_many ORDER BY d;

-- references without a foreign key: plain conditions on existing columns
CREATE TABLE posts (id int PRIMARY KEY, kind text, who uuid, at timestamptz, weird text);
SELECT idverify_add_reference('people', 'posts', 'who', 'kind = ''person''') FROM generate_series(1, 2);
SELECT idverify_add_reference('people', 'posts', 'who') FROM generate_series(1, 2);
SELECT relation, column_name, condition FROM idverify.contact_references ORDER BY 3;
CREATE FUNCTION mine(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';
SELECT idverify_add_reference('people', 'posts', 'nope');  -- fail
SELECT idverify_add_reference('people', 'posts', 'id');  -- fail
SELECT idverify_add_reference('people', 'by_view', 'id');  -- fail
SELECT idverify_add_reference('people', 'posts', 'who', 'fold_own.mine(kind)');  -- fail
SELECT idverify_add_reference('people', 'posts', 'who', 'at < now()');  -- fail
SELECT idverify_add_reference('people', 'posts', 'who', 'EXISTS (SELECT)');  -- fail
SELECT idverify_add_reference('people', 'posts', 'who', 'true) FROM people WHERE (true');  -- fail
SELECT idverify_add_reference('people', 'posts', 'who', 'true); DROP TABLE people; SELECT (true');  -- fail
SELECT idverify_add_reference('people', 'posts', 'who', 'kind');  -- fail
SELECT idverify_add_reference('people', 'posts', 'who', 'posts IS NULL');  -- fail
ALTER TABLE posts RENAME COLUMN who TO whom;
SELECT * FROM idverify_fold(:b::uuid, :a::uuid, 'people');  -- fail
DROP TABLE posts;
\set VERBOSITY sqlstate
SELECT * FROM idverify_fold(:b::uuid, :a::uuid, 'people');  -- fail: 55000
\set VERBOSITY terse

DELETE FROM idverify.contact_references;
DELETE FROM idverify.fold_rows WHERE app_id = 0;
DELETE FROM idverify.folds WHERE app_id = 0;
REVOKE EXECUTE ON FUNCTION idverify_fold(anycompatible, anycompatible, regclass, boolean, boolean), idverify_fold(text, text, regclass, boolean, boolean), idverify_unfold FROM regress_fold_caller;
DROP SCHEMA fold_own CASCADE;
DROP ROLE regress_fold_owner, regress_fold_caller;

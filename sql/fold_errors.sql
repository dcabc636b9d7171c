--
-- idverify_fold(), idverify_unfold(): what is not there any more, what is in
-- the way, and what must not be a pointer
--
-- Each is an error that says so, and each leaves everything as it was.
--
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE SCHEMA fold_errors;
SET search_path = fold_errors, public;
CREATE TABLE people (id integer PRIMARY KEY, name text, email text UNIQUE, phone text);
CREATE TABLE chats (id integer PRIMARY KEY, person integer REFERENCES people ON DELETE CASCADE, title text,
	UNIQUE (person, title));
CREATE TABLE by_email (email text REFERENCES people (email));
INSERT INTO people VALUES (1, 'one', 'one@example.com', '1'), (2, NULL, 'two@example.com', NULL), (3, NULL, NULL, NULL);
INSERT INTO chats VALUES (11, 1, 'a'), (12, 1, 'b'), (21, 2, 'a'), (31, 3, 'a');
INSERT INTO by_email VALUES ('one@example.com'), ('two@example.com');
CREATE FUNCTION everything() RETURNS TABLE (line text) LANGUAGE sql AS $$
	SELECT p::text FROM fold_errors.people p UNION ALL SELECT c::text FROM fold_errors.chats c
	UNION ALL SELECT e::text FROM fold_errors.by_email e $$;
CREATE TABLE before AS SELECT * FROM everything();
CREATE VIEW different AS
	(TABLE before EXCEPT ALL SELECT * FROM everything()) UNION ALL (SELECT * FROM everything() EXCEPT ALL TABLE before);
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
-- Numbers of folds, and of temporary schemas, differ from run to run.
CREATE FUNCTION outcome(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	hint text;
BEGIN
	EXECUTE command;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ': ' || regexp_replace(message, '(fold |pg_temp_)\d+', '\1N', 'g') || coalesce(E'\n' || nullif(hint, ''), '');
END $$;

--
-- Folds
--
-- a pointer to what the target lacks is never emptied
SELECT outcome('SELECT FROM idverify_fold(1, 3, ''people'')');
-- where the source has nothing that could be pointed to, nothing is
SELECT relation, column_name, moved, dropped FROM idverify_fold(3, 1, 'people', dry_run => true) ORDER BY relation::text;
-- nor where nobody points to it
BEGIN;
DELETE FROM by_email WHERE email = 'one@example.com';
SELECT relation, column_name, moved, dropped FROM idverify_fold(1, 3, 'people', dry_run => true) ORDER BY relation::text;
ROLLBACK;
-- the row that stands in the way is not dropped
CREATE TRIGGER bad BEFORE DELETE ON chats FOR EACH ROW EXECUTE FUNCTION swallow();
SELECT outcome('SELECT FROM idverify_fold(1, 2, ''people'')');
DROP TRIGGER bad ON chats;
-- what comes to point to the source when it is about to be deleted
CREATE FUNCTION point() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO fold_errors.by_email VALUES (OLD.email); RETURN OLD; END $$;
CREATE TRIGGER bad BEFORE DELETE ON people FOR EACH ROW EXECUTE FUNCTION point();
SELECT outcome('SELECT FROM idverify_fold(1, 2, ''people'')');
DROP TRIGGER bad ON people;
-- ... by a trigger of the whole statement, too
CREATE FUNCTION point_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO fold_errors.by_email VALUES ('one@example.com'); RETURN NULL; END $$;
CREATE TRIGGER bad BEFORE DELETE ON people EXECUTE FUNCTION point_once();
SELECT outcome('SELECT FROM idverify_fold(1, 2, ''people'')');
DROP TRIGGER bad ON people;
-- a rule makes more of a statement than it says
CREATE RULE bad AS ON UPDATE TO chats DO ALSO DELETE FROM fold_errors.by_email;
SELECT outcome('SELECT FROM idverify_fold(1, 2, ''people'')');
\set VERBOSITY default
SELECT FROM idverify_fold(1, 2, 'people');  -- fail, and says which table it is
\set VERBOSITY terse
DROP RULE bad ON chats;
-- tables that are none
SELECT outcome('SELECT FROM idverify_fold(1, 2, ''4294967295''::regclass)');
TABLE different;

--
-- What can be listed as pointing to contacts
--
CREATE TABLE posts (person integer, kind text, plain text COLLATE "C");
CREATE TYPE flag AS (n integer);
CREATE FUNCTION flag_is_set(flag) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE CAST (flag AS boolean) WITH FUNCTION flag_is_set AS IMPLICIT;
CREATE TABLE flagged (person integer, flag flag);
CREATE TEMPORARY TABLE passing (person integer);
SELECT what, outcome(format('SELECT idverify_add_reference(%s)', arguments)) AS outcome
  FROM (VALUES
	( 1, 'a table that does not exist',   $$'people', '4294967295'::regclass, 'person'$$),
	( 2, 'a catalog',                     $$'people', 'pg_class', 'relnatts'$$),
	( 3, 'a temporary table',             $$'people', 'passing', 'person'$$),
	( 4, 'a condition with a name',       $$'people', 'posts', 'person', 'kind = ''x'' AS y'$$),
	( 5, 'two conditions',                $$'people', 'posts', 'person', 'kind = ''x'', kind = ''y'''$$),
	( 6, 'a parameter',                   $$'people', 'posts', 'person', 'kind = $1'$$),
	( 7, 'a cast that is somebody''s own', $$'people', 'flagged', 'person', 'flag'$$),
	( 8, 'a condition with a gap',        $$'people', 'posts', 'person', 'CASE WHEN kind = ''x'' THEN true END'$$)
  ) AS t(n, what, arguments)
 ORDER BY n;
SELECT relation, column_name, condition FROM idverify.contact_references;
-- a column whose type is another one by now
ALTER TABLE posts ALTER person TYPE text;
SELECT outcome('SELECT FROM idverify_fold(1, 2, ''people'')');
ALTER TABLE posts ALTER person TYPE integer USING person::integer;
SELECT outcome('SELECT FROM idverify_fold(1, 2, ''people'', dry_run => true)');
-- a column that is a foreign key, too, is one column
SELECT idverify_add_reference('people', 'chats', 'person');
SELECT relation, column_name, moved, dropped FROM idverify_fold(1, 2, 'people', dry_run => true) ORDER BY relation::text;
DELETE FROM idverify.contact_references;
TABLE different;

--
-- Unfolds: the same fold, after each of these
--
SELECT min(fold_id) AS fold FROM idverify_fold(1, 2, 'people') \gset
CREATE FUNCTION after(command text, fold bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	unfolded text;
BEGIN
	EXECUTE command;
	unfolded := fold_errors.outcome(format('SELECT FROM idverify_unfold(%s)', fold));
	RAISE SQLSTATE 'UNDOX';  -- the command, and the unfold if there was one
EXCEPTION WHEN SQLSTATE 'UNDOX' THEN
	RETURN unfolded;
END $$;
SELECT command, after(command, :fold)
  FROM (VALUES
	(1, 'DELETE FROM chats; TRUNCATE by_email; DELETE FROM people WHERE id = 2'),
	(2, 'ALTER TABLE chats RENAME TO renamed'),
	(3, 'ALTER TABLE chats RENAME person TO renamed'),
	(4, 'CREATE TRIGGER bad BEFORE UPDATE ON chats FOR EACH ROW EXECUTE FUNCTION swallow()'),
	(5, 'CREATE TRIGGER bad BEFORE INSERT ON chats FOR EACH ROW EXECUTE FUNCTION swallow()'),
	(6, 'UPDATE people SET phone = NULL'),
	(7, 'ALTER TABLE people DROP phone'),
	(8, 'INSERT INTO people VALUES (1)'),
	(9, $$ALTER TABLE chats ADD room text NOT NULL DEFAULT ''; ALTER TABLE chats ALTER room DROP DEFAULT$$),
	(10, 'ALTER TABLE people ADD CHECK (id > 1)'),
	(11, $$DELETE FROM chats WHERE title = 'a'; CREATE TABLE titles AS SELECT DISTINCT title FROM chats;
		ALTER TABLE titles ADD PRIMARY KEY (title); ALTER TABLE chats ADD FOREIGN KEY (title) REFERENCES titles$$)
  ) AS t(n, command)
 ORDER BY n;
SELECT name, phone FROM people WHERE id = 2;
SELECT count(*) FROM idverify_unfold(:fold);
TABLE different;
-- a filled value that has been emptied since stays empty
BEGIN;
SELECT min(fold_id) AS fold FROM idverify_fold(1, 2, 'people') \gset
UPDATE people SET phone = NULL;
SELECT count(*) FROM idverify_unfold(:fold);
SELECT id, name, phone FROM people ORDER BY id;
ROLLBACK;

--
-- What collides by an index with another collation, or an expression with gaps
--
CREATE TABLE labels (person integer REFERENCES people, label text, active boolean);
CREATE UNIQUE INDEX ON labels (person, label COLLATE "C") WHERE active;
CREATE UNIQUE INDEX ON labels (person, (CASE WHEN active THEN lower(label) END));
INSERT INTO labels VALUES (1, 'x', true), (2, 'X', true), (1, 'y', true), (2, 'y', true), (1, 'Z', false), (2, 'z', false);
SELECT relation, moved, dropped FROM idverify_fold(1, 2, 'people') WHERE relation = 'labels'::regclass;
SELECT * FROM labels ORDER BY label COLLATE "C", active;
SELECT count(*) FROM idverify_unfold((SELECT max(id) FROM idverify.folds));
SELECT * FROM labels ORDER BY label COLLATE "C", active;
DROP TABLE labels;
TABLE different;
-- what one setting reads, another does not: the journal's text is read with those
-- that it was written with (where there is no XML, there is nothing to lose)
DO $$ BEGIN
	CREATE TABLE pages (person integer UNIQUE REFERENCES people, page xml);
	INSERT INTO pages VALUES (1, 'no <i>document</i>'), (2, '<i/><i/>');
EXCEPTION WHEN feature_not_supported THEN
	CREATE TABLE pages (person integer UNIQUE REFERENCES people, page text);
	INSERT INTO pages VALUES (1, 'no <i>document</i>'), (2, '<i/><i/>');
END $$;
SET xmloption = 'document';
SELECT moved, dropped FROM idverify_fold(1, 2, 'people') WHERE relation = 'pages'::regclass;
SHOW xmloption;
SELECT count(*) FROM idverify_unfold((SELECT max(id) FROM idverify.folds));
RESET xmloption;
SELECT person, page::text FROM pages ORDER BY person;
DROP TABLE pages;
TABLE different;
-- a condition is part of the journal: what did not move is not taken back
INSERT INTO people VALUES (4), (5);
TRUNCATE posts;
INSERT INTO posts VALUES (4, 'x'), (4, 'y'), (5, 'x'), (5, 'y');
SELECT idverify_add_reference('people', 'posts', 'person', $$kind = 'x'$$);
SELECT relation, column_name, moved, dropped FROM idverify_fold(4, 5, 'people') ORDER BY relation::text;
SELECT person, kind FROM posts ORDER BY person, kind;
SELECT count(*) FROM idverify_unfold((SELECT max(id) FROM idverify.folds));
SELECT person, kind FROM posts ORDER BY person, kind;
DELETE FROM idverify.contact_references;
DELETE FROM people WHERE id > 3;
TABLE different;

--
-- A guarded table whose columns have names of their own: identity is not filled
--
INSERT INTO idverify.apps (app_key, name) VALUES ('fold errors', 'fold errors');
CREATE TABLE guarded (id integer PRIMARY KEY, uid text, mail text, hash text, nickname text, is_verified boolean, app_key text DEFAULT 'fold errors');
INSERT INTO guarded VALUES (1, 'claimed', 'claimed@example.com', NULL, 'one', false), (2, NULL, NULL, NULL, NULL, true);
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON guarded FOR EACH ROW
	EXECUTE FUNCTION idverify_guard('external_id=uid', 'email=mail', 'user_hash=hash');
SELECT relation, dropped FROM idverify_fold(1, 2, 'guarded');
TABLE guarded;

--
-- Our own contacts
--
SELECT id AS app FROM idverify.apps WHERE app_key = 'fold errors' \gset
INSERT INTO idverify.apps (app_key, name) VALUES ('other', 'other') RETURNING id AS other \gset
INSERT INTO idverify.contacts (app_id, id, name) OVERRIDING SYSTEM VALUE
	VALUES (:app, 910001, 'one'), (:app, 910002, 'two'), (:other, 910003, 'of another app');
SELECT what, outcome(format('SELECT FROM idverify_fold(%s::bigint, %s::bigint)', source, target)) AS outcome
  FROM (VALUES
	(1, 'no such target', 910001, 910009),
	(2, 'no such source', 910009, 910001),
	(3, 'another app''s', 910001, 910003)) AS t(n, what, source, target)
 ORDER BY n;
SELECT outcome('SELECT idverify_resolve(910009::bigint)');
BEGIN;
ALTER TABLE idverify.contacts RENAME TO renamed;
SELECT outcome('SELECT FROM idverify_fold(910001::bigint, 910002::bigint)');
ROLLBACK;
SELECT id, name FROM idverify.contacts WHERE app_id IN (:app, :other) ORDER BY id;
-- an email that was signed for the source is signed for the target, if that has none
UPDATE idverify.contacts SET external_id = 'two', is_verified = true WHERE id = 910002;
UPDATE idverify.contacts SET email = 'one@example.com', email_verified = true, is_verified = true WHERE id = 910001;
SELECT count(*) FROM idverify_fold(910001::bigint, 910002::bigint, force => true);
SELECT external_id, email, email_verified, is_verified FROM idverify.contacts WHERE id = 910002;
SELECT idverify_resolve(910001::bigint);
-- and both signed ids lead to it
SELECT identity_secret IS NULL AS imported FROM idverify_create_app('Signed', 'signed', 'secret of another product');
CREATE FUNCTION signed(field text, value text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
	SELECT more || jsonb_build_object(field, value, 'user_hash', idverify_sign('signed', value)) $$;
SELECT contact_id AS ann FROM idverify_identify('signed', signed('external_id', 'ann')) \gset
SELECT contact_id AS bob FROM idverify_identify('signed', signed('external_id', 'bob')) \gset
SELECT contact_id AS eve FROM idverify_identify('signed', signed('email', 'Eve@example.com')) \gset
SELECT count(*) FROM idverify_fold(:bob::bigint, :ann::bigint, force => true);
SELECT count(*) FROM idverify_fold(:eve::bigint, :ann::bigint, force => true);
SELECT idverify_resolve(:bob::bigint) = :ann AS bob, idverify_resolve(:eve::bigint) = :ann AS eve,
	   idverify_resolve(:ann::bigint) = :ann AS ann;
SELECT contact_id = :ann AS same, is_verified, created FROM idverify_identify('signed', signed('external_id', 'bob'));
SELECT contact_id = :ann AS same, is_verified, created FROM idverify_identify('signed', signed('email', 'eve@Example.com'));
SELECT external_id, email, email_verified FROM idverify.contacts WHERE id = :ann;
-- what a visitor's contact cannot have been given by a claim does not pass to the one of a login
SELECT visitor, contact_id AS guest FROM idverify_identify('signed') \gset
UPDATE idverify.contacts SET shop = 'not signed', external_id = 'x', name = 'Ann' WHERE id = :guest;
SELECT contact_id = :ann AS same, fold_id IS NOT NULL AS folded FROM idverify_identify('signed', signed('external_id', 'ann'), :'visitor');
SELECT external_id, shop, name FROM idverify.contacts WHERE id = :ann;
-- a token that somebody has given to a verified contact by hand makes it no visitor
UPDATE idverify.contacts SET visitor = '00000000-0000-4000-8000-00000000000a' WHERE id = :ann;
SELECT contact_id = :ann AS same, fold_id, created
  FROM idverify_identify('signed', signed('external_id', 'ann'), '00000000-0000-4000-8000-00000000000a');
DELETE FROM idverify.contacts WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'signed');
DELETE FROM idverify.apps WHERE app_key = 'signed';
DELETE FROM idverify.contacts WHERE app_id IN (:app, :other);
DELETE FROM idverify.apps WHERE id IN (:app, :other);

TRUNCATE idverify.folds, idverify.fold_rows;
DROP SCHEMA fold_errors CASCADE;

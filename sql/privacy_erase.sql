--
-- idverify_erase(): a person is gone, and nobody else
--
-- What becomes of rows is what the foreign keys say, and where none says anything,
-- what others says.  In the end nothing in the schema idverify holds a value of the
-- person, and every other row is what it was.
--
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE SCHEMA privacy_erase;
SET search_path = privacy_erase, public;
SELECT count(*) AS apps FROM (SELECT idverify_create_app('Erase', 'privacy_erase') UNION ALL SELECT idverify_create_app('Other', 'privacy_other')) a;
SELECT id AS app FROM idverify.apps WHERE app_key = 'privacy_erase' \gset
SELECT id AS other_app FROM idverify.apps WHERE app_key = 'privacy_other' \gset

-- everything that is stored, as text, one line a row
CREATE FUNCTION all_rows() RETURNS TABLE (relation text, line text) LANGUAGE plpgsql AS $$
DECLARE
	t regclass;
BEGIN
	FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace IN ('idverify'::regnamespace, 'privacy_erase'::regnamespace) LOOP
		RETURN QUERY EXECUTE format('SELECT %L, x::text FROM %s x', t, t);
	END LOOP;
END $$;
-- which tables of idverify hold one of these words
CREATE FUNCTION holding(VARIADIC words text[]) RETURNS TABLE (holds text, word text) LANGUAGE sql AS
	$$ SELECT DISTINCT relation, w FROM all_rows(), unnest(words) w WHERE relation LIKE 'idverify.%' AND strpos(line, w) > 0 $$;

--
-- A chat database with a key of each kind
--
CREATE TABLE chats (id int PRIMARY KEY, contact_id bigint REFERENCES idverify.contacts (id) ON DELETE CASCADE, title text);
CREATE TABLE messages (id int PRIMARY KEY, chat int REFERENCES chats ON DELETE CASCADE, sender bigint REFERENCES idverify.contacts (id) ON DELETE SET NULL, body text);
CREATE TABLE reactions (message int REFERENCES messages ON DELETE CASCADE, contact_id bigint REFERENCES idverify.contacts (id) ON DELETE CASCADE, mark text, UNIQUE (message, contact_id));
CREATE TABLE tickets (id int PRIMARY KEY, contact_id bigint DEFAULT 910000 REFERENCES idverify.contacts (id) ON DELETE SET DEFAULT, app_id int, about text,
	FOREIGN KEY (app_id, contact_id) REFERENCES idverify.contacts (app_id, id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE notes (id int PRIMARY KEY, author_type text, author_id bigint, body text);
SELECT idverify_add_reference('idverify.contacts', 'notes', 'author_id', $$author_type = 'Contact'$$);

INSERT INTO idverify.contacts (app_id, id, name) VALUES (:app, 910000, 'nobody');
INSERT INTO idverify.contacts (app_id, id, external_id, email, name, phone, custom_data, is_verified, visitor) VALUES
	(:app, 910001, 'marker_ext_1', 'marker_a@example.com', 'marker_name_1', 'marker_phone_1', '{"k": "marker_custom_1"}', true, NULL),
	(:app, 910002, NULL, 'marker_b@example.com', 'marker_name_2', NULL, '{"k": "marker_custom_2"}', false, '00000000-aaaa-4000-8000-000000000002'),
	(:app, 910003, NULL, NULL, 'marker_name_3', 'marker_phone_3', '{}', false, '00000000-aaaa-4000-8000-000000000003'),
	(:app, 910004, NULL, NULL, 'marker_name_4', NULL, '{"l": {"m": "marker_custom_4"}}', false, '00000000-aaaa-4000-8000-000000000004'),
	(:app, 910005, 'bob', 'bob@example.com', 'Bob', NULL, '{}', true, NULL),
	(:app, 910006, NULL, NULL, 'a stranger', NULL, '{}', false, '00000000-bbbb-4000-8000-000000000006');
INSERT INTO idverify.contacts (app_id, id, external_id, email, name, is_verified) VALUES (:other_app, 910009, 'marker_ext_1', 'marker_a@example.com', 'of another app', true);
INSERT INTO chats SELECT n, 910000 + n, 'chat ' || n FROM generate_series(1, 5) n;
INSERT INTO messages SELECT 10 * n + k, n, 910000 + 1 + (n + k) % 5, 'message' FROM generate_series(1, 5) n, generate_series(1, 4) k;
INSERT INTO reactions SELECT m.id, c.id, '+' FROM messages m, idverify.contacts c WHERE c.id IN (910001, 910002, 910005) AND m.id % 10 < 3;
INSERT INTO tickets SELECT n, 910000 + n, NULL, 'ticket' FROM generate_series(1, 5) n;
INSERT INTO notes SELECT n, CASE WHEN n < 4 THEN 'Contact' ELSE 'Agent' END, 910000 + n % 2 + 1, 'note' FROM generate_series(1, 6) n;

-- 2 becomes 1; 3 becomes 2 before that; 4 into 1 was undone
SELECT count(*) > 0 AS folded FROM idverify_fold(910003, 910002);
SELECT count(*) > 0 AS folded FROM idverify_fold(910002, 910001);
SELECT min(fold_id) AS undone FROM idverify_fold(910004, 910001) \gset
SELECT count(*) > 0 AS undone FROM idverify_unfold(:undone);
-- and a fold of others
SELECT count(*) > 0 AS folded FROM idverify_fold(910006, 910005);
INSERT INTO idverify.contacts (app_id, id, name, last_claim) VALUES
	(:app, 910011, 'claims the id', '{"verdict": "mismatch", "external_id": "marker_ext_1"}'),
	(:app, 910012, 'claims the email', '{"verdict": "mismatch", "email": "MARKER_A@example.com"}'),
	(:app, 910013, 'claims an old email', '{"verdict": "mismatch", "email": "marker_b@example.com"}'),
	(:app, 910014, 'claims somebody else', '{"verdict": "mismatch", "external_id": "bob"}');
INSERT INTO idverify.contacts (app_id, id, name, last_claim) VALUES
	(:other_app, 910015, 'claims one of another app', '{"verdict": "mismatch", "external_id": "bob"}');
SELECT count(*) > 0 AS there_is_much FROM holding('marker_name_1', 'marker_name_2', 'marker_name_3', 'marker_custom_2');

-- refused: nothing is done, and each table is named with its count
CREATE TABLE before AS SELECT * FROM all_rows();
\set VERBOSITY default
SELECT * FROM idverify_erase(910001);  -- fail: 23503
\set VERBOSITY terse
SELECT * FROM idverify_erase(910001, dry_run => true);
SELECT * FROM idverify_erase(910001, others => 'delete', dry_run => true);
SELECT * FROM idverify_erase(910001, others => 'clear', dry_run => true);
SELECT relation, count(*) FROM (TABLE before EXCEPT ALL SELECT * FROM all_rows() WHERE relation <> 'before') x GROUP BY relation;
SELECT count(*) AS changed FROM (SELECT * FROM all_rows() WHERE relation <> 'before' EXCEPT ALL TABLE before) x;

-- what is exported of her
SELECT relation, column_name, record ->> 'id' AS id, record ->> 'name' AS name, record ->> 'body' AS body FROM idverify_export(910001)
 WHERE relation NOT IN ('messages'::regclass, 'reactions'::regclass) ORDER BY relation::text COLLATE "C", id;
SELECT relation, column_name, count(*), count(DISTINCT record) FROM idverify_export('910001') GROUP BY relation, column_name ORDER BY relation::text COLLATE "C", column_name;

-- erased: what a dry run has said
SELECT * FROM idverify_erase(910001, others => 'clear');
SELECT * FROM holding('marker_ext_1', 'marker_a@example.com', 'marker_b@example.com', 'MARKER_A@', 'marker_name_1', 'marker_name_2', 'marker_name_3',
	'marker_phone_1', 'marker_phone_3', 'marker_custom_1', 'marker_custom_2', '00000000-aaaa-4000-8000-000000000002', '00000000-aaaa-4000-8000-000000000003');
-- who was undone is somebody of their own, and what the journal had of them is gone
SELECT * FROM holding('marker_name_4', 'marker_custom_4', '00000000-aaaa-4000-8000-000000000004') ORDER BY 1, 2;
SELECT id, name, last_claim FROM idverify.contacts WHERE app_id IN (:app, :other_app) ORDER BY id;
-- rows that went, and rows that are changed or new
SELECT relation, count(*) FROM (TABLE before EXCEPT ALL SELECT * FROM all_rows() WHERE relation <> 'before') x
 WHERE relation <> 'idverify.fold_rows' GROUP BY relation ORDER BY relation;
SELECT count(*) AS without_fold FROM idverify.fold_rows r WHERE NOT EXISTS (SELECT FROM idverify.folds f WHERE (f.app_id, f.id) = (r.app_id, r.fold_id));
SELECT relation, line FROM (SELECT * FROM all_rows() WHERE relation NOT IN ('before', 'idverify.contacts') EXCEPT ALL TABLE before) x ORDER BY relation, line COLLATE "C";
-- her ids are as of nobody
SELECT idverify_resolve(910001);  -- fail
SELECT idverify_resolve(910002);  -- fail
SELECT idverify_resolve(910003);  -- fail
SELECT idverify_resolve(910006);
SELECT * FROM idverify_erase(910001);  -- fail: 42704
-- who was folded away is erased by what they are now
\set VERBOSITY default
SELECT * FROM idverify_erase(910006);  -- fail: 42704
SELECT * FROM idverify_export(910006);  -- fail: 42704
\set VERBOSITY terse
SELECT relation, column_name, action, rows FROM idverify_erase(idverify_resolve(910006), others => 'delete');
SELECT count(*) AS journal FROM idverify.folds WHERE app_id = :app;

--
-- Arguments
--
INSERT INTO idverify.contacts (app_id, id, name) VALUES (:app, 910021, 'x');
SELECT * FROM idverify_erase(NULL::bigint);  -- fail: 22004
SELECT * FROM idverify_erase(910021, NULL);  -- fail
SELECT * FROM idverify_erase(910021, others => NULL);  -- fail
SELECT * FROM idverify_erase(910021, others => 'cascade');  -- fail: 22023
SELECT * FROM idverify_erase(910021, dry_run => NULL);  -- fail
SELECT * FROM idverify_erase(910021.5);  -- fail: 22023
SELECT * FROM idverify_erase('x');  -- fail: 22P02
SELECT * FROM idverify_export(NULL::bigint);  -- fail
SELECT * FROM idverify_export(0);  -- fail: 42704
BEGIN READ ONLY;
SELECT relation, record -> 'name' AS name FROM idverify_export('910021');
SELECT * FROM idverify_erase('910021');  -- fail: 25006
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) AS rows FROM idverify_export(910021);
SELECT * FROM idverify_erase('910021');
SELECT * FROM idverify_export(910021);  -- fail
ROLLBACK;

--
-- The journal, when it is old
--
INSERT INTO idverify.contacts (app_id, id, name) SELECT :app, 910100 + n, 'y' FROM generate_series(1, 9) n;
SELECT count(*) AS folded FROM generate_series(910102, 910109) n, idverify_fold(n, 910101);
UPDATE idverify.folds SET folded_at = now() - '10 days'::interval WHERE app_id = :app AND source_id < '910105';
SELECT idverify_forget('-1 day');  -- fail: 22023
SELECT idverify_forget('1 month -40 days');  -- fail
SELECT idverify_forget(NULL);  -- fail
SELECT idverify_forget('11 days');
SELECT idverify_forget('9 days');
SELECT idverify_forget('9 days');
SELECT idverify_resolve(910104);  -- fail
SELECT idverify_resolve(910105);
SELECT idverify_unfold(0);  -- fail
BEGIN READ ONLY;
SELECT idverify_forget('0');  -- fail: 25006
ROLLBACK;
SELECT idverify_forget('0') AS rest;
SELECT count(*) AS steps FROM idverify.fold_rows;

SET client_min_messages = warning;
DELETE FROM idverify.contact_references;
DROP SCHEMA privacy_erase CASCADE;
DELETE FROM idverify.contacts;
DELETE FROM idverify.apps;

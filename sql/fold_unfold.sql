--
-- idverify_fold(), idverify_unfold(): nothing is lost, and all of it can be
-- taken back.
--
-- A chat schema with every kind of pointer to a contact.  For each of the
-- promises the whole of it is compared, row by row.
--
SET client_min_messages = warning;
\set VERBOSITY terse
INSERT INTO idverify.apps (app_key, name) VALUES ('fold', 'fold') RETURNING id AS app \gset
CREATE SCHEMA fold_chat;
SET search_path = fold_chat, public;

INSERT INTO idverify.contacts (app_id, id, external_id, is_verified, verified_at, name, custom_data, created_at)
	OVERRIDING SYSTEM VALUE VALUES (:app, 900001, 'alice', true, '2020-02-01', 'Alice', '{"plan": "pro", "note": ""}', '2020-02-01');
INSERT INTO idverify.contacts (app_id, id, email, name, company, custom_data, visitor, created_at)
	OVERRIDING SYSTEM VALUE VALUES (:app, 900002, 'typed@example.com', 'Al', 'Acme', '{"plan": "free", "note": "n", "seats": 3}',
	'00000000-0000-4000-8000-000000000002', '2020-01-01');
INSERT INTO idverify.contacts (app_id, id) OVERRIDING SYSTEM VALUE VALUES (:app, 900003);

-- a foreign key that would cascade; a unique title per contact; and children
CREATE TABLE conversations (
	id bigint PRIMARY KEY,
	contact_id bigint NOT NULL REFERENCES idverify.contacts (id) ON DELETE CASCADE,
	title text NOT NULL,
	UNIQUE (contact_id, title));
CREATE TABLE messages (
	id bigint PRIMARY KEY,
	conversation_id bigint NOT NULL REFERENCES conversations ON DELETE CASCADE,
	reply_to bigint REFERENCES messages ON DELETE SET NULL,
	position int NOT NULL,
	body text,
	UNIQUE (conversation_id, position));
CREATE TABLE reactions (message_id bigint REFERENCES messages ON DELETE CASCADE, emoji text, PRIMARY KEY (message_id, emoji));
-- composite, and part of the primary key
CREATE TABLE tags (app_id int, contact_id bigint, tag text, tagged_at timestamptz,
	PRIMARY KEY (app_id, contact_id, tag),
	FOREIGN KEY (app_id, contact_id) REFERENCES idverify.contacts ON DELETE CASCADE);
-- a unique index that is partial and has an expression
CREATE TABLE devices (id serial PRIMARY KEY, contact_id bigint REFERENCES idverify.contacts (id), name text, active boolean);
CREATE UNIQUE INDEX ON devices (contact_id, lower(name)) WHERE active;
-- NULLS NOT DISTINCT
CREATE TABLE notes (contact_id bigint REFERENCES idverify.contacts (id), about text, body text, UNIQUE NULLS NOT DISTINCT (contact_id, about));
-- the pointer is the whole key
CREATE TABLE settings (contact_id bigint PRIMARY KEY REFERENCES idverify.contacts (id) ON DELETE CASCADE, theme text, seen timestamptz, spent interval, share double precision);
-- DEFERRABLE, no key at all, equal rows, and types that cannot be compared
CREATE TABLE visits (contact_id bigint REFERENCES idverify.contacts (id) DEFERRABLE INITIALLY DEFERRED, at date, facts json, place point);
-- partitioned by what is moved; a generated and an identity column
CREATE TABLE events (
	id bigint GENERATED ALWAYS AS IDENTITY,
	contact_id bigint NOT NULL REFERENCES idverify.contacts (id) ON DELETE CASCADE,
	kind text,
	loud text GENERATED ALWAYS AS (upper(kind)) STORED,
	UNIQUE (contact_id, kind)
) PARTITION BY LIST (contact_id);
CREATE TABLE events_alice PARTITION OF events FOR VALUES IN (900001);
CREATE TABLE events_rest PARTITION OF events DEFAULT;
-- two pointers in one row, unique together
CREATE TABLE suggested (one bigint REFERENCES idverify.contacts (id), other bigint REFERENCES idverify.contacts (id), PRIMARY KEY (one, other));
-- polymorphic, without a foreign key
CREATE TABLE posts (id int PRIMARY KEY, sender_type text, sender_id bigint, body text);
SELECT idverify_add_reference('idverify.contacts', 'posts', 'sender_id', $$sender_type = 'Contact'$$);

INSERT INTO conversations VALUES (1, 900001, 'billing'), (2, 900002, 'billing'), (3, 900002, 'sales'), (4, 900003, 'billing');
INSERT INTO messages VALUES (11, 1, NULL, 1, 'alice, billing'), (21, 2, NULL, 1, 'same place'), (22, 2, 21, 2, 'a reply'),
	(23, 2, 23, 3, 'to itself'), (31, 3, 21, 1, 'to another'), (41, 4, 21, 1, 'somebody else');
INSERT INTO reactions VALUES (11, '+'), (21, '+'), (21, '-'), (22, '+');
INSERT INTO tags VALUES (:app, 900001, 'vip', '2020-01-01'), (:app, 900002, 'vip', '2021-01-01'), (:app, 900002, 'new', '2021-01-01'), (:app, 900003, 'new', '2021-01-01');
INSERT INTO devices (contact_id, name, active) VALUES (900001, 'Phone', true), (900002, 'PHONE', true), (900002, 'phone', false), (900002, 'Desk', true);
INSERT INTO notes VALUES (900001, NULL, 'hers'), (900002, NULL, 'theirs'), (900002, 'x', 'y'), (900003, NULL, NULL);
INSERT INTO settings VALUES (900001, 'dark', now(), '1 day', 0.1), (900002, 'light', '1999-12-31 23:59:59.999999+00', '-1 mon 2 days 03:04:05.6', 0.1::float8 + 0.2);
INSERT INTO visits SELECT c, '2020-01-02', '{"a" :  1}', '(1,2)' FROM unnest(ARRAY[900001, 900002, 900002]) c;
INSERT INTO events (contact_id, kind) VALUES (900001, 'login'), (900002, 'login'), (900002, 'buy'), (900003, 'buy');
INSERT INTO suggested VALUES (900001, 900002), (900002, 900001), (900002, 900002), (900002, 900003), (900003, 900002), (900003, 900001);
INSERT INTO posts VALUES (1, 'Contact', 900001, 'a'), (2, 'Contact', 900002, 'b'), (3, 'Agent', 900002, 'an agent of the same number'), (4, 'Contact', NULL, 'nobody');

-- All rows of all tables, as text.
CREATE FUNCTION everything() RETURNS TABLE (relation text, line text) LANGUAGE plpgsql AS $$
DECLARE
	t regclass;
BEGIN
	FOR t IN SELECT oid FROM pg_class WHERE relnamespace = 'fold_chat'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
		AND relname <> 'before'
		UNION ALL SELECT 'idverify.contacts'::regclass
	LOOP
		RETURN QUERY EXECUTE format('SELECT %L, x::text FROM %s x', t, t);
	END LOOP;
END $$;
CREATE TABLE before AS SELECT * FROM everything();
-- What is different now: should be nothing.
CREATE VIEW different AS
	(SELECT 'gone' AS what, * FROM (SELECT * FROM before EXCEPT ALL SELECT * FROM everything()) g)
	UNION ALL
	(SELECT 'new', * FROM (SELECT * FROM everything() EXCEPT ALL SELECT * FROM before) n);

-- dry_run counts, and changes nothing
CREATE TEMP TABLE dry AS SELECT * FROM idverify_fold(900002, 900001, dry_run => true);
SELECT * FROM different;
SELECT count(*) AS folds FROM idverify.folds WHERE app_id = :app;
SELECT count(*) FILTER (WHERE fold_id IS NOT NULL) AS with_id FROM dry;

-- the same counts are the real ones
CREATE TEMP TABLE wet AS SELECT * FROM idverify_fold(900002, 900001);
SELECT relation, column_name, moved, dropped FROM wet ORDER BY relation::text, column_name;
SELECT count(*) AS lines_that_differ FROM
	((TABLE dry EXCEPT ALL SELECT NULL, relation, column_name, moved, dropped FROM wet)
	UNION ALL (SELECT NULL, relation, column_name, moved, dropped FROM wet EXCEPT ALL TABLE dry)) d;
SELECT min(fold_id) AS fold FROM wet \gset
SELECT count(DISTINCT fold_id) AS folds FROM wet;

-- nothing points to the source; what could not move was the target's already
TABLE conversations ORDER BY id;
TABLE messages ORDER BY id;
TABLE reactions ORDER BY 1, emoji COLLATE "C";
SELECT contact_id, tag, extract(year FROM tagged_at) AS year FROM tags ORDER BY 1, 2;
TABLE devices ORDER BY id;
TABLE notes ORDER BY 1, 2;
SELECT contact_id, theme FROM settings;
SELECT contact_id, count(*) FROM visits GROUP BY 1;
SELECT tableoid::regclass, id, contact_id, kind, loud FROM events ORDER BY id;
TABLE suggested ORDER BY 1, 2;
TABLE posts ORDER BY id;

-- the target took over what it lacked, and nothing that a signature stands for
SELECT id, external_id, email, email_verified, name, company, custom_data, is_verified, visitor, created_at = '2020-01-01' AS older
	FROM idverify.contacts WHERE app_id = :app AND id < 900003;

-- the journal has the dropped rows whole
SELECT relation, dropped_row - 'app_id' - 'tagged_at' AS dropped FROM idverify.fold_rows
	WHERE app_id = :app AND fold_id = :fold AND dropped_row IS NOT NULL AND relation <> 'fold_chat.settings' ORDER BY relation, dropped_row::text;

-- and back: as it was, whatever the session's settings are
SET DateStyle = 'SQL, DMY';
SET IntervalStyle = 'sql_standard';
SET extra_float_digits = -15;
SELECT * FROM idverify_unfold(:fold) ORDER BY relation::text;
RESET lc_monetary; RESET DateStyle; RESET IntervalStyle; RESET extra_float_digits;
SELECT * FROM different;
SELECT undone_at IS NOT NULL AS undone FROM idverify.folds WHERE app_id = :app AND id = :fold;
\set VERBOSITY sqlstate
SELECT * FROM idverify_unfold(:fold);  -- fail: 55000, twice
SELECT * FROM idverify_unfold(-1);  -- fail: 42704
SELECT * FROM idverify_unfold(NULL);  -- fail: 22004
\set VERBOSITY terse

-- folded under those settings and taken back under others
SET lc_monetary = 'C.UTF-8'; SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard'; SET extra_float_digits = -15;
SELECT min(fold_id) AS fold FROM idverify_fold(900002, 900001) \gset
RESET lc_monetary; RESET DateStyle; RESET IntervalStyle; RESET extra_float_digits;
SELECT count(*) AS tables FROM idverify_unfold(:fold);
SELECT * FROM different;

-- after a dump and a restore tables have other OIDs; the journal does not mind
SELECT min(fold_id) AS fold FROM idverify_fold(900002, 900001) \gset
CREATE TABLE copied AS TABLE posts;
DROP TABLE posts;
CREATE TABLE posts (LIKE copied, PRIMARY KEY (id));
INSERT INTO posts TABLE copied;
DROP TABLE copied;
SELECT moved, restored FROM idverify_unfold(:fold) WHERE relation = 'posts'::regclass;
SELECT * FROM different;
DELETE FROM idverify.contact_references WHERE contacts = 'idverify.contacts'::regclass;
SELECT idverify_add_reference('idverify.contacts', 'posts', 'sender_id', $$sender_type = 'Contact'$$);

-- what has changed since stays: another's row, a deleted row, a new value
SELECT min(fold_id) AS fold FROM idverify_fold(900002, 900001) \gset
UPDATE conversations SET contact_id = 900003 WHERE id = 3;
DELETE FROM devices WHERE name = 'Desk';
UPDATE idverify.contacts SET company = 'Acme Ltd', custom_data = custom_data || '{"seats": 5, "more": 1}' WHERE app_id = :app AND id = 900001;
INSERT INTO tags VALUES (:app, 900001, 'later', '2022-01-01');
SELECT relation, moved, restored FROM idverify_unfold(:fold) ORDER BY relation::text;
SELECT what, relation, CASE WHEN relation IN ('idverify.contacts', 'tags') THEN '...' ELSE line END AS line FROM different ORDER BY 2, 1, 3;
SELECT id, email, company, custom_data FROM idverify.contacts WHERE app_id = :app AND id <= 900002 ORDER BY id;

DELETE FROM idverify.contact_references WHERE contacts = 'idverify.contacts'::regclass;
DROP SCHEMA fold_chat CASCADE;
DELETE FROM idverify.contacts WHERE app_id = :app;
DELETE FROM idverify.fold_rows WHERE app_id = :app;
DELETE FROM idverify.folds WHERE app_id = :app;
DELETE FROM idverify.apps WHERE id = :app;

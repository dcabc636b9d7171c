--
-- Contacts whose rows are elsewhere: inherited, or distributed
--
-- An ordinary table is asked through its indexes, without a statement; that is
-- to be seen by the lock on the index, which a statement keeps.  Where rows may
-- be elsewhere a statement asks for them, and finds them.
--
\set VERBOSITY terse
SELECT idverify_create_app('Elsewhere', 'elsewhere', secret => 'a secret from elsewhere') \g /dev/null
SELECT jsonb_build_object('external_id', 'ada', 'user_hash', idverify_sign('elsewhere', 'ada')) AS ada,
	jsonb_build_object('email', 'Bob@example.org', 'user_hash', idverify_sign('elsewhere', 'Bob@example.org')) AS bob \gset
SELECT contact_id AS ada_is FROM idverify_identify('elsewhere', :'ada') \gset
SELECT contact_id AS bob_is FROM idverify_identify('elsewhere', :'bob') \gset
SELECT contact_id AS eve_is, visitor FROM idverify_identify('elsewhere') \gset

CREATE VIEW elsewhere_asked AS
	SELECT relation::regclass AS "asked by a statement" FROM pg_locks
	WHERE pid = pg_backend_pid() AND relation IN ('idverify.contacts_verified_external_id'::regclass,
		'idverify.contacts_verified_email_alone'::regclass, 'idverify.contacts_visitor'::regclass)
	ORDER BY 1;

-- an ordinary table
\c -
BEGIN;
SELECT contact_id = :ada_is AS ada FROM idverify_identify('elsewhere', :'ada');
SELECT contact_id = :bob_is AS bob FROM idverify_identify('elsewhere', :'bob');
SELECT contact_id = :eve_is AS eve FROM idverify_identify('elsewhere', visitor => :'visitor');
SELECT * FROM elsewhere_asked;
ROLLBACK;

-- one without that index, one that Citus may have distributed, one that is
-- open only to some, one that is inherited
\c -
BEGIN;
ALTER INDEX idverify.contacts_verified_external_id RENAME TO another;
SELECT contact_id = :ada_is AS ada FROM idverify_identify('elsewhere', :'ada');
-- another one under its name does not serve
CREATE UNIQUE INDEX contacts_verified_external_id ON idverify.contacts (external_id, app_id) WHERE is_verified;
SELECT contact_id = :ada_is AS ada FROM idverify_identify('elsewhere', :'ada');
ROLLBACK;
-- ... nor one of more rows, or of fewer, or of another column: what somebody
-- claimed unsigned is not found
\c -
BEGIN;
UPDATE idverify.apps SET on_unverified = 'accept' WHERE app_key = 'elsewhere';
ALTER INDEX idverify.contacts_verified_external_id RENAME TO another;
CREATE INDEX contacts_verified_external_id ON idverify.contacts (app_id, external_id);
SELECT is_verified, verdict FROM idverify_identify('elsewhere', '{"external_id": "victor"}');
SELECT is_verified, verdict, created FROM idverify_identify('elsewhere',
	jsonb_build_object('external_id', 'victor', 'user_hash', idverify_sign('elsewhere', 'victor')));
SELECT is_verified, count(*) FROM idverify.contacts WHERE external_id = 'victor' GROUP BY 1 ORDER BY 1;
-- (without the right one under another name: who found nobody would fail to add)
DROP VIEW elsewhere_asked;
DROP INDEX idverify.another, idverify.contacts_verified_external_id;
CREATE INDEX contacts_verified_external_id ON idverify.contacts (app_id, external_id) WHERE is_verified AND name IS NOT NULL;
SELECT contact_id = :ada_is AS ada FROM idverify_identify('elsewhere', :'ada');
DROP INDEX idverify.contacts_verified_external_id;
CREATE INDEX contacts_verified_external_id ON idverify.contacts (app_id, name) WHERE is_verified;
SELECT contact_id = :ada_is AS ada FROM idverify_identify('elsewhere', :'ada');
DROP INDEX idverify.contacts_verified_email_alone;
CREATE INDEX contacts_verified_email_alone ON idverify.contacts (app_id, upper(email COLLATE "C")) WHERE is_verified AND external_id IS NULL;
SELECT contact_id = :bob_is AS bob FROM idverify_identify('elsewhere', :'bob');
ROLLBACK;
-- nor is a table that was altered by hand: that is an error, and no crash
\set VERBOSITY sqlstate
BEGIN;
ALTER TABLE idverify.contacts ALTER name TYPE bigint USING NULL;
SELECT contact_id FROM idverify_identify('elsewhere', :'ada');  -- fail
ROLLBACK;
\set VERBOSITY terse
-- ... in a session, too, that has never asked before
\c -
BEGIN;
ALTER TABLE idverify.contacts ALTER name TYPE bigint USING 12345;
SELECT contact_id FROM idverify_identify('elsewhere', :'ada');  -- fail
ROLLBACK;
BEGIN;
ALTER TABLE idverify.contacts ALTER name TYPE bigint USING 12345;
SELECT contact_id FROM idverify_identify('elsewhere', :'bob');  -- fail
ROLLBACK;
BEGIN;
ALTER TABLE idverify.contacts ALTER shop TYPE bigint USING 12345;
SELECT FROM idverify_fold(:eve_is::bigint, :ada_is::bigint);  -- fail
ROLLBACK;
SELECT contact_id = :ada_is AS ada FROM idverify_identify('elsewhere', :'ada');
-- a column of somebody's own may come and go, also while we look
SELECT created FROM idverify_identify('elsewhere');
BEGIN;
ALTER TABLE idverify.contacts ADD COLUMN shoe_size int DEFAULT 42;
SELECT created FROM idverify_identify('elsewhere');
SELECT contact_id = :ada_is AS ada FROM idverify_identify('elsewhere', :'ada');
SELECT visitor AS loud FROM idverify_identify('elsewhere', '{"name": "Loud"}') \gset
SELECT created, fold_id IS NOT NULL AS folded FROM idverify_identify('elsewhere',
	jsonb_build_object('external_id', 'lou', 'user_hash', idverify_sign('elsewhere', 'lou')), :'loud');
SELECT name, shoe_size FROM idverify.contacts WHERE external_id = 'lou';
ALTER TABLE idverify.contacts DROP COLUMN shoe_size;
SELECT created FROM idverify_identify('elsewhere');
SELECT visitor AS loud FROM idverify_identify('elsewhere', '{"name": "Loud"}') \gset
SELECT created, fold_id IS NOT NULL AS folded FROM idverify_identify('elsewhere',
	jsonb_build_object('external_id', 'liz', 'user_hash', idverify_sign('elsewhere', 'liz')), :'loud');
SELECT name FROM idverify.contacts WHERE external_id = 'liz';
ROLLBACK;
-- a trigger that lets nobody in is an error, and no call without end
CREATE FUNCTION let_nobody_in() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER let_nobody_in BEFORE INSERT ON idverify.contacts FOR EACH ROW EXECUTE FUNCTION let_nobody_in();
SELECT created FROM idverify_identify('elsewhere');  -- fail
SELECT created FROM idverify_identify('elsewhere',
	jsonb_build_object('external_id', 'lea', 'user_hash', idverify_sign('elsewhere', 'lea')));  -- fail
SELECT contact_id = :ada_is AS ada FROM idverify_identify('elsewhere', :'ada');
DROP TRIGGER let_nobody_in ON idverify.contacts;
DROP FUNCTION let_nobody_in;
BEGIN;
SET LOCAL allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass);
SELECT contact_id = :ada_is AS ada FROM idverify_identify('elsewhere', :'ada');
SELECT contact_id = :bob_is AS bob FROM idverify_identify('elsewhere', :'bob');
SELECT contact_id = :eve_is AS eve FROM idverify_identify('elsewhere', visitor => :'visitor');
SELECT * FROM elsewhere_asked;
-- a fold by hand asks for the app of each, and locks them
SELECT relation, moved, dropped FROM idverify_fold(:eve_is::bigint, :ada_is::bigint);
SELECT idverify_resolve(:eve_is::bigint) = :ada_is AS resolved;
ROLLBACK;
BEGIN;
ALTER TABLE idverify.contacts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT contact_id = :ada_is AS ada FROM idverify_identify('elsewhere', :'ada');
SELECT * FROM elsewhere_asked;
ROLLBACK;
BEGIN;
CREATE TABLE elsewhere_contacts () INHERITS (idverify.contacts);
WITH moved AS (DELETE FROM ONLY idverify.contacts WHERE id IN (:ada_is, :bob_is, :eve_is) RETURNING *)
	INSERT INTO elsewhere_contacts OVERRIDING SYSTEM VALUE SELECT * FROM moved;
SELECT contact_id = :ada_is AS ada FROM idverify_identify('elsewhere', :'ada');
SELECT contact_id = :bob_is AS bob FROM idverify_identify('elsewhere', :'bob');
SELECT contact_id = :eve_is AS eve FROM idverify_identify('elsewhere', visitor => :'visitor');
ROLLBACK;

-- what this transaction has written is seen, and what it has rolled back is not
BEGIN;
UPDATE idverify.contacts SET external_id = 'lovelace' WHERE id = :ada_is;
SAVEPOINT before;
SELECT contact_id > :ada_is AS another, created FROM idverify_identify('elsewhere', :'ada');
ROLLBACK TO before;
UPDATE idverify.contacts SET external_id = 'ada' WHERE id = :ada_is;
SELECT contact_id = :ada_is AS ada, created FROM idverify_identify('elsewhere', :'ada');
ROLLBACK;

DROP VIEW elsewhere_asked;
DELETE FROM idverify.contacts WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'elsewhere');
DELETE FROM idverify.apps WHERE app_key = 'elsewhere';

--
-- A plan is kept while its table grows: none may read a whole table of ours
--
-- All of them are made here for tables that were found to be empty, as after
-- VACUUM in a new installation, when to read all of a table costs nothing.
--
\set VERBOSITY terse
SELECT idverify_create_app('Plans', 'plans', secret => 'a secret of the plans') \g /dev/null
VACUUM ANALYZE idverify.contacts, idverify.folds, idverify.fold_rows, idverify.contact_references;
\c -
BEGIN;
-- no foreign key: its own queries would be counted too
CREATE TABLE plans_messages (id integer PRIMARY KEY, contact_id bigint NOT NULL);
SELECT idverify_add_reference('idverify.contacts', 'plans_messages', 'contact_id');
-- contact_references is a list that is read whole, a few rows long
CREATE VIEW plans_read_whole AS
	SELECT relname, seq_scan FROM pg_stat_xact_all_tables
	WHERE schemaname = 'idverify' AND seq_scan > 0 AND relname <> 'contact_references';

-- an anonymous visitor, who writes, logs in, comes back, logs in with the email
SELECT visitor, contact_id AS anonymous FROM idverify_identify('plans') \gset
INSERT INTO plans_messages VALUES (1, :anonymous);
SELECT format('{"external_id": "ada", "email": "ada@example.org", "name": "Ada", "user_hash": "%s"}',
	idverify_sign('plans', 'ada')) AS claim,
	idverify_sign('plans', 'ada@example.org') AS email_hash \gset
SELECT contact_id AS ada, fold_id, created FROM idverify_identify('plans', :'claim', :'visitor') \gset
SELECT :'created' AS created, :ada <> :anonymous AS folded;
SELECT contact_id = :ada AS found, created FROM idverify_identify('plans', :'claim', :'visitor');
SELECT contact_id = :ada AS found, created
	FROM idverify_identify('plans', jsonb_build_object('external_id', 'ada', 'user_hash', :'claim'::jsonb->>'user_hash',
		'email', 'ada@example.org', 'email_hash', :'email_hash'));
SELECT contact_id = :ada AS found, created
	FROM idverify_identify('plans', jsonb_build_object('email', 'ada@example.org', 'user_hash', :'email_hash'));

-- one that is not verified, and one who has been seen a while ago
SELECT verdict FROM idverify_identify('plans', '{"external_id": "eve", "user_hash": "00"}');
SET LOCAL enable_seqscan = off;
UPDATE idverify.contacts SET last_seen_at = last_seen_at - interval '1 hour' WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'plans') AND id = :ada;
SET LOCAL enable_seqscan = on;
SELECT contact_id = :ada AS found FROM idverify_identify('plans', :'claim');

-- by hand
SELECT idverify_resolve(:anonymous::bigint) = :ada AS resolved;
SELECT idverify_unfold(:fold_id);
SELECT fold_id AS by_hand FROM idverify_fold(:anonymous::bigint, :ada::bigint) LIMIT 1 \gset
SELECT idverify_unfold(:by_hand);

SELECT * FROM plans_read_whole;

-- what this looks at does notice
SELECT count(*) > 0 AS some FROM idverify.contacts;
SELECT relname, seq_scan FROM plans_read_whole;
ROLLBACK;
DELETE FROM idverify.apps WHERE app_key = 'plans';

--
-- What bench/large needs: so many contacts, and calls to measure beside them
--
-- Variables: size, how many contacts there are, and those of calls.sql.  Prints the
-- gigabytes of the table and of its indexes.
--
\o /dev/null
SELECT idverify_create_app('Bench', 'bench', secret => '0123456789abcdef-bench'), idverify_create_app('Rotated', 'rotated');
SELECT setseed(0.5);
\o

-- In a transaction that empties the table first nothing of it goes to the WAL,
-- where wal_level is minimal.  The indexes that are not in the order of the id are
-- built when the rows are there, just as they were.
SET maintenance_work_mem = '1GB';
CREATE TEMP TABLE indexes AS
	SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
	FROM pg_index WHERE indrelid = 'idverify.contacts'::regclass AND indpred IS NOT NULL;
BEGIN;
TRUNCATE idverify.contacts;
SELECT 'DROP INDEX ' || name FROM indexes
\gexec
-- of ten contacts eight have a signed id, one a signed email alone, and one is
-- an anonymous visitor
INSERT INTO idverify.contacts (app_id, external_id, email, email_verified, name, custom_data, is_verified, verified_at, visitor, last_seen_at)
	SELECT (SELECT id FROM idverify.apps WHERE app_key = 'bench'),
		CASE WHEN n % 10 < 8 THEN 'person-' || n END, CASE WHEN n % 10 < 9 THEN n || '@example.org' END, n % 10 = 8, 'Person ' || n,
		jsonb_build_object('plan', 'pro', 'seats', n % 10), n % 10 < 9, CASE WHEN n % 10 < 9 THEN now() END,
		CASE WHEN n % 10 = 9 THEN gen_random_uuid() END, now() + interval '1 day'
	FROM (SELECT generate_series(1, :size) AS n) s;
SELECT definition FROM indexes
\gexec
COMMIT;
\ir conversations.sql

\ir calls.sql
-- each visitor has three conversations and five messages
INSERT INTO conversations (contact_id) SELECT unnest(ARRAY[visitor, folded]) FROM calls, generate_series(1, 3);
INSERT INTO messages (contact_id, body) SELECT unnest(ARRAY[visitor, folded]), 'hello' FROM calls, generate_series(1, 5);
VACUUM ANALYZE;
CHECKPOINT;

SELECT format('large %s %s', what, :size), bytes / 1e9
	FROM (VALUES ('table', pg_table_size('idverify.contacts')), ('indexes', pg_indexes_size('idverify.contacts'))) s(what, bytes);

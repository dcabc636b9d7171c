--
-- idverify_fold() where Citus says that tables are distributed
--
-- Citus is not here, but a catalog like its own, which says so of tables whose
-- rows are here all the same.  What follows from that is to be seen: statements
-- name the distribution column, and what is not sound there is refused.  On Citus
-- itself the same, and more, is tested by dev/citus.
--
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE SCHEMA fold_distributed;
SET search_path = fold_distributed, public;

BEGIN;
SET LOCAL allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition
	(logicalrelid regclass, partmethod "char", partkey text, colocationid int, repmodel "char");
SET LOCAL allow_system_table_mods = off;

-- As Citus has it, the key is a Var: here, out of a constraint.  Altering the
-- table tells every session that it has changed.
CREATE FUNCTION distribute(relation regclass, key name, method "char" DEFAULT 'h', copies "char" DEFAULT 's', colocation int DEFAULT 1)
	RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM pg_catalog.pg_dist_partition WHERE logicalrelid = relation;
	EXECUTE format('ALTER TABLE %s ADD CONSTRAINT its_key CHECK (%I IS NOT NULL)', relation, key);
	INSERT INTO pg_catalog.pg_dist_partition
		SELECT relation, method, CASE method WHEN 'h' THEN substring(conbin::text from '\{VAR[^}]*\}') END, colocation, copies
		FROM pg_constraint WHERE conrelid = relation AND conname = 'its_key';
	EXECUTE format('ALTER TABLE %s DROP CONSTRAINT its_key', relation);
END
$$;

CREATE TABLE tags (
	app_id int, contact_id bigint, tag text, PRIMARY KEY (app_id, contact_id, tag),
	FOREIGN KEY (app_id, contact_id) REFERENCES idverify.contacts);
CREATE TABLE tag_notes (
	app_id int, id int, contact_id bigint, tag text, PRIMARY KEY (app_id, id),
	FOREIGN KEY (app_id, contact_id, tag) REFERENCES tags);
CREATE TABLE friends (
	app_id int, one bigint, other bigint, PRIMARY KEY (app_id, one, other),
	FOREIGN KEY (app_id, one) REFERENCES idverify.contacts, FOREIGN KEY (app_id, other) REFERENCES idverify.contacts);
CREATE TABLE friend_notes (
	app_id int, id int, one bigint, other bigint, PRIMARY KEY (app_id, id),
	FOREIGN KEY (app_id, one, other) REFERENCES friends);
CREATE TABLE visits (app_id int NOT NULL, contact_id bigint, page text, seen timestamptz);
SELECT distribute(t, 'app_id') FROM unnest('{idverify.contacts,idverify.folds,idverify.fold_rows,tags,tag_notes,friends,friend_notes,visits}'::regclass[]) t \g /dev/null
SELECT idverify_add_reference('idverify.contacts', 'visits', 'contact_id');
SELECT app_key FROM idverify_create_app('Distributed', 'distributed');
SELECT id AS app FROM idverify.apps WHERE app_key = 'distributed' \gset
SELECT contact_id AS source FROM idverify_identify('distributed', '{"name": "Source"}') \gset
SELECT contact_id AS target FROM idverify_identify('distributed', '{"phone": "1"}') \gset
INSERT INTO tags VALUES (:app, :source, 'vip'), (:app, :target, 'vip'), (:app, :source, 'new');
INSERT INTO tag_notes VALUES (:app, 1, :source, 'vip');
INSERT INTO friends VALUES (:app, :source, :target), (:app, :source, :source);
INSERT INTO visits VALUES (:app, :source, '/', '2026-01-01'), (:app, :source, '/', '2026-01-01'), (:app, :target, '/', NULL);

-- an id of another app is no pointer, where the app is known
INSERT INTO visits VALUES (:app + 1, :source, '/stranger', NULL);

CREATE VIEW all_rows AS
	SELECT 'tag' AS kind, contact_id AS contact, tag AS what FROM tags
	UNION ALL SELECT 'tag note', contact_id, tag FROM tag_notes
	UNION ALL SELECT 'friend', one, (one = other)::text FROM friends
	UNION ALL SELECT 'visit', contact_id, concat(page, ' ', seen::date) FROM visits;
CREATE FUNCTION show(source bigint, target bigint) RETURNS TABLE (kind text, contact text, what text, n bigint) LANGUAGE sql AS $$
	SELECT kind, CASE contact WHEN source THEN 'source' WHEN target THEN 'target' END, what, count(*)
	FROM all_rows GROUP BY 1, 2, 3 ORDER BY kind COLLATE "C", 2, what COLLATE "C"
$$;
SELECT * FROM show(:source, :target);
SELECT relation, column_name, moved, dropped FROM idverify_fold(:source::bigint, :target::bigint) ORDER BY relation::text COLLATE "C", 2;
SELECT * FROM show(:source, :target);
SELECT idverify_resolve(:source::bigint) = :target AS resolved;
SELECT id AS fold FROM idverify.folds WHERE app_id = :app \gset
SELECT relation, moved, restored FROM idverify_unfold(:fold) ORDER BY relation::text COLLATE "C";
SELECT * FROM show(:source, :target);

-- a link stays as long as something points to it
INSERT INTO friend_notes VALUES (:app, 1, :source, :target);
SELECT relation, column_name, moved, dropped FROM idverify_fold(:source::bigint, :target::bigint, dry_run => true)
	WHERE relation::text LIKE 'friend%' ORDER BY relation::text COLLATE "C", 2;
DELETE FROM friend_notes;

-- what is refused, each tried for itself
CREATE FUNCTION attempt(setting text, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE setting;
	EXECUTE statement;
	RAISE 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN concat(sqlstate, ': ', sqlerrm);
END
$$;
CREATE TABLE own (id bigint PRIMARY KEY, name text);
INSERT INTO own VALUES (1, 'a'), (2, 'b');
SELECT format('SELECT idverify_fold(%s::bigint, %s::bigint)', :source, :target) AS fold_them \gset
\set of_other 'CREATE ROLE regress_other; ALTER TABLE visits OWNER TO regress_other; GRANT USAGE ON SCHEMA fold_distributed TO regress_other'
SELECT what, attempt(setting, coalesce(statement, :'fold_them')) FROM (VALUES
	(1, 'own contacts, distributed', $$SELECT distribute('own', 'id')$$, $$SELECT idverify_fold(1, 2, 'own')$$),
	(2, 'own contacts, in one shard', $$SELECT distribute('own', 'id', 'n')$$, $$SELECT idverify_fold(1, 2, 'own')$$),
	(3, 'contacts, not by app', $$SELECT distribute('idverify.contacts', 'id')$$, NULL),
	(4, 'contacts, copied', $$SELECT distribute('idverify.contacts', 'app_id', 'h', 'c')$$, NULL),
	(5, 'tags in one shard', $$SELECT distribute('tags', 'app_id', 'n')$$, NULL),
	(6, 'a duplicate row, copied', $$SELECT distribute('tags', 'app_id', 'n', 't')$$, NULL),
	(7, 'a duplicate row, by range', $$SELECT distribute('tags', 'app_id', 'r')$$, NULL),
	(8, 'no key, copied', $$SELECT distribute('visits', 'app_id', 'h', 'c')$$, NULL),
	(9, 'distinct_by', $$SELECT idverify_add_reference('idverify.contacts', 'visits', 'contact_id', 'true', '{page}')$$, NULL),
	(10, 'TRIGGER granted', 'CREATE ROLE regress_hanger; GRANT TRIGGER ON tags TO regress_hanger', NULL),
	(11, 'a listed column, not colocated', $$SELECT distribute('visits', 'app_id', 'h', 's', 2)$$, NULL),
	(12, 'a guard where there are no apps', $$
		TRUNCATE tags, tag_notes, friends, friend_notes;
		DELETE FROM idverify.contacts;
		DELETE FROM idverify.apps;
		CREATE TABLE guarded (app_key text, id int, external_id text, email text, user_hash text, is_verified boolean);
		CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON guarded FOR EACH ROW EXECUTE FUNCTION idverify_guard()$$,
		$$INSERT INTO guarded VALUES ('distributed', 1, 'ada', NULL, 'x')$$),
	(13, 'a table of another owner', :'of_other', NULL),
	(14, '... not colocated', :'of_other' || $$; SELECT distribute('visits', 'app_id', 'h', 's', 2)$$, NULL)
) AS v(n, what, setting, statement) ORDER BY n;

-- a person's data: a row in a shard has no place by which it is known again, so where
-- two columns lead to a table it is not exported; erasing needs no places
SELECT attempt('SELECT 1', format('SELECT count(*) FROM idverify_export(%s::bigint)', :source));
SELECT relation, column_name, action, rows FROM idverify_erase(:source::bigint, others => 'delete', dry_run => true);
DROP TABLE friend_notes, friends CASCADE;
SELECT relation, column_name, count(*) FROM idverify_export(:source::bigint) GROUP BY 1, 2 ORDER BY relation::text COLLATE "C", 2;
SELECT relation, column_name, action, rows FROM idverify_erase(:source::bigint, others => 'delete');
SELECT contact_id = :target AS targets, count(*) FROM tags GROUP BY 1;
SELECT page, contact_id = :target AS targets FROM visits ORDER BY 1;
ROLLBACK;
DROP SCHEMA fold_distributed CASCADE;

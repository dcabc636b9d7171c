--
-- idverify_export(), idverify_erase(): every kind of foreign key, and what stops them
--
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE SCHEMA privacy_keys;
SET search_path = privacy_keys, public;

CREATE FUNCTION all_of(t text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	rows text;
BEGIN
	EXECUTE format('SELECT coalesce(string_agg(x::text, '' '' ORDER BY x::text COLLATE "C"), ''nothing'') FROM %s x', t) INTO rows;
	RETURN rows;
END $$;
-- what an erasure says, and what is left; then all is as before
CREATE FUNCTION try_out(call text, VARIADIC tables text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	message text; detail text; t text;
	before text[] := ARRAY(SELECT all_of(u) FROM unnest(tables) u);
BEGIN
	BEGIN
		RETURN QUERY EXECUTE format('SELECT concat_ws('' '', relation, column_name, action, rows) FROM idverify_erase(%s, dry_run => true)', call);
		IF ARRAY(SELECT all_of(u) FROM unnest(tables) u) <> before THEN RETURN NEXT 'A DRY RUN CHANGED SOMETHING'; END IF;
	EXCEPTION WHEN OTHERS THEN
		RETURN NEXT 'dry run: ' || SQLSTATE || ' ' || SQLERRM;
	END;
	BEGIN
		EXECUTE format('SELECT count(*) FROM idverify_erase(%s)', call);
		FOREACH t IN ARRAY tables LOOP
			RETURN NEXT 'left in ' || t || ': ' || all_of(t);
		END LOOP;
		RAISE EXCEPTION USING ERRCODE = 'ZZ000';
	EXCEPTION WHEN SQLSTATE 'ZZ000' THEN NULL;
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
		RETURN NEXT SQLSTATE || ' ' || message || CASE WHEN detail <> '' THEN ' (' || detail || ')' ELSE '' END;
	END;
	IF ARRAY(SELECT all_of(u) FROM unnest(tables) u) <> before THEN RETURN NEXT 'NOT AS BEFORE'; END IF;
END $$;
CREATE FUNCTION export(call text) RETURNS TABLE (line text) LANGUAGE plpgsql AS
	$$ BEGIN RETURN QUERY EXECUTE format('SELECT concat_ws('' '', relation, column_name, record) FROM idverify_export(%s)', call); END $$;

--
-- One key of each kind
--
CREATE TABLE people (id int PRIMARY KEY, tenant int DEFAULT 1, name text, boss int REFERENCES people DEFERRABLE INITIALLY DEFERRED, UNIQUE (tenant, id), UNIQUE (tenant, name));
INSERT INTO people VALUES (0, 1, 'nobody', NULL), (1, 1, 'ann', NULL), (2, 1, 'bob', NULL), (3, 2, 'cid', 3);
SELECT try_out($$2, 'people'$$, 'people');
SELECT try_out($$3, 'people'$$, 'people');
SELECT try_out($$'1', 'people'$$, 'people');
UPDATE people SET boss = 1 WHERE id IN (1, 2);
SELECT try_out($$1, 'people'$$, 'people');
SELECT try_out($$1, 'people', 'clear'$$, 'people');
SELECT try_out($$1, 'people', 'delete'$$, 'people');
UPDATE people SET boss = NULL;

-- what the key says of each table
CREATE FUNCTION kinds(definition text, call text DEFAULT $$1, 'people'$$) RETURNS TABLE (line text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'CREATE TABLE k (n int, person int, tenant int DEFAULT 1, name text, ' || definition || ')';
	INSERT INTO k VALUES (1, 1, 1, 'ann'), (2, 2, 1, 'bob'), (3, NULL, 1, NULL);
	SET CONSTRAINTS ALL IMMEDIATE;
	RETURN QUERY SELECT t.line FROM try_out(call, 'k') t(line);
	DROP TABLE k;
	DELETE FROM idverify.contact_references;
END $$;
SELECT definition, kinds AS line FROM (VALUES
	(1, 'FOREIGN KEY (person) REFERENCES people'),
	(2, 'FOREIGN KEY (person) REFERENCES people ON DELETE RESTRICT'),
	(3, 'FOREIGN KEY (person) REFERENCES people ON DELETE CASCADE'),
	(4, 'FOREIGN KEY (person) REFERENCES people ON DELETE SET NULL'),
	(5, 'FOREIGN KEY (person) REFERENCES people DEFERRABLE INITIALLY DEFERRED'),
	(6, 'FOREIGN KEY (tenant, person) REFERENCES people (tenant, id) ON DELETE SET NULL'),
	(7, 'FOREIGN KEY (tenant, person) REFERENCES people (tenant, id) ON DELETE SET NULL (person)'),
	(8, 'FOREIGN KEY (tenant, person) REFERENCES people (tenant, id) ON DELETE SET DEFAULT'),
	(9, 'FOREIGN KEY (person, tenant) REFERENCES people (id, tenant) MATCH SIMPLE ON DELETE CASCADE'),
	(10, 'FOREIGN KEY (tenant, name) REFERENCES people (tenant, name) ON DELETE CASCADE')
 ) d(n, definition), kinds(definition) ORDER BY n;
SELECT definition, kinds AS line FROM (VALUES
	(1, 'FOREIGN KEY (person) REFERENCES people'),
	(2, 'FOREIGN KEY (tenant, person) REFERENCES people (tenant, id)'),
	(3, 'FOREIGN KEY (tenant, name) REFERENCES people (tenant, name) ON UPDATE CASCADE'),
	(4, 'CHECK (person IS NOT NULL OR n = 3), FOREIGN KEY (person) REFERENCES people')
 ) d(n, definition), kinds(definition, $$1, 'people', 'clear'$$) ORDER BY n;
-- a column that may not be NULL, and a key whose columns are all NULL, or none is
CREATE TABLE strict (n int, person int NOT NULL REFERENCES people, why text);
INSERT INTO strict VALUES (1, 1, 'x'), (2, 2, 'y');
SELECT try_out($$1, 'people', 'clear'$$, 'strict');
SELECT try_out($$3, 'people', 'clear'$$, 'strict');
ALTER TABLE strict DROP CONSTRAINT strict_person_fkey, ADD FOREIGN KEY (person) REFERENCES people ON DELETE SET NULL;
SELECT try_out($$1, 'people'$$, 'strict');
ALTER TABLE strict DROP CONSTRAINT strict_person_fkey, ADD FOREIGN KEY (person) REFERENCES people ON DELETE SET DEFAULT;
SELECT try_out($$1, 'people'$$, 'strict');
ALTER TABLE strict ALTER person SET DEFAULT 0;
SELECT try_out($$1, 'people'$$, 'strict');
DROP TABLE strict;
CREATE TABLE full_key (n int, person int, tenant int, FOREIGN KEY (tenant, person) REFERENCES people (tenant, id) MATCH FULL);
INSERT INTO full_key VALUES (1, 1, 1), (2, 2, 1), (3, NULL, NULL);
SELECT try_out($$1, 'people', 'clear'$$, 'full_key');
DROP TABLE full_key;

--
-- Columns that are generated, and columns that are listed
--
CREATE TABLE drawn (n int, ref text, person int GENERATED ALWAYS AS (ref::int) STORED REFERENCES people);
INSERT INTO drawn VALUES (1, '1'), (2, '2');
SELECT try_out($$1, 'people'$$, 'drawn');
SELECT try_out($$1, 'people', 'clear'$$, 'drawn');
SELECT try_out($$1, 'people', 'delete'$$, 'drawn');
CREATE TABLE listed (n int, kind text, person int, same int GENERATED ALWAYS AS (person) STORED REFERENCES people);
INSERT INTO listed VALUES (1, 'person', 1), (2, 'person', 2), (3, 'thing', 1);
SELECT idverify_add_reference('people', 'listed', 'person', $$kind = 'person'$$);
TRUNCATE drawn;
SELECT try_out($$1, 'people', 'clear'$$, 'listed');
DELETE FROM listed WHERE n = 3;
SELECT try_out($$1, 'people', 'clear'$$, 'listed');
SELECT export($$1, 'people'$$);
-- a condition that fails on a row
SELECT idverify_add_reference('people', 'listed', 'n', $$1 / (n - 1) > 0$$);
SELECT try_out($$1, 'people', 'delete'$$, 'listed');
DELETE FROM idverify.contact_references;
DROP TABLE drawn, listed;

--
-- Down to any depth, in circles, and by several ways
--
CREATE TABLE a (id int PRIMARY KEY, person int REFERENCES people ON DELETE CASCADE, b int);
CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE);
ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE c (id int PRIMARY KEY, up int REFERENCES c ON DELETE CASCADE, a int REFERENCES a ON DELETE CASCADE, b int REFERENCES b ON DELETE SET NULL);
CREATE TABLE d (id int PRIMARY KEY, c int REFERENCES c);
INSERT INTO a VALUES (1, 1, NULL), (2, NULL, NULL), (3, 2, NULL);
INSERT INTO b VALUES (1, 1), (2, 3);
UPDATE a SET b = 1 WHERE id < 3;
INSERT INTO c VALUES (1, NULL, 2, 1), (2, 1, NULL, 2), (3, 2, 3, NULL), (4, NULL, 3, 1), (5, 5, NULL, NULL);
SELECT try_out($$1, 'people'$$, 'a', 'b', 'c', 'd');
SELECT export($$1, 'people'$$);
INSERT INTO d VALUES (1, 3), (2, 4), (3, 5), (4, NULL);
SELECT try_out($$1, 'people'$$, 'a', 'b', 'c', 'd');
SELECT try_out($$1, 'people', 'clear'$$, 'a', 'b', 'c', 'd');
SELECT try_out($$1, 'people', 'delete'$$, 'a', 'b', 'c', 'd');
-- a chain that is longer than the stack is deep
DELETE FROM d;
INSERT INTO c SELECT n, nullif(n - 1, 1000), CASE n WHEN 1001 THEN 1 END, NULL FROM generate_series(1001, 4000) n;
SELECT relation, column_name, action, rows FROM idverify_erase(1, 'people', dry_run => true);
SELECT relation, column_name, count(*) FROM idverify_export(1, 'people') GROUP BY 1, 2 ORDER BY relation::text COLLATE "C", column_name;
DROP TABLE a, b, c, d CASCADE;

--
-- Partitions: of what points, and of contacts
--
CREATE TABLE visits (n int, person int REFERENCES people ON DELETE CASCADE, PRIMARY KEY (n, person)) PARTITION BY HASH (person);
CREATE TABLE visits_0 PARTITION OF visits FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE visits_1 PARTITION OF visits FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE pages (visit int, person int, FOREIGN KEY (visit, person) REFERENCES visits ON DELETE CASCADE);
CREATE TABLE one_part (visit int, person int, FOREIGN KEY (visit, person) REFERENCES visits_0);
INSERT INTO visits SELECT n, 1 + n % 2 FROM generate_series(1, 6) n;
INSERT INTO pages SELECT n, person FROM visits;
INSERT INTO one_part SELECT n, person FROM visits_0;
SELECT try_out($$1, 'people', 'delete'$$, 'visits', 'pages', 'one_part');
SELECT try_out($$2, 'people', 'delete'$$, 'visits', 'pages', 'one_part');
DROP TABLE visits, pages, one_part;
CREATE TABLE clients (id int, region int, name text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE clients_1 PARTITION OF clients FOR VALUES IN (1);
CREATE TABLE clients_2 PARTITION OF clients FOR VALUES IN (2);
ALTER TABLE clients_1 ADD UNIQUE (name);
CREATE TABLE orders (n int, client int, region int, FOREIGN KEY (client, region) REFERENCES clients ON DELETE CASCADE);
CREATE TABLE names (n int, name text REFERENCES clients_1 (name) ON DELETE CASCADE);
INSERT INTO clients VALUES (1, 1, 'same'), (2, 2, 'same');
INSERT INTO orders VALUES (1, 1, 1), (2, 2, 2);
INSERT INTO names VALUES (1, 'same');
-- a key to one part is none to rows of another
SELECT try_out($$2, 'clients'$$, 'clients', 'orders', 'names');
SELECT try_out($$1, 'clients_1'$$, 'clients', 'orders', 'names');
SELECT export($$2, 'clients'$$);
DROP TABLE clients, orders, names CASCADE;

--
-- Triggers: what swallows, what brings back, what fires as for any DELETE
--
CREATE TABLE notes (n int, person int REFERENCES people ON DELETE CASCADE);
CREATE TABLE tags (n int, person int REFERENCES people ON DELETE SET NULL);
CREATE TABLE loose (n int, person int);
CREATE TABLE log (what text);
SELECT idverify_add_reference('people', 'loose', 'person');
INSERT INTO notes VALUES (1, 1), (2, 2);
INSERT INTO tags VALUES (1, 1), (2, 2);
INSERT INTO loose VALUES (1, 1), (2, 2);
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.person := OLD.person; RETURN NEW; END $$;
CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO privacy_keys.log VALUES (concat_ws(' ', TG_WHEN, TG_OP, TG_TABLE_NAME, OLD.n)); RETURN OLD; END $$;
CREATE FUNCTION bring_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO privacy_keys.loose VALUES (9, OLD.person); RETURN NULL; END $$;
CREATE FUNCTION with_trigger(definition text, call text DEFAULT $$1, 'people', 'delete'$$) RETURNS TABLE (line text) LANGUAGE plpgsql AS $$
DECLARE
	name text := substring(definition FROM '^TRIGGER (\w+)');
	t text := substring(definition FROM ' ON (\w+)');
BEGIN
	EXECUTE 'CREATE ' || definition;
	RETURN QUERY SELECT x.line FROM try_out(call, 'people', 'notes', 'tags', 'loose', 'log') x(line);
	EXECUTE format('DROP TRIGGER %I ON %I', name, t);
END $$;
SELECT with_trigger('TRIGGER swallow BEFORE DELETE ON people FOR EACH ROW EXECUTE FUNCTION swallow()');
SELECT with_trigger('TRIGGER swallow BEFORE DELETE ON notes FOR EACH ROW EXECUTE FUNCTION swallow()');
SELECT with_trigger('TRIGGER swallow BEFORE DELETE ON loose FOR EACH ROW EXECUTE FUNCTION swallow()');
SELECT with_trigger('TRIGGER swallow BEFORE UPDATE ON tags FOR EACH ROW EXECUTE FUNCTION swallow()');
SELECT with_trigger('TRIGGER keep BEFORE UPDATE ON loose FOR EACH ROW EXECUTE FUNCTION keep()', $$1, 'people', 'clear'$$);
SELECT with_trigger('TRIGGER bring_back AFTER UPDATE ON tags FOR EACH ROW EXECUTE FUNCTION bring_back()');
SELECT with_trigger('TRIGGER log BEFORE DELETE ON notes FOR EACH ROW EXECUTE FUNCTION log()');
SELECT with_trigger('TRIGGER log AFTER UPDATE ON tags FOR EACH ROW EXECUTE FUNCTION log()');
-- a rule
CREATE RULE nothing AS ON DELETE TO notes DO INSTEAD NOTHING;
SELECT try_out($$1, 'people', 'delete'$$, 'notes');
SELECT try_out($$3, 'people', 'delete'$$, 'people');
DROP RULE nothing ON notes;
DELETE FROM idverify.contact_references;
DROP TABLE notes, tags, loose, people CASCADE;

--
-- Ids of other types; the journal of a table of one's own
--
CREATE EXTENSION IF NOT EXISTS citext;
CREATE TABLE people (id citext PRIMARY KEY, name text);
CREATE TABLE notes (n int, person citext REFERENCES people ON DELETE CASCADE);
INSERT INTO people VALUES ('Ann', 'marker_ann'), ('Anne', 'marker_anne'), ('Nan', 'marker_nan'), ('Bob', 'Bob');
INSERT INTO notes VALUES (1, 'ann'), (2, 'ANNE'), (3, 'bob'), (4, 'nan');
SELECT count(*) FROM idverify_fold('nan', 'anne', 'people');
SELECT count(*) FROM idverify_fold('ANNE', 'ANN', 'people');
SELECT export($$'aNN', 'people'$$);
SELECT * FROM idverify_erase('aNN', 'people');
SELECT count(*) AS journal FROM idverify.folds;
TABLE notes;
SELECT idverify_resolve('nan', 'people');  -- fail
DROP TABLE people, notes;
-- columns that have the names of what our statements call a row, keys and the like
CREATE TABLE people (id int PRIMARY KEY, x int, k text, people text, record text);
CREATE TABLE pins (id int PRIMARY KEY, person int REFERENCES people ON DELETE CASCADE, x int, k int, v1 int, j int, r int, s int, t int, f int, y int, pins int, value int, key int);
INSERT INTO people VALUES (1, 5, 'k', 'p', 'r'), (2, NULL, NULL, NULL, NULL);
INSERT INTO pins (id, person, x, k) VALUES (1, 1, 5, 6), (2, 1, NULL, NULL), (3, 2, 7, 8);
SELECT count(*) FROM idverify_fold(2, 1, 'people');
SELECT export($$1, 'people'$$);
SELECT count(*) FROM idverify_unfold((SELECT max(id) FROM idverify.folds));
SELECT * FROM idverify_erase(1, 'people');
TABLE pins;
DROP TABLE people, pins;
-- a default that leads to whom is erased
CREATE TABLE people (id int PRIMARY KEY);
CREATE TABLE tickets (id int PRIMARY KEY, person int DEFAULT 1 REFERENCES people ON DELETE SET DEFAULT);
INSERT INTO people VALUES (1), (2);
INSERT INTO tickets VALUES (1, 1), (2, 2);
SELECT * FROM idverify_erase(1, 'people', dry_run => true);  -- fail
SELECT * FROM idverify_erase(1, 'people');  -- fail
SELECT * FROM idverify_erase(2, 'people');
TABLE tickets;
DROP TABLE people, tickets;
-- a key of a partition, and a column of the whole that is listed: each row once
CREATE TABLE people (id int PRIMARY KEY);
CREATE TABLE visits (n int, person int) PARTITION BY RANGE (n);
CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM (0) TO (10);
CREATE TABLE visits_2 PARTITION OF visits FOR VALUES FROM (10) TO (20);
ALTER TABLE visits_1 ADD FOREIGN KEY (person) REFERENCES people ON DELETE CASCADE;
SELECT idverify_add_reference('people', 'visits', 'person');
INSERT INTO people VALUES (1);
INSERT INTO visits VALUES (1, 1), (11, 1);
SELECT record ->> 'n' AS n, count(*) FROM idverify_export(1, 'people') WHERE relation <> 'people'::regclass GROUP BY 1 ORDER BY 1;
DELETE FROM idverify.contact_references;
DROP TABLE people, visits;
-- an id that was given again is somebody else's
CREATE TABLE people (id int PRIMARY KEY, name text);
INSERT INTO people SELECT n, 'p' || n FROM generate_series(1, 5) n;
SELECT count(*) FROM idverify_fold(3, 2, 'people');
SELECT count(*) FROM idverify_fold(2, 1, 'people');
INSERT INTO people VALUES (2, 'new');
SELECT count(*) FROM idverify_fold(4, 2, 'people');
SELECT record ->> 'name' AS name FROM idverify_export(2, 'people');
SELECT record ->> 'name' AS name FROM idverify_export(1, 'people');
SELECT * FROM idverify_erase(1, 'people');
SELECT source_id, target_id FROM idverify.folds;
SELECT idverify_resolve(4, 'people');
SELECT * FROM idverify_erase(2, 'people');
SELECT source_id, target_id FROM idverify.folds;
-- ... and erased, it leads nowhere, though it was folded once into somebody who is there
INSERT INTO people VALUES (6, 'six'), (7, 'seven'), (8, 'eight');
SELECT count(*) FROM idverify_fold(7, 6, 'people');
SELECT count(*) FROM idverify_fold(8, 6, 'people');
INSERT INTO people VALUES (7, 'again');
SELECT * FROM idverify_erase(7, 'people');
SELECT idverify_resolve(7, 'people');  -- fail
SELECT idverify_resolve(8, 'people');
-- without its contact in between: a fold on to somebody who was deleted by hand
SELECT count(*) FROM idverify_fold(6, 5, 'people');
DELETE FROM people WHERE id = 5;
INSERT INTO people VALUES (6, 'again');
SELECT * FROM idverify_erase(6, 'people');
SELECT source_id, target_id FROM idverify.folds;
DROP SCHEMA privacy_keys CASCADE;

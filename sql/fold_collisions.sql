--
-- idverify_fold(): where a row cannot move beside one that is there already, the
-- target's stays, the source's is dropped, and an undo brings it back
--
-- Each case makes tables that hold rows of contacts 1 and 2 (and perhaps 3), and
-- is folded, 1 into 2: first dry, then in earnest, then it is undone.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA collisions;
SET search_path = collisions, public;

CREATE FUNCTION contents(tables text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	t text;
	rows text;
	result text := '';
BEGIN
	FOREACH t IN ARRAY string_to_array(tables, ' ') LOOP
		EXECUTE format('SELECT string_agg(x::text, '' '' ORDER BY x::text) FROM %I x', t) INTO rows;
		result := result || t || ': ' || coalesce(rows, 'none') || E'\n';
	END LOOP;
	RETURN rtrim(result, E'\n');
END $$;

CREATE FUNCTION counts(dry boolean) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
	RETURN (SELECT string_agg(format('%s %s/%s', relation, moved, dropped), ', ' ORDER BY relation::text)
		FROM idverify_fold(1, 2, 'people', dry) WHERE relation <> 'people'::regclass);
END $$;

-- what a fold makes of the tables; and is there anything else to say?
CREATE FUNCTION folded(setup text, tables text, OUT moved_dropped text, OUT after text, OUT trouble text) LANGUAGE plpgsql AS $$
DECLARE
	before text;
	dry text;
BEGIN
	trouble := '';
	CREATE TABLE people (id int PRIMARY KEY, name text);
	INSERT INTO people SELECT n FROM generate_series(1, 9) n;
	EXECUTE setup;
	before := contents(tables || ' people');
	dry := counts(true);
	IF contents(tables || ' people') <> before THEN trouble := trouble || 'the dry run changes something. '; END IF;
	moved_dropped := counts(false);
	IF moved_dropped IS DISTINCT FROM dry THEN trouble := trouble || 'the dry run says ' || dry || '. '; END IF;
	after := contents(tables);
	PERFORM idverify_unfold((SELECT max(id) FROM idverify.folds));
	IF contents(tables || ' people') <> before THEN trouble := trouble || 'undone, it is ' || contents(tables || ' people'); END IF;
	DELETE FROM idverify.contact_references;
	EXECUTE 'DROP TABLE people, ' || replace(tables, ' ', ', ') || ' CASCADE';
EXCEPTION WHEN OTHERS THEN
	moved_dropped := NULL;
	trouble := SQLSTATE || ': ' || SQLERRM;
END $$;

\pset format unaligned
\pset fieldsep '\n'
\pset recordsep '\n\n'
\pset tuples_only

--
-- Generated columns, partitions by themselves, exclusion constraints of equality
--
CREATE TABLE cases (n int, what text, setup text, tables text);
INSERT INTO cases VALUES
	(1, 'a unique index on a generated column',
	 $$CREATE TABLE tags (id int PRIMARY KEY, person int REFERENCES people, tag text, label text GENERATED ALWAYS AS (person::text || tag) STORED UNIQUE);
	   INSERT INTO tags VALUES (1, 1, 'vip'), (2, 2, 'vip'), (3, 1, 'new')$$, 'tags'),
	(2, 'an expression on one, and a predicate on another',
	 $$CREATE TABLE tags (id int PRIMARY KEY, person int REFERENCES people, tag text, label text GENERATED ALWAYS AS (person::text || tag) STORED, low bool GENERATED ALWAYS AS (person < 5) STORED);
	   CREATE UNIQUE INDEX ON tags (lower(label)) WHERE low;
	   INSERT INTO tags VALUES (1, 1, 'VIP'), (2, 2, 'vip'), (3, 1, 'new')$$, 'tags'),
	(3, 'a generated column that is in the primary key',
	 $$CREATE TABLE tags (person int REFERENCES people, tag text, label text GENERATED ALWAYS AS (person::text || tag) STORED PRIMARY KEY);
	   INSERT INTO tags VALUES (1, 'vip'), (2, 'vip'), (1, 'new')$$, 'tags'),
	(4, 'one whose own collation takes more for equal than the index',
	 $$CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
	   CREATE TABLE tags (id int PRIMARY KEY, person int REFERENCES people, tag text COLLATE nocase, label text COLLATE "C" GENERATED ALWAYS AS (tag || person::text) STORED UNIQUE);
	   INSERT INTO tags VALUES (1, 1, 'VIP'), (2, 2, 'vip'), (3, 1, 'new'), (4, 2, 'new')$$, 'tags'),
	(5, 'one that does not depend on what moves',
	 $$CREATE TABLE tags (id int PRIMARY KEY, person int REFERENCES people, tag text, low text GENERATED ALWAYS AS (lower(tag)) STORED, UNIQUE (person, low));
	   INSERT INTO tags VALUES (1, 1, 'VIP'), (2, 2, 'vip'), (3, 1, 'new')$$, 'tags'),
	(6, 'a unique index of one partition alone: only there are rows one',
	 $$CREATE TABLE tags (id int, person int REFERENCES people, tag text) PARTITION BY RANGE (id);
	   CREATE TABLE tags_1 PARTITION OF tags FOR VALUES FROM (1) TO (10);
	   CREATE TABLE tags_2 (tag text, gone int, person int, id int);
	   ALTER TABLE tags_2 DROP gone, ADD UNIQUE (tag, person);
	   ALTER TABLE tags ATTACH PARTITION tags_2 FOR VALUES FROM (10) TO (20);
	   INSERT INTO tags VALUES (1, 1, 'vip'), (2, 2, 'vip'), (11, 1, 'vip'), (12, 2, 'vip'), (13, 1, 'new'), (3, 2, 'new')$$, 'tags'),
	(7, 'of a partition that rows come into by moving',
	 $$CREATE TABLE tags (person int REFERENCES people, tag text) PARTITION BY LIST (person);
	   CREATE TABLE tags_1 PARTITION OF tags FOR VALUES IN (1);
	   CREATE TABLE tags_2 (tag text, person int);
	   CREATE UNIQUE INDEX ON tags_2 (tag);
	   ALTER TABLE tags ATTACH PARTITION tags_2 FOR VALUES IN (2);
	   INSERT INTO tags VALUES (1, 'vip'), (1, 'new'), (2, 'vip')$$, 'tags'),
	(8, 'of one that is partitioned itself, and by hash',
	 $$CREATE TABLE tags (id int, person int REFERENCES people, tag text) PARTITION BY RANGE (id);
	   CREATE TABLE tags_1 PARTITION OF tags FOR VALUES FROM (1) TO (10) PARTITION BY HASH (person);
	   CREATE TABLE tags_1_0 PARTITION OF tags_1 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	   CREATE TABLE tags_1_1 PARTITION OF tags_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
	   CREATE UNIQUE INDEX ON tags_1 (person, tag);
	   INSERT INTO tags VALUES (1, 1, 'vip'), (2, 2, 'vip'), (3, 1, 'new')$$, 'tags'),
	(9, 'of a partition, on a generated column',
	 $$CREATE TABLE tags (id int, person int REFERENCES people, tag text, label text GENERATED ALWAYS AS (person::text || tag) STORED) PARTITION BY RANGE (id);
	   CREATE TABLE tags_1 PARTITION OF tags FOR VALUES FROM (1) TO (10);
	   CREATE UNIQUE INDEX ON tags_1 (label);
	   INSERT INTO tags VALUES (1, 1, 'vip'), (2, 2, 'vip'), (3, 1, 'new')$$, 'tags'),
	(10, 'an exclusion constraint of equality, by btree; NULLs exclude nothing',
	 $$CREATE TABLE seats (id int PRIMARY KEY, person int REFERENCES people, room int, EXCLUDE USING btree (person WITH =, room WITH =));
	   INSERT INTO seats VALUES (1, 1, 7), (2, 2, 7), (3, 1, 8), (4, 1, NULL), (5, 2, NULL)$$, 'seats'),
	(11, 'by hash, on an expression, deferrable, where it holds',
	 $$CREATE TABLE seats (id int PRIMARY KEY, person int REFERENCES people, room int, EXCLUDE USING hash ((person * 100 + room) WITH =) WHERE (room > 5) DEFERRABLE INITIALLY DEFERRED);
	   INSERT INTO seats VALUES (1, 1, 7), (2, 2, 7), (3, 1, 1), (4, 2, 1)$$, 'seats'),
	(12, 'what points to a dropped row moves to the one that stays',
	 $$CREATE TABLE talks (id int PRIMARY KEY, person int REFERENCES people, channel text, EXCLUDE USING btree (person WITH =, channel WITH =));
	   CREATE TABLE messages (id int PRIMARY KEY, talk int REFERENCES talks ON DELETE CASCADE);
	   INSERT INTO talks VALUES (1, 1, 'mail'), (2, 2, 'mail');
	   INSERT INTO messages VALUES (1, 1), (2, 2)$$, 'talks messages'),
	(13, 'a partition that rows do not come into is in nobody''s way',
	 $$CREATE TABLE tags (person int REFERENCES people, tag text) PARTITION BY LIST (person);
	   CREATE TABLE tags_1 PARTITION OF tags FOR VALUES IN (1);
	   CREATE TABLE tags_2 PARTITION OF tags FOR VALUES IN (2);
	   CREATE TABLE tags_3 PARTITION OF tags FOR VALUES IN (3);
	   CREATE UNIQUE INDEX ON tags_3 (tag);
	   INSERT INTO tags VALUES (1, 'vip'), (3, 'vip')$$, 'tags'),
	(14, 'an equality that only hash indexes know',
	 $$CREATE TABLE seats (id int PRIMARY KEY, person int REFERENCES people, EXCLUDE USING hash ((person::text::xid) WITH =));
	   INSERT INTO seats VALUES (1, 1), (2, 2)$$, 'seats');
SELECT n || '. ' || what, moved_dropped, after, trouble FROM cases, folded(setup, tables) ORDER BY n;

--
-- Two rows of the source that collide only once they have moved, and triggers that
-- write what is there already: nobody else is in the way, so it is never 40001
--
TRUNCATE cases;
INSERT INTO cases VALUES
	(20, 'rows that come into a partial index together',
	 $$CREATE TABLE seats (id int PRIMARY KEY, person int REFERENCES people, room int);
	   CREATE UNIQUE INDEX of_room ON seats (room) WHERE person > 1;
	   INSERT INTO seats VALUES (1, 1, 7), (2, 1, 7)$$, 'seats'),
	(21, 'into a partition',
	 $$CREATE TABLE tags (person int REFERENCES people, tag text) PARTITION BY LIST (person);
	   CREATE TABLE tags_1 PARTITION OF tags FOR VALUES IN (1);
	   CREATE TABLE tags_2 PARTITION OF tags FOR VALUES IN (2);
	   CREATE UNIQUE INDEX of_tag ON tags_2 (tag);
	   INSERT INTO tags VALUES (1, 'vip'), (1, 'vip')$$, 'tags'),
	(22, 'made equal by what a column is generated from',
	 $$CREATE TABLE tags (id int PRIMARY KEY, person int REFERENCES people, tag int, left_over int GENERATED ALWAYS AS (tag % person) STORED, CONSTRAINT of_left_over UNIQUE (person, left_over, tag), CONSTRAINT of_two EXCLUDE USING btree ((CASE WHEN person = 2 THEN left_over END) WITH =));
	   INSERT INTO tags VALUES (1, 1, 3), (2, 1, 5)$$, 'tags'),
	(23, 'an exclusion constraint of more than equality',
	 $$CREATE TABLE seats (id int PRIMARY KEY, person int REFERENCES people, during int4range, CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&) WHERE (person = 2));
	   INSERT INTO seats VALUES (1, 1, '[1,5]'), (2, 2, '[4,8]')$$, 'seats'),
	(24, 'a trigger that gives moved rows one tag',
	 $$CREATE TABLE tags (id int PRIMARY KEY, person int REFERENCES people, tag text, CONSTRAINT once UNIQUE (person, tag));
	   CREATE FUNCTION same_tag() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.tag = ''moved''; RETURN NEW; END';
	   CREATE TRIGGER same_tag BEFORE UPDATE ON tags FOR EACH ROW EXECUTE FUNCTION same_tag();
	   INSERT INTO tags VALUES (1, 1, 'vip'), (2, 1, 'new')$$, 'tags'),
	(25, 'a trigger that inserts a row that is there; no index is of the column that moves',
	 $$CREATE TABLE tags (id int PRIMARY KEY, person int REFERENCES people, tag text);
	   CREATE TRIGGER insert_again BEFORE UPDATE ON tags FOR EACH ROW EXECUTE FUNCTION insert_again();
	   INSERT INTO tags VALUES (1, 1, 'vip')$$, 'tags'),
	(26, 'the same in a partition',
	 $$CREATE TABLE tags (id int PRIMARY KEY, person int REFERENCES people, tag text) PARTITION BY RANGE (id);
	   CREATE TABLE tags_1 PARTITION OF tags FOR VALUES FROM (1) TO (10);
	   CREATE TRIGGER insert_again BEFORE UPDATE ON tags_1 FOR EACH ROW EXECUTE FUNCTION insert_again();
	   INSERT INTO tags VALUES (1, 1, 'vip')$$, 'tags'),
	(27, 'an error of a trigger on another table stays what it is',
	 $$CREATE TABLE tags (id int PRIMARY KEY, person int REFERENCES people, tag text, UNIQUE (person, tag));
	   CREATE TABLE log (id int PRIMARY KEY);
	   CREATE TRIGGER log_again BEFORE UPDATE ON tags FOR EACH ROW EXECUTE FUNCTION log_again();
	   INSERT INTO log VALUES (1);
	   INSERT INTO tags VALUES (1, 1, 'vip')$$, 'tags log'),
	(28, 'also where the moved table is partitioned',
	 $$CREATE TABLE tags (id int, person int REFERENCES people, tag text, UNIQUE (id, person)) PARTITION BY RANGE (id);
	   CREATE TABLE tags_1 PARTITION OF tags FOR VALUES FROM (1) TO (10);
	   CREATE TABLE log (id int PRIMARY KEY);
	   CREATE TRIGGER log_again BEFORE UPDATE ON tags FOR EACH ROW EXECUTE FUNCTION log_again();
	   INSERT INTO log VALUES (1);
	   INSERT INTO tags VALUES (1, 1, 'vip')$$, 'tags log'),
	(29, 'a row that does not point to the target is in the way',
	 $$CREATE TABLE tags (id int PRIMARY KEY, thing int, kind text, tag text, CONSTRAINT once UNIQUE (thing, tag));
	   SELECT idverify_add_reference('people', 'tags', 'thing', 'kind = ''Contact''');
	   INSERT INTO tags VALUES (1, 1, 'Contact', 'vip'), (2, 2, 'Team', 'vip')$$, 'tags');
CREATE FUNCTION insert_again() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO collisions.tags VALUES (OLD.id, 3); RETURN NEW; END';
CREATE FUNCTION log_again() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO collisions.log VALUES (1); RETURN NEW; END';
SELECT n || '. ' || what, trouble FROM cases, folded(setup, tables) ORDER BY n;

--
-- What no other row is in the way of, but a constraint does not allow: 55000 that
-- names it.  The row that PostgreSQL would quote may be nobody's business.
--
TRUNCATE cases;
INSERT INTO cases VALUES
	(30, 'a check of a moved row',
	 $$CREATE TABLE talks (id int PRIMARY KEY, person int REFERENCES people, agent int, CONSTRAINT two_people CHECK (person <> agent));
	   INSERT INTO talks VALUES (1, 1, 2)$$, 'talks'),
	(31, '... beside a unique index by which others collide',
	 $$CREATE TABLE tags (id int PRIMARY KEY, person int REFERENCES people, tag text, UNIQUE (person, tag), CONSTRAINT no_vip CHECK (person <> 2 OR tag <> 'vip') NOT VALID);
	   INSERT INTO tags VALUES (1, 1, 'new'), (2, 2, 'new'), (3, 1, 'vip')$$, 'tags'),
	(32, 'no partition for it',
	 $$CREATE TABLE tags (person int REFERENCES people) PARTITION BY LIST (person);
	   CREATE TABLE tags_1 PARTITION OF tags FOR VALUES IN (1);
	   INSERT INTO tags VALUES (1)$$, 'tags'),
	(33, 'a domain of the column',
	 $$CREATE DOMAIN collisions.one AS int CONSTRAINT is_one CHECK (value = 1);
	   CREATE TABLE tags (person collisions.one REFERENCES people);
	   INSERT INTO tags VALUES (1)$$, 'tags'),
	(34, 'another foreign key of a moved row',
	 $$CREATE TABLE seats (person int, room int, PRIMARY KEY (person, room));
	   CREATE TABLE meals (person int REFERENCES people, room int, CONSTRAINT at_seat FOREIGN KEY (person, room) REFERENCES seats);
	   INSERT INTO seats VALUES (1, 1);
	   INSERT INTO meals VALUES (1, 1)$$, 'seats meals'),
	(35, 'a trigger that leaves a column without a value',
	 $$CREATE TABLE tags (person int REFERENCES people, tag text NOT NULL);
	   CREATE TRIGGER no_tag BEFORE UPDATE ON tags FOR EACH ROW EXECUTE FUNCTION no_tag();
	   INSERT INTO tags VALUES (1, 'vip')$$, 'tags'),
	(36, 'what the target takes over: a third has it',
	 $$CREATE TABLE tags (id int); ALTER TABLE people ADD a int, ADD b int, ADD CONSTRAINT a_b UNIQUE (a, b);
	   UPDATE people SET a = CASE id WHEN 1 THEN 1 ELSE 2 END, b = CASE id WHEN 2 THEN NULL ELSE 1 END WHERE id IN (1, 2, 3)$$, 'tags'),
	(37, '... of a pair that is not there',
	 $$CREATE TABLE regions (country text, region text, PRIMARY KEY (country, region)); INSERT INTO regions VALUES ('FR', 'IDF'), ('DE', 'BY');
	   ALTER TABLE people ADD country text, ADD region text, ADD CONSTRAINT lives_in FOREIGN KEY (country, region) REFERENCES regions;
	   UPDATE people SET country = 'FR', region = 'IDF' WHERE id = 1; UPDATE people SET country = 'DE' WHERE id = 2$$, 'regions'),
	(38, '... of two that exclude each other',
	 $$CREATE TABLE tags (id int); ALTER TABLE people ADD email text, ADD phone text, ADD CONSTRAINT one_way CHECK (email IS NULL OR phone IS NULL);
	   UPDATE people SET email = 'x' WHERE id = 1; UPDATE people SET phone = '1' WHERE id = 2$$, 'tags'),
	(39, '... in place of a blank that rows point to by now',
	 $$ALTER TABLE people ADD email text UNIQUE; UPDATE people SET email = CASE id WHEN 1 THEN 'x' ELSE '' END WHERE id IN (1, 2);
	   CREATE TABLE mails (email text CONSTRAINT to_person REFERENCES people (email)); INSERT INTO mails VALUES ('x')$$, 'mails'),
	(53, 'a key of a contact''s id and of a row of its own, of which the target has an equal',
	 $$CREATE TABLE places (person int REFERENCES people, no int, PRIMARY KEY (person, no));
	   ALTER TABLE people ADD home int, ADD CONSTRAINT home_of FOREIGN KEY (id, home) REFERENCES places;
	   INSERT INTO places VALUES (1, 1), (2, 1), (1, 2); UPDATE people SET home = 1 WHERE id = 1$$, 'places'),
	(54, '... of which it has none',
	 $$CREATE TABLE places (person int REFERENCES people, no int, PRIMARY KEY (person, no));
	   ALTER TABLE people ADD home int, ADD CONSTRAINT home_of FOREIGN KEY (id, home) REFERENCES places;
	   INSERT INTO places VALUES (1, 1), (2, 1), (1, 2); UPDATE people SET home = 2 WHERE id = 1$$, 'places');
CREATE FUNCTION no_tag() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.tag = NULL; RETURN NEW; END';
SELECT n || '. ' || what, trouble FROM cases, folded(setup, tables) ORDER BY n;
-- neither what is said to the client, nor by a login, quotes a row
CREATE TABLE people (id int PRIMARY KEY);
CREATE TABLE talks (person int REFERENCES people, agent int, note text, CONSTRAINT two_people CHECK (person <> agent));
INSERT INTO people VALUES (1), (2);
INSERT INTO talks VALUES (1, 2, 'a secret of the agent');
\set VERBOSITY default
SELECT * FROM idverify_fold(1, 2, 'people');
\set VERBOSITY terse
DROP TABLE people, talks;

--
-- Rows that link source and target, where a unique key holds both
--
TRUNCATE cases;
INSERT INTO cases VALUES
	(40, 'in either direction; who was linked to themselves stays so',
	 $$CREATE TABLE friends (a int REFERENCES people, b int REFERENCES people, since int, PRIMARY KEY (a, b));
	   INSERT INTO friends VALUES (1, 2, 10), (2, 1, 11), (1, 1, 12), (1, 3, 13), (3, 1, 14), (4, 4, 15)$$, 'friends'),
	(41, '... unless the target was linked to itself, too',
	 $$CREATE TABLE friends (a int REFERENCES people, b int REFERENCES people, since int, PRIMARY KEY (a, b));
	   INSERT INTO friends VALUES (1, 2, 10), (1, 1, 12), (2, 2, 13)$$, 'friends'),
	(42, 'both know a third',
	 $$CREATE TABLE friends (a int REFERENCES people, b int REFERENCES people, since int, PRIMARY KEY (a, b));
	   INSERT INTO friends VALUES (1, 2, 10), (1, 3, 12), (2, 3, 13), (3, 1, 14)$$, 'friends'),
	(43, 'a constraint that nobody is their own friend',
	 $$CREATE TABLE friends (a int NOT NULL REFERENCES people, b int NOT NULL REFERENCES people, kind text, UNIQUE (kind, b, a), CHECK (a <> b));
	   INSERT INTO friends VALUES (1, 2, 'x'), (2, 1, 'x'), (1, 2, 'y'), (1, 3, 'x')$$, 'friends'),
	(44, 'a key of the two in either order',
	 $$CREATE TABLE friends (id int, a int REFERENCES people, b int REFERENCES people);
	   CREATE UNIQUE INDEX ON friends (least(a, b), greatest(a, b));
	   INSERT INTO friends VALUES (1, 2, 1), (2, 1, 3)$$, 'friends'),
	(45, 'no key holds both: messages from one to the other stay',
	 $$CREATE TABLE messages (id int PRIMARY KEY, sender int REFERENCES people, receiver int REFERENCES people, UNIQUE (sender, id));
	   INSERT INTO messages VALUES (1, 1, 2), (2, 2, 1), (3, 1, 1)$$, 'messages'),
	(46, 'columns that are listed, under conditions',
	 $$CREATE TABLE merges (from_type text, from_id int, into_id int, UNIQUE (from_type, from_id, into_id));
	   SELECT idverify_add_reference('people', 'merges', 'from_id', 'from_type = ''Contact''');
	   SELECT idverify_add_reference('people', 'merges', 'into_id');
	   INSERT INTO merges VALUES ('Contact', 1, 2), ('Team', 1, 2), ('Contact', 2, 1), ('Contact', 1, 3)$$, 'merges'),
	(47, 'of two columns of which one is a tenant',
	 $$ALTER TABLE people ADD tenant int DEFAULT 7 NOT NULL, ADD UNIQUE (tenant, id);
	   CREATE TABLE friends (tenant int, a int, b int, PRIMARY KEY (a, b), FOREIGN KEY (tenant, a) REFERENCES people (tenant, id), FOREIGN KEY (tenant, b) REFERENCES people (tenant, id));
	   INSERT INTO friends VALUES (7, 1, 2), (7, 1, 1), (7, 2, 3)$$, 'friends'),
	(48, 'in partitions',
	 $$CREATE TABLE friends (a int REFERENCES people, b int REFERENCES people, PRIMARY KEY (a, b)) PARTITION BY HASH (a);
	   CREATE TABLE friends_0 PARTITION OF friends FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	   CREATE TABLE friends_1 PARTITION OF friends FOR VALUES WITH (MODULUS 2, REMAINDER 1);
	   INSERT INTO friends VALUES (1, 2), (2, 1), (1, 1), (3, 1)$$, 'friends'),
	(49, 'one that something points to is kept: nothing could take its place',
	 $$CREATE TABLE friends (id int PRIMARY KEY, a int REFERENCES people, b int REFERENCES people, UNIQUE (a, b));
	   CREATE TABLE remarks (friend int REFERENCES friends ON DELETE CASCADE, body text);
	   INSERT INTO friends VALUES (1, 1, 2), (2, 2, 1);
	   INSERT INTO remarks VALUES (1, 'old friends')$$, 'friends remarks'),
	(50, 'two levels down: a link between two rows that become one',
	 $$CREATE TABLE talks (id int PRIMARY KEY, person int REFERENCES people, channel text, UNIQUE (person, channel));
	   CREATE TABLE related (a int REFERENCES talks, b int REFERENCES talks, PRIMARY KEY (a, b));
	   INSERT INTO talks VALUES (1, 1, 'mail'), (2, 2, 'mail'), (3, 1, 'chat');
	   INSERT INTO related VALUES (1, 2), (1, 3), (3, 1), (1, 1)$$, 'talks related'),
	(51, 'contacts that point to two contacts are no links',
	 $$ALTER TABLE people ADD a int REFERENCES people, ADD b int REFERENCES people, ADD UNIQUE (a, b);
	   CREATE TABLE other (id int);
	   UPDATE people SET a = 1, b = 2 WHERE id = 5$$, 'other'),
	(52, 'a condition that fails on a row',
	 $$CREATE TABLE merges (from_id int, into_id int, parts int, UNIQUE (from_id, into_id));
	   SELECT idverify_add_reference('people', 'merges', 'from_id', '1/parts > 0');
	   SELECT idverify_add_reference('people', 'merges', 'into_id');
	   INSERT INTO merges VALUES (1, 2, 0)$$, 'merges');
SELECT n || '. ' || what, moved_dropped, after, trouble FROM cases, folded(setup, tables) ORDER BY n;

--
-- distinct_by: rows of the source and the target that agree in some columns are one
--
TRUNCATE cases;
INSERT INTO cases VALUES
	(60, 'NULLs agree',
	 $$CREATE TABLE tags (id int PRIMARY KEY, person int, tag text, team int);
	   SELECT idverify_add_reference('people', 'tags', 'person', distinct_by => '{tag,team}');
	   INSERT INTO tags VALUES (1, 1, 'vip', NULL), (2, 2, 'vip', NULL), (3, 1, NULL, NULL), (4, 2, NULL, NULL), (5, 1, 'vip', 1), (6, 2, 'vip', 2)$$, 'tags'),
	(61, 'what the source had twice stays twice',
	 $$CREATE TABLE tags (id int PRIMARY KEY, person int, tag text);
	   SELECT idverify_add_reference('people', 'tags', 'person', distinct_by => '{tag}');
	   INSERT INTO tags VALUES (1, 1, 'a'), (2, 1, 'a'), (3, 1, 'b'), (4, 1, 'b'), (5, 2, 'b'), (6, 1, 'c'), (7, 2, 'c'), (8, 2, 'c')$$, 'tags'),
	(62, 'without any key, rows that are the same',
	 $$CREATE TABLE tags (person int, tag text);
	   SELECT idverify_add_reference('people', 'tags', 'person', distinct_by => '{tag}');
	   INSERT INTO tags VALUES (1, 'a'), (1, 'a'), (1, 'a'), (2, 'a'), (2, 'a')$$, 'tags'),
	(63, 'where the condition holds',
	 $$CREATE TABLE tags (id int PRIMARY KEY, kind text, thing int, tag text);
	   SELECT idverify_add_reference('people', 'tags', 'thing', 'kind = ''Contact''', '{tag}');
	   INSERT INTO tags VALUES (1, 'Contact', 1, 'a'), (2, 'Team', 2, 'a'), (3, 'Team', 1, 'b'), (4, 'Contact', 2, 'b'), (5, 'Contact', 1, 'c'), (6, 'Contact', 2, 'c')$$, 'tags'),
	(64, 'by the equality of the type',
	 $$CREATE TABLE tags (id int PRIMARY KEY, person int, amount numeric, tag text COLLATE nocase);
	   SELECT idverify_add_reference('people', 'tags', 'person', distinct_by => '{amount,tag}');
	   INSERT INTO tags VALUES (1, 1, 1.0, 'A'), (2, 2, 1.00, 'a'), (3, 1, 2, 'b')$$, 'tags'),
	(65, 'beside a unique index: a row of the target is for one of the source',
	 $$CREATE TABLE tags (id int PRIMARY KEY, person int, tag text, team text, UNIQUE (person, tag, team));
	   SELECT idverify_add_reference('people', 'tags', 'person', distinct_by => '{tag}');
	   INSERT INTO tags VALUES (1, 1, 'vip', 'b'), (2, 1, 'vip', 'a'), (3, 2, 'vip', 'a')$$, 'tags'),
	(66, 'in partitions that rows leave as they move',
	 $$CREATE TABLE tags (person int, tag text) PARTITION BY LIST (person);
	   CREATE TABLE tags_1 PARTITION OF tags FOR VALUES IN (1);
	   CREATE TABLE tags_2 (tag text, person int);
	   ALTER TABLE tags ATTACH PARTITION tags_2 DEFAULT;
	   SELECT idverify_add_reference('people', 'tags', 'person', distinct_by => '{tag}');
	   INSERT INTO tags VALUES (1, 'a'), (2, 'a'), (1, 'a'), (1, 'b'), (2, NULL), (1, NULL)$$, 'tags'),
	(67, 'a column that is generated from what moves',
	 $$CREATE TABLE tags (id int PRIMARY KEY, person int, tag text, label text GENERATED ALWAYS AS (person::text || tag) STORED);
	   SELECT idverify_add_reference('people', 'tags', 'person', distinct_by => '{label}');
	   INSERT INTO tags VALUES (1, 1, 'a'), (2, 2, 'a'), (3, 1, 'b')$$, 'tags'),
	(68, 'children of the old kind of inheritance',
	 $$CREATE TABLE tags (id int, person int, tag text);
	   CREATE TABLE tags_child () INHERITS (tags);
	   SELECT idverify_add_reference('people', 'tags', 'person', distinct_by => '{tag}');
	   INSERT INTO tags VALUES (1, 1, 'a'), (2, 2, 'a');
	   INSERT INTO tags_child VALUES (3, 1, 'a'), (4, 2, 'a'), (5, 1, 'a')$$, 'tags tags_child'),
	(69, 'what points to a dropped row; and a trigger that counts it, in both rows',
	 $$CREATE TABLE talks (id int PRIMARY KEY, person int, channel text, messages int);
	   CREATE TABLE messages (id int PRIMARY KEY, talk int REFERENCES talks ON DELETE CASCADE);
	   SELECT idverify_add_reference('people', 'talks', 'person', distinct_by => '{channel}');
	   INSERT INTO talks VALUES (1, 1, 'mail', 2), (2, 1, 'mail', 0), (3, 2, 'mail', 1), (4, 1, 'chat', 1), (5, 2, 'chat', 0);
	   INSERT INTO messages VALUES (1, 1), (2, 1), (3, 3), (4, 4);
	   CREATE TRIGGER counts AFTER UPDATE OF talk ON messages FOR EACH ROW EXECUTE FUNCTION count_messages()$$, 'talks messages'),
	(70, '... which writes to all rows of the talks',
	 $$CREATE TABLE talks (id int PRIMARY KEY, person int, channel text, messages int);
	   CREATE TABLE messages (id int PRIMARY KEY, talk int REFERENCES talks ON DELETE CASCADE);
	   SELECT idverify_add_reference('people', 'talks', 'person', distinct_by => '{channel}');
	   INSERT INTO talks VALUES (1, 1, 'mail', 0), (2, 1, 'mail', 0), (3, 2, 'mail', 0), (4, 1, 'chat', 0), (5, 2, 'chat', 0), (6, 1, 'chat', 0);
	   INSERT INTO messages VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 6);
	   CREATE TRIGGER writes AFTER UPDATE OF talk ON messages FOR EACH ROW EXECUTE FUNCTION write_to_all()$$, 'talks messages');
CREATE FUNCTION count_messages() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	UPDATE collisions.talks SET messages = messages - 1 WHERE id = OLD.talk;
	UPDATE collisions.talks SET messages = messages + 1 WHERE id = NEW.talk;
	RETURN NULL;
END $$;
CREATE FUNCTION write_to_all() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE collisions.talks SET messages = 0; RETURN NULL; END $$;
SELECT n || '. ' || what, moved_dropped, after, trouble FROM cases, folded(setup, tables) ORDER BY n;

--
-- What is written down of the source is what the moves have left of it: it points
-- to what was kept in the place of a dropped row, and its counter has counted down
--
\pset format aligned
\pset tuples_only off
CREATE TABLE people (id int PRIMARY KEY, home int, talks int NOT NULL DEFAULT 0);
CREATE TABLE places (id int PRIMARY KEY, person int NOT NULL REFERENCES people, kind text, UNIQUE (person, kind));
ALTER TABLE people ADD FOREIGN KEY (home) REFERENCES places;
CREATE TABLE talks (id int PRIMARY KEY, person int REFERENCES people);
CREATE FUNCTION count_talks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	IF TG_OP = 'UPDATE' THEN UPDATE collisions.people SET talks = talks - 1 WHERE id = OLD.person; END IF;
	UPDATE collisions.people SET talks = talks + 1 WHERE id = NEW.person;
	RETURN NULL;
END $$;
CREATE TRIGGER count AFTER INSERT OR UPDATE OF person ON talks FOR EACH ROW EXECUTE FUNCTION count_talks();
INSERT INTO people VALUES (1), (2);
INSERT INTO places VALUES (1, 1, 'home'), (2, 2, 'home'), (3, 1, 'work');
INSERT INTO talks VALUES (1, 1), (2, 1), (3, 1), (4, 2), (5, 2);
CREATE FUNCTION homes(of_1 int, of_2 int, OUT before text, OUT folded text, OUT undone text) LANGUAGE plpgsql AS $$
DECLARE
	fold bigint;
BEGIN
	UPDATE people SET home = CASE id WHEN 1 THEN of_1 ELSE of_2 END;
	before := contents('people places talks');
	fold := (SELECT min(fold_id) FROM idverify_fold(1, 2, 'people'));
	folded := contents('people places');
	PERFORM idverify_unfold(fold);
	undone := CASE WHEN contents('people places talks') = before THEN 'as before' ELSE contents('people places talks') END;
END $$;
SELECT * FROM homes(NULL, NULL);
SELECT * FROM homes(1, NULL);
SELECT * FROM homes(3, NULL);
SELECT * FROM homes(1, 2);
SELECT * FROM homes(3, 2);
DROP TABLE people, places, talks;
-- what is refused, and what is listed
CREATE TABLE people (id int PRIMARY KEY);
INSERT INTO people VALUES (1), (2);
CREATE TABLE tags (id int PRIMARY KEY, person int, tag text, data json, spots point[]);
CREATE FUNCTION refused(distinct_by name[]) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
	PERFORM idverify_add_reference('people', 'tags', 'person', distinct_by => distinct_by);
	RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END $$;
SELECT names, refused(names) FROM unnest('{"{nope}","{tag,person}","{ctid}","{}","{{tag},{id}}","{tag,NULL}","{data}","{spots}"}'::text[]) t, CAST(t AS name[]) names;
-- listed again, it is distinct by what was said last
SELECT idverify_add_reference('people', 'tags', 'person', distinct_by => '{id}');
SELECT idverify_add_reference('people', 'tags', 'person', distinct_by => '{tag}');
TABLE idverify.contact_references;
INSERT INTO tags VALUES (1, 1, 'a'), (2, 2, 'a');
-- a column that is renamed is missed, before anything is done
ALTER TABLE tags RENAME tag TO label;
SELECT * FROM idverify_fold(1, 2, 'people');  -- fail
UPDATE idverify.contact_references SET distinct_by = '{label}';
-- ... and one that cannot be compared any more
ALTER TABLE tags ALTER label TYPE json USING to_json(label);
SELECT * FROM idverify_fold(1, 2, 'people');  -- fail
ALTER TABLE tags ALTER label TYPE text USING 'a';
SELECT relation, moved, dropped FROM idverify_fold(1, 2, 'people') ORDER BY relation::text;
TABLE tags;
DELETE FROM idverify.contact_references;
DROP SCHEMA collisions CASCADE;

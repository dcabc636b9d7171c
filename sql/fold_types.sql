--
-- idverify_fold(): ids and pointers of other types, partitioned contacts,
-- constraints that are checked later, and composite keys that point to their
-- own table
--
-- Each fold is taken back, and then everything is as it was.
--
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE SCHEMA fold_types;
SET search_path = fold_types, public;

-- All rows of all tables, as text; fold() folds and shows, undo() takes back.
CREATE FUNCTION everything() RETURNS TABLE (relation text, line text) LANGUAGE plpgsql AS $$
DECLARE
	t regclass;
BEGIN
	FOR t IN SELECT oid FROM pg_class WHERE relnamespace = 'fold_types'::regnamespace
		AND relkind IN ('r', 'p') AND relname <> 'before'
	LOOP
		RETURN QUERY EXECUTE format('SELECT %L, x::text FROM ONLY %s x', t, t);
	END LOOP;
END $$;
CREATE TABLE before (relation text, line text);
CREATE FUNCTION fold(source anyelement, target anyelement, contacts regclass)
	RETURNS TABLE (relation regclass, column_name name, moved bigint, dropped bigint) LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE before;
	INSERT INTO before SELECT * FROM everything();
	RETURN QUERY SELECT f.relation, f.column_name, f.moved, f.dropped
		FROM idverify_fold(source, target, contacts) f ORDER BY f.relation::text, f.column_name;
END $$;
CREATE FUNCTION undo(OUT fold_undone boolean, OUT different bigint) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM idverify_unfold((SELECT max(id) FROM idverify.folds));
	fold_undone := true;
	SELECT count(*) INTO different FROM (
		(TABLE before EXCEPT ALL SELECT * FROM everything()) UNION ALL
		(SELECT * FROM everything() EXCEPT ALL TABLE before)) d;
END $$;

--
-- Pointers of another type than what they point to
--
CREATE TABLE people (id bigint PRIMARY KEY, code varchar(9) UNIQUE, score numeric UNIQUE);
CREATE TABLE by_int (person integer REFERENCES people, note text);
CREATE TABLE by_small (person smallint REFERENCES people, note text, UNIQUE (person, note));
CREATE TABLE by_code (code text REFERENCES people (code));
CREATE TABLE by_score (score integer REFERENCES people (score));
CREATE DOMAIN person_id AS integer CHECK (VALUE > 0);
CREATE TABLE by_domain (person person_id REFERENCES people);
INSERT INTO people VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3), (3000000000, 'big', 4);
INSERT INTO by_int VALUES (1, 'a'), (1, 'b'), (2, 'c');
INSERT INTO by_small VALUES (1, 'a'), (1, 'b'), (2, 'a');
INSERT INTO by_code VALUES ('one'), ('two');
INSERT INTO by_score VALUES (1), (2);
INSERT INTO by_domain VALUES (1), (2);
SELECT * FROM fold(1::bigint, 2::bigint, 'people');
SELECT 'by_int' AS relation, * FROM by_int UNION ALL SELECT 'by_small', * FROM by_small
	UNION ALL SELECT 'by_code', NULL, code FROM by_code UNION ALL SELECT 'by_score', score, NULL FROM by_score
	UNION ALL SELECT 'by_domain', person, NULL FROM by_domain ORDER BY 1, 2, 3;
SELECT * FROM undo();
-- what the pointer's type cannot hold is an error, and no loss
SELECT FROM fold(1::bigint, 3000000000, 'people');  -- fail
SELECT count(*) AS pointers FROM by_int WHERE person = 1;

-- the ids that a call names, of another type
SELECT * FROM fold(1::smallint, 2::smallint, 'people');
SELECT idverify_resolve(1::integer, 'people'), pg_typeof(idverify_resolve(1::integer, 'people'));
SELECT * FROM undo();
SELECT FROM idverify_fold('one'::text, '2'::text, 'people');  -- fail
SELECT FROM idverify_fold('1 day'::interval, '2 days', 'people');  -- fail
CREATE TABLE by_text (id varchar(9) PRIMARY KEY);
CREATE TABLE of_text (id text REFERENCES by_text);
INSERT INTO by_text VALUES ('1'), ('2');
INSERT INTO of_text VALUES ('1');
SELECT * FROM fold(1, 2, 'by_text');
SELECT * FROM undo();
SELECT * FROM fold('1'::text, '2'::text, 'by_text');
SELECT * FROM undo();
-- somebody's own cast would run with the rights of the function's owner
CREATE TYPE own_id AS (n integer);
CREATE FUNCTION cast_own(own_id) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'my cast ran'; END $$;
CREATE CAST (own_id AS bigint) WITH FUNCTION cast_own AS IMPLICIT;
SELECT FROM idverify_fold(ROW(1)::own_id, ROW(2)::own_id, 'people');  -- fail
-- nor is a pointer of such a type one
CREATE TABLE by_own (person own_id);
SELECT idverify_add_reference('people', 'by_own', 'person');  -- fail

-- a type to which two contacts are one (blanks at the end do not count): what has
-- come to point to somebody else since stays there
CREATE TYPE padded;
CREATE FUNCTION padded_in(cstring) RETURNS padded LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION padded_out(padded) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE padded (INPUT = padded_in, OUTPUT = padded_out, LIKE = text, COLLATABLE = true);
CREATE CAST (padded AS text) WITHOUT FUNCTION AS IMPLICIT;
CREATE FUNCTION padded_eq(padded, padded) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'bpchareq';
CREATE FUNCTION padded_cmp(padded, padded) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'bpcharcmp';
CREATE OPERATOR = (LEFTARG = padded, RIGHTARG = padded, FUNCTION = padded_eq, COMMUTATOR = =);
CREATE OPERATOR CLASS padded_ops DEFAULT FOR TYPE padded USING btree AS OPERATOR 3 =, FUNCTION 1 padded_cmp(padded, padded);
CREATE TABLE keyed (id text PRIMARY KEY);
CREATE TABLE of_keyed (id integer PRIMARY KEY, person padded REFERENCES keyed);
CREATE TABLE of_keyed_loose (person padded REFERENCES keyed, note text);
INSERT INTO keyed VALUES ('a'), ('b'), ('b ');
INSERT INTO of_keyed VALUES (1, 'a'), (2, 'a'), (3, 'b ');
SELECT * FROM fold('a'::text, 'b'::text, 'keyed');  -- fail: text is not assigned to it
CREATE CAST (text AS padded) WITHOUT FUNCTION AS ASSIGNMENT;
INSERT INTO of_keyed_loose VALUES ('b ', 'same'), ('a', 'same');
SELECT * FROM fold('a'::text, 'b'::text, 'keyed');
UPDATE of_keyed SET person = 'b ' WHERE id = 2;
SELECT fold_undone FROM undo();
SELECT id, quote_literal(person::text) AS person FROM of_keyed ORDER BY id;
SELECT quote_literal(person::text) AS person, note FROM of_keyed_loose ORDER BY 1;

-- columns and an index of what types are made of
CREATE TYPE floats AS RANGE (subtype = float8, subtype_diff = float8mi, multirange_type_name = many_floats);
CREATE TABLE measured (id integer PRIMARY KEY, spans many_floats, tags text[]);
CREATE INDEX ON measured ((tags[1]));
INSERT INTO measured VALUES (1, '{[1.5,2.5)}', '{vip}'), (2, NULL, NULL);
SELECT * FROM fold(1, 2, 'measured');
TABLE measured;
SELECT * FROM undo();

-- pointers to something else than the id, which can be NULL
CREATE TABLE coded (id integer PRIMARY KEY, code integer UNIQUE);
CREATE TABLE of_coded (id integer PRIMARY KEY, code integer REFERENCES coded (code) ON UPDATE CASCADE, other integer REFERENCES coded (code));
CREATE TABLE of_coded_computed (raw integer, code integer GENERATED ALWAYS AS (raw) STORED REFERENCES coded (code));
INSERT INTO coded VALUES (1, 5), (2, NULL), (3, NULL), (4, 6), (5, 7);
INSERT INTO of_coded VALUES (1, 5, 5), (2, 5, NULL), (3, 5, 6);
SELECT * FROM fold(3, 2, 'coded');
SELECT * FROM undo();
SELECT * FROM fold(3, 1, 'coded');
SELECT * FROM undo();
SELECT * FROM fold(1, 3, 'coded');  -- fail
SELECT * FROM fold(5, 3, 'coded');
TABLE coded ORDER BY id;
SELECT * FROM undo();
SELECT * FROM fold(4, 1, 'coded');
TABLE of_coded ORDER BY id;
SELECT * FROM undo();

-- ... and in a row that links the two, to which nothing can point then: it goes
CREATE TABLE linked (a integer REFERENCES coded, b integer REFERENCES coded, code integer UNIQUE, PRIMARY KEY (a, b));
CREATE TABLE of_linked (code integer REFERENCES linked (code));
INSERT INTO linked VALUES (4, 1, NULL), (1, 4, 8);
INSERT INTO of_linked VALUES (8);
SELECT * FROM fold(4, 1, 'coded');
TABLE linked;
SELECT * FROM undo();

-- a type that a superuser has made, and what compares it: of the table's owner that is
-- not enough, as a fold calls it itself
CREATE TYPE number;
CREATE FUNCTION number_in(cstring) RETURNS number LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION number_out(number) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE number (INPUT = number_in, OUTPUT = number_out, LIKE = integer);
CREATE FUNCTION number_eq(number, number) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4eq';
CREATE FUNCTION number_cmp(number, number) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'btint4cmp';
CREATE OPERATOR = (LEFTARG = number, RIGHTARG = number, FUNCTION = number_eq, COMMUTATOR = =);
CREATE FUNCTION number_lt(number, number) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4lt';
CREATE OPERATOR < (LEFTARG = number, RIGHTARG = number, FUNCTION = number_lt);
CREATE OPERATOR CLASS number_ops DEFAULT FOR TYPE number USING btree AS OPERATOR 1 <, OPERATOR 3 =, FUNCTION 1 number_cmp(number, number);
CREATE TABLE numbered (id number PRIMARY KEY, boss number REFERENCES numbered);
INSERT INTO numbered VALUES ('1', NULL), ('3', NULL), ('2', '3');
SELECT * FROM fold('2'::number, '1'::number, 'numbered');
TABLE numbered;
SELECT * FROM undo();
CREATE ROLE regress_number_owner;
GRANT CREATE ON SCHEMA fold_types TO regress_number_owner;
ALTER TABLE numbered OWNER TO regress_number_owner;
ALTER FUNCTION number_eq OWNER TO regress_number_owner;
SELECT * FROM fold('2'::number, '1'::number, 'numbered');  -- fail
DROP OWNED BY regress_number_owner CASCADE;
DROP ROLE regress_number_owner;

--
-- Contacts in partitions: the whole is one table, whichever part is named
--
CREATE TABLE parted (id integer PRIMARY KEY, name text, boss integer REFERENCES parted) PARTITION BY RANGE (id);
CREATE TABLE parted_low (gone text, name text, id integer NOT NULL, boss integer);
ALTER TABLE parted_low DROP gone;
ALTER TABLE parted ATTACH PARTITION parted_low FOR VALUES FROM (1) TO (100);
CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (100) TO (200);
CREATE TABLE of_parted (person integer REFERENCES parted ON DELETE CASCADE, note text, UNIQUE (person, note));
CREATE TABLE of_part (person integer REFERENCES parted_low);
CREATE TABLE listed (person integer, at date) PARTITION BY RANGE (at);
CREATE TABLE listed_all PARTITION OF listed DEFAULT;
INSERT INTO parted VALUES (1, 'low', NULL), (2, NULL, 1), (101, 'high', 1), (102, NULL, 101);
INSERT INTO of_parted VALUES (1, 'a'), (1, 'b'), (2, 'a'), (101, 'a'), (102, 'c');
INSERT INTO of_part VALUES (1), (2);
INSERT INTO listed VALUES (1, '2020-01-01'), (101, '2020-01-01');
SELECT idverify_add_reference('parted_low', 'listed_all', 'person');
SELECT contacts, relation FROM idverify.contact_references;
SELECT * FROM fold(1, 2, 'parted');
SELECT tableoid::regclass AS part, * FROM parted ORDER BY id;
SELECT * FROM undo();
SELECT * FROM fold(102, 2, 'parted_high');
SELECT idverify_resolve(102, 'parted'), idverify_resolve(102, 'parted_low');
SELECT * FROM undo();
SELECT * FROM fold(101, 2, 'parted_low');
SELECT tableoid::regclass AS part, * FROM parted ORDER BY id;
SELECT * FROM undo();
-- who points to one part cannot point to a row of another: no loss
SELECT FROM fold(1, 101, 'parted');  -- fail
SELECT count(*) AS pointers FROM of_part WHERE person = 1;

-- one part of a table points to contacts; what points to the whole of it moves
-- along with the rows that are dropped there
CREATE TABLE readers (id integer PRIMARY KEY);
CREATE TABLE threads (id integer PRIMARY KEY, reader integer, title text) PARTITION BY RANGE (id);
CREATE TABLE threads_all PARTITION OF threads DEFAULT;
ALTER TABLE threads_all ADD FOREIGN KEY (reader) REFERENCES readers, ADD UNIQUE (reader, title);
CREATE TABLE replies (thread integer REFERENCES threads ON DELETE CASCADE, body text);
INSERT INTO readers VALUES (1), (2);
INSERT INTO threads VALUES (11, 1, 'a'), (12, 1, 'b'), (13, 1, 'c'), (21, 2, 'a'), (22, 2, 'b');
INSERT INTO replies VALUES (11, 'to a'), (12, 'to b'), (13, 'to c'), (21, 'to the other a');
SELECT * FROM fold(1, 2, 'readers');
SELECT t.*, body FROM threads t JOIN replies ON thread = t.id ORDER BY body;
SELECT * FROM undo();

--
-- Constraints that are checked later
--
CREATE TABLE late (id integer PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, code text UNIQUE DEFERRABLE);
CREATE TABLE late_people (id integer PRIMARY KEY);
CREATE TABLE of_late (person integer REFERENCES late_people DEFERRABLE INITIALLY DEFERRED,
	tag text, UNIQUE (person, tag) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE also_late (person integer REFERENCES late_people ON DELETE CASCADE DEFERRABLE INITIALLY IMMEDIATE);
INSERT INTO late_people VALUES (1), (2);
INSERT INTO of_late VALUES (1, 'vip'), (1, 'new'), (2, 'vip');
INSERT INTO also_late VALUES (1), (2);
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
SELECT * FROM fold(1, 2, 'late_people');
SET CONSTRAINTS ALL IMMEDIATE;
COMMIT;
SELECT * FROM of_late ORDER BY person, tag;
SELECT * FROM also_late;
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
SELECT * FROM undo();
COMMIT;
-- what waits for the end of a transaction is there, too, before it ends
BEGIN;
INSERT INTO of_late VALUES (1, 'late');
SELECT * FROM fold(1, 2, 'late_people');
COMMIT;
SELECT * FROM of_late ORDER BY person, tag;
SELECT * FROM undo();
-- a key of contacts may be one that is checked later, though no foreign key takes it
INSERT INTO late VALUES (1, 'x'), (2, NULL);
SELECT * FROM fold(1, 2, 'late');
TABLE late;

--
-- A composite key that points to its own table
--
CREATE TABLE staff (tenant integer, id integer, boss integer, deputy integer, name text, PRIMARY KEY (tenant, id),
	FOREIGN KEY (tenant, boss) REFERENCES staff ON DELETE CASCADE,
	FOREIGN KEY (tenant, deputy) REFERENCES staff DEFERRABLE INITIALLY DEFERRED);
INSERT INTO staff VALUES (1, 1, NULL, NULL, 'chief'), (1, 2, 1, 1, 'source'), (1, 3, 2, 2, 'of the source'),
	(1, 4, 3, 2, NULL), (1, 5, 5, 4, 'own boss'), (2, 2, 2, 2, 'other tenant');
-- into its boss: nobody becomes their own deputy by it
SELECT * FROM fold(2, 1, 'staff');  -- fail: two rows have the id 2
DELETE FROM staff WHERE tenant = 2;
SELECT * FROM fold(2, 1, 'staff');
SELECT * FROM staff ORDER BY id;
SELECT * FROM undo();
-- into one of those whose boss it is: blank fields are filled, but not by a pointer to one of the two
SELECT * FROM fold(3, 4, 'staff');
SELECT * FROM staff ORDER BY id;
SELECT * FROM undo();
-- into one that is its own boss, and the other way round
SELECT * FROM fold(4, 5, 'staff');
SELECT * FROM staff ORDER BY id;
SELECT * FROM undo();
SELECT * FROM fold(5, 4, 'staff');
SELECT * FROM staff ORDER BY id;
SELECT * FROM undo();

-- ... and one of a table without a key, of whose rows some have been changed since
CREATE TABLE members (tenant integer, id integer PRIMARY KEY, UNIQUE (tenant, id));
CREATE TABLE visits (tenant integer, member integer, FOREIGN KEY (tenant, member) REFERENCES members (tenant, id));
INSERT INTO members VALUES (1, 1), (3, 2), (1, 3);
INSERT INTO visits VALUES (1, 1), (1, 1), (3, 2);
SELECT * FROM fold(1, 2, 'members');
UPDATE visits SET (tenant, member) = (1, 3) WHERE ctid = (SELECT max(ctid) FROM visits);
SELECT * FROM undo();
SELECT * FROM visits ORDER BY tenant, member;

--
-- As many kinds of blanks as there may be: each is filled with what it lacks
--
CREATE TABLE wide (id integer PRIMARY KEY, a text, b text, c text, d text, e text, f text);
INSERT INTO wide SELECT n, CASE WHEN n & 1 > 0 THEN 'a' END, CASE WHEN n & 2 > 0 THEN 'b' END, CASE WHEN n & 4 > 0 THEN 'c' END,
	CASE WHEN n & 8 > 0 THEN 'd' END, CASE WHEN n & 16 > 0 THEN 'e' END, CASE WHEN n & 32 > 0 THEN 'f' END FROM generate_series(1, 63) n;
INSERT INTO wide SELECT n FROM generate_series(101, 163) n;
CREATE TABLE expected AS SELECT id + 100 AS id, a, b, c, d, e, f FROM wide WHERE id < 100;
SELECT count(*) AS folds FROM generate_series(1, 63) n, idverify_fold(n, n + 100, 'wide');
SELECT count(*) AS different FROM ((TABLE wide EXCEPT ALL TABLE expected) UNION ALL (TABLE expected EXCEPT ALL TABLE wide)) d;
SELECT count(*) AS undone FROM idverify.folds f, idverify_unfold(f.id) WHERE f.contacts = 'fold_types.wide';
SELECT count(*) AS contacts, count(a) AS filled FROM wide;

DELETE FROM idverify.contact_references;
TRUNCATE idverify.folds, idverify.fold_rows;
DROP SCHEMA fold_types CASCADE;

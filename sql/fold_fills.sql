--
-- What a fold fills in.  It prepares a statement for each set of columns, and keeps
-- the latest of them.
--
-- Which columns a contact lacks is up to visitors: a session that lives long must
-- not grow with what they send.
--
\set VERBOSITY terse
CREATE SCHEMA fold_fills;
CREATE TABLE fold_fills.people (id int PRIMARY KEY, a text, b text, c text, d text, e text, f text);

-- Fold a contact that has some of the six into one that has none of them: each
-- bit of n is one.
CREATE FUNCTION fold_fills.fills(n int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	given fold_fills.people;
	filled fold_fills.people;
BEGIN
	given := (2, substr('A', 1, n & 1), substr('B', 1, n >> 1 & 1), substr('C', 1, n >> 2 & 1),
			  substr('D', 1, n >> 3 & 1), substr('E', 1, n >> 4 & 1), substr('F', 1, n >> 5 & 1));
	INSERT INTO fold_fills.people VALUES (1, given.a, given.b, given.c, given.d, given.e, given.f), (2, '', '', '', '', '', '');
	PERFORM idverify_fold(1, 2, 'fold_fills.people');
	DELETE FROM fold_fills.people RETURNING people.* INTO STRICT filled;
	RETURN filled = given;
END $$;

-- every set of columns, twice, so that each has to be prepared again
SELECT count(*) AS folds, bool_and(fold_fills.fills(n)) AS right
  FROM generate_series(1, 2) AS times, generate_series(1, 63) AS n;

-- how many are kept?  Fewer, where something made the session forget them all.
SELECT count(*) BETWEEN 1 AND 32 AS few
  FROM pg_backend_memory_contexts
 WHERE name = 'CachedPlanSource' AND ident LIKE 'UPDATE%fold_fills.people x SET %';

-- What is blank is taken from the source, as it is: null, '', blanks of Unicode too,
-- and in jsonb, whatever the column's name, null, "" and {}; where both have an object,
-- member by member.  The undo takes back what still stands.
ALTER TABLE fold_fills.people ADD attributes jsonb;
CREATE TABLE fold_fills.cases (n int PRIMARY KEY, about text, target jsonb, source jsonb, later jsonb);
INSERT INTO fold_fills.cases VALUES
	(1, 'what is lacking', '{"a": 1}', '{"b": 2, "c": null}', NULL),
	(2, 'null, "" and {} are blank', '{"a": null, "b": "", "c": {}, "d": "\u3000"}', '{"a": 1, "b": 2, "c": 3, "d": 4}', NULL),
	(3, '0, false and [] are not', '{"a": 0, "b": false, "c": []}', '{"a": 1, "b": 2, "c": 3}', NULL),
	(4, 'two blanks', '{"a": null}', '{"a": ""}', NULL),
	(5, 'objects', '{"o": {"a": 1, "b": ""}}', '{"o": {"a": 2, "b": 3, "c": 4}}', NULL),
	(6, 'an object and none', '{"o": 1, "p": {"a": 1}}', '{"o": {"a": 1}, "p": 2}', NULL),
	(7, 'changed since', '{"a": "", "o": {"b": 1}}', '{"a": 1, "o": {"c": 2, "d": 3}}', '{"a": 9, "o": {"b": 1, "c": 2, "d": 4}}'),
	(8, 'an object taken whole, changed since', '{"n": 0}', '{"o": {"a": 1, "b": 2}}', '{"n": 0, "o": {"a": 1, "b": 3}}'),
	(9, 'instead of {}, changed since', '{}', '{"o": {"a": 1, "b": 2}}', '{"o": {"a": 1, "b": 3}, "p": 1}'),
	(10, 'instead of NULL, added to since', NULL, '{"a": 1}', '{"a": 1, "b": 2}'),
	(11, 'instead of NULL, emptied in part since', NULL, '{"a": 1, "b": 2}', '{"b": 2}'),
	(12, 'instead of null, emptied in part since', 'null', '{"a": 1, "b": 2}', '{"b": 2}'),
	(13, 'instead of "", what is no object', '"\u00a0"', '[1]', NULL),
	(14, 'the same, changed since', '{}', '[1]', '[2]'),
	(15, 'no object, which stays', '[]', '{"a": 1}', NULL),
	(16, 'an object, where the source has none', '{"a": 1}', '[1]', NULL),
	(17, 'nothing to take', NULL, '{}', NULL),
	(18, 'no object any more', '{"a": 1}', '{"b": 2}', '"a"'),
	(19, 'an object taken whole, emptied in part since', '{"n": 0}', '{"o": {"a": 1, "b": 2}}', '{"n": 0, "o": {"a": 1}}');

CREATE FUNCTION fold_fills.merged(c fold_fills.cases, OUT folded jsonb, OUT undone jsonb) LANGUAGE plpgsql AS $$
DECLARE
	fold bigint;
BEGIN
	INSERT INTO fold_fills.people (id, a, b, attributes) VALUES (1, 'A', 'B', c.source), (2, E'\u3000\u00A0', E'\t', c.target);
	SELECT fold_id INTO fold FROM idverify_fold(1, 2, 'fold_fills.people');
	SELECT attributes INTO folded FROM fold_fills.people WHERE id = 2 AND a = 'A' AND b = 'B';
	UPDATE fold_fills.people SET attributes = c.later WHERE c.later IS NOT NULL;
	PERFORM idverify_unfold(fold);
	SELECT attributes INTO undone FROM fold_fills.people WHERE id = 2 AND a = E'\u3000\u00A0' AND b = E'\t';
	DELETE FROM fold_fills.people;
END $$;
SELECT about, target, source, folded, later, nullif(undone, target) AS undone_differs
  FROM fold_fills.cases c, fold_fills.merged(c) ORDER BY n;

-- All of a table's columns of jsonb are merged, each by itself, domains too.
CREATE DOMAIN fold_fills.settings AS jsonb CHECK (jsonb_typeof(VALUE) = 'object');
CREATE TABLE fold_fills.customers (id int PRIMARY KEY, additional_attributes jsonb NOT NULL DEFAULT '{}',
	custom_attributes jsonb, "Settings" fold_fills.settings);
INSERT INTO fold_fills.customers VALUES (1, '{"city": "Rome", "os": "x"}', '{"plan": "pro"}', '{"beep": true}'),
	(2, '{"city": "Paris"}', '{"plan": "", "since": 2020}', '{"mail": false}');
SELECT fold_id FROM idverify_fold(1, 2, 'fold_fills.customers') \gset
SELECT * FROM fold_fills.customers;
UPDATE fold_fills.customers SET custom_attributes = custom_attributes || '{"seats": 5}';
SELECT * FROM idverify_unfold(:fold_id);
SELECT * FROM fold_fills.customers ORDER BY id;

-- Two folds of one target, taken back in either order
CREATE FUNCTION fold_fills.both_orders(VARIADIC undone int[]) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
DECLARE
	folds bigint[];
	n int;
BEGIN
	DELETE FROM fold_fills.customers;
	INSERT INTO fold_fills.customers VALUES (1, '{"a": 1}'), (2, '{"a": 2, "b": 2}'), (3, '{}');
	FOR n IN 1..2 LOOP
		folds[n] := (SELECT fold_id FROM idverify_fold(n, 3, 'fold_fills.customers'));
	END LOOP;
	RETURN QUERY SELECT additional_attributes FROM fold_fills.customers WHERE id = 3;
	FOREACH n IN ARRAY undone LOOP
		PERFORM idverify_unfold(folds[n]);
		RETURN QUERY SELECT additional_attributes FROM fold_fills.customers WHERE id = 3;
	END LOOP;
END $$;
SELECT fold_fills.both_orders(2, 1);
SELECT fold_fills.both_orders(1, 2);
-- ... while what the later one found was no object
DELETE FROM fold_fills.customers;
INSERT INTO fold_fills.customers VALUES (1, '{"a": 1}'), (2, '{"b": 2}'), (3, '{}');
SELECT fold_id AS first FROM idverify_fold(1, 3, 'fold_fills.customers') \gset
UPDATE fold_fills.customers SET additional_attributes = '""' WHERE id = 3;
SELECT fold_id AS later FROM idverify_fold(2, 3, 'fold_fills.customers') \gset
SELECT additional_attributes FROM fold_fills.customers;
SELECT count(*) FROM idverify_unfold(:first);
SELECT additional_attributes FROM fold_fills.customers WHERE id = 3;
SELECT count(*) FROM idverify_unfold(:later);
SELECT id, additional_attributes FROM fold_fills.customers ORDER BY id;

-- created_at becomes the earlier of both, if its type knows which that is.
CREATE TABLE fold_fills.dated (id int PRIMARY KEY, created_at date);
INSERT INTO fold_fills.dated VALUES (1, '2020-01-01'), (2, '2020-01-02');
SELECT count(*) FROM idverify_fold(1, 2, 'fold_fills.dated');
TABLE fold_fills.dated;
INSERT INTO fold_fills.dated VALUES (1, '2019-01-01');
ALTER TABLE fold_fills.dated ALTER created_at TYPE json USING to_json(created_at);
SELECT count(*) FROM idverify_fold(1, 2, 'fold_fills.dated');
TABLE fold_fills.dated;

-- json is text that is taken whole, where the target's is blank.
CREATE TABLE fold_fills.notes (id int PRIMARY KEY, note json);
CREATE TABLE fold_fills.json_cases (n int PRIMARY KEY, target json, source json);
INSERT INTO fold_fills.json_cases VALUES
	(1, NULL, '{"a": 1, "a": 2}'),
	(2, ' { } ', '{"b":1,  "a":2}'),
	(3, 'null', '[]'),
	(4, E' "\u3000 "\n', '"x"'),
	(5, '{"a": null}', '{"a": 1}'),
	(6, '""', ' {}'),
	(7, '0', '1'),
	(8, '[{}]', '{"a": 1}'),
	(9, '{"\u0000": 1}', '{"a": 1}');
CREATE FUNCTION fold_fills.taken(c fold_fills.json_cases, OUT folded text, OUT undone text) LANGUAGE plpgsql AS $$
DECLARE
	fold bigint;
BEGIN
	INSERT INTO fold_fills.notes VALUES (1, c.source), (2, c.target);
	SELECT fold_id INTO fold FROM idverify_fold(1, 2, 'fold_fills.notes');
	SELECT note INTO folded FROM fold_fills.notes WHERE id = 2;
	PERFORM idverify_unfold(fold);
	SELECT note INTO undone FROM fold_fills.notes WHERE id = 2;
	DELETE FROM fold_fills.notes;
END $$;
SELECT n, target, source, folded = source::text AS taken, folded IS NOT DISTINCT FROM target::text AS stayed,
	undone IS NOT DISTINCT FROM target::text AS undone
  FROM fold_fills.json_cases c, fold_fills.taken(c) ORDER BY n;

-- A column that is jsonb only since
CREATE TABLE fold_fills.texts (id int PRIMARY KEY, a text);
INSERT INTO fold_fills.texts VALUES (1, 'no JSON'), (2, '');
SELECT fold_id FROM idverify_fold(1, 2, 'fold_fills.texts') \gset
ALTER TABLE fold_fills.texts ALTER a TYPE jsonb USING '{"a": 1}';
\set VERBOSITY sqlstate
SELECT idverify_unfold(:fold_id);
\set VERBOSITY terse

DROP FUNCTION fold_fills.fills(int), fold_fills.merged(fold_fills.cases), fold_fills.both_orders(int[]),
	fold_fills.taken(fold_fills.json_cases);
DROP TABLE fold_fills.customers, fold_fills.dated, fold_fills.notes, fold_fills.json_cases, fold_fills.texts;
DROP DOMAIN fold_fills.settings;
DROP TABLE fold_fills.cases;
DROP TABLE fold_fills.people;
DROP SCHEMA fold_fills;
DELETE FROM idverify.fold_rows WHERE app_id = 0;
DELETE FROM idverify.folds WHERE app_id = 0;

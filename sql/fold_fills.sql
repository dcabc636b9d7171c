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
-- and in custom_data {}; where both have an object, member by member.  The undo takes
-- back what still stands.
ALTER TABLE fold_fills.people ADD custom_data jsonb;
CREATE TABLE fold_fills.cases (n int PRIMARY KEY, about text, target jsonb, source jsonb, later jsonb);
INSERT INTO fold_fills.cases VALUES
	(1, 'what is lacking', '{"a": 1}', '{"b": 2, "c": null}', NULL),
	(2, 'null, "" and {} are blank', '{"a": null, "b": "", "c": {}, "d": "\u3000"}', '{"a": 1, "b": 2, "c": 3, "d": 4}', NULL),
	(3, '0, false and [] are not', '{"a": 0, "b": false, "c": []}', '{"a": 1, "b": 2, "c": 3}', NULL),
	(4, 'two blanks', '{"a": null}', '{"a": ""}', NULL),
	(5, 'objects', '{"o": {"a": 1, "b": ""}}', '{"o": {"a": 2, "b": 3, "c": 4}}', NULL),
	(6, 'an object and none', '{"o": 1, "p": {"a": 1}}', '{"o": {"a": 1}, "p": 2}', NULL),
	(7, 'changed since', '{"a": "", "o": {"b": 1}}', '{"a": 1, "o": {"c": 2, "d": 3}}', '{"a": 9, "o": {"b": 1, "c": 2, "d": 4}}'),
	(8, 'an object taken whole, changed since', '{}', '{"o": {"a": 1, "b": 2}}', '{"o": {"a": 1, "b": 3}}');

CREATE FUNCTION fold_fills.merged(c fold_fills.cases, OUT folded jsonb, OUT undone jsonb) LANGUAGE plpgsql AS $$
DECLARE
	fold bigint;
BEGIN
	INSERT INTO fold_fills.people (id, a, b, custom_data) VALUES (1, 'A', 'B', c.source), (2, E'\u3000\u00A0', E'\t', c.target);
	SELECT fold_id INTO fold FROM idverify_fold(1, 2, 'fold_fills.people');
	SELECT custom_data INTO folded FROM fold_fills.people WHERE id = 2 AND a = 'A' AND b = 'B';
	UPDATE fold_fills.people SET custom_data = c.later WHERE c.later IS NOT NULL;
	PERFORM idverify_unfold(fold);
	SELECT custom_data INTO undone FROM fold_fills.people WHERE id = 2 AND a = E'\u3000\u00A0' AND b = E'\t';
	DELETE FROM fold_fills.people;
END $$;
SELECT about, target, source, folded, later, nullif(undone, target) AS undone_differs
  FROM fold_fills.cases c, fold_fills.merged(c) ORDER BY n;

DROP FUNCTION fold_fills.fills(int), fold_fills.merged(fold_fills.cases);
DROP TABLE fold_fills.cases;
DROP TABLE fold_fills.people;
DROP SCHEMA fold_fills;
DELETE FROM idverify.fold_rows WHERE app_id = 0;
DELETE FROM idverify.folds WHERE app_id = 0;

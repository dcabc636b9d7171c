--
-- A fold prepares a statement for each set of columns that it fills in, and keeps
-- the latest of them
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

DROP FUNCTION fold_fills.fills(int);
DROP TABLE fold_fills.people;
DROP SCHEMA fold_fills;
DELETE FROM idverify.fold_rows WHERE app_id = 0;
DELETE FROM idverify.folds WHERE app_id = 0;

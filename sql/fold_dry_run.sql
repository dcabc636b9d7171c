--
-- A dry run that fails leaves its error behind, and nothing else: no
-- transaction that goes on, none that is aborted, no rows that are lost later.
--
\set VERBOSITY sqlstate
CREATE TABLE people (id integer PRIMARY KEY, is_verified boolean);
CREATE TABLE kept (what text);
INSERT INTO people VALUES (1, false), (2, true);

-- outside a transaction, the next statement is one like any other
SELECT * FROM idverify_fold(3, 1, 'people', dry_run => true);  -- fail: 42704
INSERT INTO kept VALUES ('after no such source');
SELECT * FROM idverify_fold(1, 3, 'people', dry_run => true);  -- fail: 42704
INSERT INTO kept VALUES ('after no such target');
SELECT * FROM idverify_fold(2, 1, 'people', dry_run => true);  -- fail: 55000
INSERT INTO kept VALUES ('after a verified source');
ROLLBACK;  -- there is no transaction

-- a block that catches the error has only its own work taken back
DO $$
BEGIN
	INSERT INTO kept VALUES ('before the block');
	BEGIN
		INSERT INTO kept VALUES ('in the block');
		PERFORM idverify_fold(2, 1, 'people', dry_run => true);
	EXCEPTION WHEN object_not_in_prerequisite_state THEN
		INSERT INTO kept VALUES ('caught');
	END;
	INSERT INTO kept VALUES ('after the block');
END
$$;
ROLLBACK;  -- there is no transaction

-- so has a savepoint
BEGIN;
INSERT INTO kept VALUES ('before the savepoint');
SAVEPOINT here;
INSERT INTO kept VALUES ('after the savepoint');
SELECT * FROM idverify_fold(2, 1, 'people', dry_run => true);  -- fail: 55000
ROLLBACK TO here;
INSERT INTO kept VALUES ('after the rollback');
COMMIT;

TABLE kept;
SELECT * FROM people ORDER BY id;

DROP TABLE people, kept;

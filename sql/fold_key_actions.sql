--
-- A fold moves a chat, and a key of the chat holds the person: what points to the
-- chat by that key follows it there, and back again, whatever ON UPDATE says
--
SET client_min_messages = warning;
\set VERBOSITY sqlstate
CREATE SCHEMA fold_key_actions;
SET search_path = fold_key_actions, public;

-- Makes tables whose keys have an action, folds person 1 into 2, undoes that, and
-- says at each time where the words point, and where the likes of the words do.
-- Chat 9 is another person's.
CREATE FUNCTION followed(action text, of_chats text, of_words text, OUT before text, OUT folded text, OUT undone text) LANGUAGE plpgsql AS $$
DECLARE
	fold bigint;
	pointers text := $p$
		SELECT string_agg(concat(chat, '/', person), ' ' ORDER BY id) ||
			(SELECT string_agg(concat(', ', chat, '/', person), '' ORDER BY id) FROM likes) FROM words $p$;
BEGIN
	EXECUTE format('
		CREATE TABLE people (id int PRIMARY KEY);
		CREATE TABLE chats (id int, person int REFERENCES people, UNIQUE (id, person)) %2$s;
		CREATE TABLE words (id int, chat int DEFAULT 9, person int DEFAULT 9, UNIQUE (chat, person)) %3$s;
		CREATE TABLE likes (id int, chat int DEFAULT 9, person int DEFAULT 9);
		ALTER TABLE words ADD CONSTRAINT of_chat FOREIGN KEY (chat, person) REFERENCES chats (id, person) %1$s;
		ALTER TABLE likes ADD CONSTRAINT of_word FOREIGN KEY (chat, person) REFERENCES words (chat, person) %1$s',
		action, of_chats, of_words);
	IF of_chats <> '' THEN
		CREATE TABLE chats_1 PARTITION OF chats FOR VALUES IN (1, 8);
		CREATE TABLE chats_2 PARTITION OF chats DEFAULT;
		CREATE TABLE words_1 PARTITION OF words FOR VALUES IN (1, 8);
		CREATE TABLE words_2 PARTITION OF words DEFAULT;
	END IF;
	INSERT INTO people VALUES (1), (2), (9);
	INSERT INTO chats VALUES (1, 1), (8, 2), (9, 9);
	INSERT INTO words VALUES (1, 1, 1), (2, 8, 2), (3, 9, 9);
	INSERT INTO likes VALUES (1, 1, 1), (2, 8, 2), (3, 9, 9), (4, 1, 1);
	SET CONSTRAINTS ALL IMMEDIATE;
	SET CONSTRAINTS ALL DEFERRED;
	EXECUTE pointers INTO before;
	SELECT min(fold_id) INTO fold FROM idverify_fold(1, 2, 'people');
	SET CONSTRAINTS ALL IMMEDIATE;
	SET CONSTRAINTS ALL DEFERRED;
	EXECUTE pointers INTO folded;
	PERFORM idverify_unfold(fold);
	SET CONSTRAINTS ALL IMMEDIATE;
	EXECUTE pointers INTO undone;
	RAISE 'take it all back' USING errcode = 'ZZ999';
EXCEPTION WHEN OTHERS THEN
	IF sqlstate <> 'ZZ999' THEN
		folded = sqlstate || ': ' || sqlerrm;
	END IF;
END
$$;

CREATE TABLE actions (nr int, action text);
INSERT INTO actions VALUES
	(1, ''),
	(2, 'DEFERRABLE'),
	(3, 'ON UPDATE RESTRICT'),
	(4, 'ON UPDATE CASCADE'),
	(5, 'ON UPDATE SET NULL'),
	(6, 'ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED'),
	(7, 'ON UPDATE SET DEFAULT'),
	(8, 'MATCH FULL ON UPDATE SET NULL'),
	(9, 'DEFERRABLE INITIALLY DEFERRED');
SELECT action, f.* FROM actions, followed(action, '', '') f ORDER BY nr;
-- also where the tables have parts, and where a row changes to another part
SELECT action, f.* FROM actions, followed(action, 'PARTITION BY LIST (id)', 'PARTITION BY LIST (chat)') f ORDER BY nr;
SELECT action, f.* FROM actions, followed(action, 'PARTITION BY LIST (person)', 'PARTITION BY LIST (person)') f ORDER BY nr;

-- in a transaction that defers what it can
CREATE TABLE people (id int PRIMARY KEY);
CREATE TABLE chats (id int, person int REFERENCES people, UNIQUE (id, person));
CREATE TABLE words (chat int, person int, FOREIGN KEY (chat, person) REFERENCES chats (id, person) ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED);
INSERT INTO people VALUES (1), (2), (3);
INSERT INTO chats VALUES (1, 1), (2, 2);
INSERT INTO words VALUES (1, 1), (2, 2);
SELECT min(fold_id) AS fold FROM idverify_fold(1, 2, 'people') \gset
TABLE words ORDER BY chat;
-- what has come to point to a moved chat since goes back with it; what points
-- elsewhere by now stays there
INSERT INTO words VALUES (1, 2), (2, 2);
SELECT count(*) FROM idverify_unfold(:fold);
TABLE words ORDER BY chat, person;

-- three levels down, and committed
CREATE TABLE phrases (chat int, person int, UNIQUE (chat, person));
CREATE TABLE likes (chat int, person int, UNIQUE (chat, person));
CREATE TABLE stars (chat int, person int);
ALTER TABLE phrases ADD FOREIGN KEY (chat, person) REFERENCES chats (id, person) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE likes ADD FOREIGN KEY (chat, person) REFERENCES phrases (chat, person) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE stars ADD FOREIGN KEY (chat, person) REFERENCES likes (chat, person) DEFERRABLE INITIALLY DEFERRED;
INSERT INTO phrases TABLE chats;
INSERT INTO likes TABLE chats;
INSERT INTO stars TABLE chats;
INSERT INTO people VALUES (4);
SELECT min(fold_id) AS fold FROM idverify_fold(2, 4, 'people') \gset
TABLE stars ORDER BY chat;
SELECT count(*) FROM idverify_unfold(:fold);
TABLE stars ORDER BY chat;
DROP TABLE stars, likes, phrases;

-- a unique index that has no room for what follows is named
CREATE TABLE titles (chat int, person int, title text, CONSTRAINT one_title UNIQUE (person, title),
	FOREIGN KEY (chat, person) REFERENCES chats (id, person));
INSERT INTO titles VALUES (1, 1, 'mail'), (2, 2, 'mail');
\set VERBOSITY terse
SELECT * FROM idverify_fold(1, 2, 'people');  -- fail
\set VERBOSITY sqlstate
DROP TABLE titles;

-- a key that nobody but its table's owner could follow, since its column is
-- generated, stops a fold that would break it, and names itself
CREATE TABLE marks (chat int, person int GENERATED ALWAYS AS (chat) STORED,
	CONSTRAINT mark_of_chat FOREIGN KEY (chat, person) REFERENCES chats (id, person));
SELECT count(*) > 0 AS folded FROM idverify_fold(1, 3, 'people');
INSERT INTO marks VALUES (2);
\set VERBOSITY terse
SELECT * FROM idverify_fold(2, 3, 'people');  -- fail
-- so does a row that would be set free of the target, since nobody could find back
-- what pointed to it
CREATE TABLE staff (id int PRIMARY KEY, boss int REFERENCES staff, UNIQUE (id, boss));
CREATE TABLE rooms (staff int, boss int, CONSTRAINT room_of_staff FOREIGN KEY (staff, boss) REFERENCES staff (id, boss) ON UPDATE SET NULL);
INSERT INTO staff VALUES (1, NULL), (2, 1);
INSERT INTO rooms VALUES (2, 1);
SELECT * FROM idverify_fold(1, 2, 'staff');  -- fail
TABLE rooms;


-- Messages point to people by a key that is older than that of the chats, and by
-- another one to chats of the same person.
CREATE FUNCTION moved_by_age(of_chat text, OUT folded text, OUT undone text) LANGUAGE plpgsql AS $$
DECLARE
	fold bigint;
	pointers text := $p$ SELECT string_agg(concat(chat, '/', person), ' ' ORDER BY id) || (SELECT string_agg(concat(', ', id, '/', person), '' ORDER BY id) FROM halls) FROM letters $p$;
BEGIN
	CREATE TABLE persons (id int PRIMARY KEY);
	CREATE TABLE letters (id int PRIMARY KEY, chat int, person int REFERENCES persons);
	CREATE TABLE halls (id int, person int REFERENCES persons, UNIQUE (id, person));
	EXECUTE 'ALTER TABLE letters ADD FOREIGN KEY (chat, person) REFERENCES halls (id, person) ' || of_chat;
	INSERT INTO persons VALUES (1), (2);
	INSERT INTO halls VALUES (1, 1), (2, 2);
	INSERT INTO letters VALUES (1, 1, 1), (2, 2, 2), (3, NULL, 1);
	SET CONSTRAINTS ALL IMMEDIATE;
	SET CONSTRAINTS ALL DEFERRED;
	SELECT min(fold_id) INTO fold FROM idverify_fold(1, 2, 'persons');
	SET CONSTRAINTS ALL IMMEDIATE;
	SET CONSTRAINTS ALL DEFERRED;
	EXECUTE pointers INTO folded;
	PERFORM idverify_unfold(fold);
	SET CONSTRAINTS ALL IMMEDIATE;
	EXECUTE pointers INTO undone;
	RAISE 'take it all back' USING errcode = 'ZZ999';
EXCEPTION WHEN OTHERS THEN
	IF sqlstate <> 'ZZ999' THEN
		folded = sqlstate || ': ' || sqlerrm;
	END IF;
END
$$;
SELECT action, f.* FROM actions, moved_by_age(action) f WHERE action NOT LIKE 'MATCH FULL%' ORDER BY nr;

-- A key may point to one partition alone.  To such a key a row that goes to another
-- partition is deleted; nothing is cascaded away, or emptied: the fold, or the undo,
-- names the key.  pictures: the key is made, and what points by it is put there.
CREATE FUNCTION after_leaving(prepare text, action text, rows text, call text, OUT outcome text, OUT pictures text) LANGUAGE plpgsql AS $$
DECLARE
	fold bigint;
BEGIN
	CREATE TABLE letters (id int, person int REFERENCES people) PARTITION BY LIST (person);
	CREATE TABLE letters_5 PARTITION OF letters (UNIQUE (id)) FOR VALUES IN (5);
	CREATE TABLE letters_6 PARTITION OF letters (UNIQUE (id)) FOR VALUES IN (6);
	CREATE TABLE lines (id int, chat int, person int, FOREIGN KEY (chat, person) REFERENCES chats (id, person)) PARTITION BY LIST (person);
	CREATE TABLE lines_5 PARTITION OF lines (UNIQUE (id)) FOR VALUES IN (5);
	CREATE TABLE lines_6 PARTITION OF lines (UNIQUE (id)) FOR VALUES IN (6);
	CREATE TABLE pictures (thing int DEFAULT 7);
	INSERT INTO people VALUES (5), (6);
	INSERT INTO letters VALUES (10, 5), (7, 5);
	INSERT INTO chats VALUES (5, 5);
	INSERT INTO lines VALUES (10, 5, 5), (7, 5, 5);
	EXECUTE coalesce(prepare, 'SELECT 0') INTO fold;
	EXECUTE format('ALTER TABLE pictures ADD CONSTRAINT of_thing FOREIGN KEY (thing) REFERENCES %s', action);
	EXECUTE format('INSERT INTO pictures SELECT n FROM unnest(ARRAY[%s]::int[]) n', rows);
	BEGIN
		EXECUTE format(call, fold);
		outcome = 'done';
	EXCEPTION WHEN OTHERS THEN
		outcome = sqlstate || ': ' || regexp_replace(sqlerrm, 'fold \d+', 'fold N');
	END;
	SELECT string_agg(coalesce(p.thing::text, 'null'), ' ') INTO pictures FROM pictures p;
	RAISE 'take it all back' USING errcode = 'ZZ999';
EXCEPTION WHEN sqlstate 'ZZ999' THEN
END
$$;
SELECT what, action, f.* FROM (VALUES
	(1, 'a fold', NULL, 'letters_5 (id)', '10', 'SELECT idverify_fold(5, 6, ''people'')'),
	(2, 'a fold, and nothing points there', NULL, 'letters_5 (id)', '', 'SELECT idverify_fold(5, 6, ''people'')'),
	(3, 'what follows', NULL, 'lines_5 (id)', '10', 'SELECT idverify_fold(5, 6, ''people'')'),
	(4, 'an undo', 'SELECT min(fold_id) FROM idverify_fold(5, 6, ''people'')', 'letters_6 (id)', '10', 'SELECT idverify_unfold(%s)'),
	(5, 'the undo of what followed', 'SELECT min(fold_id) FROM idverify_fold(5, 6, ''people'')', 'lines_6 (id)', '10', 'SELECT idverify_unfold(%s)')
	) w(nr, what, prepare, key, rows, call),
	unnest(ARRAY['', ' ON DELETE CASCADE', ' ON DELETE SET NULL', ' ON DELETE SET DEFAULT DEFERRABLE INITIALLY DEFERRED']) action,
	after_leaving(prepare, key || action, rows, call) f ORDER BY nr, action;

DELETE FROM idverify.fold_rows WHERE app_id = 0;
DELETE FROM idverify.folds WHERE app_id = 0;
DROP SCHEMA fold_key_actions CASCADE;

--
-- idverify_fold(): foreign keys to contacts hold, whatever else happens.
--
-- A fold has its target locked, so its foreign keys need not ask for each row
-- whether the target is there.  Where that is not enough to know that they
-- hold, they do ask, or the fold fails: no row is ever left pointing to nothing.
--
SET client_min_messages = warning;
\set VERBOSITY sqlstate
CREATE SCHEMA fold_keys;
SET search_path = fold_keys, public;

CREATE TABLE people (id bigint PRIMARY KEY, name text);
CREATE TABLE notes (id serial PRIMARY KEY, person bigint NOT NULL REFERENCES people);
CREATE VIEW dangling AS SELECT * FROM notes WHERE person NOT IN (SELECT id FROM people);
INSERT INTO people SELECT n FROM generate_series(1, 9) n;
INSERT INTO notes (person) SELECT 1 FROM generate_series(1, 100);

-- a hundred rows are moved, and the target is not looked up a hundred times
CREATE FUNCTION lookups() RETURNS bigint LANGUAGE sql RETURN (SELECT idx_scan FROM pg_stat_xact_user_tables WHERE relid = 'fold_keys.people'::regclass);
CREATE FUNCTION fold_some(source bigint, target bigint, along regclass, OUT moved bigint, OUT few_lookups boolean) LANGUAGE plpgsql AS $$
DECLARE
	before bigint := lookups();
BEGIN
	SELECT f.moved INTO moved FROM idverify_fold(source, target, 'people') f WHERE relation = along;
	few_lookups = lookups() - before < 20;
END
$$;
SELECT * FROM fold_some(1, 2, 'notes');
SELECT person, count(*) FROM notes GROUP BY person;
-- a bare UPDATE does
CREATE FUNCTION update_some(OUT few_lookups boolean) LANGUAGE plpgsql AS $$
DECLARE
	before bigint := lookups();
BEGIN
	UPDATE notes SET person = 3;
	few_lookups = lookups() - before < 20;
END
$$;
SELECT * FROM update_some();

-- a trigger that makes the row point elsewhere: its key asks
CREATE FUNCTION redirect() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.person = 77; RETURN NEW; END $$;
CREATE TRIGGER redirect BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION redirect();
SELECT * FROM idverify_fold(3::bigint, 4::bigint, 'people');  -- fail
DROP TRIGGER redirect ON notes;

-- triggers that take the target away: before a row points to it, and after
CREATE FUNCTION remove_target() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM fold_keys.people WHERE id = 4; RETURN NULL; END $$;
CREATE TRIGGER remove_target BEFORE UPDATE ON notes FOR EACH STATEMENT EXECUTE FUNCTION remove_target();
SELECT * FROM idverify_fold(3::bigint, 4::bigint, 'people');  -- fail: 55000
DROP TRIGGER remove_target ON notes;
CREATE TRIGGER remove_target AFTER UPDATE ON notes FOR EACH STATEMENT EXECUTE FUNCTION remove_target();
SELECT * FROM idverify_fold(3::bigint, 4::bigint, 'people');  -- fail
DROP TRIGGER remove_target ON notes;
-- ... or give it another id
CREATE FUNCTION rename_target() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE fold_keys.people SET id = 44 WHERE id = 4; RETURN NULL; END $$;
CREATE TRIGGER rename_target BEFORE UPDATE ON notes FOR EACH STATEMENT EXECUTE FUNCTION rename_target();
SELECT * FROM idverify_fold(3::bigint, 4::bigint, 'people');  -- fail: 55000
DROP TRIGGER rename_target ON notes;

-- ... where no key points to it: a column that is only listed
CREATE TABLE listed (person bigint);
INSERT INTO listed VALUES (5);
SELECT idverify_add_reference('people', 'listed', 'person');
CREATE FUNCTION remove_six() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM fold_keys.people WHERE id = 6; RETURN NULL; END $$;
CREATE TRIGGER remove_six AFTER UPDATE ON listed FOR EACH STATEMENT EXECUTE FUNCTION remove_six();
SELECT * FROM idverify_fold(5::bigint, 6::bigint, 'people');  -- fail: 55000
DELETE FROM idverify.contact_references WHERE relation = 'listed'::regclass;
DROP TABLE listed;

-- another key of the same column still asks
CREATE TABLE members (id bigint PRIMARY KEY);
INSERT INTO members VALUES (3), (5);
ALTER TABLE notes ADD CONSTRAINT of_member FOREIGN KEY (person) REFERENCES members;
SELECT * FROM idverify_fold(3::bigint, 4::bigint, 'people');  -- fail
SELECT moved FROM idverify_fold(3::bigint, 5::bigint, 'people') WHERE relation = 'notes'::regclass;
ALTER TABLE notes DROP CONSTRAINT of_member;

-- a key that asks at COMMIT
ALTER TABLE notes ALTER CONSTRAINT notes_person_fkey DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO notes (person) VALUES (5);
SELECT moved FROM idverify_fold(5::bigint, 6::bigint, 'people') WHERE relation = 'notes'::regclass;
COMMIT;
BEGIN;
SELECT moved FROM idverify_fold(6::bigint, 7::bigint, 'people') WHERE relation = 'notes'::regclass;
DELETE FROM people WHERE id = 7;
COMMIT;  -- fail
TABLE dangling;

-- partitions, of which one has a trigger that makes rows point elsewhere
CREATE TABLE parted (id serial, person bigint REFERENCES people, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (51) PARTITION BY RANGE (id);
CREATE TABLE parted_1_1 PARTITION OF parted_1 FOR VALUES FROM (1) TO (51);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (51) TO (101);
DELETE FROM notes;
INSERT INTO parted (person) SELECT 6 FROM generate_series(1, 100);
SELECT * FROM fold_some(6, 7, 'parted');
CREATE TRIGGER redirect BEFORE UPDATE ON parted_2 FOR EACH ROW EXECUTE FUNCTION redirect();
SELECT * FROM idverify_fold(7::bigint, 8::bigint, 'people');  -- fail
DROP TRIGGER redirect ON parted_2;
-- ... and rows that change partition with their person
CREATE TABLE by_person (id int, person bigint REFERENCES people, PRIMARY KEY (id, person)) PARTITION BY LIST (person);
CREATE TABLE by_person_7 PARTITION OF by_person FOR VALUES IN (7);
CREATE TABLE by_person_rest PARTITION OF by_person DEFAULT;
INSERT INTO by_person VALUES (1, 7), (2, 7);
CREATE TRIGGER redirect BEFORE INSERT ON by_person_rest FOR EACH ROW EXECUTE FUNCTION redirect();
SELECT * FROM idverify_fold(7::bigint, 8::bigint, 'people');  -- fail
DROP TRIGGER redirect ON by_person_rest;
SELECT relation, moved FROM idverify_fold(7::bigint, 8::bigint, 'people') ORDER BY relation::text;
SELECT tableoid::regclass, * FROM by_person ORDER BY id;
DROP TABLE notes, parted, by_person, people CASCADE;

-- a key that stores less than the target has: numbers that are rounded, by the
-- column or by a domain, would point to nobody, to the source still, or to a stranger
CREATE TABLE people (id numeric PRIMARY KEY);
INSERT INTO people VALUES (1), (2.6), (3), (4.4), (5);
CREATE TABLE whole (person int REFERENCES people);
INSERT INTO whole VALUES (1);
SELECT * FROM idverify_fold(1::numeric, 2.6, 'people');  -- fail: 55000
SELECT moved FROM idverify_fold(1::numeric, 5::numeric, 'people') WHERE relation = 'whole'::regclass;
DROP TABLE whole;
CREATE TABLE rounded (person numeric(5, 0) REFERENCES people);
INSERT INTO rounded VALUES (5);
SELECT * FROM idverify_fold(5::numeric, 4.4, 'people');  -- fail: 55000
INSERT INTO people VALUES (1), (1.4), (5.4);
DELETE FROM rounded;
ALTER TABLE rounded DROP CONSTRAINT rounded_person_fkey, ADD FOREIGN KEY (person) REFERENCES people ON DELETE CASCADE;
INSERT INTO rounded VALUES (1);
SELECT * FROM idverify_fold(1::numeric, 1.4, 'people');  -- fail: 55000
SELECT * FROM idverify_fold(1::numeric, 5.4, 'people');  -- fail: 55000
CREATE DOMAIN whole_number AS numeric(10, 0);
CREATE TABLE by_domain (person whole_number REFERENCES people);
INSERT INTO by_domain VALUES (5);
SELECT * FROM idverify_fold(5::numeric, 4.4, 'people');  -- fail: 55000
TABLE rounded;
TABLE by_domain;
-- ... what fits is moved
SELECT relation, moved FROM idverify_fold(5::numeric, 1::numeric, 'people') ORDER BY relation::text;
-- ... also back, whatever digits the target's number is written with
INSERT INTO people VALUES (7.0), (8.00);
CREATE TABLE whole (id int PRIMARY KEY, person int REFERENCES people);
INSERT INTO whole VALUES (1, 7);
SELECT min(fold_id) AS fold FROM idverify_fold(7::numeric, 8::numeric, 'people') \gset
TABLE whole;
SELECT relation, moved, restored FROM idverify_unfold(:fold) ORDER BY relation::text;
TABLE whole;
DROP TABLE whole, rounded, by_domain, people;
DROP DOMAIN whole_number;

-- a column that is too short for the target is in nobody's way where nothing in
-- it points to the source; and else it is named
CREATE TABLE people (id numeric PRIMARY KEY, name text UNIQUE);
CREATE TABLE of_id (a int REFERENCES people, b numeric(5, 2) REFERENCES people);
CREATE TABLE of_name (a varchar(3) REFERENCES people (name), b char(3) REFERENCES people (name));
INSERT INTO people VALUES (1, 'ann'), (2, 'bob'), (3, 'cy'), (9999999999, 'miranda');
INSERT INTO of_id VALUES (3, NULL), (NULL, 3);
INSERT INTO of_name VALUES ('cy', NULL), (NULL, 'cy');
SELECT relation, moved, dropped FROM idverify_fold(1::numeric, 9999999999::numeric, 'people');
CREATE PROCEDURE fold_bob(pointers text) LANGUAGE plpgsql AS $$ BEGIN
	EXECUTE 'INSERT INTO ' || pointers;
	PERFORM idverify_fold(2::numeric, 9999999999::numeric, 'people');
END $$;
\set VERBOSITY terse
CALL fold_bob('of_id (a) VALUES (2)');  -- fail: integer out of range
CALL fold_bob('of_id (b) VALUES (2)');  -- fail: numeric field overflow
CALL fold_bob('of_name (a) VALUES (''bob'')');  -- fail: value too long
CALL fold_bob('of_name (b) VALUES (''bob'')');  -- fail: value too long
DROP PROCEDURE fold_bob;
\set VERBOSITY sqlstate
DROP TABLE of_id, of_name, people;

-- whether somebody's own operator takes a rounded number for the target's, is not
-- asked: it would run with other rights than its owner's.  The key asks
CREATE FUNCTION same(numeric, numeric) RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT AS $$ BEGIN RETURN $1 OPERATOR(pg_catalog.=) $2; END $$;
CREATE OPERATOR === (LEFTARG = numeric, RIGHTARG = numeric, FUNCTION = same, COMMUTATOR = ===);
CREATE OPERATOR CLASS own_ops FOR TYPE numeric USING btree AS
	OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 ===, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 numeric_cmp(numeric, numeric);
CREATE TABLE people (id int PRIMARY KEY, code numeric);
CREATE UNIQUE INDEX ON people (code own_ops);
CREATE DOMAIN whole_number AS numeric(10, 0);
CREATE TABLE of_code (code whole_number REFERENCES people (code));
INSERT INTO people VALUES (1, 5), (2, 2.6), (3, 7);
INSERT INTO of_code VALUES (5);
SELECT * FROM idverify_fold(1, 2, 'people');  -- fail
SELECT relation, moved FROM idverify_fold(1, 3, 'people') ORDER BY relation::text;
TABLE of_code;
DROP TABLE of_code, people;
DROP DOMAIN whole_number;
DROP OPERATOR FAMILY own_ops USING btree;
DROP OPERATOR === (numeric, numeric);
DROP FUNCTION same;

-- a row that comes into a unique index by moving, and finds there one of a third
-- contact: neither is dropped for the other, whose messages nobody may get
CREATE TABLE people (id int PRIMARY KEY);
CREATE TABLE seats (id int PRIMARY KEY, person int REFERENCES people, room int);
CREATE UNIQUE INDEX ON seats (room) WHERE person > 100;
CREATE TABLE messages (seat int REFERENCES seats ON DELETE CASCADE, body text);
INSERT INTO people VALUES (5), (150), (170);
INSERT INTO seats VALUES (1, 5, 1), (2, 170, 1), (3, 150, 2);
INSERT INTO messages VALUES (1, 'from five');
SELECT * FROM idverify_fold(5, 150, 'people');  -- fail: 55000
SELECT * FROM messages JOIN seats ON seat = id;
SELECT relation, moved, dropped FROM idverify_fold(5, 170, 'people') ORDER BY relation::text;
SELECT * FROM messages JOIN seats ON seat = id;
DROP TABLE messages, seats, people;
-- ... also where it is of no contact
CREATE TABLE people (id int PRIMARY KEY);
CREATE TABLE tags (sender int, sender_type text, tag text, UNIQUE (sender, tag));
SELECT idverify_add_reference('people', 'tags', 'sender', 'sender_type = ''Contact''');
INSERT INTO people VALUES (1), (2);
INSERT INTO tags VALUES (1, 'Contact', 'vip'), (2, 'User', 'vip');
SELECT * FROM idverify_fold(1, 2, 'people');  -- fail: 55000
DELETE FROM idverify.contact_references WHERE relation = 'tags'::regclass;
DROP TABLE tags, people;

-- a rule that puts another UPDATE in the place of the move
CREATE TABLE people (id bigint PRIMARY KEY);
CREATE TABLE ruled (id int PRIMARY KEY, person bigint REFERENCES people ON DELETE CASCADE) PARTITION BY RANGE (id);
CREATE TABLE ruled_1 PARTITION OF ruled FOR VALUES FROM (1) TO (100);
CREATE TABLE other (id int, person bigint);
INSERT INTO people VALUES (1), (2);
INSERT INTO ruled VALUES (1, 1);
INSERT INTO other VALUES (1, 1);
CREATE RULE instead AS ON UPDATE TO ruled DO INSTEAD UPDATE ruled_1 SET person = NEW.person + 40 WHERE id = OLD.id RETURNING ruled_1.*;
SELECT * FROM idverify_fold(1::bigint, 2::bigint, 'people');  -- fail: 0A000
DROP RULE instead ON ruled;
CREATE RULE instead AS ON UPDATE TO ruled DO INSTEAD UPDATE other SET person = NEW.person WHERE id = OLD.id RETURNING other.*;
SELECT * FROM idverify_fold(1::bigint, 2::bigint, 'people');  -- fail: 0A000
TABLE ruled;
-- ... or another INSERT in the place of what an unfold puts back
DROP RULE instead ON ruled;
CREATE TABLE tags (id int PRIMARY KEY, person bigint REFERENCES people, tag text, UNIQUE (person, tag));
INSERT INTO tags VALUES (1, 1, 'vip'), (2, 2, 'vip');
SELECT min(fold_id) AS fold FROM idverify_fold(1::bigint, 2::bigint, 'people') \gset
CREATE RULE instead AS ON INSERT TO tags DO INSTEAD INSERT INTO other VALUES (NEW.id);
SELECT idverify_unfold(:fold);  -- fail: 0A000
DROP RULE instead ON tags;
SELECT relation, moved, restored FROM idverify_unfold(:fold) ORDER BY relation::text;
-- ... or nothing in the place of a DELETE
CREATE RULE instead AS ON DELETE TO tags DO INSTEAD NOTHING;
SELECT idverify_fold(1::bigint, 2::bigint, 'people');  -- fail: 0A000
DROP RULE instead ON tags;
DROP TABLE tags, ruled, other, people;

-- a key of which a part is generated from the part that moves
CREATE TABLE people (id bigint PRIMARY KEY, shard bigint NOT NULL, UNIQUE (shard, id));
INSERT INTO people VALUES (1, 1), (11, 1), (2, 2);
CREATE TABLE notes (person bigint, shard bigint GENERATED ALWAYS AS (person % 10) STORED, FOREIGN KEY (shard, person) REFERENCES people (shard, id));
INSERT INTO notes VALUES (1);
SELECT moved FROM idverify_fold(1::bigint, 11::bigint, 'people') WHERE relation = 'notes'::regclass;
INSERT INTO people VALUES (12, 1);
SELECT * FROM idverify_fold(11::bigint, 12::bigint, 'people');  -- fail
TABLE notes;
-- ... and a trigger that changes the other part of the target's key
ALTER TABLE notes ALTER COLUMN shard DROP EXPRESSION;
CREATE FUNCTION change_shard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE fold_keys.people SET shard = 3 WHERE id = 12; RETURN NULL; END $$;
CREATE TRIGGER change_shard BEFORE UPDATE ON notes FOR EACH STATEMENT EXECUTE FUNCTION change_shard();
SELECT * FROM idverify_fold(11::bigint, 12::bigint, 'people');  -- fail: 55000
DROP TRIGGER change_shard ON notes;
SELECT moved FROM idverify_fold(11::bigint, 12::bigint, 'people') WHERE relation = 'notes'::regclass;
TABLE notes;
DROP TABLE notes, people;

-- what a dropped row leaves to the one that stays, which is not locked
CREATE TABLE people (id bigint PRIMARY KEY);
CREATE TABLE tags (id bigint PRIMARY KEY, person bigint REFERENCES people, tag text, UNIQUE (person, tag));
CREATE TABLE remarks (tag_id bigint REFERENCES tags);
INSERT INTO people VALUES (1), (2);
INSERT INTO tags VALUES (1, 1, 'vip'), (2, 2, 'vip');
INSERT INTO remarks VALUES (1);
CREATE FUNCTION remove_tag() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM fold_keys.tags WHERE id = 2; RETURN NULL; END $$;
CREATE TRIGGER remove_tag BEFORE UPDATE ON remarks FOR EACH STATEMENT EXECUTE FUNCTION remove_tag();
SELECT * FROM idverify_fold(1::bigint, 2::bigint, 'people');  -- fail: 55000
DROP TRIGGER remove_tag ON remarks;
SELECT relation, moved, dropped FROM idverify_fold(1::bigint, 2::bigint, 'people') ORDER BY relation::text;
TABLE remarks;

DROP SCHEMA fold_keys CASCADE;

--
-- idverify_fold(): whose code runs as whom
--
-- The functions belong to a superuser, the tables to somebody else, and the
-- caller is a third.  What belongs to a table, triggers, types, the functions
-- in its indexes, runs as the table's owner and never as the superuser; it
-- leaves no settings behind, and cannot change the ground under a fold.
--
SET client_min_messages = warning;
\set VERBOSITY sqlstate
CREATE ROLE regress_trust_owner LOGIN;
SELECT current_user AS superuser \gset
CREATE ROLE regress_trust_admin;
CREATE SCHEMA trust AUTHORIZATION regress_trust_owner;
CREATE SCHEMA trap AUTHORIZATION regress_trust_admin;
GRANT USAGE ON SCHEMA trust, trap TO PUBLIC;
GRANT USAGE ON SCHEMA idverify TO regress_trust_admin;
GRANT EXECUTE ON FUNCTION idverify_fold(anycompatible, anycompatible, regclass, boolean, boolean), idverify_fold(text, text, regclass, boolean, boolean), idverify_unfold, idverify_resolve(anyelement, regclass), idverify_resolve(text, regclass),
	idverify_add_reference TO regress_trust_admin;

-- who ran somebody's code? A sequence remembers it, even if the call fails.
CREATE SEQUENCE trust.ran_as_superuser;
GRANT ALL ON SEQUENCE trust.ran_as_superuser TO PUBLIC;
CREATE FUNCTION trust.note() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
		PERFORM pg_catalog.nextval('trust.ran_as_superuser');
	END IF;
	RETURN true;
END $$;
CREATE VIEW trust.trapped AS SELECT is_called AS "ran as superuser" FROM trust.ran_as_superuser;

SET ROLE regress_trust_owner;
CREATE TABLE trust.people (id int PRIMARY KEY, name text);
CREATE TABLE trust.chats (id int PRIMARY KEY, person int REFERENCES trust.people);
CREATE TABLE trust.tags (person int REFERENCES trust.people, tag text, payload text, other text);
INSERT INTO trust.people SELECT n, 'p' || n FROM generate_series(1, 9) n;
INSERT INTO trust.chats SELECT n, n FROM generate_series(1, 9) n;
INSERT INTO trust.tags SELECT n, 'vip', n, n FROM generate_series(1, 9) n;

-- a trigger leaves a search_path behind, in which = is a trap
CREATE FUNCTION trust.eq(a int, b int) RETURNS boolean LANGUAGE sql AS 'SELECT trust.note() AND a OPERATOR(pg_catalog.=) b';
CREATE FUNCTION trust.eq(a bigint, b bigint) RETURNS boolean LANGUAGE sql AS 'SELECT trust.note() AND a OPERATOR(pg_catalog.=) b';
CREATE OPERATOR trust.= (LEFTARG = int, RIGHTARG = int, FUNCTION = trust.eq);
CREATE OPERATOR trust.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = trust.eq);
CREATE FUNCTION trust.leave_path() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('search_path', 'trust, pg_catalog', false);
	RETURN NEW;
END $$;
CREATE TRIGGER leave_path BEFORE UPDATE ON trust.chats FOR EACH ROW EXECUTE FUNCTION trust.leave_path();
RESET ROLE;
SET ROLE regress_trust_admin;
SELECT min(fold_id) AS fold FROM idverify_fold(1, 2, 'trust.people') \gset
SELECT count(*) FROM idverify_unfold(:fold);
SHOW search_path;
RESET ROLE;
SET search_path = public;
TABLE trust.trapped;
DROP TRIGGER leave_path ON trust.chats;

-- functions in an index, of constants too, which are computed beforehand
CREATE FUNCTION trust.seven(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM trust.note(); RETURN 7; END $$;
SET ROLE regress_trust_owner;
CREATE UNIQUE INDEX ON trust.tags (tag, (person + trust.seven(1)), lower(payload)) WHERE trust.seven(2) = 7;
RESET ROLE;
\c -
SET client_min_messages = warning;
\set VERBOSITY sqlstate
SET ROLE regress_trust_admin;
SELECT relation, moved, dropped FROM idverify_fold(1, 2, 'trust.people') ORDER BY relation::text;
RESET ROLE;
TABLE trust.trapped;
DROP INDEX trust.tags_tag_expr_lower_idx;

-- a type that hides a domain, in an id: read by folds and from the journal
SET ROLE regress_trust_owner;
CREATE DOMAIN trust.checked AS text CHECK (trust.note());
CREATE TYPE trust.key AS (a trust.checked);
CREATE TABLE trust.keyed (id trust.key PRIMARY KEY);
INSERT INTO trust.keyed VALUES (ROW('a')), (ROW('b'));
CREATE CAST (text AS trust.key) WITH INOUT AS ASSIGNMENT;
RESET ROLE;
SET ROLE regress_trust_admin;
SELECT relation, dropped FROM idverify_fold('(a)'::text, '(b)'::text, 'trust.keyed');  -- fail
SELECT min(fold_id) AS fold FROM idverify_fold(ROW('a')::trust.key, ROW('b')::trust.key, 'trust.keyed') \gset
SELECT idverify_resolve(ROW('a')::trust.key, 'trust.keyed');
SELECT count(*) FROM idverify_unfold(:fold);
RESET ROLE;
TABLE trust.trapped;

-- a condition that hides one: nothing of it runs, not even while it is read
SET ROLE regress_trust_admin;
CREATE FUNCTION trap.spring() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped as %', current_user; END $$;
CREATE DOMAIN trap.checked AS text CHECK (trap.spring());
CREATE TYPE trap.pair AS (a trap.checked, b text);
CREATE FUNCTION trap.takes(trap.checked[], text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR trap.= (LEFTARG = trap.checked[], RIGHTARG = text, FUNCTION = trap.takes);
CREATE TYPE trap.mood AS ENUM ('sad', 'glad');
SELECT idverify_add_reference('trust.people', 'trust.tags', 'person', $$'{x}'::trap.checked[] IS NOT NULL$$);  -- fail
SELECT idverify_add_reference('trust.people', 'trust.tags', 'person', $$'(x,y)'::trap.pair IS NOT NULL$$);  -- fail
SELECT idverify_add_reference('trust.people', 'trust.tags', 'person', $$trap.pair('(x,y)') IS NOT NULL$$);  -- fail
SELECT idverify_add_reference('trust.people', 'trust.tags', 'person', $$trap._checked('{x}') IS NOT NULL$$);  -- fail
SELECT idverify_add_reference('trust.people', 'trust.tags', 'person', $$trap.takes('{x}', tag)$$);  -- fail
SELECT idverify_add_reference('trust.people', 'trust.tags', 'person', $$'{x}' OPERATOR(trap.=) tag$$);  -- fail
SELECT idverify_add_reference('trust.people', 'trust.tags', 'person', $$tag = ANY ('{vip}'::text[]) AND 'sad'::trap.mood < 'glad'$$);  -- ok
SELECT condition FROM idverify.contact_references WHERE relation = 'trust.tags'::regclass;  -- fail
RESET ROLE;
SELECT condition FROM idverify.contact_references WHERE relation = 'trust.tags'::regclass;
DELETE FROM idverify.contact_references;

-- a column's own type hides one: its owner has chosen it, and runs it
SET ROLE regress_trust_owner;
ALTER TABLE trust.tags ADD labels trust.checked[];
RESET ROLE;
SET ROLE regress_trust_admin;
SELECT idverify_add_reference('trust.people', 'trust.tags', 'person', $$labels = '{x}'$$);  -- fail
RESET ROLE;
TABLE trust.trapped;
ALTER TABLE trust.tags DROP labels;

-- a trigger that alters a table which is to be folded next
SET ROLE regress_trust_owner;
CREATE UNIQUE INDEX tags_once ON trust.tags (person, tag) WHERE person > 2;
CREATE FUNCTION trust.alter_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE TG_ARGV[0];
	RETURN NEW;
END $$;
CREATE TRIGGER alter_tags BEFORE UPDATE ON trust.chats FOR EACH ROW WHEN (OLD.id = 3)
	EXECUTE FUNCTION trust.alter_tags('ALTER TABLE trust.tags ALTER payload TYPE bigint USING 5');
SET ROLE regress_trust_admin;
SELECT * FROM idverify_fold(3, 4, 'trust.people');  -- fail
SELECT relation, moved, dropped FROM idverify_fold(5, 6, 'trust.people') ORDER BY relation::text;  -- ok, and its statements are kept
SELECT * FROM idverify_fold(3, 4, 'trust.people');  -- fail
SET ROLE regress_trust_owner;
DROP TRIGGER alter_tags ON trust.chats;
CREATE TRIGGER alter_tags BEFORE UPDATE ON trust.chats FOR EACH ROW
	EXECUTE FUNCTION trust.alter_tags('ALTER TABLE trust.tags ADD new int, ADD UNIQUE (person, payload, new)');
SET ROLE regress_trust_admin;
SELECT * FROM idverify_fold(3, 4, 'trust.people');  -- fail
RESET ROLE;
DROP TRIGGER alter_tags ON trust.chats;
SELECT count(*) FROM trust.people;

-- what would outlive the statement, to run as the superuser who folds: refused
SET ROLE regress_trust_owner;
CREATE TABLE trust.buyers (id int PRIMARY KEY);
CREATE TABLE trust.orders (id int PRIMARY KEY, buyer int REFERENCES trust.buyers DEFERRABLE INITIALLY DEFERRED,
	nr int, UNIQUE (buyer, nr) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE trust.log (id serial PRIMARY KEY);
CREATE FUNCTION trust.later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM trust.note(); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON trust.log DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION trust.later();
CREATE FUNCTION trust.leave() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE current_setting('trust.leave');
	RETURN NEW;
END $$;
CREATE TRIGGER leave BEFORE UPDATE ON trust.orders FOR EACH ROW EXECUTE FUNCTION trust.leave();
INSERT INTO trust.buyers VALUES (1), (2);
INSERT INTO trust.orders VALUES (1, 1, 1), (2, 1, 2), (3, 2, 1);
RESET ROLE;
GRANT EXECUTE ON FUNCTION idverify_fold(anycompatible, anycompatible, regclass, boolean, boolean), idverify_fold(text, text, regclass, boolean, boolean) TO regress_trust_owner;
SET trust.leave = 'DECLARE held CURSOR WITH HOLD FOR SELECT trust.note()';
SELECT * FROM idverify_fold(1, 2, 'trust.buyers');  -- fail: 42501
SET trust.leave = 'CREATE TEMP VIEW buyers AS SELECT trust.note()';
SELECT * FROM idverify_fold(1, 2, 'trust.buyers');  -- fail: 42501
SET trust.leave = 'PREPARE report AS SELECT trust.note()';
SELECT * FROM idverify_fold(1, 2, 'trust.buyers');  -- fail: 42501
SET trust.leave = 'INSERT INTO trust.log DEFAULT VALUES';
SELECT * FROM idverify_fold(1, 2, 'trust.buyers');  -- fail: 42501
-- ... nor of one who has become somebody else, which the owner's code could take back
CREATE ROLE regress_trust_dba;
SET trust.leave = 'DECLARE held CURSOR WITH HOLD FOR SELECT trust.note()';
GRANT EXECUTE ON FUNCTION idverify_fold(anycompatible, anycompatible, regclass, boolean, boolean), idverify_fold(text, text, regclass, boolean, boolean) TO regress_trust_dba;
GRANT USAGE ON SCHEMA trust TO regress_trust_dba;
SET ROLE regress_trust_dba;
SELECT * FROM idverify_fold(1, 2, 'trust.buyers');  -- fail: 42501
RESET ROLE;
SET SESSION AUTHORIZATION regress_trust_dba;
SELECT * FROM idverify_fold(1, 2, 'trust.buyers');  -- fail: 42501
RESET SESSION AUTHORIZATION;
SET trust.leave = 'SELECT 1';
-- what is deferred of the table itself, fires at once
CREATE CONSTRAINT TRIGGER later AFTER UPDATE OR INSERT ON trust.orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION trust.later();
SELECT min(fold_id) AS fold, sum(moved) AS moved, sum(dropped) AS dropped FROM idverify_fold(1, 2, 'trust.buyers') \gset
SELECT :moved AS moved, :dropped AS dropped;
SELECT * FROM idverify_unfold(:fold) ORDER BY relation::text;
TABLE trust.trapped;
-- ... of another partition, too, that a row goes to
SET ROLE regress_trust_owner;
CREATE TABLE trust.parcels (id int, buyer int REFERENCES trust.buyers DEFERRABLE INITIALLY DEFERRED, PRIMARY KEY (id, buyer)) PARTITION BY LIST (buyer);
CREATE TABLE trust.parcels_1 PARTITION OF trust.parcels FOR VALUES IN (1);
CREATE TABLE trust.parcels_2 PARTITION OF trust.parcels FOR VALUES IN (2);
INSERT INTO trust.parcels VALUES (1, 1);
RESET ROLE;
SELECT min(fold_id) AS fold FROM idverify_fold(1, 2, 'trust.buyers') \gset
SELECT tableoid::regclass, * FROM trust.parcels;
SELECT * FROM idverify_unfold(:fold) ORDER BY relation::text;
SELECT tableoid::regclass, * FROM trust.parcels;
DROP TABLE trust.parcels;
-- ... but not of one that a row is put back into, which is opened for it alone
SET ROLE regress_trust_owner;
CREATE TABLE trust.labels (id int, buyer int REFERENCES trust.buyers DEFERRABLE INITIALLY DEFERRED, tag text, UNIQUE (buyer, tag)) PARTITION BY LIST (tag);
CREATE TABLE trust.labels_a PARTITION OF trust.labels FOR VALUES IN ('a');
INSERT INTO trust.labels VALUES (1, 1, 'a'), (2, 2, 'a');
RESET ROLE;
SELECT min(fold_id) AS fold FROM idverify_fold(1, 2, 'trust.buyers') \gset
SELECT * FROM idverify_unfold(:fold);  -- fail: 42501
TABLE trust.labels ORDER BY id;
GRANT EXECUTE ON FUNCTION idverify_unfold TO regress_trust_owner;
-- nor for a superuser who has become the owner, and by a RESET is himself again
SET ROLE regress_trust_owner;
SELECT * FROM idverify_unfold(:fold);  -- fail: 42501
-- but for the owner
\c - regress_trust_owner
SET client_min_messages = warning;
SET trust.leave = 'SELECT 1';
SELECT * FROM idverify_unfold(:fold) ORDER BY relation::text;
TABLE trust.labels ORDER BY id;
DROP TABLE trust.labels;
-- who owns the tables, and folds, may leave what they like to themselves
DROP TRIGGER later ON trust.orders;
SET trust.leave = 'DECLARE held CURSOR WITH HOLD FOR SELECT trust.note()';
SELECT relation, moved, dropped FROM idverify_fold(1, 2, 'trust.buyers') ORDER BY relation::text;
FETCH held;
CLOSE held;
\c - :superuser
SET client_min_messages = warning;
REVOKE EXECUTE ON FUNCTION idverify_unfold FROM regress_trust_owner;
TABLE trust.trapped;

-- the extension's own tables are no contacts, and do not point to any
SET ROLE regress_trust_admin;
CREATE TABLE trap.flags (id boolean PRIMARY KEY);
SELECT * FROM idverify_fold(1, 2, 'idverify.apps');  -- fail
SELECT * FROM idverify_fold(1, 2, 'idverify.folds');  -- fail
SELECT idverify_add_reference('trap.flags', 'idverify.contacts', 'is_verified');  -- fail
SELECT idverify_add_reference('trap.flags', 'idverify.apps', 'revealable');  -- fail
RESET ROLE;

DELETE FROM idverify.folds WHERE contacts LIKE 'trust.%';
DELETE FROM idverify.fold_rows WHERE relation LIKE 'trust.%';
DROP SCHEMA trust, trap CASCADE;
DROP OWNED BY regress_trust_owner, regress_trust_admin, regress_trust_dba;
DROP ROLE regress_trust_owner, regress_trust_admin, regress_trust_dba;

--
-- idverify_guard() and idverify_fold(): a fold is let through
--
-- What a fold or an unfold writes carries no user_hash, and yet is not judged:
-- the contacts were when they were made.  All else is, what somebody's trigger
-- does in the course of a fold included.
--
\set VERBOSITY terse
\pset null -
SELECT app_key FROM idverify_create_app('Shop', 'shop', 'one secret for all of them', 'accept');
CREATE FUNCTION hash(value text) RETURNS text LANGUAGE sql
	RETURN encode(hmac(convert_to(value, 'UTF8'), 'one secret for all of them', 'sha256'), 'hex');
CREATE TABLE contacts (
	id			bigint PRIMARY KEY,
	app_key		text,
	external_id	text,
	email		text,
	name		text,
	user_hash	text,
	is_verified	boolean
);
CREATE TABLE messages (contact_id bigint REFERENCES contacts, body text);
CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON contacts
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();
INSERT INTO contacts VALUES
	(1, 'shop', 'alice', NULL, 'Alice', hash('alice'), NULL),
	(2, 'shop', 'al', 'al@x.org', 'Al', NULL, NULL),
	(3, 'shop', NULL, 'alice@x.org', 'Alice B.', hash('alice@x.org'), NULL);
INSERT INTO messages SELECT n, 'from ' || n FROM generate_series(1, 3) n;

-- from now on the app would not have contact 2 at all
UPDATE idverify.apps SET on_unverified = 'reject';
SELECT * FROM contacts ORDER BY id;

-- there: into a verified contact, also of a verified one
SELECT fold_id AS unverified FROM idverify_fold(2::bigint, 1::bigint, 'contacts') LIMIT 1 \gset
SELECT fold_id AS verified FROM idverify_fold(3::bigint, 1::bigint, 'contacts', force => true) LIMIT 1 \gset
SELECT * FROM contacts ORDER BY id;

-- and back, with the flags that they had
SELECT count(*) > 0 AS undone FROM idverify_unfold(:verified);
SELECT count(*) > 0 AS undone FROM idverify_unfold(:unverified);
SELECT * FROM contacts ORDER BY id;
SELECT * FROM messages ORDER BY body;

-- all of it under drop
UPDATE idverify.apps SET on_unverified = 'drop';
SELECT fold_id AS unverified FROM idverify_fold(2::bigint, 1::bigint, 'contacts') LIMIT 1 \gset
SELECT count(*) > 0 AS undone FROM idverify_unfold(:unverified);
SELECT * FROM contacts ORDER BY id;

-- what a trigger of the table writes meanwhile is judged
CREATE FUNCTION keep_copy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.contacts VALUES (OLD.id + 10, 'shop', 'victim', NULL, 'Copy', NULL, true);
	UPDATE public.contacts SET external_id = 'victim', is_verified = true WHERE id = 3;
	RETURN NULL;
END $$;
CREATE TRIGGER keep_copy AFTER DELETE ON contacts FOR EACH ROW EXECUTE FUNCTION keep_copy();
SELECT count(*) > 0 AS folded FROM idverify_fold(2::bigint, 1::bigint, 'contacts');
SELECT * FROM contacts ORDER BY id;

-- and so is what comes after, also after a fold that failed
DO $$ BEGIN
	PERFORM idverify_fold(99::bigint, 1::bigint, 'contacts');
EXCEPTION WHEN OTHERS THEN
	RAISE NOTICE '%', SQLSTATE;
END $$;
INSERT INTO contacts VALUES (20, 'shop', 'victim', NULL, 'Forged', NULL, true) RETURNING *;

-- other names for the columns: the fold knows those that the guard looks after
SELECT app_key FROM idverify_create_app('Other', 'other', 'one secret for all of them', 'accept');
UPDATE idverify.apps SET on_unverified = 'accept';
CREATE TABLE people (
	id		bigint PRIMARY KEY,
	account	text,
	uid		text,
	mail	text,
	sig		text,
	trusted	boolean
) PARTITION BY RANGE (id);
CREATE TABLE people_all PARTITION OF people DEFAULT;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION
	idverify_guard('app_key=account', 'external_id=uid', 'email=mail', 'user_hash=sig', 'is_verified=trusted');
INSERT INTO people VALUES
	(1, 'shop', NULL, 'm@m', hash('m@m')),
	(2, 'shop', 'boss', NULL, NULL),
	(3, 'other', 'oz', NULL, NULL),
	(4, 'shop', 'eve', NULL, NULL);
-- ... an unsigned id does not become a verified contact's
SELECT count(*) > 0 AS folded FROM idverify_fold(2::bigint, 1::bigint, 'people');
SELECT * FROM people ORDER BY id;
-- ... a verified source is refused
SELECT count(*) > 0 AS folded FROM idverify_fold(1::bigint, 4::bigint, 'people');  -- fail
-- ... nor is one folded that is of another app, or the flag filled in
SELECT count(*) > 0 AS folded FROM idverify_fold(3::bigint, 4::bigint, 'people');  -- fail
SELECT fold_id AS forced FROM idverify_fold(1::bigint, 4::bigint, 'people', force => true) LIMIT 1 \gset
SELECT * FROM people ORDER BY id;
SELECT count(*) > 0 AS undone FROM idverify_unfold(:forced);

-- what was taken over and has been signed since stays with who signed it
INSERT INTO people VALUES (5, 'shop', NULL, NULL, NULL), (6, 'shop', 'frank', NULL, NULL);
SELECT fold_id AS signed FROM idverify_fold(6::bigint, 5::bigint, 'people') LIMIT 1 \gset
UPDATE people SET sig = hash('frank') WHERE id = 5;
SELECT count(*) > 0 AS undone FROM idverify_unfold(:signed);
SELECT * FROM people WHERE id IN (5, 6) ORDER BY id;

-- a guard of one partition, of whose columns the fold does not know
DROP TRIGGER guard ON people;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON people_all FOR EACH ROW EXECUTE FUNCTION
	idverify_guard('app_key=account', 'external_id=uid', 'email=mail', 'user_hash=sig', 'is_verified=trusted');
SELECT count(*) > 0 AS folded FROM idverify_fold(4::bigint, 1::bigint, 'people');  -- fail
SELECT * FROM people ORDER BY id;
DROP TABLE people;

DROP TABLE messages, contacts;
DROP FUNCTION keep_copy(), hash(text);
DELETE FROM idverify.fold_rows;
DELETE FROM idverify.folds;
DELETE FROM idverify.apps;

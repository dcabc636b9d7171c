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

DROP TABLE messages, contacts;
DROP FUNCTION keep_copy(), hash(text);
DELETE FROM idverify.fold_rows;
DELETE FROM idverify.folds;
DELETE FROM idverify.apps;

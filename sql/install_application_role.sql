--
-- The chat application's role: EXECUTE on the ask group, its own tables, and
-- nothing else
--
-- That is enough for the whole story of a visitor, and for nothing beyond it:
-- not to forge the flag, not to read a secret, not to touch the journal.
--
\set VERBOSITY sqlstate
SET client_min_messages = warning;
TRUNCATE idverify.contacts, idverify.folds, idverify.fold_rows RESTART IDENTITY;
SELECT app_key FROM idverify_create_app('Shop', 'shop', secret => '0123456789abcdef-shop');
SELECT encode(hmac('ann'::bytea, '0123456789abcdef-shop'::bytea, 'sha256'), 'hex') AS ann \gset

CREATE ROLE regress_idverify_chat;
GRANT EXECUTE ON FUNCTION idverify_check, idverify_verdict, idverify_identify(text, jsonb, uuid), idverify_identify(text, jsonb, text), idverify_mask TO regress_idverify_chat;
CREATE TABLE messages (
	id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	contact_id bigint NOT NULL REFERENCES idverify.contacts (id),
	body text);
GRANT SELECT, INSERT ON messages TO regress_idverify_chat;
-- a contacts table of somebody's own, under the guard
CREATE TABLE people (id int PRIMARY KEY, app_key text, external_id text, email text, user_hash text, is_verified boolean);
CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION idverify_guard();
GRANT SELECT, INSERT, UPDATE ON people TO regress_idverify_chat;

SET ROLE regress_idverify_chat;

-- the visitor's story: asks, chats anonymously, logs in, comes back, forges
SELECT idverify_check('shop', 'ann', :'ann') AS "check", idverify_verdict('shop', 'ann', NULL, :'ann') AS verdict, right(idverify_mask('shop'), 4) AS mask;
SELECT contact_id AS before, visitor, is_verified FROM idverify_identify('shop') \gset
INSERT INTO messages (contact_id, body) VALUES (:before, 'hello');
SELECT contact_id AS ann_id, is_verified, created, fold_id IS NOT NULL AS folded
	FROM idverify_identify('shop', jsonb_build_object('external_id', 'ann', 'user_hash', :'ann'), :'visitor') \gset
\echo verified: :is_verified, created: :created, folded: :folded
SELECT contact_id = :ann_id AS anns, body FROM messages;
SELECT contact_id = :ann_id AS anns, is_verified FROM idverify_identify('shop', jsonb_build_object('external_id', 'ann', 'user_hash', 'forged', 'is_verified', true), :'visitor');
-- its own rows in the guarded table
INSERT INTO people VALUES (1, 'shop', 'ann', NULL, :'ann', false), (2, 'shop', 'bob', NULL, 'forged', true);
UPDATE people SET is_verified = true WHERE id = 2;
SELECT * FROM people ORDER BY id;

-- the tables of idverify: not one of them, in any way (42501)
SELECT FROM idverify.contacts;
INSERT INTO idverify.contacts (app_id, external_id, is_verified) VALUES (1, 'eve', true);
UPDATE idverify.contacts SET is_verified = true;
DELETE FROM idverify.contacts;
SELECT FROM idverify.secrets;
SELECT FROM idverify.apps;
UPDATE idverify.apps SET on_unverified = 'accept';
SELECT FROM idverify.folds;
DELETE FROM idverify.fold_rows;
INSERT INTO idverify.contact_references VALUES ('pg_class', 'pg_class', 'oid', NULL);
SELECT FROM idverify.app_status;
SELECT nextval('idverify.contacts_id_seq');
-- nor the functions of the other group (42501)
SELECT idverify_sign('shop', 'ann');
SELECT idverify_rotate('shop');
SELECT idverify_reveal('shop');
SELECT idverify_fold(:before::bigint, :ann_id::bigint);
SELECT idverify_unfold(1);
SELECT idverify_resolve(:before::bigint);
SELECT idverify_add_reference('messages', 'messages', 'contact_id');
-- nor the guard, on a table of its own making, without being allowed to use it
CREATE TEMP TABLE mine (LIKE people);
CREATE TRIGGER mine BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION idverify_guard();
-- nor can it change the trigger of a table that it does not own
ALTER TABLE people DISABLE TRIGGER zz_guard;
SET session_replication_role = replica;

-- things planted under its search_path are not used, least of all with our rights
CREATE TEMP TABLE contacts (LIKE people);
CREATE FUNCTION pg_temp.lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped as %', current_user; END $$;
SET search_path = pg_temp, public, pg_catalog;
SELECT contact_id = :ann_id AS anns, is_verified FROM public.idverify_identify('shop', jsonb_build_object('external_id', 'ann', 'email', 'A@example.org', 'user_hash', :'ann'));
SELECT is_verified FROM public.idverify_identify('shop', '{"email": "A@example.org"}');
RESET search_path;
RESET ROLE;

SELECT external_id, is_verified FROM idverify.contacts WHERE is_verified;

DROP TABLE messages, people;
DROP FUNCTION pg_temp.lower(text);
DROP OWNED BY regress_idverify_chat;
DROP ROLE regress_idverify_chat;
TRUNCATE idverify.contacts, idverify.folds, idverify.fold_rows RESTART IDENTITY;
DELETE FROM idverify.apps;

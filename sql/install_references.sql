--
-- REFERENCES on idverify.contacts is the right to run code as its owner
--
-- For each row of a table with a foreign key, the server looks for the row that
-- it points to, as the owner of the table that it points to, and runs there what
-- brings the value to the type of the key: a cast, whose function anybody who
-- owns the type may have written.  The owner of idverify.contacts is a superuser.
-- So nobody is granted REFERENCES, and whoever installed the extension creates
-- the foreign keys.
--
\set VERBOSITY sqlstate
SET client_min_messages = warning;
TRUNCATE idverify.contacts, idverify.folds, idverify.fold_rows RESTART IDENTITY;
SELECT app_key FROM idverify_create_app('Shop', 'shop');
SELECT contact_id AS visitor FROM idverify_identify('shop') \gset

-- what the documents grant to a chat application's role
CREATE ROLE regress_idverify_chat;
GRANT EXECUTE ON FUNCTION idverify_check, idverify_verdict, idverify_identify(text, jsonb, uuid), idverify_identify(text, jsonb, text), idverify_mask TO regress_idverify_chat;
GRANT USAGE ON SCHEMA idverify TO regress_idverify_chat;
GRANT SELECT ON idverify.contacts TO regress_idverify_chat;
SELECT count(*) FILTER (WHERE has_table_privilege('regress_idverify_chat', oid, 'SELECT')) AS may_select,
	   count(*) FILTER (WHERE has_any_column_privilege('regress_idverify_chat', oid, 'REFERENCES')) AS may_reference,
	   count(*) FILTER (WHERE has_table_privilege('regress_idverify_chat', oid, 'TRIGGER')) AS may_trigger
  FROM pg_class WHERE relnamespace = 'idverify'::regnamespace AND relkind IN ('r', 'v');
CREATE TABLE conversations (contact_id bigint NOT NULL REFERENCES idverify.contacts (id), subject text);
GRANT SELECT, INSERT, UPDATE ON conversations TO regress_idverify_chat;
-- and a place for what it makes itself, as others may have
CREATE SCHEMA regress_idverify_chat AUTHORIZATION regress_idverify_chat;

-- a type of its own, whose cast to bigint tells who runs it
SET ROLE regress_idverify_chat;
SET search_path = regress_idverify_chat, public;
CREATE TABLE ran_as (superuser boolean);
GRANT ALL ON ran_as TO PUBLIC;
SELECT format('CREATE TYPE contact AS ENUM (%L)', :'visitor') \gexec
CREATE FUNCTION bigint_of(contact) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO regress_idverify_chat.ran_as SELECT rolsuper FROM pg_roles WHERE rolname = current_user;
	RETURN $1::text::bigint;
END $$;
CREATE CAST (contact AS bigint) WITH FUNCTION bigint_of(contact) AS IMPLICIT;
CREATE TABLE mine (id contact);

-- with these rights it can use the chat, and no foreign key makes its cast run (42501)
INSERT INTO conversations VALUES (:visitor, 'hello');
ALTER TABLE mine ADD FOREIGN KEY (id) REFERENCES idverify.contacts (id);
CREATE TABLE mine_too (id contact REFERENCES idverify.contacts (id));
ALTER TABLE conversations ALTER contact_id TYPE contact USING NULL;
SELECT count(*) AS ran FROM ran_as;

-- where the table is its own, and a superuser has made the key: it cannot put its type there
RESET ROLE;
CREATE TABLE chats (contact_id bigint);
ALTER TABLE chats ADD FOREIGN KEY (contact_id) REFERENCES idverify.contacts (id);
ALTER TABLE chats OWNER TO regress_idverify_chat;
SET ROLE regress_idverify_chat;
ALTER TABLE chats ALTER contact_id TYPE contact USING contact_id::text::contact;
INSERT INTO chats VALUES (:visitor);
SELECT count(*) AS ran FROM ran_as;

-- with REFERENCES, on the table or on one column, it runs as a superuser
RESET ROLE;
GRANT REFERENCES (id) ON idverify.contacts TO regress_idverify_chat;
SET ROLE regress_idverify_chat;
ALTER TABLE mine ADD FOREIGN KEY (id) REFERENCES idverify.contacts (id);
SELECT format('INSERT INTO mine VALUES (%L)', :'visitor') \gexec
SELECT superuser, count(*) > 0 AS ran FROM ran_as GROUP BY superuser;
RESET ROLE;
RESET search_path;

-- TRIGGER, which GRANT ALL includes, is the same by a shorter way: whoever writes
-- to the table by hand, runs it
GRANT TRIGGER ON idverify.contacts TO regress_idverify_chat;
SET ROLE regress_idverify_chat;
TRUNCATE regress_idverify_chat.ran_as;
CREATE FUNCTION regress_idverify_chat.tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO regress_idverify_chat.ran_as SELECT rolsuper FROM pg_roles WHERE rolname = current_user;
	RETURN NEW;
END $$;
CREATE TRIGGER tell BEFORE INSERT ON idverify.contacts FOR EACH ROW EXECUTE FUNCTION regress_idverify_chat.tell();
RESET ROLE;
INSERT INTO idverify.contacts (app_id) SELECT id FROM idverify.apps;
SELECT superuser, count(*) > 0 AS ran FROM regress_idverify_chat.ran_as GROUP BY superuser;

DROP TRIGGER tell ON idverify.contacts;
DROP OWNED BY regress_idverify_chat CASCADE;
DROP TABLE conversations;
DROP ROLE regress_idverify_chat;
DELETE FROM idverify.contacts;
DELETE FROM idverify.apps;

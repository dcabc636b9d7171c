--
-- Logging in: what a visitor did before is folded into who they are
--
-- The visitor token is the only way to say "this was me before I logged in".
-- A first login is always a fold, so that it can be undone; it never turns
-- into identity what was only claimed.
--
\set VERBOSITY terse
SET client_min_messages = warning;
TRUNCATE idverify.contacts, idverify.folds, idverify.fold_rows RESTART IDENTITY;

SELECT app_key FROM idverify_create_app('Shop', 'shop', secret => '0123456789abcdef-shop', on_unverified => 'accept');
SELECT id AS app FROM idverify.apps WHERE app_key = 'shop' \gset

CREATE FUNCTION signed(id text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('external_id', id, 'user_hash',
		encode(hmac(id::bytea, '0123456789abcdef-shop'::bytea, 'sha256'), 'hex'))
$$;
CREATE FUNCTION hash(value text) RETURNS text LANGUAGE sql AS $$
	SELECT encode(hmac(value::bytea, '0123456789abcdef-shop'::bytea, 'sha256'), 'hex')
$$;

-- a chat schema, with messages by reference
CREATE TABLE messages (
	id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	contact_id bigint NOT NULL REFERENCES idverify.contacts (id) ON DELETE CASCADE,
	body text);
CREATE VIEW chat AS
	SELECT c.id, c.external_id, c.is_verified, c.visitor IS NOT NULL AS token,
		(SELECT string_agg(body, ', ' ORDER BY m.id) FROM messages m WHERE m.contact_id = c.id) AS said
	FROM idverify.contacts c ORDER BY c.id;

-- on the phone: chats, then logs in
SELECT contact_id AS anonymous, visitor AS phone FROM idverify_identify('shop', '{"name": "Someone", "phone": "+1"}') \gset
INSERT INTO messages (contact_id, body) VALUES (:anonymous, 'hello'), (:anonymous, 'anybody there?');
SELECT contact_id AS ann, fold_id AS login, is_verified, created, visitor = :'phone' AS same_token
	FROM idverify_identify('shop', signed('ann') || '{"name": "Ann"}', :'phone') \gset
\echo verified: :is_verified, created: :created, same token: :same_token
SELECT * FROM chat;
SELECT name, phone, visitor IS NULL AS token_spent FROM idverify.contacts WHERE id = :ann;
-- an old id leads to the contact that it has become
SELECT idverify_resolve(:anonymous::bigint) = :ann AS resolved;
-- the same again is no fold and writes nothing
SELECT contact_id = :ann AS same, created, fold_id, visitor = :'phone' AS same_token
	FROM idverify_identify('shop', signed('ann') || '{"name": "Ann"}', :'phone');

-- on the laptop: the same person, another browser
SELECT contact_id AS before, visitor AS laptop FROM idverify_identify('shop') \gset
INSERT INTO messages (contact_id, body) VALUES (:before, 'from my laptop');
SELECT contact_id = :ann AS same, created, fold_id > :login AS folded FROM idverify_identify('shop', signed('ann'), :'laptop');
SELECT * FROM chat;

-- a shared computer: Bob logs in after Ann, with the token that she used.
-- Two verified contacts are never folded by a claim.
SELECT contact_id AS bob, contact_id <> :ann AS other, created, fold_id FROM idverify_identify('shop', signed('bob'), :'laptop') \gset
INSERT INTO messages (contact_id, body) VALUES (:bob, 'I am Bob');
SELECT contact_id = :ann AS ann_again, fold_id FROM idverify_identify('shop', signed('ann'), :'laptop');
SELECT * FROM chat;

-- after logging out, the spent token starts somebody new, and does not lead back
SELECT contact_id AS guest, contact_id NOT IN (:ann, :bob) AS new, is_verified, created, visitor = :'laptop' AS same_token
	FROM idverify_identify('shop', '{"name": "Guest of the laptop"}', :'laptop') \gset
\echo new: :new, verified: :is_verified, created: :created, same token: :same_token
-- ... and so does a claim that fails
SELECT contact_id = :guest AS own, is_verified, verdict FROM idverify_identify('shop', '{"external_id": "ann", "user_hash": "00"}', :'laptop');
-- neither does what was claimed unsigned become identity at the next login
UPDATE idverify.contacts SET email = 'ann@example.org' WHERE id = :guest;
SELECT contact_id AS eve FROM idverify_identify('shop', signed('eve'), :'laptop') \gset
SELECT external_id, email, email_verified, shop, is_verified FROM idverify.contacts WHERE id = :eve;

-- with a right email_hash, a contact known by that email alone is folded in
SELECT contact_id AS by_email FROM idverify_identify('shop', jsonb_build_object('email', 'dan@example.org', 'user_hash', hash('dan@example.org'))) \gset
INSERT INTO messages (contact_id, body) VALUES (:by_email, 'by email');
SELECT contact_id = :by_email AS merged_without_proof FROM idverify_identify('shop', signed('dan') || '{"email": "dan@example.org"}');
SELECT contact_id AS dan, fold_id IS NOT NULL AS folded
	FROM idverify_identify('shop', signed('dan') || jsonb_build_object('email', 'dan@example.org', 'email_hash', hash('dan@example.org'))) \gset
SELECT external_id, email, email_verified, (SELECT body FROM messages m WHERE m.contact_id = c.id) AS said
	FROM idverify.contacts c WHERE c.email = 'dan@example.org';
-- and the signed email alone now leads there
SELECT contact_id = :dan AS same FROM idverify_identify('shop', jsonb_build_object('email', 'dan@example.org', 'user_hash', hash('dan@example.org')));

--
-- Undoing a login
--
SELECT * FROM chat WHERE id IN (:ann, :anonymous);
BEGIN;
SELECT FROM idverify_unfold(:login);
SELECT * FROM chat WHERE id IN (:ann, :anonymous);
SELECT name, phone, visitor = :'phone' AS token_is_back FROM idverify.contacts WHERE id IN (:ann, :anonymous) ORDER BY id;
SELECT idverify_unfold(:login);
ROLLBACK;
-- the spent token has started a new contact meanwhile: named, and nothing done
SELECT contact_id AS later FROM idverify_identify('shop', '{}', :'phone') \gset
SELECT idverify_unfold(:login);
-- ... unless it is to go on: then the visitor stays the new one, into which the one that came back can be folded
BEGIN;
SELECT count(*) > 0 AS undone FROM idverify_unfold(:login, force => true);
SELECT id = :anonymous AS was, visitor IS NULL AS without_token, visitor = :'phone' AS token FROM idverify.contacts WHERE id IN (:anonymous, :later) ORDER BY id;
SELECT contact_id = :later AS later, created FROM idverify_identify('shop', '{}', :'phone');
SELECT count(*) > 0 AS folded FROM idverify_fold(:anonymous::bigint, :later::bigint);
SELECT contact_id = :later AS later, created FROM idverify_identify('shop', '{}', :'phone');
SELECT * FROM chat WHERE id IN (:ann, :anonymous, :later);
ROLLBACK;
DELETE FROM idverify.contacts WHERE id = :later;
SELECT FROM idverify_unfold(:login);
SELECT * FROM chat WHERE id IN (:ann, :anonymous);

--
-- Two verified contacts of one person, folded by hand
--
SELECT FROM idverify_fold(:bob::bigint, :ann::bigint);
SELECT fold_id AS forced FROM idverify_fold(:bob::bigint, :ann::bigint, force => true) LIMIT 1 \gset
-- the signed id of either leads to the one that is left, which keeps its own
SELECT id, contact_id = :ann AS same, created FROM unnest(ARRAY['ann', 'bob']) id, idverify_identify('shop', signed(id)) ORDER BY id;
SELECT external_id FROM idverify.contacts WHERE id = :ann;
-- undone, each is somebody again
SELECT FROM idverify_unfold(:forced);
SELECT id, contact_id = :ann AS ann, contact_id = :bob AS bob FROM unnest(ARRAY['ann', 'bob']) id, idverify_identify('shop', signed(id)) ORDER BY id;

-- ... and one folded by hand into a contact that nobody has signed for: what
-- that one has comes to the person when they are back, and all can be undone
SELECT contact_id AS nobody, visitor AS tablet FROM idverify_identify('shop', '{}') \gset
INSERT INTO messages (contact_id, body) VALUES (:nobody, 'it is me, bob');
SELECT fold_id AS forced FROM idverify_fold(:bob::bigint, :nobody::bigint, force => true) LIMIT 1 \gset
SELECT contact_id AS again, is_verified, created, fold_id AS back FROM idverify_identify('shop', signed('bob')) \gset
\echo verified: :is_verified, created: :created
SELECT external_id, is_verified, said FROM chat WHERE id IN (:bob, :nobody, :again);
SELECT idverify_resolve(:bob::bigint) = :again AS resolved;
SELECT contact_id = :again AS same, created, fold_id FROM idverify_identify('shop', signed('bob'));
SELECT FROM idverify_unfold(:forced);
SELECT FROM idverify_unfold(:back);
DELETE FROM idverify.contacts WHERE id = :again;
SELECT FROM idverify_unfold(:forced);
SELECT external_id, is_verified, said FROM chat WHERE id IN (:bob, :nobody);
-- the same where the browser is the one of that contact: one fold
SELECT fold_id AS forced FROM idverify_fold(:bob::bigint, :nobody::bigint, force => true) LIMIT 1 \gset
SELECT contact_id AS again, created, fold_id > :forced AS folded FROM idverify_identify('shop', signed('bob'), :'tablet') \gset
\echo created: :created, folded: :folded
SELECT external_id, is_verified, said FROM chat WHERE id IN (:bob, :nobody, :again);
SELECT count(*) FROM idverify.folds WHERE id > :forced;

-- of two spellings of one field the one that is not empty counts
SELECT verdict, is_verified FROM idverify_identify('shop', signed('dan') - 'external_id' || '{"external_id": "", "userId": "dan"}');

DROP VIEW chat;
DROP TABLE messages;
DROP FUNCTION signed, hash;
TRUNCATE idverify.contacts, idverify.folds, idverify.fold_rows RESTART IDENTITY;
DELETE FROM idverify.apps;

--
-- idverify_identify(): who is this visitor?
--
-- A verified claim leads to the one contact of its identity, any other claim
-- at most to the visitor's own contact.  Hashes come from pgcrypto, by secrets
-- that are imported so that they are known here.
--
\set VERBOSITY terse
SET client_min_messages = warning;
TRUNCATE idverify.contacts, idverify.folds, idverify.fold_rows RESTART IDENTITY;

SELECT app_key FROM idverify_create_app('Drop', 'drop', secret => '0123456789abcdef-drop');
SELECT app_key FROM idverify_create_app('Accept', 'accept', secret => '0123456789abcdef-accept', on_unverified => 'accept');
SELECT app_key FROM idverify_create_app('Reject', 'reject', secret => '0123456789abcdef-reject', on_unverified => 'reject');
SELECT app_key FROM idverify_create_app('Email', 'email', secret => '0123456789abcdef-email', signed_field => 'email');

-- the user_hash that an app's servers make
CREATE FUNCTION made(app_key text, value text) RETURNS text LANGUAGE sql AS $$
	SELECT encode(hmac(value::bytea, ('0123456789abcdef-' || app_key)::bytea, 'sha256'), 'hex')
$$;

-- what is answered, without the visitor token, which is random
CREATE FUNCTION asked(app_key text, claim jsonb, visitor uuid DEFAULT NULL,
	OUT contact bigint, OUT is_verified boolean, OUT verdict text,
	OUT same_token boolean, OUT created boolean, OUT folded boolean, OUT shop boolean)
LANGUAGE sql AS $$
	SELECT a.contact_id, a.is_verified, a.verdict, a.visitor = $3, a.created,
		a.fold_id IS NOT NULL, a.shop_verified
	FROM idverify_identify($1, $2, $3) a
$$;

CREATE VIEW people AS
	SELECT c.id, a.app_key AS app, c.external_id, c.email, c.email_verified AS ev, c.name,
		c.custom_data, c.shop, c.is_verified, c.visitor IS NOT NULL AS token, c.last_claim
	FROM idverify.contacts c JOIN idverify.apps a ON a.id = c.app_id
	ORDER BY c.id;

--
-- Verified
--

-- one identity is one contact, in any spelling, from any browser
SELECT n, a.* FROM (VALUES
	(1, '{"external_id": "42"}'),
	(2, '{"external_id": "42"}'),
	(3, '{"externalId": "42"}'),
	(4, '{"userId": "42"}'),
	(5, '{"user_id": 42}'),
	(6, '{"userId": 42.0}')
) t(n, claim), asked('drop', claim::jsonb || jsonb_build_object('user_hash', made('drop', '42'))) a ORDER BY n;
SELECT a.* FROM asked('drop', jsonb_build_object('userId', '42', 'userHash', upper(made('drop', '42')))) a;

-- digits are text: leading zeros make another person
SELECT a.* FROM asked('drop', jsonb_build_object('userId', '042', 'userHash', made('drop', '042'))) a;
SELECT id, external_id, is_verified, token FROM people;

-- the same id in another app is another contact
SELECT a.* FROM asked('accept', jsonb_build_object('userId', '42', 'userHash', made('accept', '42'))) a;

-- the profile: what is not blank overwrites, in any spelling; custom_data is merged (RFC 7396)
SELECT FROM asked('drop', jsonb_build_object('external_id', '42', 'user_hash', made('drop', '42')) || '{
	"userName": "Ann", "company": "ACME", "phone": "+1", "avatarUrl": "https://a.example/a.png", "userEmail": "ann@example.org",
	"customData": {"plan": "free", "seats": 3, "address": {"city": "Rome", "zip": "1"}, "tags": ["a", "b"]}, "unknown": {"x": 1}}') a;
SELECT FROM asked('drop', jsonb_build_object('external_id', '42', 'user_hash', made('drop', '42')) || '{
	"name": "Ann B.", "company": null, "phone": "", "avatar_url": "  ", "email": "",
	"custom_data": {"plan": "pro", "seats": null, "address": {"zip": null, "street": "Via"}, "tags": ["c"], "new": {"x": null, "y": 1}}}') a;
SELECT external_id, email, email_verified, name, company, phone, avatar_url, custom_data
	FROM idverify.contacts WHERE external_id = '42' AND app_id = (SELECT id FROM idverify.apps WHERE app_key = 'drop');

-- a call that changes nothing writes nothing: no row version, no WAL.
-- (The server itself may write in the background, so one quiet try of many will do.)
DO $$
DECLARE
	claim jsonb := jsonb_build_object('external_id', '42', 'user_hash', made('drop', '42'), 'name', 'Ann B.',
		'custom_data', '{"plan": "pro", "address": {"street": "Via"}}'::jsonb);
	before pg_lsn;
	least numeric;
	version xid := (SELECT xmin FROM idverify.contacts WHERE name = 'Ann B.');
BEGIN
	FOR i IN 1..50 LOOP
		before := pg_current_wal_insert_lsn();
		PERFORM idverify_identify('drop', claim);
		least := least(least, pg_current_wal_insert_lsn() - before);
	END LOOP;
	RAISE WARNING 'bytes of WAL: %, same row version: %', least,
		version = (SELECT xmin FROM idverify.contacts WHERE name = 'Ann B.');
END $$;

-- last_seen_at moves, but at most once a minute, and updated_at does not with it
UPDATE idverify.contacts SET last_seen_at = now() - interval '59 seconds', updated_at = '2020-01-01' WHERE name = 'Ann B.';
SELECT FROM asked('drop', jsonb_build_object('external_id', '42', 'user_hash', made('drop', '42'))) a;
SELECT last_seen_at < now() - interval '50 seconds' AS stands, updated_at = '2020-01-01' AS not_updated FROM idverify.contacts WHERE name = 'Ann B.';
UPDATE idverify.contacts SET last_seen_at = now() - interval '61 seconds' WHERE name = 'Ann B.';
SELECT FROM asked('drop', jsonb_build_object('external_id', '42', 'user_hash', made('drop', '42'))) a;
SELECT last_seen_at > now() - interval '50 seconds' AS moved, updated_at = '2020-01-01' AS not_updated FROM idverify.contacts WHERE name = 'Ann B.';
SELECT FROM asked('drop', jsonb_build_object('external_id', '42', 'user_hash', made('drop', '42'), 'phone', '+2')) a;
SELECT updated_at > '2020-01-01' AS updated FROM idverify.contacts WHERE name = 'Ann B.';

--
-- By email
--
TRUNCATE idverify.contacts, idverify.folds, idverify.fold_rows RESTART IDENTITY;

-- without an external_id, the email counts: letter case makes no other person
SELECT n, a.* FROM (VALUES (1, 'Bob@example.org'), (2, 'Bob@example.org'), (3, 'bob@EXAMPLE.org')) t(n, email),
	asked('drop', jsonb_build_object('email', email, 'user_hash', made('drop', email))) a ORDER BY n;

-- an unsigned email beside a signed external_id is profile text: it neither finds nor takes that contact
SELECT a.* FROM asked('drop', jsonb_build_object('external_id', '7', 'email', 'bob@example.org', 'user_hash', made('drop', '7'))) a;
-- ... and a signature of the email does not vouch for the external_id
SELECT a.* FROM asked('drop', jsonb_build_object('external_id', '7', 'email', 'bob@example.org', 'user_hash', made('drop', 'bob@example.org'))) a;
SELECT id, external_id, email, ev, is_verified, last_claim FROM people;

-- with a hash of its own the email counts as signed too, and nothing unsigned replaces it
SELECT a.* FROM asked('drop', jsonb_build_object('external_id', '8', 'email', 'eve@example.org', 'user_hash', made('drop', '8'),
	'email_hash', made('drop', 'eve@example.org'))) a;
SELECT a.* FROM asked('drop', jsonb_build_object('external_id', '8', 'email', 'other@example.org', 'user_hash', made('drop', '8'),
	'email_hash', made('drop', 'eve@example.org'))) a;
SELECT id, external_id, email, ev FROM people WHERE external_id = '8';
-- then that email alone leads to this contact, as the single one that has it
SELECT a.contact = (SELECT id FROM people WHERE external_id = '8') AS found, a.verdict
	FROM asked('drop', jsonb_build_object('email', 'EVE@example.org', 'user_hash', made('drop', 'EVE@example.org'))) a;
-- of several, none is guessed: a new contact
SELECT FROM asked('drop', jsonb_build_object('external_id', '9', 'email', 'eve@example.org', 'user_hash', made('drop', '9'),
	'email_hash', made('drop', 'eve@example.org'))) a;
SELECT a.created, a.verdict FROM asked('drop', jsonb_build_object('email', 'eve@example.org', 'user_hash', made('drop', 'eve@example.org'))) a;
SELECT id, external_id, email, ev, is_verified FROM people WHERE lower(email) = 'eve@example.org';

-- an app that signs emails: the external_id is not signed, and not stored
SELECT a.* FROM asked('email', jsonb_build_object('external_id', '1', 'email', 'z@example.org', 'user_hash', made('email', 'z@example.org'))) a;
SELECT a.* FROM asked('email', jsonb_build_object('external_id', '1', 'email', 'z@example.org', 'user_hash', made('email', '1'))) a;
SELECT external_id, email, ev, is_verified, last_claim FROM people WHERE app = 'email';

--
-- Not verified
--
TRUNCATE idverify.contacts, idverify.folds, idverify.fold_rows RESTART IDENTITY;
SELECT FROM asked('drop', jsonb_build_object('external_id', '42', 'name', 'Victim', 'user_hash', made('drop', '42'))) a;
SELECT FROM asked('accept', jsonb_build_object('external_id', '42', 'name', 'Victim', 'user_hash', made('accept', '42'))) a;
SELECT FROM asked('reject', jsonb_build_object('external_id', '42', 'name', 'Victim', 'user_hash', made('reject', '42'))) a;

-- every verdict under every policy: never the victim's contact, never verified
SELECT app, n, a.verdict, a.is_verified, a.contact <= 3 AS victim, a.contact IS NULL AS refused, a.created
FROM unnest(ARRAY['drop', 'accept', 'reject']) app,
	(VALUES
		(1, '{"name": "X"}'::jsonb),
		(2, '{"external_id": "42", "name": "X"}'),
		(3, '{"external_id": "42", "name": "X", "user_hash": "zz"}'),
		(4, '{"external_id": "42", "name": "X", "user_hash": "0000000000000000000000000000000000000000000000000000000000000000"}'),
		(5, '{"external_id": "undefined", "name": "X", "user_hash": "0000000000000000000000000000000000000000000000000000000000000000"}'),
		(6, '{"email": "x@example.org", "name": "X", "user_hash": null}')
	) t(n, claim),
	asked(app, claim) a
ORDER BY array_position(ARRAY['drop', 'accept', 'reject'], app), n;
-- drop forgets the claim, accept keeps it as lower trust, reject writes nothing; support is told why
SELECT app, external_id, email, name, is_verified, token, last_claim FROM people WHERE name IS DISTINCT FROM 'Victim';
-- no hash is kept anywhere
SELECT count(*) FROM idverify.contacts c WHERE c::text LIKE '%0000000000%';

--
-- The visitor token
--
SELECT visitor AS phone FROM idverify_identify('drop', '{"name": "Phone"}') \gset
-- it leads to the visitor's own contact; a claim that fails leaves the visitor there
CREATE TEMP TABLE answers AS SELECT n, a.* FROM (VALUES
	(1, '{}'::jsonb),
	(2, NULL),
	(3, '{"phone": "+3"}'),
	(4, '{"external_id": "42", "name": "Mallory", "user_hash": "00"}')
) t(n, claim), asked('drop', claim, :'phone') a ORDER BY n;
SELECT n, a.verdict, a.is_verified, a.same_token, a.created, p.name, p.external_id, p.last_claim
	FROM answers a JOIN people p ON p.id = a.contact ORDER BY n;
DROP TABLE answers;
-- the same failure again writes nothing
SELECT xmin AS version FROM idverify.contacts WHERE visitor = :'phone' \gset
SELECT FROM asked('drop', '{"external_id": "42", "name": "Mallory", "user_hash": "00"}', :'phone');
SELECT xmin = :'version' AS same_version FROM idverify.contacts WHERE visitor = :'phone';
-- one that was not issued here is replaced, whatever the claim
SELECT app, a.verdict, a.same_token, a.created FROM unnest(ARRAY['drop', 'accept', 'reject']) app,
	asked(app, '{"name": "X"}', '00000000-0000-4000-8000-000000000001') a ORDER BY app;
SELECT a.same_token, a.verdict FROM asked('drop', jsonb_build_object('external_id', '42', 'user_hash', made('drop', '42')), '00000000-0000-4000-8000-000000000001') a;
SELECT a.same_token, a.contact, a.verdict FROM asked('reject', '{"external_id": "1"}', '00000000-0000-4000-8000-000000000001') a;
-- ... also one of another app
SELECT a.same_token, a.created FROM asked('accept', '{}', :'phone') a;
-- a token is no key to a verified contact, even if a DBA writes it there
UPDATE idverify.contacts SET visitor = '00000000-0000-4000-8000-000000000002' WHERE id = 1;
SELECT n, a.contact = 1 AS victim, a.is_verified, a.same_token, a.created FROM (VALUES (1, '{}'::jsonb), (2, '{"name": "Y"}')) t(n, claim),
	asked('drop', claim, '00000000-0000-4000-8000-000000000002') a ORDER BY n;
UPDATE idverify.contacts SET visitor = NULL WHERE id = 1;

--
-- A signed shop
--
CREATE TEMP TABLE answers AS SELECT n, a.* FROM (VALUES
	(1, '{"external_id": "50"}'::jsonb, '50', 'a.example', 'a.example'),
	(2, '{"external_id": "51"}', '51', 'a.example', 'b.example'),
	(3, '{"external_id": "52"}', '52', 'a.example', NULL),
	(4, '{"external_id": "53"}', '53', NULL, 'a.example'),
	(5, '{"external_id": "54"}', '54', 'null', 'null')
) t(n, claim, id, shop, signed_shop), asked('drop', claim || jsonb_build_object('user_hash', made('drop', id),
	'shop', shop, 'shopHash', made('drop', signed_shop))) a ORDER BY n;
SELECT n, a.verdict, a.shop, p.shop AS stored FROM answers a JOIN people p ON p.id = a.contact ORDER BY n;
DROP TABLE answers;

--
-- What is wrong is said, with the field's name
--
SELECT idverify_identify(NULL);
SELECT idverify_identify('nope');
SELECT idverify_identify('drop', '[]');
SELECT idverify_identify('drop', '"x"');
SELECT idverify_identify('drop', '{"name": 1}');
SELECT idverify_identify('drop', '{"email": ["a"]}');
SELECT idverify_identify('drop', '{"external_id": true}');
SELECT idverify_identify('drop', '{"user_hash": 1}');
SELECT idverify_identify('drop', '{"custom_data": "x"}');
SELECT idverify_identify('drop', '{"custom_data": []}');
SELECT idverify_identify('drop', jsonb_build_object('name', repeat('x', 1025)));
SELECT idverify_identify('drop', jsonb_build_object('external_id', repeat('x', 1025)));
SELECT idverify_identify('drop', '{"external_id": 1e1024}');
SELECT idverify_identify('drop', jsonb_build_object('custom_data', jsonb_build_object('x', repeat('x', 66000))));
SELECT verdict FROM idverify_identify('drop', jsonb_build_object('external_id', '1', 'user_hash', repeat('x', 10000)));
-- the limit is for what there is and what is added, together
-- what counts is its text, as PostgreSQL writes it
SELECT octet_length((jsonb_build_object('l', (SELECT jsonb_agg(1) FROM generate_series(1, 21843))))::text) AS bytes, created
	FROM idverify_identify('drop', jsonb_build_object('custom_data', jsonb_build_object('l', (SELECT jsonb_agg(1) FROM generate_series(1, 21843)))));
SELECT idverify_identify('drop', jsonb_build_object('custom_data', jsonb_build_object('l', (SELECT jsonb_agg(1) FROM generate_series(1, 21844)))));  -- fail
SELECT visitor AS big FROM idverify_identify('drop', jsonb_build_object('custom_data', jsonb_build_object('a', repeat('x', 40000)))) \gset
SELECT idverify_identify('drop', jsonb_build_object('custom_data', jsonb_build_object('b', repeat('x', 40000))), :'big');
SELECT created FROM idverify_identify('drop', jsonb_build_object('custom_data', jsonb_build_object('b', repeat('x', 40000), 'a', NULL)), :'big');
-- neither do other transactions' rules change the answer
BEGIN READ ONLY;
SELECT idverify_identify('drop', '{}');
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT verdict FROM asked('drop', jsonb_build_object('external_id', '42', 'user_hash', made('drop', '42')));
COMMIT;

-- an app that has contacts stays
DELETE FROM idverify.apps WHERE app_key = 'drop';
TRUNCATE idverify.apps;

DROP VIEW people;
DROP FUNCTION asked, made;
TRUNCATE idverify.contacts, idverify.folds, idverify.fold_rows RESTART IDENTITY;
DELETE FROM idverify.apps;

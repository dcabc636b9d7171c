--
-- idverify_guard(): what an UPDATE stores
--
-- An UPDATE of other columns keeps the flag.  One that gives a user_hash is
-- judged like an INSERT, and if the hash is wrong it changes nothing of a
-- verified row, whatever else it sets.  One that changes who the contact is, without a hash,
-- is a claim that does not verify: drop restores the old identity, accept
-- stores the new one unverified, reject refuses it.  Whoever only takes an
-- identity away is never stopped.  Nothing else moves the flag.
--
\set VERBOSITY terse
\pset null -
CREATE ROLE regress_guard_app;
CREATE TABLE contacts (
	id			bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	app_key		text,
	external_id	text,
	email		text,
	name		text,
	user_hash	text,
	is_verified	boolean
);
CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON contacts
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();
GRANT SELECT, INSERT, UPDATE ON contacts TO regress_guard_app;

-- one app for each policy, all with the secret that this function signs with
SELECT app_key FROM unnest('{accept,drop,reject}'::text[]) policy,
	idverify_create_app(policy, policy, 'one secret for all of them',
						policy::idverify.claim_policy);
CREATE FUNCTION hash(value text) RETURNS text LANGUAGE sql
	RETURN encode(hmac(convert_to(value, 'UTF8'), 'one secret for all of them', 'sha256'), 'hex');

-- Make a row as it may have come to be under other policies, update it as the
-- application, and show what is stored.
CREATE FUNCTION pg_temp.edit(was contacts, change text, OUT app_key text, OUT external_id text,
							 OUT email text, OUT name text, OUT verified boolean, OUT error text)
LANGUAGE plpgsql AS $$
DECLARE
	contact bigint;
	user_hash text;
BEGIN
	SET LOCAL session_replication_role = replica;
	INSERT INTO contacts AS c (app_key, external_id, email, name, user_hash, is_verified)
		SELECT was.app_key, was.external_id, was.email, was.name, was.user_hash, was.is_verified
		RETURNING c.id INTO contact;
	SET LOCAL session_replication_role = origin;
	BEGIN
		SET LOCAL ROLE regress_guard_app;
		EXECUTE format('UPDATE contacts SET %s WHERE id = %s', change, contact);
		RESET ROLE;
		SELECT c.app_key, c.external_id, c.email, c.name, c.is_verified, c.user_hash
			FROM contacts c WHERE c.id = contact
			INTO app_key, external_id, email, name, verified, user_hash;
		error := 'user_hash was stored' WHERE user_hash IS NOT NULL;
	EXCEPTION WHEN OTHERS THEN
		error := SQLSTATE || ' ' || SQLERRM;
	END;
	DELETE FROM contacts c WHERE c.id = contact;
END $$;
GRANT EXECUTE ON FUNCTION hash, hmac(bytea, bytea, text) TO regress_guard_app;

CREATE TEMPORARY TABLE changes (n int, change text);
INSERT INTO changes VALUES
	-- other columns, and the flag itself
	(1,  'name = ''Al'''),
	(2,  'is_verified = NOT is_verified'),
	(3,  'is_verified = NULL, name = ''Al'''),
	-- with a hash
	(10, 'name = ''Al'', user_hash = hash(''alice'')'),
	(11, 'name = ''Al'', user_hash = repeat(''0'', 64)'),
	(12, 'external_id = ''bob'', user_hash = hash(''bob'')'),
	(13, 'external_id = ''bob'', user_hash = hash(''alice''), name = ''Bob'', is_verified = true'),
	(14, 'external_id = ''bob'', email = ''b@x.org'', user_hash = ''x'', name = ''Bob'''),
	(15, 'external_id = NULL, user_hash = hash(''a@x.org'')'),
	(16, 'external_id = NULL, user_hash = hash(''alice'')'),
	-- without one
	(20, 'external_id = ''bob'', name = ''Bob'', is_verified = true'),
	(21, 'email = ''b@x.org'', name = ''Bob'', is_verified = true'),
	(22, 'external_id = ''bob'', email = ''b@x.org'', user_hash = '''''),
	-- less
	(30, 'external_id = NULL, is_verified = true'),
	(31, 'external_id = '''''),
	(32, 'email = NULL'),
	(33, 'external_id = NULL, email = NULL, name = NULL'),
	(34, 'external_id = NULL, email = NULL, user_hash = ''x'''),
	(36, 'name = ''Al'', user_hash = '''''),
	(35, 'external_id = NULL, email = ''b@x.org''');

-- a contact verified by its external_id
SELECT policy, n, change, stored.external_id, stored.email, stored.name, verified, error
  FROM changes, unnest('{accept,drop,reject}'::text[]) policy,
	pg_temp.edit(ROW(0, policy, 'alice', 'a@x.org', 'Alice', NULL, true), change) stored
 ORDER BY policy, n;

-- the same one, not verified
SELECT policy, n, change, stored.external_id, stored.email, stored.name, verified, error
  FROM changes, unnest('{accept,drop,reject}'::text[]) policy,
	pg_temp.edit(ROW(0, policy, 'alice', 'a@x.org', 'Alice', NULL, false), change) stored
 ORDER BY policy, n;

-- a contact verified by its email: now that is what needs a signature
SELECT policy, change, stored.external_id, stored.email, stored.name, verified, error
  FROM (VALUES
	(1, 'name = ''Al'''),
	(2, 'external_id = '''''),
	(3, 'email = ''b@x.org'', name = ''Bob'''),
	(4, 'email = ''b@x.org'', user_hash = hash(''b@x.org'')'),
	(5, 'external_id = ''alice'''),
	(6, 'external_id = ''alice'', user_hash = hash(''alice'')'),
	(7, 'external_id = ''alice'', user_hash = hash(''a@x.org'')'),
	(8, 'email = NULL'),
	(9, 'email = ''A@X.org'', name = ''Al'''),
	(10, 'email = ''A@X.org'', user_hash = hash(''A@X.org'')'),
	(11, 'user_hash = hash(''A@X.org'')'),
	(12, 'email = ''a@x.orG2''')) AS t(n, change),
	unnest('{accept,drop,reject}'::text[]) policy,
	pg_temp.edit(ROW(0, policy, NULL, 'a@x.org', 'Alice', NULL, true), change) stored
 ORDER BY policy, n;

-- a wrong hash leaves a verified row as it is, which counts as updated where
-- nobody reads it
SET session_replication_role = replica;
INSERT INTO contacts (app_key, external_id, email, name, is_verified) VALUES ('drop', 'alice', 'a@x.org', repeat('Alice ', 1000), true);
SET session_replication_role = origin;
CREATE TEMPORARY TABLE before AS SELECT * FROM contacts;
SET ROLE regress_guard_app;
\set change 'UPDATE contacts SET name = NULL, email = \'\', external_id = \'bob\', app_key = \'accept\', user_hash = \'x\', is_verified = false'
\set told ' RETURNING external_id, is_verified'
\set QUIET off
:change;
:change :told;
UPDATE contacts SET name = NULL, user_hash = '';
UPDATE contacts SET name = NULL, user_hash = '' RETURNING is_verified;
PREPARE change AS :change;
EXECUTE change;
PREPARE told AS :change :told;
EXECUTE told;
WITH told AS (:change :told) SELECT * FROM told;
WITH other AS (SELECT 1) :change;
COPY (:change :told) TO STDOUT;
\set QUIET on
CREATE TEMPORARY TABLE kept (external_id text, is_verified boolean);
WITH told AS (:change :told) INSERT INTO kept SELECT * FROM told;
TABLE kept;
-- ... nor by the code of a function or a rule
DO $$
DECLARE
	n bigint;
BEGIN
	UPDATE contacts SET name = NULL, user_hash = 'x';
	GET DIAGNOSTICS n = ROW_COUNT;
	RAISE NOTICE '% rows, %', n, FOUND;
END $$;
CREATE FUNCTION pg_temp.plain() RETURNS text LANGUAGE sql AS $$
	UPDATE contacts SET name = NULL, user_hash = 'x' RETURNING is_verified::text $$;
SELECT pg_temp.plain();
RESET ROLE;
CREATE TEMPORARY TABLE log (external_id text, is_verified boolean);
CREATE RULE instead AS ON INSERT TO log DO INSTEAD
	UPDATE contacts SET name = NULL, user_hash = 'x' RETURNING contacts.external_id, contacts.is_verified;
INSERT INTO log VALUES ('x') RETURNING *;
DROP TABLE log, kept;
DROP FUNCTION pg_temp.plain();
DEALLOCATE change;
DEALLOCATE told;
SELECT c *= b AS same FROM contacts c, before b;
DELETE FROM contacts;

-- an anonymous contact, and what it becomes
SELECT policy, change, stored.app_key, stored.external_id, stored.email, verified, error
  FROM (VALUES
	(1, 'is_verified = true'),
	(2, 'app_key = ''reject'', is_verified = true'),
	(3, 'external_id = ''alice'', user_hash = hash(''alice'')'),
	(4, 'external_id = ''alice'''),
	(5, 'email = ''a@x.org''')) AS t(n, change),
	unnest('{accept,drop,reject}'::text[]) policy,
	pg_temp.edit(ROW(0, policy, NULL, NULL, NULL, NULL, false), change) stored
 ORDER BY policy, n;

-- to another app: the policy is that of the app to which the contact belongs,
-- which a claim cannot choose
SELECT change, stored.app_key, stored.external_id, verified, error
  FROM (VALUES
	(1, 'app_key = ''accept'''),
	(2, 'app_key = ''reject'''),
	(3, 'app_key = ''reject'', user_hash = hash(''alice'')'),
	(4, 'app_key = ''nosuch'''),
	(5, 'app_key = NULL'),
	(6, 'app_key = ''nosuch'', user_hash = hash(''alice'')'),
	(7, 'app_key = ''nosuch'', external_id = NULL, email = NULL')) AS t(n, change),
	pg_temp.edit(ROW(0, 'drop', 'alice', 'a@x.org', 'Alice', NULL, true), change) stored
 ORDER BY n;
SELECT policy, change, stored.app_key, stored.name, verified, error
  FROM (VALUES
	(1, 'app_key = ''accept'', name = ''EVIL'''),
	(2, 'app_key = ''accept'', name = ''EVIL'', user_hash = ''x'''),
	(3, 'app_key = ''nosuch'', name = ''EVIL'', user_hash = ''x''')) AS t(n, change),
	unnest('{accept,reject}'::text[]) policy,
	pg_temp.edit(ROW(0, policy, 'alice', 'a@x.org', 'Alice', NULL, true), change) stored
 ORDER BY policy, n;

-- the app signs the email: an external_id is never signed for, so a verified
-- contact keeps the one that it has and takes no other
UPDATE idverify.apps SET signed_field = 'email';
SELECT policy, change, stored.external_id, stored.email, verified, error
  FROM (VALUES
	(1, 'name = ''Al'''),
	(2, 'external_id = ''victim'''),
	(3, 'external_id = ''victim'', user_hash = hash(''a@x.org'')'),
	(4, 'external_id = ''victim'', email = ''b@x.org'', user_hash = hash(''b@x.org'')'),
	(5, 'email = ''b@x.org'', user_hash = hash(''b@x.org'')'),
	(6, 'external_id = NULL, user_hash = hash(''a@x.org'')'),
	(7, 'email = ''b@x.org''')) AS t(n, change),
	unnest('{accept,drop,reject}'::text[]) policy,
	pg_temp.edit(ROW(0, policy, 'alice', 'a@x.org', 'Alice', NULL, true), change) stored
 ORDER BY policy, n;
-- ... and one that becomes verified loses what it claimed before
SELECT stored.external_id, stored.email, verified, error
  FROM pg_temp.edit(ROW(0, 'accept', 'victim', 'a@x.org', NULL, NULL, false),
					'user_hash = hash(''a@x.org'')') stored;

-- the app signs the external_id: an email is profile text, but not where it
-- is what was signed before
UPDATE idverify.apps SET signed_field = 'external_id';
SELECT was, stored.external_id, stored.email, verified, error
  FROM (VALUES
	('verified by external_id', 'alice'),
	('verified by email', NULL)) AS t(was, external_id),
	pg_temp.edit(ROW(0, 'accept', external_id, 'a@x.org', NULL, NULL, true),
				 'email = ''b@x.org''') stored
 ORDER BY was;
UPDATE idverify.apps SET signed_field = 'either';

-- a table that held hashes before it had a guard loses them row by row, and
-- what was stored is no claim
SELECT change, stored.external_id, stored.name, verified, error
  FROM (VALUES
	(1, 'name = ''Al'''),
	(2, 'is_verified = true'),
	(3, 'user_hash = hash(''alice'')')) AS t(n, change),
	pg_temp.edit(ROW(0, 'reject', 'alice', NULL, 'Alice', repeat('0', 64), false), change) stored
 ORDER BY n;

-- An UPDATE that touches nothing of this costs no HMAC: with secrets that do
-- not open, anything that is judged is an error.
UPDATE idverify.secrets SET sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 1);
SELECT change, stored.external_id, stored.email, verified, left(error, 5) AS error
  FROM (VALUES
	(1, 'name = ''Al'''),
	(2, 'external_id = external_id, email = email, app_key = app_key, user_hash = NULL'),
	(3, 'is_verified = false'),
	(4, 'email = ''b@x.org'''),
	(5, 'external_id = NULL'),
	(6, 'user_hash = hash(''alice'')')) AS t(n, change),
	pg_temp.edit(ROW(0, 'reject', 'alice', 'a@x.org', 'Alice', NULL, true), change) stored
 ORDER BY n;

DROP FUNCTION pg_temp.edit(contacts, text);
DROP TABLE contacts;
DROP FUNCTION hash(text);
DELETE FROM idverify.apps;
DROP OWNED BY regress_guard_app;
DROP ROLE regress_guard_app;

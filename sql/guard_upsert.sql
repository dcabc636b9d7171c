--
-- idverify_guard(): INSERT ... ON CONFLICT
--
-- The row is judged as the INSERT that it would be, and once more as the
-- UPDATE that it becomes.  The first time has emptied EXCLUDED's user_hash, so
-- the statement repeats the value itself; and it asks for EXCLUDED.is_verified,
-- so that a wrong hash never overwrites anything.
--
\set VERBOSITY terse
\pset null -
CREATE ROLE regress_guard_app;
SELECT app_key FROM unnest('{accept,drop,reject}'::text[]) policy,
	idverify_create_app(policy, policy, 'one secret for all of them',
						policy::idverify.claim_policy);
CREATE FUNCTION pg_temp.hash(value text) RETURNS text LANGUAGE sql
	RETURN encode(hmac(convert_to(value, 'UTF8'), 'one secret for all of them', 'sha256'), 'hex');

-- the upsert that the README recommends: one verified contact per identity,
-- beside which there may be others that claim it
CREATE TABLE contacts (
	id			bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	app_key		text NOT NULL,
	external_id	text,
	email		text,
	name		text,
	user_hash	text,
	is_verified	boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX ON contacts (app_key, external_id) WHERE is_verified;
CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON contacts
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();
GRANT SELECT, INSERT, UPDATE ON contacts TO regress_guard_app;

\set upsert 'INSERT INTO contacts (app_key, external_id, name, user_hash) VALUES ($1, $2, $3, $4) ON CONFLICT (app_key, external_id) WHERE is_verified DO UPDATE SET name = EXCLUDED.name, user_hash = $4 WHERE EXCLUDED.is_verified RETURNING id, is_verified'

-- "number" counts the contacts in the order in which they came to be
CREATE FUNCTION pg_temp.visit(statement text, app_key text, external_id text, name text, hash text,
							  OUT number bigint, OUT verified boolean,
							  OUT error text) LANGUAGE plpgsql AS $$
DECLARE
	contact bigint;
BEGIN
	SET LOCAL ROLE regress_guard_app;
	EXECUTE statement INTO contact, verified USING app_key, external_id, name, hash;
	RESET ROLE;
	IF contact IS NOT NULL THEN
		number := count(*) FROM contacts c WHERE c.app_key = $2 AND c.id <= contact;
	END IF;
EXCEPTION WHEN OTHERS THEN
	RESET ROLE;
	error := SQLSTATE;
END $$;
CREATE TEMPORARY TABLE visits (n int, visit text, external_id text, name text, user_hash text);
INSERT INTO visits VALUES
	(1, 'unsigned, before',   'alice', 'Mallory', NULL),
	(2, 'wrong hash, before', 'alice', 'Mallory', pg_temp.hash('mallory')),
	(3, 'signed',             'alice', 'Alice',   pg_temp.hash('alice')),
	(4, 'signed again',       'alice', 'Alice B.', pg_temp.hash('alice')),
	(5, 'unsigned',           'alice', 'Mallory', NULL),
	(6, 'empty hash',         'alice', 'Mallory', ''),
	(7, 'wrong hash',         'alice', 'Mallory', pg_temp.hash('mallory')),
	(8, 'malformed hash',     'alice', 'Mallory', 'x'),
	(9, 'signed once more',   'alice', 'Alice',   upper(pg_temp.hash('alice')));
SELECT policy, visit, u.*
  FROM visits, unnest('{accept,drop,reject}'::text[]) policy,
	pg_temp.visit(:'upsert', policy, external_id, name, user_hash) u
 ORDER BY policy, n;
SELECT app_key, row_number() OVER (PARTITION BY app_key ORDER BY id) AS number,
	   external_id, name, user_hash, is_verified
  FROM contacts ORDER BY app_key, id;
TRUNCATE contacts;

-- the same with an index on all contacts: an unverified contact holds the
-- place until somebody comes with a signature, and then is theirs
DROP INDEX contacts_app_key_external_id_idx;
CREATE UNIQUE INDEX ON contacts (app_key, external_id);
\set upsert 'INSERT INTO contacts (app_key, external_id, name, user_hash) VALUES ($1, $2, $3, $4) ON CONFLICT (app_key, external_id) DO UPDATE SET name = EXCLUDED.name, user_hash = $4 WHERE EXCLUDED.is_verified RETURNING id, is_verified'
SELECT policy, visit, u.*
  FROM visits, unnest('{accept,drop,reject}'::text[]) policy,
	pg_temp.visit(:'upsert', policy, external_id, name, user_hash) u
 ORDER BY policy, n;
SELECT app_key, row_number() OVER (PARTITION BY app_key ORDER BY id) AS number,
	   external_id, name, user_hash, is_verified
  FROM contacts ORDER BY app_key, id;

-- a repeated EXCLUDED.user_hash is none: an unverified contact stays one
TRUNCATE contacts;
SET ROLE regress_guard_app;
INSERT INTO contacts (app_key, external_id) VALUES ('accept', 'alice');
INSERT INTO contacts (app_key, external_id, user_hash) VALUES ('accept', 'alice', pg_temp.hash('alice'))
	ON CONFLICT (app_key, external_id) DO UPDATE SET user_hash = EXCLUDED.user_hash
	WHERE EXCLUDED.is_verified
	RETURNING is_verified;
-- ... nor does EXCLUDED.is_verified set the flag
INSERT INTO contacts (app_key, external_id, user_hash) VALUES ('accept', 'alice', pg_temp.hash('alice'))
	ON CONFLICT (app_key, external_id) DO UPDATE SET is_verified = EXCLUDED.is_verified
	RETURNING is_verified;

-- DO NOTHING keeps what is there
INSERT INTO contacts (app_key, external_id, user_hash) VALUES
	('accept', 'alice', pg_temp.hash('alice')),
	('accept', 'bob', pg_temp.hash('bob'))
	ON CONFLICT DO NOTHING RETURNING external_id, is_verified;
RESET ROLE;

-- by email, where there is no external_id
TRUNCATE contacts;
DROP INDEX contacts_app_key_external_id_idx;
CREATE UNIQUE INDEX ON contacts (app_key, lower(email COLLATE "C")) WHERE is_verified AND external_id IS NULL;
SET ROLE regress_guard_app;
PREPARE by_email(text, text, text) AS
	INSERT INTO contacts (app_key, email, name, user_hash) VALUES ('accept', $1, $2, $3)
	ON CONFLICT (app_key, lower(email COLLATE "C")) WHERE is_verified AND external_id IS NULL
	DO UPDATE SET name = EXCLUDED.name, user_hash = $3 WHERE EXCLUDED.is_verified
	RETURNING name, is_verified;
EXECUTE by_email('a@x.org', 'Alice', pg_temp.hash('a@x.org'));
EXECUTE by_email('a@x.org', 'Mallory', pg_temp.hash('m@x.org'));
EXECUTE by_email('a@x.org', 'Alice B.', pg_temp.hash('a@x.org'));
DEALLOCATE by_email;
RESET ROLE;
SELECT email, name, user_hash, is_verified FROM contacts ORDER BY id;

DROP TABLE contacts;
DELETE FROM idverify.apps;
DROP OWNED BY regress_guard_app;
DROP ROLE regress_guard_app;

--
-- idverify_guard(): what a foreign key's action changes
--
-- ON UPDATE CASCADE and its kin write to a guarded table without a user_hash.
-- Where the app drops such a claim, the old value would come back, and reference
-- nothing: that is an error, and nothing is changed.
--
\set VERBOSITY terse
\pset null -
SELECT app_key FROM unnest('{accept,drop,reject}'::text[]) policy,
	idverify_create_app(policy, policy, 'one secret for all of them',
						policy::idverify.claim_policy);
CREATE FUNCTION hash(value text) RETURNS text LANGUAGE sql
	RETURN encode(hmac(convert_to(value, 'UTF8'), 'one secret for all of them', 'sha256'), 'hex');
CREATE TABLE users (uid text PRIMARY KEY);
CREATE TABLE contacts (
	app_key		text,
	external_id	text DEFAULT 'nobody' CONSTRAINT users_key REFERENCES users DEFERRABLE,
	email		text,
	user_hash	text,
	is_verified	boolean
) PARTITION BY LIST (app_key);
CREATE TABLE contacts_of_all PARTITION OF contacts DEFAULT;
CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON contacts
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();

-- What becomes of alice's contact by a statement, under an action of the key.
CREATE FUNCTION pg_temp.outcome(action text, app text, signed boolean, statement text)
	RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	problem text;
	hint text;
BEGIN
	TRUNCATE users, contacts;
	INSERT INTO users VALUES ('alice'), ('bob'), ('nobody');
	EXECUTE 'ALTER TABLE contacts DROP CONSTRAINT users_key, ADD CONSTRAINT users_key FOREIGN KEY (external_id) REFERENCES users ' || action;
	SET LOCAL session_replication_role = replica;
	INSERT INTO contacts VALUES (app, 'alice', NULL, NULL, signed);
	SET LOCAL session_replication_role = origin;
	BEGIN
		EXECUTE statement;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT, hint = PG_EXCEPTION_DETAIL;
		RETURN concat_ws(' ', SQLSTATE, problem, CASE SQLSTATE WHEN '23503' THEN hint END);
	END;
	SELECT concat_ws(' ', coalesce(external_id, '-'), CASE WHEN is_verified THEN 'verified' END,
		CASE WHEN external_id NOT IN (SELECT uid FROM users) THEN 'DANGLING' END)
		FROM contacts INTO answer;
	RETURN answer;
END $$;

\pset format unaligned
SELECT statement, action, app, signed, pg_temp.outcome(action, app, signed, statement)
  FROM (VALUES
	(1, 'ON UPDATE CASCADE', 'UPDATE users SET uid = ''alicia'' WHERE uid = ''alice'''),
	(2, 'ON UPDATE SET NULL', 'UPDATE users SET uid = ''alicia'' WHERE uid = ''alice'''),
	(3, 'ON UPDATE SET DEFAULT', 'UPDATE users SET uid = ''alicia'' WHERE uid = ''alice'''),
	(4, 'ON DELETE SET NULL', 'DELETE FROM users WHERE uid = ''alice'''),
	(5, 'ON DELETE SET DEFAULT', 'DELETE FROM users WHERE uid = ''alice''')) AS t(n, action, statement),
	unnest('{accept,drop,reject}'::text[]) app,
	unnest('{f,t}'::boolean[]) signed
 ORDER BY n, app, signed;

-- what no key has done is dropped as ever, also beside such a key
SELECT app, signed, pg_temp.outcome('ON UPDATE CASCADE', app, signed, 'UPDATE contacts SET external_id = ''bob''')
  FROM unnest('{accept,drop,reject}'::text[]) app,
	unnest('{f,t}'::boolean[]) signed
 ORDER BY app, signed;

-- A trigger of somebody's own cannot be told from a key's action where there is
-- one, unless it brings a hash, right or wrong.
CREATE TABLE renamed (uid text, user_hash text);
CREATE FUNCTION rename() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE contacts SET external_id = NEW.uid, user_hash = NEW.user_hash;
	RETURN NULL;
END $$;
CREATE TRIGGER rename AFTER INSERT ON renamed FOR EACH ROW EXECUTE FUNCTION rename();
SELECT action, signed, hash, pg_temp.outcome(action, 'drop', signed,
	format('INSERT INTO renamed VALUES (''bob'', %s)', hash))
  FROM unnest('{ON UPDATE CASCADE,ON UPDATE NO ACTION}'::text[]) action,
	unnest('{false,true}'::boolean[]) signed,
	unnest('{"NULL",hash(''bob''),''wrong''}'::text[]) hash
 ORDER BY action, signed, hash COLLATE "C";

-- A row of an earlier transaction, of which the server does not look at the key
-- again, would be left without what it references.
TRUNCATE users, contacts;
CREATE TABLE inboxes (app text PRIMARY KEY);
ALTER TABLE contacts DROP CONSTRAINT users_key,
	ADD CONSTRAINT users_key FOREIGN KEY (external_id) REFERENCES users ON UPDATE CASCADE,
	ADD CONSTRAINT inboxes_key FOREIGN KEY (app_key) REFERENCES inboxes ON DELETE SET NULL;
INSERT INTO users VALUES ('alice');
INSERT INTO inboxes VALUES ('drop');
INSERT INTO contacts VALUES ('drop', 'alice', NULL, hash('alice'));
UPDATE users SET uid = 'alicia';  -- fail
DELETE FROM inboxes;  -- fail
SELECT c.*, uid, app FROM contacts c
	LEFT JOIN users ON uid = external_id LEFT JOIN inboxes ON app = app_key;

-- as the error says
BEGIN;
ALTER TABLE contacts DISABLE TRIGGER zz_guard;
UPDATE users SET uid = 'alicia';
ALTER TABLE contacts ENABLE TRIGGER zz_guard;
COMMIT;
SELECT c.*, uid FROM contacts c LEFT JOIN users ON uid = external_id;

DROP TABLE renamed, contacts, users, inboxes;
DROP FUNCTION rename, hash;
DELETE FROM idverify.apps;

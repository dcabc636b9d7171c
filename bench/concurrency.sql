--
-- What bench/concurrency needs beside bench/load.sql
--
-- The app has a second signer.  Its secret is rotated meanwhile: that changes the
-- app for every session, and what the claims were signed with stays right.
--
SELECT idverify_add_signer('load', 'rotated') IS NOT NULL AS added \g /dev/null
ALTER TABLE peer_apps ADD COLUMN rotated_at timestamptz;

CREATE TABLE signed AS
	SELECT n, claim->>'external_id' AS external_id, claim->>'user_hash' AS user_hash FROM claims;
ALTER TABLE signed ADD PRIMARY KEY (n);
CREATE TABLE bare (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	app_key text,
	external_id text,
	email text,
	user_hash text,
	is_verified boolean
);
CREATE TABLE guarded (LIKE bare INCLUDING ALL);
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON guarded
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();

-- what the measured sessions were doing, each time that somebody looked
CREATE UNLOGGED TABLE samples (script text, way text, sessions integer, waits_for text);
VACUUM ANALYZE;

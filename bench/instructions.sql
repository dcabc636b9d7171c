--
-- What bench/instructions needs beside bench/identify.sql
--
-- Neighbouring claims are of different people of one app, as its messages are.
--
CREATE TABLE signed AS
	SELECT n, 'bench' AS app_key, claim->>'external_id' AS id, claim->>'user_hash' AS hash
	FROM claims WHERE n <= 1000;
ALTER TABLE signed ADD PRIMARY KEY (n);

-- The same people with tokens, of six claims: iat and exp are the server's.
SELECT idverify_create_app('Tokens', 'tokens', signs => 'token');
CREATE TABLE tokens AS
	SELECT n, 'tokens' AS app_key, id, idverify_sign_token('tokens', jsonb_build_object('sub', id,
		'email', id || '@example.org', 'name', 'Ann', 'nbf', floor(extract(epoch FROM now()))), '12 hours') AS token
	FROM signed;
ALTER TABLE tokens ADD PRIMARY KEY (n);

CREATE TABLE guarded (
	id bigint GENERATED ALWAYS AS IDENTITY,
	app_key text,
	external_id text,
	email text,
	user_hash text,
	is_verified boolean
);
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON guarded
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();

VACUUM ANALYZE;

--
-- idverify_sign_token: a JSON Web Token by the current secret
--
-- Header, payload and signature in base64url (RFC 7515).  What is signed is told
-- by pgcrypto, and the payload is read by PostgreSQL's own JSON.
--
\set VERBOSITY terse
SET client_min_messages = warning;
SET intervalstyle = postgres;

-- the SQLSTATE and message of a call, or ok
CREATE FUNCTION pg_temp.outcome(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END $$;
CREATE FUNCTION pg_temp.decoded(digits text) RETURNS bytea LANGUAGE sql
	RETURN decode(translate(digits, '-_', '+/') || repeat('=', (4 - length(digits) % 4) % 4), 'base64');
CREATE FUNCTION pg_temp.encoded(bytes bytea) RETURNS text LANGUAGE sql
	RETURN translate(encode(bytes, 'base64'), E'+/=\n', '-_');
CREATE FUNCTION pg_temp.payload(token text) RETURNS jsonb LANGUAGE sql
	RETURN convert_from(pg_temp.decoded(split_part(token, '.', 2)), 'UTF8')::jsonb;

SELECT app_key FROM idverify_create_app('Tokens', 'tokens', 'secret of another product', signs => 'token');
SELECT app_key FROM idverify_create_app('Hashes', 'hashes');

-- three parts, of which the first two are signed
SELECT idverify_sign_token('tokens', '{"external_id": "ann", "email": "ann@example.com", "plan": ["pro", 1]}') AS token \gset
SELECT :'token' ~ '^[\w-]+\.[\w-]+\.[\w-]{43}$' AS shape,
	   convert_from(pg_temp.decoded(split_part(:'token', '.', 1)), 'UTF8') AS header,
	   pg_temp.payload(:'token') - 'iat' - 'exp' AS claims,
	   split_part(:'token', '.', 3) = pg_temp.encoded(hmac(convert_to(split_part(:'token', '.', 1) || '.' || split_part(:'token', '.', 2), 'UTF8'),
		'secret of another product', 'sha256')) AS signature;
-- no blank is signed that is not in a string
SELECT regexp_replace(convert_from(pg_temp.decoded(split_part(idverify_sign_token('tokens', '{"sub": "a \" b, c: d\\", "plan": ["pro ", 1, {"e": {}}]}'), '.', 2)), 'UTF8'),
	'\d{10}', 'N', 'g') AS payload;
SELECT idverify_verdict('tokens', 'ann', NULL, :'token'), idverify_check('tokens', 'ann', :'token'),
	   idverify_check('tokens', 'bob', :'token') AS of_another;

-- iat is now, by the clock; exp is so much later, in whole seconds
SELECT jsonb_typeof(payload -> 'iat') AS iat, jsonb_typeof(payload -> 'exp') AS exp,
	   extract(epoch FROM clock_timestamp()) - (payload -> 'iat')::int BETWEEN 0 AND 60 AS now
  FROM pg_temp.payload(:'token') AS payload;
SELECT lifetime, (payload -> 'exp')::bigint - (payload -> 'iat')::bigint AS seconds
  FROM unnest(ARRAY['1 second', '5 minutes', '1 day']::interval[]) AS lifetime,
	   pg_temp.payload(idverify_sign_token('tokens', '{"sub": "ann"}', lifetime)) AS payload;
SELECT bool_and((payload -> 'exp')::bigint - (payload -> 'iat')::bigint IN (2, 3)) AS two_or_three
  FROM generate_series(1, 20), pg_temp.payload(idverify_sign_token('tokens', '{"sub": "ann"}', '2.5 seconds')) AS payload;

-- each lifetime is allowed that a token of the app may have
SELECT app_key FROM idverify_create_app('One hour', 'one hour', signs => 'token', token_lifetime => '1 hour');
SELECT app_key FROM idverify_create_app('Any', 'any', signs => 'token', token_lifetime => NULL);
SELECT lifetime, pg_temp.outcome(format('SELECT idverify_sign_token(%L, %L, %L)', 'one hour', '{"sub": "ann"}', lifetime)) AS "at most an hour",
	   pg_temp.outcome(format('SELECT idverify_sign_token(%L, %L, %L)', 'any', '{"sub": "ann"}', lifetime)) AS "no exp asked for"
  FROM unnest(ARRAY['-1 second', '0', '0.999999 seconds', '1 second', '1 hour', '1 hour 1 microsecond', '10 years', '10 years 1 second', '170000000 years', NULL]::interval[])
	   WITH ORDINALITY AS l(lifetime, m) ORDER BY m;
SELECT idverify_verdict('one hour', 'ann', NULL, idverify_sign_token('one hour', '{"sub": "ann"}', '1 hour')) AS the_longest;

-- Claims that a token could not have are refused, with what is wrong with them.
SELECT claims, pg_temp.outcome(format('SELECT idverify_sign_token(%L, %L)', 'tokens', claims))
  FROM unnest(ARRAY[
	'{"external_id": "ann"}', '{"user_id": 42}', '{"userId": "ann"}', '{"sub": "ann"}', '{"id": "ann"}',
	'{"sub": "42", "id": 42}', '{"sub": "ann", "id": ""}', '{"email": "ann@example.com"}',
	'{"sub": "ann", "email_verified": false}', '{"sub": "ann", "nbf": 4102444800.5}',
	'[]', '"ann"', '42', 'null', NULL,
	'{}', '{"name": "Ann"}', '{"sub": null}', '{"sub": "", "id": null}',
	'{"email": "ann@example.com", "email_verified": false}', '{"email": ""}',
	'{"sub": "ann", "id": "bob"}', '{"sub": 42.5}', '{"sub": true}', '{"sub": ["ann"]}', '{"sub": "ann", "email": 42}',
	'{"sub": "ann", "nbf": "tomorrow"}',
	'{"sub": "ann", "iat": 1}', '{"sub": "ann", "exp": null}',
	'{"sub": "ann", "a": {"b": {"c": {"d": {"e": {"f": {"g": [1]}}}}}}}',
	'{"sub": "ann", "a": {"b": {"c": {"d": {"e": {"f": {"g": [[1]]}}}}}}}'
  ]) WITH ORDINALITY AS t(claims, n) ORDER BY n;

-- and so are those that the app would take for nobody's: by its signed_field, too
SELECT app_key FROM idverify_create_app('By id', 'by id', signs => 'token', signed_field => 'external_id');
SELECT app_key FROM idverify_create_app('By email', 'by email', signs => 'token', signed_field => 'email');
SELECT claims, pg_temp.outcome(format('SELECT idverify_sign_token(%L, %L)', 'tokens', claims)) AS "either",
	   pg_temp.outcome(format('SELECT idverify_sign_token(%L, %L)', 'by id', claims)) AS "external_id",
	   pg_temp.outcome(format('SELECT idverify_sign_token(%L, %L)', 'by email', claims)) AS "email"
  FROM unnest(ARRAY[
	'{"sub": "ann"}', '{"email": "ann@example.com"}', '{"sub": "ann", "email": "ann@example.com"}',
	'{"sub": "ann", "email": "ann@example.com", "email_verified": false}',
	'{"sub": "undefined"}', '{"sub": "undefined", "email": "ann@example.com"}',
	'{"sub": "ann", "email": "null"}', '{"email": "undefined"}'
  ]) WITH ORDINALITY AS t(claims, n) ORDER BY n;

-- What takes a few bytes as jsonb, and a gigabyte as text, is too long at once.
SET statement_timeout = '10s';
SELECT pg_temp.outcome(format('SELECT idverify_sign_token(%L, %L)', 'tokens',
	'{"sub": "ann", "a": [1e131000' || repeat(',1e131000', 9999) || ']}')) AS numbers;
RESET statement_timeout;

-- the longest token has 8,192 bytes
SELECT length(idverify_sign_token('tokens', jsonb_build_object('sub', 'ann', 'x', repeat('x', n)))) AS longest,
	   pg_temp.outcome(format('SELECT idverify_sign_token(%L, %L)', 'tokens', jsonb_build_object('sub', 'ann', 'x', repeat('x', n + 1)))) AS longer,
	   pg_temp.outcome(format('SELECT idverify_sign_token(%L, %L)', 'tokens', jsonb_build_object('sub', 'ann', 'x', repeat('x', 1000000)))) AS much_longer
  FROM (SELECT 6083 - length('{"x":"","sub":"ann","iat":1790000000,"exp":1790000000}') AS n) AS room;
SELECT idverify_check('tokens', 'ann', idverify_sign_token('tokens', jsonb_build_object('sub', 'ann', 'x', repeat('x', 6000)))) AS long;

-- ids of every script
SELECT idverify_check('tokens', 'Zoë 名前 🦊 "\/', idverify_sign_token('tokens', jsonb_build_object('sub', 'Zoë 名前 🦊 "\/'))) AS every_script;

-- by the current secret, not by a staged or a previous one; and of the signer that is named
SELECT idverify_stage('tokens') IS NOT NULL AS staged, idverify_sign_token('tokens', '{"sub": "ann"}') AS before \gset
SELECT split_part(:'before', '.', 3) = pg_temp.encoded(hmac(convert_to(substring(:'before' FROM '^.*(?=\.)'), 'UTF8'), 'secret of another product', 'sha256')) AS by_current;
SELECT idverify_promote('tokens');
SELECT split_part(token, '.', 3) <> pg_temp.encoded(hmac(convert_to(substring(token FROM '^.*(?=\.)'), 'UTF8'), 'secret of another product', 'sha256')) AS by_the_new_one
  FROM idverify_sign_token('tokens', '{"sub": "ann"}') AS token;
SELECT idverify_verdict('tokens', 'ann', NULL, :'before') AS previous_in_grace;
SELECT idverify_add_signer('tokens', 'ios') IS NOT NULL AS added;
SELECT idverify_check('tokens', 'ann', idverify_sign_token('tokens', '{"sub": "ann"}', signer => 'ios')) AS by_ios;
SELECT call, pg_temp.outcome('SELECT ' || call)
  FROM unnest(ARRAY[
	$$idverify_sign_token('tokens', '{"sub": "ann"}')$$,
	$$idverify_sign_token('tokens', '{"sub": "ann"}', signer => 'android')$$,
	$$idverify_sign_token('none', '{"sub": "ann"}')$$,
	$$idverify_sign_token(NULL, '{"sub": "ann"}')$$,
	$$idverify_sign_token('hashes', '{"sub": "ann"}')$$,
	$$idverify_sign('tokens', 'ann', 'ios')$$]) WITH ORDINALITY AS t(call, n) ORDER BY n;
DELETE FROM idverify.secrets WHERE state = 'current' AND app_id = (SELECT id FROM idverify.apps WHERE app_key = 'any');
SELECT idverify_sign_token('any', '{"sub": "ann"}');  -- fail

-- what to do about it
\set VERBOSITY default
SELECT idverify_sign_token('hashes', '{"sub": "ann"}');  -- fail
SELECT idverify_sign('tokens', 'ann', 'ios');  -- fail
SELECT idverify_sign_token('tokens', '{"name": "Ann"}');  -- fail
SELECT idverify_sign_token('tokens', '{"sub": "undefined"}');  -- fail
SELECT idverify_sign_token('by email', '{"sub": "ann"}');  -- fail
SELECT idverify_sign_token('tokens', '{"sub": "ann", "id": "bob"}');  -- fail
SELECT idverify_sign_token('tokens', '{"sub": "ann", "exp": 4102444800}');  -- fail
SELECT idverify_sign_token('one hour', '{"sub": "ann"}', '2 hours');  -- fail
\set VERBOSITY terse

-- it reads and does not write
BEGIN READ ONLY;
SELECT idverify_sign_token('one hour', '{"sub": "ann"}') IS NOT NULL AS signed;
ROLLBACK;

DELETE FROM idverify.apps;
SELECT count(*) AS left_over FROM idverify.secrets;

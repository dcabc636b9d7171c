--
-- idverify_identify(): a token in the claim
--
-- A claim may hold nothing but a token.  Who somebody is, and what of their
-- profile the token says, is read from it; what is sent beside it is a browser's
-- word.  Tokens are made here, by pgcrypto and a secret that is known.
--
\set VERBOSITY terse
\pset null -
SET client_min_messages = warning;
TRUNCATE idverify.contacts, idverify.folds, idverify.fold_rows RESTART IDENTITY;
SELECT app_key FROM idverify_create_app('Tokens', 'tok', 'the secret of all these tokens', signs => 'token');

CREATE FUNCTION pg_temp.base64url(bytes bytea) RETURNS text LANGUAGE sql IMMUTABLE
	RETURN translate(encode(bytes, 'base64'), E'+/=\n', '-_');
-- a token that ends in so many seconds
CREATE FUNCTION pg_temp.token(claims jsonb, seconds int DEFAULT 300, secret text DEFAULT 'the secret of all these tokens') RETURNS text LANGUAGE sql
	RETURN (SELECT message || '.' || pg_temp.base64url(hmac(message::bytea, secret::bytea, 'sha256'))
		FROM concat_ws('.', pg_temp.base64url('{"alg":"HS256","typ":"JWT"}'),
			pg_temp.base64url(convert_to((claims || jsonb_build_object('exp', floor(extract(epoch FROM clock_timestamp())) + seconds))::text, 'UTF8'))) message);

-- what a claim comes to; or its error
CREATE FUNCTION pg_temp.answer(claim jsonb, visitor text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	a record;
BEGIN
	SELECT * INTO a FROM idverify_identify('tok', claim, visitor);
	RETURN (SELECT concat_ws(' ', a.verdict, CASE WHEN a.is_verified THEN 'verified contact' ELSE 'contact' END, CASE WHEN a.created THEN 'made' END,
			CASE WHEN a.fold_id IS NOT NULL THEN 'folded' END, '|', c.external_id, c.email, CASE WHEN c.email_verified THEN '(signed)' END,
			c.name, c.company, c.phone, c.avatar_url, nullif(c.custom_data, '{}'), c.shop, CASE WHEN a.shop_verified THEN '(shop)' END, c.last_claim)
		FROM (VALUES (0)) v LEFT JOIN idverify.contacts c ON c.id = a.contact_id);
EXCEPTION WHEN OTHERS THEN
	RETURN concat_ws(' ', sqlstate, sqlerrm);
END $$;
CREATE FUNCTION pg_temp.stored(claim jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM idverify.contacts;
	RETURN pg_temp.answer(claim);
END $$;

-- A token counts under each of these names, and is looked at under no other.
SELECT name, pg_temp.stored(jsonb_build_object(name, pg_temp.token('{"sub": "42"}')))
  FROM unnest(ARRAY['token', 'jwt', 'user_jwt', 'userJwt', 'intercom_user_jwt', 'identityToken', 'identity_token', 'jwtToken', 'ssoToken',
	'featurebaseJwt', 'user_hash', 'userHash', 'identifier_hash', 'identifierHash', 'identity_hash', 'signature', 'hash',
	'Token', 'JWT', 'email_hash', 'shop_hash', 'userToken']) name;

-- They are one field: two that differ are an error, a blank one is none.
SELECT names, pg_temp.stored(jsonb_build_object(names[1], t1, names[2], t2))
  FROM (VALUES
	(1, ARRAY['token', 'jwt'],           pg_temp.token('{"sub": "42"}'), pg_temp.token('{"sub": "42"}')),
	(2, ARRAY['token', 'jwt'],           pg_temp.token('{"sub": "42"}'), pg_temp.token('{"sub": "43"}')),
	(3, ARRAY['user_hash', 'user_jwt'],  repeat('0', 64),                pg_temp.token('{"sub": "42"}')),
	(4, ARRAY['user_hash', 'ssoToken'],  '',                             pg_temp.token('{"sub": "42"}')),
	(5, ARRAY['jwtToken', 'user_hash'],  pg_temp.token('{"sub": "42"}'), ' ')
  ) AS c(n, names, t1, t2) ORDER BY n;
SELECT pg_temp.stored('{"token": 42}') AS number, pg_temp.stored('{"jwt": {"sub": "42"}}') AS object, pg_temp.stored('{"jwt": null}') AS null,
	   pg_temp.stored(jsonb_build_object('token', repeat('x', 10000))) AS long;
-- What is no token was not meant as one, whatever it is called: with no id beside it
-- the visitor is anonymous.  What is put in front of one makes no other of it.
SELECT n, left(claim::text, 40) AS claim, pg_temp.stored(claim)
  FROM (VALUES
	( 1, jsonb_build_object('hash', '#/page.html')),
	( 2, jsonb_build_object('signature', 'Regards, A. Smith')),
	( 3, jsonb_build_object('hash', repeat('page.html ', 900))),
	( 4, jsonb_build_object('token', 'undefined')),
	( 5, jsonb_build_object('token', 'a.b.c')),
	( 6, jsonb_build_object('hash', '#/page.html', 'external_id', '42')),
	(11, jsonb_build_object('token', 'eyJ.b')),
	(12, jsonb_build_object('token', 'Bearer eyJ.b.c')),
	(13, jsonb_build_object('token', 'bearer  eyJ.b.c')),
	(14, jsonb_build_object('token', '"eyJ.b.c"')),
	(15, jsonb_build_object('token', 'ewogImEi.b.c')),
	(16, jsonb_build_object('token', ' eyJ.' || repeat('x', 10000)))
  ) AS c(n, claim) ORDER BY n;

-- The token alone: the contact is made, found, and brought up to date.  The second
-- says nothing of a name: nothing is wiped.
SELECT pg_temp.stored(jsonb_build_object('token', pg_temp.token('{"sub": 42, "email": "ann@x.org", "name": "Ann"}'))) AS first;
SELECT pg_temp.answer(jsonb_build_object('token', pg_temp.token('{"id": "42", "name": ""}'))) AS second,
	   pg_temp.answer(jsonb_build_object('token', pg_temp.token('{"user_id": "42", "name": "Anna"}'))) AS third;
-- what the visitor did before logging in goes with them
SELECT visitor FROM idverify_identify('tok', '{"name": "Visitor", "phone": "+1"}') \gset
SELECT pg_temp.answer(jsonb_build_object('token', pg_temp.token('{"sub": "42"}')), :'visitor') AS login;

-- The profile is the token's; what it does not say may stand beside it.
SELECT n, pg_temp.stored(jsonb_build_object('token', pg_temp.token('{"sub": "42"}' || said)) || beside)
  FROM (VALUES
	( 1, '{}'::jsonb, '{}'::jsonb),
	( 2, '{"name": "Ann", "company": "ACME", "phone": "+1", "avatar_url": "https://a.example/a.png", "custom_data": {"plan": "pro"}}', '{}'),
	( 3, '{"userName": "Ann", "company": {"id": 7, "name": "ACME"}, "avatarUrl": "https://a.example/a.png", "customAttributes": {"plan": "pro"}}', '{}'),
	( 4, '{"name": "Ann", "custom_data": {"plan": "pro"}}', '{"name": "Mallory", "phone": "+2", "custom_data": {"plan": "free", "x": 1}}'),
	( 5, '{"name": " "}', '{"name": "Ann"}'),
	( 6, '{"name": null, "custom_data": null}', '{"name": "Ann", "custom_data": {"x": 1}}'),
	( 7, '{"user_hash": "x", "token": "y", "jwt": {"a": 1}, "signature": 5}', '{}'),
	( 8, '{"identifier": "43", "distinct_id": "44"}', '{}'),
	( 9, '{"name": 42}', '{}'),
	(10, '{"company": {"name": ["ACME"]}}', '{}'),
	(11, '{"custom_data": ["pro"]}', '{}'),
	(12, '{"name": "Ann", "userName": "Anna"}', '{}'),
	(13, jsonb_build_object('name', repeat('x', 1025)), '{}')
  ) AS c(n, said, beside) ORDER BY n;

-- A shop in a token is signed, and one beside it is not.  No token passes for the
-- signature of a shop, or of an email.
SELECT n, pg_temp.stored(jsonb_build_object('token', pg_temp.token('{"sub": "42"}' || said)) || beside)
  FROM (VALUES
	(1, '{"shop": "a.example"}'::jsonb, '{}'::jsonb),
	(2, '{"shop": "a.example"}', '{"shop": "b.example"}'),
	(3, '{}', '{"shop": "b.example"}'),
	(4, '{}', jsonb_build_object('shop', '42', 'shop_hash', pg_temp.token('{"sub": "42"}'))),
	(5, '{}', jsonb_build_object('email', '42', 'email_hash', pg_temp.token('{"sub": "42"}'))),
	(6, '{"shop": "undefined"}', '{}'),
	(7, '{"shop": ""}', '{}')
  ) AS c(n, said, beside) ORDER BY n;
SELECT pg_temp.stored(jsonb_build_object('token', pg_temp.token('{"sub": "42", "shop": "a.example"}', -40))) AS shop_of_one_that_is_over;

-- Ids and email as for the verdict; but the token says who it is, so an email
-- beside one that has none is profile text, also where no external_id is sent.
SELECT n, pg_temp.stored(jsonb_build_object('token', pg_temp.token(said)) || beside)
  FROM (VALUES
	( 1, '{"sub": "42"}'::jsonb, '{"external_id": "42"}'::jsonb),
	( 2, '{"sub": 42}', '{"userId": 42}'),
	( 3, '{"sub": "42"}', '{"external_id": "43"}'),
	( 4, '{"sub": "42"}', '{"external_id": ""}'),
	( 5, '{"sub": "42"}', '{"email": "ann@x.org"}'),
	( 6, '{"sub": "42"}', '{"email": "undefined"}'),
	( 7, '{"sub": "42", "email": "ann@x.org"}', '{"email": "ann@x.org"}'),
	( 8, '{"sub": "42", "email": "ann@x.org"}', '{"email": "bob@x.org"}'),
	( 9, '{"sub": "42", "email": "ann@x.org", "email_verified": false}', '{}'),
	(10, '{"sub": "42", "email": "ann@x.org", "email_verified": false}', '{"email": "ann@x.org"}'),
	(11, '{"sub": "42", "email": "undefined"}', '{}'),
	(12, '{"email": "ann@x.org"}', '{}'),
	(13, '{"email": "ann@x.org"}', '{"external_id": "42"}'),
	(14, '{"email": "ann@x.org", "email_verified": false}', '{}'),
	(15, '{"name": "Ann"}', '{"external_id": "42"}')
  ) AS c(n, said, beside) ORDER BY n;

-- A contact known by the signed email alone is folded into that of the id; an
-- email that is not signed finds and takes nothing.
SELECT pg_temp.stored(jsonb_build_object('token', pg_temp.token('{"email": "ann@x.org", "phone": "+1"}'))) AS by_email;
SELECT pg_temp.answer(jsonb_build_object('token', pg_temp.token('{"sub": "43", "email": "ann@x.org", "email_verified": false}'))) AS unsigned_email;
SELECT pg_temp.answer(jsonb_build_object('token', pg_temp.token('{"sub": "42"}'), 'email', 'ann@x.org')) AS email_beside;
SELECT pg_temp.answer(jsonb_build_object('token', pg_temp.token('{"sub": "42", "email": "ann@x.org"}'))) AS signed_email;

-- Which field an app signs
UPDATE idverify.apps SET signed_field = 'external_id' WHERE app_key = 'tok';
SELECT n, pg_temp.stored(jsonb_build_object('token', pg_temp.token(said))) AS external_id
  FROM (VALUES (1, '{"sub": "42", "email": "ann@x.org"}'::jsonb), (2, '{"sub": "42"}'), (3, '{"email": "ann@x.org"}')) AS c(n, said) ORDER BY n;
UPDATE idverify.apps SET signed_field = 'email' WHERE app_key = 'tok';
SELECT n, pg_temp.stored(jsonb_build_object('token', pg_temp.token(said))) AS email
  FROM (VALUES (1, '{"sub": "42", "email": "ann@x.org"}'::jsonb), (2, '{"sub": "42"}'), (3, '{"email": "ann@x.org"}')) AS c(n, said) ORDER BY n;
UPDATE idverify.apps SET signed_field = DEFAULT WHERE app_key = 'tok';

-- A token that fails, under each policy.  42 is there, verified, and neither named
-- nor written.  Of a token that the app has not signed nothing is kept.
CREATE FUNCTION pg_temp.failing(claim jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM idverify.contacts;
	PERFORM idverify_identify('tok', jsonb_build_object('token', pg_temp.token('{"sub": "42", "name": "Ann"}')));
	RETURN pg_temp.answer(claim) || (SELECT CASE WHEN c.name <> 'Ann' OR c.last_claim IS NOT NULL THEN ' WRITTEN' ELSE '' END FROM idverify.contacts c WHERE is_verified);
END $$;
CREATE TEMPORARY TABLE policies AS SELECT unnest(enum_range(NULL::idverify.claim_policy)) AS policy;
CREATE FUNCTION pg_temp.by_policy(claim jsonb) RETURNS TABLE (policy idverify.claim_policy, answer text) LANGUAGE plpgsql AS $$
BEGIN
	FOR policy IN SELECT p.policy FROM policies p LOOP
		UPDATE idverify.apps SET on_wrong_hash = by_policy.policy WHERE app_key = 'tok';
		answer := pg_temp.failing(claim);
		RETURN NEXT;
	END LOOP;
	UPDATE idverify.apps SET on_wrong_hash = NULL WHERE app_key = 'tok';
END $$;
SELECT n, claim, p.*
  FROM (VALUES
	(1, 'over',                  jsonb_build_object('token', pg_temp.token('{"sub": "42", "name": "Mallory"}', -40))),
	(2, 'over, of its email',    jsonb_build_object('token', pg_temp.token('{"sub": "42", "email": "ann@x.org"}', -40), 'phone', '+1')),
	(3, 'not signed by the app', jsonb_build_object('token', pg_temp.token('{"sub": "42", "name": "Mallory"}', secret => 'nobody'))),
	(4, 'not signed, an id beside it', jsonb_build_object('token', pg_temp.token('{"sub": "42"}', secret => 'nobody'), 'external_id', '42', 'name', 'Mallory')),
	(5, 'of somebody else',      jsonb_build_object('token', pg_temp.token('{"sub": "43", "name": "Bob"}'), 'external_id', '42')),
	(6, 'nobody',                jsonb_build_object('token', pg_temp.token('{"name": "Mallory"}'))),
	(7, 'undefined',             jsonb_build_object('token', pg_temp.token('{"sub": "undefined"}'))),
	(8, 'too long-lived',        jsonb_build_object('token', pg_temp.token('{"sub": "42"}', 100000)))
  ) AS c(n, claim, sent), pg_temp.by_policy(sent) p
 ORDER BY n, policy;
-- a token in the place of an id is nobody's name, under any policy
SELECT n, claim, p.*
  FROM (VALUES
	(1, 'as external_id', jsonb_build_object('external_id', pg_temp.token('{"sub": "42"}'))),
	(2, 'as id, with a hash', jsonb_build_object('user_id', pg_temp.token('{"sub": "42"}'), 'user_hash', 'x')),
	(3, 'as email', jsonb_build_object('email', pg_temp.token('{"sub": "42"}'), 'user_hash', 'x'))
  ) AS c(n, claim, sent), pg_temp.by_policy(sent) p
 ORDER BY n, policy;
-- whatever failed, no contact holds a token, or a part of one
SELECT count(*) FROM idverify.contacts c WHERE c::text ~ 'eyJ';

-- An app that moves to tokens: the contact of an id is one, whatever has signed it.
SELECT app_key FROM idverify_create_app('Moving', 'moving', 'the secret of its hashes');
SELECT contact_id AS id, verdict FROM idverify_identify('moving', jsonb_build_object('external_id', '42', 'user_hash', idverify_sign('moving', '42'))) \gset
UPDATE idverify.apps SET signs = 'token' WHERE app_key = 'moving';
SELECT idverify_stage('moving', 'the secret of its tokens');
SELECT contact_id = :id AS same, verdict, created
  FROM idverify_identify('moving', jsonb_build_object('jwt', pg_temp.token('{"sub": "42"}', secret => 'the secret of its tokens')));

DELETE FROM idverify.contacts;
DELETE FROM idverify.apps WHERE app_key IN ('tok', 'moving');

--
-- Tokens: what is a JSON Web Token worth, where a user_hash could stand?
--
-- Tokens are made here, by pgcrypto: any text is signed, also such as no library
-- would sign.  In a payload, @300 stands for the time 300 seconds from now.  What
-- is a second from the edge of a rule is in test/unit/token_time.c, which has a clock
-- of its own.
--
\set VERBOSITY terse
\pset null -
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.base64url(bytes bytea) RETURNS text LANGUAGE sql IMMUTABLE
	RETURN translate(encode(bytes, 'base64'), E'+/=\n', '-_');
CREATE FUNCTION pg_temp.signed(message text, secret text, algorithm text DEFAULT 'sha256') RETURNS text LANGUAGE sql IMMUTABLE
	RETURN message || '.' || pg_temp.base64url(hmac(message::bytea, secret::bytea, algorithm));
CREATE FUNCTION pg_temp.timed(payload text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	times text[];
BEGIN
	LOOP
		times := regexp_match(payload, '@(-?[0-9]+)');
		IF times IS NULL THEN
			RETURN payload;
		END IF;
		payload := replace(payload, '@' || times[1], (floor(extract(epoch FROM clock_timestamp())) + times[1]::int)::bigint::text);
	END LOOP;
END $$;
CREATE FUNCTION pg_temp.token(payload text DEFAULT '{"sub": "42", "exp": @300}',
	header text DEFAULT '{"alg":"HS256","typ":"JWT"}', secret text DEFAULT 'the secret of all these tokens') RETURNS text LANGUAGE sql
	RETURN pg_temp.signed(pg_temp.base64url(convert_to(header, 'UTF8')) || '.' ||
						  pg_temp.base64url(convert_to(pg_temp.timed(payload), 'UTF8')), secret);

-- tok signs tokens; forever asks for no exp; web signs hashes with the same
-- secret, which nobody should do
SELECT app_key FROM idverify_create_app('Tokens', 'tok', 'the secret of all these tokens', signs => 'token');
SELECT app_key FROM idverify_create_app('For ever', 'forever', 'the secret of all these tokens', signs => 'token', token_lifetime => NULL);
SELECT app_key FROM idverify_create_app('Hashes', 'web', 'the secret of all these tokens');

-- check, and the verdict with the external_id beside the token and without
CREATE FUNCTION pg_temp.worth(token text, app text DEFAULT 'tok', who text DEFAULT '42')
	RETURNS TABLE ("check" boolean, verdict idverify.verdict, alone idverify.verdict) LANGUAGE sql
	AS 'SELECT idverify_check(app, who, token), idverify_verdict(app, who, NULL, token), idverify_verdict(app, NULL, NULL, token)';

SELECT * FROM pg_temp.worth(pg_temp.token());

-- Its shape: three parts of base64url, and nothing else
WITH good AS (
	SELECT token, split_part(token, '.', 1) AS header, split_part(token, '.', 2) AS payload, split_part(token, '.', 3) AS signature
	  FROM pg_temp.token('{"sub":"42","exp":@300,"pad":" "}') token
)
SELECT n, shape, w.*
  FROM good, LATERAL (VALUES
	( 1, 'as it was made',              token),
	( 2, 'no signature',                header || '.' || payload || '.'),
	( 3, 'a signature cut off',         header || '.' || payload || '.' || left(signature, 41)),
	( 4, 'another signature',           header || '.' || payload || '.' || translate(left(signature, 1), 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', 'BCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_A') || substr(signature, 2)),
	( 5, 'another payload',             header || '.' || pg_temp.base64url('{"sub":"42"}') || '.' || signature),
	( 6, 'another header',              pg_temp.base64url('{"alg":"HS256"}') || '.' || payload || '.' || signature),
	( 7, 'stray bits in the signature', header || '.' || payload || '.' || left(signature, 42) || chr(ascii(right(signature, 1)) + 1)),
	( 8, 'stray bits in the payload',   pg_temp.signed(header || '.' || left(payload, -1) || 'R', 'the secret of all these tokens')),
	( 9, 'padded signature',            token || '='),
	(10, 'padded payload',              pg_temp.signed(header || '.' || payload || '=', 'the secret of all these tokens')),
	(11, 'blank in front',              ' ' || token),
	(12, 'blank behind',                token || ' '),
	(13, 'line feed behind',            token || E'\n'),
	(14, 'blank within',                pg_temp.signed(header || '. ' || payload, 'the secret of all these tokens')),
	(15, 'line feed within',            pg_temp.signed(header || '.' || payload || E'\n', 'the secret of all these tokens')),
	(16, 'the other alphabet',          pg_temp.signed(header || '.+/+/', 'the secret of all these tokens')),
	(17, 'two parts',                   header || '.' || payload),
	(18, 'four parts',                  token || '.' || signature),
	(19, 'five parts',                  header || '....' || signature),
	(20, 'no header',                   pg_temp.signed('.' || payload, 'the secret of all these tokens')),
	(21, 'no payload',                  pg_temp.signed(header || '.', 'the secret of all these tokens')),
	(22, 'quoted',                      '"' || token || '"'),
	(23, 'Bearer',                      'Bearer ' || token),
	(24, 'JSON serialization',          format('{"payload":"%s","signatures":[{"protected":"%s","signature":"%s"}]}', payload, header, signature)),
	(25, 'no dot at all',               'nonsense')
  ) AS s(n, shape, presented), pg_temp.worth(presented) w
 ORDER BY n;

-- 8,192 bytes and no more; of more nothing is read
SELECT length(token) AS bytes, w.*
  FROM generate_series(0, 3) n,
	   pg_temp.token(rpad('{"sub":"42","exp":@300,"pad":"', 6074 + n, 'x') || '"}') token,
	   pg_temp.worth(token) w
 ORDER BY 1;
SELECT w.* FROM pg_temp.worth(repeat('a', 52428800)) w;
SELECT w.* FROM pg_temp.worth(pg_temp.token('{"sub":"42","exp":@300,"pad":"' || repeat('x', 5242880) || '"}')) w;

-- Its header: an object whose alg is HS256.  What another algorithm has signed
-- was not made by this secret.
SELECT n, header, w.*
  FROM (VALUES
	( 1, '{"alg":"HS256"}'),
	( 2, '{"typ":"JWT","alg":"HS256"}'),
	( 3, '{"alg":"HS256","typ":"jwt"}'),
	( 4, ' { "alg" : "HS256" , "kid" : "1" } '),
	( 5, '{"alg":"HS256","kid":"../../etc/passwd","jku":"https://x.example","x5c":[],"cty":"JWT","b64":false}'),
	( 6, '{"alg":"HS\u0032\u00356"}'),
	( 7, '{"alg":"hs256"}'),
	( 8, '{"alg":"Hs256"}'),
	( 9, '{"alg":"HS256 "}'),
	(10, '{"alg":"HS384"}'),
	(11, '{"alg":"HS512"}'),
	(12, '{"alg":"RS256"}'),
	(13, '{"alg":"none"}'),
	(14, '{"alg":"None"}'),
	(15, '{"alg":""}'),
	(16, '{"alg":null}'),
	(17, '{"alg":["HS256"]}'),
	(18, '{"alg":256}'),
	(19, '{"typ":"JWT"}'),
	(20, '{"ALG":"HS256"}'),
	(21, '{"alg":"HS256","typ":"JWE"}'),
	(22, '{"alg":"HS256","typ":"at+jwt"}'),
	(23, '{"alg":"HS256","typ":null}'),
	(24, '{"alg":"HS256","typ":["JWT"]}'),
	(25, '{"alg":"HS256","crit":["exp"]}'),
	(26, '{"alg":"HS256","crit":[]}'),
	(27, '{"alg":"HS256","crit":null}'),
	(28, '{"alg":"HS256","alg":"HS256"}'),
	(29, '{"alg":"none","alg":"HS256"}'),
	(30, '{"alg":"HS256","\u0061lg":"none"}'),
	(31, '["HS256"]'),
	(32, '"HS256"'),
	(33, '{"alg":"HS256"'),
	(34, '{"alg":"HS256"}{}'),
	(35, '{''alg'':''HS256''}')
  ) AS h(n, header), pg_temp.worth(pg_temp.token(header => header)) w
 ORDER BY n;
SELECT algorithm, w.*
  FROM (VALUES ('HS384', 'sha384'), ('HS512', 'sha512'), ('HS256', 'sha512')) AS a(alg, algorithm),
	   pg_temp.worth(pg_temp.signed(pg_temp.base64url(format('{"alg":"%s"}', alg)::bytea) || '.' ||
									pg_temp.base64url(pg_temp.timed('{"sub":"42","exp":@300}')::bytea),
									'the secret of all these tokens', algorithm)) w;

-- Its payload: one object that has one meaning
SELECT n, payload, w.*
  FROM (VALUES
	( 1, '{"sub":"42","exp":@300}'),
	( 2, E' \t\r\n{ "sub" : "42" ,\n "exp" : @300 } '),
	( 3, '{"sub":"\u0034\u0032","exp":@300}'),
	( 4, '{"sub":"42","exp":@300,"x":{"a":1,"b":{"a":1}},"y":[{"a":1},{"a":1}],"a":1}'),
	( 5, '{"sub":"42","sub":"42","exp":@300}'),
	( 6, '{"sub":"41","sub":"42","exp":@300}'),
	( 7, '{"sub":"42","s\u0075b":"41","exp":@300}'),
	( 8, '{"sub":"42","exp":@300,"exp":@600}'),
	( 9, '{"sub":"42","exp":@300,"x":{"a":1,"b":2,"a":1}}'),
	(10, '{"sub":"42","exp":@300,"x":[[{"a":1,"a":1}]]}'),
	(11, '{"sub":"42","exp":@300,"":1,"":2}'),
	(12, '{"sub":"42","exp":@300,"1":[[[[[[[]]]]]]]}'),
	(13, '{"sub":"42","exp":@300,"1":[[[[[[[[]]]]]]]]}'),
	(14, '{"sub":"42","exp":@300,"1":{"2":{"3":{"4":{"5":{"6":{"7":{}}}}}}}}'),
	(15, '{"sub":"42","exp":@300,"1":{"2":{"3":{"4":{"5":{"6":{"7":{"8":{}}}}}}}}}'),
	(16, '{"sub":"42","exp":@300,"name":"[[[[[[[[[["}'),
	(17, '{"sub":"42","exp":@300,"name":"a\u0000b"}'),
	(18, '{"sub":"42\u0000","exp":@300}'),
	(19, '{"sub":"42","exp":@300,"a\u0000":1}'),
	(20, '{"sub":"42","exp":@300,"name":"\ud83d\ude00"}'),
	(21, '{"sub":"42","exp":@300,"name":"\ud83d"}'),
	(22, '{"sub":"42","exp":@300,"name":"\ude00\ud83d"}'),
	(23, '{"sub":"42","exp":@300,"n":1e999}'),
	(24, '{"sub":"42","exp":@300,"n":1e1000}'),
	(25, '{"sub":"42","exp":@300,"n":[1E-1000]}'),
	(26, '{"sub":"42","exp":@300,"n":01}'),
	(27, '{"sub":"42","exp":@300,"n":NaN}'),
	(28, '{"sub":"42","exp":@300,}'),
	(29, '{"sub":"42","exp":@300'),
	(30, '{"sub":"42","exp":@300}}'),
	(31, '{"sub":"42","exp":@300} {}'),
	(32, '[{"sub":"42","exp":@300}]'),
	(33, '"42"'),
	(34, '42'),
	(35, 'null'),
	(36, '{}'),
	(37, '{"sub":"42","exp":@300} // of ours'),
	(38, E'{"sub":"42","exp":@300,"name":"a\tb"}')
  ) AS p(n, payload), pg_temp.worth(pg_temp.token(payload)) w
 ORDER BY n;
SELECT 'a byte order mark in front' AS payload, w.* FROM pg_temp.worth(pg_temp.token(U&'\FEFF{"sub":"42","exp":@300}')) w;
-- what is no UTF-8, and a byte that is zero
SELECT bytes, w.*
  FROM (VALUES ('\xff'), ('\xc0af'), ('\xeda080'), ('\xc3'), ('\x00')) AS b(bytes),
	   pg_temp.worth(pg_temp.signed(pg_temp.base64url('{"alg":"HS256"}') || '.' ||
			pg_temp.base64url(convert_to(pg_temp.timed('{"sub":"42","exp":@300,"name":"'), 'UTF8') || bytes::bytea || '"}'),
			'the secret of all these tokens')) w;

-- Who it names
SELECT n, left(claims, 64) AS claims, left(who, 16) AS who, w.*
  FROM (VALUES
	( 1, '"external_id":"42"',                 '42'),
	( 2, '"user_id":"42"',                     '42'),
	( 3, '"userId":"42"',                      '42'),
	( 4, '"id":"42"',                          '42'),
	( 5, '"userid":"42"',                      '42'),
	( 6, '"sub":42',                           '42'),
	( 7, '"sub":42,"id":"42"',                 '42'),
	( 8, '"external_id":"42","user_id":42,"userId":"42","sub":42,"id":"42"', '42'),
	( 9, '"external_id":"42","sub":"43"',      '42'),
	(10, '"sub":"42","id":"43"',               '42'),
	(11, '"sub":"42","id":"42 "',              '42'),
	(12, '"sub":42.0',                         '42'),
	(13, '"sub":42e0',                         '42'),
	(14, '"sub":4.2e1',                        '42'),
	(15, '"sub":-42',                          '-42'),
	(16, '"sub":12345678901234567890123456789', '12345678901234567890123456789'),
	(17, '"sub":"042"',                        '42'),
	(18, '"sub":"42","id":null',               '42'),
	(19, '"external_id":"","sub":"42"',        '42'),
	(20, '"sub":null',                         '42'),
	(21, '"sub":""',                           '42'),
	(22, '"sub":true',                         'true'),
	(23, '"sub":["42"]',                       '42'),
	(24, '"sub":{"id":"42"}',                  '42'),
	(25, '"sub":"42","id":false',              '42'),
	(26, '"sub":"42","id":{}',                 '42'),
	(27, '"aud":"42"',                         '42'),
	(28, '"sub":"42","aud":"x","iss":"y","scope":"z","jti":"1"', '42'),
	(29, '"sub":"' || repeat('x', 1024) || '"', repeat('x', 1024)),
	(30, '"sub":"' || repeat('x', 1025) || '"', repeat('x', 1025)),
	(31, '"sub":"undefined"',                  'undefined'),
	(32, '"sub":0',                            '0'),
	(33, '"sub":"Zo\u00eb"',                   U&'Zo\00EB'),
	(34, U&'"sub":"Zo\00EB"',                  U&'Zo\00EB'),
	(35, '"sub":"' || U&'Zo\0065\0308' || '"', U&'Zo\00EB'),
	(36, '"email":"a@x.org"',                  'a@x.org'),
	(37, '"email":"a@x.org","email_verified":false', 'a@x.org')
  ) AS c(n, claims, who),
	   pg_temp.worth(pg_temp.token('{"exp":@300,' || claims || '}'), 'tok', who) w
 ORDER BY n;

-- Its email: signed unless it says that it is not.  What follows from it is
-- whether check takes it for what the token names, and for which claim it does.
SELECT n, claims, idverify_check('tok', 'a@x.org', token) AS "check",
	   idverify_verdict('tok', NULL, 'a@x.org', token) AS email,
	   idverify_verdict('tok', '42', 'a@x.org', token) AS both,
	   idverify_verdict('tok', '42', 'b@x.org', token) AS other
  FROM (VALUES
	( 1, '"email":"a@x.org"'),
	( 2, '"email":"a@x.org","email_verified":true'),
	( 3, '"email":"a@x.org","email_verified":"true"'),
	( 4, '"email":"a@x.org","email_verified":false'),
	( 5, '"email":"a@x.org","email_verified":"false"'),
	( 6, '"email":"a@x.org","email_verified":"True"'),
	( 7, '"email":"a@x.org","email_verified":1'),
	( 8, '"email":"a@x.org","email_verified":null'),
	( 9, '"email":"a@x.org","email_verified":[true]'),
	(10, '"email":"A@x.org"'),
	(11, '"email":null'),
	(12, '"email":""'),
	(13, '"email_verified":true'),
	(14, '"email":["a@x.org"]'),
	(15, '"email":1')
  ) AS c(n, claims), pg_temp.token('{"sub":"42","exp":@300,' || claims || '}') token
 ORDER BY n;

-- Its times.  Clocks may differ by 30 seconds; here is a margin of ten.
SELECT n, times, w."check", w.verdict, f."check" AS forever, f.verdict AS verdict
  FROM (VALUES
	( 1, '"exp":@300'),
	( 2, '"exp":@300.5'),
	( 3, '"exp":@-20'),
	( 4, '"exp":@-40'),
	( 5, '"exp":0'),
	( 6, '"exp":-1'),
	( 7, '"exp":@86400'),
	( 8, '"exp":@86420'),
	( 9, '"exp":@86440'),
	(10, '"exp":@300000'),
	(11, '"exp":@300e3'),
	(12, '"exp":4102444800000'),
	(13, '"exp":1e99'),
	(14, '"exp":"@300"'),
	(15, '"exp":null'),
	(16, '"exp":true'),
	(17, '"exp":[@300]'),
	(18, '"x":1'),
	(19, '"exp":@300,"nbf":@-300,"iat":@-300'),
	(20, '"exp":@300,"nbf":@20'),
	(21, '"exp":@300,"nbf":@40'),
	(22, '"exp":@300,"iat":@20'),
	(23, '"exp":@300,"iat":@40'),
	(24, '"exp":@300,"iat":4102444800000'),
	(25, '"exp":@-40,"nbf":@40'),
	(26, '"nbf":@40'),
	(27, '"exp":@300,"nbf":"@-300"'),
	(28, '"exp":@300,"iat":null'),
	(29, '"exp":@300,"iat":@-100000')
  ) AS t(n, times), pg_temp.token('{"sub":"42",' || times || '}') token,
	   pg_temp.worth(token) w, pg_temp.worth(token, 'forever') f
 ORDER BY n;
-- token_lifetime is the app's, and counts from the commit on
UPDATE idverify.apps SET token_lifetime = '10 minutes' WHERE app_key = 'tok';
SELECT n, w.* FROM unnest(ARRAY[300, 620, 640]) n, pg_temp.worth(pg_temp.token(format('{"sub":"42","exp":@%s}', n))) w;
UPDATE idverify.apps SET token_lifetime = '1 month' WHERE app_key = 'tok';
SELECT n, w.* FROM unnest(ARRAY[30 * 86400, 30 * 86400 + 40]) n, pg_temp.worth(pg_temp.token(format('{"sub":"42","exp":@%s}', n))) w;
UPDATE idverify.apps SET token_lifetime = DEFAULT WHERE app_key = 'tok';

-- What stands beside it has to be what it says; and what an app signs has to be
-- signed, also where something else is claimed.
CREATE TEMPORARY TABLE tokens (n int, token text, claims text);
INSERT INTO tokens VALUES
	(1, 'both',          '"sub":"42","email":"a@x.org"'),
	(2, 'email is text', '"sub":"42","email":"a@x.org","email_verified":false'),
	(3, 'no email',      '"sub":"42"'),
	(4, 'email only',    '"email":"a@x.org"');
CREATE TEMPORARY TABLE beside (n int, external_id text, email text);
INSERT INTO beside VALUES
	(1, NULL, NULL), (2, '42', NULL), (3, '43', NULL), (4, '42', 'a@x.org'), (5, '42', 'b@x.org'), (6, '42', ''),
	(7, NULL, 'a@x.org'), (8, '', 'a@x.org'), (9, NULL, 'b@x.org'), (10, '43', 'a@x.org'), (11, 'undefined', 'a@x.org'),
	(12, '42', 'undefined'), (13, NULL, 'undefined');
PREPARE beside AS
SELECT b.external_id, b.email,
	   max(v) FILTER (WHERE t.n = 1) AS "both", max(v) FILTER (WHERE t.n = 2) AS "email is text",
	   max(v) FILTER (WHERE t.n = 3) AS "no email", max(v) FILTER (WHERE t.n = 4) AS "email only"
  FROM beside b, tokens t, idverify_verdict('tok', b.external_id, b.email, pg_temp.token('{"exp":@300,' || t.claims || '}')) v
 GROUP BY b.n, 1, 2 ORDER BY b.n;
EXECUTE beside;
UPDATE idverify.apps SET signed_field = 'external_id' WHERE app_key = 'tok';
EXECUTE beside;
UPDATE idverify.apps SET signed_field = 'email' WHERE app_key = 'tok';
EXECUTE beside;
UPDATE idverify.apps SET signed_field = 'either' WHERE app_key = 'tok';

-- Which secret signed it: one of this app that signs tokens, and verifies now.
-- What another signed is a mismatch, whatever is in it; kid names no secret.
SELECT app_key FROM idverify_create_app('Moving', 'moving', 'first secret of moving', signs => 'token');
SELECT idverify_rotate('moving', grace => '0') AS second \gset
SELECT idverify_rotate('moving') AS third \gset
SELECT idverify_stage('moving') AS fourth \gset
SELECT n, signed_by, payload, w.*
  FROM (VALUES
	( 1, 'one whose grace is over', 'first secret of moving'),
	( 2, 'a previous one',          :'second'),
	( 3, 'the current one',         :'third'),
	( 4, 'the staged one',          :'fourth'),
	( 5, 'that of another app',     'the secret of all these tokens'),
	( 6, 'no secret at all',        'nobody')
  ) AS s(n, signed_by, secret),
	   (VALUES (1, '{"sub":"42","exp":@300}'), (2, '{"sub":"42","exp":@-40}'), (3, '{"sub":"43","exp":@300}'),
			   (4, '{"sub":"undefined","exp":@300}'), (5, '{"exp":@300}'), (6, '{"sub":"42","exp":1e99}'), (7, '[')) AS p(m, payload),
	   pg_temp.worth(pg_temp.token(payload, '{"alg":"HS256","kid":"1"}', secret), 'moving') w
 ORDER BY n, m;

-- The questions are asked in the order of the verdicts.
SELECT identity_secret AS bare FROM idverify_create_app('Bare', 'bare', signs => 'token') \gset
DELETE FROM idverify.secrets WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'bare');
SELECT n, claim, idverify_verdict(app_key, external_id, email, token)
  FROM (VALUES
	( 1, 'no app',                        NULL,     '42',        pg_temp.token()),
	( 2, 'unknown app',                   'nobody', NULL,        pg_temp.token()),
	( 3, 'nothing',                       'tok',    NULL,        NULL),
	( 4, 'nothing, and nonsense',         'tok',    NULL,        'nonsense'),
	( 5, 'nothing, and a hash',           'tok',    NULL,        repeat('0', 64)),
	( 6, 'no secret, token alone',        'bare',   NULL,        pg_temp.token()),
	( 7, 'no secret, token of bad shape', 'bare',   '42',        'a.b.c.d'),
	( 8, 'unsigned',                      'tok',    '42',        ''),
	( 9, 'malformed, bad identity',       'tok',    'undefined', 'a.b.c.d'),
	(10, 'bad identity, no secret made it', 'tok',  'undefined', pg_temp.token(secret => 'nobody')),
	(11, 'bad identity, right',           'tok',    'undefined', pg_temp.token('{"sub":"undefined","exp":@300}')),
	(12, 'bad identity alone, right',     'tok',    NULL,        pg_temp.token('{"sub":"undefined","exp":@300}')),
	(13, 'bad identity alone, over',      'tok',    NULL,        pg_temp.token('{"sub":"undefined","exp":@-40}')),
	(14, 'bad identity alone, no secret made it', 'tok', NULL,   pg_temp.token('{"sub":"undefined","exp":@300}', secret => 'nobody')),
	(15, 'over, and of somebody else',    'tok',    '43',        pg_temp.token('{"sub":"42","exp":@-40}')),
	(16, 'external_id of 1,025 bytes',    'tok',    repeat('x', 1025), pg_temp.token())
  ) AS c(n, claim, app_key, external_id, token), (SELECT NULL::text) e(email)
 ORDER BY n;

-- check never answers null, and the app's policy is none of its business
UPDATE idverify.apps SET signed_field = 'email' WHERE app_key = 'tok';
SELECT idverify_check('tok', '42', pg_temp.token()) AS "42", idverify_check('tok', 'undefined', pg_temp.token('{"sub":"undefined","exp":@300}')) AS undefined,
	   idverify_check('tok', NULL, pg_temp.token()) AS nobody, idverify_check('tok', '', pg_temp.token()) AS empty,
	   idverify_check('tok', '42', NULL) AS no_token, idverify_check(NULL, '42', pg_temp.token()) AS no_app,
	   idverify_check('nobody', '42', pg_temp.token()) AS unknown_app;
UPDATE idverify.apps SET signed_field = 'either' WHERE app_key = 'tok';

-- No secret signs both.  The same bytes verify hashes in one app, tokens in the
-- other, and no token or hash passes for the other kind.
SELECT app, idverify_verdict(app, '42', NULL, hash) AS hash, idverify_verdict(app, '42', NULL, token) AS token,
	   idverify_check(app, '42', hash) AS check_hash, idverify_check(app, '42', token) AS check_token
  FROM unnest(ARRAY['web', 'tok']) app, pg_temp.token() token,
	   encode(hmac('42'::bytea, 'the secret of all these tokens'::bytea, 'sha256'), 'hex') hash;

-- The attack: somebody who may choose their external_id chooses the first two
-- parts of a token for somebody else, and has the site sign that.
SELECT left(token, length(token) - 44) AS chosen FROM pg_temp.token('{"sub":"victim","exp":@300}') token \gset
SELECT idverify_sign('web', :'chosen') AS user_hash \gset
SELECT :'chosen' || '.' || pg_temp.base64url(decode(:'user_hash', 'hex')) AS forged \gset
SELECT app, idverify_verdict(app, :'chosen', NULL, :'user_hash') AS chosen, idverify_check(app, 'victim', :'forged'),
	   idverify_verdict(app, 'victim', NULL, :'forged') AS victim, idverify_verdict(app, NULL, NULL, :'forged') AS alone,
	   idverify_token_claims(app, :'forged') IS NOT NULL AS claims
  FROM (VALUES ('web')) a(app);
-- And the other way round: a token's signature is a user_hash of its two parts.
SELECT app, idverify_verdict(app, :'chosen', NULL, hash) AS verdict, idverify_check(app, :'chosen', hash)
  FROM (VALUES ('tok')) a(app), encode(decode(rpad(translate(split_part(:'forged', '.', 3), '-_', '+/'), 44, '='), 'base64'), 'hex') hash;

-- An app that moves from hashes to tokens takes both, each by its own secret.
SELECT app_key FROM idverify_create_app('Both', 'both', 'the secret of its hashes');
UPDATE idverify.apps SET signs = 'token' WHERE app_key = 'both';
SELECT idverify_stage('both', 'the secret of its tokens');
SELECT kind, secret, idverify_verdict('both', '42', NULL, CASE kind
		WHEN 'hash' THEN encode(hmac('42'::bytea, ('the secret of its ' || secret)::bytea, 'sha256'), 'hex')
		ELSE pg_temp.token(secret => 'the secret of its ' || secret) END)
  FROM unnest(ARRAY['hash', 'token']) kind, unnest(ARRAY['hashes', 'tokens']) secret ORDER BY 1, 2;

-- What a token says that is right now; null for any other
SELECT n, app, idverify_token_claims(app, token) - 'exp' AS claims
  FROM (VALUES
	( 1, 'tok',    pg_temp.token('{"sub":42,"exp":@300,"name":"Zo\u00eb","custom_data":{"a":[1.50,null,{"b":{}}]}}')),
	( 2, 'tok',    pg_temp.token('{"sub":"undefined","exp":@300}')),
	( 3, 'tok',    pg_temp.token('{"sub":"42","exp":@-40}')),
	( 4, 'tok',    pg_temp.token('{"sub":"42","exp":@300}', '{"alg":"none"}')),
	( 5, 'tok',    pg_temp.token('{"exp":@300}')),
	( 6, 'tok',    pg_temp.token(secret => 'nobody')),
	( 7, 'tok',    repeat('0', 64)),
	( 8, 'tok',    ''),
	( 9, 'tok',    NULL),
	(10, NULL,     pg_temp.token()),
	(11, 'nobody', pg_temp.token()),
	(12, 'web',    pg_temp.token()),
	(13, 'bare',   pg_temp.token()),
	(14, 'tok',    pg_temp.token('{"sub":"42","exp":@300,"x":1e-99999999999999999999}'))
  ) AS c(n, app, token)
 ORDER BY n;
SELECT * FROM pg_temp.worth(pg_temp.token('{"sub":"42","exp":@300,"x":1e-99999999999999999999}'));

DEALLOCATE beside;
DELETE FROM idverify.apps WHERE app_key IN ('tok', 'forever', 'web', 'moving', 'bare', 'both');

--
-- Explain: why a token does not count, or was presented where a hash is meant
--
-- Of a token's flaws the first that applies is told, in the order of the list of
-- findings.  What is in it is told only of one that a secret of the app signed.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.encoded(bytes bytea) RETURNS text LANGUAGE sql
	RETURN translate(encode(bytes, 'base64'), E'+/=\n', '-_');
-- a token of any header and payload; $NOW+n$ in the payload is that many seconds from now
CREATE FUNCTION pg_temp.token(payload text, secret text DEFAULT 'secret that signs tokens', header text DEFAULT '{"alg":"HS256","typ":"JWT"}',
	algorithm text DEFAULT 'sha256') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	shift text[];
	signed text;
BEGIN
	FOR shift IN SELECT regexp_matches(payload, '\$([+-]?\d+)\$', 'g') LOOP
		payload := replace(payload, '$' || shift[1] || '$', (floor(extract(epoch FROM clock_timestamp())) + shift[1]::bigint)::text);
	END LOOP;
	signed := pg_temp.encoded(convert_to(header, 'UTF8')) || '.' || pg_temp.encoded(convert_to(payload, 'UTF8'));
	RETURN signed || '.' || pg_temp.encoded(hmac(convert_to(signed, 'UTF8'), convert_to(secret, 'UTF8'), algorithm));
END $$;
-- what a hash of alice is
CREATE FUNCTION pg_temp.user_hash(secret text) RETURNS text LANGUAGE sql
	RETURN encode(hmac('alice'::bytea, convert_to(secret, 'UTF8'), 'sha256'), 'hex');
-- all findings, with the verdict first
CREATE FUNCTION pg_temp.findings(app text, external_id text, email text, presented text) RETURNS text LANGUAGE sql
	RETURN (SELECT min(verdict::text) || ': ' || string_agg(finding, ', ' ORDER BY n)
			  FROM idverify_explain(app, external_id, email, presented) WITH ORDINALITY f(verdict, finding, detail, hint, n));

SELECT app_key FROM idverify_create_app('Tokens', 'tokens', 'secret that signs tokens', signs => 'token');
SELECT app_key FROM idverify_create_app('Hashes', 'hashes', 'secret that signs hashes');
SELECT app_key FROM idverify_create_app('By email', 'email', 'secret that signs tokens', signed_field => 'email', signs => 'token');
SELECT app_key FROM idverify_create_app('By id', 'by id', 'secret that signs tokens', signed_field => 'external_id', signs => 'token');
SELECT app_key FROM idverify_create_app('For ever', 'ever', 'secret that signs tokens', signs => 'token', token_lifetime => NULL);
SELECT app_key FROM idverify_create_app('Moved', 'moved', 'an old secret for hashes');
UPDATE idverify.apps SET signs = 'token' WHERE app_key = 'moved';
SELECT idverify_stage('moved', 'a new secret for tokens');
SELECT idverify_promote('moved');
SELECT app_key FROM idverify_create_app('Rotated', 'rotated', 'a secret that has ended', signs => 'token');
SELECT idverify_rotate('rotated', grace => '0') IS NOT NULL AS rotated;

CREATE TEMPORARY TABLE cases (n integer, what text, app text, external_id text, email text, presented text);
INSERT INTO cases VALUES
	-- right
	( 1, 'right',                       'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $300$}')),
	( 2, 'right, alone',                'tokens', NULL, NULL, pg_temp.token('{"sub": "alice", "exp": $300$}')),
	( 3, 'right, of an email',          'tokens', NULL, 'a@x.org', pg_temp.token('{"email": "a@x.org", "exp": $300$}')),
	( 4, 'right, email beside it',      'tokens', 'alice', 'a@x.org', pg_temp.token('{"sub": "alice", "exp": $300$}')),
	( 5, 'right, no exp asked for',     'ever', 'alice', NULL, pg_temp.token('{"sub": "alice"}')),
	( 6, 'right, in a grace window',    'moved', 'alice', NULL, pg_temp.user_hash('an old secret for hashes')),
	-- of the other kind
	(11, 'token where hash',            'hashes', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $300$}')),
	(12, 'token by a secret for hashes', 'hashes', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $300$}', 'secret that signs hashes')),
	(13, 'the same, where both sign',   'moved', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $300$}', 'an old secret for hashes')),
	(14, 'hash where token',            'tokens', 'alice', NULL, pg_temp.user_hash('of nobody')),
	(15, 'hash by a secret for tokens', 'tokens', 'alice', NULL, pg_temp.user_hash('secret that signs tokens')),
	(16, 'the same, where both sign',   'moved', 'alice', NULL, pg_temp.user_hash('a new secret for tokens')),
	(17, 'the same, trailing blank',    'tokens', 'alice', NULL, pg_temp.user_hash('secret that signs tokens') || ' '),
	(18, 'nonsense where token',        'tokens', 'alice', NULL, 'undefined'),
	-- the algorithm
	(21, 'HS512',                       'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $300$}', header => '{"alg":"HS512"}', algorithm => 'sha512')),
	(22, 'none',                        'tokens', 'alice', NULL, pg_temp.encoded('{"alg":"none"}') || '.' || pg_temp.encoded('{"sub":"alice"}') || '.'),
	(23, 'RS256',                       'tokens', 'alice', NULL, pg_temp.encoded('{"alg":"RS256"}') || '.' || pg_temp.encoded('{"sub":"alice"}') || '.' || repeat('A', 342)),
	(24, 'hs256',                       'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $300$}', header => '{"alg":"hs256"}')),
	(25, 'SHA-512 under HS256',         'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $300$}', algorithm => 'sha512')),
	-- malformed
	(31, 'two parts',                   'tokens', 'alice', NULL, 'eyJhbGciOiJIUzI1NiJ9.e30'),
	(32, 'padded',                      'tokens', 'alice', NULL, 'eyJhbGciOiAiSFMyNTYifQ==.e30=.x'),
	(33, 'of 8,193 bytes',              'tokens', 'alice', NULL, 'eyJhbGciOiJIUzI1NiJ9.' || repeat('A', 8193 - 23) || '.A'),
	(34, 'a member twice',              'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice", "sub": "alice", "exp": $300$}')),
	(35, 'ids that differ',             'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice", "id": 42, "exp": $300$}')),
	(36, 'exp is text',                 'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": "$300$"}')),
	(37, 'crit',                        'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $300$}', header => '{"alg":"HS256","crit":["b64"]}')),
	(38, 'Bearer in front',             'tokens', 'alice', NULL, 'Bearer ' || pg_temp.token('{"sub": "alice", "exp": $300$}')),
	(39, 'the same, alone',             'tokens', NULL, NULL, 'Bearer ' || pg_temp.token('{"sub": "alice", "exp": $300$}')),
	(40, 'in quotes, alone',            'tokens', NULL, NULL, quote_ident(pg_temp.token('{"sub": "alice", "exp": $300$}'))),
	-- of whom
	(41, 'of nobody',                   'tokens', 'alice', NULL, pg_temp.token('{"exp": $300$}')),
	(42, 'of an unverified email',      'tokens', NULL, 'a@x.org', pg_temp.token('{"email": "a@x.org", "email_verified": false, "exp": $300$}')),
	(43, 'without the email that counts', 'email', NULL, NULL, pg_temp.token('{"sub": "alice", "exp": $300$}')),
	(44, 'of another',                  'tokens', 'alice', NULL, pg_temp.token('{"sub": "bob", "exp": $300$}')),
	(45, 'of another email',            'tokens', 'alice', 'b@x.org', pg_temp.token('{"sub": "alice", "email": "a@x.org", "exp": $300$}')),
	(46, 'without the email that is claimed', 'tokens', NULL, 'a@x.org', pg_temp.token('{"sub": "alice", "exp": $300$}')),
	(47, 'its email is not verified',   'tokens', NULL, 'a@x.org', pg_temp.token('{"sub": "alice", "email": "a@x.org", "email_verified": false, "exp": $300$}')),
	(48, 'in other case',               'tokens', 'Alice', NULL, pg_temp.token('{"sub": "alice", "exp": $300$}')),
	(49, 'of another, and outdated',    'tokens', 'alice', NULL, pg_temp.token('{"sub": "bob", "exp": $-300$}')),
	(50, 'of nobody in particular',     'tokens', NULL, NULL, pg_temp.token('{"sub": "undefined", "exp": $300$}')),
	(51, 'only an email beside it, where the id counts', 'by id', NULL, 'a@x.org', pg_temp.token('{"sub": "alice", "email": "a@x.org", "exp": $300$}')),
	(52, 'only an id beside it, where the email counts', 'email', 'alice', NULL, pg_temp.token('{"sub": "alice", "email": "a@x.org", "exp": $300$}')),
	(53, 'an id beside it that is too long', 'tokens', repeat('x', 2000), NULL, pg_temp.token('{"sub": "alice", "exp": $300$}')),
	(54, 'an email beside it that is too long', 'tokens', 'alice', repeat('x', 2000), pg_temp.token('{"sub": "alice", "exp": $300$}')),
	-- no token at all
	(55, 'text with a dot in it',       'tokens', NULL, NULL, '#/page.html'),
	(56, 'the same, beside an id',      'tokens', 'alice', NULL, '#/page.html'),
	(57, 'of 9,000 bytes, with a dot',  'tokens', NULL, NULL, repeat('page.html ', 900)),
	-- when
	(61, 'without exp',                 'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice"}')),
	(62, 'exp in milliseconds',         'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $300$000}')),
	(63, 'iat in milliseconds',         'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice", "iat": $0$000, "exp": $300$}')),
	(64, 'iat in milliseconds, no exp asked for', 'ever', 'alice', NULL, pg_temp.token('{"sub": "alice", "iat": $0$000}')),
	(65, 'two days',                    'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $172800$}')),
	(66, 'within the leeway',           'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $-10$}')),
	(67, 'outdated',                    'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $-60$}')),
	(68, 'outdated, no exp asked for',  'ever', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $-60$}')),
	(69, 'not yet, by nbf',             'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice", "nbf": $120$, "exp": $300$}')),
	(70, 'not yet, by iat',             'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice", "iat": $120$, "exp": $300$}')),
	(71, 'outdated, of nobody in particular', 'tokens', NULL, NULL, pg_temp.token('{"sub": "null", "exp": $-60$}')),
	-- who signed it, and how
	(81, 'by a secret that has ended',  'rotated', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $300$}', 'a secret that has ended')),
	(82, 'the same, outdated',          'rotated', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $-60$}', 'a secret that has ended')),
	(83, 'by another app''s',           'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $300$}', 'a new secret for tokens')),
	(84, 'secret with a line feed',     'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $300$}', E'secret that signs tokens\n')),
	(85, 'cut off',                     'tokens', 'alice', NULL, left(pg_temp.token('{"sub": "alice", "exp": $300$}'), -3)),
	(86, 'by nobody that is known',     'tokens', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $300$}', 'of nobody')),
	(88, 'a signature of 3,000 bytes',  'tokens', 'alice', NULL, 'eyJhbGciOiJIUzI1NiJ9.e30.' || repeat('A', 4000)),
	(87, 'unknown app',                 'none', 'alice', NULL, pg_temp.token('{"sub": "alice", "exp": $300$}'));
SELECT what, pg_temp.findings(app, external_id, email, presented) AS found,
	   (SELECT min(verdict) FROM idverify_explain(app, external_id, email, presented)) IS DISTINCT FROM
		idverify_verdict(app, external_id, email, presented) AS differs
  FROM cases ORDER BY n;

-- What is said of each, with times left out; and nothing of it quotes a claim.
SELECT DISTINCT ON (finding) finding, regexp_replace(detail, '\d{4}-\d\d-\d\d \S+', '<time>', 'g') AS detail, hint
  FROM (SELECT n, finding COLLATE "C" AS finding, detail, hint FROM cases, idverify_explain(app, external_id, email, presented)) AS f
 WHERE finding ~ 'token|truncated' ORDER BY finding, n;
SELECT count(*) AS quoted FROM cases, idverify_explain(app, external_id, email, presented)
 WHERE detail || hint ~* 'alice|bob|x\.org' OR length(presented) > 40 AND position(right(presented, 20) IN detail || hint) > 0;
SELECT regexp_replace(detail, '\d{4}-\d\d-\d\d \S+', '<time>') AS detail
  FROM cases, idverify_explain(app, external_id, email, presented)
 WHERE n IN (12, 13, 38, 51, 52, 53, 54, 81, 83, 84, 86, 88) ORDER BY n, finding;

-- Whatever is beside a token: the verdict is idverify_verdict's, and what is verified is
-- told by no other verdict.
SELECT count(*) AS combinations,
	   count(*) FILTER (WHERE verdict <> idverify_verdict(app, external_id, email, presented)) AS verdict_differs,
	   count(*) FILTER (WHERE verdict::text <> finding AND (finding IN ('verified', 'anonymous', 'unsigned', 'unknown_app')
		OR verdict IN ('verified', 'anonymous', 'unsigned', 'unknown_app'))) AS finding_differs
  FROM (VALUES ('tokens'), ('by id'), ('email'), ('ever'), ('hashes'), ('none')) AS a(app),
	   (VALUES (NULL), (''), ('alice'), ('bob'), (repeat('x', 2000))) AS i(external_id),
	   (VALUES (NULL), ('a@x.org'), ('b@x.org'), (repeat('x', 2000))) AS e(email),
	   (SELECT NULL UNION ALL VALUES ('#/page.html'), ('Bearer ' || pg_temp.token('{"sub": "alice", "exp": $300$}')), (pg_temp.user_hash('secret that signs tokens'))
		UNION ALL SELECT pg_temp.token(payload) FROM unnest(ARRAY[
		'{"sub": "alice", "exp": $300$}', '{"email": "a@x.org", "exp": $300$}', '{"sub": "alice", "email": "a@x.org", "exp": $300$}',
		'{"sub": "alice", "email": "a@x.org", "email_verified": false, "exp": $300$}', '{"email": "a@x.org", "email_verified": false, "exp": $300$}',
		'{"sub": "undefined", "exp": $300$}', '{"sub": "undefined", "email": "a@x.org", "exp": $300$}', '{"sub": "alice", "email": "null", "exp": $300$}',
		'{"sub": "alice", "exp": $-60$}', '{"sub": "alice", "nbf": $120$, "exp": $300$}', '{"sub": "alice"}', '{"sub": "alice", "exp": $200000$}',
		'{"exp": $300$}', '{"sub": "alice", "id": "bob", "exp": $300$}', '[]']) AS payload) AS p(presented),
	   LATERAL idverify_explain(app, external_id, email, presented);

-- a secret that does not open is an error only where another does not explain the token
UPDATE idverify.secrets SET sealed = sealed || '\x00' WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'rotated') AND state = 'current';
SELECT pg_temp.findings('rotated', 'alice', NULL, presented) FROM cases WHERE n IN (81, 82) ORDER BY n;
\set VERBOSITY sqlstate
SELECT pg_temp.findings('rotated', 'alice', NULL, presented) FROM cases WHERE n = 86;  -- fail
\set VERBOSITY terse

DELETE FROM idverify.apps;
SELECT count(*) AS left_over FROM idverify.secrets;

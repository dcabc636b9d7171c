--
-- idverify_check: is user_hash the HMAC-SHA256 of value under a secret of the
-- app that verifies now?
--
-- True for that and false for anything else that can be passed: never NULL,
-- and an error only where a live secret cannot be opened and no other one says
-- yes.  It is a question about the HMAC alone: neither the app's policy nor the
-- list of bad identities has a say.
--
-- Secrets are random and stay in psql variables.  The hashes come from
-- pgcrypto, an implementation that is not ours.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.user_hash(secret text, value text) RETURNS text
	LANGUAGE sql IMMUTABLE
	RETURN encode(hmac(convert_to(value, 'UTF8'), convert_to(secret, 'UTF8'),
					   'sha256'), 'hex');

SELECT identity_secret AS secret FROM idverify_create_app('Check', 'check') \gset
SELECT identity_secret AS other FROM idverify_create_app('Other', 'other') \gset
SELECT pg_temp.user_hash(:'secret', 'alice') AS alice \gset

-- what counts as a user_hash, and what does not
SELECT attempt, idverify_check(app_key, value, user_hash)
  FROM (VALUES
	( 1, 'genuine',                    'check', 'alice', :'alice'),
	( 2, 'upper case',                 'check', 'alice', upper(:'alice')),
	( 3, 'both cases',                 'check', 'alice', upper(left(:'alice', 32)) || right(:'alice', 32)),
	( 4, 'someone else''s',            'check', 'bob',   :'alice'),
	( 5, 'first digit differs',        'check', 'alice', translate(left(:'alice', 1), '0123456789abcdef', '123456789abcdef0') || right(:'alice', -1)),
	( 6, 'last digit differs',         'check', 'alice', left(:'alice', -1) || translate(right(:'alice', 1), '0123456789abcdef', '123456789abcdef0')),
	( 7, 'by another app''s secret',   'check', 'alice', pg_temp.user_hash(:'other', 'alice')),
	( 8, 'asked of another app',       'other', 'alice', :'alice'),
	( 9, 'value and secret swapped',   'check', 'alice', pg_temp.user_hash('alice', :'secret')),
	(10, 'secret taken for hex',       'check', 'alice', encode(hmac('alice'::bytea, decode(:'secret', 'hex'), 'sha256'), 'hex')),
	(11, 'a plain digest',             'check', 'alice', encode(sha256('alice'), 'hex')),
	(12, 'another digest''s HMAC',     'check', 'alice', encode(hmac('alice'::bytea, :'secret'::bytea, 'sha512'), 'hex')),
	(13, 'one digit short',            'check', 'alice', left(:'alice', -1)),
	(14, 'one digit long',             'check', 'alice', :'alice' || '0'),
	(15, 'empty',                      'check', 'alice', ''),
	(16, 'not hexadecimal',            'check', 'alice', left(:'alice', -1) || 'g'),
	(17, 'not hexadecimal at all',     'check', 'alice', repeat('z', 64)),
	(18, 'base64',                     'check', 'alice', encode(decode(:'alice', 'hex'), 'base64')),
	(19, 'as bytea is printed',        'check', 'alice', '\x' || :'alice'),
	(20, 'blank in front',             'check', 'alice', ' ' || :'alice'),
	(21, 'blank behind',               'check', 'alice', :'alice' || ' '),
	(22, 'newline behind',             'check', 'alice', :'alice' || E'\n'),
	(23, 'blank for a digit',          'check', 'alice', left(:'alice', -1) || ' '),
	(24, '64 full-width digits',       'check', 'alice', translate(:'alice', '0123456789abcdef', '０１２３４５６７８９ａｂｃｄｅｆ')),
	(25, '64 bytes, not ASCII',        'check', 'alice', left(:'alice', -2) || 'é')
  ) AS t(n, attempt, app_key, value, user_hash)
 ORDER BY n;

-- what is signed are the bytes of the value, all of them and as they are
SELECT attempt, idverify_check('check', value, pg_temp.user_hash(:'secret', signed))
  FROM (VALUES
	( 1, 'other case',                 'Alice',            'alice'),
	( 2, 'blank behind, not signed',   'alice ',           'alice'),
	( 3, 'blank behind, signed',       'alice ',           'alice '),
	( 4, 'newline, signed',            E'ali\nce',         E'ali\nce'),
	( 5, 'backslash, signed',          'ali\ce',           'ali\ce'),
	( 6, 'one byte',                   'a',                'a'),
	( 7, 'empty',                      '',                 ''),
	( 8, 'multi-byte',                 'Zoë 名前 🦊',       'Zoë 名前 🦊'),
	( 9, 'looks the same',             'Zoë',              U&'Zoe\0308'),
	(10, '1,024 bytes',                repeat('x', 1024),  repeat('x', 1024)),
	(11, '1,025 bytes',                repeat('x', 1025),  repeat('x', 1025)),
	(12, '1,024 bytes, 512 characters', repeat('é', 512),  repeat('é', 512)),
	(13, '1,026 bytes, 513 characters', repeat('é', 513),  repeat('é', 513)),
	(14, 'what careless code signs',   'undefined',        'undefined'),
	(15, 'only blanks',                '   ',              '   ')
  ) AS t(n, attempt, value, signed)
 ORDER BY n;

-- a key names one app, or none
SELECT attempt, idverify_check(app_key, 'alice', :'alice')
  FROM (VALUES
	(1, 'unknown',                'nobody'),
	(2, 'empty',                  ''),
	(3, 'other case',             'Check'),
	(4, 'blank behind',           'check '),
	(5, '128 characters',         repeat('k', 128)),
	(6, '129 characters',         repeat('k', 129)),
	(7, '512 bytes',              repeat('🦊', 128)),
	(8, '513 bytes',              repeat('🦊', 128) || 'k'),
	(9, 'the app''s, with a tail', 'check' || repeat(' ', 1000))
  ) AS t(n, attempt, app_key)
 ORDER BY n;

-- NULL is answered with false, in each place and in all of them
SELECT app_key IS NULL AS no_key, value IS NULL AS no_value,
	   user_hash IS NULL AS no_hash, idverify_check(app_key, value, user_hash)
  FROM (VALUES ('check'), (NULL)) AS a(app_key),
	   (VALUES ('alice'), (NULL)) AS b(value),
	   (VALUES (:'alice'), (NULL)) AS c(user_hash)
 ORDER BY 1, 2, 3;

-- so is what does not fit anywhere: 50 MB
SELECT idverify_check('check', repeat('x', 52428800), :'alice') AS value,
	   idverify_check('check', 'alice', repeat('a', 52428800)) AS user_hash,
	   idverify_check(repeat('k', 52428800), 'alice', :'alice') AS app_key;

-- however the value is stored: inline, compressed, out of line
CREATE TEMPORARY TABLE stored (how text, value text, user_hash text);
INSERT INTO stored
SELECT how, value, pg_temp.user_hash(:'secret', value)
  FROM (VALUES ('inline', repeat('x', 1024)),
			   ('compressed', repeat('x', 1024)),
			   ('out of line', repeat('x', 1024)),
			   ('out of line, too long', repeat('x', 1025))) AS t(how, value);
ALTER TABLE stored ADD filler text;
ALTER TABLE stored ALTER filler SET STORAGE plain;
UPDATE stored SET filler = repeat('f', 4000) WHERE how = 'compressed';
ALTER TABLE stored ALTER value SET STORAGE external;
UPDATE stored SET filler = repeat('f', 7000), value = value || ''
 WHERE how LIKE 'out of line%';
SELECT how, pg_column_size(value) < length(value) AS smaller,
	   idverify_check('check', value, user_hash)
  FROM stored ORDER BY how;
SELECT pg_relation_size(reltoastrelid) > 0 AS some_out_of_line
  FROM pg_class WHERE oid = 'stored'::regclass;

-- NULL would pass for yes in a CHECK constraint, and for no in WHERE NOT
CREATE TEMPORARY TABLE claims (
	id text, user_hash text, is_verified boolean,
	CONSTRAINT honest CHECK (NOT is_verified OR idverify_check('check', id, user_hash))
);
INSERT INTO claims VALUES ('alice', :'alice', true);  -- ok
INSERT INTO claims VALUES ('bob', NULL, false);  -- ok
INSERT INTO claims VALUES (NULL, :'alice', false);  -- ok
INSERT INTO claims VALUES ('bob', :'alice', false);  -- ok
\set VERBOSITY sqlstate
INSERT INTO claims VALUES ('bob', NULL, true);  -- fail
INSERT INTO claims VALUES (NULL, :'alice', true);  -- fail
INSERT INTO claims VALUES ('bob', :'alice', true);  -- fail
\set VERBOSITY terse
SELECT id, user_hash IS NULL AS no_hash FROM claims
 WHERE NOT idverify_check('check', id, user_hash)
 ORDER BY id, no_hash;

-- Parallel workers answer as the leader does, and know what its transaction has
-- done so far.
SELECT identity_secret AS first FROM idverify_create_app('Parallel', 'parallel') \gset
CREATE TABLE regress_claims AS
SELECT CASE WHEN i % 3 = 0 THEN 'bob' ELSE 'alice' END AS value,
	   pg_temp.user_hash(:'first', 'alice') AS first
  FROM generate_series(1, 300) AS i;
CREATE FUNCTION pg_temp.is_parallel(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	plan text;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan ~ 'Gather' AND plan ~ '"Parallel Aware": true';
END $$;
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_leader_participation = off;
SELECT pg_temp.is_parallel('SELECT count(*) FROM regress_claims WHERE idverify_check(''parallel'', value, first)');
SELECT count(*) FROM regress_claims WHERE idverify_check('parallel', value, first);
SELECT idverify_verdict('parallel', value, NULL, first) AS verdict, count(*)
  FROM regress_claims GROUP BY 1 ORDER BY 1;
SELECT idverify_rotate('parallel', grace => '0') AS second \gset
SELECT count(*) FROM regress_claims WHERE idverify_check('parallel', value, first);
SELECT pg_temp.user_hash(:'second', 'alice') AS second_alice \gset
SELECT count(*) FROM regress_claims WHERE idverify_check('parallel', value, :'second_alice');
ROLLBACK;
DROP TABLE regress_claims;

-- the app's policy has no say
UPDATE idverify.apps SET signed_field = 'email', on_unverified = 'reject'
 WHERE app_key = 'check';
SELECT idverify_check('check', 'alice', :'alice'), idverify_check('check', 'bob', :'alice');

-- A secret that was altered is an error, but not where another live one says
-- yes.  Once it no longer verifies, nobody asks what it is.
SELECT idverify_rotate('check') AS next \gset
SELECT pg_temp.user_hash(:'next', 'alice') AS next_alice \gset
UPDATE idverify.secrets SET sealed = set_byte(sealed, 30, get_byte(sealed, 30) # 1)
 WHERE generation = 1 AND app_id = (SELECT id FROM idverify.apps WHERE app_key = 'check');
SELECT idverify_check('check', 'alice', :'next_alice');  -- ok
SELECT idverify_check('check', 'bob', 'malformed');  -- ok
\set VERBOSITY sqlstate
SELECT idverify_check('check', 'alice', :'alice');  -- fail
SELECT idverify_check('check', 'bob', :'next_alice');  -- fail
\set VERBOSITY terse
SELECT idverify_revoke('check');
SELECT idverify_check('check', 'alice', :'alice'), idverify_check('check', 'alice', :'next_alice');
-- ... also where it is the current one, which is tried first
SELECT idverify_rotate('check') AS last \gset
UPDATE idverify.secrets SET sealed = set_byte(sealed, 30, get_byte(sealed, 30) # 1)
 WHERE state = 'current' AND app_id = (SELECT id FROM idverify.apps WHERE app_key = 'check');
SELECT idverify_check('check', 'alice', :'next_alice');  -- ok
\set VERBOSITY sqlstate
SELECT idverify_check('check', 'alice', pg_temp.user_hash(:'last', 'alice'));  -- fail
\set VERBOSITY terse

-- an app without any secret has nothing that says yes
DELETE FROM idverify.secrets
 WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'other');
SELECT idverify_check('other', 'alice', pg_temp.user_hash(:'other', 'alice'));

DELETE FROM idverify.apps WHERE app_key IN ('check', 'other', 'parallel');
SELECT count(*) AS left_over FROM idverify.secrets;

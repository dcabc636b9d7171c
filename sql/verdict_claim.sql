--
-- idverify_verdict: what is a claim of identity worth?
--
-- The questions are asked in one order, and the first that is answered with
-- yes is the verdict.  It is never NULL, and no claim is an error.
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

-- the verdicts there are, in the order of the questions
SELECT enumlabel FROM pg_enum
 WHERE enumtypid = 'idverify.verdict'::regtype ORDER BY enumsortorder;

-- web has a current secret and one whose grace is over; bare has none
SELECT identity_secret AS older FROM idverify_create_app('Web', 'web') \gset
SELECT idverify_rotate('web', grace => '0') AS secret \gset
SELECT identity_secret AS bare FROM idverify_create_app('Bare', 'bare') \gset
DELETE FROM idverify.secrets
 WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'bare');

-- Each claim here could be answered with several of the verdicts.
-- right: made with the secret, late: with the older one, wrong: with none
SELECT pg_temp.user_hash(:'secret', 'alice') AS right_one,
	   pg_temp.user_hash(:'older', 'alice') AS late,
	   pg_temp.user_hash('nobody', 'alice') AS wrong,
	   pg_temp.user_hash(:'secret', 'undefined') AS undefined,
	   pg_temp.user_hash(:'older', 'undefined') AS late_undefined,
	   pg_temp.user_hash(:'secret', repeat('x', 1024)) AS long_one,
	   pg_temp.user_hash(:'secret', repeat('x', 1025)) AS too_long \gset
SELECT claim, idverify_verdict(app_key, external_id, email, user_hash)
  FROM (VALUES
	( 1, 'no app, nothing at all',       NULL,     NULL,        NULL,    NULL),
	( 2, 'no app, a right hash',         NULL,     'alice',     NULL,    :'right_one'),
	( 3, 'unknown app, no identity',     'nobody', NULL,        NULL,    NULL),
	( 4, 'unknown app, bad identity',    'nobody', 'undefined', NULL,    'xyz'),
	( 5, 'empty app key',                '',       'alice',     NULL,    :'right_one'),
	( 6, 'nothing',                      'web',    NULL,        NULL,    NULL),
	( 7, 'empty strings',                'web',    '',          '',      ''),
	( 8, 'only a hash',                  'web',    NULL,        '',      :'right_one'),
	( 9, 'only nonsense for a hash',     'web',    '',          NULL,    'xyz'),
	(10, 'no secret, nothing',           'bare',   NULL,        NULL,    NULL),
	(11, 'no secret, only a hash',       'bare',   '',          '',      :'wrong'),
	(12, 'no secret, no hash',           'bare',   'alice',     NULL,    NULL),
	(13, 'no secret, malformed',         'bare',   'alice',     NULL,    'xyz'),
	(14, 'no secret, bad identity',      'bare',   'undefined', NULL,    :'undefined'),
	(15, 'no secret any more',           'bare',   'alice',     NULL,    pg_temp.user_hash(:'bare', 'alice')),
	(16, 'no hash',                      'web',    'alice',     NULL,    NULL),
	(17, 'empty hash',                   'web',    NULL,        'alice', ''),
	(18, 'no hash, too long',            'web',    repeat('x', 1025), NULL, NULL),
	(19, 'no hash, bad identity',        'web',    'undefined', NULL,    ''),
	(20, 'not hexadecimal',              'web',    'alice',     NULL,    left(:'right_one', -1) || 'x'),
	(21, 'one digit short',              'web',    'alice',     NULL,    left(:'right_one', -1)),
	(22, 'one digit long',               'web',    'alice',     NULL,    :'right_one' || '0'),
	(23, 'blank behind the hash',        'web',    'alice',     NULL,    :'right_one' || ' '),
	(24, 'only a blank for a hash',      'web',    'alice',     NULL,    ' '),
	(25, 'malformed, bad identity',      'web',    'undefined', NULL,    'xyz'),
	(26, 'external_id of 1,025 bytes',   'web',    repeat('x', 1025), NULL, :'too_long'),
	(27, 'email of 1,025 bytes',         'web',    NULL,        repeat('x', 1025), :'too_long'),
	(28, 'email of 1,025 bytes, unsigned', 'web',  'alice',     repeat('x', 1025), :'right_one'),
	(29, 'bad identity, right hash',     'web',    'undefined', NULL,    :'undefined'),
	(30, 'bad email, right hash',        'web',    NULL,        'undefined', :'undefined'),
	(31, 'bad identity, late hash',      'web',    'undefined', NULL,    :'late_undefined'),
	(32, 'bad identity, wrong hash',     'web',    'undefined', NULL,    :'wrong'),
	(33, 'right hash',                   'web',    'alice',     NULL,    :'right_one'),
	(34, 'right hash, upper case',       'web',    'alice',     NULL,    upper(:'right_one')),
	(35, 'external_id of 1,024 bytes',   'web',    repeat('x', 1024), NULL, :'long_one'),
	(36, 'late hash',                    'web',    'alice',     NULL,    :'late'),
	(37, 'wrong hash',                   'web',    'alice',     NULL,    :'wrong'),
	(38, 'right hash, someone else',     'web',    'bob',       NULL,    :'right_one'),
	(39, 'right hash, other case',       'web',    'Alice',     NULL,    :'right_one')
  ) AS t(n, claim, app_key, external_id, email, user_hash)
 ORDER BY n;

-- nothing is too large to be answered: 50 MB
SELECT idverify_verdict(repeat('k', 52428800), 'alice', NULL, :'right_one') AS app_key,
	   idverify_verdict('web', repeat('x', 52428800), NULL, :'right_one') AS external_id,
	   idverify_verdict('web', 'alice', repeat('x', 52428800), :'right_one') AS email,
	   idverify_verdict('web', 'alice', NULL, repeat('a', 52428800)) AS user_hash;

-- Which signature counts is the app's setting.  alice is the external_id and
-- a@x.org the email that were signed.
SELECT pg_temp.user_hash(:'secret', 'a@x.org') AS email \gset
CREATE TEMPORARY TABLE claims AS
SELECT * FROM (VALUES
	(1, 'both, external_id signed',     'alice',     'a@x.org',   :'right_one'),
	(2, 'both, email signed',           'alice',     'a@x.org',   :'email'),
	(3, 'external_id only, signed',     'alice',     NULL,        :'right_one'),
	(4, 'email only, signed',           NULL,        'a@x.org',   :'email'),
	(5, 'empty external_id, email signed', '',       'a@x.org',   :'email'),
	(6, 'empty email, external_id signed', 'alice',  '',          :'right_one'),
	(7, 'bad external_id, email signed', 'undefined', 'a@x.org',  :'email'),
	(8, 'bad email, external_id signed', 'alice',    'undefined', :'right_one'),
	(9, 'email only, no hash',          NULL,        'a@x.org',   NULL),
	(10, 'external_id only, malformed', 'alice',     NULL,        'xyz')
) AS t(n, claim, external_id, email, user_hash);
UPDATE idverify.apps SET signed_field = 'either' WHERE app_key = 'web';
SELECT claim AS either, idverify_verdict('web', external_id, email, user_hash)
  FROM claims ORDER BY n;
UPDATE idverify.apps SET signed_field = 'external_id' WHERE app_key = 'web';
SELECT claim AS external_id, idverify_verdict('web', external_id, email, user_hash)
  FROM claims ORDER BY n;
UPDATE idverify.apps SET signed_field = 'email' WHERE app_key = 'web';
SELECT claim AS email, idverify_verdict('web', external_id, email, user_hash)
  FROM claims ORDER BY n;
UPDATE idverify.apps SET signed_field = 'either' WHERE app_key = 'web';

-- what becomes of a claim that does not verify changes no verdict
UPDATE idverify.apps SET on_unverified = 'reject' WHERE app_key = 'web';
SELECT idverify_verdict('web', 'alice', NULL, :'right_one'),
	   idverify_verdict('web', 'alice', NULL, :'wrong');

-- Values that careless code signs for everybody.  Each carries a right hash.
SELECT to_json(value) AS bad, idverify_verdict('web', value, NULL, pg_temp.user_hash(:'secret', value))
  FROM unnest(ARRAY[
	'undefined', 'null', 'nil', 'none', 'nan', 'true', 'false', '0', '-1',
	'anonymous', 'guest', '[object Object]', '{}',
	'Undefined', 'NULL', 'Nil', 'None', 'NaN', 'True', 'FALSE', 'Anonymous',
	'GUEST', '[OBJECT OBJECT]',
	' undefined', E'null\n', E'\tguest ',
	' ', '     ', E'\t\r\n',
	'00', '000000', '-', '---', '-0', '0-0',
	'00000000-0000-0000-0000-000000000000']) WITH ORDINALITY AS t(value, n)
 ORDER BY n;
SELECT blanks, idverify_verdict('web', value, NULL, pg_temp.user_hash(:'secret', value))
  FROM (VALUES
	(1, 'no-break space',              U&'\00A0'),
	(2, 'ideographic space, em space', U&'\3000\2003'),
	(3, 'only zero width',             U&'\200B\FEFF'),
	(4, 'around a bad one',            U&'\00A0null\3000')
  ) AS t(n, blanks, value)
 ORDER BY n;

-- Somebody may well be called almost that.
SELECT to_json(value) AS good, idverify_verdict('web', value, NULL, pg_temp.user_hash(:'secret', value))
  FROM unnest(ARRAY[
	'undefined1', 'nullable', 'Nilsson', 'None of them', 'nana', 'true@x.org',
	'falsetto', '1', '-2', '01', '10', '0x0', 'anonymous@x.org', 'guest42',
	'[object', '{', 'a', '00000000-0000-0000-0000-000000000001']) WITH ORDINALITY AS t(value, n)
 ORDER BY n;

-- every live secret verifies: previous, current and staged
SELECT identity_secret AS previous FROM idverify_create_app('Live', 'live') \gset
SELECT idverify_rotate('live') AS current \gset
SELECT idverify_stage('live') AS staged \gset
SELECT secret, idverify_verdict('live', 'alice', NULL, user_hash)
  FROM (VALUES
	(1, 'previous', pg_temp.user_hash(:'previous', 'alice')),
	(2, 'current', pg_temp.user_hash(:'current', 'alice')),
	(3, 'staged', pg_temp.user_hash(:'staged', 'alice'))
  ) AS t(n, secret, user_hash)
 ORDER BY n;

-- The three newest secrets whose grace is over are recognized until they are
-- purged; older ones are not, and live ones do not count among the three.
SELECT identity_secret AS s1 FROM idverify_create_app('Late', 'late') \gset
SELECT idverify_rotate('late', grace => '0') AS s2 \gset
SELECT idverify_rotate('late', grace => '0') AS s3 \gset
SELECT idverify_rotate('late', grace => '0') AS s4 \gset
SELECT idverify_rotate('late', grace => '0') AS s5 \gset
SELECT idverify_rotate('late', grace => '1 hour') AS s6 \gset
CREATE TEMPORARY TABLE late AS
SELECT n, pg_temp.user_hash(secret, 'alice') AS user_hash
  FROM unnest(ARRAY[:'s1', :'s2', :'s3', :'s4', :'s5', :'s6'])
	   WITH ORDINALITY AS t(secret, n);
SELECT n AS generation, idverify_verdict('late', 'alice', NULL, user_hash)
  FROM late ORDER BY n;
SELECT idverify_verdict('late', 'bob', NULL, user_hash) AS someone_else
  FROM late GROUP BY 1;
SELECT count(*) AS true_by_check FROM late WHERE idverify_check('late', 'alice', user_hash);
SELECT idverify_purge() > 0 AS purged;
SELECT n AS generation, idverify_verdict('late', 'alice', NULL, user_hash)
  FROM late ORDER BY n;

-- A live secret that does not open is an error where no other one says yes,
-- and only where secrets are asked at all.
UPDATE idverify.secrets SET sealed = sealed || '\x00'
 WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'live')
   AND state = 'staged';
SELECT idverify_verdict('live', 'alice', NULL, pg_temp.user_hash(:'current', 'alice')) AS current,
	   idverify_verdict('live', 'alice', NULL, pg_temp.user_hash(:'previous', 'alice')) AS previous,
	   idverify_verdict('live', 'alice', NULL, 'xyz') AS malformed,
	   idverify_verdict('live', 'null', NULL, :'wrong') AS bad_identity;
\set VERBOSITY sqlstate
SELECT idverify_verdict('live', 'alice', NULL, :'wrong');  -- fail
SELECT idverify_verdict('live', 'alice', NULL, pg_temp.user_hash(:'staged', 'alice'));  -- fail
\set VERBOSITY terse

-- the verdict compares with a literal and has a column type
SELECT idverify_verdict('web', 'alice', NULL, :'right_one') = 'verified' AS equal,
	   pg_typeof(idverify_verdict('web', 'alice', NULL, :'right_one'));

DELETE FROM idverify.apps WHERE app_key IN ('web', 'bare', 'live', 'late');
SELECT count(*) AS left_over FROM idverify.secrets;

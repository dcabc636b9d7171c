--
-- idverify_identify() with a visitor token as the browser sent it
--
-- It may be anything; what is no UUID is as none.
--
\pset null -
SELECT app_key FROM idverify_create_app('Shop', 'shop', 'a secret of sixteen bytes');
SELECT contact_id AS ours, visitor FROM idverify_identify('shop') \gset

CREATE TABLE tokens (n int, token text, sent text);
INSERT INTO tokens VALUES
	(1, 'as issued',             :'visitor'),
	(2, 'upper case',            upper(:'visitor')),
	(3, 'no hyphens',            replace(:'visitor', '-', '')),
	(4, 'NULL',                  NULL),
	(5, 'empty',                 ''),
	(6, 'blank',                 ' '),
	(7, 'blank behind',          :'visitor' || ' '),
	(8, 'a digit less',          left(:'visitor', -1)),
	(9, 'a digit more',          :'visitor' || '0'),
	(10, 'no hex digit',         overlay(:'visitor' placing 'g' from 1)),
	(11, 'undefined',            'undefined'),
	(12, 'an attack',            ''' OR 1=1 --'),
	(13, 'long',                 repeat(:'visitor', 10000)),
	(14, 'hyphens',              repeat('-', 36)),
	(15, 'never issued',         '00000000-0000-4000-8000-000000000001');
SELECT n, token, contact_id = :ours AS ours, created, i.visitor = :'visitor' AS same_token,
	   i.visitor IS NULL AS no_token, i.visitor::text = lower(sent) AS adopted, pg_typeof(i.visitor)
  FROM tokens, idverify_identify('shop', '{}', sent) i ORDER BY n;

-- a literal and a parameter without a type are text; two arguments are as ever
SELECT contact_id = :ours AS ours FROM idverify_identify('shop', '{"name": "Ann"}', :'visitor');
PREPARE identify AS SELECT contact_id = :ours AS ours, is_verified, verdict, created FROM idverify_identify($1, $2, $3);
SELECT parameter_types FROM pg_prepared_statements;
EXECUTE identify('shop', '{"name": "Ann"}', :'visitor');
EXECUTE identify('shop', '{"name": "Ann"}', 'x');
DEALLOCATE identify;
SELECT created FROM idverify_identify('shop', '{}');
SELECT contact_id = :ours AS ours, created FROM idverify_identify('shop', visitor => :'visitor'::uuid);
-- nothing leads to a verified contact but a signature
SELECT is_verified, created, fold_id IS NOT NULL AS folded
  FROM idverify_identify('shop', jsonb_build_object('external_id', 'ann', 'user_hash',
	encode(hmac('ann', 'a secret of sixteen bytes', 'sha256'), 'hex')), :'visitor');
SELECT is_verified, created FROM idverify_identify('shop', '{}', :'visitor');

DROP TABLE tokens;
TRUNCATE idverify.contacts, idverify.folds, idverify.fold_rows RESTART IDENTITY;
DELETE FROM idverify.apps;

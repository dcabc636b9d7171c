--
-- idverify_identify(): what the fields of a claim may be called.
--
-- A claim in which everything is signed is sent again and again, with a field
-- under another name or under two, and what is then stored is compared.
-- Hashes come from pgcrypto, by a secret that is known here.
--
\set VERBOSITY terse
SET client_min_messages = warning;
TRUNCATE idverify.contacts, idverify.folds, idverify.fold_rows RESTART IDENTITY;
SELECT app_key FROM idverify_create_app('Shop', 'shop', secret => '0123456789abcdef-shop');

CREATE FUNCTION made(value text) RETURNS text LANGUAGE sql AS $$
	SELECT encode(hmac(value::bytea, '0123456789abcdef-shop'::bytea, 'sha256'), 'hex')
$$;

-- what a claim comes to where nobody is known yet; or its error
CREATE FUNCTION stored(claim jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer record;
	hint text;
	detail text;
BEGIN
	DELETE FROM idverify.contacts;
	SELECT * INTO answer FROM idverify_identify('shop', claim);
	RETURN (SELECT concat_ws(' ', answer.verdict, c.external_id, c.email, CASE WHEN c.email_verified THEN '(signed)' END,
			c.name, c.company, c.phone, c.avatar_url, c.custom_data, c.shop)
		FROM idverify.contacts c WHERE c.id = answer.contact_id);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' ', sqlstate, sqlerrm, detail, hint);
END $$;

SELECT jsonb_build_object('external_id', '42', 'user_hash', made('42'),
	'email', 'ann@example.org', 'email_hash', made('ann@example.org'),
	'name', 'Ann', 'company', 'ACME', 'phone', '+1', 'avatar_url', 'https://a.example/a.png',
	'shop', 'a.example', 'shop_hash', made('a.example'),
	'custom_data', '{"plan": "pro"}'::jsonb) AS claim \gset
SELECT stored(:'claim');

CREATE TABLE spellings (n int GENERATED ALWAYS AS IDENTITY, field text, spelling text);
INSERT INTO spellings (field, spelling) VALUES
	('external_id', 'external_id'), ('external_id', 'externalId'), ('external_id', 'userId'), ('external_id', 'user_id'),
	('external_id', 'identifier'), ('external_id', 'distinct_id'), ('external_id', 'identity_distinct_id'),
	('external_id', 'sub'), ('external_id', 'id'),
	('user_hash', 'user_hash'), ('user_hash', 'userHash'), ('user_hash', 'identifier_hash'), ('user_hash', 'identifierHash'),
	('user_hash', 'identity_hash'), ('user_hash', 'signature'), ('user_hash', 'hash'),
	('email', 'email'), ('email', 'userEmail'), ('email', 'user_email'),
	('email_hash', 'email_hash'), ('email_hash', 'emailHash'),
	('name', 'name'), ('name', 'userName'), ('name', 'user_name'),
	('company', 'company'), ('phone', 'phone'),
	('avatar_url', 'avatar_url'), ('avatar_url', 'avatarUrl'),
	('custom_data', 'custom_data'), ('custom_data', 'customData'),
	('custom_data', 'custom_attributes'), ('custom_data', 'customAttributes'),
	('shop', 'shop'), ('shop_hash', 'shop_hash'), ('shop_hash', 'shopHash');

-- a field counts under each of its names, and each field shows
SELECT field, spelling, stored(:'claim'::jsonb - field || jsonb_build_object(spelling, :'claim'::jsonb -> field)) = stored(:'claim') AS counts,
	stored(:'claim'::jsonb - field) <> stored(:'claim') AS shows
FROM spellings ORDER BY n;

-- Two names of one field.  Where one is blank, the other counts; two that are
-- equal are one; and two that differ are an error that names both.
CREATE VIEW pairs AS
SELECT field, a.spelling AS one, b.spelling AS other FROM spellings a JOIN spellings b USING (field)
WHERE a.spelling <> b.spelling;

SELECT field, what, count(*) AS pairs, count(*) FILTER (WHERE stored(claim) = stored(:'claim')) AS same
FROM pairs,
	LATERAL (VALUES (1, 'null', 'null'::jsonb),
		(2, 'empty', CASE field WHEN 'custom_data' THEN '{}' ELSE '""' END::jsonb),
		(3, 'blanks', CASE field WHEN 'custom_data' THEN NULL ELSE '" \t\u00a0"' END::jsonb),
		(4, 'equal', :'claim'::jsonb -> field)) AS t(n, what, sent),
	LATERAL (SELECT :'claim'::jsonb - field || jsonb_build_object(one, :'claim'::jsonb -> field, other, sent)) AS c(claim)
WHERE sent IS NOT NULL
GROUP BY field, n, what ORDER BY field, n;

SELECT field, count(*) AS pairs, count(*) FILTER (WHERE says IN (
	format('22023 fields "%s" and "%s" of the claim differ Both are taken for "%s". Send one of them.', one, other, field),
	format('22023 fields "%s" and "%s" of the claim differ Both are taken for "%s". Send one of them.', other, one, field))) AS refused
FROM pairs,
	LATERAL (SELECT stored(:'claim'::jsonb - field || jsonb_build_object(one, :'claim'::jsonb -> field, other,
		CASE field WHEN 'custom_data' THEN '{"plan": "free"}' ELSE '"another"' END::jsonb))) AS t(says)
GROUP BY field ORDER BY field;

-- the first that is not blank is what the others have to be
SELECT stored(:'claim'::jsonb || '{"id": "", "sub": null, "userId": "42", "user_id": " ", "identifier": 42}') = stored(:'claim') AS same,
	stored(:'claim'::jsonb || '{"id": "", "sub": "42", "distinct_id": "43"}') AS says;

-- of nothing but blanks one counts, as it does alone
SELECT sent, stored(sent::jsonb || jsonb_build_object('hash', made('42'))) FROM (VALUES
	(1, '{"id": ""}'), (2, '{"id": "", "external_id": null}'), (3, '{"id": " "}'), (4, '{"id": " ", "external_id": "\t"}'),
	(5, '{"custom_data": {}, "customData": {}}')
) t(n, sent) ORDER BY n;

-- ids that are numbers are their digits
SELECT sent, stored(sent::jsonb || jsonb_build_object('user_hash', made('42'))) FROM (VALUES
	(1, '{"id": 42}'), (2, '{"id": 42.0}'), (3, '{"id": 42, "external_id": "42"}'), (4, '{"sub": "42", "external_id": 42.00}'),
	(5, '{"id": 42, "external_id": "042"}'), (6, '{"id": 42, "external_id": 43}'), (7, '{"id": 0, "external_id": "42"}')
) t(n, sent) ORDER BY n;

-- a company is its name, or an object that has one
SELECT company, stored(:'claim'::jsonb || jsonb_build_object('company', company::jsonb)) FROM (VALUES
	(1, '"ACME"'), (2, '{"name": "ACME"}'), (3, '{"id": 7, "name": "ACME", "plan": {"name": "pro"}}'),
	(4, '{"name": null}'), (5, '{"name": ""}'), (6, '{"id": 7}'), (7, '{}'), (8, 'null'),
	(9, '{"name": 7}'), (10, '{"name": {"name": "ACME"}}'), (11, '["ACME"]'), (12, '7'), (13, 'true')
) t(n, company) ORDER BY n;

-- an error names the field as it was sent
SELECT left(field, 50) AS field, stored(field::jsonb) FROM (VALUES
	(1, '{"id": {"a": 1}}'), (2, '{"sub": true}'), (3, '{"hash": 5}'), (4, '{"signature": ["x"]}'),
	(5, '{"customAttributes": []}'), (6, '{"custom_attributes": "x"}'), (7, '{"userEmail": 5}'), (8, '{"emailHash": {}}'),
	(9, format('{"identifier": "%s"}', repeat('x', 1025))),
	(10, format('{"custom_attributes": {"x": "%s"}}', repeat('x', 70000))),
	(11, '{"external_id": "42", "id": {}}')
) t(n, field) ORDER BY n;

-- the limit of custom_data is of its text, to the byte, whatever jsonb takes for it,
-- and a number that jsonb holds in a dozen bytes is not written down to count it
SELECT stored(:'claim'::jsonb || jsonb_build_object('custom_data', jsonb_build_object('a', repeat('x', 65536 - 9 + more)))) ~ 'custom_data' AS refused
  FROM generate_series(0, 1) more ORDER BY more;
SELECT n, octet_length(d::text) - 65536 AS over, stored(:'claim'::jsonb || jsonb_build_object('custom_data', d)) ~ 'custom_data' AS refused
  FROM (VALUES (1, E'"\\"\\\\\\n\\u0001\\u001fé"'), (2, '[1, 1.50, true, false, null, {}, [], {"b": [{"c": "d"}, 2]}]'), (3, '{"b": {"c": {}}, "d": [[], [[1]]]}')) v(n, part),
	LATERAL (SELECT jsonb_build_object('part', part::jsonb, 'more', '') AS base) b, generate_series(0, 1) more,
	LATERAL (SELECT base || jsonb_build_object('more', repeat('x', 65536 - octet_length(base::text) + more)) AS d) d
 ORDER BY n, more;
SELECT stored(('{"custom_data": {"a": [1e131000' || repeat(', 1e131000', 9999) || ']}}')::jsonb);

-- hashes that are too long are a verdict, whatever else they are
SELECT stored(jsonb_build_object('external_id', '42', 'hash', repeat('x', 8193), 'signature', repeat('y', 10000)));

-- other names are none: what looks alike, and what is longer than any
SELECT name, stored(:'claim'::jsonb || jsonb_build_object(name, 'another')) = stored(:'claim') AS ignored
FROM unnest(ARRAY['', 'i', 'ID', 'Id', 'iD', 'uid', 'subject', 'external_ID', 'externalid', 'USER_HASH', 'hash ', 'distinctId',
	'id_', 'ids', 'identity_distinct_idx', 'custom_data2', repeat('x', 100)]) WITH ORDINALITY AS t(name, n) ORDER BY n;

DROP VIEW pairs;
DROP TABLE spellings;
DROP FUNCTION stored, made;
TRUNCATE idverify.contacts, idverify.folds, idverify.fold_rows RESTART IDENTITY;
DELETE FROM idverify.apps;

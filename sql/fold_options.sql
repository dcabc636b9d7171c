--
-- What idverify_set_contacts says of a table of contacts, and what goes without
-- saying: credentials are never taken over.
--
-- (What contacts have to agree in: fold_tenants.)
--
SET client_min_messages = warning;
SET DateStyle = ISO;
CREATE SCHEMA fold_options;
SET search_path = fold_options, public;

--
-- Credentials
--
-- A target without a password does not get the source's: whoever knew that would be
-- let in.
CREATE FUNCTION is_taken(name text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	taken boolean;
	fold bigint;
	restored boolean;
BEGIN
	EXECUTE format('CREATE TABLE people (id int PRIMARY KEY, %I text)', name);
	INSERT INTO people VALUES (1, 'hers'), (2, '');
	SELECT fold_id INTO STRICT fold FROM idverify_fold(1, 2, 'people');
	EXECUTE format('SELECT %I = ''hers'' FROM people', name) INTO STRICT taken;
	PERFORM idverify_unfold(fold);
	EXECUTE format('SELECT %I = ''hers'' FROM people WHERE id = 1', name) INTO STRICT restored;
	ASSERT restored, 'the source row is not what it was';
	DROP TABLE people;
	RETURN taken;
END $$;
SELECT is_taken(name), string_agg(name, ' ' ORDER BY n) AS names
  FROM unnest('{password,encrypted_password,"PasswordHash",password_salt,reset_password_token,confirmation_token,
	"rememberToken",jwt_secret,otp_secret_key,"OTP",consumed_otp_at,password_digest,TOKEN_DIGEST,ha1_digest,api_key,apikey,"apiKey",
	"API_KEY_2",tokenized,footprint,
	name,username,passport,pass_number,visitor_note,key,api,api_version,option,sign_in_count,"Secretary",digital,tok_en}'::text[])
	WITH ORDINALITY AS u(name, n)
 GROUP BY 1 ORDER BY 1;

--
-- What is listed
--
CREATE TABLE people (id int PRIMARY KEY, name text, pin text, settings jsonb DEFAULT '{}', created_at date, password text);
CREATE FUNCTION folded(OUT target text, OUT undone boolean) LANGUAGE plpgsql AS $$
DECLARE
	fold bigint;
BEGIN
	TRUNCATE people;
	INSERT INTO people VALUES (1, 'Ann', '1234', '{"a": 1}', '2020-01-01', 'hers'), (2, NULL, NULL, '{"b": 2}', '2021-01-01', NULL);
	SELECT fold_id INTO STRICT fold FROM idverify_fold(1, 2, 'people');
	SELECT p INTO STRICT target FROM people p;
	PERFORM idverify_unfold(fold);
	undone := ARRAY(SELECT p::text FROM people p ORDER BY id) =
		'{"(1,Ann,1234,\"{\"\"a\"\": 1}\",2020-01-01,hers)","(2,,,\"{\"\"b\"\": 2}\",2021-01-01,)"}';
END $$;
SELECT * FROM folded();
SELECT idverify_set_contacts('people', never_filled => '{pin}');
SELECT * FROM folded();

-- ... also what would be merged, or is the older of two; each call says all of it
SELECT idverify_set_contacts('people', never_filled => '{settings,created_at,settings}');
SELECT * FROM folded();
-- ... the id, which never is, and a credential
SELECT idverify_set_contacts('people', never_filled => '{id,password}');
SELECT * FROM folded();
SELECT idverify_set_contacts('people', same => '{}', never_filled => '{}');
SELECT * FROM folded();
SELECT contacts, same, never_filled FROM idverify.contact_options;

-- NULL: as if nothing was ever said
SELECT idverify_set_contacts('people', NULL, NULL);
SELECT count(*) FROM idverify.contact_options;

-- What was said of a table that is dropped goes when anything is said next.
CREATE TABLE passing (id int PRIMARY KEY);
SELECT idverify_set_contacts('passing', same => '{}');
DROP TABLE passing;
SELECT idverify_set_contacts('people', never_filled => '{pin}');
SELECT contacts FROM idverify.contact_options;
SELECT idverify_set_contacts('people');

-- What is rolled back was never said.
BEGIN;
SELECT idverify_set_contacts('people', never_filled => '{name}');
SELECT * FROM folded();
ROLLBACK;
SELECT * FROM folded();

-- By hand
INSERT INTO idverify.contact_options VALUES ('people', NULL, '{pin}');
SELECT * FROM folded();
DELETE FROM idverify.contact_options;
SELECT * FROM folded();
INSERT INTO idverify.contact_options VALUES ('people', NULL, '{pin,NULL}');
INSERT INTO idverify.contact_options VALUES ('people', '{NULL}', NULL);

--
-- It follows a table that is renamed, but no column
--
SELECT idverify_set_contacts('people', same => '{settings}', never_filled => '{pin}');
UPDATE people SET settings = '{}';
ALTER TABLE people RENAME TO customers;
ALTER TABLE customers SET SCHEMA public;
SELECT contacts, same, never_filled FROM idverify.contact_options;
SELECT count(*) FROM idverify_fold(1, 2, 'customers', dry_run => true);

ALTER TABLE customers RENAME pin TO code;
SELECT * FROM idverify_fold(1, 2, 'customers');
SELECT idverify_set_contacts('customers', same => '{settings}', never_filled => '{code}');
SELECT fold_id FROM idverify_fold(1, 2, 'customers') \gset
SELECT code FROM customers;

-- an undo does not ask: what was folded is folded
ALTER TABLE customers DROP settings;
SELECT * FROM idverify_fold(2, 1, 'customers');
UPDATE idverify.folds SET source_row = (source_row::jsonb - 'settings')::json WHERE id = :fold_id;
SELECT relation, moved, restored FROM idverify_unfold(:fold_id);
SELECT idverify_set_contacts('customers', never_filled => '{code}');
SELECT id, name, code FROM customers ORDER BY id;
SELECT count(*) FROM idverify_fold(1, 2, 'customers', dry_run => true);

--
-- What is refused
--
\set VERBOSITY terse
CREATE VIEW some_view AS SELECT 1 AS id;
CREATE TABLE no_key (id int);
SELECT idverify_set_contacts(NULL);
SELECT idverify_set_contacts('customers', same => '{shoe_size}');
SELECT idverify_set_contacts('customers', never_filled => '{name,shoe_size}');
SELECT idverify_set_contacts('customers', same => '{ctid}');
SELECT idverify_set_contacts('customers', never_filled => '{settings}');
SELECT idverify_set_contacts('customers', same => '{{name},{code}}');
SELECT idverify_set_contacts('customers', same => '{name,NULL}');
SELECT idverify_set_contacts('customers', never_filled => '{NULL}');
SELECT idverify_set_contacts('customers', same => '{name,id}');
SELECT idverify_set_contacts('some_view', same => '{id}');
SELECT idverify_set_contacts('people_pkey', same => '{id}');
SELECT idverify_set_contacts('no_key', never_filled => '{id}');
SELECT idverify_set_contacts('pg_class', never_filled => '{relname}');
SELECT idverify_set_contacts('idverify.apps', never_filled => '{name}');
SELECT idverify_set_contacts(4294967295::oid::regclass, same => '{}');
SELECT contacts, same, never_filled FROM idverify.contact_options;

--
-- Our own contacts
--
SELECT app_key FROM idverify_create_app('Options', 'options');
SELECT contact_id AS ann FROM idverify_identify('options', '{"name": "Ann", "phone": "1", "custom_data": {"a": 1}}') \gset
SELECT contact_id AS bob FROM idverify_identify('options') \gset
SELECT idverify_set_contacts('idverify.contacts', never_filled => '{phone,custom_data}');
SELECT count(*) FROM idverify_fold(:ann::bigint, :bob::bigint);
SELECT name, phone, custom_data FROM idverify.contacts WHERE id = :bob;

-- A login folds the visitor's contact, and heeds both.
CREATE FUNCTION signed(id text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('external_id', id, 'user_hash', idverify_sign('options', id)) $$;
SELECT visitor AS phone FROM idverify_identify('options', '{"name": "Carl", "phone": "2", "custom_data": {"a": 1}}') \gset
SELECT is_verified, fold_id AS login FROM idverify_identify('options', signed('carl') || '{"custom_data": {"b": 2}}', :'phone') \gset
\echo verified: :is_verified
SELECT name, phone, custom_data FROM idverify.contacts WHERE external_id = 'carl';
SELECT relation, restored FROM idverify_unfold(:login);
SELECT external_id, name, phone, custom_data FROM idverify.contacts WHERE name = 'Carl' OR external_id = 'carl' ORDER BY id;

-- ... Where they do not agree nothing is folded, and who logs in only switches.
SELECT idverify_set_contacts('idverify.contacts', same => '{company}');
SELECT visitor AS tablet FROM idverify_identify('options', '{"name": "Dora", "company": "Acme"}') \gset
SELECT is_verified, created, fold_id, visitor = :'tablet' AS same_token FROM idverify_identify('options', signed('dora') || '{"company": "Other"}', :'tablet');
SELECT is_verified, created, fold_id, visitor = :'tablet' AS same_token FROM idverify_identify('options', signed('dora'), :'tablet');
SELECT external_id, name, company FROM idverify.contacts WHERE name = 'Dora' OR external_id = 'dora' ORDER BY id;
UPDATE idverify.contacts SET company = 'Acme' WHERE external_id = 'dora';
SELECT is_verified, created, fold_id IS NOT NULL AS folded FROM idverify_identify('options', signed('dora'), :'tablet');
SELECT external_id, name, company FROM idverify.contacts WHERE name = 'Dora' OR external_id = 'dora' ORDER BY id;

-- custom_data of our contacts never becomes larger than a claim may make it: a login
-- leaves the rest in the journal
CREATE FUNCTION large(name text) RETURNS jsonb LANGUAGE sql RETURN jsonb_build_object('custom_data', jsonb_build_object(name, repeat('x', 40000)));
SELECT idverify_set_contacts('idverify.contacts');
SELECT contact_id AS large FROM idverify_identify('options', signed('large') || large('a')) \gset
SELECT contact_id AS other, visitor AS laptop FROM idverify_identify('options', large('b') || '{"phone": "3"}') \gset
SELECT count(*) FROM idverify_fold(:other::bigint, :large::bigint);
SELECT fold_id AS login FROM idverify_identify('options', signed('large') || '{"custom_data": {"c": 1}}', :'laptop') \gset
SELECT phone, jsonb_object_keys(custom_data) FROM idverify.contacts WHERE id = :large;
SELECT count(*) FROM idverify_unfold(:login);
SELECT phone, jsonb_object_keys(custom_data) FROM idverify.contacts WHERE id IN (:large, :other) ORDER BY id;

RESET search_path;
DROP TABLE customers;
DROP SCHEMA fold_options CASCADE;
DELETE FROM idverify.contact_options;
DELETE FROM idverify.fold_rows;
DELETE FROM idverify.folds;
DELETE FROM idverify.contacts;
DELETE FROM idverify.apps;

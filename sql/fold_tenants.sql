--
-- Contacts of two tenants are never folded into one.
--
-- A table of contacts holds those of many accounts.  Two contacts have to agree in
-- the app's columns, and in those that idverify_set_contacts names as same; where it
-- named none, in every column that is called as tenants are.
--
SET client_min_messages = warning;
CREATE SCHEMA fold_tenants;
SET search_path = fold_tenants, public;

-- What a fold of the contact 1 into 2 says, which is then taken back.
CREATE FUNCTION said(contacts regclass) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN coalesce((SELECT format('folded, restored %s', (SELECT restored FROM idverify_unfold(fold_id)))
					   FROM idverify_fold(1, 2, contacts) LIMIT 1), 'nothing');
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- A table with that column, and what is said where the two differ in it, and where not.
CREATE FUNCTION with_column(name text, type text, source text, target text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('CREATE TABLE t (id int PRIMARY KEY, %I %s)', name, type);
	EXECUTE format('INSERT INTO t VALUES (1, $1::%s), (2, $2::%1$s)', type) USING source, target;
	result := said('t');
	DROP TABLE t;
	RETURN result;
END $$;

-- columns that are called as tenants are
SELECT name, with_column(name, 'int', '1', '2') AS "1 and 2", with_column(name, 'int', '1', '1') AS "1 and 1"
  FROM unnest('{account_id,tenant_id,organization_id,org_id,workspace_id,accountId,"TenantID",OrganizationId,orgId,workspaceid,
	account,accounting_id,account_id_2,app_id,app_key}'::text[]) name;

-- NULL agrees with NULL alone; else the type's own equality counts
CREATE COLLATION nobody_cares (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SELECT type, source, target, with_column('account_id', type, source, target)
  FROM (VALUES ('int', NULL, NULL), ('int', NULL, '0'), ('int', '0', NULL), ('text', '', NULL),
		('numeric', '1.0', '1.00'), ('char(4)', 'a', 'a  '), ('text', 'a', 'a '), ('text', 'Acme', 'acme'),
		('text COLLATE fold_tenants.nobody_cares', 'Acme', 'acme'), ('json', '{"a": 1}', '{"a":1}'), ('json', '{}', '{}')) AS v(type, source, target);

--
-- What is said by idverify_set_contacts
--
CREATE TABLE people (id int PRIMARY KEY, account_id int, "Region" text, tier int);
INSERT INTO people VALUES (1, 1, 'eu', 1), (2, 2, 'eu', 2);

-- the error says how to say otherwise
SELECT fold_id FROM idverify_fold(1, 2, 'people');
SELECT idverify_set_contacts('fold_tenants.people', same => ARRAY[]::name[]);
SELECT said('people');

-- ... one by one, and keeps what else was said
SELECT idverify_set_contacts('people', same => '{Region,account_id,tier}', never_filled => '{tier,Region}');
SELECT fold_id FROM idverify_fold(1, 2, 'people');
SELECT idverify_set_contacts('people', same => '{Region}');
SELECT said('people');
UPDATE people SET "Region" = 'us' WHERE id = 1;
SELECT said('people');

-- NULL: as if nothing was ever said
SELECT idverify_set_contacts('people');
SELECT said('people');
UPDATE people SET account_id = 1;
SELECT said('people');

-- a dry run says the same
UPDATE people SET account_id = id;
SELECT * FROM idverify_fold(1, 2, 'people', dry_run => true);

-- no force helps, nor the same id as text
SELECT * FROM idverify_fold('1', '2', 'people', force => true);

-- apps are never the same, whatever is said
ALTER TABLE people ADD app_id int;
UPDATE people SET app_id = id;
SELECT idverify_set_contacts('people', same => '{}');
SELECT * FROM idverify_fold(1, 2, 'people');

-- No two contacts agree in their id, whatever it is called.
CREATE TABLE tenants (tenant_id int PRIMARY KEY, name text);
INSERT INTO tenants VALUES (1, 'one'), (2, 'two');
SELECT said('tenants');
SELECT idverify_set_contacts('tenants', same => '{tenant_id}');

-- a key of tenant and id; by partition
CREATE TABLE parted (account_id int, id int, name text, PRIMARY KEY (account_id, id)) PARTITION BY LIST (account_id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2);
INSERT INTO parted VALUES (1, 1, 'one'), (2, 2, 'two');
SELECT said('parted');
SELECT idverify_set_contacts('parted_1', same => '{}');
SELECT contacts, same, never_filled FROM idverify.contact_options WHERE contacts::text LIKE 'parted%';
SELECT said('parted');

-- Our own contacts, too
SELECT app_key FROM idverify_create_app('Tenants', 'tenants');
SELECT contact_id AS ann FROM idverify_identify('tenants', '{"name": "Ann", "company": "Acme"}') \gset
SELECT contact_id AS bob FROM idverify_identify('tenants', '{"name": "Bob", "company": "Other"}') \gset
SELECT idverify_set_contacts('idverify.contacts', same => '{company}');
SELECT fold_id FROM idverify_fold(:ann::bigint, :bob::bigint);
SELECT idverify_set_contacts('idverify.contacts');
SELECT count(*) FROM idverify_fold(:ann::bigint, :bob::bigint);

--
-- Whose code compares
--
-- What compares the values of a column may be the table owner's: it never runs as
-- anybody else.
CREATE ROLE regress_tenants_owner;
GRANT ALL ON SCHEMA fold_tenants TO regress_tenants_owner;
CREATE TABLE ran_as (who name);
GRANT INSERT ON ran_as TO regress_tenants_owner;
CREATE FUNCTION compared(a int, b int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO fold_tenants.ran_as VALUES (current_user);
	RETURN pg_catalog.btint4cmp(a, b);
END $$;
CREATE OPERATOR CLASS watched FOR TYPE int USING btree AS
	OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 compared(int, int);
CREATE TYPE floors AS RANGE (subtype = int, subtype_opclass = watched);
CREATE TABLE owned (id int PRIMARY KEY, account_id floors, created_at floors);
ALTER TABLE owned OWNER TO regress_tenants_owner;
ALTER FUNCTION compared(int, int) OWNER TO regress_tenants_owner;
ALTER TYPE floors OWNER TO regress_tenants_owner;
INSERT INTO owned VALUES (1, '[1,2)', '[1,2)'), (2, '[1,2)', '[2,3)');
TRUNCATE ran_as;
SELECT relation, dropped FROM idverify_fold(1, 2, 'owned');
SELECT created_at FROM owned;
SELECT DISTINCT who FROM ran_as;

-- ... and that of a third role never at all
CREATE ROLE regress_tenants_third;
ALTER FUNCTION compared(int, int) OWNER TO regress_tenants_third;
INSERT INTO owned VALUES (3, '[1,2)', '[1,2)');
TRUNCATE ran_as;
\set VERBOSITY terse
SELECT * FROM idverify_fold(3, 2, 'owned');
SELECT count(*) FROM ran_as;

RESET search_path;
DROP SCHEMA fold_tenants CASCADE;
DROP ROLE regress_tenants_owner, regress_tenants_third;
DELETE FROM idverify.contact_options;
DELETE FROM idverify.fold_rows;
DELETE FROM idverify.folds;
DELETE FROM idverify.contacts;
DELETE FROM idverify.apps;

--
-- Install: CREATE EXTENSION adopts nothing, runs nothing that somebody planted,
-- and leaves nobody with rights
--
-- All of it in a database of its own, and in sessions that know the extension
-- from before it was dropped, or rolled back.
--
\set VERBOSITY terse
SELECT current_database() AS original, current_user AS superuser \gset
CREATE ROLE regress_idverify_owner LOGIN;
CREATE ROLE regress_idverify_greedy LOGIN;
CREATE DATABASE regress_idverify TEMPLATE template0 ENCODING 'UTF8' OWNER regress_idverify_owner;
ALTER DATABASE regress_idverify SET client_min_messages = warning;
\c regress_idverify

-- what there is of the extension, and whether it works
CREATE SCHEMA test;
CREATE FUNCTION test.left_over() RETURNS bigint LANGUAGE sql
	RETURN (SELECT count(*) FROM pg_namespace WHERE nspname = 'idverify')
		 + (SELECT count(*) FROM pg_proc WHERE proname LIKE 'idverify\_%')
		 + (SELECT count(*) FROM pg_extension WHERE extname = 'idverify');
CREATE FUNCTION test.works(schema name, OUT signed_is_verified boolean, OUT other_is_not boolean,
						   OUT rotated boolean, OUT masked boolean)
LANGUAGE plpgsql AS $$
DECLARE
	app text;
	secret text;
	user_hash text;
BEGIN
	EXECUTE format('SELECT * FROM %I.idverify_create_app(''Test'')', schema) INTO app, secret;
	EXECUTE format('SELECT %I.idverify_sign($1, $2)', schema) INTO user_hash USING app, 'alice';
	EXECUTE format('SELECT %1$I.idverify_check($1, $2, $4), %1$I.idverify_verdict($1, $3, NULL, $4) <> ''mismatch'',
		%1$I.idverify_rotate() <> $5, %1$I.idverify_mask($1) IS NOT NULL', schema)
		INTO signed_is_verified, other_is_not, rotated, masked
		USING app, 'alice', 'bob', user_hash, secret;
	other_is_not := NOT other_is_not;
END $$;

--
-- A schema idverify that is already there is never adopted
--
CREATE SCHEMA idverify AUTHORIZATION regress_idverify_owner;
CREATE EXTENSION idverify;  -- fail
CREATE EXTENSION IF NOT EXISTS idverify;  -- fail
CREATE EXTENSION idverify SCHEMA idverify;  -- fail
SELECT test.left_over() AS only_that_schema;
SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'idverify';
DROP SCHEMA idverify;

--
-- Functions that somebody has made of our library, without the extension, find
-- nothing to work on, and say what is missing
--
CREATE FUNCTION test.no_mask(text, text DEFAULT NULL) RETURNS text LANGUAGE C AS '$libdir/idverify', 'idverify_mask';
CREATE FUNCTION test.no_fold(anyelement, anyelement, regclass, boolean, boolean)
	RETURNS TABLE (fold_id bigint, relation regclass, column_name name, moved bigint, dropped bigint)
	LANGUAGE C AS '$libdir/idverify', 'idverify_fold';
CREATE FUNCTION test.no_identify(app_key text, claim jsonb, INOUT visitor uuid, OUT contact_id bigint, OUT is_verified boolean,
	OUT verdict text, OUT created boolean, OUT fold_id bigint, OUT shop_verified boolean)
	LANGUAGE C AS '$libdir/idverify', 'idverify_identify';
SELECT test.no_mask('app');  -- fail
SELECT test.no_fold(1, 2, 'pg_type', false, false);  -- fail
CREATE TABLE test.people (id integer PRIMARY KEY);
SELECT test.no_fold(1, 2, 'test.people', false, false);  -- fail
SELECT test.no_identify('app', '{}', NULL);  -- fail
DROP TABLE test.people;
DROP FUNCTION test.no_mask, test.no_fold, test.no_identify;

--
-- Only a superuser can install, also in a database of somebody else's own
--
SET ROLE regress_idverify_owner;
\set VERBOSITY sqlstate
CREATE EXTENSION idverify;  -- fail
\set VERBOSITY terse
RESET ROLE;

--
-- The functions' schema is public, or what SCHEMA says
--
CREATE EXTENSION idverify;
SELECT * FROM test.works('public');
\set VERBOSITY sqlstate
CREATE EXTENSION idverify;  -- fail
ALTER EXTENSION idverify SET SCHEMA test;  -- fail
SELECT idverify_check('no', 'such', 'app', 'function');  -- fail
DROP SCHEMA idverify;  -- fail
\set VERBOSITY terse

-- dropped in a warm session, nothing stays behind
DROP EXTENSION idverify;
SELECT test.left_over();
\set VERBOSITY sqlstate
CREATE EXTENSION idverify SCHEMA s;  -- fail
\set VERBOSITY terse
CREATE SCHEMA s;
CREATE EXTENSION idverify SCHEMA s;
SELECT * FROM test.works('s');
SELECT DISTINCT pronamespace::regnamespace FROM pg_proc WHERE proname LIKE 'idverify\_%';
DROP EXTENSION idverify;

-- rolled back in a warm session, too
BEGIN;
CREATE EXTENSION idverify SCHEMA s;
SELECT * FROM test.works('s');
ROLLBACK;
SELECT test.left_over();
CREATE EXTENSION idverify SCHEMA s;
SELECT * FROM test.works('s');
BEGIN;
DROP EXTENSION idverify;
CREATE EXTENSION idverify SCHEMA public;
SELECT * FROM test.works('public');
ROLLBACK;
SELECT s.idverify_mask(app_key) = masked_secret AS still_there FROM idverify.app_status;
DROP EXTENSION idverify;

-- a name that has to be quoted
CREATE SCHEMA "A schema; with, %s blanks";
CREATE EXTENSION idverify SCHEMA "A schema; with, %s blanks";
SELECT * FROM test.works('A schema; with, %s blanks');
DROP EXTENSION idverify;

--
-- Whatever the installing session has set
--
SET search_path = test, s;
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SET backslash_quote = off;
SET IntervalStyle = iso_8601;
SET DateStyle = 'SQL, DMY';
SET quote_all_identifiers = on;
SET transform_null_equals = on;
SET default_transaction_isolation = serializable;
SET bytea_output = escape;
CREATE EXTENSION idverify SCHEMA public;
SELECT * FROM test.works('public');
RESET ALL;
SELECT masked_secret ~ '^•••• •••• [0-9a-f]{4}$' AS masked, grace = '24 hours' AS grace
  FROM idverify.app_status;
DROP EXTENSION idverify;

--
-- Default privileges that give everything to everybody
--
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC, regress_idverify_greedy;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO PUBLIC, regress_idverify_greedy;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO PUBLIC, regress_idverify_greedy;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC, regress_idverify_greedy;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TYPES TO PUBLIC, regress_idverify_greedy;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO regress_idverify_owner WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO regress_idverify_owner WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO regress_idverify_owner WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT ALL ON FUNCTIONS TO regress_idverify_greedy;
CREATE TABLE s.open_to_all ();
SELECT count(DISTINCT grantee) > 2 AS the_defaults_work
  FROM pg_class, aclexplode(relacl) WHERE oid = 's.open_to_all'::regclass;
CREATE EXTENSION idverify SCHEMA s;
CREATE TEMPORARY VIEW rights AS
	SELECT 'schema' AS kind, nspname::text AS object, nspowner AS owner,
		   coalesce(nspacl, acldefault('n', nspowner)) AS acl
	  FROM pg_namespace WHERE nspname = 'idverify'
	UNION ALL
	SELECT CASE relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, oid::regclass::text, relowner,
		   coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, relowner))
	  FROM pg_class WHERE relnamespace = 'idverify'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
	UNION ALL
	SELECT 'function', p.oid::regprocedure::text, proowner, coalesce(proacl, acldefault('f', proowner))
	  FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
		   JOIN pg_extension e ON e.oid = d.refobjid AND extname = 'idverify';
SELECT DISTINCT kind FROM rights ORDER BY kind;
SELECT kind, object, grantee::regrole, privilege_type
  FROM rights, aclexplode(acl) WHERE grantee <> owner ORDER BY object, grantee::regrole::text;
SELECT * FROM test.works('s');
\c - regress_idverify_greedy
\set VERBOSITY sqlstate
SELECT count(*) FROM idverify.secrets;  -- fail
SELECT s.idverify_purge();  -- fail
CREATE TABLE idverify.mine ();  -- fail
\set VERBOSITY terse
\c - :superuser

-- PUBLIC may use any type, that is how PostgreSQL is; without the schema it is of
-- no use to anybody
SET ROLE regress_idverify_greedy;
\set VERBOSITY sqlstate
CREATE TEMPORARY TABLE t (v idverify.verdict);  -- fail
\set VERBOSITY terse
RESET ROLE;
DROP EXTENSION idverify;

-- the opposite: default privileges that give nothing to anybody
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM PUBLIC, regress_idverify_greedy, regress_idverify_owner;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SEQUENCES FROM PUBLIC, regress_idverify_greedy;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM PUBLIC, regress_idverify_greedy, regress_idverify_owner;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SCHEMAS FROM PUBLIC, regress_idverify_greedy, regress_idverify_owner;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TYPES FROM PUBLIC, regress_idverify_greedy;
ALTER DEFAULT PRIVILEGES IN SCHEMA s REVOKE ALL ON FUNCTIONS FROM regress_idverify_greedy;
CREATE EXTENSION idverify;
SELECT * FROM test.works('public');
GRANT EXECUTE ON FUNCTION idverify_check, idverify_verdict, idverify_create_app TO regress_idverify_greedy;
SET ROLE regress_idverify_greedy;
SELECT idverify_check('no', 'such', 'app'), idverify_verdict('no', 'such', 'app', NULL);
SELECT app_key, identity_secret FROM idverify_create_app('New', 'new', 'secret of another product', 'reject');
RESET ROLE;
DROP EXTENSION idverify;

--
-- What somebody planted in the target schema is not run by the install script
--
-- Each trap is a better match than PostgreSQL's own for a call that the script
-- makes, or may make, with arguments of these types.
--
CREATE SCHEMA planted AUTHORIZATION regress_idverify_owner;
SET ROLE regress_idverify_owner;
SET search_path = planted;
DO $$
DECLARE
	signature text;
BEGIN
	FOREACH signature IN ARRAY ARRAY[
		'pg_extension_config_dump(text, text) RETURNS void',
		'format(text, name, name) RETURNS text',
		'format(text, text, text) RETURNS text',
		'format(text, text, text, text) RETURNS text',
		'format(text, name, name, text) RETURNS text',
		'format(text, name) RETURNS text',
		'format(text, regclass) RETURNS text',
		'format(text, regprocedure) RETURNS text',
		'quote_ident(name) RETURNS text',
		'now() RETURNS timestamptz',
		'clock_timestamp() RETURNS timestamptz',
		'getdatabaseencoding() RETURNS text',
		'convert_from(text, text) RETURNS text',
		'char_length(text) RETURNS integer',
		'pg_get_userbyid(oid) RETURNS name',
		'trap(text, text) RETURNS boolean',
		'trap(name, text) RETURNS boolean',
		'trap(name, name) RETURNS boolean',
		'trap(oid, oid) RETURNS boolean',
		'trap(oid, regclass) RETURNS boolean',
		'trap("char", text) RETURNS boolean',
		'trap(text, name) RETURNS boolean',
		'joined(text, text) RETURNS text']
	LOOP
		EXECUTE format('CREATE FUNCTION planted.%s LANGUAGE plpgsql AS %L', signature,
			'BEGIN RAISE ''trapped''; END');
	END LOOP;
END $$;
CREATE OPERATOR planted.= (LEFTARG = text, RIGHTARG = text, FUNCTION = planted.trap);
CREATE OPERATOR planted.= (LEFTARG = name, RIGHTARG = text, FUNCTION = planted.trap);
CREATE OPERATOR planted.= (LEFTARG = name, RIGHTARG = name, FUNCTION = planted.trap);
CREATE OPERATOR planted.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = planted.trap);
CREATE OPERATOR planted.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = planted.trap);
CREATE OPERATOR planted.= (LEFTARG = "char", RIGHTARG = text, FUNCTION = planted.trap);
CREATE OPERATOR planted.<> (LEFTARG = oid, RIGHTARG = oid, FUNCTION = planted.trap);
CREATE OPERATOR planted.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = planted.trap);
CREATE OPERATOR planted.~ (LEFTARG = name, RIGHTARG = text, FUNCTION = planted.trap);
CREATE OPERATOR planted.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = planted.trap);
CREATE OPERATOR planted.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = planted.joined);
CREATE TABLE planted.pg_class (LIKE pg_catalog.pg_class);
CREATE TABLE planted.pg_proc (LIKE pg_catalog.pg_proc);
RESET search_path;
RESET ROLE;
-- the traps work
SELECT planted.quote_ident('a'::name);  -- fail
SELECT 'a'::text OPERATOR(planted.=) 'a'::text;  -- fail
SET search_path = planted, pg_catalog;
CREATE EXTENSION idverify SCHEMA planted;
RESET search_path;
SELECT * FROM test.works('planted');
SELECT count(*) > 0 AS in_dumps FROM (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'idverify') AS t;

-- nor does anything that the script made call any of it later
SELECT pg_describe_object(classid, objid, objsubid) AS trapped
  FROM pg_depend
 WHERE deptype = 'n' AND classid <> 'pg_operator'::regclass
   AND (refclassid = 'pg_operator'::regclass
		AND refobjid IN (SELECT oid FROM pg_operator WHERE oprnamespace = 'planted'::regnamespace)
		OR refclassid = 'pg_proc'::regclass
		AND refobjid IN (SELECT oid FROM pg_proc WHERE pronamespace = 'planted'::regnamespace
						 AND proname NOT LIKE 'idverify\_%'));
SELECT grace, masked_secret IS NOT NULL AS masked FROM idverify.app_status;

\c :original
DROP DATABASE regress_idverify;
DROP ROLE regress_idverify_owner, regress_idverify_greedy;

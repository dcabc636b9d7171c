--
-- Privileges: EXECUTE is all that anybody needs, and all that they get
--
-- Two groups of functions are granted: ask to the chat application's role,
-- administer to DBAs.  A role that holds nothing else reads no table, not even
-- the schema idverify, and no search_path or setting of its session changes an
-- answer.  Each role has a session of its own, so that it finds nothing that
-- another one has read before.
--
\set VERBOSITY terse
SELECT current_user AS superuser \gset
CREATE ROLE regress_idverify_ask LOGIN;
CREATE ROLE regress_idverify_admin LOGIN;
ALTER ROLE regress_idverify_admin SET client_min_messages = warning;
CREATE ROLE regress_idverify_nobody LOGIN;
GRANT EXECUTE ON FUNCTION idverify_check, idverify_verdict, idverify_identify(text, jsonb, uuid), idverify_identify(text, jsonb, text), idverify_mask, idverify_token_claims
	TO regress_idverify_ask;
GRANT EXECUTE ON FUNCTION idverify_create_app, idverify_rotate, idverify_stage,
	idverify_promote, idverify_revoke, idverify_reveal, idverify_sign, idverify_sign_token, idverify_explain, idverify_add_signer, idverify_drop_signer,
	idverify_purge, idverify_rekey, idverify_fold(anycompatible, anycompatible, regclass, boolean, boolean), idverify_fold(text, text, regclass, boolean, boolean), idverify_unfold, idverify_resolve(anyelement, regclass), idverify_resolve(text, regclass),
	idverify_add_reference, idverify_set_contacts, idverify_coverage, idverify_stat_reset, idverify_doctor,
	idverify.counting_since, idverify.claim_counts, idverify.secret_counts, idverify.refused_claims,
	idverify_export(anyelement, regclass), idverify_export(text, regclass),
	idverify_erase(anyelement, regclass, text, boolean), idverify_erase(text, regclass, text, boolean), idverify_forget
	TO regress_idverify_admin;

SELECT identity_secret AS secret FROM idverify_create_app('Web', 'web', revealable => true) \gset
SELECT encode(hmac('alice'::bytea, :'secret'::bytea, 'sha256'), 'hex') AS alice \gset

-- every call there is, and every way to look without one
CREATE SCHEMA regress_idverify;
GRANT USAGE ON SCHEMA regress_idverify TO PUBLIC;
CREATE TABLE regress_idverify.calls (n integer, call text);
INSERT INTO regress_idverify.calls VALUES
	( 1, 'idverify_check(''web'', ''alice'', NULL)'),
	( 2, 'idverify_verdict(''web'', ''alice'', NULL, NULL)'),
	( 3, 'idverify_mask(''web'')'),
	( 4, 'idverify_sign(''web'', ''alice'')'),
	( 5, 'idverify_reveal(''web'')'),
	( 6, 'idverify_create_app(''New'')'),
	( 7, 'idverify_stage(''web'')'),
	( 8, 'idverify_promote(''web'')'),
	( 9, 'idverify_rotate(''web'')'),
	(10, 'idverify_revoke(''web'')'),
	(11, 'idverify_purge()'),
	(12, 'idverify_rekey()'),
	(13, 'idverify_identify(''web'')'),
	(14, 'count(*) FROM idverify_fold(0::bigint, -1::bigint)'),
	(15, 'count(*) FROM idverify_unfold(0)'),
	(16, 'idverify_resolve(0::bigint)'),
	(17, 'idverify_add_reference(''idverify.contacts'', ''regress_idverify.calls'', ''n'')'),
	(18, 'idverify_guard()'),
	(19, 'idverify.keep_contacts()'),
	(20, 'idverify.note_change()'),
	(21, 'idverify.drop_secrets()'),
	(22, 'count(*) FROM idverify.apps'),
	(23, 'count(*) FROM idverify.secrets'),
	(24, 'count(*) FROM idverify.app_status'),
	(25, 'nextval(''idverify.apps_id_seq'')'),
	(26, '''verified''::idverify.verdict'),
	(27, 'idverify_set_contacts(''idverify.contacts'')'),
	(28, 'idverify_add_signer(''web'', ''ios'')'),
	(29, 'idverify_drop_signer(''web'', ''ios'')'),
	(30, 'count(*) FROM idverify_explain(''web'', ''alice'', NULL, repeat(''0'', 64))'),
	(31, 'count(*) FROM idverify_coverage()'),
	(32, 'idverify_stat_reset()'),
	(33, 'idverify.counting_since()'),
	(34, 'count(*) FROM idverify.claim_counts()'),
	(35, 'count(*) FROM idverify.secret_counts()'),
	(36, 'count(*) FROM idverify.refused_claims()'),
	(37, 'count(*) FROM idverify.stat_claims'),
	(38, 'count(*) FROM idverify.stat_secrets'),
	(39, 'count(*) FROM idverify.stat_refused'),
	(40, 'idverify_token_claims(''web'', ''a.b.c'')'),
	(41, 'idverify_sign_token(''web'', ''{"sub": "alice"}'')'),
	(42, 'count(*) FROM idverify_export(0::bigint)'),
	(43, 'count(*) FROM idverify_erase(0::bigint)'),
	(44, 'idverify_forget(''1 year'')'),
	(45, 'count(*) FROM idverify_doctor() WHERE level = ''none''');
GRANT SELECT ON regress_idverify.calls TO PUBLIC;
SELECT p.proname AS not_called
  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid JOIN pg_proc p ON p.oid = d.objid
 WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
   AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'idverify'
   AND NOT EXISTS (SELECT FROM regress_idverify.calls WHERE call ~ (p.proname || '\('));
CREATE FUNCTION regress_idverify.outcome(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SELECT ' || call;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

--
-- Nobody
--
\c - regress_idverify_nobody
SELECT call, regress_idverify.outcome(call) FROM regress_idverify.calls ORDER BY n;

--
-- Ask
--
\c - regress_idverify_ask
SELECT idverify_check('web', 'alice', :'alice'), idverify_check('web', 'bob', :'alice');
SELECT idverify_verdict('web', 'alice', NULL, :'alice') AS alice,
	   idverify_verdict('web', 'bob', NULL, :'alice') AS bob;
SELECT idverify_verdict('web', 'alice', NULL, :'alice') IN ('verified', 'expired') AS compared;
SELECT idverify_mask('web') = '•••• •••• ' || right(:'secret', 4) AS mask;
SELECT call, regress_idverify.outcome(call) FROM regress_idverify.calls ORDER BY n;
-- no right on our functions can be passed on, and no trigger of ours borrowed
GRANT EXECUTE ON FUNCTION idverify_check TO regress_idverify_nobody;
SELECT has_function_privilege('regress_idverify_nobody', 'idverify_check(text, text, text)', 'EXECUTE');
CREATE TEMPORARY TABLE lever (app_id integer);
CREATE TRIGGER lever AFTER DELETE ON lever FOR EACH ROW
	EXECUTE FUNCTION idverify.drop_secrets();  -- fail

--
-- Administer: a whole life, and not one table
--
\c - regress_idverify_admin
SELECT app_key, identity_secret IS NOT NULL AS shown
  FROM idverify_create_app('Mine', 'mine', on_unverified => 'reject', signed_field => 'email',
	grace => '1 hour', revealable => true, confirm_rotation => true);
SELECT idverify_rotate('mine', 'ROTATE') IS NOT NULL AS rotated;
SELECT idverify_stage('mine') AS staged \gset
SELECT idverify_promote('mine', '1 minute');
SELECT idverify_revoke('mine');
SELECT idverify_reveal('mine') = :'staged' AS revealed;
SELECT idverify_sign('mine', 'alice') ~ '^[0-9a-f]{64}$' AS signed;
SELECT verdict, finding FROM idverify_explain('mine', 'alice', NULL, idverify_sign('mine', 'alice'));
SELECT idverify_purge();
SELECT idverify_rekey();
SELECT call, regress_idverify.outcome(call) FROM regress_idverify.calls
 WHERE n BETWEEN 1 AND 3 OR n >= 13 ORDER BY n;

--
-- A hostile search_path
--
-- The trap has a better match for whatever our queries may name: tables,
-- functions, and operators on the very types that they compare.
--
\c - :superuser
DO $$
DECLARE
	type text;
	operator text;
BEGIN
	FOREACH type IN ARRAY ARRAY['text', 'integer', 'bigint', 'boolean', 'bytea',
		'interval', 'timestamptz', 'idverify.secret_state',
		'idverify.claim_policy', 'idverify.signed_field', 'idverify.signature']
	LOOP
		EXECUTE format('CREATE FUNCTION regress_idverify.trap(%1$s, %1$s) RETURNS boolean LANGUAGE plpgsql
			AS %2$L', type, 'BEGIN RAISE ''trapped''; END');
		FOREACH operator IN ARRAY ARRAY['=', '<>', '<', '<=', '>', '>=']
		LOOP
			EXECUTE format('CREATE OPERATOR regress_idverify.%1$s (LEFTARG = %2$s, RIGHTARG = %2$s,
				FUNCTION = regress_idverify.trap)', operator, type);
		END LOOP;
	END LOOP;
END $$;
CREATE FUNCTION regress_idverify.trapped(integer, integer) RETURNS integer LANGUAGE plpgsql
	AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE OPERATOR regress_idverify.+ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = regress_idverify.trapped);
CREATE AGGREGATE regress_idverify.max(integer) (SFUNC = regress_idverify.trapped, STYPE = integer, INITCOND = '0');
CREATE FUNCTION regress_idverify.now() RETURNS timestamptz LANGUAGE plpgsql
	AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE FUNCTION regress_idverify.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql
	AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE TABLE regress_idverify.apps (LIKE idverify.apps);
CREATE TABLE regress_idverify.secrets (LIKE idverify.secrets);
GRANT ALL ON regress_idverify.apps, regress_idverify.secrets TO PUBLIC;
GRANT USAGE ON SCHEMA regress_idverify TO PUBLIC;

-- the trap works
BEGIN;
SET LOCAL search_path = regress_idverify, public, pg_catalog;
SELECT 'a'::text = 'a'::text;  -- fail
ROLLBACK;
BEGIN;
SET LOCAL search_path = regress_idverify, public, pg_catalog;
SELECT count(*) FROM idverify.secrets WHERE state = 'current' AND app_id = 1;  -- fail
ROLLBACK;

\c - regress_idverify_ask
CREATE TEMPORARY TABLE apps (id integer, app_key text);
CREATE TEMPORARY TABLE secrets (app_id integer, sealed bytea);
CREATE TEMPORARY TABLE pg_class (oid oid, relname name);
SET search_path = pg_temp, regress_idverify, public, pg_catalog;
SELECT idverify_check('web', 'alice', :'alice'), idverify_check('web', 'bob', :'alice'),
	   idverify_check('web', 'alice', NULL);
SELECT idverify_verdict('web', 'alice', NULL, :'alice') AS alice,
	   idverify_verdict('web', 'bob', NULL, :'alice') AS bob;
SELECT idverify_mask('web') IS NOT NULL AS mask;
SET search_path = '';
SELECT public.idverify_check('web', 'alice', :'alice'), public.idverify_check('web', 'bob', :'alice');
SELECT public.idverify_verdict('web', 'alice', NULL, :'alice') AS alice,
	   public.idverify_verdict('web', 'bob', NULL, :'alice') AS bob;

\c - regress_idverify_admin
CREATE TEMPORARY TABLE apps (id integer, app_key text);
CREATE TEMPORARY TABLE secrets (app_id integer, sealed bytea);
CREATE TEMPORARY TABLE pg_class (oid oid, relname name);
SET search_path = pg_temp, regress_idverify, public, pg_catalog;
SELECT app_key, identity_secret IS NOT NULL AS shown FROM idverify_create_app('Trapped', 'trapped', grace => '1 hour', revealable => true);
SELECT idverify_rotate('trapped') IS NOT NULL AS rotated;
SELECT idverify_rotate();  -- fail
SELECT idverify_stage('trapped') AS staged \gset
SELECT idverify_promote('trapped', '1 minute');
SELECT idverify_revoke('trapped');
SELECT idverify_reveal('trapped') AS revealed \gset
SELECT idverify_sign('trapped', 'alice') AS signed \gset
SELECT verdict, finding FROM idverify_explain('trapped', 'alice', NULL, :'signed' || ' ');
SELECT idverify_purge();
SELECT idverify_rekey();
RESET search_path;
SELECT :'revealed' = :'staged' AS revealed,
	   :'signed' = encode(hmac('alice'::bytea, :'staged'::bytea, 'sha256'), 'hex') AS signed;

--
-- Hostile settings
--
CREATE FUNCTION pg_temp.whole_life(app text, secret text, OUT as_imported boolean,
								   OUT signs boolean, OUT verifying integer)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM idverify_create_app(app, app, secret, grace => '2 days', revealable => true);
	as_imported := idverify_reveal(app) = secret;
	secret := idverify_rotate(app);
	signs := idverify_sign(app, 'alice') = encode(hmac('alice'::bytea, secret::bytea, 'sha256'), 'hex');
	PERFORM idverify_stage(app);
	verifying := 1 + idverify_revoke(app);
	PERFORM idverify_rotate(app);
END $$;
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SET backslash_quote = off;
SET default_transaction_isolation = serializable;
SET row_security = off;
SET transform_null_equals = on;
SET IntervalStyle = iso_8601;
SET DateStyle = 'SQL, DMY';
SET TimeZone = 'America/St_Johns';
SET bytea_output = escape;
SET quote_all_identifiers = on;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SET plan_cache_mode = force_generic_plan;
SET default_transaction_deferrable = on;
SET check_function_bodies = off;
SELECT * FROM pg_temp.whole_life('settings', $$it's \x41 "secret" \\ 100 %$$);

\c - :superuser
SELECT generation, state,
	   extract(epoch FROM expires_at) - extract(epoch FROM (
		SELECT last_rotated_at FROM idverify.app_status WHERE app_key = 'settings')) AS seconds
  FROM idverify.apps JOIN idverify.secrets ON app_id = id
 WHERE app_key = 'settings' AND generation = 2;

-- row security is for queries of others, not for the answers
ALTER TABLE idverify.apps ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE idverify.secrets ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
\c - regress_idverify_ask
BEGIN;
SET LOCAL row_security = off;
SELECT idverify_check('web', 'alice', :'alice'), idverify_verdict('web', 'bob', NULL, :'alice');
COMMIT;
\c - regress_idverify_admin
SET row_security = off;
SELECT idverify_rotate('web') IS NOT NULL AS rotated, idverify_revoke('web') AS revoked;
\c - :superuser
ALTER TABLE idverify.apps DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
ALTER TABLE idverify.secrets DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;

--
-- Rights on apps are enough to delete one, with its secrets
--
DELETE FROM idverify.contacts;
GRANT USAGE ON SCHEMA idverify TO regress_idverify_nobody;
GRANT SELECT, DELETE ON idverify.apps TO regress_idverify_nobody;
SET ROLE regress_idverify_nobody;
SET search_path = regress_idverify, public, pg_catalog;
DELETE FROM idverify.apps;
SELECT count(*) FROM idverify.secrets;  -- fail
RESET search_path;
RESET ROLE;
SELECT count(*) AS secrets FROM idverify.secrets;
SELECT count(*) AS in_the_trap FROM regress_idverify.secrets;

SET client_min_messages = warning;
DROP SCHEMA regress_idverify CASCADE;
RESET client_min_messages;
DROP OWNED BY regress_idverify_ask, regress_idverify_admin, regress_idverify_nobody;
DROP ROLE regress_idverify_ask, regress_idverify_admin, regress_idverify_nobody;
DELETE FROM idverify.apps;
SELECT count(*) AS left_over FROM idverify.secrets;

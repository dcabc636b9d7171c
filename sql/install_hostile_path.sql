--
-- A hostile search_path: no function of ours runs what the caller has planted
--
-- In front of pg_catalog is a schema with a twin of every operator and every
-- function of PostgreSQL's own over the types that our tables have, with
-- aggregates and with types of the same names; before that, temporary tables
-- named like ours and like the catalogs.  Each twin notes that it ran, which
-- outlives an error, and raises one.  Then each function is called by the role
-- that it is for, and by a superuser.
--
-- Written without operators, and with every name qualified, where the path is
-- hostile: the calls themselves would be trapped.
--
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT current_user AS superuser \gset
CREATE ROLE regress_path_ask LOGIN;
CREATE ROLE regress_path_admin LOGIN;
ALTER ROLE regress_path_admin SET client_min_messages = warning;
GRANT EXECUTE ON FUNCTION idverify_check, idverify_verdict, idverify_identify(text, jsonb, uuid), idverify_identify(text, jsonb, text), idverify_mask
	TO regress_path_ask;
GRANT EXECUTE ON FUNCTION idverify_create_app, idverify_rotate, idverify_stage,
	idverify_promote, idverify_revoke, idverify_reveal, idverify_sign, idverify_sign_token, idverify_token_claims, idverify_explain, idverify_purge, idverify_coverage, idverify_stat_reset, idverify_doctor, idverify_add_signer, idverify_drop_signer,
	idverify_rekey, idverify_fold(anycompatible, anycompatible, regclass, boolean, boolean), idverify_fold(text, text, regclass, boolean, boolean), idverify_unfold, idverify_resolve(anyelement, regclass), idverify_resolve(text, regclass), idverify_add_reference, idverify_set_contacts
	TO regress_path_admin;
GRANT USAGE ON SCHEMA idverify TO regress_path_ask, regress_path_admin;
GRANT SELECT, DELETE ON idverify.apps TO regress_path_admin;

--
-- What the functions work on
--
SELECT FROM idverify_create_app('Web', 'web', 'secret of another product', grace => '1 hour', revealable => true);
SELECT FROM idverify_create_app('Life', 'life', revealable => true);
SELECT FROM idverify_create_app('Tokens', 'tokens', encode('secret of another product', 'hex'), signs => 'token', encoding => 'hex');
SELECT FROM idverify_create_app('Old', 'gone by admin');
SELECT FROM idverify_create_app('Old', 'gone by superuser');
SELECT idverify_sign('web', 'alice') AS alice, idverify_sign('web', 'a@example.com') AS email,
	   idverify_sign('web', 'shop') AS shop, idverify_sign('web', 'bob') AS bob \gset
CREATE SCHEMA people;
GRANT USAGE ON SCHEMA people TO PUBLIC;
CREATE TABLE people.people (id bigint PRIMARY KEY, external_id text, email text,
	user_hash text, is_verified boolean, app_key text DEFAULT 'web', custom_data jsonb DEFAULT '{}',
	manager bigint REFERENCES people.people, created_at timestamptz DEFAULT now());
CREATE TABLE people.tags (person bigint REFERENCES people.people, tag text, UNIQUE (person, tag));
CREATE TABLE people.notes (about bigint, kind text);
CREATE TABLE people.asked (external_id text, email text, user_hash text, is_verified boolean,
	app_key text DEFAULT 'web');
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON people.asked
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();
GRANT SELECT, INSERT ON people.asked TO regress_path_ask;
INSERT INTO people.people (id, email, manager, custom_data)
	SELECT n, 'p' || n || '@example.com', CASE n % 2 WHEN 0 THEN n - 1 END, '{"a": 1}' FROM generate_series(1, 8) n;
INSERT INTO people.tags SELECT n, 'vip' FROM generate_series(1, 8) n;
INSERT INTO people.notes SELECT n, 'Contact' FROM generate_series(1, 8) n;

--
-- The calls: who makes them, and which function they are of
--
CREATE SCHEMA calls;
GRANT USAGE ON SCHEMA calls TO PUBLIC;
CREATE TABLE calls.calls (n integer GENERATED ALWAYS AS IDENTITY, who text, of text, call text);
GRANT SELECT ON calls.calls TO PUBLIC;
INSERT INTO calls.calls (who, of, call) VALUES
	('ask', 'idverify_check', format($$SELECT public.idverify_check('web', 'alice', %1$L) AS "check alice",
		public.idverify_check('web', 'bob', %1$L) AS "check bob"$$, :'alice')),
	('ask', 'idverify_verdict', format($$SELECT public.idverify_verdict('web', 'alice', NULL, %1$L) AS "verdict alice",
		public.idverify_verdict('web', 'bob', NULL, %1$L) AS "verdict bob"$$, :'alice')),
	('ask', 'idverify_mask', $$SELECT public.idverify_mask('web') AS mask$$),
	('ask', 'idverify_identify', $$SELECT is_verified, verdict, created, shop_verified FROM public.idverify_identify('web')$$),
	('ask', 'idverify_identify', format($$SELECT is_verified, verdict, created, shop_verified FROM public.idverify_identify('web',
		'{"external_id": "alice", "user_hash": "%s", "name": "Alice", "email": "a@example.com", "email_hash": "%s", "shop": "shop", "shop_hash": "%s", "custom_data": {"a": {"b": 1}}}')$$,
		:'alice', :'email', :'shop')),
	('ask', 'idverify_identify', format($$SELECT is_verified, verdict, created, shop_verified FROM public.idverify_identify('web',
		'{"external_id": "alice", "user_hash": "%s", "custom_data": {"a": null}}')$$, :'alice')),
	('ask', 'idverify_identify', format($$SELECT is_verified, verdict, created, shop_verified FROM public.idverify_identify('web',
		'{"email": "A@example.com", "user_hash": "%s"}')$$, idverify_sign('web', 'A@example.com'))),
	('ask', 'idverify_identify', format($$SELECT i.is_verified, i.verdict, i.created, i.fold_id IS NOT NULL AS folded
		FROM public.idverify_identify('web') a,
		LATERAL public.idverify_identify('web', '{"external_id": "bob", "user_hash": "%s"}', a.visitor) i$$, :'bob')),
	('ask', 'idverify_identify', $$SELECT is_verified, verdict, created FROM public.idverify_identify('web',
		'{"external_id": "bob", "user_hash": "wrong", "name": "Mallory"}')$$),
	('ask', 'idverify_guard', format($$INSERT INTO people.asked (external_id, user_hash) VALUES ('alice', %L), ('bob', 'wrong')
		RETURNING external_id, user_hash, is_verified$$, :'alice')),
	('admin', 'idverify_explain', format($$SELECT verdict, finding FROM public.idverify_explain('web', 'alice', NULL, %L)$$, :'alice')),
	('admin', 'idverify_doctor', $$SELECT finding FROM public.idverify_doctor() OFFSET 1000000$$),
	('superuser', 'idverify_export', $$SELECT relation FROM public.idverify_export('8', 'people.people') OFFSET 1000000$$),
	('superuser', 'idverify_erase', $$SELECT relation FROM public.idverify_erase('8', 'people.people', 'delete', true) OFFSET 1000000$$),
	('superuser', 'idverify_forget', $$SELECT public.idverify_forget('1 year') AS forgotten$$),
	('superuser', 'counting_since', $$SELECT pg_catalog.count(*) FROM idverify.counting_since()$$),
	('superuser', 'claim_counts', $$SELECT app_key FROM idverify.stat_claims OFFSET 1000000$$),
	('superuser', 'secret_counts', $$SELECT app_key FROM idverify.stat_secrets OFFSET 1000000$$),
	('superuser', 'refused_claims', $$SELECT app_key FROM idverify.stat_refused OFFSET 1000000$$),
	('admin', 'idverify_coverage', $$SELECT app_key FROM public.idverify_coverage('web')$$),
	('admin', 'idverify_stat_reset', $$SELECT public.idverify_stat_reset('web') IS NOT NULL AS reset$$),
	('admin', 'idverify_create_app', $$SELECT app_key, identity_secret IS NOT NULL AS secret
		FROM public.idverify_create_app('New', 'new by admin', on_unverified => 'reject', grace => '1 hour')$$),
	('superuser', 'idverify_create_app', $$SELECT app_key, identity_secret IS NOT NULL AS secret
		FROM public.idverify_create_app('New', 'new by superuser', on_unverified => 'reject', grace => '1 hour')$$),
	('admin', 'idverify_rotate', $$SELECT public.idverify_rotate('life') IS NOT NULL AS rotated$$),
	('admin', 'idverify_stage', $$SELECT public.idverify_stage('life') IS NOT NULL AS staged$$),
	('admin', 'idverify_stage', $$SELECT public.idverify_stage('tokens', 'secret of yet another product') IS NULL AS imported,
		public.idverify_revoke('tokens') AS revoked$$),
	('admin', 'idverify_promote', $$SELECT public.idverify_promote('life', '1 minute') IS NOT NULL AS promoted$$),
	('admin', 'idverify_add_signer', $$SELECT public.idverify_add_signer('life', 'ios') IS NOT NULL AS added,
		public.idverify_rotate('life', signer => 'ios') IS NOT NULL AS rotated$$),
	('admin', 'idverify_drop_signer', $$SELECT public.idverify_drop_signer('life', 'ios') AS dropped$$),
	('admin', 'idverify_revoke', $$SELECT public.idverify_revoke('life') AS revoked$$),
	('admin', 'idverify_purge', $$SELECT public.idverify_purge() AS purged$$),
	('admin', 'idverify_rekey', $$SELECT public.idverify_rekey() AS rekeyed$$),
	('admin', 'idverify_reveal', $$SELECT public.idverify_reveal('web') AS revealed$$),
	('admin', 'idverify_sign', $$SELECT public.idverify_sign('web', 'alice') IS NOT NULL AS signed$$),
	('admin', 'idverify_sign_token', $$SELECT public.idverify_sign_token('tokens', '{"sub": "alice"}') IS NOT NULL AS signed$$),
	('admin', 'idverify_token_claims', $$SELECT public.idverify_token_claims('tokens', public.idverify_sign_token('tokens', '{"sub": "alice"}'))
		OPERATOR(pg_catalog.->>) 'sub' AS claims$$),
	('admin', 'idverify_add_reference', $$SELECT public.idverify_add_reference('people.people', 'people.notes', 'about',
		'kind OPERATOR(pg_catalog.=) ''Contact'' AND pg_catalog.length(kind) OPERATOR(pg_catalog.>) 0') IS NOT NULL AS added$$),
	('admin', 'idverify_set_contacts', $$SELECT public.idverify_set_contacts('people.people', same => '{}', never_filled => '{id}') IS NOT NULL AS said$$),
	('admin', 'idverify_fold', $$SELECT relation, column_name, moved, dropped
		FROM public.idverify_fold(pg_catalog.int8 '1', pg_catalog.int8 '2', 'people.people') ORDER BY relation::pg_catalog.text, column_name$$),
	('superuser', 'idverify_fold', $$SELECT relation, column_name, moved, dropped
		FROM public.idverify_fold(pg_catalog.int8 '3', pg_catalog.int8 '4', 'people.people', dry_run => true) ORDER BY relation::pg_catalog.text, column_name$$),
	('superuser', 'idverify_fold', $$SELECT relation, column_name, moved, dropped
		FROM public.idverify_fold(pg_catalog.int8 '3', pg_catalog.int8 '4', 'people.people') ORDER BY relation::pg_catalog.text, column_name$$),
	('admin', 'idverify_resolve', $$SELECT public.idverify_resolve(pg_catalog.int8 '1', 'people.people') AS "1 has become"$$),
	('admin', 'idverify_unfold', $$SELECT u.relation, u.moved, u.restored
		FROM (SELECT f.fold_id FROM public.idverify_fold(pg_catalog.int8 '5', pg_catalog.int8 '6', 'people.people') f LIMIT 1) f,
		LATERAL public.idverify_unfold(f.fold_id) u ORDER BY u.relation::pg_catalog.text$$),
	('admin', 'drop_secrets', $$DELETE FROM idverify.apps WHERE app_key OPERATOR(pg_catalog.=) 'gone by admin' RETURNING app_key$$),
	('superuser', 'drop_secrets', $$DELETE FROM idverify.apps WHERE app_key OPERATOR(pg_catalog.=) 'gone by superuser' RETURNING app_key$$),
	('admin', 'keep_contacts', $$DELETE FROM idverify.apps WHERE app_key OPERATOR(pg_catalog.=) 'web'  -- fail$$),
	('superuser', 'note_change', $$UPDATE idverify.apps SET grace = '2 hours' WHERE app_key OPERATOR(pg_catalog.=) 'life' RETURNING app_key$$),
	('superuser', 'keep_contacts', $$TRUNCATE idverify.apps  -- fail$$);
-- a superuser calls everything: what takes part in no other's story once more
INSERT INTO calls.calls (who, of, call)
	SELECT 'superuser', of, call FROM calls.calls
	 WHERE who <> 'superuser' AND of NOT IN ('idverify_create_app', 'idverify_fold', 'drop_secrets', 'keep_contacts')
	 ORDER BY n;
-- no function is forgotten
SELECT p.proname AS never_called
  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid JOIN pg_proc p ON p.oid = d.objid
 WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
   AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'idverify'
   AND NOT EXISTS (SELECT FROM calls.calls WHERE of = p.proname AND who = 'superuser');

--
-- The trap
--
CREATE SCHEMA trap;
GRANT USAGE ON SCHEMA trap TO PUBLIC;
CREATE SEQUENCE trap.sprung;
GRANT ALL ON SEQUENCE trap.sprung TO PUBLIC;
CREATE FUNCTION trap.spring() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_catalog.nextval('trap.sprung'::pg_catalog.regclass);
	RAISE 'trapped';
END $$;
DO $$
DECLARE
	-- of what our tables, and the catalogs that we ask, consist of
	types oid[] := ARRAY(SELECT t.oid FROM pg_type t WHERE t.oid::regtype::text IN
		('boolean', 'integer', 'bigint', 'text', 'name', 'bytea', 'interval', 'json', 'jsonb', 'uuid',
		 'timestamp with time zone', 'oid', 'regclass', '"char"', 'tid', 'text[]', 'smallint',
		 'idverify.verdict', 'idverify.claim_policy', 'idverify.signed_field', 'idverify.secret_state'));
	body text := 'BEGIN PERFORM trap.spring(); RETURN NULL; END';
	item record;
BEGIN
	FOR item IN
		SELECT oid, oprname AS name, format_type(oprleft, NULL) AS "left", format_type(oprright, NULL) AS "right",
			   format_type(oprresult, NULL) AS result
		  FROM pg_operator
		 WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprleft = ANY (types) AND oprright = ANY (types)
		UNION ALL
		SELECT t, name, format_type(t, NULL), format_type(t, NULL), 'boolean'
		  FROM unnest(types) t, unnest(ARRAY['=', '<>', '<', '>', '<=', '>=']) name
		 WHERE t >= 16384
	LOOP
		EXECUTE format('CREATE FUNCTION trap.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L',
			'op_' || item.oid || item.name, item."left", item."right", item.result, body);
		EXECUTE format('CREATE OPERATOR trap.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = trap.%I)',
			item.name, item."left", item."right", 'op_' || item.oid || item.name);
	END LOOP;
	FOR item IN
		SELECT proname AS name, prorettype::regtype::text AS result, proretset,
			   coalesce((SELECT string_agg(format_type(a, NULL), ', ' ORDER BY n)
						   FROM unnest(proargtypes) WITH ORDINALITY AS u(a, n)), '') AS arguments
		  FROM pg_proc
		 WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND provariadic = 0
		   AND NOT EXISTS (SELECT FROM unnest(proargtypes) AS a WHERE a <> ALL (types))
		   AND (SELECT typtype FROM pg_type WHERE oid = prorettype) = 'b'
	LOOP
		EXECUTE format('CREATE FUNCTION trap.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS %L', item.name,
			item.arguments, CASE WHEN item.proretset THEN 'SETOF' ELSE '' END, item.result,
			CASE WHEN item.proretset THEN 'BEGIN PERFORM trap.spring(); END' ELSE body END);
	END LOOP;
	-- what takes any type, or returns a row
	FOREACH item.name IN ARRAY ARRAY[
		'unnest(text[]) RETURNS SETOF text', 'jsonb_each(jsonb) RETURNS TABLE (key text, value jsonb)',
		'jsonb_to_recordset(jsonb) RETURNS SETOF record', 'to_json(text) RETURNS json',
		'to_jsonb(text) RETURNS jsonb', 'row_number() RETURNS bigint',
		'array_append(text[], text) RETURNS text[]']
	LOOP
		EXECUTE format('CREATE FUNCTION trap.%s LANGUAGE plpgsql AS %L', item.name,
			CASE WHEN item.name ~ 'SETOF|TABLE' THEN 'BEGIN PERFORM trap.spring(); END' ELSE body END);
	END LOOP;
	FOREACH item.name IN ARRAY ARRAY['integer', 'bigint', 'text', 'timestamptz', 'jsonb', 'boolean']
	LOOP
		EXECUTE format('CREATE FUNCTION trap.step(boolean, %s) RETURNS boolean LANGUAGE plpgsql AS %L', item.name, body);
		EXECUTE format('CREATE AGGREGATE trap.max(%s) (SFUNC = trap.step, STYPE = boolean);
			CREATE AGGREGATE trap.min(%1$s) (SFUNC = trap.step, STYPE = boolean);
			CREATE AGGREGATE trap.count(%1$s) (SFUNC = trap.step, STYPE = boolean);
			CREATE AGGREGATE trap.array_agg(%1$s) (SFUNC = trap.step, STYPE = boolean)', item.name);
	END LOOP;
	EXECUTE format('CREATE FUNCTION trap.step(boolean) RETURNS boolean LANGUAGE plpgsql AS %L', body);
	CREATE AGGREGATE trap.count(*) (SFUNC = trap.step, STYPE = boolean);
	-- types, each with a check, whose names stand in casts and declarations
	FOREACH item.name IN ARRAY ARRAY['bool', 'int2', 'int4', 'int8', 'text', 'name', 'bytea', 'json', 'jsonb',
		'uuid', 'timestamptz', 'oid', 'regclass', 'tid', 'verdict', 'secret_state', 'claim_policy', 'signed_field']
	LOOP
		EXECUTE format('CREATE DOMAIN trap.%I AS %s CHECK (trap.spring())', item.name,
			coalesce(to_regtype('pg_catalog.' || item.name), to_regtype('idverify.' || item.name)));
	END LOOP;
END $$;
SELECT count(*) > 150 AS operators FROM pg_operator WHERE oprnamespace = 'trap'::regnamespace;
SELECT count(*) > 800 AS functions FROM pg_proc WHERE pronamespace = 'trap'::regnamespace;
CREATE FUNCTION calls.hide_tables() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['apps', 'secrets', 'contacts', 'folds', 'fold_rows', 'contact_references', 'contact_options',
		'app_status', 'pg_class', 'pg_namespace', 'pg_type', 'pg_proc', 'pg_attribute', 'pg_constraint', 'pg_index',
		'pg_trigger', 'pg_enum', 'pg_operator', 'people', 'tags']
	LOOP
		EXECUTE format('CREATE TEMPORARY TABLE %I (oid oid, id integer, app_id integer, app_key text, external_id text)', name);
	END LOOP;
END $$;

-- the trap works
BEGIN;
SET LOCAL search_path = pg_temp, trap, public, pg_catalog;
SELECT 'a' = 'b';  -- fail
ROLLBACK;
BEGIN;
SET LOCAL search_path = pg_temp, trap, public, pg_catalog;
SELECT lower('A');  -- fail
ROLLBACK;
BEGIN;
SET LOCAL search_path = pg_temp, trap, public, pg_catalog;
SELECT count(*) FROM idverify.apps;  -- fail
ROLLBACK;
BEGIN;
SET LOCAL search_path = pg_temp, trap, public, pg_catalog;
SELECT jsonb '{}';  -- fail
ROLLBACK;
SELECT last_value AS sprung FROM trap.sprung;
SELECT setval('trap.sprung', 1, false) AS reset;

--
-- Ask
--
\c - regress_path_ask
SELECT FROM calls.hide_tables();
SET search_path = pg_temp, trap, public, pg_catalog;
SELECT call FROM calls.calls WHERE who OPERATOR(pg_catalog.=) 'ask' ORDER BY n \gexec

--
-- Administer
--
\c - regress_path_admin
SELECT FROM calls.hide_tables();
SET search_path = pg_temp, trap, public, pg_catalog;
SELECT call FROM calls.calls WHERE who OPERATOR(pg_catalog.=) 'admin' ORDER BY n \gexec

--
-- A superuser
--
\c - :superuser
SET client_min_messages = warning;
SELECT FROM calls.hide_tables();
SET search_path = pg_temp, trap, public, pg_catalog;
SELECT call FROM calls.calls WHERE who OPERATOR(pg_catalog.=) 'superuser' ORDER BY n \gexec
RESET search_path;

SELECT is_called AS sprung FROM trap.sprung;

DROP SCHEMA calls, people CASCADE;
DROP SCHEMA trap CASCADE;
TRUNCATE idverify.contacts, idverify.folds, idverify.fold_rows, idverify.contact_references, idverify.contact_options;
DELETE FROM idverify.apps;
DROP OWNED BY regress_path_ask, regress_path_admin;
DROP ROLE regress_path_ask, regress_path_admin;

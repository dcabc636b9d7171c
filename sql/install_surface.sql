--
-- Surface: what CREATE EXTENSION makes, and who may use it
--
-- The first tables are the promise, of every function, type, table and trigger
-- that belongs to the extension: none is named here, so that none can be
-- forgotten.  The queries that follow find what breaks a rule, so they find
-- nothing.
--
\set VERBOSITY terse

SELECT extname, extversion, extrelocatable, extnamespace::regnamespace
  FROM pg_extension WHERE extname = 'idverify';

--
-- Functions
--
CREATE TEMPORARY VIEW functions AS
	SELECT p.*
	  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
		   JOIN pg_proc p ON p.oid = d.objid
	 WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	   AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'idverify';
-- their signatures
SELECT pronamespace::regnamespace AS schema, proname,
	   replace(pg_get_function_arguments(oid), ', ', E',\n') AS arguments,
	   pg_get_function_result(oid) AS result
  FROM functions ORDER BY pronamespace::regnamespace::text COLLATE "C", proname, oid;

-- A question is STABLE, since a secret that is revoked verifies no longer, and
-- never STRICT, since a CHECK constraint takes NULL for yes.
SELECT proname,
	   CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END AS volatility,
	   CASE proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END AS parallel,
	   proisstrict AS strict, proleakproof AS leakproof, prosecdef AS definer, proconfig AS settings
  FROM functions ORDER BY proname, oid;

-- All are in C, and belong to whoever has installed the extension, who alone
-- may execute them.
SELECT proname, lanname AS language,
	   proowner = (SELECT extowner FROM pg_extension WHERE extname = 'idverify') AS owned,
	   (SELECT string_agg(CASE grantee WHEN proowner THEN 'owner' WHEN 0 THEN 'PUBLIC' ELSE 'others' END, ', ')
		  FROM aclexplode(coalesce(proacl, acldefault('f', proowner)))) AS may_execute,
	   obj_description(f.oid, 'pg_proc') AS comment
  FROM functions f JOIN pg_language l ON l.oid = prolang
 ORDER BY proname, f.oid;

--
-- Types, tables and the view
--
SELECT t.oid::regtype AS type, string_agg(enumlabel, ', ' ORDER BY enumsortorder) AS labels
  FROM pg_type t JOIN pg_enum ON enumtypid = t.oid
 WHERE typnamespace = 'idverify'::regnamespace
 GROUP BY t.oid ORDER BY t.oid::regtype::text COLLATE "C";
CREATE TEMPORARY VIEW relations AS
	SELECT c.*
	  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
		   JOIN pg_class c ON c.oid = d.objid
	 WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e'
	   AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'idverify';
SELECT oid::regclass AS relation,
	   CASE relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' ELSE relkind::text END AS kind,
	   relowner = (SELECT extowner FROM pg_extension WHERE extname = 'idverify') AS owned,
	   relrowsecurity AS row_security, reloptions AS options,
	   (SELECT string_agg(DISTINCT CASE grantee WHEN relowner THEN 'owner' WHEN 0 THEN 'PUBLIC' ELSE 'others' END, ', ')
		  FROM aclexplode(coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, relowner)))) AS may_read
  FROM relations ORDER BY oid::regclass::text COLLATE "C";
SELECT attrelid::regclass AS "table", attname, format_type(atttypid, atttypmod) AS type,
	   attnotnull AS not_null, attidentity AS identity, pg_get_expr(adbin, adrelid) AS "default"
  FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
 WHERE attrelid IN (SELECT oid FROM relations WHERE relkind <> 'S') AND attnum > 0
 ORDER BY attrelid::regclass::text COLLATE "C", attnum;
SELECT conrelid::regclass AS "table", contype, pg_get_constraintdef(oid) AS "constraint"
  FROM pg_constraint
 WHERE conrelid IN (SELECT oid FROM relations)
   AND contype IN ('p', 'u', 'c')
 ORDER BY conrelid::regclass::text COLLATE "C", contype, pg_get_constraintdef(oid) COLLATE "C";
SELECT indrelid::regclass AS "table", pg_get_expr(indpred, indrelid) AS unique_where,
	   (SELECT string_agg(pg_get_indexdef(indexrelid, k, false), ', ' ORDER BY k)
		  FROM generate_series(1, indnkeyatts) k) AS columns
  FROM pg_index
 WHERE indrelid IN (SELECT oid FROM relations) AND indisunique AND indpred IS NOT NULL
 ORDER BY indrelid::regclass::text COLLATE "C", 2, 3;

-- What tells every backend, and what takes secrets along, fires whatever
-- session_replication_role is.  What keeps an app that has contacts is as a
-- foreign key would be.
SELECT tgrelid::regclass AS "table", tgname, tgenabled,
	   substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER) .* ON ') || '...' AS event
  FROM pg_trigger
 WHERE tgrelid IN (SELECT oid FROM relations) AND NOT tgisinternal
 ORDER BY tgrelid::regclass::text COLLATE "C", tgname;

--
-- What breaks a rule
--
CREATE TEMPORARY VIEW objects AS
	SELECT 'pg_namespace'::regclass AS classid, n.oid AS objid,
		   'schema ' || nspname AS object, nspowner AS owner,
		   coalesce(nspacl, acldefault('n', nspowner)) AS acl
	  FROM pg_namespace n WHERE nspname = 'idverify'
	UNION ALL
	SELECT 'pg_class'::regclass, c.oid, c.oid::regclass::text, relowner,
		   coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, relowner))
	  FROM pg_class c
	 WHERE relnamespace = 'idverify'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
	UNION ALL
	SELECT 'pg_proc'::regclass, oid, oid::regprocedure::text, proowner,
		   coalesce(proacl, acldefault('f', proowner))
	  FROM functions;
SELECT count(*) >= 20 AS there_are_objects FROM objects;

-- nobody but the owner has any right: not PUBLIC, not a role, on no column
SELECT object, grantee::regrole, privilege_type
  FROM objects, aclexplode(acl)
 WHERE grantee <> owner ORDER BY object;
SELECT attrelid::regclass, attname, attacl
  FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
 WHERE relnamespace = 'idverify'::regnamespace AND attacl IS NOT NULL;

-- everything that can be called, read or named has a comment
SELECT object FROM objects
 WHERE obj_description(objid, classid::text::name) IS NULL
   AND objid NOT IN (SELECT seqrelid FROM pg_sequence) ORDER BY object;
SELECT oid::regtype AS type FROM pg_type
 WHERE typnamespace = 'idverify'::regnamespace AND typtype = 'e'
   AND obj_description(oid, 'pg_type') IS NULL;

-- what users call begins with idverify_ and is in the extension's schema; our
-- own triggers' functions are in idverify
SELECT oid::regprocedure AS misplaced FROM functions
 WHERE pronamespace = CASE WHEN proname LIKE 'idverify\_%' THEN 'idverify'::regnamespace
						   ELSE (SELECT extnamespace FROM pg_extension WHERE extname = 'idverify') END;

-- no function with its owner's rights lets the caller's search_path in
SELECT oid::regprocedure AS open_to_its_caller FROM functions
 WHERE prosecdef AND (proconfig IS NULL
	OR NOT proconfig @> ARRAY['search_path=pg_catalog, pg_temp']);

-- no foreign key between tables of ours, over which pg_restore -j would trip
SELECT conrelid::regclass, confrelid::regclass FROM pg_constraint
 WHERE contype = 'f' AND connamespace = 'idverify'::regnamespace;

-- the rows of all tables go into dumps, and so do the sequences
SELECT c.oid::regclass AS not_in_dumps FROM pg_class c
 WHERE relnamespace = 'idverify'::regnamespace AND relkind IN ('r', 'p', 'S')
   AND c.oid NOT IN (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'idverify')
 ORDER BY c.oid::regclass::text COLLATE "C";
-- (of tables that were dropped nothing is)
SELECT config::regclass AS only_in_part
  FROM pg_extension, unnest(extconfig, extcondition) AS t(config, condition)
 WHERE extname = 'idverify' AND condition <> '';

-- nothing is in the schema idverify but what the extension made
SELECT pg_describe_object(classid, objid, 0) AS not_ours FROM objects
 WHERE NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
	WHERE d.classid = objects.classid AND d.objid = objects.objid AND d.deptype = 'e'
	  AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'idverify')
   AND objid NOT IN (SELECT seqrelid FROM pg_sequence);

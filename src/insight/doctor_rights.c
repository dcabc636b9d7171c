/*-------------------------------------------------------------------------
 *
 * doctor_rights.c
 *	  Who has been granted what nobody should have, and what the log gets to see.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/doctor.h"

/* What belongs to the extension: relations, with each grant on them. */
#define GRANTS \
	"WITH ours AS (" \
	"  SELECT c.oid, c.relname, c.relkind, c.relowner, c.relacl," \
	"    format('%I.%I', n.nspname, c.relname) AS name, n.nspname || '.' || c.relname AS label" \
	"  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid" \
	"    JOIN pg_class c ON c.oid = d.objid JOIN pg_namespace n ON n.oid = c.relnamespace" \
	"  WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass" \
	"    AND d.deptype = 'e' AND e.extname = 'idverify' AND c.relkind IN ('r', 'p', 'v', 'S'))," \
	" grants AS (" \
	"  SELECT o.*, a.grantee, a.privilege_type FROM ours o, aclexplode(o.relacl) a" \
	"  UNION ALL" \
	"  SELECT o.*, a.grantee, a.privilege_type FROM ours o JOIN pg_attribute t ON t.attrelid = o.oid," \
	"    aclexplode(t.attacl) a WHERE NOT t.attisdropped)," \
	" to_roles AS (" \
	"  SELECT g.*, r.rolname FROM grants g JOIN pg_roles r ON r.oid = g.grantee" \
	"  WHERE NOT r.rolsuper AND g.grantee <> g.relowner)"

/* The functions that belong to the extension. */
#define FUNCTIONS \
	"  SELECT p.oid, p.proname, p.proowner, p.proacl, oidvectortypes(p.proargtypes) AS types," \
	"    n.nspname, format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)) AS name" \
	"  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid" \
	"    JOIN pg_proc p ON p.oid = d.objid JOIN pg_namespace n ON n.oid = p.pronamespace" \
	"  WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass" \
	"    AND d.deptype = 'e' AND e.extname = 'idverify'"

/* What PUBLIC may. */
static void
look_at_public(IdvDoctor *doctor, void *argument pg_attribute_unused())
{
	idv_doctor_query(doctor, IDV_DIAGNOSIS_PUBLIC_MAY,
					 "SELECT f.nspname || '.' || f.proname || '(' || f.types || ')',"
					 "  'Everybody may execute it.',"
					 "  format('REVOKE ALL ON FUNCTION %s FROM PUBLIC;', f.name)"
					 " FROM (" FUNCTIONS ") f"
					 " WHERE EXISTS (SELECT FROM aclexplode(coalesce(f.proacl, acldefault('f', f.proowner)))"
					 "   WHERE grantee = 0)");
	idv_doctor_query(doctor, IDV_DIAGNOSIS_PUBLIC_MAY,
					 GRANTS
					 " SELECT label, format('Everybody has %s on it.', string_agg(DISTINCT privilege_type, ', ')),"
					 "  format('REVOKE ALL ON %s %s FROM PUBLIC;', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, name)"
					 " FROM grants WHERE grantee = 0 GROUP BY label, name, relkind");
	idv_doctor_query(doctor, IDV_DIAGNOSIS_PUBLIC_MAY,
					 "SELECT nspname, 'Everybody may create in the schema of the tables.',"
					 "  format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC;', nspname)"
					 " FROM pg_namespace WHERE nspname = 'idverify'"
					 "  AND EXISTS (SELECT FROM aclexplode(nspacl) WHERE grantee = 0 AND privilege_type = 'CREATE')");
}

/* Which roles have rights on our tables. */
static void
look_at_grants(IdvDoctor *doctor, void *argument pg_attribute_unused())
{
#define REVOKED(privilege) \
	"  string_agg(DISTINCT format('REVOKE " privilege " ON TABLE %s FROM %I CASCADE;', name, rolname), E'\n')"

	idv_doctor_query(doctor, IDV_DIAGNOSIS_REFERENCES_GRANTED,
					 GRANTS
					 " SELECT rolname, format('The role has REFERENCES on %s: with a foreign key it can run code of its own with the rights of the tables'' owner.',"
					 "    string_agg(DISTINCT label, ', ')),"
					 REVOKED("REFERENCES")
					 " FROM to_roles WHERE privilege_type = 'REFERENCES' GROUP BY rolname");
	idv_doctor_query(doctor, IDV_DIAGNOSIS_TRIGGER_GRANTED,
					 GRANTS
					 " SELECT rolname, format('The role has TRIGGER on %s: what it hangs there runs with the rights of whoever writes to the table next. Look at the triggers that are there, too.',"
					 "    string_agg(DISTINCT label, ', ')),"
					 REVOKED("TRIGGER")
					 " FROM to_roles WHERE privilege_type = 'TRIGGER' GROUP BY rolname");
	idv_doctor_query(doctor, IDV_DIAGNOSIS_SECRETS_READABLE,
					 GRANTS
					 " SELECT rolname, format('The role has rights on %s: %s. What is sealed there it cannot open, but it can see hints and states, and by writing there say which secrets verify.',"
					 "    string_agg(DISTINCT label, ' and '), string_agg(DISTINCT privilege_type, ', ')),"
					 REVOKED("ALL")
					 " FROM to_roles WHERE privilege_type NOT IN ('REFERENCES', 'TRIGGER')"
					 "  AND label IN ('idverify.apps', 'idverify.secrets') GROUP BY rolname");
}

/* Which roles may ask, and could sign, too. */
static void
look_at_askers(IdvDoctor *doctor, void *argument pg_attribute_unused())
{
	idv_doctor_query(doctor, IDV_DIAGNOSIS_ASKER_MAY_SIGN,
					 "WITH functions AS (" FUNCTIONS "),"
					 " granted AS ("
					 "  SELECT f.proname, f.name, a.grantee,"
					 "    f.proname IN ('idverify_check', 'idverify_verdict', 'idverify_identify', 'idverify_mask') AS asks"
					 "  FROM functions f, aclexplode(f.proacl) a"
					 "  WHERE a.grantee NOT IN (0, f.proowner)"
					 "   AND f.proname IN ('idverify_check', 'idverify_verdict', 'idverify_identify', 'idverify_mask',"
					 "     'idverify_sign', 'idverify_sign_token', 'idverify_reveal', 'idverify_explain')),"
					 " holders AS ("
					 "  SELECT r.oid, r.rolname, g.proname, g.name, g.asks, g.grantee"
					 "  FROM granted g JOIN pg_roles r ON pg_has_role(r.oid, g.grantee, 'USAGE') WHERE NOT r.rolsuper)"
					 " SELECT h.rolname,"
					 "  format('The role may ask about claims, and also execute %s: who has got into the application can make right claims for anybody.',"
					 "    string_agg(DISTINCT h.proname, ', ')),"
					 "  string_agg(DISTINCT CASE WHEN h.grantee = h.oid"
					 "    THEN format('REVOKE EXECUTE ON FUNCTION %s FROM %I CASCADE;', h.name, h.rolname)"
					 "    ELSE (SELECT string_agg(format('REVOKE %s FROM %I;', m.roleid::regrole::text, h.rolname), E'\n')"
					 "      FROM pg_auth_members m WHERE m.member = h.oid AND pg_has_role(m.roleid, h.grantee, 'USAGE')) END, E'\n')"
					 " FROM holders h"
					 " WHERE NOT h.asks AND EXISTS (SELECT FROM holders o WHERE o.oid = h.oid AND o.asks)"
					 " GROUP BY h.rolname");
}

/*
 * What the log is told of statements.
 *
 * A user_hash stands in the statement that presents it, or in its parameters.
 * Where parameters are left out, so is it, if the application passes it as one.
 */
static void
look_at_log(IdvDoctor *doctor, void *argument pg_attribute_unused())
{
	idv_doctor_query(doctor, IDV_DIAGNOSIS_HASH_LOGGED,
					 "WITH told(name) AS ("
					 "  SELECT name FROM pg_settings"
					 "  WHERE (name = 'log_statement' AND setting IN ('mod', 'all'))"
					 "   OR (name IN ('log_min_duration_statement', 'log_min_duration_sample') AND setting <> '-1')"
					 "   OR (name = 'log_transaction_sample_rate' AND setting <> '0')),"
					 " mine AS ("
					 "  SELECT s.name, s.setting, s.source, NULL::name AS role, NULL::name AS database"
					 "  FROM pg_settings s JOIN told USING (name)"
					 "  WHERE current_setting('log_parameter_max_length') <> '0'),"
					 " others AS ("
					 "  SELECT split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS setting,"
					 "    'other' AS source, r.rolname AS role, d.datname AS database"
					 "  FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c"
					 "   LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase"
					 "  WHERE (s.setdatabase = 0 OR d.datname = current_database())"
					 "   AND (c ~ '^log_statement=(mod|all)$' OR c ~ '^log_min_duration_(statement|sample)=(?!-1$)'"
					 "     OR c ~ '^log_transaction_sample_rate=(?!0$)')"
					 "   AND NOT s.setconfig @> ARRAY['log_parameter_max_length=0']"
					 "   AND current_setting('log_parameter_max_length') <> '0'),"
					 " found AS ("
					 "  SELECT * FROM others UNION ALL"
					 "  SELECT * FROM mine WHERE source NOT IN ('user', 'database', 'database user')),"
					 " remedies AS ("
					 "  SELECT name, setting, role, database,"
					 "   CASE WHEN role IS NOT NULL THEN format('ALTER ROLE %I%s SET log_parameter_max_length = 0;', role,"
					 "      ' IN DATABASE ' || quote_ident(database))"
					 "    WHEN database IS NOT NULL THEN format('ALTER DATABASE %I SET log_parameter_max_length = 0;', database)"
					 "    WHEN source IN ('session', 'client') THEN format('SET log_parameter_max_length = 0;')"
					 "    ELSE E'ALTER SYSTEM SET log_parameter_max_length = 0;\nSELECT pg_reload_conf();' END AS remedy"
					 "  FROM found)"
					 " SELECT name, format('It is %s, and parameters of statements are logged with them: so is each user_hash that an application presents. Not, if it passes it as a parameter and these are left out.',"
					 "    string_agg(setting || coalesce(' for role ' || role, '') || coalesce(' in database ' || database, ''), ', ')),"
					 "  string_agg(DISTINCT remedy, E'\n')"
					 " FROM remedies GROUP BY name");
}

/*
 * idv_doctor_rights
 *		Look at what was granted on our functions and tables, and at what is logged.
 */
void
idv_doctor_rights(IdvDoctor *doctor)
{
	idv_doctor_look(doctor, "idverify", look_at_public, NULL);
	idv_doctor_look(doctor, "idverify", look_at_grants, NULL);
	idv_doctor_look(doctor, "idverify", look_at_askers, NULL);
	idv_doctor_look(doctor, "idverify", look_at_log, NULL);
}

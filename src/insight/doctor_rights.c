/*-------------------------------------------------------------------------
 *
 * doctor_rights.c
 *	  Who has been granted what nobody should have.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/doctor.h"

/*
 * Each right that was granted on what belongs to the extension.  A column's are
 * apart from its table's, as they are in the catalogs: part is " (name)" then, and
 * empty elsewhere.
 */
#define GRANTS \
	"WITH RECURSIVE ours AS (" \
	"  SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid" \
	"  WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'idverify')," \
	" relations AS (" \
	"  SELECT c.oid, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind," \
	"    n.nspname || '.' || c.relname AS label, format('%I.%I', n.nspname, c.relname) AS name, c.relowner, c.relacl" \
	"  FROM ours o JOIN pg_class c ON c.oid = o.objid JOIN pg_namespace n ON n.oid = c.relnamespace" \
	"  WHERE o.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'p', 'v', 'S'))," \
	" functions AS (" \
	"  SELECT p.oid, p.proname, n.nspname, oidvectortypes(p.proargtypes) AS types, p.proowner," \
	"    coalesce(p.proacl, acldefault('f', p.proowner)) AS proacl" \
	"  FROM ours o JOIN pg_proc p ON p.oid = o.objid JOIN pg_namespace n ON n.oid = p.pronamespace" \
	"  WHERE o.classid = 'pg_proc'::regclass)," \
	" objects(kind, label, name, part, owner, acl, proname) AS (" \
	"  SELECT kind, label, name, '', relowner, relacl, NULL::name FROM relations" \
	"  UNION ALL" \
	"  SELECT r.kind, r.label, r.name, format(' (%I)', a.attname), r.relowner, a.attacl, NULL" \
	"  FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid WHERE NOT a.attisdropped" \
	"  UNION ALL" \
	"  SELECT 'FUNCTION', format('%s.%s(%s)', nspname, proname, types), format('%I.%I(%s)', nspname, proname, types), '', proowner, proacl, proname" \
	"  FROM functions" \
	"  UNION ALL" \
	"  SELECT 'SCHEMA', nspname, quote_ident(nspname), '', nspowner, nspacl, NULL FROM pg_namespace WHERE nspname = 'idverify')," \
	" grants AS (" \
	"  SELECT o.kind, o.label, o.name, o.part, o.owner, o.proname, a.grantor, a.grantee," \
	"    a.privilege_type AS privilege, a.is_grantable" \
	"  FROM objects o, aclexplode(o.acl) a)," \
	" grantees AS (" \
	"  SELECT g.*, r.rolname FROM grants g JOIN pg_roles r ON r.oid = g.grantee" \
	"  WHERE NOT r.rolsuper AND g.grantee <> g.owner)"

/* Two grants of the same right. */
#define SAME(a, b) \
	"(" a ".name, " a ".part, " a ".privilege) = (" b ".name, " b ".part, " b ".privilege)"

/* Whose grants of it end with what is revoked: superusers need none. */
#define IS_LOST(grant, role) \
	"EXISTS (SELECT FROM lost l WHERE " SAME("l", grant) " AND l.grantee = " role ")"

/*
 * What takes rights away again: of "told", some of the grants, a row for each
 * grantee and object.
 *
 * REVOKE takes back what its own role has granted, and a superuser's what the owner
 * has.  A grant of another role is revoked as that role; where the grantor loses the
 * right as well, its own is revoked, with all that hangs on it.  Those that go on
 * having the right, and have it by that, are granted it by the owner before.
 *
 * A grant on a column that hangs on nothing in the column's list, but on the table's,
 * or on what its grantor once had, is left behind by all of that.  It goes if its
 * grantor is given the right for a moment, by the owner, who then takes it back.
 *
 * what		an SQL expression for what is revoked of what the owner has granted
 */
#define REVOKES(what) \
	" lost AS (" \
	"  SELECT DISTINCT g.name, g.part, g.privilege, g.grantee FROM grants g LEFT JOIN pg_roles r ON r.oid = g.grantee" \
	"  WHERE g.grantee <> g.owner AND (r.rolsuper OR EXISTS (SELECT FROM told t WHERE " SAME("t", "g") " AND t.grantee = g.grantee)))," \
	" climb AS (" \
	"  SELECT grantee AS role, kind, name, part, owner, privilege, grantor, grantee FROM told" \
	"  UNION" \
	"  SELECT c.role, g.kind, g.name, g.part, g.owner, g.privilege, g.grantor, g.grantee" \
	"  FROM climb c JOIN grants g ON " SAME("g", "c") " AND g.grantee = c.grantor" \
	"  WHERE c.grantor <> c.owner AND " IS_LOST("g", "g.grantee") ")," \
	" tops AS (" \
	"  SELECT c.*, CASE WHEN c.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(c.grantee)) END AS from_role," \
	"    quote_ident(pg_get_userbyid(c.grantor)) AS as_role," \
	"    CASE WHEN c.grantor = c.owner THEN 'owner'" \
	"     WHEN EXISTS (SELECT FROM grants g WHERE g.name = c.name AND g.part IN ('', c.part) AND g.privilege = c.privilege" \
	"       AND g.grantee = c.grantor AND g.is_grantable AND NOT " IS_LOST("g", "g.grantee") ") THEN 'grantor'" \
	"     ELSE 'left' END AS way" \
	"  FROM climb c WHERE c.grantor = c.owner OR NOT " IS_LOST("c", "c.grantor") ")," \
	" steps(role, name, step, line) AS (" \
	"  SELECT t.role, t.name, 1, format('GRANT %s%s ON %s %s TO %I%s;', t.privilege, t.part, t.kind, t.name," \
	"    pg_get_userbyid(k.grantee), CASE WHEN k.is_grantable THEN ' WITH GRANT OPTION' END)" \
	"  FROM tops t JOIN grants k ON " SAME("k", "t") \
	"  WHERE k.grantee NOT IN (0, k.owner) AND NOT " IS_LOST("k", "k.grantee") \
	"   AND (" IS_LOST("k", "k.grantor") " OR (t.way = 'left' AND k.grantor = t.grantor))" \
	"  UNION" \
	"  SELECT role, name, 2, CASE way" \
	"    WHEN 'owner' THEN format('REVOKE %s ON %s %s FROM %s%s;', " what ", kind, name, from_role, CASE WHEN grantee <> 0 THEN ' CASCADE' END)" \
	"    WHEN 'grantor' THEN format('SET ROLE %s; REVOKE %s%s ON %s %s FROM %s%s; RESET ROLE;', as_role, privilege, part, kind, name, from_role, CASE WHEN grantee <> 0 THEN ' CASCADE' END)" \
	"    ELSE format('GRANT %1$s%2$s ON %3$s %4$s TO %5$s WITH GRANT OPTION; REVOKE %1$s%2$s ON %3$s %4$s FROM %5$s CASCADE;', privilege, part, kind, name, as_role) END" \
	"  FROM tops)," \
	" revokes AS (SELECT role, name, string_agg(line, E'\n' ORDER BY step, line) AS lines FROM steps GROUP BY role, name)"

/* The functions that answer an application, and those that would sign for it. */
#define ASKING "('idverify_check', 'idverify_verdict', 'idverify_identify', 'idverify_mask')"
#define SIGNING "('idverify_sign', 'idverify_sign_token', 'idverify_reveal', 'idverify_explain')"

/* From PostgreSQL 16 on a membership is taken back from its grantor. */
#if PG_VERSION_NUM >= 160000
#define OF_GRANTOR "CASE WHEN w.grantor <> 10 THEN ' GRANTED BY ' || quote_ident(pg_get_userbyid(w.grantor)) END"
#else
#define OF_GRANTOR "''"
#endif

/* What PUBLIC may. */
static void
look_at_public(IdvDoctor *doctor)
{
	idv_doctor_look_by_query(doctor, "idverify", IDV_DIAGNOSIS_PUBLIC_MAY,
							 GRANTS ","
							 " told AS (SELECT * FROM grants WHERE grantee = 0 AND (kind <> 'SCHEMA' OR privilege = 'CREATE')),"
							 REVOKES("CASE kind WHEN 'SCHEMA' THEN 'CREATE' ELSE 'ALL' END")
							 " SELECT t.label, CASE min(t.kind)"
							 "   WHEN 'FUNCTION' THEN 'Everybody may execute it. A role that does so by that alone needs a grant of its own before.'"
							 "   WHEN 'SCHEMA' THEN 'Everybody may create in the schema of the tables.'"
							 "   ELSE format('Everybody has %s on it. A role that uses that needs a grant of its own before.', string_agg(DISTINCT t.privilege, ', ')) END,"
							 "  min(r.lines)"
							 " FROM told t JOIN revokes r USING (name) GROUP BY t.label");
}

/* Which roles have rights on our tables. */
static void
look_at_grants(IdvDoctor *doctor)
{
	idv_doctor_look_by_query(doctor, "idverify", IDV_DIAGNOSIS_REFERENCES_GRANTED,
							 GRANTS ", told AS (SELECT * FROM grantees WHERE privilege = 'REFERENCES')," REVOKES("'REFERENCES'")
							 " SELECT t.rolname, format('The role has REFERENCES on %s: with a foreign key it can run code of its own with the rights of the tables'' owner.',"
							 "    string_agg(DISTINCT t.label, ', ')), string_agg(DISTINCT r.lines, E'\n')"
							 " FROM told t JOIN revokes r ON r.role = t.grantee AND r.name = t.name GROUP BY t.rolname");
	idv_doctor_look_by_query(doctor, "idverify", IDV_DIAGNOSIS_TRIGGER_GRANTED,
							 GRANTS ", told AS (SELECT * FROM grantees WHERE privilege = 'TRIGGER')," REVOKES("'TRIGGER'")
							 " SELECT t.rolname, format('The role has TRIGGER on %s: what it hangs there runs with the rights of whoever writes to the table next. Look at the triggers that are there, too.',"
							 "    string_agg(DISTINCT t.label, ', ')), string_agg(DISTINCT r.lines, E'\n')"
							 " FROM told t JOIN revokes r ON r.role = t.grantee AND r.name = t.name GROUP BY t.rolname");

	/*
	 * Who reads or writes all tables reads and writes these, too.  That is
	 * not taken back by a line to be pasted: it may be what a backup is made
	 * with.
	 */
	idv_doctor_look_by_query(doctor, "idverify", IDV_DIAGNOSIS_SECRETS_READABLE,
							 GRANTS ","
							 " told AS (SELECT * FROM grantees WHERE privilege NOT IN ('REFERENCES', 'TRIGGER')"
							 "   AND label IN ('idverify.apps', 'idverify.secrets')),"
							 REVOKES("'ALL'") ","
							 " readers AS ("
							 "  SELECT t.grantee AS role, format('rights on %s: %s', string_agg(DISTINCT t.label, ' and '), string_agg(DISTINCT t.privilege, ', ')) AS has,"
							 "    string_agg(DISTINCT r.lines, E'\n') AS lines"
							 "  FROM told t JOIN revokes r ON r.role = t.grantee AND r.name = t.name GROUP BY t.grantee"
							 "  UNION ALL"
							 "  SELECT m.member, format('%I, and so rights on idverify.apps and idverify.secrets', g.rolname),"
							 "    format('-- If the role needs no other table by it, as a backup does: REVOKE %I FROM %I;', g.rolname, r.rolname)"
							 "  FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member"
							 "  WHERE g.rolname IN ('pg_read_all_data', 'pg_write_all_data') AND NOT r.rolsuper)"
							 " SELECT r.rolname, format('The role has %s.%s What is sealed there it cannot open, but it can see hints and states, and by writing there say which secrets verify.',"
							 "    string_agg(d.has, '; ' ORDER BY d.has),"
							 "    (SELECT ' So have its members: ' || string_agg(m.rolname, ', ' ORDER BY m.rolname) || '.' FROM pg_roles m"
							 "     WHERE m.oid <> r.oid AND NOT m.rolsuper AND pg_has_role(m.oid, r.oid, 'MEMBER'))),"
							 "  string_agg(d.lines, E'\n' ORDER BY d.has)"
							 " FROM readers d JOIN pg_roles r ON r.oid = d.role GROUP BY r.oid, r.rolname");
}

/*
 * Which roles may ask, and could sign, too.
 *
 * Where a role may sign as a member of another, that one loses the right if it asks
 * as well; else the membership is what is too much.  It is ended by a line to be
 * pasted where it gives nothing but what we grant to those who administer.
 */
static void
look_at_askers(IdvDoctor *doctor)
{
	idv_doctor_look_by_query(doctor, "idverify", IDV_DIAGNOSIS_ASKER_MAY_SIGN,
							 GRANTS ","
							 " askers AS (SELECT r.oid, r.rolname FROM pg_roles r"
							 "  WHERE NOT r.rolsuper AND EXISTS (SELECT FROM grants g WHERE g.proname IN " ASKING
							 "    AND g.grantee NOT IN (0, g.owner) AND pg_has_role(r.oid, g.grantee, 'USAGE'))),"
							 " signing AS (SELECT * FROM grants WHERE proname IN " SIGNING " AND grantee NOT IN (0, owner)),"
							 " holders AS (SELECT a.oid, a.rolname, s.* FROM askers a JOIN signing s ON pg_has_role(a.oid, s.grantee, 'USAGE')),"
							 " told AS (SELECT s.* FROM signing s WHERE s.grantee IN (SELECT oid FROM askers)),"
							 REVOKES("'EXECUTE'") ","
							 " ways AS ("
							 "  SELECT h.oid AS role, h.grantee AS leads_to, h.oid AS member FROM holders h WHERE h.grantee NOT IN (SELECT oid FROM askers)"
							 "  UNION"
							 "  SELECT w.role, w.leads_to, m.roleid FROM ways w JOIN pg_auth_members m ON m.member = w.member"
							 "   JOIN askers a ON a.oid = m.roleid WHERE pg_has_role(m.roleid, w.leads_to, 'USAGE')),"
							 " memberships AS ("
							 "  SELECT DISTINCT w.role, m.roleid, m.member, m.grantor FROM ways w JOIN pg_auth_members m ON m.member = w.member"
							 "   JOIN pg_roles r ON r.oid = m.roleid"
							 "  WHERE NOT r.rolsuper AND m.roleid NOT IN (SELECT oid FROM askers) AND pg_has_role(m.roleid, w.leads_to, 'USAGE')),"
							 " lines AS ("
							 "  SELECT h.oid AS role, r.lines AS line FROM holders h JOIN revokes r ON r.role = h.grantee AND r.name = h.name"
							 "  UNION"
							 "  SELECT w.role, CASE WHEN NOT EXISTS (SELECT FROM pg_roles o WHERE pg_has_role(w.roleid, o.oid, 'MEMBER')"
							 "     AND (o.oid < 16384 OR EXISTS (SELECT FROM pg_shdepend d WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = o.oid"
							 "       AND NOT (d.deptype = 'a' AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
							 "         AND (EXISTS (SELECT FROM ours u WHERE u.classid = d.classid AND u.objid = d.objid)"
							 "           OR (d.classid = 'pg_namespace'::regclass AND d.objid = (SELECT oid FROM pg_namespace WHERE nspname = 'idverify')))))))"
							 "   THEN format('REVOKE %I FROM %I%s;', pg_get_userbyid(w.roleid), pg_get_userbyid(w.member), " OF_GRANTOR ")"
							 "   ELSE format('-- If %2$I needs nothing else that it has from %1$I: REVOKE %1$I FROM %2$I%3$s;', pg_get_userbyid(w.roleid), pg_get_userbyid(w.member), " OF_GRANTOR ") END"
							 "  FROM memberships w)"
							 " SELECT h.rolname,"
							 "  format('The role may ask about claims, and also execute %s: who has got into the application can make right claims for anybody.',"
							 "    string_agg(DISTINCT h.proname, ', ')),"
							 "  (SELECT string_agg(line, E'\n' ORDER BY line) FROM lines l WHERE l.role = h.oid)"
							 " FROM holders h GROUP BY h.oid, h.rolname");
}

/*
 * idv_doctor_rights
 *		Look at what was granted on our functions and tables.
 */
void
idv_doctor_rights(IdvDoctor *doctor)
{
	look_at_public(doctor);
	look_at_grants(doctor);
	look_at_askers(doctor);
}

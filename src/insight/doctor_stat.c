/*-------------------------------------------------------------------------
 *
 * doctor_stat.c
 *	  What the statistics say about the use of secrets, and about themselves.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/doctor.h"

#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "server/counters.h"

/* Are there statistics, and do they hold all apps? */
static void
look_at_counters(IdvDoctor *doctor, void *argument pg_attribute_unused())
{
	IdvCountersState state;

	if (!idv_counters_are_there())
	{
		idv_doctor_query(doctor, IDV_DIAGNOSIS_STATISTICS_OFF,
						 "SELECT 'shared_preload_libraries', 'Nobody counts claims: who signs, and with which secret, is not known. Start the server with the library preloaded.',"
						 "  'ALTER SYSTEM SET shared_preload_libraries = ' ||"
						 "  (SELECT string_agg(quote_literal(name), ', ') FROM ("
						 "   SELECT btrim(name, ' \"') AS name FROM regexp_split_to_table(current_setting('shared_preload_libraries'), ',') name"
						 "   WHERE btrim(name) <> '' UNION ALL SELECT 'idverify') n) || ';'");
		return;
	}
	idv_counters_state(&state);
	if (state.displaced > 0 && state.apps >= state.room)
		idv_doctor_tell(doctor, IDV_DIAGNOSIS_STATISTICS_FULL, "idverify.stat_apps",
						state.room >= IDV_STAT_APPS_MAX ? NULL :
						psprintf("LOAD 'idverify';\nALTER SYSTEM SET idverify.stat_apps = %d;",
								 Min(2 * state.room, IDV_STAT_APPS_MAX)),
						"There is room for %d apps, and apps had to make room for others " INT64_FORMAT " times, the last time at %s: what was counted of them is lost. A larger number counts from the next start of the server on.",
						state.room, state.displaced, timestamptz_to_str(state.displaced_at));
}

/* When the current secret took the place of the one before it. */
#define REPLACED	"coalesce(c.rotated_at, c.created_at)"

/*
 * What the counters say of secrets.
 *
 * Moments may be infinite, where somebody has written them by hand: a secret that
 * verifies for ever does not stop before its claims do.
 */
static void
look_at_use(IdvDoctor *doctor)
{
	/* One that was replaced, and is signed with even so. */
	idv_doctor_look_by_query(doctor, "idverify", IDV_DIAGNOSIS_PREVIOUS_STILL_USED,
							 "WITH used AS ("
							 "  SELECT a.id, p.app_key, p.signer, p.generation, p.last_at, " IDV_FINITE("p.expires_at") " AS expires_at,"
							 "   " IDV_FINITE(REPLACED) " AS replaced_at"
							 "  FROM idverify.stat_secrets p JOIN idverify.apps a ON a.app_key = p.app_key"
							 "   JOIN idverify.secrets c ON c.app_id = a.id AND c.signer = p.signer AND c.state = 'current'"
							 "  WHERE p.state = 'previous' AND p.last_at > clock_timestamp() - interval '1 hour')"
							 " SELECT p.app_key || '/' || p.signer,"
							 "  format('Secret %s verifies until %s, and was used at %s: some server still signs with it, and its claims will be refused. Give that server the current secret, or prolong the grace window.',"
							 "    p.generation, p.expires_at::timestamptz(0), p.last_at::timestamptz(0)),"
							 "  format('UPDATE idverify.secrets SET expires_at = expires_at + interval ''%s days'' WHERE app_id = %s AND generation = %s;',"
							 "    ceil(extract(epoch FROM p.expires_at - p.replaced_at) / 432000), p.id, p.generation)"
							 " FROM used p"
							 " WHERE p.expires_at > clock_timestamp() AND p.last_at > p.replaced_at"
							 "  AND p.expires_at - clock_timestamp() < greatest(interval '1 hour', (p.expires_at - p.replaced_at) / 10)"
							 "  AND NOT EXISTS (SELECT FROM used o WHERE o.app_key = p.app_key AND o.signer = p.signer AND o.generation > p.generation)");

	/*
	 * One that should be used: if its app has been counted since it is there,
	 * or for as many days as are kept.
	 */
	idv_doctor_look_by_query(doctor, "idverify", IDV_DIAGNOSIS_SECRET_UNUSED,
							 psprintf("SELECT DISTINCT u.app_key || '/' || u.signer,"
									  "  format('Secret %%s has been the current one since %%s, and nobody has signed with it; secret %%s, which it replaced, was used at %%s. The servers have not been given it.',"
									  "    u.generation, " REPLACED "::timestamptz(0), p.generation, p.last_at::timestamptz(0)), NULL"
									  " FROM idverify.stat_secrets u JOIN idverify.apps a ON a.app_key = u.app_key"
									  "  JOIN idverify.secrets c ON c.app_id = a.id AND c.generation = u.generation"
									  "  JOIN %s.idverify_coverage(NULL, 31) counted ON counted.app_key = u.app_key"
									  "  CROSS JOIN LATERAL (SELECT o.generation, o.last_at FROM idverify.stat_secrets o"
									  "   WHERE o.app_key = u.app_key AND o.signer = u.signer AND o.state = 'previous'"
									  "   ORDER BY o.last_at DESC NULLS LAST LIMIT 1) p"
									  " WHERE u.state = 'current' AND u.claims = 0"
									  "  AND " REPLACED " < clock_timestamp() - interval '1 day'"
									  "  AND counted.since <= greatest(" REPLACED ", (date_trunc('day', clock_timestamp() AT TIME ZONE 'UTC') - interval '31 days') AT TIME ZONE 'UTC')"
									  "  AND p.last_at > clock_timestamp() - interval '1 hour'", doctor->schema));
	idv_doctor_look_by_query(doctor, "idverify", IDV_DIAGNOSIS_COULD_ENFORCE,
							 psprintf("SELECT a.app_key, format('All %%s claims of the last 7 days verified: none would have been refused, had verification been required.', c.claims),"
									  "  format('UPDATE idverify.apps SET on_unverified = ''reject'' WHERE id = %%s;', a.id)"
									  " FROM idverify.apps a JOIN %s.idverify_coverage(NULL, 7) c ON c.app_key = a.app_key"
									  " WHERE a.on_unverified = 'accept' AND c.claims >= 100 AND c.verified = c.claims AND c.would_refuse = 0"
									  "  AND c.since <= clock_timestamp() - interval '7 days'", doctor->schema));
}

/*
 * idv_doctor_stat
 *		Look at the statistics.
 */
void
idv_doctor_stat(IdvDoctor *doctor)
{
	idv_doctor_look(doctor, "idverify", look_at_counters, NULL);
	look_at_use(doctor);
}

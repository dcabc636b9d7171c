/*-------------------------------------------------------------------------
 *
 * doctor_funcs.c
 *	  What SQL can ask about what is set up wrong.
 *
 * SECURITY DEFINER with a search_path of its own, so its queries, which are on
 * catalogs and on our own tables, run as the extension's owner.  It reads and
 * never writes, and works on a hot standby and in a read-only transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "insight/doctor.h"
#include "server/sqlfunc.h"

/* 15.0 has it by its first name alone, which all of 15 have kept. */
#if PG_VERSION_NUM < 160000
#define InitMaterializedSRF SetSingleFuncCall
#endif

IDV_ENTRY(idverify_doctor);

/*
 * idverify_doctor() returns table (level text, finding text, object text,
 *		detail text, remedy text)
 *
 * A row for each thing that is set up wrong, the most serious first; none if all
 * is well.  Paths are told to superusers and to members of pg_read_all_settings,
 * who may see them anyway.
 */
Datum
idverify_doctor(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	List	   *told;
	ListCell   *lc;

	idv_expect_arguments(fcinfo, 0);
	InitMaterializedSRF(fcinfo, 0);
	told = idv_doctor(get_func_namespace(fcinfo->flinfo->fn_oid),
					  has_privs_of_role(GetOuterUserId(), ROLE_PG_READ_ALL_SETTINGS));
	foreach(lc, told)
	{
		const IdvDiagnosed *diagnosed = lfirst(lc);
		Datum		values[5];
		bool		nulls[5] = {false};

		values[0] = CStringGetTextDatum(idv_diagnosis_levels[diagnosed->diagnosis]);
		values[1] = CStringGetTextDatum(idv_diagnosis_names[diagnosed->diagnosis]);
		values[2] = CStringGetTextDatum(diagnosed->object);
		values[3] = CStringGetTextDatum(diagnosed->detail);
		nulls[4] = diagnosed->remedy == NULL;
		if (!nulls[4])
			values[4] = CStringGetTextDatum(diagnosed->remedy);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*-------------------------------------------------------------------------
 *
 * our_tables.h
 *	  The tables in schema idverify: found by name, and looked at before use.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_OUR_TABLES_H
#define IDV_OUR_TABLES_H

#include "postgres.h"

#include "access/htup.h"
#include "utils/relcache.h"

/* The version of the extension that this library belongs to. */
#define IDV_VERSION	"1.0"

typedef enum IdvOurTable
{
	IDV_APPS,
	IDV_SECRETS,
	IDV_CONTACTS,
	IDV_CONTACT_REFERENCES,
	IDV_CONTACT_OPTIONS,
	IDV_FOLDS,
	IDV_FOLD_ROWS
} IdvOurTable;

#define IDV_OUR_TABLES	(IDV_FOLD_ROWS + 1)

/* A column that this library reads. */
typedef struct IdvOurColumn
{
	const char *name;
	Oid			type;			/* InvalidOid: own_type */
	const char *own_type;		/* a type in schema idverify */
	bool		nullable;
} IdvOurColumn;

#define IDV_COLUMN(column, oid) \
	{.name = column,.type = oid}
#define IDV_NULLABLE_COLUMN(column, oid) \
	{.name = column,.type = oid,.nullable = true}
#define IDV_ENUM_COLUMN(column, own) \
	{.name = column,.own_type = own}
#define IDV_NULLABLE_ENUM_COLUMN(column, own) \
	{.name = column,.own_type = own,.nullable = true}

extern Oid	idv_our_table(const char *name);
extern const char *idv_our_table_name(IdvOurTable which);
extern void idv_our_table_check_columns(IdvOurTable which);
extern bool idv_is_own_table(Oid relation);
extern Relation idv_our_table_open(IdvOurTable which);
extern Oid	idv_our_table_index(IdvOurTable which);
extern void idv_our_table_note_index(IdvOurTable which, Oid index);
extern bool idv_our_table_has(IdvOurTable which, Oid relid);
extern void idv_our_tables_check(void);
extern void idv_our_tables_note_change(Oid relid);
extern void idv_our_row(Relation table, HeapTuple tuple,
						const IdvOurColumn *columns, int ncolumns,
						Datum *values, bool *nulls);
extern AttrNumber idv_our_column(Relation table, const IdvOurColumn *column);
extern int	idv_our_label(Datum value, const char *type,
						  const char *const *labels);

#endif							/* IDV_OUR_TABLES_H */

#include "postgres.h"
#include "folding.h"
int64 idv_fold(List **folded, Oid contacts, Oid id_type, Datum source, Datum target, int how){ elog(ERROR,"fold not there yet"); return 0;}

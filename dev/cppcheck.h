/*-------------------------------------------------------------------------
 *
 * cppcheck.h
 *	  What cppcheck has to know of the server's headers, which it does not
 *	  read: macros that hide control flow, or make declarations.
 *
 *-------------------------------------------------------------------------
 */
#define LOG			15
#define WARNING		19
#define ERROR		21
#define FATAL		22

/* An error does not return. */
#define ereport(level, ...) \
	do { (void) (__VA_ARGS__); if ((level) >= ERROR) abort(); } while (0)
#define elog				ereport

#define foreach(cell, list)	\
	for (cell = list_head(list); cell != NULL; cell = lnext(list, cell))

#define CppAsString2(x)	#x

#define PGDLLEXPORT
#define PG_FUNCTION_INFO_V1(function) extern int function##_info
#define PG_MODULE_MAGIC		extern int magic

/*-------------------------------------------------------------------------
 *
 * around.c
 *	  What careless code leaves around a value, or around a secret.
 *
 *-------------------------------------------------------------------------
 */
#include "core/around.h"

#include <stddef.h>

const IdvAround idv_around[] = {
	{"", "\n", false, "with a line feed behind it"},
	{"", "\r\n", false, "with a carriage return and a line feed behind it"},
	{"", "\r", false, "with a carriage return behind it"},
	{"", " ", false, "with a blank behind it"},
	{" ", "", false, "with a blank before it"},
	{" ", " ", false, "with blanks around it"},
	{"", "\t", false, "with a tab behind it"},
	{"\t", "", false, "with a tab before it"},
	{"\n", "", false, "with a line feed before it"},
	{"\n", "\n", false, "with line feeds around it"},
	{"", "\n\n", false, "with two line feeds behind it"},
	{"", " \n", false, "with a blank and a line feed behind it"},
	{"\"", "\"", true, "in double quotes"},
	{"'", "'", true, "in single quotes"},
	{"`", "`", true, "in backquotes"},
	{"", "", false, NULL}
};

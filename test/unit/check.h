/*-------------------------------------------------------------------------
 *
 * check.h
 *	  All the framework that the unit tests of the core need.
 *
 * A test is a function without arguments whose name is a promise.  It states
 * with CHECK what has to hold and goes on when something does not.  main()
 * runs one test after the other and ends like this:
 *
 *		RUN(test_keeps_a_promise);
 *		return report();
 *
 *-------------------------------------------------------------------------
 */
#ifndef IDV_CHECK_H
#define IDV_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One broken line of code can break thousands of checks in a loop. */
#define MAX_SHOWN	8

#define CHECK(condition)	check(condition, #condition, __FILE__, __LINE__)
#define RUN(test)			run(test, #test)

/* A string literal, which may hold zero bytes, and its length. */
#define TEXT(literal)		(literal), sizeof(literal) - 1

#define LENGTH_OF(array)	(sizeof(array) / sizeof((array)[0]))

static int	checks_failed = 0;	/* in the test that is running */
static int	tests_passed = 0;
static int	tests_failed = 0;

/* Note whether a condition holds, and show it if not. */
static void
check(bool holds, const char *condition, const char *file, int line)
{
	if (holds)
		return;
	if (++checks_failed <= MAX_SHOWN)
		fprintf(stderr, "%s:%d: %s\n", file, line, condition);
}

/* Run one test. */
static void
run(void (*test) (void), const char *name)
{
	checks_failed = 0;
	test();

	if (checks_failed == 0)
		tests_passed++;
	else
	{
		tests_failed++;
		fprintf(stderr, "%s: %d checks failed\n", name, checks_failed);
	}
}

/* Print the result; returns the exit status of the program. */
static int
report(void)
{
	printf("%d passed, %d failed\n", tests_passed, tests_failed);
	return tests_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/*
 * Copy bytes to a place of their own, for free() to take back.
 *
 * Nothing follows them there, not even a terminating zero, so that
 * AddressSanitizer notices whoever reads on.
 */
static inline void *
exact_copy(const void *bytes, size_t len)
{
	void	   *copy = calloc(1, len > 0 ? len : 1);

	if (copy == NULL)
		abort();
	memcpy(copy, bytes, len);
	return copy;
}

#endif							/* IDV_CHECK_H */

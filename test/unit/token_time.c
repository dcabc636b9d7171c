/*-------------------------------------------------------------------------
 *
 * token_time.c
 *	  When does a token count?
 *
 *-------------------------------------------------------------------------
 */
#include "core/token_time.h"

#include "check.h"

#define NOW	1700000000.0
#define DAY	86400.0

static const double a_day = DAY;

static IdvTokenTime
of_exp(double exp, const double *lifetime)
{
	IdvTokenTimes times = {.has_exp = true,.exp = exp};

	return idv_token_time(&times, NOW, lifetime);
}

static void
test_counts_until_30_seconds_after_exp(void)
{
	CHECK(of_exp(NOW + 1, &a_day) == IDV_TOKEN_NOW);
	CHECK(of_exp(NOW - 29.999, &a_day) == IDV_TOKEN_NOW);
	CHECK(of_exp(NOW - 30, &a_day) == IDV_TOKEN_OVER);
	CHECK(of_exp(NOW - 31, NULL) == IDV_TOKEN_OVER);
	CHECK(of_exp(0, &a_day) == IDV_TOKEN_OVER);
	CHECK(of_exp(-1e300, &a_day) == IDV_TOKEN_OVER);
}

static void
test_refuses_what_ends_later_than_its_lifetime(void)
{
	CHECK(of_exp(NOW + DAY, &a_day) == IDV_TOKEN_NOW);
	CHECK(of_exp(NOW + DAY + 30, &a_day) == IDV_TOKEN_NOW);
	CHECK(of_exp(NOW + DAY + 30.001, &a_day) == IDV_TOKEN_TOO_LONG_LIVED);
	CHECK(of_exp((NOW + 300) * 1000, &a_day) == IDV_TOKEN_TOO_LONG_LIVED);
	CHECK(of_exp(1e300, &a_day) == IDV_TOKEN_TOO_LONG_LIVED);
}

static void
test_asks_for_exp_where_there_is_a_lifetime(void)
{
	IdvTokenTimes none = {.has_exp = false};

	CHECK(idv_token_time(&none, NOW, &a_day) == IDV_TOKEN_WITHOUT_EXP);
	CHECK(idv_token_time(&none, NOW, NULL) == IDV_TOKEN_NOW);
	CHECK(of_exp(NOW + 10000 * DAY, NULL) == IDV_TOKEN_NOW);
	CHECK(of_exp((NOW + 300) * 1000, NULL) == IDV_TOKEN_NOW);
}

static void
test_counts_from_30_seconds_before_nbf_and_iat(void)
{
	static const struct
	{
		double		ahead;
		IdvTokenTime expected;
	}			cases[] = {
		{-DAY, IDV_TOKEN_NOW},
		{0, IDV_TOKEN_NOW},
		{30, IDV_TOKEN_NOW},
		{30.001, IDV_TOKEN_NOT_YET},
		{1000 * NOW, IDV_TOKEN_NOT_YET},
	};

	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		IdvTokenTimes nbf = {.has_nbf = true,.nbf = NOW + cases[i].ahead};
		IdvTokenTimes iat = {.has_iat = true,.iat = NOW + cases[i].ahead};

		CHECK(idv_token_time(&nbf, NOW, NULL) == cases[i].expected);
		CHECK(idv_token_time(&iat, NOW, NULL) == cases[i].expected);
	}
}

/* What is never right comes before what is not right now. */
static void
test_names_the_first_that_applies(void)
{
	IdvTokenTimes all = {true, true, true, 1e12, NOW + DAY, NOW + DAY};

	CHECK(idv_token_time(&all, NOW, &a_day) == IDV_TOKEN_TOO_LONG_LIVED);
	all.exp = NOW - DAY;
	CHECK(idv_token_time(&all, NOW, &a_day) == IDV_TOKEN_OVER);
	all.has_exp = false;
	CHECK(idv_token_time(&all, NOW, &a_day) == IDV_TOKEN_WITHOUT_EXP);
	CHECK(idv_token_time(&all, NOW, NULL) == IDV_TOKEN_NOT_YET);
}

int
main(void)
{
	RUN(test_counts_until_30_seconds_after_exp);
	RUN(test_refuses_what_ends_later_than_its_lifetime);
	RUN(test_asks_for_exp_where_there_is_a_lifetime);
	RUN(test_counts_from_30_seconds_before_nbf_and_iat);
	RUN(test_names_the_first_that_applies);
	return report();
}

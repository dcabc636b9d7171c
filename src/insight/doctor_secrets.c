/*-------------------------------------------------------------------------
 *
 * doctor_secrets.c
 *	  The key ring, and the secrets that are sealed under it.
 *
 * Each secret that verifies is opened, as a claim would do it.  Of what was open
 * only this is kept until the end of the visit: how long it is, how many different
 * bytes it has, and its HMAC of what is made at random for this visit, by which two
 * secrets that are the same key are found.
 *
 *-------------------------------------------------------------------------
 */
#include "insight/doctor.h"

#include <openssl/crypto.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/hmac.h"
#include "secrets/keyring.h"
#include "secrets/sealed_secret.h"
#include "secrets/signer.h"

/* Fewer different bytes than that, and it was not made at random. */
#define DIFFERENT_MIN	8

/* Shorter than that, and it can be guessed by those who have a user_hash. */
#define LENGTH_MIN		32

/* A secret that verifies and was opened. */
typedef struct OpenedSecret
{
	uint8		digest[IDV_HMAC_LEN];
	int32		app_id;
	IdvSignature signs;
	const char *app_key;		/* to be shown */
	const char *object;
	const char *remedy;
} OpenedSecret;

/* How the secrets use a master key. */
typedef struct KeyUse
{
	int32		key_id;
	int			secrets;
	int			expired;		/* of them */
	const char *app_key;		/* of one of them */
} KeyUse;

/* What was found out of all secrets. */
typedef struct Survey
{
	const IdvRing *ring;
	uint8		signed_text[IDV_HMAC_LEN];	/* what each secret signs here */
	List	   *uses;			/* of KeyUse */
	OpenedSecret *opened;
	int			nopened;
	int			allocated;
} Survey;

/* A literal that is an argument. */
static char *
literal(const char *text)
{
	return quote_literal_cstr(text);
}

/*
 * How a secret is replaced, or ended.
 *
 * A confirmation that is not asked for does no harm; and a signer that is named
 * is the same where it is the only one.
 */
static char *
replace_remedy(const IdvDoctor *doctor, const char *app_key, const char *signer,
			   IdvSecretState state, bool staged)
{
	if (state != IDV_STATE_CURRENT)
		return psprintf("SELECT %s.idverify_revoke(%s, %s);\nSELECT %s.idverify_purge();",
						doctor->schema, literal(app_key), literal(signer), doctor->schema);
	if (staged)
		return psprintf("SELECT %s.idverify_promote(%s, signer => %s);",
						doctor->schema, literal(app_key), literal(signer));
	return psprintf("SELECT %s.idverify_rotate(%s, confirm => 'ROTATE', signer => %s);",
					doctor->schema, literal(app_key), literal(signer));
}

/* The key file, where that may be told: a sentence to be appended. */
static char *
path_sentence(const IdvDoctor *doctor)
{
	const char *path = idv_keyring_path();

	return path == NULL || !doctor->sees_paths ? "" :
		psprintf(" idverify.key_file is \"%s\".", path);
}

/* A path as one word of a shell's line. */
static char *
shell_word(const char *path)
{
	StringInfoData word;

	initStringInfo(&word);
	appendStringInfoChar(&word, '\'');
	for (; *path != '\0'; path++)
	{
		if (*path == '\'')
			appendStringInfoString(&word, "'\\''");
		else
			appendStringInfoChar(&word, *path);
	}
	appendStringInfoChar(&word, '\'');
	return word.data;
}

/* How the file is made acceptable, where a line of shell does. */
static char *
refused_remedy(const IdvDoctor *doctor, const char *fault)
{
	if (!doctor->sees_paths || idv_keyring_path() == NULL)
		return NULL;
	if (strstr(fault, "open to its group") != NULL)
		return psprintf("chmod 600 %s", shell_word(idv_keyring_path()));
	if (strstr(fault, "writable by its group") != NULL)
		return psprintf("chmod 640 %s", shell_word(idv_keyring_path()));
	return NULL;
}

/* Is any secret sealed?  An error if the table cannot be read. */
static bool
has_secrets(void)
{
	ListCell   *lc;

	foreach(lc, idv_apps_list())
	{
		if (idv_secrets_read(((IdvAppName *) lfirst(lc))->id) != NIL)
			return true;
	}
	return false;
}

/* Tell why there is no ring that can be used. */
static void
look_at_missing_ring(IdvDoctor *doctor, void *argument)
{
	const char *fault = argument;
	bool		sealed = has_secrets();

	idv_doctor_tell(doctor, IDV_DIAGNOSIS_NO_KEY_RING, "idverify.key_file",
					sealed ? NULL : idv_keyring_recipe(),
					sealed ?
					"There is no key ring: %s. Secrets are sealed already: restore the file with their keys from its copy, since a new one would not open them.%s" :
					"There is no key ring: %s. No secret can be made, and no claim judged.%s",
					fault, path_sentence(doctor));
}

/* Note that a secret is sealed under a key. */
static void
note_use(Survey *survey, const IdvSecretRow *row, const char *app_key, bool live)
{
	KeyUse	   *use = NULL;
	ListCell   *lc;

	foreach(lc, survey->uses)
	{
		if (((KeyUse *) lfirst(lc))->key_id == row->key_id)
			use = lfirst(lc);
	}
	if (use == NULL)
	{
		use = palloc0(sizeof(KeyUse));
		use->key_id = row->key_id;
		use->app_key = app_key;
		survey->uses = lappend(survey->uses, use);
	}
	use->secrets++;
	if (!live)
		use->expired++;
}

/* The number of different bytes. */
static int
count_different(const uint8 *bytes, size_t len)
{
	bool		seen[256] = {false};
	int			different = 0;

	for (size_t i = 0; i < len; i++)
	{
		if (!seen[bytes[i]])
			different++;
		seen[bytes[i]] = true;
	}
	return different;
}

/*
 * Open a secret, and take down what is looked at of it.
 *
 * Raises no error while the secret is open.
 */
static IdvOpening
measure(Survey *survey, int32 app_id, const IdvSecretRow *row,
		uint8 digest[IDV_HMAC_LEN], size_t *len, int *different)
{
	uint8	   *secret = OPENSSL_secure_malloc(IDV_SECRET_MAX);
	IdvOpening	opening;

	if (secret == NULL)
		return IDV_SHUT_LIBRARY;
	opening = idv_sealed_open(secret, len, app_id, row);
	if (opening == IDV_OPENED)
	{
		IdvHmac		key;

		*different = count_different(secret, *len);
		if (!idv_hmac_init(&key, secret, *len) ||
			!idv_hmac_make(digest, &key, survey->signed_text, sizeof(survey->signed_text)))
			opening = IDV_SHUT_LIBRARY;
		idv_hmac_wipe(&key);
	}
	OPENSSL_secure_clear_free(secret, IDV_SECRET_MAX);
	return opening;
}

static void
add_opened(Survey *survey, const uint8 digest[IDV_HMAC_LEN], const IdvAppName *app,
		   IdvSignature signs, const char *app_key, const char *object, const char *remedy)
{
	OpenedSecret *opened;

	if (survey->nopened == survey->allocated)
	{
		survey->allocated = Max(64, 2 * survey->allocated);
		survey->opened = survey->opened == NULL ?
			palloc(survey->allocated * sizeof(OpenedSecret)) :
			repalloc_huge(survey->opened, survey->allocated * sizeof(OpenedSecret));
	}
	opened = &survey->opened[survey->nopened++];
	memcpy(opened->digest, digest, IDV_HMAC_LEN);
	opened->app_id = app->id;
	opened->signs = signs;
	opened->app_key = app_key;
	opened->object = object;
	opened->remedy = remedy;
}

/* Tell why a secret that verifies does not open. */
static void
tell_shut(IdvDoctor *doctor, const IdvSecretRow *row, IdvOpening opening,
		  const char *app_key, const char *signer, const char *object)
{
	char	   *remedy = row->state != IDV_STATE_CURRENT ?
	replace_remedy(doctor, app_key, signer, row->state, false) :
	psprintf("SELECT %s.idverify_rotate(%s, confirm => 'ROTATE', grace => '0', signer => %s);\nSELECT %s.idverify_purge();",
			 doctor->schema, literal(app_key), literal(signer), doctor->schema);

	if (opening == IDV_SHUT_WRONG_KEY)
		idv_doctor_tell(doctor, IDV_DIAGNOSIS_SECRET_UNOPENABLE, object, remedy,
						"Secret %d was sealed under another key %d than that of the key ring. Put the key that had this id back, under which the claims verify again; only if it is lost, replace the secret.",
						row->generation, row->key_id);
	else if (opening == IDV_SHUT_ALTERED)
		idv_doctor_tell(doctor, IDV_DIAGNOSIS_SECRET_UNOPENABLE, object, remedy,
						"Secret %d was altered, or moved from another row. Restore its row of idverify.secrets from a backup; only if there is none, replace the secret.",
						row->generation);
	else
		idv_doctor_tell(doctor, IDV_DIAGNOSIS_SECRET_UNOPENABLE, object, NULL,
						"Secret %d could not be opened, because libcrypto refused.",
						row->generation);
}

/* Look at the secrets of an app. */
static void
survey_app(IdvDoctor *doctor, Survey *survey, const IdvAppName *app)
{
	char	   *app_key = idv_text_shown(app->app_key, IDV_APP_KEY_MAX);
	List	   *rows = idv_secrets_read(app->id);
	TimestampTz now = GetCurrentTimestamp();
	List	   *shut = NIL;		/* signers of which that was told */
	List	   *weak = NIL;
	ListCell   *lc;

	foreach(lc, rows)
	{
		const IdvSecretRow *row = lfirst(lc);
		bool		live = row->expires_at > now;
		char	   *signer = idv_text_shown(row->signer, IDV_SIGNER_MAX);
		char	   *object = psprintf("%s/%s", app_key, signer);
		uint8		digest[IDV_HMAC_LEN];
		size_t		len = 0;
		int			different = 0;
		bool		staged = false;
		char	   *remedy;
		IdvOpening	opening;
		ListCell   *other;

		note_use(survey, row, app_key, live);
		if (!live)
			continue;
		opening = measure(survey, app->id, row, digest, &len, &different);
		if (opening == IDV_SHUT_NO_KEY || opening == IDV_SHUT_NO_RING)
			continue;
		if (opening != IDV_OPENED)
		{
			if (!idv_signer_exists(shut, row->signer))
				tell_shut(doctor, row, opening, app_key, signer, object);
			shut = lappend(shut, unconstify(IdvText *, &row->signer));
			continue;
		}
		foreach(other, rows)
		{
			const IdvSecretRow *its = lfirst(other);

			staged = staged || (its->state == IDV_STATE_STAGED &&
								idv_text_is_same(its->signer, row->signer));
		}
		remedy = replace_remedy(doctor, app_key, signer, row->state, staged);
		add_opened(survey, digest, app, row->signs, app_key, object, remedy);
		if ((len < LENGTH_MIN || different < DIFFERENT_MIN) &&
			!idv_signer_exists(weak, row->signer))
		{
			idv_doctor_tell(doctor, IDV_DIAGNOSIS_SECRET_WEAK, object, remedy,
							len < LENGTH_MIN ?
							"Secret %d, which was imported, has %d bytes; a secret should have %d at least, or whoever has a right user_hash may guess it. This is told until it does not verify any more." :
							"Secret %d, which was imported, has few different characters: whoever has a right user_hash may guess it. This is told until it does not verify any more.",
							row->generation, (int) len, LENGTH_MIN);
			weak = lappend(weak, unconstify(IdvText *, &row->signer));
		}
	}
}

static int
compare_opened(const void *a, const void *b)
{
	const OpenedSecret *left = a;
	const OpenedSecret *right = b;
	int			compared = memcmp(left->digest, right->digest, IDV_HMAC_LEN);

	if (compared != 0)
		return compared;
	return left->app_id < right->app_id ? -1 : left->app_id > right->app_id;
}

/* Tell of secrets that two apps have. */
static void
tell_shared(IdvDoctor *doctor, Survey *survey)
{
	OpenedSecret *all = survey->opened;
	const char *told = "";

	if (survey->nopened < 2)
		return;
	qsort(all, survey->nopened, sizeof(OpenedSecret), compare_opened);
	for (int first = 0, next; first < survey->nopened; first = next)
	{
		for (next = first; next < survey->nopened; next++)
		{
			if (memcmp(all[next].digest, all[first].digest, IDV_HMAC_LEN) != 0)
				break;
		}
		if (all[first].app_id == all[next - 1].app_id)
			continue;
		for (int i = first; i < next; i++)
		{
			const OpenedSecret *other = NULL;

			/* of another app, and of the other kind if there is one */
			for (int j = first; j < next; j++)
				if (all[j].app_id != all[i].app_id &&
					(other == NULL || all[j].signs != all[i].signs))
					other = &all[j];
			if (strcmp(all[i].object, told) != 0 && other->signs != all[i].signs)
				idv_doctor_tell(doctor, IDV_DIAGNOSIS_SECRET_SIGNS_BOTH, all[i].object, all[i].remedy,
								"App \"%s\" has the same secret, and there it signs %s: a hash of a value that a visitor chose could pass for the signature of a token.",
								other->app_key, other->signs == IDV_SIGNS_TOKEN ? "tokens" : "hashes");
			else if (strcmp(all[i].object, told) != 0)
				idv_doctor_tell(doctor, IDV_DIAGNOSIS_SECRET_SHARED, all[i].object, all[i].remedy,
								"App \"%s\" has the same secret: whoever can sign for one signs for the other. This is told until it verifies for one of them only.",
								other->app_key);
			told = all[i].object;
		}
	}
}

/* Tell what is to be told of master keys. */
static void
tell_keys(IdvDoctor *doctor, const Survey *survey)
{
	int32		sealing = (int32) survey->ring->keys[0].id;
	ListCell   *lc;

	foreach(lc, survey->uses)
	{
		const KeyUse *use = lfirst(lc);
		char	   *object = psprintf("%d", use->key_id);
		char	   *purge = use->expired == 0 ? "" :
		psprintf("SELECT %s.idverify_purge();", doctor->schema);

		if (idv_ring_find(survey->ring, (uint32) use->key_id) == NULL)
			idv_doctor_tell(doctor, IDV_DIAGNOSIS_RING_KEY_MISSING, object,
							use->expired == use->secrets ? purge : NULL,
							"The key ring has no key %d, under which %d secrets are sealed, one of them of app \"%s\"; %d of them are expired. Put its line back, below the first.",
							use->key_id, use->secrets, use->app_key, use->expired);
		else if (use->key_id != sealing)
			idv_doctor_tell(doctor, IDV_DIAGNOSIS_REKEY_PENDING, object,
							psprintf("%s%sSELECT %s.idverify_rekey();", purge,
									 *purge == '\0' ? "" : "\n", doctor->schema),
							"%d secrets are sealed under key %d, and the key ring seals under key %d. Both are needed until the secrets are sealed anew.",
							use->secrets, use->key_id, sealing);
	}
	for (size_t i = 1; i < survey->ring->nkeys; i++)
	{
		int32		key_id = (int32) survey->ring->keys[i].id;
		bool		used = false;

		foreach(lc, survey->uses)
			used = used || ((KeyUse *) lfirst(lc))->key_id == key_id;
		if (!used)
			idv_doctor_tell(doctor, IDV_DIAGNOSIS_RING_KEY_UNUSED, psprintf("%d", key_id), NULL,
							"No secret of this database is sealed under key %d. If none of another database that uses this key ring is, nor one in a dump that is kept, take its line out.%s",
							key_id, path_sentence(doctor));
	}
}

/* Look at all secrets with a ring that can be used. */
static void
look_at_sealed(IdvDoctor *doctor, void *argument pg_attribute_unused())
{
	Survey		survey = {.ring = idv_keyring()};
	ListCell   *lc;

	if (!pg_strong_random(survey.signed_text, sizeof(survey.signed_text)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	foreach(lc, idv_apps_list())
	{
		CHECK_FOR_INTERRUPTS();
		survey_app(doctor, &survey, lfirst(lc));
	}
	tell_shared(doctor, &survey);
	tell_keys(doctor, &survey);
}

/* See that each app can be read. */
static void
look_at_apps(IdvDoctor *doctor pg_attribute_unused(), void *argument pg_attribute_unused())
{
	ListCell   *lc;

	foreach(lc, idv_apps_list())
	{
		IdvAppRow	app;

		(void) idv_app_read(&app, ((IdvAppName *) lfirst(lc))->app_key);
	}
}

/* What the rows themselves say. */
static void
look_at_rows(IdvDoctor *doctor)
{
	idv_doctor_look_by_query(doctor, "idverify.secrets", IDV_DIAGNOSIS_APP_WITHOUT_SECRET,
							 "WITH signers AS ("
							 "  SELECT app_id, signer, bool_or(state = 'current') AS has_current,"
							 "    bool_or(state = 'staged') AS has_staged,"
							 "    bool_or(expires_at IS NULL OR expires_at > clock_timestamp()) AS verifies"
							 "  FROM idverify.secrets GROUP BY app_id, signer),"
							 " candidates AS ("
							 "  SELECT a.app_key, coalesce(s.signer, 'main') AS signer, s.has_staged,"
							 "    bool_or(s.has_current) OVER app IS TRUE AS others,"
							 "    row_number() OVER (app ORDER BY s.signer) AS n, s.has_current, s.verifies"
							 "  FROM idverify.apps a LEFT JOIN signers s ON s.app_id = a.id"
							 "  WINDOW app AS (PARTITION BY a.id))"
							 " SELECT CASE WHEN others THEN app_key || '/' || signer ELSE app_key END,"
							 "  CASE WHEN others THEN 'The signer has no current secret: nothing can be signed for it.'"
							 "  ELSE 'The app has no current secret: no claim to it can be signed.' END,"
							 "  CASE WHEN has_staged THEN format('SELECT %s.idverify_promote(%L, signer => %L);', $1, app_key, signer)"
							 "  ELSE format('SELECT %s.idverify_rotate(%L, confirm => ''ROTATE'', signer => %L);', $1, app_key, signer) END"
							 " FROM candidates"
							 " WHERE has_current IS NOT TRUE AND CASE WHEN others THEN verifies ELSE n = 1 END");
	idv_doctor_look_by_query(doctor, "idverify.secrets", IDV_DIAGNOSIS_SECRET_OLD,
							 "SELECT a.app_key || '/' || s.signer,"
							 "  format('Secret %s is %s days old.', s.generation,"
							 "    extract(day FROM clock_timestamp() - " IDV_FINITE("s.created_at") ")),"
							 "  CASE WHEN EXISTS (SELECT FROM idverify.secrets o WHERE o.app_id = a.id"
							 "    AND o.signer = s.signer AND o.state = 'staged')"
							 "  THEN format('SELECT %s.idverify_promote(%L, signer => %L);', $1, a.app_key, s.signer)"
							 "  ELSE format('SELECT %s.idverify_rotate(%L, confirm => ''ROTATE'', signer => %L);', $1, a.app_key, s.signer) END"
							 " FROM idverify.apps a JOIN idverify.secrets s ON s.app_id = a.id"
							 " WHERE s.state = 'current' AND " IDV_FINITE("s.created_at") " < clock_timestamp() - interval '1 year'");
	idv_doctor_look_by_query(doctor, "idverify.secrets", IDV_DIAGNOSIS_STAGED_LONG,
							 "SELECT a.app_key || '/' || s.signer,"
							 "  format('Secret %s has been staged for %s days. Make it the current one when all servers have it, or give it up with idverify_revoke.',"
							 "    s.generation, extract(day FROM clock_timestamp() - " IDV_FINITE("s.created_at") ")),"
							 "  format('SELECT %s.idverify_promote(%L, signer => %L);', $1, a.app_key, s.signer)"
							 " FROM idverify.apps a JOIN idverify.secrets s ON s.app_id = a.id"
							 " WHERE s.state = 'staged' AND " IDV_FINITE("s.created_at") " < clock_timestamp() - interval '1 week'");
	idv_doctor_look_by_query(doctor, "idverify.secrets", IDV_DIAGNOSIS_EXPIRED_UNPURGED,
							 "SELECT coalesce(min(a.app_key), 'app ' || s.app_id),"
							 "  format('%s secrets have stopped verifying a week ago or longer, or were ended at once, and are still there.', count(*)),"
							 "  format('SELECT %s.idverify_purge();', $1)"
							 " FROM idverify.secrets s LEFT JOIN idverify.apps a ON a.id = s.app_id"
							 " WHERE s.state = 'previous' AND s.expires_at <= clock_timestamp() - interval '1 week'"
							 " GROUP BY s.app_id");
}

/*
 * idv_doctor_secrets
 *		Look at the key ring and at all secrets.
 *
 * The file of the ring is read anew.
 */
void
idv_doctor_secrets(IdvDoctor *doctor)
{
	bool		missing;
	const char *fault = idv_keyring_fault(&missing);

	fault = fault == NULL ? NULL : pstrdup(fault);
	if (fault != NULL && missing)
		idv_doctor_look(doctor, "idverify.secrets", look_at_missing_ring, unconstify(char *, fault));
	else if (fault != NULL)
		idv_doctor_tell(doctor, IDV_DIAGNOSIS_RING_REFUSED, "idverify.key_file",
						refused_remedy(doctor, fault),
						"The key ring cannot be used: %s. Sessions that have read it before go on with what they have.%s",
						fault, path_sentence(doctor));
	else
		idv_doctor_look(doctor, "idverify.secrets", look_at_sealed, NULL);
	idv_doctor_look(doctor, "idverify.apps", look_at_apps, NULL);
	look_at_rows(doctor);
}

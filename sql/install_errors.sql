--
-- Errors: each situation has its SQLSTATE, and a message that can be acted on
--
-- A message says what is wrong and its hint what to do about it.  None of them
-- quotes a secret, a user_hash or a path.
--
\set VERBOSITY terse
SET client_min_messages = warning;

-- What a statement reports.  Ids differ from run to run, so N stands in.
CREATE FUNCTION pg_temp.report(statement text, OUT code text, OUT message text,
							   OUT has_hint boolean, OUT everything text)
LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	code := 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	everything := concat_ws(' ', message, detail, hint);
	has_hint := hint ~ '^[A-Z].*\.$';
	message := regexp_replace(message, '(secret|app|fold) \d+', '\1 N', 'g');
END $$;

CREATE ROLE regress_idverify_nobody;
SELECT identity_secret AS older FROM idverify_create_app('Web', 'web') \gset
SELECT idverify_rotate('web', grace => '0') AS secret \gset
SELECT identity_secret AS other FROM idverify_create_app('Other', 'other') \gset
SELECT encode(hmac('alice'::bytea, :'secret'::bytea, 'sha256'), 'hex') AS genuine,
	   encode(hmac('alice'::bytea, 'wrong'::bytea, 'sha256'), 'hex') AS wrong \gset
SELECT app_key FROM idverify_create_app('Careful', 'careful', 'secret of another product',
	revealable => true, confirm_rotation => true);
SELECT app_key FROM idverify_create_app('Bare', 'bare', 'secret of a third product', revealable => true);
DELETE FROM idverify.secrets WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'bare');
SELECT app_key FROM idverify_create_app('Staged', 'staged', 'secret of another product');
SELECT idverify_stage('staged') AS staged \gset

-- Somebody's own tables, and a guard with arguments, of which a row comes along
CREATE TABLE people (id bigint PRIMARY KEY, app_key text, external_id text, email text, name text, user_hash text,
	is_verified boolean, made text GENERATED ALWAYS AS (name) STORED);
CREATE TABLE chats (person bigint);
CREATE FUNCTION pg_temp.guard(VARIADIC arguments text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION idverify_guard(%s)',
		(SELECT string_agg(quote_literal(argument), ', ') FROM unnest(arguments) AS argument));
	INSERT INTO people VALUES (1, 'web');
END $$;

-- Errors that are ours
CREATE TEMPORARY TABLE situations (
	n integer GENERATED ALWAYS AS IDENTITY, situation text, statement text);
INSERT INTO situations (situation, statement) VALUES
	('no such app',          $$SELECT idverify_rotate('nobody')$$),
	('no such app',          $$SELECT idverify_rotate('')$$),
	('no such app',          $$SELECT idverify_stage('nobody')$$),
	('no such app',          $$SELECT idverify_promote('nobody')$$),
	('no such app',          $$SELECT idverify_revoke('nobody')$$),
	('no such app',          $$SELECT idverify_reveal('nobody')$$),
	('no such app',          $$SELECT idverify_mask('nobody')$$),
	('no such app',          $$SELECT idverify_sign('nobody', 'alice')$$),
	('grace',                $$SELECT idverify_rotate('web', grace => '31 days')$$),
	('grace',                $$SELECT idverify_promote('staged', '-1 day')$$),
	('grace',                $$SELECT idverify_create_app('New', grace => '31 days')$$),
	('confirm missing',      $$SELECT idverify_rotate('careful')$$),
	('confirm wrong',        $$SELECT idverify_rotate('careful', 'rotate')$$),
	('confirm wrong',        $$SELECT idverify_rotate('web', '')$$),
	('several apps',         $$SELECT idverify_rotate()$$),
	('no app',               $$DELETE FROM idverify.apps; SELECT idverify_rotate()$$),
	('app_key empty',        $$SELECT idverify_create_app('New', '')$$),
	('app_key blank',        $$SELECT idverify_create_app('New', '  ')$$),
	('app_key too long',     $$SELECT idverify_create_app('New', repeat('k', 129))$$),
	('app_key unprintable',  $$SELECT idverify_create_app('New', E'new\n')$$),
	('secret too short',     $$SELECT idverify_create_app('New', secret => 'fifteen letters')$$),
	('secret empty',         $$SELECT idverify_create_app('New', secret => '')$$),
	('secret too long',      $$SELECT idverify_create_app('New', secret => repeat('s', 257))$$),
	('value too long',       $$SELECT idverify_sign('web', repeat('x', 1025))$$),
	('value empty',          $$SELECT idverify_sign('web', '')$$),
	('app_key taken',        $$SELECT idverify_create_app('New', 'web')$$),
	('app_key taken, import', $$SELECT idverify_create_app('New', 'web', 'secret of another product')$$),
	('NULL name',            $$SELECT idverify_create_app(NULL)$$),
	('NULL on_unverified',   $$SELECT idverify_create_app('New', on_unverified => NULL)$$),
	('NULL signed_field',    $$SELECT idverify_create_app('New', signed_field => NULL)$$),
	('NULL grace',           $$SELECT idverify_create_app('New', grace => NULL)$$),
	('NULL revealable',      $$SELECT idverify_create_app('New', revealable => NULL)$$),
	('NULL confirm_rotation', $$SELECT idverify_create_app('New', confirm_rotation => NULL)$$),
	('NULL app_key',         $$SELECT idverify_stage(NULL)$$),
	('NULL app_key',         $$SELECT idverify_promote(NULL)$$),
	('NULL app_key',         $$SELECT idverify_revoke(NULL)$$),
	('NULL app_key',         $$SELECT idverify_reveal(NULL)$$),
	('NULL app_key',         $$SELECT idverify_mask(NULL)$$),
	('NULL app_key',         $$SELECT idverify_sign(NULL, 'alice')$$),
	('NULL value',           $$SELECT idverify_sign('web', NULL)$$),
	('staged, rotate',       $$SELECT idverify_rotate('staged')$$),
	('staged, stage',        $$SELECT idverify_stage('staged')$$),
	('nothing staged',       $$SELECT idverify_promote('web')$$),
	('no secret to sign with', $$SELECT idverify_sign('bare', 'alice')$$),
	('no secret to reveal',  $$SELECT idverify_reveal('bare')$$),
	('not revealable',       $$SELECT idverify_reveal('web')$$),
	('no such app',          $$SELECT idverify_add_signer('nobody', 'ios')$$),
	('no such app',          $$SELECT idverify_drop_signer('nobody', 'ios')$$),
	('no such signer',       $$SELECT idverify_rotate('web', signer => 'ios')$$),
	('no such signer',       $$SELECT idverify_drop_signer('web', 'ios')$$),
	('no such signer',       $$SELECT idverify_mask('web', E'ios\n')$$),
	('several signers',      $$SELECT idverify_add_signer('web', 'ios'); SELECT idverify_rotate('web')$$),
	('signer taken',         $$SELECT idverify_add_signer('web', 'main')$$),
	('signer taken, import', $$SELECT idverify_add_signer('web', 'main', 'secret of another product')$$),
	('secret too short',     $$SELECT idverify_add_signer('web', 'ios', 'fifteen letters')$$),
	('signer empty',         $$SELECT idverify_add_signer('web', ' ')$$),
	('signer too long',      $$SELECT idverify_add_signer('web', repeat('k', 65))$$),
	('signer unprintable',   $$SELECT idverify_add_signer('web', E'new\n')$$),
	('last signer',          $$SELECT idverify_drop_signer('web', 'main')$$),
	('NULL signer',          $$SELECT idverify_add_signer('web', NULL)$$),
	('NULL signer',          $$SELECT idverify_drop_signer('web', NULL)$$),
	('no such contact',      $$SELECT idverify_resolve(4711)$$),
	('no such contact',      $$SELECT idverify_resolve('4711', 'people')$$),
	('no such contact',      $$SELECT idverify_fold(4711, 4712)$$),
	('no such fold',         $$SELECT idverify_unfold(4711)$$),
	('fold undone twice',    $$INSERT INTO people VALUES (1), (2);
		SELECT idverify_unfold(min(fold_id)), idverify_unfold(min(fold_id)) FROM idverify_fold(1, 2, 'people')$$),
	('other app',            $$INSERT INTO people VALUES (1, 'a'), (2, 'b'); SELECT idverify_fold(1, 2, 'people')$$),
	('NULL source',          $$SELECT idverify_fold(NULL, NULL)$$),
	('NULL target',          $$SELECT idverify_fold(1, NULL)$$),
	('NULL contacts',        $$SELECT idverify_fold(1, 2, NULL)$$),
	('NULL dry_run',         $$SELECT idverify_fold(1, 2, dry_run => NULL)$$),
	('NULL force',           $$SELECT idverify_fold(1, 2, force => NULL)$$),
	('NULL fold_id',         $$SELECT idverify_unfold(NULL)$$),
	('NULL id',              $$SELECT idverify_resolve(NULL)$$),
	('NULL contacts',        $$SELECT idverify_resolve(1, NULL)$$),
	('NULL contacts',        $$SELECT idverify_add_reference(NULL, 'chats', 'person')$$),
	('NULL relation',        $$SELECT idverify_add_reference('people', NULL, 'person')$$),
	('NULL column_name',     $$SELECT idverify_add_reference('people', 'chats', NULL)$$),
	('distinct_by of NULL',  $$SELECT idverify_add_reference('people', 'chats', 'person', distinct_by => '{NULL}')$$),
	('distinct_by unknown',  $$SELECT idverify_add_reference('people', 'chats', 'person', distinct_by => '{x}')$$),
	('distinct_by pointer',  $$SELECT idverify_add_reference('people', 'chats', 'person', distinct_by => '{person}')$$),
	('NULL contacts',        $$SELECT idverify_set_contacts(NULL)$$),
	('same of NULL',         $$SELECT idverify_set_contacts('people', '{NULL}')$$),
	('same unknown',         $$SELECT idverify_set_contacts('people', '{x}')$$),
	('same id',              $$SELECT idverify_set_contacts('people', '{id}')$$),
	('guard called',         $$SELECT idverify_guard()$$),
	('guard, two columns',   $$SELECT pg_temp.guard('user_hash=email', 'user_hash=name')$$),
	('guard, two roles',     $$SELECT pg_temp.guard('user_hash=email')$$),
	('guard, no identity',   $$SELECT pg_temp.guard('external_id=', 'email=')$$),
	('guard, no column',     $$SELECT pg_temp.guard('email=electronic')$$),
	('guard, generated',     $$SELECT pg_temp.guard('external_id=made')$$);

-- The row of the secret was changed.  Byte 1 to 4 of a sealed secret are the id
-- of the master key, byte 5 to 12 are known to the right one.
INSERT INTO situations (situation, statement)
SELECT format('%s, %s', what, asked), format(
	'UPDATE idverify.apps SET revealable = true WHERE app_key = ''web'';
	 UPDATE idverify.secrets SET %s WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = ''web'')
		AND state = ''current'';
	 SELECT idverify_%s', change, call)
  FROM (VALUES
	(1, 'altered',        $$sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1)$$),
	(2, 'cut off',        $$sealed = substring(sealed FROM 1 FOR 20)$$),
	(3, 'moved',          $$sealed = (SELECT sealed FROM idverify.secrets JOIN idverify.apps ON id = app_id WHERE app_key = 'other')$$),
	(4, 'unknown key id', $$key_id = 7, sealed = set_byte(sealed, 4, 7)$$),
	(5, 'wrong key',      $$sealed = set_byte(set_byte(sealed, 5, get_byte(sealed, 5) # 1), 40, get_byte(sealed, 40) # 1)$$)
  ) AS t(n, what, change), (VALUES
	(1, 'check',   format($$check('web', 'alice', %L)$$, :'genuine')),
	(2, 'verdict', format($$verdict('web', 'alice', NULL, %L)$$, :'genuine')),
	(3, 'sign',    $$sign('web', 'alice')$$),
	(4, 'reveal',  $$reveal('web')$$)
  ) AS u(m, asked, call)
 ORDER BY n, m;
-- rekey opens what is sealed under another key than the first
INSERT INTO situations (situation, statement) VALUES
	('altered, rekey',        $$UPDATE idverify.secrets SET key_id = 7; SELECT idverify_rekey()$$),
	('unknown key id, rekey', $$UPDATE idverify.secrets SET key_id = 7, sealed = set_byte(sealed, 4, 7)
		WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'other'); SELECT idverify_rekey()$$);

CREATE TEMPORARY TABLE reports AS SELECT * FROM situations, pg_temp.report(statement);
SELECT situation, code, message FROM reports ORDER BY n;

-- each of them says what to do
SELECT situation, message AS message_without_hint FROM reports
 WHERE has_hint IS NOT TRUE ORDER BY n;

-- wrong key, unknown key id and altered row are three different messages
SELECT count(DISTINCT message) FROM reports
 WHERE situation IN ('altered, check', 'unknown key id, check', 'wrong key, check');

-- who may not reveal is told to rotate; who lacks an app_key where to look
SELECT situation FROM reports
 WHERE code = '55000' AND situation = 'not revealable' AND everything ~ 'idverify_rotate';
SELECT count(*) FROM reports WHERE code = '42704' AND everything ~ 'idverify\.app_status';

-- nothing confidential in any of them
SELECT situation FROM reports, unnest(ARRAY[
	:'secret', :'older', :'other', :'staged', :'genuine', :'wrong',
	'another product', 'third product', 'fifteen letters', 'ssss', current_setting('idverify.key_file')]) AS confidential
 WHERE position(confidential IN everything) > 0;

-- what was asked for may be long, the error is not
SELECT length(everything) < 400 AS short
  FROM pg_temp.report($$SELECT idverify_mask(repeat('k', 1048576))$$);

-- Errors that are PostgreSQL's, with its own messages
SELECT situation, code
  FROM (VALUES
	( 1, 'read-only, create_app', $$SET TRANSACTION READ ONLY; SELECT idverify_create_app('New')$$),
	( 2, 'read-only, rotate',     $$SET TRANSACTION READ ONLY; SELECT idverify_rotate('web')$$),
	( 3, 'read-only, stage',      $$SET TRANSACTION READ ONLY; SELECT idverify_stage('web')$$),
	( 4, 'read-only, promote',    $$SET TRANSACTION READ ONLY; SELECT idverify_promote('staged')$$),
	( 5, 'read-only, revoke',     $$SET TRANSACTION READ ONLY; SELECT idverify_revoke('web')$$),
	( 6, 'read-only, purge',      $$SET TRANSACTION READ ONLY; SELECT idverify_purge()$$),
	( 7, 'read-only, rekey',      $$SET TRANSACTION READ ONLY; SELECT idverify_rekey()$$),
	( 8, 'no EXECUTE, check',     $$SET LOCAL ROLE regress_idverify_nobody; SELECT idverify_check('web', 'alice', NULL)$$),
	( 9, 'no EXECUTE, rotate',    $$SET LOCAL ROLE regress_idverify_nobody; SELECT idverify_rotate('web')$$),
	(10, 'secrets read',          $$SET LOCAL ROLE regress_idverify_nobody; SELECT * FROM idverify.secrets$$),
	(14, 'read-only, add_signer', $$SET TRANSACTION READ ONLY; SELECT idverify_add_signer('web', 'ios')$$),
	(15, 'read-only, drop_signer', $$SET TRANSACTION READ ONLY; SELECT idverify_drop_signer('web', 'main')$$),
	(11, 'not a trigger',         $$SELECT idverify.note_change()$$),
	(12, 'not a trigger',         $$SELECT idverify.drop_secrets()$$)
  ) AS t(n, situation, statement), pg_temp.report(statement)
 ORDER BY n;

-- all of these failed, so nothing has changed
SELECT app_key, string_agg(generation || ' ' || state, ', ' ORDER BY generation) AS secrets
  FROM idverify.apps LEFT JOIN idverify.secrets ON app_id = id
 GROUP BY app_key ORDER BY app_key;
SELECT idverify_check('web', 'alice', :'genuine') AS genuine,
	   idverify_check('web', 'alice', :'wrong') AS wrong;

DROP TABLE people, chats;
DROP ROLE regress_idverify_nobody;
DELETE FROM idverify.apps WHERE app_key IN ('web', 'other', 'careful', 'bare', 'staged');
SELECT count(*) AS left_over FROM idverify.secrets;

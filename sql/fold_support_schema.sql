--
-- Contacts of a support product are folded, and unfolded.
--
-- Its schema has no foreign key (test/support.sql).  Its owner is no superuser.  What
-- its framework knows as has_many and belongs_to is listed once.
--
SET client_min_messages = warning;
CREATE ROLE regress_support;
CREATE SCHEMA support AUTHORIZATION regress_support;
\getenv sources PG_ABS_SRCDIR
\set schema :sources '/test/support.sql'
SET ROLE regress_support;
\set ECHO none
\i :schema
\set ECHO all
RESET ROLE;
SELECT count(*) AS tables, count(*) FILTER (WHERE EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND contype = 'f')) AS with_foreign_keys
  FROM pg_class c WHERE relnamespace = 'support'::regnamespace AND relkind = 'r';

CREATE TABLE public.support_references (relation text, column_name text, condition text, contacts text DEFAULT 'contacts');
INSERT INTO public.support_references VALUES
	('contact_inboxes', 'contact_id', NULL),
	('conversations', 'contact_id', NULL),
	('messages', 'sender_id', $$sender_type = 'Contact'$$),
	('attachments', 'record_id', $$record_type = 'Contact'$$),
	('notes', 'contact_id', NULL),
	('csat_responses', 'contact_id', NULL),
	('taggings', 'taggable_id', $$taggable_type = 'Contact'$$),
	('mentions', 'mentioned_id', $$mentioned_type = 'Contact'$$),
	('participants', 'participant_id', $$participant_type = 'Contact'$$),
	('subscriptions', 'subscriber_id', $$subscriber_type = 'Contact'$$),
	('notifications', 'primary_actor_id', $$primary_actor_type = 'Contact'$$),
	('notifications', 'secondary_actor_id', $$secondary_actor_type = 'Contact'$$),
	('campaign_deliveries', 'contact_id', NULL),
	('reporting_events', 'contact_id', NULL),
	('audits', 'auditable_id', $$auditable_type = 'Contact'$$),
	('audits', 'associated_id', $$associated_type = 'Contact'$$),
	('contacts', 'referred_by_id', NULL);
-- an inbox of a contact may be dropped as a duplicate: its conversations go to the other
INSERT INTO public.support_references VALUES ('conversations', 'contact_inbox_id', NULL, 'contact_inboxes');
SELECT count(idverify_add_reference(contacts::regclass, relation::regclass, column_name::name, condition)) FROM public.support_references;

-- All rows of all tables, to compare with
CREATE FUNCTION public.support_rows() RETURNS TABLE (relation name, content jsonb) LANGUAGE plpgsql AS $$
BEGIN
	FOR relation IN SELECT relname FROM pg_class WHERE relnamespace = 'support'::regnamespace AND relkind = 'r' ORDER BY relname LOOP
		RETURN QUERY EXECUTE format('SELECT %L::name, to_jsonb(t) FROM support.%I t', relation, relation);
	END LOOP;
END $$;
CREATE TABLE public.support_before AS SELECT * FROM public.support_rows();
CREATE VIEW public.support_changes AS
	SELECT relation, '-' AS sign, content FROM (TABLE public.support_before EXCEPT ALL SELECT * FROM public.support_rows()) b
	UNION ALL
	SELECT relation, '+', content FROM (SELECT * FROM public.support_rows() EXCEPT ALL TABLE public.support_before) a;

--
-- The base contact wins, and gets all that is of the other
--
-- what a dry run says of it
SELECT relation, column_name, moved, dropped FROM idverify_fold(11, 10, 'contacts', dry_run => true) ORDER BY relation::text, column_name;
SELECT count(*) AS changes FROM public.support_changes;

SELECT max(fold_id) AS fold_id, sum(moved) AS moved, sum(dropped) AS dropped FROM idverify_fold(11, 10, 'contacts') \gset
SELECT :moved AS moved, :dropped AS dropped;

-- its own values, the other's where it had none, the attributes of both, the older date; no credential
\x on
SELECT * FROM contacts WHERE id = 10;
\x off

-- what of its tables has changed, and how: of each column the values before and after
SELECT b.relation, b.content ->> 'id' AS id, string_agg(format('%s: %s, now %s', o.key, o.value, n.value), '; ' ORDER BY o.key) AS changed
  FROM public.support_changes b JOIN public.support_changes a ON (a.relation, a.content -> 'id') = (b.relation, b.content -> 'id')
	CROSS JOIN LATERAL jsonb_each(b.content) o JOIN LATERAL jsonb_each(a.content) n ON n.key = o.key AND n.value <> o.value
 WHERE b.sign = '-' AND a.sign = '+' AND (b.relation, b.content ->> 'id') <> ('contacts', '10')
 GROUP BY 1, 2 ORDER BY 1, 2;
-- ... and what is gone: the contact, and what the base had already
SELECT b.relation, coalesce(b.content ->> 'id', b.content::text) AS gone
  FROM public.support_changes b
 WHERE b.sign = '-' AND NOT EXISTS (SELECT FROM public.support_changes a WHERE a.sign = '+' AND a.relation = b.relation AND (a.content -> 'id' = b.content -> 'id'
	OR a.relation = 'campaign_deliveries' AND (a.content - 'contact_id') = (b.content - 'contact_id')))
 ORDER BY 1, 2;

-- nothing points to the other contact any more, unless a condition says that it is no contact
SELECT relation, column_name FROM public.support_references r, LATERAL (SELECT query_to_xml(
	format('SELECT FROM %s WHERE %s = 11 AND (%s)', relation, column_name, coalesce(condition, 'true')), true, false, '')) AS rows(found)
 WHERE contacts = 'contacts' AND found::text LIKE '%<row%';
SELECT idverify_resolve(11, 'contacts');

-- undone, all is as it was
SELECT sum(moved) = :moved AS all_moved_back, sum(restored) = :dropped AS all_restored FROM idverify_unfold(:fold_id);
SELECT * FROM public.support_changes;

--
-- Twice merged
--
-- undone last-first; and the other way round, which says what is in the way
CREATE FUNCTION public.support_twice(VARIADIC undone int[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	folds bigint[];
	n int;
BEGIN
	folds[1] := (SELECT max(fold_id) FROM idverify_fold(11, 10, 'support.contacts'));
	folds[2] := (SELECT max(fold_id) FROM idverify_fold(12, 10, 'support.contacts'));
	RETURN NEXT (SELECT format('%s: %s %s %s', id, email, additional_attributes, custom_attributes) FROM support.contacts WHERE id = 10);
	RETURN NEXT (SELECT format('conversations %s by inboxes %s', string_agg(id::text, ' ' ORDER BY id), string_agg(DISTINCT contact_inbox_id::text, ' '))
				   FROM support.conversations WHERE contact_id = 10);
	FOREACH n IN ARRAY undone LOOP
		PERFORM idverify_unfold(folds[n]);
		RETURN NEXT (SELECT format('fold %s undone: %s %s %s', n, id, email, additional_attributes) FROM support.contacts WHERE id = 10);
	END LOOP;
	RETURN NEXT (SELECT format('%s changes', count(*)) FROM public.support_changes);
EXCEPTION WHEN object_not_in_prerequisite_state THEN
	RETURN NEXT SQLSTATE || ' ' || regexp_replace(SQLERRM, 'fold \d+', 'fold N', 'g');
END $$;
SELECT public.support_twice(2, 1);
SELECT public.support_twice(1, 2);

-- one after another: 12 into 11, and that into 10
SELECT max(fold_id) AS first FROM idverify_fold(12, 11, 'contacts') \gset
SELECT max(fold_id) AS second FROM idverify_fold(11, 10, 'contacts') \gset
SELECT idverify_resolve(12, 'contacts'), (SELECT count(*) FROM conversations WHERE contact_id = 10) AS conversations,
	(SELECT count(*) FROM contacts WHERE account_id = 1) AS contacts;
SELECT count(*) FROM idverify_unfold(:second);
SELECT count(*) FROM idverify_unfold(:first);
SELECT * FROM public.support_changes;

--
-- What has happened since stays
--
SELECT max(fold_id) AS fold_id FROM idverify_fold(11, 10, 'contacts') \gset
UPDATE contacts SET custom_attributes = custom_attributes || '{"plan": "max", "note": "called"}', email = 'new@example.com' WHERE id = 10;
UPDATE contacts SET encrypted_password = 'mine' WHERE id = 10;
DELETE FROM notes WHERE id = 1;
UPDATE conversations SET contact_id = 13, contact_inbox_id = 130 WHERE id = 1101;
INSERT INTO messages (id, account_id, conversation_id, sender_type, sender_id, content) VALUES (50, 1, 1100, 'Contact', 10, 'Thanks');
SELECT count(*) > 0 AS undone FROM idverify_unfold(:fold_id);
SELECT sign, relation, content - '{created_at,updated_at,blocked,pubsub_token,last_name,preferences,additional_attributes}'::text[] AS content FROM public.support_changes ORDER BY 2, content ->> 'id', 1 DESC;
UPDATE contacts SET custom_attributes = '{"plan": "pro", "seats": null}', email = NULL, encrypted_password = '' WHERE id = 10;
INSERT INTO notes SELECT (jsonb_populate_record(NULL::notes, content)).* FROM public.support_before WHERE relation = 'notes' AND content ->> 'id' = '1';
UPDATE conversations SET contact_id = 11, contact_inbox_id = 111 WHERE id = 1101;
DELETE FROM messages WHERE id = 50;
SELECT * FROM public.support_changes;

--
-- What is refused
--
\set VERBOSITY terse
-- another account's, either way round
SELECT * FROM idverify_fold(20, 10, 'contacts');
SELECT * FROM idverify_fold(10, 20, 'contacts', force => true);
-- what is not there
SELECT * FROM idverify_fold(99, 10, 'contacts');
SELECT * FROM idverify_fold(10, 99, 'contacts');
-- one and the same: nothing happens
SELECT * FROM idverify_fold(10, 10, 'contacts');
SELECT * FROM public.support_changes;

RESET search_path;
DROP VIEW public.support_changes;
DROP FUNCTION public.support_rows(), public.support_twice(int[]);
DROP TABLE public.support_before, public.support_references;
DROP SCHEMA support CASCADE;
DROP ROLE regress_support;
DELETE FROM idverify.contact_references;
DELETE FROM idverify.fold_rows;
DELETE FROM idverify.folds;

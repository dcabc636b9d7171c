#
# idverify on Citus: a coordinator and two workers
#
# Contacts and journal are distributed by app_id; apps and secrets are on the
# coordinator.  Tables that refer to contacts are distributed alike.
#
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use lib "$FindBin::RealBin/../../t/lib";
use CitusTest;
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($coordinator, @workers) = new_cluster();
distribute_contacts($coordinator);

sub run { return $coordinator->safe_psql('postgres', join "\n", @_) }

# SQLSTATE and message of SQL that is refused; it speaks of no internals of Citus.
sub refused
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($sql, $expected, $what) = @_;

	is(attempt_message($coordinator, $sql), $expected, $what);
	return;
}

run(q{
	CREATE TABLE conversations (
		app_id int, id bigint GENERATED ALWAYS AS IDENTITY, contact_id bigint NOT NULL, subject text,
		PRIMARY KEY (app_id, id),
		FOREIGN KEY (app_id, contact_id) REFERENCES idverify.contacts ON DELETE CASCADE);
	CREATE TABLE messages (
		app_id int, id bigint GENERATED ALWAYS AS IDENTITY, conversation_id bigint, sender_type text, sender_id bigint, body text,
		PRIMARY KEY (app_id, id),
		FOREIGN KEY (app_id, conversation_id) REFERENCES conversations ON DELETE CASCADE);
	CREATE TABLE tags (
		app_id int, contact_id bigint, tag text, note text,
		PRIMARY KEY (app_id, contact_id, tag),
		FOREIGN KEY (app_id, contact_id) REFERENCES idverify.contacts);
	CREATE TABLE subscriptions (
		app_id int, id int, contact_id bigint, list text,
		PRIMARY KEY (app_id, id), UNIQUE (app_id, contact_id, list),
		FOREIGN KEY (app_id, contact_id) REFERENCES idverify.contacts);
	CREATE TABLE deliveries (
		app_id int, id int, subscription_id int,
		PRIMARY KEY (app_id, id),
		FOREIGN KEY (app_id, subscription_id) REFERENCES subscriptions ON DELETE CASCADE);
	CREATE TABLE visits (app_id int NOT NULL, contact_id bigint, page text, seen timestamptz);
	CREATE TABLE friends (
		app_id int, contact_id bigint, friend_id bigint,
		PRIMARY KEY (app_id, contact_id, friend_id),
		FOREIGN KEY (app_id, contact_id) REFERENCES idverify.contacts,
		FOREIGN KEY (app_id, friend_id) REFERENCES idverify.contacts);
	SELECT create_distributed_table(t, 'app_id', colocate_with => 'idverify.contacts')
		FROM unnest('{conversations,messages,tags,subscriptions,deliveries,visits,friends}'::text[]) t;
	SELECT idverify_add_reference('idverify.contacts', 'messages', 'sender_id', $$sender_type = 'Contact'$$);
	SELECT idverify_add_reference('idverify.contacts', 'visits', 'contact_id');
	SELECT count(idverify_create_app('App ' || n, 'app' || n, secret => '0123456789abcdef-' || n,
		on_unverified => (ARRAY['drop', 'accept', 'reject'])[1 + n % 3]::idverify.claim_policy)) FROM generate_series(0, 11) n;
	CREATE FUNCTION hash(n int, value text) RETURNS text LANGUAGE sql AS
		$$SELECT encode(hmac(value::bytea, ('0123456789abcdef-' || n)::bytea, 'sha256'), 'hex')$$;
	CREATE FUNCTION claim(n int, who text) RETURNS jsonb LANGUAGE sql AS
		$$SELECT jsonb_build_object('external_id', who, 'name', 'Person ' || who, 'user_hash', hash(n, who))$$;
});
is(run('SELECT count(DISTINCT nodeport) FROM pg_dist_shard_placement'), 2, 'shards are on both workers');

#
# Asking
#
is(run(q{SELECT bool_and(idverify_check('app' || n, 'ada', hash(n, 'ada'))), bool_or(idverify_check('app' || n, 'ada', hash(n, 'bob')))
	FROM generate_series(0, 11) n}), 't|f', 'check');
is(run(q{SELECT DISTINCT idverify_verdict('app' || n, 'ada', NULL, hash(n, 'ada')) FROM generate_series(0, 11) n}), 'verified', 'verdict');

#
# Identify, in apps on both workers, under each policy
#
for my $n (0 .. 2)
{
	my $policy = (qw(drop accept reject))[$n];
	my ($made, $again) = map { run("SELECT contact_id, is_verified, verdict, created FROM idverify_identify('app$n', claim($n, 'ada'));") } 1 .. 2;

	like($made, qr/^\d+\|t\|verified\|t$/, "$policy: a signed identity makes a contact");
	is($again, $made =~ s/t$/f/r, '... and is that one');
	is(run("SELECT is_verified, verdict, contact_id IS NULL FROM idverify_identify('app$n', '{\"external_id\": \"ada\", \"user_hash\": \"00\"}');"),
		'f|malformed|' . ($policy eq 'reject' ? 't' : 'f'), '... a wrong hash is not');
	is(run("SELECT count(*), count(*) FILTER (WHERE is_verified), count(external_id) FROM idverify.contacts c JOIN idverify.apps a ON a.id = app_id AND app_key = 'app$n';"),
		{ drop => '2|1|1', accept => '2|1|2', reject => '1|1|1' }->{$policy}, '... and what is kept of it');
	is(run("SELECT is_verified, verdict FROM idverify_identify('app$n');"), 'f|anonymous', '... an anonymous one is welcome');
}
is(run(q{
	SELECT a.contact_id = b.contact_id, b.contact_id = c.contact_id, c.created
	FROM idverify_identify('app3', jsonb_build_object('email', 'Ada@example.com', 'user_hash', hash(3, 'Ada@example.com'))) a,
		LATERAL (SELECT * FROM idverify_identify('app3', jsonb_build_object('email', 'ada@example.com', 'user_hash', hash(3, 'ada@example.com'))) WHERE a.created) b,
		LATERAL (SELECT * FROM idverify_identify('app3', jsonb_build_object('email', 'ADA@example.com', 'user_hash', hash(3, 'ADA@example.com'))) WHERE NOT b.created) c}),
	't|t|f', 'a signed email, in any case of A to Z');
like(run(q{
	SELECT fold_id IS NOT NULL FROM idverify_identify('app3', jsonb_build_object('external_id', 'ada', 'email', 'ada@example.com',
		'user_hash', hash(3, 'ada'), 'email_hash', hash(3, 'ada@example.com')))}), qr/^[tf]$/, 'an email beside an external_id, both signed');
is(run(q{SELECT count(*), min(external_id), bool_and(email_verified) FROM idverify.contacts WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'app3')}),
	'1|ada|t', '... is one contact');

#
# A login folds what the visitor did, through composite keys, listed references and
# unique indexes
#
my $everything = q{
	SELECT 'contacts', app_id, count(*)::text, string_agg(c::text, ' ' ORDER BY id) FROM (SELECT app_id, id, name, external_id, is_verified, visitor FROM idverify.contacts) c GROUP BY app_id
	UNION ALL SELECT 'conversations', app_id, count(*)::text, string_agg(contact_id || coalesce(subject, ''), ' ' ORDER BY id) FROM conversations GROUP BY app_id
	UNION ALL SELECT 'messages', app_id, count(*)::text, string_agg(sender_id || sender_type || body, ' ' ORDER BY id) FROM messages GROUP BY app_id
	UNION ALL SELECT 'tags', app_id, count(*)::text, string_agg(contact_id || tag || note, ' ' ORDER BY contact_id, tag) FROM tags GROUP BY app_id
	UNION ALL SELECT 'subscriptions', app_id, count(*)::text, string_agg(id || ':' || contact_id || list, ' ' ORDER BY id) FROM subscriptions GROUP BY app_id
	UNION ALL SELECT 'deliveries', app_id, count(*)::text, string_agg(id || ':' || subscription_id, ' ' ORDER BY id) FROM deliveries GROUP BY app_id
	UNION ALL SELECT 'visits', app_id, count(*)::text, string_agg(contact_id || page || seen, ' ' ORDER BY contact_id, page, seen) FROM visits GROUP BY app_id
	UNION ALL SELECT 'friends', app_id, count(*)::text, string_agg(contact_id || '-' || friend_id, ' ' ORDER BY contact_id, friend_id) FROM friends GROUP BY app_id
	ORDER BY 1, 2};

sub app_id { return run("SELECT id FROM idverify.apps WHERE app_key = 'app$_[0]';") }

# A visitor and a person, both with a history.  Returns app, their ids and the token.
sub make_history
{
	my ($n, $who) = @_;
	my $app = app_id($n);
	my ($person) = run("SELECT contact_id FROM idverify_identify('app$n', claim($n, '$who'));");
	my ($visitor, $token) = split /\|/, run("SELECT contact_id, visitor FROM idverify_identify('app$n', '{\"phone\": \"123\"}');");

	for my $contact ($visitor, $person)
	{
		run("INSERT INTO conversations (app_id, contact_id, subject) VALUES ($app, $contact, 'hello');",
			"INSERT INTO messages (app_id, conversation_id, sender_type, sender_id, body) SELECT $app, id, t, $contact, 'hi' FROM conversations, unnest('{Contact,Agent}'::text[]) t WHERE app_id = $app AND contact_id = $contact;",
			"INSERT INTO tags VALUES ($app, $contact, 'vip', 'of $contact'), ($app, $contact, 'only-$contact', '');",
			"INSERT INTO subscriptions VALUES ($app, $contact, $contact, 'news'), ($app, $contact + 1000, $contact, 'list $contact');",
			"INSERT INTO deliveries VALUES ($app, $contact, $contact);",
			"INSERT INTO visits VALUES ($app, $contact, '/', '2026-01-01 12:00+00'), ($app, $contact, '/', '2026-01-01 12:00+00'), ($app, $contact, '/of-$contact', NULL);");
	}
	run("INSERT INTO friends VALUES ($app, $visitor, $person);");
	return ($app, $visitor, $person, $token);
}

my %counts = (
	'idverify.contacts' => '0|1', conversations => '1|0', messages => '1|0', tags => '1|1',
	subscriptions => '1|1', deliveries => '1|0', visits => '3|0', friends => '0|1');
my $counts = join "\n", map { "$_|$counts{$_}" } sort keys %counts;

for my $n (4, 5, 6)
{
	my ($app, $visitor, $person, $token) = make_history($n, 'ada');
	my $before = run($everything);
	my $dry = run("SELECT relation, moved, dropped FROM idverify_fold($visitor\::bigint, $person\::bigint, dry_run => true) ORDER BY relation::text COLLATE \"C\";");

	is($dry, $counts, "app$n: a dry run counts");
	is(run($everything), $before, '... and changes nothing');
	my ($fold, $contact) = split /\|/, run("SELECT fold_id, contact_id FROM idverify_identify('app$n', claim($n, 'ada'), '$token');");
	is($contact, $person, "app$n: a login is the person");
	is(run("SELECT (SELECT count(*) FROM conversations WHERE contact_id = $person), (SELECT count(*) FROM messages WHERE sender_id = $person),"
		  . " (SELECT string_agg(tag || note, ' ' ORDER BY tag) FROM tags WHERE contact_id = $person),"
		  . " (SELECT count(*) FROM visits WHERE contact_id = $person), (SELECT count(*) FROM friends WHERE app_id = $app),"
		  . " (SELECT count(*) FROM deliveries WHERE subscription_id = $person)"),
		"2|3|" . join(' ', sort("only-$person", "only-$visitor")) . " vipof $person|6|0|2", '... with what the visitor did');
	is(run("SELECT idverify_resolve($visitor\::bigint), idverify_resolve('$visitor'::text);"), "$person|$person", '... and the old id leads there');
	is(run("SELECT phone FROM idverify.contacts WHERE app_id = $app AND id = $person;"), '123', '... and what was blank is filled');
	is(run("SELECT sum(moved), sum(restored) FROM idverify_unfold($fold);"), '8|4', "app$n: it is undone");
	is(run($everything), $before, '... all of it');
	refused("SELECT idverify_unfold($fold);", "55000: fold $fold has been undone already", '... once');
	is(run("SELECT count(*) FROM idverify_fold($visitor\::bigint, $person\::bigint);"), 8, "app$n: and folded by hand");
}

# folds of one target: the last is undone first
{
	my ($app, $first, $person) = make_history(7, 'ada');
	my ($second) = run(q{SELECT contact_id FROM idverify_identify('app7', '{"custom_data": {"a": 1}}');});
	my ($one, $two) = map { run("SELECT min(fold_id) FROM idverify_fold($_\::bigint, $person\::bigint);") } $first, $second;
	is(run("SELECT count(*) > 0 FROM idverify_unfold($two);") . run("SELECT count(*) > 0 FROM idverify_unfold($one);"), 'tt', 'last first');
	refused("SELECT idverify_fold($first\::bigint, $person + 100000::bigint);",
		'42704: contact "' . ($person + 100000) . '" does not exist in "idverify.contacts"', 'no such contact');
	my ($stranger) = run("SELECT contact_id FROM idverify_identify('app0');");
	refused("SELECT idverify_fold($first\::bigint, $stranger\::bigint);", '22023: contacts of different apps cannot be folded', 'never across apps');
}

# a unique violation that is no collision of a move does not quote a row
run("CREATE UNIQUE INDEX ON messages (app_id, (body || 'x')) WHERE sender_type = 'Contact' AND body <> 'hi';");

#
# Deleting an app
#
{
	my $app = app_id(8);
	my ($contact, $visitor) = split /\|/, run("SELECT contact_id, visitor FROM idverify_identify('app8', '{\"name\": \"X\"}');");
	run("SELECT idverify_identify('app8', claim(8, 'ada'), '$visitor');");
	refused("DELETE FROM idverify.apps WHERE app_key = 'app8';", '23503: an app that has contacts cannot be deleted', 'an app with contacts stays');
	is(run("SELECT count(*) FROM idverify.folds WHERE app_id = $app;"), 1, '... with its journal');
	run("DELETE FROM idverify.contacts WHERE app_id = $app;", "DELETE FROM idverify.apps WHERE app_key = 'app8';");
	is(run("SELECT (SELECT count(*) FROM idverify.folds WHERE app_id = $app), (SELECT count(*) FROM idverify.secrets WHERE app_id = $app);"), '0|0',
		'one without goes with its journal and secrets');
}

#
# Races: 16 clients, 40 people whom nobody has seen before
#
{
	my $script = $coordinator->basedir . '/login.sql';
	append_to_file($script, q{
\set person random(1, 40)
\set n 9 + random(0, 2)
SELECT contact_id AS anonymous, visitor FROM idverify_identify('app:n', '{"name": "Visitor"}') \gset
INSERT INTO visits VALUES (:n + 1, :anonymous, 'person-:person', now());
SELECT contact_id AS contact FROM idverify_identify('app:n', claim(:n, 'person-:person'), ':visitor') \gset
} =~ s/'app:n'/'app' || :n/gr);
	$coordinator->command_checks_all(
		[ 'pgbench', '--no-vacuum', '--client=16', '--jobs=2', '--transactions=10', "--file=$script", 'postgres' ],
		0, [ qr{processed: 160/160}, qr{number of failed transactions: 0 } ],
		[qr{^(?!.*(error|ERROR|aborted)).*$}s], 'races: no client met an error');
	is(run(q{SELECT count(*) FROM (SELECT app_id, external_id FROM idverify.contacts WHERE external_id LIKE 'person-%' GROUP BY 1, 2 HAVING count(*) > 1 OR NOT bool_and(is_verified)) x}),
		0, '... each person is one verified contact in each app');
	is(run(q{SELECT count(*), count(*) FILTER (WHERE external_id = page) FROM visits v JOIN idverify.contacts c ON c.app_id = v.app_id AND c.id = v.contact_id WHERE page LIKE 'person-%'}),
		'160|160', '... and has all visits of their browsers');
}

#
# A shard moves while sessions are open
#
{
	my $session = $coordinator->background_psql('postgres', on_error_stop => 0);
	my $ask = q{SELECT contact_id, created FROM idverify_identify('app9', claim(9, 'ada'));};
	my $made = ask($session, $ask);
	my ($shard, $port) = shard_of($coordinator, 'idverify.contacts', app_id(9));
	my ($from) = grep { $_->port == $port } @workers;
	my ($to) = grep { $_->port != $port } @workers;

	run(sprintf("SELECT citus_move_shard_placement(%d, '%s', %d, '%s', %d, 'block_writes');", $shard, $from->host, $from->port, $to->host, $to->port));
	is((shard_of($coordinator, 'idverify.contacts', app_id(9)))[1], $to->port, 'a shard has moved');
	is(ask($session, $ask), $made =~ s/t$/f/r, '... and an open session finds its contacts');
	my $visitor = ask($session, q{SELECT visitor FROM idverify_identify('app9');});
	is(ask($session, "SELECT fold_id IS NOT NULL FROM idverify_identify('app9', claim(9, 'ada'), '$visitor');"), 't', '... and folds there');
	$session->quit;
}

#
# A dump of the coordinator
#
{
	my $dump = $coordinator->basedir . '/dump';
	my $contacts = 'SELECT * FROM idverify.contacts ORDER BY id';
	$coordinator->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'pg_dump of the coordinator');
	run('CREATE DATABASE restored;');
	$coordinator->command_ok([ 'pg_restore', '-d', 'restored', $dump ], '... is restored');
	is($coordinator->safe_psql('restored', $contacts), run($contacts), '... with all contacts');
	is($coordinator->safe_psql('restored', 'SELECT count(*) FROM idverify.folds'), run('SELECT count(*) FROM idverify.folds'), '... and their journal');
}

#
# What cannot be done is refused, in our words
#
run(q{
	CREATE TABLE own (tenant_id int, id bigint, name text, PRIMARY KEY (tenant_id, id));
	SELECT create_distributed_table('own', 'tenant_id');
	INSERT INTO own VALUES (1, 1, 'a'), (1, 2, 'b');
	CREATE TABLE by_id (id bigint PRIMARY KEY, name text);
	SELECT create_distributed_table('by_id', 'id');
});
refused(q{SELECT idverify_fold(1, 2, 'own');}, '0A000: contacts of distributed table "public.own" cannot be folded', "somebody's own distributed contacts");
refused(q{SELECT idverify_fold(1, 2, 'by_id');}, '0A000: contacts of distributed table "public.by_id" cannot be folded', '... by their id');

{
	my ($app, $visitor, $person) = make_history(11, 'bob');

	run(q{SELECT idverify_add_reference('idverify.contacts', 'visits', 'contact_id', $$page = 'x'$$, '{page}');});
	refused("SELECT idverify_fold($visitor\::bigint, $person\::bigint);",
		'0A000: rows of distributed table "public.visits" cannot be distinct by columns', 'distinct_by');
	run(q{DELETE FROM idverify.contact_references WHERE distinct_by IS NOT NULL;});

	run(q{
		CREATE TABLE copied (app_id int, contact_id bigint, note text);
		SELECT create_reference_table('copied');
		SELECT idverify_add_reference('idverify.contacts', 'copied', 'contact_id');});
	refused("SELECT idverify_fold($visitor\::bigint, $person\::bigint);",
		'0A000: cannot drop a row of distributed table "public.copied", or move back rows that have no key', 'rows that have several copies, and no key');
	run(q{DELETE FROM idverify.contact_references WHERE relation = 'copied'::regclass;});

	run(q{CREATE ROLE regress_hanger; GRANT TRIGGER ON tags TO regress_hanger;});
	refused("SELECT idverify_fold($visitor\::bigint, $person\::bigint);",
		'42501: cannot use table public.tags, because regress_hanger is granted TRIGGER on it, and it is distributed', 'a role that could hang triggers on shards');
	run(q{REVOKE TRIGGER ON tags FROM regress_hanger;});
	is(run("SELECT count(*) FROM idverify_fold($visitor\::bigint, $person\::bigint);"), 8, '... and none that cannot');
}

# the guard judges on the node that has the row
run(q{
	SET citus.enable_unsafe_triggers = on;
	CREATE TABLE guarded (app_key text, id bigint, external_id text, email text, user_hash text, is_verified boolean, PRIMARY KEY (app_key, id));
	SELECT create_distributed_table('guarded', 'app_key');
	CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON guarded FOR EACH ROW EXECUTE FUNCTION idverify_guard();
});
refused(q{INSERT INTO guarded (app_key, id, external_id, user_hash) VALUES ('app0', 1, 'ada', hash(0, 'ada'));},
	'0A000: a claim cannot be judged on this node, because it has no apps', 'a guard where there are no apps');
refused(q{SELECT idverify_fold(1, 2, 'guarded');}, '0A000: contacts of distributed table "public.guarded" cannot be folded', '... and a fold there');
run(q{
	CREATE TABLE guarded_here (app_key text, id bigint PRIMARY KEY, external_id text, email text, user_hash text, is_verified boolean);
	CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON guarded_here FOR EACH ROW EXECUTE FUNCTION idverify_guard();
	INSERT INTO guarded_here (app_key, id, external_id, user_hash) VALUES ('app0', 1, 'ada', hash(0, 'ada')), ('app0', 2, NULL, NULL);
});
is(run('SELECT is_verified FROM guarded_here WHERE id = 1;') . run(q{SELECT sum(dropped) FROM idverify_fold(2, 1, 'guarded_here');}), 't1',
	'a guard and a fold of a table that is not distributed');

# ... unless the apps are there, too, and the secrets, and the key ring
{
	my $insert = "INSERT INTO guarded (app_key, id, external_id, user_hash)"
	  . " SELECT 'app' || n, n + 100, 'ada', hash(CASE WHEN n < 6 THEN n ELSE n + 1 END, 'ada') FROM generate_series(0, 11, 3) n";

	replicate_apps($coordinator, @workers);
	run("$insert;");
	is(run(q{SELECT count(DISTINCT get_shard_id_for_distribution_column('guarded', app_key)) > 1, string_agg(id || ':' || is_verified || coalesce(external_id, ''), ' ' ORDER BY id),
			count(user_hash) FROM guarded;}),
		't|100:trueada 103:trueada 106:false 109:false|0', 'a guard where the apps are replicated judges in each shard');
	is(run(q{UPDATE guarded SET external_id = 'bob' WHERE id = 100; SELECT is_verified, external_id FROM guarded WHERE id = 100;}),
		't|ada', '... an UPDATE that nobody signed as well');
	my $bob = run("SELECT hash(0, 'bob');");
	is(run("UPDATE guarded SET external_id = 'bob', user_hash = '$bob' WHERE app_key = 'app0' AND id = 100;",
			'SELECT is_verified, external_id FROM guarded WHERE id = 100;'), 't|bob', '... and one that somebody did');
	refused(q{INSERT INTO guarded (app_key, id, external_id, user_hash) VALUES ('app2', 110, 'ada', hash(0, 'ada'));},
		'28000: claim to app "app2" is not verified: mismatch', '... and refuses');
	my $signed = run("SELECT idverify_sign('app0', 'eve');");
	run("SELECT idverify_rotate('app0', grace => '0');");
	wait_for_apps($coordinator, @workers);
	run("INSERT INTO guarded (app_key, id, external_id, user_hash) VALUES ('app0', 120, 'eve', '$signed');",
		"INSERT INTO guarded (app_key, id, external_id, user_hash) VALUES ('app0', 121, 'eve', idverify_sign('app0', 'eve'));");
	is(run('SELECT string_agg(is_verified::text, \' \' ORDER BY id) FROM guarded WHERE id IN (120, 121);'), 'false true',
		'... a rotation counts there when it has arrived');
}

# Citus lets no two roles write to related rows in one transaction
run(q{
	CREATE ROLE regress_other LOGIN;
	CREATE TABLE notes (app_id int, id int, contact_id bigint, PRIMARY KEY (app_id, id));
	ALTER TABLE notes OWNER TO regress_other;
	SELECT create_distributed_table('notes', 'app_id', colocate_with => 'idverify.contacts');
	SELECT idverify_add_reference('idverify.contacts', 'notes', 'contact_id');
});
{
	my ($app, $visitor, $person) = make_history(10, 'ada');

	run("INSERT INTO notes VALUES ($app, 1, $visitor);");
	refused("SELECT idverify_fold($visitor\::bigint, $person\::bigint);",
		'0A000: rows of distributed table "public.notes" cannot be moved, because "idverify.contacts" has another owner', 'a table of another owner');
	run('ALTER TABLE notes OWNER TO CURRENT_USER;');
	is(run("SELECT count(*) FROM idverify_fold($visitor\::bigint, $person\::bigint);"), 9, '... and of the same one');
}

done_testing();

# SIGKILL, of a backend and of the whole server: what was told to a client stays,
# what was not committed is as if it had never been called.
#
# First each function is killed in the middle of its work, at a place of which we
# know that half of it is done.  Then several clients do all of it at once, and
# something is killed at any moment.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $folder = PostgreSQL::Test::Utils::tempdir;
my @keys = map { "$_:" . new_key() . "\n" } 1 .. 3;

# A ring is put into place by renaming a symbolic link, as orchestrators do.
write_ring("$folder/first", $keys[0] . $keys[1]);
write_ring("$folder/second", $keys[1] . $keys[0]);
write_ring("$folder/last", join '', @keys[ 2, 0, 1 ]);
symlink "$folder/first", "$folder/ring" or die;

my $node = new_server(
	'crash',
	ring => "$folder/ring",
	conf => "restart_after_crash = on\nautovacuum = off");
$node->safe_psql('postgres', q{
	CREATE TABLE messages (
		id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		contact_id bigint NOT NULL REFERENCES idverify.contacts (id) ON DELETE CASCADE,
		written_as bigint NOT NULL);
	CREATE INDEX ON messages (contact_id);
	CREATE TABLE tags (
		contact_id bigint REFERENCES idverify.contacts (id) ON DELETE CASCADE,
		tag text,
		PRIMARY KEY (contact_id, tag));

	CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF current_setting('regress.stop', true) = TG_TABLE_NAME || ' ' || TG_OP THEN
			PERFORM pg_advisory_xact_lock_shared(1);
		END IF;
		RETURN NULL;
	END $$;
});
my @tables = (qw(messages tags), map { "idverify.$_" } qw(apps secrets contacts folds fold_rows));
$node->safe_psql('postgres',
	"CREATE TRIGGER stop_here AFTER INSERT OR UPDATE OR DELETE ON $_ FOR EACH ROW EXECUTE FUNCTION stop_here()")
  for @tables;

# Kill a backend.  The server throws all the others out, and recovers.
sub kill_backend
{
	my ($pid) = @_;
	my $offset = -s $node->logfile;

	kill 'KILL', $pid;
	$node->wait_for_log(qr/all server processes terminated; reinitializing/, $offset);
	$node->wait_for_log(qr/database system is ready to accept connections/, $offset);
	return;
}

sub start_client
{
	my ($file, $output, $errors) = @_;
	return IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', $file ],
		'>', $output, '2>', $errors);
}

sub script
{
	my ($name, $sql) = @_;
	unlink "$folder/$name.sql";
	append_to_file("$folder/$name.sql", $sql);
	return "$folder/$name.sql";
}

#
# In the middle of one call
#

my $current = create_app($node, 'shop');
my $previous = $current;
$current = $node->safe_psql('postgres', "SELECT idverify_rotate('shop')");
my $staged = create_app($node, 'staged') && $node->safe_psql('postgres', "SELECT idverify_stage('staged')");
create_app($node, 'lone');
my ($visitor, $token, $ann, $folded, $fold) = split /[|\n]/, $node->safe_psql('postgres', q{
	SELECT contact_id, visitor FROM idverify_identify('shop', '{"name": "Visitor"}');
	SELECT contact_id FROM idverify_identify('shop', jsonb_build_object('external_id', 'ann', 'user_hash', idverify_sign('shop', 'ann')));
	SELECT contact_id FROM idverify_identify('shop', '{"name": "Earlier"}');
});
$node->safe_psql('postgres', qq{
	INSERT INTO messages (contact_id, written_as) SELECT c, c FROM unnest(ARRAY[$visitor, $ann, $folded]) c, generate_series(1, 3);
	INSERT INTO tags SELECT c, t FROM unnest(ARRAY[$visitor, $ann, $folded]) c, unnest(ARRAY['vip', c::text]) t;
});
$fold = $node->safe_psql('postgres', "SELECT min(fold_id) FROM idverify_fold($folded, $ann)");

# All there is.
my $state = join ' UNION ALL ',
  map { "SELECT '$_', to_jsonb(t)::text FROM $_ t" } @tables;
$state .= ' ORDER BY 1, 2';
my $secrets_verify = join ' AND ', map { sprintf "idverify_check('%s', 'x', '%s')", $_->[0], user_hash($_->[1], 'x') }
  [ 'shop', $current ], [ 'shop', $previous ], [ 'staged', $staged ];

# Each case stops after a statement on that table: what it has to do there is
# done, what comes after is not.
my $login = "SELECT idverify_identify('shop', jsonb_build_object('external_id', '%s',"
  . " 'user_hash', idverify_sign('shop', '%s')), '$token')";

for (
	[ 'create_app', 'apps INSERT', "SELECT idverify_create_app('new')" ],
	[ 'create_app', 'secrets INSERT', "SELECT idverify_create_app('new')" ],
	[ 'rotate', 'secrets UPDATE', "SELECT idverify_rotate('shop')" ],
	[ 'rotate', 'secrets INSERT', "SELECT idverify_rotate('shop')" ],
	[ 'promote', 'secrets UPDATE', "SELECT idverify_promote('staged', grace => '0')" ],
	[ 'rekey', 'secrets UPDATE', 'SELECT idverify_rekey()' ],
	[ 'deleting an app', 'secrets DELETE', "DELETE FROM idverify.apps WHERE app_key = 'lone'" ],
	[ 'identify', 'contacts INSERT', sprintf $login, 'bob', 'bob' ],
	[ 'identify', 'folds INSERT', sprintf $login, 'bob', 'bob' ],
	[ 'fold', 'messages UPDATE', "SELECT idverify_fold($visitor, $ann)" ],
	[ 'fold', 'tags DELETE', "SELECT idverify_fold($visitor, $ann)" ],
	[ 'fold', 'contacts DELETE', "SELECT idverify_fold($visitor, $ann)" ],
	[ 'fold', 'folds INSERT', "SELECT idverify_fold($visitor, $ann)" ],
	[ 'unfold', 'contacts INSERT', "SELECT idverify_unfold($fold)" ],
	[ 'unfold', 'messages UPDATE', "SELECT idverify_unfold($fold)" ])
{
	my ($what, $where, $sql) = @$_;

	# for rekey to have something to do
	my $ring = $what eq 'rekey' ? 'second' : 'first';
	symlink "$folder/$ring", "$folder/ring.new" or die;
	rename "$folder/ring.new", "$folder/ring" or die;
	reload($node);

	my $before = $node->safe_psql('postgres', $state);
	isnt($node->safe_psql('postgres', "SET client_min_messages = error; BEGIN; $sql; SELECT 'then'; $state") =~ s/.*^then\n//msr,
		$before, "$what changes something");
	is($node->safe_psql('postgres', $state), $before, '... nothing that is not committed');

	my $holder = $node->background_psql('postgres', on_error_stop => 0);
	ask($holder, 'SELECT pg_advisory_lock(1)');
	my ($output, $errors) = ('', '');
	my $client = start_client(script('one', "SET regress.stop = '$where';\n$sql;\n"), \$output, \$errors);
	my $stopped = q{SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'advisory'};
	$node->poll_query_until('postgres', "SELECT EXISTS ($stopped)") or die "$what did not stop at $where";
	kill_backend($node->safe_psql('postgres', $stopped));
	IPC::Run::finish($client);
	eval { $holder->quit };

	is($output, '', "killed after $where: $what told nothing");
	is($node->safe_psql('postgres', $state), $before, '... and did nothing');
	is($node->safe_psql('postgres', "SELECT $secrets_verify"), 't', '... all secrets verify');
}

#
# At any moment
#
# What a client was told it prints: that is what has to be there afterwards.  Each
# secret verifies for a day after it has been replaced.
#

$node->safe_psql('postgres', join ";\n", map { "DROP TRIGGER stop_here ON $_" } @tables);
$node->safe_psql('postgres', q{
	SELECT idverify_promote('staged');
	CREATE TABLE rekeyed (secrets int);
});

my $people = 5;
my @apps = qw(shop staged lone);

# Rotates each app in turn, and now and then by staging.  Of one app at most 64 secrets
# verify: a client that lives long goes on without adding more.
sub rotating
{
	my $sql = '';
	for my $n (1 .. 2000)
	{
		my $app = $apps[ $n % @apps ];
		my $secrets = "FROM idverify.secrets WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = '$app')";
		my $has_room = "(SELECT count(*) < 56 $secrets AND (expires_at IS NULL OR expires_at > now()))";
		$sql .= $n % 7
		  ? "SELECT 'secret', '$app', CASE WHEN $has_room THEN idverify_rotate('$app') END"
		  . " FROM pg_sleep(0.01), pg_advisory_xact_lock_shared(hashtext('$app'));\n"
		  : "SELECT pg_advisory_lock(hashtext('$app'));\n"
		  . "SELECT 'secret', '$app', CASE WHEN $has_room THEN idverify_stage('$app') END;\n"
		  . "SELECT 'promoted', idverify_promote('$app') WHERE EXISTS (SELECT $secrets AND state = 'staged');\n"
		  . "SELECT pg_advisory_unlock(hashtext('$app'));\n";
	}
	return $sql;
}

# Changes the master key, again and again.
sub rekeying
{
	my $sql = '';
	for my $n (1 .. 2000)
	{
		my $ring = $n % 2 ? 'second' : 'first';
		$sql .= "\\! ln -s '$folder/$ring' '$folder/ring.new' && mv -T '$folder/ring.new' '$folder/ring'\n"
		  . "SELECT FROM pg_reload_conf(), pg_sleep(0.005);\n"
		  . "INSERT INTO rekeyed SELECT idverify_rekey();\n";
	}
	return $sql;
}

# Chats, logs in, chats on; takes a fold back now and then.
sub chatting
{
	my $sql = '';
	for my $n (1 .. 4000)
	{
		my $person = 'person ' . $n % $people;
		$sql .= "SELECT contact_id AS visitor, visitor AS token FROM idverify_identify('shop', '{}') \\gset\n"
		  . "INSERT INTO messages (contact_id, written_as) SELECT :visitor, :visitor FROM generate_series(1, 2)"
		  . " RETURNING 'message', id, written_as;\n"
		  . "INSERT INTO tags VALUES (:visitor, 'vip'), (:visitor, 'of ' || :visitor);\n"
		  . "SELECT contact_id, fold_id AS fold FROM idverify_identify('shop',"
		  . " jsonb_build_object('external_id', '$person', 'user_hash', idverify_sign('shop', '$person')), :'token') \\gset told_\n"
		  . "SELECT 'login', :told_contact_id, :told_fold, :visitor;\n"
		  . ($n % 5 ? '' : "SELECT DISTINCT 'unfolded', :told_fold FROM idverify_unfold(:told_fold);\n");
	}
	return $sql;
}

my @scripts = (
	script('rotating', rotating()),
	script('rotating_too', rotating()),
	script('rekeying', rekeying()),
	script('chatting', chatting()),
	script('chatting_too', chatting()));

my (%secrets, %messages, %logins, %unfolded);

# Remember what the clients printed.
sub remember
{
	for (@_)
	{
		push @{ $secrets{$1} }, $2 if /^secret\|(\w+)\|([0-9a-f]{64})$/;
		$messages{$1} = $2 if /^message\|(\d+)\|(\d+)$/;
		$logins{$2} = [ $1, $3 ] if /^login\|(\d+)\|(\d+)\|(\d+)$/;
		$unfolded{$1} = 1 if /^unfolded\|(\d+)$/;
	}
	return;
}

# Kill the server as a power failure does: whole, and at once.
sub kill_server
{
	my @pids = split /\n/, $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity');
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;

	$node->kill9;
	kill 'KILL', @pids;
	return $postmaster;
}

# Start it again.  Where nobody reaps the dead, they are taken for alive.
sub start_server
{
	my ($postmaster) = @_;

	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		last unless kill 0, $postmaster;
		usleep(100_000);
		last if $_ > 5 && -e "/proc/$postmaster/stat" && slurp_file("/proc/$postmaster/stat") =~ /\) Z/;
	}
	unlink $node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock'
	  if kill 0, $postmaster;

	# A process that was just being made, and not yet listed, ends by itself;
	# until then the old server's memory is in use.
	for (1 .. $PostgreSQL::Test::Utils::timeout_default)
	{
		return if $node->start(fail_ok => 1);
		usleep(1_000_000);
	}
	die 'the server does not start again';
}

# Every promise, of all that was ever told.
sub all_is_well
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($what) = @_;
	my $query = sub { $node->safe_psql('postgres', $_[0]) };

	is($query->(q{SELECT string_agg(DISTINCT concat_ws(' ', currents, staged <= 1, generations = rows, generations = highest), ', ')
			FROM (SELECT count(*) FILTER (WHERE state = 'current') AS currents, count(*) FILTER (WHERE state = 'staged') AS staged,
				count(*) AS rows, count(DISTINCT generation) AS generations, max(generation) AS highest
				FROM idverify.apps LEFT JOIN idverify.secrets ON app_id = id GROUP BY id) s}),
		'1 t t t', "$what: one current secret in each app, no generation twice or left out");
	for my $app (@apps)
	{
		my @given = @{ $secrets{$app} };
		my $checks = join ', ', map { "('" . user_hash($_, 'x') . "')" } @given;

		is($query->("SELECT count(*) FROM (VALUES $checks) v (hash) WHERE idverify_check('$app', 'x', hash)"),
			scalar @given, '... ' . @given . " secrets of app $app were given to clients, and verify");
	}

	my $values = sub { join ', ', map { "($_)" } @_ };
	is($query->('SELECT count(*) FROM messages m JOIN (VALUES '
			  . $values->(map { "$_, $messages{$_}" } keys %messages) . ') v (id, written_as) USING (id, written_as)'),
		scalar keys %messages, '... ' . keys(%messages) . ' messages were sent, and are there');
	is($query->('SELECT count(*) FROM messages m WHERE NOT EXISTS (SELECT FROM idverify.contacts c WHERE c.id = m.contact_id)'),
		0, '... each on a contact that exists');
	is($query->('SELECT count(*) FROM idverify.folds JOIN (VALUES '
			  . $values->(map { "$_, $logins{$_}[0], $logins{$_}[1]" } keys %logins)
			  . ') v (fold, target, source) ON fold = id AND source_id = source::text AND target_id = target::text'),
		scalar keys %logins, '... ' . keys(%logins) . ' logins were folds, and are in the journal');
	is($query->('SELECT count(*) FROM idverify.folds WHERE undone_at IS NOT NULL AND id IN ('
			  . join(', ', 0, keys %unfolded) . ')'),
		scalar keys %unfolded, '... ' . keys(%unfolded) . ' of which were taken back');

	# A fold is wholly there or not at all.
	is($query->(q{SELECT count(*) FROM idverify.folds f
			WHERE (undone_at IS NULL) = EXISTS (SELECT FROM idverify.contacts c WHERE c.app_id = f.app_id AND c.id = f.source_id::bigint)
			OR undone_at IS NULL AND (EXISTS (SELECT FROM messages WHERE contact_id = f.source_id::bigint)
				OR EXISTS (SELECT FROM messages WHERE written_as = f.source_id::bigint
					AND contact_id <> idverify_resolve(f.source_id::bigint)))}),
		0, '... a source is folded with all its messages, or there');
	is($query->(q{SELECT count(*) FROM messages m WHERE contact_id <> idverify_resolve(written_as)
			OR contact_id <> written_as AND NOT EXISTS (SELECT FROM idverify.folds WHERE source_id = written_as::text AND undone_at IS NULL)}),
		0, '... a message is where it was written, or where a fold leads');
	is($query->('SELECT count(*) FROM idverify.fold_rows r LEFT JOIN idverify.folds f ON f.id = r.fold_id AND f.app_id = r.app_id WHERE f.id IS NULL'),
		0, '... the journal has no rows without a fold');
	return;
}

# How much has been done of each kind; psql does not print at once.
my @done = (
	q{(SELECT count(*) FROM idverify.secrets WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'lone'))},
	'(SELECT count(*) FROM rekeyed)',
	'(SELECT count(*) FROM idverify.folds)');

for my $victim ('a backend that rotates', 'the server', 'a backend that rekeys', 'the server', 'a backend that folds', 'the server')
{
	my (@clients, @output, @errors);

	# Room for new ones
	$node->safe_psql('postgres', q{SELECT idverify_revoke(app_key) FROM idverify.apps});
	%secrets = ();

	my @before = split /\|/, $node->safe_psql('postgres', 'SELECT ' . join ', ', @done);
	for my $n (0 .. $#scripts)
	{
		($output[$n], $errors[$n]) = ('', '');
		$clients[$n] = start_client($scripts[$n], \$output[$n], \$errors[$n]);
	}

	# All of them are at work before anything is killed, at any moment.
	$node->poll_query_until('postgres', 'SELECT ' . join ' AND ', map { "$done[$_] > $before[$_] + 3" } 0 .. $#done)
	  or do { $_->pump_nb for grep { $_->pumpable } @clients; die "the clients do not work: @errors" };
	usleep(int rand 50_000);
	my $postmaster;
	if ($victim eq 'the server')
	{
		$postmaster = kill_server();
	}
	else
	{
		my ($at) = $victim =~ /(rotate|rekey|fold)/;
		$at = 'identify' if $at eq 'fold';
		my $pid;
		until ($pid)
		{
			$pid = $node->safe_psql('postgres', qq{SELECT pid FROM pg_stat_activity
				WHERE state = 'active' AND query ~ 'idverify_$at' AND pid <> pg_backend_pid() LIMIT 1});
		}
		kill_backend($pid);
	}
	IPC::Run::finish($_) for @clients;
	unlink "$folder/ring.new";
	start_server($postmaster) if $postmaster;

	# A fold of the other client may stand in the way of taking back one of its own.
	is(join('', grep { /ERROR/ && !/ERROR:  fold \d+ has moved or deleted rows/ } map { "$_\n" } map { split /\n/ } @errors), '', "$victim is killed: no client had met an error before");
	remember(map { split /\n/ } @output);
	all_is_well('after recovery');

	# A client that was stopped between staging and promoting left one staged.
	$node->safe_psql('postgres', q{SELECT idverify_promote(app_key) FROM idverify.app_status WHERE staged});
}

#
# What can be done with all that is left
#

symlink "$folder/last", "$folder/ring.new" or die;
rename "$folder/ring.new", "$folder/ring" or die;
reload($node);
is($node->safe_psql('postgres', 'SELECT idverify_rekey() = (SELECT count(*) FROM idverify.secrets)'), 't',
	'every sealed row opens: all are sealed anew under a third key');
all_is_well('under a third key');

$node->safe_psql('postgres', q{
	SELECT count(*) FROM (SELECT id FROM idverify.folds WHERE undone_at IS NULL ORDER BY id DESC) f,
		idverify_unfold(id)});
is($node->safe_psql('postgres', 'SELECT count(*) FROM messages WHERE contact_id <> written_as'), 0,
	'every fold can be taken back: each message is where it was written');
is($node->safe_psql('postgres', q{SELECT count(*) FROM idverify.folds f
		WHERE NOT EXISTS (SELECT FROM tags WHERE contact_id = f.source_id::bigint AND tag = 'vip')
		OR NOT EXISTS (SELECT FROM tags WHERE contact_id = f.source_id::bigint AND tag IN ('of ' || f.source_id, f.source_id))}),
	0, '... and each visitor has their tags');

$node->stop;
done_testing();

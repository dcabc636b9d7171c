# Changes that reach a session's cache from far away: through COPY, another key
# ring, a rekeying beside a rotation.
#
# Each time a session asks first, so that it has the answer in its cache, and
# stays in that transaction: it hears of nothing by itself.  What another session
# can do on the same server is in specs/secrets_cache_*.spec; for more see secrets_prepared.pl,
# secrets_logical.pl and secrets_standby.pl.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256_hex);
use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest qw(new_key new_server write_ring);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($old_key, $new_key) = map { "$_:" . new_key() . "\n" } 1, 2;
my $ring = write_ring(PostgreSQL::Test::Utils::tempdir . '/ring', $old_key);
my $node = new_server('cache', ring => $ring, conf => "autovacuum = off\nclient_min_messages = warning");

my $secret = '0123456789abcdef0123456789abcdef';
my $hash = hmac_sha256_hex('alice', $secret);

sub create_app
{
	$node->safe_psql('postgres',
		"SELECT app_key FROM idverify_create_app('Web', 'web', '$secret')");
}

sub delete_app
{
	$node->safe_psql('postgres', 'DELETE FROM idverify.apps');
}

# Ask in a session that exists already: t, f, or the SQLSTATE.
sub ask
{
	my ($session, $user_hash) = @_;
	$user_hash //= $hash;
	return $session->query("SELECT idverify_check('web', 'alice', '$user_hash');
\\if :ERROR
\\echo :SQLSTATE
\\endif
");
}

sub start_asking
{
	my ($server) = @_;
	my $session = $server->background_psql('postgres', on_error_stop => 0);
	$session->query_safe('BEGIN');
	return $session;
}

#
# COPY, and COPY in a session that has ordinary triggers switched off
#
foreach my $role ('origin', 'replica')
{
	create_app();
	my $rows = $node->safe_psql('postgres', 'COPY idverify.secrets TO STDOUT');
	$node->safe_psql('postgres', 'DELETE FROM idverify.secrets');

	my $asker = start_asking($node);
	is(ask($asker), 'f', "session_replication_role = $role: before COPY");
	$node->safe_psql('postgres',
		"SET session_replication_role = $role;\nCOPY idverify.secrets FROM STDIN;\n$rows\n\\.\n");
	is(ask($asker), 't', "session_replication_role = $role: after COPY");
	$asker->quit;
	delete_app();
}

#
# Another key ring.  What was opened with the old one is forgotten as soon as
# the session has read its configuration again.
#
{
	create_app();
	my $asker = $node->background_psql('postgres', on_error_stop => 0);
	my $reload = sub {
		my $before = $asker->query('SELECT pg_conf_load_time()');
		write_ring($ring, join '', @_);
		$node->reload;
		for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
		{
			last if $asker->query('SELECT pg_conf_load_time()') ne $before;
			select(undef, undef, undef, 0.1);
		}
	};

	is(ask($asker), 't', 'the key that sealed it is in the ring');
	$reload->($new_key);
	like(ask($asker), qr/^F0000$/m, 'it is not any more');
	$reload->($new_key, $old_key);
	is(ask($asker), 't', 'it is again, below a new one');
	$asker->quit;
}

#
# Sealing everything under the ring's new key, while an app is rotated.  Whoever
# comes second waits; nothing is lost, and all that was there is under the new key.
#
sub wait_until_blocked
{
	my ($name) = @_;
	$node->poll_query_until('postgres', "SELECT wait_event_type = 'Lock' FROM pg_stat_activity
		WHERE application_name = '$name'")
		or die "$name does not wait";
}

foreach my $first ('rotate', 'rekey')
{
	my %sql = (
		rotate => "SELECT length(idverify_rotate('web'))",
		rekey => 'SELECT idverify_rekey()');
	my $second = $first eq 'rotate' ? 'rekey' : 'rotate';
	$node->safe_psql('postgres', 'DELETE FROM idverify.apps');

	# sealed under the old key, with the new one to come
	write_ring($ring, $old_key);
	$node->reload;
	create_app();
	write_ring($ring, "$new_key$old_key");
	$node->reload;

	my $session = $node->background_psql('postgres');
	$session->query_safe("BEGIN;\n$sql{$first}");
	my $out = '';
	my $waiting = IPC::Run::start(
		[
			'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'),
			'-c', "SET application_name = 'second'", '-c', $sql{$second}
		],
		'>', \$out);
	wait_until_blocked('second');
	$session->query_safe('COMMIT');
	$session->quit;
	ok(IPC::Run::finish($waiting), "$first, and $second meanwhile: both succeed");
	is( $node->safe_psql('postgres', "SELECT count(*), count(*) FILTER (WHERE state = 'current'),
			count(*) FILTER (WHERE key_id = 2) FROM idverify.secrets"),
		'2|1|2', 'one current secret, and both under the new key');
	is($node->safe_psql('postgres', "SELECT idverify_check('web', 'alice', '$hash'),
			idverify_check('web', 'alice', idverify_sign('web', 'alice'))"),
		't|t', 'the replaced one and the new one verify');
}

$node->stop;
done_testing();

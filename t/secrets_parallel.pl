# A key ring that has gone bad: sessions that had read it go on, and so do their
# parallel workers, which are processes that have not.
#
# Each query is scanned by workers alone, and the plan is looked at.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($key, $other_key) = map { "$_:" . new_key() . "\n" } 1, 2;
my $ring = write_ring(PostgreSQL::Test::Utils::tempdir . '/ring', $key);
my $node = new_server('parallel', ring => $ring, conf => q(
max_parallel_workers_per_gather = 2
parallel_setup_cost = 0
parallel_tuple_cost = 0
min_parallel_table_scan_size = 0
parallel_leader_participation = off
));

my $hash = user_hash(create_app($node, 'web'), 'alice');
my $scan = "SELECT count(*) FROM visitors WHERE idverify_check('web', id, '$hash')";
$node->safe_psql('postgres', q(
	CREATE TABLE visitors AS SELECT 'alice' AS id FROM generate_series(1, 5000);
	ANALYZE visitors;
));

# What a session answers: the rows that verify, or the SQLSTATE.
sub counted
{
	my $session = shift;
	return $session->query("$scan;
\\if :ERROR
\\echo :SQLSTATE
\\endif") =~ s/\s+\z//r;
}

sub new_session
{
	return $node->background_psql('postgres', on_error_stop => 0);
}

# A session that has asked for itself, so that it has the ring.
sub warm_session
{
	my $session = new_session();
	is($session->query("SELECT idverify_check('web', 'alice', '$hash')"), 't', 'a session has the ring');
	return $session;
}

like($node->safe_psql('postgres', "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) $scan"),
	qr/Workers Launched: [12]\b.*Parallel Seq Scan on visitors/s, 'workers scan');

for my $bad ([ 'a bad line', sub { write_ring($ring, "${key}nonsense\n") } ],
	[ 'no file', sub { unlink $ring or die } ],
	[ 'a file that is open to others', sub { write_ring($ring, $key, 0644) } ])
{
	my ($what, $spoil) = @$bad;

	SKIP:
	{
		skip 'only Linux lets a worker have the ring of its session', 5 if $^O ne 'linux';

		my ($warm, $reloading) = (warm_session(), warm_session());
		&$spoil();
		is(counted($warm), 5000, "$what: workers of a session that has the ring");
		$node->reload;
		$reloading->query_until(qr/done/, "SELECT pg_sleep(0.1);\n\\echo done\n");
		is(counted($reloading), 5000, "$what, reloaded: workers of a session that has the ring");
		is(counted($reloading), 5000, '... once more');
		$warm->quit;
		$reloading->quit;
	}
	is(counted(my $new = new_session()), 'F0000', '... and of one that has none');
	$new->quit;
	write_ring($ring, $key);
	$node->reload;
}

# What a session offers is what it has: with a ring that has taken the place of
# another, its workers have that.
if ($^O eq 'linux')
{
	my $session = warm_session();

	write_ring($ring, "$other_key$key");
	$node->safe_psql('postgres', 'SELECT idverify_rekey()');
	write_ring($ring, $other_key);
	is($session->query("SELECT idverify_check('web', 'alice', '$hash')"), 't', 'a session reads another ring');
	unlink $ring or die;
	is(counted($session), 5000, '... which its workers have, too');

	my $pid = $session->query('SELECT pg_backend_pid()');
	my @files = grep { (readlink // '') =~ /memfd:idverify/ } glob "/proc/$pid/fd/*";
	is(scalar @files, 1, 'a session keeps one file, not one for each ring');
	$session->quit;
}

done_testing();

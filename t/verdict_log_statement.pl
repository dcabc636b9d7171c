# No line of the log that comes of a check or a verdict holds the user_hash: not
# that of an error in a parallel worker, which the leader raises again, nor the
# parameters that it was bound to, nor what the server logs of locks.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir;
my $ring = write_ring("$folder/ring", '1:' . new_key() . "\n");
my $node = new_server(
	'log_statement',
	ring => $ring,
	conf => q{
		log_statement = none
		log_min_error_statement = error
		log_parameter_max_length_on_error = -1
		log_lock_waits = on
		deadlock_timeout = 10ms
	});

create_app($node, $_) for qw(altered sound);
$node->safe_psql('postgres', q{
	UPDATE idverify.secrets s SET sealed = set_byte(sealed, 30, get_byte(sealed, 30) # 1)
	FROM idverify.apps a WHERE a.id = s.app_id AND a.app_key = 'altered';
	CREATE TABLE visitors AS SELECT 'visitor ' || n AS id FROM generate_series(1, 10000) n;
	ANALYZE visitors;
});

my $parallel = q{
	SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
	SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off;
};

# A statement that fails, with a user_hash in it.
sub hidden
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($expected, $what, $sql, $logged) = @_;
	my $marker = new_key();
	my ($sqlstate, undef, $told, $log) = attempt($node, sprintf $sql, $marker);

	is($sqlstate, $expected, "$what: fails");
	like($log, $logged // qr/ERROR: /, '... which is logged');
	unlike($log, qr/$marker/, '... without the user_hash');
	return $told;
}

for ([ 'check', "idverify_check('altered', id, '%s')" ],
	[ 'verdict', "idverify_verdict('altered', id, NULL, '%s') = 'verified'" ])
{
	my ($what, $call) = @$_;
	my $scan = "SELECT count(*) FROM visitors WHERE $call";

	hidden('XX001', "$what in the session", $scan);
	like(hidden('XX001', "$what in a parallel worker", "$parallel $scan"),
		qr/parallel worker/, '... and was one');
	hidden('XX001', "$what in a parallel worker, within a function",
		"$parallel DO \$\$ BEGIN PERFORM count(*) FROM visitors WHERE $call; END \$\$");
}

# bound parameters are logged as context
for my $settings ('', $parallel)
{
	my $given = new_key();
	my $offset = -s $node->logfile;
	my $script = "$folder/$offset.sql";

	append_to_file($script, "SELECT count(*) FROM visitors WHERE idverify_check('altered', id, :given);");
	local $ENV{PGOPTIONS} = join ' ', map { /SET (\w+) = (\w+)/ ? "-c $1=$2" : () } split /;/, $settings;
	command_fails([ 'pgbench', '-n', '-t1', '-M', 'extended', '-D', "given=$given",
			'-f', $script, $node->connstr('postgres') ], 'as a parameter');
	my $log = log_since($node, $offset);
	like($log, qr/ERROR:  secret 1 of app/, '... which is logged');
	unlike($log, qr/$given/, '... without the parameter' . ($settings ? ', of a parallel worker' : ''));
}

# waiting for a lock: what the server says of it
my $locker = $node->background_psql('postgres');
ask($locker, 'BEGIN; LOCK TABLE idverify.secrets IN ACCESS EXCLUSIVE MODE');
for ([ 'check', "idverify_check('sound', 'visitor', '%s')" ],
	[ 'verdict', "idverify_verdict('sound', 'visitor', NULL, '%s')" ])
{
	my ($what, $call) = @$_;

	hidden('55P03', "$what waits for a lock", "SET lock_timeout = 200; SELECT $call",
		qr/still waiting for AccessShareLock.*ERROR:  canceling statement due to lock timeout/s);
	hidden('57014', "$what waits until statement_timeout", "SET statement_timeout = 200; SELECT $call",
		qr/still waiting for AccessShareLock/);
	hidden('55P03', "$what waits in a parallel worker",
		"SET lock_timeout = 200; $parallel SELECT count(*) FROM visitors WHERE " . $call =~ s/'visitor'/id/r . '::text <> id',
		qr/still waiting for AccessShareLock/);
}
$locker->quit;

# a deadlock: the server logs the statements of all
my $other = $node->background_psql('postgres', on_error_stop => 0);
my $marker = new_key();
my $offset = -s $node->logfile;
ask($other, 'BEGIN; LOCK TABLE idverify.secrets IN ACCESS EXCLUSIVE MODE');
my $victim = $node->background_psql('postgres', on_error_stop => 0);
ask($victim, "SET deadlock_timeout = 100; BEGIN; LOCK TABLE visitors");
$other->query_until(qr//, "SET deadlock_timeout = '100s'; SELECT count(*) FROM visitors;\n");
$node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_locks WHERE relation = 'visitors'::regclass AND NOT granted});
my (undef, $messages) = ask($victim, "SELECT idverify_check('sound', 'visitor', '$marker')");
like($messages, qr/deadlock detected/, 'a deadlock');
my $log = log_since($node, $offset);
like($log, qr/ERROR:  deadlock detected/, '... is logged');
unlike($log, qr/$marker/, '... without the user_hash');
ask($victim, 'ROLLBACK');
$_->quit for $victim, $other;

# what this looks at does find the statement of another error
my (undef, undef, undef, $planted) = attempt($node, "$parallel SELECT count(*) FROM visitors WHERE (id || 'planted')::int = 1");
like($planted, qr/STATEMENT:.*planted/, 'the statement of any other error is logged');

$node->stop;
done_testing();

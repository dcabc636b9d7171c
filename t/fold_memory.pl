# A fold of a contact with a million messages takes no more memory than that of
# one with few; nor does taking it back.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest qw(new_server private_memory);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rows = 1_000_000;

# How far a backend may grow.  Its keys alone would take twice that as an array
# of text in memory.
my $limit_kb = 24 * 1024;

# Shared buffers count as the backend's own memory once it touches them.
my $node = new_server('memory',
	conf => "shared_buffers = 4MB\nwork_mem = 1MB\nautovacuum = off\nmax_wal_size = 4GB\nwal_level = minimal\nmax_wal_senders = 0");
$node->safe_psql('postgres', qq{
	CREATE TABLE people (id int PRIMARY KEY, name text);
	CREATE UNLOGGED TABLE messages (id int PRIMARY KEY, person int);
	SELECT idverify_add_reference('people', 'messages', 'person');
	INSERT INTO people VALUES (1, 'one'), (2, 'two');
	INSERT INTO messages SELECT n, 1 FROM generate_series(1, $rows) n;
});

SKIP:
{
	skip 'needs /proc', 4 unless defined private_memory($$);

	my $session = $node->background_psql('postgres');
	my $pid = $session->query_safe('SELECT pg_backend_pid();');
	$session->query_safe(q{BEGIN; SELECT count(*) FROM idverify_fold(1, 2, 'people', dry_run => true) WHERE false; ROLLBACK;});
	my $before = private_memory($pid);
	is($session->query_safe(q{SELECT moved FROM idverify_fold(1, 2, 'people') WHERE relation = 'messages'::regclass;}),
		$rows, 'every row is moved');
	my $after = private_memory($pid);
	cmp_ok($after - $before, '<', $limit_kb, "a fold grows by less than $limit_kb kB");
	is($session->query_safe(q{SELECT moved FROM idverify_unfold(1) WHERE relation = 'messages'::regclass;}),
		$rows, 'every row is moved back');
	cmp_ok(private_memory($pid) - $before, '<', $limit_kb, 'and so does taking it back');
	$session->quit;
}

$node->stop;
done_testing();

# A fold of a contact with a million messages takes no more memory than that of
# one with few; nor does taking it back.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rows = 1_000_000;

# How far a backend may grow.  Its keys alone would take twice that as an array
# of text in memory.
my $limit_kb = 24 * 1024;

my $node = PostgreSQL::Test::Cluster->new('memory');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
# Shared buffers count as the backend's own memory once it touches them.
$node->append_conf('postgresql.conf',
	"shared_buffers = 4MB\nwork_mem = 1MB\nautovacuum = off\nmax_wal_size = 4GB\nwal_level = minimal\nmax_wal_senders = 0");
$node->start;
$node->safe_psql('postgres', qq{
	CREATE EXTENSION idverify;
	CREATE TABLE people (id int PRIMARY KEY, name text);
	CREATE UNLOGGED TABLE messages (id int PRIMARY KEY, person int);
	SELECT idverify_add_reference('people', 'messages', 'person');
	INSERT INTO people VALUES (1, 'one'), (2, 'two');
	INSERT INTO messages SELECT n, 1 FROM generate_series(1, $rows) n;
});

# How much memory of its own the one backend has, in kB.
sub rss
{
	my ($pid) = @_;
	my $status = slurp_file("/proc/$pid/status");
	my ($anon) = $status =~ /^RssAnon:\s*(\d+) kB/m;
	return $anon;
}

SKIP:
{
	skip 'needs /proc', 4 unless -r "/proc/$$/status";

	my ($in, $out, $err) = ('', '', '');
	my $psql = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', '-' ],
		'<', \$in, '>', \$out, '2>', \$err);
	my $ask = sub {
		$out = '';
		$in .= "$_[0]\n\\echo done\n";
		IPC::Run::pump($psql) until $out =~ /^done$/m || $err ne '';
		$out =~ s/^done\n//m;
		chomp $out;
		return $out;
	};

	my $pid = $ask->('SELECT pg_backend_pid();');
	$ask->(q{BEGIN; SELECT count(*) FROM idverify_fold(1, 2, 'people', dry_run => true) WHERE false; ROLLBACK;});
	my $before = rss($pid);
	is($ask->(q{SELECT moved FROM idverify_fold(1, 2, 'people') WHERE relation = 'messages'::regclass;}),
		$rows, 'every row is moved');
	my $after = rss($pid);
	cmp_ok($after - $before, '<', $limit_kb, "a fold grows by less than $limit_kb kB");
	is($ask->(q{SELECT moved FROM idverify_unfold(1) WHERE relation = 'messages'::regclass;}),
		$rows, 'every row is moved back');
	cmp_ok(rss($pid) - $before, '<', $limit_kb, 'and so does taking it back');
	$in .= "\\q\n";
	IPC::Run::finish($psql);
	is($err, '', 'without an error');
}

$node->stop;
done_testing();

# The doctor, and what is outside the database: the key ring, settings, the
# statistics.  Each remedy is run as it is printed, in a shell or in psql.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir;
my $ring = "$folder/the ring";
my ($one, $two) = map { new_key() } 1 .. 2;
# The tests' servers log all statements.
my $node = new_server('doctor', ring => $ring, conf => "log_statement = none\n");
my $statistics = $node->safe_psql('postgres', 'SELECT idverify.counting_since() IS NOT NULL');
my $quiet = "finding NOT IN ('statistics_off')";

# What is found, each as finding and object.
sub found
{
	my ($where) = @_;
	return $node->safe_psql('postgres',
		"SELECT string_agg(finding || ' ' || object, ', ') FROM idverify_doctor() WHERE " . ($where // $quiet));
}

# Run the remedies, each statement by itself, or each line in a shell.
sub obey
{
	my ($how, $where) = @_;
	my @lines = split /\n/, $node->safe_psql('postgres', 'SELECT remedy FROM idverify_doctor() WHERE ' . ($where // $quiet));

	for (@lines)
	{
		if ($how eq 'sql') { $node->safe_psql('postgres', $_) }
		else
		{
			local $ENV{HOME} = $folder;
			local @ENV{qw(PGHOST PGPORT PGDATABASE)} = ($node->host, $node->port, 'postgres');
			system($_) == 0 or die $_;
		}
	}
	return;
}

#
# The key ring
#
is(found(), 'no_key_ring idverify.key_file', 'no file');
my $before = now($node);
obey('sh');
wait_for_reload($node, $before);
is(found(), '', 'the lines make one, and name it');

write_ring($ring, "1:$one\n");
$node->safe_psql('postgres', "ALTER SYSTEM SET idverify.key_file = '$ring'");
reload($node);
my $secret = create_app($node, 'shop', grace => '0');
is(found(), '', 'a ring that is used');

chmod 0640, $ring or die;
is(found(), 'ring_refused idverify.key_file', 'a ring that others may read');
$node->safe_psql('postgres', q{
	CREATE ROLE regress_dba LOGIN; CREATE ROLE regress_settings LOGIN IN ROLE pg_read_all_settings;
	GRANT EXECUTE ON FUNCTION idverify_doctor() TO regress_dba, regress_settings});
for ([ 'regress_dba', 'f' ], [ 'regress_settings', 't' ])
{
	my ($role, $sees) = @$_;
	is($node->safe_psql('postgres', "SELECT string_agg(detail, '') LIKE '%$folder%', count(remedy) = 1 FROM idverify_doctor() WHERE $quiet",
			extra_params => [ '-U', $role ]), "$sees|$sees", "$role: sees the path: $sees");
}
obey('sh');
is(found(), '', 'the remedy is a line of shell');

write_ring($ring, "2:$two\n1:$one\n");
is(found(), 'rekey_pending 1', 'a new first key, of which no session was told');
write_ring($ring, "2:$two\n");
is(found(), 'ring_key_missing 1', 'the key of a secret is gone');
write_ring($ring, "1:$two\n");
is(found(), 'secret_unopenable shop/main', 'another key has its id');
write_ring($ring, "2:$two\n1:$one\n");
obey('sql');
is(found(), 'ring_key_unused 1', 'all is sealed anew, and the old key is not needed');
write_ring($ring, "2:$two\n");
is(found(), '', 'without it all is well');

# What has expired under a key that is gone is in nobody's way, but in that of rekey.
$node->safe_psql('postgres', q{SELECT idverify_rotate('shop', grace => '1 day'); UPDATE idverify.secrets SET expires_at = now() WHERE state = 'previous'});
write_ring($ring, "1:$one\n2:$two\n");
is(found(), 'rekey_pending 2', 'an expired one is sealed under the old key, too');
obey('sql');
is(found(), 'ring_key_unused 2', '... and is purged by the remedy');
write_ring($ring, "1:$one\n");

#
# Settings
#
$node->safe_psql('postgres', q{ALTER SYSTEM SET log_statement = 'mod'});
reload($node);
is(found(), 'hash_logged log_statement', 'statements are logged with their parameters');
$before = now($node);
obey('sql');
wait_for_reload($node, $before);
is(found(), '', 'the remedy leaves the parameters out');

#
# Statistics
#
SKIP:
{
	skip 'there are statistics without preloading', 1 if $statistics eq 't';
	is(found("finding = 'statistics_off'"), 'statistics_off shared_preload_libraries', 'there are no statistics');
}
$node->safe_psql('postgres', q{ALTER SYSTEM SET shared_preload_libraries = 'auto_explain'});
$node->restart;
obey('sql', "finding = 'statistics_off'");
$node->restart;
is($node->safe_psql('postgres', 'SHOW shared_preload_libraries'), $statistics eq 't' ? 'auto_explain' : 'auto_explain, idverify',
	'the remedy keeps what was preloaded');
is(found('true'), '', 'there are statistics');

$node->safe_psql('postgres', "LOAD 'idverify'; ALTER SYSTEM SET idverify.stat_apps = 1");
$node->safe_psql('postgres', q{SELECT idverify_create_app('Other', 'other')});
$node->restart;
$node->safe_psql('postgres', "SELECT idverify_check('$_', 'x', repeat('0', 64))") for qw(shop other);
is(found('true'), 'statistics_full idverify.stat_apps', 'an app had to make room for another');
obey('sql', 'true');
$node->restart;
is(found('true'), '', 'the remedy makes room for both');
is($node->safe_psql('postgres', "LOAD 'idverify'; SHOW idverify.stat_apps"), '2', '... and no more');

done_testing();

# The short form of bench/load: many clients through a pooler, and nothing lost.
# It asks for no figure but zeros, since the others depend on the machine.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use IdverifyTest;
use IdverifyClients;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

skip_without_clients();
plan skip_all => 'pgbouncer is not installed' unless -x '/usr/sbin/pgbouncer';

my $node = new_server('clients', extension => 0);
my ($output, $messages) = ('', '');
my $ended = IPC::Run::run([qw(bench/load -s -t 5)], '>', \$output, '2>', \$messages,
	init => sub { @ENV{qw(PGHOST PGPORT PGDATABASE)} = ($node->host, $node->port, 'postgres') });

for my $zero ('errors', 'contacts made twice', 'conversations lost')
{
	like($output, qr/^$zero +0 /m, "no $zero");
}
like($output, qr/^transactions a second +[1-9]/m, 'there was a load');
ok($ended, 'bench/load is content') or diag("$output$messages");

done_testing();

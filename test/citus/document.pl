#
# The steps of doc/growing.md, as they are printed
#
# A block of "sql citus" runs on the coordinator, one of citus-every on each node,
# one of citus-workers on the workers.  What it answers is printed in it, as in all
# documents (t/documents.pl).
#
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use CitusTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($coordinator, @workers) = my @nodes = new_cluster(nodes => 1);
my %where = (citus => [$coordinator], 'citus-every' => \@nodes, 'citus-workers' => \@workers);
my @variables = (
	coordinator => $coordinator->host, coordinator_port => $coordinator->port,
	map { ("worker$_" => $workers[ $_ - 1 ]->host, "worker${_}_port" => $workers[ $_ - 1 ]->port) } 1 .. 2);
my $document = slurp_file("$FindBin::RealBin/../../doc/growing.md");
my $blocks = 0;

while ($document =~ /^( *)```sql (citus\S*)\n(.*?)^\1```$/msg)
{
	my ($indent, $how, $block) = ($1, $2, $3);
	my $line = 1 + (substr($document, 0, $-[0]) =~ tr/\n//);

	$block =~ s/^$indent//mg;
	my ($text, $answer, $printed) = ('', '', '');
	$blocks++;
	for my $node (@{ $where{$how} or die "doc/growing.md:$line: $how" })
	{
		my ($out, $err) = ('', '');
		# what is printed after a line is what the lines before have answered
		my $script = "\\set ON_ERROR_STOP on\n" . $block =~ s/((?:^--> .*\n)+)/\\echo printed here\n/mgr;
		my @expected = map { [ map { s/^--> //r } split /\n/ ] } $block =~ /((?:^--> .*\n)+)/mg;
		my $ran = run_log([ 'psql', '-XqAt', '-F', ' | ', '-d', $node->connstr('postgres'), '-f', '-',
				map { ('-v', "$variables[2 * $_]=$variables[2 * $_ + 1]") } 0 .. $#variables / 2 ],
			'<', \$script, '>', \$out, '2>', \$err);
		my @answers = map { [ split /\n/ ] } split /printed here\n/, $out;

		ok($ran, "doc/growing.md:$line: runs on " . $node->name) or diag($err);
		is_deeply([ @answers[ 0 .. $#expected ] ], \@expected, '... and answers what is printed') if @expected;
	}
}
cmp_ok($blocks, '>', 5, 'there are steps');

done_testing();

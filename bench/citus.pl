#
# What identify, a login and a fold cost on Citus, beside one node
#
# Run by dev/citus -r ROUNDS.  In alternating rounds, on three places: a node without
# Citus; the coordinator of two workers; and the worker that has the app's shard,
# to which apps and secrets are replicated.  All on one machine, which therefore has
# no network between its nodes.  Prints medians, and their ratio to the first place.
#
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../test/citus/lib";
use lib "$FindBin::RealBin/../t/lib";
use CitusTest;
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{CITUS_ROUNDS} || 1;
my $calls = 100;
my $people = 10000;
my %kinds = (
	repeated => 'identify, nothing new',
	first => 'identify, first time',
	login => 'an anonymous visitor logs in',
	fold => 'fold of three conversations, five messages');
my @kinds = qw(repeated first login fold);

my ($coordinator, @workers) = new_cluster();
my $alone = new_server('alone', extension => 0, conf => 'wal_level = logical');

# An app, its people, and the tables that refer to them.
my $tables = <<'SQL';
SELECT idverify_create_app('Bench', 'bench', secret => '0123456789abcdef-bench');
CREATE TABLE conversations (
	app_id int DEFAULT 1,
	id bigint GENERATED ALWAYS AS IDENTITY,
	contact_id bigint NOT NULL,
	PRIMARY KEY (app_id, id),
	FOREIGN KEY (app_id, contact_id) REFERENCES idverify.contacts
);
CREATE INDEX ON conversations (app_id, contact_id);
CREATE TABLE messages (
	app_id int DEFAULT 1,
	id bigint GENERATED ALWAYS AS IDENTITY,
	contact_id bigint NOT NULL,
	body text,
	PRIMARY KEY (app_id, id),
	FOREIGN KEY (app_id, contact_id) REFERENCES idverify.contacts
);
CREATE INDEX ON messages (app_id, contact_id);
SQL
my $contacts = <<"SQL";
INSERT INTO idverify.contacts (app_id, id, external_id, name, is_verified, verified_at, last_seen_at)
	SELECT 1, n, 'person-' || n, 'Person ' || n, true, now(), now() + interval '1 day' FROM generate_series(1, $people) n;
SELECT setval('idverify.contacts_id_seq', $people);
SQL

$alone->safe_psql('postgres', "CREATE EXTENSION idverify; CREATE EXTENSION pgcrypto; $tables $contacts");
distribute_contacts($coordinator);
$coordinator->safe_psql('postgres', $tables);
$coordinator->safe_psql('postgres',
	"SELECT create_distributed_table(t, 'app_id', colocate_with => 'idverify.contacts') FROM unnest('{conversations,messages}'::text[]) t;");
$coordinator->safe_psql('postgres', $contacts);
replicate_apps($coordinator, @workers);
my (undef, $port) = shard_of($coordinator, 'idverify.contacts', 1);
my ($worker) = grep { $_->port == $port } @workers;
# Sequences of an extension count on each node for themselves; here they keep apart.
$worker->safe_psql('postgres', "SELECT setval(s, 1000000000) FROM unnest('{idverify.contacts_id_seq,idverify.folds_id_seq}'::regclass[]) s");
my @places = ([ 'one node' => $alone ], [ coordinator => $coordinator ], [ worker => $worker ]);

for my $place (@places)
{
	my $node = $place->[1];
	my $alone_here = $node == $alone ? 'SELECT' : 'SET citus.enable_ddl_propagation = off';

	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-v', "size=$people", '-v', "calls=$calls", '-v', "rounds=$rounds",
			'-d', $node->connstr('postgres'), '-c', $alone_here, '-f', "$FindBin::RealBin/calls.sql" ],
		"$place->[0]: calls");
	$node->safe_psql('postgres', q{
		INSERT INTO conversations (app_id, contact_id) SELECT 1, unnest(ARRAY[visitor, folded]) FROM calls, generate_series(1, 3);
		INSERT INTO messages (app_id, contact_id, body) SELECT 1, unnest(ARRAY[visitor, folded]), 'hello' FROM calls, generate_series(1, 5);});
}
$_->safe_psql('postgres', 'VACUUM ANALYZE') for $alone, $coordinator;

my %took;
for my $round (0 .. $rounds)
{
	for my $kind ('nothing', @kinds)
	{
		for my $place (@places)
		{
			my $took = $place->[1]->safe_psql('postgres', "CALL measure($round, '$kind')");
			# the first round warms up
			push @{ $took{ $place->[0] }{$kind} }, $took if $round > 0;
		}
	}
}

sub median
{
	my @sorted = sort { $a <=> $b } @_;
	return ($sorted[ $#sorted / 2 ] + $sorted[ @sorted / 2 ]) / 2;
}

note(sprintf '%-44s' . ' %20s' x @places, "medians of $rounds rounds", map { $_->[0] } @places);
for my $kind (@kinds)
{
	my @net = map { median(@{ $took{ $_->[0] }{$kind} }) - median(@{ $took{ $_->[0] }{nothing} }) } @places;
	note(sprintf '%-44s' . ' %9.0f us %6.2fx' x @places, $kinds{$kind}, map { ($_, $_ / $net[0]) } @net);
}
is($_->[1]->safe_psql('postgres', 'SELECT count(*) FROM conversations c JOIN calls ON contact_id IN (visitor, folded)'),
	0, "$_->[0]: every visitor was folded")
  for @places;

done_testing();

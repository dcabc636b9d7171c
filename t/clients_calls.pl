# The functions as other people's libraries call them: with parameters that
# carry no type, or the one that the library gives them.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use IdverifyClients;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

skip_without_clients();

my $node = new_server('clients');
my $secret = create_app($node, 'chat', on_unverified => 'accept');
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE chat LOGIN;
GRANT USAGE ON SCHEMA idverify TO chat;
GRANT EXECUTE ON FUNCTION idverify_check, idverify_verdict, idverify_mask TO chat;
DO $$
DECLARE
	f regprocedure;
BEGIN
	FOR f IN SELECT oid FROM pg_proc WHERE proname IN ('idverify_identify', 'idverify_fold', 'idverify_unfold', 'idverify_resolve') LOOP
		EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO chat', f);
	END LOOP;
END
$$;
CREATE TABLE people (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text);
SQL

my @clients = clients();

# These fold, each of them two contacts of ids of either kind: a bigint that the
# library hands out as a string, most often, and a uuid.
my %ids;
for my $client (@clients)
{
	my @contacts = map { $node->safe_psql('postgres', "SELECT contact_id FROM idverify_identify('chat')") } 1 .. 2;
	my @people = map { $node->safe_psql('postgres', "INSERT INTO people (name) VALUES ('$client') RETURNING id") } 1 .. 2;

	$ids{$client} = [ @contacts, @people ];
}
my $visitor = qr/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/;

sub query { my ($sql, @parameters) = @_; return { op => 'query', sql => $sql, parameters => \@parameters } }

for my $client (@clients)
{
	my ($source, $target, $old, $new) = @{ $ids{$client} };
	my $person = "$client-1";
	my $hash = user_hash($secret, $person);
	my %claim = (external_id => $person, user_hash => $hash, custom_data => { plan => 'pro' });
	my $identify = 'SELECT verdict, is_verified, visitor FROM idverify_identify($1, $2, $3)';

	# what is asked, the answer, and what is looked at
	my @cases = (
		[ query('SELECT idverify_check($1, $2, $3)', 'chat', $person, $hash), 't', 'a right hash' ],
		[ query('SELECT idverify_check($1, $2, $3)', 'chat', "$person!", $hash), 'f', 'a wrong one' ],
		[ query('SELECT idverify_check($1, $2, $3)', 'chat', $person, undef), 'f', 'none' ],
		[ query('SELECT idverify_verdict($1, $2, $3, $4)', 'chat', $person, undef, $hash), 'verified', 'a verdict' ],
		[ query($identify, 'chat', \%claim, undef), qr/^verified\|t\|($visitor)?$/, 'identify, with a claim as an object' ],
		[ query('SELECT verdict, is_verified FROM idverify_identify($1, $2)', 'chat', \%claim), 'verified|t', '... and without a visitor' ],
		[ query('SELECT verdict FROM idverify_identify($1, $2)', 'chat',
				{ external_id => 42, user_hash => user_hash($secret, '42') }), 'verified', '... and with a number as external_id' ],
		[ query($identify, 'chat', { name => 'Somebody' }, undef), qr/^anonymous\|f\|$visitor$/, 'a visitor without a token' ],
		[ query($identify, 'chat', { name => 'Somebody' }, ''), qr/^anonymous\|f\|$visitor$/, '... with an empty one' ],
		[ query($identify, 'chat', { name => 'Somebody' }, "' OR 1=1 --"), qr/^anonymous\|f\|$visitor$/, '... with one that is none' ],
		[ query('SELECT DISTINCT relation, moved FROM idverify_fold($1, $2)', "$source", "$target"), qr/^idverify\.contacts\|\d+$/, 'fold, ids as strings' ],
		[ query('SELECT idverify_resolve($1)', "$source"), "$target", 'resolve, an id as a string' ],
		[ query('SELECT DISTINCT relation FROM idverify_fold($1, $2, $3)', $old, $new, 'people'), 'people', 'fold of uuids, in a table of one\'s own' ],
		[ query('SELECT idverify_resolve($1, $2)', $old, 'people'), $new, '... and resolve' ],
		[ query('SELECT relation FROM idverify_unfold((SELECT max(fold_id) FROM (SELECT 0 AS fold_id) f))'), 'error 42704', 'an unfold of what was never folded' ],
		[ query('SELECT * FROM idverify_fold($1, $2)', 'nobody', "$target"), 'error 22P02', 'an id that is none' ]);
	my @got = run_client($client, [ map { $_->[0] } @cases ], PGHOST => $node->host,
		PGPORT => $node->port, PGUSER => 'chat', PGDATABASE => 'postgres');

	for my $n (0 .. $#cases)
	{
		my (undef, $expected, $about) = @{ $cases[$n] };

		ref $expected ? like($got[$n], $expected, "$client: $about") : is($got[$n], $expected, "$client: $about");
	}
}

done_testing();

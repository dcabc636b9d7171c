# The signers of sign/: in each language the same user_hash, tokens that the
# database takes, and nothing that would sign for everybody.
#
# test/sign/README.md tells what the programs read.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use IdverifyClients;
use Encode qw(encode_utf8);
use IPC::Run;
use JSON::PP;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

skip_without_clients();

my $vectors = decode_json(slurp_file('sign/vectors.json'));
my $folder = PostgreSQL::Test::Utils::tempdir;
my $node = new_server('sign');
create_app($node, 'hashes', secret => $vectors->{secret});
create_app($node, 'tokens', secret => $vectors->{secret}, signs => 'token');

# Of each language: what it needs, how it is built, and how it is started.
my %language = (
	Node => [ [ 'node', '--version' ], [], [ 'node', 'test/sign/sign.mjs' ] ],
	Python => [ [ '/usr/bin/python3', '--version' ], [], [ '/usr/bin/python3', 'test/sign/sign.py' ] ],
	Ruby => [ [ '/usr/bin/ruby', '--version' ], [], [ '/usr/bin/ruby', 'test/sign/sign.rb' ] ],
	PHP => [ [ '/usr/bin/php', '--version' ], [], [ '/usr/bin/php', 'test/sign/sign.php' ] ],
	Go => [
		[ 'go', 'version' ],
		[ 'sh', '-c', 'mkdir -p "$0/idverify" && cp sign/idverify.go "$0/idverify" && cp test/sign/sign.go "$0" && cd "$0" &&
			printf "module sign\n\ngo 1.19\n" > go.mod && GOTOOLCHAIN=local GOCACHE="$0/cache" GOPROXY=off go build -o signs .', "$folder/go" ],
		["$folder/go/signs"] ],
	Java => [ [ 'javac', '-version' ], [ 'javac', '-encoding', 'UTF-8', '-d', "$folder/java", 'sign/Idverify.java', 'test/sign/Sign.java' ], [ 'java', '-cp', "$folder/java", 'Sign' ] ],
	'C#' => [ [ 'mcs', '--version' ], [ 'mcs', "-out:$folder/Sign.exe", 'sign/Idverify.cs', 'test/sign/Sign.cs' ], [ 'mono', "$folder/Sign.exe" ] ],
	shell => [ [ 'sh', '-c', ':' ], [], [ 'sh', 'test/sign/sign.sh' ] ]);

# The line that stands for an id.
sub hash_line
{
	my ($id) = @_;

	return 'hash nothing' unless defined $id;
	# a number of JSON's is one that no text was made of
	return "hash number $id" if encode_json([$id]) !~ /"/;
	return 'hash text ' . encode_base64(encode_utf8($id), '');
}

sub token_line { return "token $_[1] " . encode_base64(encode_utf8($_[0]), '') }

my @lifetimes = ([ 1, 1 ], [ 86400, 1 ], [ 0, 0 ], [ 86401, 0 ], [ -5, 0 ]);
my @people = grep { length $_ <= 64 } map { $_->{id} } @{ $vectors->{signed} };
my @lines = (
	(map { hash_line($_->{id}) } @{ $vectors->{signed} }),
	(map { hash_line($_) } @{ $vectors->{refused} }),
	(map { token_line($_, 300) } @people),
	(map { token_line($_ // '', 300) } @{ $vectors->{refused} }),
	(map { token_line('user_4711', $_->[0]) } @lifetimes));

# Have a language sign.  Returns what it made of each line.
sub signed
{
	my ($start, $secret) = @_;
	my ($input, $output, $messages) = (join('', map { "$_\n" } @lines), '', '');
	local %ENV = (%ENV, IDENTITY_SECRET => $secret, PYTHONDONTWRITEBYTECODE => 1, LC_ALL => 'C.UTF-8');

	IPC::Run::run($start, '<', \$input, '>', \$output, '2>', \$messages) or diag("@$start: $messages");
	return split /\n/, $output;
}

for my $name (sort keys %language)
{
	my ($needs, $build, $start) = @{ $language{$name} };
	my $said = '';

	if (!eval { IPC::Run::run($needs, '>&', \$said) })
	{
		diag("skipped: $name is not installed");
		next;
	}
	if (@$build && !IPC::Run::run($build, '>&', \$said))
	{
		fail("$name: builds");
		diag($said);
		next;
	}

	my @made = signed($start, $vectors->{secret});
	is(scalar @made, scalar @lines, "$name: an answer to each case") or next;

	my @hashes = splice @made, 0, scalar @{ $vectors->{signed} };
	is_deeply(\@hashes, [ map { $_->{user_hash} } @{ $vectors->{signed} } ], "$name: the user_hash of everybody");
	is_deeply([ splice @made, 0, scalar @{ $vectors->{refused} } ], [ map { 'refused' } @{ $vectors->{refused} } ], "$name: nobody is not signed");

	my @tokens = splice @made, 0, scalar @people;
	my $asked = join ', ', map { sprintf "(%s, %s)", literal(encode_utf8($people[$_])), literal($tokens[$_]) } 0 .. $#people;
	is($node->safe_psql('postgres', "SELECT count(*) FROM (VALUES $asked) v (id, token) WHERE NOT idverify_check('tokens', id, token)"), 0, "$name: the database takes each token");
	if ($name ne 'shell')
	{
		is($node->safe_psql('postgres', "SELECT idverify_token_claims('tokens', " . literal($tokens[0]) . ") ->> 'name'"), "\"\\\xC3\xA9\xF0\x9F\x98\x80", "$name: text is escaped in JSON");
		is($node->safe_psql('postgres', "SELECT idverify_token_claims('tokens', " . literal($tokens[0]) . ") -> 'custom_data'"), '{"plans": ["pro", 7, true]}', "$name: lists and objects are JSON");
	}
	is_deeply([ splice @made, 0, scalar @{ $vectors->{refused} } ], [ map { 'refused' } @{ $vectors->{refused} } ], "$name: no token for nobody");
	is_deeply([ map { $_ eq 'refused' ? 0 : 1 } @made ], [ map { $_->[1] } @lifetimes ], "$name: a lifetime of 1 to 86400 seconds");

	for my $case ([ '', 'that is empty' ], [ "$vectors->{secret}\n", 'with a line feed' ], [ " $vectors->{secret}", 'with a blank' ])
	{
		my ($secret, $how) = @$case;
		is(scalar(grep { $_ ne 'refused' } signed($start, $secret)), 0, "$name: nothing is signed with a secret $how");
	}
}

# The vectors are the database's, too.
is($node->safe_psql('postgres', sprintf "SELECT count(*) FROM (VALUES %s) v (id, hash) WHERE NOT idverify_check('hashes', id, hash)",
		join ', ', map { sprintf "(%s, '%s')", literal(encode_utf8($_->{id})), $_->{user_hash} } @{ $vectors->{signed} }),
	0, 'the database verifies each user_hash');
is($node->safe_psql('postgres', sprintf "SELECT count(*) FROM (VALUES %s) v (id) WHERE idverify_verdict('hashes', id, NULL, idverify_sign('hashes', 'somebody')) NOT IN ('bad_identity', 'anonymous')",
		join ', ', map { sprintf '(%s)', literal($_ // '') } @{ $vectors->{refused} }),
	0, 'and nobody whom the signers refuse is anybody there');

done_testing();

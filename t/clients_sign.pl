# The signers of sign/: in each language the same user_hash, tokens that the
# database takes, and nothing that would sign for everybody: what is refused here is
# nobody there.
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

# The line that stands for claims, all of them text.
sub claims_line
{
	my ($claims) = @_;

	return join ' ', 'claims', map { "$_=" . encode_base64(encode_utf8($claims->{$_}), '') } sort keys %$claims;
}

# What an argument of the shell can hold, and whom a token of its signer can name.
sub shell_has_it
{
	my ($case) = @_;

	return 1 unless defined $case;
	return keys %$case == 1 && shell_has_it(values %$case) if ref $case;
	return $case !~ /\0/;
}

my ($signed, $tokens) = @$vectors{qw(signed tokens)};
my @lifetimes = ([ 1, 1 ], [ 86400, 1 ], [ 0, 0 ], [ 86401, 0 ], [ -5, 0 ]);
my @people = grep { length $_ <= 64 } map { $_->{id} } @$signed;

# Have a language sign.  Returns what it made of each line.  That perl is told to take
# its arguments for characters is no difference to the shell's.
sub signed
{
	my ($start, $secret, @lines) = @_;
	my ($input, $output, $messages) = (join('', map { "$_\n" } @lines), '', '');
	local %ENV = (%ENV, IDENTITY_SECRET => $secret, PYTHONDONTWRITEBYTECODE => 1, LC_ALL => 'C.UTF-8', PERL_UNICODE => 'SAD', PERL5OPT => '-CA');

	IPC::Run::run($start, '<', \$input, '>', \$output, '2>', \$messages) or diag("@$start: $messages");
	my @made = split /\n/, $output;
	diag(@made . ' answers to ' . @lines . " cases: $messages") if @made != @lines;
	return @made;
}

# Which of these lines a language signs, instead of refusing them.
sub not_refused
{
	my ($start, @lines) = @_;
	my @made = signed($start, $vectors->{secret}, @lines);

	return [ map { $lines[$_] } grep { ($made[$_] // 'nothing') ne 'refused' } 0 .. $#lines ];
}

# Which of these tokens, of [external_id or undef, email or undef, token], are not right.
sub not_verified
{
	return $node->safe_psql('postgres', sprintf "SELECT string_agg(concat_ws(' ', id, email, verdict), ', ')
		FROM (VALUES %s) v (id, email, token), idverify_verdict('tokens', id, email, token) verdict WHERE verdict <> 'verified'",
		join ', ', map { sprintf '(%s)', join ', ', map { defined ? literal(encode_utf8($_)) : 'NULL::text' } @$_ } @_);
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

	my $shell = $name eq 'shell';
	my @refused = grep { !$shell || shell_has_it($_) } @{ $vectors->{refused} };
	my @hashes = signed($start, $vectors->{secret}, map { hash_line($_->{id}) } @$signed);
	is_deeply(\@hashes, [ map { $_->{user_hash} } @$signed ], "$name: the user_hash of everybody");
	is_deeply(not_refused($start, map { hash_line($_) } @refused), [], "$name: nobody is not signed");
	is_deeply(not_refused($start, 'hash text broken', 'token 300 broken', 'claims email=broken'), [], "$name: nor is text that is none");

	my @tokens = signed($start, $vectors->{secret}, map { token_line($_, 300) } @people);
	is(not_verified(map { [ $people[$_], undef, $tokens[$_] ] } 0 .. $#people), '', "$name: the database takes each token");
	if (!$shell)
	{
		my $claims = "idverify_token_claims('tokens', " . literal($tokens[0]) . ')';
		is($node->safe_psql('postgres', "SELECT $claims ->> 'name'"), "\"\\\xC3\xA9\xF0\x9F\x98\x80", "$name: text is escaped in JSON");
		is($node->safe_psql('postgres', "SELECT $claims -> 'custom_data'"), '{"plans": ["pro", 7, true]}', "$name: lists and objects are JSON");

		my ($token) = signed($start, $vectors->{secret}, 'claims name=broken sub=' . encode_base64('user_4711', ''));
		ok($token eq 'refused' || not_verified([ 'user_4711', undef, $token ]) eq '', "$name: text that is none is not in a token");
	}
	is_deeply(not_refused($start, map { token_line($_ // '', 300) } @refused), [], "$name: no token for nobody");

	my @claims = grep { !$shell || shell_has_it($_) } @{ $tokens->{signed} };
	my @made = signed($start, $vectors->{secret}, map { claims_line($_) } @claims);
	# an email that does not count is only text
	my @whose = map { [ $_->{sub} || undef, $_->{sub} ? undef : $_->{email} ] } @claims;
	is(not_verified(map { [ @{ $whose[$_] }, $made[$_] ] } 0 .. $#claims), '', "$name: a token of an id, or of an email");
	is_deeply(not_refused($start, map { claims_line($_) } grep { !$shell || shell_has_it($_) } @{ $tokens->{refused} }), [], "$name: no token of claims that the database refuses");

	@made = signed($start, $vectors->{secret}, map { token_line('user_4711', $_->[0]) } @lifetimes);
	is_deeply([ map { $_ eq 'refused' ? 0 : 1 } @made ], [ map { $_->[1] } @lifetimes ], "$name: a lifetime of 1 to 86400 seconds");

	for my $case ([ '', 'that is empty' ], [ "$vectors->{secret}\n", 'with a line feed' ], [ " $vectors->{secret}", 'with a blank' ])
	{
		my ($secret, $how) = @$case;
		is_deeply([ signed($start, $secret, 'hash text dXNlcg==', 'token 300 dXNlcg==') ], [ 'refused', 'refused' ], "$name: nothing is signed with a secret $how");
	}
}

# What is peculiar to one language: how it is asked, and what it answers.
my @peculiar = (
	[ 'Node: what is inherited or got is not signed unless JSON has it', 'node', '--input-type=module', '-e', <<'EOP', "error error b true\n" ],
import { signToken } from './sign/idverify.mjs'
const said = claims => { try { return JSON.parse(Buffer.from(signToken(process.env.K, claims).split('.')[1], 'base64url')) } catch { return { sub: 'error' } } }
const replaced = said({ sub: 'a', toJSON: () => ({ sub: 'b' }) })
console.log(said(Object.create({ sub: 'a' })).sub, said(new class { get id() { return 'a' } }()).sub, replaced.sub, replaced.exp > 0)
EOP
	[ "Python: an enum's member is its value; no error shows the secret", '/usr/bin/python3', '-B', '-c', <<'EOP', "True False\n" ],
import enum, os, sys, traceback
sys.path.insert(0, 'sign')
import idverify
Id = enum.Enum('Id', {'A': 'user_1'}, type=str)
try:
    idverify.user_hash(os.environ['K'] + '\ud800', 'user_1')
except ValueError:
    shown = traceback.format_exc()
print(idverify.user_hash(os.environ['K'], Id.A) == idverify.user_hash(os.environ['K'], 'user_1'), os.environ['K'] in shown)
EOP
	[ 'Ruby: a claim by a symbol and a string is refused', '/usr/bin/ruby', '-e', <<'EOP', "a claim is there twice\n" ],
require './sign/idverify'
begin
  puts Idverify.sign_token(ENV['K'], { sub: 'a', 'sub' => 'b' })
rescue ArgumentError => e
  puts e.message
end
EOP
	[ 'PHP: a claim that is an empty array is an object', '/usr/bin/php', '-r', <<'EOP', "{}\n" ],
require 'sign/idverify.php';
$token = Idverify::signToken(getenv('K'), ['sub' => 'a', 'custom_data' => []]);
echo json_encode(json_decode(base64_decode(explode('.', $token)[1]))->custom_data), "\n";
EOP
	[ 'PHP: the secret is in no stack trace', '/usr/bin/php', '-n', '-r', <<'EOP', "no\n" ],
require 'sign/idverify.php';
try {
	Idverify::userHash(getenv('K'), null);
} catch (Exception $e) {
	echo str_contains((string) $e, substr(getenv('K'), 0, 15)) ? "yes\n" : "no\n";
}
EOP
	[ 'shell: a secret that is readonly', 'sh', '-c', 'IDENTITY_SECRET=$K; readonly IDENTITY_SECRET; . sign/idverify.sh; idverify_user_hash user_4711', "$signed->[0]->{user_hash}\n" ],
	[ 'shell: what is refused is status 1', 'sh', '-c', '. sign/idverify.sh; idverify_user_hash user_4711 2> /dev/null; echo $?', "1\n" ]);
for my $case (@peculiar)
{
	my ($about, @command) = @$case;
	my $expected = pop @command;
	my ($output, $messages) = ('', '');
	local %ENV = (%ENV, K => $vectors->{secret});
	delete $ENV{IDENTITY_SECRET};

  SKIP:
	{
		skip("$command[0] is not installed", 1) unless grep { -x } $command[0], map { "$_/$command[0]" } split /:/, $ENV{PATH};
		IPC::Run::run(\@command, '<', \'', '>', \$output, '2>', \$messages);
		is($output, $expected, $about) or diag($messages);
	}
}

# The vectors are the database's, too, except for what cannot even be sent to it.
is($node->safe_psql('postgres', sprintf "SELECT count(*) FROM (VALUES %s) v (id, hash) WHERE NOT idverify_check('hashes', id, hash)",
		join ', ', map { sprintf "(%s, '%s')", literal(encode_utf8($_->{id})), $_->{user_hash} } @$signed),
	0, 'the database verifies each user_hash');
is($node->safe_psql('postgres', sprintf "SELECT string_agg(concat_ws(' ', verdict, id), ', ') FROM (VALUES %s) v (id), idverify_verdict('hashes', id, NULL, idverify_sign('hashes', 'somebody')) verdict
	WHERE verdict::text <> CASE WHEN id = '' THEN 'anonymous' WHEN octet_length(id) > 1024 THEN 'malformed' ELSE 'bad_identity' END",
		join ', ', map { sprintf '(%s)', literal(encode_utf8($_ // '')) } grep { shell_has_it($_) } @{ $vectors->{refused} }),
	'', 'and nobody whom the signers refuse is anybody there');
my ($nobodies) = slurp_file('src/core/bad_identity.c') =~ /nobodies\[\] = \{(.*?)\};/s;
my %refused = map { (lc, 1) } grep { defined } @{ $vectors->{refused} };
my @nobodies = map { s/\\(.)/$1/gr } $nobodies =~ /"((?:[^"\\]|\\.)*)"/g;
cmp_ok(scalar @nobodies, q{>}, 10, "the database has words for nobody");
is_deeply([ grep { !$refused{$_} } @nobodies ], [], "... and each is among those that the signers refuse");
$node->safe_psql('postgres', q{CREATE FUNCTION signs(claims jsonb) RETURNS boolean LANGUAGE plpgsql AS
	'BEGIN PERFORM idverify_sign_token(''tokens'', claims); RETURN true; EXCEPTION WHEN invalid_parameter_value THEN RETURN false; END'});
for my $how (qw(signed refused))
{
	my @claims = map { literal(encode_json($_)) } grep { shell_has_it(join '', values %$_) } @{ $tokens->{$how} };
	is($node->safe_psql('postgres', sprintf 'SELECT count(*) FROM (VALUES %s) v (claims) WHERE signs(claims::jsonb) <> %s', join(', ', map { "($_)" } @claims), $how eq 'signed' ? 'true' : 'false'),
		0, "idverify_sign_token: the same claims are $how");
}

done_testing();

# Tokens that other people's libraries make verify here, and those that
# idverify_sign_token makes verify there.
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

my $node = new_server('tokens');
my $secret = create_app($node, 'chat', signs => 'token');
my $now = time;

sub token_of { my ($claims, %how) = @_; return { op => 'sign', secret => $secret, algorithm => 'HS256', claims => $claims, %how } }

# what is signed, and what the verdict is on the token alone
my @made = (
	[ token_of({ sub => '42', exp => $now + 300 }), 'verified', 'a token' ],
	[ token_of({ user_id => 42, email => 'ann@example.org', name => "Zo\x{eb} \x{1f600} \"/\\", iat => $now, nbf => $now, exp => $now + 300 }),
		'verified', 'one of all claims, with what has to be escaped' ],
	[ token_of({ sub => '42', exp => $now - 300 }), 'outdated', 'one that is over' ],
	[ token_of({ sub => '42' }), 'malformed', 'one without end' ],
	[ token_of({ sub => '42', exp => $now + 300 }, secret => 'x' x 64), 'mismatch', 'one by another secret' ],
	[ token_of({ sub => '42', exp => $now + 300 }, algorithm => 'HS512'), 'mismatch', 'one by another algorithm' ]);

# what idverify signs, and what the library makes of it
sub signed
{
	my ($claims) = @_;

	return $node->safe_psql('postgres', "SELECT idverify_sign_token('chat', jsonb '$claims')");
}
my @verified = (
	[ { op => 'verify', secret => $secret, token => signed('{"sub": "42"}') }, '42', 'a token of ours' ],
	[ { op => 'verify', secret => $secret, token => signed('{"sub": "Zo\u00eb", "name": "\ud83d\ude00", "custom_data": {"a": [1.5, null]}}') },
		"Zo\xc3\xab", '... with what is not ASCII' ],
	[ { op => 'verify', secret => 'x' x 64, token => signed('{"sub": "42"}') }, qr/^error /, '... not by another secret' ]);

for my $library (token_libraries())
{
	my @got = run_client($library, [ map { $_->[0] } @made, @verified ]);

	for my $case (@made)
	{
		my (undef, $verdict, $about) = @$case;
		my $token = shift @got;

		is($node->safe_psql('postgres', "SELECT idverify_verdict('chat', NULL, NULL, '$token')"), $verdict, "$library: $about");
	}
	for my $case (@verified)
	{
		my (undef, $expected, $about) = @$case;
		my $got = shift @got;

		ref $expected ? like($got, $expected, "$library: $about") : is($got, $expected, "$library: $about");
	}
}

done_testing();

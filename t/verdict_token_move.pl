# An app moves from hashes to tokens under load, and refuses nobody: who signs
# hashes is verified until the grace is over, who signs tokens from the moment that
# they were given the new secret.  Both are one contact.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'sleep';

my $node = new_server('token_move', conf => "log_statement = none\nclient_min_messages = warning");
my $secret = create_app($node, 'shop', grace => '1 hour');
my $hash = user_hash($secret, 'visitor');

$node->safe_psql('postgres', q{
	CREATE EXTENSION pgcrypto;
	CREATE FUNCTION base64url(bytes bytea) RETURNS text LANGUAGE sql
		RETURN translate(encode(bytes, 'base64'), E'+/=\n', '-_');
	-- what a server mints that has this secret
	CREATE FUNCTION token(secret text) RETURNS text LANGUAGE sql
		RETURN (SELECT m || '.' || base64url(hmac(m::bytea, secret::bytea, 'sha256'))
			FROM concat_ws('.', base64url('{"alg":"HS256"}'),
				base64url(format('{"sub":"visitor","exp":%s}', floor(extract(epoch FROM clock_timestamp())) + 60)::bytea)) m);
	CREATE FUNCTION expect(way text, verdict idverify.verdict) RETURNS void LANGUAGE plpgsql
		AS $$ BEGIN IF verdict <> 'verified' THEN RAISE 'a % is %', way, verdict; END IF; END $$;
	-- the secret that servers were given to sign tokens with
	CREATE TABLE given (secret text);
});

my %scripts = (
	hash => qq{
		SELECT expect('hash', idverify_verdict('shop', 'visitor', NULL, '$hash'));
		SELECT expect('hash', verdict) FROM idverify_identify('shop', '{"external_id": "visitor", "user_hash": "$hash"}');
	},
	token => q{
		SELECT expect('token', idverify_verdict('shop', NULL, NULL, token(secret))) FROM given;
		SELECT expect('token', verdict) FROM given, idverify_identify('shop', jsonb_build_object('token', token(secret)));
	});
my $folder = PostgreSQL::Test::Utils::tempdir();
for (keys %scripts) { append_to_file("$folder/$_", $scripts{$_} =~ s/\n\t+/\n/gr) }

my $offset = -s $node->logfile;
my ($output, $messages) = ('', '');
my $load = IPC::Run::start([ 'pgbench', '--no-vacuum', '--client=6', '--time=4',
		'-f', "$folder/hash", '-f', "$folder/token", '-h', $node->host, '-p', $node->port, 'postgres' ],
	'>', \$output, '2>', \$messages, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));

# As doc/tokens.md has it; each step is a transaction.
sleep 0.5;
$node->safe_psql('postgres', q{UPDATE idverify.apps SET signs = 'token' WHERE app_key = 'shop'});
sleep 0.5;
my $next = $node->safe_psql('postgres', q{SELECT idverify_stage('shop')});
$node->safe_psql('postgres', "INSERT INTO given VALUES ('$next')");
sleep 1;
$node->safe_psql('postgres', q{SELECT idverify_promote('shop')});

ok(IPC::Run::finish($load), 'six sessions present hashes and tokens, and not one is refused')
  or diag($messages);
unlike(log_since($node, $offset), qr/ERROR|FATAL|PANIC|is not verified/, '... nor is any logged');
my %done = map { $output =~ /$_\n.*?- (\d+) transactions/s ? ($_ => $1) : () } keys %scripts;
cmp_ok($done{hash} // 0, '>', 0, '... there were hashes');
cmp_ok($done{token} // 0, '>', 0, '... and tokens');
is($node->safe_psql('postgres', 'SELECT count(*) FROM idverify.contacts'), 1, 'all of them are one contact');

# The end of the grace is the end of hashes, and of nothing else.
$node->safe_psql('postgres', q{SELECT idverify_revoke('shop')});
is($node->safe_psql('postgres', qq{
		SELECT idverify_verdict('shop', 'visitor', NULL, '$hash'), idverify_verdict('shop', 'visitor', NULL, token(secret)) FROM given
	}), 'expired|verified', 'then tokens alone verify');

$node->stop;
done_testing();

# Rotating under load: whoever signs with the secret that they were last given is
# never refused, and neither is anybody within the grace window.  Nobody who signs
# with anything else is ever accepted.  All the while the app moves from hashes to
# tokens and back.
#
# A secret counts as given when the call that made it has returned, so that the
# hash, or the token, is stored by the transaction after.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $clients = 8;
my $transactions = 100;

my $node = new_server('rotation_load', conf => "log_statement = none\nclient_min_messages = warning");
create_app($node, 'shop', grace => '1 hour');
$node->safe_psql('postgres', q{
	CREATE TABLE given (n int GENERATED ALWAYS AS IDENTITY, how text, user_hash text);
	INSERT INTO given (how, user_hash) VALUES ('created', idverify_sign('shop', 'visitor'));

	CREATE FUNCTION expect(wanted boolean, got boolean, n int) RETURNS void LANGUAGE plpgsql
		AS $$ BEGIN IF wanted <> got THEN RAISE 'hash % is %', n, got; END IF; END $$;
	CREATE EXTENSION pgcrypto;
	CREATE FUNCTION encoded(bytes bytea) RETURNS text
		RETURN translate(encode(bytes, 'base64'), E'+/=\n', '-_');
	-- what the secret signs: a hash, or else a token
	CREATE FUNCTION keep(how text, secret text) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		hash text = encode(hmac('visitor'::bytea, secret::bytea, 'sha256'), 'hex');
		signed text = encoded('{"alg":"HS256"}') || '.' ||
			encoded(format('{"sub":"visitor","exp":%s}', floor(extract(epoch FROM now()) + 3600))::bytea);
	BEGIN
		INSERT INTO given (how, user_hash) VALUES (how, CASE WHEN idverify_check('shop', 'visitor', hash) THEN hash
			ELSE signed || '.' || encoded(hmac(signed::bytea, secret::bytea, 'sha256')) END);
	END $$;
});

# Somebody who checks what they have: the newest hash, any other one, and two
# that are wrong.
my $check = q{
	SELECT expect(true, idverify_check('shop', 'visitor', user_hash), n)
	FROM given ORDER BY n DESC LIMIT 1;
	SELECT expect(true, idverify_verdict('shop', 'visitor', NULL, user_hash) = 'verified', n)
	FROM given ORDER BY random() LIMIT 1;
	SELECT expect(false, idverify_check('shop', 'another', user_hash), n)
	FROM given ORDER BY n DESC LIMIT 1;
	SELECT expect(false, idverify_check('shop', 'visitor', encode(gen_random_bytes(32), 'hex')), 0);
};

# Rotations race each other.  Staging keeps them out: until it is promoted, a
# staged secret is in their way.  pgbench replaces :secret within the quotes, too.
my $rotate = q{
	SELECT pg_advisory_lock_shared(1);
	SELECT idverify_rotate('shop') AS secret \gset
	SELECT keep('rotated', ':secret');
	SELECT pg_advisory_unlock_shared(1);
};
my $stage = q{
	SELECT pg_advisory_lock(1);
	SELECT idverify_stage('shop') AS secret \gset
	SELECT keep('staged', ':secret');
	SELECT idverify_promote('shop');
	SELECT pg_advisory_unlock(1);
};

# What the next secret signs.
my $move = q{
	UPDATE idverify.apps SET signs = CASE signs WHEN 'hash' THEN 'token' ELSE 'hash' END::idverify.signature;
};

# Nobody ever hears of these.
my $roll_back = q{
	BEGIN;
	SELECT idverify_rotate('shop', grace => '0') FROM pg_advisory_xact_lock_shared(1);
	ROLLBACK;
};

my $offset = -s $node->logfile;
$node->pgbench(
	"--no-vacuum --client=$clients --transactions=$transactions --protocol=simple",
	0,
	[ qr{processed: @{[ $clients * $transactions ]}/@{[ $clients * $transactions ]}\b} ],
	[qr{^$}],
	"$clients clients check, and some of them rotate",
	{
		'check@91' => $check,
		'move@3' => $move,
		'rotate@2' => $rotate,
		'stage@2' => $stage,
		'roll_back@2' => $roll_back,
	});
unlike(log_since($node, $offset), qr/ERROR|FATAL|PANIC|WARNING/, 'no error is logged');

my %made = map { split /\|/ } split /\n/,
  $node->safe_psql('postgres', 'SELECT how, count(*) FROM given GROUP BY how');
cmp_ok($made{rotated}, '>', 0, 'there were rotations');
cmp_ok($made{staged}, '>', 0, 'there were promotions');

my $all = $made{created} + $made{rotated} + $made{staged};
is($node->safe_psql('postgres',
		'SELECT state, count(*), count(DISTINCT generation) FROM idverify.secrets GROUP BY state ORDER BY state'),
	"current|1|1\nprevious|@{[ $all - 1 ]}|@{[ $all - 1 ]}",
	'afterwards there is one current secret, none staged, and all the others');
is($node->safe_psql('postgres', 'SELECT max(generation) FROM idverify.secrets'), $all,
	'... numbered without a gap');
is($node->safe_psql('postgres',
		"SELECT count(*) FROM given WHERE idverify_check('shop', 'visitor', user_hash)"),
	$all, 'within grace, every one of them verifies');
is($node->safe_psql('postgres',
		'SELECT string_agg(DISTINCT signs::text, $$ and $$ ORDER BY signs::text) FROM idverify.secrets'),
	'hash and token', '... of both kinds');
is($node->safe_psql('postgres', "SELECT idverify_revoke('shop')"), $all - 1,
	'they can all be revoked');
is($node->safe_psql('postgres', q{
		SELECT count(*) FROM given WHERE idverify_check('shop', 'visitor', user_hash)
	}), '1', '... all but the current one');

$node->stop;
done_testing();

# The same user_hash as everybody else's: HMAC-SHA256 of the bytes of the value
# in UTF-8, under the bytes of the secret in UTF-8, whatever the server encoding.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Digest::SHA;
use Encode qw(decode_utf8 encode_utf8);
use IdverifyTest;
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Unicode::Normalize qw(NFD);

my $folder = PostgreSQL::Test::Utils::tempdir;
my $node = new_server('crosscheck');
$node->safe_psql('postgres', q{
	CREATE EXTENSION pgcrypto;
	CREATE TABLE claims (app_key text, source text, value text, user_hash text)
});

# What people call themselves.  All of it is ASCII or UTF-8, none of it is an
# identity that careless code signs for everybody.
my @values = (
	'a', 'A', 'user-42', '7', '007', '7.0', ' 7', '7 ',
	'mail@example.org', 'Mail@Example.org', 'o\'neil', '"quoted"', "'a'",
	'C:\new\table', '\\', '$(id) %s `x` $1', '{"id": 7}', "two\nlines\tand a tab\r",
	"caf\xC3\xA9", "cafe\xCC\x81", "\xC3\xA5", "A\xCC\x8A",
	"\xF0\x9F\x98\x80", "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7",
	"\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E", "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D",
	"\xEF\xBB\xBFmarked", 'x' x 64, 'x' x 1024, "\xC3\xA9" x 512);

my %secret = (
	generated => undef,
	short => 'sixteen bytes ok',
	long => 'k' x 256,
	'a block long' => 'b' x 64,
	'longer than a block' => 'b' x 65,
	quoted => q{it's a "secret" \ $x %s `y`},
	blanks => "  around it, and\ta tab \n",
	accented => "cl\xC3\xA9 secr\xC3\xA8te \xF0\x9F\x94\x91",
	hex => 'deadbeef' x 8,
	HEX => 'DEADBEEF' x 8,
	'0x' => '0xdeadbeefdeadbeef');

for my $app_key (sort keys %secret)
{
	my @import = defined $secret{$app_key} ? (secret => $secret{$app_key}) : ();
	my $minted = create_app($node, $app_key, @import);

	$secret{$app_key} //= $minted;
	is($minted, '', "$app_key: what was imported is not shown") if @import;
}

#
# Other implementations
#

# Each takes a secret and returns the user_hash of each value.
my %implementation = (
	'openssl -hmac' => sub { openssl('-hmac', $_[0]) },
	'openssl hexkey' => sub { openssl('-mac', 'HMAC', '-macopt', 'hexkey:' . unpack 'H*', $_[0]) },
	node => \&node,
	pgcrypto => \&pgcrypto);

my @files = map { "$folder/value.$_" } 0 .. $#values;
append_to_file($files[$_], $values[$_]) for 0 .. $#values;

sub openssl
{
	my ($output) = run_command([ 'openssl', 'dgst', '-sha256', @_, @files ]);
	return $output =~ /\)= ([0-9a-f]{64})$/mg;
}

# As a site's server does it, with strings.
sub node
{
	my $program = q{
		const {secret, values} = JSON.parse(process.argv[1]);
		for (const value of values)
			console.log(require('crypto').createHmac('sha256', secret).update(value).digest('hex'));
	};
	my $strings = encode_json {
		secret => decode_utf8($_[0]),
		values => [ map { decode_utf8($_) } @values ]
	};
	my ($output) = run_command([ 'node', '-e', $program, $strings ]);
	return split /\n/, $output;
}

sub pgcrypto
{
	my $values = join ', ', map { '(' . literal($_) . ')' } @values;
	my $secret = literal($_[0]);
	return split /\n/, $node->safe_psql('postgres', qq{
		SELECT encode(hmac(convert_to(v, 'UTF8'), convert_to($secret, 'UTF8'), 'sha256'), 'hex')
		FROM (VALUES $values) AS t(v)
	});
}

delete $implementation{node} unless eval { run_command([ 'node', '--version' ]); 1 };

for my $source (sort keys %implementation)
{
	my @rows;

	for my $app_key (sort keys %secret)
	{
		my @hashes = $implementation{$source}->($secret{$app_key});
		is(scalar @hashes, scalar @values, "$source, $app_key");
		push @rows, map {
			join ', ', literal($app_key), literal($source), literal($values[$_]), "'$hashes[$_]'"
		} 0 .. $#values;
	}
	$node->safe_psql('postgres', 'INSERT INTO claims VALUES ' . join ', ', map { "($_)" } @rows);

	# The claims for which any of these is not so
	my %rule = (
		'sign makes the same' => 'idverify_sign(app_key, value) = user_hash',
		'check accepts them' => 'idverify_check(app_key, value, user_hash)',
		'... in upper case, too' => 'idverify_check(app_key, value, upper(user_hash))',
		'verdict accepts them' => "idverify_verdict(app_key, value, NULL, user_hash) = 'verified'",
		'... as an email, too' => "idverify_verdict(app_key, NULL, value, user_hash) = 'verified'");

	is($node->safe_psql('postgres', qq{
			SELECT app_key, value FROM claims WHERE source = '$source' AND ($rule{$_}) IS NOT TRUE
		}), '', "$source: $_")
	  for sort keys %rule;
}
SKIP:
{
	skip 'node is not installed', 1 unless $implementation{node};
	is(() = keys %implementation, 4, 'all four have been asked');
}

# None of them is good for another value or another app.
is($node->safe_psql('postgres', q{
		SELECT a.app_key, a.value, b.app_key, b.value FROM claims a, claims b
		WHERE a.source = 'pgcrypto' AND b.source = 'pgcrypto'
			AND (a.app_key = b.app_key OR a.value = b.value)
			AND idverify_check(a.app_key, a.value, b.user_hash)
				<> ((a.app_key, a.value) = (b.app_key, b.value))
	}), '', 'a hash is good for its app and its value alone');

for my $app_key (qw(generated hex HEX))
{
	my $decoded = user_hash(pack('H*', $secret{$app_key}), 'user-42');
	is($node->safe_psql('postgres', "SELECT idverify_check('$app_key', 'user-42', '$decoded')"),
		'f', "$app_key: a secret that looks like hex is not decoded");
}

my $long = 'x' x 1025;
my $long_hash = user_hash($secret{generated}, $long);
is((attempt($node, "SELECT idverify_check('generated', '$long', '$long_hash')"))[1],
	'f', 'over 1024 bytes, check says no');
is((attempt($node, "SELECT idverify_verdict('generated', '$long', NULL, '$long_hash')"))[1],
	'malformed', '... verdict says why');
is((attempt($node, "SELECT idverify_sign('generated', '$long')"))[0], '22023', '... nor is it signed');

#
# Other server encodings
#
# The client speaks UTF-8, the server does not.
#

for (
	[ 'LATIN1', "Jos\xC3\xA9 \xC3\x91and\xC3\xBA", "cl\xC3\xA9 secr\xC3\xA8te, longue" ],
	[ 'WIN1252', "\xC5\x92uvre \xE2\x82\xAC", "\xE2\x82\xAC\xE2\x82\xAC secr\xC3\xA8te \xE2\x80\xA6" ],
	[ 'EUC_JP', "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E",
		"\xE7\xA7\x98\xE5\xAF\x86\xE3\x81\xAE\xE9\x8D\xB5\xE3\x81\xAF 123" ],
	[ 'SQL_ASCII', "caf\xC3\xA9 \xF0\x9F\x98\x80", "cl\xC3\xA9 \xF0\x9F\x94\x91 secr\xC3\xA8te" ])
{
	my ($encoding, $value, $secret) = @$_;
	my ($v, $s, $hash) = (literal($value), literal($secret), user_hash($secret, $value));
	my $run = sub { $node->safe_psql($encoding, "SET client_encoding = 'UTF8'; SELECT $_[0]") };

	$node->safe_psql('postgres',
		"CREATE DATABASE \"$encoding\" TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
	$node->safe_psql($encoding, 'CREATE EXTENSION idverify');
	$run->("idverify_create_app('test', 'shop', secret => $s, revealable => true)");

	is($run->("idverify_sign('shop', $v)"), $hash, "$encoding: sign");
	is($run->("idverify_check('shop', $v, '$hash')"), 't', '... check');
	is($run->("idverify_verdict('shop', $v, NULL, '$hash')"), 'verified', '... verdict');
	is($run->("idverify_check('shop', $v || 'x', '$hash')"), 'f', '... not for another value');
	for ([ 'verified', $hash ], [ 'value_normalized', user_hash($secret, encode_utf8(NFD(decode_utf8($value)))) ],
		[ 'value_encoding', user_hash($secret, "\xEF\xBB\xBF$value") ],
		[ 'secret_masked', user_hash("\xE2\x80\xA2" x 4 . ' ' . "\xE2\x80\xA2" x 4 . ' ' . encode_utf8(substr decode_utf8($secret), -4), $value) ])
	{
		next if $_->[0] eq 'value_normalized' && $_->[1] eq $hash;
		# there the mask shows fewer characters: see below
		next if $_->[0] eq 'secret_masked' && $encoding eq 'SQL_ASCII';
		is($run->("finding FROM idverify_explain('shop', $v, NULL, '$_->[1]')"), $_->[0], "... explain: $_->[0]");
	}

	# a token of it, in UTF-8 and with escapes; and one that says what no other
	# encoding than UTF-8 has
	$run->("idverify_create_app('test', 'tokens', secret => 'the secret of tokens', signs => 'token', token_lifetime => NULL)");
	my $token_of = sub {
		my ($json, $claims) = @_;
		my $signed = join '.', map { encode_base64url($_) } '{"alg":"HS256"}', $json->encode($claims);

		return $signed . '.' . encode_base64url(Digest::SHA::hmac_sha256($signed, 'the secret of tokens'));
	};
	for my $json (JSON::PP->new->utf8, JSON::PP->new->ascii)
	{
		my $token = $token_of->($json, { sub => decode_utf8($value), name => "\x{1f600}" });

		is($run->("idverify_check('tokens', $v, '$token')"), 't', '... a token');
		is($run->("idverify_verdict('tokens', $v, NULL, '$token')"), 'verified', '... its verdict');
		$token = $token_of->($json, { sub => decode_utf8($value), name => decode_utf8($value) });
		is($run->("idverify_token_claims('tokens', '$token') = jsonb_build_object('sub', $v, 'name', $v)"), 't', '... what it says');
	}
	$node->safe_psql($encoding, q{DELETE FROM idverify.apps WHERE app_key = 'tokens'});

	is($run->("idverify_reveal('shop')"), $secret, '... the secret is itself again');
	is($run->("right(idverify_mask('shop'), 4)"),
		encode_utf8(substr decode_utf8($secret), -4), '... and so is its end')
	  unless $encoding eq 'SQL_ASCII';
}

# SQL_ASCII counts bytes, but what is shown of a secret are whole characters: its
# clients speak UTF-8, and so does what reads a dump.
{
	my %end = (
		'a last character of two bytes' => [ "a secret in l\xC3\xB6\xC3\xA9", "\xC3\xB6\xC3\xA9" ],
		'of two bytes, at an odd place' => [ "a secret in l\xC3\xB6n\xC3\xA9", "n\xC3\xA9" ],
		'of three' => [ "a secret in \xE6\x97\xA5\xE6\x9C\xAC", "\xE6\x9C\xAC" ],
		'of four' => [ "a secret in \xF0\x9F\x94\x91\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80" ],
		'of one, behind one of four' => [ "a secret in \xF0\x9F\x94\x91x", 'x' ]);
	my $ends = q{
		SELECT app_key, encode(hint::bytea, 'hex'), right(masked_secret, length(hint)) = hint
		FROM idverify.app_status JOIN idverify.apps USING (app_key)
			JOIN idverify.secrets ON app_id = id
		WHERE app_key <> 'shop' ORDER BY 1};
	my $expected = join "\n", map { "$_|" . unpack('H*', $end{$_}[1]) . '|t' } sort keys %end;
	my $dump = "$folder/ascii.dump";

	create_app($node, $_, secret => $end{$_}[0], database => 'SQL_ASCII') for keys %end;
	is($node->safe_psql('SQL_ASCII', $ends), $expected, 'SQL_ASCII: the hint is whole characters');
	my (undef, $shown) = $node->psql('SQL_ASCII', q{SET client_encoding = 'UTF8'; SELECT masked_secret FROM idverify.app_status});
	is(() = $shown =~ /^\*{4} \*{4} .+$/mg, 1 + keys %end, '... the view shows all apps to a client that speaks UTF-8');

	command_ok([ 'pg_dump', '-Fc', '-E', 'UTF8', '-f', $dump, $node->connstr('SQL_ASCII') ], '... a dump as UTF-8');
	$node->safe_psql('postgres', "CREATE DATABASE restored TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
	command_ok([ 'pg_restore', '-e', '-d', $node->connstr('restored'), $dump ], '... is restored where characters are');
	is($node->safe_psql('restored', $ends), $expected, '... and shows the same');
}

# A secret of characters that the server encoding lacks, as a dump brings it
# from another database: it verifies and signs, but cannot be shown.
{
	my $secret = "\xE7\xA7\x98\xE5\xAF\x86 and more of it";
	my $s = literal($secret);
	my $rows = "FROM idverify.secrets JOIN idverify.apps ON app_id = id WHERE app_key = 'carried'";

	$node->safe_psql('EUC_JP', "SET client_encoding = 'UTF8';
		SELECT idverify_create_app('test', 'carried', secret => $s, revealable => true)");
	my ($app, $sealed, $key_id) = split /\|/,
	  $node->safe_psql('EUC_JP', "SELECT app_id, sealed, key_id $rows");
	$node->safe_psql('LATIN1', qq{
		INSERT INTO idverify.apps (id, app_key, name, revealable) VALUES ($app, 'carried', 'test', true);
		INSERT INTO idverify.secrets (app_id, generation, state, sealed, key_id, hint)
			VALUES ($app, 1, 'current', '$sealed', $key_id, 'f it')});
	is($node->safe_psql('LATIN1', "SELECT idverify_sign('carried', 'alice')"),
		user_hash($secret, 'alice'), 'a secret that LATIN1 lacks the characters of: sign');
	my ($rc, $out, $error) = $node->psql('LATIN1', "SELECT idverify_reveal('carried')");
	like($error, qr/ERROR:  the secret has a character that the server encoding lacks\n/, '... is not shown');
	unlike($error, qr/\xE7|and more/, '... nor quoted');
	$node->safe_psql('LATIN1', "DELETE FROM idverify.apps WHERE app_key = 'carried'");
}

# Limits count bytes of UTF-8, here twice as many as those of the server.
for (
	[ "idverify_check('shop', %s, '%s')", 512, 't' ],
	[ "idverify_check('shop', %s, '%s')", 513, 'f' ],
	[ "idverify_verdict('shop', %s, NULL, '%s')", 512, 'verified' ],
	[ "idverify_verdict('shop', %s, NULL, '%s')", 513, 'malformed' ],
	[ "length(idverify_sign('shop', %s))", 512, '64' ],
	[ "idverify_sign('shop', %s)", 513, '22023' ],
	[ "(idverify_create_app('test', '128', secret => %s)).app_key", 128, '128' ],
	[ "idverify_create_app('test', '129', secret => %s)", 129, '22023' ],
	[ "(idverify_create_app('test', '8', secret => %s)).app_key", 8, '8' ],
	[ "idverify_create_app('test', '7', secret => %s)", 7, '22023' ])
{
	my ($call, $length, $expected) = @$_;
	my $hash = user_hash("cl\xC3\xA9 secr\xC3\xA8te, longue", "\xC3\xA9" x $length);
	my (undef, $output, $told) = $node->psql('LATIN1',
		sprintf "\\set VERBOSITY sqlstate\nSELECT $call", "repeat(E'\\xe9', $length)", $hash);

	$output = $1 if $told =~ /ERROR:  (\w{5})$/;
	is($output, $expected, "LATIN1, $length characters of two bytes: $call");
}

# What is no text in UTF-8 cannot have been signed.
for ([ 'SQL_ASCII', '\xff' ], [ 'SQL_ASCII', '\xed\xa0\x80' ], [ 'SQL_ASCII', 'a\xc3' ],
	[ 'WIN1252', '\x81' ], [ 'EUC_JP', '\xfe\xfe' ])
{
	my ($encoding, $bytes) = @$_;
	my $zeros = '0' x 64;
	my $secret = "E'long enough for a secret $bytes'";

	for (
		[ "idverify_check('shop', E'$bytes', '$zeros')", 'f' ],
		[ "idverify_verdict('shop', E'$bytes', NULL, '$zeros')", 'malformed' ],
		[ "idverify_verdict('shop', NULL, E'$bytes', '$zeros')", 'malformed' ],
		[ "idverify_check('shop', 'x', E'$bytes')", 'f' ],
		[ "idverify_check(E'$bytes', 'x', '$zeros')", 'f' ],
		[ "idverify_verdict(E'$bytes', 'x', NULL, '$zeros')", 'unknown_app' ],
		[ "finding FROM idverify_explain('shop', E'$bytes', NULL, '$zeros')", 'unexplained' ],
		[ "finding FROM idverify_explain('shop', 'x', E'$bytes', E'$bytes')", 'unexplained' ],
		[ "finding FROM idverify_explain(E'$bytes', 'x', NULL, '$zeros')", 'unknown_app' ],
		[ "idverify_sign('shop', E'$bytes')", '22023' ],
		[ "idverify_create_app('test', secret => $secret)", '22023' ])
	{
		my ($call, $expected) = @$_;
		my (undef, $output, $told) =
		  $node->psql($encoding, "\\set VERBOSITY sqlstate\nSELECT $call");

		$output = $1 if $told =~ /ERROR:  (\w{5})$/;
		is($output, $expected, "$encoding: $call");
	}
}

#
# The mask, in each encoding that a server can have
#
# All that this database holds is ASCII, so its bytes are right in any of them.
#

my $script = q{
	CREATE DATABASE mask TEMPLATE template0;
	\connect mask
	CREATE EXTENSION idverify;
	SELECT FROM idverify_create_app('test', 'shop', secret => 'imported, ends on 1234');
};
my %has_bullet;
for my $encoding (split /\n/, $node->safe_psql('postgres',
		'SELECT pg_encoding_to_char(n) FROM generate_series(0, 34) n'))
{
	my (undef, $bullet) = $node->psql('postgres',
		"SELECT encode(convert('\\xe280a2', 'UTF8', '$encoding'), 'hex')");
	$has_bullet{$encoding} = $encoding eq 'SQL_ASCII' ? '' : $bullet;
	$script .= qq{
		UPDATE pg_database SET encoding = pg_char_to_encoding('$encoding') WHERE datname = 'mask';
		\\connect mask
		SELECT getdatabaseencoding(), encode(convert_to(mask, getdatabaseencoding()), 'hex')
		FROM (SELECT idverify_mask('shop') UNION ALL
			SELECT masked_secret FROM idverify.app_status) AS t(mask);
	};
}

my %masks;
for (split /\n/, $node->safe_psql('postgres', $script))
{
	my ($encoding, $mask) = split /\|/;
	push @{ $masks{$encoding} }, $mask;
}
for my $encoding (sort keys %has_bullet)
{
	my $cover = ($has_bullet{$encoding} || unpack('H*', '*')) x 4;
	my $mask = "${cover}20${cover}2031323334";
	is("@{ $masks{$encoding} // [] }", "$mask $mask",
		"$encoding: mask and view show " . ($has_bullet{$encoding} ? 'bullets' : 'asterisks'));
}

$node->stop;
done_testing();

# What the server's log says of claims that did not verify, and what it never
# says: a user_hash, a token, a whole identity, more than ten lines a minute and session,
# or a line that a visitor made up.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('guard_log');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', q{
log_min_error_statement = error
log_statement = none
log_min_messages = warning
log_line_prefix = '%p <'
log_error_verbosity = verbose
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION idverify;
	SELECT idverify_create_app('Accept', 'accept', '0123456789abcdef0123456789abcdef', 'accept');
	SELECT idverify_create_app('Reject', 'reject', '0123456789abcdef0123456789abcdef', 'reject');
	CREATE TABLE contacts (app_key text, external_id text, email text, user_hash text, is_verified boolean);
	CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON contacts
		FOR EACH ROW EXECUTE FUNCTION idverify_guard();
});

my $wrong = 'c0ffee' x 10 . 'c0de';

# Run SQL as one session; what it adds to the log, what the client is told.
sub run
{
	my ($sql) = @_;
	my $offset = -s $node->logfile;
	my ($rc, $out, $err) = $node->psql('postgres', "SET client_min_messages = log;\n$sql");

	return (substr(slurp_file($node->logfile), $offset), $out . $err);
}

sub claims
{
	return grep { /is not verified/ } split /\n/, $_[0];
}

#
# The line
#
my @lines = (
	[ 'a long id', qq('accept', 'customer-12345', NULL, '$wrong'),
		'claim of external_id "cu***45" to app "accept" is not verified: mismatch' ],
	[ 'an email', qq('accept', NULL, 'alice\@example.org', 'x'),
		'claim of email "al***rg" to app "accept" is not verified: malformed' ],
	[ 'both', q('accept', 'customer-12345', 'alice@example.org', NULL),
		'claim of external_id "cu***45" and email "al***rg" to app "accept" is not verified: unsigned' ],
	[ 'a short id', q('accept', '1234567', '', NULL),
		'claim of external_id "***" to app "accept" is not verified: unsigned' ],
	[ 'eight characters', q('accept', '12345678', NULL, NULL),
		'claim of external_id "12***78" to app "accept" is not verified: unsigned' ],
	[ 'an id that is too long', qq('accept', repeat('x', 2000), NULL, '$wrong'),
		'claim of external_id "***" to app "accept" is not verified: malformed' ],
	[ 'characters, not bytes', qq('accept', 'éééaaaaéé', NULL, NULL),
		'claim of external_id "\xc3\xa9\xc3\xa9***\xc3\xa9\xc3\xa9" to app "accept" is not verified: unsigned' ],
	[ 'an unknown app', q('no such', 'customer-12345', NULL, NULL),
		'claim of external_id "cu***45" to app "no such" is not verified: unknown_app' ],
	[ 'no app', q(NULL, 'customer-12345', NULL, NULL),
		'claim of external_id "cu***45" to app "" is not verified: unknown_app' ]);
for (@lines)
{
	my ($name, $row, $line) = @$_;
	my ($log, $client) = run("INSERT INTO contacts VALUES ($row)");

	is((claims($log))[0] =~ s/.*28000: //r, $line, "$name: the line");
	is(scalar(claims($log)), 1, "$name: is all");
	is($client, '', "$name: not for the client");
	unlike($log, qr/c0ffee/, "$name: no hash");
	unlike($log, qr/INSERT/, "$name: no statement");
}

my ($log, $client) = run(q{INSERT INTO contacts VALUES (repeat('k', 1000), 'customer-12345')});
like($log, qr/to app "k{128}" is not verified/, 'a long app_key is cut');

# What would end the line, or pretend to be the end of it
($log, $client) = run(q{INSERT INTO contacts VALUES
	(E'x" is not verified: none\nLOG:  forged\r\t\x1b[2K\\\\', E'\n\n forged line \u2028\u202e')});
is(scalar(grep { /forged/ } split /\n/, $log), 1, 'nothing ends the line');
like($log, qr/claim of external_id "\\x0a\\x0a\*\*\*\\xe2\\x80\\xa8\\xe2\\x80\\xae" to app "x\\" is not verified: none\\x0aLOG:  forged\\x0d\\x09\\x1b\[2K\\\\" is not verified: unknown_app$/m,
	'controls are written out');
unlike($log, qr/[^\n -~]/, '... all of them');

# What is welcome or right is not worth a line
($log, $client) = run(q{
	INSERT INTO contacts VALUES ('accept'), ('nosuch', ''), ('accept', 'alice', NULL, idverify_sign('accept', 'alice'));
	UPDATE contacts SET email = NULL, is_verified = false WHERE external_id = 'alice';
	UPDATE contacts SET external_id = NULL WHERE external_id = 'alice'});
is(scalar(claims($log)), 0, 'no line where nothing is wrong');

# An update that is stopped is
($log, $client) = run(q{
	INSERT INTO contacts VALUES ('accept', 'customer-12345', NULL, idverify_sign('accept', 'customer-12345'));
	UPDATE contacts SET external_id = 'customer-99999' WHERE external_id = 'customer-12345' AND is_verified});
is(scalar(claims($log)), 1, 'a line for an update');

#
# Neither of these two lets a hash or a token through, wherever it stands
#
my $token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.' . 'c0ffee' x 7 . 'A';
for my $credential ($wrong, $token)
{
	for my $statement (
		"INSERT INTO contacts VALUES ('%s', 'customer-12345', NULL, '$credential')",
		"DO 'BEGIN INSERT INTO contacts VALUES (''%s'', ''customer-12345'', NULL, ''$credential''); END'",
		"PREPARE p AS INSERT INTO contacts VALUES ('%s', 'customer-12345', NULL, '$credential'); EXECUTE p",
		"COPY contacts FROM stdin;\n%s\tcustomer-12345\t\\N\t$credential\t\\N\n\\.\n")
	{
		my ($name) = $statement =~ /^(\w+)/;

		($log, $client) = run(sprintf $statement, 'accept');
		is(scalar(claims($log)), 1, "$name: a line");
		unlike($log . $client, qr/c0ffee|eyJ/, "$name, accepted: no hash");

		($log, $client) = run(sprintf $statement, 'reject');
		like($client, qr/claim to app "reject" is not verified: mismatch/, "$name: rejected");
		is(scalar(claims($log)), 2, "$name: a line, and the error's own");
		unlike($log . $client, qr/c0ffee|eyJ/, "$name, rejected: no hash");
		unlike($log, qr/customer-12345/, "$name, rejected: no identity");
	}
}

# ... nor does identify, of a token that the app has not signed
($log, $client) = run(qq{SELECT verdict, contact_id > 0 FROM idverify_identify('accept', '{"token": "$token"}')});
like((claims($log))[0], qr/claim of an unnamed identity to app "accept" is not verified: mismatch$/, 'a token alone: the line');
unlike($log . $client, qr/c0ffee|eyJ/, '... and no token');

# ... nor does a secret that does not open
$node->safe_psql('postgres', 'UPDATE idverify.secrets SET key_id = 99');
for my $statement (
	"INSERT INTO contacts VALUES ('accept', 'customer-12345', NULL, '$wrong')",
	"COPY contacts FROM stdin;\naccept\tcustomer-12345\t\\N\t$wrong\t\\N\n\\.\n")
{
	($log, $client) = run($statement);
	like($client, qr/secret 1 of app \d+/, 'a secret does not open');
	unlike($log . $client, qr/c0ffee|customer-12345/, '... and no hash is told');
}
$node->safe_psql('postgres', 'UPDATE idverify.secrets SET key_id = 1');

#
# Ten lines a minute
#
($log, $client) = run(q{INSERT INTO contacts
	SELECT 'accept', 'visitor-' || n FROM generate_series(1001, 1500) n});
is(scalar(claims($log)), 10, 'ten lines a minute');
like($log, qr/"vi\*\*\*01".*"vi\*\*\*10"/s, '... the first ten');
($log, $client) = run(q{INSERT INTO contacts
	SELECT 'accept', 'visitor-' || n FROM generate_series(1001, 1500) n});
is(scalar(claims($log)), 10, '... of each session');

$node->stop;
done_testing();

# A library that is older or newer than the tables, as after an update of the files
# and before ALTER EXTENSION idverify UPDATE, or in a session that is older than
# that: it works, or says in a sentence what to do.
#
# The script of a next version stands for one: it adds columns, labels of enums and
# an argument.  The other way round, what this library knows is taken away.
use strict;
use warnings;

use File::Basename;
use File::Copy;
use File::Path;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir;
my $ring = write_ring("$folder/ring", '1:' . new_key() . "\n");
my $node = new_server('next_version', ring => $ring);

# Where this server looks for extensions that are not in its own folder.
my ($setting, $share) = ('extension_destdir', $node->config_data('--sharedir'));
my $destdir = $node->safe_psql('postgres', "SELECT current_setting('$setting', true)");
if ($destdir eq '')
{
	$setting = 'extension_control_path';
	$destdir = $node->safe_psql('postgres', "SELECT current_setting('$setting', true)");
	$share = '';
	$destdir =~ s/:.*//;
}
plan skip_all => 'the extension is where this PostgreSQL is' if $destdir eq '';

mkpath("$folder/new$share/extension");
copy($_, "$folder/new$share/extension") or die "$_: $!" for glob "$destdir$share/extension/idverify*";
if ($share ne '')
{
	# there it looks for libraries, too
	my $library = $node->config_data('--pkglibdir') . '/idverify.so';
	mkpath("$folder/new" . dirname($library));
	copy("$destdir$library", "$folder/new$library") or die "$library: $!";
}
append_to_file("$folder/new$share/extension/idverify--1.0--1.1.sql", q{
	ALTER TABLE idverify.apps ADD COLUMN later text NOT NULL DEFAULT 'x';
	ALTER TABLE idverify.secrets ADD COLUMN later integer;
	ALTER TABLE idverify.contacts ADD COLUMN later text;
	ALTER TABLE idverify.folds ADD COLUMN later text;
	ALTER TABLE idverify.fold_rows ADD COLUMN later text;
	ALTER TYPE idverify.claim_policy ADD VALUE 'ask' BEFORE 'drop';
	ALTER TYPE idverify.secret_state ADD VALUE 'lost' BEFORE 'current';
	ALTER TYPE idverify.verdict ADD VALUE 'later' BEFORE 'verified';
	DROP FUNCTION @extschema@.idverify_mask(text, text);
	CREATE FUNCTION @extschema@.idverify_mask(app_key text, signer text DEFAULT NULL, later text DEFAULT NULL)
		RETURNS text LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE
		AS 'MODULE_PATHNAME', 'idverify_mask';
});
$node->append_conf('postgresql.conf', "$setting = '$folder/new" . ($share eq '' ? ':$system' : '') . "'");
reload($node);

my $secret = create_app($node, 'web', revealable => 1);
my $hash = user_hash($secret, 'ada');
my $claim = qq('{"external_id": "ada", "user_hash": "$hash"}');
my $warm = $node->background_psql('postgres', on_error_stop => 0);
ask($warm, '\set VERBOSITY verbose');

my %calls = (
	check => [ "SELECT idverify_check('web', 'ada', '$hash')", 't' ],
	verdict => [ "SELECT idverify_verdict('web', 'ada', NULL, '$hash')", 'verified' ],
	identify => [ "SELECT verdict FROM idverify_identify('web', $claim)", 'verified' ],
	fold => [ "SELECT count(*) > 0 FROM idverify_fold((SELECT contact_id FROM idverify_identify('web')), (SELECT id FROM idverify.contacts WHERE is_verified))", 't' ],
	unfold => [ 'SELECT count(*) > 0 FROM idverify_unfold((SELECT max(id) FROM idverify.folds WHERE undone_at IS NULL))', 't' ],
	rotate => [ "SELECT length(idverify_rotate('web'))", '64' ],
	rekey => [ 'SELECT idverify_rekey()', '0' ]);
my @order = qw(check verdict identify fold unfold rotate rekey);

# All calls, in a session that knows the tables as they were and in a new one.
sub all_work
{
	my ($when) = @_;
	for my $name (@order)
	{
		my ($sql, $expected) = @{ $calls{$name} };
		is(scalar ask($warm, $sql), $expected, "$when: $name, in a warm session");
		is($node->safe_psql('postgres', $sql), $expected, '... and in a new one');
	}
}

# That a call says what to do.
sub says
{
	my ($what, $sql, $message) = @_;
	my (undef, $told) = ask($warm, $sql);
	like($told, qr/XX002: .*$message/, "$what: a warm session");
	my ($sqlstate, $error, $all) = attempt($node, $sql);
	is($sqlstate, 'XX002', '... and a new one');
	like($error, qr/$message/, '... names it');
	like($all, qr/HINT: .*ALTER EXTENSION idverify UPDATE/, '... and says what to do');
}

all_work('tables of this version');
is(scalar ask($warm, "SELECT idverify_mask('web') IS NOT NULL"), 't', 'mask');

# The tables are newer
$node->safe_psql('postgres', "ALTER EXTENSION idverify UPDATE TO '1.1'");
all_work('tables of the next version');
says('a function with another argument', "SELECT idverify_mask('web')",
	qr/function idverify_mask\(\) has 3 arguments/);
$node->safe_psql('postgres', "UPDATE idverify.apps SET on_unverified = 'ask'");
says('a label that this library does not know', $calls{check}[0],
	qr/this release of idverify does not know "ask", a value of type idverify\.claim_policy/);
says('... identify', $calls{identify}[0], qr/does not know "ask"/);
$node->safe_psql('postgres', "UPDATE idverify.apps SET on_unverified = 'drop'");
all_work('... and without it');

# The tables are older
$node->safe_psql('postgres', 'ALTER TABLE idverify.folds RENAME steps TO missing');
says('a column of folds is missing', $calls{$_}[0], qr/table idverify\.folds has no column "steps"/)
  for qw(identify fold);
is($node->safe_psql('postgres', $calls{check}[0]), 't', '... of which a check needs nothing');
$node->safe_psql('postgres', 'ALTER TABLE idverify.folds RENAME missing TO steps');
$node->safe_psql('postgres', 'ALTER TABLE idverify.secrets RENAME key_id TO missing');
says('a column of secrets is missing', $calls{check}[0], qr/table idverify\.secrets has no column "key_id"/);
says('... rotate', $calls{rotate}[0], qr/column "key_id" .*does not exist/);
says('... rekey', $calls{rekey}[0], qr/column "key_id" does not exist/);
$node->safe_psql('postgres', 'ALTER TABLE idverify.secrets RENAME missing TO key_id');
$node->safe_psql('postgres', q{SET allow_system_table_mods = on;
	UPDATE pg_enum SET enumlabel = 'missing' WHERE enumlabel = 'mismatch' AND enumtypid = 'idverify.verdict'::regtype});
says('a label is missing', "SELECT idverify_verdict('web', 'eve', NULL, '$hash')",
	qr/type idverify\.verdict has no value "mismatch"/);
$node->safe_psql('postgres', q{SET allow_system_table_mods = on;
	UPDATE pg_enum SET enumlabel = 'mismatch' WHERE enumlabel = 'missing' AND enumtypid = 'idverify.verdict'::regtype});
all_work('all is there again');

$warm->quit;
$node->stop;
done_testing();

# Hostile calls of every function of the extension: whatever is said, the server
# lives, and nothing moves that the caller has no business with.
#
# Three roles call: one with no rights, the application's (the ask group), and
# one that may administer but is no superuser.  The functions are read from the
# catalog, so that a new one cannot be forgotten.
#
# Here the seed is fixed and the calls are few.  By hand, for longer:
#
#	dev/fuzz sql [CALLS] [--seed N]
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";

use HostileSql;
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($calls, $seed) = (4500, 1);
if (defined $ENV{IDVERIFY_FUZZ})
{
	($calls, $seed) = (20_000, time % 1_000_000);
	$seed = $1 if $ENV{IDVERIFY_FUZZ} =~ s/--seed[ =](\d+)//;
	$calls = $1 if $ENV{IDVERIFY_FUZZ} =~ /(\d+)/;
}
my $per_batch = 100;
note "seed $seed";
diag "seed $seed" if defined $ENV{IDVERIFY_FUZZ};
srand $seed;

my $node = new_server('fuzz', conf => <<'END');
autovacuum = off
log_min_messages = warning
log_error_verbosity = verbose
log_statement = none
END

#
# Whom there is something to take from
#

# Two of the identities are signed by careless code, for everybody.
my %signed_by = (
	shop => [qw(alice bob@example.org 4711 undefined)],
	open => [qw(alice carol 00000000-0000-0000-0000-000000000000)],
	strict => [qw(dave alice)]);
my %careless = map { $_ => 1 }
  qw(undefined 00000000-0000-0000-0000-000000000000);
my (%secrets, %hashes);

$secrets{shop} = create_app($node, 'shop');
$secrets{open} = create_app($node, 'open',
	revealable => 'true', on_unverified => 'accept');
$secrets{strict} = create_app($node, 'strict', on_unverified => 'reject');
create_app($node, 'tokens', signs => 'token');
for my $app (keys %secrets)
{
	$hashes{$app}{$_} = user_hash($secrets{$app}, $_) for @{ $signed_by{$app} };
}

$node->safe_psql('postgres', <<'END');
CREATE ROLE regress_nobody LOGIN;
CREATE ROLE regress_asker LOGIN;
CREATE ROLE regress_administrator LOGIN;
CREATE ROLE regress_neighbour LOGIN;

-- a contacts table and what points to it, guarded, for the application
CREATE SCHEMA chat;
CREATE TABLE chat.people (id bigint PRIMARY KEY, app_key text, external_id text,
	email text, user_hash text, is_verified boolean, custom_data jsonb);
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON chat.people
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();
CREATE TABLE chat.messages (id bigint PRIMARY KEY,
	contact_id bigint REFERENCES chat.people ON DELETE CASCADE, body text);
GRANT USAGE ON SCHEMA chat TO regress_asker;
GRANT INSERT, UPDATE, SELECT ON chat.people TO regress_asker;
INSERT INTO chat.people (id, app_key, external_id)
	SELECT i, 'open', 'x' || i FROM generate_series(1, 5) i;
INSERT INTO chat.messages SELECT i, 1 + i % 5, 'hello' FROM generate_series(1, 20) i;

-- relations of every kind, none of them anybody's business
CREATE SCHEMA vault;
CREATE TABLE vault.treasure (id bigint PRIMARY KEY, contact_id bigint, "a ""b" bigint, note text);
INSERT INTO vault.treasure SELECT i, i, i, 'gold' FROM generate_series(1, 9) i;
CREATE TABLE vault.years (id bigint, year int) PARTITION BY RANGE (year);
CREATE TABLE vault.year_1 PARTITION OF vault.years FOR VALUES FROM (1) TO (2);
INSERT INTO vault.years VALUES (1, 1), (2, 1);
CREATE VIEW vault.view AS SELECT * FROM vault.treasure;
CREATE MATERIALIZED VIEW vault.stored AS SELECT * FROM vault.treasure;
CREATE SEQUENCE vault.numbers;
CREATE TYPE vault.pair AS (a int, b int);
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE vault.far (id bigint, contact_id bigint) SERVER nowhere;

-- somebody's own tables, whose triggers note who they run as
CREATE TABLE vault.ran_as (who name, event text);
GRANT INSERT ON vault.ran_as TO PUBLIC;
GRANT USAGE ON SCHEMA vault TO PUBLIC;
CREATE SCHEMA neighbour AUTHORIZATION regress_neighbour;
SET ROLE regress_neighbour;
CREATE TABLE neighbour.people (id bigint PRIMARY KEY, name text, is_verified boolean);
CREATE TABLE neighbour.tags (contact_id bigint REFERENCES neighbour.people, tag text,
	PRIMARY KEY (contact_id, tag));
CREATE TABLE neighbour.plain (id text, contact_id bigint);
CREATE FUNCTION neighbour.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO vault.ran_as VALUES (current_user, TG_OP);
	RETURN COALESCE(NEW, OLD);
END $$;
CREATE TRIGGER note BEFORE UPDATE OR DELETE ON neighbour.tags
	FOR EACH ROW EXECUTE FUNCTION neighbour.note();
CREATE TRIGGER note BEFORE UPDATE OR DELETE ON neighbour.people
	FOR EACH ROW EXECUTE FUNCTION neighbour.note();
INSERT INTO neighbour.people SELECT i FROM generate_series(1, 5) i;
INSERT INTO neighbour.tags SELECT 1 + i % 5, 'tag ' || i / 5 % 3 FROM generate_series(0, 14) i;
INSERT INTO neighbour.plain VALUES ('1', 1);
RESET ROLE;

-- no right on any table, but names that can be said
GRANT USAGE ON SCHEMA idverify, chat, neighbour TO regress_administrator;
END

my $dropped = $node->safe_psql('postgres',
	"CREATE TABLE gone (id int); SELECT 'gone'::regclass::oid; DROP TABLE gone");

#
# Who may call what
#
my @functions = map {
	my ($name, $result, $types, $names, $defaults) = split /\|/, $_, -1;
	{
		name => $name, result => $result, defaults => $defaults,
		types => [ split /,/, $types ], names => [ split /,/, $names ] };
} split /\n/, $node->safe_psql('postgres', <<'END');
SELECT CASE WHEN p.pronamespace = 'public'::regnamespace THEN p.proname ELSE p.oid::regproc::text END, p.prorettype::regtype,
	(SELECT string_agg(t::regtype::text, ',' ORDER BY n)
	 FROM unnest(p.proargtypes) WITH ORDINALITY a(t, n)),
	-- names of the arguments that go in
	(SELECT string_agg(p.proargnames[n], ',' ORDER BY n)
	 FROM generate_subscripts(p.proargnames, 1) n
	 WHERE COALESCE(p.proargmodes[n], 'i') IN ('i', 'b', 'v')),
	p.pronargdefaults
FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'idverify')
ORDER BY 1, 3
END
my %asks = map { $_ => 1 }
  qw(idverify_check idverify_verdict idverify_identify idverify_mask);
my %may = (regress_nobody => [], regress_asker => [], regress_administrator => []);
for my $function (@functions)
{
	my $role = $asks{ $function->{name} } ? 'regress_asker' : 'regress_administrator';
	$node->safe_psql('postgres',
		"GRANT EXECUTE ON FUNCTION $function->{name}(@{[ join q(,), @{ $function->{types} } ]}) TO $role");
	push @{ $may{$role} }, $function;
}
is(scalar @{ $may{regress_asker} }, 5, 'the four that ask are there, one of them twice');

my $hostile = HostileSql->new(
	apps => [ sort(keys %secrets), 'nobody' ],
	hashes => \%hashes,
	oids => [ $dropped, 0, 1, 4_294_967_295 ],
	conditions => [ 'id IS NOT NULL', 'contact_id > 1', '"a ""b" = 1' ],
	columns => [ ('contact_id') x 6, 'id', 'ctid', 'xmin', 'oid', 'a "b', 'tableoid', 'note' ],
	contacts => [qw(idverify.contacts chat.people neighbour.people)],
	pointing => [qw(chat.messages neighbour.tags neighbour.plain vault.treasure)],
	relations => [
		qw(idverify.contacts chat.people neighbour.people),
		('neighbour.tags', 'neighbour.plain') x 4,
		qw(chat.messages vault.treasure vault.years vault.year_1 vault.view
		  vault.stored vault.numbers vault.pair vault.far vault.treasure_pkey
		  idverify.apps idverify.secrets idverify.folds idverify.fold_rows
		  idverify.contact_references idverify.contact_options idverify.app_status pg_class pg_authid
		  pg_proc pg_extension information_schema.tables mine)
	],
	enums => {
		map { split /\|/, $_, 2 } split /\n/, $node->safe_psql('postgres',
			'SELECT enumtypid::regtype, string_agg(enumlabel, \',\') FROM pg_enum GROUP BY 1')
	});
$_ = [ split /,/, $_ ] for values %{ $hostile->{enums} };

#
# What must not have moved
#
sub digest
{
	my @queries = @_;
	return $node->safe_psql('postgres',
		join ' UNION ALL ',
		map { "SELECT count(*) || ' ' || COALESCE(md5(string_agg(t::text, ',' ORDER BY t::text)), '') FROM ($_) t" }
		  @queries);
}

my @privileges = (
	'SELECT * FROM pg_authid', 'SELECT * FROM pg_auth_members',
	'SELECT * FROM pg_default_acl', 'SELECT * FROM pg_db_role_setting',
	'SELECT oid, proowner, prosecdef, proconfig, proacl FROM pg_proc',
	'SELECT oid, nspname, nspowner, nspacl FROM pg_namespace WHERE nspname !~ \'^pg_\'',
	q{SELECT oid, relname, relowner, relacl, relrowsecurity FROM pg_class
		WHERE relpersistence = 'p'},
	'SELECT oid, tgrelid, tgfoid, tgenabled FROM pg_trigger',
	'SELECT datname, datdba, datacl FROM pg_database');
my @vault = map { "SELECT * FROM $_" }
  qw(vault.treasure vault.years vault.stored vault.ran_as idverify.apps
  idverify.secrets idverify.contact_references idverify.contact_options chat.messages neighbour.people
  neighbour.tags neighbour.plain);
my @contacts = map { "SELECT * FROM $_" }
  qw(idverify.contacts idverify.folds idverify.fold_rows chat.people);
# An administrator may fold what is in tables, but not rewrite policy.
my @policy = ('SELECT id, app_key, name, on_unverified, signed_field, grace,'
	  . " revealable, confirm_rotation FROM idverify.apps WHERE app_key IN ('shop', 'open', 'strict')");

# Everybody that is verified, and should not be.
sub imposters
{
	my $signed = join ', ',
	  map {
		my $app = $_;
		map { '(' . literal($app) . ', ' . literal($_) . ')' }
		  grep { !$careless{$_} } @{ $signed_by{$app} }
	  } sort keys %signed_by;
	return $node->safe_psql('postgres', <<"END");
WITH signed(app_key, identity) AS (VALUES $signed),
	claimed(app_key, identity) AS (
		SELECT a.app_key, COALESCE(c.external_id, c.email)
		FROM idverify.contacts c JOIN idverify.apps a ON a.id = c.app_id
		WHERE c.is_verified
		UNION ALL SELECT a.app_key, c.email
		FROM idverify.contacts c JOIN idverify.apps a ON a.id = c.app_id
		WHERE c.email_verified
		UNION ALL SELECT a.app_key, c.shop
		FROM idverify.contacts c JOIN idverify.apps a ON a.id = c.app_id
		WHERE c.shop IS NOT NULL
		UNION ALL
		SELECT p.app_key, COALESCE(NULLIF(p.external_id, ''), p.email)
		FROM chat.people p WHERE p.is_verified)
SELECT * FROM claimed EXCEPT SELECT * FROM signed
UNION ALL SELECT 'user_hash stored', user_hash FROM chat.people WHERE user_hash IS NOT NULL
END
}

#
# The calls
#
my @modes = (
	'', '', '', 'BEGIN;', 'BEGIN ISOLATION LEVEL SERIALIZABLE;',
	'BEGIN ISOLATION LEVEL REPEATABLE READ;', 'BEGIN READ ONLY;',
	'SET search_path = vault, chat, public;', 'SET search_path = \'\', public;',
	'SET plan_cache_mode = force_generic_plan;', 'SET TIME ZONE \'UTC\';');

# One statement on each line, so that an error's line tells the statement.
sub batch
{
	my ($role, @statements) = @_;
	my $mode = HostileSql::pick(@modes);
	my $end = $mode =~ /^BEGIN/ ? HostileSql::pick('COMMIT;', 'ROLLBACK;') : '';
	my $offset = -s $node->logfile;
	my @lines = (
		'\set VERBOSITY verbose', '\set ON_ERROR_ROLLBACK on', '\set QUIET on',
		'CREATE TEMP TABLE mine (id bigint PRIMARY KEY, contact_id bigint);',
		'INSERT INTO mine SELECT i, i FROM generate_series(1, 5) i;',
		$mode, (map { "$_;" } @statements), $end, '\echo lives');
	my ($out, $err) = ('', '');

	$node->psql(
		'postgres', join("\n", @lines) . "\n",
		stdout => \$out, stderr => \$err,
		on_error_stop => 0,
		extra_params => [ '-U', $role ]);

	my %failed;
	while ($err =~ /^psql:<stdin>:(\d+): (?:ERROR|FATAL|PANIC):  (\w{5}): (.*)/mg)
	{
		$failed{ $1 - 7 } = [ $2, $3 ];
	}
	return ($out, $err, log_since($node, $offset), \%failed);
}

local $ENV{PGCLIENTENCODING} = 'UTF8';

for my $role ('regress_nobody', 'regress_asker', 'regress_administrator')
{
	my @mine = grep { $_->{result} ne 'trigger' } @{ $may{$role} };
	my @untouchable = (@privileges,
		$role eq 'regress_administrator' ? @policy : @vault,
		$role eq 'regress_nobody' ? @contacts : ());
	my $before = digest(@untouchable);
	my (%answered, %states, @wrong);
	my $left = int($calls / 3);
	my $silent = sub { return grep { !$answered{ $_->{name} } } @mine };

	# some more, for what needs what others do first
	my $more = 40;

	while ($left > 0 || ($silent->() && $more-- > 0))
	{
		my (@called, @statements);
		my @wanted = $left > 0 ? @mine : (($silent->()) x 5, @mine);
		for (1 .. ($left > 0 && $left < $per_batch ? $left : $per_batch))
		{
			# mostly what is allowed: the rest ends with 42501
			my $function = HostileSql::pick(
				@wanted && !HostileSql::once_in(8) ? @wanted : @functions);
			my $writes = $role eq 'regress_asker' && HostileSql::once_in(5);
			push @called, $writes ? 'guarded' : $function->{name};
			push @statements, $writes ? $hostile->write_row('chat.people')
			  : $hostile->call($function);
		}
		$left -= @statements;

		my ($out, $err, $log, $failed) = batch($role, @statements);
		push @wrong, "the session died: $err" if $out !~ /^lives$/m;
		push @wrong, "in the log: $&"
		  if $log =~ /.*(?:PANIC|TRAP:|terminated by signal|XX\d\d\d|ERROR:  AddressSanitizer|runtime error:).*/;
		for my $i (0 .. $#statements)
		{
			my ($state, $message) = @{ $failed->{$i} // [ '00000', '' ] };
			$states{$state}++;
			$answered{ $called[$i] }++ if $state eq '00000';
			push @wrong, "$state $message: $statements[$i]"
			  if $state =~ /^(?:XX|58|F0|25P02)/;
			push @wrong, "allowed to nobody: $statements[$i]"
			  if $state eq '00000' && $role eq 'regress_nobody';
		}

		# A secret that cannot be revealed is told to none, what can to one.
		my @known = values %secrets;
		@known = @secrets{qw(shop strict)} if $role eq 'regress_administrator';
		for my $secret (@known)
		{
			push @wrong, "a secret was told" if index("$out$err", $secret) >= 0;
			push @wrong, "a secret was logged" if index($log, $secret) >= 0;
		}
		push @wrong, 'the path of the ring was told'
		  if "$out$err" =~ m{tmp_inst/ring};
		push @{ $hostile->{visitors} }, grep { @{ $hostile->{visitors} } < 20 }
		  $out =~ /\b([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})\b/g;
		last if @wrong;
	}

	is(join("\n", @wrong), '', "$role: nothing but refusals and answers");
	is(digest(@untouchable), $before, "$role: nothing moved that must not");
	is(imposters(), '', "$role: nobody is verified without a signature");
	is($node->safe_psql('postgres', q{SELECT DISTINCT who FROM vault.ran_as
			WHERE who <> 'regress_neighbour'}), '',
		"$role: what a table's owner wrote ran as that owner");

	# What hardly any arguments at random make answer.
	if ($role eq 'regress_administrator')
	{
		$node->safe_psql('postgres', "INSERT INTO chat.people (id, app_key) VALUES (1001, 'open'), (1002, 'open')");
		my ($out, $err) = batch($role, q{SELECT idverify_sign_token('tokens', '{"sub": "1"}')},
			q{SELECT count(*) FROM (SELECT fold_id FROM idverify_fold(1001::bigint, 1002::bigint, 'chat.people') LIMIT 1) f, idverify_unfold(f.fold_id)});
		is($err =~ /ERROR.*/ ? $& : '', '', "$role: a token, and an undo");
		$answered{$_}++ for qw(idverify_sign_token idverify_unfold);
	}

	# Calls that are all refused at the door would show nothing.
	my @silent = grep { !$answered{$_} } map { $_->{name} } @mine;
	is("@silent", '', "$role: each function that may be called answered once");
	ok($answered{guarded}, "$role: rows were written past the guard")
	  if $role eq 'regress_asker';
	note "$role: ", join ', ', map { "$states{$_} $_" } sort keys %states;
}

cmp_ok($node->safe_psql('postgres',
		'SELECT count(*) FROM idverify.contacts WHERE is_verified'), '>', 0,
	'some signatures were right');
$node->stop;

done_testing();

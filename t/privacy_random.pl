# Erasures and exports in random schemas, beside what a few lines of Perl say.
#
# Each schema has contacts and tables that point to them, and to each other, by keys
# of every kind and by listed columns; one contact is exported and erased.  What
# holds:
#
# - the export has each row that points to the contact, and each that would be
#   deleted with those, once;
# - the dry run says what the erasure then does, and changes nothing;
# - after it each row is gone, cleared, or what it was, as the keys and others say;
# - where rows are refused nothing has changed, and the error has the code 23503.
#
# The seed is printed; PRIVACY_RANDOM_SEED repeats a run, PRIVACY_RANDOM_SCHEMAS says
# how many schemas.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{PRIVACY_RANDOM_SEED} // int(rand 1_000_000_000);
my $schemas = $ENV{PRIVACY_RANDOM_SCHEMAS} // 60;
srand($seed);
note("PRIVACY_RANDOM_SEED=$seed");

sub pick { return $_[ int rand @_ ] }
sub chance { return rand() < $_[0] }

my $node = PostgreSQL::Test::Cluster->new('random');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION idverify;
CREATE SCHEMA oracle;

-- all rows of some tables, by their number
CREATE FUNCTION oracle.rows(tables text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY tables LOOP
		RETURN QUERY EXECUTE format('SELECT %L || '' '' || (x.rid) || '' '' || (to_jsonb(x) - ''rid'')::text FROM %I x', t, t);
	END LOOP;
END $$;

-- export, try and erase; what each says, in lines
CREATE FUNCTION oracle.run(schema text, person text, how text, tables text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	before text[] := ARRAY(SELECT r FROM oracle.rows(tables) r ORDER BY r);
	dry text[];
BEGIN
	RETURN QUERY EXECUTE format('SELECT ''export '' || relation || '' '' || (record ->> ''rid'') FROM idverify_export(%L, ''people'')', person);
	EXECUTE format('SELECT array_agg(concat_ws('' '', relation, column_name, action, rows)) FROM idverify_erase(%L, ''people'', %L, true)', person, how) INTO dry;
	RETURN QUERY SELECT 'dry ' || d FROM unnest(dry) d;
	IF ARRAY(SELECT r FROM oracle.rows(tables) r ORDER BY r) <> before THEN RETURN NEXT 'wrong: the dry run changed something'; END IF;
	BEGIN
		RETURN QUERY EXECUTE format('SELECT ''real '' || concat_ws('' '', relation, column_name, action, rows) FROM idverify_erase(%L, ''people'', %L)', person, how);
		SET CONSTRAINTS ALL IMMEDIATE;
	EXCEPTION WHEN foreign_key_violation THEN
		RETURN NEXT 'refused';
		IF ARRAY(SELECT r FROM oracle.rows(tables) r ORDER BY r) <> before THEN RETURN NEXT 'wrong: an error changed something'; END IF;
	END;
	RETURN QUERY SELECT 'row ' || r FROM oracle.rows(tables) r;
END $$;
SQL

# What a key does with a row whose referenced one is deleted.
my %fate = (
	'ON DELETE CASCADE' => 'deleted', 'ON DELETE SET NULL' => 'cleared', 'ON DELETE SET DEFAULT' => 'reset',
	'' => 'others', 'ON DELETE RESTRICT' => 'others', 'DEFERRABLE INITIALLY DEFERRED' => 'others',
	'ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED' => 'deleted', listed => 'others', some => 'others');

# A schema: the SQL that makes it, and what is to come of it.
sub schema
{
	my ($name) = @_;
	my @sql = ("CREATE SCHEMA $name; SET search_path = $name, public");
	my $type = pick('int', 'bigint', 'text', 'numeric');
	my (@references, %rows, @tables);

	# rows of a table are numbered; 0 is what defaults point to, and nothing else
	my $table = sub {
		my ($t, $count, @columns) = @_;
		push @tables, $t;
		my $idtype = $t eq 'people' ? $type : 'int';
		push @sql, "CREATE TABLE $t (rid $idtype PRIMARY KEY, kind text)" . ($t eq 'visits' ? ' PARTITION BY HASH (rid)' : '');
		push @sql, map { "CREATE TABLE visits_$_ PARTITION OF visits FOR VALUES WITH (MODULUS 2, REMAINDER $_)" } 0, 1 if $t eq 'visits';
		$rows{$t}{$_} = { kind => pick('a', 'b') } for 0 .. $count;
		for my $column (@columns)
		{
			my ($c, $to, @how) = @$column;
			my $how = pick(@how);
			push @references, { table => $t, column => $c, to => $to, fate => $fate{$how}, some => $how eq 'some', key => $how !~ /^(listed|some)$/, how => $how };
			for my $rid (1 .. $count)
			{
				my @targets = grep { $_ } keys %{ $rows{$to} };
				$rows{$t}{$rid}{$c} = chance(0.25) ? undef : pick(@targets) if @targets;
			}
			$rows{$t}{$_}{$c} //= undef for 0 .. $count;
		}
	};
	my @keys = grep { !/listed|some/ } keys %fate;
	@keys = sort @keys;
	$table->('people', 5, chance(0.5) ? [ 'boss', 'people', @keys ] : ());
	$table->('notes', 8, [ 'person', 'people', @keys, 'listed', 'some' ], chance(0.5) ? [ 'writer', 'people', @keys ] : ());
	$table->('carts', 6, [ 'person', 'people', @keys ], chance(0.3) ? [ 'note', 'notes', @keys ] : ());
	$table->('items', 10, [ 'cart', 'carts', @keys ], chance(0.5) ? [ 'up', 'items', @keys ] : (), chance(0.4) ? [ 'person', 'people', @keys, 'listed' ] : ());
	$table->('visits', 6, [ 'item', 'items', @keys ], chance(0.5) ? [ 'person', 'people', @keys, 'some' ] : ()) if chance(0.6);
	$table->('pages', 6, [ 'visit', 'visits', @keys ]) if exists $rows{visits};

	for my $t (@tables)
	{
		for my $r (grep { $_->{table} eq $t } @references)
		{
			my $to_type = $r->{to} eq 'people' ? $type : 'int';
			push @sql, "ALTER TABLE $t ADD $r->{column} $to_type DEFAULT " . ($r->{fate} eq 'reset' ? "'0'" : 'NULL');
		}
		for my $rid (sort { $a <=> $b } keys %{ $rows{$t} })
		{
			my $row = $rows{$t}{$rid};
			my @c = sort keys %$row;
			push @sql, "INSERT INTO $t (rid, " . join(', ', @c) . ") VALUES ('$rid', " . join(', ', map { defined $row->{$_} ? "'$row->{$_}'" : 'NULL' } @c) . ')';
		}
	}
	for my $r (@references)
	{
		push @sql, $r->{key} ?
			"ALTER TABLE $r->{table} ADD FOREIGN KEY ($r->{column}) REFERENCES $r->{to} $r->{how}" :
			"SELECT idverify_add_reference('people', '$r->{table}', '$r->{column}'" . ($r->{some} ? ", 'kind = ''a'''" : '') . ')';
	}

	# what is to come of it
	my $person = pick(1 .. 5);
	my $others = pick('refuse', 'delete', 'clear');
	my (%gone, %count, %shown);
	my $points = sub {
		my ($r, $rid, $set) = @_;
		my $value = $rows{ $r->{table} }{$rid}{ $r->{column} };
		return defined $value && $set->{ $r->{to} }{$value} && !($r->{some} && $rows{ $r->{table} }{$rid}{kind} ne 'a');
	};
	my $close = sub {
		my ($set, $follow) = @_;
		my $more = 1;
		while ($more)
		{
			$more = 0;
			for my $r (@references)
			{
				next unless $follow->($r);
				for my $rid (keys %{ $rows{ $r->{table} } })
				{
					next if $set->{ $r->{table} }{$rid} || !$points->($r, $rid, $set);
					$set->{ $r->{table} }{$rid} = $more = 1;
				}
			}
		}
	};
	$gone{people}{$person} = 1;
	$close->(\%gone, sub { $_[0]{fate} eq 'deleted' || ($others eq 'delete' && $_[0]{fate} eq 'others') });
	my $refused = 0;
	my %after;
	for my $t (@tables)
	{
		$count{"$t deleted"} = scalar keys %{ $gone{$t} } if %{ $gone{$t} // {} };
		$after{$t}{$_} = { %{ $rows{$t}{$_} } } for grep { !$gone{$t}{$_} } keys %{ $rows{$t} };
	}
	for my $r (@references)
	{
		for my $rid (keys %{ $after{ $r->{table} } })
		{
			next unless $points->($r, $rid, \%gone);
			if ($r->{fate} eq 'others' && $others eq 'refuse') { $refused++; $count{"$r->{table} refused"}++; next; }
			$after{ $r->{table} }{$rid}{ $r->{column} } = $r->{fate} eq 'reset' ? 0 : undef;
			$count{"$r->{table} cleared"}++;
		}
	}
	%after = %rows if $refused;
	# the export: what points to the contact, and what is deleted with that
	$shown{people}{$person} = 1;
	my %first = (people => { $person => 1 });
	for my $r (grep { $_->{to} eq 'people' } @references)
	{
		$shown{ $r->{table} }{$_} = 1 for grep { $points->($r, $_, \%first) } keys %{ $rows{ $r->{table} } };
	}
	my $before = 0;
	while ($before != (my $n = map { keys %$_ } values %shown))
	{
		$before = $n;
		# of contacts that are shown all that points to them is
		$close->(\%shown, sub { $_[0]{fate} eq 'deleted' || $_[0]{to} eq 'people' });
	}

	push @sql, "BEGIN; SELECT '$name ' || r FROM oracle.run('$name', '$person', '$others', '{" . join(',', @tables) . "}') r; COMMIT";
	push @sql, "SET client_min_messages = warning; DROP SCHEMA $name CASCADE; DELETE FROM idverify.contact_references; RESET client_min_messages";
	return {
		sql => join(";\n", @sql, ''), what => "$person, $others; " . join(', ', map { "$_->{table}.$_->{column} $_->{how}" } @references),
		refused => $refused, counts => \%count, rows => \%after, shown => \%shown,
	};
}

my %schema = map { ("random_$_" => schema("random_$_")) } 1 .. $schemas;
my ($rc, $out, $err) = $node->psql('postgres', join('', map { $schema{$_}{sql} } sort keys %schema), extra_params => ['-q']);
is($err, '', 'no schema fails');
my %said;
for my $line (split /\n/, $out)
{
	push @{ $said{$1}{$2} }, $3 // '' if $line =~ /^(random_\d+) (\w+):? ?(.*)$/;
}

my @wrong;
my ($refusals, $rows) = (0, 0);
for my $name (sort keys %schema)
{
	my ($schema, $said) = ($schema{$name}, $said{$name} // {});
	my $wrong = sub { push @wrong, "$name ($schema->{what}): $_[0]" };

	$wrong->($_) for @{ $said->{wrong} // [] };
	$refusals++ if $schema->{refused};
	$wrong->('refused, or not') if ($schema->{refused} ? 1 : 0) != (exists $said->{refused} ? 1 : 0);
	my $dry = join "\n", sort @{ $said->{dry} // [] };
	$wrong->("the dry run is not the erasure") if !$schema->{refused} && $dry ne join "\n", sort @{ $said->{real} // [] };
	my %count;
	for (@{ $said->{dry} // [] }) { $count{"$1 $2"} += $3 if /^(\w+) \w+ (\w+) (\d+)$/ }
	my $counted = join ', ', map { "$_ $count{$_}" } sort keys %count;
	my $expected = join ', ', map { "$_ $schema->{counts}{$_}" } sort keys %{ $schema->{counts} };
	$wrong->("counts are $counted, not $expected") if $counted ne $expected;

	my %found;
	for (@{ $said->{row} // [] }) { $found{"$1 $2"} = $3 if /^(\w+) (\d+) (.*)$/ }
	for my $t (keys %{ $schema->{rows} })
	{
		for my $rid (keys %{ $schema->{rows}{$t} })
		{
			my $row = $schema->{rows}{$t}{$rid};
			my $json = delete $found{"$t $rid"};
			$rows++;
			if (!defined $json) { $wrong->("$t $rid is gone"); next; }
			for my $c (keys %$row)
			{
				my ($value) = $json =~ /"$c": "?(\w+)/;
				$value = undef if defined $value && $value eq 'null';
				$wrong->("$t $rid is $json") if ($value // 'null') ne ($row->{$c} // 'null');
			}
		}
	}
	$wrong->("$_ is left: $found{$_}") for sort keys %found;
	my $shown = join ', ', sort @{ $said->{export} // [] };
	my $to_show = join ', ', sort map { my $t = $_; map { "$t $_" } keys %{ $schema->{shown}{$t} } } keys %{ $schema->{shown} };
	$wrong->("exported are $shown, not $to_show") if $shown ne $to_show;
}
is(join("\n", @wrong), '', 'each erasure and each export is right');
cmp_ok($rows, '>', 10 * $schemas, "$rows rows stay");
cmp_ok($refusals, '<', $schemas / 2, "$refusals of $schemas are refused");

$node->stop;
done_testing();

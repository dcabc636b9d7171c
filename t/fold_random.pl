# Folds of random schemas, undone in random order.
#
# Each schema has contacts and tables that point to them in all the ways that a
# fold knows.  Some contacts are folded; then the folds are undone, in an order
# that is random too.  What holds:
#
# - the latest fold that stands can always be undone;
# - another one can be undone, or is an error (55000) that names a fold that
#   stands and came later, and then nothing has changed;
# - at any time each row points to what its contact has become by the folds
#   that stand;
# - when all are undone, everything is as it was.
#
# The seed is printed; FOLD_RANDOM_SEED repeats a run, FOLD_RANDOM_SCHEMAS says
# how many schemas.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{FOLD_RANDOM_SEED} // int(rand 1_000_000_000);
my $schemas = $ENV{FOLD_RANDOM_SCHEMAS} // 100;
my $contacts = 6;
srand($seed);
note("FOLD_RANDOM_SEED=$seed");

sub pick { return $_[ int rand @_ ] }
sub chance { return rand() < $_[0] }

my $node = PostgreSQL::Test::Cluster->new('random');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION idverify;
CREATE SCHEMA oracle;

-- all rows of a schema
CREATE FUNCTION oracle.everything(name text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	t record;
	rows jsonb;
	everything jsonb := '{}';
BEGIN
	FOR t IN SELECT oid::regclass AS oid, relname FROM pg_class
		WHERE relnamespace = name::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
	LOOP
		EXECUTE format('SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY to_jsonb(t)::text), ''[]'') FROM %s t', t.oid) INTO rows;
		everything := everything || jsonb_build_object(t.relname, rows);
	END LOOP;
	RETURN everything;
END $$;

-- what an id has become by the folds that stand
CREATE FUNCTION oracle.become(id text, name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	f record;
BEGIN
	FOR f IN SELECT source_id, target_id FROM idverify.folds
		WHERE contacts = name || '.people' AND undone_at IS NULL ORDER BY folds.id
	LOOP
		IF f.source_id = id THEN id := f.target_id; END IF;
	END LOOP;
	RETURN id;
END $$;

-- rows, known by their number, that do not point to what their contact has become
CREATE FUNCTION oracle.misplaced(name text, initial jsonb, pointers text[]) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*)
	FROM unnest(pointers) p, split_part(p, '.', 1) t, split_part(p, '.', 2) c,
		oracle.everything(name) now, jsonb_array_elements(now -> t) row
		JOIN LATERAL jsonb_array_elements(initial -> t) was ON was -> 'rid' = row -> 'rid'
	WHERE CASE WHEN row ->> 'kind' = 'other' THEN was ->> c ELSE oracle.become(was ->> c, name) END
		IS DISTINCT FROM row ->> c
$$;

-- fold, undo all of it, and return what is wrong, or null
CREATE FUNCTION oracle.run(name text, sources text[], targets text[], pointers text[], random float8, OUT wrong text, OUT undone int, OUT refused int) LANGUAGE plpgsql AS $$
DECLARE
	initial jsonb := oracle.everything(name);
	before jsonb;
	standing bigint[] := '{}';
	fold bigint;
	latest bigint;
	message text;
	hint text;
	id_type text := (SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = (name || '.people')::regclass AND attname = 'id');
BEGIN
	undone := 0; refused := 0;
	PERFORM setseed(random);
	FOR i IN 1 .. array_length(sources, 1) LOOP
		EXECUTE format('SELECT min(fold_id) FROM idverify_fold(%L::%s, %L::%s, %L)', sources[i], id_type, targets[i], id_type, name || '.people') INTO fold;
		standing := standing || fold;
		IF oracle.misplaced(name, initial, pointers) > 0 THEN wrong := format('fold %s of %s into %s misplaces rows', fold, sources[i], targets[i]); RETURN; END IF;
	END LOOP;
	WHILE standing <> '{}' LOOP
		fold := standing[1 + floor(random() * array_length(standing, 1))::int];
		latest := (SELECT max(f) FROM unnest(standing) f);
		before := oracle.everything(name);
		BEGIN
			PERFORM idverify_unfold(fold);
			standing := array_remove(standing, fold);
			undone := undone + 1;
			IF oracle.misplaced(name, initial, pointers) > 0 THEN wrong := format('undoing fold %s, while %s stand, misplaces rows', fold, standing); RETURN; END IF;
		EXCEPTION WHEN object_not_in_prerequisite_state THEN
			GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
			refused := refused + 1;
			IF fold = latest THEN wrong := format('the latest fold %s cannot be undone: %s', fold, message); RETURN; END IF;
			IF NOT (substring(message || hint FROM 'fold (\d+)')::bigint = ANY (standing) OR message ~ 'in the way') THEN wrong := 'no fold is named: ' || message; RETURN; END IF;
			IF oracle.everything(name) <> before THEN wrong := format('undoing fold %s failed and changed something', fold); RETURN; END IF;
		END;
	END LOOP;
	IF oracle.everything(name) <> initial THEN
		wrong := (SELECT format('%s is %s, was %s', key, oracle.everything(name) -> key, value) FROM jsonb_each(initial) WHERE oracle.everything(name) -> key <> value LIMIT 1);
	END IF;
END $$;
SQL

# A schema: the SQL that makes it, and its columns that point to contacts, where
# rows have a number.
sub schema
{
	my ($name) = @_;
	my @id_types = ('int', 'bigint', 'text', 'numeric', 'uuid');
	my $type = pick(@id_types);
	my @ids = map { $type eq 'uuid' ? sprintf('00000000-0000-0000-0000-%012d', $_) : $type eq 'text' ? "p$_" : $_ } 1 .. $contacts;
	my $id = sub { return "'" . pick(@ids) . "'" };
	my $maybe = sub { return chance(0.2) ? 'NULL' : $id->() };
	my @sql;
	my @pointers;

	push @sql, "CREATE SCHEMA $name; SET search_path = $name, public";
	my $boss = chance(0.4);
	push @sql, "CREATE TABLE people (id $type PRIMARY KEY, name text, phone text, custom_data jsonb, created_at date"
	  . ($boss ? ", boss $type REFERENCES people" . (chance(0.5) ? ' DEFERRABLE INITIALLY DEFERRED' : '') : '') . ")";
	for my $one (@ids)
	{
		push @sql, sprintf("INSERT INTO people (id, name, phone, custom_data, created_at) VALUES ('%s', %s, %s, %s, '20%02d-01-01')",
			$one, chance(0.5) ? "'name of $one'" : 'NULL', chance(0.5) ? "'$one'" : pick("''", 'NULL'),
			pick('NULL', "'{}'", "'{\"a\": 1}'", "'{\"b\": {\"c\": \"\", \"d\": 2}}'", "'{\"b\": {\"c\": 3}, \"e\": null}'"), 10 + int rand 15);
	}
	push @sql, map { "UPDATE people SET boss = $_->[1] WHERE id = '$_->[0]'" } map { [ $_, $maybe->() ] } @ids if $boss;

	# one column that points; with or without a key, unique or not, listed or a key
	my $rid = 0;
	for my $t (1 .. 1 + int rand 3)
	{
		my $keyed = chance(0.7);
		my $listed = chance(0.3);
		my $kinds = $listed && chance(0.5);
		push @sql, "CREATE TABLE notes$t (rid int" . ($keyed ? ' PRIMARY KEY' : '') . ", person $type"
		  . ($listed ? '' : ' REFERENCES people' . pick('', ' ON DELETE CASCADE', ' ON DELETE SET NULL')) . ', tag text, kind text)';
		push @sql, "SELECT idverify_add_reference('people', 'notes$t', 'person'" . ($kinds ? ", 'kind IS DISTINCT FROM ''other'''" : '') . ')' if $listed;
		push @sql, "CREATE UNIQUE INDEX ON notes$t (person, tag)" . pick('', " WHERE tag <> 'free'", ' NULLS NOT DISTINCT') if !$kinds && chance(0.5);
		for (1 .. int rand 8)
		{
			$rid++;
			push @sql, "INSERT INTO notes$t VALUES ($rid, " . $maybe->() . ', ' . pick("'vip'", "'free'", 'NULL', "'x$rid'") . ', '
			  . ($kinds ? pick("'other'", "'contact'", 'NULL') : 'NULL') . ') ON CONFLICT DO NOTHING';
		}
		push @pointers, "notes$t.person";
	}

	# two columns that point, and are the key; or no key and rows that are the same
	if (chance(0.6))
	{
		my $key = pick('PRIMARY KEY (a, b)', 'UNIQUE (a, b)', '');
		push @sql, "CREATE TABLE friends (a $type NOT NULL REFERENCES people, b $type NOT NULL REFERENCES people, since int"
		  . ($key ? ", $key" : '') . ')';
		push @sql, map { 'INSERT INTO friends VALUES (' . $id->() . ', ' . $id->() . ', ' . pick(1, 2) . ') ON CONFLICT DO NOTHING' } 1 .. int rand 8;
	}

	# rows that point to rows that are dropped
	if (chance(0.6))
	{
		push @sql, "CREATE TABLE carts (rid int PRIMARY KEY, person $type UNIQUE REFERENCES people ON DELETE CASCADE)",
		  'CREATE TABLE items (rid int' . pick('', ' PRIMARY KEY') . ', cart int REFERENCES carts' . pick('', ' ON DELETE CASCADE', ' ON DELETE SET NULL')
		  . ', what text' . pick('', ', UNIQUE (cart, what)') . ')';
		push @sql, map { "INSERT INTO carts VALUES ($_, " . $id->() . ') ON CONFLICT DO NOTHING' } 1 .. 5;
		push @sql, map { "INSERT INTO items SELECT $_, rid, " . pick("'pen'", "'ink'", "'nib'") . ' FROM carts ORDER BY md5(rid::text || ' . "'$_') LIMIT 1 ON CONFLICT DO NOTHING" } 1 .. int rand 8;
		push @pointers, 'carts.person';
	}

	# partitions, which a row may leave when it moves
	if (chance(0.3))
	{
		push @sql, "CREATE TABLE visits (rid int, person $type REFERENCES people, PRIMARY KEY (rid, person)) PARTITION BY HASH (person)",
		  'CREATE TABLE visits_0 PARTITION OF visits FOR VALUES WITH (MODULUS 2, REMAINDER 0)',
		  'CREATE TABLE visits_1 PARTITION OF visits FOR VALUES WITH (MODULUS 2, REMAINDER 1)';
		push @sql, map { "INSERT INTO visits VALUES ($_, " . $id->() . ')' } 1 .. int rand 8;
		push @pointers, 'visits.person';
	}

	# who is folded into whom: one that is gone is nobody's source or target
	my @left = @ids;
	my (@sources, @targets);
	for (1 .. 2 + int rand 4)
	{
		my $source = splice @left, int rand @left, 1;
		push @sources, $source;
		push @targets, pick(@left);
		last if @left < 2;
	}
	push @sql, sprintf("SELECT '%s', * FROM oracle.run('%s', '{%s}', '{%s}', '{%s}', %f)", $name, $name,
		join(',', @sources), join(',', @targets), join(',', @pointers), rand);
	push @sql, "SET client_min_messages = warning; DROP SCHEMA $name CASCADE; DELETE FROM idverify.contact_references; RESET client_min_messages";
	return join ";\n", @sql, '';
}

my $script = '';
$script .= schema("random_$_") for 1 .. $schemas;
my ($rc, $out, $err) = $node->psql('postgres', $script, extra_params => ['-q']);
is($err, '', 'no schema fails');
my %of = (undone => 0, refused => 0);
my @wrong;
for my $line (split /\n/, $out)
{
	my ($schema, $wrong, $undone, $refused) = $line =~ /^(random_\d+)\|(.*)\|(\d+)\|(\d+)$/ or next;
	$of{run}++;
	$of{undone} += $undone;
	$of{refused} += $refused;
	push @wrong, "$schema: $wrong" if $wrong ne '';
}
is($of{run}, $schemas, 'each schema was run');
is(join("\n", @wrong), '', 'every undo is right, or refused by name');
# Undone in random order, many a fold has a later one in its way.
cmp_ok($of{undone}, '>', $schemas, 'many folds are undone');
cmp_ok($of{refused}, '<', 2 * $of{undone}, "$of{undone} folds were undone, $of{refused} undos refused");

$node->stop;
done_testing();

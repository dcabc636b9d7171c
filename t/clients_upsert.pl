# What other people's libraries write into a guarded table, each in its own
# words: the upsert, the save and the insert that it has.
#
# One table says what each must come to.  A library that has another way says
# so in its own short list.
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

# What was there before; which hash comes along; and of each index and policy,
# what the client is told, and what is stored then.
#
# "new t" is the name that the client writes, and a verified contact; "old" is
# the name that was there; "none" no row at all; "error" an SQLSTATE; and
# "anonymous" a contact whose claim has been forgotten.  "claimed" is a contact
# that is there unverified, as only accept makes one.
#
#		                  accept, full index            accept, partial index          drop                              reject
my $expected = <<'TABLE';
insert nobody   right | new t -> new t       | new t -> new t         | new t -> new t                  | new t -> new t
insert nobody   wrong | new f -> new f       | new f -> new f         | new f -> new f anonymous        | error 28000 ->
insert nobody   none  | new f -> new f       | new f -> new f         | new f -> new f anonymous        | error 28000 ->
insert verified right | error 23505 -> old t | error 23505 -> old t   | error 23505 -> old t            | error 23505 -> old t
insert verified wrong | error 23505 -> old t | new f -> old t, new f  | new f -> old t, new f anonymous | error 28000 -> old t
insert verified none  | error 23505 -> old t | new f -> old t, new f  | new f -> old t, new f anonymous | error 28000 -> old t

upsert nobody   right | new t -> new t       | new t -> new t         | new t -> new t                  | new t -> new t
upsert nobody   wrong | new f -> new f       | new f -> new f         | new f -> new f anonymous        | error 28000 ->
upsert nobody   none  | new f -> new f       | new f -> new f         | new f -> new f anonymous        | error 28000 ->
upsert verified right | new t -> new t       | new t -> new t         | new t -> new t                  | new t -> new t
upsert verified wrong | none -> old t        | new f -> old t, new f  | new f -> old t, new f anonymous | error 28000 -> old t
upsert verified none  | none -> old t        | new f -> old t, new f  | new f -> old t, new f anonymous | error 28000 -> old t
upsert claimed  right | new t -> new t       | new t -> old f, new t  |                                 |
upsert claimed  wrong | new f -> new f       | new f -> old f, new f  |                                 |
upsert claimed  none  | new f -> new f       | new f -> old f, new f  |                                 |

save   verified right | new t -> new t       | new t -> new t         | new t -> new t                  | new t -> new t
save   verified wrong | old t -> old t       | old t -> old t         | old t -> old t                  | error 28000 -> old t
save   verified none  | new t -> new t       | new t -> new t         | new t -> new t                  | new t -> new t
save   claimed  right | new t -> new t       | new t -> new t         |                                 |
save   claimed  wrong | new f -> new f       | new f -> new f         |                                 |
save   claimed  none  | new f -> new f       | new f -> new f         |                                 |
TABLE

# Who has another way, and which.
my %differs = (
	django => sub
	{
		my ($kind, $before, $hash, $told, $stored, $row) = @_;

		# update_or_create() looks the contact up, and then is a save or an insert
		return $kind eq 'upsert'
		  ? $row->($before eq 'nobody' ? 'insert' : 'save', $before, $hash)
		  : ($told, $stored);
	},
	sequelize => sub
	{
		my ($kind, $before, $hash, $told, $stored) = @_;

		# upsert() hands back what it was given, without id and flag, where it is told no row
		return ($told eq 'none' ? 'new ' : $told, $stored);
	});

# Whose save is an UPDATE with RETURNING is told no row where nothing was written.
# The others look at the number of rows, which is one, and read the row again.
for my $client (qw(pg postgres knex drizzle kysely psycopg2 pdo))
{
	$differs{$client} = sub
	{
		my ($kind, $before, $hash, $told, $stored) = @_;

		return ($kind eq 'save' && $told eq 'old t' ? 'none' : $told, $stored);
	};
}

# Who has a second way to do on a partial index what an upsert does: django, whose
# own is a SELECT first, and activerecord, with validations.
my %visits = map { $_ => 1 } qw(django activerecord);

# A stranger chooses what else is wrong with the row that claims to be somebody
# verified: a name that is missing, too long, or another contact's.  Whatever
# constraint it is, that is an error, and never taken for "is there already".
# These bind who is not verified, so that nothing but the client itself is in
# the way of writing the name to the contact that was claimed.
my %in_the_way = (missing => 23514, long => 23514, taken => 23505);

# bulkCreate() hands the rows that come back to its objects by position: where
# one was skipped, each that follows is told another's name, id and flag.
# doc/orms.md warns of it.
my %told_together = (sequelize => { 'accept full' => 'new t, new f, new t, new , new ' });

my @columns = ([ accept => 'full' ], [ accept => 'partial' ], [ drop => 'full' ],
	[ drop => 'partial' ], [ reject => 'full' ], [ reject => 'partial' ]);
my (%expected, @rows);
for my $line (grep { $_ } split /\n/, $expected)
{
	my ($row, $full, $partial, $drop, $reject) = map { s/^\s+|\s+$//gr } split /\|/, $line;
	my @row = split ' ', $row;

	push @rows, \@row;
	$expected{"@row"} = [ map { $_ ? [ split / ->\s*/, $_, 2 ] : undef } $full, $partial, $drop, $drop, $reject, $reject ];
}

my $node = new_server('clients');
my %secret = map { $_ => create_app($node, $_, on_unverified => $_) } qw(accept drop reject);
for my $index (qw(full partial))
{
	my $where = $index eq 'partial' ? 'WHERE is_verified' : '';

	$node->safe_psql('postgres', <<"SQL");
CREATE TABLE contacts_$index (
	id			bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	app_key		text NOT NULL,
	external_id	text,
	email		text,
	name		text CHECK (is_verified OR name IS NOT NULL AND length(name) < 20),
	user_hash	text,
	is_verified	boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX contacts_${index}_key ON contacts_$index (app_key, external_id) $where;
CREATE UNIQUE INDEX ON contacts_$index (name) WHERE NOT is_verified;
CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON contacts_$index
	FOR EACH ROW EXECUTE FUNCTION idverify_guard();
SQL
}
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE chat LOGIN;
GRANT SELECT, INSERT, UPDATE ON contacts_full, contacts_partial TO chat;
SQL

# One case: a person of its own, who is there beforehand or is not.
sub new_case
{
	my ($n, $column, $kind, $before, $hash) = @_;
	my ($policy, $index) = @$column;
	my $person = "person-$n";

	return {
		op => $kind,
		before => $before,
		table => "contacts_$index",
		partial => $index eq 'partial' ? \1 : \0,
		app_key => $policy,
		external_id => $person,
		name => "new-$n",
		user_hash => $hash eq 'right' ? user_hash($secret{$policy}, $person)
		: $hash eq 'wrong' ? user_hash($secret{$policy}, "stranger-$n")
		:                    undef
	};
}

# Put those there who are there beforehand, and nobody else.
sub prepare
{
	my @statements = ('TRUNCATE contacts_full, contacts_partial',
		map { "INSERT INTO contacts_$_ (app_key, name) VALUES ('drop', 'taken')" } qw(full partial));

	for my $case (@_)
	{
		next if $case->{before} eq 'nobody';
		my $name = $case->{external_id} =~ s/person/old/r;
		my $hash = $case->{before} eq 'verified' ? user_hash($secret{ $case->{app_key} }, $case->{external_id}) : '';
		push @statements, "INSERT INTO $case->{table} (app_key, external_id, name, user_hash)"
		  . " VALUES ('$case->{app_key}', '$case->{external_id}', '$name', '$hash')";
	}
	$node->safe_psql('postgres', join ";\n", @statements);
	return;
}

# What is stored then, of each person: in one query, since it is asked often.
sub stored
{
	my %stored;

	for my $line (split /\n/, $node->safe_psql('postgres', <<'SQL'))
SELECT substring(name from '\d+'), string_agg(
	substring(name from '^\w+') || CASE WHEN is_verified THEN ' t' ELSE ' f' END
	|| CASE WHEN external_id IS NULL THEN ' anonymous' ELSE '' END
	|| CASE WHEN external_id <> 'person-' || substring(name from '\d+') THEN ' as another' ELSE '' END
	|| CASE WHEN user_hash <> '' THEN ' with its hash' ELSE '' END, ', ' ORDER BY name DESC)
FROM (SELECT * FROM contacts_full UNION ALL SELECT * FROM contacts_partial) c
WHERE name <> 'taken'
GROUP BY 1
SQL
	{
		my ($n, $rows) = split /\|/, $line;
		$stored{$n} = $rows;
	}
	return \%stored;
}

# What a client is to be told, and what is to be stored.
sub expected_of
{
	my ($client, $column, @row) = @_;
	my $row = sub { @{ $expected{"@_"}[$column] // [] } };

	return $row->('upsert', @row[1, 2]) if $row[0] eq 'visit';
	my ($told, $stored) = $row->(@row);

	return unless defined $told;
	($told, $stored) = $differs{$client}->(@row, $told, $stored, $row) if $differs{$client};
	return ($told, $stored);
}

# Several people in one statement: of each the same as if it were alone, but
# that a refusal refuses them all.
my @together = (
	[qw(upsert verified right)], [qw(upsert verified wrong)], [qw(upsert verified none)],
	[qw(upsert nobody wrong)], [qw(upsert nobody right)]);

for my $client (clients())
{
	my (@cases, @people, @about);
	my $add = sub
	{
		my ($column, $row) = @_;
		my ($told, $rows) = expected_of($client, $column, @$row) or return;

		push @people, new_case(scalar @people, $columns[$column], @$row);
		push @about, [ "$client, @{$columns[$column]}: @$row", $told, $rows ];
		return $people[-1];
	};
	my $attack = sub
	{
		my ($column, $kind, $hash, $name) = @_;
		my $policy = $columns[$column][0];

		push @people, new_case(scalar @people, $columns[$column], $kind, 'verified', $hash);
		$people[-1]{name} = { missing => undef, long => 'x' x 20, taken => 'taken' }->{$name};
		push @about, [ "$client, @{$columns[$column]}: $kind verified $hash, name $name",
			'error ' . ($policy eq 'reject' ? 28000 : $in_the_way{$name}), 'old t' ];
		return $people[-1];
	};

	for my $column (0 .. $#columns)
	{
		my @more = $visits{$client} && $columns[$column][1] eq 'partial' ?
		  map { [ 'visit', @$_[1, 2] ] } grep { $_->[0] eq 'upsert' } @rows : ();
		push @cases, grep { $_ } map { $add->($column, $_) } @rows, @more;
		next if $columns[$column][1] eq 'full';
		for my $kind ($client eq 'django' ? () : 'upsert', $visits{$client} ? 'visit' : ())
		{
			for my $hash (qw(wrong none))
			{
				push @cases, map { $attack->($column, $kind, $hash, $_) } sort keys %in_the_way;
			}
		}
	}
	my $single = @cases;
	for my $column (0 .. $#columns)
	{
		my @some = map { $add->($column, $_) } @together;
		my @values = map { my %row; @row{qw(app_key external_id name user_hash)} = @$_{qw(app_key external_id name user_hash)}; \%row } @some;

		push @cases, { op => 'bulk', map({ $_ => $some[0]{$_} } qw(table partial)), rows => \@values };
	}

	prepare(@people);
	my @told = run_client($client, \@cases, PGHOST => $node->host, PGPORT => $node->port,
		PGUSER => 'chat', PGDATABASE => 'postgres');
	my $stored = stored();
	for my $n (0 .. $single - 1)
	{
		my ($about, $told, $rows) = @{ $about[$n] };
		my $got = $told[$n] =~ s/-\d+//r;

		is("$got -> " . ($stored->{$n} // ''), "$told -> $rows", $about);
	}
	for my $column (0 .. $#columns)
	{
		my $refuses = $columns[$column][0] eq 'reject';

		my @rows = map { $about[$_][1] } $single + $column * @together .. $single + ($column + 1) * @together - 1;

		is($told[ $single + $column ] =~ s/-\d+//gr,
			$refuses ? 'error 28000'
			: $told_together{$client}{"@{$columns[$column]}"} // join(', ', grep { $_ ne 'none' } @rows),
			"$client, @{$columns[$column]}: all in one statement");
		for my $i (0 .. $#together)
		{
			my $n = $single + $column * @together + $i;
			my ($about, undef, $rows) = @{ $about[$n] };

			$rows = $together[$i][1] eq 'verified' ? 'old t' : '' if $refuses;
			is($stored->{$n} // '', $rows, "$about, among others");
		}
	}
}

done_testing();

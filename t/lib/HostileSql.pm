# SQL that nobody means well with: calls of functions, by their signatures,
# with values that are wrong, huge, empty, misleading or somebody else's.
#
# What is random comes from rand() alone, so a seed repeats it.
package HostileSql;

use strict;
use warnings;

use IdverifyTest;

# new(%arsenal): what exists on the server and is worth naming.
#
#	apps		app keys
#	contacts	tables of contacts
#	pointing	tables that point to them
#	columns		names of columns
#	conditions	on a row
#	hashes		user_hash of each identity, by app key: {app}{identity}
#	relations	names of relations that are somebody's
#	oids		numbers that were a relation's, or never were
#	enums		labels, by type name
sub new
{
	my ($class, %arsenal) = @_;
	my $self = bless {%arsenal}, $class;
	$self->{identities} =
	  [ sort map { keys %$_ } values %{ $self->{hashes} } ];
	$self->{right} = [
		sort map { values %$_ } values %{ $self->{hashes} }
	];
	$self->{visitors} = [];
	return $self;
}

sub pick { return $_[ int rand @_ ] }

# Yes, once in so many times.
sub once_in { return int(rand $_[0]) == 0 }

# Text that is trouble: for parsers, for logs, for terminals, for SQL.
my @trouble = (
	'', ' ', "\t\r\n", "\x{1}\x{7F}", "\x{202E}gnp.exe", "\x{200B}\x{FEFF}",
	"\x{00A0}", "\x{1F469}\x{200D}\x{1F680}", "e\x{301}", "\x{FFFD}\x{FFFF}",
	"\x{10FFFF}", "'", '"', '\\', "\\'; DROP SCHEMA idverify CASCADE; --",
	'$$', '%s%n%s%n', '%', '_', "line\nERROR:  forged", "\e[2J",
	'0', '-0', 'null', 'NULL', 'undefined', '[object Object]', '{}', '[]',
	'{{id}}', 'true', '-1', '00000000-0000-0000-0000-000000000000',
	'\u0000', '\xff', '\000', "\xED\xA0\x80", "\xC0\x80", 'ROTATE', 'rotate ',
	'now', 'infinity', '1e400', '../../etc/passwd', 'true OR true',
	'id IS NOT NULL', '1/0 = 0', 'pg_sleep(0) IS NULL', '(SELECT 1)',
	'x) OR (true', 'NULL', 'sender_type = \'Contact\'', 'é', "\x{0130}");

sub huge_text
{
	my ($self) = @_;
	my $length = pick(63, 64, 65, 127, 128, 129, 255, 256, 257, 1023, 1024,
		1025, 4096, 65_536, 300_000);
	my $character = pick('a', '0', ' ', '\'\'', "\x{E9}", "\x{1F600}", '(');
	return "repeat(" . sql_text($character) . ", $length)";
}

# Text as an SQL literal, on one line.
sub sql_text
{
	my ($text) = @_;
	utf8::encode($text);
	my $literal = literal($text);
	$literal =~ s/([\x00-\x1F\x7F])/sprintf '\\x%02X', ord $1/ge;
	return $literal;
}

sub text
{
	my ($self) = @_;
	return $self->huge_text if once_in(10);
	return sql_text(pick(
			pick(@trouble), pick(@trouble),
			pick(@{ $self->{apps} }), pick(@{ $self->{identities} }),
			pick(@{ $self->{right} }), 'f' x 64, 'G' x 64));
}

# Choose who the next call is about.  Half of the time that is somebody whose
# signature is right, so that calls get past the first check.
sub choose
{
	my ($self) = @_;
	my $app = pick(@{ $self->{apps} });
	my @signed = sort keys %{ $self->{hashes}{$app} // {} };
	my $identity = @signed && once_in(2) ? pick(@signed) : pick(@{ $self->{identities} });

	$self->{app} = $app;
	$self->{identity} = $identity;
	$self->{hash} = $self->{hashes}{$app}{$identity} // pick(@{ $self->{right} });
	return;
}

# An argument of that name, about whom was chosen.
sub by_name
{
	my ($self, $name) = @_;
	return sql_text($self->{app}) if $name eq 'app_key';
	return sql_text($self->{hash}) if $name eq 'user_hash';
	return sql_text($self->{identity})
	  if $name eq 'value' || $name eq 'external_id' || $name eq 'email';
	return sql_text('ROTATE') if $name eq 'confirm';
	return pick('NULL::text', sql_text('main'), sql_text('ios'))
	  if $name eq 'signer';
	return sql_text(pick(@{ $self->{columns} })) if $name eq 'column_name';
	return pick('NULL', map { sql_text($_) } @{ $self->{conditions} })
	  if $name eq 'condition';
	return;
}

my @claim_fields = qw(external_id externalId userId user_id identifier sub
  distinct_id identity_distinct_id email userEmail identifier_hash hash
  identifierHash identity_hash signature custom_attributes customAttributes
  user_email name userName user_name company phone avatar_url avatarUrl shop
  user_hash userHash email_hash emailHash shop_hash shopHash custom_data
  customData is_verified contact_id id app_id visitor verdict);

# A string of JSON.
sub json_string
{
	my ($self, $text) = @_;
	$text =~ s/(["\\])/\\$1/g;
	$text =~ s/([\x00-\x1F])/sprintf '\\u%04x', ord $1/ge;
	return qq("$text");
}

sub json_value
{
	my ($self, $depth) = @_;
	my $kind = int rand($depth < 4 ? 8 : 5);

	return pick('null', 'true', 'false', '0', '-1.50', '1e1023', '1e-1030',
		'9' x 1030)
	  if $kind == 0;
	return $self->json_string(pick(@trouble)) if $kind == 1;
	return $self->json_string(pick(@{ $self->{identities} })) if $kind == 2;
	return $self->json_string(pick(@{ $self->{right} })) if $kind == 3;
	return $self->json_string(pick('a', "\x{E9}") x
		  pick(1, 64, 1023, 1024, 1025, 70_000))
	  if $kind == 4;
	return '[' . join(',', map { $self->json_value($depth + 1) } 1 .. rand 4)
	  . ']'
	  if $kind == 5;
	return $self->json_object($depth + 1);
}

sub json_object
{
	my ($self, $depth) = @_;
	my @members;

	for (1 .. rand 7)
	{
		my $name = once_in(6) ? pick(@trouble) : pick(@claim_fields);
		push @members,
		  $self->json_string($name) . ':' . $self->json_value($depth);
	}
	return '{' . join(',', @members) . '}';
}

# What a widget might have sent, with one thing changed or none.
sub claim
{
	my ($self) = @_;
	my %claim = (
		pick('external_id', 'userId', 'email') =>
		  $self->json_string($self->{identity}),
		user_hash => $self->json_string($self->{hash}));
	my $changed = pick(@claim_fields);

	$claim{email} = $self->json_string(pick(@{ $self->{identities} }))
	  if once_in(3);
	$claim{email_hash} = $self->json_string(pick(@{ $self->{right} }))
	  if once_in(3);
	$claim{$changed} = $self->json_value(0) if !once_in(3);
	return '{'
	  . join(',', map { qq("$_":$claim{$_}) } sort keys %claim) . '}';
}

sub jsonb
{
	my ($self) = @_;
	my $nested = pick(10, 500, 5000);

	return pick(
		"(repeat('[', $nested) || repeat(']', $nested))::jsonb",
		"(repeat('{\"custom_data\":', $nested) || '1' || repeat('}', $nested))::jsonb",
		"jsonb_build_object('custom_data', (SELECT jsonb_object_agg('k' || i, i) FROM generate_series(1, $nested) i))",
		"'null'", "'\"x\"'", "'7'", "'[]'", "''::jsonb", "'{\"external_id\":\"\\u0000\"}'")
	  if once_in(8);
	my $json = once_in(3) ? $self->json_object(0) : $self->claim;
	return sql_text($json) . '::jsonb';
}

sub regclass
{
	my ($self, $name) = @_;
	return sql_text(pick(@{ $self->{contacts} })) . '::regclass'
	  if $name eq 'contacts' && !once_in(3);
	return sql_text(pick(@{ $self->{pointing} })) . '::regclass'
	  if $name eq 'relation' && !once_in(3);
	return pick(@{ $self->{oids} }) . '::oid::regclass' if once_in(6);
	return sql_text(pick(@trouble)) . '::regclass' if once_in(20);
	return sql_text(pick(@{ $self->{relations} })) . '::regclass';
}

# A value of any type at all, for anyelement and anycompatible.
sub anything
{
	my ($self, $type) = @_;
	return pick(1 .. 5, 1 .. 5, 0, '(-1)', '2147483647', '32767::smallint')
	  . ($type eq 'bigint' ? '::bigint' : '::integer')
	  if $type eq 'bigint' || $type eq 'integer';
	return "'" . pick(qw(NaN infinity -0 1e300)) . "'::$type"
	  if $type eq 'numeric' || $type eq 'float8';
	return $self->value($type, '') if $type =~ /^(?:text|uuid|jsonb|interval)$/;
	return $type;
}

my @any_types = ('bigint', 'bigint', 'integer', 'text', 'uuid', 'jsonb',
	'numeric', 'float8', 'interval', 'ARRAY[1,2]', 'ROW(1,2)',
	"int4range(1,2)", "'x'", 'NULL', 'NULL::bigint', "NULL::text[]",
	"'regress_nobody'::regrole", "'\\x00'::bytea", "'(1,2)'::point",
	"NULL::idverify.contacts", "'x'::name", "'now'::timestamptz", "'1'::xid8");

# An SQL expression of that type.
sub value
{
	my ($self, $type, $name) = @_;

	return "NULL::$type" if once_in(12) && $type !~ /^any(?:element|compatible)$/;
	if (!once_in(3) && ($type eq 'text' || $type eq 'name'))
	{
		my $likely = $self->by_name($name);
		return $likely if defined $likely;
	}

	# Mostly none: what these lists name has to be there, and it is the rest of the
	# call that is tried then.
	return pick('NULL::name[]', 'NULL::name[]', "'{}'::name[]",
		'ARRAY[' . sql_text(pick(@{ $self->{columns} })) . ']::name[]')
	  if $type eq 'name[]';
	return $self->text if $type eq 'text';
	return $self->text . '::name' if $type eq 'name';
	return $self->jsonb if $type eq 'jsonb';
	return $self->regclass($name) if $type eq 'regclass';
	return pick('true', 'false') if $type eq 'boolean';
	return pick(1 .. 9, 0, -1, '2147483647', '-2147483648')
	  . '::integer'
	  if $type eq 'integer';
	return "'"
	  . pick(1 .. 9, 0, -1, '9223372036854775807', '-9223372036854775808')
	  . "'::bigint"
	  if $type eq 'bigint';
	return "'"
	  . pick('00000000-0000-0000-0000-000000000000',
		'ffffffff-ffff-ffff-ffff-ffffffffffff',
		@{ $self->{visitors} })
	  . "'::uuid"
	  if $type eq 'uuid';
	return "'"
	  . pick('0', '1 hour', '-1 hour', '30 days', '31 days', '1 month',
		'-30 days 720 hours', '178000000 years', '-178000000 years',
		'1 month -30 days', '2147483647 days', '0.000001 s')
	  . "'::interval"
	  if $type eq 'interval';
	return "'" . pick(@{ $self->{enums}{$type} }) . "'::$type"
	  if $self->{enums}{$type};
	return "NULL::$type";
}

# call($function): a call of a function, described by
#
#	name, result, types, names, defaults (how many arguments have one)
sub call
{
	my ($self, $function) = @_;
	my @types = @{ $function->{types} };
	my $any = once_in(2) ? 'bigint' : pick(@any_types);
	my @arguments;

	$self->choose;

	# Trailing arguments may be left to their defaults.
	my $given = @types;
	$given -= int rand($function->{defaults} + 1) if once_in(2);

	for my $i (0 .. $given - 1)
	{
		# Such arguments have to agree, and for once do not.
		$any = pick(@any_types) if once_in(40);
		push @arguments,
		  $types[$i] =~ /^any(?:element|compatible)$/
		  ? $self->anything($any)
		  : $self->value($types[$i], $function->{names}[$i] // '');
	}
	return "SELECT $function->{name}()" if $function->{result} eq 'trigger';
	return "SELECT * FROM $function->{name}(" . join(', ', @arguments) . ')';
}

# A row for a contacts table that is guarded: inserted, upserted or edited.
sub write_row
{
	my ($self, $table) = @_;
	$self->choose;
	my %row = (
		id => pick(1 .. 9, '2147483647', 'NULL'),
		app_key => $self->value('text', 'app_key'),
		external_id => $self->value('text', 'external_id'),
		email => $self->value('text', 'email'),
		user_hash => $self->value('text', 'user_hash'),
		is_verified => pick('true', 'false', 'NULL'));
	for my $column (sort keys %row)
	{
		delete $row{$column} if once_in(4);
	}
	$row{is_verified} = 'true' if !%row;
	my @columns = sort keys %row;
	my $insert = "INSERT INTO $table (" . join(', ', @columns) . ') VALUES ('
	  . join(', ', @row{@columns}) . ')';
	my $set = join ', ', map { "$_ = $row{$_}" } @columns;

	return pick($insert, $insert,
		"$insert ON CONFLICT (id) DO UPDATE SET $set",
		"UPDATE $table SET $set WHERE id = " . pick(1 .. 9));
}

1;

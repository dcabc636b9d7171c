# identify where text is compared and lowered by other rules: of an email A to Z
# are lowered, and nothing else, whatever they say.
#
# In Turkish the small letter of I has no dot: INFO@EXAMPLE.COM and
# info@example.com are then two emails, to the unique index and to us alike, so
# one signed email is one contact there, too.  What careless code signs for
# everybody is bad whatever the language.  In SQL_ASCII, where the server knows
# no characters, values are the bytes that they are.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('locale');
my $secret = 'secret of another product';

# A session's worth of SQL in a database of its own, with what it needs.
sub database
{
	my ($name, $options) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE template0 $options");
	$node->safe_psql($name, qq{
		CREATE EXTENSION idverify;
		SELECT FROM idverify_create_app('Shop', 'shop', '$secret');});
	return;
}

# The contact of a claim, which is signed as it stands by our own HMAC.
sub identify
{
	my ($database, $field, $value, $more) = @_;
	my $hash = user_hash($secret, $value);

	return $node->safe_psql($database, sprintf(
			q{SELECT contact_id, is_verified, created, verdict
				FROM idverify_identify('shop', jsonb_build_object(%s, %s, 'user_hash', '%s') || '%s')},
			literal($field), literal($value), $hash, $more // '{}'));
}

#
# SQL_ASCII
#
database('ascii', "ENCODING 'SQL_ASCII' LOCALE 'C'");
my $cafe = "caf\xC3\xA9";
is(identify('ascii', 'external_id', $cafe), '1|t|t|verified', 'SQL_ASCII: bytes of UTF-8 are an identity');
is(identify('ascii', 'external_id', $cafe), '1|t|f|verified', '... and the same one again');
is(identify('ascii', 'external_id', "CAF\xC3\x89"), '2|t|t|verified', '... other bytes are another');
is(identify('ascii', 'email', "Caf\xC3\xA9\@example.com"), '3|t|t|verified', '... an email, too');
is(identify('ascii', 'email', "CAF\xC3\xA9\@EXAMPLE.com"), '3|t|f|verified', '... of which only ASCII is lowered');
is(identify('ascii', 'email', "CAF\xC3\x89\@EXAMPLE.com"), '4|t|t|verified', '... and nothing else');
like(identify('ascii', 'external_id', "\xFF\xFE"), qr/\|f\|t\|malformed$/, '... what is not UTF-8 is never verified');
is(identify('ascii', 'external_id', $cafe, qq({"name": "Zo\xC3\xAB", "custom_data": {"$cafe": "$cafe"}})),
	'1|t|f|verified', '... a profile of such bytes is kept');
is($node->safe_psql('ascii', "SELECT name, custom_data ->> '$cafe' FROM idverify.contacts WHERE id = 1"),
	"Zo\xC3\xAB|$cafe", '... as it is');

#
# Turkish
#
SKIP:
{
	skip 'this PostgreSQL is built without ICU', 19
	  unless $node->safe_psql('postgres', "SELECT count(*) FROM pg_collation WHERE collprovider = 'i'");

	database('turkish', "ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR'");
	is($node->safe_psql('turkish', q{SELECT lower('I')}), "\xC4\xB1", 'Turkish: the small I has no dot');
	is(identify('turkish', 'email', 'INFO@EXAMPLE.COM'), '1|t|t|verified', '... an email is an identity');
	is(identify('turkish', 'email', 'INFO@EXAMPLE.COM'), '1|t|f|verified', '... and the same one again');
	is(identify('turkish', 'email', 'info@example.com'), '1|t|f|verified', '... in small letters as well');
	is(identify('turkish', 'email', "\xC4\xB1nfo\@example.com"), '2|t|t|verified', '... which is not that without a dot');
	is(identify('turkish', 'external_id', 'ali',
			sprintf('{"email": "INFO@EXAMPLE.COM", "email_hash": "%s"}', user_hash($secret, 'INFO@EXAMPLE.COM'))),
		'3|t|t|verified', '... a contact known by its email is folded in');
	is($node->safe_psql('turkish', 'SELECT string_agg(id::text, \',\' ORDER BY id), (SELECT count(*) FROM idverify.folds) FROM idverify.contacts'),
		'2,3|1', '... that one, and no other');
	is(join(' ', map { (split /\|/, identify('turkish', 'external_id', $_))[3] }
			qw(NIL UNDEFINED nil GUEST ANONYMOUS), 'INDIGO'),
		'bad_identity ' x 5 . 'verified', '... what anybody might be is nobody, with an I, too');
	$node->safe_psql('turkish', q{
		INSERT INTO idverify.contacts (app_id, email, is_verified)
			SELECT id, 'KIM@example.com', true FROM idverify.apps});
	like(identify('turkish', 'email', 'kim@example.com'), qr/\|t\|f\|verified$/,
		'... the index and we agree');

	# what others fold into one letter: an email with the Kelvin sign is not the
	# same person's, not even once the contact has been folded by hand
	my $kelvin = "\xE2\x84\xAAate\@example.com";
	is($node->safe_psql('turkish', "SELECT lower('$kelvin')"), 'kate@example.com', 'the Kelvin sign: small, it is a k');
	like(identify('turkish', 'email', 'kate@example.com'), qr/\|t\|t\|verified$/, '... Kate has an email');
	like(identify('turkish', 'email', $kelvin), qr/\|t\|t\|verified$/, '... which this is not');
	$node->safe_psql('turkish', q{
		SELECT FROM idverify_fold((SELECT id FROM idverify.contacts WHERE email = 'kate@example.com'), 3::bigint, force => true);
		DELETE FROM idverify.contacts WHERE email LIKE '%ate@example.com'});
	like(identify('turkish', 'email', 'KATE@example.com'), qr/^3\|t\|f\|verified$/, '... hers leads on');
	like(identify('turkish', 'email', $kelvin), qr/\|t\|t\|verified$/, '... the other does not');

	$node->safe_psql('turkish', q{
		CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)});
	my ($rc, $rows, $told);

	# what points to contacts does so by their collation, not by its own
	SKIP:
	{
		skip 'this PostgreSQL has foreign keys agree with what they point to about letters', 2
		  if $node->pg_version >= 18;

		$node->safe_psql('turkish', q{
			CREATE TABLE people (app text COLLATE "C", id int UNIQUE, PRIMARY KEY (app, id));
			CREATE TABLE notes (app text COLLATE any_case, person int,
				FOREIGN KEY (app, person) REFERENCES people DEFERRABLE INITIALLY DEFERRED);
			CREATE TABLE named (name text COLLATE "C" PRIMARY KEY);
			CREATE TABLE of_named (name text COLLATE any_case REFERENCES named);
			INSERT INTO people VALUES ('abc', 1), ('abc', 2);
			INSERT INTO named VALUES ('ann'), ('ANN'), ('bob');
			INSERT INTO of_named VALUES ('ann'), ('ANN')});
		# (PostgreSQL's own checks, on deletion, would take the other's rows for hers.)
		($rc, $rows, $told) = $node->psql('turkish', q{
				SELECT FROM idverify_fold('ann'::text, 'bob'::text, 'named');
				SELECT string_agg(name, ' ' ORDER BY name COLLATE "C") FROM of_named}, on_error_stop => 0);
		is($rows, 'ANN bob', 'a collation in which letters of both cases are one: nobody gets the rows of another contact');
		($rc, $rows, $told) = $node->psql('turkish', q{
			BEGIN; INSERT INTO notes VALUES ('ABC', 1); SELECT FROM idverify_fold(1, 2, 'people'); COMMIT});
		like($told, qr/ERROR: .* foreign key constraint/, '... and nobody comes to point to nothing');
	}

	# ... and on the way back: whoever has come to point to BOB stays there
	$node->safe_psql('turkish', q{
		CREATE TABLE callers (name text COLLATE "C" PRIMARY KEY);
		CREATE TABLE calls (id int PRIMARY KEY, caller text COLLATE any_case);
		CREATE TABLE rings (caller text COLLATE any_case, bell text);
		SELECT idverify_add_reference('callers', 'calls', 'caller'), idverify_add_reference('callers', 'rings', 'caller');
		INSERT INTO callers VALUES ('ann'), ('bob'), ('BOB');
		INSERT INTO calls VALUES (1, 'ann'), (2, 'ann'), (3, 'BOB');
		INSERT INTO rings VALUES ('BOB', 'front'), ('ann', 'front')});
	$node->safe_psql('turkish', q{
		SELECT FROM idverify_fold('ann'::text, 'bob'::text, 'callers');
		UPDATE calls SET caller = 'BOB' WHERE id = 2;
		SELECT FROM idverify_unfold((SELECT max(id) FROM idverify.folds))});
	is($node->safe_psql('turkish', q{
			SELECT (SELECT string_agg(caller, ' ' ORDER BY id) FROM calls), (SELECT string_agg(caller, ' ' ORDER BY caller COLLATE "C") FROM rings)}),
		'ann BOB BOB|BOB ann', '... and a fold that is undone takes back nobody else\'s rows');

	# an index of the name of ours that takes ANN for ann
	$node->safe_psql('turkish', q{
		DROP INDEX idverify.contacts_verified_external_id;
		CREATE UNIQUE INDEX contacts_verified_external_id
			ON idverify.contacts (app_id, external_id COLLATE any_case) WHERE is_verified});
	like(identify('turkish', 'external_id', 'ann'), qr/\|t\|t\|verified$/, 'an index that was made anew, another way');
	($rc, undef, $told) = $node->psql('turkish', sprintf(
			q{SELECT idverify_identify('shop', '{"external_id": "ANN", "user_hash": "%s"}')}, user_hash($secret, 'ANN')));
	like($told, qr/ERROR: .* could not find or create contact/, '... leads nobody to a stranger, and nobody astray for ever');
}

$node->stop;
done_testing();

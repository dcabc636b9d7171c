# Signs who a visitor is, on the site's server, for idverify.  POSIX sh, with the perl
# that is on every Debian, macOS and most others: openssl would show the secret to
# everybody who may look at the machine's processes.
#
#	. ./idverify.sh
#	IDENTITY_SECRET=$(cat secret)
#	idverify_user_hash user_4711
#	idverify_sign_token user_4711 300
#
# The secret is the identity secret as text; the id is what the widget will send as
# external_id, or as email where there is no id.  What would sign for everybody, or
# for nobody, is an error: a message on standard error, and status 1.
#
# The token names the id as sub, for so many seconds: 300 unless given, 1 to 86400.

idverify_user_hash() { idverify_sign hash "${1:-}"; }
idverify_sign_token() { idverify_sign token "${1:-}" "${2:-300}"; }

idverify_sign() {
	IDENTITY_SECRET=${IDENTITY_SECRET:-} perl -e '
		use strict;
		use warnings;
		use Digest::SHA qw(hmac_sha256 hmac_sha256_hex);
		use JSON::PP;
		use MIME::Base64 qw(encode_base64url);

		my ($kind, $id, $lifetime) = @ARGV;
		my $secret = $ENV{IDENTITY_SECRET} // "";

		$secret ne "" or die "the identity secret is not set\n";
		$secret !~ /\A\s|\s\z/ or die "the identity secret begins or ends with a blank\n";
		$id !~ /\A\s*(undefined|null|nil|none|nan|true|false|anonymous|guest|\[object .*\]|[0-]*)\s*\z/i
			or die "there is no id to sign\n";
		if ($kind eq "hash")
		{
			print hmac_sha256_hex($id, $secret), "\n";
			exit;
		}
		$lifetime =~ /\A[1-9][0-9]{0,4}\z/ && $lifetime <= 86400 or die "the lifetime is 1 to 86400 seconds\n";
		utf8::decode($id) or die "the id is not in UTF-8\n";
		my $json = JSON::PP->new->utf8->canonical;
		my $now = time;
		my $signed = join ".", map { encode_base64url($json->encode($_)) }
			{ alg => "HS256", typ => "JWT" }, { sub => $id, iat => $now, exp => $now + $lifetime };
		print "$signed.", encode_base64url(hmac_sha256($signed, $secret)), "\n";' "$@"
}

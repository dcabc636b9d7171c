# Signs who a visitor is, on the site's server, for idverify.  POSIX sh, and perl with
# Digest::SHA: the package perl of Debian (perl-base is not enough), perl and
# perl-Digest-SHA of Fedora, what macOS brings.  openssl would show the secret to
# everybody who may look at the machine's processes.
#
#	. ./idverify.sh
#	IDENTITY_SECRET=$(cat secret)
#	idverify_user_hash user_4711
#	idverify_sign_token user_4711 300
#	idverify_sign_token jane@example.com 300 email
#
# The secret is the identity secret as text; the id is what the widget will send as
# external_id, or as email where there is no id.  What would sign for everybody, or
# for nobody, is an error: a message on standard error, and status 1.
#
# The token names the id as sub, or as email where that is said, for so many seconds:
# 300 unless given, 1 to 86400.

idverify_user_hash() { idverify_sign hash "${1:-}"; }
idverify_sign_token() { idverify_sign token "${1:-}" "${2:-300}" "${3:-sub}"; }

# In a subshell, since IDENTITY_SECRET may be readonly.  What perl would make of
# PERL_UNICODE and PERL5OPT is another id, of other bytes.
idverify_sign() (
	export IDENTITY_SECRET
	PERL_UNICODE='' PERL5OPT='' perl -e '
		use strict;
		use warnings;
		use Digest::SHA qw(hmac_sha256 hmac_sha256_hex);

		my ($kind, $id, $lifetime, $claim) = @ARGV;
		my $secret = $ENV{IDENTITY_SECRET} // "";
		my $text = $id;
		# what the database calls nobody (vectors.json), in any case, with its blanks around it
		my $blanks = qr/[\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200b}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}]*/;
		my $nobody = qr/undefined|null|\(null\)|<null>|nil|<nil>|none|nan|true|false|-1|anonymous|guest|\{\}|\[\]|""|\x27\x27|\[object .*\]|\{\{.*\}\}|\$\{.*\}|#\{.*\}|<%.*%>|[0-]*/aais;

		sub base64url
		{
			my ($bytes) = @_;
			(my $text = pack "u", $bytes) =~ s/^.|\n//gm;
			$text =~ tr/` -_/AA-Za-z0-9\-_/;
			return substr $text, 0, int((4 * length($bytes) + 2) / 3);
		}

		$secret ne "" or die "the identity secret is not set\n";
		$secret !~ /\A\s|\s\z/ or die "the identity secret begins or ends with a blank\n";
		utf8::decode($text) or die "the id is not in UTF-8\n";
		length $id <= 1024 or die "an id has at most 1024 bytes\n";
		$text !~ /\A$blanks(?:$nobody)$blanks\z/
			or die "the id names nobody: it is blank, zero, undefined, null, a template that was not rendered or the like\n";
		if ($kind eq "hash")
		{
			print hmac_sha256_hex($id, $secret), "\n";
			exit;
		}
		$claim eq "sub" || $claim eq "email" or die "a token names the id as sub or as email\n";
		$lifetime =~ /\A[1-9][0-9]{0,4}\z/ && $lifetime <= 86400 or die "the lifetime is 1 to 86400 seconds\n";
		$id =~ s/([\x00-\x1f"\\])/sprintf "\\u%04x", ord $1/ge;
		my $now = time;
		my $signed = join ".", map { base64url($_) } "{\"alg\":\"HS256\",\"typ\":\"JWT\"}",
			sprintf "{\"%s\":\"%s\",\"iat\":%d,\"exp\":%d}", $claim, $id, $now, $now + $lifetime;
		my $token = "$signed." . base64url(hmac_sha256($signed, $secret));
		length $token <= 8192 or die "a token has at most 8192 bytes\n";
		print "$token\n";' "$@" || exit 1
)

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Signs who a visitor is, on the site's server, for idverify. Java 17, no dependency.
 *
 * <p>The secret is the identity secret as text; the id is what the widget will send as
 * external_id, or as email where there is no id. What would sign for everybody, or for
 * nobody, is an error.
 */
public final class Idverify {
	// What the database calls nobody (vectors.json), in any case, with its blanks around it.
	private static final String BLANKS =
		"[\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200b}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}]*";
	private static final Pattern NOBODY = Pattern.compile(
		BLANKS + "(undefined|null|\\(null\\)|<null>|nil|<nil>|none|nan|true|false|-1|anonymous|guest|\\{\\}|\\[\\]|\"\"|''"
			+ "|\\[object .*\\]|\\{\\{.*\\}\\}|\\$\\{.*\\}|#\\{.*\\}|<%.*%>|[0-]*)" + BLANKS,
		Pattern.CASE_INSENSITIVE | Pattern.DOTALL);

	private Idverify() {}

	/** The user_hash of an id: 64 hex digits. */
	public static String userHash(String secret, String id) {
		var hex = new StringBuilder();
		for (byte b : mac(secret, text(id))) hex.append(String.format("%02x", b));
		return hex.toString();
	}

	/** The same of a number. */
	public static String userHash(String secret, long id) {
		return userHash(secret, Long.toString(id));
	}

	/**
	 * A token that says who the visitor is, for lifetime seconds: 1 to 86400. The claims name
	 * who by sub, external_id, user_id, userId or id, or else by email, and may have a name and
	 * what else the profile holds: text, numbers, booleans, and maps and lists of them.
	 */
	public static String signToken(String secret, Map<String, ?> claims, int lifetime) {
		var all = new LinkedHashMap<String, Object>(claims);
		String who = null;
		for (var name : List.of("external_id", "user_id", "userId", "sub", "id")) {
			var id = all.get(name);
			if (id == null || id.equals("")) continue;
			if (!(id instanceof String || id instanceof Integer || id instanceof Long))
				throw new IllegalArgumentException("an id to sign is text or an integer");
			text(id.toString());
			if (who != null && !who.equals(id.toString())) throw new IllegalArgumentException("the claims name two ids");
			who = id.toString();
		}
		if (who == null) {
			var verified = String.valueOf(all.getOrDefault("email_verified", true));
			if (!(all.get("email") instanceof String email) || email.isEmpty() || !verified.equals("true"))
				throw new IllegalArgumentException("the claims name nobody");
			text(email);
		}
		if (all.containsKey("iat") || all.containsKey("exp"))
			throw new IllegalArgumentException("iat and exp are set here");
		if (lifetime < 1 || lifetime > 86400)
			throw new IllegalArgumentException("the lifetime is 1 to 86400 seconds");

		long now = Instant.now().getEpochSecond();
		all.put("iat", now);
		all.put("exp", now + lifetime);
		var encoder = Base64.getUrlEncoder().withoutPadding();
		var signed = encoder.encodeToString("{\"alg\":\"HS256\",\"typ\":\"JWT\"}".getBytes(StandardCharsets.UTF_8))
			+ "." + encoder.encodeToString(bytes("claim", json(all)));
		var token = signed + "." + encoder.encodeToString(mac(secret, signed));
		if (token.length() > 8192) throw new IllegalArgumentException("a token has at most 8192 bytes");
		return token;
	}

	private static byte[] mac(String secret, String text) {
		if (secret == null || secret.isEmpty()) throw new IllegalArgumentException("the identity secret is not set");
		if (!secret.equals(secret.strip()))
			throw new IllegalArgumentException("the identity secret begins or ends with a blank");
		try {
			var mac = Mac.getInstance("HmacSHA256");
			mac.init(new SecretKeySpec(bytes("identity secret", secret), "HmacSHA256"));
			return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
		} catch (GeneralSecurityException e) {
			throw new IllegalStateException(e);
		}
	}

	private static String text(String id) {
		if (id == null) throw new IllegalArgumentException("an id to sign is text or an integer");
		if (id.indexOf(0) >= 0) throw new IllegalArgumentException("the id has U+0000");
		if (bytes("id", id).length > 1024) throw new IllegalArgumentException("an id has at most 1024 bytes");
		if (NOBODY.matcher(id).matches()) throw new IllegalArgumentException(
			"the id names nobody: it is blank, zero, undefined, null, a template that was not rendered or the like");
		return id;
	}

	/** Text in UTF-8; getBytes would make a question mark of half a character. */
	private static byte[] bytes(String what, String text) {
		if (!StandardCharsets.UTF_8.newEncoder().canEncode(text))
			throw new IllegalArgumentException("the " + what + " has half a character");
		return text.getBytes(StandardCharsets.UTF_8);
	}

	private static String json(Object value) {
		if (value instanceof Map<?, ?> map) {
			var members = new ArrayList<String>();
			map.forEach((name, member) -> members.add(json(name.toString()) + ":" + json(member)));
			return "{" + String.join(",", members) + "}";
		}
		if (value instanceof List<?> list) return "[" + String.join(",", list.stream().map(Idverify::json).toList()) + "]";
		if (value == null || value instanceof Boolean || value instanceof Integer || value instanceof Long)
			return String.valueOf(value);
		if (value instanceof Double number && Double.isFinite(number)) return number.toString();
		if (!(value instanceof String text)) throw new IllegalArgumentException("no claim can be a " + value.getClass());
		var quoted = new StringBuilder("\"");
		text.chars().forEach(c -> {
			if (c < ' ' || c == '"' || c == '\\' || c == 0x7f) quoted.append(String.format("\\u%04x", c));
			else quoted.append((char) c);
		});
		return quoted.append('"').toString();
	}
}

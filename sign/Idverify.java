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
	private static final Pattern NOBODY = Pattern.compile(
		"(undefined|null|nil|none|nan|true|false|anonymous|guest|\\[object .*\\]|[0-]*)", Pattern.CASE_INSENSITIVE);

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
	 * who by sub, external_id, user_id, userId or id, and may have an email, a name and what
	 * else the profile holds: text, numbers, booleans, and maps and lists of them.
	 */
	public static String signToken(String secret, Map<String, ?> claims, int lifetime) {
		boolean somebody = false;
		for (var name : List.of("external_id", "user_id", "userId", "sub", "id")) {
			var id = claims.get(name);
			if (id == null || id.equals("")) continue;
			if (!(id instanceof String || id instanceof Integer || id instanceof Long))
				throw new IllegalArgumentException("an id to sign is text or an integer");
			text(id.toString());
			somebody = true;
		}
		if (!somebody) throw new IllegalArgumentException("the claims name nobody");
		if (claims.containsKey("iat") || claims.containsKey("exp"))
			throw new IllegalArgumentException("iat and exp are set here");
		if (lifetime < 1 || lifetime > 86400)
			throw new IllegalArgumentException("the lifetime is 1 to 86400 seconds");

		var all = new LinkedHashMap<String, Object>(claims);
		long now = Instant.now().getEpochSecond();
		all.put("iat", now);
		all.put("exp", now + lifetime);
		var encoder = Base64.getUrlEncoder().withoutPadding();
		var signed = encoder.encodeToString("{\"alg\":\"HS256\",\"typ\":\"JWT\"}".getBytes(StandardCharsets.UTF_8))
			+ "." + encoder.encodeToString(json(all).getBytes(StandardCharsets.UTF_8));
		return signed + "." + encoder.encodeToString(mac(secret, signed));
	}

	private static byte[] mac(String secret, String text) {
		if (secret == null || secret.isEmpty()) throw new IllegalArgumentException("the identity secret is not set");
		if (!secret.equals(secret.strip()))
			throw new IllegalArgumentException("the identity secret begins or ends with a blank");
		try {
			var mac = Mac.getInstance("HmacSHA256");
			mac.init(new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
			return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
		} catch (GeneralSecurityException e) {
			throw new IllegalStateException(e);
		}
	}

	private static String text(String id) {
		if (id == null || NOBODY.matcher(id.strip()).matches() || !StandardCharsets.UTF_8.newEncoder().canEncode(id))
			throw new IllegalArgumentException("there is no id to sign");
		return id;
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

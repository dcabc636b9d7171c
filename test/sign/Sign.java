import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

class Sign {
	static String decoded(String value) {
		return value.equals("broken") ? "\ud800" : new String(Base64.getDecoder().decode(value), StandardCharsets.UTF_8);
	}

	static String made(String secret, String[] words) {
		var value = words.length > 2 ? words[2] : "";
		if (words[0].equals("claims")) {
			var claims = new HashMap<String, String>();
			for (var claim : List.of(words).subList(1, words.length))
				claims.put(claim.split("=", 2)[0], decoded(claim.split("=", 2)[1]));
			return Idverify.signToken(secret, claims, 300);
		}
		if (words[1].equals("number")) return Idverify.userHash(secret, Long.parseLong(value));
		if (words[1].equals("nothing")) return Idverify.userHash(secret, null);
		var text = decoded(value);
		if (words[0].equals("hash")) return Idverify.userHash(secret, text);
		var claims = Map.of("sub", text, "name", "\"\\é😀", "custom_data", Map.of("plans", List.of("pro", 7, true)));
		return Idverify.signToken(secret, claims, Integer.parseInt(words[1]));
	}

	public static void main(String[] args) throws Exception {
		var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
		for (var line = lines.readLine(); line != null; line = lines.readLine()) {
			try {
				System.out.println(made(System.getenv("IDENTITY_SECRET"), line.split(" ")));
			} catch (IllegalArgumentException e) {
				System.out.println("refused");
			}
		}
	}
}

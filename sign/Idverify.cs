// Signs who a visitor is, on the site's server, for idverify.  C# 6, .NET's own library.
//
// The secret is the identity secret as text; the id is what the widget will send as
// external_id, or as email where there is no id.  What would sign for everybody, or
// for nobody, is an error.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

public static class Idverify
{
	// half a character is an error, too
	static readonly Encoding Utf8 = new UTF8Encoding(false, true);

	// What the database calls nobody (vectors.json), in any case, with its blanks around it.
	const string Blanks = @"[\t-\r \u0085\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]*";

	static readonly Regex Nobody = new Regex(
		@"\A" + Blanks + @"(undefined|null|\(null\)|<null>|nil|<nil>|none|nan|true|false|-1|anonymous|guest|\{\}|\[\]|""""|''" +
			@"|\[object .*\]|\{\{.*\}\}|\$\{.*\}|#\{.*\}|<%.*%>|[0-]*)" + Blanks + @"\z",
		RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.Singleline);

	/// <summary>The user_hash of an id: 64 hex digits.</summary>
	public static string UserHash(string secret, string id)
	{
		return string.Concat(Mac(secret, Text(id)).Select(b => b.ToString("x2")));
	}

	/// <summary>The same of a number.</summary>
	public static string UserHash(string secret, long id)
	{
		return UserHash(secret, id.ToString(CultureInfo.InvariantCulture));
	}

	/// <summary>
	/// A token that says who the visitor is, for lifetime seconds: 1 to 86400.  The claims
	/// name who by sub, external_id, user_id, userId or id, or else by email, and may have a
	/// name and what else the profile holds: text, numbers, booleans, and dictionaries and
	/// lists of them.
	/// </summary>
	public static string SignToken(string secret, IDictionary<string, object> claims, int lifetime = 300)
	{
		var all = new Dictionary<string, object>(claims);
		Func<string, object> claim = name => all.ContainsKey(name) ? all[name] : null;
		var ids = new[] { "external_id", "user_id", "userId", "sub", "id" }.Select(claim).Where(id => id != null && !"".Equals(id)).ToList();
		if (!ids.All(id => id is string || id is int || id is long)) throw new ArgumentException("an id to sign is text or an integer");
		if (ids.Select(id => Text(Convert.ToString(id, CultureInfo.InvariantCulture))).Distinct().Count() > 1)
			throw new ArgumentException("the claims name two ids");
		if (ids.Count == 0)
		{
			var email = claim("email") as string;
			var verified = !all.ContainsKey("email_verified") || true.Equals(all["email_verified"]) || "true".Equals(all["email_verified"]);
			if (string.IsNullOrEmpty(email) || !verified) throw new ArgumentException("the claims name nobody");
			Text(email);
		}
		if (all.ContainsKey("iat") || all.ContainsKey("exp")) throw new ArgumentException("iat and exp are set here");
		if (lifetime < 1 || lifetime > 86400) throw new ArgumentException("the lifetime is 1 to 86400 seconds");

		var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
		all["iat"] = now;
		all["exp"] = now + lifetime;
		var signed = Encoded(Utf8.GetBytes("{\"alg\":\"HS256\",\"typ\":\"JWT\"}")) + "." + Encoded(Utf8.GetBytes(Json(all)));
		var token = signed + "." + Encoded(Mac(secret, signed));
		if (token.Length > 8192) throw new ArgumentException("a token has at most 8192 bytes");
		return token;
	}

	static byte[] Mac(string secret, string text)
	{
		if (string.IsNullOrEmpty(secret)) throw new ArgumentException("the identity secret is not set");
		if (secret != secret.Trim()) throw new ArgumentException("the identity secret begins or ends with a blank");
		using (var mac = new HMACSHA256(Utf8.GetBytes(secret)))
			return mac.ComputeHash(Utf8.GetBytes(text));
	}

	static string Text(string id)
	{
		if (id == null) throw new ArgumentException("an id to sign is text or an integer");
		if (id.IndexOf('\0') >= 0) throw new ArgumentException("the id has U+0000");
		if (Utf8.GetByteCount(id) > 1024) throw new ArgumentException("an id has at most 1024 bytes");
		if (Nobody.IsMatch(id)) throw new ArgumentException("the id names nobody: it is blank, zero, undefined, null, a template that was not rendered or the like");
		return id;
	}

	static string Encoded(byte[] bytes)
	{
		return Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
	}

	static string Json(object value)
	{
		if (value == null) return "null";
		if (value is bool) return (bool) value ? "true" : "false";
		if (value is int || value is long) return Convert.ToString(value, CultureInfo.InvariantCulture);
		if (value is double && Math.Abs((double) value) <= double.MaxValue) return ((double) value).ToString("R", CultureInfo.InvariantCulture);
		var text = value as string;
		if (text != null) return "\"" + string.Concat(text.Select(c => c < ' ' || c == '"' || c == '\\' ? "\\u" + ((int) c).ToString("x4") : c.ToString())) + "\"";
		var map = value as IDictionary<string, object>;
		if (map != null) return "{" + string.Join(",", map.Select(member => Json(member.Key) + ":" + Json(member.Value))) + "}";
		var list = value as IEnumerable;
		if (list != null) return "[" + string.Join(",", list.Cast<object>().Select(Json)) + "]";
		throw new ArgumentException("no claim can be a " + value.GetType());
	}
}

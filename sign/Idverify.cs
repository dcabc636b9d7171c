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

	static readonly Regex Nobody = new Regex(
		@"\A(undefined|null|nil|none|nan|true|false|anonymous|guest|\[object .*\]|[0-]*)\z",
		RegexOptions.IgnoreCase | RegexOptions.CultureInvariant);

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
	/// name who by sub, external_id, user_id, userId or id, and may have an email, a name and
	/// what else the profile holds: text, numbers, booleans, and dictionaries and lists of them.
	/// </summary>
	public static string SignToken(string secret, IDictionary<string, object> claims, int lifetime = 300)
	{
		var who = new[] { "external_id", "user_id", "userId", "sub", "id" }
			.Where(name => claims.ContainsKey(name) && claims[name] != null && !"".Equals(claims[name]))
			.Select(name => claims[name]).ToList();
		if (who.Count == 0) throw new ArgumentException("the claims name nobody");
		foreach (var id in who)
		{
			if (!(id is string || id is int || id is long)) throw new ArgumentException("an id to sign is text or an integer");
			Text(Convert.ToString(id, CultureInfo.InvariantCulture));
		}
		if (claims.ContainsKey("iat") || claims.ContainsKey("exp")) throw new ArgumentException("iat and exp are set here");
		if (lifetime < 1 || lifetime > 86400) throw new ArgumentException("the lifetime is 1 to 86400 seconds");

		var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
		var all = new Dictionary<string, object>(claims) { ["iat"] = now, ["exp"] = now + lifetime };
		var signed = Encoded(Utf8.GetBytes("{\"alg\":\"HS256\",\"typ\":\"JWT\"}")) + "." + Encoded(Utf8.GetBytes(Json(all)));
		return signed + "." + Encoded(Mac(secret, signed));
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
		if (id == null || Nobody.IsMatch(id.Trim())) throw new ArgumentException("there is no id to sign");
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

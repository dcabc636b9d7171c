using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

static class Sign
{
	static string Decoded(string value)
	{
		return value == "broken" ? "\ud800" : Encoding.UTF8.GetString(Convert.FromBase64String(value));
	}

	static string Made(string secret, string[] words)
	{
		var value = words.Length > 2 ? words[2] : "";
		if (words[0] == "claims")
			return Idverify.SignToken(secret, words.Skip(1).ToDictionary(claim => claim.Split('=')[0], claim => (object) Decoded(claim.Substring(claim.IndexOf('=') + 1))));
		if (words[1] == "number") return Idverify.UserHash(secret, long.Parse(value));
		if (words[1] == "nothing") return Idverify.UserHash(secret, null);
		var text = Decoded(value);
		if (words[0] == "hash") return Idverify.UserHash(secret, text);
		var claims = new Dictionary<string, object>
		{
			["sub"] = text,
			["name"] = "\"\\é😀",
			["custom_data"] = new Dictionary<string, object> { ["plans"] = new object[] { "pro", 7, true } },
		};
		return Idverify.SignToken(secret, claims, int.Parse(words[1]));
	}

	static void Main()
	{
		for (var line = Console.ReadLine(); line != null; line = Console.ReadLine())
		{
			try
			{
				Console.WriteLine(Made(Environment.GetEnvironmentVariable("IDENTITY_SECRET"), line.Split(' ')));
			}
			catch (ArgumentException)
			{
				Console.WriteLine("refused");
			}
		}
	}
}

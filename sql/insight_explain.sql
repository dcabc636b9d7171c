--
-- Explain: by which mistakes a claim was made that does not verify
--
-- The hashes are what other implementations make, each by the command above it,
-- with the app's secret as $S in its environment.  The line feed that a command
-- prints at its end is part of it only where a line feed is the point.  The
-- programs in Go and Java begin with what is not shown: an HMAC m under the
-- secret.
--
\set VERBOSITY terse
SELECT app_key FROM idverify_create_app('Web shop', 'shop',
	secret => '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef');
CREATE TEMPORARY TABLE cases (n integer, made_by text, external_id text, email text, user_hash text, expected text);
INSERT INTO cases VALUES
	-- printf %s user_4711 | openssl dgst -sha256 -hmac "$S" -r | cut -c-64
	(1, 'openssl', 'user_4711', 'jane@example.com', '306c60e7cb3682ee6b90e82f7588f6d264000846f7aa339f1a960092ded50739', 'verified'),
	-- node -p 'require("crypto").createHmac("sha256", process.env.S).update("user_4711").digest("hex")'
	(2, 'node', 'user_4711', 'jane@example.com', '306c60e7cb3682ee6b90e82f7588f6d264000846f7aa339f1a960092ded50739', 'verified'),
	-- node -p 'require("crypto").createHmac("sha256", process.env.S).update("jane@example.com").digest("hex")'
	(3, 'node', 'user_4711', 'jane@example.com', '48aa69e85870c4630741319ca1c82fc9093fdc1ac7f087d5f3e69e328a5245ca', 'signed_other_field'),
	-- php -r '$S = getenv("S"); echo hash_hmac("sha256", "jane@example.com", $S);'
	(4, 'php', 'user_4711', 'jane@example.com', '48aa69e85870c4630741319ca1c82fc9093fdc1ac7f087d5f3e69e328a5245ca', 'signed_other_field'),
	-- printf %s "$S"
	(5, 'shell', 'user_4711', 'jane@example.com', '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', 'secret_is_the_hash'),
	-- node -p 'process.env.S.toUpperCase()'
	(6, 'node', 'user_4711', 'jane@example.com', '0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF', 'secret_is_the_hash'),
	-- printf %s "$S" | base64 -w 0
	(7, 'shell', 'user_4711', 'jane@example.com', 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==', 'secret_is_the_hash'),
	-- node -e 'const e = (o) => Buffer.from(JSON.stringify(o)).toString("base64url"); const t = e({alg: "HS256", typ: "JWT"}) + "." + e({sub: "user_4711"}); console.log(t + "." + require("crypto").createHmac("sha256", process.env.S).update(t).digest("base64url"))'
	(8, 'node', 'user_4711', 'jane@example.com', 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyXzQ3MTEifQ.1TXaFzYoJaCi_0zDbvycL6j1fTp9ogp3XlFFoaH4lRE', 'token_where_hash'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(b".".join([urlsafe_b64encode(p).rstrip(b"=") for p in (json.dumps({"alg": "HS256"}).encode(), b"{}", b"no signature")]).decode(), end="")'
	(9, 'python', 'user_4711', 'jane@example.com', 'eyJhbGciOiAiSFMyNTYifQ.e30.bm8gc2lnbmF0dXJl', 'token_where_hash'),
	-- printf %s user_4711 | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$S" -r | cut -c-64
	(10, 'openssl', 'user_4711', 'jane@example.com', '8b711687604aaac8df34cbda4ec386582fa2a2db4167be1c5d3a69acba560f13', 'secret_decoded_hex'),
	-- node -p 'require("crypto").createHmac("sha256", Buffer.from(process.env.S, "hex")).update("user_4711").digest("hex")'
	(11, 'node', 'user_4711', 'jane@example.com', '8b711687604aaac8df34cbda4ec386582fa2a2db4167be1c5d3a69acba560f13', 'secret_decoded_hex'),
	-- node -p 'require("crypto").createHmac("sha256", Buffer.from(process.env.S, "base64")).update("user_4711").digest("hex")'
	(12, 'node', 'user_4711', 'jane@example.com', 'de84df3c0e7ff9cbbdff76b58266ccfbbc0f100740abb7694dcd3f3bdb40ad74', 'secret_decoded_base64'),
	-- php -r '$S = getenv("S"); echo hash_hmac("sha256", "user_4711", base64_decode($S));'
	(13, 'php', 'user_4711', 'jane@example.com', 'de84df3c0e7ff9cbbdff76b58266ccfbbc0f100740abb7694dcd3f3bdb40ad74', 'secret_decoded_base64'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(S + b"\n", b"user_4711", "sha256").hexdigest(), end="")'
	(14, 'python', 'user_4711', 'jane@example.com', '6949218e3079be9bc80d4e3fe0daad4bad7b59351b40ea092925d4bdaeb17dc4', 'secret_not_trimmed'),
	-- php -r '$S = getenv("S"); echo hash_hmac("sha256", "user_4711", "$S\r\n");'
	(15, 'php', 'user_4711', 'jane@example.com', '3a3ecd58ae2c8766bf65cdb845f2e52f6b5174db07bfaf0eb42ecb40e1a34b19', 'secret_not_trimmed'),
	-- node -p 'require("crypto").createHmac("sha256", process.env.S + " ").update("user_4711").digest("hex")'
	(16, 'node', 'user_4711', 'jane@example.com', 'dd20396bfc24e21b00a75ae7fce4e2d9a3823e1a7fba77116f8d86a00664d531', 'secret_not_trimmed'),
	-- node -p 'require("crypto").createHmac("sha256", JSON.stringify(process.env.S)).update("user_4711").digest("hex")'
	(17, 'node', 'user_4711', 'jane@example.com', '57955a6591c864b687a6fc6645d3f9e582d99137ea82bd9854e3117d7a8d493e', 'secret_quoted'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(ascii(S.decode()).encode(), b"user_4711", "sha256").hexdigest(), end="")'
	(18, 'python', 'user_4711', 'jane@example.com', '162729a04291f43450cdd82281ff87358ee1056ce917f88dff09e8a28db5592d', 'secret_quoted'),
	-- node -p 'require("crypto").createHmac("sha256", "•••• •••• cdef").update("user_4711").digest("hex")'
	(19, 'node', 'user_4711', 'jane@example.com', 'b1503ed9ee09cbc8b8631e846d845664bb2d0035fff9050bb0c5440d2d226557', 'secret_masked'),
	-- ruby -ropenssl -e 'S = ENV["S"]; print OpenSSL::HMAC.hexdigest("SHA256", "**** **** cdef", "user_4711")'
	(20, 'ruby', 'user_4711', 'jane@example.com', 'cb498328a995fbef5f19af0a6588a32ea918e4bb7c447cb58643b76ba0fc8f82', 'secret_masked'),
	-- node -p 'require("crypto").createHmac("sha256", "user_4711").update(process.env.S).digest("hex")'
	(21, 'node', 'user_4711', 'jane@example.com', '2da8b7260c24ff150e4c00133c10e4b2a75f6cf16442a98fa37ce81dda1bd99e', 'secret_and_value_swapped'),
	-- php -r '$S = getenv("S"); echo hash_hmac("sha256", $S, "user_4711");'
	(22, 'php', 'user_4711', 'jane@example.com', '2da8b7260c24ff150e4c00133c10e4b2a75f6cf16442a98fa37ce81dda1bd99e', 'secret_and_value_swapped'),
	-- echo user_4711 | openssl dgst -sha256 -hmac "$S" -r | cut -c-64
	(23, 'openssl', 'user_4711', 'jane@example.com', '90caf01fde977fae16bffa604abbc276d5571edd77e96f7f1a847abacf5454bd', 'value_not_trimmed'),
	-- node -p 'require("crypto").createHmac("sha256", process.env.S).update(" user_4711").digest("hex")'
	(24, 'node', 'user_4711', 'jane@example.com', 'f26087029f3e5fb0ec6cd1f69ae5ee7c96a23a8c65a419fbf4ee1c6f92f9e267', 'value_not_trimmed'),
	-- printf %s user_4711 | openssl dgst -sha256 -hmac "$S" -r | cut -c-64
	(25, 'openssl', ' user_4711 ', 'jane@example.com', '306c60e7cb3682ee6b90e82f7588f6d264000846f7aa339f1a960092ded50739', 'value_not_trimmed'),
	-- node -p 'require("crypto").createHmac("sha256", process.env.S).update(JSON.stringify("user_4711")).digest("hex")'
	(26, 'node', 'user_4711', 'jane@example.com', '489a7b9929f22615a8e749f722a5b06fbd51c03728495426a11a21531895e741', 'value_quoted'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(S, json.dumps("José/42").encode(), "sha256").hexdigest(), end="")'
	(27, 'python', 'José/42', 'jane@example.com', 'a769616a726d043144d55e24a7bcacdaa01f44d8548e789232e1c100ffe94a90', 'value_quoted'),
	-- php -r '$S = getenv("S"); echo hash_hmac("sha256", json_encode("José/42"), $S);'
	(28, 'php', 'José/42', 'jane@example.com', '07b4c576abe69ea0ebdd3471a9f93e0d7f3a54d5836bb0b63851a4cf5d07c04f', 'value_quoted'),
	-- printf %s user_4711 | openssl dgst -sha256 -hmac "$S" -r | cut -c-64
	(29, 'openssl', '"user_4711"', 'jane@example.com', '306c60e7cb3682ee6b90e82f7588f6d264000846f7aa339f1a960092ded50739', 'value_quoted'),
	-- go: v, _ := json.Marshal("Tom & \"Jerry\""); m.Write(v); fmt.Printf("%x", m.Sum(nil))
	(30, 'go', 'Tom & "Jerry"', 'jane@example.com', 'b4bbb97233f1d3e590c128e277938d8a5274f5a4c50d6cdf986f1fedf792d35d', 'value_quoted'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(S, "Jane@Example.com".lower().encode(), "sha256").hexdigest(), end="")'
	(31, 'python', NULL, 'Jane@Example.com', '48aa69e85870c4630741319ca1c82fc9093fdc1ac7f087d5f3e69e328a5245ca', 'value_case'),
	-- node -p 'require("crypto").createHmac("sha256", process.env.S).update("Zoë-ÅSA".toLowerCase()).digest("hex")'
	(32, 'node', 'Zoë-ÅSA', 'jane@example.com', 'd05ff96fcff2bc4f006b36bbfb3624d1d4ca7c72b6cffc4029807068a7c31ed7', 'value_case'),
	-- ruby -ropenssl -e 'S = ENV["S"]; print OpenSSL::HMAC.hexdigest("SHA256", S, "user_4711".upcase)'
	(33, 'ruby', 'user_4711', 'jane@example.com', '4b3108de3b595b5ef1f0de508913c3af812f3b55333f6a010b42144434d2db4e', 'value_case'),
	-- node -p 'require("crypto").createHmac("sha256", process.env.S).update(encodeURIComponent("jane+1@example.com")).digest("hex")'
	(34, 'node', 'jane+1@example.com', 'jane@example.com', '89b7c5cbea1a974983a7fb24ab963b341d9b9117e270c93f004646112d90a1f0', 'value_escaped'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(S, urllib.parse.quote_plus("Jane Doe/é").encode(), "sha256").hexdigest(), end="")'
	(35, 'python', 'Jane Doe/é', 'jane@example.com', '7de5d58b2002693cade986229602691eea5e7bd1d135a247c93f305d9fae51c8', 'value_escaped'),
	-- go: m.Write([]byte("j.doe@example.com")); fmt.Printf("%x", m.Sum(nil))
	(36, 'go', 'j.doe%40example.com', 'jane@example.com', 'ff89729592097326ca746f9617db5f4a7099cbc69b5cc532c6cd9ca9f126043b', 'value_escaped'),
	-- php -r '$S = getenv("S"); echo hash_hmac("sha256", htmlspecialchars("o'"'"'neil & <sons>", ENT_QUOTES), $S);'
	(37, 'php', 'o''neil & <sons>', 'jane@example.com', 'f1bc612a8bcc6feadd53423445094b9e0de98be35f744e2f545a4f6d4b40f6e7', 'value_escaped'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(S, html.escape("o\x27neil & <sons>").encode(), "sha256").hexdigest(), end="")'
	(38, 'python', 'o''neil & <sons>', 'jane@example.com', '18e635878fb47a1efde40f25e07aa4f74e1c2cc8ae9e729f0a940a08529381fc', 'value_escaped'),
	-- java: m.update(URLEncoder.encode("Jane Doe~", "UTF-8").getBytes("UTF-8")); for (byte x : m.doFinal()) System.out.printf("%02x", x);
	(39, 'java', 'Jane Doe~', 'jane@example.com', 'b3507c6c180d15f0e2053ee5fa8bb9d78446cceeb5f82a839670d71efdc3fffb', 'value_escaped'),
	-- node -p 'require("crypto").createHmac("sha256", process.env.S).update("José".normalize("NFD")).digest("hex")'
	(40, 'node', 'José', 'jane@example.com', '6a6cadb6578515e8fb698b774f853dc30bdb30598129b532908492f75c79a470', 'value_normalized'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(S, unicodedata.normalize("NFC", "Jose\u0301").encode(), "sha256").hexdigest(), end="")'
	(41, 'python', U&'Jose\0301', 'jane@example.com', '1913482b06b989b36005bcc72e15858c0d1321949f5b1bebf5fce8cbe6f7ddb6', 'value_normalized'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(S, unicodedata.normalize("NFKC", "\ufb01ona").encode(), "sha256").hexdigest(), end="")'
	(42, 'python', 'ﬁona', 'jane@example.com', 'f3097fd516566ae195e2bfbac7fabb75a4f8b91e681d24c8fe494be7ece16171', 'value_normalized'),
	-- java: m.update("user_4711".getBytes("UTF-16")); for (byte x : m.doFinal()) System.out.printf("%02x", x);
	(43, 'java', 'user_4711', 'jane@example.com', 'ebc948d4cf27bdccd68cf78bf56f6c6e65e6ea4492d2781c261320b96a5f059c', 'value_encoding'),
	-- node -p 'require("crypto").createHmac("sha256", process.env.S).update(Buffer.from("user_4711", "utf16le")).digest("hex")'
	(44, 'node', 'user_4711', 'jane@example.com', '6ac63ff58eefa128d9d8b60476d86d407f170b16c19ecaf18cb7ed0f5cc7bf43', 'value_encoding'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(S, "José".encode("latin-1"), "sha256").hexdigest(), end="")'
	(45, 'python', 'José', 'jane@example.com', '3ead927fd28cec975bab239f6d34c28e4b7ef8acabbe5ddd5c81fea1e9fc3ace', 'value_encoding'),
	-- java: m.update(new String("José".getBytes("UTF-8"), "ISO-8859-1").getBytes("UTF-8")); for (byte x : m.doFinal()) System.out.printf("%02x", x);
	(46, 'java', 'José', 'jane@example.com', '5f075076685519f8ab6c9b7075ba990fb27b14d6abdf974a305f804d1fa8dbf4', 'value_encoding'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(S, "José".encode("utf-16"), "sha256").hexdigest(), end="")'
	(47, 'python', 'José', 'jane@example.com', '803fe20aab341de90a106f0b71b73ab4a1ce615f4a448a7966624e5a1d21f91e', 'value_encoding'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(S, str(float(42)).encode(), "sha256").hexdigest(), end="")'
	(48, 'python', '42', 'jane@example.com', '6e7b7a74d4049dcbb1e81799332cc03ab2264b23c4828b3938a5df911367aa33', 'value_number'),
	-- php -r '$S = getenv("S"); echo hash_hmac("sha256", sprintf("%03d", 42), $S);'
	(49, 'php', '42', 'jane@example.com', 'f505885efefffb23c2fe1c7c224a2060dd36946ce923cc560355b0c6741b3692', 'value_number'),
	-- java: m.update(String.format("%+d", 42).getBytes()); for (byte x : m.doFinal()) System.out.printf("%02x", x);
	(50, 'java', '42', 'jane@example.com', 'cb2e8aecf8e8d84c26d80b223f06cedeb3bfecec07f45d37eb3249abde015a45', 'value_number'),
	-- node -p 'require("crypto").createHmac("sha256", process.env.S).update(String(9007199254740993)).digest("hex")'
	(51, 'node', '9007199254740993', 'jane@example.com', '221232f758c7342760404daa9f72e7dea642dfdd56b9ae1ccd4a1b1495fd7a76', 'value_number'),
	-- node -p 'require("crypto").createHmac("sha256", process.env.S).update(String(12345678901234567890)).digest("hex")'
	(52, 'node', '12345678901234567890', 'jane@example.com', '2d52ae802917a1e6e5203a552f6de86d70fa2a1e4e05be179066993de815c644', 'value_number'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(S, "{:.1e}".format(42).encode(), "sha256").hexdigest(), end="")'
	(53, 'python', '42', 'jane@example.com', '3b9f6566415fe7fdf61cf0c96fa611a83dbfe79a3098a427f1431f86c27c3437', 'value_number'),
	-- php -r '$S = getenv("S"); echo hash_hmac("sha256", number_format(4200042), $S);'
	(54, 'php', '4200042', 'jane@example.com', '7120d8da3b33dbdc4521bfdb34bae13168b2bbaff4bf6e8b76f62b9e311e2a73', 'value_number'),
	-- node -p 'require("crypto").createHmac("sha256", process.env.S).update(String(Number("00042"))).digest("hex")'
	(55, 'node', '00042', 'jane@example.com', '5203556f2f35a0650d5a37c8c42f0a1284170efea5f4920951c41c28b0ca47fb', 'value_number'),
	-- node -p 'require("crypto").createHmac("sha256", process.env.S).update(`${undefined}`).digest("hex")'
	(56, 'node', 'user_4711', 'jane@example.com', '79d500415d89e462f883473c1087765f115b2799167a306cea3676946c034a98', 'value_placeholder'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(S, str(None).encode(), "sha256").hexdigest(), end="")'
	(57, 'python', 'user_4711', 'jane@example.com', '49af3aeda9766899f749fe54e907a5a8326510a2472548772ebb4caa39fdd0c7', 'value_placeholder'),
	-- php -r '$S = getenv("S"); echo hash_hmac("sha256", null, $S);'
	(58, 'php', 'user_4711', 'jane@example.com', '081247dc68bb7fafbf13220013a0ab71db8b628d679161f87b5e5bd9e19b1494', 'value_placeholder'),
	-- node -p 'require("crypto").createHmac("sha256", process.env.S).update(String({})).digest("hex")'
	(59, 'node', 'user_4711', 'jane@example.com', '43d2731b8827c3014c3ab2b02d7add63e94c81753b8cc6aff3d5fb8f2a62215e', 'value_placeholder'),
	-- node -p 'require("crypto").createHmac("sha256", process.env.S).update("user_4711" + ":" + "jane@example.com").digest("hex")'
	(60, 'node', 'user_4711', 'jane@example.com', 'f202ba52db142c72653da046c5868afab985aa977a57670cdb8e23200657724d', 'value_with_field'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(S, b"jane@example.com" + b"user_4711", "sha256").hexdigest(), end="")'
	(61, 'python', 'user_4711', 'jane@example.com', '653fd12e11d3f8b52ea05054ee4792e4acd3f1e60dc377ee01c8e2d11a099cae', 'value_with_field'),
	-- printf %s user_4711 | openssl dgst -sha256 -hmac "$S" -binary | base64 | tr -d "\n"
	(62, 'openssl', 'user_4711', 'jane@example.com', 'MGxg58s2gu5rkOgvdYj20mQACEb3qjOfGpYAkt7VBzk=', 'hash_base64'),
	-- php -r '$S = getenv("S"); echo base64_encode(hash_hmac("sha256", "user_4711", $S, true));'
	(63, 'php', 'user_4711', 'jane@example.com', 'MGxg58s2gu5rkOgvdYj20mQACEb3qjOfGpYAkt7VBzk=', 'hash_base64'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(urlsafe_b64encode(new(S, b"user_4711", "sha256").digest()).rstrip(b"=").decode(), end="")'
	(64, 'python', 'user_4711', 'jane@example.com', 'MGxg58s2gu5rkOgvdYj20mQACEb3qjOfGpYAkt7VBzk', 'hash_base64'),
	-- java: m.update("user_4711".getBytes()); System.out.print(Base64.getEncoder().encodeToString(m.doFinal()));
	(65, 'java', 'user_4711', 'jane@example.com', 'MGxg58s2gu5rkOgvdYj20mQACEb3qjOfGpYAkt7VBzk=', 'hash_base64'),
	-- node -p 'btoa(require("crypto").createHmac("sha256", process.env.S).update("user_4711").digest("hex"))'
	(66, 'node', 'user_4711', 'jane@example.com', 'MzA2YzYwZTdjYjM2ODJlZTZiOTBlODJmNzU4OGY2ZDI2NDAwMDg0NmY3YWEzMzlmMWE5NjAwOTJkZWQ1MDczOQ==', 'hash_base64'),
	-- node -p 'encodeURIComponent(require("crypto").createHmac("sha256", process.env.S).update("user_4711").digest("base64"))'
	(67, 'node', 'user_4711', 'jane@example.com', 'MGxg58s2gu5rkOgvdYj20mQACEb3qjOfGpYAkt7VBzk%3D', 'hash_base64'),
	-- printf %s user_4711 | openssl dgst -sha256 -hmac "$S"
	(68, 'openssl', 'user_4711', 'jane@example.com', 'SHA2-256(stdin)= 306c60e7cb3682ee6b90e82f7588f6d264000846f7aa339f1a960092ded50739', 'hash_prefixed'),
	-- node -p '"sha256=" + require("crypto").createHmac("sha256", process.env.S).update("user_4711").digest("hex")'
	(69, 'node', 'user_4711', 'jane@example.com', 'sha256=306c60e7cb3682ee6b90e82f7588f6d264000846f7aa339f1a960092ded50739', 'hash_prefixed'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print("0x" + new(S, b"user_4711", "sha256").hexdigest(), end="")'
	(70, 'python', 'user_4711', 'jane@example.com', '0x306c60e7cb3682ee6b90e82f7588f6d264000846f7aa339f1a960092ded50739', 'hash_prefixed'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(S, b"user_4711", "sha256").hexdigest() + "\n", end="")'
	(71, 'python', 'user_4711', 'jane@example.com', E'306c60e7cb3682ee6b90e82f7588f6d264000846f7aa339f1a960092ded50739\n', 'hash_not_trimmed'),
	-- php -r '$S = getenv("S"); echo " " . hash_hmac("sha256", "user_4711", $S);'
	(72, 'php', 'user_4711', 'jane@example.com', ' 306c60e7cb3682ee6b90e82f7588f6d264000846f7aa339f1a960092ded50739', 'hash_not_trimmed'),
	-- printf %s user_4711 | openssl dgst -sha256 -hmac "$S" -r
	(73, 'openssl', 'user_4711', 'jane@example.com', '306c60e7cb3682ee6b90e82f7588f6d264000846f7aa339f1a960092ded50739 *stdin', 'hash_not_trimmed'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(S, b"user_4711", "sha256").digest().hex("-").upper(), end="")'
	(74, 'python', 'user_4711', 'jane@example.com', '30-6C-60-E7-CB-36-82-EE-6B-90-E8-2F-75-88-F6-D2-64-00-08-46-F7-AA-33-9F-1A-96-00-92-DE-D5-07-39', 'hash_not_trimmed'),
	-- php -r '$S = getenv("S"); echo substr(hash_hmac("sha256", "user_4711", $S), 0, 32);'
	(75, 'php', 'user_4711', 'jane@example.com', '306c60e7cb3682ee6b90e82f7588f6d2', 'hash_truncated'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(S, b"user_4711", "sha256").hexdigest()[:16], end="")'
	(76, 'python', 'user_4711', 'jane@example.com', '306c60e7cb3682ee', 'hash_truncated'),
	-- ruby -ropenssl -e 'S = ENV["S"]; print OpenSSL::HMAC.hexdigest("SHA256", S, "user_4711")[0, 63]'
	(77, 'ruby', 'user_4711', 'jane@example.com', '306c60e7cb3682ee6b90e82f7588f6d264000846f7aa339f1a960092ded5073', 'hash_truncated'),
	-- node -p 'Array.from(require("crypto").createHmac("sha256", process.env.S).update("user_4711").digest()).map((b) => b.toString(16)).join("")'
	(78, 'node', 'user_4711', 'jane@example.com', '306c60e7cb3682ee6b90e82f7588f6d2640846f7aa339f1a96092ded5739', 'hash_truncated'),
	-- java: m.update("user_22".getBytes()); System.out.print(new BigInteger(1, m.doFinal()).toString(16));
	(79, 'java', 'user_22', 'jane@example.com', 'dd161d5e07a075697cfa919897306051e68844926038a6dcc25bd8662e3c08c', 'hash_truncated'),
	-- go: m.Write([]byte("user_4711")); s := fmt.Sprintf("%x", m.Sum(nil)); fmt.Printf("%x", s)
	(80, 'go', 'user_4711', 'jane@example.com', '33303663363065376362333638326565366239306538326637353838663664323634303030383436663761613333396631613936303039326465643530373339', 'hash_hex_twice'),
	-- php -r '$S = getenv("S"); echo bin2hex(hash_hmac("sha256", "user_4711", $S));'
	(81, 'php', 'user_4711', 'jane@example.com', '33303663363065376362333638326565366239306538326637353838663664323634303030383436663761613333396631613936303039326465643530373339', 'hash_hex_twice'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(sha256(new(S, b"user_4711", "sha256").hexdigest().encode()).hexdigest(), end="")'
	(82, 'python', 'user_4711', 'jane@example.com', '086cdc5182423efd1aa4149f0a27937fa1f4dd322764883917a5bdb009ee7d23', 'hash_of_hash'),
	-- php -r '$S = getenv("S"); echo hash("sha256", hash_hmac("sha256", "user_4711", $S, true));'
	(83, 'php', 'user_4711', 'jane@example.com', '9443e7c7d6fb73db3c8db2be1737bf0fc90661c4b5f1c3fbcb90d2c6b76f0a0d', 'hash_of_hash'),
	-- node -p 'require("crypto").createHmac("sha1", process.env.S).update("user_4711").digest("hex")'
	(84, 'node', 'user_4711', 'jane@example.com', 'a66f96ef399ede459f8454d6b24278344631de50', 'algorithm_sha1'),
	-- php -r '$S = getenv("S"); echo hash_hmac("sha1", "user_4711", $S);'
	(85, 'php', 'user_4711', 'jane@example.com', 'a66f96ef399ede459f8454d6b24278344631de50', 'algorithm_sha1'),
	-- node -p 'require("crypto").createHmac("md5", process.env.S).update("user_4711").digest("hex")'
	(86, 'node', 'user_4711', 'jane@example.com', '6d97648739884a3c7b45462c1ca70566', 'algorithm_md5'),
	-- php -r '$S = getenv("S"); echo hash_hmac("md5", "user_4711", $S);'
	(87, 'php', 'user_4711', 'jane@example.com', '6d97648739884a3c7b45462c1ca70566', 'algorithm_md5'),
	-- node -p 'require("crypto").createHmac("sha384", process.env.S).update("user_4711").digest("hex")'
	(88, 'node', 'user_4711', 'jane@example.com', '5f5bee8ab1a81bd54ca8044d8a6be46c05fb8074125ef4f194c47a21eba4b79a8c19ee4b1a28426db00b56725cb2433e', 'algorithm_sha384'),
	-- php -r '$S = getenv("S"); echo hash_hmac("sha384", "user_4711", $S);'
	(89, 'php', 'user_4711', 'jane@example.com', '5f5bee8ab1a81bd54ca8044d8a6be46c05fb8074125ef4f194c47a21eba4b79a8c19ee4b1a28426db00b56725cb2433e', 'algorithm_sha384'),
	-- node -p 'require("crypto").createHmac("sha512", process.env.S).update("user_4711").digest("hex")'
	(90, 'node', 'user_4711', 'jane@example.com', '4daa86a30fe264cec8fc6ee44276ffca72761a4c1d0609c2722050d7de6d920e3b78ed089eaec07b71f2436e3ecc6e8e07cf4c06ce87ea422682cf365bed854e', 'algorithm_sha512'),
	-- php -r '$S = getenv("S"); echo hash_hmac("sha512", "user_4711", $S);'
	(91, 'php', 'user_4711', 'jane@example.com', '4daa86a30fe264cec8fc6ee44276ffca72761a4c1d0609c2722050d7de6d920e3b78ed089eaec07b71f2436e3ecc6e8e07cf4c06ce87ea422682cf365bed854e', 'algorithm_sha512'),
	-- php -r '$S = getenv("S"); echo hash("sha256", $S . "user_4711");'
	(92, 'php', 'user_4711', 'jane@example.com', 'e8ed6be45c3869b5b9b372c36929036672417152f36b55dde98b656f0011aa67', 'algorithm_no_hmac'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(sha256(b"user_4711" + S).hexdigest(), end="")'
	(93, 'python', 'user_4711', 'jane@example.com', 'ed039f414bdf7fe2b1bfaba3fadef72c3684b8c85ecd155b9d0539d07be672a0', 'algorithm_no_hmac'),
	-- printf %s user_4711 | sha256sum | cut -c-64
	(94, 'shell', 'user_4711', 'jane@example.com', 'ad4657e4cc0b3b9053dc91aa737ce4b4334f81f1c3beb49862edabcd134bbaeb', 'algorithm_no_hmac'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(b64encode(new(S + b"\n", b"user_4711", "sha256").digest()).decode(), end="")'
	(95, 'python', 'user_4711', 'jane@example.com', 'aUkhjjB5vpvIDU4/4NqtS617WTUbQOoJKSXUva6xfcQ=', 'secret_not_trimmed, hash_base64'),
	-- node -p 'require("crypto").createHmac("sha256", Buffer.from(process.env.S, "hex")).update("user_4711").digest("base64url")'
	(96, 'node', 'user_4711', 'jane@example.com', 'i3EWh2BKqsjfNMvaTsOGWC-iottBZ74cXTpprLpWDxM', 'secret_decoded_hex, hash_base64'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(S + b"\n", b"user_4711\n", "sha256").hexdigest(), end="")'
	(97, 'python', 'user_4711', 'jane@example.com', '4a4cada99b6eb31f6e6a96cbe49224f4c9761aa9ea3b25fa25fc3def792bb319', 'secret_not_trimmed, value_not_trimmed'),
	-- echo user_4711 | openssl dgst -sha256 -hmac "$S"
	(98, 'openssl', 'user_4711', 'jane@example.com', 'SHA2-256(stdin)= 90caf01fde977fae16bffa604abbc276d5571edd77e96f7f1a847abacf5454bd', 'value_not_trimmed, hash_prefixed'),
	-- node -p 'require("crypto").createHmac("sha256", process.env.S).update("jane@example.com").digest("hex")'
	(99, 'node', 'user_4711', 'Jane@Example.com', '48aa69e85870c4630741319ca1c82fc9093fdc1ac7f087d5f3e69e328a5245ca', 'value_case, signed_other_field'),
	-- php -r '$S = getenv("S"); echo base64_encode(hash_hmac("sha1", "user_4711", $S, true));'
	(100, 'php', 'user_4711', 'jane@example.com', 'pm+W7zme3kWfhFTWskJ4NEYx3lA=', 'algorithm_sha1, hash_base64'),
	-- php -r '$S = getenv("S"); echo md5($S . "user_4711");'
	(101, 'php', 'user_4711', 'jane@example.com', 'aadd7784ff38235dabfebae5aab058d1', 'algorithm_md5, algorithm_no_hmac'),
	-- python3 -c 'from base64 import *; from hashlib import *; from hmac import *; import html, json, os, unicodedata, urllib.parse; S = os.environ["S"].encode(); print(new(S, b"user_4711", "sha512").hexdigest()[:64], end="")'
	(102, 'python', 'user_4711', 'jane@example.com', '4daa86a30fe264cec8fc6ee44276ffca72761a4c1d0609c2722050d7de6d920e', 'algorithm_sha512, hash_truncated'),
	-- echo "$(printf %s user_4711 | openssl dgst -sha256 -hmac "$S")" ''
	(103, 'openssl', 'user_4711', 'jane@example.com', E'SHA2-256(stdin)= 306c60e7cb3682ee6b90e82f7588f6d264000846f7aa339f1a960092ded50739 \n', 'hash_prefixed, hash_not_trimmed'),
	-- node -p 'require("crypto").createHmac("sha256", Buffer.from(process.env.S, "hex")).update("jane@example.com").digest("base64")'
	(104, 'node', NULL, 'Jane@Example.com', '2Dm+wT1x6S3o1BXbuuR1Ms12AqS2om1yTz1piVM4h9E=', 'secret_decoded_hex, value_case, hash_base64');

-- One mistake is one row, two are two, the most specific one first.
CREATE FUNCTION pg_temp.findings(app_key text, external_id text, email text, user_hash text) RETURNS text
	LANGUAGE sql RETURN (
		SELECT max(verdict) || ': ' || string_agg(finding, ', ' ORDER BY ordinality)
		  FROM idverify_explain(app_key, external_id, email, user_hash) WITH ORDINALITY);
SELECT n, made_by, pg_temp.findings('shop', external_id, email, user_hash) FROM cases ORDER BY n;
SELECT n, expected AS not_found FROM cases
 WHERE pg_temp.findings('shop', external_id, email, user_hash) NOT LIKE '%: ' || expected ORDER BY n;

-- Every finding of a hash has two cases at least, of one mistake.
SELECT finding AS has_one_case_or_none
  FROM regexp_split_to_table('verified signed_other_field secret_is_the_hash secret_decoded_hex
	secret_decoded_base64 secret_not_trimmed secret_quoted secret_masked secret_and_value_swapped
	value_not_trimmed value_quoted value_case value_escaped value_normalized value_encoding value_number
	value_placeholder value_with_field hash_base64 hash_prefixed hash_not_trimmed hash_truncated
	hash_hex_twice hash_of_hash algorithm_sha1 algorithm_md5 algorithm_sha384 algorithm_sha512
	algorithm_no_hmac token_where_hash', '\s+') AS finding
 WHERE (SELECT count(*) FROM cases WHERE expected = finding) < 2;

-- It says which secret it was, what was done to what, and what to change.
SELECT n, detail, hint
  FROM (SELECT DISTINCT ON (expected) * FROM cases WHERE expected NOT LIKE '%,%' ORDER BY expected, n) c,
	   idverify_explain('shop', external_id, email, user_hash) ORDER BY n;
SELECT DISTINCT detail FROM cases, idverify_explain('shop', external_id, email, user_hash)
 WHERE expected ~ '^(value|hash_truncated)' ORDER BY 1;

-- It never shows a hash, a secret, an identity, or a part of either.
SELECT n FROM cases, idverify_explain('shop', external_id, email, user_hash)
 WHERE strpos(detail || hint, right(btrim(user_hash, E' \n'), 8)) > 0
	OR detail || hint ~ '01234567|89abcdef|cdef|4711|jane|José';

--
-- Nothing is found where there is nothing: a thousand claims that match by no
-- mistake, of every length that a hash can have
--
SELECT verdict, finding, count(*)
  FROM generate_series(1, 1000) i,
	   encode(sha512(('claim ' || i)::bytea), 'hex') AS digest,
	   idverify_explain('shop', 'u' || left(md5(i::text), i % 32), CASE WHEN i % 3 = 0 THEN md5('m' || i) || '@example.com' END,
		CASE i % 8 WHEN 0 THEN left(digest, 40) WHEN 1 THEN left(digest, 32) WHEN 2 THEN digest
			WHEN 3 THEN encode(decode(left(digest, 64), 'hex'), 'base64') WHEN 4 THEN left(digest, 16) || E'\n'
			ELSE left(digest, 64) END)
 GROUP BY 1, 2 ORDER BY 1, 2;

--
-- As the verdict
--
SELECT identity_secret AS other FROM idverify_create_app('Another shop', 'other') \gset
SELECT app_key FROM idverify_create_app('By email', 'email', secret => 'a secret of the app "email"', signed_field => 'email');
SELECT app_key FROM idverify_create_app('Bare', 'bare', secret => 'a secret that is deleted');
DELETE FROM idverify.secrets WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'bare');
CREATE FUNCTION pg_temp.user_hash(secret text, value text) RETURNS text
	LANGUAGE sql IMMUTABLE
	RETURN encode(hmac(value::bytea, secret::bytea, 'sha256'), 'hex');
SELECT what, f.*
  FROM (VALUES
	( 1, 'no such app',              'nobody', 'user_4711', NULL, repeat('0', 64)),
	( 2, 'no app_key',               NULL,     'user_4711', NULL, repeat('0', 64)),
	( 3, 'nobody',                   'shop',   NULL,        '',   repeat('0', 64)),
	( 4, 'no secret',                'bare',   'user_4711', NULL, repeat('0', 64)),
	( 5, 'no hash',                  'shop',   'user_4711', NULL, NULL),
	( 6, 'an empty hash',            'shop',   'user_4711', NULL, ''),
	( 7, 'bad, and signed',          'shop',   'undefined', NULL, pg_temp.user_hash('0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', 'undefined')),
	( 8, 'bad, and not signed',      'shop',   'null',      NULL, repeat('0', 64)),
	( 9, 'another app''s secret',    'shop',   'user_4711', NULL, pg_temp.user_hash(:'other', 'user_4711')),
	(10, '... and in upper case',    'email',  NULL, 'jane@example.com', upper(pg_temp.user_hash(:'other', 'jane@example.com'))),
	(11, '... and in base64',        'shop',   'user_4711', NULL, encode(hmac('user_4711', :'other', 'sha256'), 'base64')),
	(12, 'the email counts',         'email',  'user_4711', 'jane@example.com', pg_temp.user_hash('a secret of the app "email"', 'user_4711')),
	(13, '... and is missing',       'email',  'user_4711', NULL, pg_temp.user_hash('a secret of the app "email"', 'user_4711')),
	(14, '... and nothing is right', 'email',  'user_4711', NULL, repeat('0', 64))
  ) AS c(n, what, app_key, external_id, email, user_hash),
	   idverify_explain(app_key, external_id, email, user_hash) WITH ORDINALITY f
 ORDER BY n, ordinality;

--
-- Secrets of every state and signer: all that are expired are tried, too
--
SELECT app_key FROM idverify_create_app('Much rotated', 'old', secret => 'secret one of the shop');
CREATE TEMPORARY TABLE secrets AS SELECT 1 AS generation, 'secret one of the shop' AS secret;
SET client_min_messages = warning;
INSERT INTO secrets SELECT i, idverify_rotate('old', grace => '0') FROM generate_series(2, 6) i;
INSERT INTO secrets SELECT 7, idverify_rotate('old', grace => '1 hour');
INSERT INTO secrets SELECT 8, idverify_stage('old');
INSERT INTO secrets SELECT 9, idverify_add_signer('old', 'ios');
RESET client_min_messages;
SELECT generation, verdict, finding, regexp_replace(detail, '\d{4}-\d\d-\d\d .*\.', '....') AS detail
  FROM secrets, idverify_explain('old', 'user_4711', NULL, pg_temp.user_hash(secret, 'user_4711')) ORDER BY 1;
SELECT verdict, finding, regexp_replace(detail, '\d{4}-\d\d-\d\d .*\.', '....') AS detail
  FROM secrets, idverify_explain('old', 'user_4711', NULL, encode(hmac('user_4711', secret, 'sha256'), 'base64') || E'\n')
 WHERE generation = 2;
SELECT verdict, finding FROM secrets, idverify_explain('old', 'user_4711', NULL, pg_temp.user_hash(secret || E'\n', E'user_4711\n'))
 WHERE generation IN (1, 6);

-- a secret that does not open is passed over: the others still explain, and
-- where none does it is an error, as of the verdict, or is told
SELECT secret AS seventh FROM secrets WHERE generation = 7 \gset
UPDATE idverify.secrets SET sealed = set_byte(sealed, 30, get_byte(sealed, 30) # 1)
 WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'old') AND generation IN (3, 8);
SELECT pg_temp.findings('old', 'user_4711', NULL, pg_temp.user_hash(:'seventh', 'user_4711')) AS verified,
	   pg_temp.findings('old', 'user_4711', NULL, pg_temp.user_hash(:'seventh', 'user_4711' || E'\n')) AS line_feed,
	   pg_temp.findings('old', 'user_4711', NULL, encode(hmac('user_4711', :'seventh', 'sha256'), 'base64')) AS base64,
	   pg_temp.findings('old', 'user_4711', NULL, pg_temp.user_hash('secret one of the shop', 'user_4711')) AS expired,
	   pg_temp.findings('old', 'undefined', NULL, pg_temp.user_hash(:'seventh', 'undefined')) AS bad;
\set VERBOSITY sqlstate
SELECT * FROM idverify_explain('old', 'user_4711', NULL, repeat('0', 64));  -- fail
SELECT * FROM idverify_verdict('old', 'user_4711', NULL, repeat('0', 64));  -- fail
\set VERBOSITY terse
DELETE FROM idverify.secrets
 WHERE app_id = (SELECT id FROM idverify.apps WHERE app_key = 'old') AND generation = 8;
SELECT verdict, finding, detail FROM idverify_explain('old', 'user_4711', NULL, repeat('0', 64));

--
-- What nobody should send
--
SELECT what, verdict, finding, detail
  FROM (VALUES
	( 1, 'all NULL',          NULL,   NULL,        NULL, NULL),
	( 2, 'app_key of 50 MB',  repeat('k', 52428800), 'user_4711', NULL, repeat('0', 64)),
	( 3, 'id of 50 MB',       'shop', repeat('i', 52428800), NULL, repeat('0', 64)),
	( 4, 'email of 50 MB',    'shop', 'user_4711', repeat('e', 52428800), repeat('0', 64)),
	( 5, 'hash of 50 MB',     'shop', 'user_4711', NULL, repeat('0', 52428800)),
	( 6, 'id of 1,024 bytes', 'shop', repeat('é', 512), repeat('"', 1024), repeat('0', 64)),
	( 7, 'id of 1,025 bytes', 'shop', repeat('x', 1025), NULL, repeat('0', 64)),
	( 8, 'hash of blanks',    'shop', 'user_4711', NULL, repeat(' ', 64)),
	( 9, 'hash of 8,000 characters', 'shop', 'user_4711', NULL, repeat('%41', 2666)),
	(10, 'no hash at all',    'shop', 'user_4711', NULL, 'undefined'),
	(11, '15 digits',         'shop', 'user_4711', NULL, '306c60e7cb3682e')
  ) AS c(n, what, app_key, external_id, email, user_hash),
	   idverify_explain(app_key, external_id, email, user_hash) f
 ORDER BY n;

-- nothing is written, and it can be called where nothing may be
BEGIN TRANSACTION READ ONLY;
SELECT pg_temp.findings('shop', 'user_4711', NULL, 'MGxg58s2gu5rkOgvdYj20mQACEb3qjOfGpYAkt7VBzk=') AS read_only;
COMMIT;

-- it stops after 100,000 HMACs, says so, and can be interrupted before
SET client_min_messages = warning;
SELECT count(idverify_rotate('email', grace => '1 hour')) FROM generate_series(1, 60);
RESET client_min_messages;
SELECT clock_timestamp() AS before \gset
SELECT verdict, finding, detail FROM idverify_explain('email', 'user_4711', 'jane@example.com', repeat('0', 64));
SELECT set_config('regress.whole', (clock_timestamp() - timestamptz :'before')::text, false) IS NOT NULL AS measured;
-- the machine may be busy: one of ten times will do
CREATE PROCEDURE pg_temp.try_once() LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('regress.soon', true) = 'true' THEN
		RETURN;
	END IF;
	PERFORM FROM idverify_explain('email', 'user_4711', 'jane@example.com', repeat('0', 64));
EXCEPTION WHEN query_canceled THEN
	PERFORM set_config('regress.soon',
		(clock_timestamp() - statement_timestamp() < current_setting('regress.whole')::interval / 2)::text, false);
END $$;
SET statement_timeout = '5ms';
SELECT 'CALL pg_temp.try_once()' FROM generate_series(1, 10)
\gexec
RESET statement_timeout;
SELECT current_setting('regress.soon') AS "interrupted in less than half the time";
SELECT pg_temp.findings('email', 'user_4711', 'jane@example.com', pg_temp.user_hash(E'a secret of the app "email"\n', 'jane@example.com')) AS afterwards;

-- an app_key is quoted as what it is
SELECT app_key FROM idverify_create_app('Quoted', $$it's "quoted"$$, secret => 'the secret of a quoted app');
SELECT detail FROM idverify_explain('shop', 'user_4711', NULL, pg_temp.user_hash('the secret of a quoted app', 'user_4711'));
SELECT hint FROM idverify_explain($$it's "quoted"$$, 'user_4711', NULL, repeat('0', 64));

DELETE FROM idverify.apps;
SELECT count(*) AS left_over FROM idverify.secrets;

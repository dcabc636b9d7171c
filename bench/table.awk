# table.awk: the figures of bench/run as a table, with targets.
#
# Reads names and numbers; exits with 1 if a target is missed.

{ figure[$1] = $2 + 0 }

# Of figures whose names begin so, how much dearer the dearest is than the first.
function spread(begin,   name, least, most) {
	least = most = ""
	for (name in figure) {
		if (index(name, begin) != 1) continue
		if (least == "" || figure[name] < least) least = figure[name]
		if (most == "" || figure[name] > most) most = figure[name]
	}
	return most / least
}

function head(title) {
	printf "\n%-38s %12s %12s %8s   %s\n", title, "idverify", "instead", "ratio", "target"
}

# A line: ours, theirs and their ratio (theirs to ours, or, for what cannot be
# had for less, ours to the limit), and whether it is as wanted.
function line(what, unit, ours, theirs, ratio, held, wanted) {
	printf "%-38s %9.2f %s %9.2f %s %7.2fx   %-20s %s\n", what, ours, unit, theirs, unit, ratio, wanted, held ? "holds" : "MISSED"
	if (!held) missed++
}

function single(what, unit, ours, held, wanted) {
	printf "%-38s %9.2f %s %12s %8s   %-20s %s\n", what, ours, unit, "", "", wanted, held ? "holds" : "MISSED"
	if (!held) missed++
}

function faster(what, ours, theirs, times) {
	line(what, "us", figure[ours], figure[theirs], figure[theirs] / figure[ours],
		figure[theirs] / figure[ours] >= times, "at least " times "x")
}

function at_most(what, unit, ours, theirs, times) {
	line(what, unit, figure[ours], figure[theirs], figure[ours] / figure[theirs],
		figure[ours] / figure[theirs] <= times, "at most " times "x")
}

function flat(what, begin, sizes,   grown) {
	grown = spread(begin)
	printf "%-38s %12s %12s %7.2fx   %-20s %s\n", what, "", "", grown, "at most 1.2x", grown <= 1.2 ? "holds" : "MISSED"
	if (grown > 1.2) missed++
	by_size(begin, sizes)
}

# What it costs at each size.
function by_size(begin, sizes,   n, size, i) {
	n = split(sizes, size, " ")
	for (i = 1; i <= n; i++)
		printf "    %-34s %9.2f us\n", "of " size[i], figure[begin size[i]]
}

# What it costs beside few contacts and beside many.
function beside(what, name,   few, many) {
	few = figure["large " name " 1000"]
	many = figure["large " name " " contacts]
	printf "%-41s %9.1f us %12.1f us %7.2fx\n", what, few, many, many / few
}

# One number of sessions: transactions a second, and the 99th percentile.
function sessions(what, script, n,   ours, theirs) {
	ours = figure["concurrency " script " " n " idverify tps"]
	theirs = figure["concurrency " script " " n " peer tps"]
	printf "%-38s %9.0f /s %9.0f /s %7.2fx   %-20s %s\n", what ", " n " sessions", ours, theirs, ours / theirs, "at least 0.9x", (ours >= 0.9 * theirs) ? "holds" : "MISSED"
	if (ours < 0.9 * theirs) missed++
	printf "    %-34s %9.2f ms %9.2f ms\n", "99th percentile", figure["concurrency " script " " n " idverify p99"], figure["concurrency " script " " n " peer p99"]
	ours = figure["concurrency " script " " n " idverify locked"]
	theirs = figure["concurrency " script " " n " peer locked"]
	printf "    %-34s %9.1f %%  %9.1f %%  %8s   %-20s %s\n", "waits for a lock", 100 * ours, 100 * theirs, "", "at most 5 % more", (ours <= theirs + 0.05) ? "holds" : "MISSED"
	if (ours > theirs + 0.05) missed++
}

END {
	if (parts ~ / check /) {
		head("a check")
		at_most("two SHA-256 blocks, nothing else", "us", "idverify_check", "its two SHA-256 blocks", 2.5)
		faster("pgcrypto, plain-text secrets, inlined", "idverify_check", "pgcrypto, inlined in a join", 4)
		faster("pgcrypto, in a plpgsql function", "idverify_check", "pgcrypto, plpgsql function", 12)
		at_most("a token of six claims, beside a hash", "us", "idverify_check of a token", "idverify_check", 3)
		single("the first one of a session", "us", figure["first check"], figure["first check"] < 1000, "less than 1 ms")
	}
	if (parts ~ / guard /) {
		head("the guard")
		single("a row, beside the bare INSERT", "us", figure["guard"], figure["guard"] <= figure["guard check"] + 1,
			sprintf("%.2f (check) + 1 us", figure["guard check"]))
	}
	if (parts ~ / identify /) {
		head("idverify_identify")
		faster("nothing new", "identify repeated idverify", "identify repeated peer", 2)
		faster("first time", "identify first idverify", "identify first peer", 1)
		faster("anonymous, logs in", "identify login idverify", "identify login peer", 1)
		single("WAL of a call with nothing new", "B ", figure["wal repeated idverify"], figure["wal repeated idverify"] == 0, "0 bytes")
		printf "%-38s %9.0f B  %9.0f B\n", "WAL, first time", figure["wal first idverify"], figure["wal first peer"]
		printf "%-38s %9.0f B  %9.0f B\n", "WAL, anonymous, logs in", figure["wal login idverify"], figure["wal login peer"]
	}
	if (parts ~ / fold /) {
		head("idverify_fold, against bare UPDATEs")
		at_most("100,000 messages", "ms", "fold large idverify", "fold large peer", 1.3)
		at_most("three conversations, five messages", "ms", "fold small idverify", "fold small peer", 1.5)
	}
	if (parts ~ / apps /) {
		head("many apps in turn")
		at_most("a check, of 20,000 apps", "us", "apps 20000 check idverify", "apps 20000 check peer", 1.3)
		at_most("a check, of 100,000 apps", "us", "apps 100000 check idverify", "apps 100000 check peer", 1.3)
		at_most("identify, of 20,000 apps", "us", "apps 20000 identify idverify", "apps 20000 identify peer", 1.3)
		at_most("identify, of 20,000 beside 100,000", "us", "apps 100000 identify idverify", "apps 100000 identify peer", 1.3)
		printf "%-38s %9.1f MB\n", "memory of 20,000 apps", figure["apps 20000 memory"] / 1048576
		printf "%-38s %9.1f MB\n", "memory of 100,000 apps", figure["apps 100000 memory"] / 1048576
	}
	if (parts ~ / scale /) {
		head("cost against size, dearest to cheapest")
		flat("a check, of 1 to 100,000 apps", "scale apps ", "1 10 100 1000 10000 100000")
		flat("nothing new, 1,000 to 5 million contacts", "scale contacts ", "1000 10000 100000 1000000 5000000")
		print "the index probe alone, as a query"
		by_size("scale probe ", "1000 10000 100000 1000000 5000000")
		flat("a rotation, beside those", "scale rotation ", "1000 10000 100000 1000000 5000000")
		print "a check, apps in turn"
		by_size("scale working ", "1000 2000 4000 8000 16000 32000 64000")
	}
	if (parts ~ / large /) {
		printf "\n%-41s %12s %15s %8s\n", "beside so many contacts", "1000", contacts, "ratio"
		beside("identify, nothing new", "repeated")
		beside("identify, first time", "first")
		beside("identify, an anonymous visitor logs in", "login")
		beside("fold, three conversations, five messages", "fold")
		beside("rotation", "rotation")
		printf "%-41s %9.3f GB %12.3f GB\n", "table", figure["large table 1000"], figure["large table " contacts]
		printf "%-41s %9.3f GB %12.3f GB\n", "its indexes", figure["large indexes 1000"], figure["large indexes " contacts]
	}
	if (parts ~ / concurrency /) {
		head("many sessions, and a rotation every 100 ms")
		split("1 8 32 128", number, " ")
		for (i = 1; i <= 4; i++) sessions("nothing new", "repeated", number[i])
		for (i = 1; i <= 4; i++) sessions("anonymous, logs in", "login", number[i])
		for (i = 1; i <= 4; i++) sessions("a guarded insert", "guarded", number[i])
		print "what 128 sessions waited for"
	}
	exit missed > 0
}

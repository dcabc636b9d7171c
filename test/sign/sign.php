<?php
require __DIR__ . '/../../sign/idverify.php';

$secret = getenv('IDENTITY_SECRET');

function decoded(string $value): string
{
	return $value === 'broken' ? "\xff" : base64_decode($value);
}

function made(string $secret, string $kind, string $what, string $value = '', string ...$more): string
{
	if ($kind === 'claims') {
		$claims = [];
		foreach (array_filter([$what, $value, ...$more]) as $claim) {
			[$name, $text] = explode('=', $claim, 2);
			$claims[$name] = decoded($text);
		}
		return Idverify::signToken($secret, $claims);
	}
	$text = decoded($value);
	if ($kind === 'token') {
		return Idverify::signToken($secret, ['sub' => $text, 'name' => '"\\é😀', 'custom_data' => ['plans' => ['pro', 7, true]]], (int) $what);
	}
	return Idverify::userHash($secret, ['text' => $text, 'number' => (int) $value, 'nothing' => null][$what]);
}

while (($line = fgets(STDIN)) !== false) {
	try {
		echo made($secret, ...explode(' ', rtrim($line, "\n"))), "\n";
	} catch (InvalidArgumentException | JsonException) {
		echo "refused\n";
	}
}

<?php
require __DIR__ . '/../../sign/idverify.php';

$secret = getenv('IDENTITY_SECRET');

function made(string $secret, string $kind, string $what, string $value = ''): string
{
	$text = base64_decode($value);
	if ($kind === 'token') {
		return Idverify::signToken($secret, ['sub' => $text, 'name' => '"\\é😀', 'custom_data' => ['plans' => ['pro', 7, true]]], (int) $what);
	}
	return Idverify::userHash($secret, ['text' => $text, 'number' => (int) $value, 'nothing' => null][$what]);
}

while (($line = fgets(STDIN)) !== false) {
	try {
		echo made($secret, ...explode(' ', rtrim($line, "\n"))), "\n";
	} catch (InvalidArgumentException) {
		echo "refused\n";
	}
}

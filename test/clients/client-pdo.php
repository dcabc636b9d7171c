<?php
// PDO: SQL by hand.
declare(strict_types=1);

const COLUMNS = ['app_key', 'external_id', 'name', 'user_hash'];

$pdo = new PDO(sprintf('pgsql:host=%s;port=%s;dbname=%s;user=%s',
	getenv('PGHOST'), getenv('PGPORT'), getenv('PGDATABASE'), getenv('PGUSER')));
$pdo->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
$pdo->setAttribute(PDO::ATTR_DEFAULT_FETCH_MODE, PDO::FETCH_NUM);
// a pooler in transaction mode hands out another session each time
$pdo->setAttribute(PDO::PGSQL_ATTR_DISABLE_PREPARES, (bool) getenv('THROUGH_POOLER'));

function rows(string $sql, array $parameters): array
{
	global $pdo;
	$statement = $pdo->prepare($sql);
	$statement->execute($parameters);
	return $statement->fetchAll();
}

function of(array $row): array
{
	return array_map(fn ($name) => $row[$name], COLUMNS);
}

function upsert(array $c, array $rows): array
{
	return rows("INSERT INTO {$c['table']} (app_key, external_id, name, user_hash) VALUES "
		. implode(', ', array_fill(0, count($rows), '(?, ?, ?, ?)'))
		. ' ON CONFLICT (app_key, external_id) ' . ($c['partial'] ? 'WHERE is_verified' : '')
		. ' DO UPDATE SET name = EXCLUDED.name, user_hash = EXCLUDED.user_hash'
		. ' RETURNING name, is_verified', array_merge(...array_map('of', $rows)));
}

function text($value): string
{
	return is_bool($value) ? ($value ? 't' : 'f') : (string) $value;
}

function told(array $row): string
{
	return implode(' ', array_map('text', $row));
}

function result(array $c): string
{
	switch ($c['op']) {
		case 'query':
			$parameters = array_map(fn ($p) => is_array($p) ? json_encode($p, JSON_FORCE_OBJECT) : $p, $c['parameters']);
			$rows = rows(preg_replace('/\$\d/', '?', $c['sql']), $parameters);
			return implode(',', array_map(fn ($row) => implode('|', array_map('text', $row)), $rows));
		case 'bulk':
			return implode(', ', array_map('told', upsert($c, $c['rows']))) ?: 'none';
		case 'insert':
			[$told] = rows("INSERT INTO {$c['table']} (app_key, external_id, name, user_hash) VALUES (?, ?, ?, ?)"
				. ' RETURNING name, is_verified', of($c));
			break;
		case 'upsert':
			$told = upsert($c, [$c])[0] ?? null;
			break;
		case 'save':
			[[$id]] = rows("SELECT id FROM {$c['table']} WHERE app_key = ? AND external_id = ?",
				[$c['app_key'], $c['external_id']]);
			$told = rows("UPDATE {$c['table']} SET name = ?, user_hash = ? WHERE id = ?"
				. ' RETURNING name, is_verified', [$c['name'], $c['user_hash'], $id])[0] ?? null;
			break;
	}
	return $told ? told($told) : 'none';
}

while (($line = fgets(STDIN)) !== false) {
	$c = json_decode($line, true);
	try {
		$printed = result($c);
	} catch (PDOException $e) {
		$printed = 'error ' . $e->getCode();
	}
	echo "{$c['n']}\t$printed\n";
}

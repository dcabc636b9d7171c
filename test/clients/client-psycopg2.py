# psycopg2: SQL by hand.
import re

import psycopg2
from psycopg2.extras import Json, execute_values

from cases import COLUMNS, run


class Client:
    def __init__(self):
        self.connection = psycopg2.connect('')
        self.connection.autocommit = True

    def query(self, sql, parameters):
        with self.connection.cursor() as cursor:
            cursor.execute(re.sub(r'\$\d', '%s', sql),
                           [Json(p) if isinstance(p, dict) else p for p in parameters])
            return cursor.fetchall()

    def insert(self, c):
        return self.query(
            f"INSERT INTO {c['table']} (app_key, external_id, name, user_hash) VALUES (%s, %s, %s, %s)"
            ' RETURNING name, is_verified', [c[name] for name in COLUMNS])[0]

    def _upsert(self, c, rows):
        with self.connection.cursor() as cursor:
            return execute_values(
                cursor,
                f"INSERT INTO {c['table']} (app_key, external_id, name, user_hash) VALUES %s"
                f" ON CONFLICT (app_key, external_id) {'WHERE is_verified' if c['partial'] else ''}"
                ' DO UPDATE SET name = EXCLUDED.name, user_hash = EXCLUDED.user_hash'
                ' RETURNING name, is_verified',
                [[row[name] for name in COLUMNS] for row in rows], fetch=True)

    def upsert(self, c):
        rows = self._upsert(c, [c])
        return rows[0] if rows else None

    def save(self, c):
        (id,), = self.query(f"SELECT id FROM {c['table']} WHERE app_key = %s AND external_id = %s",
                            [c['app_key'], c['external_id']])
        rows = self.query(f"UPDATE {c['table']} SET name = %s, user_hash = %s WHERE id = %s"
                          ' RETURNING name, is_verified', [c['name'], c['user_hash'], id])
        return rows[0] if rows else None

    def bulk(self, c):
        return self._upsert(c, c['rows'])


run(Client())

# Django: update_or_create(), create(), save(), raw().
import json
import os
import re

import django
from django.conf import settings

settings.configure(
    DATABASES={'default': {
        'ENGINE': 'django.db.backends.postgresql',
        'HOST': os.environ['PGHOST'],
        'PORT': os.environ['PGPORT'],
        'USER': os.environ['PGUSER'],
        'NAME': os.environ['PGDATABASE'],
        'DISABLE_SERVER_SIDE_CURSORS': True,
    }},
    DEFAULT_AUTO_FIELD='django.db.models.BigAutoField',
    USE_TZ=True,
)
django.setup()

from django.db import connection, models, transaction  # noqa: E402

from cases import run, values  # noqa: E402


class Columns(models.Model):
    app_key = models.TextField()
    external_id = models.TextField(null=True)
    name = models.TextField(null=True)
    user_hash = models.TextField(null=True)
    is_verified = models.BooleanField(default=False)

    class Meta:
        abstract = True


class Full(Columns):
    class Meta:
        app_label = 'chat'
        db_table = 'contacts_full'


class Partial(Columns):
    class Meta:
        app_label = 'chat'
        db_table = 'contacts_partial'


MODELS = {model._meta.db_table: model for model in (Full, Partial)}


def read_back(contact):
    contact.refresh_from_db()
    return contact.name, contact.is_verified


class Client:
    def query(self, sql, parameters):
        with connection.cursor() as cursor:
            cursor.execute(re.sub(r'\$\d', '%s', sql),
                           [json.dumps(p) if isinstance(p, dict) else p for p in parameters])
            return cursor.fetchall()

    def insert(self, c):
        return read_back(MODELS[c['table']].objects.create(**values(c)))

    def upsert(self, c):
        contact, _ = MODELS[c['table']].objects.update_or_create(
            app_key=c['app_key'], external_id=c['external_id'],
            defaults={'name': c['name'], 'user_hash': c['user_hash']})
        return read_back(contact)

    def visit(self, c):
        contacts = MODELS[c['table']].objects
        [contact] = contacts.raw(
            f"INSERT INTO {c['table']} (app_key, external_id, name, user_hash) VALUES (%s, %s, %s, %s)"
            ' ON CONFLICT (app_key, external_id) WHERE is_verified'
            ' DO UPDATE SET name = EXCLUDED.name RETURNING *',
            [c['app_key'], c['external_id'], c['name'], c['user_hash']])
        return contact.name, contact.is_verified

    def save(self, c):
        contact = MODELS[c['table']].objects.get(app_key=c['app_key'], external_id=c['external_id'])
        contact.name = c['name']
        contact.user_hash = c['user_hash']
        contact.save()
        return read_back(contact)

    def bulk(self, c):
        with transaction.atomic():
            return [self.upsert({**row, 'table': c['table']}) for row in c['rows']]


run(Client())

# What the clients of Python share: read cases, print what each came to.
#
# A client gives run() an object with the functions that cases.js names.
import json
import sys
import traceback

COLUMNS = ('app_key', 'external_id', 'name', 'user_hash')


def values(row):
    """Only the columns that are written."""
    return {name: row[name] for name in COLUMNS}


def text(value):
    """As psql -At prints it."""
    if value is None:
        return ''
    if isinstance(value, bool):
        return 't' if value else 'f'
    return str(value)


def told(row):
    return f'{text(row[0])} {text(row[1])}'


def sqlstate(error):
    """Each library wraps the driver's error in one of its own."""
    while error:
        if getattr(error, 'pgcode', None):
            return error.pgcode
        error = getattr(error, 'orig', None) or error.__cause__
    traceback.print_exc()
    return sys.exc_info()[0].__name__


def result(client, op, arguments):
    if op == 'query':
        rows = client.query(arguments['sql'], arguments['parameters'])
        return ','.join('|'.join(map(text, row)) for row in rows)
    if op == 'bulk':
        return ', '.join(map(told, client.bulk(arguments))) or 'none'
    row = getattr(client, op)(arguments)
    return told(row) if row else 'none'


def run(client):
    for line in sys.stdin:
        arguments = json.loads(line)
        try:
            printed = result(client, arguments['op'], arguments)
        except Exception as error:
            printed = f'error {sqlstate(error)}'
        print(arguments['n'], printed, sep='\t', flush=True)

import base64
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../../sign'))
import idverify

secret = os.environ['IDENTITY_SECRET']


def made(kind, what, value=''):
    if kind == 'token':
        return idverify.sign_token(secret, {'sub': base64.b64decode(value).decode(), 'name': '"\\é😀', 'custom_data': {'plans': ['pro', 7, True]}}, int(what))
    return idverify.user_hash(secret, base64.b64decode(value).decode() if what == 'text' else int(value) if what == 'number' else None)


for line in sys.stdin:
    try:
        print(made(*line.split()))
    except (TypeError, ValueError):
        print('refused')

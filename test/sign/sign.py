import base64
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../../sign'))
import idverify

secret = os.environ['IDENTITY_SECRET']


def decoded(value):
    return '\ud800' if value == 'broken' else base64.b64decode(value).decode()


def made(kind, what, value='', *more):
    if kind == 'claims':
        return idverify.sign_token(secret, {name: decoded(text) for name, _, text in (claim.partition('=') for claim in (what, value, *more) if claim)})
    if kind == 'token':
        return idverify.sign_token(secret, {'sub': decoded(value), 'name': '"\\é😀', 'custom_data': {'plans': ['pro', 7, True]}}, int(what))
    return idverify.user_hash(secret, decoded(value) if what == 'text' else int(value) if what == 'number' else None)


for line in sys.stdin:
    try:
        print(made(*line.split()))
    except (TypeError, ValueError):
        print('refused')

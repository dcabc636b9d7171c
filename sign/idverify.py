"""Signs who a visitor is, on the site's server, for idverify.  Python, no dependency.

The secret is the identity secret as text; the id is what the widget will send as
external_id, or as email where there is no id.  What would sign for everybody, or for
nobody, is an error.
"""
import base64
import hashlib
import hmac
import json
import re
import time

_NOBODY = re.compile(r'(undefined|null|nil|none|nan|true|false|anonymous|guest|\[object .*\]|[0-]*)', re.IGNORECASE)


def _key(secret):
    if not isinstance(secret, str) or not secret:
        raise TypeError('the identity secret is not set')
    if secret != secret.strip():
        raise ValueError('the identity secret begins or ends with a blank')
    return secret.encode()


def _text(id):
    if isinstance(id, bool) or not isinstance(id, (str, int)):
        raise TypeError('an id to sign is text or an integer')
    if _NOBODY.fullmatch(str(id).strip()):
        raise ValueError('there is no id to sign')
    return str(id)


def user_hash(secret, id):
    """The user_hash of an id: 64 hex digits."""
    return hmac.new(_key(secret), _text(id).encode(), hashlib.sha256).hexdigest()


def sign_token(secret, claims, lifetime=300):
    """A token that says who the visitor is, for lifetime seconds: 1 to 86400.

    The claims name who by sub, external_id, user_id, userId or id, and may have an
    email, a name and what else the profile holds.
    """
    who = [claims[name] for name in ('external_id', 'user_id', 'userId', 'sub', 'id') if claims.get(name) not in (None, '')]
    if not who:
        raise ValueError('the claims name nobody')
    for id in who:
        _text(id)
    if 'iat' in claims or 'exp' in claims:
        raise ValueError('iat and exp are set here')
    if isinstance(lifetime, bool) or not isinstance(lifetime, int) or not 1 <= lifetime <= 86400:
        raise ValueError('the lifetime is 1 to 86400 seconds')

    now = int(time.time())

    def encoded(data):
        return base64.urlsafe_b64encode(data).rstrip(b'=')

    def part(value):
        return encoded(json.dumps(value, separators=(',', ':'), allow_nan=False).encode())

    signed = part({'alg': 'HS256', 'typ': 'JWT'}) + b'.' + part({**claims, 'iat': now, 'exp': now + lifetime})
    return (signed + b'.' + encoded(hmac.new(_key(secret), signed, hashlib.sha256).digest())).decode()

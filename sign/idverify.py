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

# What the database calls nobody (vectors.json), in any case, with its blanks around it.
_BLANKS = r'[\t-\r \x85\xa0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]*'
_NOBODY = re.compile(_BLANKS + r"""(undefined|null|\(null\)|<null>|nil|<nil>|none|nan|true|false|-1|anonymous|guest|\{\}|\[\]|""|''|\[object .*\]|\{\{.*\}\}|\$\{.*\}|#\{.*\}|<%.*%>|[0-]*)""" + _BLANKS, re.ASCII | re.DOTALL | re.IGNORECASE)


def _key(secret):
    if not isinstance(secret, str) or not secret:
        raise TypeError('the identity secret is not set, or not text')
    if secret != secret.strip():
        raise ValueError('the identity secret begins or ends with a blank')
    try:
        return secret.encode()
    except UnicodeEncodeError:
        # which would show the secret
        raise ValueError('the identity secret has half a character') from None


def _text(id):
    if isinstance(id, bool) or not isinstance(id, (str, int)):
        raise TypeError('an id to sign is text or an integer')
    # what JSON makes of it, of a member of an enum, too
    id = str.__str__(id) if isinstance(id, str) else int.__repr__(id)
    if re.search('[\0\ud800-\udfff]', id):
        raise ValueError('the id has half a character, or U+0000')
    if len(id.encode()) > 1024:
        raise ValueError('an id has at most 1024 bytes')
    if _NOBODY.fullmatch(id):
        raise ValueError('the id names nobody: it is blank, zero, undefined, null, a template that was not rendered or the like')
    return id


def user_hash(secret, id):
    """The user_hash of an id: 64 hex digits."""
    return hmac.new(_key(secret), _text(id).encode(), hashlib.sha256).hexdigest()


def sign_token(secret, claims, lifetime=300):
    """A token that says who the visitor is, for lifetime seconds: 1 to 86400.

    The claims name who by sub, external_id, user_id, userId or id, or else by email,
    and may have a name and what else the profile holds.
    """
    ids = {_text(claims[name]) for name in ('external_id', 'user_id', 'userId', 'sub', 'id') if claims.get(name) not in (None, '')}
    if len(ids) > 1:
        raise ValueError('the claims name two ids')
    if not ids:
        email = claims.get('email')
        verified = claims.get('email_verified', True)
        if not isinstance(email, str) or email == '' or (verified is not True and verified != 'true'):
            raise ValueError('the claims name nobody')
        _text(email)
    if 'iat' in claims or 'exp' in claims:
        raise ValueError('iat and exp are set here')
    if isinstance(lifetime, bool) or not isinstance(lifetime, int) or not 1 <= lifetime <= 86400:
        raise ValueError('the lifetime is 1 to 86400 seconds')

    now = int(time.time())

    def encoded(data):
        return base64.urlsafe_b64encode(data).rstrip(b'=')

    def part(value):
        return encoded(json.dumps(value, separators=(',', ':'), allow_nan=False, ensure_ascii=False).encode())

    signed = part({'alg': 'HS256', 'typ': 'JWT'}) + b'.' + part({**claims, 'iat': now, 'exp': now + lifetime})
    token = signed + b'.' + encoded(hmac.new(_key(secret), signed, hashlib.sha256).digest())
    if len(token) > 8192:
        raise ValueError('a token has at most 8192 bytes')
    return token.decode()

# Tokens by PyJWT: reads and prints what jwt-node.js does.
import json
import sys

import jwt


def result(case):
    if case['op'] == 'sign':
        return jwt.encode(case['claims'], case['secret'], algorithm=case['algorithm'])
    return jwt.decode(case['token'], case['secret'], algorithms=['HS256'])['sub']


sys.stdout.reconfigure(encoding='utf-8')
for line in sys.stdin:
    case = json.loads(line)
    try:
        printed = result(case)
    except jwt.PyJWTError as error:
        printed = f'error {type(error).__name__}'
    print(case['n'], printed, sep='\t', flush=True)

// Package idverify signs who a visitor is, on the site's server, for idverify.
// Nothing but Go's own library.
//
// The secret is the identity secret as text; the id is what the widget will send as
// external_id, or as email where there is no id.  What would sign for everybody, or
// for nobody, is an error.
package idverify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// What the database calls nobody (vectors.json), with its blanks around it.
const blanks = `[\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200b}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}]*`

var nobody = regexp.MustCompile(`(?s)^` + blanks + `(undefined|null|\(null\)|<null>|nil|<nil>|none|nan|true|false|-1|anonymous|guest|\{\}|\[\]|""|''|\[object .*\]|\{\{.*\}\}|\$\{.*\}|#\{.*\}|<%.*%>|[0-]*)` + blanks + `$`)

// lower is c in lower case, if it is one of A to Z, and of no other alphabet.
func lower(c rune) rune {
	if c >= 'A' && c <= 'Z' {
		return c - 'A' + 'a'
	}
	return c
}

func key(secret string) ([]byte, error) {
	if secret == "" {
		return nil, errors.New("the identity secret is not set")
	}
	if secret != strings.TrimSpace(secret) {
		return nil, errors.New("the identity secret begins or ends with a blank")
	}
	return []byte(secret), nil
}

func checked(id string) error {
	if !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
		return errors.New("the id is not in UTF-8, or has U+0000")
	}
	if len(id) > 1024 {
		return errors.New("an id has at most 1024 bytes")
	}
	if nobody.MatchString(strings.Map(lower, id)) {
		return errors.New("the id names nobody: it is blank, zero, undefined, null, a template that was not rendered or the like")
	}
	return nil
}

func mac(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// UserHash returns the user_hash of an id: 64 hex digits.
func UserHash(secret, id string) (string, error) {
	key, err := key(secret)
	if err == nil {
		err = checked(id)
	}
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(mac(key, id)), nil
}

// SignToken returns a token that says who the visitor is, for as long as lifetime
// says: a second to 24 hours.  The claims name who by sub, external_id, user_id,
// userId or id, or else by email, and may have a name and what else the profile holds.
func SignToken(secret string, claims map[string]any, lifetime time.Duration) (string, error) {
	key, err := key(secret)
	if err != nil {
		return "", err
	}
	all := map[string]any{}
	for name, value := range claims {
		all[name] = value
	}
	who := ""
	for _, name := range []string{"external_id", "user_id", "userId", "sub", "id"} {
		switch claims[name].(type) {
		case nil:
			continue
		case string, int, int32, int64, uint, uint32, uint64:
		default:
			return "", errors.New("an id to sign is text or an integer")
		}
		id := fmt.Sprint(claims[name])
		if id == "" {
			continue
		}
		if err := checked(id); err != nil {
			return "", err
		}
		if who != "" && who != id {
			return "", errors.New("the claims name two ids")
		}
		who = id
	}
	if who == "" {
		email, _ := claims["email"].(string)
		verified, said := claims["email_verified"]
		if email == "" || said && verified != true && verified != "true" {
			return "", errors.New("the claims name nobody")
		}
		if err := checked(email); err != nil {
			return "", err
		}
	}
	for _, name := range []string{"iat", "exp"} {
		if _, said := claims[name]; said {
			return "", errors.New("iat and exp are set here")
		}
	}
	if lifetime < time.Second || lifetime > 24*time.Hour {
		return "", errors.New("the lifetime is a second to 24 hours")
	}

	now := time.Now().Unix()
	all["iat"], all["exp"] = now, now+int64(lifetime/time.Second)
	payload, err := json.Marshal(all)
	if err != nil {
		return "", err
	}
	encoded := base64.RawURLEncoding.EncodeToString
	signed := encoded([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encoded(payload)
	token := signed + "." + encoded(mac(key, signed))
	if len(token) > 8192 {
		return "", errors.New("a token has at most 8192 bytes")
	}
	return token, nil
}

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

var nobody = regexp.MustCompile(`(?i)^(undefined|null|<nil>|nil|none|nan|true|false|anonymous|guest|\[object .*\]|[0-]*)$`)

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
	if nobody.MatchString(strings.TrimSpace(id)) || !utf8.ValidString(id) {
		return errors.New("there is no id to sign")
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
// userId or id, and may have an email, a name and what else the profile holds.
func SignToken(secret string, claims map[string]any, lifetime time.Duration) (string, error) {
	key, err := key(secret)
	if err != nil {
		return "", err
	}
	all := map[string]any{}
	for name, value := range claims {
		all[name] = value
	}
	somebody := false
	for _, name := range []string{"external_id", "user_id", "userId", "sub", "id"} {
		id := claims[name]
		switch id.(type) {
		case nil:
			continue
		case string, int, int32, int64, uint, uint32, uint64:
		default:
			return "", errors.New("an id to sign is text or an integer")
		}
		if id == "" {
			continue
		}
		if err := checked(fmt.Sprint(id)); err != nil {
			return "", err
		}
		somebody = true
	}
	if !somebody {
		return "", errors.New("the claims name nobody")
	}
	if all["iat"] != nil || all["exp"] != nil {
		return "", errors.New("iat and exp are set here")
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
	return signed + "." + encoded(mac(key, signed)), nil
}

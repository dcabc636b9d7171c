package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"sign/idverify"
)

func decoded(value string) string {
	if value == "broken" {
		return "\xff"
	}
	text, _ := base64.StdEncoding.DecodeString(value)
	return string(text)
}

func made(secret string, words []string) (string, error) {
	value := ""
	if len(words) > 2 {
		value = words[2]
	}
	if words[0] == "claims" {
		claims := map[string]any{}
		for _, claim := range words[1:] {
			named := strings.SplitN(claim, "=", 2)
			claims[named[0]] = decoded(named[1])
		}
		return idverify.SignToken(secret, claims, 5*time.Minute)
	}
	text := decoded(value)
	if words[0] == "token" {
		seconds, _ := strconv.Atoi(words[1])
		claims := map[string]any{"sub": text, "name": "\"\\é😀", "custom_data": map[string]any{"plans": []any{"pro", 7, true}}}
		return idverify.SignToken(secret, claims, time.Duration(seconds)*time.Second)
	}
	if words[1] == "text" {
		return idverify.UserHash(secret, text)
	}
	// a number as text, since Go would not take it otherwise; and no value is ""
	return idverify.UserHash(secret, value)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		result, err := made(os.Getenv("IDENTITY_SECRET"), strings.Split(lines.Text(), " "))
		if err != nil {
			result = "refused"
		}
		fmt.Println(result)
	}
}

package config

import (
	"net/url"
	"strings"
)

// mask stands for a secret in what is printed, the same number of stars whatever its length.
const mask = "********"

// MaskURL returns a broker or backend URL with its password, and secrets in its query, as stars. It takes
// lists of URLs with ; between them, as Celery's failover and Sentinel do.
func MaskURL(s string) string {
	parts := strings.Split(s, ";")
	for i, p := range parts {
		parts[i] = maskOne(p)
	}
	return strings.Join(parts, ";")
}

// maskOne works on the text rather than on a parsed URL, since a password with a character that should
// have been escaped must not be printed either.
func maskOne(s string) string {
	scheme, rest := "", s
	if i := strings.Index(s, "://"); i >= 0 {
		scheme, rest = s[:i+3], s[i+3:]
	}
	// The password ends at the last @ of the authority; one with a slash in it reaches past the first slash.
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, _, hasPassword := strings.Cut(rest[:at], ":")
		if hasPassword {
			rest = user + ":" + mask + rest[at:]
		}
	}
	head, query, hasQuery := strings.Cut(rest, "?")
	if !hasQuery {
		return scheme + rest
	}
	pairs := strings.Split(query, "&")
	for i, p := range pairs {
		if k, _, ok := strings.Cut(p, "="); ok && secretName(k) {
			pairs[i] = k + "=" + mask
		}
	}
	return scheme + head + "?" + strings.Join(pairs, "&")
}

// secretName tells whether a variable, key or query field with this name holds a secret.
func secretName(name string) bool {
	if u, err := url.QueryUnescape(name); err == nil {
		name = u
	}
	name = strings.ToLower(name)
	for _, word := range []string{"password", "passwd", "pass", "secret", "token", "credential", "session", "key_id", "access_key"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

package kombu

import (
	"fmt"
	"net"
	"net/url"
	"reflect"
	"strconv"
	"strings"
)

// target is a parsed broker URL.
type target struct {
	scheme   string // redis, rediss, redis+socket or sentinel
	hosts    []host // in the order in which they are tried; for sentinel the sentinels
	path     string // of the socket
	db       int
	tls      *TLSOptions
	user     string
	password string
	options  TransportOptions // those among the parameters
}

type host struct {
	name string
	port int
}

func (h host) addr() string { return net.JoinHostPort(h.name, strconv.Itoa(h.port)) }

func parseTarget(raw string) (*target, error) {
	var t *target
	for _, one := range strings.Split(raw, ";") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		u, err := parseURL(one)
		if err != nil {
			return nil, err
		}
		if t == nil {
			t = u
			continue
		}
		if u.scheme != t.scheme || u.scheme == "redis+socket" {
			return nil, fmt.Errorf("%w: the brokers of one URL must all be %s://, found %s://", ErrConfig, t.scheme, u.scheme)
		}
		t.hosts = append(t.hosts, u.hosts...)
		t.options = t.options.or(u.options)
	}
	if t == nil {
		return nil, fmt.Errorf("%w: empty broker URL", ErrConfig)
	}
	return t, nil
}

// parseURL splits a URL as Kombu does, which is more lenient than net/url about the password. Errors never
// quote the URL, for the password is in it.
func parseURL(raw string) (*target, error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return nil, fmt.Errorf("%w: a broker URL starts with redis://, rediss://, redis+socket:// or sentinel://", ErrConfig)
	}
	t := &target{scheme: strings.ToLower(scheme)}
	port := 6379
	switch t.scheme {
	case "redis", "rediss":
	case "sentinel":
		port = 26379
	case "redis+socket", "socket", "unix", "redis+unix":
		t.scheme = "redis+socket"
	default:
		return nil, fmt.Errorf("%w: no transport for %s://: use redis, rediss, redis+socket or sentinel", ErrConfig, t.scheme)
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	netloc, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(netloc, '@'); at >= 0 {
		user, password, _ := strings.Cut(netloc[:at], ":")
		netloc = netloc[at+1:]
		t.user, t.password = unquote(user), unquote(password)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("%w: malformed parameters in the broker URL", ErrConfig)
	}
	path = unquote(path)
	if t.scheme == "redis+socket" {
		t.path = "/" + path
		path = values.Get("virtual_host")
	} else {
		h := host{name: "127.0.0.1", port: port}
		if err := h.parse(netloc); err != nil {
			return nil, err
		}
		t.hosts = []host{h}
		if v := values.Get("virtual_host"); path == "" && v != "" {
			path = v
		}
	}
	if path = strings.TrimPrefix(path, "/"); path != "" {
		t.db, err = strconv.Atoi(path)
		if err != nil || t.db < 0 {
			return nil, fmt.Errorf("%w: the broker URL's path is the database, an integer from 0, not %q", ErrConfig, path)
		}
	}
	if values.Has("credential_provider") {
		return nil, fmt.Errorf("%w: credential_provider names a Python class: set Options.Credentials", ErrConfig)
	}
	if t.options, err = urlOptions(values); err != nil {
		return nil, err
	}
	return t, t.setTLS(values)
}

// urlOptions reads transport options that are given as parameters of the URL, as in
// sentinel://h1:26379;sentinel://h2:26379/0?master_name=mymaster. Kombu has them only in broker_transport_options; here a
// program that is given nothing but a URL can have them too. Parameters of other names are left alone, as the result backend's are.
func urlOptions(values url.Values) (o TransportOptions, err error) {
	all := map[string]any{}
	for name := range values {
		text := values.Get(name)
		forms := []any{text}
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			forms = []any{f, text}
		} else if text == "true" || text == "false" {
			forms = []any{text == "true", text}
		}
		for _, form := range forms {
			_, unknown, e := ParseTransportOptions(map[string]any{name: form})
			if len(unknown) > 0 {
				err = nil
				break
			}
			if err = e; err == nil {
				all[name] = form
				break
			}
		}
		if err != nil {
			return o, fmt.Errorf("broker URL: %w", err)
		}
	}
	o, _, err = ParseTransportOptions(all)
	return o, err
}

// or returns options with what is unset taken from others.
func (o TransportOptions) or(others TransportOptions) TransportOptions {
	to, from := reflect.ValueOf(&o).Elem(), reflect.ValueOf(others)
	for i := range to.NumField() {
		if to.Field(i).IsZero() {
			to.Field(i).Set(from.Field(i))
		}
	}
	return o
}

func (h *host) parse(netloc string) error {
	if netloc == "" {
		return nil
	}
	name, port := netloc, ""
	switch colon := strings.LastIndexByte(netloc, ':'); {
	case strings.HasPrefix(netloc, "["):
		end := strings.IndexByte(netloc, ']')
		if end < 0 {
			return fmt.Errorf("%w: the broker URL's IPv6 address lacks its ]", ErrConfig)
		}
		name, port = netloc[1:end], strings.TrimPrefix(netloc[end+1:], ":")
	case colon >= 0:
		name, port = netloc[:colon], netloc[colon+1:]
	}
	if name != "" {
		h.name = unquote(name)
	}
	if port != "" {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("%w: the broker URL's port must be 1 to 65535 (is a / or @ of the password percent-encoded?)", ErrConfig)
		}
		h.port = n
	}
	return nil
}

// unquote undoes percent-encoding; malformed escapes stay as they are, as in Python.
func unquote(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(n))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}

// String is the URL with the password masked.
func (t *target) String() string {
	if t == nil {
		return ""
	}
	var b strings.Builder
	for i, h := range t.hosts {
		if i > 0 {
			b.WriteByte(';')
		}
		fmt.Fprintf(&b, "%s://%s%s/%d", t.scheme, t.userinfo(), h.addr(), t.db)
	}
	if t.path != "" {
		fmt.Fprintf(&b, "%s://%s%s", t.scheme, t.userinfo(), t.path)
		if t.db != 0 {
			fmt.Fprintf(&b, "?virtual_host=%d", t.db)
		}
	}
	return b.String()
}

func (t *target) userinfo() string {
	switch {
	case t.password != "":
		return url.PathEscape(t.user) + ":**@"
	case t.user != "":
		return url.PathEscape(t.user) + "@"
	}
	return ""
}

func (t *target) info() Info {
	i := Info{Transport: t.scheme, UserID: t.user, VirtualHost: strconv.Itoa(t.db), TLS: t.tls != nil, Hostname: t.path}
	for n, h := range t.hosts {
		if n == 0 {
			i.Hostname, i.Port = h.name, h.port
		} else {
			i.Alternates = append(i.Alternates, t.scheme+"://"+h.addr())
		}
	}
	return i
}

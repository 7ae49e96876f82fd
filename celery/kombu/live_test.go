package kombu

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"healpipe/internal/testenv"
)

// exchange sends messages between us and Kombu both ways, over lists, a topic exchange and a fanout exchange, and
// sees that nothing is left unacknowledged. url and options are Kombu's.
func exchange(t *testing.T, c *Connection, url, options string) {
	t.Helper()
	peer := startKombu(t, url, options)
	peer.do(`[consume(0, q('topy'), q('topy2', 'topics', 'topic', 'a.#'), q('fanpy', 'fan', 'fanout', 'x.*')), poll()][1]`)
	k := consume(t, c, ConsumerOptions{Queues: []Queue{{Name: "togo"}, {Name: "togo2", Exchange: Exchange{"gotopics", Topic}, RoutingKey: "*.b"}}})
	s, err := c.Subscribe(t.Context(), SubscribeOptions{Bindings: []FanoutBinding{{Exchange: "gofan", RoutingKey: "#"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	for _, p := range []Publication{
		{RoutingKey: "topy"}, {RoutingKey: "topy"}, {Exchange: Exchange{"topics", Topic}, RoutingKey: "a.b"}, {Exchange: Exchange{"fan", Fanout}, RoutingKey: "x.y"},
	} {
		m := &Message{}
		if err := m.Encode(map[string]any{"to": p.RoutingKey}, "json", ""); err != nil {
			t.Fatal(err)
		}
		p.Message = m
		if p.Exchange.Type == Fanout {
			testenv.WaitFor(t, 20*time.Second, "Kombu to be subscribed", func() bool {
				n, err := c.PublishCount(t.Context(), p.Exchange, p.RoutingKey, m)
				return err != nil || n > 0
			})
		} else if err := c.PublishBatch(t.Context(), []Publication{p}); err != nil {
			t.Fatal(err)
		}
		var got [][]any
		if err := json.Unmarshal([]byte(peer.do(`drain(1)`)), &got); err != nil {
			t.Fatal(err)
		}
		want := []any{map[string]any{"to": p.RoutingKey}, p.Exchange.Name, p.RoutingKey}
		if len(got) != 1 || !cmp.Equal(want, got[0][:3]) {
			t.Errorf("Kombu got %v, want %v", got, want)
		}
		peer.do(`[m.ack() for m in held.values()] and held.clear()`)
	}

	peer.do(`[q('togo2', 'gotopics', 'topic', '*.b')(chan).declare(), Exchange('gofan', type='fanout')(chan).declare()] and 0`)
	for _, p := range []struct{ exchange, key string }{{"", "togo"}, {"gotopics", "a.b"}, {"gofan", "u.v"}} {
		peer.do(fmt.Sprintf(`publish([1, %q], %q, %q)`, p.key, p.exchange, p.key))
		want := []any{int64(1), p.key}
		if p.exchange == "gofan" {
			e := <-s.Events()
			if got := decoded(t, e.Message); !cmp.Equal(want, got) {
				t.Errorf("event %v, want %v", got, want)
			}
			continue
		}
		d := receive(t, k)
		if got := decoded(t, d.Message); !cmp.Equal(any(want), got) {
			t.Errorf("got %v, want %v", got, want)
		}
		if err := d.AckWait(background(t)); err != nil {
			t.Error(err)
		}
	}
	for _, key := range []string{c.keys.unacked, c.keys.index} {
		if n, err := c.do(t.Context(), true, "EXISTS", key); err != nil || n != int64(0) {
			t.Errorf("%s is left: %v %v", key, n, err)
		}
	}
	if err := k.Close(background(t)); err != nil {
		t.Error(err)
	}
}

// Kombu and we over TLS; the server wants a client's certificate.
func TestTLS(t *testing.T) {
	t.Parallel()
	pem := testenv.NewCertificates(t)
	strict := testenv.StartRedisTLS(t, pem.CA, pem.Server, pem.ServerKey)
	lax := testenv.StartRedisTLS(t, pem.CA, pem.Server, pem.ServerKey, "--tls-auth-clients", "no")
	stranger := testenv.StartRedisTLS(t, pem.CA, pem.Stranger, pem.StrangerKey, "--tls-auth-clients", "no")
	ca, client := "ssl_ca_certs="+pem.CA, "&ssl_certfile="+pem.Client+"&ssl_keyfile="+pem.ClientKey

	full := strict.URL(2) + "?ssl_cert_reqs=required&" + ca + client
	t.Run("exchange", func(t *testing.T) {
		t.Parallel()
		exchange(t, connect(t, full), full, "{}")
	})

	t.Run("plain server", func(t *testing.T) {
		t.Parallel()
		_, err := Dial(t.Context(), "rediss://"+testenv.StartRedis(t).Addr+"/0?ssl_cert_reqs=none", Options{ConnectTimeout: time.Second})
		if err == nil || !strings.Contains(err.Error(), "does the server speak TLS there?") {
			t.Error(err)
		}
	})

	type attempt struct {
		url  string
		want string // what our error says, "" if the connection is made
	}
	attempts := []attempt{
		{full, ""},
		{strings.Replace(full, "=required", "=CERT_REQUIRED", 1), ""},
		{strict.URL(0) + "?" + ca + "&ssl_certfile=" + pem.ClientPair, ""},
		{strict.URL(0) + "?ssl_cert_reqs=none" + client, ""},
		{strings.Replace(full, "rediss:", "redis:", 1), ""}, // the parameters alone are enough
		{lax.URL(0) + "?ssl_cert_reqs=none", ""},
		{lax.URL(0) + "?ssl_cert_reqs=CERT_NONE", ""},
		{lax.URL(0) + "?ssl_cert_reqs=optional&" + ca, ""},
		{lax.URL(0) + "?ssl_cert_reqs=CERT_OPTIONAL&" + ca, ""},
		{stranger.URL(0) + "?ssl_cert_reqs=required&ssl_check_hostname=false&" + ca, ""},
		{stranger.URL(0) + "?ssl_cert_reqs=required&ssl_check_hostname=true&" + ca, "ssl_check_hostname=false"},
		{stranger.URL(0) + "?ssl_cert_reqs=required&ssl_check_hostname=false&ssl_ca_certs=" + pem.OtherCA, "name the authority's file with ssl_ca_certs"},
		{lax.URL(0) + "?ssl_cert_reqs=required&ssl_ca_certs=" + pem.OtherCA, "name the authority's file with ssl_ca_certs"},
		{lax.URL(0) + "?ssl_cert_reqs=required", "name the authority's file with ssl_ca_certs"},
		{strict.URL(0) + "?ssl_cert_reqs=required&" + ca, "does the server want a client's certificate"},
		{"redis://" + strict.Addr + "/0", "does it want TLS"},
	}
	for _, a := range attempts {
		c, err := Dial(t.Context(), a.url, Options{ConnectTimeout: 20 * time.Second})
		switch {
		case err == nil:
			c.Close()
			if a.want != "" {
				t.Errorf("%s: connected, want an error with %q", a.url, a.want)
			}
		case a.want == "" || !strings.Contains(err.Error(), a.want) || strings.Contains(err.Error(), "\n"):
			t.Errorf("%s: %v, want %q", a.url, err, a.want)
		}
	}

	// Kombu makes the same connections.
	urls, _ := json.Marshal(mapped(attempts, func(a attempt) string { return a.url }))
	out := testenv.RunPython(t, `
import json, sys
from concurrent.futures import ThreadPoolExecutor
from kombu import Connection
from redis.backoff import ExponentialWithJitterBackoff
ExponentialWithJitterBackoff.compute = lambda *_: 0
def attempt(url):
    try:
        with Connection(url, transport_options={'socket_connect_timeout': 20, 'socket_timeout': 20}) as c: return c.channel().client.ping()
    except Exception: return False
with ThreadPoolExecutor(20) as pool: print(json.dumps(list(pool.map(attempt, json.loads(sys.argv[1])))))
`, string(urls))
	var made []bool
	if err := json.Unmarshal([]byte(out), &made); err != nil || len(made) != len(attempts) {
		t.Fatal(err, out)
	}
	for i, a := range attempts {
		if made[i] != (a.want == "") {
			t.Errorf("%s: Kombu connects: %v", a.url, made[i])
		}
	}
	// Without any parameter Kombu trusts anybody; we do not.
	if _, err := Dial(t.Context(), lax.URL(0), Options{}); !errors.As(err, new(x509.UnknownAuthorityError)) {
		t.Errorf("rediss:// without parameters: %v", err)
	}

	text, err := os.ReadFile(pem.CA)
	if err != nil {
		t.Fatal(err)
	}
	for _, dict := range []map[string]any{ // broker_use_ssl
		{"ssl_cert_reqs": int64(2), "ssl_ca_certs": pem.CA, "ssl_certfile": pem.Client, "ssl_keyfile": pem.ClientKey},
		{"ssl_cert_reqs": "required", "ssl_ca_data": string(text), "ssl_certfile": pem.ClientPair, "ssl_keyfile": nil},
		{"ssl_cert_reqs": nil, "ssl_certfile": pem.ClientPair},
		{"ssl_ca_path": filepath.Dir(pem.CA), "ssl_certfile": pem.ClientPair}, // OpenSSL wants hashes for names there
	} {
		o, err := ParseTLSOptions(dict)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Dial(t.Context(), "redis://"+strict.Addr+"/0", Options{TLS: o})
		if err != nil {
			t.Errorf("%v: %v", dict, err)
			continue
		}
		c.Close()
	}
	for _, bad := range []map[string]any{
		{"ssl_ca_certs": "/no/such/file"}, {"ssl_ca_certs": pem.ClientKey}, {"ssl_ca_path": "/no/such/folder"}, {"ssl_ca_path": t.TempDir()},
		{"ssl_ca_data": "x"}, {"ssl_certfile": pem.Client}, {"ssl_certfile": pem.Client, "ssl_keyfile": pem.ServerKey},
	} {
		o, err := ParseTLSOptions(bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Dial(t.Context(), lax.URL(0), Options{TLS: o}); !errors.Is(err, ErrConfig) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// Wrong or missing passwords, databases and users give one line that says what to do.
func TestRefusedLogins(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t, "--requirepass", "sesam", "--user", "bob", "on", "nopass", "~*", "&*", "+@all", "--user", "eve", "on", ">pw", "-@all")
	for url, want := range map[string]string{
		"redis://:sesam@":        "",
		"redis://default:sesam@": "",
		"redis://bob@":           "",
		"redis://bob:any@":       "",
		"redis://":               "NOAUTH Authentication required (the server wants a password: redis://:PASSWORD@HOST or redis://USER:PASSWORD@HOST)",
		"redis://:open@":         "WRONGPASS invalid username-password pair or user is disabled (check user and password in the URL; special characters are percent-encoded)",
		"redis://eve:pw@":        "docs/operations.md has the least one",
	} {
		c, err := Dial(t.Context(), url+server.Addr+"/0", Options{})
		switch {
		case err == nil && want != "":
			t.Errorf("%s: connected", url)
		case err != nil && (want == "" || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: %v", url, err)
		}
		if err == nil {
			c.Close()
		}
	}
	if _, err := Dial(t.Context(), "redis://:sesam@"+server.Addr+"/99", Options{}); err == nil || !strings.Contains(err.Error(), "DB index is out of range") {
		t.Error(err)
	}
}

// A socket in the file system, with a database.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "r") // its name must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	testenv.StartRedis(t, "--unixsocket", dir+"/s", "--requirepass", "p w")
	url := "redis+socket://:p%20w@" + dir + "/s?virtual_host=3"
	c := connect(t, url)
	if got := c.String(); got != "redis+socket://:**@"+dir+"/s?virtual_host=3" {
		t.Error(got)
	}
	exchange(t, c, url, "{}")
	if n, err := c.do(t.Context(), true, "EXISTS", "_kombu.binding.gotopics"); err != nil || n != int64(1) {
		t.Errorf("the bindings are not in database 3: %v %v", n, err)
	}
}

// mapped maps a list.
func mapped[A, B any](list []A, f func(A) B) []B {
	out := make([]B, len(list))
	for i, a := range list {
		out[i] = f(a)
	}
	return out
}

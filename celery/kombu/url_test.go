package kombu

import (
	"encoding/json"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"

	"healpipe/internal/testenv"
)

// urlScript prints what Kombu connects to for each URL of its first argument.
const urlScript = `
import json, sys
from kombu import Connection
from kombu.transport import redis as transport

def where(url):
    c = Connection(url)
    channel = transport.Channel.__new__(transport.Channel)
    channel.connection = c.transport
    p = channel._connparams()
    return {"host": p.get("host") or "", "port": p.get("port") or 0, "db": p["db"], "user": p.get("username") or "", "password": p.get("password") or "",
            "path": p.get("path", ""), "tls": bool(c.ssl)}

print(json.dumps([[where(one) for one in Connection(url).alt or [url]] for url in json.loads(sys.argv[1])]))`

// place is what a connection is made to.
type place struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	DB       int    `json:"db"`
	User     string `json:"user"`
	Password string `json:"password"`
	Path     string `json:"path"`
	TLS      bool   `json:"tls"`
}

// Every form of a URL leads to the server, database and login that it leads Kombu to.
func TestURLsAsKombu(t *testing.T) {
	t.Parallel()
	urls := []string{
		"redis://", "redis://localhost", "redis://localhost/", "redis://localhost//", "redis://h:7000", "redis://h:7000/5", "redis://h//5", "redis://127.0.0.1:6379/15",
		"redis://:secret@h/1", "redis://me:secret@h/1", "redis://me@h/1", "redis://me:@h", "redis://:@h", "redis://:p%40ss%2Fw%3Ard%25@h:1/2", "redis://us%40er:a%20b+c@h/2", "redis://me:pässwörd@h",
		"redis://me:a:b@h:1/3", "redis://[::1]:6380/1", "redis://[::1]", "redis://a.b-c.d_e:1/0",
		"rediss://h:6380/2?ssl_cert_reqs=none", "rediss://me:secret@h?ssl_cert_reqs=CERT_REQUIRED", "rediss://h?ssl_cert_reqs=optional&ssl_ca_certs=%2Fetc%2Fca.pem",
		"redis+socket:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=3", "redis+socket://:secret@/run/redis.sock", "redis+socket://me:secret@/run/re%20dis.sock?virtual_host=1",
		"redis://a:1/0;redis://b:2/0", "redis://a:1/2;redis://b/2;redis://c:3/2", "redis://:x@a/1;redis://:x@b/1",
	}
	raw, err := json.Marshal(urls)
	if err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command(testenv.Python(t), "-c", urlScript, string(raw)).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, err.(*exec.ExitError).Stderr)
	}
	var want [][]place
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	for i, raw := range urls {
		u, err := parseTarget(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		p := place{DB: u.db, User: u.user, Password: u.password, Path: u.path, TLS: u.tls != nil}
		got := []place{p}
		if len(u.hosts) > 0 {
			got = nil
			for _, h := range u.hosts {
				p.Host, p.Port = h.name, h.port
				got = append(got, p)
			}
		}
		if diff := cmp.Diff(want[i], got); diff != "" {
			t.Errorf("%s (-Kombu +ours):\n%s", raw, diff)
		}
	}
}

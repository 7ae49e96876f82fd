package kombu

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url, shown string
		user, pass string
		db         int
		hosts      []host
	}{
		{"redis://", "redis://127.0.0.1:6379/0", "", "", 0, []host{{"127.0.0.1", 6379}}},
		{"redis://localhost", "redis://localhost:6379/0", "", "", 0, []host{{"localhost", 6379}}},
		{"redis://h:7000/5", "redis://h:7000/5", "", "", 5, []host{{"h", 7000}}},
		{"redis://:s%40cr%2Fet@h//3", "redis://:**@h:6379/3", "", "s@cr/et", 3, []host{{"h", 6379}}},
		{"redis://me:a:b@c@h:1/?virtual_host=2", "redis://me:**@h:1/2", "me", "a:b@c", 2, []host{{"h", 1}}},
		{"redis://[::1]:6380/1", "redis://[::1]:6380/1", "", "", 1, []host{{"::1", 6380}}},
		{"sentinel://:pw@a;sentinel://b:1/2", "sentinel://:**@a:26379/0;sentinel://:**@b:1/0", "", "pw", 0, []host{{"a", 26379}, {"b", 1}}},
		{"redis+socket:///run/r.sock?virtual_host=4", "redis+socket:///run/r.sock?virtual_host=4", "", "", 4, nil},
		{"redis://a:1/0;redis://b:2/0", "redis://a:1/0;redis://b:2/0", "", "", 0, []host{{"a", 1}, {"b", 2}}},
	} {
		got, err := parseTarget(c.url)
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		if got.String() != c.shown || got.user != c.user || got.password != c.pass || got.db != c.db {
			t.Errorf("%s is %+v, shown as %s", c.url, got, got)
		}
		if diff := cmp.Diff(c.hosts, got.hosts, cmp.AllowUnexported(host{})); diff != "" {
			t.Errorf("%s: %s", c.url, diff)
		}
	}
	for _, bad := range []string{
		"", "h:1", "amqp://h", "redis://:secret@h:port/0", "redis://:secret@h/db", "redis://:secret@h/-1", "redis://:secret@[::1/0",
		"rediss://:secret@h/0?ssl_cert_reqs=perhaps", "redis://:secret@h/0?a=%zz;", "redis://:secret@h;rediss://h", "redis://:se/cret@h:1/0",
	} {
		if _, err := parseTarget(bad); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", bad, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the password shows: %v", err)
		}
	}
}

func TestTLSOptions(t *testing.T) {
	t.Parallel()
	u, err := parseTarget("rediss://h/0")
	if err != nil || u.tls == nil || u.tls.InsecureSkipVerify {
		t.Errorf("rediss without options must verify: %+v %v", u.tls, err)
	}
	u, err = parseTarget("rediss://h/0?ssl_cert_reqs=CERT_NONE&ssl_ca_certs=%2Fca&ssl_certfile=c&ssl_keyfile=k&ssl_check_hostname=False")
	want := &TLSOptions{CAFile: "/ca", CertFile: "c", KeyFile: "k", InsecureSkipVerify: true, SkipHostname: true}
	if diff := cmp.Diff(want, u.tls); err != nil || diff != "" {
		t.Error(diff, err)
	}
	if _, err := ParseTLSOptions(map[string]any{"ssl_ciphers": "x"}); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
}

func TestTransportOptions(t *testing.T) {
	t.Parallel()
	got, unknown, err := ParseTransportOptions(map[string]any{
		"visibility_timeout": int64(43200), "sep": ":", "priority_steps": []any{int64(0), int64(5)}, "global_keyprefix": "p:", "fanout_prefix": false,
		"fanout_patterns": false, "socket_timeout": 2.5, "queue_order_strategy": "sorted", "unacked_restore_limit": nil, "max_retries": int64(3),
	})
	want := TransportOptions{
		VisibilityTimeout: 12 * time.Hour, Sep: ":", PrioritySteps: []int{0, 5}, GlobalKeyPrefix: "p:", NoFanoutPrefix: true, NoFanoutPatterns: true,
		SocketTimeout: 2500 * time.Millisecond, QueueOrderStrategy: "sorted",
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(diff, err)
	}
	if diff := cmp.Diff([]string{"max_retries"}, unknown); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []map[string]any{
		{"visibility_timeout": "1h"}, {"visibility_timeout": -1.0}, {"priority_steps": []any{"x"}}, {"priority_steps": []any{int64(3), int64(0)}},
		{"queue_order_strategy": "random"}, {"sep": int64(1)}, {"fanout_patterns": "yes"}, {"body_encoding": "rot13"},
	} {
		if _, _, err := ParseTransportOptions(bad); !errors.Is(err, ErrConfig) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	o, err := TransportOptions{GlobalKeyPrefix: "p_"}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	k := newKeys(&o, 3, false)
	for p, want := range map[int]string{0: "p_q", 2: "p_q", 3: "p_q\x06\x163", 8: "p_q\x06\x166", 9: "p_q\x06\x169", 99: "p_q\x06\x169", -4: "p_q"} {
		if got := k.list("q", p); got != want || k.queue(got) != "q" {
			t.Errorf("priority %d is in %q, of queue %q", p, got, k.queue(got))
		}
	}
	if got := k.channels("celeryev", "task.multi"); !cmp.Equal(got, []string{"p_/3.celeryev/task.multi"}) {
		t.Error(got)
	}
	if ex, rk := k.route("p_/3.celeryev/worker.heart/beat"); ex != "celeryev" || rk != "worker.heart/beat" {
		t.Error(ex, rk)
	}
	for key, want := range map[string]string{"a.b": `^a\.b$`, "*.x-y": `^[^\.]+\.x\-y$`, "a.#": `^a\..*?$`} {
		if got := topicPattern(key); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
}

func TestURLOptions(t *testing.T) {
	t.Parallel()
	got, err := parseTarget("sentinel://a;sentinel://b/1?master_name=m&visibility_timeout=90.5&fanout_prefix=false&global_keyprefix=7&db=3&ssl_cert_reqs=none&socket_keepalive=true")
	want := TransportOptions{MasterName: "m", VisibilityTimeout: 90500 * time.Millisecond, NoFanoutPrefix: true, GlobalKeyPrefix: "7"}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.options); diff != "" {
		t.Error(diff)
	}
	merged := TransportOptions{MasterName: "mine", RestoreLimit: 3}.or(got.options)
	want.MasterName, want.RestoreLimit = "mine", 3
	if diff := cmp.Diff(want, merged); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"visibility_timeout=1h", "queue_order_strategy=random", "fanout_patterns=1"} {
		if _, err := parseTarget("redis://:secret@h/0?" + bad); !errors.Is(err, ErrConfig) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

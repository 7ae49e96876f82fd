package kombu

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"healpipe/internal/testenv"
)

// parseOptions reads transport options as both sides get them.
func parseOptions(t *testing.T, text string) TransportOptions {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	o, unknown, err := ParseTransportOptions(m)
	if err != nil || len(unknown) > 0 {
		t.Fatal(err, unknown)
	}
	return o
}

// Every transport option that changes names or connections, on both sides.
func TestOptionsWithKombu(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		"names": `{"global_keyprefix": "p:", "fanout_prefix": "/f{db}.", "fanout_patterns": false, "sep": "|", "priority_steps": [0, 2, 5],
			"unacked_key": "ua", "unacked_index_key": "uai", "unacked_mutex_key": "uam", "queue_order_strategy": "sorted", "body_encoding": null}`,
		"connections": `{"fanout_prefix": false, "socket_timeout": 7, "socket_connect_timeout": 3, "socket_keepalive": true, "health_check_interval": 1,
			"client_name": "someone", "max_connections": 3, "retry_on_timeout": true, "queue_order_strategy": "priority", "unacked_restore_limit": 10,
			"visibility_timeout": 60, "unacked_mutex_expire": 20, "polling_interval": 2, "ack_emulation": true}`,
		"defaults": `{"fanout_prefix": true, "fanout_patterns": true, "queue_order_strategy": "round_robin", "socket_keepalive": false}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testenv.StartRedis(t)
			o := parseOptions(t, options)
			c := connect(t, server.URL(1), func(p *TransportOptions) { *p = o })
			exchange(t, c, server.URL(1), options)
			keepalive := -1
			conn, err := c.dial.open(background(t))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.(*socketConn).socket.Control(func(fd uintptr) {
				keepalive, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE)
			}); err != nil || (keepalive != 0) != !o.NoSocketKeepalive {
				t.Errorf("SO_KEEPALIVE is %d: %v", keepalive, err)
			}
			if name == "connections" {
				if got, err := redis.String(conn.Do("CLIENT", "GETNAME")); err != nil || got != "someone" {
					t.Errorf("client_name: %q %v", got, err)
				}
			}
			r := raw(t, server.URL(1))
			keys, err := redis.Strings(r.Do("KEYS", "*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range keys {
				if !strings.HasPrefix(k, o.GlobalKeyPrefix) {
					t.Errorf("%s lacks the prefix", k)
				}
			}
		})
	}
}

// Each priority goes to the same list as Kombu's, and the lists of several queues are emptied in Kombu's order.
func TestOrderAsKombu(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	r := raw(t, server.URL(0))
	peer := startKombu(t, server.URL(0), "{}")
	for i, options := range []string{
		`{"queue_order_strategy": "round_robin", "global_keyprefix": "%s"}`,
		`{"queue_order_strategy": "sorted", "global_keyprefix": "%s"}`,
		`{"queue_order_strategy": "priority", "priority_steps": [0, 1, 4, 8], "sep": ":", "global_keyprefix": "%s"}`,
		`{"priority_steps": [3, 6], "global_keyprefix": "%s"}`,
		`{"priority_steps": [0], "global_keyprefix": "%s"}`,
	} {
		theirs, ours := fmt.Sprintf(options, fmt.Sprintf("k%d_", i)), fmt.Sprintf(options, fmt.Sprintf("g%d_", i))
		peer.do("reopen(" + theirs + ")")
		c := connect(t, server.URL(0), func(p *TransportOptions) { *p = parseOptions(t, ours) })
		n := 0
		var calls []string
		for _, q := range []string{"b", "a", "c"} {
			for _, p := range []int{9, 0, 4, 12, 3, 1, 6, 0, 2, 8, -1, 5, 7} {
				body := fmt.Sprintf("%s %d %d", q, p, n)
				calls = append(calls, fmt.Sprintf("publish([%q], key=%q, priority=%d)", body, q, p))
				send(t, c, q, []any{body}, func(m *Message) { m.Properties.Priority = p })
				n++
			}
		}
		peer.do("[" + strings.Join(calls, ", ") + "] and 0")
		lists := func(prefix string) map[string]int {
			names, err := redis.Strings(r.Do("KEYS", prefix+"*"))
			if err != nil {
				t.Fatal(err)
			}
			out := map[string]int{}
			for _, name := range names {
				out[strings.TrimPrefix(name, prefix)] = integer(t, r, "LLEN", name)
			}
			return out
		}
		if diff := cmp.Diff(lists(fmt.Sprintf("k%d_", i)), lists(fmt.Sprintf("g%d_", i))); diff != "" {
			t.Errorf("%s: lists: %s", options, diff)
		}
		var want []any
		var got [][]any
		if err := json.Unmarshal([]byte(peer.do(fmt.Sprintf(`[consume(0, q('b'), q('a'), q('c')), drain(%d)][1]`, n))), &got); err != nil {
			t.Fatal(err)
		}
		for _, m := range got {
			want = append(want, m[0])
		}
		k := consume(t, c, ConsumerOptions{Queues: []Queue{{Name: "b"}, {Name: "a"}, {Name: "c"}}})
		if diff := cmp.Diff(want, bodies(t, k, n)); diff != "" {
			t.Errorf("%s: %s", options, diff)
		}
	}
}

// Queues with x-expires: the same deadlines and times to live as Kombu's, and gone without a trace after them.
func TestExpiringQueues(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	r := raw(t, server.URL(0))
	peer := startKombu(t, server.URL(0), "{}")
	c := connect(t, server.URL(0))
	peer.do(`[Queue('py', Exchange('xpy'), routing_key='k', expires=30)(chan).declare(), publish(1, 'xpy', 'k'), publish(2, 'xpy', 'k', priority=9)] and 0`)
	if err := c.Declare(t.Context(), Queue{Name: "go", Exchange: Exchange{Name: "xgo"}, RoutingKey: "k", Expires: 30 * time.Second}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []int{0, 9} {
		m := &Message{Properties: Properties{Priority: p}}
		if err := m.Encode(p, "json", ""); err != nil {
			t.Fatal(err)
		}
		if err := c.Publish(t.Context(), Exchange{Name: "xgo"}, "k", m); err != nil {
			t.Fatal(err)
		}
	}
	for _, suffix := range []string{"", "\x06\x169"} {
		theirs, ours := integer(t, r, "PTTL", "py"+suffix), integer(t, r, "PTTL", "go"+suffix)
		if theirs <= 0 || ours <= 0 || ours > 30000 || theirs > 30000 {
			t.Errorf("time to live of list %q: Kombu's %d ms, ours %d ms", suffix, theirs, ours)
		}
	}
	score := func(exchange string) float64 {
		s, err := redis.Float64(r.Do("ZSCORE", "_kombu.binding_deadlines", exchange))
		if err != nil {
			t.Fatal(exchange, err)
		}
		return s
	}
	// Tables live for an hour at least; ours was made later, by far less than a minute.
	if d := score("xgo") - score("xpy"); d < 0 || d > 60e3 {
		t.Errorf("deadlines of the binding tables differ by %v ms", d)
	}
	for _, ex := range []string{"xpy", "xgo"} {
		if integer(t, r, "EXISTS", "_kombu.binding_permanent."+ex) != 0 || integer(t, r, "SCARD", "_kombu.binding."+ex) != 1 {
			t.Errorf("bindings of %s", ex)
		}
	}
	// A reply queue whose reader is gone.
	m := &Message{}
	if err := m.Encode("reply", "json", ""); err != nil {
		t.Fatal(err)
	}
	if err := c.PublishBatch(t.Context(), []Publication{{RoutingKey: "reply", Message: m, QueueTTL: time.Millisecond}}); err != nil {
		t.Fatal(err)
	}
	testenv.WaitFor(t, 10*time.Second, "the reply queue to vanish", func() bool { return integer(t, r, "EXISTS", "reply") == 0 })
}

package kombu

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"healpipe/internal/testenv"
)

// python is a Python process that carries out one line of input after the other and answers each with a line.
type python struct {
	t   testing.TB
	in  io.WriteCloser
	out *bufio.Scanner
}

func startPython(t testing.TB, script string, args ...string) *python {
	t.Helper()
	cmd := exec.Command(testenv.Python(t), append([]string{"-u", "-c", script}, args...)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = logWriter{t}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	return &python{t, in, bufio.NewScanner(out)}
}

// do sends a command and returns the answer.
func (p *python) do(command string) string {
	p.t.Helper()
	fmt.Fprintln(p.in, command)
	if !p.out.Scan() {
		p.t.Fatalf("python ended at %q: %v", command, p.out.Err())
	}
	return p.out.Text()
}

// kombuPeer offers Kombu's producer and consumer, step by step.
const kombuPeer = `
import json, sys, socket, queue
import kombu
from kombu import Connection, Exchange, Queue, Producer, Consumer
options = json.loads(sys.argv[2])
conn = Connection(sys.argv[1], transport_options=options)
chan = conn.channel()
held, got, consumers = {}, [], {}
def on_message(body, message):
    held[json.dumps(body)] = message
    got.append([body, message.delivery_info.get('exchange'), message.delivery_info.get('routing_key'),
        bool(message.delivery_info.get('redelivered')), message.headers, message.properties.get('priority'), message.content_type])
def q(name, exchange=None, type='direct', key=None):
    return Queue(name, Exchange(exchange or name, type=type), routing_key=name if key is None else key)
def drain(n):
    want = len(got) + n
    while len(got) < want: conn.drain_events(timeout=10)
    r, got[:] = list(got), []
    return r
def reopen(options):
    global conn, chan
    conn = Connection(sys.argv[1], transport_options=options)
    chan = conn.channel()
def poll():  # Kombu subscribes to fanout exchanges when it polls
    try: conn.drain_events(timeout=0.05)
    except socket.timeout: pass
def consume(prefetch, *queues):
    c = Consumer(chan, list(queues), callbacks=[on_message], accept=['json', 'yaml', 'msgpack'], prefetch_count=prefetch); c.consume()
    consumers['c'] = c
def publish(body, exchange='', key='q', **kw):
    Producer(chan).publish(body, exchange=exchange, routing_key=key, **kw)
for line in sys.stdin:
    r = eval(line)
    print(json.dumps(r), flush=True)
`

func startKombu(t testing.TB, url string, options string) *python {
	t.Helper()
	return startPython(t, kombuPeer, url, options)
}

// snapshot describes all keys that Kombu's peers know. Delivery tags are replaced by the bodies, scores by their presence.
func snapshot(t testing.TB, c redis.Conn) map[string]any {
	t.Helper()
	out := map[string]any{}
	names, err := redis.Strings(c.Do("KEYS", "*"))
	if err != nil {
		t.Fatal(err)
	}
	tags := map[string]string{}
	describe := func(raw []byte) string {
		var env struct {
			Body, ContentType string
			Headers           map[string]any
			Properties        map[string]any
		}
		if err := json.Unmarshal(raw, &env); err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		m, err := ParseMessage(raw)
		if err != nil {
			t.Fatal(err)
		}
		tags[m.Properties.DeliveryTag] = string(m.Body)
		delete(env.Properties, "delivery_tag")
		text, _ := json.Marshal([]any{env.Body, m.ContentType, m.ContentEncoding, env.Headers, env.Properties})
		return string(text)
	}
	slices.Sort(names)
	for _, name := range names {
		if name == "unacked.leases" || strings.HasPrefix(name, "unacked.held.") {
			continue
		}
		kind, _ := redis.String(c.Do("TYPE", name))
		switch kind {
		case "list":
			items, _ := redis.ByteSlices(c.Do("LRANGE", name, 0, -1))
			list := []string{}
			for _, i := range items {
				list = append(list, describe(i))
			}
			out[name] = list
		case "set":
			members, _ := redis.Strings(c.Do("SMEMBERS", name))
			slices.Sort(members)
			out[name] = members
		case "hash":
			fields, _ := redis.StringMap(c.Do("HGETALL", name))
			list := []string{}
			for tag, v := range fields {
				raw, ex, rk, err := unackedEntry([]byte(v))
				if err != nil {
					t.Fatalf("%q: %v", v, err)
				}
				d := describe(raw)
				if m, _ := ParseMessage(raw); m.Properties.DeliveryTag != tag {
					t.Errorf("field %s of unacked holds the message %s", tag, m.Properties.DeliveryTag)
				}
				list = append(list, d+" "+ex+" "+rk)
			}
			slices.Sort(list)
			out[name] = list
		}
	}
	if members, _ := redis.StringMap(c.Do("ZRANGE", "unacked_index", 0, -1, "WITHSCORES")); len(members) > 0 {
		list := []string{}
		for tag, score := range members {
			var s float64
			fmt.Sscan(score, &s)
			if age := time.Since(time.UnixMilli(int64(s * 1000))); age.Abs() > time.Hour {
				t.Errorf("score %s", score)
			}
			list = append(list, tags[tag])
		}
		slices.Sort(list)
		out["unacked_index"] = list
	}
	return out
}

// TestKeysAfterEveryStep does the same with Kombu's consumer and with ours and compares the server's keys after each step.
func TestKeysAfterEveryStep(t *testing.T) {
	t.Parallel()
	theirs, ours := testenv.StartRedis(t), testenv.StartRedis(t)
	their, our := raw(t, theirs.URL(0)), raw(t, ours.URL(0))
	peer := startKombu(t, theirs.URL(0), "{}")
	producer := startKombu(t, ours.URL(0), "{}") // the same producer for both
	c := connect(t, ours.URL(0))
	var k *Consumer
	held := map[int]*Delivery{}
	queues := []Queue{{Name: "q"}, {Name: "t", Exchange: Exchange{"topics", Topic}, RoutingKey: "a.*.#"}}

	steps := []struct {
		name   string
		python string
		both   bool // done by Kombu's producer on our server too
		golang func()
	}{
		{"publish", `[publish(i, priority=p) for i, p in enumerate([0, 0, 5, 0, 9, 0])]`, true, nil},
		{"consume", `[consume(3, q('q'), q('t', 'topics', 'topic', 'a.*.#')), drain(3)][1]`, false, func() {
			k = consume(t, c, ConsumerOptions{Queues: queues, Prefetch: 3})
			for range 3 {
				d := receive(t, k)
				held[int(decoded(t, d.Message).(int64))] = d
			}
		}},
		{"no more than the prefetch", `0`, false, func() {}},
		{"ack, then the next", `[held['0'].ack(), drain(1)][1]`, false, func() {
			held[0].Ack()
			d := receive(t, k)
			held[int(decoded(t, d.Message).(int64))] = d
		}},
		{"reject", `[held['1'].reject(), drain(1)][1]`, false, func() {
			held[1].Reject(false)
			d := receive(t, k)
			held[int(decoded(t, d.Message).(int64))] = d
		}},
		{"stop, requeue", `[consumers['c'].cancel(), held['3'].requeue()] and 0`, false, func() {
			if err := k.Pause(background(t)); err != nil {
				t.Fatal(err)
			}
			held[3].Reject(true)
			if err := k.Flush(background(t)); err != nil {
				t.Fatal(err)
			}
		}},
		{"publish to topics", `[publish('x', 'topics', 'a.b.c', serializer='json'), publish('y', 'topics', 'b.b')] and 0`, false, func() {
			for _, p := range []struct{ body, key string }{{"x", "a.b.c"}, {"y", "b.b"}} {
				m := &Message{}
				if err := m.Encode(p.body, "json", ""); err != nil {
					t.Fatal(err)
				}
				err := c.Publish(t.Context(), Exchange{"topics", Topic}, p.key, m)
				if (err != nil) != (p.body == "y") {
					t.Fatal(err)
				}
			}
		}},
	}
	for _, s := range steps {
		t.Log(s.name)
		peer.do(s.python)
		if s.both {
			producer.do(s.python)
		} else {
			s.golang()
		}
		want := snapshot(t, their)
		var got map[string]any
		deadline := time.Now().Add(5 * time.Second)
		for {
			got = snapshot(t, our)
			if cmp.Equal(want, got) || time.Now().After(deadline) {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("after %q: %s", s.name, diff)
		}
	}
	// Closing: Kombu gives back in reversed order and so do the two keys differ; the set of messages must not.
	peer.do(`chan.close()`)
	if err := k.Close(background(t)); err != nil {
		t.Fatal(err)
	}
	want, got := snapshot(t, their), snapshot(t, our)
	if _, ok := got["unacked"]; ok {
		t.Error("unacked is left")
	}
	sorted := cmp.Transformer("sort", func(l []string) map[string]bool {
		m := map[string]bool{}
		for _, s := range l {
			m[s] = true
		}
		return m
	})
	if diff := cmp.Diff(want, got, sorted); diff != "" {
		t.Errorf("after closing: %s", diff)
	}
}

// TestMessagesToKombu lets Kombu consume what we publish.
func TestMessagesToKombu(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	c := connect(t, server.URL(3), func(o *TransportOptions) { o.GlobalKeyPrefix = "pre_" })
	peer := startKombu(t, server.URL(3), `{"global_keyprefix": "pre_"}`)
	peer.do(`consume(0, q('q'), q('d', 'exchange', 'direct', 'key'))`)
	for _, compression := range []string{"", "gzip", "bzip2", "lzma", "zstd", "brotli"} {
		for _, serializer := range []string{"json", "yaml", "msgpack"} {
			for _, encoding := range []string{"", "utf-8"} {
				if encoding != "" && (compression != "" || serializer == "msgpack") { // bytes need base64
					continue
				}
				m := &Message{Headers: map[string]any{"k": []any{int64(1), nil, "é"}}}
				m.Properties = Properties{CorrelationID: "id", ReplyTo: "r", Priority: 3, BodyEncoding: encoding, Extra: map[string]any{"origin": "x"}}
				body := map[string]any{"a": []any{1.5, "é", nil, true}, "s": serializer + compression + encoding}
				if err := m.Encode(body, serializer, compression); err != nil {
					t.Fatal(err)
				}
				if err := c.Publish(t.Context(), Exchange{Name: "exchange"}, "key", m); err != nil {
					t.Fatal(err)
				}
				want, _ := json.Marshal([]any{[]any{body, "exchange", "key", false, m.Headers, 3, m.ContentType}})
				var a, b any
				if err := json.Unmarshal(want, &a); err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal([]byte(peer.do("drain(1)")), &b); err != nil {
					t.Fatal(err)
				}
				if h, ok := b.([]any)[0].([]any)[4].(map[string]any); ok && compression == "" {
					delete(h, "compression")
				}
				if diff := cmp.Diff(a, b); diff != "" {
					t.Errorf("%s %s %s: %s", serializer, compression, encoding, diff)
				}
			}
		}
	}
}

// TestMessagesFromKombu reads every form that Kombu's producer has.
func TestMessagesFromKombu(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	c := connect(t, server.URL(0))
	k := consume(t, c, ConsumerOptions{Queues: []Queue{{Name: "q"}, {Name: "t", Exchange: Exchange{"x", Topic}, RoutingKey: "a.#"}}})
	accept := Accept{ContentJSON: true, ContentYAML: true, ContentMsgpack: true, ContentText: true}
	for _, options := range []string{`{}`, `{"body_encoding": null}`} {
		peer := startKombu(t, server.URL(0), options)
		for _, p := range []struct {
			call string
			want any
		}{
			{`publish({'a': [1, 2.5, None]})`, map[string]any{"a": []any{int64(1), 2.5, nil}}},
			{`publish([1], serializer='yaml')`, []any{int64(1)}},
			{`publish({'b': b'\xff\x00'}, serializer='json')`, map[string]any{"b": []byte{0xff, 0}}},
			{`publish(b'\xff\x00\n')`, []byte{0xff, 0, '\n'}},
			{`publish('text', content_type='text/plain', content_encoding='utf-8')`, "text"},
			{`publish([1], headers={'h': 1}, expiration=5, correlation_id='c', reply_to='r', delivery_mode=1, priority=7, custom='kept')`, []any{int64(1)}},
		} {
			peer.do(p.call)
			d := receive(t, k)
			got, err := d.Message.Decode(accept)
			if err != nil {
				t.Fatalf("%s: %v", p.call, err)
			}
			if diff := cmp.Diff(p.want, got); diff != "" {
				t.Errorf("%s: %s", p.call, diff)
			}
			// A message that is published again keeps everything.
			again, err := d.Message.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			var a, b any
			json.Unmarshal(d.Message.Raw(), &a)
			json.Unmarshal(again, &b)
			if env := a.(map[string]any); cmp.Equal(env["body"], map[string]any{"__type__": "bytes", "__value__": "text"}) {
				env["body"] = "text" // sent on as plain text, which Kombu takes as well
			}
			if diff := cmp.Diff(a, b); diff != "" {
				t.Errorf("%s: round trip: %s", p.call, diff)
			}
			d.Ack()
		}
		if options == "{}" {
			for _, comp := range []string{"zlib", "bzip2", "lzma", "zstd", "brotli"} {
				for _, serializer := range []string{"json", "yaml", "msgpack"} {
					peer.do(`publish(['x' * 1000], compression='` + comp + `', serializer='` + serializer + `')`)
					d := receive(t, k)
					if got, err := d.Message.Decode(accept); err != nil || !cmp.Equal(got, any([]any{strings.Repeat("x", 1000)})) {
						t.Fatalf("%s %s: %v %v", serializer, comp, got, err)
					}
					d.Ack()
				}
			}
			peer.do(`q('t', 'x', 'topic', 'a.#')(chan).declare()`)
			peer.do(`publish(5, 'x', 'a.b')`)
			if d := receive(t, k); d.Queue != "t" || d.Message.Properties.DeliveryInfo.Exchange != "x" {
				t.Fatalf("%+v", d)
			}
		}
	}
}

// TestMixedFleet: Kombu's consumer and ours on one queue get every message once, and take over each other's restored ones.
func TestMixedFleet(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	c := connect(t, server.URL(0))
	r := raw(t, server.URL(0))
	peer := startKombu(t, server.URL(0), "{}")
	for i := range 10 {
		send(t, c, "q", i)
	}
	peer.do(`[consume(4, q('q')), drain(4)][1]`)
	k := consume(t, c, ConsumerOptions{})
	if diff := cmp.Diff([]any{int64(4), int64(5), int64(6), int64(7), int64(8), int64(9)}, bodies(t, k, 6)); diff != "" {
		t.Fatal(diff)
	}
	// Kombu gives its four back, the last one in front; while we don't look, so we get them in this order.
	if err := k.Pause(background(t)); err != nil {
		t.Fatal(err)
	}
	peer.do(`chan.close()`)
	k.Resume()
	for i := 3; i >= 0; i-- {
		d := receive(t, k)
		if got := decoded(t, d.Message); got != int64(i) || !d.Message.Redelivered() {
			t.Fatalf("%v, want %d redelivered", got, i)
		}
	}
	// We give ours back in order, Kombu takes them.
	if err := k.Close(background(t)); err != nil {
		t.Fatal(err)
	}
	peer = startKombu(t, server.URL(0), "{}")
	var got [][]any
	if err := json.Unmarshal([]byte(peer.do(`[consume(0, q('q')), drain(10)][1]`)), &got); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{4, 5, 6, 7, 8, 9, 3, 2, 1, 0} {
		if got[i][0] != want || got[i][3] != true {
			t.Errorf("message %d: %v", i, got[i])
		}
	}
	peer.do(`[m.ack() for m in held.values()] and 0`)
	for _, key := range []string{"q", "unacked", "unacked_index"} {
		if integer(t, r, "EXISTS", key) != 0 {
			t.Errorf("%s is left", key)
		}
	}
}

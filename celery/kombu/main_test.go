package kombu

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/gomodule/redigo/redis"
	"go.uber.org/goleak"

	"healpipe/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// onServers runs a test on a real Redis and on miniredis, the embedded broker.
func onServers(t *testing.T, f func(t *testing.T, url string)) {
	t.Helper()
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		f(t, testenv.StartRedis(t).URL(0))
	})
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		f(t, "redis://"+miniredis.RunT(t).Addr()+"/0")
	})
}

// connect dials with options for tests: the log goes to the test.
func connect(t testing.TB, url string, edit ...func(*TransportOptions)) *Connection {
	t.Helper()
	o := Options{Logger: slog.New(slog.NewTextHandler(logWriter{t}, nil))}
	for _, f := range edit {
		f(&o.Transport)
	}
	var c *Connection
	var err error
	for range 10 { // a process that stands still for the 4 s of the timeout finds its time over when it goes on
		if c, err = Dial(t.Context(), url, o); !errors.Is(err, ErrConnection) {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

type logWriter struct{ t testing.TB }

func (w logWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}

// consume starts a consumer of one queue.
func consume(t testing.TB, c *Connection, o ConsumerOptions) *Consumer {
	t.Helper()
	if o.Queues == nil {
		o.Queues = []Queue{{Name: "q"}}
	}
	k, err := c.Consume(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// send publishes one JSON message to the anonymous exchange.
func send(t testing.TB, c *Connection, queue string, body any, edit ...func(*Message)) *Message {
	t.Helper()
	m := &Message{}
	if err := m.Encode(body, "json", ""); err != nil {
		t.Fatal(err)
	}
	for _, f := range edit {
		f(m)
	}
	if err := c.Publish(t.Context(), Exchange{}, queue, m); err != nil {
		t.Fatal(err)
	}
	return m
}

// receive waits for the next delivery.
func receive(t testing.TB, k *Consumer) *Delivery {
	t.Helper()
	select {
	case d, ok := <-k.Deliveries():
		if !ok {
			t.Fatal("the consumer has ended")
		}
		return d
	case <-time.After(20 * time.Second):
		t.Fatal("waited in vain for a message")
		return nil
	}
}

// bodies receives n messages and returns their bodies.
func bodies(t testing.TB, k *Consumer, n int) []any {
	t.Helper()
	out := make([]any, n)
	for i := range out {
		out[i] = decoded(t, receive(t, k).Message)
	}
	return out
}

func decoded(t testing.TB, m *Message) any {
	t.Helper()
	v, err := m.Decode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// raw is a plain connection to the server.
func raw(t testing.TB, url string) redis.Conn {
	t.Helper()
	c, err := redis.DialURL(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func integer(t testing.TB, c redis.Conn, cmd string, args ...any) int {
	t.Helper()
	n, err := redis.Int(c.Do(cmd, args...))
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return n
}

// crash ends a consumer as a killed process would: connections drop, nothing is given back.
func crash(k *Consumer) { k.end() }

func background(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

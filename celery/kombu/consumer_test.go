package kombu

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"healpipe/internal/testenv"
)

func TestConsumeAckRejectRestore(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, url string) {
		c := connect(t, url)
		r := raw(t, url)
		k := consume(t, c, ConsumerOptions{Prefetch: 3})
		for i := range 5 {
			send(t, c, "q", i)
		}
		d := []*Delivery{receive(t, k), receive(t, k), receive(t, k)}
		for i, one := range d {
			if got := decoded(t, one.Message); got != int64(i) {
				t.Fatalf("message %d is %v", i, got)
			}
			if one.Queue != "q" || one.Message.Redelivered() {
				t.Fatalf("%+v", one)
			}
		}
		if got := integer(t, r, "LLEN", "q"); got != 2 {
			t.Fatalf("%d wait, want 2: prefetch is not kept", got)
		}
		if got := integer(t, r, "HLEN", "unacked"); got != 3 {
			t.Fatalf("%d unacked, want 3", got)
		}
		if got := integer(t, r, "ZCARD", "unacked_index"); got != 3 {
			t.Fatalf("%d in the index, want 3", got)
		}
		if err := d[0].AckWait(background(t)); err != nil {
			t.Fatal(err)
		}
		if err := d[0].AckWait(background(t)); !errors.Is(err, ErrNotOwned) {
			t.Fatalf("second ack: %v", err)
		}
		fourth := receive(t, k)
		d[1].Reject(true)  // to the back
		d[2].Reject(false) // dropped
		got := bodies(t, k, 2)
		if diff := cmp.Diff([]any{int64(4), int64(1)}, got); diff != "" {
			t.Fatal(diff)
		}
		if err := k.Release(background(t), fourth); err != nil {
			t.Fatal(err)
		}
		again := receive(t, k)
		if decoded(t, again.Message) != int64(3) || !again.Message.Redelivered() || again.Message.Headers["redelivered"] != true {
			t.Fatalf("released message: %s", again.Message.Raw())
		}
		if err := k.Close(background(t)); err != nil {
			t.Fatal(err)
		}
		// What was held is back, in order.
		k = consume(t, c, ConsumerOptions{})
		if diff := cmp.Diff([]any{int64(4), int64(1), int64(3)}, bodies(t, k, 3)); diff != "" {
			t.Fatal(diff)
		}
		k.Close(background(t))
		for _, key := range []string{"unacked", "unacked_index", "unacked.leases"} {
			if got := integer(t, r, "EXISTS", key); got != 0 {
				t.Errorf("%s is left behind", key)
			}
		}
	})
}

func TestDeadConsumersMessagesComeBackInOrder(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, url string) {
		quick := func(o *TransportOptions) { o.LeaseTimeout = time.Second }
		a, b := connect(t, url, quick), connect(t, url, quick)
		dead := consume(t, a, ConsumerOptions{Queues: []Queue{{Name: "q"}, {Name: "p"}}})
		for i := range 150 {
			send(t, a, "q", i)
			send(t, a, "p", i, func(m *Message) { m.Properties.Priority = 3 })
		}
		for range 300 {
			receive(t, dead)
		}
		crash(dead)
		send(t, a, "q", "last")
		r := raw(t, url)
		if n := integer(t, r, "HLEN", "unacked"); n != 300 {
			t.Fatalf("%d unacked", n)
		}
		k := consume(t, b, ConsumerOptions{Queues: []Queue{{Name: "other"}}})
		testenv.WaitFor(t, 15*time.Second, "the messages to come back", func() bool {
			return integer(t, r, "LLEN", "q") == 151 && integer(t, r, "LLEN", "p\x06\x163") == 150
		})
		if err := k.AddQueue(background(t), Queue{Name: "q"}); err != nil {
			t.Fatal(err)
		}
		for i := range 151 {
			d := receive(t, k)
			want, redelivered := any(int64(i)), true
			if i == 150 {
				want, redelivered = "last", false
			}
			if got := decoded(t, d.Message); got != want || d.Message.Redelivered() != redelivered {
				t.Fatalf("message %d is %v, redelivered %v", i, got, d.Message.Redelivered())
			}
			d.Ack()
		}
		if err := k.Flush(background(t)); err != nil {
			t.Fatal(err)
		}
		if n := integer(t, r, "HLEN", "unacked"); n != 0 {
			t.Fatalf("%d unacked after all acks", n)
		}
		if n := integer(t, r, "ZCARD", "unacked.leases"); n != 1 {
			t.Fatalf("%d leases", n)
		}
	})
}

func TestForeignElementsArePutAside(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, url string) {
		c := connect(t, url)
		r := raw(t, url)
		elements := []string{
			"", "junk", "\xff\xfe", "[]", "3", "null", "{}", `{"properties":{}}`,
			`{"properties":{"delivery_tag":"t","delivery_info":{"exchange":"","routing_key":"q"}}`,
			`{"body":"a","properties":{"delivery_tag":"u","body_encoding":"base64","delivery_info":{"exchange":"","routing_key":"q"}}}`,
			`{"body":{"a":1},"properties":{"delivery_tag":"v","delivery_info":{"exchange":"","routing_key":"q"}}}`,
			`{"properties":{"delivery_tag":"w","delivery_info":{"exchange":"","routing_key":null}}}`,
		}
		for _, e := range elements {
			if _, err := r.Do("LPUSH", "q", e); err != nil {
				t.Fatal(err)
			}
		}
		send(t, c, "q", "good")
		k := consume(t, c, ConsumerOptions{Prefetch: 1})
		if got := decoded(t, receive(t, k).Message); got != "good" {
			t.Fatal(got)
		}
		testenv.WaitFor(t, 10*time.Second, "all to be put aside", func() bool {
			return integer(t, r, "LLEN", "unacked.dead") == len(elements)
		})
		letters, err := c.DeadLetters(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, l := range letters {
			seen[string(l.Raw)] = true
			if l.Queue != "q" || l.Reason == "" || time.Since(l.Time).Abs() > time.Hour {
				t.Errorf("%+v", l)
			}
		}
		for _, e := range elements {
			if !seen[e] {
				t.Errorf("%q is not among the dead letters", e)
			}
		}
		if n := integer(t, r, "HLEN", "unacked"); n != 1 {
			t.Errorf("%d unacked, want the good one", n)
		}
	})
}

// Dead letters are buried by consumers, counted, sent back to the list they came from or to a queue, removed, and no more than a
// number are kept.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, url string) {
		c := connect(t, url, func(o *TransportOptions) { o.GlobalKeyPrefix = "p_" })
		r := raw(t, url)
		ctx := t.Context()
		k := consume(t, c, ConsumerOptions{})
		want := map[string]string{}
		for i := range 4 {
			m := send(t, c, "q", i, func(m *Message) { m.Properties.Priority = 3 * i })
			d := receive(t, k)
			reason := fmt.Sprintf("reason \"%d\"\n", i)
			d.Bury(reason)
			d.Ack() // settled already
			want[m.Properties.DeliveryTag] = reason
		}
		if err := k.Close(background(t)); err != nil {
			t.Fatal(err)
		}
		if n := integer(t, r, "EXISTS", "p_unacked", "p_unacked_index"); n != 0 {
			t.Error("something is left unacknowledged")
		}
		letters, err := c.DeadLetters(ctx, 0)
		if err != nil || len(letters) != 4 {
			t.Fatal(letters, err)
		}
		for i, l := range letters {
			m, err := ParseMessage(l.Raw)
			if err != nil || l.Queue != "q" || l.Reason != want[m.Properties.DeliveryTag] || decoded(t, m) != int64(3-i) || len(l.ID) != 8 {
				t.Errorf("%+v %v", l, err)
			}
		}
		if two, err := c.DeadLetters(ctx, 2); err != nil || len(two) != 2 || two[1].ID != letters[1].ID {
			t.Error(two, err)
		}
		if ok, err := c.Revive(ctx, letters[0], ""); err != nil || !ok || integer(t, r, "LLEN", "p_q\x06\x169") != 1 {
			t.Error("sent back: ", ok, err)
		}
		if ok, err := c.Revive(ctx, letters[0], ""); err != nil || ok {
			t.Error("sent back twice: ", ok, err)
		}
		if ok, err := c.Revive(ctx, letters[1], "other"); err != nil || !ok || integer(t, r, "LLEN", "p_other\x06\x166") != 1 {
			t.Error("sent elsewhere: ", ok, err)
		}
		if n, err := c.RemoveDead(ctx, letters...); err != nil || n != 2 {
			t.Error("removed: ", n, err)
		}
		// An element that was found in the hash of unacknowledged messages has no list.
		for _, e := range []string{string(deadLetter("p_unacked", "r", []byte("x"))), "no dead letter", `{"list":"p_q","reason":"r","time":1e300}`} {
			if _, err := r.Do("LPUSH", "p_unacked.dead", e); err != nil {
				t.Fatal(err)
			}
		}
		if letters, err = c.DeadLetters(ctx, -1); err != nil || len(letters) != 3 {
			t.Fatal(letters, err)
		}
		for _, l := range letters {
			if ok, err := c.Revive(ctx, l, ""); ok || !errors.Is(err, ErrNoQueue) {
				t.Errorf("%+v: %v %v", l, ok, err)
			}
		}
		many := []any{"p_unacked.dead"}
		for range maxDead + 5 {
			many = append(many, "x")
		}
		if _, err := r.Do("RPUSH", many...); err != nil {
			t.Fatal(err)
		}
		if err := c.trimDead(ctx); err != nil {
			t.Fatal(err)
		}
		if n, err := c.DeadCount(ctx); err != nil || n != maxDead {
			t.Error(n, err)
		}
	})
}

func TestPriorityAndOrderStrategies(t *testing.T) {
	t.Parallel()
	// Three queues, served priority by priority; the strategy decides among queues of one priority.
	one := func(order ...string) (out []any) {
		for _, p := range []int{0, 4, 9} {
			for _, q := range order {
				out = append(out, fmt.Sprint(q[:1], p, q[1:]))
			}
		}
		return out
	}
	for strategy, want := range map[string][]any{
		"round_robin": one("b0", "a0", "c0", "b1", "a1", "c1"),
		"sorted":      one("a0", "a1", "b0", "b1", "c0", "c1"),
		"priority":    one("b0", "b1", "a0", "a1", "c0", "c1"),
	} {
		t.Run(strategy, func(t *testing.T) {
			t.Parallel()
			onServers(t, func(t *testing.T, url string) {
				c := connect(t, url, func(o *TransportOptions) { o.QueueOrderStrategy = strategy })
				for _, q := range []string{"b", "a", "c"} {
					for i := range 2 {
						for _, p := range []int{9, 0, 4} {
							send(t, c, q, fmt.Sprintf("%s%d%d", q, p, i), func(m *Message) { m.Properties.Priority = p })
						}
					}
				}
				k := consume(t, c, ConsumerOptions{Queues: []Queue{{Name: "b"}, {Name: "a"}, {Name: "c"}}})
				if diff := cmp.Diff(want, bodies(t, k, 18)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

package kombu

import (
	"slices"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"healpipe/internal/testenv"
)

// waitForClaims waits until every waiter of a consumer has a claim waiting on the server.
func waitForClaims(t *testing.T, k *Consumer, n int) {
	t.Helper()
	testenv.WaitFor(t, 60*time.Second, "claims to wait on the server", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		waiting := 0
		for _, s := range k.queues {
			for _, w := range s.waiters {
				if w.claiming {
					waiting++
				}
			}
		}
		return waiting == n
	})
}

// stays checks that elements that were just pushed stay in their list: a claim that still waited on the server would have been
// run before the reply to the push.
func stays(t *testing.T, r redis.Conn, list string, n int) {
	t.Helper()
	if got := integer(t, r, "LLEN", list); got != n {
		t.Fatalf("%d in %s, want %d", got, list, n)
	}
}

// TestWaitingClaimsAreCalledOff: where nothing may be fetched any more, no claim is left behind on the server. Without CLIENT
// UNBLOCK they would take what is pushed in the next 3 s.
func TestWaitingClaimsAreCalledOff(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	c, r := connect(t, url), raw(t, url)
	k := consume(t, c, ConsumerOptions{Queues: []Queue{{Name: "q"}, {Name: "p"}}, Prefetch: 4})
	waitForClaims(t, k, 8)
	if !k.CancelQueue("p") {
		t.Fatal("p was not consumed from")
	}
	send(t, c, "p", 1)
	stays(t, r, "p", 1)
	if err := k.Pause(background(t)); err != nil {
		t.Fatal(err)
	}
	send(t, c, "q", 2)
	stays(t, r, "q", 1)
	k.Resume()
	if got := decoded(t, receive(t, k).Message); got != int64(2) {
		t.Fatal(got)
	}
	waitForClaims(t, k, 4)
	k.SetPrefetch(1) // one is held
	testenv.WaitFor(t, 60*time.Second, "the old limit to be gone", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return !k.curbing && !slices.ContainsFunc(k.queues[0].waiters, func(w *waiter) bool { return w.claiming && w.limit > 1 })
	})
	send(t, c, "q", 3)
	stays(t, r, "q", 1)
	if n := k.Held(); n != 1 {
		t.Fatalf("%d held", n)
	}
}

// TestWaitingClaimsKeepThePrefetchLimit: messages pushed into all lists at once find a claim waiting at each. Without the limit in
// the script each would take as many as the prefetch allows.
func TestWaitingClaimsKeepThePrefetchLimit(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	c, r := connect(t, url), raw(t, url)
	k := consume(t, c, ConsumerOptions{Queues: []Queue{{Name: "a"}, {Name: "b"}}, Prefetch: 3})
	waitForClaims(t, k, 8)
	var batch []Publication
	for i := range 30 {
		m := &Message{Properties: Properties{Priority: []int{0, 3, 6, 9}[i%4]}}
		if err := m.Encode(i, "json", ""); err != nil {
			t.Fatal(err)
		}
		batch = append(batch, Publication{RoutingKey: []string{"a", "b"}[i%2], Message: m})
	}
	if err := c.PublishBatch(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	for range batch {
		d := receive(t, k)
		if n := integer(t, r, "HLEN", "unacked"); n > 3 {
			t.Fatalf("%d unacked, the limit is 3", n)
		}
		if err := d.AckWait(background(t)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLostReplyOfWaitingClaim: the server runs a claim whose connection has broken. Without taking stock nobody would work on the
// message before the visibility timeout.
func TestLostReplyOfWaitingClaim(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	p := startProxy(t, server.Addr)
	direct := connect(t, server.URL(0))
	c := connect(t, p.url())
	k := consume(t, c, ConsumerOptions{})
	for i := range 5 {
		p.cutReply("BLMOVE")
		waitForClaims(t, k, 4)
		send(t, direct, "q", i)
		d := receive(t, k)
		if got := decoded(t, d.Message); got != int64(i) {
			t.Fatalf("message %d is %v", i, got)
		}
		if err := d.AckWait(background(t)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLateReply: a message is found on the server while the reply of its claim is under way, done and acknowledged; then the
// reply comes. It must not be delivered again.
func TestLateReply(t *testing.T) {
	t.Parallel()
	k := consume(t, connect(t, testenv.StartRedis(t).URL(0)), ConsumerOptions{}) // nobody reads
	claimed := func() []*Delivery { return []*Delivery{k.delivery("q", "tag", "q", 7, nil)} }
	k.accept(claimed(), true)
	k.mu.Lock()
	delete(k.holding, "tag")
	k.mu.Unlock()
	k.accept(claimed(), false)
	if n := k.Held(); n != 1 {
		t.Fatalf("delivered %d times", n)
	}
}

package kombu

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"healpipe/internal/testenv"
)

// The environment variable that makes this test binary a worker of its own, to be killed.
const childURL = "KOMBU_TEST_CHILD"

// TestChild is no test: it is the process that TestKilledProcess kills.
func TestChild(t *testing.T) {
	url := os.Getenv(childURL)
	if url == "" {
		t.Log("only used by TestKilledProcess")
		return
	}
	c := connect(t, url)
	k := consume(t, c, ConsumerOptions{})
	for d := range k.Deliveries() {
		fmt.Println("got", d.Tag)
	}
}

// TestKilledProcess: a real process is killed while messages pour in. With a second round trip between popping and
// registering, or without leases, messages would be missing.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	c := connect(t, server.URL(0))
	r := raw(t, server.URL(0))
	total := 0
	for range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.timeout=60s")
		cmd.Env = append(os.Environ(), childURL+"="+server.URL(0))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		batch := make([]Publication, 20)
		held := integer(t, r, "HLEN", "unacked")
		for n := 0; integer(t, r, "HLEN", "unacked") < held+100; n++ {
			for i := range batch {
				m := &Message{}
				if err := m.Encode(total+i, "json", ""); err != nil {
					t.Fatal(err)
				}
				batch[i] = Publication{RoutingKey: "q", Message: m}
			}
			if err := c.PublishBatch(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			total += len(batch)
			if n > 10000 {
				t.Fatal("the child takes nothing")
			}
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
	if in := integer(t, r, "LLEN", "q") + integer(t, r, "HLEN", "unacked"); in != total {
		t.Fatalf("%d of %d messages are on the server", in, total)
	}
	started := time.Now()
	consume(t, c, ConsumerOptions{Queues: []Queue{{Name: "other"}}})
	testenv.WaitFor(t, 25*time.Second, "all messages to come back", func() bool { return integer(t, r, "LLEN", "q") == total })
	t.Logf("%d messages back after %v", total, time.Since(started))
	if n := integer(t, r, "HLEN", "unacked") + integer(t, r, "ZCARD", "unacked_index"); n != 0 {
		t.Fatalf("%d entries are left", n)
	}
}

// TestLostClaimReply: the claim is executed and its reply lost. Without taking stock after a reconnect nobody would work on the message.
func TestLostClaimReply(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	p := startProxy(t, server.Addr)
	direct := connect(t, server.URL(0))
	c := connect(t, p.url())
	k := consume(t, c, ConsumerOptions{})
	send(t, direct, "q", "first")
	first := receive(t, k)
	p.cutReply(claimScript.sha)
	for i := range 5 {
		send(t, direct, "q", i)
	}
	got := map[any]bool{}
	for range 5 {
		d := receive(t, k)
		got[decoded(t, d.Message)] = true
		if err := d.AckWait(background(t)); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 5 || p.cutCount() != 1 {
		t.Fatalf("got %v, %d replies cut", got, p.cutCount())
	}
	// A lost reply to an acknowledgement: it is sent again and says that the outcome is not known for sure.
	p.cutReply(ackScript.sha)
	if err := first.AckWait(background(t)); err != nil && !errors.Is(err, ErrUncertain) {
		t.Fatal(err)
	}
	if n := integer(t, raw(t, server.URL(0)), "HLEN", "unacked"); n != 0 {
		t.Fatalf("%d unacked", n)
	}
}

// TestNewSessionTakesStock: a peer takes a message over while the connection is away. The new session compares what is registered
// with what is held before it says that it is connected; a renewal would tell only later.
func TestNewSessionTakesStock(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	c := connect(t, server.URL(0))
	var held atomic.Pointer[Delivery]
	settled := make(chan bool, 10) // whether the message was known to be lost when the connection had come back
	k := consume(t, c, ConsumerOptions{Prefetch: 1, Connected: func(up bool) {
		if d := held.Load(); up && d != nil {
			settled <- d.Settled()
		}
	}})
	send(t, c, "q", "mine")
	d := receive(t, k)
	held.Store(d)
	r := raw(t, server.URL(0))
	for _, cmd := range [][]any{{"HDEL", k.held, d.Tag}, {"HDEL", "unacked", d.Tag}, {"ZREM", "unacked_index", d.Tag}} {
		if n := integer(t, r, cmd[0].(string), cmd[1:]...); n != 1 {
			t.Fatalf("%v removed %d", cmd, n)
		}
	}
	if _, err := r.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"); err != nil {
		t.Fatal(err)
	}
	select {
	case lost := <-settled:
		if !lost {
			t.Error("the message is still taken for ours")
		}
	case <-time.After(time.Minute):
		t.Fatal("no new session")
	}
}

// TestHalfOpenWaiting: the connections that wait for messages die without a sign, all others live.
func TestHalfOpenWaiting(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	p := startProxy(t, server.Addr)
	direct, k := connect(t, server.URL(0)), consume(t, connect(t, p.url()), ConsumerOptions{})
	send(t, direct, "q", 1)
	receive(t, k)
	testenv.WaitFor(t, 15*time.Second, "a connection that waits", p.halfOpenWaiting)
	// The server gives the first one to the dead connection.
	for i := 2; i <= 3; i++ {
		send(t, direct, "q", i)
	}
	got := map[any]bool{decoded(t, receive(t, k).Message): true, decoded(t, receive(t, k).Message): true}
	if !got[int64(2)] || !got[int64(3)] {
		t.Errorf("received %v", got)
	}
}

// TestHalfOpenConnection: all connections die without a sign. With blocking reads that have no deadline of their own the consumer
// would wait for ever.
func TestHalfOpenConnection(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	p := startProxy(t, server.Addr)
	direct := connect(t, server.URL(0))
	c := connect(t, p.url())
	k := consume(t, c, ConsumerOptions{})
	s, err := c.Subscribe(background(t), SubscribeOptions{Bindings: []FanoutBinding{{Exchange: "celery.pidbox"}}})
	if err != nil {
		t.Fatal(err)
	}
	send(t, direct, "q", 1)
	running := receive(t, k)
	p.halfOpen()
	began := time.Now()
	send(t, direct, "q", 2)
	if got := decoded(t, receive(t, k).Message); got != int64(2) {
		t.Fatal(got)
	}
	t.Logf("consuming again after %v", time.Since(began))
	if err := running.AckWait(background(t)); err != nil && !errors.Is(err, ErrUncertain) {
		t.Fatal(err)
	}
	if err := c.Ping(background(t)); err != nil {
		t.Fatal(err)
	}
	m := &Message{}
	if err := m.Encode("ping", "json", ""); err != nil {
		t.Fatal(err)
	}
	testenv.WaitFor(t, 15*time.Second, "the subscription to come back", func() bool {
		m.Properties.DeliveryTag = ""
		n, err := direct.PublishCount(background(t), Exchange{Name: "celery.pidbox"}, "", m)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-s.Events():
			return n > 0
		case <-time.After(50 * time.Millisecond):
			return false
		}
	})
	if n := integer(t, raw(t, server.URL(0)), "HLEN", "unacked"); n != 1 {
		t.Fatalf("%d unacked, want the second message", n)
	}
}

// TestRestart: the server dies and comes back with its data; what runs goes on and is acknowledged afterwards, and its message is
// given to nobody else.
func TestRestart(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	quick := func(o *TransportOptions) { o.LeaseTimeout = 2 * time.Second }
	a, b := connect(t, server.URL(0), quick), connect(t, server.URL(0), quick)
	var lost atomic.Int32
	ka := consume(t, a, ConsumerOptions{Lost: func(*Delivery) { lost.Add(1) }})
	send(t, a, "q", "running")
	running := receive(t, ka)
	kb := consume(t, b, ConsumerOptions{})
	server.Kill()
	time.Sleep(2500 * time.Millisecond) // longer than the lease
	running.Ack()                       // while the broker is away
	server.Start()
	began := time.Now()
	c := connect(t, server.URL(0))
	send(t, c, "q", "next")
	select {
	case d := <-ka.Deliveries():
		d.Ack()
	case d := <-kb.Deliveries():
		if got := decoded(t, d.Message); got != "next" {
			t.Fatalf("%v went to another consumer", got)
		}
		d.Ack()
	case <-time.After(20 * time.Second):
		t.Fatal("nothing is consumed after the broker's return")
	}
	t.Logf("consuming %v after the broker's return", time.Since(began))
	r := raw(t, server.URL(0))
	testenv.WaitFor(t, 10*time.Second, "the acknowledgements", func() bool { return integer(t, r, "HLEN", "unacked") == 0 })
	if n := integer(t, r, "LLEN", "q"); n != 0 || lost.Load() != 0 {
		t.Fatalf("%d messages waiting, %d lost", n, lost.Load())
	}
}

// TestLeasesSurviveAnOutage: after an outage longer than the lease nobody takes a living consumer's messages.
func TestLeasesSurviveAnOutage(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	quick := func(o *TransportOptions) { o.LeaseTimeout = 2 * time.Second }
	a, b := connect(t, server.URL(0), quick), connect(t, server.URL(0), quick)
	ka := consume(t, a, ConsumerOptions{})
	send(t, a, "q", "running")
	running := receive(t, ka)
	kb := consume(t, b, ConsumerOptions{})
	server.Kill()
	time.Sleep(2500 * time.Millisecond)
	server.Start()
	select {
	case d := <-kb.Deliveries():
		t.Fatalf("%v was taken from a living consumer", decoded(t, d.Message))
	case <-time.After(5 * time.Second):
	}
	if err := running.AckWait(background(t)); err != nil {
		t.Fatal(err)
	}
}

// TestRenewal: a message is held for many times the visibility timeout while Go and Python peers sweep. Without renewal
// they would restore it.
func TestRenewal(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	short := func(o *TransportOptions) {
		o.VisibilityTimeout, o.RestoreInterval, o.RestoreThrottle = time.Second, 100*time.Millisecond, 1
	}
	c, other := connect(t, server.URL(0), short), connect(t, server.URL(0), short)
	k := consume(t, c, ConsumerOptions{})
	for i := range 3 {
		send(t, c, "q", i)
	}
	ds := []*Delivery{receive(t, k), receive(t, k), receive(t, k)}
	if err := k.Pause(background(t)); err != nil { // else it would take restored ones at once
		t.Fatal(err)
	}
	consume(t, other, ConsumerOptions{Queues: []Queue{{Name: "other"}}})
	peer := startKombu(t, server.URL(0), `{"visibility_timeout": 1}`)
	r := raw(t, server.URL(0))
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		peer.do(`chan.qos.restore_visible(interval=1)`)
		if n := integer(t, r, "LLEN", "q"); n != 0 {
			t.Fatalf("%d messages were restored while they were held", n)
		}
	}
	for _, d := range ds {
		if err := d.AckWait(background(t)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSweep: what a Python consumer held when it died is restored after the visibility timeout, in order, through the binding table.
func TestSweep(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, url string) {
		r := raw(t, url)
		c := connect(t, url, func(o *TransportOptions) {
			o.VisibilityTimeout, o.RestoreInterval, o.RestoreThrottle = 2*time.Second, 100*time.Millisecond, 1
		})
		if err := c.Declare(t.Context(), Queue{Name: "d", Exchange: Exchange{Name: "ex"}, RoutingKey: "key"}); err != nil {
			t.Fatal(err)
		}
		now := float64(time.Now().UnixMilli()) / 1000
		register := func(i int, ex, rk string, age float64) {
			m := &Message{}
			if err := m.Encode(i, "json", ""); err != nil {
				t.Fatal(err)
			}
			m.Properties.DeliveryTag = fmt.Sprint("tag", i)
			m.Properties.DeliveryInfo = DeliveryInfo{Exchange: ex, RoutingKey: rk}
			env, err := m.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			for _, cmd := range [][]any{
				{"HSET", "unacked", m.Properties.DeliveryTag, fmt.Sprintf(`[%s, %q, %q]`, env, ex, rk)},
				{"ZADD", "unacked_index", fmt.Sprint(now - age), m.Properties.DeliveryTag},
			} {
				if _, err := r.Do(cmd[0].(string), cmd[1:]...); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i := range 120 {
			register(i, "", "q", 4000-float64(i))
		}
		register(200, "ex", "key", 4000)
		register(201, "gone", "key", 4000) // its binding table has vanished
		register(202, "", "q", -100)       // still held
		r.Do("ZADD", "unacked_index", 1, "orphan")
		k := consume(t, c, ConsumerOptions{Queues: []Queue{{Name: "other"}}})
		testenv.WaitFor(t, 60*time.Second, "the sweep", func() bool {
			return integer(t, r, "HLEN", "unacked") == 1 && integer(t, r, "ZCARD", "unacked_index") == 1
		})
		if err := k.AddQueue(background(t), Queue{Name: "q"}); err != nil {
			t.Fatal(err)
		}
		for i := range 120 {
			if d := receive(t, k); decoded(t, d.Message) != int64(i) || !d.Message.Redelivered() {
				t.Fatalf("message %d: %s", i, d.Message.Raw())
			}
		}
		if n := integer(t, r, "LLEN", "d"); n != 1 {
			t.Errorf("%d in d", n)
		}
		letters, err := c.DeadLetters(t.Context(), 10)
		if err != nil || len(letters) != 1 || !strings.Contains(letters[0].Reason, "gone") {
			t.Errorf("%+v %v", letters, err)
		}
	})
}

// TestSweepSparesTheRenewed: a message that is renewed between a sweep's look at the index and its restore stays with its holder.
func TestSweepSparesTheRenewed(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, url string) {
		c, r := connect(t, url), raw(t, url)
		k := consume(t, c, ConsumerOptions{})
		send(t, c, "q", "x")
		d := receive(t, k)
		if err := k.Pause(background(t)); err != nil {
			t.Fatal(err)
		}
		if n, err := k.sweepOne(d.Tag, "5"); n != 0 || err != nil {
			t.Errorf("%d restored, %v", n, err)
		}
		if n := integer(t, r, "LLEN", "q"); n != 0 {
			t.Errorf("%d copies", n)
		}
		if err := d.AckWait(background(t)); err != nil {
			t.Error(err)
		}
	})
}

// TestSweepKeepsOutWhileLocked: the lock is redis-py's.
func TestSweepKeepsOutWhileLocked(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	peer := startKombu(t, server.URL(0), "{}")
	peer.do(`chan.client.lock('unacked_mutex', timeout=300).acquire(blocking=False)`)
	r := raw(t, server.URL(0))
	if _, err := r.Do("ZADD", "unacked_index", 1, "orphan"); err != nil {
		t.Fatal(err)
	}
	c := connect(t, server.URL(0), func(o *TransportOptions) { o.RestoreInterval, o.RestoreThrottle = 50*time.Millisecond, 1 })
	consume(t, c, ConsumerOptions{})
	time.Sleep(500 * time.Millisecond)
	if integer(t, r, "ZCARD", "unacked_index") != 1 {
		t.Fatal("swept under another one's lock")
	}
	r.Do("DEL", "unacked_mutex")
	testenv.WaitFor(t, 60*time.Second, "the sweep", func() bool { return integer(t, r, "ZCARD", "unacked_index") == 0 })
}

// TestLateAckSparesTheCopy: a Python peer has restored and taken over our message; our late acknowledgement must not strip the
// copy of its protection.
func TestLateAckSparesTheCopy(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	c := connect(t, server.URL(0))
	r := raw(t, server.URL(0))
	lost := make(chan *Delivery, 1)
	k := consume(t, c, ConsumerOptions{Lost: func(d *Delivery) { lost <- d }})
	send(t, c, "q", "x")
	mine := receive(t, k)
	if err := k.Pause(background(t)); err != nil {
		t.Fatal(err)
	}
	peer := startKombu(t, server.URL(0), `{"visibility_timeout": -10}`)
	peer.do(`chan.qos.restore_visible(interval=1)`)
	if got := peer.do(`[consume(0, q('q')), len(drain(1))][1]`); got != "1" {
		t.Fatal(got)
	}
	if err := mine.AckWait(background(t)); !errors.Is(err, ErrNotOwned) {
		t.Fatalf("late acknowledgement: %v", err)
	}
	if n := integer(t, r, "HLEN", "unacked") + integer(t, r, "ZCARD", "unacked_index"); n != 2 {
		t.Fatalf("the copy's registration is gone: %d", n)
	}
	// The same with rejection and release: they must not push a second copy.
	peer.do(`[m.ack() for m in held.values()] and 0`)
	k.Resume()
	send(t, c, "q", "y")
	y := receive(t, k)
	peer.do(`consumers['c'].cancel()`)
	k.Pause(background(t))
	peer.do(`chan.qos.restore_visible(interval=1)`)
	if err := k.Release(background(t), y); err != nil {
		t.Fatal(err)
	}
	if n := integer(t, r, "LLEN", "q"); n != 1 {
		t.Fatalf("%d copies", n)
	}
}

// TestOldDeliverySparesTheNewOne: a peer has restored our message and the same consumer has been given it again. Whatever becomes of the
// first delivery leaves the second one registered and makes no copy.
func TestOldDeliverySparesTheNewOne(t *testing.T) {
	t.Parallel()
	for name, settle := range map[string]func(k *Consumer, d *Delivery){
		"ack":     func(_ *Consumer, d *Delivery) { d.Ack() },
		"reject":  func(_ *Consumer, d *Delivery) { d.Reject(false) },
		"requeue": func(_ *Consumer, d *Delivery) { d.Reject(true) },
		"release": func(k *Consumer, d *Delivery) { _ = k.Release(background(t), d) },
		"bury":    func(_ *Consumer, d *Delivery) { d.Bury("no reason") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onServers(t, func(t *testing.T, url string) {
				c, r := connect(t, url), raw(t, url)
				k := consume(t, c, ConsumerOptions{})
				send(t, c, "q", "x")
				first := receive(t, k)
				// What a Kombu peer does when the visibility timeout has passed, in one step.
				if _, err := r.Do("EVAL", `
					local entry = redis.call('HGET', 'unacked', ARGV[1])
					redis.call('ZREM', 'unacked_index', ARGV[1])
					redis.call('HDEL', 'unacked', ARGV[1])
					redis.call('RPUSH', 'q', string.sub(entry, 2, -(#', "", "q"]' + 1)))`, 0, first.Tag); err != nil {
					t.Fatal(err)
				}
				second := receive(t, k)
				if second == first || second.Tag != first.Tag {
					t.Fatalf("%+v after %+v", second, first)
				}
				settle(k, first)
				if err := k.Flush(background(t)); err != nil {
					t.Fatal(err)
				}
				for key, cmd := range map[string]string{"unacked": "HLEN", "unacked_index": "ZCARD", k.held: "HLEN"} {
					if n := integer(t, r, cmd, key); n != 1 {
						t.Errorf("%s has %d entries", key, n)
					}
				}
				if n := integer(t, r, "LLEN", "q") + integer(t, r, "LLEN", "unacked.dead"); n != 0 {
					t.Errorf("%d copies", n)
				}
				if err := second.AckWait(background(t)); err != nil {
					t.Errorf("acknowledging the second delivery: %v", err)
				}
			})
		})
	}
}

// TestReapSparesTheLiving: a consumer whose lease had run out is back by the time that another one gives its messages back. The server looks
// at the lease again, so it keeps them.
func TestReapSparesTheLiving(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, url string) {
		c, other, r := connect(t, url), connect(t, url), raw(t, url)
		k, late := consume(t, c, ConsumerOptions{}), consume(t, other, ConsumerOptions{Queues: []Queue{{Name: "other"}}})
		send(t, c, "q", "x")
		d := receive(t, k)
		if err := k.Pause(background(t)); err != nil {
			t.Fatal(err)
		}
		if err := (&reaper{c: late}).reap(k.id); err != nil {
			t.Fatal(err)
		}
		if n := integer(t, r, "LLEN", "q"); n != 0 {
			t.Errorf("%d messages of a living consumer were given back", n)
		}
		if score, err := r.Do("ZSCORE", "unacked.leases", k.id); score == nil || err != nil {
			t.Errorf("lease: %v %v", score, err)
		}
		if err := d.AckWait(background(t)); err != nil {
			t.Error(err)
		}
	})
}

// TestLostIsTold: when a peer takes a message over, the holder hears of it at the next renewal.
func TestLostIsTold(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, url string) {
		c := connect(t, url, func(o *TransportOptions) { o.VisibilityTimeout = time.Second })
		lost := make(chan *Delivery, 1)
		k := consume(t, c, ConsumerOptions{Prefetch: 1, Lost: func(d *Delivery) { lost <- d }})
		send(t, c, "q", "x")
		d := receive(t, k)
		k.Pause(background(t)) // else it takes the message again
		raw(t, url).Do("ZADD", "unacked_index", 5, d.Tag)
		select {
		case got := <-lost:
			if got != d || !d.Settled() || k.Held() != 0 {
				t.Fatal("wrong delivery")
			}
		case <-background(t).Done():
			t.Fatal("the holder has not heard of it")
		}
	})
}

// TestNoElementIsMovedByWaiting: while consumers wait, monitors see lists as they are.
func TestNoElementIsMovedByWaiting(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, url string) {
		c := connect(t, url)
		r := raw(t, url)
		k := consume(t, c, ConsumerOptions{})
		if err := k.Flush(background(t)); err != nil {
			t.Fatal(err)
		}
		if err := k.Pause(background(t)); err != nil {
			t.Fatal(err)
		}
		var want []string
		for i := range 20 {
			m := send(t, c, "q", i)
			want = append([]string{m.Properties.DeliveryTag}, want...)
		}
		time.Sleep(100 * time.Millisecond)
		items, err := redis.ByteSlices(r.Do("LRANGE", "q", 0, -1))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range items {
			m, err := ParseMessage(i)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, m.Properties.DeliveryTag)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

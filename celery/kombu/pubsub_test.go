package kombu

import (
	"testing"
	"time"

	"healpipe/internal/testenv"
)

func TestSubscribe(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, url string) {
		c := connect(t, url)
		up := make(chan bool, 10)
		s, err := c.Subscribe(background(t), SubscribeOptions{
			Bindings:  []FanoutBinding{{Exchange: "celery.pidbox"}, {Exchange: "celeryev", RoutingKey: "worker.#"}},
			Connected: func(b bool) { up <- b },
		})
		if err != nil {
			t.Fatal(err)
		}
		if !<-up {
			t.Fatal("not connected")
		}
		publish := func(exchange, rk string, want int) {
			t.Helper()
			m := &Message{}
			if err := m.Encode(exchange+rk, "json", ""); err != nil {
				t.Fatal(err)
			}
			n, err := c.PublishCount(t.Context(), Exchange{Name: exchange}, rk, m)
			if err != nil || n != want {
				t.Fatalf("%d receivers of %s/%s, want %d: %v", n, exchange, rk, want, err)
			}
		}
		expect := func(exchange, rk string) {
			t.Helper()
			e := <-s.Events()
			if e.Exchange != exchange || e.RoutingKey != rk || decoded(t, e.Message) != exchange+rk {
				t.Fatalf("%+v", e)
			}
		}
		publish("celery.pidbox", "", 1)
		publish("celeryev", "task.multi", 0)
		publish("celeryev", "worker.heartbeat", 1)
		expect("celery.pidbox", "")
		expect("celeryev", "worker.heartbeat")
		if err := s.Add(background(t), FanoutBinding{"celeryev", "task.#"}); err != nil {
			t.Fatal(err)
		}
		publish("celeryev", "task.multi", 1)
		expect("celeryev", "task.multi")
		if err := s.Remove(background(t), FanoutBinding{"celeryev", "task.#"}, FanoutBinding{Exchange: "celery.pidbox"}); err != nil {
			t.Fatal(err)
		}
		publish("celeryev", "task.multi", 0)
		publish("celery.pidbox", "", 0)
	})
}

func TestListenerTellsAfterRestart(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	c := connect(t, server.URL(0))
	l, err := c.Redis().Listen(background(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Subscribe(background(t), "a", "b"); err != nil {
		t.Fatal(err)
	}
	publish := func(channel string) {
		t.Helper()
		if n, err := c.Redis().Publish(background(t), channel, []byte(channel)); err != nil || n != 1 {
			t.Fatalf("%d receivers: %v", n, err)
		}
	}
	publish("a")
	if m := <-l.Messages(); m.Channel != "a" || string(m.Data) != "a" {
		t.Fatalf("%+v", m)
	}
	server.Kill()
	server.Start()
	if m := <-l.Messages(); !m.Reset {
		t.Fatalf("%+v", m)
	}
	testenv.WaitFor(t, 10*time.Second, "a publisher on the new connection", func() bool { return c.Ping(background(t)) == nil })
	publish("b")
	if m := <-l.Messages(); m.Channel != "b" {
		t.Fatalf("%+v", m)
	}
	if err := l.Unsubscribe(background(t), "a", "b"); err != nil {
		t.Fatal(err)
	}
}

func TestStoreResult(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, url string) {
		c := connect(t, url)
		r := c.Redis()
		store := func(value string, receivers int, want bool) {
			t.Helper()
			n, ok, err := r.StoreResult(t.Context(), "celery-task-meta-x", []byte(value), time.Hour)
			if err != nil || ok != want || n != receivers {
				t.Fatalf("%s: stored %v, %d receivers, %v", value, ok, n, err)
			}
		}
		store(`{"status": "PENDING"}`, 0, true)
		l, err := r.Listen(background(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Subscribe(background(t), "celery-task-meta-x"); err != nil {
			t.Fatal(err)
		}
		store(`{"status": "STARTED"}`, 1, true)
		store(`{"result": {"status": "SUCCESS"}, "status": "RETRY"}`, 1, true)
		store(`{"result": 1, "status": "SUCCESS"}`, 1, true)
		store(`{"status": "FAILURE"}`, 0, false)
		for range 3 {
			if m := <-l.Messages(); m.Channel != "celery-task-meta-x" {
				t.Fatalf("%+v", m)
			}
		}
		v, found, err := r.Get(t.Context(), "celery-task-meta-x")
		if err != nil || !found || string(v) != `{"result": 1, "status": "SUCCESS"}` {
			t.Fatalf("%q %v %v", v, found, err)
		}
		if n := integer(t, raw(t, url), "TTL", "celery-task-meta-x"); n < 3590 || n > 3600 {
			t.Fatalf("time to live %d s", n)
		}
		if n, err := r.Del(t.Context(), "celery-task-meta-x", "none"); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		if _, found, err := r.Get(t.Context(), "celery-task-meta-x"); err != nil || found {
			t.Fatal(found, err)
		}
	})
}

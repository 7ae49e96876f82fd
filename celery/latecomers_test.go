package celery_test

import (
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"healpipe/celery"
	"healpipe/internal/testenv"
)

// TestLateSubscriber plays the client whose SUBSCRIBE the server serves after its GET, with the result stored in
// between: it must hear of the result all the same.
func TestLateSubscriber(t *testing.T) {
	t.Parallel()
	broker := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: broker, ResultBackend: broker})
	task, err := app.Register("t.seven", func() int { return 7 }, celery.TaskOptions{})
	if err != nil {
		t.Fatal(err)
	}
	runWorker(t, app, celery.WorkerOptions{Concurrency: 1})
	dial := func() redis.Conn {
		c, err := redis.DialURL(broker)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	look := dial()
	// The result is published again 0.1 to 0.2 s after it has been stored. A machine that is busy may make this test
	// miss that, but not every time.
	for range 10 {
		res, err := task.Delay(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		key := "celery-task-meta-" + res.ID
		testenv.WaitFor(t, 20*time.Second, "the result", func() bool {
			n, err := redis.Int(look.Do("EXISTS", key))
			return err == nil && n == 1
		})
		sub := redis.PubSubConn{Conn: dial()}
		if err := sub.Subscribe(key); err != nil {
			t.Fatal(err)
		}
		for {
			switch m := sub.ReceiveWithTimeout(2 * time.Second).(type) {
			case redis.Subscription:
				continue
			case redis.Message:
				if m.Channel != key {
					t.Fatalf("message on %s", m.Channel)
				}
				return
			}
			break
		}
	}
	t.Fatal("a client that subscribed just after the result was stored was not told of it")
}

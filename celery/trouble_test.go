package celery_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"healpipe/celery"
	"healpipe/internal/testenv"
)

// What a server may do to a worker in its life. Each trouble is made, the worker is seen to get over it, and the task that ran
// all the time and was registered before is acknowledged at the end.
func TestTroubles(t *testing.T) {
	t.Parallel()
	do := func(t *testing.T, c redis.Conn, cmds []string) {
		t.Helper()
		for _, cmd := range cmds {
			words := strings.Fields(cmd)
			args := make([]any, len(words)-1)
			for i, w := range words[1:] {
				args[i] = w
			}
			if _, err := c.Do(words[0], args...); err != nil {
				t.Fatal(cmd, err)
			}
		}
	}
	for _, tc := range []struct {
		name       string
		make, mend []string // commands
		log        string   // what the worker says meanwhile
	}{
		{"scripts forgotten", []string{"SCRIPT FLUSH"}, nil, ""},
		{"connections killed", []string{"CLIENT KILL TYPE normal", "CLIENT KILL TYPE pubsub"}, nil, ""},
		{"out of memory", []string{"CONFIG SET maxmemory 1"}, []string{"CONFIG SET maxmemory 0"}, "OOM"},
		{"read only", []string{"REPLICAOF 127.0.0.1 1"}, []string{"REPLICAOF NO ONE"}, "READONLY"},
		{"password changed", []string{"CONFIG SET requirepass other", "CLIENT KILL TYPE normal"}, []string{"CONFIG SET requirepass sesam"}, "WRONGPASS"},
		{"database flushed", []string{"FLUSHALL"}, nil, ""},
		{"garbage in the registers", []string{"HSET unacked garbage not-json", "ZADD unacked_index 1 garbage 1 nothing",
			"SADD _kombu.binding.celery garbage", "ZADD unacked.leases 1 nobody", "HSET unacked.held.nobody x garbage y z"}, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			url := testenv.StartRedis(t, "--requirepass", "sesam").URL(0)
			url = strings.Replace(url, "redis://", "redis://:sesam@", 1)
			app := newApp(t, celery.Config{Broker: url, ResultBackend: url, BrokerTransportOptions: map[string]any{
				"unacked_restore_interval": 0.2, "unacked_restore_throttle": int64(1), "go_lease_timeout": 4.0}})
			started, release := make(chan struct{}), make(chan struct{})
			hold := app.MustRegister("hold", func() { close(started); <-release }, celery.TaskOptions{AcksLate: true})
			add := app.MustRegister("add", func(x, y int) int { return x + y }, celery.TaskOptions{AcksLate: true})
			w := runWorker(t, app, celery.WorkerOptions{Concurrency: 2, Hostname: "w@h", WithoutMingle: true})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			held, err := hold.Delay(ctx)
			if err != nil {
				t.Fatal(err)
			}
			<-started
			admin := dial(t, url)
			do(t, admin, tc.make)
			if tc.log != "" {
				testenv.WaitFor(t, time.Minute, "a line with "+tc.log, func() bool { return w.log.has(tc.log) })
			}
			do(t, admin, tc.mend)
			began := time.Now()
			var res *celery.AsyncResult
			testenv.WaitFor(t, time.Minute, "a task to be sent", func() bool { res, err = add.Delay(ctx, 1, 2); return err == nil })
			if v, err := res.Get(ctx); err != nil || v != int64(3) {
				t.Errorf("after the trouble: %v %v", v, err)
			}
			t.Logf("a task done %v after the trouble", time.Since(began).Round(time.Millisecond))
			close(release)
			if _, err := held.Get(ctx); err != nil {
				t.Errorf("the task that ran all the time: %v", err)
			}
			testenv.WaitFor(t, time.Minute, "acknowledgements", func() bool {
				return length(t, admin, "HLEN", "unacked")+length(t, admin, "ZCARD", "unacked_index")+length(t, admin, "LLEN", "celery") == 0
			})
			testenv.WaitFor(t, time.Minute, "remote control", func() bool {
				pong, _ := app.Control().Ping(ctx, to("w@h"))
				return len(pong) == 1
			})
		})
	}
}

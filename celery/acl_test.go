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

// The user of docs/operations.md is enough for a worker and a client with results, chords, events and remote control.
func TestLeastACL(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t, testenv.LeastACL(t, "era:")...)
	admin := server.URL(1)
	url := strings.Replace(admin, "redis://", "redis://worker:pw@", 1)
	app := newApp(t, celery.Config{Name: "suite", Broker: url, ResultBackend: url, WorkerSendTaskEvents: true, TaskSendSentEvent: true,
		BrokerTransportOptions: map[string]any{"global_keyprefix": "era:", "client_name": "healpipe",
			"unacked_restore_interval": 0.2, "unacked_restore_throttle": int64(1), "go_lease_timeout": 2.0},
		ResultBackendTransportOptions: map[string]any{"global_keyprefix": "era:"}})
	registerSuite(t, app, admin)
	runWorker(t, app, celery.WorkerOptions{Concurrency: 4, Hostname: "go@h"})
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	events := make(chan struct{})
	capture, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer close(events)
		seen := 0
		_ = app.CaptureEvents(capture, true, func(map[string]any) {
			if seen++; seen > 3 {
				stop()
			}
		})
	}()
	sig := func(name string, args ...any) *celery.Signature { return app.Signature("suite."+name, args...) }
	for name, s := range map[string]*celery.Signature{
		"add": sig("add", 1, 2), "retry": sig("retry_once"), "chain": celery.Chain(sig("add", 1, 1), sig("add", 10)),
		"chord": celery.Chord([]*celery.Signature{sig("add", 1, 1), sig("grow_chord", 2)}, sig("xsum")),
	} {
		res, err := s.Delay(ctx)
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := res.Get(ctx); err != nil {
			t.Error(name, err)
		}
		if err := res.Forget(ctx); err != nil {
			t.Error(name, err)
		}
	}
	if _, err := app.Control().Ping(ctx, to("go@h")); err != nil {
		t.Error(err)
	}
	if _, err := app.Control().Purge(ctx); err != nil {
		t.Error(err)
	}
	r := dial(t, admin)
	if _, err := r.Do("LPUSH", "era:celery", "rubbish"); err != nil {
		t.Fatal(err)
	}
	testenv.WaitFor(t, 20*time.Second, "rubbish to be put aside", func() bool { return length(t, r, "LLEN", "era:unacked.dead") == 1 })
	// The sweep of a message whose holder has gone.
	message := `{"body":"W10=","content-type":"application/json","headers":{},"properties":{"delivery_tag":"x","body_encoding":"base64","delivery_info":{"exchange":"celery","routing_key":"celery"}}}`
	if _, err := r.Do("HSET", "era:unacked", "x", "["+message+`, "celery", "celery"]`); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Do("ZADD", "era:unacked_index", 1, "x"); err != nil {
		t.Fatal(err)
	}
	testenv.WaitFor(t, 20*time.Second, "the message to be restored and put aside", func() bool { return length(t, r, "LLEN", "era:unacked.dead") == 2 })
	select {
	case <-events:
	case <-ctx.Done():
		t.Error("no events")
	}
	if refused := server.Refused(t); refused != "" {
		t.Errorf("the rule in docs/operations.md lacks something:\n%s", refused)
	}
	keys, err := redis.Strings(r.Do("KEYS", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if !strings.HasPrefix(k, "era:") {
			t.Errorf("%s lacks the prefix", k)
		}
	}
}

package celery_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"healpipe/celery"
	"healpipe/internal/testenv"
)

// A server that is still reading its data answers LOADING: a worker waits for it, at its start and when it comes back, and what was
// queued and held before is done once.
func TestBrokerIsLoading(t *testing.T) {
	t.Parallel()
	// 1 ms for each of 4000 keys.
	server := testenv.StartRedis(t, "--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
	url := server.URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
	var runs atomic.Int32
	started, release := make(chan struct{}), make(chan struct{})
	hold := app.MustRegister("hold", func() { close(started); <-release }, celery.TaskOptions{AcksLate: true})
	count := app.MustRegister("count", func() { runs.Add(1) }, celery.TaskOptions{AcksLate: true})
	first := runWorker(t, app, celery.WorkerOptions{Concurrency: 1, Hostname: "first@h", WithoutMingle: true})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	held, err := hold.Delay(ctx)
	if err != nil {
		t.Fatal(err)
	}
	<-started
	var results []*celery.AsyncResult
	for range 3 {
		res, err := count.Delay(ctx)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, res)
	}
	c := dial(t, url)
	if _, err := c.Do("EVAL", "for i = 1, 4000 do redis.call('SET', 'filler' .. i, i) end return 0", 0); err != nil {
		t.Fatal(err)
	}
	testenv.WaitFor(t, time.Minute, "all messages to be fetched", func() bool { return length(t, c, "HLEN", "unacked") == 4 })
	if _, err := c.Do("SAVE"); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	late := celery.New(celery.Config{Broker: url, ResultBackend: url})
	defer late.Close()
	late.MustRegister("count", func() { runs.Add(1) }, celery.TaskOptions{AcksLate: true})
	log := new(syncBuffer)
	second := late.Worker(celery.WorkerOptions{Concurrency: 1, Hostname: "second@h", LogWriter: log, Stdout: log, LogLevel: celery.Info, WithoutMingle: true})
	ended := make(chan error, 1)
	go func() {
		for ctx.Err() == nil { // until the server can be asked, and will not serve
			if c, err := redis.DialURL(url); err == nil {
				_, err = c.Do("PING")
				c.Close()
				if err != nil && strings.Contains(err.Error(), "LOADING") {
					break
				}
			}
			time.Sleep(5 * time.Millisecond)
		}
		ended <- second.Run(ctx)
	}()
	server.Start()
	close(release)
	for _, res := range results {
		if _, err := res.Get(ctx); err != nil {
			t.Fatalf("a task queued before: %v\n%s", err, log)
		}
	}
	if _, err := held.Get(ctx); err != nil {
		t.Errorf("the task that ran all the time: %v", err)
	}
	testenv.WaitFor(t, time.Minute, "the second worker to be ready", func() bool { return log.has("second@h ready.") })
	second.Warm()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := runs.Load(); n != 3 {
		t.Errorf("3 tasks ran %d times", n)
	}
	for name, l := range map[string]*syncBuffer{"first": first.log, "second": log} {
		if !l.has("LOADING") || !l.has("the server is reading its data") {
			t.Errorf("the %s worker does not say why it waits:\n%s", name, l)
		}
	}
	c = dial(t, url)
	testenv.WaitFor(t, time.Minute, "acknowledgements", func() bool { return length(t, c, "HLEN", "unacked")+length(t, c, "LLEN", "celery") == 0 })
}

// A worker that finds 100 000 messages takes no more than its prefetch limit, in order, and gives back what it has not begun.
func TestDeepQueue(t *testing.T) {
	t.Parallel()
	const all, some = 100_000, 2_000
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: "disabled"})
	enough := make(chan struct{})
	var mu sync.Mutex
	var seen []int
	note := app.MustRegister("note", func(ctx context.Context, i int) {
		mu.Lock()
		defer mu.Unlock()
		if seen = append(seen, i); len(seen) == some {
			close(enough)
		}
	}, celery.TaskOptions{AcksLate: true})
	if _, err := note.Delay(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	c := dial(t, url)
	// The others are copies of the first with an id, a tag and an argument of their own.
	if n, err := redis.Int(c.Do("EVAL", `
		local m = cjson.decode(redis.call('RPOP', KEYS[1]))
		m['properties']['body_encoding'] = 'utf-8'
		local out = {}
		for i = 1, tonumber(ARGV[1]) do
		  m['headers']['id'], m['properties']['correlation_id'], m['properties']['delivery_tag'] = 'id' .. i, 'id' .. i, 'tag' .. i
		  m['body'] = '[[' .. i .. '], {}, {}]'
		  out[#out + 1] = cjson.encode(m)
		  if #out == 1000 then redis.call('LPUSH', KEYS[1], unpack(out)) out = {} end
		end
		return redis.call('LLEN', KEYS[1])`, 1, "celery", all)); err != nil || n != all {
		t.Fatalf("%d messages, %v", n, err)
	}
	w := runWorker(t, app, celery.WorkerOptions{Concurrency: 1, LogLevel: celery.Warning})
	most := 0
	for done := false; !done; {
		select {
		case <-enough:
			done = true
		default:
			most = max(most, length(t, c, "HLEN", "unacked"))
		}
	}
	w.Warm()
	w.end(t)
	mu.Lock()
	defer mu.Unlock()
	for i, n := range seen {
		if n != i+1 {
			t.Fatalf("the task begun as number %d is that of message %d", i+1, n)
		}
	}
	if most > 4 {
		t.Errorf("%d messages held at a prefetch limit of 4", most)
	}
	if left, unacked := length(t, c, "LLEN", "celery"), length(t, c, "HLEN", "unacked"); left+len(seen) != all || unacked != 0 {
		t.Errorf("%d done, %d left, %d unacknowledged of %d", len(seen), left, unacked, all)
	}
	last, err := redis.String(c.Do("LINDEX", "celery", -1))
	if err != nil || !strings.Contains(last, fmt.Sprintf(`"tag%d"`, len(seen)+1)) {
		t.Errorf("the next message is %.300s, want that of %d: %v", last, len(seen)+1, err)
	}
}

// A message of 50 MB goes there and back.
func TestLargeMessage(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
	echo := app.MustRegister("echo", func(s string) string { return s + "!" }, celery.TaskOptions{AcksLate: true})
	runWorker(t, app, celery.WorkerOptions{Concurrency: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	text := strings.Repeat("era5 ", 50<<20/5)
	res, err := echo.Delay(ctx, text)
	if err != nil {
		t.Fatal(err)
	}
	v, err := res.Get(ctx)
	if s, _ := v.(string); err != nil || s != text+"!" {
		t.Fatalf("%d of %d bytes came back: %v", len(s), len(text)+1, err)
	}
	c := dial(t, url)
	testenv.WaitFor(t, time.Minute, "the acknowledgement", func() bool { return length(t, c, "HLEN", "unacked") == 0 })
	res, err = echo.Delay(ctx, "small")
	if err != nil {
		t.Fatal(err)
	}
	if v, err := res.Get(ctx); err != nil || v != "small!" {
		t.Errorf("after the large message: %v %v", v, err)
	}
}

// skewed is a clock that is wrong.
type skewed struct {
	celery.Clock
	by time.Duration
}

func (s skewed) Now() time.Time { return s.Clock.Now().Add(s.by) }

// Workers whose clocks are an hour and more apart: what registers messages is the server's time, so nobody takes another's for
// overdue, and who is alive is judged by when it was heard.
func TestSkewedClocks(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var runs atomic.Int32
	release := make(chan struct{})
	var apps []*celery.App
	var hold *celery.Task
	c := dial(t, url)
	for _, by := range []time.Duration{-90 * time.Minute, 0, 90 * time.Minute} {
		conf := celery.Config{Broker: url, ResultBackend: url, BrokerTransportOptions: map[string]any{
			"visibility_timeout": 60.0, "unacked_restore_interval": 0.1, "unacked_restore_throttle": int64(1)}}
		clock := newApp(t, conf).Config().Clock
		conf.Clock = skewed{clock, by}
		app := newApp(t, conf)
		apps = append(apps, app)
		hold = app.MustRegister("hold", func() { runs.Add(1); <-release }, celery.TaskOptions{AcksLate: true})
	}
	one := 1
	var logs []*syncBuffer
	for i, app := range apps {
		w := runWorker(t, app, celery.WorkerOptions{Concurrency: 1, PrefetchMultiplier: &one, Hostname: fmt.Sprintf("w%d@h", i), TaskEvents: true, HeartbeatInterval: time.Second})
		logs = append(logs, w.log)
	}
	var results []*celery.AsyncResult
	for range apps {
		res, err := hold.Delay(ctx)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, res)
	}
	testenv.WaitFor(t, time.Minute, "every worker to run a task", func() bool { return runs.Load() == int32(len(apps)) })
	now, err := redis.Float64(c.Do("EVAL", "return redis.call('TIME')[1]", 0))
	if err != nil {
		t.Fatal(err)
	}
	scores, err := redis.Float64s(c.Do("EVAL", "local out = {} for i, s in ipairs(redis.call('ZRANGE', 'unacked_index', 0, -1, 'WITHSCORES')) do if i % 2 == 0 then out[#out + 1] = s end end return out", 0))
	if err != nil || len(scores) != len(apps) || slices.ContainsFunc(scores, func(s float64) bool { return s < now-50 || s > now+5 }) {
		t.Errorf("scores %v at the server's %v: %v", scores, now, err)
	}
	// Sweeps, which look at the index ten times a second, have restored nothing when two commands' round trips have passed.
	for i := range apps {
		for range 2 {
			if pong, err := apps[1].Control().Ping(ctx, to(fmt.Sprintf("w%d@h", i))); err != nil || len(pong) != 1 {
				t.Errorf("w%d: %v %v", i, pong, err)
			}
		}
	}
	testenv.WaitFor(t, time.Minute, "the workers to see each other", func() bool {
		return !slices.ContainsFunc(logs, func(l *syncBuffer) bool { return strings.Count(l.String(), "missed heartbeat") > 0 })
	})
	close(release)
	for _, res := range results {
		if _, err := res.Get(ctx); err != nil {
			t.Error(err)
		}
	}
	testenv.WaitFor(t, time.Minute, "acknowledgements", func() bool { return length(t, c, "HLEN", "unacked")+length(t, c, "LLEN", "celery") == 0 })
	if n := runs.Load(); n != int32(len(apps)) {
		t.Errorf("%d tasks ran %d times", len(apps), n)
	}
	for _, l := range logs {
		if l.has("taken over") {
			t.Errorf("a message was taken for overdue:\n%s", l)
		}
	}
}

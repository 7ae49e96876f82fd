// Command celery measures healpipe's worker against Celery's (prefork and threads) and asynq's on one redis-server
// that it starts itself: programs in turn, medians of -runs.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/gomodule/redigo/redis"
)

// peer is a worker program.
type peer struct {
	name  string
	tasks int // of a run: a second or more of work
	eta   int // tasks that wait for their time
	list  string
	held  string // command that counts the tasks it holds
	start func(events bool) (*proc, error)
	fill  func(n int) error
}

// figures are what one worker has shown, in the order of the runs.
type figures struct {
	rate, events, cpu, server, rss, unique, first, idle, etaRSS, etaCPU []float64
	wake                                                                []float64
}

func main() {
	log.SetFlags(0)
	runs := flag.Int("runs", 3, "runs of which the median counts")
	quick := flag.Bool("quick", false, "a tenth of the tasks, one run")
	flag.Parse()
	if err := bench(*runs, *quick); err != nil {
		log.Fatal(err)
	}
}

func bench(runs int, quick bool) error {
	tmp, err := os.MkdirTemp("", "bench-celery-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	ours, asynq := filepath.Join(tmp, "worker"), filepath.Join(tmp, "asynq")
	if err := build("bench/celery/worker", ours); err != nil {
		return err
	}
	if err := build("bench/celery/asynq", asynq); err != nil {
		return err
	}
	srv, err := startRedis()
	if err != nil {
		return err
	}
	defer srv.stop()

	scale := 1
	if quick {
		runs, scale = 1, 10
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	celery := func(pool string) func(bool) (*proc, error) {
		return func(events bool) (*proc, error) {
			args := []string{"-m", "celery", "-A", "peer", "worker", "-P", pool, "-c", "8", "-l", "ERROR"}
			if events {
				args = append(args, "-E")
			}
			return start(filepath.Join(root, "bench/celery"), []string{"BENCH_BROKER=" + srv.url(), "PYTHONDONTWRITEBYTECODE=1", "C_FORCE_ROOT=1"},
				filepath.Join(root, ".venv/bin/python"), args...)
		}
	}
	push := func(n int) error { return fill(srv.conn, n, "bench.noop", "") }
	peers := []*peer{
		{name: "healpipe", tasks: 60000 / scale, eta: 100000 / scale, list: "celery", held: "HLEN", fill: push,
			start: func(events bool) (*proc, error) {
				return start("", nil, ours, "-broker", srv.url(), fmt.Sprintf("-E=%v", events))
			}},
		{name: "Celery prefork", tasks: 4000 / scale, eta: 20000 / scale, list: "celery", held: "HLEN", fill: push, start: celery("prefork")},
		{name: "Celery threads", tasks: 4000 / scale, list: "celery", held: "HLEN", fill: push, start: celery("threads")},
		{name: "asynq", tasks: 20000 / scale, list: "asynq:{default}:pending", held: "LLEN",
			start: func(bool) (*proc, error) { return start("", nil, asynq, "-addr", srv.addr) },
			fill:  func(n int) error { return exec.Command(asynq, "-addr", srv.addr, "-enqueue", fmt.Sprint(n)).Run() }},
	}
	all := make([]figures, len(peers))
	for run := range runs {
		for i, p := range peers {
			log.Printf("run %d/%d: %s", run+1, runs, p.name)
			if err := measure(srv.conn, p, &all[i], run == 0, 500/scale); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	table(os.Stdout, peers, all)
	return nil
}

func build(dir, out string) error {
	cmd := exec.Command("go", "build", "-o", out, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod -buildvcs=false")
	if raw, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", dir, err, raw)
	}
	return nil
}

// measure takes all figures of one worker once; those of waiting ETA tasks in the first run only.
func measure(c redis.Conn, p *peer, f *figures, first bool, samples int) error {
	if err := throughput(c, p, false, f); err != nil {
		return err
	}
	if p.name == "asynq" {
		return nil // no events, and its messages are not Celery's
	}
	if err := throughput(c, p, true, f); err != nil {
		return fmt.Errorf("events: %w", err)
	}
	if err := latency(c, p, f, samples); err != nil {
		return fmt.Errorf("latency: %w", err)
	}
	if first && p.eta > 0 {
		return waiting(c, p, f)
	}
	return nil
}

func throughput(c redis.Conn, p *peer, events bool, f *figures) error {
	if _, err := c.Do("FLUSHALL"); err != nil {
		return err
	}
	if err := p.fill(p.tasks); err != nil {
		return err
	}
	w, err := p.start(events)
	if err != nil {
		return err
	}
	defer w.stop()
	rate, used, server, err := drained(c, w, p.tasks, p.list, p.held)
	if err != nil {
		return err
	}
	if events {
		f.events = append(f.events, rate)
		return nil
	}
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	rss, unique := w.memory()
	f.rate, f.cpu, f.server = append(f.rate, rate), append(f.cpu, us(used)), append(f.server, us(server))
	f.rss, f.unique = append(f.rss, rss), append(f.unique, unique)
	return nil
}

// latency measures from the start of the process to its first task, from push to start while it is idle, and what it takes
// while nothing is pushed.
func latency(c redis.Conn, p *peer, f *figures, samples int) error {
	if _, err := c.Do("FLUSHALL"); err != nil {
		return err
	}
	mark := func() (float64, error) { // ms between push and start
		ns := fmt.Sprint(time.Now().UnixNano())
		if _, err := c.Do("LPUSH", "celery", message("bench.mark", taskID(0), ns, "")); err != nil {
			return 0, err
		}
		v, err := redis.Strings(c.Do("BLPOP", "bench.started", 60))
		if err != nil {
			return 0, err
		}
		d, err := time.ParseDuration(v[1] + "ns")
		return d.Seconds() * 1e3, err
	}
	w, err := p.start(false)
	if err != nil {
		return err
	}
	defer w.stop()
	ms, err := mark()
	if err != nil {
		return err
	}
	f.first = append(f.first, ms)
	for range samples {
		time.Sleep(10 * time.Millisecond)
		if ms, err = mark(); err != nil {
			return err
		}
		f.wake = append(f.wake, ms)
	}
	before, span := w.cpu(), time.Duration(samples)*20*time.Millisecond
	time.Sleep(span)
	f.idle = append(f.idle, 100*(w.cpu()-before).Seconds()/span.Seconds())
	return nil
}

// waiting measures a worker that holds tasks of an hour ahead.
func waiting(c redis.Conn, p *peer, f *figures) error {
	if _, err := c.Do("FLUSHALL"); err != nil {
		return err
	}
	if err := fill(c, p.eta, "bench.noop", time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05.000000-07:00")); err != nil {
		return err
	}
	w, err := p.start(false)
	if err != nil {
		return err
	}
	defer w.stop()
	for begin := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		wait, _, err := left(c, p.list, p.held)
		if err != nil {
			return err
		}
		if wait == 0 {
			break
		}
		if time.Since(begin) > 3*time.Minute {
			return fmt.Errorf("%d ETA tasks are not fetched\n%s", wait, w.log.String())
		}
	}
	time.Sleep(5 * time.Second) // decoding ends
	rss, _ := w.memory()
	before := w.cpu()
	const span = 10 * time.Second
	time.Sleep(span)
	f.etaRSS = append(f.etaRSS, rss)
	f.etaCPU = append(f.etaCPU, 100*(w.cpu()-before).Seconds()/span.Seconds())
	return nil
}

// quantile sorts v.
func quantile(v []float64, q float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[min(len(v)-1, int(q*float64(len(v))))]
}

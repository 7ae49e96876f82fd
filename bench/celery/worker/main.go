// Command worker is healpipe's Celery worker with the two tasks of bench/celery, as peer.py has them for Python.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"

	"healpipe/celery"
	"healpipe/internal/gcfloor"
)

func main() {
	broker := flag.String("broker", "redis://127.0.0.1:6379/0", "broker URL")
	c := flag.Int("c", 8, "concurrency")
	events := flag.Bool("E", false, "send task events")
	floor := flag.Uint64("gcfloor", 12<<20, "least heap at which garbage is collected, as for healpipe's own worker")
	profile := flag.String("cpuprofile", "", "write a profile of the processor time to this file")
	flag.Parse()
	gcfloor.Set(*floor)
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			log.Fatal(err)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			log.Fatal(err)
		}
		defer pprof.StopCPUProfile()
	}
	pool := &redis.Pool{MaxIdle: 8, Dial: func() (redis.Conn, error) { return redis.DialURL(*broker) }}
	app := celery.New(celery.Config{Broker: *broker, TaskIgnoreResult: true, TaskAcksLate: true})
	app.MustRegister("bench.noop", func() {})
	app.MustRegister("bench.mark", func(sent int64) error {
		now := time.Now().UnixNano()
		conn := pool.Get()
		defer conn.Close()
		_, err := conn.Do("RPUSH", "bench.started", now-sent)
		return err
	})
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	opts := celery.WorkerOptions{Concurrency: *c, TaskEvents: *events, Quiet: true}
	if err := app.Worker(opts).Run(ctx); err != nil {
		log.Fatal(err)
	}
}

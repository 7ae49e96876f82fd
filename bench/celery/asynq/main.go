// Command asynq is the peer of bench/celery: an asynq server with the benchmark's no-op task, or, with -enqueue, the
// client that fills its queue. It is a module of its own so that healpipe does not depend on asynq.
package main

import (
	"context"
	"flag"
	"log"

	"github.com/hibiken/asynq"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:6379", "Redis server")
	db := flag.Int("db", 0, "Redis database")
	n := flag.Int("enqueue", 0, "enqueue that many tasks and end")
	c := flag.Int("c", 8, "concurrency")
	flag.Parse()
	opt := asynq.RedisClientOpt{Addr: *addr, DB: *db}
	if *n > 0 {
		client := asynq.NewClient(opt)
		defer client.Close()
		for range *n {
			if _, err := client.Enqueue(asynq.NewTask("bench.noop", nil)); err != nil {
				log.Fatal(err)
			}
		}
		return
	}
	mux := asynq.NewServeMux()
	mux.HandleFunc("bench.noop", func(context.Context, *asynq.Task) error { return nil })
	if err := asynq.NewServer(opt, asynq.Config{Concurrency: *c, LogLevel: asynq.ErrorLevel}).Run(mux); err != nil {
		log.Fatal(err)
	}
}

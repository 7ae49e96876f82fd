// Package celery is Celery 5 in Go: an app with tasks, a worker that shares queues, events, remote control, results
// and canvas with Python workers, and a client in the shape of Python's, so that Celery's own guide reads as its manual.
// The wire is package kombu's.
//
//	app := celery.New(celery.Config{Name: "tasks", Broker: "redis://localhost:6379/0"})
//	app.Register("tasks.add", func(ctx context.Context, x, y int) (int, error) { return x + y, nil },
//		celery.TaskOptions{Params: []string{"x", "y"}, AcksLate: true})
//	err := app.Worker(celery.WorkerOptions{Concurrency: 8, LogLevel: celery.Info}).Run(ctx)
//
// # Celery's guide in Go
//
// The chapters of Celery's user guide and what stands for them here; each name has an example or a comment of its own:
//
//	Application    New, Config, Config.ApplySettings (settings by Celery's names)
//	Tasks          App.Register, TaskOptions, CurrentRequest, Request.Retry, Request.UpdateState, Errorf, Exception, Reject, Ignore
//	Calling Tasks  Task.Delay, Task.ApplyAsync, App.SendTask, Options; AsyncResult.Get, Follow (on_message), Each (iterate)
//	Canvas         Task.S, Task.SI, App.Signature, Chain, Group, Chord, Map, Starmap, Chunks, Signature.Link, LinkError, Set, Stamp, Or (|)
//	Workers        App.Worker, WorkerOptions, Worker.HandleSignals; App.Control, Inspect, App.RegisterControl
//	Monitoring     App.CaptureEvents, Request.SendEvent; Flower and `celery events` need nothing of their own
//	Routing        Config.Queues, Routes, Routers; Options.Queue, Exchange, RoutingKey, Priority
//	Optimizing     WorkerOptions.Concurrency, PrefetchMultiplier, Config.WorkerDisablePrefetch, TaskOptions.AcksLate
//	Signals        TaskOptions.BeforeStart, OnSuccess, OnFailure, OnRetry, AfterReturn; WorkerOptions.Ready; Worker.Run returns at the shutdown
//	Testing        package celerytest, Task.Apply
//
// Periodic tasks, Django's transactions and worker bootsteps are Python's: `celery beat` runs beside a Go worker.
//
// # Loops
//
// A running worker is a handful of loops, each a small type with Run(ctx) error in a file of its own:
//
//	receiver    consume.go    messages -> pool, scheduler, rate limit queues, or refused with the reason in the log
//	scheduler   eta.go        tasks with a time to come, one heap and one timer
//	pool        pool.go       goroutines that run tasks, c at a time
//	dispatcher  events.go     task events gathered into task.multi, bounded, never waited for
//	heart       heartbeat.go  worker-heartbeat every 2 s
//	bus         bus.go        remote control commands and the peers' worker events
//	scaler      autoscale.go  grows and shrinks the pool
//
// # Life of a message
//
//	received -> [scheduled] -> reserved -> active -> done
//
// A message stays unacknowledged in Redis (and its score renewed) until it is acknowledged: when the task starts, or
// with AcksLate when its outcome has been stored. Every phase ends in an acknowledgement, a rejection, or the message
// being given back.
//
// # Shutdown
//
//	             Warm()                          Soft()
//	running ----------------> warm       running --------> soft
//	   |                       |  tasks done               |  tasks done or the timeout
//	   |        Cold()         v                           v
//	   +--------------------> cold <------- Cold() --------+
//	                           |
//	                           v
//	                        stopped
//
//	warm   fetching stops; reserved and scheduled messages are given back at once; running tasks end; ping and the
//	       other commands are answered meanwhile; then acknowledgements and events are flushed, worker-offline is sent.
//	soft   as warm, but no longer than the timeout, then cold.
//	cold   the contexts of running tasks are cancelled; late ones stay unacknowledged and are given back, early ones are
//	       recorded as cancelled.
//
// A second call can only move towards stopped. Cancelling Run's context is Cold.
//
// # Limits
//
// A goroutine cannot be killed: at the hard time limit, on terminate and in a cold shutdown a task is given up, its
// context cancelled and its slot reused; tasks that ignore their context go on in the background. One process holds all
// slots, so max-tasks-per-child and max-memory-per-child have nothing to restart. Pickle is refused.
package celery

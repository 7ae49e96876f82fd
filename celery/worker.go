package celery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"healpipe/celery/kombu"
)

// WorkerOptions configure a worker, as the options of `celery worker` do. The zero value works.
type WorkerOptions struct {
	Concurrency        int           // -c; Config.WorkerConcurrency, then the number of CPUs
	Queues             []string      // -Q; all of Config.Queues, or the default queue
	ExcludeQueues      []string      // -X
	Hostname           string        // -n; celery@%h. %h, %n and %d are expanded
	LogLevel           Level         // -l; WARNING
	Logfile            string        // -f; standard error. %h, %n, %d and %i are expanded
	LogWriter          io.Writer     // instead of Logfile
	Pool               string        // -P; shown in the banner and stats: goroutine
	TaskEvents         bool          // -E
	Quiet              bool          // no banner
	NoColor            bool          // no colours, even on a terminal
	PlainLog           bool          // lines in Celery's format, whatever the settings say: for programs that read them
	Stdout             io.Writer     // for the banner; os.Stdout
	PrefetchMultiplier *int          // --prefetch-multiplier
	Autoscale          [2]int        // --autoscale max,min; max 0: off
	TimeLimit          time.Duration // --time-limit
	SoftTimeLimit      time.Duration // --soft-time-limit
	MaxTasksPerChild   int           // --max-tasks-per-child: without effect, which the log says: goroutines need no recycling
	MaxMemoryPerChild  int           // --max-memory-per-child, KiB: the same
	WithoutGossip      bool
	WithoutMingle      bool
	WithoutHeartbeat   bool
	HeartbeatInterval  time.Duration // --heartbeat-interval; 2 s
	StateDB            string        // --statedb: file that keeps revoked ids over a restart
	Purge              bool          // --purge: delete what waits in the queues first
	Ready              func()        // called once the worker consumes
}

// Worker consumes queues and runs tasks. One Worker runs once.
type Worker struct {
	app  *App
	opts WorkerOptions
	node string
	log  *logger
	conf *Config

	concurrency int
	multiplier  int

	conn   *kombu.Connection
	back   backend
	state  *workerState
	recv   *receiver
	sched  *scheduler
	pool   *pool
	events *dispatcher
	bus    *bus
	scaler *scaler

	io        context.Context // for Redis calls: ends when the worker has stopped, or has given up an absent broker in a shutdown
	stopIO    context.CancelFunc
	tasks     context.Context // the parent of the tasks' contexts
	stopTasks context.CancelCauseFunc
	started   time.Time

	counters workerCounters

	stopMu   sync.Mutex
	stage    stage
	stageCh  chan struct{} // closed and renewed with every change of stage
	exitCode int

	logClose io.Closer
}

// stage is how far a shutdown has come; see the drawing in the package comment.
type stage int

const (
	running stage = iota
	warm
	soft
	cold
)

// Worker makes a worker of the app. Options out of range are reported by Run.
func (a *App) Worker(opts WorkerOptions) *Worker {
	w := &Worker{app: a, opts: opts, conf: &a.conf, node: DefaultNodename(opts.Hostname), stageCh: make(chan struct{})}
	w.concurrency = opts.Concurrency
	if w.concurrency == 0 {
		w.concurrency = a.conf.WorkerConcurrency
	}
	if w.concurrency <= 0 {
		w.concurrency = runtime.GOMAXPROCS(0)
	}
	if opts.Autoscale[0] > 0 {
		w.concurrency = max(1, opts.Autoscale[1])
	}
	w.multiplier = a.conf.prefetchMultiplier()
	if opts.PrefetchMultiplier != nil {
		w.multiplier = max(0, *opts.PrefetchMultiplier)
	}
	if a.conf.WorkerDisablePrefetch {
		w.multiplier = 1 // no more messages than slots
	}
	if w.opts.LogLevel == 0 {
		w.opts.LogLevel = Warning
	}
	if w.opts.Pool == "" {
		w.opts.Pool = "goroutine"
	}
	if w.opts.HeartbeatInterval <= 0 {
		w.opts.HeartbeatInterval = 2 * time.Second
	}
	if w.opts.Stdout == nil {
		w.opts.Stdout = os.Stdout
	}
	return w
}

// Nodename returns the worker's full name, such as celery@host.
func (w *Worker) Nodename() string { return w.node }

// ExitCode returns what a program should exit with after Run: 0 after a warm shutdown, 1 after a cold one.
func (w *Worker) ExitCode() int {
	w.stopMu.Lock()
	defer w.stopMu.Unlock()
	return w.exitCode
}

// Warm starts a warm shutdown: running tasks end, everything else is given back.
func (w *Worker) Warm() { w.advance(warm) }

// Soft starts a soft shutdown: warm for at most Config.WorkerSoftShutdown, then cold. Without such a timeout, or with
// nothing running, it is cold at once.
func (w *Worker) Soft() { w.advance(soft) }

// Cold starts a cold shutdown: running tasks are cancelled and, where possible, given back.
func (w *Worker) Cold() { w.advance(cold) }

func (w *Worker) advance(s stage) {
	w.stopMu.Lock()
	defer w.stopMu.Unlock()
	if s <= w.stage {
		return
	}
	w.stage = s
	close(w.stageCh)
	w.stageCh = make(chan struct{})
}

// current returns the stage and a channel that is closed when it changes.
func (w *Worker) current() (stage, <-chan struct{}) {
	w.stopMu.Lock()
	defer w.stopMu.Unlock()
	return w.stage, w.stageCh
}

// Run runs the worker until it is shut down. It returns nil after a shutdown, and an error if it could not start; a
// broker that is away is waited for, not an error.
func (w *Worker) Run(ctx context.Context) error {
	if err := w.openLog(); err != nil {
		return err
	}
	defer w.closeLog()
	io, stopIO := context.WithCancel(context.WithoutCancel(ctx))
	defer stopIO()
	w.io, w.stopIO = io, stopIO
	w.tasks, w.stopTasks = context.WithCancelCause(context.WithoutCancel(ctx))
	defer w.stopTasks(nil)
	stopWatch := context.AfterFunc(ctx, w.Cold)
	defer stopWatch()

	w.started = w.app.clock.Now()
	w.state = newWorkerState(w.app.clock)
	if err := w.loadState(); err != nil {
		return err
	}
	if !w.opts.Quiet {
		fmt.Fprint(w.opts.Stdout, w.banner())
	}
	if len(w.conf.idle) > 0 {
		w.log.warnf("Settings that mean nothing to this worker: %s", strings.Join(w.conf.idle, ", "))
	}
	w.sayPool()
	if err := w.checkQueues(); err != nil {
		return err
	}
	if err := w.connect(); err != nil || w.conn == nil {
		return err
	}
	defer w.disconnect()
	if w.opts.Purge {
		if err := w.purge(); err != nil {
			return err
		}
	}
	return w.serve()
}

// sayPool tells how this worker does what was asked for of Celery's pools.
func (w *Worker) sayPool() {
	if w.opts.Pool != "goroutine" {
		w.log.infof("Pool %s: tasks run as goroutines of this process, %d at a time", w.opts.Pool, w.concurrency)
	}
	if w.opts.MaxTasksPerChild > 0 || w.opts.MaxMemoryPerChild > 0 {
		w.log.warnf("max-tasks-per-child and max-memory-per-child have no effect: goroutines are not recycled. " +
			"To bound the memory of the process set GOMEMLIMIT or a limit of its service or container")
	}
}

// connect reaches the broker and the result backend, however long it takes; nil without a connection if the worker is
// shut down meanwhile.
func (w *Worker) connect() error {
	for try := 1; ; try++ {
		ctx, cancel := w.untilStopped()
		conn, err := w.app.dial(ctx, w.log)
		if err == nil {
			if w.back, err = w.app.newBackend(ctx, conn, w.log); err == nil {
				cancel()
				w.conn = conn
				w.log.infof("Connected to %s", conn.String())
				return nil
			}
			_ = conn.Close()
		}
		stopped := ctx.Err() != nil
		cancel()
		if stopped {
			return nil
		}
		if !errors.Is(err, kombu.ErrConnection) || w.conf.startsOnce() || try == w.conf.BrokerMaxRetries {
			return err
		}
		wait := time.Duration(min(2*try, 32)) * time.Second
		limit := "no limit"
		if n := w.conf.BrokerMaxRetries; n > 0 {
			limit = strconv.Itoa(n)
		}
		w.log.errorf("consumer: Cannot connect to %s: %v.\nTrying again in %d.00 seconds... (%d/%s)\n",
			maskURL(w.conf.Broker), err, int(wait.Seconds()), try, limit)
		if !w.sleep(wait) {
			return nil
		}
	}
}

// untilStopped returns a context that ends with the first shutdown request.
func (w *Worker) untilStopped() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(w.io)
	s, changed := w.current()
	if s != running {
		cancel()
		return ctx, cancel
	}
	go func() {
		select {
		case <-changed:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// sleep waits; false if a shutdown came first.
func (w *Worker) sleep(d time.Duration) bool {
	ctx, cancel := w.untilStopped()
	defer cancel()
	timer, stop := w.app.clock.Timer(d)
	defer stop()
	select {
	case <-timer:
		return true
	case <-ctx.Done():
		return false
	}
}

func (w *Worker) disconnect() {
	if w.back != nil {
		_ = w.back.close()
	}
	_ = w.conn.Close()
}

// serve starts the loops, waits for a shutdown and carries it out.
func (w *Worker) serve() error {
	w.events = newDispatcher(w.conn, w.app, w.node, w.log, w.opts.TaskEvents || w.conf.WorkerSendTaskEvents)
	w.counters.events.Store(w.events)
	w.recv = &receiver{worker: w, buckets: map[string]*tokenBucket{}, base: w.concurrency * w.multiplier}
	w.sched = newScheduler(w.app.clock, w.recv.due)
	w.bus = newBus(w)

	loops, stopLoops := context.WithCancel(w.io)
	defer stopLoops()
	var wg sync.WaitGroup
	start := func(run func(context.Context) error) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := run(loops); err != nil {
				w.log.errorf("celery: a loop ended: %v", err)
			}
		}()
	}
	ctx, cancel := w.untilStopped()
	err := w.startUp(ctx, start)
	stopped := ctx.Err() != nil
	cancel()
	if err == nil {
		w.shutdown()
	}
	stopLoops()
	w.bus.close()
	if w.pool != nil {
		w.pool.resize(0)
	}
	wg.Wait()
	if stopped {
		return nil
	}
	return err
}

// startUp brings the worker to where it consumes.
func (w *Worker) startUp(ctx context.Context, start func(func(context.Context) error)) error {
	if err := w.bus.listen(ctx); err != nil {
		return err
	}
	start(w.bus.Run)
	if !w.opts.WithoutMingle {
		w.mingle(ctx)
	}
	w.pool = newPool(w.concurrency, w.run)
	start(w.events.Run)
	start(w.sched.Run)
	queues := w.selectQueues()
	prefetch := w.recv.base
	stay := context.AfterFunc(ctx, w.stopIO) // the broker may be away again
	consumer, err := w.conn.Consume(w.io, kombu.ConsumerOptions{Queues: queues, Prefetch: prefetch,
		Refill: refill(prefetch, w.concurrency), Connected: w.connected, Lost: w.lost})
	stay()
	if err != nil {
		return err
	}
	w.recv.mu.Lock()
	w.recv.consumer = consumer
	w.recv.mu.Unlock()
	w.sendWorkerEvent(ctx, "worker-online", w.opts.HeartbeatInterval)
	if !w.opts.WithoutHeartbeat {
		start((&heart{w, w.opts.HeartbeatInterval}).Run)
	}
	if w.opts.Autoscale[0] > 0 {
		w.scaler = newScaler(w, w.opts.Autoscale[0], w.opts.Autoscale[1])
		start(w.scaler.Run)
	}
	start(w.recv.Run)
	w.log.infof("%s ready.", w.node)
	if w.opts.Ready != nil {
		w.opts.Ready()
	}
	return nil
}

// refill is how many prefetch slots are to be free before more messages are fetched: half of those beyond the pool's.
func refill(prefetch, slots int) int { return max(1, (prefetch-slots)/2) }

// lost is called when a peer has taken a message over: a task that has not started must not run twice.
func (w *Worker) lost(d *kombu.Delivery) {
	id := d.Message.Properties.CorrelationID
	if r := w.state.holding(d); r != nil {
		id = r.ID
		r.acknowledged.Store(true)
	}
	w.counters.takenOver.Add(1)
	w.log.warnf("Message %s of task %s was taken over by another worker", d.Tag, id)
}

// connected is called when the connection of the consumer is lost or has come back.
func (w *Worker) connected(up bool) {
	if up {
		w.counters.connections.Add(1)
		return
	}
	if s, _ := w.current(); s == running {
		w.log.warnf("consumer: Connection to broker lost. Trying to re-establish the connection...")
		if w.conf.WorkerCancelOnConnectionLoss {
			go w.cancelUnacknowledged()
		}
	}
}

// checkQueues refuses queues that nobody declared where they are not to be made.
func (w *Worker) checkQueues() error {
	for _, name := range w.opts.Queues {
		if w.app.undeclared(name) {
			return fmt.Errorf("%w worker queues: trying to select queue subset of [%s], but queue %s isn't defined in the `task_queues` setting; "+
				"to declare unknown queues automatically enable the `task_create_missing_queues` setting", ErrSetting, strings.Join(w.opts.Queues, ", "), name)
		}
	}
	return nil
}

// selectQueues is what -Q and -X leave of the configured queues.
func (w *Worker) selectQueues() []Queue {
	var names []string
	switch {
	case len(w.opts.Queues) > 0:
		names = w.opts.Queues
	case len(w.conf.Queues) > 0:
		for _, q := range w.conf.Queues {
			names = append(names, q.Name)
		}
	default:
		names = []string{w.conf.DefaultQueue}
	}
	var queues []Queue
	for _, name := range names {
		if !slices.Contains(w.opts.ExcludeQueues, name) {
			queues = append(queues, w.app.queueNamed(name))
		}
	}
	if w.conf.WorkerDirect {
		queues = append(queues, Queue{Name: w.node + ".dq2", Exchange: Exchange{Name: "C.dq2", Type: kombu.Direct}, RoutingKey: w.node})
	}
	return queues
}

func (w *Worker) purge() error {
	n := 0
	for _, q := range w.selectQueues() {
		k, err := w.conn.Purge(w.io, q.Name)
		if err != nil {
			return err
		}
		n += k
	}
	if n > 0 {
		fmt.Fprintf(w.opts.Stdout, "purge: Erased %d message%s from the queue.\n\n", n, pluralS(n))
	}
	return nil
}

// resizePool changes the number of slots and the prefetch limit with it.
func (w *Worker) resizePool(n int) {
	n = max(0, n)
	delta := n - w.pool.size()
	w.pool.resize(n)
	w.recv.mu.Lock()
	base := w.recv.base
	w.recv.mu.Unlock()
	if base > 0 {
		w.recv.setBase(max(1, base+delta*w.multiplier))
	}
}

// openLog opens the log file, or standard error.
func (w *Worker) openLog() error {
	work, task, err := w.logFormats()
	if err != nil {
		return err
	}
	out, color := io.Writer(os.Stderr), false
	switch {
	case w.opts.LogWriter != nil:
		out = w.opts.LogWriter
	case w.opts.Logfile != "":
		f, err := os.OpenFile(ExpandNode(w.opts.Logfile, w.node), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return fmt.Errorf("celery: log file: %w", err)
		}
		out, w.logClose = f, f
	default:
		if st, err := os.Stderr.Stat(); err == nil && !w.opts.NoColor {
			color = st.Mode()&os.ModeCharDevice != 0 && !w.conf.WorkerLogColorOff
		}
	}
	w.log = newLogger(out, w.opts.LogLevel, color, w.app.clock.Now)
	w.log.work, w.log.task = work, task
	return nil
}

// logFormats are the formats that the settings ask for; nil: Celery's own.
func (w *Worker) logFormats() (work, task *logFormat, err error) {
	if w.opts.PlainLog {
		return nil, nil, nil
	}
	if c := w.conf; c.WorkerLogFormat != "" || c.WorkerLogDateFormat != "" {
		if work, err = parseLogFormat("worker_log_format", orDefault(c.WorkerLogFormat, processLogFormat), c.WorkerLogDateFormat, false); err != nil {
			return nil, nil, err
		}
	}
	if c := w.conf; c.WorkerTaskLogFormat != "" || c.WorkerTaskLogDateFormat != "" {
		task, err = parseLogFormat("worker_task_log_format", orDefault(c.WorkerTaskLogFormat, taskLogFormat), c.WorkerTaskLogDateFormat, true)
	}
	return work, task, err
}

func (w *Worker) closeLog() {
	if w.logClose != nil {
		_ = w.logClose.Close()
	}
}

// appName is how the banner names the app.
func (w *Worker) appName() string {
	name := w.conf.Name
	if name == "" {
		name = "__main__"
	}
	return name + ":0x" + strconv.FormatUint(uint64(uintptrOf(w.app)), 16)
}

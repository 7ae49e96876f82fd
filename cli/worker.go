package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"healpipe/celery"
	"healpipe/config"
)

// workerCommand has the options of `celery worker`; what a Go worker has no use for is accepted, and what
// it cannot do is refused in one line.
func (p *program) workerCommand() *cli.Command {
	list := func(name, alias, usage string) cli.Flag {
		return &cli.StringFlag{Name: name, Aliases: strings.Fields(alias), Usage: usage}
	}
	return &cli.Command{
		Name:      "worker",
		Usage:     "run a worker",
		ArgsUsage: "[-- SETTING=VALUE...]",
		Flags: append(logFlags("standard error"),
			&cli.StringFlag{Name: "hostname", Aliases: []string{"n"}, Usage: "node name; %h, %n and %d are the host, its first part, its domain"},
			&cli.StringFlag{Name: "loglevel", Aliases: []string{"l"}, Value: "WARNING", Usage: "DEBUG, INFO, WARNING, ERROR, CRITICAL or FATAL"},
			&cli.StringFlag{Name: "pidfile", Usage: "write the process id here (%n, %h, %d as in --logfile); refuse to start where another worker lives"},
			&cli.StringFlag{Name: "concurrency", Aliases: []string{"c"}, Usage: "tasks at a time (default: the number of CPUs; auto is the same)"},
			&cli.StringFlag{Name: "pool", Aliases: []string{"P"}, Value: "goroutine", Usage: "goroutine; prefork, threads, gevent, eventlet are taken for it, solo is -c 1"},
			&cli.BoolFlag{Name: "task-events", Aliases: []string{"E", "events"}, Usage: "send task events from the start"},
			&cli.Float64Flag{Name: "time-limit", Usage: "hard time limit of a task in seconds"},
			&cli.Float64Flag{Name: "soft-time-limit", Usage: "soft time limit of a task in seconds"},
			&cli.IntFlag{Name: "max-tasks-per-child", Usage: "accepted; goroutines are not recycled"},
			&cli.IntFlag{Name: "max-memory-per-child", Usage: "accepted; goroutines are not recycled"},
			&cli.StringFlag{Name: "pool-start-method", Hidden: true},
			&cli.StringFlag{Name: "optimization", Aliases: []string{"O"}, Usage: "accepted: scheduling is always fair"},
			&cli.IntFlag{Name: "prefetch-multiplier", Value: 4, Usage: "messages reserved for each task at a time; 0 is no limit"},
			&cli.BoolFlag{Name: "disable-prefetch", Usage: "reserve a message only when a task can start"},
			&cli.BoolFlag{Name: "purge", Aliases: []string{"discard"}, Usage: "delete what waits in the queues first"},
			list("queues", "Q", "queues to consume, separated by commas"),
			list("exclude-queues", "X", "queues not to consume"),
			list("include", "I", "accepted: tasks are part of the binary"),
			&cli.BoolFlag{Name: "without-gossip"}, &cli.BoolFlag{Name: "without-mingle"}, &cli.BoolFlag{Name: "without-heartbeat"},
			&cli.IntFlag{Name: "heartbeat-interval", Usage: "seconds between heartbeats (default: 2)"},
			&cli.StringFlag{Name: "autoscale", Usage: "MAX,MIN tasks at a time"},
			&cli.StringFlag{Name: "statedb", Aliases: []string{"S"}, Usage: "file that keeps revoked ids over a restart"},
			&cli.StringFlag{Name: "metrics-addr", Usage: "serve /metrics for Prometheus on this address, such as 127.0.0.1:9464"},
			&cli.BoolFlag{Name: "beat", Aliases: []string{"B"}, Hidden: true},
			&cli.StringFlag{Name: "schedule-filename", Aliases: []string{"s", "schedule"}, Hidden: true},
			&cli.StringFlag{Name: "scheduler", Hidden: true},
			&cli.BoolFlag{Name: "detach", Aliases: []string{"D"}, Hidden: true},
			&cli.StringFlag{Name: "uid", Hidden: true}, &cli.StringFlag{Name: "gid", Hidden: true},
			&cli.StringFlag{Name: "umask", Hidden: true}, &cli.StringFlag{Name: "executable", Hidden: true},
		),
		Action: p.worker,
	}
}

func (p *program) worker(c *cli.Context) error {
	if err := refuse(c); err != nil {
		return err
	}
	opts, err := p.workerOptions(c)
	if err != nil {
		return err
	}
	cfg, err := p.brokerSettings(c)
	if err != nil {
		return err
	}
	conf, err := celeryConfig(cfg, appName(c))
	if err != nil {
		return err
	}
	if err := applyWords(&conf, c.Args().Slice()); err != nil {
		return err
	}
	conf.WorkerDisablePrefetch = conf.WorkerDisablePrefetch || c.Bool("disable-prefetch")
	s := newSite(cfg)
	if s.log, err = openLog(c.String("log-format"), &opts); err != nil {
		return err
	}
	defer s.log.close()
	traffic := s.watchStorage()
	if err := s.limit(opts, conf); err != nil {
		return err
	}
	addr := c.String("metrics-addr")
	if addr != "" {
		s.metrics = newMetrics()
	}
	app := celery.New(conf)
	defer app.Close()
	if err := s.register(app, appName(c)); err != nil {
		return err
	}
	if path := celery.ExpandNode(c.String("pidfile"), celery.DefaultNodename(opts.Hostname)); path != "" {
		remove, err := writePidfile(path)
		if err != nil {
			return err
		}
		defer remove()
	}
	w := app.Worker(opts)
	if addr != "" {
		ctx, stop := context.WithCancel(c.Context)
		defer stop()
		queues := opts.Queues
		if len(queues) == 0 {
			for _, q := range app.Queues() {
				queues = append(queues, q.Name)
			}
		}
		s.metrics.know(taskNames(appName(c)))
		s.metrics.watch(w, traffic, &queueCollector{dial: app.Dial, queues: queues})
		if addr, err = s.metrics.serve(ctx, addr); err != nil {
			return err
		}
		p.announce(s.log, "metrics are served at http://"+addr+"/metrics")
	}
	signals := w.HandleSignals()
	defer signals.Stop()
	if err := w.Run(c.Context); err != nil {
		return err
	}
	if signals.Restart() {
		return reexec()
	}
	if code := w.ExitCode(); code != 0 {
		return silentError{code}
	}
	return nil
}

// limit makes the tasks keep within what this machine, or the container, has.
func (s *site) limit(o celery.WorkerOptions, conf celery.Config) error {
	tasks := cmp.Or(max(o.Concurrency, o.Autoscale[0]), conf.WorkerConcurrency, runtime.GOMAXPROCS(0))
	if files, err := config.SystemProbe().OpenFiles(); err == nil {
		if err := checkOpenFiles(files, tasks); err != nil {
			return err
		}
	}
	s.room = newRoom()
	s.regridder.Memory = s.room.regridMemory(tasks)
	return nil
}

// announce tells of something before the worker has opened its log.
func (p *program) announce(l *workLog, message string) {
	if l.json != nil {
		l.json.Info(message, "logger", "healpipe")
		return
	}
	fmt.Fprintf(p.stderr, "%s: %s\n", p.name, message)
}

// refuse names what this worker does not do and what to use instead.
func refuse(c *cli.Context) error {
	for name, instead := range map[string]string{
		"beat":   "-B: an embedded beat is not part of this worker; run `celery beat` beside it",
		"detach": "-D: this worker stays in the foreground; run it under systemd (deploy/healpipe-worker.service) or with `nohup ... &`",
		"uid":    "--uid: start the worker as that user instead (User= in systemd)",
		"gid":    "--gid: start the worker in that group instead (Group= in systemd)",
		"umask":  "--umask: set the mask before the start instead (UMask= in systemd)",
	} {
		if c.IsSet(name) {
			return usagef("%s", instead)
		}
	}
	return nil
}

func (p *program) workerOptions(c *cli.Context) (celery.WorkerOptions, error) {
	o := celery.WorkerOptions{
		Queues: splitList(c.String("queues")), ExcludeQueues: splitList(c.String("exclude-queues")),
		Hostname: c.String("hostname"), Logfile: c.String("logfile"),
		TaskEvents: c.Bool("task-events"), Quiet: c.Bool("quiet"), NoColor: c.Bool("no-color"), Stdout: p.stdout,
		TimeLimit: seconds(c.Float64("time-limit")), SoftTimeLimit: seconds(c.Float64("soft-time-limit")),
		MaxTasksPerChild: c.Int("max-tasks-per-child"), MaxMemoryPerChild: c.Int("max-memory-per-child"),
		WithoutGossip: c.Bool("without-gossip"), WithoutMingle: c.Bool("without-mingle"), WithoutHeartbeat: c.Bool("without-heartbeat"),
		HeartbeatInterval: time.Duration(c.Int("heartbeat-interval")) * time.Second,
		StateDB:           c.String("statedb"), Purge: c.Bool("purge"),
	}
	var err error
	if o.LogLevel, err = celery.ParseLevel(c.String("loglevel")); err != nil {
		return o, oneOf(c, "loglevel", strings.ToUpper(c.String("loglevel")), levels...)
	}
	if n := c.String("concurrency"); n != "" && n != "auto" {
		if o.Concurrency, err = strconv.Atoi(n); err != nil || o.Concurrency < 0 {
			return o, badOption(c, "concurrency", "must be a non-negative integer or 'auto', got '%s'", n)
		}
	}
	for name, choices := range map[string][]string{"optimization": {"default", "fair"}, "pool-start-method": {"fork", "spawn"}} {
		if c.IsSet(name) {
			if err := oneOf(c, name, c.String(name), choices...); err != nil {
				return o, err
			}
		}
	}
	if c.IsSet("prefetch-multiplier") {
		n := c.Int("prefetch-multiplier")
		o.PrefetchMultiplier = &n
	}
	switch pool := c.String("pool"); pool {
	case "goroutine", "prefork", "processes", "threads", "gevent", "eventlet":
		o.Pool = pool
	case "solo":
		o.Pool, o.Concurrency = pool, 1
	default:
		return o, oneOf(c, "pool", pool, "goroutine", "prefork", "eventlet", "gevent", "solo", "processes", "threads")
	}
	if s := c.String("autoscale"); s != "" {
		if o.Autoscale, err = parseAutoscale(s); err != nil {
			return o, badOption(c, "autoscale", "%w", err)
		}
	}
	return o, nil
}

// parseAutoscale reads MAX,MIN in either order, or MAX.
func parseAutoscale(s string) (bounds [2]int, err error) {
	parts := strings.Split(s, ",")
	if len(parts) > 2 {
		return bounds, fmt.Errorf("Expected two comma separated integers or one integer.Got %d instead.", len(parts))
	}
	for i, part := range parts {
		if bounds[i], err = strconv.Atoi(strings.TrimSpace(part)); err != nil || bounds[i] < 0 {
			if len(parts) == 1 {
				return bounds, fmt.Errorf("Expected an integer. Got ['%s'] instead.", s)
			}
			return bounds, fmt.Errorf("Expected two comma separated integers.Got %s instead.", s)
		}
	}
	if bounds[0] < bounds[1] {
		bounds[0], bounds[1] = bounds[1], bounds[0]
	}
	if bounds[0] == 0 {
		return bounds, errors.New("the maximum must be 1 or more")
	}
	return bounds, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func splitList(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// reexec replaces the process by a new one of the same program and arguments.
func reexec() error {
	path, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(path, os.Args, os.Environ())
}

// writePidfile creates path with this process's id, over a file whose process is gone.
func writePidfile(path string) (remove func(), err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if text, err := os.ReadFile(path); err == nil {
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err == nil && pid != os.Getpid() && syscall.Kill(pid, 0) != syscall.ESRCH {
			return nil, fmt.Errorf("the pidfile %s belongs to the running process %d: stop that, or choose another --pidfile", path, pid)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, fmt.Errorf("--pidfile: %w", err)
	}
	defer f.Close()
	_, err = fmt.Fprintln(f, os.Getpid())
	return func() { os.Remove(path) }, err
}

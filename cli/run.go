package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/urfave/cli/v2"

	"healpipe/celery"
	"healpipe/config"
	"healpipe/index"
)

func (p *program) runCommand() *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "the whole pipeline on this machine, with an embedded broker: index, regrid, init, curate",
		Flags: append(logFlags("none"),
			&cli.IntFlag{Name: "concurrency", Aliases: []string{"c"}, Usage: "tasks at a time (default: the number of CPUs)"},
			&cli.StringFlag{Name: "from", Usage: "first start date, compared as text", Value: "1980"},
			&cli.StringFlag{Name: "to", Usage: "end of the start dates, not included", Value: "2025"},
		),
		Action: func(c *cli.Context) error {
			cfg, err := p.settings(c)
			if err != nil {
				return err
			}
			ctx, stop := interruptible(c.Context)
			defer stop()
			return p.run(ctx, cfg, runOptions{
				app: appName(c), concurrency: c.Int("concurrency"), from: c.String("from"), to: c.String("to"), logfile: c.String("logfile"), logFormat: c.String("log-format"),
			})
		},
	}
}

type runOptions struct {
	app         string
	concurrency int
	from, to    string
	logfile     string // "": no log
	logFormat   string // "celery" or "json"
}

// run does the pipeline's steps one after the other, the tasks through Celery as a fleet would, on a broker
// that lives in this process.
func (p *program) run(ctx context.Context, cfg *config.Config, o runOptions) error {
	if err := cfg.Require("ERA5_ROOTS", "OUTPUT_BUCKET", "ZARR_PATH"); err != nil {
		return err
	}
	broker := miniredis.NewMiniRedis()
	if err := broker.StartAddr("127.0.0.1:0"); err != nil {
		return fmt.Errorf("the embedded broker: %w", err)
	}
	defer broker.Close()
	cfg.CeleryBroker, cfg.ResultBackend = "redis://"+broker.Addr()+"/0", ""

	s := newSite(cfg)
	progress := &progress{out: p.stderr}
	s.observe = progress.done
	app := celery.New(bareConfig(cfg, o.app)) // the settings are for the site's own broker
	defer app.Close()
	if err := s.register(app, o.app); err != nil {
		return err
	}
	stopWorker, err := s.startWorker(ctx, app, o)
	if err != nil {
		return err
	}
	defer stopWorker()

	step := func(name, task string, sel index.Selection) error {
		if len(sel.Missing) > 0 {
			fmt.Fprintf(p.stderr, "%s: no file of %s\n", name, strings.Join(sel.Missing, " "))
		}
		finished := progress.begin(name, len(sel.Files))
		if err := send(ctx, app, o.app+"."+task, sel.Files); err != nil {
			return err
		}
		select {
		case <-finished:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}

	sel, err := s.regridWithoutIndex(ctx, o.from, o.to)
	if err != nil {
		return err
	}
	if err := step("regrid", "regrid_file", sel); err != nil {
		return err
	}
	if _, err := s.updateIndex(ctx); err != nil {
		return err
	}
	if _, err := s.initStore(ctx, func(why error) { fmt.Fprintf(p.stderr, "init: %v\n", why) }); err != nil {
		return err
	}
	if sel, err = s.curateTodo(ctx, nil); err != nil {
		return err
	}
	if err := step("curate", "process", sel); err != nil {
		return err
	}
	return progress.failure()
}

// regridWithoutIndex selects what is to be regridded from a fresh listing.
func (s *site) regridWithoutIndex(ctx context.Context, from, to string) (index.Selection, error) {
	roots, err := s.inputs()
	if err != nil {
		return index.Selection{}, err
	}
	r, w := io.Pipe()
	go func() {
		_, err := index.Create(w, index.Names(ctx, roots), index.WriterOptions{})
		w.CloseWithError(err)
	}()
	defer r.Close()
	return s.selectRegrid(ctx, index.NewReader(r, "the index of "+strings.Join(s.cfg.ERA5Roots, ", ")), from, to)
}

// startWorker runs a worker in this process and waits until it consumes.
func (s *site) startWorker(ctx context.Context, app *celery.App, o runOptions) (stop func(), err error) {
	ready := make(chan struct{})
	opts := celery.WorkerOptions{
		Concurrency: o.concurrency, Quiet: true, Stdout: io.Discard, LogLevel: celery.Info, LogWriter: io.Discard,
		WithoutGossip: true, WithoutMingle: true, Ready: sync.OnceFunc(func() { close(ready) }),
	}
	if o.logfile != "" {
		opts.Logfile, opts.LogWriter = o.logfile, nil
	}
	if s.log, err = openLog(o.logFormat, &opts); err != nil {
		return nil, err
	}
	s.watchStorage()
	if err := s.limit(opts, app.Config()); err != nil {
		return nil, err
	}
	w := app.Worker(opts)
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	select {
	case <-ready:
	case err := <-ended:
		return nil, errors.Join(errors.New("the worker did not start"), err)
	}
	return func() {
		w.Warm()
		<-ended
		s.log.close()
	}, nil
}

// progress counts the tasks of a step and says how it goes.
type progress struct {
	out io.Writer

	mu       sync.Mutex
	name     string
	total    int
	count    int
	started  time.Time
	finished chan struct{}
	failed   []error
}

// begin starts a step of n tasks; the channel is closed when all have run.
func (p *progress) begin(name string, n int) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name, p.total, p.count, p.started, p.finished = name, n, 0, time.Now(), make(chan struct{})
	if n == 0 {
		fmt.Fprintf(p.out, "%s: nothing to do\n", name)
		close(p.finished)
	}
	return p.finished
}

func (p *progress) done(file string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	if err != nil {
		p.failed = append(p.failed, err)
		fmt.Fprintf(p.out, "%s: %v\n", p.name, err)
	} else {
		fmt.Fprintf(p.out, "%s: %d of %d, %s\n", p.name, p.count, p.total, file)
	}
	if p.count == p.total {
		fmt.Fprintf(p.out, "%s: %s in %s\n", p.name, plural(p.total, "file"), time.Since(p.started).Round(10*time.Millisecond))
		close(p.finished)
	}
}

// failure sums up the tasks that failed; each was told of when it did.
func (p *progress) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.failed) == 0 {
		return nil
	}
	return fmt.Errorf("%s failed, see above", plural(len(p.failed), "task"))
}

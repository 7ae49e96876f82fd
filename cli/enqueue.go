package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"healpipe/celery"
	"healpipe/config"
	"healpipe/curate"
	"healpipe/index"
)

func (p *program) enqueueCommand() *cli.Command {
	dry := &cli.BoolFlag{Name: "dry-run", Usage: "print the files, one on a line, and send nothing"}
	return &cli.Command{
		Name:  "enqueue",
		Usage: "send the tasks that are still to be done",
		Subcommands: []*cli.Command{
			{
				Name:  "regrid",
				Usage: "input files of the index whose regridded file is not in OUTPUT_BUCKET",
				Flags: []cli.Flag{dry,
					&cli.StringFlag{Name: "index", Usage: "index of the input files, from `healpipe index create`", Value: "index.csv"},
					&cli.StringFlag{Name: "from", Usage: "first start date, compared as text", Value: "1980"},
					&cli.StringFlag{Name: "to", Usage: "end of the start dates, not included", Value: "2025"},
				},
				Action: func(c *cli.Context) error { return p.enqueue(c, "regrid_file", (*site).regridTodo) },
			},
			{
				Name:   "curate",
				Usage:  "regridded files of which the store has no chunk yet",
				Flags:  []cli.Flag{dry},
				Action: func(c *cli.Context) error { return p.enqueue(c, "process", (*site).curateTodo) },
			},
		},
	}
}

// enqueue finds the files that todo selects and sends a task for each, or prints them.
func (p *program) enqueue(c *cli.Context, task string, todo func(*site, context.Context, *cli.Context) (index.Selection, error)) error {
	if c.Args().Present() {
		return usagef("enqueue takes no arguments, got %q", c.Args().First())
	}
	cfg, err := p.settings(c)
	if err != nil {
		return err
	}
	s := newSite(cfg)
	ctx, stop := interruptible(c.Context)
	defer stop()
	sel, err := todo(s, ctx, c)
	if err != nil {
		return err
	}
	if len(sel.Missing) > 0 {
		fmt.Fprintf(p.stderr, "%s: no file of: %s\n", p.name, strings.Join(sel.Missing, " "))
	}
	if len(sel.NoArray) > 0 {
		fmt.Fprintf(p.stderr, "%s: the store has no array for: %s (make them with `healpipe init`)\n", p.name, strings.Join(sel.NoArray, " "))
	}
	if c.Bool("dry-run") {
		for _, f := range sel.Files {
			fmt.Fprintln(p.stdout, f)
		}
		return nil
	}
	app, err := p.client(c)
	if err != nil {
		return err
	}
	defer app.Close()
	if err := send(ctx, app, appName(c)+"."+task, sel.Files); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s of %s sent to %s\n", plural(len(sel.Files), "task"), plural(sel.Total, "file"), config.MaskURL(cfg.CeleryBroker))
	return nil
}

// sendersAtOnce is how many messages are under way at a time: a round trip each, so that order in the
// queue is kept only roughly, which the tasks do not need.
const sendersAtOnce = 8

// send sends a task for each file.
func send(ctx context.Context, app *celery.App, task string, files []string) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(sendersAtOnce)
	for _, f := range files {
		g.Go(func() error {
			_, err := app.SendTask(ctx, task, []any{f}, nil, celery.Options{})
			return err
		})
	}
	return g.Wait()
}

// regridTodo selects the input files of --index that are still to be regridded.
func (s *site) regridTodo(ctx context.Context, c *cli.Context) (index.Selection, error) {
	csv := c.String("index")
	f, err := os.Open(csv)
	if errors.Is(err, fs.ErrNotExist) {
		return index.Selection{}, fmt.Errorf("%w: make it with `healpipe index create %s`", err, csv)
	}
	if err != nil {
		return index.Selection{}, err
	}
	defer f.Close()
	return s.selectRegrid(ctx, index.NewReader(f, csv), c.String("from"), c.String("to"))
}

func (s *site) selectRegrid(ctx context.Context, rows *index.Reader, from, to string) (index.Selection, error) {
	out, err := s.output(s.cfg.OutputProfile)
	if err != nil {
		return index.Selection{}, err
	}
	done, err := index.DoneIn(ctx, out)
	if err != nil {
		return index.Selection{}, err
	}
	return index.SelectRegrid(rows.All(), index.RegridQuery{Names: curate.Variables(), From: from, To: to, Done: done})
}

// curateTodo selects the regridded files that are still to be written into the store.
func (s *site) curateTodo(ctx context.Context, _ *cli.Context) (index.Selection, error) {
	out, err := s.output(s.cfg.OutputProfile)
	if err != nil {
		return index.Selection{}, err
	}
	rows, closeIndex, err := index.Open(ctx, out)
	if errors.Is(err, fs.ErrNotExist) {
		return index.Selection{}, fmt.Errorf("%w: make it with `healpipe index update`", err)
	}
	if err != nil {
		return index.Selection{}, err
	}
	defer closeIndex()
	st, err := s.store()
	if err != nil {
		return index.Selection{}, err
	}
	present, err := st.Presence(ctx)
	if err != nil {
		return index.Selection{}, err
	}
	return index.SelectCurate(rows.All(), index.CurateQuery{
		Names: curate.Variables(), TimeRange: s.cfg.TimeRange, TimeChunk: s.cfg.TimeChunk,
		Store: present,
	})
}

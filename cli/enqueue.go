package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"healpipe/celery"
	"healpipe/config"
	"healpipe/curate"
	"healpipe/index"
	"healpipe/netcdf"
	"healpipe/zarr"
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
				Flags:  []cli.Flag{dry, &cli.BoolFlag{Name: "verify", Usage: "also files of which the store has a part: looks into shared chunks"}},
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
	if err := cfg.Require("CELERY_BROKER"); err != nil {
		return err
	}
	conf, err := celeryConfig(cfg, appName(c))
	if err != nil {
		return err
	}
	app := celery.New(conf)
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
			_, err := app.Signature(task, f).Delay(ctx) // as delay(f) in the scripts
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
func (s *site) curateTodo(ctx context.Context, c *cli.Context) (index.Selection, error) {
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
	var seen []index.Entry
	all := rows.All()
	if c != nil && c.Bool("verify") {
		all = func(yield func(index.Record, error) bool) {
			for rec, err := range rows.All() {
				if err == nil {
					seen = append(seen, rec.Entry)
				}
				if !yield(rec, err) {
					return
				}
			}
		}
	}
	sel, err := index.SelectCurate(all, index.CurateQuery{
		Names: curate.Variables(), TimeRange: s.cfg.TimeRange, TimeChunk: s.cfg.TimeChunk,
		Store: present,
	})
	if err != nil || seen == nil {
		return sel, err
	}
	sel.Files, err = s.incomplete(ctx, st, present, seen, sel)
	return sel, err
}

// verifiersAtOnce is how many files are compared with the store at a time.
const verifiersAtOnce = 4

// incomplete adds to the selected files those that the store has only in part. One that cannot be compared,
// because it or what the store has of it is damaged, is among them: its task says what is wrong.
func (s *site) incomplete(ctx context.Context, st *curate.Store, present *curate.Presence, entries []index.Entry, sel index.Selection) ([]string, error) {
	selected := map[string]bool{}
	for _, f := range sel.Files {
		selected[f] = true
	}
	wanted := make([]bool, len(entries))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(verifiersAtOnce)
	for i, e := range entries {
		switch {
		case selected[e.File]:
			wanted[i] = true
			continue
		case slices.Contains(sel.NoArray, e.Name) || !slices.Contains(curate.Variables(), e.Name):
			continue
		}
		g.Go(func() error {
			in, key, err := s.opener.File(e.File, s.cfg.OutputProfile)
			if err != nil {
				return err
			}
			coverage, err := st.Verify(ctx, present, in, key, e.Name, e.Start, e.End)
			for _, damage := range []error{curate.ErrInput, curate.ErrTime, netcdf.ErrCorrupt, zarr.ErrCorrupt, fs.ErrNotExist} {
				if errors.Is(err, damage) {
					coverage, err = curate.Partial, nil
				}
			}
			wanted[i] = coverage != curate.Complete
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var files []string
	for i, e := range entries {
		if wanted[i] {
			files = append(files, e.File)
		}
	}
	return files, nil
}

package cli

import (
	"errors"
	"fmt"
	"path"

	"github.com/urfave/cli/v2"

	"healpipe/index"
)

func (p *program) indexCommand() *cli.Command {
	return &cli.Command{
		Name:  "index",
		Usage: "list files by their names",
		Subcommands: []*cli.Command{
			{
				Name:      "create",
				Usage:     "index of the input files in ERA5_ROOTS",
				ArgsUsage: "OUT.csv",
				Action:    p.indexCreate,
			},
			{
				Name:   "update",
				Usage:  "index of the regridded files in OUTPUT_BUCKET, stored there as index.csv",
				Action: p.indexUpdate,
			},
		},
	}
}

func (p *program) indexCreate(c *cli.Context) error {
	if c.NArg() != 1 {
		return usagef("index create needs the name of the file to write, - for standard output: healpipe index create OUT.csv")
	}
	cfg, err := p.settings(c)
	if err != nil {
		return err
	}
	s := newSite(cfg)
	roots, err := s.inputs()
	if err != nil {
		return err
	}
	ctx, stop := interruptible(c.Context)
	defer stop()
	out := c.Args().First()
	if out == "-" {
		res, err := index.Create(p.stdout, index.Names(ctx, roots), index.WriterOptions{})
		return errors.Join(err, p.indexed(c, "standard output", res))
	}
	st, key, err := s.opener.File(out, "")
	if err != nil {
		return err
	}
	if err := fits("writing "+out, placeOf("OUT.csv", path.Dir(out), "")); err != nil {
		return err
	}
	w, err := st.Create(ctx, key)
	if err != nil {
		return err
	}
	defer w.Abort()
	res, err := index.Create(w, index.Names(ctx, roots), index.WriterOptions{})
	if err != nil {
		return err
	}
	if _, err := w.Commit(); err != nil {
		return err
	}
	return p.indexed(c, out, res)
}

// indexed reports what an index holds and what was left out of it.
func (p *program) indexed(c *cli.Context, out string, res index.Result) error {
	for _, err := range res.Skipped {
		fmt.Fprintf(p.stderr, "%s: left out: %v\n", p.name, err)
	}
	if !c.Bool("quiet") {
		fmt.Fprintf(p.stderr, "%s: %s of %s\n", out, plural(res.Rows, "row"), plural(res.Names, "name"))
	}
	return nil
}

func (p *program) indexUpdate(c *cli.Context) error {
	cfg, err := p.settings(c)
	if err != nil {
		return err
	}
	s := newSite(cfg)
	ctx, stop := interruptible(c.Context)
	defer stop()
	if err := fits("writing "+index.FileName, s.outputPlace()); err != nil {
		return err
	}
	res, err := s.updateIndex(ctx)
	if err != nil {
		return err
	}
	return p.indexed(c, index.Join(cfg.OutputBucket, index.FileName), res)
}

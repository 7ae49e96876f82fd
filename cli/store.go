package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/urfave/cli/v2"

	"healpipe/config"
	"healpipe/curate"
	"healpipe/index"
)

func (p *program) initCommand() *cli.Command {
	return &cli.Command{
		Name:  "init",
		Usage: "create the arrays that the store at ZARR_PATH lacks",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "cf", Usage: "with a CF grid mapping (crs, cell_ids), by which xarray and xdggs find the HEALPix grid"}},
		Action: func(c *cli.Context) error {
			cfg, err := p.settings(c)
			if err != nil {
				return err
			}
			ctx, stop := interruptible(c.Context)
			defer stop()
			s := newSite(cfg)
			if err := fits("making the store's arrays", s.storePlace()); err != nil {
				return err
			}
			s.gridMapping = c.Bool("cf")
			created, err := s.initStore(ctx, func(why error) {
				fmt.Fprintf(p.stderr, "%s: the array levels is left for a later init: %v\n", p.name, why)
			})
			if err != nil {
				return err
			}
			if !c.Bool("quiet") {
				if len(created) == 0 {
					fmt.Fprintf(p.stderr, "%s: nothing to do, all arrays are there\n", cfg.ZarrPath)
				} else {
					fmt.Fprintf(p.stderr, "%s: created %s\n", cfg.ZarrPath, strings.Join(created, " "))
				}
			}
			return nil
		},
	}
}

func (p *program) curateCommand() *cli.Command {
	return &cli.Command{
		Name:      "curate",
		Usage:     "write regridded files into the store, without a broker",
		ArgsUsage: "FILE...",
		Flags:     []cli.Flag{statisticsFlag()},
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return usagef("curate needs the files to write: healpipe curate FILE...")
			}
			cfg, err := p.settings(c)
			if err != nil {
				return err
			}
			if c.Bool("statistics") {
				statisticsBeside(cfg)
			}
			s := newSite(cfg)
			s.room = newRoom()
			ctx, stop := interruptible(c.Context)
			defer stop()
			var failed []error
			for _, file := range c.Args().Slice() {
				if err := s.process(ctx, file); err != nil {
					failed = append(failed, err)
				} else if !c.Bool("quiet") {
					fmt.Fprintf(p.stderr, "%s: written into %s\n", file, cfg.ZarrPath)
				}
			}
			return errors.Join(failed...)
		},
	}
}

// statisticsFlag asks for statistics where STATISTICS_PATH does not.
func statisticsFlag() cli.Flag {
	return &cli.BoolFlag{Name: "statistics", Usage: "leave each file's statistics in STATISTICS_PATH, or beside the store"}
}

// statisticsBeside gives STATISTICS_PATH, where it is not set, a folder beside the store.
func statisticsBeside(cfg *config.Config) {
	if cfg.StatisticsPath == "" && cfg.ZarrPath != "" {
		cfg.StatisticsPath = strings.TrimRight(cfg.ZarrPath, "/") + ".statistics"
	}
}

func (p *program) statisticsCommand() *cli.Command {
	return &cli.Command{
		Name:  "statistics",
		Usage: "merge the statistics that files have left, and print them as JSON",
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("statistics takes no arguments, got %q", c.Args().First())
			}
			cfg, err := p.settings(c)
			if err != nil {
				return err
			}
			statisticsBeside(cfg)
			st, err := newSite(cfg).store()
			if err != nil {
				return err
			}
			ctx, stop := interruptible(c.Context)
			defer stop()
			merged, err := st.MergeStatistics(ctx)
			if err != nil {
				return err
			}
			if len(merged.Variables) == 0 {
				return fmt.Errorf("no statistics in %s: set STATISTICS_PATH, or use `healpipe curate --statistics`", cfg.StatisticsPath)
			}
			out := json.NewEncoder(p.stdout)
			out.SetIndent("", "  ")
			return out.Encode(merged)
		},
	}
}

// layout is the store's layout by the settings.
func (s *site) layout() curate.Layout {
	c := s.cfg
	return curate.Layout{
		Time:      curate.Axis{Start: c.TimeRange.Start, Step: c.TimeRange.Step, N: c.TimeRange.N},
		TimeChunk: c.TimeChunk, Epoch: c.StartTime, TimeUnits: c.TimeUnits, Levels: c.Levels, OutputLevel: c.OutputLevel,
		GridMapping: s.gridMapping,
	}
}

// store opens the store, once for all tasks of the process.
func (s *site) store() (*curate.Store, error) {
	s.storeOnce.Do(func() {
		if s.storeErr = s.cfg.Require("ZARR_PATH"); s.storeErr != nil {
			return
		}
		st, err := s.opener.Root(s.cfg.ZarrPath, s.cfg.ZarrProfile)
		if err != nil {
			s.storeErr = err
			return
		}
		var o curate.Options
		if s.cfg.StatisticsPath != "" {
			if o.Statistics, s.storeErr = s.opener.Root(s.cfg.StatisticsPath, s.cfg.ZarrProfile); s.storeErr != nil {
				return
			}
		}
		s.curated, s.storeErr = curate.Open(st, s.layout(), o)
	})
	return s.curated, s.storeErr
}

// initStore creates what the store lacks and returns the names of the new arrays. The pressure levels come
// from the first file of u in the output index; while there is none, noLevels is told why.
func (s *site) initStore(ctx context.Context, noLevels func(why error)) (created []string, err error) {
	st, err := s.store()
	if err != nil {
		return nil, err
	}
	return st.Init(ctx, func(ctx context.Context) (curate.Levels, error) {
		levels, err := s.levels(ctx)
		if errors.Is(err, curate.ErrNoLevels) {
			noLevels(err)
		}
		return levels, err
	})
}

func (s *site) levels(ctx context.Context) (curate.Levels, error) {
	root, err := s.output(s.cfg.OutputProfile)
	if err != nil {
		return curate.Levels{}, err
	}
	f, err := root.Open(ctx, index.FileName)
	if errors.Is(err, fs.ErrNotExist) {
		return curate.Levels{}, fmt.Errorf("%w: make it with `healpipe index update`", err)
	}
	if err != nil {
		return curate.Levels{}, err
	}
	defer f.Close()
	file, err := curate.LevelFile(io.NewSectionReader(f, 0, f.Info().Size))
	if err != nil {
		return curate.Levels{}, fmt.Errorf("%s: %w", index.Join(s.cfg.OutputBucket, index.FileName), err)
	}
	in, key, err := s.opener.File(file, s.cfg.OutputProfile)
	if err != nil {
		return curate.Levels{}, err
	}
	return curate.ReadLevels(ctx, in, key)
}

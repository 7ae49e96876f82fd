package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"healpipe/config"
	"healpipe/netcdf/era5"
)

// demoMark is the first line of the demo's config.py, by which a later demo knows its own folder.
const demoMark = "# Made by `healpipe demo`, which empties this folder when it is run again."

const demoConfig = demoMark + `
import pandas as pd

TIME_CHUNK = 24
TIME_RANGE = pd.date_range("1940", "2100", freq="1h")
START_TIME = pd.Timestamp("1900-01-01")
TIME_UNITS = "minutes since 1900-1-1 0:0:0"
LEVELS = 37
OUTPUT_LEVEL = 6
ERA5_ROOTS = ["ERA5_sfc", "ERA5_pl", "ERA5_1h_acc_precip"]
ERA5_PROFILE = ""
OUTPUT_BUCKET = "ERA5_HPX6"
OUTPUT_PROFILE = ""
ZARR_PATH = "output.zarr"
ZARR_PROFILE = ""
`

func (p *program) demoCommand() *cli.Command {
	return &cli.Command{
		Name:      "demo",
		Usage:     "the whole pipeline on a small generated data set, with an embedded broker",
		ArgsUsage: "[FOLDER]",
		Action: func(c *cli.Context) error {
			dir := "demo"
			if c.NArg() > 0 {
				dir = c.Args().First()
			}
			ctx, stop := interruptible(c.Context)
			defer stop()
			return p.demo(ctx, dir)
		},
	}
}

func (p *program) demo(ctx context.Context, dir string) error {
	start := time.Now()
	if err := prepareDemo(dir); err != nil {
		return err
	}
	home, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := os.Chdir(dir); err != nil { // the paths in config.py are relative to it
		return err
	}
	defer os.Chdir(home)
	fmt.Fprintf(p.stderr, "making input files in %s\n", dir)
	if err := generate(ctx, era5.Demo()); err != nil {
		return err
	}
	cfg, err := config.Load(config.Options{Env: func(string) (string, bool) { return "", false }})
	if err != nil {
		return err
	}
	if err := p.run(ctx, cfg, runOptions{app: "tasks", from: "1980", to: "2025", logfile: "worker.log"}); err != nil {
		return err
	}
	return p.demoSummary(dir, time.Since(start))
}

// prepareDemo makes an empty folder with a config.py. It removes nothing but what a demo has made.
func prepareDemo(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		text, _ := os.ReadFile(filepath.Join(dir, "config.py"))
		if !strings.HasPrefix(string(text), demoMark) {
			return fmt.Errorf("the folder %s is in use and not by a demo: name another one, healpipe demo FOLDER", dir)
		}
		for _, name := range []string{"ERA5_sfc", "ERA5_pl", "ERA5_1h_acc_precip", "ERA5_HPX6", "output.zarr", "worker.log"} {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.py"), []byte(demoConfig), 0o666)
}

// generate writes the input files, the largest first, on all cores.
func generate(ctx context.Context, specs []era5.Spec) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(min(runtime.GOMAXPROCS(0), 4)) // a pressure-level file takes some 400 MB while it is made
	for _, kind := range []era5.Kind{era5.PressureLevel, era5.Surface, era5.Accumulated} {
		for _, s := range specs {
			if s.Kind != kind {
				continue
			}
			g.Go(func() error {
				if err := os.MkdirAll(s.Folder(), 0o777); err != nil {
					return err
				}
				f, err := os.Create(filepath.FromSlash(s.Path()))
				if err != nil {
					return err
				}
				return errors.Join(era5.Write(ctx, f, s), f.Close())
			})
		}
	}
	return g.Wait()
}

// demoSummary says what is where and how to open it. The working folder is the demo's.
func (p *program) demoSummary(dir string, took time.Duration) error {
	fmt.Fprintf(p.stdout, "\nIn %s:\n", took.Round(100*time.Millisecond))
	for _, part := range []struct{ name, what string }{
		{"ERA5_sfc", "surface fields in the archive's layout: 2t, and sstk with a land mask"},
		{"ERA5_pl", "pressure-level fields, 37 levels: t, u"},
		{"ERA5_1h_acc_precip", "accumulated precipitation: tp"},
		{"ERA5_HPX6", "the same on HEALPix, nside 64, and index.csv"},
		{"output.zarr", "the Zarr store"},
		{"worker.log", "what the worker logged"},
	} {
		files, bytes, err := measure(part.name)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "  %-30s %9s %9.1f MB  %s\n", filepath.Join(dir, part.name), plural(files, "file"), float64(bytes)/1e6, part.what)
	}
	fmt.Fprintf(p.stdout, `
Open the store in Python (pip install xarray zarr):
  import xarray as xr
  ds = xr.open_zarr(%q)
  print(ds["2t"].sel(time="2000-01-01T00").values)         # 49152 cells, nested order
  print(ds["u"].sel(time="2000-01-01T01", levels=500.0).values)
`, filepath.Join(dir, "output.zarr"))
	return nil
}

// measure counts the files below path and their bytes.
func measure(path string) (files int, bytes int64, err error) {
	err = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			files++
			bytes += info.Size()
		}
		return err
	})
	return files, bytes, err
}

// Command curate compares `process` by healpipe with the same by xarray and zarr-python: a surface file of
// 744 hours, and 24 hours on 37 levels (one shard), nside 64, into local stores that hold the same hours
// already. Wall time of whole processes (start-up and imports included), time without start-up, CPU time and
// peak memory, in interleaved runs; medians and ratios. Both must write the same values.
//
//	go run ./bench/curate [-rounds 5]
//
// It needs the tests' Python environment (make env).
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"healpipe/curate"
	"healpipe/storage"
)

//go:embed peer.py
var peer string

func main() {
	rounds := flag.Int("rounds", 5, "runs of each program")
	python := flag.String("python", ".venv/bin/python", "interpreter with xarray and zarr")
	child := flag.Bool("child", false, "process the file of the second argument into the store of the first")
	keep := flag.String("dir", "", "folder for the files and stores, kept (default: a temporary one)")
	flag.Parse()
	err := error(nil)
	if *child {
		err = process(flag.Arg(0), flag.Arg(1))
	} else {
		err = compare(*rounds, *python, *keep)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "curate:", err)
		os.Exit(1)
	}
}

// layout is that of the workflow.
func layout() curate.Layout {
	return curate.Layout{
		Time:      curate.Axis{Start: time.Date(1940, 1, 1, 0, 0, 0, 0, time.UTC), Step: time.Hour, N: 1402561},
		TimeChunk: 24, Epoch: time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), TimeUnits: "minutes since 1900-1-1 0:0:0",
		Levels: 37, OutputLevel: 6,
	}
}

// process is the child: it prints the seconds without start-up.
func process(store, file string) error {
	start := time.Now()
	s, err := curate.Open(storage.NewLocal(store), layout(), curate.Options{})
	if err != nil {
		return err
	}
	dir, name := filepath.Split(file)
	if err := s.Process(context.Background(), storage.NewLocal(dir), name); err != nil {
		return err
	}
	fmt.Println(time.Since(start).Seconds())
	return nil
}

// cost is what a whole process took.
type cost struct {
	wall, inner, cpu float64 // seconds
	peak             float64 // MB
}

func compare(rounds int, python, keep string) error {
	dir := keep
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "bench-curate-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	script := filepath.Join(dir, "peer.py")
	if err := os.WriteFile(script, []byte(peer), 0o666); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "levels.nc")); err != nil {
		if _, err := run(python, script, "make", dir); err != nil {
			return err
		}
	}
	goStore, pyStore := filepath.Join(dir, "go.zarr"), filepath.Join(dir, "py.zarr")
	for _, path := range []string{goStore, pyStore} {
		if err := initStore(path, dir); err != nil {
			return err
		}
	}
	for _, file := range []string{"surface.nc", "levels.nc"} {
		path := filepath.Join(dir, file)
		var ours, theirs []cost
		for i := range rounds + 1 {
			g, err := run(os.Args[0], "-child", goStore, path)
			if err != nil {
				return err
			}
			p, err := run(python, script, "process", pyStore, path)
			if err != nil {
				return err
			}
			if i > 0 { // the first round fills caches and stores
				ours, theirs = append(ours, g), append(theirs, p)
			}
		}
		report(file, median(ours), median(theirs))
	}
	if _, err := run(python, script, "same", goStore, pyStore); err != nil {
		return err
	}
	g, err := size(goStore)
	if err != nil {
		return err
	}
	p, err := size(pyStore)
	if err != nil {
		return err
	}
	fmt.Printf("size of the stores: healpipe %.1f MB, zarr-python %.1f MB, ratio %.3f\n", g, p, g/p)
	return nil
}

func initStore(path, dir string) error {
	s, err := curate.Open(storage.NewLocal(path), layout(), curate.Options{})
	if err != nil {
		return err
	}
	_, err = s.Init(context.Background(), func(ctx context.Context) (curate.Levels, error) {
		return curate.ReadLevels(ctx, storage.NewLocal(dir), "levels.nc")
	})
	return err
}

// run runs a program to its end. The last thing that it prints may be the seconds without start-up.
func run(name string, args ...string) (cost, error) {
	syscall.Sync() // what the run before left to be written must not wait for this one's syncs
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	start := time.Now()
	out, err := cmd.Output()
	c := cost{wall: time.Since(start).Seconds()}
	if err != nil {
		return c, fmt.Errorf("%s: %w", strings.Join(append([]string{name}, args...), " "), err)
	}
	c.inner, _ = strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	c.cpu = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	c.peak = float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) / 1024 // Linux: KiB
	return c, nil
}

func median(costs []cost) cost {
	pick := func(get func(cost) float64) float64 {
		var v []float64
		for _, c := range costs {
			v = append(v, get(c))
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	return cost{
		pick(func(c cost) float64 { return c.wall }), pick(func(c cost) float64 { return c.inner }),
		pick(func(c cost) float64 { return c.cpu }), pick(func(c cost) float64 { return c.peak }),
	}
}

func report(what string, g, p cost) {
	fmt.Printf("%s\n", what)
	fmt.Printf("  %-26s %10s %18s %8s\n", "", "healpipe", "xarray+zarr-python", "ratio")
	row := func(name string, g, p float64) { fmt.Printf("  %-26s %10.2f %18.2f %8.2f\n", name, g, p, p/g) }
	row("wall, s", g.wall, p.wall)
	row("without start-up, s", g.inner, p.inner)
	row("CPU, s", g.cpu, p.cpu)
	row("peak memory, MB", g.peak, p.peak)
}

func size(dir string) (mb float64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		fi, err := d.Info()
		if err == nil {
			mb += float64(fi.Size()) / 1e6
		}
		return err
	})
	return mb, err
}

// Command zarr compares writing and reading of the pipeline's arrays with zarr-python and with zarrs (the Rust
// codec pipeline under zarr-python): time within the process, time of the whole process with start-up and
// imports, peak memory, and compressed size, in interleaved runs. It prints medians and ratios; above 1 the
// peer is slower or larger.
//
//	go run ./bench/zarr [-rounds 5]
//
// The jobs work on fields of the reference answers (tests/testdata/cdo), tiled to 744 hours:
//
//	surface   write 744 hours of a surface field, chunks (24, 49152)
//	shard     write 24 hours on 37 levels, one shard of inner chunks (24, 1, 49152)
//	hours     write 12 of the 24 hours of that shard again
//	series    read one cell's 744 hours of the surface field
//	map       read one hour of the surface field
//	level     read one hour on one level of the shard
//
// It needs the tests' Python environment (make env).
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

var jobs = []string{"surface", "shard", "hours", "series", "map", "level"}

// repeats is how often a process does a reading job; its median counts.
const repeats = 7

var programs = []string{"healpipe", "zarr-python", "zarrs"}

// cost is what one process took.
type cost struct {
	inside, wall float64 // seconds
	peak         float64 // bytes
}

func main() {
	rounds := flag.Int("rounds", 5, "processes for each job and program")
	python := flag.String("python", ".venv/bin/python", "interpreter with zarr and zarrs")
	field := flag.String("field", "tests/testdata/cdo/2t_1h_025deg.hp64.nc", "netCDF file with a field to tile")
	child := flag.String("child", "", "do this job in the folder of the first argument")
	flag.Parse()
	var err error
	if *child != "" {
		err = work(*child, flag.Arg(0))
	} else {
		err = compare(*rounds, *python, *field)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/zarr:", err)
		os.Exit(1)
	}
}

func compare(rounds int, python, field string) error {
	dir, err := os.MkdirTemp("", "bench-zarr-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if out, err := exec.Command(python, "-c", prepare, field, dir).CombinedOutput(); err != nil {
		return fmt.Errorf("making the values: %w\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	costs := map[string][]cost{} // by job and program
	for round := range rounds {
		for _, job := range jobs {
			for i := range programs {
				p := programs[(round+i)%len(programs)] // no program always follows the same one
				var cmd *exec.Cmd
				if p == "healpipe" {
					cmd = exec.Command(self, "-child", job, dir)
				} else {
					cmd = exec.Command(python, "-c", peer, p, job, dir, fmt.Sprint(repeats))
				}
				c, err := run(cmd)
				if err != nil {
					return fmt.Errorf("%s %s: %w", p, job, err)
				}
				costs[job+" "+p] = append(costs[job+" "+p], c)
			}
		}
	}
	report(costs)
	return sizes(dir)
}

// run measures one process; it prints its own seconds.
func run(cmd *exec.Cmd) (cost, error) {
	var stderr strings.Builder
	cmd.Stderr = &stderr
	start := time.Now()
	out, err := cmd.Output()
	if err != nil {
		return cost{}, fmt.Errorf("%w\n%s", err, stderr.String())
	}
	c := cost{wall: time.Since(start).Seconds()}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.peak = float64(u.Maxrss) * 1024
	}
	return c, json.Unmarshal(out, &c.inside)
}

func median(list []cost, of func(cost) float64) float64 {
	v := make([]float64, len(list))
	for i, c := range list {
		v[i] = of(c)
	}
	slices.Sort(v)
	return v[len(v)/2]
}

func report(costs map[string][]cost) {
	measures := []struct {
		name, unit string
		scale      float64
		of         func(cost) float64
	}{
		{"without start-up", "ms", 1e3, func(c cost) float64 { return c.inside }},
		{"whole process", "ms", 1e3, func(c cost) float64 { return c.wall }},
		{"peak memory", "MB", 1e-6, func(c cost) float64 { return c.peak }},
	}
	for _, m := range measures {
		fmt.Printf("%s (%s, medians)\n%-9s", m.name, m.unit, "")
		for _, p := range programs {
			fmt.Printf("%14s", p)
		}
		for _, p := range programs[1:] {
			fmt.Printf("%14s", "vs "+p)
		}
		fmt.Println()
		for _, job := range jobs {
			fmt.Printf("%-9s", job)
			ours := median(costs[job+" healpipe"], m.of)
			for _, p := range programs {
				fmt.Printf("%14.1f", m.scale*median(costs[job+" "+p], m.of))
			}
			for _, p := range programs[1:] {
				fmt.Printf("%13.2fx", median(costs[job+" "+p], m.of)/ours)
			}
			fmt.Println()
		}
		fmt.Println()
	}
}

// sizes compares what the programs stored.
func sizes(dir string) error {
	size := map[string]float64{}
	for _, p := range programs {
		err := filepath.WalkDir(filepath.Join(dir, p), func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			i, err := d.Info()
			if err == nil {
				size[p] += float64(i.Size())
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	fmt.Println("stored bytes")
	for _, p := range programs {
		fmt.Printf("%-12s %11.0f  %.4f of healpipe's\n", p, size[p], size[p]/size["healpipe"])
	}
	return nil
}

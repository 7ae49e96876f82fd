// Command index compares the index of a million names written by healpipe with the same made by pandas:
// wall time, CPU time and peak memory of whole processes, start-up and imports included, in interleaved
// runs, and prints medians and ratios. Both read the names from one file, a line each, and must write the
// same bytes.
//
//	go run ./bench/index [-names 1000000] [-rounds 3]
//
// It needs the tests' Python environment (make env).
package main

import (
	"bufio"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"healpipe/index"
)

// peer is the index as a pandas user writes it: Python's re over all names, records, a DataFrame, to_csv.
const peer = `
import datetime, re, sys
import pandas as pd

NAME = re.compile(
    r"[^\n]*?(?:e5\.oper\.an\.(?:sfc|pl)\.(?P<table>\d+)_(?P<param>\d+)_(?P<name>\w+)\.ll025(?:sc|uv)"
    r"\.(?P<first>\d{10})_(?P<last>\d{10})\.nc|e5\.accumulated_tp_1h\.(?P<month>\d{6})\.nc)")

def hour(s):
    return datetime.datetime(int(s[:4]), int(s[4:6]), int(s[6:8]), int(s[8:]))

records = []
for m in NAME.finditer(open(sys.argv[1]).read()):
    if m["month"]:
        first = pd.Timestamp(int(m["month"][:4]), int(m["month"][4:]), 1)
        last = first + pd.DateOffset(months=1) - pd.Timedelta(hours=1)
        records.append(dict(file=m[0], table=-1, param=-1, name="tp", start_date=first, end_date=last))
    else:
        records.append(dict(file=m[0], table=m["table"], param=m["param"], name=m["name"],
                            start_date=hour(m["first"]), end_date=hour(m["last"])))
pd.DataFrame.from_records(records).to_csv(sys.argv[2], index=False)
`

func main() {
	names := flag.Int("names", 1_000_000, "names in the listing")
	rounds := flag.Int("rounds", 3, "runs of each program")
	python := flag.String("python", ".venv/bin/python", "interpreter with pandas")
	child := flag.Bool("child", false, "write the index of the first argument to the second")
	flag.Parse()
	err := error(nil)
	if *child {
		err = create(flag.Arg(0), flag.Arg(1))
	} else {
		err = compare(*names, *rounds, *python)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "index:", err)
		os.Exit(1)
	}
}

// cost is what a whole process took.
type cost struct {
	wall, cpu time.Duration
	peak      int64 // bytes
}

func compare(names, rounds int, python string) error {
	dir, err := os.MkdirTemp("", "bench-index-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	list := filepath.Join(dir, "names.txt")
	if err := listing(list, names); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ours, theirs := filepath.Join(dir, "healpipe.csv"), filepath.Join(dir, "pandas.csv")
	var a, b []cost
	for range rounds {
		for _, run := range []struct {
			costs *[]cost
			cmd   *exec.Cmd
		}{
			{&a, exec.Command(self, "-child", list, ours)},
			{&b, exec.Command(python, "-c", peer, list, theirs)},
		} {
			c, err := measure(run.cmd)
			if err != nil {
				return err
			}
			*run.costs = append(*run.costs, c)
		}
	}
	if err := same(ours, theirs); err != nil {
		return err
	}
	h, p := median(a), median(b)
	fmt.Printf("index of %d names to CSV, medians of %d, the same bytes\n", names, rounds)
	fmt.Printf("%-10s %10s %10s %10s\n", "", "wall", "CPU", "memory")
	for _, row := range []struct {
		name string
		c    cost
	}{{"healpipe", h}, {"pandas", p}} {
		fmt.Printf("%-10s %8.2f s %8.2f s %7.0f MB\n", row.name, row.c.wall.Seconds(), row.c.cpu.Seconds(), float64(row.c.peak)/1e6)
	}
	fmt.Printf("%-10s %8.1f x %8.1f x    1/%.0f\n", "ratio", p.wall.Seconds()/h.wall.Seconds(), p.cpu.Seconds()/h.cpu.Seconds(), float64(p.peak)/float64(h.peak))
	return nil
}

func measure(cmd *exec.Cmd) (cost, error) {
	cmd.Stderr = os.Stderr
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		return cost{}, fmt.Errorf("%s: %w", cmd.Path, err)
	}
	c := cost{wall: time.Since(begin), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.peak = u.Maxrss * 1024 // kilobytes on Linux
	}
	return c, nil
}

// median takes each figure on its own.
func median(costs []cost) cost {
	pick := func(f func(cost) int64) int64 {
		var v []int64
		for _, c := range costs {
			v = append(v, f(c))
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	return cost{
		wall: time.Duration(pick(func(c cost) int64 { return int64(c.wall) })),
		cpu:  time.Duration(pick(func(c cost) int64 { return int64(c.cpu) })),
		peak: pick(func(c cost) int64 { return c.peak }),
	}
}

// listing has months of surface fields, days of pressure levels and precipitation, as the archive does.
// It goes straight to the file: a child's peak memory counts from that of this process.
func listing(file string, n int) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	b := bufio.NewWriter(f)
	for i := range n {
		t := time.Date(1940, 1, 1+i%30000, 0, 0, 0, 0, time.UTC)
		switch {
		case i%100 == 0:
			fmt.Fprintf(b, "bucket/ERA5_1h_acc_precip/e5.accumulated_tp_1h.%s.nc\n", t.Format("200601"))
		case i%3 == 0:
			fmt.Fprintf(b, "bucket/ERA5_sfc/e5.oper.an.sfc.128_%03d_2t.ll025sc.%s0100_%s2823.nc\n", i%300, t.Format("200601"), t.Format("200601"))
		default:
			fmt.Fprintf(b, "bucket/ERA5_pl/e5.oper.an.pl.128_%03d_u.ll025uv.%s00_%s23.nc\n", i%300, t.Format("20060102"), t.Format("20060102"))
		}
	}
	if err := b.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func create(list, out string) error {
	in, err := os.Open(list)
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	if _, err := index.Create(f, lines(in), index.WriterOptions{}); err != nil {
		return err
	}
	return f.Close()
}

func lines(r io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		s := bufio.NewScanner(r)
		for s.Scan() {
			if !yield(s.Text(), nil) {
				return
			}
		}
		if s.Err() != nil {
			yield("", s.Err())
		}
	}
}

func same(a, b string) error {
	var sums [2][32]byte
	for i, name := range []string{a, b} {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return err
		}
		h.Sum(sums[i][:0])
	}
	if sums[0] != sums[1] {
		return fmt.Errorf("%s and %s differ", a, b)
	}
	return nil
}

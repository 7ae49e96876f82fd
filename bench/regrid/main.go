// Command regrid compares `healpipe regrid` with CDO's two commands on files in the archive's layout:
// wall time, processor time and peak memory, medians of interleaved runs, their ratios, how far the results
// agree, and where healpipe's time goes.
//
//	tests/tools/cdo-oracle.sh DIR          # once, as root: Debian's CDO 2.5.1 in a chroot
//	go run ./bench/regrid -cdo DIR
//
// It runs as root because of the chroot, and needs the tests' Python environment (make env) for the input
// files, which are made once in the user's cache folder. Without -cdo it measures healpipe alone.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	var b bench
	flag.StringVar(&b.cdo, "cdo", "", "folder of the chroot that tests/tools/cdo-oracle.sh built")
	flag.IntVar(&b.runs, "runs", 5, "runs of each program on each file")
	flag.StringVar(&b.binary, "healpipe", "", "binary to measure; built from this checkout if empty")
	long := flag.Bool("long", false, "also a month: 744 hours of 2t")
	only := flag.String("only", "", "the jobs to run, by name, separated by commas")
	files := flag.Int("files", 20, "files for the worker and for CDO's pipelines side by side; 0 leaves them out")
	flag.IntVar(&b.fleetRuns, "worker-runs", 1, "runs of these")
	flag.Parse()
	for _, j := range jobs {
		if j.long && !*long || *only != "" && !slices.Contains(strings.Split(*only, ","), j.name) {
			continue
		}
		b.jobs = append(b.jobs, j)
	}
	if *files > 0 && *only == "" || slices.Contains(strings.Split(*only, ","), "worker") {
		b.fleet = fleet{*files, jobs[:2]}
	}
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/regrid:", err)
		os.Exit(1)
	}
}

// job is one input file, made by tests/tools/make_era5.py.
type job struct {
	name     string
	title    string
	variable string // as CDO's -selvar wants it
	args     []string
	long     bool
	floor    bool // bench/inflate has its chunks

	in, ours, theirs string // files
}

var jobs = []job{
	{name: "2t", title: "96 h of 2t", variable: "VAR_2T", args: []string{"sfc", "2t", "--hours", "96"}, floor: true},
	{name: "u", title: "3 h x 37 levels of u", variable: "U", args: []string{"pl", "u", "--hours", "3"}, floor: true},
	{name: "sstk", title: "48 h of sstk, a third missing", variable: "SSTK", args: []string{"sfc", "sstk", "--hours", "48"}},
	{name: "month", title: "744 h of 2t", variable: "VAR_2T", args: []string{"sfc", "2t", "--hours", "744"}, long: true},
}

type bench struct {
	cdo, binary string
	runs        int
	jobs        []job
	fleetRuns   int
	fleet       fleet

	root, cache, work string // checkout, kept input files, results of this run
}

// cost is what one run of a program took.
type cost struct {
	wall, cpu time.Duration
	peak      int64 // bytes of resident memory
}

func (b *bench) run() error {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("run from inside the checkout: %w", err)
	}
	b.root = strings.TrimSpace(string(out))
	user, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	b.cache = filepath.Join(user, "healpipe-bench")
	if err := os.MkdirAll(b.cache, 0o777); err != nil {
		return err
	}
	if b.work, err = os.MkdirTemp(b.cache, "run-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.work)
	if b.binary == "" {
		b.binary = filepath.Join(b.work, "healpipe")
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.binary, ".")
		cmd.Dir, cmd.Env = b.root, append(os.Environ(), "CGO_ENABLED=0")
		if msg, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, msg)
		}
	}
	if b.binary, err = filepath.Abs(b.binary); err != nil { // it runs in another folder
		return err
	}
	if len(b.jobs) > 0 {
		fmt.Println("| job | program | wall s | ratio | CPU s | ratio | peak MB | ratio |")
		fmt.Println("|---|---|---|---|---|---|---|---|")
	}
	for i := range b.jobs {
		if err := b.measure(&b.jobs[i]); err != nil {
			return fmt.Errorf("%s: %w", b.jobs[i].title, err)
		}
	}
	if b.fleet.files > 0 {
		if err := b.measureFleet(b.fleet); err != nil {
			return err
		}
	}
	// Only now, since a child's peak memory is at least that of its parent when it forked.
	fmt.Println()
	for _, j := range b.jobs {
		if err := b.notes(j); err != nil {
			return fmt.Errorf("%s: %w", j.title, err)
		}
	}
	return nil
}

// measure runs the programs in turn and prints the rows of one job.
func (b *bench) measure(j *job) error {
	var err error
	if j.in, err = b.input(*j); err != nil {
		return err
	}
	j.ours = filepath.Join(b.work, j.name+".nc")
	var dir string
	if b.cdo != "" {
		if dir, err = b.stage(j.in); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	var hp, cdo []cost
	for range b.runs {
		c, err := b.once(exec.Command(b.binary, "regrid", j.in, "-o", j.ours))
		if err != nil {
			return err
		}
		hp = append(hp, c)
		if b.cdo == "" {
			continue
		}
		inside := "/" + filepath.Base(dir)
		if c, err = b.once(exec.Command("chroot", b.cdo, "/cdo_pipe.sh", inside, inside+"/in.nc", j.variable)); err != nil {
			return err
		}
		cdo = append(cdo, c)
	}
	if b.cdo != "" {
		j.theirs = filepath.Join(b.work, j.name+".cdo.nc")
		if err := os.Rename(filepath.Join(dir, "64.nc"), j.theirs); err != nil {
			return err
		}
	}
	m, ref := median(hp), median(cdo)
	if len(cdo) > 0 {
		fmt.Printf("| %s | CDO | %.2f | | %.2f | | %.0f | |\n", j.title, ref.wall.Seconds(), ref.cpu.Seconds(), mb(ref.peak))
		fmt.Printf("| | healpipe | %.2f | 1/%.1f | %.2f | 1/%.1f | %.0f | 1/%.1f |\n", m.wall.Seconds(), ref.wall.Seconds()/m.wall.Seconds(),
			m.cpu.Seconds(), ref.cpu.Seconds()/m.cpu.Seconds(), mb(m.peak), float64(ref.peak)/float64(m.peak))
	} else {
		fmt.Printf("| %s | healpipe | %.2f | | %.2f | | %.0f | |\n", j.title, m.wall.Seconds(), m.cpu.Seconds(), mb(m.peak))
	}
	return nil
}

// notes prints where the time goes and how far the results agree.
func (b *bench) notes(j job) error {
	note, err := stages(j.in)
	if err != nil {
		return err
	}
	fmt.Printf("%s, on one core: %s.\n", j.title, note)
	if j.floor {
		cmd := exec.Command("go", "run", "./bench/inflate", "-floor", j.name)
		cmd.Dir = b.root
		if out, err := cmd.Output(); err == nil {
			fmt.Printf("    The floor: libdeflate alone takes %s s of processor time for the file's chunks.\n", strings.TrimSpace(string(out)))
		} else {
			fmt.Printf("    libdeflate was not run (apt-get install gcc libdeflate-dev): %v.\n", err)
		}
	}
	if j.theirs == "" {
		return nil
	}
	if note, err = compare(j.ours, j.theirs, j.variable); err != nil {
		return err
	}
	fmt.Printf("    %s.\n", note)
	return nil
}

// input returns the path of a job's file, made if need be.
func (b *bench) input(j job) (string, error) {
	path := filepath.Join(b.cache, strings.Join(j.args, "_")+".nc")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	fmt.Fprintf(os.Stderr, "making %s\n", path)
	part := path + ".part"
	args := append([]string{filepath.Join(b.root, "tests", "tools", "make_era5.py"), j.args[0], j.args[1], part}, j.args[2:]...)
	if msg, err := exec.Command(filepath.Join(b.root, ".venv", "bin", "python"), args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("make_era5.py (needs `make env`): %w\n%s", err, msg)
	}
	return path, os.Rename(part, path)
}

// stage brings a file into the chroot and returns the folder there.
func (b *bench) stage(in string) (string, error) {
	dir, err := os.MkdirTemp(b.cdo, "bench-")
	if err != nil {
		return "", err
	}
	to := filepath.Join(dir, "in.nc")
	if os.Link(in, to) == nil {
		return dir, nil
	}
	data, err := os.ReadFile(in)
	if err != nil {
		return "", err
	}
	return dir, os.WriteFile(to, data, 0o666)
}

// once runs a program; the figures include its children.
func (b *bench) once(cmd *exec.Cmd) (cost, error) {
	var msg strings.Builder
	cmd.Dir, cmd.Stderr, cmd.Stdout = b.work, &msg, &msg
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return cost{}, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, msg.String())
	}
	use := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return cost{time.Since(start), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), use.Maxrss << 10}, nil
}

// median takes each figure's own median.
func median(c []cost) (m cost) {
	if len(c) == 0 {
		return m
	}
	at := func(key func(cost) int64) int64 {
		v := make([]int64, len(c))
		for i := range c {
			v[i] = key(c[i])
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	m.wall = time.Duration(at(func(c cost) int64 { return int64(c.wall) }))
	m.cpu = time.Duration(at(func(c cost) int64 { return int64(c.cpu) }))
	m.peak = at(func(c cost) int64 { return c.peak })
	return m
}

func mb(n int64) float64 { return float64(n) / 1e6 }

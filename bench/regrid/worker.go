package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"
)

// fleet is the last row: files of two jobs in turn, by a worker with two slots that takes them from a
// queue, and by two of CDO's pipelines side by side, each of which takes the next file.
type fleet struct {
	files int
	jobs  []job
}

// slots is the worker's concurrency and the number of CDO's pipelines.
const slots = 2

// measureFleet prints the rows.
func (b *bench) measureFleet(f fleet) error {
	for i := range f.jobs {
		var err error
		if f.jobs[i].in, err = b.input(f.jobs[i]); err != nil {
			return err
		}
	}
	var hp, cdo []cost
	for range b.fleetRuns {
		c, err := b.worker(f)
		if err != nil {
			return fmt.Errorf("worker: %w", err)
		}
		hp = append(hp, c)
		if b.cdo == "" {
			continue
		}
		if c, err = b.pipelines(f); err != nil {
			return err
		}
		cdo = append(cdo, c)
	}
	title := fmt.Sprintf("%d files, half 96 h of 2t, half 3 h of u", f.files)
	rate := func(c cost) float64 { return float64(f.files) / c.wall.Hours() }
	fmt.Println("\n| job | program | wall s | files an hour | ratio | CPU s | ratio | peak MB | ratio |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	m, ref := median(hp), median(cdo)
	if len(cdo) == 0 {
		fmt.Printf("| %s | worker -c %d | %.1f | %.0f | | %.1f | | %.0f | |\n", title, slots, m.wall.Seconds(), rate(m), m.cpu.Seconds(), mb(m.peak))
		return nil
	}
	fmt.Printf("| %s | %d CDO pipelines | %.1f | %.0f | | %.1f | | %.0f | |\n", title, slots, ref.wall.Seconds(), rate(ref), ref.cpu.Seconds(), mb(ref.peak))
	fmt.Printf("| | worker -c %d | %.1f | %.0f | %.1f | %.1f | 1/%.1f | %.0f | 1/%.1f |\n", slots, m.wall.Seconds(), rate(m), rate(m)/rate(ref),
		m.cpu.Seconds(), ref.cpu.Seconds()/m.cpu.Seconds(), mb(m.peak), float64(ref.peak)/float64(m.peak))
	return nil
}

// pipelines runs CDO. The peak is the sum of each pipeline's own.
func (b *bench) pipelines(f fleet) (cost, error) {
	todo := make(chan job, f.files)
	for i := range f.files {
		todo <- f.jobs[i%len(f.jobs)]
	}
	close(todo)
	var (
		wg    sync.WaitGroup
		costs [slots]cost
		errs  [slots]error
	)
	start := time.Now()
	for k := range slots {
		wg.Go(func() {
			for j := range todo {
				c, err := b.pipeline(j)
				if err != nil {
					errs[k] = err
					return
				}
				costs[k].cpu += c.cpu
				costs[k].peak = max(costs[k].peak, c.peak)
			}
		})
	}
	wg.Wait()
	sum := cost{wall: time.Since(start)}
	for _, c := range costs {
		sum.cpu += c.cpu
		sum.peak += c.peak
	}
	return sum, errors.Join(errs[:]...)
}

// pipeline runs CDO's two commands on one file.
func (b *bench) pipeline(j job) (cost, error) {
	dir, err := b.stage(j.in)
	if err != nil {
		return cost{}, err
	}
	defer os.RemoveAll(dir)
	inside := "/" + filepath.Base(dir)
	return b.once(exec.Command("chroot", b.cdo, "/cdo_pipe.sh", inside, inside+"/in.nc", j.variable))
}

// worker fills a queue, starts the worker and waits for the last result: its start-up is part of the time.
func (b *bench) worker(f fleet) (cost, error) {
	dir, err := os.MkdirTemp(b.work, "site-")
	if err != nil {
		return cost{}, err
	}
	defer os.RemoveAll(dir)
	for _, d := range []string{"in", "out"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o777); err != nil {
			return cost{}, err
		}
	}
	broker, err := startRedis()
	if err != nil {
		return cost{}, err
	}
	defer broker.stop()
	env := append(os.Environ(), "HEALPIPE_CELERY_BROKER="+broker.url(), "HEALPIPE_OUTPUT_BUCKET="+filepath.Join(dir, "out"), "HEALPIPE_ERA5_ROOTS="+filepath.Join(dir, "in"))
	for i := range f.files {
		path := filepath.Join(dir, "in", fmt.Sprintf("file%02d.nc", i))
		if err := os.Symlink(f.jobs[i%len(f.jobs)].in, path); err != nil {
			return cost{}, err
		}
		args, err := json.Marshal([]string{path})
		if err != nil {
			return cost{}, err
		}
		call := exec.Command(b.binary, "call", "tasks.regrid_file", "--args", string(args))
		call.Dir, call.Env = dir, env
		if out, err := call.CombinedOutput(); err != nil {
			return cost{}, fmt.Errorf("call: %w\n%s", err, out)
		}
	}
	var log bytes.Buffer
	w := exec.Command(b.binary, "worker", "-c", fmt.Sprint(slots))
	w.Dir, w.Env, w.Stdout, w.Stderr = dir, env, &log, &log
	start := time.Now()
	if err := w.Start(); err != nil {
		return cost{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- w.Wait() }()
	var wall time.Duration
	for wall == 0 {
		done, err := filepath.Glob(filepath.Join(dir, "out", "*.nc"))
		if err != nil {
			return cost{}, err
		}
		if len(done) == f.files {
			wall = time.Since(start)
			break
		}
		select {
		case err := <-ended:
			return cost{}, fmt.Errorf("it ended: %v\n%s", err, log.String())
		case <-time.After(5 * time.Millisecond):
		}
	}
	if err := w.Process.Signal(syscall.SIGTERM); err != nil {
		return cost{}, err
	}
	if err := <-ended; err != nil {
		return cost{}, fmt.Errorf("%w\n%s", err, log.String())
	}
	use := w.ProcessState.SysUsage().(*syscall.Rusage)
	return cost{wall, w.ProcessState.UserTime() + w.ProcessState.SystemTime(), use.Maxrss << 10}, nil
}

// server is a redis-server of the benchmark's own.
type server struct {
	addr string
	cmd  *exec.Cmd
}

func startRedis() (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	s := &server{addr, exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("redis-server (install it, see `make env`): %w", err)
	}
	for range 500 {
		if conn, err := redis.Dial("tcp", addr); err == nil {
			conn.Close()
			return s, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.stop()
	return nil, fmt.Errorf("redis-server does not answer on %s", addr)
}

func (s *server) url() string { return "redis://" + s.addr + "/0" }

func (s *server) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

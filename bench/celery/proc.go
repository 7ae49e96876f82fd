package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"
)

// server is a redis-server of the benchmark's own.
type server struct {
	addr string
	cmd  *exec.Cmd
	conn redis.Conn
}

func startRedis() (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("redis-server (install it, see `make env`): %w", err)
	}
	for range 200 {
		if conn, err := redis.Dial("tcp", addr); err == nil {
			return &server{addr, cmd, conn}, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	_ = cmd.Process.Kill()
	return nil, fmt.Errorf("redis-server does not answer on %s", addr)
}

func (s *server) url() string { return "redis://" + s.addr + "/0" }

func (s *server) stop() {
	s.conn.Close()
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// proc is a worker that runs, with the processes that it forks.
type proc struct {
	cmd *exec.Cmd
	log bytes.Buffer
}

func start(dir string, env []string, name string, args ...string) (*proc, error) {
	p := &proc{cmd: exec.Command(name, args...)}
	p.cmd.Dir, p.cmd.Env = dir, append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return p, p.cmd.Start()
}

// stop kills the worker with its children: the next run starts from an empty database.
func (p *proc) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	_ = p.cmd.Wait()
}

// pids lists the worker's process group.
func (p *proc) pids() []int {
	var out []int
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(d))
		if g, err := syscall.Getpgid(pid); err == nil && g == p.cmd.Process.Pid {
			out = append(out, pid)
		}
	}
	return out
}

// cpu is the processor time that the worker has taken.
func (p *proc) cpu() time.Duration {
	var ticks int
	for _, pid := range p.pids() {
		raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, rest, _ := strings.Cut(string(raw), ") ")
		if f := strings.Fields(rest); len(f) > 12 {
			u, _ := strconv.Atoi(f[11])
			s, _ := strconv.Atoi(f[12])
			ticks += u + s
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100
}

// memory is the resident and the private memory of the worker in MB.
func (p *proc) memory() (rss, unique float64) {
	for _, pid := range p.pids() {
		raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		for line := range strings.Lines(string(raw)) {
			f := strings.Fields(line)
			if len(f) < 2 {
				continue
			}
			kb, _ := strconv.ParseFloat(f[1], 64)
			switch f[0] {
			case "Rss:":
				rss += kb / 1024
			case "Private_Clean:", "Private_Dirty:":
				unique += kb / 1024
			}
		}
	}
	return rss, unique
}

package testenv

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Sentinels are three sentinels that watch a master and its replica.
type Sentinels struct {
	Addrs          []string // of the sentinels
	Name           string   // of the master, for master_name
	Master, Second *Redis
}

// StartSentinels starts a master, a replica of it, and three sentinels that call them "mymaster" and replace a master that
// has been silent for 3 s. The servers want the password unless it is empty, the sentinels none.
func StartSentinels(t testing.TB, password string) *Sentinels {
	t.Helper()
	var args []string
	if password != "" {
		args = []string{"--requirepass", password, "--masterauth", password}
	}
	s := &Sentinels{Name: "mymaster", Master: StartRedis(t, args...)}
	host, port, err := net.SplitHostPort(s.Master.Addr)
	if err != nil {
		t.Fatal(err)
	}
	s.Second = StartRedis(t, append(args, "--replicaof", host, port, "--repl-diskless-sync-delay", "0")...)
	WaitFor(t, 30*time.Second, "the replica to be in step", func() bool {
		return strings.Contains(s.Master.cli(t, password, "info", "replication"), "state=online")
	})
	for range 3 {
		s.Addrs = append(s.Addrs, startSentinel(t, s.Name, host, port, password))
	}
	for _, addr := range s.Addrs {
		var state string
		deadline := time.Now().Add(60 * time.Second)
		for state = ""; !settled(state); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the sentinels do not find each other and the replica:\n%s", state)
			}
			state = cli(t, addr, "", "sentinel", "master", s.Name)
		}
	}
	return s
}

// settled reads a sentinel's view of the master: both other sentinels and the replica are known, nothing is down.
func settled(state string) bool {
	lines := strings.Split(state, "\n")
	value := func(name string) string {
		for i := 0; i+1 < len(lines); i += 2 {
			if lines[i] == name {
				return lines[i+1]
			}
		}
		return ""
	}
	return value("num-other-sentinels") == "2" && value("num-slaves") == "1" && value("flags") == "master"
}

// Failover has the sentinels swap master and replica, both of which live.
func (s *Sentinels) Failover(t testing.TB) {
	t.Helper()
	WaitFor(t, 60*time.Second, "a sentinel to start a failover", func() bool {
		return strings.Contains(cli(t, s.Addrs[0], "", "sentinel", "failover", s.Name), "OK")
	})
}

// URL returns the broker URL: all sentinels, with the master's password.
func (s *Sentinels) URL(db int, password string) string {
	parts := make([]string, len(s.Addrs))
	for i, a := range s.Addrs {
		if password != "" {
			a = ":" + password + "@" + a
		}
		parts[i] = fmt.Sprintf("sentinel://%s/%d", a, db)
	}
	return strings.Join(parts, ";")
}

// startSentinel starts one and returns its address.
func startSentinel(t testing.TB, name, host, port, password string) string {
	t.Helper()
	for try := 0; ; try++ {
		addr := FreeAddr(t)
		_, own, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		conf := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %s\nsentinel monitor %s %s %s 2\nsentinel down-after-milliseconds %s 3000\n"+
			"sentinel failover-timeout %s 6000\n", own, dir, name, host, port, name, name)
		if password != "" {
			conf += fmt.Sprintf("sentinel auth-pass %s %s\n", name, password)
		}
		file := filepath.Join(dir, "sentinel.conf")
		if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("redis-server", file, "--sentinel")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		log, up := "", false
		for lines := bufio.NewScanner(out); !up && lines.Scan(); {
			log += lines.Text() + "\n"
			up = strings.Contains(lines.Text(), "Sentinel ID is")
		}
		if up {
			go io.Copy(io.Discard, out)
			t.Cleanup(func() {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			})
			return addr
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if try == 20 { // the port was free a moment ago
			t.Fatalf("redis-server --sentinel does not start:\n%s", log)
		}
	}
}

// cli runs one command with redis-cli.
func (r *Redis) cli(t testing.TB, password string, args ...string) string {
	t.Helper()
	return cli(t, r.Addr, password, args...)
}

func cli(t testing.TB, addr, password string, args ...string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "redis-cli", append([]string{"-h", host, "-p", port}, args...)...)
	if password != "" {
		cmd.Env = append(cmd.Environ(), "REDISCLI_AUTH="+password)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.ReplaceAll(string(out), "\r", "")
}

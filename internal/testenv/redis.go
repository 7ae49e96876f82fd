package testenv

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Redis is a redis-server that belongs to one test.
type Redis struct {
	Addr string // host:port on the loopback interface
	Dir  string
	cmd  *exec.Cmd
	args []string
	tls  bool // Addr is served with TLS, nothing without
	t    testing.TB

	started bool // once: the port is now part of the URL that others hold
}

// StartRedis starts a redis-server on a free loopback port and stops it when the test ends. args are
// further options, such as "--requirepass", "x".
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	r := &Redis{Addr: FreeAddr(t), Dir: t.TempDir(), args: args, t: t}
	r.Start()
	t.Cleanup(r.Kill)
	return r
}

// URL returns the broker URL of one of the server's databases; for a server with TLS without its parameters.
func (r *Redis) URL(db int) string {
	scheme := "redis"
	if r.tls {
		scheme = "rediss"
	}
	return fmt.Sprintf("%s://%s/%d", scheme, r.Addr, db)
}

// Start starts the server, again after Kill on the same port, and waits until it accepts connections.
func (r *Redis) Start() {
	r.t.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		r.t.Fatalf("no redis-server for the tests: run `make env` (%v)", err)
	}
	for try := 0; ; try++ {
		log, ready := r.launch(bin)
		if ready {
			r.started = true
			return
		}
		// The port was free a moment ago and may be somebody's now; a restarted server needs its old one.
		if try == 20 {
			r.t.Fatalf("redis-server does not start:\n%s", log)
		}
		if r.started {
			time.Sleep(50 * time.Millisecond)
		} else {
			r.Addr = FreeAddr(r.t)
		}
	}
}

// launch starts the process and reads its log up to the line that says that it, and no other, has the port.
func (r *Redis) launch(bin string) (log string, ready bool) {
	r.t.Helper()
	host, port, err := net.SplitHostPort(r.Addr)
	if err != nil {
		r.t.Fatal(err)
	}
	args := []string{"--bind", host, "--dir", r.Dir, "--save", "", "--appendonly", "no"}
	if r.tls {
		args = append(args, "--port", "0", "--tls-port", port)
	} else {
		args = append(args, "--port", port)
	}
	args = append(args, r.args...)
	cmd := exec.Command(bin, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		log += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "eady to accept connections") {
			go io.Copy(io.Discard, out)
			r.cmd = cmd
			return log, true
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return log, false
}

// Kill ends the server at once, as a crash would. Kill of a server that does not run does nothing.
func (r *Redis) Kill() {
	if r.cmd != nil {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
		r.cmd = nil
	}
}

// LeastACL returns the options that give a redis-server the user of docs/operations.md ("worker", password "pw"), for keys with a
// prefix.
func LeastACL(t testing.TB, prefix string) []string {
	t.Helper()
	text, err := os.ReadFile(Path("docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rule, found := strings.Cut(string(text), "ACL SETUSER worker ")
	if !found {
		t.Fatal("docs/operations.md has no ACL rule")
	}
	rule, _, _ = strings.Cut(rule, "\n\n")
	rule = strings.ReplaceAll(strings.ReplaceAll(rule, ">PASSWORD", ">pw"), "~* ", "~"+prefix+"* ")
	return append([]string{"--user", "worker"}, strings.Fields(rule)...)
}

// Refused lists the commands that the server has refused to a user, with the reason.
func (r *Redis) Refused(t testing.TB) string {
	t.Helper()
	return strings.TrimSpace(cli(t, r.Addr, "", "acl", "log"))
}

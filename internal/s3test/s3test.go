// Package s3test starts a real S3 server (versitygw over a temporary folder) for one test, and a proxy that
// breaks the connection to it in chosen ways.
package s3test

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// The server's only account.
const (
	AccessKey = "test-access-key"
	SecretKey = "test-secret-key"
	Region    = "us-east-1"
)

// Server is a running S3 server.
type Server struct {
	Endpoint string // http://127.0.0.1:PORT
	Dir      string // the folder whose sub-folders are the buckets and whose files are the objects
}

// Start starts a server with the given (empty) buckets and stops it when the test ends.
func Start(t testing.TB, buckets ...string) *Server {
	t.Helper()
	return startVersity(t, nil, buckets)
}

// StartDomain is Start for a server that takes BUCKET.DOMAIN as a host's name too.
func StartDomain(t testing.TB, domain string, buckets ...string) *Server {
	t.Helper()
	return startVersity(t, []string{"--virtual-domain", domain}, buckets)
}

func startVersity(t testing.TB, options, buckets []string) *Server {
	t.Helper()
	bin := binary(t)
	dir := t.TempDir()
	s := &Server{Dir: filepath.Join(dir, "buckets")}
	for _, b := range buckets {
		s.MakeBucket(t, b)
	}
	s.start(t, "versitygw", func(addr string) *exec.Cmd {
		args := append([]string{"--port", addr, "--access", AccessKey, "--secret", SecretKey, "--region", Region, "--quiet"}, options...)
		cmd := exec.Command(bin, append(args, "posix", s.Dir)...)
		cmd.Dir = dir
		return cmd
	})
	return s
}

// start starts a program on a free address.
func (s *Server) start(t testing.TB, name string, command func(addr string) *exec.Cmd) {
	t.Helper()
	for attempt := 1; ; attempt++ {
		addr := testenv.FreeAddr(t)
		s.Endpoint = "http://" + addr
		if s.run(t, name, addr, command(addr)) {
			return
		}
		if attempt == 5 { // another process can take the port in the meantime, but not each time
			t.Fatalf("%s does not come up", name)
		}
	}
}

// MakeBucket adds a bucket.
func (s *Server) MakeBucket(t testing.TB, name string) {
	t.Helper()
	if s.Dir == "" {
		s.putBucket(t, name)
		return
	}
	if err := os.MkdirAll(filepath.Join(s.Dir, name), 0o777); err != nil {
		t.Fatal(err)
	}
}

// binary finds the server's program.
func binary(t testing.TB) string {
	t.Helper()
	p := testenv.Path(".cache", "bin", "versitygw")
	if _, err := os.Stat(p); err == nil {
		return p
	}
	p, err := exec.LookPath("versitygw")
	if err != nil {
		t.Fatalf("no versitygw (an S3 server) for the tests: run `make env` (%v)", err)
	}
	return p
}

// run starts the program and waits until it answers; false when it has ended instead.
func (s *Server) run(t testing.TB, name, addr string, cmd *exec.Cmd) bool {
	t.Helper()
	log := &logBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("%s: %s", name, log)
		}
	})
	up := false
	testenv.WaitFor(t, 2*time.Minute, name+" to answer", func() bool {
		select {
		case <-ended:
			return true
		default:
		}
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		c.Close()
		resp, err := http.Get(s.Endpoint)
		if err != nil {
			return false
		}
		resp.Body.Close()
		up = true
		return true
	})
	return up
}

// logBuffer keeps what the server prints.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

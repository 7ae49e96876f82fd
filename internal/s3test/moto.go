package s3test

import (
	"net"
	"net/http"
	"os/exec"
	"testing"

	"healpipe/internal/testenv"
)

// StartMoto is Start for another service: moto's, which keeps objects in memory and believes every signature. Its
// Server has no Dir.
func StartMoto(t testing.TB, buckets ...string) *Server {
	t.Helper()
	s := &Server{}
	s.start(t, "moto", func(addr string) *exec.Cmd {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(testenv.Python(t), testenv.Path("tests", "python", "moto_s3.py"), port)
		cmd.Dir = t.TempDir()
		return cmd
	})
	for _, b := range buckets {
		s.MakeBucket(t, b)
	}
	return s
}

// putBucket makes a bucket by a request.
func (s *Server) putBucket(t testing.TB, name string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPut, s.Endpoint+"/"+name, nil)
	if err != nil {
		t.Fatal(err)
	}
	sign(req)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("bucket %s: %s", name, resp.Status)
	}
}

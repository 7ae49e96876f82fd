package kombu

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// A deadline that passed while the process stood still is no reason to give up what has arrived.
func TestReadAfterStandstill(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	a := &awake{Conn: c}
	if _, err := peer.Write([]byte("message")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 20)
	read := func(since time.Duration) (string, error) {
		t.Helper()
		if err := a.SetReadDeadline(time.Now().Add(-since)); err != nil {
			t.Fatal(err)
		}
		n, err := a.Read(buf)
		return string(buf[:n]), err
	}
	if got, err := read(time.Minute); got != "message" || err != nil {
		t.Errorf("long past the deadline: %q %v", got, err)
	}
	for _, since := range []time.Duration{0, time.Minute} {
		if got, err := read(since); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("nothing to read, %v past the deadline: %q %v", since, got, err)
		}
	}
}

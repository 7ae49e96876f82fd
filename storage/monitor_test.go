package storage_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"healpipe/internal/s3test"
	"healpipe/storage"
)

// TestMonitor moves known numbers of bytes, with disturbances in between.
func TestMonitor(t *testing.T) {
	t.Parallel()
	proxy := s3test.StartProxy(t, s3test.Start(t, "bkt"))
	var mu sync.Mutex
	var told []string
	opener := storage.NewOpener(func(string) (storage.S3Options, error) {
		return storage.S3Options{Endpoint: proxy.Endpoint, Anonymous: true, Region: s3test.Region, Patience: 3 * time.Minute, Stall: time.Second}, nil
	})
	opener.Monitor = &storage.Monitor{Disturbed: func(ctx context.Context, request string, err error) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, request+": "+err.Error())
	}}
	const size = 3 << 20
	m := opener.Monitor
	for _, tt := range []struct {
		path, profile string
		count         *storage.Traffic
	}{{t.TempDir() + "/local", "", &m.Local}, {"bkt/object", "service", &m.S3}} {
		st, key, err := opener.File(tt.path, tt.profile)
		if err != nil {
			t.Fatal(err)
		}
		mustPut(t, st, key, noise(size))
		if n := tt.count.WrittenBytes.Load(); n < size || n > size+size/50 { // a signature goes with each 64 KiB
			t.Errorf("%s: %d bytes written, %d counted", tt.path, size, n)
		}
		before := tt.count.ReadBytes.Load()
		if _, _, err := st.GetRange(t.Context(), key, 1000, size/2); err != nil {
			t.Fatal(err)
		}
		if n := tt.count.ReadBytes.Load() - before; n != size/2 {
			t.Errorf("%s: %d bytes read, %d counted", tt.path, size/2, n)
		}
	}
	if len(told) > 0 || m.S3.Disturbances.Load() > 0 {
		t.Errorf("disturbances without cause: %q", told)
	}

	st, key, err := opener.File("bkt/object", "service")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		fault s3test.Fault
		want  string
	}{
		{s3test.Fault{Status: 503}, "GET " + proxy.Endpoint + "/bkt/object: the service answers 503"},
		{s3test.Fault{Status: 429}, "the service answers 429"},
		{s3test.Fault{Lose: true}, "EOF"},
		{s3test.Fault{Cut: 100_000}, "unexpected EOF"},
		{s3test.Fault{Cut: 100_000, Stall: true}, "the connection stalled"},
	} {
		told = nil
		before := m.S3.Disturbances.Load()
		// Twice, since net/http itself repeats a request that met a connection at its end.
		proxy.Harm(times(2, tt.fault, method(http.MethodGet)))
		if _, _, err := st.Get(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		n := m.S3.Disturbances.Load() - before
		if n < 1 || n > 2 || int(n) != len(told) || !strings.Contains(told[0], tt.want) {
			t.Errorf("%+v: %d disturbances, %q; want %q", tt.fault, n, told, tt.want)
		}
	}
}

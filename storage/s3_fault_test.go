package storage_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"healpipe/internal/s3test"
	"healpipe/storage"
)

// starter starts a service.
type starter func(t testing.TB, buckets ...string) *s3test.Server

// onEach runs a test on both services.
func onEach(t *testing.T, test func(t *testing.T, start starter)) {
	t.Parallel()
	for name, start := range map[string]starter{"versitygw": s3test.Start, "moto": s3test.StartMoto} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start)
		})
	}
}

// faulty is a bucket behind a proxy that can harm every request.
func faulty(t *testing.T, start starter) (*storage.S3, *s3test.Proxy, *s3test.Server) {
	t.Helper()
	server := start(t, "bkt")
	proxy := s3test.StartProxy(t, server)
	c, err := storage.NewS3Client(storage.S3Options{
		Endpoint: proxy.Endpoint, Anonymous: true, Region: s3test.Region,
		PartSize: 5 << 20, Patience: 3 * time.Minute, Stall: 2 * time.Second, // the machine may be slow
	})
	if err != nil {
		t.Fatal(err)
	}
	return s3Bucket(t, c, "bkt", ""), proxy, server
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(uint64(n), 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func mustPut(t *testing.T, st storage.Storage, key string, data []byte) storage.Info {
	t.Helper()
	info, err := st.Put(t.Context(), key, data, storage.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// times harms the first n requests that match and lets the others pass.
func times(n int, f s3test.Fault, match func(r *http.Request) bool) func(*http.Request) s3test.Fault {
	return func(r *http.Request) s3test.Fault {
		if n > 0 && match(r) {
			n--
			return f
		}
		return s3test.Fault{}
	}
}

func method(m string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.Method == m }
}

func TestS3ResumesBrokenReads(t *testing.T) { onEach(t, resumesBrokenReads) }

func resumesBrokenReads(t *testing.T, start starter) {
	st, proxy, _ := faulty(t, start)
	data := noise(1 << 20)
	mustPut(t, st, "k", data)
	for name, fault := range map[string]s3test.Fault{"cut": {Cut: 300_000}, "silent": {Cut: 300_000, Stall: true}, "503": {Status: 503}, "lost": {Lose: true}} {
		var from []string
		n := 0
		proxy.Harm(func(r *http.Request) s3test.Fault {
			if r.Method != http.MethodGet {
				return s3test.Fault{}
			}
			from = append(from, r.Header.Get("Range"))
			if n++; n <= 2 {
				return fault
			}
			return s3test.Fault{}
		})
		got, info, err := st.Get(t.Context(), "k")
		if err != nil || !bytes.Equal(got, data) || info.Size != 1<<20 {
			t.Fatalf("%s: Get: %d bytes, %v", name, len(got), err)
		}
		// On a slow machine an answer may come too late and be asked for once more.
		if ranges := slices.Compact(slices.Clone(from)); fault.Cut != 0 && (len(ranges) != 3 || ranges[1] != "bytes=300000-1048575" || ranges[2] != "bytes=600000-1048575") {
			t.Errorf("%s: asked for %q: not resumed at the byte", name, from)
		}
		n = 0
		got, _, err = st.GetRange(t.Context(), "k", 1000, 900_000)
		if err != nil || !bytes.Equal(got, data[1000:901_000]) {
			t.Fatalf("%s: GetRange: %d bytes, %v", name, len(got), err)
		}
		r, err := st.Open(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		n = 0
		buf := make([]byte, 800_000)
		if _, err := r.ReadAt(buf, 77); err != nil || !bytes.Equal(buf, data[77:800_077]) {
			t.Fatalf("%s: ReadAt: %v", name, err)
		}
		r.Close()
	}
}

// TestS3ReplacedWhileRead breaks the first answer off; before the reader resumes, the object is another.
func TestS3ReplacedWhileRead(t *testing.T) {
	t.Parallel()
	for name, drop := range map[string][]string{"412": nil, "If-Match ignored": {"If-Match"}} {
		st, proxy, server := faulty(t, s3test.Start)
		direct := s3Bucket(t, s3Client(t, server.Endpoint), "bkt", "")
		mustPut(t, st, "k", noise(1<<20))
		n := 0
		proxy.Harm(func(r *http.Request) s3test.Fault {
			if r.Method != http.MethodGet {
				return s3test.Fault{}
			}
			if n++; n == 1 {
				return s3test.Fault{Cut: 1000}
			}
			mustPut(t, direct, "k", noise(1<<20+n))
			return s3test.Fault{Drop: drop}
		})
		if _, _, err := st.Get(t.Context(), "k"); !errors.Is(err, storage.ErrChanged) {
			t.Errorf("%s: Get: %v", name, err)
		}
		r, err := st.Open(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := r.ReadAt(make([]byte, 100), 100); !errors.Is(err, storage.ErrChanged) {
			t.Errorf("%s: ReadAt: %v", name, err)
		}
	}
}

func TestS3ServerWithoutRanges(t *testing.T) {
	t.Parallel()
	st, proxy, _ := faulty(t, s3test.Start)
	data := noise(700_000)
	mustPut(t, st, "k", data)
	proxy.Harm(func(*http.Request) s3test.Fault { return s3test.Fault{Drop: []string{"Range"}} })
	for _, tt := range []struct{ off, n, from, to int64 }{{0, 100, 0, 100}, {500_000, 1000, 500_000, 501_000}, {-1, 1000, 699_000, 700_000}, {699_999, 50, 699_999, 700_000}, {800_000, 10, 700_000, 700_000}} {
		got, info, err := st.GetRange(t.Context(), "k", tt.off, tt.n)
		if err != nil || !bytes.Equal(got, data[tt.from:tt.to]) || info.Size != 700_000 {
			t.Errorf("GetRange(%d, %d): %d bytes, %v", tt.off, tt.n, len(got), err)
		}
	}
	r, err := st.Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	proxy.Harm(func(*http.Request) s3test.Fault { return s3test.Fault{Drop: []string{"Range"}} })
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			buf := make([]byte, 5000)
			off := int64(i+1) * 30_000
			if _, err := r.ReadAt(buf, off); err != nil || !bytes.Equal(buf, data[off:off+5000]) {
				t.Errorf("at %d: %v", off, err)
			}
		})
	}
	wg.Wait()
	before := len(proxy.Seen())
	got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Info().Size))
	if err != nil || !bytes.Equal(got, data) {
		t.Fatal(len(got), err)
	}
	if after := len(proxy.Seen()); after != before {
		t.Errorf("%d more requests although the object is on the disk", after-before)
	}
}

// TestS3SmallReadsShareRequests reads as the header of an HDF5 file is read.
func TestS3SmallReadsShareRequests(t *testing.T) {
	t.Parallel()
	st, proxy, _ := faulty(t, s3test.Start)
	data := noise(5<<20 + 17)
	mustPut(t, st, "k", data)
	r, err := st.Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	proxy.Harm(times(1, s3test.Fault{Cut: 1000}, method(http.MethodGet)))
	rng := rand.New(rand.NewPCG(3, 4))
	buf := make([]byte, 3000)
	for range 2000 {
		b := buf[:1+rng.IntN(len(buf))]
		off := rng.Int64N(1<<20 - int64(len(b)))
		if _, err := r.ReadAt(b, off); err != nil || !bytes.Equal(b, data[off:off+int64(len(b))]) {
			t.Fatalf("%d bytes at %d: %v", len(b), off, err)
		}
	}
	if n := len(proxy.Seen()); n != 5 { // four blocks, and one resumed
		t.Errorf("%d requests: %q", n, proxy.Seen())
	}
	if n, err := r.ReadAt(buf, int64(len(data))-10); n != 10 || err != io.EOF || !bytes.Equal(buf[:10], data[len(data)-10:]) {
		t.Errorf("over the end: %d, %v", n, err)
	}
	var wg sync.WaitGroup
	for i := range 8 { // more blocks than are kept, from several goroutines
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 5))
			b := make([]byte, 500)
			for range 50 {
				off := rng.Int64N(int64(len(data) - len(b)))
				if _, err := r.ReadAt(b, off); err != nil || !bytes.Equal(b, data[off:off+500]) {
					t.Errorf("at %d: %v", off, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestS3RetriesWrites(t *testing.T) { onEach(t, retriesWrites) }

func retriesWrites(t *testing.T, start starter) {
	st, proxy, _ := faulty(t, start)
	small, large := noise(1000), noise(12<<20)
	if _, err := st.Put(t.Context(), "warm", nil, storage.Condition{IfAbsent: true}); err != nil { // asks what the service can
		t.Fatal(err)
	}
	faults := map[string]s3test.Fault{"503": {Status: 503}, "429": {Status: 429}, "lost": {Lose: true}}
	for name, fault := range faults {
		for _, data := range [][]byte{small, large} {
			for _, m := range []string{http.MethodPut, http.MethodPost} {
				key := name + m
				proxy.Harm(times(2, fault, method(m)))
				w, err := st.Create(t.Context(), key)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.Write(data); err != nil {
					t.Fatalf("%s: %v", key, err)
				}
				if _, err := w.Commit(); err != nil {
					t.Fatalf("%s: %v", key, err)
				}
				if got, _, err := st.Get(t.Context(), key); err != nil || !bytes.Equal(got, data) {
					t.Fatalf("%s: %d bytes, %v", key, len(got), err)
				}
				if err := st.Delete(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
		}
		// A conditional write whose answer is lost meets its own object when it is tried again.
		proxy.Harm(times(2, fault, method(http.MethodPut)))
		info, err := st.Put(t.Context(), "own-"+name, small, storage.Condition{IfAbsent: true})
		if err != nil || info.ETag == "" {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

func TestS3GivesUp(t *testing.T) { onEach(t, givesUp) }

func givesUp(t *testing.T, start starter) {
	server := start(t, "bkt")
	proxy := s3test.StartProxy(t, server)
	c, err := storage.NewS3Client(storage.S3Options{Endpoint: proxy.Endpoint, Anonymous: true, Patience: time.Millisecond, PartSize: 5 << 20})
	if err != nil {
		t.Fatal(err)
	}
	st := s3Bucket(t, c, "bkt", "p")
	mustPut(t, st, "kept", []byte("old"))
	proxy.Harm(func(r *http.Request) s3test.Fault {
		if r.Method == http.MethodDelete || r.Method == http.MethodPost && r.URL.Query().Has("uploads") {
			return s3test.Fault{}
		}
		return s3test.Fault{Status: 503}
	})
	_, _, err = st.Get(t.Context(), "kept")
	if err == nil || !strings.HasPrefix(err.Error(), "read s3://bkt/p/kept: the service answers 503") {
		t.Errorf("%v", err)
	}
	_, err = st.Put(t.Context(), "kept", []byte("new"), storage.Condition{})
	if err == nil || !strings.HasPrefix(err.Error(), "write s3://bkt/p/kept: the service answers 503") {
		t.Errorf("%v", err)
	}
	w, err := st.Create(t.Context(), "large")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.Write(noise(6 << 20)); err == nil {
		_, err = w.Commit()
	}
	if err == nil {
		t.Error("an upload without a part succeeded")
	}
	w.Abort()
	aborted := false
	for _, req := range proxy.Seen() {
		aborted = aborted || strings.HasPrefix(req, "DELETE") && strings.Contains(req, "uploadId=")
	}
	if !aborted {
		t.Errorf("the broken upload was not cancelled: %q", proxy.Seen())
	}
	proxy.Harm(nil)
	resp, err := http.Get(proxy.Endpoint + "/bkt?uploads") // the multipart uploads that the service still knows
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if list, err := io.ReadAll(resp.Body); err != nil || !bytes.Contains(list, []byte("ListMultipartUploadsResult")) || bytes.Contains(list, []byte("<UploadId>")) {
		t.Errorf("parts are left: %s, %v", list, err)
	}
	if got, _, err := st.Get(t.Context(), "kept"); err != nil || string(got) != "old" {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := st.Stat(t.Context(), "large"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// TestS3WithoutConditions is a service that does not know conditional writes: within one process Edit
// loses nothing all the same.
func TestS3WithoutConditions(t *testing.T) {
	t.Parallel()
	for _, drop := range [][]string{{"If-Match", "If-None-Match"}, {"If-Match"}} {
		st, proxy, _ := faulty(t, s3test.Start)
		proxy.Harm(func(*http.Request) s3test.Fault { return s3test.Fault{Drop: drop} })
		var wg sync.WaitGroup
		const writers = 6
		for range writers {
			wg.Go(func() {
				err := storage.Update(t.Context(), st, "n", func(old []byte, _ bool) ([]byte, bool, error) {
					return append(old, 'x'), false, nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got, _, err := st.Get(t.Context(), "n"); err != nil || len(got) != writers {
			t.Errorf("without %q: %q, %v", drop, got, err)
		}
		remove := func(standIn []byte) {
			err := storage.Update(t.Context(), st, "n", func([]byte, bool) ([]byte, bool, error) { return standIn, true, nil })
			if err != nil {
				t.Error(err)
			}
		}
		remove([]byte("empty"))
		if got, _, err := st.Get(t.Context(), "n"); err != nil || string(got) != "empty" {
			t.Errorf("no stand-in: %q, %v", got, err)
		}
		remove(nil)
		if _, err := st.Stat(t.Context(), "n"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
}

func TestS3Errors(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t, "bkt")
	open := func(bucket string, change func(*storage.S3Options)) *storage.S3 {
		o := storage.S3Options{Endpoint: server.Endpoint, Region: s3test.Region, AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey, Patience: time.Millisecond}
		change(&o)
		c, err := storage.NewS3Client(o)
		if err != nil {
			t.Fatal(err)
		}
		return s3Bucket(t, c, bucket, "")
	}
	as := func(*storage.S3Options) {}
	for name, tt := range map[string]struct {
		st   *storage.S3
		want error
		text string
	}{
		"no bucket":    {open("none", as), fs.ErrNotExist, "no bucket of that name"},
		"wrong secret": {open("bkt", func(o *storage.S3Options) { o.SecretKey = "wrong" }), fs.ErrPermission, "check the profile's keys"},
		"wrong key":    {open("bkt", func(o *storage.S3Options) { o.AccessKey = "wrong" }), fs.ErrPermission, "check the profile's keys"},
		"anonymous":    {open("bkt", func(o *storage.S3Options) { o.Anonymous = true }), fs.ErrPermission, "denies access"},
		"no server":    {open("bkt", func(o *storage.S3Options) { o.Endpoint = "http://127.0.0.1:1" }), nil, "connection refused"},
		"https":        {open("bkt", func(o *storage.S3Options) { o.Endpoint = strings.Replace(server.Endpoint, "http:", "https:", 1) }), nil, "HTTP response to HTTPS client"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, getErr := tt.st.Get(t.Context(), "k")
			_, putErr := tt.st.Put(t.Context(), "k", nil, storage.Condition{})
			listErr := tt.st.List(t.Context(), "", func(storage.Info) error { return nil })
			for _, err := range []error{getErr, putErr, listErr} {
				if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) ||
					!strings.Contains(err.Error(), tt.st.String()) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%v", err)
				}
			}
		})
	}
	for _, o := range []storage.S3Options{{Endpoint: "ftp://x"}, {Endpoint: "http://"}, {Endpoint: "https://x/path"}, {PartSize: 1}, {Addressing: "odd"}, {CAFile: "/no/such/file"}} {
		if _, err := storage.NewS3Client(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

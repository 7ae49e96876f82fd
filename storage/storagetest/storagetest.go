// Package storagetest is the conformance suite of storage.Storage: every implementation passes the same
// tests, so code that works over one works over all.
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"healpipe/storage"
)

// Run runs the suite. open returns a fresh, empty storage whose root exists.
func Run(t *testing.T, open func(t *testing.T) storage.Storage) {
	tests := []struct {
		name string
		fn   func(t *testing.T, st storage.Storage)
	}{
		{"missing", testMissing},
		{"put and get", testPutGet},
		{"ranges", testRanges},
		{"keys", testKeys},
		{"conditions", testConditions},
		{"create", testCreate},
		{"abort", testAbort},
		{"large", testLarge},
		{"delete", testDelete},
		{"list order", testList},
		{"list dir", testListDir},
		{"list stops", testListStops},
		{"reader", testReader},
		{"one version", testOneVersion},
		{"whole or not at all", testWhole},
		{"update", testUpdate},
		{"edit", testEdit},
		{"update race", testUpdateRace},
		{"create race", testCreateRace},
		{"cancelled", testCancelled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.fn(t, open(t))
		})
	}
}

// pattern is n bytes that differ from place to place.
func pattern(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func put(t *testing.T, st storage.Storage, key string, data []byte) storage.Info {
	t.Helper()
	info, err := st.Put(t.Context(), key, data, storage.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func wantGet(t *testing.T, st storage.Storage, key string, want []byte) storage.Info {
	t.Helper()
	got, info, err := st.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) || info.Size != int64(len(want)) || info.Key != key || info.ETag == "" {
		t.Fatalf("%s: got %d bytes and %+v, want %d bytes", key, len(got), info, len(want))
	}
	return info
}

// wantError checks the cause and that the text names the object.
func wantError(t *testing.T, err, cause error, st storage.Storage, key string) {
	t.Helper()
	if !errors.Is(err, cause) {
		t.Fatalf("got %v, want %v", err, cause)
	}
	var e *storage.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), storage.Join(st.String(), key)) {
		t.Fatalf("%q does not name %s", err, storage.Join(st.String(), key))
	}
}

func keys(t *testing.T, list func(fn func(storage.Info) error) error) []string {
	t.Helper()
	got := []string{}
	if err := list(func(i storage.Info) error { got = append(got, i.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	return got
}

func testMissing(t *testing.T, st storage.Storage) {
	ctx, key := t.Context(), "no/such/object"
	_, err := st.Stat(ctx, key)
	wantError(t, err, fs.ErrNotExist, st, key)
	_, err = st.Open(ctx, key)
	wantError(t, err, fs.ErrNotExist, st, key)
	_, _, err = st.Get(ctx, key)
	wantError(t, err, fs.ErrNotExist, st, key)
	_, _, err = st.GetRange(ctx, key, -8, 8)
	wantError(t, err, fs.ErrNotExist, st, key)
	if err := st.Delete(ctx, key); err != nil {
		t.Fatal(err)
	}
	if got := keys(t, func(fn func(storage.Info) error) error { return st.List(ctx, "no/", fn) }); len(got) != 0 {
		t.Fatal(got)
	}
	put(t, st, "a/b", nil)
	_, err = st.Stat(ctx, "a") // a folder is no object
	wantError(t, err, fs.ErrNotExist, st, "a")
	_, _, err = st.Get(ctx, "a/b/c") // nor has an object others below it
	wantError(t, err, fs.ErrNotExist, st, "a/b/c")
}

func testPutGet(t *testing.T, st storage.Storage) {
	for _, n := range []int{0, 1, 4095, 4096, 100_003} {
		key := fmt.Sprintf("x/%d", n)
		data := pattern(n, uint64(n))
		info := put(t, st, key, data)
		got := wantGet(t, st, key, data)
		stat, err := st.Stat(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if info.ETag != got.ETag || stat.ETag != got.ETag || info.Size != got.Size || stat.Size != got.Size || stat.ModTime.IsZero() {
			t.Fatalf("put says %+v, get %+v, stat %+v", info, got, stat)
		}
	}
	first := put(t, st, "again", []byte("one"))
	second := put(t, st, "again", []byte("two"))
	if first.ETag == second.ETag {
		t.Fatal("two versions with one ETag")
	}
	data := []byte("mine")
	put(t, st, "mine", data)
	data[0] = 'X' // the caller's buffer stays the caller's
	wantGet(t, st, "mine", []byte("mine"))
}

func testRanges(t *testing.T, st storage.Storage) {
	data := pattern(1000, 7)
	put(t, st, "r", data)
	put(t, st, "empty", nil)
	tests := []struct {
		off, n   int64
		from, to int
	}{
		{0, 10, 0, 10}, {10, 20, 10, 30}, {0, 1000, 0, 1000}, {0, 5000, 0, 1000}, {990, 100, 990, 1000},
		{1000, 10, 1000, 1000}, {2000, 10, 1000, 1000}, {5, 0, 5, 5}, {-1, 4, 996, 1000}, {-8, 1000, 0, 1000}, {-8, 2000, 0, 1000},
	}
	for _, tt := range tests {
		got, info, err := st.GetRange(t.Context(), "r", tt.off, tt.n)
		if err != nil || !bytes.Equal(got, data[tt.from:tt.to]) || info.Size != 1000 || info.ETag == "" {
			t.Errorf("GetRange(%d, %d): %d bytes, %+v, %v; want [%d:%d]", tt.off, tt.n, len(got), info, err, tt.from, tt.to)
		}
	}
	for _, off := range []int64{0, 5, -1} {
		if got, info, err := st.GetRange(t.Context(), "empty", off, 10); err != nil || len(got) != 0 || info.Size != 0 {
			t.Errorf("GetRange(%d) of an empty object: %d bytes, %+v, %v", off, len(got), info, err)
		}
	}
}

func testKeys(t *testing.T, st storage.Storage) {
	good := []string{"a", "a.b/c-d/_e", "with space/ä ö.nc", "q?a=b&c#d%20", "+x", "...", strings.Repeat("n", 200)}
	for _, key := range good {
		put(t, st, key, []byte(key))
		wantGet(t, st, key, []byte(key))
	}
	slices.Sort(good)
	if got := keys(t, func(fn func(storage.Info) error) error { return st.List(t.Context(), "", fn) }); !slices.Equal(got, good) {
		t.Errorf("listed %q, want %q", got, good)
	}
	for _, key := range []string{"", "/a", "a/", "a//b", "../a", "a/../b", "./a", "a\x00b", "a/.healpipe-0.tmp"} {
		if _, err := st.Put(t.Context(), key, nil, storage.Condition{}); !errors.Is(err, storage.ErrInvalidKey) {
			t.Errorf("Put(%q): %v", key, err)
		}
		if _, err := st.Create(t.Context(), key); !errors.Is(err, storage.ErrInvalidKey) {
			t.Errorf("Create(%q): %v", key, err)
		}
	}
}

func testConditions(t *testing.T, st storage.Storage) {
	ctx := t.Context()
	_, err := st.Put(ctx, "c", []byte("0"), storage.Condition{IfMatch: "no-such-version"})
	wantError(t, err, storage.ErrPrecondition, st, "c")
	v1, err := st.Put(ctx, "c", []byte("1"), storage.Condition{IfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = st.Put(ctx, "c", []byte("x"), storage.Condition{IfAbsent: true})
	wantError(t, err, storage.ErrPrecondition, st, "c")
	v2, err := st.Put(ctx, "c", []byte("2"), storage.Condition{IfMatch: v1.ETag})
	if err != nil {
		t.Fatal(err)
	}
	_, err = st.Put(ctx, "c", []byte("x"), storage.Condition{IfMatch: v1.ETag})
	wantError(t, err, storage.ErrPrecondition, st, "c")
	if got := wantGet(t, st, "c", []byte("2")); got.ETag != v2.ETag {
		t.Fatalf("%+v, want %+v", got, v2)
	}
}

func testCreate(t *testing.T, st storage.Storage) {
	w, err := st.Create(t.Context(), "d/f")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for _, part := range []string{"one ", "", "two"} {
		if n, err := io.WriteString(w, part); err != nil || n != len(part) {
			t.Fatal(n, err)
		}
		if _, err := st.Stat(t.Context(), "d/f"); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("visible before Commit: %v", err)
		}
	}
	info, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	if got := wantGet(t, st, "d/f", []byte("one two")); got.ETag != info.ETag || info.Size != 7 {
		t.Fatalf("commit says %+v, get %+v", info, got)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Fatal("Write after Commit")
	}
	if _, err := w.Commit(); err == nil {
		t.Fatal("second Commit")
	}
	wantGet(t, st, "d/f", []byte("one two"))
	empty, err := st.Create(t.Context(), "d/empty")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := empty.Commit(); err != nil {
		t.Fatal(err)
	}
	wantGet(t, st, "d/empty", nil)
}

func testAbort(t *testing.T, st storage.Storage) {
	put(t, st, "kept", []byte("old"))
	for _, key := range []string{"kept", "new"} {
		w, err := st.Create(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(pattern(50_000, 3)); err != nil {
			t.Fatal(err)
		}
		if err := w.Abort(); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Commit(); err == nil {
			t.Fatal("Commit after Abort")
		}
	}
	wantGet(t, st, "kept", []byte("old"))
	if got := keys(t, func(fn func(storage.Info) error) error { return st.List(t.Context(), "", fn) }); !slices.Equal(got, []string{"kept"}) {
		t.Fatalf("left behind: %q", got)
	}
}

// testLarge is longer than one part of a multipart upload.
func testLarge(t *testing.T, st storage.Storage) {
	data := pattern(17<<20+11, 5)
	w, err := st.Create(t.Context(), "large")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for part := range slices.Chunk(data, 3<<20+1) {
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	info := wantGet(t, st, "large", data)
	if _, err := st.Put(t.Context(), "large", data[1:], storage.Condition{IfMatch: info.ETag}); err != nil {
		t.Fatal(err)
	}
	wantGet(t, st, "large", data[1:])
}

func testDelete(t *testing.T, st storage.Storage) {
	put(t, st, "d/1", nil)
	put(t, st, "d/2", nil)
	for range 2 {
		if err := st.Delete(t.Context(), "d/1"); err != nil {
			t.Fatal(err)
		}
	}
	if got := keys(t, func(fn func(storage.Info) error) error { return st.List(t.Context(), "", fn) }); !slices.Equal(got, []string{"d/2"}) {
		t.Fatal(got)
	}
}

func testList(t *testing.T, st storage.Storage) {
	all := []string{"a-b/x", "a.b", "a/1", "a/10", "a/2/z", "a0", "b/c/d/e", "zarr.json"} // "a-", "a." < "a/"
	for _, key := range slices.Backward(all) {
		put(t, st, key, []byte(key))
	}
	for _, prefix := range []string{"", "a", "a/", "a/1", "a/2", "a/2/", "a.", "b/c", "b/c/d/e", "b/c/d/e/", "x", "z"} {
		want := []string{}
		for _, key := range all {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		if got := keys(t, func(fn func(storage.Info) error) error { return st.List(t.Context(), prefix, fn) }); !slices.Equal(got, want) {
			t.Errorf("List(%q): %q, want %q", prefix, got, want)
		}
	}
	err := st.List(t.Context(), "", func(i storage.Info) error {
		stat, err := st.Stat(t.Context(), i.Key)
		if err == nil && (i.Size != int64(len(i.Key)) || i.ETag != stat.ETag) {
			t.Errorf("listed %+v, stat %+v", i, stat)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func testListDir(t *testing.T, st storage.Storage) {
	for _, key := range []string{"top", "d/b", "d/a", "d/sub/x", "dd/y"} {
		put(t, st, key, nil)
	}
	tests := map[string][]string{"": {"top"}, "d": {"d/a", "d/b"}, "d/": {"d/a", "d/b"}, "d/sub": {"d/sub/x"}, "none": {}, "to": {}}
	for dir, want := range tests {
		if got := keys(t, func(fn func(storage.Info) error) error { return st.ListDir(t.Context(), dir, fn) }); !slices.Equal(got, want) {
			t.Errorf("ListDir(%q): %q, want %q", dir, got, want)
		}
	}
}

func testListStops(t *testing.T, st storage.Storage) {
	for i := range 5 {
		put(t, st, strconv.Itoa(i), nil)
	}
	stop, n := errors.New("stop"), 0
	err := st.List(t.Context(), "", func(storage.Info) error {
		if n++; n == 2 {
			return stop
		}
		return nil
	})
	if err != stop || n != 2 {
		t.Fatal(err, n)
	}
}

func testReader(t *testing.T, st storage.Storage) {
	data := pattern(300_000, 9)
	put(t, st, "f", data)
	r, err := st.Open(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Info().Size != int64(len(data)) || r.Info().Key != "f" {
		t.Fatalf("%+v", r.Info())
	}
	got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Info().Size))
	if err != nil || !bytes.Equal(got, data) {
		t.Fatal(len(got), err)
	}
	buf := make([]byte, 10)
	if n, err := r.ReadAt(buf, int64(len(data))-4); n != 4 || err != io.EOF {
		t.Fatalf("read over the end: %d, %v", n, err)
	}
	if n, err := r.ReadAt(buf, int64(len(data))); n != 0 || err != io.EOF {
		t.Fatalf("read at the end: %d, %v", n, err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			b := make([]byte, 1000)
			for off := i; off+len(b) < len(data); off += 40_000 {
				if _, err := r.ReadAt(b, int64(off)); err != nil || !bytes.Equal(b, data[off:off+len(b)]) {
					t.Errorf("at %d: %v", off, err)
				}
			}
		})
	}
	wg.Wait()
}

func testOneVersion(t *testing.T, st storage.Storage) {
	old := pattern(200_000, 1)
	put(t, st, "v", old)
	r, err := st.Open(t.Context(), "v")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	put(t, st, "v", pattern(200_000, 2))
	buf := make([]byte, 1000)
	switch _, err := r.ReadAt(buf, 100_000); {
	case err == nil:
		if !bytes.Equal(buf, old[100_000:101_000]) {
			t.Fatal("the bytes of another version")
		}
	default:
		wantError(t, err, storage.ErrChanged, st, "v")
	}
}

// testWhole reads while others replace the object: every read sees one version whole.
func testWhole(t *testing.T, st storage.Storage) {
	version := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 30_000+i) }
	put(t, st, "w", version(1))
	var writers sync.WaitGroup
	done := make(chan struct{})
	for i := range 4 {
		writers.Go(func() {
			for range 5 {
				if _, err := st.Put(t.Context(), "w", version(i+1), storage.Condition{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { writers.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		got, _, err := st.Get(t.Context(), "w")
		if errors.Is(err, storage.ErrChanged) {
			continue
		}
		if err != nil || len(got) == 0 || !bytes.Equal(got, version(int(got[0]))) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
}

func testUpdate(t *testing.T, st storage.Storage) {
	ctx, key := t.Context(), "u/x"
	step := func(wantOld string, wantExists bool, content []byte, del bool) {
		t.Helper()
		err := storage.Update(ctx, st, key, func(old []byte, exists bool) ([]byte, bool, error) {
			if string(old) != wantOld || exists != wantExists {
				t.Errorf("old %q, %v; want %q, %v", old, exists, wantOld, wantExists)
			}
			return content, del, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	step("", false, nil, true)
	step("", false, []byte("1"), false)
	step("1", true, []byte("2"), false)
	boom := errors.New("boom")
	err := storage.Update(ctx, st, key, func([]byte, bool) ([]byte, bool, error) { return []byte("x"), false, boom })
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	step("2", true, nil, true)
	if _, err := st.Stat(ctx, key); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("still there: %v", err)
	}
	if got := keys(t, func(fn func(storage.Info) error) error { return st.List(ctx, "", fn) }); len(got) != 0 {
		t.Fatal(got)
	}
}

func testEdit(t *testing.T, st storage.Storage) {
	ctx := t.Context()
	big := pattern(6<<20, 4)
	steps := []struct {
		name    string
		write   []byte
		outcome storage.Outcome
		before  []byte // nil: no object
		after   []byte
	}{
		{"keep nothing", []byte("dropped"), storage.Keep, nil, nil},
		{"remove nothing", nil, storage.Remove, nil, nil},
		{"create empty", nil, storage.Replace, nil, []byte{}},
		{"replace", []byte("one"), storage.Replace, []byte{}, []byte("one")},
		{"keep", []byte("dropped"), storage.Keep, []byte("one"), []byte("one")},
		{"replace by more", big, storage.Replace, []byte("one"), big},
		{"remove", nil, storage.Remove, big, nil},
	}
	for _, s := range steps {
		err := storage.Edit(ctx, st, "dir/e", func(old storage.Reader, w io.Writer) (storage.Outcome, error) {
			if (old == nil) != (s.before == nil) {
				t.Errorf("%s: old is %v", s.name, old)
			}
			if old != nil {
				got, err := io.ReadAll(io.NewSectionReader(old, 0, old.Info().Size))
				if err != nil || !bytes.Equal(got, s.before) {
					t.Errorf("%s: %d old bytes, %v", s.name, len(got), err)
				}
			}
			for part := range slices.Chunk(s.write, 1<<20) {
				if _, err := w.Write(part); err != nil {
					return storage.Keep, err
				}
			}
			return s.outcome, nil
		})
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if s.after != nil {
			wantGet(t, st, "dir/e", s.after)
		} else if _, err := st.Stat(ctx, "dir/e"); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%s: %v", s.name, err)
		}
	}
}

func testUpdateRace(t *testing.T, st storage.Storage) {
	const writers, rounds = 6, 5
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range rounds {
				err := storage.Update(t.Context(), st, "n", func(old []byte, exists bool) ([]byte, bool, error) {
					n, _ := strconv.Atoi(string(old))
					return []byte(strconv.Itoa(n + 1)), false, nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	wantGet(t, st, "n", []byte(strconv.Itoa(writers*rounds)))
}

func testCreateRace(t *testing.T, st storage.Storage) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 8 {
		wg.Go(func() {
			_, err := st.Put(t.Context(), "once", []byte{byte(i)}, storage.Condition{IfAbsent: true})
			if err != nil && !errors.Is(err, storage.ErrPrecondition) {
				t.Error(err)
			}
			if err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Fatalf("%d writers found the object absent", won)
	}
}

func testCancelled(t *testing.T, st storage.Storage) {
	put(t, st, "k", []byte("v"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := st.Get(ctx, "k")
	wantError(t, err, context.Canceled, st, "k")
	_, err = st.Put(ctx, "k", []byte("w"), storage.Condition{})
	wantError(t, err, context.Canceled, st, "k")
	if err := st.Delete(ctx, "k"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := st.List(ctx, "", func(storage.Info) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	wantGet(t, st, "k", []byte("v"))
}

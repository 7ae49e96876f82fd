package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"golang.org/x/sync/semaphore"

	"healpipe/netcdf"
)

// testRoom has 100 bytes of memory and 1000 on each disk.
func testRoom() *room {
	return &room{memory: 100, limit: "a test's limit", taken: semaphore.NewWeighted(100), tempDir: "/temp/files",
		diskFree: func(string) (int64, error) { return 1000, nil }, filesFree: func(dir string) (int64, error) { return int64(len(dir)) - int64(len("/full")), nil }}
}

func TestRoomRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		out  string
		need need
		want string
	}{
		{"/out/put", need{memory: 101 << 20}, "MemoryError: the job cannot fit: the work needs about 101 MiB of memory, and the tasks may have 0 MiB (a test's limit): raise that limit, or run it where there is more"},
		{"/out/put", need{output: 2000}, "OSError: the job cannot fit: no space left in /out/put: the work needs 0.0 MB, and 0.0 MB are free: free some, or write elsewhere (OUTPUT_BUCKET)"},
		{"", need{output: 2000}, ""},
		{"/full", need{output: 10}, "OSError: the job cannot fit: no file can be added in /full, where the work has to: its file system has no inodes left: remove files, or write elsewhere (OUTPUT_BUCKET)"},
		{"", need{temp: 2000}, "OSError: the job cannot fit: no space left in /temp/files: the work needs 0.0 MB, and 0.0 MB are free: free some, or name another folder in TMPDIR"},
		{"/out/put", need{memory: 100, output: 1000, temp: 1000}, ""},
		{"/out/put", need{memory: math.MaxInt64}, fmt.Sprintf("MemoryError: the job cannot fit: the work needs about %d MiB of memory, and the tasks may have 0 MiB (a test's limit): raise that limit, or run it where there is more", int64(math.MaxInt64>>20))},
	} {
		leave, err := testRoom().admit(t.Context(), "the work", place{tt.out, "write elsewhere (OUTPUT_BUCKET)"}, tt.need, func() { t.Error("it waits") })
		switch {
		case tt.want == "" && err == nil:
			leave()
		case err == nil || err.Error() != tt.want || !errors.Is(err, errNoRoom):
			t.Errorf("%+v: %v\nwant %s", tt.need, err, tt.want)
		}
	}
	var none *room
	if leave, err := none.admit(t.Context(), "x", place{dir: "/out"}, need{memory: math.MaxInt64}, nil); err != nil {
		t.Error(err)
	} else {
		leave()
	}
}

// TestRoomWaits fills a room, lets a task wait until another leaves, and one give up.
func TestRoomWaits(t *testing.T) {
	t.Parallel()
	r := testRoom()
	first, err := r.admit(t.Context(), "first", place{}, need{memory: 60}, nil)
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	if _, err := r.admit(ctx, "impatient", place{}, need{memory: 60}, func() { cancel(gone) }); err != gone {
		t.Errorf("%v", err)
	}
	waits, in := make(chan struct{}), make(chan error)
	go func() {
		leave, err := r.admit(t.Context(), "second", place{}, need{memory: 60}, func() { close(waits) })
		if err == nil {
			leave()
		}
		in <- err
	}()
	<-waits
	small, err := r.admit(t.Context(), "what has no need", place{}, need{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	small()
	first()
	if err := <-in; err != nil {
		t.Error(err)
	}
}

func TestOpenFilesLimit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		limit int64
		tasks int
		want  string
	}{
		{1024, 8, ""}, {160, 8, ""},
		{159, 8, "8 tasks at a time may open 160 files, and the limit is 159: raise the limit: ulimit -n 65536, or LimitNOFILE= in the unit; or start fewer tasks at a time: -c 7"},
		{20, 1, "1 task at a time may open 48 files, and the limit is 20: raise the limit: ulimit -n 65536, or LimitNOFILE= in the unit"},
	} {
		if err := checkOpenFiles(tt.limit, tt.tasks); (err == nil) != (tt.want == "") || err != nil && err.Error() != tt.want {
			t.Errorf("%d, %d: %v", tt.limit, tt.tasks, err)
		}
	}
}

// padded reads as its bytes and zeros for ever.
type padded []byte

func (p padded) ReadAt(b []byte, off int64) (int, error) {
	clear(b)
	if off < int64(len(p)) {
		copy(b, p[off:])
	}
	return len(b), nil
}

// header opens a file that has nothing but a header: one variable with these dimensions.
func header(t *testing.T, shape ...int) *netcdf.File {
	t.Helper()
	var buf bytes.Buffer
	s := netcdf.Schema{}
	names := []string{"time", "level", "latitude", "longitude"}[4-len(shape):]
	for i, n := range shape {
		s.Dims = append(s.Dims, netcdf.Dim{Name: names[i], Len: n})
	}
	s.Vars = []netcdf.VarDef{{Name: "v", Kind: netcdf.Float, Dims: names}}
	if _, err := netcdf.Create(&buf, netcdf.CDF5, s); err != nil {
		t.Fatal(err)
	}
	f, err := netcdf.Open(padded(buf.Bytes()), math.MaxInt64, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestRegridNeed computes results' sizes, and reads headers whose numbers have no bounds.
func TestRegridNeed(t *testing.T) {
	t.Parallel()
	const cells = 49152
	for _, tt := range []struct {
		shape  []int
		output int64
		memory [2]int64 // bounds
	}{
		{[]int{24, 721, 1440}, 24 * cells * 4, [2]int64{6 << 20, 8 << 20}}, // the results of 8 times
		{[]int{24, 37, 721, 1440}, 24 * 37 * cells * 4, [2]int64{26 << 20, 32 << 20}},
		{[]int{721, 1440}, cells * 4, [2]int64{1 << 19, 2 << 20}},
		{[]int{1 << 18, 1 << 18, 1 << 9, 1 << 9}, 1 << 36 * cells * 4, [2]int64{512 << 20, 1 << 61}},
	} {
		got := regridNeed(header(t, tt.shape...), 1000, cells, 96<<20)
		if got.output != tt.output || got.memory < tt.memory[0] || got.memory > tt.memory[1] {
			t.Errorf("%v: %+v", tt.shape, got)
		}
	}
	for f, want := range map[float64]int64{math.Inf(1): 1 << 60, -1: 0, 5: 5} {
		if got := bytesOf(f); got != want {
			t.Errorf("%v: %d", f, got)
		}
	}
}

package regrid

import (
	"bytes"
	"context"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"healpipe/internal/testenv"
)

// TestBudgetIsShared counts who computes at the same time: eight tasks that each work on many things have no more
// goroutines at it than their common Budget has places, and waiting inside of a place counts for nothing.
func TestBudgetIsShared(t *testing.T) {
	t.Parallel()
	const places = 3
	b := NewBudget(places)
	var busy, most, done atomic.Int32
	enter := func() {
		n := busy.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		runtime.Gosched()
	}
	var tasks sync.WaitGroup
	for range 8 {
		tasks.Go(func() {
			err := b.each(t.Context(), 20, func(int) error {
				return b.do(t.Context(), func() error {
					enter()
					busy.Add(-1)
					b.wait(runtime.Gosched)
					enter()
					busy.Add(-1)
					done.Add(1)
					return nil
				})
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	tasks.Wait()
	if n := most.Load(); n > places || n < 1 {
		t.Errorf("%d at a time, %d places", n, places)
	}
	if done.Load() != 8*20 || len(b.places) != 0 {
		t.Errorf("%d of %d done, %d places taken", done.Load(), 8*20, len(b.places))
	}
}

// TestFilesKeepToTheBudget takes four files at once through one Regridder whose Budget has a place that the test
// holds back: all come to their end with the other one.
func TestFilesKeepToTheBudget(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(testenv.Path("tests", "testdata", "cdo", "tp_2h_1deg.nc"))
	if err != nil {
		t.Fatal(err)
	}
	r := Regridder{Budget: NewBudget(2), piece: 1000}
	err = r.Budget.do(context.Background(), func() error {
		var files sync.WaitGroup
		for range 4 {
			files.Go(func() {
				if _, err := r.File(t.Context(), Input{R: bytes.NewReader(data), Size: int64(len(data)), Name: "tp.nc"}, io.Discard); err != nil {
					t.Error(err)
				}
			})
		}
		files.Wait()
		if n := len(r.Budget.places); n != 1 {
			t.Errorf("%d places are taken, want the test's own", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

package gcfloor_test

import (
	"runtime/debug"
	"testing"

	"healpipe/internal/gcfloor"
)

func TestPercent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		live, floor uint64
		want        int
	}{
		{0, 16 << 20, 400}, // nothing collected yet
		{2 << 20, 16 << 20, 400},
		{4 << 20, 16 << 20, 300},
		{1 << 20, 4 << 20, 100},
		{8 << 20, 16 << 20, 100},
		{100 << 20, 16 << 20, 100},
		{2 << 20, 0, 100},
	} {
		if got := gcfloor.Percent(c.live, c.floor); got != c.want {
			t.Errorf("%d bytes alive, floor %d: %d %%, want %d", c.live, c.floor, got, c.want)
		}
	}
}

// TestSet: the collector's percentage follows the heap, up while it is small and back to Go's own when it is large.
func TestSet(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	gcfloor.Set(64 << 20)
	percent := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	if p := percent(); p <= 100 {
		t.Fatalf("%d %% with a small heap", p)
	}
}

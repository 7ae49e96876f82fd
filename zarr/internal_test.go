package zarr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"

	"healpipe/internal/testenv"
)

// TestFloat16 compares every Float16, and the rounding of values around each, with NumPy.
func TestFloat16(t *testing.T) {
	t.Parallel()
	var in, want strings.Builder
	for h := range 1 << 16 {
		f := Float16(h).Float64()
		if f != f {
			f = math.NaN()
		}
		fmt.Fprintf(&want, "%x ", math.Float64bits(f))
		if back := NewFloat16(f); back != Float16(h) && f == f {
			t.Fatalf("%04x is %v, which is %04x", h, f, back)
		}
	}
	var probes []float64
	for h := 0; h <= 0x7c00; h++ {
		f, next := Float16(h).Float64(), Float16(h+1).Float64()
		if h >= 0x7bff {
			next = 65536
		}
		mid := (f + next) / 2
		probes = append(probes, mid, math.Nextafter(mid, 0), -math.Nextafter(mid, 1e9))
	}
	for _, p := range probes {
		fmt.Fprintf(&in, "%x ", uint16(NewFloat16(p)))
	}
	out := testenv.RunPython(t, `
import numpy as np, warnings
warnings.simplefilter("ignore")
all = np.arange(65536, dtype="u2").view("f2").astype("f8")
all[np.isnan(all)] = np.frombuffer(np.uint64(0x7ff8000000000001).tobytes(), "f8")[0]
print(" ".join("%x" % b for b in all.view("u8")))
f = np.arange(0x7c01, dtype="u2").view("f2").astype("f8"); n = np.arange(1, 0x7c02, dtype="u2").view("f2").astype("f8")
f[-1] = np.inf; n[-2:] = 65536
m = (f + n) / 2
p = np.stack([m, np.nextafter(m, 0), -np.nextafter(m, 1e9)], 1).ravel()
print(" ".join("%x" % b for b in p.astype("f2").view("u2")))
`)
	lines := strings.Split(out, "\n")
	if lines[0] != strings.TrimSpace(want.String()) {
		t.Error("values differ from NumPy's")
	}
	theirs, ours := strings.Fields(lines[1]), strings.Fields(in.String())
	for i := range theirs {
		if theirs[i] != ours[i] {
			t.Fatalf("%v rounds to %s, in NumPy to %s", probes[i], ours[i], theirs[i])
		}
	}
}

func TestFillValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		t    DataType
		in   any
		want string // "" for an error
	}{
		{TypeFloat32, nil, "0.0"}, {TypeFloat32, 0.1, "0.10000000149011612"}, {TypeFloat32, float32(1e-7), "1.0000000116860974e-07"},
		{TypeFloat64, 1e16, "1e+16"}, {TypeFloat64, 123456789.0, "123456789.0"}, {TypeFloat64, 1e-5, "1e-05"}, {TypeFloat64, math.Copysign(0, -1), "-0.0"},
		{TypeFloat64, math.NaN(), `"NaN"`}, {TypeFloat32, math.Inf(-1), `"-Infinity"`}, {TypeFloat16, "0x7e00", `"NaN"`}, {TypeFloat16, Float16(0x3c00), "1.0"},
		{TypeFloat32, "0x7fc00001", `"0x7fc00001"`}, {TypeFloat32, "0x3f800000", "1.0"}, {TypeFloat32, "0x3f80", ""}, {TypeFloat32, "abc", ""}, {TypeFloat32, true, ""},
		{TypeInt8, -128, "-128"}, {TypeInt8, 128, ""}, {TypeInt8, 1.0, "1"}, {TypeInt8, 1.5, ""}, {TypeUint8, -1, ""}, {TypeUint64, uint64(math.MaxUint64), "18446744073709551615"},
		{TypeInt64, int64(math.MinInt64), "-9223372036854775808"}, {TypeInt64, int64(math.MaxInt64), "9223372036854775807"}, {TypeInt32, "NaN", ""}, {TypeUint64, 1e19, "10000000000000000000"}, {TypeUint64, 1e20, ""}, {TypeInt64, -1e18, "-1000000000000000000"}, {TypeInt64, 1e300, ""},
		{TypeBool, true, "true"}, {TypeBool, 1, ""}, {TypeComplex64, complex64(complex(1, -2.5)), "[ 1.0, -2.5 ]"}, {TypeComplex128, 3, "[ 3.0, 0.0 ]"},
		{TypeComplex128, complex(math.Inf(1), math.NaN()), `[ "Infinity", "NaN" ]`},
	} {
		e, err := fillOf(c.t, c.in)
		if c.want == "" {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%s %v: %v, %x", c.t, c.in, err, e)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %v: %v", c.t, c.in, err)
			continue
		}
		if got := oneLine(formatJSON(formatFill(c.t, e))); got != c.want {
			t.Errorf("%s %v: %s, not %s", c.t, c.in, got, c.want)
		}
		if back, err := fillOf(c.t, fillValue(c.t, e)); err != nil || !bytes.Equal(back, e) {
			t.Errorf("%s %v: as a Go value it is %v: %x, not %x (%v)", c.t, c.in, fillValue(c.t, e), back, e, err)
		}
	}
}

// TestInOrder checks order, the bound on simultaneous work, and that an error ends it.
func TestInOrder(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 2, 7, 100} {
		var busy, most atomic.Int64
		var got []int
		err := inOrder(context.Background(), workers, 50, func(_ context.Context, i int, _ *scratch) (int, error) {
			for n := busy.Add(1); ; {
				if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
					break
				}
			}
			return 2 * i, nil
		}, func(i, v int) error {
			busy.Add(-1)
			if v != 2*i {
				t.Errorf("%d for %d", v, i)
			}
			got = append(got, i)
			return nil
		})
		if err != nil || len(got) != 50 || most.Load() > int64(workers) {
			t.Errorf("%d workers: %v, %d results, %d at once", workers, err, len(got), most.Load())
		}
		for i := range got {
			if got[i] != i {
				t.Fatalf("out of order: %v", got)
			}
		}
		for _, where := range []string{"produce", "emit"} {
			fail := errors.New("failed")
			emitted := 0
			err := inOrder(context.Background(), workers, 50, func(_ context.Context, i int, _ *scratch) (int, error) {
				if where == "produce" && i == 20 {
					return 0, fail
				}
				return i, nil
			}, func(i, _ int) error {
				emitted = i
				if where == "emit" && i == 20 {
					return fail
				}
				return nil
			})
			if !errors.Is(err, fail) || emitted > 20 {
				t.Errorf("%d workers, %s: %v after %d", workers, where, err, emitted)
			}
		}
	}
}

// TestBudget counts how many chunks are worked on at once.
func TestBudget(t *testing.T) {
	t.Parallel()
	b := NewBudget(2)
	var busy, most atomic.Int64
	o := Options{Workers: 8, Budget: b}
	err := parallel(context.Background(), o.workers(), 100, func(ctx context.Context, _ int) error {
		return o.work(ctx, func() error {
			n := busy.Add(1)
			if n > most.Load() {
				most.Store(n)
			}
			busy.Add(-1)
			return nil
		})
	})
	if err != nil || most.Load() > 2 {
		t.Error(err, most.Load())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.Acquire(ctx, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait: %v", err)
	}
	if err := b.Acquire(context.Background(), 2); err != nil {
		t.Error("the cancelled wait kept units:", err)
	}
}

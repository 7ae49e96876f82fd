package netcdf_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"

	"healpipe/internal/testenv"
	"healpipe/netcdf"
)

// pick selects from a dense row-major slice.
func pick(values any, shape, start, count, stride []int) any {
	in := reflect.ValueOf(values)
	out := reflect.MakeSlice(in.Type(), 0, 0)
	var walk func(dim, at int)
	walk = func(dim, at int) {
		if dim == len(shape) {
			out = reflect.Append(out, in.Index(at))
			return
		}
		for i := range count[dim] {
			walk(dim+1, at*shape[dim]+start[dim]+i*stride[dim])
		}
	}
	walk(0, 0)
	return out.Interface()
}

func randomSelection(r *rand.Rand, shape []int) (start, count, stride []int) {
	for _, n := range shape {
		s := r.IntN(n)
		step := 1 + r.IntN(3)
		start, stride = append(start, s), append(stride, step)
		count = append(count, r.IntN((n-s-1)/step+2))
	}
	return start, count, stride
}

// TestSelections reads random hyperslabs of every layout and compares with the same cut of the whole.
func TestSelections(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for _, path := range written(t, "netcdf4_files.py") {
		f := open(t, path)
		for _, v := range f.Root().Vars {
			whole, err := v.Values(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if v.Len() == 0 {
				continue
			}
			for range 6 {
				start, count, stride := randomSelection(r, v.Shape)
				want := pick(whole, v.Shape, start, count, stride)
				got := reflect.MakeSlice(reflect.TypeOf(whole), reflect.ValueOf(want).Len(), reflect.ValueOf(want).Len()).Interface()
				if err := v.Read(t.Context(), got, start, count, stride); err != nil {
					t.Fatal(err)
				}
				if !same(got, want) && reflect.ValueOf(want).Len() > 0 {
					t.Fatalf("%s %s: start %v count %v stride %v: %s", filepath.Base(path), v.Path, start, count, stride, firstDiff(got, want))
				}
			}
		}
	}
}

// TestBadSelections checks the errors of wrong arguments.
func TestBadSelections(t *testing.T) {
	t.Parallel()
	v, err := open(t, testenv.Path("tests", "testdata", "cdo", "2t_3h_1deg.nc")).Var("VAR_2T")
	if err != nil {
		t.Fatal(err)
	}
	one := []int{1, 1, 1}
	for name, err := range map[string]error{
		"rank":     v.Read(t.Context(), make([]float32, 1), []int{0}, one, nil),
		"negative": v.Read(t.Context(), make([]float32, 1), []int{0, -1, 0}, one, nil),
		"start":    v.Read(t.Context(), make([]float32, 1), []int{4, 0, 0}, one, nil),
		"count":    v.Read(t.Context(), make([]float32, 4), nil, []int{4, 1, 1}, nil),
		"stride":   v.Read(t.Context(), make([]float32, 2), nil, []int{2, 1, 1}, []int{3, 1, 1}),
		"zero":     v.Read(t.Context(), make([]float32, 1), nil, one, []int{0, 1, 1}),
		"short":    v.Read(t.Context(), make([]float32, 2), nil, one, nil),
		"type":     v.Read(t.Context(), make([]string, 1), nil, one, nil),
		"nil":      v.Read(t.Context(), nil, nil, one, nil),
		"huge":     v.Read(t.Context(), make([]float32, 1), []int{0, 0, math.MaxInt}, one, []int{1, 1, math.MaxInt}),
	} {
		if !errors.Is(err, netcdf.ErrSelection) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := v.Group.Var("nothing"); !errors.Is(err, netcdf.ErrNotFound) {
		t.Error(err)
	}
	if _, err := v.Attr("nothing"); !errors.Is(err, netcdf.ErrNotFound) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.Read(ctx, make([]float32, 1), nil, one, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestStreaming reads every variable chunk by chunk into a slab of its own layout, split into ReadRaw and
// Decode, box by box and from several goroutines at once.
func TestStreaming(t *testing.T) {
	t.Parallel()
	files := append(written(t, "netcdf4_files.py"), testenv.Path("tests", "testdata", "cdo", "u_2h_1deg_5lev.nc"))
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			f := open(t, path)
			var wg sync.WaitGroup
			for _, v := range f.Root().Vars {
				if v.Type.Kind.Numeric() {
					wg.Go(func() { streamVar(t, v) })
				}
			}
			wg.Wait()
		})
	}
}

// pieces reads a chunk in pieces of about a fifth.
func pieces(t *testing.T, ch *netcdf.Chunks, c netcdf.Chunk) func([]byte) ([]byte, error) {
	at := int64(0)
	return func(tail []byte) ([]byte, error) {
		n := min(c.Size/5+1, c.Size-at)
		buf := append(slices.Clone(tail), make([]byte, n)...)
		err := ch.ReadPiece(t.Context(), c, at, buf[len(tail):])
		at += n
		return buf, err
	}
}

func streamVar(t *testing.T, v *netcdf.Var) {
	want, err := netcdf.ReadAll[float64](t.Context(), v)
	if err != nil {
		t.Error(err)
		return
	}
	ch, err := v.Chunks(t.Context())
	if err != nil {
		t.Error(err)
		return
	}
	var d netcdf.Decoder
	var raw []byte
	got := make([]float64, v.Len())
	stride := make([]int, len(v.Shape))
	for i, n := len(v.Shape)-1, 1; i >= 0; i-- {
		stride[i] = n
		n *= v.Shape[i]
	}
	cells := 0
	for c := range ch.All() {
		cells++
		if raw, err = ch.ReadRaw(t.Context(), c, raw); err != nil {
			t.Error(err)
			return
		}
		if cells%2 == 0 && ch.Piecewise(c) {
			err = d.DecodePieces(ch, c, pieces(t, ch, c))
		} else {
			err = d.Decode(ch, c, raw)
		}
		if err != nil {
			t.Error(err)
			return
		}
		at := 0
		for i, s := range c.Start {
			at += s * stride[i]
		}
		if len(v.Shape) == 0 || c.Count[0] == 0 {
			if err := d.Copy(got[at:], stride, nil, c.Count); err != nil {
				t.Error(err)
			}
			continue
		}
		var wg sync.WaitGroup
		for i := range c.Count[0] { // one index of the first dimension per goroutine
			wg.Go(func() {
				lo, n := make([]int, len(c.Count)), slices.Clone(c.Count)
				lo[0], n[0] = i, 1
				if err := d.Copy(got[at+i*stride[0]:], stride, lo, n); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	if cells != ch.Len() {
		t.Errorf("%s: %d chunks, not %d", v.Path, cells, ch.Len())
	}
	if !same(got, want) && len(want) > 0 {
		t.Errorf("%s: %s", v.Path, firstDiff(got, want))
	}
}

// TestCopyErrors checks that boxes outside the chunk or the slice are errors.
func TestCopyErrors(t *testing.T) {
	t.Parallel()
	v, err := open(t, testenv.Path("tests", "testdata", "cdo", "2t_3h_1deg.nc")).Var("VAR_2T")
	if err != nil {
		t.Fatal(err)
	}
	ch, err := v.Chunks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var d netcdf.Decoder
	if err := d.Copy(make([]float32, 1), nil, nil, []int{1, 1, 1}); !errors.Is(err, netcdf.ErrSelection) {
		t.Errorf("nothing loaded: %v", err)
	}
	c := ch.At(0, ch.Grid[1]-1, ch.Grid[2]-1)
	if err := d.Load(t.Context(), ch, c); err != nil {
		t.Fatal(err)
	}
	n := slices.Clone(c.Count)
	n[2]++
	big := make([]float32, 1<<20)
	for name, err := range map[string]error{
		"pad cells": d.Copy(big, nil, nil, n),
		"low":       d.Copy(big, nil, []int{0, -1, 0}, []int{1, 1, 1}),
		"rank":      d.Copy(big, nil, nil, []int{1}),
		"short":     d.Copy(make([]float32, 3), nil, nil, []int{1, 2, 2}),
		"strides":   d.Copy(make([]float32, 4), []int{0, 3, 1}, nil, []int{1, 2, 2}),
		"negative":  d.Copy(big, []int{0, -1, 1}, nil, []int{1, 2, 2}),
	} {
		if !errors.Is(err, netcdf.ErrSelection) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestParallel reads through Options.Parallel.
func TestParallel(t *testing.T) {
	t.Parallel()
	path := testenv.Path("tests", "testdata", "cdo", "2t_1h_025deg.nc")
	calls := 0
	f, err := netcdf.OpenFile(path, &netcdf.Options{Parallel: func(ctx context.Context, n int, fn func(int) error) error {
		calls += n
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { errs[i] = fn(i) })
		}
		wg.Wait()
		return errors.Join(errs...)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v, err := f.Var("VAR_2T")
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.Values(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := open(t, path).Var("VAR_2T")
	want, err := plain.Values(t.Context())
	if err != nil || !same(got, want) || calls == 0 {
		t.Errorf("%v, %d chunks: %s", err, calls, firstDiff(got, want))
	}
}

// TestMemoryLimit checks that a chunk or a variable beyond the limit is refused.
func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	f, err := netcdf.OpenFile(testenv.Path("tests", "testdata", "cdo", "2t_1h_025deg.nc"), &netcdf.Options{MaxMemory: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v, err := f.Var("VAR_2T")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Chunks(t.Context()); !errors.Is(err, netcdf.ErrTooLarge) {
		t.Error(err)
	}
	if _, err := v.Values(t.Context()); !errors.Is(err, netcdf.ErrTooLarge) {
		t.Error(err)
	}
	if _, err := netcdf.ReadAll[float64](t.Context(), v); !errors.Is(err, netcdf.ErrTooLarge) {
		t.Error(err)
	}
}

// TestConversions reads numbers into other types.
func TestConversions(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	var buf bytes.Buffer
	w, err := netcdf.Create(&buf, netcdf.CDF5, netcdf.Schema{Dims: []netcdf.Dim{{Name: "x", Len: 6}}, Vars: []netcdf.VarDef{
		{Name: "d", Kind: netcdf.Double, Dims: []string{"x"}}, {Name: "u", Kind: netcdf.UInt64, Dims: []string{"x"}},
		{Name: "b", Kind: netcdf.Byte, Dims: []string{"x"}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		name   string
		values any
	}{
		{"d", []float64{1.9, -1.9, 300, 1e300, nan, inf}},
		{"u", []uint64{0, 1, 127, 128, 1 << 63, math.MaxUint64}},
		{"b", []int8{0, 1, -1, 127, -128, 5}},
	} {
		if err := w.Write(p.name, p.values); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := netcdf.Open(bytes.NewReader(buf.Bytes()), int64(buf.Len()), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		dst  any
		want any
		bad  bool
	}{
		{"d", make([]int8, 6), []int8{1, -1, 0, 0, 0, 0}, true},
		{"d", make([]uint16, 6), []uint16{1, 0, 300, 0, 0, 0}, true},
		{"d", make([]float32, 6), []float32{1.9, -1.9, 300, float32(inf), float32(nan), float32(inf)}, true},
		{"d", make([]float64, 6), []float64{1.9, -1.9, 300, 1e300, nan, inf}, false},
		{"u", make([]int8, 6), []int8{0, 1, 127, 0, 0, 0}, true},
		{"u", make([]int64, 6), []int64{0, 1, 127, 128, 0, 0}, true},
		{"u", make([]float64, 6), []float64{0, 1, 127, 128, 1 << 63, 1 << 64}, false},
		{"b", make([]uint8, 6), []uint8{0, 1, 0, 127, 0, 5}, true},
		{"b", make([]int32, 6), []int32{0, 1, -1, 127, -128, 5}, false},
		{"b", make([]any, 6), []any{int8(0), int8(1), int8(-1), int8(127), int8(-128), int8(5)}, false},
	} {
		v, err := f.Var(c.name)
		if err != nil {
			t.Fatal(err)
		}
		err = v.Read(t.Context(), c.dst, nil, nil, nil)
		if errors.Is(err, netcdf.ErrRange) != c.bad || !c.bad && err != nil {
			t.Errorf("%s into %T: error %v", c.name, c.dst, err)
		}
		if !same(c.dst, c.want) {
			t.Errorf("%s into %T: %v, not %v", c.name, c.dst, c.dst, c.want)
		}
	}
}

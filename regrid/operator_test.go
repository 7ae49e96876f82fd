package regrid

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// dump writes the values of a file's lon/lat or HEALPix variable as raw little-endian float32, fill values
// as NaN, and prints "fields cells", so that the operator is tested apart from the netCDF reader.
const dump = `
import sys, netCDF4, numpy as np
with netCDF4.Dataset(sys.argv[1]) as ds:
    v = [v for v in ds.variables.values() if v.ndim > 1][0]
    a = np.ma.filled(np.ma.masked_invalid(v[:]), np.nan).astype("<f4")
    hp = "cells" in ds.dimensions
    fields = a.shape[:-1] if hp else a.shape[:-2]
    a = a.reshape(int(np.prod(fields)), -1)
    a.tofile(sys.argv[2])
    print(*a.shape)
    if not hp:
        names = v.dimensions[-2:]
        for n in names:
            print(*(repr(float(x)) for x in ds[n][:]))
`

// field is what dump gave: values of each field and, for lon/lat files, the grid.
type fields struct {
	grid   Grid
	values [][]float32
}

func readFields(t testing.TB, path string) fields {
	t.Helper()
	raw := filepath.Join(t.TempDir(), "raw")
	lines := strings.Split(strings.TrimSpace(testenv.RunPython(t, dump, path, raw)), "\n")
	var f fields
	numbers := func(s string) (out []float64) {
		for w := range strings.FieldsSeq(s) {
			v, err := strconv.ParseFloat(w, 64)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, v)
		}
		return out
	}
	shape := numbers(lines[0])
	if len(lines) == 3 {
		f.grid = Grid{Lat: numbers(lines[1]), Lon: numbers(lines[2])}
	}
	data, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	cells := int(shape[1])
	for i := range int(shape[0]) {
		v := make([]float32, cells)
		for k := range v {
			v[k] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*(i*cells+k):]))
		}
		f.values = append(f.values, v)
	}
	return f
}

// apply takes fields through an operator; missing cells come out as NaN.
func apply(op *Operator, src fields) [][]float32 {
	nx := len(src.grid.Lon)
	out := make([][]float32, len(src.values))
	for i := range out {
		out[i] = make([]float32, op.Cells())
	}
	for at := 0; at < len(out); {
		lanes := MaxLanes
		if len(out)-at <= 4 {
			lanes = 4
		}
		b := op.NewBlock(lanes)
		n := min(lanes, len(out)-at)
		row := make([][]float32, n)
		for j := range src.grid.Lat {
			for l := range row {
				row[l] = src.values[at+l][j*nx : (j+1)*nx]
			}
			b.Row32(row, nil)
		}
		b.Finish32(out[at:at+n], float32(math.NaN()))
		at += n
	}
	return out
}

// agreement compares with a reference: values that differ in their bits, the largest difference in units
// in the last place, and cells missing on one side only.
type agreement struct{ values, differ, ulp, missing int }

func compare(t testing.TB, got, want [][]float32) (a agreement) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d fields, want %d", len(got), len(want))
	}
	for f := range want {
		if len(got[f]) != len(want[f]) {
			t.Fatalf("field %d has %d cells, want %d", f, len(got[f]), len(want[f]))
		}
		for c, w := range want[f] {
			g := got[f][c]
			if (g != g) != (w != w) {
				a.missing++
				continue
			}
			if g != g {
				continue
			}
			a.values++
			if g != w {
				a.differ++
				a.ulp = max(a.ulp, ulps(g, w))
			}
		}
	}
	return a
}

// ulps counts the float32 values between a and b.
func ulps(a, b float32) int {
	order := func(v float32) int64 {
		i := int64(int32(math.Float32bits(v)))
		if i < 0 {
			i = math.MinInt32 - i
		}
		return i
	}
	d := order(a) - order(b)
	return int(max(d, -d))
}

// check fails unless missing cells are equal, 99.9 % of the values are so bit for bit and none is off by
// more than one unit in the last place: the tolerance that the pipeline asks for.
func (a agreement) check(t testing.TB) {
	t.Helper()
	t.Logf("%d values, %d differ, by at most %d ulp; %d missing on one side", a.values, a.differ, a.ulp, a.missing)
	if a.missing != 0 || a.ulp > 1 || a.differ*1000 > a.values {
		t.Errorf("too far from CDO: %+v", a)
	}
}

func TestOperatorAgainstCDO(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"2t_1h_025deg", "sstk_1h_025deg_masked", "2t_3h_1deg", "ci_2h_1deg_masked", "tp_2h_1deg", "u_2h_1deg_5lev"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := readFields(t, testenv.Path("tests", "testdata", "cdo", name+".nc"))
			op, err := NewOperator(src.grid, Target{})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, apply(op, src), readFields(t, testenv.Path("tests", "testdata", "cdo", name+".hp64.nc")).values).check(t)
		})
	}
}

// TestScaleChangesNothing compares the rows of float32, which a Block keeps scaled, with the same as float64, which it does
// not: every bit must be the same, also of values at the ends of float32's range.
func TestScaleChangesNothing(t *testing.T) {
	t.Parallel()
	var g Grid
	for j := range 60 {
		g.Lat = append(g.Lat, -88.5+3*float64(j)) // polar stencils too
	}
	for i := range 144 {
		g.Lon = append(g.Lon, 2.5*float64(i))
	}
	op, err := NewOperator(g, Target{Nside: 16, Intermediate: 64})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	special := []float32{0, float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32, 0x1p-126, math.MaxFloat32, -math.MaxFloat32, float32(math.Inf(1)), float32(math.NaN()), 9.999e20}
	for _, lanes := range []int{4, 8} {
		narrow, wide := op.NewBlock(lanes), op.NewBlock(lanes)
		for range g.Lat {
			rows32, rows64 := rows[float32](lanes, 144), rows[float64](lanes, 144)
			for l := range lanes {
				for i := range rows32[l] {
					v := float32(rng.NormFloat64() * 100)
					switch {
					case l%4 == 1:
						v *= 0x1p-120 // results and products are subnormal
					case l%4 == 2 && rng.IntN(50) == 0:
						v = special[rng.IntN(len(special))]
					case l%4 == 3:
						v = float32(math.Ldexp(float64(v), rng.IntN(250)-140))
					}
					rows32[l][i], rows64[l][i] = v, float64(v)
				}
			}
			missing := float32(9.999e20)
			narrow.Row32(rows32, []float32{missing})
			wide.Row64(rows64, []float64{float64(missing)}, 1, 0)
		}
		got, want := rows[float32](lanes, op.Cells()), rows[float32](lanes, op.Cells())
		narrow.Finish32(got, -1)
		wide.Finish32(want, -1)
		for l := range got {
			for c := range got[l] {
				if a, b := got[l][c], want[l][c]; a != b && (a == a || b == b) {
					t.Fatalf("%d lanes, lane %d, cell %d: %g from float32, %g from float64", lanes, l, c, a, b)
				}
			}
		}
	}
}

func TestBilinearStepAgainstCDO(t *testing.T) {
	t.Parallel()
	src := readFields(t, testenv.Path("tests", "testdata", "cdo", "sstk_1h_025deg_masked.nc"))
	op, err := NewOperator(src.grid, Target{Nside: 256})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, apply(op, src), readFields(t, testenv.Path("tests", "testdata", "cdo", "sstk_1h_025deg_masked.hp256.nc")).values).check(t)
}

func BenchmarkNewOperator(b *testing.B) {
	g := archiveGrid()
	for b.Loop() {
		if _, err := NewOperator(g, Target{}); err != nil {
			b.Fatal(err)
		}
	}
}

// archiveGrid is the 0.25 degree grid of the archive.
func archiveGrid() Grid {
	var g Grid
	for j := range 721 {
		g.Lat = append(g.Lat, 90-0.25*float64(j))
	}
	for i := range 1440 {
		g.Lon = append(g.Lon, 0.25*float64(i))
	}
	return g
}

func BenchmarkBlock(b *testing.B) {
	g := archiveGrid()
	op, err := NewOperator(g, Target{})
	if err != nil {
		b.Fatal(err)
	}
	for _, lanes := range []int{4, 8} {
		for _, holes := range []bool{false, true} {
			b.Run(fmt.Sprintf("lanes=%d/holes=%v", lanes, holes), func(b *testing.B) {
				blk := op.NewBlock(lanes)
				row := make([][]float32, lanes)
				for l := range row {
					row[l] = make([]float32, 1440)
					for i := range row[l] {
						row[l][i] = 280 + float32((i+l)%977)/64
						if holes && i > 900 {
							row[l][i] = 9.999e20
						}
					}
				}
				dst := make([][]float32, lanes)
				for l := range dst {
					dst[l] = make([]float32, op.Cells())
				}
				start := cpuTime()
				for b.Loop() {
					blk.Reset()
					for range g.Lat {
						blk.Row32(row, []float32{9.999e20})
					}
					blk.Finish32(dst, 9.999e20)
				}
				b.ReportMetric(float64((cpuTime()-start).Microseconds())/float64(b.N*lanes), "us/field")
			})
		}
	}
}

// cpuTime is the processor time of the test so far: on a busy machine it says more than the clock.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

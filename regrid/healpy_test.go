package regrid

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"healpipe/internal/testenv"
)

// independent computes both steps in float64 with healpy's cell centres and numpy, nothing of CDO's:
// bilinear to nside 256, missing where a corner is, then the mean of the valid children, without rounding
// in between; and the bilinear step alone.
const independent = `
import sys, netCDF4, healpy, numpy as np
with netCDF4.Dataset(sys.argv[1]) as ds:
    v = [v for v in ds.variables.values() if v.ndim > 2][0]
    a = np.ma.filled(v[0].astype("f8"), np.nan)
    lat, lon = ds[v.dimensions[-2]][:].data, ds[v.dimensions[-1]][:].data
a = a.reshape(-1, len(lat), len(lon))[0]
theta, phi = healpy.pix2ang(256, np.arange(12 * 256 * 256), nest=True)
y = (lat[0] - np.degrees(np.pi / 2 - theta)) / (lat[0] - lat[1])
x = (np.degrees(phi) - lon[0]) / (lon[1] - lon[0])
j, i = np.minimum(y.astype(int), len(lat) - 2), x.astype(int) % len(lon)
y, x, e = y - j, x - np.floor(x), (i + 1) % len(lon)
b = (1 - x) * ((1 - y) * a[j, i] + y * a[j + 1, i]) + x * ((1 - y) * a[j, e] + y * a[j + 1, e])
m = b.reshape(-1, 16)
with np.errstate(all="ignore"):
    r = np.nanmean(m, axis=1)
np.concatenate([b, r]).astype("<f8").tofile(sys.argv[2])
`

func TestAgainstIndependentFloat64(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"2t_1h_025deg", "2t_3h_1deg", "tp_2h_1deg", "u_2h_1deg_5lev"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := testenv.Path("tests", "testdata", "cdo", name+".nc")
			raw := filepath.Join(t.TempDir(), "raw")
			testenv.RunPython(t, independent, path, raw)
			data, err := os.ReadFile(raw)
			if err != nil {
				t.Fatal(err)
			}
			want := make([]float64, len(data)/8)
			for i := range want {
				want[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
			}
			src := readFields(t, path)
			src.values = src.values[:1]
			fine := src.through(t, Target{Nside: 256})
			coarse := src.through(t, Target{})
			// Half an ulp is the rounding of the result itself; the second step adds the averaged
			// rounding of the children, whose ulp may be larger than the mean's.
			t.Logf("nside 256: at most %.3f ulp from float64; nside 64: %.3f", worst(fine, want[:len(fine)]), worst(coarse, want[len(fine):]))
			if w := worst(fine, want[:len(fine)]); w > 0.501 {
				t.Errorf("the bilinear step is %.3f ulp off", w)
			}
			if w := worst(coarse, want[len(fine):]); w > 1.5 {
				t.Errorf("the result is %.3f ulp off", w)
			}
		})
	}
}

// through applies the operator to one field.
func (f fields) through(t testing.TB, target Target) []float32 {
	t.Helper()
	op, err := NewOperator(f.grid, target)
	if err != nil {
		t.Fatal(err)
	}
	return apply(op, f)[0]
}

// worst is the largest difference in units in the last place of float32; those of a millionth of the
// largest value for what is smaller (a weight of 1e-14 beside dry cells).
func worst(got []float32, want []float64) (w float64) {
	top := 0.0
	for _, v := range want {
		top = max(top, math.Abs(v))
	}
	for i, g := range got {
		size := float32(max(math.Abs(want[i]), 1e-6*top))
		ulp := float64(math.Nextafter32(size, math.MaxFloat32)) - float64(size)
		w = max(w, math.Abs(float64(g)-want[i])/ulp)
	}
	return w
}

package netcdf_test

import (
	"math"
	"slices"
	"testing"

	"healpipe/internal/testenv"
	"healpipe/netcdf"
)

// TestPlanes puts the values of each chunk together from their planes and compares them with Copy's.
func TestPlanes(t *testing.T) {
	t.Parallel()
	for name, shuffled := range map[string]bool{"u_2h_1deg_5lev": true, "2t_1h_025deg": true, "u_2h_1deg_5lev.hp64": false} {
		f, err := netcdf.OpenFile(testenv.Path("tests", "testdata", "cdo", name+".nc"), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		i := slices.IndexFunc(f.Root().Vars, func(v *netcdf.Var) bool { return len(v.Shape) > 2 })
		ch, err := f.Root().Vars[i].Chunks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var d netcdf.Decoder
		if _, ok := d.Planes(); ok {
			t.Error("planes of a Decoder without a chunk")
		}
		for c := range ch.All() {
			if err := d.Load(t.Context(), ch, c); err != nil {
				t.Fatal(err)
			}
			p, ok := d.Planes()
			if ok != shuffled {
				t.Fatalf("%s: chunk at %v: planes %v, want %v", name, c.Start, ok, shuffled)
			}
			if !ok {
				continue
			}
			n := 1
			for _, k := range c.Count {
				n *= k
			}
			want := make([]float32, n)
			if err := d.Copy(want, nil, nil, c.Count); err != nil {
				t.Fatal(err)
			}
			for k, w := range want {
				at, rest, size := 0, k, 1
				for i := len(ch.Shape) - 1; i >= 0; i-- {
					at += rest % c.Count[i] * size
					rest /= c.Count[i]
					size *= ch.Shape[i]
				}
				bits := uint32(p[0][at]) | uint32(p[1][at])<<8 | uint32(p[2][at])<<16 | uint32(p[3][at])<<24
				if bits != math.Float32bits(w) {
					t.Fatalf("%s: value %d of the chunk at %v is %#x, want %#x", name, k, c.Start, bits, math.Float32bits(w))
				}
			}
		}
	}
}

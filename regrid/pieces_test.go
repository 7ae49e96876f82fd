package regrid

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"healpipe/internal/testenv"
	"healpipe/netcdf"
)

// brokenReader fails from a position on.
type brokenReader struct {
	*bytes.Reader
	from int64
	err  error
	then func()
}

func (r *brokenReader) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > r.from {
		if r.then != nil {
			r.then()
		}
		return 0, r.err
	}
	return r.Reader.ReadAt(p, off)
}

// Chunks that are read in pieces give the same file, on one core too.
func TestPieces(t *testing.T) {
	t.Parallel()
	now := func() time.Time { return time.Unix(0, 0) }
	for _, name := range []string{"2t_3h_1deg.nc", "u_2h_1deg_5lev.nc"} {
		data, err := os.ReadFile(testenv.Path("tests", "testdata", "cdo", name))
		if err != nil {
			t.Fatal(err)
		}
		in := Input{R: bytes.NewReader(data), Size: int64(len(data)), Name: name}
		var want bytes.Buffer
		if _, err := (&Regridder{Now: now}).File(t.Context(), in, &want); err != nil {
			t.Fatal(err)
		}
		for _, r := range []*Regridder{{piece: 300}, {piece: 5000, Budget: NewBudget(1)}} {
			r.Now = now
			var got bytes.Buffer
			rep, err := r.File(t.Context(), in, &got)
			if err != nil {
				t.Fatalf("%s in pieces of %d: %v", name, r.piece, err)
			}
			if !bytes.Equal(got.Bytes(), want.Bytes()) {
				t.Errorf("%s in pieces of %d: another result", name, r.piece)
			}
			if rep.Read <= 0 || rep.Decode <= 0 {
				t.Errorf("%s in pieces of %d: report %+v", name, r.piece, rep)
			}
		}
	}
}

// What goes wrong within a chunk ends the file with its own error, and leaves nothing running.
func TestPiecesFail(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(testenv.Path("tests", "testdata", "cdo", "2t_3h_1deg.nc"))
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the disk is gone")
	for _, from := range []int{len(data) / 4, len(data) / 2, len(data) * 3 / 4} {
		in := &brokenReader{Reader: bytes.NewReader(data), from: int64(from), err: broken}
		r := Regridder{piece: 500, Budget: NewBudget(1)}
		if _, err := r.File(t.Context(), Input{R: in, Size: int64(len(data)), Name: "x.nc"}, io.Discard); !errors.Is(err, broken) {
			t.Errorf("broken at %d of %d: %v", from, len(data), err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := errors.New("stop")
		in.then = func() { cancel(stop) }
		if _, err := r.File(ctx, Input{R: in, Size: int64(len(data)), Name: "x.nc"}, io.Discard); !errors.Is(err, broken) && !errors.Is(err, stop) {
			t.Errorf("cancelled at %d of %d: %v", from, len(data), err)
		}
		if n := len(r.Budget.places); n != 0 {
			t.Errorf("%d places of the budget are still taken", n)
		}
	}
	spoiled := bytes.Clone(data)
	spoiled[len(data)/2] ^= 0x55
	r := Regridder{piece: 500}
	if _, err := r.File(t.Context(), Input{R: bytes.NewReader(spoiled), Size: int64(len(data)), Name: "x.nc"}, io.Discard); !errors.Is(err, netcdf.ErrCorrupt) {
		t.Errorf("a spoiled byte: %v", err)
	}
}

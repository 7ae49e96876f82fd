package netcdf_test

import (
	"bytes"
	"errors"
	"testing"

	"healpipe/netcdf"
)

// TestBrokenObject breaks the object header of one dataset after the other: the others can still be read, and the
// broken one says what is wrong with it. Without Options.Lenient the file is refused.
func TestBrokenObject(t *testing.T) {
	t.Parallel()
	for _, s := range seeds(t) {
		if s.name != "mixed_new.h5" {
			continue
		}
		datasets := 0
		for at := 0; ; at++ {
			i := bytes.Index(s.data[at:], []byte("OHDR"))
			if i < 0 {
				break
			}
			at += i
			data := bytes.Clone(s.data)
			data[at+12] ^= 1 // a time, which only the checksum notices
			if _, err := netcdf.Open(bytes.NewReader(data), int64(len(data)), nil); !errors.Is(err, netcdf.ErrCorrupt) {
				t.Errorf("with the header at %#x broken: %v", at, err)
			}
			f, err := netcdf.Open(bytes.NewReader(data), int64(len(data)), &netcdf.Options{Lenient: true})
			if err != nil {
				if !errors.Is(err, netcdf.ErrCorrupt) {
					t.Error(err)
				}
				continue // the header of the root group
			}
			broken := 0
			for name, v := range allVars(f.Root()) {
				if _, err := v.Values(t.Context()); err == nil {
					continue
				}
				broken++
				_, err1 := v.Values(t.Context())
				_, err2 := v.Attrs()
				_, err3 := v.FillValue()
				_, err4 := v.Chunks(t.Context())
				for _, err := range []error{err1, err2, err3, err4} {
					if !errors.Is(err, netcdf.ErrCorrupt) {
						t.Errorf("%s: %v", name, err)
					}
				}
			}
			if broken != 1 {
				t.Errorf("with the header at %#x broken %d variables cannot be read", at, broken)
			}
			datasets++
		}
		if datasets < 6 {
			t.Errorf("%d datasets", datasets)
		}
	}
}

// TestHugeElement: a type of a gigabyte is beyond the limit on memory, also for the fill value (found by FuzzStructure).
func TestHugeElement(t *testing.T) {
	t.Parallel()
	for _, s := range seeds(t) {
		if s.name != "types_old.h5" {
			continue
		}
		data := bytes.Clone(s.data)
		at := bytes.Index(data, []byte("\x15\x08\x00\x00\x03\x00\x00\x00")) // opaque of 3 bytes
		if at < 0 {
			at = bytes.Index(data, []byte("\x15\x00\x00\x00\x03\x00\x00\x00"))
		}
		if at < 0 {
			t.Fatal("no opaque type in the seed")
		}
		data[at+7] = 0x40
		f, err := netcdf.Open(bytes.NewReader(data), int64(len(data)), &netcdf.Options{MaxMemory: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		v, err := f.Var("opaque")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.FillValue(); !errors.Is(err, netcdf.ErrTooLarge) {
			t.Error(err)
		}
		if _, err := v.Values(t.Context()); !errors.Is(err, netcdf.ErrTooLarge) {
			t.Error(err)
		}
	}
}

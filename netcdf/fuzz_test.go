package netcdf_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"healpipe/netcdf"
	"healpipe/netcdf/internal/hdf5"
)

// seeds returns the small files of testdata/seeds: HDF5 of old and new versions, netCDF-4, classic.
func seeds(t testing.TB) []seed {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "seeds", "*.gz"))
	if err != nil || len(files) == 0 {
		t.Fatal("no seeds", err)
	}
	var out []seed
	for _, path := range files {
		packed, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, seed{strings.TrimSuffix(filepath.Base(path), ".gz"), data})
	}
	return out
}

type seed struct {
	name string
	data []byte
}

// readAll opens a file and reads everything in it, within little memory. It returns the errors of the reading.
func readAll(data []byte) error {
	f, err := netcdf.Open(bytes.NewReader(data), int64(len(data)), &netcdf.Options{MaxMemory: 4 << 20, Lenient: true})
	if err != nil {
		return err
	}
	var errs []error
	readGroup(f.Root(), &errs)
	return errors.Join(errs...)
}

// readMended is readAll, again and again with the wrong checksum put right that it complains of. data is changed.
func readMended(data []byte) error {
	seen := map[uint64]bool{}
	for {
		err := readAll(data)
		var sum *hdf5.ChecksumError
		base := max(bytes.Index(data, []byte("\x89HDF\r\n\x1a\n")), 0)
		if !errors.As(err, &sum) || seen[sum.At] || len(seen) > 20 || sum.At > uint64(len(data)-base-4) {
			return err
		}
		seen[sum.At] = true
		binary.LittleEndian.PutUint32(data[base+int(sum.At):], sum.Want)
	}
}

// checkKind fails for an error that wraps none of the package's.
func checkKind(t *testing.T, err error) {
	t.Helper()
	list := []error{err}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		list = many.Unwrap()
	}
	for _, e := range list {
		known := e == nil
		for _, k := range []error{netcdf.ErrFormat, netcdf.ErrCorrupt, netcdf.ErrUnsupported, netcdf.ErrTooLarge, netcdf.ErrRange} {
			known = known || errors.Is(e, k)
		}
		if !known {
			t.Errorf("an error of no kind: %v", e)
		}
	}
}

func readGroup(g *netcdf.Group, errs *[]error) {
	note := func(err error) { *errs = append(*errs, err) }
	attrs := func(list []netcdf.Attr, err error) {
		note(err)
		for _, a := range list {
			note(a.Err)
		}
	}
	attrs(g.Attrs())
	for _, v := range g.Vars {
		attrs(v.Attrs())
		_, err := v.FillValue()
		note(err)
		_, _ = v.Packing()
		if v.Len() <= 1<<16 {
			_, err = v.Values(context.Background())
			note(err)
		} else if ch, err := v.Chunks(context.Background()); err != nil {
			note(err)
		} else if ch.Len() > 0 {
			var d netcdf.Decoder
			note(d.Load(context.Background(), ch, ch.At(make([]int, len(ch.Grid))...)))
		}
	}
	for _, s := range g.Groups {
		readGroup(s, errs)
	}
}

// FuzzOpen opens and reads arbitrary files.
func FuzzOpen(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkMemory(t, func() { checkKind(t, readAll(data)) })
	})
}

// FuzzStructure changes bytes anywhere in a good file and mends the checksums, so that the change reaches the code
// behind them.
func FuzzStructure(f *testing.F) {
	files := seeds(f)
	for no, s := range files {
		for at := 0; at < len(s.data); at += 499 {
			f.Add(uint8(no), uint32(at), []byte{0xff, 0xff, 0xff})
		}
	}
	fuzzOverlay(f, files)
}

// FuzzDimensions changes what dimension scales and netCDF's own attributes say.
func FuzzDimensions(f *testing.F) {
	files := slices.DeleteFunc(seeds(f), func(s seed) bool { return !bytes.Contains(s.data, []byte("DIMENSION_LIST")) })
	for no, s := range files {
		for _, name := range []string{"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates"} {
			for at := 0; ; at++ {
				i := bytes.Index(s.data[at:], []byte(name+"\x00"))
				if i < 0 {
					break
				}
				at += i
				f.Add(uint8(no), uint32(at), s.data[at:min(at+96, len(s.data))])
			}
		}
	}
	fuzzOverlay(f, files)
}

// fuzzOverlay writes arbitrary bytes at some place of one of the files and reads it.
func fuzzOverlay(f *testing.F, files []seed) {
	f.Fuzz(func(t *testing.T, no uint8, at uint32, b []byte) {
		data := bytes.Clone(files[int(no)%len(files)].data)
		copy(data[int(at)%len(data):], b)
		checkMemory(t, func() { checkKind(t, readMended(data)) })
	})
}

// checkMemory fails where fn allocates far more than the files that it reads, some hundred kilobytes at a limit of
// 4 MiB a buffer, can account for.
func checkMemory(t *testing.T, fn func()) {
	allocated := func() uint64 {
		s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	before := allocated()
	fn()
	if n := allocated() - before; n > 512<<20 {
		t.Errorf("%d MiB were allocated", n>>20)
	}
}

// TestDamage breaks every seed at some places in several ways, mended and not, and cuts it there: nothing may panic
// or hang.
func TestDamage(t *testing.T) {
	t.Parallel()
	for _, s := range seeds(t) {
		data := s.data
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if err := readAll(data); err != nil {
				t.Error(err)
			}
			step := max(1, len(data)/71)
			for i := 0; i < len(data); i += step {
				for _, v := range []byte{0xff, data[i] + 1} {
					bad := bytes.Clone(data)
					bad[i] = v
					checkKind(t, readMended(bad))
				}
				checkKind(t, readAll(data[:i]))
			}
		})
	}
}

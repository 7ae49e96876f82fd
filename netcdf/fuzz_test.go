package netcdf_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"healpipe/internal/codec"
	"healpipe/netcdf"
)

// seeds returns the small files of testdata/seeds: HDF5 of old and new versions, netCDF-4, classic.
func seeds(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "seeds", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal("no seeds", err)
	}
	out := map[string][]byte{}
	for _, path := range files {
		if out[path], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// readAll opens a file and reads everything in it, within little memory; errors are of no account.
func readAll(data []byte) {
	f, err := netcdf.Open(bytes.NewReader(data), int64(len(data)), &netcdf.Options{MaxMemory: 4 << 20})
	if err != nil {
		return
	}
	readGroup(f.Root())
}

func readGroup(g *netcdf.Group) {
	_, _ = g.Attrs()
	for _, v := range g.Vars {
		_, _ = v.Attrs()
		_, _ = v.FillValue()
		_, _ = v.Packing()
		if v.Len() <= 1<<16 {
			_, _ = v.Values(context.Background())
		} else if ch, err := v.Chunks(context.Background()); err == nil && ch.Len() > 0 {
			var d netcdf.Decoder
			_ = d.Load(context.Background(), ch, ch.At(make([]int, len(ch.Grid))...))
		}
	}
	for _, s := range g.Groups {
		readGroup(s)
	}
}

// FuzzOpen opens and reads arbitrary files.
func FuzzOpen(f *testing.F) {
	for _, data := range seeds(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { readAll(data) })
}

// FuzzStructure changes bytes of a good file and then mends the checksums of HDF5's structures, so that the
// change reaches the code behind them.
func FuzzStructure(f *testing.F) {
	for _, data := range seeds(f) {
		for i := 0; i < len(data); i += 97 {
			f.Add(data, uint32(i), uint64(0xffffffffffffffff), uint8(1))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, at uint32, value uint64, width uint8) {
		if len(data) == 0 || len(data) > 1<<16 {
			return
		}
		data = bytes.Clone(data)
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], value)
		copy(data[int(at)%len(data):], b[:width%9])
		mend(data)
		readAll(data)
	})
}

// mend recomputes the checksum of every structure whose size follows from its own first bytes.
func mend(data []byte) {
	for _, sig := range []string{"OHDR", "OCHK", "FRHP", "FHIB", "BTHD", "BTIN", "BTLF", "FAHD", "FADB", "EAHD", "EAIB", "EASB", "EADB", "SMTB"} {
		for at := 0; ; {
			i := bytes.Index(data[at:], []byte(sig))
			if i < 0 {
				break
			}
			at += i
			if n := structureSize(data[at:], sig); n >= 8 && at+n <= len(data) {
				binary.LittleEndian.PutUint32(data[at+n-4:], codec.Lookup3(data[at:at+n-4]))
			}
			at += 4
		}
	}
}

// structureSize returns the size of a structure with its checksum, for files with 8-byte addresses; 0 where
// it depends on others.
func structureSize(b []byte, sig string) int {
	switch sig {
	case "OHDR":
		if len(b) < 16 {
			return 0
		}
		at, flags := 6, b[5]
		if flags&0x20 != 0 {
			at += 16
		}
		if flags&0x10 != 0 {
			at += 4
		}
		n := 0
		for k := range 1 << (flags & 3) {
			if at+k < len(b) && k < 3 {
				n |= int(b[at+k]) << (8 * k)
			}
		}
		return at + 1<<(flags&3) + n + 4
	case "FRHP":
		return 146
	case "BTHD":
		return 38
	case "FAHD":
		return 28
	case "EAHD":
		return 72
	}
	return 0
}

// TestDamage breaks every seed at some 200 places in several ways, mended and not, and cuts it there:
// nothing may panic or hang.
func TestDamage(t *testing.T) {
	t.Parallel()
	for name, data := range seeds(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			step := max(1, len(data)/200)
			for i := 0; i < len(data); i += step {
				for _, v := range []byte{0, 0xff, data[i] ^ 1, data[i] + 1} {
					bad := bytes.Clone(data)
					bad[i] = v
					readAll(bad)
					mend(bad)
					readAll(bad)
				}
				readAll(data[:i])
			}
		})
	}
}

package hdf5

import (
	"slices"
	"testing"
)

// fuzzFilters decodes chunks with one of the filters, with arbitrary parameters. Its seeds are the chunks of the seeds.
func fuzzFilters(f *testing.F, ids ...uint16) {
	for _, m := range seeds() {
		file, err := m.open(m.data)
		if err != nil {
			f.Fatal(err)
		}
		for _, addr := range m.objects() {
			o, err := file.Object(addr)
			if err != nil || o.Kind != DatasetObject {
				continue
			}
			filters, err := o.Filters()
			if err != nil {
				f.Fatal(err)
			}
			for _, fl := range filters {
				no := slices.Index(ids, fl.ID)
				if no < 0 {
					continue
				}
				typ, _ := o.Datatype()
				space, _ := o.Dataspace()
				l, _ := o.Layout()
				x, err := o.ChunkIndex(l, space, true)
				if err != nil {
					f.Fatal(err)
				}
				size := typ.Size
				for _, n := range l.Chunk {
					size *= int(n)
				}
				if addr, stored, _, ok := x.Lookup(0); ok {
					raw := make([]byte, stored)
					if err := file.ReadRaw(raw, addr); err != nil {
						f.Fatal(err)
					}
					f.Add(uint8(no), uint16(size), paramBytes(fl.Params), raw)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, no uint8, size uint16, params, raw []byte) {
		fl := Filter{ID: ids[int(no)%len(ids)]}
		for i := 0; i+4 <= len(params) && i < 256; i += 4 {
			fl.Params = append(fl.Params, uint32(params[i])|uint32(params[i+1])<<8|uint32(params[i+2])<<16|uint32(params[i+3])<<24)
		}
		guard(t, func() error {
			var s Scratch
			p := &Pipeline{[]Filter{fl}, fuzzLimit}
			data, _, err := p.Decode(&s, raw, 0, int(size), int(size%9))
			if err == nil && len(data) != int(size) {
				t.Errorf("%d bytes, not %d", len(data), size)
			}
			if err != nil {
				return err
			}
			// The same filter behind another one, whose output has no known size.
			p = &Pipeline{[]Filter{{ID: FilterDeflate}, fl}, fuzzLimit}
			_, _, err = p.Decode(&s, raw, 0, int(size), int(size%9))
			return err
		})
	})
}

func paramBytes(params []uint32) []byte {
	var b []byte
	for _, p := range params {
		b = append(b, byte(p), byte(p>>8), byte(p>>16), byte(p>>24))
	}
	return b
}

func FuzzSzip(f *testing.F) { fuzzFilters(f, FilterSzip) }

func FuzzNbit(f *testing.F) { fuzzFilters(f, FilterNbit) }

func FuzzScaleOffset(f *testing.F) { fuzzFilters(f, FilterScaleOffset) }

// FuzzFilters: the compressors and the filters that change no sizes.
func FuzzFilters(f *testing.F) {
	fuzzFilters(f, FilterDeflate, FilterShuffle, FilterFletcher32, FilterBzip2, FilterLZF, FilterBlosc, FilterLZ4, FilterBitshuffle, FilterZstd, FilterBlosc2)
}

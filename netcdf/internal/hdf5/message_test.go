package hdf5

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"testing"
)

// words joins bytes, strings and little-endian numbers: int is one byte, the others as wide as they are.
func words(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		default:
			b, _ = binary.Append(b, binary.LittleEndian, p)
		}
	}
	return b
}

func u16(n int) uint16 { return uint16(n) }
func u32(n int) uint32 { return uint32(n) }
func u64(n int) uint64 { return uint64(n) }

// file88 is a file with addresses and lengths of 8 bytes and nothing in it.
func file88() *File {
	f := &File{offsetSize: 8, lengthSize: 8}
	f.r, f.size, f.limit = bytes.NewReader(nil), 0, 1<<20
	return f
}

// TestOldLayouts gives datasets of the seeds layout messages of versions 1 and 2, which libraries before 1.6.3 wrote,
// and reads the same.
func TestOldLayouts(t *testing.T) {
	t.Parallel()
	m := seedNamed(t, "mixed_old.h5")
	done := map[LayoutClass]bool{}
	for _, addr := range m.objects() {
		f, err := m.open(m.data)
		if err != nil {
			t.Fatal(err)
		}
		o, err := f.Object(addr)
		if err != nil || o.Kind != DatasetObject {
			continue
		}
		want, err := o.Layout()
		if err != nil {
			t.Fatal(err)
		}
		space, err := o.Dataspace()
		if err != nil {
			t.Fatal(err)
		}
		for version := 1; version <= 2; version++ {
			b := words(version, len(space.Dims), int(want.Class), "\x00\x00\x00\x00\x00")
			switch want.Class {
			case Contiguous:
				b = words(b, want.Addr)
				for _, n := range space.Dims {
					b = words(b, uint32(n))
				}
			case Chunked:
				b[1]++
				b = words(b, want.indexAddr)
				for _, n := range want.Chunk {
					b = words(b, uint32(n))
				}
				b = words(b, uint32(want.elemSize))
			}
			i := slices.IndexFunc(o.hdr.msgs, func(m message) bool { return m.typ == msgLayout })
			o.hdr.msgs[i].data = b
			got, err := o.Layout()
			if err != nil {
				t.Fatal(err)
			}
			got.Size = want.Size // which the old message does not tell
			if !reflect.DeepEqual(got, want) {
				t.Errorf("version %d: %+v, not %+v", version, got, want)
			}
			if err := readDataset(o); err != nil {
				t.Error(err)
			}
			done[want.Class] = true
		}
	}
	if !done[Contiguous] || !done[Chunked] {
		t.Errorf("only %v", done)
	}
	o := &Object{f: file88(), hdr: &header{msgs: []message{{typ: msgLayout, data: words(2, 1, 0, "\x00\x00\x00\x00\x00", u32(3), u32(3), "abc")}}}}
	if l, err := o.Layout(); err != nil || l.Class != Compact || string(l.Data) != "abc" {
		t.Errorf("compact: %+v, %v", l, err)
	}
}

// TestDatatypes decodes messages put together from the specification, above all the versions that no library of today
// writes.
func TestDatatypes(t *testing.T) {
	t.Parallel()
	i32 := words(0x10, 8, 0, 0, u32(4), u16(0), u16(32))
	for name, c := range map[string]struct {
		b    []byte
		want func(*Datatype) bool
	}{
		"integer": {words(0x10, 9, 0, 0, u32(4), u16(3), u16(20)), func(d *Datatype) bool {
			return d.Class == ClassInteger && d.BigEndian && d.Signed && d.Offset == 3 && d.Precision == 20 && d.Size == 4
		}},
		"VAX float": {words(0x31, 0x61, 15, 0, u32(4), u16(0), u16(32), 23, 8, 0, 23, u32(129)), func(d *Datatype) bool {
			return d.Class == ClassFloat && d.VAX && d.Float.Bias == 129 && d.Float.Norm == 2
		}},
		"time":          {words(0x12, 1, 0, 0, u32(8), u16(64)), func(d *Datatype) bool { return d.Class == ClassTime && d.BigEndian && d.Size == 8 }},
		"string":        {words(0x13, 0x12, 0, 0, u32(5)), func(d *Datatype) bool { return d.Padding == PadSpaces && d.UTF8 && d.Size == 5 }},
		"opaque":        {words(0x15, 8, 0, 0, u32(3), "tag\x00\x00\x00\x00\x00"), func(d *Datatype) bool { return d.Tag == "tag" && d.Size == 3 }},
		"bitfield":      {words(0x14, 1, 0, 0, u32(2), u16(4), u16(8)), func(d *Datatype) bool { return d.Class == ClassBitfield && d.Offset == 4 && !d.Signed }},
		"reference":     {words(0x17, 1, 0, 0, u32(12)), func(d *Datatype) bool { return d.Ref == RefRegion }},
		"new reference": {words(0x47, 2, 0, 0, u32(18)), func(d *Datatype) bool { return d.Ref == RefObject2 }},
		// Version 1 has the dimensions of an array in the member, at most four.
		"compound 1": {words(0x16, 2, 0, 0, u32(28), "a\x00\x00\x00\x00\x00\x00\x00", u32(0), 0, "\x00\x00\x00", u32(0), u32(0), u32(0), u32(0), u32(0), u32(0), i32,
			"b\x00\x00\x00\x00\x00\x00\x00", u32(4), 2, "\x00\x00\x00", u32(0), u32(0), u32(2), u32(3), u32(0), u32(0), i32),
			func(d *Datatype) bool {
				b := d.Members[1]
				return len(d.Members) == 2 && d.Members[0].Type.Class == ClassInteger && b.Offset == 4 && b.Type.Class == ClassArray && slices.Equal(b.Type.Dims, []int{2, 3})
			}},
		"compound 2": {words(0x26, 1, 0, 0, u32(4), "name\x00\x00\x00\x00", u32(0), i32), func(d *Datatype) bool { return d.Members[0].Name == "name" }},
		"compound 3": {words(0x36, 1, 0, 0, u32(300), "n\x00", u16(296), i32), func(d *Datatype) bool { return d.Members[0].Offset == 296 }},
		"array 2":    {words(0x2a, 0, 0, 0, u32(24), 2, "\x00\x00\x00", u32(2), u32(3), u32(0), u32(0), i32), func(d *Datatype) bool { return slices.Equal(d.Dims, []int{2, 3}) && d.Base.Size == 4 }},
		"array 3":    {words(0x3a, 0, 0, 0, u32(24), 2, u32(2), u32(3), i32), func(d *Datatype) bool { return slices.Equal(d.Dims, []int{2, 3}) }},
		"enum 1": {words(0x18, 2, 0, 0, u32(4), i32, "LOW\x00\x00\x00\x00\x00", "HIGH\x00\x00\x00\x00", u32(1), u32(7)),
			func(d *Datatype) bool {
				return d.Members[1].Name == "HIGH" && bytes.Equal(d.Members[1].Value, words(u32(7)))
			}},
		"enum 3":   {words(0x38, 1, 0, 0, u32(4), i32, "LOW\x00", u32(1)), func(d *Datatype) bool { return d.Members[0].Name == "LOW" }},
		"sequence": {words(0x19, 0, 0, 0, u32(16), i32), func(d *Datatype) bool { return d.Class == ClassVLen && !d.VLenString && d.Base.Size == 4 }},
		"string of variable length": {words(0x19, 1, 1, 0, u32(16), words(0x13, 0, 0, 0, u32(1))), func(d *Datatype) bool {
			return d.VLenString && d.UTF8
		}},
		"complex": {words(0x5b, 0, 0, 0, u32(8), words(0x11, 0x20, 31, 0, u32(4), u16(0), u16(32), 23, 8, 0, 23, u32(127))), func(d *Datatype) bool { return d.Class == ClassComplex && d.Base.Size == 4 }},
	} {
		d, err := file88().parseDatatype(message{typ: msgDatatype, data: c.b})
		if err != nil || !c.want(d) {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
		for n := range c.b { // cut anywhere it is an error
			if _, err := file88().parseDatatype(message{typ: msgDatatype, data: c.b[:n]}); !errors.Is(err, ErrCorrupt) && !(name == "opaque" && n > 8) {
				t.Errorf("%s cut to %d bytes: %v", name, n, err)
			}
		}
	}
	for name, b := range map[string][]byte{
		"float without mantissa":  words(0x11, 0x20, 31, 0, u32(4), u16(0), u16(32), 23, 8, 0, 0, u32(127)),
		"VAX of odd size":         words(0x31, 0x61, 15, 0, u32(5), u16(0), u16(32), 23, 8, 0, 23, u32(129)),
		"bits outside":            words(0x10, 8, 0, 0, u32(4), u16(20), u16(20)),
		"member outside":          words(0x36, 1, 0, 0, u32(6), "n\x00", 4, i32),
		"array of another size":   words(0x3a, 0, 0, 0, u32(20), 2, u32(2), u32(3), i32),
		"array without end":       words(0x3a, 0, 0, 0, u32(24), 2, u32(0x7fffffff), u32(0x7fffffff), i32),
		"no size":                 words(0x10, 8, 0, 0, u32(0), u16(0), u16(32)),
		"enum over a string":      words(0x38, 1, 0, 0, u32(1), words(0x13, 0, 0, 0, u32(1)), "A\x00", 1),
		"sequence of wrong size":  words(0x19, 0, 0, 0, u32(12), i32),
		"compound without member": words(0x36, 0, 0, 0, u32(4)),
	} {
		if _, err := file88().parseDatatype(message{typ: msgDatatype, data: b}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := file88().parseDatatype(message{typ: msgDatatype, data: words(0x1c, 0, 0, 0, u32(4))}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("class 12: %v", err)
	}
}

// TestDataspaces decodes both versions.
func TestDataspaces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		b    []byte
		want Dataspace
	}{
		"scalar 1":  {words(1, 0, 0, "\x00\x00\x00\x00\x00"), Dataspace{Dims: []uint64{}, Max: []uint64{}}},
		"simple 1":  {words(1, 2, 0, "\x00\x00\x00\x00\x00", u64(3), u64(4)), Dataspace{Dims: []uint64{3, 4}, Max: []uint64{3, 4}}},
		"maximum 1": {words(1, 1, 1, "\x00\x00\x00\x00\x00", u64(3), uint64(Unlimited)), Dataspace{Dims: []uint64{3}, Max: []uint64{Unlimited}}},
		"simple 2":  {words(2, 1, 1, 1, u64(0), u64(9)), Dataspace{Dims: []uint64{0}, Max: []uint64{9}}},
		"null":      {words(2, 0, 0, 2), Dataspace{Null: true, Dims: []uint64{}, Max: []uint64{}}},
	} {
		if s, err := file88().parseDataspace(c.b, 0); err != nil || !reflect.DeepEqual(s, c.want) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	for name, b := range map[string][]byte{
		"rank 33":    words(2, 33, 0, 1, make([]byte, 33*8)),
		"shrinking":  words(2, 1, 1, 1, u64(9), u64(3)),
		"too large":  words(2, 2, 0, 1, u64(1<<40), u64(1<<40)),
		"cut":        words(2, 2, 0, 1, u64(1)),
		"no version": {},
	} {
		if _, err := file88().parseDataspace(b, 0); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFills decodes every version of the fill value message.
func TestFills(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		typ  uint16
		b    []byte
		want Fill
	}{
		"old":               {msgOldFill, words(u32(2), "ab"), Fill{Value: []byte("ab")}},
		"old, none":         {msgOldFill, words(u32(0)), Fill{}},
		"1":                 {msgFill, words(1, 2, 2, 1, u32(2), "ab"), Fill{Value: []byte("ab")}},
		"1, default":        {msgFill, words(1, 2, 2, 0, u32(0)), Fill{}},
		"2":                 {msgFill, words(2, 2, 2, 1, u32(1), "a"), Fill{Value: []byte("a")}},
		"2, none":           {msgFill, words(2, 2, 2, 0), Fill{}},
		"2, undefined size": {msgFill, words(2, 2, 2, 1, u32(0xffffffff)), Fill{Undefined: true}},
		"3":                 {msgFill, words(3, 0x20, u32(3), "abc"), Fill{Value: []byte("abc")}},
		"3, undefined":      {msgFill, words(3, 0x10), Fill{Undefined: true}},
		"3, default":        {msgFill, words(3, 0x0a), Fill{}},
		"no message at all": {msgLayout, nil, Fill{}},
	} {
		o := &Object{f: file88(), hdr: &header{msgs: []message{{typ: c.typ, data: c.b}}}}
		if got, err := o.Fill(); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	o := &Object{f: file88(), hdr: &header{msgs: []message{{typ: msgFill, data: words(3, 0x20, u32(9), "abc")}}}}
	if _, err := o.Fill(); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
}

// TestFilterMessages decodes both versions of the pipeline message.
func TestFilterMessages(t *testing.T) {
	t.Parallel()
	one := words(1, 2, "\x00\x00\x00\x00\x00\x00", u16(1), u16(8), u16(1), u16(1), "deflate\x00", u32(6), u32(0), u16(3), u16(0), u16(0), u16(0))
	two := words(2, 2, u16(1), u16(1), u16(1), u32(6), u16(32015), u16(5), u16(0), u16(2), "zstd\x00", u32(3), u32(4))
	f := file88()
	list, err := f.parseFilters(one, 0)
	if err != nil || len(list) != 2 || list[0].Name != "deflate" || !list[0].Optional || !slices.Equal(list[0].Params, []uint32{6}) || list[1].ID != FilterFletcher32 {
		t.Errorf("version 1: %+v, %v", list, err)
	}
	list, err = f.parseFilters(two, 0)
	if err != nil || len(list) != 2 || list[0].Name != "" || list[1].ID != FilterZstd || !slices.Equal(list[1].Params, []uint32{3, 4}) {
		t.Errorf("version 2: %+v, %v", list, err)
	}
	for _, b := range [][]byte{one, two} {
		for n := range len(b) - 4 {
			if _, err := f.parseFilters(b[:n], 0); !errors.Is(err, ErrCorrupt) {
				t.Errorf("cut to %d bytes: %v", n, err)
			}
		}
	}
	if _, err := f.parseFilters(words(2, 33), 0); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
	if _, err := f.parseFilters(words(3, 1), 0); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
}

// TestLinkMessages decodes links of every kind.
func TestLinkMessages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		b    []byte
		want Link
	}{
		"hard":                 {words(1, 0, 1, "x", u64(96)), Link{Name: "x", Addr: 96}},
		"order and charset":    {words(1, 0x14, u64(7), 1, 2, "é", u64(96)), Link{Name: "é", Addr: 96, order: 7}},
		"name length 2":        {words(1, 1, u16(3), "abc", u64(96)), Link{Name: "abc", Addr: 96}},
		"name length 8":        {words(1, 3, u64(3), "abc", u64(96)), Link{Name: "abc", Addr: 96}},
		"soft":                 {words(1, 8, 1, 1, "s", u16(2), "/x"), Link{Name: "s", Type: SoftLink, Target: "/x"}},
		"external":             {words(1, 8, 64, 1, "e", u16(4), "\x00a\x00b"), Link{Name: "e", Type: ExternalLink, Addr: undef}},
		"the user's own":       {words(1, 8, 99, 1, "u", u16(1), "z"), Link{Name: "u", Type: 99, Addr: undef}},
		"hard, type spelt out": {words(1, 8, 0, 1, "h", u64(5)), Link{Name: "h", Addr: 5}},
	} {
		if l, err := file88().parseLink(c.b, 0); err != nil || l != c.want {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
		for n := range c.b {
			if _, err := file88().parseLink(c.b[:n], 0); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s cut to %d bytes: %v", name, n, err)
			}
		}
	}
}

package hdf5

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What one run of a fuzz target may cost.
const (
	fuzzLimit = 1 << 20         // Config.MaxMemory
	maxAllocs = 96 << 20        // bytes allocated in all: buffers come and go, each within the limit
	maxCPU    = 5 * time.Second // of this process; a walk without end takes more
)

// image is a seed file in memory.
type image struct {
	name string
	data []byte
	base int
}

// seeds returns the HDF5 files of testdata/seeds.
var seeds = sync.OnceValue(func() []*image {
	paths, _ := filepath.Glob(filepath.Join("..", "..", "testdata", "seeds", "*.gz"))
	var list []*image
	for _, path := range paths {
		r, err := os.Open(path)
		if err != nil {
			panic(err)
		}
		z, err := gzip.NewReader(r)
		if err != nil {
			panic(err)
		}
		data, err := io.ReadAll(z)
		if err != nil {
			panic(err)
		}
		r.Close()
		if base, err := findSuperblock(bytes.NewReader(data), int64(len(data))); err == nil {
			list = append(list, &image{strings.TrimSuffix(filepath.Base(path), ".gz"), data, int(base)})
		}
	}
	if len(list) == 0 {
		panic("no seeds")
	}
	return list
})

func (m *image) open(data []byte) (*File, error) {
	return Open(bytes.NewReader(data), int64(len(data)), Config{MaxMemory: fuzzLimit})
}

// objects returns the addresses of all object headers that can be reached.
func (m *image) objects() []uint64 {
	f, err := m.open(m.data)
	if err != nil {
		panic(fmt.Sprint(m.name, err))
	}
	var list []uint64
	for queue := []uint64{f.Root()}; len(queue) > 0; queue = queue[1:] {
		if slices.Contains(list, queue[0]) {
			continue
		}
		list = append(list, queue[0])
		o, err := f.Object(queue[0])
		if err != nil {
			panic(fmt.Sprint(m.name, err))
		}
		links, _, err := o.Links()
		if err != nil {
			panic(fmt.Sprint(m.name, err))
		}
		for _, l := range links {
			if l.Type == HardLink {
				queue = append(queue, l.Addr)
			}
		}
	}
	return list
}

// place is where a structure lies in a seed, and the objects whose reading comes by there.
type place struct {
	*image
	at, end int // in the file
	objects []uint64
}

var signatures = []string{"TREE", "SNOD", "HEAP", "GCOL", "FRHP", "FHDB", "FHIB", "BTHD", "BTIN", "BTLF", "FAHD", "FADB", "EAHD", "EAIB",
	"EASB", "EADB", "SMTB", "SMLI", "MDCI", "OHDR", "OCHK", signature}

// places finds the structures with one of the signatures that accept takes. "v1" stands for old object headers.
func places(accept func(b []byte) bool, sigs ...string) []place {
	var out []place
	for _, m := range seeds() {
		objects := m.objects()
		var starts []int
		for _, s := range signatures {
			for at := 0; ; at++ {
				i := bytes.Index(m.data[at:], []byte(s))
				if i < 0 {
					break
				}
				at += i
				starts = append(starts, at)
			}
		}
		for _, o := range objects {
			starts = append(starts, m.base+int(o))
		}
		slices.Sort(starts)
		starts = append(slices.Compact(starts), len(m.data))
		for i, at := range starts[:len(starts)-1] {
			b := m.data[at:]
			kind := "v1"
			for _, s := range signatures {
				if bytes.HasPrefix(b, []byte(s)) {
					kind = s
				}
			}
			if !slices.Contains(sigs, kind) || accept != nil && !accept(b) {
				continue
			}
			p := place{image: m, at: at, end: min(starts[i+1], at+2048)}
			// Whoever answers otherwise without the structure reads it.
			broken := bytes.Clone(m.data)
			clear(broken[at : at+4])
			if _, err := m.open(broken); err != nil {
				p.objects = []uint64{objects[0]}
			}
			for _, o := range objects {
				if len(p.objects) < 3 && probe(m, m.data, o) == nil && probe(m, broken, o) != nil {
					p.objects = append(p.objects, o)
				}
			}
			if len(p.objects) > 0 {
				out = append(out, p)
			}
		}
	}
	if len(out) == 0 {
		panic(fmt.Sprintf("no seed has %q", sigs))
	}
	return out
}

// fuzzPlaces overwrites structures with arbitrary bytes, mends their checksums and reads the objects behind them.
func fuzzPlaces(f *testing.F, list []place) {
	for i, p := range list {
		f.Add(uint16(i), p.data[p.at:p.end])
	}
	f.Fuzz(func(t *testing.T, no uint16, b []byte) {
		p := list[int(no)%len(list)]
		data := bytes.Clone(p.data)
		copy(data[p.at:], b)
		guard(t, func() error {
			var errs []error
			for _, o := range p.objects {
				errs = append(errs, mended(p.image, data, func() error { return probe(p.image, data, o) }))
			}
			return errors.Join(errs...)
		})
	})
}

// mended runs fn, puts right the checksum that it complains of, and runs it again, as often as that helps.
func mended(m *image, data []byte, fn func() error) (err error) {
	last := uint64(undef)
	for range 40 {
		err = fn()
		var sum *ChecksumError
		if !errors.As(err, &sum) || sum.At == last || sum.At > uint64(len(data)-m.base-4) {
			return err
		}
		last = sum.At
		binary.LittleEndian.PutUint32(data[m.base+int(sum.At):], sum.Want)
	}
	return err
}

// fuzzMessages puts arbitrary bytes into header messages of the types that accept takes and reads their objects.
func fuzzMessages(f *testing.F, accept func(o *Object, m message) bool) {
	type seed struct {
		*image
		object uint64
		no     int
	}
	var list []seed
	for _, m := range seeds() {
		file, err := m.open(m.data)
		if err != nil {
			f.Fatal(err)
		}
		for _, addr := range m.objects() {
			o, err := file.Object(addr)
			if err != nil {
				f.Fatal(err)
			}
			for no, msg := range o.hdr.msgs {
				if accept(o, msg) {
					f.Add(uint16(len(list)), msg.flags, msg.data)
					list = append(list, seed{m, addr, no})
				}
			}
		}
	}
	if len(list) == 0 {
		f.Fatal("no seed has such a message")
	}
	f.Fuzz(func(t *testing.T, no uint16, flags uint8, b []byte) {
		s := list[int(no)%len(list)]
		if len(b) > 1<<16 {
			return
		}
		guard(t, func() error {
			file, err := s.open(s.data)
			if err != nil {
				return err
			}
			o, err := file.Object(s.object)
			if err != nil {
				return err
			}
			o.hdr.msgs[s.no].data, o.hdr.msgs[s.no].flags = b, flags
			return read(o)
		})
	})
}

// ofType accepts messages of some types.
func ofType(types ...uint16) func(*Object, message) bool {
	return func(_ *Object, m message) bool { return slices.Contains(types, m.typ) }
}

// guard runs fn and checks what it cost and that its errors are of the known kinds.
func guard(t *testing.T, fn func() error) {
	t.Helper()
	allocs, cpu := allocated(), cpuTime()
	err := fn()
	if n := allocated() - allocs; n > maxAllocs {
		t.Errorf("%d MiB were allocated", n>>20)
	}
	if d := cpuTime() - cpu; d > maxCPU {
		t.Errorf("%v of work", d)
	}
	checkKinds(t, err)
}

// checkKinds fails for an error that is none of the package's.
func checkKinds(t *testing.T, err error) {
	t.Helper()
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			if errors.Is(e, ErrCorrupt) || errors.Is(e, ErrUnsupported) || errors.Is(e, ErrTooLarge) || errors.Is(e, ErrFormat) {
				return // a wrapped pair such as "%w (%w)"
			}
			checkKinds(t, e)
		}
		return
	}
	if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrFormat) {
		t.Errorf("an error of no kind: %v", err)
	}
}

func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// probe opens a file and reads one object of it.
func probe(m *image, data []byte, addr uint64) error {
	f, err := m.open(data)
	if err != nil {
		return err
	}
	o, err := f.Object(addr)
	if err != nil {
		return err
	}
	return read(o)
}

// read reads all that an object has, as far as it is small.
func read(o *Object) error {
	var errs []error
	links, _, err := o.Links()
	errs = append(errs, err)
	for i, l := range links {
		if l.Type == HardLink && i < 4 {
			_, err := o.f.Object(l.Addr)
			errs = append(errs, err)
		}
	}
	attrs, err := o.Attributes()
	errs = append(errs, err)
	for i, a := range attrs {
		if errs = append(errs, a.Err); a.Err == nil && i < 8 {
			errs = append(errs, values(o.f, a.Type, a.Data, a.Space.Len()))
		}
	}
	if o.Kind == DatatypeObject {
		_, err := o.Datatype()
		errs = append(errs, err)
	}
	if o.Kind == DatasetObject {
		errs = append(errs, readDataset(o))
	}
	return errors.Join(errs...)
}

// readDataset reads a dataset's description, its index and its first chunks.
func readDataset(o *Object) error {
	typ, err := o.Datatype()
	space, err2 := o.Dataspace()
	l, err3 := o.Layout()
	filters, err4 := o.Filters()
	_, err5 := o.Fill()
	if err := errors.Join(err, err2, err3, err4, err5); err != nil || o.External() {
		return err
	}
	size := uint64(typ.Size)
	switch l.Class {
	case Compact:
		return values(o.f, typ, l.Data, space.Len())
	case Contiguous:
		n := min(space.Len(), 4096/size)
		if l.Addr == undef || n == 0 {
			return nil
		}
		if _, err := o.f.Position(l.Addr, n*size); err != nil {
			return err
		}
		b := make([]byte, n*size)
		return errors.Join(o.f.ReadRaw(b, l.Addr), values(o.f, typ, b, n))
	case Chunked:
		x, err := o.ChunkIndex(l, space, len(filters) > 0)
		if err != nil {
			return err
		}
		bytes := size
		for _, n := range l.Chunk {
			bytes *= n
		}
		var s Scratch
		p := o.f.Pipeline(filters)
		for cell := range uint64(4) {
			addr, stored, mask, ok := x.Lookup(cell)
			if !ok || bytes > fuzzLimit || stored > fuzzLimit {
				continue
			}
			b := make([]byte, stored)
			if err := o.f.ReadRaw(b, addr); err != nil {
				return err
			}
			b, _, err := p.Decode(&s, b, mask, int(bytes), int(size))
			if err != nil {
				return err
			}
			if err := values(o.f, typ, b, bytes/size); err != nil {
				return err
			}
		}
	}
	return nil
}

// values decodes the first elements of b.
func values(f *File, t *Datatype, b []byte, n uint64) error {
	for i := range int(min(n, uint64(len(b)/t.Size), 8)) {
		if err := value(f, t, b[i*t.Size:(i+1)*t.Size]); err != nil {
			return err
		}
	}
	return nil
}

func value(f *File, t *Datatype, b []byte) error {
	switch t.Class {
	case ClassVLen:
		base, baseSize := t.Base, 1
		if !t.VLenString {
			baseSize = base.Size
		}
		data, n, err := f.VLen(b, baseSize)
		if err != nil || t.VLenString {
			return err
		}
		return values(f, base, data, uint64(n))
	case ClassReference:
		_, err := f.Reference(t, b)
		return err
	case ClassCompound:
		for _, m := range t.Members {
			if err := value(f, m.Type, b[m.Offset:m.Offset+m.Type.Size]); err != nil {
				return err
			}
		}
	case ClassArray:
		return values(f, t.Base, b, uint64(t.Size/t.Base.Size))
	case ClassInteger, ClassBitfield, ClassFloat:
		if n := t.Number(); n != nil {
			n.Float64(b)
			n.Int64(b)
		}
	}
	return nil
}

package hdf5

import "io"

// Config are the settings of Open.
type Config struct {
	// MaxMemory limits the metadata kept for the file and, apart from that, every single buffer.
	MaxMemory int64
}

// File is an open HDF5 file, safe for concurrent use.
type File struct {
	source
	offsetSize, lengthSize int
	superVersion           uint8
	root                   uint64 // address of the root group's object header
	shared                 []sharedIndex
	heaps                  heapCache
}

// Open reads the superblock.
func Open(r io.ReaderAt, size int64, cfg Config) (*File, error) {
	base, err := findSuperblock(r, size)
	if err != nil {
		return nil, err
	}
	f := &File{}
	f.r, f.base, f.size, f.limit = r, base, uint64(size-base), cfg.MaxMemory
	if err := f.readSuperblock(); err != nil {
		return nil, err
	}
	return f, nil
}

// Root returns the address of the root group.
func (f *File) Root() uint64 { return f.root }

// SuperblockVersion returns the version of the superblock, 0 to 3.
func (f *File) SuperblockVersion() int { return int(f.superVersion) }

// Undefined is the address that stands for "nothing there".
const Undefined = uint64(undef)

// Object reads the object header at an address.
func (f *File) Object(addr uint64) (*Object, error) {
	h, err := f.readHeader(addr)
	if err != nil {
		return nil, err
	}
	o := &Object{f: f, hdr: h}
	o.Kind = h.kind()
	return o, nil
}

// ObjectKind tells groups, datasets and committed datatypes apart.
type ObjectKind uint8

// The kinds of object.
const (
	OtherObject ObjectKind = iota
	GroupObject
	DatasetObject
	DatatypeObject
)

// Object is a group, dataset or committed datatype.
type Object struct {
	Kind ObjectKind
	f    *File
	hdr  *header
}

// Addr returns the address of the object header, which identifies the object in the file.
func (o *Object) Addr() uint64 { return o.hdr.addr }

func (h *header) kind() ObjectKind {
	switch {
	case h.has(msgLayout) || h.has(msgDataspace):
		return DatasetObject
	case h.has(msgDatatype):
		return DatatypeObject
	case h.has(msgSymbolTable) || h.has(msgLinkInfo) || h.has(msgLink) || h.has(msgGroupInfo):
		return GroupObject
	}
	return OtherObject
}

// find returns the first message of a type with shared messages resolved; ok is false where there is none.
func (o *Object) find(typ uint16) (m message, ok bool, err error) {
	for _, m := range o.hdr.msgs {
		if m.typ == typ {
			m, err := o.f.resolve(m, 0)
			return m, true, err
		}
	}
	return message{}, false, nil
}

// must is find for a message without which the object makes no sense.
func (o *Object) must(typ uint16, name string) (message, error) {
	m, ok, err := o.find(typ)
	if err == nil && !ok {
		err = corrupt("object header", o.hdr.addr, "no %s message", name)
	}
	return m, err
}

// Datatype returns the datatype of a dataset or committed datatype.
func (o *Object) Datatype() (*Datatype, error) {
	m, err := o.must(msgDatatype, "datatype")
	if err != nil {
		return nil, err
	}
	return o.f.parseDatatype(m)
}

// Dataspace returns the dataspace of a dataset.
func (o *Object) Dataspace() (Dataspace, error) {
	m, err := o.must(msgDataspace, "dataspace")
	if err != nil {
		return Dataspace{}, err
	}
	return o.f.parseDataspace(m.data, m.addr)
}

// External says whether a dataset's bytes are in other files.
func (o *Object) External() bool { return o.hdr.has(msgExternal) }

// Base returns the position of address 0 in the file.
func (f *File) Base() int64 { return f.base }

// Position returns the position in the file of n bytes at an address, which must lie inside it.
func (f *File) Position(addr, n uint64) (int64, error) {
	return f.base + int64(addr), f.check(addr, n, "contiguous data")
}

// ReadRaw fills b from an address.
func (f *File) ReadRaw(b []byte, addr uint64) error {
	if err := f.check(addr, uint64(len(b)), "chunk"); err != nil {
		return err
	}
	return f.readAt(b, addr, "chunk")
}

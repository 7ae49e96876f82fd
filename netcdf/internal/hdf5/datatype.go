package hdf5

// Class is the class of a datatype.
type Class uint8

// The classes (IV.A.2.d).
const (
	ClassInteger Class = iota
	ClassFloat
	ClassTime
	ClassString // of fixed length
	ClassBitfield
	ClassOpaque
	ClassCompound
	ClassReference
	ClassEnum
	ClassVLen // sequence, or string if VLenString
	ClassArray
	ClassComplex
)

var classNames = [...]string{"integer", "float", "time", "string", "bitfield", "opaque", "compound", "reference", "enum",
	"variable-length", "array", "complex"}

func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return "unknown"
}

// Padding of fixed strings.
const (
	PadNull      = 0 // ends at the first NUL
	PadWithNulls = 1
	PadSpaces    = 2
)

// RefKind is the kind of a reference.
type RefKind uint8

// The kinds: the two of HDF5 before 1.12, and the encoded ones since.
const (
	RefObject RefKind = iota
	RefRegion
	RefObject2
	RefRegion2
	RefAttribute
)

// Datatype describes one element. Only the fields of its class are set.
type Datatype struct {
	Class     Class
	Size      int    // bytes as stored
	Committed uint64 // address of the committed datatype that this is, else Undefined

	BigEndian bool // integer, float, bitfield, time
	VAX       bool // float
	Signed    bool // integer
	Offset    int  // first significant bit: integer, float, bitfield
	Precision int  // significant bits: integer, float, bitfield
	Float     FloatFormat

	Padding    int // string, VLenString
	UTF8       bool
	VLenString bool

	Tag     string    // opaque
	Members []Member  // compound, enum
	Base    *Datatype // enum, vlen, array, complex
	Dims    []int     // array
	Ref     RefKind
}

// FloatFormat says where the parts of a floating point number lie, in bits from Offset's byte order.
type FloatFormat struct {
	Sign, ExpPos, ExpSize, ManPos, ManSize int
	Bias                                   uint32
	Norm                                   int // 0 none, 1 top bit always set and stored, 2 implied
}

// Member is a member of a compound (Offset, Type) or enum (Value).
type Member struct {
	Name   string
	Offset int
	Type   *Datatype
	Value  []byte
}

const (
	maxTypeDepth = 32
	maxTypeSize  = 1 << 31
)

// parseDatatype decodes a datatype message, which may be shared.
func (f *File) parseDatatype(m message) (*Datatype, error) {
	committed := f.committedAddr(m)
	m, err := f.resolve(m, 0)
	if err != nil {
		return nil, err
	}
	c := f.cursor(m.data, m.addr, "datatype message")
	t := f.datatype(c, 0)
	if c.err != nil {
		return nil, c.err
	}
	t.Committed = committed
	return t, nil
}

// datatype decodes one datatype (IV.A.2.d):
//
//	class and version 1 (low, high half), class bits 3, size 4, properties of the class
func (f *File) datatype(c *cursor, depth int) *Datatype {
	head := c.u8()
	bits := uint32(c.uint(3))
	size := c.u32()
	t := &Datatype{Class: Class(head & 15), Size: int(size), Committed: undef}
	version := head >> 4
	switch {
	case c.err != nil:
		return t
	case version < 1 || version > 5:
		c.err = unsupported("datatype at %#x: version %d", c.addr, version)
		return t
	case depth > maxTypeDepth:
		c.fail("nested too deeply")
		return t
	case size == 0 || size > maxTypeSize:
		c.fail("%s of %d bytes", t.Class, size)
		return t
	}
	if c.err = f.take(128); c.err != nil {
		return t
	}
	switch t.Class {
	case ClassInteger, ClassBitfield:
		t.BigEndian, t.Signed = bits&1 != 0, bits&8 != 0 && t.Class == ClassInteger
		t.Offset, t.Precision = int(c.u16()), int(c.u16())
		t.checkBits(c)
	case ClassFloat:
		t.float(c, bits)
	case ClassTime:
		t.BigEndian, t.Precision = bits&1 != 0, int(c.u16())
	case ClassString:
		t.Padding, t.UTF8 = int(bits&15), bits>>4&15 == 1
	case ClassOpaque:
		t.Tag = trimNULs(c.bytes(int(bits & 0xff)))
	case ClassCompound:
		f.compound(c, t, int(bits&0xffff), version, depth)
	case ClassReference:
		t.Ref = RefKind(bits & 15)
	case ClassEnum:
		f.enum(c, t, int(bits&0xffff), version, depth)
	case ClassVLen:
		t.VLenString, t.Padding, t.UTF8 = bits&15 == 1, int(bits>>4&15), bits>>8&15 == 1
		t.Base = f.datatype(c, depth+1)
		if c.err == nil && t.Size != 8+f.offsetSize {
			c.fail("variable-length type of %d bytes", t.Size)
		}
	case ClassArray:
		f.array(c, t, version, depth)
	case ClassComplex:
		t.Base = f.datatype(c, depth+1)
		if c.err == nil && (t.Base.Class != ClassFloat || t.Size != 2*t.Base.Size) {
			c.fail("complex of %d bytes", t.Size)
		}
	default:
		c.err = unsupported("datatype at %#x: class %d", c.addr, t.Class)
	}
	return t
}

// checkBits checks that the significant bits lie inside the element.
func (t *Datatype) checkBits(c *cursor) {
	if c.err == nil && (t.Precision == 0 || t.Offset+t.Precision > 8*t.Size) {
		c.fail("%s: bits %d+%d of %d bytes", t.Class, t.Offset, t.Precision, t.Size)
	}
}

func (t *Datatype) float(c *cursor, bits uint32) {
	t.BigEndian = bits&1 != 0
	t.VAX = bits&0x40 != 0
	t.Float.Norm = int(bits >> 4 & 3)
	t.Float.Sign = int(bits >> 8 & 0xff)
	t.Offset, t.Precision = int(c.u16()), int(c.u16())
	t.Float.ExpPos, t.Float.ExpSize = int(c.u8()), int(c.u8())
	t.Float.ManPos, t.Float.ManSize = int(c.u8()), int(c.u8())
	t.Float.Bias = c.u32()
	t.checkBits(c)
	n := 8 * t.Size
	if c.err == nil && (t.Float.Sign >= n || t.Float.ExpPos+t.Float.ExpSize > n || t.Float.ManPos+t.Float.ManSize > n) {
		c.fail("float whose parts lie outside its %d bits", n)
	}
	if c.err == nil && (t.Float.ExpSize == 0 || t.Float.ManSize == 0) {
		c.fail("float without exponent or mantissa")
	}
	if c.err == nil && t.VAX && t.Size%2 != 0 {
		c.fail("VAX float of %d bytes", t.Size)
	}
}

// compound decodes the members:
//
//	1: name padded to 8, offset 4, rank 1, 0 3, permutation 4, 0 4, dims 4 4 4 4, type
//	2: name padded to 8, offset 4, type          3: name, offset (as many bytes as the size needs), type
func (f *File) compound(c *cursor, t *Datatype, n int, version uint8, depth int) {
	offsetLen := 4
	if version >= 3 {
		offsetLen = bytesFor(uint64(t.Size))
	}
	for range n {
		var m Member
		m.Name = c.paddedName(version < 3)
		m.Offset = int(c.uint(offsetLen))
		var dims []int
		if version == 1 {
			rank := int(c.u8())
			c.skip(11)
			for i := range 4 {
				if d := int(c.u32()); i < rank {
					dims = append(dims, d)
				}
			}
			if rank > 4 {
				c.fail("member %q of rank %d", m.Name, rank)
			}
		}
		if c.err != nil {
			return
		}
		m.Type = f.datatype(c, depth+1)
		if len(dims) > 0 && c.err == nil {
			m.Type = arrayOf(c, m.Type, dims)
		}
		if c.err == nil && (m.Offset > t.Size || m.Type.Size > t.Size-m.Offset) {
			c.fail("member %q lies outside its compound", m.Name)
		}
		if c.err != nil {
			return
		}
		t.Members = append(t.Members, m)
	}
	if n == 0 {
		c.fail("compound without members")
	}
}

// enum decodes base type, names and values.
func (f *File) enum(c *cursor, t *Datatype, n int, version uint8, depth int) {
	t.Base = f.datatype(c, depth+1)
	if c.err == nil && (t.Base.Class != ClassInteger || t.Base.Size != t.Size) {
		c.fail("enum over a %s of %d bytes", t.Base.Class, t.Base.Size)
	}
	for i := 0; i < n && c.err == nil; i++ {
		if c.err = f.take(64); c.err == nil {
			t.Members = append(t.Members, Member{Name: c.paddedName(version < 3)})
		}
	}
	for i := 0; i < n && c.err == nil; i++ {
		t.Members[i].Value = c.bytes(t.Size)
	}
}

// array decodes: rank 1, [0 3 in version 2], dims 4 each, [permutations 4 each in version 2], base type.
func (f *File) array(c *cursor, t *Datatype, version uint8, depth int) {
	rank := int(c.u8())
	if version < 3 {
		c.skip(3)
	}
	if c.err == nil && rank > maxRank {
		c.fail("array of rank %d", rank)
		return
	}
	dims := make([]int, rank)
	for i := range dims {
		dims[i] = int(c.u32())
	}
	if version < 3 {
		c.skip(4 * rank)
	}
	base := f.datatype(c, depth+1)
	if c.err != nil {
		return
	}
	size := t.Size
	if *t = *arrayOf(c, base, dims); c.err == nil && t.Size != size {
		c.fail("array of %v times %d bytes that has %d", dims, base.Size, size)
	}
}

// arrayOf returns the array type of a base type and checks that its size is sane.
func arrayOf(c *cursor, base *Datatype, dims []int) *Datatype {
	size := uint64(base.Size)
	for _, d := range dims {
		if d == 0 || size > maxTypeSize/uint64(d) {
			c.fail("array of %v times %d bytes", dims, base.Size)
			return base
		}
		size *= uint64(d)
	}
	return &Datatype{Class: ClassArray, Size: int(size), Base: base, Dims: dims, Committed: undef}
}

// paddedName reads a name that ends in a NUL and, if padded, fills a multiple of 8 bytes.
func (c *cursor) paddedName(padded bool) string {
	start := c.at
	s := c.cstring()
	if padded {
		c.skip((8 - (c.at-start)%8) % 8)
	}
	return s
}

// bytesFor returns the number of bytes that hold v.
func bytesFor(v uint64) int {
	n := 1
	for v >>= 8; v > 0; v >>= 8 {
		n++
	}
	return n
}

func trimNULs(b []byte) string {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return string(b)
}

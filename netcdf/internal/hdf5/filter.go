package hdf5

// Registered filter numbers.
const (
	FilterDeflate     = 1
	FilterShuffle     = 2
	FilterFletcher32  = 3
	FilterSzip        = 4
	FilterNbit        = 5
	FilterScaleOffset = 6
	FilterBzip2       = 307
	FilterLZF         = 32000
	FilterBlosc       = 32001
	FilterLZ4         = 32004
	FilterBitshuffle  = 32008
	FilterZstd        = 32015
	FilterBlosc2      = 32026
)

// Filter is one filter of a dataset's pipeline.
type Filter struct {
	ID       uint16
	Name     string
	Optional bool
	Params   []uint32 // client data
}

const maxFilters = 32

// Filters returns the filter pipeline of a dataset, in the order of writing.
func (o *Object) Filters() ([]Filter, error) {
	m, ok, err := o.find(msgFilters)
	if err != nil || !ok {
		return nil, err
	}
	return o.f.parseFilters(m.data, m.addr)
}

// parseFilters decodes a filter pipeline message (IV.A.2.l).
//
//	1: version 1, filters 1, 0 6; each: id 2, name length 2, flags 2, params 2, name (padded to 8), params 4 each, [pad 4]
//	2: version 1, filters 1; each: id 2, [name length 2 if id >= 256], flags 2, params 2, [name], params 4 each
func (f *File) parseFilters(b []byte, addr uint64) ([]Filter, error) {
	c := f.cursor(b, addr, "filter message")
	version, n := c.u8(), int(c.u8())
	switch {
	case c.err != nil:
		return nil, c.err
	case version == 1:
		c.skip(6)
	case version != 2:
		return nil, unsupported("filter message at %#x: version %d", addr, version)
	}
	if n > maxFilters {
		return nil, c.fail("%d filters", n)
	}
	list := make([]Filter, 0, n)
	for range n {
		var fl Filter
		fl.ID = c.u16()
		nameLen := 0
		if version == 1 || fl.ID >= 256 {
			nameLen = int(c.u16())
		}
		fl.Optional = c.u16()&1 != 0
		params := int(c.u16())
		fl.Name = trimNULs(c.bytes(nameLen))
		if version == 1 {
			c.skip((8 - nameLen%8) % 8)
		}
		for range params {
			if c.err != nil {
				return nil, c.err
			}
			fl.Params = append(fl.Params, c.u32())
		}
		if version == 1 && params%2 == 1 {
			c.skip(4)
		}
		if c.err != nil {
			return nil, c.err
		}
		list = append(list, fl)
	}
	return list, nil
}

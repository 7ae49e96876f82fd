package hdf5

import (
	"bytes"
	"testing"
)

// One fuzz target for each structure. Those with a signature are overwritten in place in the seeds and their
// checksums mended; messages are replaced in the object header after it was read. All run the reading of the whole
// object, as the structures lead to one another.

func FuzzSuperblock(f *testing.F) { fuzzPlaces(f, places(nil, signature)) }

func FuzzObjectHeader(f *testing.F) { fuzzPlaces(f, places(nil, "OHDR", "OCHK", "v1")) }

// FuzzOldGroup: symbol table nodes, the B-tree 1 over them, local heaps.
func FuzzOldGroup(f *testing.F) {
	fuzzPlaces(f, places(func(b []byte) bool { return !bytes.HasPrefix(b, []byte("TREE\x01")) }, "TREE", "SNOD", "HEAP"))
}

func FuzzLinkMessage(f *testing.F) { fuzzMessages(f, ofType(msgLink, msgLinkInfo, msgSymbolTable)) }

func FuzzFractalHeap(f *testing.F) { fuzzPlaces(f, places(nil, "FRHP", "FHDB", "FHIB")) }

// FuzzBtree2: the indexes of links, attributes and huge objects.
func FuzzBtree2(f *testing.F) {
	fuzzPlaces(f, places(func(b []byte) bool { return b[5] < 10 }, "BTHD", "BTIN", "BTLF"))
}

func FuzzAttributeMessage(f *testing.F) { fuzzMessages(f, ofType(msgAttribute, msgAttrInfo)) }

func FuzzSharedMessage(f *testing.F) {
	fuzzMessages(f, func(_ *Object, m message) bool { return m.flags&flagShared != 0 })
}

func FuzzSharedTable(f *testing.F) { fuzzPlaces(f, places(nil, "SMTB", "SMLI")) }

func FuzzCacheImage(f *testing.F) { fuzzPlaces(f, places(nil, "MDCI")) }

func FuzzDatatype(f *testing.F) { fuzzMessages(f, ofType(msgDatatype)) }

func FuzzDataspace(f *testing.F) { fuzzMessages(f, ofType(msgDataspace)) }

func FuzzLayout(f *testing.F) { fuzzMessages(f, ofType(msgLayout)) }

func FuzzFill(f *testing.F) { fuzzMessages(f, ofType(msgFill, msgOldFill)) }

func FuzzFilterPipeline(f *testing.F) { fuzzMessages(f, ofType(msgFilters)) }

// FuzzUnindexedChunks: the layouts that have no index: a single chunk, chunks one after the other.
func FuzzUnindexedChunks(f *testing.F) {
	fuzzMessages(f, func(o *Object, m message) bool {
		if m.typ != msgLayout {
			return false
		}
		l, err := o.Layout()
		return err == nil && l.Class == Chunked && (l.index == indexSingle || l.index == indexImplicit)
	})
}

func FuzzChunkBtree1(f *testing.F) {
	fuzzPlaces(f, places(func(b []byte) bool { return b[4] == 1 }, "TREE"))
}

func FuzzChunkBtree2(f *testing.F) {
	fuzzPlaces(f, places(func(b []byte) bool { return b[5] >= 10 }, "BTHD", "BTIN", "BTLF"))
}

func FuzzFixedArray(f *testing.F) { fuzzPlaces(f, places(nil, "FAHD", "FADB")) }

func FuzzExtensibleArray(f *testing.F) { fuzzPlaces(f, places(nil, "EAHD", "EAIB", "EASB", "EADB")) }

func FuzzGlobalHeap(f *testing.F) { fuzzPlaces(f, places(nil, "GCOL")) }

// FuzzReference decodes references and variable-length elements.
func FuzzReference(f *testing.F) {
	var list []*image
	for _, m := range seeds() {
		if i := bytes.Index(m.data, []byte("GCOL")); i >= 0 {
			list = append(list, m)
			at := byte(i - m.base)
			f.Add(uint8(len(list)-1), uint8(0), []byte{at, byte((i - m.base) >> 8), 0, 0, 0, 0, 0, 0, 1, 0, 0, 0})
			f.Add(uint8(len(list)-1), uint8(5), []byte{1, 0, 0, 0, at, byte((i - m.base) >> 8), 0, 0, 0, 0, 0, 0, 1, 0, 0, 0})
			f.Add(uint8(len(list)-1), uint8(2), []byte{2, 0, 8, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
			f.Add(uint8(len(list)-1), uint8(3), []byte{3, 0, 9, 0, 0, 0, at, byte((i - m.base) >> 8), 0, 0, 0, 0, 0, 0, 1, 0, 0, 0})
		}
	}
	f.Fuzz(func(t *testing.T, no, kind uint8, b []byte) {
		m := list[int(no)%len(list)]
		guard(t, func() error {
			file, err := m.open(m.data)
			if err != nil {
				return err
			}
			if kind%6 == 5 {
				_, _, err = file.VLen(b, int(kind/6))
				return err
			}
			_, err = file.Reference(&Datatype{Class: ClassReference, Size: len(b), Ref: RefKind(kind % 6)}, b)
			return err
		})
	})
}

package hdf5

import (
	"bytes"
	"testing"
)

// seedNamed returns the seed of that name.
func seedNamed(t *testing.T, name string) *image {
	t.Helper()
	for _, m := range seeds() {
		if m.name == name {
			return m
		}
	}
	t.Fatalf("no seed %s", name)
	return nil
}

// TestMessageCount: the number of messages that an old object header announces does not matter, as for libhdf5.
func TestMessageCount(t *testing.T) {
	t.Parallel()
	m := seedNamed(t, "mixed_old.h5")
	f, err := m.open(m.data)
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range m.objects() {
		want, err := f.readHeader(addr)
		if err != nil {
			t.Fatal(err)
		}
		for _, count := range []byte{1, 200} {
			data := bytes.Clone(m.data)
			data[addr+2] = count
			g, err := m.open(data)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := g.readHeader(addr); err != nil || len(got.msgs) != len(want.msgs) {
				t.Errorf("header at %#x announced %d messages: %v", addr, count, err)
			}
		}
	}
}

// TestSuperblocks: the seeds have all versions of superblock and many sizes of addresses and lengths.
func TestSuperblocks(t *testing.T) {
	t.Parallel()
	type kind struct{ version, offset, length, base int }
	seen := map[kind]bool{}
	for _, m := range seeds() {
		f, err := m.open(m.data)
		if err != nil {
			t.Fatal(m.name, err)
		}
		seen[kind{f.SuperblockVersion(), f.offsetSize, f.lengthSize, int(f.Base())}] = true
	}
	for _, want := range []kind{{0, 8, 8, 0}, {1, 8, 8, 0}, {2, 8, 8, 0}, {3, 8, 8, 0}, {0, 4, 4, 0}, {0, 2, 2, 0}, {2, 2, 4, 0}, {0, 8, 8, 512}} {
		if !seen[want] {
			t.Errorf("no seed has %+v; they have %v", want, seen)
		}
	}
}

// TestChecksums: every structure that has a checksum is refused with one bit of its content changed.
func TestChecksums(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for _, sig := range []string{"OHDR", "OCHK", "FRHP", "FHDB", "FHIB", "BTHD", "BTIN", "BTLF", "FAHD", "FADB", "EAHD", "EAIB", "EASB", "EADB", "SMTB"} {
		for _, p := range places(nil, sig) {
			data := bytes.Clone(p.data)
			data[p.at+6] ^= 0x10
			failed := 0
			for _, o := range p.objects {
				if probe(p.image, data, o) != nil {
					failed++
				}
			}
			if failed == 0 {
				t.Errorf("%s: %s at %#x was read with a bit changed", p.name, sig, p.at)
			}
			seen[sig]++
		}
	}
	if len(seen) != 15 {
		t.Errorf("checked %v", seen)
	}
}

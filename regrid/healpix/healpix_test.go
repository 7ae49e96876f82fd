package healpix

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"healpipe/internal/testenv"
)

// reference asks healpy for cells of several nside: all of the small ones, a sample of the large ones.
const reference = `
import sys, healpy, numpy as np
rng = np.random.default_rng(1)
with open(sys.argv[1], "w") as out:
    for nside in [1, 2, 4, 8, 16, 64, 256, 1024, 1 << 20, 1 << 29]:
        n = 12 * nside * nside
        pix = np.arange(n) if n <= 12 * 16 * 16 else np.unique(np.concatenate([rng.integers(0, n, 1500),
            np.arange(40), n - 1 - np.arange(40), 2*nside*(nside-1) + np.arange(-20, 20), n - 2*nside*(nside-1) + np.arange(-20, 20)]))
        ring = healpy.nest2ring(nside, pix)
        nest = healpy.ring2nest(nside, pix)
        theta, phi = healpy.pix2ang(nside, pix, nest=True)
        at, ap = np.arccos(rng.uniform(-1, 1, len(pix))), rng.uniform(-7, 14, len(pix))
        near = rng.random(len(pix)) < 0.1
        at[near] *= 1e-6
        an, ar = healpy.ang2pix(nside, at, ap, nest=True), healpy.ang2pix(nside, at, ap)
        for row in zip([nside] * len(pix), pix, ring, nest, theta, phi, at, ap, an, ar):
            print(*(repr(float(v)) if isinstance(v, float) else int(v) for v in row), file=out)
`

func TestAgainstHealpy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "reference.txt")
	testenv.RunPython(t, reference, path)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, bad := 0, 0
	check := func(ok bool, format string, args ...any) {
		if !ok && bad < 20 {
			bad++
			t.Errorf(format, args...)
		}
	}
	s := bufio.NewScanner(f)
	for ; s.Scan(); rows++ {
		var nside, pix, ring, nest, an, ar int
		var theta, phi, at, ap float64
		if _, err := fmt.Sscan(s.Text(), &nside, &pix, &ring, &nest, &theta, &phi, &at, &ap, &an, &ar); err != nil {
			t.Fatal(err)
		}
		if got := NestToRing(nside, pix); got != ring {
			check(false, "nside %d: NestToRing(%d) = %d, healpy %d", nside, pix, got, ring)
		}
		if got := RingToNest(nside, pix); got != nest {
			check(false, "nside %d: RingToNest(%d) = %d, healpy %d", nside, pix, got, nest)
		}
		gt, gp := PixToAng(nside, Nested, pix)
		check(math.Abs(gt-theta) < 1e-15 && math.Abs(gp-phi) < 4e-15, "nside %d: PixToAng(%d) = %v %v, healpy %v %v", nside, pix, gt, gp, theta, phi)
		if got := AngToPix(nside, Nested, at, ap); got != an {
			check(false, "nside %d: AngToPix(%v, %v) = %d, healpy %d", nside, at, ap, got, an)
		}
		if got := AngToPix(nside, Ring, at, ap); got != ar {
			check(false, "nside %d: AngToPix ring (%v, %v) = %d, healpy %d", nside, at, ap, got, ar)
		}
	}
	if err := s.Err(); err != nil || rows < 9000 {
		t.Fatalf("%d rows of the reference read: %v", rows, err)
	}
}

func TestRingsTileTheCells(t *testing.T) {
	t.Parallel()
	for nside := 1; nside <= 64; nside *= 2 {
		next := 0
		for r := 1; r <= Rings(nside); r++ {
			at := RingOf(nside, r)
			if at.First != next {
				t.Fatalf("nside %d ring %d starts at %d, want %d", nside, r, at.First, next)
			}
			next += at.Cells
			if d := at.Z*at.Z + at.Sin*at.Sin - 1; math.Abs(d) > 1e-15 {
				t.Errorf("nside %d ring %d: z and sin are off the unit circle by %g", nside, r, d)
			}
		}
		if next != Cells(nside) {
			t.Errorf("nside %d: rings hold %d cells of %d", nside, next, Cells(nside))
		}
	}
}

func TestCentresLieInTheirCell(t *testing.T) {
	t.Parallel()
	for nside := 1; nside <= 32; nside *= 2 {
		for pix := range Cells(nside) {
			for _, o := range []Order{Nested, Ring} {
				theta, phi := PixToAng(nside, o, pix)
				if got := AngToPix(nside, o, theta, phi); got != pix {
					t.Fatalf("nside %d %v: the centre of %d lies in %d", nside, o, pix, got)
				}
			}
		}
	}
}

func TestCheckAndParse(t *testing.T) {
	t.Parallel()
	for nside, ok := range map[int]bool{-1: false, 0: false, 1: true, 3: false, 64: true, 1 << 29: true, 1 << 30: false} {
		if err := Check(nside); (err == nil) != ok {
			t.Errorf("Check(%d) = %v", nside, err)
		}
	}
	for in, want := range map[string]Order{"nest": Nested, "nested": Nested, "ring": Ring} {
		if got, err := ParseOrder(in); err != nil || got != want {
			t.Errorf("ParseOrder(%q) = %v, %v", in, got, err)
		}
	}
	if _, err := ParseOrder("xy"); err == nil {
		t.Error("ParseOrder accepted xy")
	}
	if got := AngToPix(4, Nested, math.NaN(), 0); got != -1 {
		t.Errorf("AngToPix of NaN = %d", got)
	}
}

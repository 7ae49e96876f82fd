package healpix

import (
	"fmt"
	"math"
	"math/bits"
)

// MaxNside is the largest nside whose cell numbers fit an int64 (order 29), the limit of healpy too.
const MaxNside = 1 << 29

// Order is the numbering of the cells.
type Order uint8

const (
	Nested Order = iota // hierarchical; the pipeline's
	Ring                // along rings from the north pole
)

// String returns the name that CDO and CF use.
func (o Order) String() string {
	if o == Ring {
		return "ring"
	}
	return "nested"
}

// ParseOrder reads "nested", "nest" or "ring".
func ParseOrder(s string) (Order, error) {
	switch s {
	case "nested", "nest":
		return Nested, nil
	case "ring":
		return Ring, nil
	}
	return 0, fmt.Errorf("healpix: unknown cell order %q: want nested or ring", s)
}

// Check says whether nside is a power of two in [1, MaxNside].
func Check(nside int) error {
	if nside < 1 || nside > MaxNside || nside&(nside-1) != 0 {
		return fmt.Errorf("healpix: nside %d is not a power of two between 1 and %d", nside, MaxNside)
	}
	return nil
}

// Cells returns the number of cells, 12 nside^2.
func Cells(nside int) int { return 12 * nside * nside }

// Rings returns the number of rings, 4 nside - 1.
func Rings(nside int) int { return 4*nside - 1 }

// RingAt describes one ring of equal latitude.
type RingAt struct {
	First int     // ring number of its first cell
	Cells int     // cells in the ring
	Z     float64 // sine of the latitude
	Sin   float64 // cosine of the latitude, exact near the poles
	Phi0  float64 // longitude of the first cell
}

// RingOf returns ring r in [1, 4 nside - 1], counted from the north pole.
func RingOf(nside, r int) RingAt {
	if r < 1 || r > Rings(nside) {
		panic(fmt.Sprintf("healpix: no ring %d at nside %d", r, nside))
	}
	n := float64(nside)
	polar := func(i int) (z, sin float64) { // i rings from the pole: z = 1 - i^2 / (3 nside^2)
		d := float64(i*i) / (3 * n * n)
		return 1 - d, math.Sqrt(d * (2 - d))
	}
	switch {
	case r < nside:
		z, sin := polar(r)
		return RingAt{2 * r * (r - 1), 4 * r, z, sin, math.Pi / float64(4*r)}
	case r <= 3*nside:
		z := float64(2*(2*nside-r)) / (3 * n)
		phi0 := 0.0
		if (r-nside)&1 == 0 {
			phi0 = math.Pi / (4 * n)
		}
		return RingAt{2*nside*(nside-1) + (r-nside)*4*nside, 4 * nside, z, math.Sqrt((1 - z) * (1 + z)), phi0}
	default:
		i := 4*nside - r
		z, sin := polar(i)
		return RingAt{Cells(nside) - 2*i*(i+1), 4 * i, -z, sin, math.Pi / float64(4*i)}
	}
}

// Phi returns the longitude of cell k of the ring.
func (r RingAt) Phi(k int) float64 {
	// From the integer number of half steps, so that equal longitudes of different rings come out equal.
	return float64(2*k+r.shift()) * math.Pi / float64(r.Cells)
}

// shift is 1 where the first cell is half a step off the zero meridian.
func (r RingAt) shift() int {
	if r.Phi0 != 0 {
		return 1
	}
	return 0
}

// ringNumber returns the ring (from 1) of a cell given by its ring number and its place in the ring.
func ringNumber(nside, pix int) (r, k int) {
	cap := 2 * nside * (nside - 1)
	switch {
	case pix < 0 || pix >= Cells(nside):
		panic(fmt.Sprintf("healpix: no cell %d at nside %d", pix, nside))
	case pix < cap:
		r = (1 + isqrt(1+2*pix)) / 2
		return r, pix - 2*r*(r-1)
	case pix < Cells(nside)-cap:
		return nside + (pix-cap)/(4*nside), (pix - cap) % (4 * nside)
	default:
		q := Cells(nside) - 1 - pix // the same from the south pole, going backwards
		i := (1 + isqrt(1+2*q)) / 2
		return 4*nside - i, 4*i - 1 - (q - 2*i*(i-1))
	}
}

// isqrt returns the integer part of the square root of v >= 0.
func isqrt(v int) int {
	s := int(math.Sqrt(float64(v)))
	for s*s > v {
		s--
	}
	for (s+1)*(s+1) <= v {
		s++
	}
	return s
}

// First vertices of the faces, in units of nside: ring of the face's southern corner and, in units of
// pi/4, its longitude.
var (
	faceRing = [12]int{2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4}
	facePhi  = [12]int{1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7}
)

// spread moves the bits of v to the even places.
func spread(v uint32) uint64 {
	x := uint64(v)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	x = (x | x<<2) & 0x3333333333333333
	return (x | x<<1) & 0x5555555555555555
}

// gather is the inverse of spread: the bits at the even places.
func gather(x uint64) uint32 {
	x &= 0x5555555555555555
	x = (x | x>>1) & 0x3333333333333333
	x = (x | x>>2) & 0x0f0f0f0f0f0f0f0f
	x = (x | x>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	return uint32(x | x>>16)
}

// FaceXY splits a nested cell number into its base face and the place in it: x to the north-east, y to
// the north-west, from the southern corner.
func FaceXY(nside, nest int) (face, x, y int) {
	if nest < 0 || nest >= Cells(nside) {
		panic(fmt.Sprintf("healpix: no cell %d at nside %d", nest, nside))
	}
	shift := 2 * bits.TrailingZeros(uint(nside))
	low := uint64(nest) & (1<<shift - 1)
	return nest >> shift, int(gather(low)), int(gather(low >> 1))
}

// FromFaceXY is the inverse of FaceXY.
func FromFaceXY(nside, face, x, y int) int {
	shift := 2 * bits.TrailingZeros(uint(nside))
	return face<<shift | int(spread(uint32(x))|spread(uint32(y))<<1)
}

// NestToRing converts a cell number.
func NestToRing(nside, nest int) int {
	face, x, y := FaceXY(nside, nest)
	at := RingOf(nside, faceRing[face]*nside-x-y-1)
	n := at.Cells / 4
	// Half steps of the ring from the zero meridian: h = 2 k + s.
	h := facePhi[face]*n + x - y
	k := (h - at.shift()) / 2
	if h < 0 {
		k += 4 * n
	}
	return at.First + k
}

// RingToNest converts a cell number.
func RingToNest(nside, pix int) int {
	r, k := ringNumber(nside, pix)
	return NestInRing(nside, r, k)
}

// NestInRing returns the nested number of cell k of ring r, counted as by RingOf. For all cells of a ring in
// turn it is quicker than RingToNest, which has to find the ring.
func NestInRing(nside, r, k int) int {
	n, shift := nside, 1 // cells in a quarter of the ring; 1 where the first is half a step off the zero meridian
	var face, h int
	switch {
	case r < nside:
		n = r
		face, h = k/n, 2*k+shift
	case r > 3*nside:
		n = 4*nside - r
		face, h = 8+k/n, 2*k+shift
	default:
		shift = 1 - (r-nside)&1
		h = 2*k + shift
		// Faces between lines of equal x and equal y: a counts those passed to the south-east, b to the
		// south-west. Shifts divide towards minus infinity.
		log := bits.TrailingZeros(uint(nside)) + 1
		a := (h - r - 1 + nside) >> log
		b := -((nside - h - r - 1) >> log)
		switch b - a {
		case 1:
			face = a & 3
		case 2:
			face = 4 + (a+1)&3
		default:
			face = 8 + (a+1)&3
		}
	}
	sum := faceRing[face]*nside - 1 - r // x + y
	diff := h - facePhi[face]*n         // x - y
	if diff > 4*n {
		diff -= 8 * n // face 4 lies on both sides of the zero meridian
	}
	return FromFaceXY(nside, face, (sum+diff)/2, (sum-diff)/2)
}

// PixToAng returns the centre of a cell.
func PixToAng(nside int, o Order, pix int) (theta, phi float64) {
	if o == Nested {
		pix = NestToRing(nside, pix)
	}
	r, k := ringNumber(nside, pix)
	at := RingOf(nside, r)
	return math.Atan2(at.Sin, at.Z), at.Phi(k)
}

// AngToPix returns the cell that holds a point. theta outside [0, pi] or an angle that is not finite is -1.
func AngToPix(nside int, o Order, theta, phi float64) int {
	if !(theta >= 0 && theta <= math.Pi) || math.IsInf(phi, 0) || math.IsNaN(phi) {
		return -1
	}
	z := math.Cos(theta)
	t := math.Mod(phi, 2*math.Pi) * 2 / math.Pi // quarter turns, [0, 4)
	if t < 0 {
		t += 4
	}
	if t >= 4 {
		t = 0
	}
	n := float64(nside)
	var face, x, y int
	if za := math.Abs(z); za <= 2.0/3.0 {
		// Numbers of the lines of equal y (south-east going up) and of equal x that pass west of the point.
		up := int(n*(0.5+t) - n*z*0.75)
		down := int(n*(0.5+t) + n*z*0.75)
		fu, fd := up/nside, down/nside
		switch {
		case fu == fd:
			face = 4 + fu&3
		case fu < fd:
			face = fu
		default:
			face = fd + 8
		}
		x, y = down&(nside-1), nside-1-up&(nside-1)
	} else {
		q := min(3, int(t))
		f := t - float64(q)
		d := n * math.Sqrt(3*(1-za))
		if za > 0.99 { // 1 - z loses digits there
			d = n * math.Sin(theta) / math.Sqrt((1+za)/3)
		}
		east, west := min(nside-1, int(f*d)), min(nside-1, int((1-f)*d))
		if z > 0 {
			face, x, y = q, nside-1-west, nside-1-east
		} else {
			face, x, y = q+8, east, west
		}
	}
	nest := FromFaceXY(nside, face, x, y)
	if o == Ring {
		return NestToRing(nside, nest)
	}
	return nest
}

package regrid

import (
	"math"

	"healpipe/regrid/healpix"
)

// CDO finds the source cell of a centre by comparing float64 coordinates, so that rounding decides on which
// side of a grid line a centre falls that lies on it: a few hundred cells beside a coast depend on that.
// centres repeats CDO's arithmetic (that of astrometry.net's HEALPix library: face coordinates to a unit
// vector, the vector to longitude and latitude) with correctly rounded functions, which glibc's nearly
// always are. It is asked only for centres on a line, since it is slow.
type centres struct {
	nside  int
	sincos map[float64][2]dd // by longitude, which rings share
}

func newCentres(nside int) *centres {
	return &centres{nside: nside, sincos: map[float64][2]dd{}}
}

// vector returns the longitude that CDO starts from and the centre's z and distance from the axis.
func (c *centres) vector(nest int) (phi, z, rad float64) {
	face, ix, iy := healpix.FaceXY(c.nside, nest)
	n := float64(c.nside)
	x, y := float64(ix)+0.5, float64(iy)+0.5
	row, quarter := face/4, float64(face%4)
	switch {
	case row == 0 && x+y > n:
		return c.cap(x, y, quarter, 1)
	case row == 2 && x+y < n:
		return c.cap(n-y, n-x, quarter, -1)
	}
	x, y = x/n, y/n
	shift := 1.0
	if row == 1 {
		shift = 0
	}
	z = 2.0 / 3.0 * (x + y - float64(row))
	phi = math.Pi / 4 * (x - y + shift + 2*quarter)
	if phi < 0 {
		phi += 2 * math.Pi
	}
	return phi, z, math.Sqrt(1 - float64(z*z))
}

// cap is vector for the polar caps, with x and y as in the north.
func (c *centres) cap(x, y, quarter, sign float64) (phi, z, rad float64) {
	n := float64(c.nside)
	t := float64(math.Pi*(n-y)) / (2 * ((n - x) + (n - y)))
	var v float64
	if t < math.Pi/4 {
		v = math.Abs(math.Pi * (n - x) / ((float64(2*t) - math.Pi) * n) / math.Sqrt(3))
	} else {
		v = math.Abs(math.Pi * (n - y) / (2 * t * n) / math.Sqrt(3))
	}
	z = (1 - v) * (1 + v)
	return float64(math.Pi/2*quarter) + t, sign * z, math.Sqrt(1+z) * v
}

// longitude returns the centre's longitude in [0, 2 pi] as CDO has it: atan2 of the rounded vector.
func (c *centres) longitude(nest int) float64 {
	phi, _, rad := c.vector(nest)
	sc, ok := c.sincos[phi]
	if !ok {
		sc[0], sc[1] = sincos(phi)
		c.sincos[phi] = sc
	}
	sin, cos := sc[0], sc[1]
	x, y := rad*cos.hi, rad*sin.hi
	// The angle between the rounded vector and phi: (y cos phi - x sin phi) / rad.
	across := twoProd(y, cos.hi).add(dd{y * cos.lo, 0}).add(twoProd(x, sin.hi).add(dd{x * sin.lo, 0}).neg())
	turn := across.hi / rad
	if y >= 0 {
		return phi + turn
	}
	// atan2 is negative here: it rounds phi - 2 pi, and CDO adds the float64 2 pi again.
	a := twoSum(phi, -4*halfPi[0]).add(dd{-4 * halfPi[1], 0}).add(dd{turn, 0})
	return a.hi + 2*math.Pi
}

// latitude returns the centre's latitude as CDO has it, for |z| < 0.9. Nearer to the poles no centre lies
// on a rational latitude (its sine is rational, so the latitude is 0, 30 or 90 degrees).
func (c *centres) latitude(nest int) float64 {
	_, z, _ := c.vector(nest)
	return asin(z)
}

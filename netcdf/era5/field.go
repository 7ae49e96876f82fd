package era5

import (
	"math"
	"math/rand/v2"
)

// spectrum is a sum of plane waves on the sphere's lon/lat rectangle with amplitudes that fall with the
// wave number, which looks like weather from afar and is cheap: a wave is separable in latitude and
// longitude, so a row costs two multiplications a wave and point.
type spectrum struct {
	waves []wave
}

type wave struct {
	m, n      float64 // zonal and meridional wave number
	amplitude float64
	phase     float64
	omega     float64 // radians an hour
	drift     float64 // radians a level
}

func newSpectrum(rng *rand.Rand, waves int) *spectrum {
	s := &spectrum{waves: make([]wave, waves)}
	var power float64
	for i := range s.waves {
		m := float64(rng.IntN(3*i/2 + 2))
		n := float64(1 + rng.IntN(3*i/2+2))
		a := math.Pow(math.Hypot(m, n), -0.9)
		s.waves[i] = wave{
			m: m, n: n, amplitude: a, phase: 2 * math.Pi * rng.Float64(),
			omega: 0.02 + 0.05*rng.Float64(), drift: 0.1 * rng.Float64(),
		}
		power += a * a / 2
	}
	for i := range s.waves {
		s.waves[i].amplitude /= math.Sqrt(power)
	}
	return s
}

// grid holds the coordinates of the archive's grid in radians.
type grid struct {
	lat, lon []float64 // degrees
}

func newGrid(ny, nx int) grid {
	g := grid{lat: make([]float64, ny), lon: make([]float64, nx)}
	for j := range g.lat {
		g.lat[j] = 90 - 180*float64(j)/float64(ny-1)
	}
	for i := range g.lon {
		g.lon[i] = 360 * float64(i) / float64(nx)
	}
	return g
}

// evaluate writes the sum of all waves, unit variance, into dst (ny*nx, latitude outer).
func (s *spectrum) evaluate(dst []float64, g grid, hour, level int) {
	const rad = math.Pi / 180
	nx := len(g.lon)
	clear(dst)
	cosLon, sinLon := make([]float64, nx), make([]float64, nx)
	for _, w := range s.waves {
		for i, lon := range g.lon {
			sinLon[i], cosLon[i] = math.Sincos(w.m * lon * rad)
		}
		shift := w.phase + w.omega*float64(hour) + w.drift*float64(level)
		for j, lat := range g.lat {
			// The factor cos(lat) for m > 0 makes the field single-valued at the poles.
			a := w.amplitude
			if w.m > 0 {
				a *= math.Cos(lat * rad)
			}
			sin, cos := math.Sincos(w.n*lat*rad + shift)
			c, d := a*cos, a*sin
			row := dst[j*nx : (j+1)*nx]
			for i := range row {
				row[i] += c*cosLon[i] - d*sinLon[i]
			}
		}
	}
}

// noise adds small-scale roughness of the given standard deviation, the part that makes compression hard.
func noise(dst []float64, rng *rand.Rand, sd float64) {
	for i := range dst {
		// The sum of three uniform numbers is near enough to a normal one.
		u := rng.Uint64()
		x := float64(u&0xfffff) + float64(u>>20&0xfffff) + float64(u>>40&0xfffff)
		dst[i] += sd * (x/(1<<20) - 1.5) * 2
	}
}

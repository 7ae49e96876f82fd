package regrid

import "math"

// dd is an unevaluated sum hi + lo of two float64, |lo| at most half an ulp of hi: 106 bits. It serves to
// round sines and arctangents correctly, which math does not promise (Dekker 1971; Hida, Li, Bailey 2001).
type dd struct{ hi, lo float64 }

func twoSum(a, b float64) dd {
	s := a + b
	t := s - a
	return dd{s, (a - (s - t)) + (b - t)}
}

func quickSum(a, b float64) dd { // |a| >= |b|
	s := a + b
	return dd{s, b - (s - a)}
}

func twoProd(a, b float64) dd {
	p := a * b
	return dd{p, math.FMA(a, b, -p)}
}

func (a dd) add(b dd) dd {
	s, t := twoSum(a.hi, b.hi), twoSum(a.lo, b.lo)
	s = quickSum(s.hi, s.lo+t.hi)
	return quickSum(s.hi, s.lo+t.lo)
}

func (a dd) neg() dd { return dd{-a.hi, -a.lo} }

func (a dd) mul(b dd) dd {
	p := twoProd(a.hi, b.hi)
	return quickSum(p.hi, p.lo+(float64(a.hi*b.lo)+float64(a.lo*b.hi)))
}

func (a dd) div(n float64) dd {
	q := a.hi / n
	p := twoProd(q, n)
	return quickSum(q, ((a.hi-p.hi)-p.lo+a.lo)/n)
}

// halfPi is pi/2 to 160 bits, in three parts.
var halfPi = [3]float64{1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33}

// sincos returns the sine and cosine of a in [-8, 8] within 1e-30.
func sincos(a float64) (sin, cos dd) {
	k := math.Round(a / halfPi[0])
	r := twoSum(a, -k*halfPi[0]) // k has three bits, but the product may round: take its error too
	r = r.add(twoProd(-k, halfPi[0]).minusHigh())
	r = r.add(twoProd(-k, halfPi[1])).add(dd{-k * halfPi[2], 0})
	r2 := r.mul(r)
	sin, cos = r, dd{1, 0}
	st, ct := r, dd{1, 0}
	for n := 1.0; n < 30; n += 2 {
		ct = ct.mul(r2).div(-n * (n + 1))
		st = st.mul(r2).div(-(n + 1) * (n + 2))
		cos, sin = cos.add(ct), sin.add(st)
	}
	switch int(k) & 3 {
	case 1:
		return cos, sin.neg()
	case 2:
		return sin.neg(), cos.neg()
	case 3:
		return cos.neg(), sin
	}
	return sin, cos
}

// minusHigh is the rounding error of a product.
func (a dd) minusHigh() dd { return dd{a.lo, 0} }

// asin returns the arcsine of z in [-0.99, 0.99], correctly rounded but for near ties.
func asin(z float64) float64 {
	a := math.Asin(z)
	sin, cos := sincos(a)
	return a + (dd{z, 0}).add(sin.neg()).hi/cos.hi
}
